//! Values as people write them, and where two of them differ.

use std::fmt::Write as _;

use flow_machine::border::{duration_text, rfc3339};
use flow_machine::value::{Object, Value};

/// The longest value that is shown in a line.
const LINE: usize = 72;
/// The most differences that are listed.
const DIFFERENCES: usize = 8;

/// A value as the language writes it, cut to a line.
pub(super) fn brief(value: &Value) -> String {
    let text = literal(value);
    match text.char_indices().nth(LINE) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Names as a path writes them.
pub(super) fn names(value: &Value) -> Option<Vec<&str>> {
    value.as_list()?.iter().map(Value::as_str).collect()
}

/// A value as the language writes it.
pub(super) fn literal(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Null | Value::Closure(_) => write!(out, "null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Float(value) => write!(out, "{value:?}"),
        Value::Str(text) => write!(out, "{text:?}"),
        Value::Duration(nanos) => write!(out, "{}", duration_text(*nanos)),
        Value::Time(nanos) => write!(out, "{}", rfc3339(*nanos)),
        Value::Secret(_) => write!(out, "(a secret)"),
        Value::List(list) => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write(item, out);
            }
            write!(out, "]")
        }
        Value::Variant(variant) if variant.fields.is_empty() => write!(out, "{}", variant.tag),
        Value::Variant(variant) => {
            let _ = write!(out, "{}(", variant.tag);
            entries(Object::Record(&variant.fields), out);
            write!(out, ")")
        }
        Value::Map(map) => braced(Object::Map(map), out),
        Value::Record(record) => braced(Object::Record(record), out),
    };
}

fn braced(object: Object<'_>, out: &mut String) -> std::fmt::Result {
    if object.is_empty() {
        return write!(out, "{{}}");
    }
    out.push_str("{ ");
    entries(object, out);
    write!(out, " }}")
}

fn entries(object: Object<'_>, out: &mut String) {
    for (at, (key, value)) in object.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        let _ = write!(out, "{key}: ");
        write(value, out);
    }
}

/// Where two values differ, a line for each place: what was wanted and what came. Nothing where one of them is as
/// short as its difference.
pub(super) fn differences(wanted: &Value, came: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differ(String::new(), Some(wanted), Some(came), &mut found);
    if found.len() == 1 && found[0].0.is_empty() {
        return Vec::new();
    }
    let more = found.len().saturating_sub(DIFFERENCES);
    found.truncate(DIFFERENCES);
    let width = found.iter().map(|(place, ..)| place.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines: Vec<String> = found
        .into_iter()
        .map(|(place, wanted, came)| format!("{place:width$}  wanted {wanted}, came {came}"))
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

type Difference = (String, String, String);

fn differ(place: String, wanted: Option<&Value>, came: Option<&Value>, found: &mut Vec<Difference>) {
    let (Some(a), Some(b)) = (wanted, came) else {
        let said = |value: Option<&Value>| value.map_or("nothing".to_owned(), brief);
        return found.push((place, said(wanted), said(came)));
    };
    if a == b {
        return;
    }
    if let (Some(a), Some(b)) = (a.as_list(), b.as_list()) {
        for at in 0..a.len().max(b.len()) {
            differ(format!("{place}[{at}]"), a.get(at), b.get(at), found);
        }
        return;
    }
    if let (Some(a), Some(b)) = (a.as_object(), b.as_object()) {
        for (key, value) in a.iter() {
            differ(format!("{place}.{key}"), Some(value), b.get(key), found);
        }
        for (key, value) in b.iter().filter(|(key, _)| a.get(key).is_none()) {
            differ(format!("{place}.{key}"), None, Some(value), found);
        }
        return;
    }
    found.push((place, brief(a), brief(b)));
}
