//! Workflow commands of GitHub Actions, which become annotations of a pull request.

use std::fmt::Write as _;

use crate::{Diagnostic, Severity, SourceMap};

/// All diagnostics, one command a line.
pub fn github(map: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "notice",
        };
        let mut properties = vec![format!("title={}", property(diagnostic.code.as_str()))];
        if let Some(span) = diagnostic.span() {
            let (start, end) = (map.start(span), map.end(span));
            properties.push(format!("file={}", property(map.path(span.file))));
            properties.push(format!("line={}", start.line));
            properties.push(format!("endLine={}", end.line));
            if start.line == end.line {
                properties.push(format!("col={}", start.column));
                properties.push(format!("endColumn={}", end.column));
            }
        }
        let help = diagnostic
            .help
            .as_ref()
            .map(|help| format!("\nhelp: {help}"))
            .unwrap_or_default();
        let message = data(&format!("{}{help}", diagnostic.message));
        let _ = writeln!(out, "::{command} {}::{message}", properties.join(","));
    }
    out
}

/// Escapes the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
