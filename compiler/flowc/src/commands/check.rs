//! `flowc check`: every diagnostic of every file.

use std::path::{Path, PathBuf};

use flow_diagnostics::{Code, Severity};

use super::explain::nearest;
use super::{Outcome, sound};
use crate::args::{Check, Color, Deny, Emit, Format};
use crate::files::{self, Trouble};
use crate::report::{Report, colored};

pub(super) fn check(args: &Check, color: Color) -> Result<Outcome, Trouble> {
    let allowed = args
        .allow
        .iter()
        .map(|name| allowed(name))
        .collect::<Result<Vec<_>, _>>()?;
    let files = if args.files.is_empty() {
        vec![files::project_entry()?]
    } else {
        args.files.clone()
    };
    if files.iter().filter(|file| files::is_stdin(file)).count() > 1 {
        return Err(Trouble::Usage("standard input can be read only once".to_owned()));
    }
    if let Some(stage) = args.emit {
        return emit(&files, stage, color);
    }
    let mut report = Report::default();
    for file in &files {
        add(&mut report, file)?;
    }
    report.allow(&allowed);
    files::print(&report.print(args.format, colored(color, false)));
    let (errors, warnings) = report.count();
    if args.format == Format::Human {
        let checked = match files.as_slice() {
            [one] => one.display().to_string(),
            several => format!("{} files", several.len()),
        };
        eprintln!("{checked}: {}", report.summary());
    }
    let failed = errors > 0 || args.deny == Some(Deny::Warnings) && warnings > 0;
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

/// Prints a stage of one file. The syntax tree of any text can be seen, all later stages only of a sound program.
fn emit(files: &[PathBuf], stage: Emit, color: Color) -> Result<Outcome, Trouble> {
    let [file] = files else {
        return Err(Trouble::Usage("--emit shows one file".to_owned()));
    };
    match stage {
        Emit::Ast => {
            let (name, text) = files::text(file)?;
            files::print(&flow_compiler::emit::ast(&name, &text));
        }
        Emit::Hir => {
            let Some(checked) = sound(file, color)? else {
                return Ok(Outcome::Failed);
            };
            files::print(&flow_compiler::emit::hir(&checked));
        }
    }
    Ok(Outcome::Done)
}

/// One file that cannot be read does not keep the others from being checked.
fn add(report: &mut Report, file: &Path) -> Result<(), Trouble> {
    match files::checked(file) {
        Ok(checked) => report.add(&checked),
        Err(Trouble::World(diagnostic)) => report.push(diagnostic),
        Err(usage @ Trouble::Usage(_)) => return Err(usage),
    }
    Ok(())
}

fn allowed(name: &str) -> Result<Code, Trouble> {
    match Code::lookup(name) {
        Some(info) if info.severity != Severity::Error => Ok(info.code),
        Some(info) => Err(Trouble::Usage(format!(
            "`{}` is an error ({}) and cannot be allowed",
            info.code, info.title
        ))),
        None => Err(Trouble::Usage(format!(
            "there is no code `{name}`; {}",
            nearest(name)
        ))),
    }
}
