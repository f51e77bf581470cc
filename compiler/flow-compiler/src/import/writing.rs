//! Pieces of source: strings, JSON as expressions, durations, comments.

use std::fmt::Write;

use serde_json::Value;

/// A text as a string, nothing in it interpolated.
pub(super) fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        push(&mut out, c);
    }
    out.push('"');
    out
}

/// Adds a character of a string.
pub(super) fn push(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '"' | '\\' | '$' => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_control() => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// A JSON value as an expression whose type is `json`, a map or a list of it.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(items) => list(items.iter().map(json)),
        Value::Object(entries) => map(entries.iter().map(|(key, value)| (key.as_str(), json(value)))),
    }
}

/// `[a, b]`
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// `{ "a": b }`
pub(super) fn map<'k>(entries: impl Iterator<Item = (&'k str, String)>) -> String {
    let entries: Vec<_> = entries
        .map(|(key, value)| format!("{}: {value}", string(key)))
        .collect();
    if entries.is_empty() {
        return "{}".to_owned();
    }
    format!("{{ {} }}", entries.join(", "))
}

/// Milliseconds as a duration.
pub(super) fn millis(count: u64) -> String {
    if count > 0 && count.is_multiple_of(1000) {
        return seconds(count / 1000);
    }
    format!("{count}ms")
}

/// Seconds as a duration.
pub(super) fn seconds(count: u64) -> String {
    for (unit, letter) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        if count >= unit && count.is_multiple_of(unit) {
            return format!("{}{letter}", count / unit);
        }
    }
    format!("{count}s")
}

/// A text as comment lines.
pub(super) fn comment(mark: &str, text: &str) -> String {
    let lines = text.lines().map(|line| format!("{mark} {}\n", line.trim()));
    lines.collect()
}
