//! What methods of lists and maps that take no function do at compile time; it follows the machine.

use flow_bytecode::{BinaryOp, Method};
use flow_diagnostics::Span;

use super::eval::{Stop, arithmetic, compare, set, shown, unknown};
use crate::hir::ConstValue as Value;

pub(super) fn of_list(method: Method, items: &[Value], rest: &[Value], span: Span) -> Result<Value, Stop> {
    let best = |wanted: std::cmp::Ordering| {
        let mut best: Option<&Value> = None;
        for item in items {
            if best.is_none_or(|best| compare(item, best) == Some(wanted)) {
                best = Some(item);
            }
        }
        best.cloned().unwrap_or(Value::Null)
    };
    let natural = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    Ok(match (method, rest) {
        (Method::Len | Method::Count, []) => Value::Int(items.len() as i64),
        (Method::First, []) => items.first().cloned().unwrap_or(Value::Null),
        (Method::Last, []) => items.last().cloned().unwrap_or(Value::Null),
        (Method::Take, [Value::Int(n)]) => Value::List(items.iter().take(natural(*n)).cloned().collect()),
        (Method::Drop, [Value::Int(n)]) => Value::List(items.iter().skip(natural(*n)).cloned().collect()),
        (Method::Reverse, []) => Value::List(items.iter().rev().cloned().collect()),
        (Method::Contains, [item]) => Value::Bool(items.contains(item)),
        (Method::Min, []) => best(std::cmp::Ordering::Less),
        (Method::Max, []) => best(std::cmp::Ordering::Greater),
        (Method::Slice, [Value::Int(from)]) => Value::List(items[bounds(items.len(), *from, None)].to_vec()),
        (Method::Slice, [Value::Int(from), Value::Int(to)]) => {
            Value::List(items[bounds(items.len(), *from, Some(*to))].to_vec())
        }
        (Method::Zip, [Value::List(other)]) => {
            let pairs = items.iter().zip(other);
            let pairs = pairs.map(|(a, b)| pair(["first", "second"], a.clone(), b.clone()));
            Value::List(pairs.collect())
        }
        (Method::Enumerate, []) => {
            let pairs = (0..).zip(items);
            let pairs = pairs.map(|(at, item)| pair(["index", "value"], Value::Int(at), item.clone()));
            Value::List(pairs.collect())
        }
        _ => return of_whole_list(method, items, rest, span),
    })
}

/// Methods for which every item counts.
fn of_whole_list(method: Method, items: &[Value], rest: &[Value], span: Span) -> Result<Value, Stop> {
    Ok(match (method, rest) {
        (Method::Sort, []) => {
            let mut sorted = items.to_vec();
            sorted.sort_by(|a, b| compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
            Value::List(sorted)
        }
        (Method::Unique, []) => {
            let mut kept: Vec<Value> = Vec::new();
            for item in items {
                if !kept.contains(item) {
                    kept.push(item.clone());
                }
            }
            Value::List(kept)
        }
        (Method::Sum, []) => {
            let mut sum = items.first().cloned().unwrap_or(Value::Int(0));
            for item in items.iter().skip(1) {
                sum = arithmetic(BinaryOp::Add, sum, item.clone(), span)?;
            }
            sum
        }
        (Method::Join, [] | [Value::Str(_)]) => {
            let by = match rest {
                [Value::Str(by)] => by.as_str(),
                _ => "",
            };
            let parts: Option<Vec<String>> = items.iter().map(shown).collect();
            let parts = parts.ok_or_else(|| unknown("how this is shown is not", span))?;
            Value::Str(parts.join(by))
        }
        (Method::Flatten, []) => {
            let mut all = Vec::new();
            for item in items {
                let Value::List(part) = item else {
                    return Err(Stop::Silent);
                };
                all.extend(part.iter().cloned());
            }
            Value::List(all)
        }
        _ => return Err(unknown("this method is evaluated when it runs", span)),
    })
}

fn pair(names: [&str; 2], first: Value, second: Value) -> Value {
    let [a, b] = names.map(str::to_string);
    Value::Record(vec![(a, first), (b, second)])
}

/// The part of a list or text of this length that `slice` takes: ends may count from behind.
pub(super) fn bounds(len: usize, from: i64, to: Option<i64>) -> std::ops::Range<usize> {
    let at = |position: i64| {
        let position = if position < 0 {
            position.saturating_add(len as i64).max(0)
        } else {
            position
        };
        usize::try_from(position).unwrap_or(usize::MAX).min(len)
    };
    let (from, to) = (at(from), to.map_or(len, at));
    from..to.max(from)
}

pub(super) fn of_map(
    method: Method,
    fields: &[(String, Value)],
    rest: &[Value],
    span: Span,
) -> Result<Value, Stop> {
    let get = |key: &String| {
        fields
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.clone())
    };
    Ok(match (method, rest) {
        (Method::Len | Method::Count, []) => Value::Int(fields.len() as i64),
        (Method::Keys, []) => Value::List(fields.iter().map(|(key, _)| Value::Str(key.clone())).collect()),
        (Method::Values, []) => Value::List(fields.iter().map(|(_, value)| value.clone()).collect()),
        (Method::ToList, []) => {
            let pairs = fields.iter();
            let pairs =
                pairs.map(|(key, value)| pair(["key", "value"], Value::Str(key.clone()), value.clone()));
            Value::List(pairs.collect())
        }
        (Method::Get, [Value::Str(key)]) => get(key).unwrap_or(Value::Null),
        (Method::Get, [Value::Str(key), default]) => get(key).unwrap_or_else(|| default.clone()),
        (Method::Has | Method::Contains, [Value::Str(key)]) => Value::Bool(get(key).is_some()),
        (Method::Remove, [Value::Str(key)]) => {
            Value::Map(fields.iter().filter(|(known, _)| known != key).cloned().collect())
        }
        (Method::Merge, [Value::Map(more)])
            if more
                .iter()
                .all(|(_, value)| !matches!(value, Value::Map(_) | Value::Record(_))) =>
        {
            let mut all = fields.to_vec();
            for (key, value) in more {
                set(&mut all, key.clone(), value.clone());
            }
            Value::Map(all)
        }
        _ => return Err(unknown("this method is evaluated when it runs", span)),
    })
}
