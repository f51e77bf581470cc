//! What the verbs do, one file each, and how they end.

mod build;
mod check;
mod disasm;
mod doc;
mod explain;
mod fmt;
mod graph;
mod import;
mod new;
mod schema;
mod words;

use std::path::Path;

use flow_compiler::Checked;

use crate::args::{Cli, Color, Format, Verb};
use crate::files::{self, Trouble};
use crate::report::{Report, colored};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it was meant.
    Done,
    /// The program is wrong, or something around it.
    Failed,
    /// The command was.
    Usage,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
        }
    }
}

/// Does what was asked for.
pub(crate) fn perform(cli: &Cli) -> Outcome {
    let done = match &cli.verb {
        Verb::Check(args) => check::check(args, cli.color),
        Verb::Graph(args) => graph::graph(args, cli.color),
        Verb::Build(args) => build::build(args, cli.color),
        Verb::Disasm(args) => disasm::disasm(args, cli.color),
        Verb::Fmt(args) => fmt::fmt(args, cli.color),
        Verb::Explain(args) => explain::explain(args),
        Verb::Schema(args) => schema::schema(args, cli.color),
        Verb::New(args) => new::new(args),
        Verb::Doc(args) => doc::doc(args, cli.color),
        Verb::Import(args) => import::import(args, cli.color),
        Verb::Completions(args) => Ok(words::completions(args)),
        Verb::Man => words::man(),
    };
    done.unwrap_or_else(|trouble| report_trouble(trouble, cli.color))
}

/// Checks a program and, where there are errors, says them on standard error: then there is nothing.
fn sound(path: &Path, color: Color) -> Result<Option<Checked>, Trouble> {
    let checked = files::checked(path)?;
    if !checked.has_errors() {
        return Ok(Some(checked));
    }
    let mut report = Report::default();
    report.add(&checked);
    eprint!("{}", report.print(Format::Human, colored(color, true)));
    eprintln!("{}", report.summary());
    Ok(None)
}

fn report_trouble(trouble: Trouble, color: Color) -> Outcome {
    match trouble {
        Trouble::Usage(message) => {
            eprintln!("error: {message}\n\nFor more information, try '--help'.");
            Outcome::Usage
        }
        Trouble::World(diagnostic) => {
            let mut report = Report::default();
            report.push(diagnostic);
            eprint!("{}", report.print(Format::Human, colored(color, true)));
            Outcome::Failed
        }
    }
}
