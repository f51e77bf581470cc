//! `flowc fmt`: files in their canonical form.

use std::fmt::Write;
use std::path::Path;

use flow_compiler::format::format;
use flow_diagnostics::SourceMap;

use super::Outcome;
use crate::args::{Color, Fmt, Format};
use crate::files::{self, Trouble};
use crate::report::{Report, colored};

pub(super) fn fmt(args: &Fmt, color: Color) -> Result<Outcome, Trouble> {
    let files = if args.files.is_empty() {
        vec![files::project_entry()?]
    } else {
        args.files.clone()
    };
    let mut report = Report::default();
    let mut would_change = false;
    for file in &files {
        would_change |= one(args, file, &mut report)?;
    }
    let (errors, _) = report.count();
    if errors > 0 {
        eprint!("{}", report.print(Format::Human, colored(color, true)));
        eprintln!("{}", report.summary());
    }
    let failed = errors > 0 || would_change && args.check;
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

/// Formats a file; says whether that changes it.
fn one(args: &Fmt, file: &Path, report: &mut Report) -> Result<bool, Trouble> {
    let (name, text) = match files::text(file) {
        Ok(read) => read,
        Err(Trouble::World(diagnostic)) => {
            report.push(diagnostic);
            return Ok(false);
        }
        Err(usage) => return Err(usage),
    };
    let mut sources = SourceMap::new();
    let id = sources.add(name.clone(), text.clone());
    let formatted = match format(id, &text) {
        Ok(formatted) => formatted,
        Err(found) => {
            report.add_found(&sources, &found);
            return Ok(false);
        }
    };
    let changes = formatted != text;
    if args.diff && changes {
        files::print(&diff(&name, &text, &formatted));
    }
    if args.check || args.diff {
        if changes && !args.diff {
            eprintln!("would change {name}");
        }
    } else if files::is_stdin(file) {
        files::print(&formatted);
    } else if changes {
        files::write(file, formatted.as_bytes())?;
        eprintln!("changed {name}");
    }
    Ok(changes)
}

/// What changes, as one hunk from the first line that differs to the last.
fn diff(name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - before;
    let after = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let (removed, added) = (&old[before..old.len() - after], &new[before..new.len() - after]);
    let mut text = format!("--- {name}\n+++ {name}\n");
    let at = before + 1;
    let _ = writeln!(text, "@@ -{at},{} +{at},{} @@", removed.len(), added.len());
    for line in removed {
        let _ = writeln!(text, "-{line}");
    }
    for line in added {
        let _ = writeln!(text, "+{line}");
    }
    text
}
