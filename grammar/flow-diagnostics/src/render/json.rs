//! One JSON object a line per diagnostic: `flowc check --format json`.

use serde_json::{Value, json as object};

use crate::{Diagnostic, SourceMap, Span};

/// All diagnostics, one JSON object a line. Lines and columns count from 1, columns in characters; offsets are
/// bytes.
pub fn json(map: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&json_value(map, diagnostic).to_string());
        out.push('\n');
    }
    out
}

/// One diagnostic as a JSON object.
pub fn json_value(map: &SourceMap, diagnostic: &Diagnostic) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            object!({
                "file": map.path(label.span.file),
                "start": place(map, label.span, label.span.start),
                "end": place(map, label.span, label.span.end),
                "message": label.message,
                "primary": label.primary,
            })
        })
        .collect();
    let fixes: Vec<Value> = diagnostic
        .fixes
        .iter()
        .map(|fix| {
            let edits: Vec<Value> = fix
                .edits
                .iter()
                .map(|edit| {
                    object!({
                        "file": map.path(edit.span.file),
                        "start": edit.span.start,
                        "end": edit.span.end,
                        "text": edit.text,
                    })
                })
                .collect();
            object!({ "title": fix.title, "edits": edits })
        })
        .collect();
    object!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "labels": labels,
        "fixes": fixes,
    })
}

fn place(map: &SourceMap, span: Span, offset: u32) -> Value {
    let position = map.position(span.file, offset);
    object!({ "line": position.line, "column": position.column, "offset": offset })
}
