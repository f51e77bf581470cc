//! `flowc completions` and `flowc man`: the command line in the words of shells and of `man`.

use flow_diagnostics::{Diagnostic, codes::environment as codes};

use super::Outcome;
use crate::args::{Cli, Completions};
use crate::files::{self, Trouble};

pub(super) fn completions(args: &Completions) -> Outcome {
    files::print_bytes(&Cli::completions(args.shell));
    Outcome::Done
}

pub(super) fn man() -> Result<Outcome, Trouble> {
    let page = Cli::man().map_err(|error| {
        Trouble::World(Diagnostic::error(
            codes::SYSTEM,
            format!("the man page cannot be written: {error}"),
        ))
    })?;
    files::print_bytes(&page);
    Ok(Outcome::Done)
}
