//! `flowc fmt`: files in their canonical form. What that is, is the compiler's business (`flow_compiler::format`).

use std::path::{Path, PathBuf};

use flow_compiler::format::format;
use flow_diagnostics::SourceMap;
use similar::TextDiff;

use super::Outcome;
use crate::args::{Color, Fmt, Format};
use crate::files::{self, Trouble};
use crate::report::{Report, colored};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

pub(super) fn fmt(args: &Fmt, color: Color) -> Result<Outcome, Trouble> {
    let files = files_of(args)?;
    let mut report = Report::default();
    let (mut changes, mut same) = (0, 0);
    for file in &files {
        match one(args, file, &mut report)? {
            Some(true) => changes += 1,
            Some(false) => same += 1,
            None => {}
        }
    }
    let (errors, _) = report.count();
    if errors > 0 {
        eprint!("{}", report.print(Format::Human, colored(color, true)));
        eprintln!("{}; files with errors were not touched", report.summary());
    }
    if !files.iter().any(|file| files::is_stdin(file)) {
        let verb = if args.check || args.diff {
            "would change"
        } else {
            "changed"
        };
        eprintln!("{changes} {verb}, {same} as they should be");
    }
    let failed = errors > 0 || changes > 0 && args.check;
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

/// The files that are meant: those below folders, and those of the project where none were named.
fn files_of(args: &Fmt) -> Result<Vec<PathBuf>, Trouble> {
    if args.files.is_empty() {
        return files::sources_below(&files::project_folder()?);
    }
    let mut files = Vec::new();
    for file in &args.files {
        if file.is_dir() {
            files.extend(files::sources_below(file)?);
        } else {
            files.push(file.clone());
        }
    }
    Ok(files)
}

/// Formats a file; says whether that changes it. What keeps it from being formatted goes into the report, so that
/// the others still are.
fn one(args: &Fmt, file: &Path, report: &mut Report) -> Result<Option<bool>, Trouble> {
    let (name, text) = match files::text(file) {
        Ok(read) => read,
        Err(Trouble::World(diagnostic)) => {
            report.push(diagnostic);
            return Ok(None);
        }
        Err(usage) => return Err(usage),
    };
    let mut sources = SourceMap::new();
    let id = sources.add(name.clone(), text.clone());
    let formatted = match format(id, &text) {
        Ok(formatted) => formatted,
        Err(found) => {
            report.add_found(&sources, &found);
            return Ok(None);
        }
    };
    let changes = formatted != text;
    if args.diff {
        files::print(&diff(&name, &text, &formatted));
    } else if args.check {
        if changes {
            files::print(&format!("{name}\n"));
        }
    } else if files::is_stdin(file) {
        files::print(&formatted);
    } else if changes && let Err(Trouble::World(diagnostic)) = files::rewrite(file, formatted.as_bytes()) {
        report.push(diagnostic);
        return Ok(None);
    }
    Ok(Some(changes))
}

/// A unified diff from what is to what would be. Nothing where they are the same.
fn diff(name: &str, text: &str, formatted: &str) -> String {
    let diff = TextDiff::from_lines(text, formatted);
    let mut unified = diff.unified_diff();
    unified.context_radius(CONTEXT).header(name, name).to_string()
}
