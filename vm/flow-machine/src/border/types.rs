//! Types and values as people read them in messages.

use flow_bytecode::{Image, Type, TypeId};

use super::json::to_json;
use crate::value::Value;

/// Names in a list of possibilities before the rest is left out.
const SHOWN_NAMES: usize = 8;

/// Lists and maps within each other that a type's name shows.
const SHOWN_DEPTH: u32 = 6;

/// Characters of a value that a message shows.
const SHOWN_CHARS: usize = 60;

/// A type as it would be written in source; long ones by their name, or shortened.
pub fn type_name(image: &Image, ty: TypeId) -> String {
    named(image, ty, SHOWN_DEPTH)
}

fn named(image: &Image, ty: TypeId, depth: u32) -> String {
    let inner = |ty: TypeId| {
        if depth == 0 {
            "…".into()
        } else {
            named(image, ty, depth - 1)
        }
    };
    match &image.types[ty.index()] {
        Type::Bool => "bool".into(),
        Type::Int => "int".into(),
        Type::Float => "float".into(),
        Type::String => "string".into(),
        Type::Duration => "duration".into(),
        Type::Time => "time".into(),
        Type::Json => "json".into(),
        Type::Secret => "secret".into(),
        Type::List(item) => format!("[{}]", inner(*item)),
        Type::Map(item) => format!("map<{}>", inner(*item)),
        Type::Nullable(base) => format!("{}?", inner(*base)),
        Type::Record { name: Some(name), .. } | Type::Enum { name, .. } | Type::Union { name, .. } => {
            image.str(*name).into()
        }
        Type::Record { name: None, fields } => {
            let names = fields.iter().map(|field| image.str(field.name));
            format!("{{ {} }}", shortened(names, ", "))
        }
        Type::Refined { base, text, .. } => format!("{} where {}", inner(*base), image.str(*text)),
    }
}

/// Names as a choice: `a | b | c`.
pub(super) fn choice<'a>(names: impl Iterator<Item = &'a str>) -> String {
    shortened(names, " | ")
}

/// A value for a message: its kind, and what it is if that is short.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Null | Value::Closure(_) | Value::Secret(_) => value.kind().into(),
        Value::List(list) => match list.len() {
            1 => "a list of 1 item".into(),
            n => format!("a list of {n} items"),
        },
        Value::Map(_) | Value::Record(_) => {
            let object = value
                .as_object()
                .map(|o| o.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>());
            let keys = object.unwrap_or_default();
            format!(
                "an object with {{ {} }}",
                shortened(keys.iter().map(String::as_str), ", ")
            )
        }
        scalar => format!("{} {}", value.kind(), clipped(&to_json(scalar).to_string())),
    }
}

/// Text, cut at a length that fits into a message.
pub(super) fn clipped(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn shortened<'a>(names: impl Iterator<Item = &'a str>, between: &str) -> String {
    let names: Vec<&str> = names.collect();
    let more = names.len() > SHOWN_NAMES;
    let shown = &names[..names.len().min(SHOWN_NAMES)];
    format!(
        "{}{}",
        shown.join(between),
        if more {
            format!("{between}…")
        } else {
            String::new()
        }
    )
}
