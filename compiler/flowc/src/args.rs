//! The command line: verbs, options, help. The only file that names clap. What a verb does stands in
//! `commands`, one file each.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Checks, draws and builds Flow programs.
#[derive(Debug, Parser)]
#[command(
    name = "flowc",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Exit codes:\n  0 done   1 the program is wrong, or a file cannot be used   2 wrong usage\n\n\
                  Examples:\n  flowc check triage.flow\n  flowc graph triage.flow > triage.mmd\n  \
                  flowc build triage.flow -o triage.flowb\n  flowc explain F0501"
)]
pub(crate) struct Cli {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Report everything that is wrong with files
    Check(Check),
    /// Draw a flow
    Graph(Graph),
    /// Write bytecode
    Build(Build),
    /// Show bytecode, readable, with source lines
    Disasm(Disasm),
    /// Lay files out in their canonical form
    Fmt(Fmt),
    /// Say what a code means, with an example and its cure
    Explain(Explain),
    /// Begin a project that checks, tests and runs as it is
    New(New),
}

/// `flowc check`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc check triage.flow workers.flow\n  flowc check --deny warnings --allow F0920\n  \
                        flowc check --format sarif > flow.sarif\n  cat triage.flow | flowc check -"
)]
pub(crate) struct Check {
    /// The files, `-` for standard input [default: the entry that flow.toml names]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Let warnings fail the check, too
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) deny: Option<Deny>,
    /// Say nothing about this warning; may be given several times
    #[arg(long, value_name = "CODE")]
    pub(crate) allow: Vec<String>,
}

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Snippets, for people.
    #[default]
    Human,
    /// One object a line.
    Json,
    /// A SARIF log.
    Sarif,
    /// Commands for GitHub's annotations.
    Github,
}

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// Warnings.
    Warnings,
}

/// `flowc graph`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc graph triage.flow\n  flowc graph triage.flow --format dot | dot -Tpng > triage.png\n  \
                        flowc graph main.flow --flow review --depth 2 -o review.mmd"
)]
pub(crate) struct Graph {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// Which flow [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Drawing,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// How deep subgraphs are opened
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) depth: u32,
}

/// What a drawing is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// A Mermaid flowchart.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
    /// JSON.
    Json,
}

/// `flowc build`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowc build triage.flow -o triage.flowb\n  flowc build triage.flow")]
pub(crate) struct Build {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// Where to write it [default: beside the file, as .flowb]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
}

/// `flowc disasm`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowc disasm triage.flow\n  flowc disasm triage.flowb")]
pub(crate) struct Disasm {
    /// Source or bytecode, `-` for source on standard input
    pub(crate) file: PathBuf,
}

/// `flowc fmt`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc fmt triage.flow\n  flowc fmt --check *.flow\n  cat triage.flow | flowc fmt -"
)]
pub(crate) struct Fmt {
    /// The files, `-` for standard input to standard output [default: the entry that flow.toml names]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; exit 1 if anything would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Change nothing; show what would change
    #[arg(long)]
    pub(crate) diff: bool,
}

/// `flowc new`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowc new greeter\n  flowc new .")]
pub(crate) struct New {
    /// The folder; it is created where there is none
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `flowc explain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  flowc explain F0501\n  flowc explain")]
pub(crate) struct Explain {
    /// The code [default: a list of all]
    pub(crate) code: Option<String>,
}

impl Cli {
    /// Reads the command line. Prints help, versions and wrong usage itself; the error is the exit code then.
    pub(crate) fn read() -> Result<Self, u8> {
        Self::try_parse().map_err(|error| {
            // Nothing can be done about a closed pipe.
            let _ = error.print();
            error.exit_code() as u8
        })
    }
}
