//! The built-in methods, by receiver. Their names are in `flow_bytecode::Method`.
//!
//! | receiver | methods |
//! |---|---|
//! | string | `len()` characters · `lower() upper() trim()` · `split(sep)` · `lines()` · `sep.join([string])` · `replace(from, to)` · `starts_with(s) ends_with(s) contains(s) -> bool` · `slice(from, to?)` characters, from the end if negative · `matches(regex) -> bool` anywhere · `find_all(regex) -> [string]` whole matches · `to_int() -> int?` · `to_float() -> float?` · `parse_json() -> json` |
//! | list | `len()` · `map(f) filter(f) flat_map(f)` · `fold(start, (acc, x) => …)` · `any(f) all(f) -> bool` · `find(f) first() last() min() max() -> T?` · `take(n) drop(n) slice(from, to?) reverse()` · `sort()` · `sort_by(f)` stable · `unique()` keeps the first · `group_by(f) -> map<[T]>` · `zip(ys) -> [{ first, second }]` · `flatten()` · `sum()` · `mean() -> float` · `count(f?) -> int` · `contains(x) -> bool` · `join(sep?) -> string` · `enumerate() -> [{ index, value }]` |
//! | map | `len()` · `keys() values()` · `get(key) -> T?` · `has(key) -> bool` · `map_values(f) filter(f)`, f of the value or of (key, value) · `merge(other)` deep · `remove(key)` · `to_list() -> [{ key, value }]` |
//! | number | `abs()` · `round() floor() ceil() -> int` · `round(digits) -> float` · `clamp(low, high)` · `to_int() to_float()`; `abs clamp` of durations too |
//! | any | `to_json() -> string` · `hash(x) -> string` · `range(a, b) -> [int]` without b |

mod lists;
mod maps;
mod numbers;
mod pattern;
mod strings;
mod with_function;

use std::sync::Arc;

use flow_bytecode::Method;
use serde_json::Value as Json;

use crate::border::{canonical_bytes, plain_value, to_json};
use crate::fault::{Fault, FaultKind};
use crate::interp::Fuel;
use crate::limits::LIST_ITEMS;
use crate::value::{Value, bounded};

pub(crate) use maps::merge;
pub(crate) use pattern::Patterns;
pub(crate) use with_function::{Caller, with_function};

/// Calls a method that takes no function. The receiver is the first argument.
pub(crate) fn plain(
    method: Method,
    args: &[Value],
    patterns: &mut Patterns,
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    let Some((receiver, rest)) = args.split_first() else {
        return Err(unknown(method, args));
    };
    match (method, receiver) {
        (Method::Len, Value::Str(_) | Value::List(_)) => len(receiver, fuel),
        (Method::ToJson, value) => {
            fuel.spend(value.weight() / 32)?;
            bounded(Value::str(to_json(value).to_string()))
        }
        (Method::Hash, value) => {
            fuel.spend(value.weight() / 32)?;
            Ok(Value::str(hash_of(&canonical_bytes(value))))
        }
        (Method::Range, _) => range(method, args, fuel),
        (Method::ParseJson, Value::Str(text)) => parse_json(text, fuel),
        (_, Value::Str(text)) => strings::call(method, text, args, patterns, fuel),
        (_, Value::List(list)) => lists::call(method, list, args, fuel),
        (_, Value::Map(_) | Value::Record(_)) => maps::call(method, receiver, args, fuel),
        (_, Value::Int(_) | Value::Float(_) | Value::Duration(_)) => numbers::call(method, receiver, rest),
        _ => Err(unknown(method, args)),
    }
}

/// `value.len()`: characters, items, entries.
pub(crate) fn len(value: &Value, fuel: &mut Fuel) -> Result<Value, Fault> {
    let len = match value {
        Value::Str(text) if text.is_ascii() => text.len(),
        Value::Str(text) => {
            fuel.spend(text.len() as u64 / 64)?;
            text.chars().count()
        }
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Record(record) => record.len(),
        other => return Err(unknown(Method::Len, std::slice::from_ref(other))),
    };
    Ok(Value::Int(len as i64))
}

fn range(method: Method, args: &[Value], fuel: &mut Fuel) -> Result<Value, Fault> {
    let (from, to) = match args {
        [Value::Int(to)] => (0, *to),
        [Value::Int(from), Value::Int(to)] => (*from, *to),
        _ => return Err(unknown(method, args)),
    };
    let count = to.saturating_sub(from).max(0) as u64;
    fuel.spend(count)?;
    if count > LIST_ITEMS as u64 {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("a range of {count} numbers"),
        ));
    }
    bounded(Value::list((from..to).map(Value::Int)))
}

fn parse_json(text: &Arc<str>, fuel: &mut Fuel) -> Result<Value, Fault> {
    fuel.spend(text.len() as u64 / 8)?;
    let json: Json = serde_json::from_str(text)
        .map_err(|error| Fault::new(FaultKind::BadText, format!("the text is not JSON: {error}")))?;
    let value = plain_value(&json).ok_or_else(|| {
        Fault::new(
            FaultKind::Overflow,
            "an integer in the JSON is beyond 64 bits with sign",
        )
    })?;
    bounded(value)
}

/// What the compiler never emits.
#[cold]
fn unknown(method: Method, args: &[Value]) -> Fault {
    let kinds: Vec<&str> = args.iter().map(Value::kind).collect();
    Fault::new(
        FaultKind::BadCode,
        format!("no method `{}` for ({})", method.name(), kinds.join(", ")),
    )
}

/// The part of a sequence of `len` that `from` and `to` mean: from the end if negative, never
/// beyond it.
fn bounds(len: usize, from: i64, to: Option<i64>) -> (usize, usize) {
    let at = |position: i64| {
        let position = if position < 0 {
            position.saturating_add(len as i64).max(0)
        } else {
            position
        };
        usize::try_from(position).unwrap_or(usize::MAX).min(len)
    };
    (at(from), to.map_or(len, at))
}

/// The name of some bytes: their hash, in hexadecimal.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
