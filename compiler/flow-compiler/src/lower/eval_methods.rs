//! What the built-in methods do at compile time. Their signatures are in `methods`; the machine's own
//! implementation decides when a program runs, and this one follows it.

use flow_bytecode::{BinaryOp, Method};
use flow_diagnostics::Span;

use super::Lower;
use super::eval::{Closure, MAX_ITEMS, Stop, arithmetic, compare, set, unknown};
use crate::hir::ConstValue as Value;

impl Lower<'_> {
    /// A method that takes a function.
    pub(super) fn eval_with_function(
        &mut self,
        method: Method,
        mut values: Vec<Value>,
        function: &Closure,
        span: Span,
    ) -> Result<Value, Stop> {
        if values.is_empty() {
            return Err(Stop::Silent);
        }
        let Value::List(items) = values.remove(0) else {
            return Err(unknown(
                "methods of maps with functions are evaluated when it runs",
                span,
            ));
        };
        let yes = |value: &Value| *value == Value::Bool(true);
        match method {
            Method::Map => {
                let mapped: Result<Vec<Value>, Stop> = items
                    .into_iter()
                    .map(|item| self.apply_closure(function, vec![item]))
                    .collect();
                Ok(Value::List(mapped?))
            }
            Method::Filter | Method::Count => {
                let mut kept = Vec::new();
                for item in items {
                    if yes(&self.apply_closure(function, vec![item.clone()])?) {
                        kept.push(item);
                    }
                }
                Ok(if method == Method::Count {
                    Value::Int(kept.len() as i64)
                } else {
                    Value::List(kept)
                })
            }
            Method::Any | Method::All => {
                let any = method == Method::Any;
                for item in items {
                    if yes(&self.apply_closure(function, vec![item])?) == any {
                        return Ok(Value::Bool(any));
                    }
                }
                Ok(Value::Bool(!any))
            }
            Method::Find => {
                for item in items {
                    if yes(&self.apply_closure(function, vec![item.clone()])?) {
                        return Ok(item);
                    }
                }
                Ok(Value::Null)
            }
            _ => self.eval_folding(method, items, values, function, span),
        }
    }

    fn eval_folding(
        &mut self,
        method: Method,
        items: Vec<Value>,
        mut values: Vec<Value>,
        function: &Closure,
        span: Span,
    ) -> Result<Value, Stop> {
        match method {
            Method::Fold => {
                let mut sum = values.pop().ok_or(Stop::Silent)?;
                for item in items {
                    sum = self.apply_closure(function, vec![sum, item])?;
                }
                Ok(sum)
            }
            Method::SortBy => {
                let mut keyed = Vec::new();
                for item in items {
                    keyed.push((self.apply_closure(function, vec![item.clone()])?, item));
                }
                keyed.sort_by(|(a, _), (b, _)| compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
                Ok(Value::List(keyed.into_iter().map(|(_, item)| item).collect()))
            }
            Method::FlatMap => {
                let mut all = Vec::new();
                for item in items {
                    let Value::List(part) = self.apply_closure(function, vec![item])? else {
                        return Err(Stop::Silent);
                    };
                    all.extend(part);
                }
                Ok(Value::List(all))
            }
            _ => Err(unknown("this method is evaluated when it runs", span)),
        }
    }
}

/// A method that takes no function.
pub(super) fn plain(method: Method, args: &[Value], span: Span) -> Result<Value, Stop> {
    match args {
        [Value::Int(from), Value::Int(to)] if method == Method::Range => {
            if to.saturating_sub(*from) > MAX_ITEMS as i64 {
                return Err(Stop::Fault("the range is too long".into(), span));
            }
            Ok(Value::List((*from..*to).map(Value::Int).collect()))
        }
        [Value::Str(text), rest @ ..] => of_text(method, text, rest, span),
        [Value::List(items), rest @ ..] => of_list(method, items, rest, span),
        [Value::Map(fields), rest @ ..] => of_map(method, fields, rest, span),
        [Value::Int(n)] if method == Method::Abs => n
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| Stop::Fault("the number does not fit".into(), span)),
        [Value::Float(x)] if method == Method::Abs => Ok(Value::Float(x.abs())),
        [Value::Float(x)] => match method {
            Method::Round => whole(x.round(), span),
            Method::Floor => whole(x.floor(), span),
            Method::Ceil => whole(x.ceil(), span),
            _ => Err(unknown("this method is evaluated when it runs", span)),
        },
        [value, low, high] if method == Method::Clamp => {
            let below = compare(value, low).is_some_and(std::cmp::Ordering::is_lt);
            let above = compare(value, high).is_some_and(std::cmp::Ordering::is_gt);
            Ok(if below {
                low.clone()
            } else if above {
                high.clone()
            } else {
                value.clone()
            })
        }
        _ => Err(unknown("this method is evaluated when it runs", span)),
    }
}

fn whole(x: f64, span: Span) -> Result<Value, Stop> {
    if x.abs() < 9.2e18 {
        Ok(Value::Int(x as i64))
    } else {
        Err(Stop::Fault("the number does not fit into 64 bits".into(), span))
    }
}

fn of_text(method: Method, text: &str, rest: &[Value], span: Span) -> Result<Value, Stop> {
    Ok(match (method, rest) {
        (Method::Len, []) => Value::Int(text.chars().count() as i64),
        (Method::Lower, []) => Value::Str(text.to_lowercase()),
        (Method::Upper, []) => Value::Str(text.to_uppercase()),
        (Method::Trim, []) => Value::Str(text.trim().to_string()),
        (Method::Replace, [Value::Str(from), Value::Str(to)]) if !from.is_empty() => {
            Value::Str(text.replace(from, to))
        }
        (Method::StartsWith, [Value::Str(part)]) => Value::Bool(text.starts_with(part.as_str())),
        (Method::EndsWith, [Value::Str(part)]) => Value::Bool(text.ends_with(part.as_str())),
        (Method::Contains, [Value::Str(part)]) => Value::Bool(text.contains(part.as_str())),
        (Method::Split, [Value::Str(by)]) if !by.is_empty() => Value::List(
            text.split(by.as_str())
                .map(|part| Value::Str(part.to_string()))
                .collect(),
        ),
        _ => return Err(unknown("this method is evaluated when it runs", span)),
    })
}

fn of_list(method: Method, items: &[Value], rest: &[Value], span: Span) -> Result<Value, Stop> {
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
            let parts: Vec<&str> = items.iter().filter_map(|item| text_of(item)).collect();
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

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

fn of_map(method: Method, fields: &[(String, Value)], rest: &[Value], span: Span) -> Result<Value, Stop> {
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
