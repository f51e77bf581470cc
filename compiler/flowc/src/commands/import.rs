//! `flowc import`: another system's workflow as source. How each is read is in `flow_compiler::import`.

use flow_compiler::import::{self, Kind};
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::SourceMap;

use super::Outcome;
use crate::args::{Color, Format, Import, System};
use crate::files::{self, Trouble};
use crate::report::{Report, colored};

pub(super) fn import(args: &Import, color: Color) -> Result<Outcome, Trouble> {
    let (name, text) = files::text(&args.file)?;
    let kind = match args.from {
        System::Nullboiler => Kind::Nullboiler,
        System::Asl => Kind::Asl,
        System::Batch => Kind::Batch,
    };
    let mut sources = SourceMap::new();
    let file = sources.add(name.clone(), text.clone());
    let imported = match import::import(kind, file, &text) {
        Ok(imported) => imported,
        Err(found) => {
            let mut report = Report::default();
            report.add_found(&sources, &found);
            eprint!("{}", report.print(Format::Human, colored(color, true)));
            eprintln!("{name}: {}; nothing was written", report.summary());
            return Ok(Outcome::Failed);
        }
    };
    match &args.output {
        Some(path) if !files::is_stdin(path) => files::write(path, imported.source.as_bytes())?,
        _ => files::print(&imported.source),
    }
    let notes = import::report(&imported.notes);
    match &args.report {
        Some(path) => files::write(path, notes.as_bytes())?,
        None => eprint!("{notes}"),
    }
    let count = imported.notes.len();
    eprintln!(
        "{name}: {count} thing{} to look at",
        if count == 1 { "" } else { "s" }
    );
    Ok(sound(&imported.source, color))
}

/// Whether what came out checks. What does not is shown: the workflow itself is wrong, then, in a way that was not
/// seen where it came from.
fn sound(source: &str, color: Color) -> Outcome {
    let checked = check_text(&NoFiles, "imported.flow", source);
    if !checked.has_errors() {
        return Outcome::Done;
    }
    let mut report = Report::default();
    report.add(&checked);
    eprint!("{}", report.print(Format::Human, colored(color, true)));
    eprintln!("the workflow was imported, and is wrong: {}", report.summary());
    Outcome::Failed
}
