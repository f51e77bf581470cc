//! SARIF 2.1.0, the exchange format of static analysis.

use serde_json::{Value, json as object};

use crate::{Code, Diagnostic, Label, Severity, SourceMap, Span};

/// All diagnostics as one SARIF log. `version` is that of the tool.
pub fn sarif(map: &SourceMap, diagnostics: &[Diagnostic], version: &str) -> String {
    let mut codes: Vec<Code> = diagnostics.iter().map(|d| d.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|d| result(map, d, codes.binary_search(&d.code).unwrap_or_default()))
        .collect();
    let log = object!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "flowc", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    let info = code.info();
    object!({
        "id": code,
        "shortDescription": { "text": info.title },
        "help": { "text": info.page, "markdown": info.page },
        "defaultConfiguration": { "level": level(info.severity) },
    })
}

fn result(map: &SourceMap, diagnostic: &Diagnostic, rule: usize) -> Value {
    let (primary, related): (Vec<&Label>, Vec<&Label>) =
        diagnostic.labels.iter().partition(|label| label.primary);
    let text = match &diagnostic.help {
        Some(help) => format!("{}\n{help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = object!({
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": level(diagnostic.severity),
        "message": { "text": text },
        "locations": primary.iter().map(|label| location(map, label)).collect::<Vec<_>>(),
        "relatedLocations": related.iter().map(|label| location(map, label)).collect::<Vec<_>>(),
    });
    if !diagnostic.fixes.is_empty() {
        let fixes: Vec<Value> = diagnostic.fixes.iter().map(|fix| object!({
            "description": { "text": fix.title },
            "artifactChanges": fix.edits.iter().map(|edit| object!({
                "artifactLocation": { "uri": map.path(edit.span.file) },
                "replacements": [{ "deletedRegion": region(map, edit.span), "insertedContent": { "text": edit.text } }],
            })).collect::<Vec<_>>(),
        })).collect();
        result["fixes"] = Value::Array(fixes);
    }
    result
}

fn location(map: &SourceMap, label: &Label) -> Value {
    object!({
        "physicalLocation": {
            "artifactLocation": { "uri": map.path(label.span.file) },
            "region": region(map, label.span),
        },
        "message": { "text": label.message },
    })
}

fn region(map: &SourceMap, span: Span) -> Value {
    let (start, end) = (map.start(span), map.end(span));
    object!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        "byteOffset": span.start,
        "byteLength": span.len(),
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}
