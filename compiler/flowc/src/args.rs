//! The command line: verbs, options, help. The only file that names clap. What a verb does stands in
//! `commands`, one file each.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// What the command is called.
const NAME: &str = "flowc";

/// Checks, draws and builds Flow programs.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
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
    /// JSON Schema of types, flows and workers
    Schema(Schema),
    /// A reference of what a file offers, with drawings of its flows
    Doc(Doc),
    /// Turn another system's workflow into source
    Import(Import),
    /// Completions for a shell
    Completions(Completions),
    /// The man page
    Man,
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
    /// Print how the compiler sees the file instead of what it says: one file only
    #[arg(long, value_enum, value_name = "STAGE")]
    pub(crate) emit: Option<Emit>,
}

/// A stage between text and bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The syntax tree.
    Ast,
    /// Names resolved and types known.
    Hir,
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
    after_help = "Examples:\n  flowc graph triage.flow\n  flowc graph triage.flow --format svg -o triage.svg\n  flowc graph triage.flow --format dot | dot -Tpng > triage.png\n  \
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
    /// A picture that follows the reader's light or dark scheme.
    Svg,
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
    /// Files and folders, `-` for standard input to standard output [default: the project's folder, or this one]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and exit 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
    /// Change nothing; show what would change
    #[arg(long)]
    pub(crate) diff: bool,
}

/// `flowc new`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc new greeter\n  flowc new --list\n  flowc new desk --template approval\n  \
                  flowc new . --force"
)]
pub(crate) struct New {
    /// The folder; it is created where there is none
    #[arg(value_name = "DIR", required_unless_present = "list")]
    pub(crate) folder: Option<PathBuf>,
    /// What to begin with
    #[arg(long, value_name = "NAME", default_value = "hello")]
    pub(crate) template: String,
    /// Say what there is to begin with
    #[arg(long)]
    pub(crate) list: bool,
    /// Replace the files that are there
    #[arg(long)]
    pub(crate) force: bool,
}

/// `flowc schema`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc schema triage.flow Ticket\n  flowc schema triage.flow triage | jq .input\n  \
                        flowc schema workers.flow > schemas.json"
)]
pub(crate) struct Schema {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// A type, a flow or a worker [default: everything]
    pub(crate) name: Option<String>,
}

/// `flowc doc`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc doc triage.flow -o triage.md\n  flowc doc triage.flow --format html -o triage.html"
)]
pub(crate) struct Doc {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// What to write [default: by the name of OUT, else Markdown]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Page>,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
}

/// What a reference is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// Markdown, with drawings in Mermaid.
    Markdown,
    /// One HTML page, with drawings in SVG.
    Html,
}

/// `flowc import`
#[derive(Debug, Args)]
#[command(
    after_help = "What has no equivalent is reported on standard error, a line each.\n\nExamples:\n  \
                  flowc import triage.json --from nullboiler -o triage.flow\n  \
                  flowc import machine.asl.json --from asl > machine.flow\n  \
                  flowc import plan.json --from batch -o plan.flow --report plan.txt"
)]
pub(crate) struct Import {
    /// The file, `-` for standard input
    pub(crate) file: PathBuf,
    /// What it is a workflow of
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) from: System,
    /// Where to write the source [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Where to write the report [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum System {
    /// Nodes, edges and a state schema.
    Nullboiler,
    /// Amazon States Language.
    Asl,
    /// A list of batches with `depends_on` and `fan_in_policy`.
    Batch,
}

/// `flowc completions`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowc completions bash > ~/.local/share/bash-completion/completions/flowc\n  \
                        flowc completions fish > ~/.config/fish/completions/flowc.fish"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
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

    /// The completions for a shell.
    pub(crate) fn completions(shell: Shell) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Self::command(), NAME, &mut script);
        script
    }

    /// The man page: the command and all its verbs.
    pub(crate) fn man() -> std::io::Result<Vec<u8>> {
        let mut command = Self::command();
        command.build();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page)?;
        for verb in command.get_subcommands() {
            let name = verb.get_name().to_uppercase();
            page.extend_from_slice(format!(".SH \"{NAME} {name}\"\n").as_bytes());
            let verb = clap_mangen::Man::new(verb.clone());
            verb.render_description_section(&mut page)?;
            verb.render_synopsis_section(&mut page)?;
            verb.render_options_section(&mut page)?;
            verb.render_extra_section(&mut page)?;
        }
        Ok(page)
    }
}
