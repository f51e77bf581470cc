//! Diagnostics on their way out: one list from several programs, in the format that was asked for.
//! How each format looks is in `flow_diagnostics::render`.

use std::collections::BTreeMap;

use anstream::ColorChoice;
use flow_compiler::Checked;
use flow_diagnostics::render::{Human, HumanOptions, github, json, sarif};
use flow_diagnostics::{Diagnostic, FileId, Severity, SourceMap, Span};

use crate::args::{Color, Format};

/// What several programs have to say, over one map of their files.
#[derive(Default)]
pub(crate) struct Report {
    sources: SourceMap,
    diagnostics: Vec<Diagnostic>,
    files: BTreeMap<String, FileId>,
}

impl Report {
    /// Takes over what was found in a program. What another program has said of a shared file is not
    /// said again.
    pub(crate) fn add(&mut self, checked: &Checked) {
        self.add_found(&checked.sources, &checked.diagnostics);
    }

    /// The same for diagnostics over files of their own.
    pub(crate) fn add_found(&mut self, sources: &SourceMap, found: &[Diagnostic]) {
        let mut numbers = Vec::new();
        for (_, file) in sources.files() {
            let known = self.files.get(&file.path).copied();
            let id = known.unwrap_or_else(|| self.sources.add(file.path.clone(), file.text.clone()));
            self.files.insert(file.path.clone(), id);
            numbers.push(id);
        }
        let moved = |span: &mut Span| {
            if let Some(file) = numbers.get(span.file.0 as usize) {
                span.file = *file;
            }
        };
        for diagnostic in found {
            let mut diagnostic = diagnostic.clone();
            diagnostic
                .labels
                .iter_mut()
                .for_each(|label| moved(&mut label.span));
            let edits = diagnostic.fixes.iter_mut().flat_map(|fix| &mut fix.edits);
            edits.for_each(|edit| moved(&mut edit.span));
            self.push(diagnostic);
        }
    }

    /// Takes a diagnostic that has no place.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Leaves out warnings of these codes.
    pub(crate) fn allow(&mut self, codes: &[flow_diagnostics::Code]) {
        self.diagnostics
            .retain(|found| found.is_error() || !codes.contains(&found.code));
    }

    /// How many errors and warnings there are.
    pub(crate) fn count(&self) -> (usize, usize) {
        let of = |severity| {
            self.diagnostics
                .iter()
                .filter(|found| found.severity == severity)
                .count()
        };
        (of(Severity::Error), of(Severity::Warning))
    }

    /// Everything, as text.
    pub(crate) fn print(&mut self, format: Format, color: bool) -> String {
        Diagnostic::sort(&mut self.diagnostics);
        match format {
            Format::Human => {
                let options = HumanOptions {
                    color,
                    ..HumanOptions::default()
                };
                Human::new(&self.sources, options).print_all(&self.diagnostics)
            }
            Format::Json => json(&self.sources, &self.diagnostics),
            Format::Github => github(&self.sources, &self.diagnostics),
            Format::Sarif => sarif(&self.sources, &self.diagnostics, env!("CARGO_PKG_VERSION")),
        }
    }

    /// `2 errors, 1 warning`
    pub(crate) fn summary(&self) -> String {
        let (errors, warnings) = self.count();
        let shown = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts: Vec<_> = [shown(errors, "error"), shown(warnings, "warning")]
            .into_iter()
            .flatten()
            .collect();
        if parts.is_empty() {
            "nothing to say".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// Whether to colour what goes to standard output or, with `error`, to standard error.
pub(crate) fn colored(color: Color, error: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let choice = if error {
                anstream::AutoStream::choice(&std::io::stderr())
            } else {
                anstream::AutoStream::choice(&std::io::stdout())
            };
            choice != ColorChoice::Never
        }
    }
}
