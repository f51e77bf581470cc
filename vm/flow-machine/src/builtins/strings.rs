//! Methods of strings. Positions and lengths are in characters.

use std::sync::Arc;

use flow_bytecode::Method;

use super::{Patterns, bounds, unknown};
use crate::border;
use crate::fault::{Fault, FaultKind};
use crate::interp::Fuel;
use crate::limits::STRING_BYTES;
use crate::value::{List, Value, bounded};

pub(super) fn call(
    method: Method,
    text: &Arc<str>,
    args: &[Value],
    patterns: &mut Patterns,
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    fuel.spend(text.len() as u64 / 16)?;
    match (method, &args[1..]) {
        (Method::Lower, []) => bounded(Value::str(text.to_lowercase())),
        (Method::Upper, []) => bounded(Value::str(text.to_uppercase())),
        (Method::Trim, []) => Ok(Value::str(text.trim())),
        (Method::Lines, []) => strings(text.lines(), fuel),
        (Method::ToInt, []) => Ok(text.trim().parse().map_or(Value::Null, Value::Int)),
        (Method::ToFloat, []) => Ok(to_float(text)),
        (Method::Split, [Value::Str(separator)]) if separator.is_empty() => strings(
            text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]),
            fuel,
        ),
        (Method::Split, [Value::Str(separator)]) => strings(text.split(&**separator), fuel),
        (Method::Join, [Value::List(list)]) => join(list, text, fuel),
        (Method::Replace, [Value::Str(from), Value::Str(to)]) => replace(text, from, to),
        (Method::StartsWith, [Value::Str(part)]) => Ok(Value::Bool(text.starts_with(&**part))),
        (Method::EndsWith, [Value::Str(part)]) => Ok(Value::Bool(text.ends_with(&**part))),
        (Method::Contains, [Value::Str(part)]) => Ok(Value::Bool(text.contains(&**part))),
        (Method::Slice, [Value::Int(from)] | [Value::Int(from), Value::Null]) => Ok(slice(text, *from, None)),
        (Method::Slice, [Value::Int(from), Value::Int(to)]) => Ok(slice(text, *from, Some(*to))),
        (Method::Matches, [Value::Str(pattern)]) => {
            Ok(Value::Bool(patterns.get(pattern, fuel)?.is_match(text)))
        }
        (Method::FindAll, [Value::Str(pattern)]) => {
            let found = patterns
                .get(pattern, fuel)?
                .find_iter(text)
                .map(|found| found.as_str());
            strings(found, fuel)
        }
        _ => Err(unknown(method, args)),
    }
}

/// The texts of the items with a separator between them.
pub(super) fn join(list: &List, separator: &str, fuel: &mut Fuel) -> Result<Value, Fault> {
    let size = list
        .weight()
        .saturating_add(separator.len() as u64 * list.len() as u64);
    fuel.spend(size / 32)?;
    sized(size)?;
    let mut joined = String::new();
    for (at, item) in list.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        match item {
            Value::Str(text) => joined.push_str(text),
            Value::Secret(_) => return Err(Fault::new(FaultKind::BadCode, "a secret cannot be joined")),
            other => joined.push_str(&border::text(other)),
        }
    }
    bounded(Value::str(joined))
}

fn strings<'a>(parts: impl Iterator<Item = &'a str>, fuel: &mut Fuel) -> Result<Value, Fault> {
    let mut list = List::new();
    for part in parts {
        fuel.spend(1)?;
        list.push(Value::str(part));
    }
    bounded(list.into())
}

fn replace(text: &str, from: &str, to: &str) -> Result<Value, Fault> {
    let count = text.matches(from).count() as u64;
    sized((text.len() as u64).saturating_add(count.saturating_mul(to.len() as u64)))?;
    bounded(Value::str(text.replace(from, to)))
}

fn slice(text: &str, from: i64, to: Option<i64>) -> Value {
    let (from, to) = bounds(text.chars().count(), from, to);
    let at = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(at, _)| at);
    if from >= to {
        Value::str("")
    } else {
        Value::str(&text[at(from)..at(to)])
    }
}

/// A number as JSON or source would write it; never infinite, never NaN.
fn to_float(text: &str) -> Value {
    let trimmed = text.trim();
    let plain = trimmed
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match trimmed.parse::<f64>() {
        Ok(value) if plain && value.is_finite() => Value::Float(value),
        _ => Value::Null,
    }
}

fn sized(bytes: u64) -> Result<(), Fault> {
    if bytes <= STRING_BYTES as u64 {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::TooLarge,
        format!("a text of more than {STRING_BYTES} bytes"),
    ))
}
