//! What the built-in methods do at compile time: numbers, and methods that take a function; texts are in
//! `eval_texts`, lists and maps without functions in `eval_lists`. Their signatures are in `signatures`; the
//! machine's own implementation decides when a program runs, and this one follows it.

use flow_bytecode::Method;
use flow_diagnostics::Span;

use super::Lower;
use super::eval::{Closure, MAX_ITEMS, Stop, compare, set, unknown};
use super::{eval_lists, eval_texts};
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
        let items = match values.remove(0) {
            Value::List(items) => items,
            Value::Map(fields) => return self.eval_over_map(method, fields, function, span),
            _ => return Err(unknown("this method is evaluated when it runs", span)),
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
            Method::GroupBy => {
                let mut groups: Vec<(String, Value)> = Vec::new();
                for item in items {
                    let (Value::Str(key) | Value::Case(key)) =
                        self.apply_closure(function, vec![item.clone()])?
                    else {
                        return Err(unknown("this key is made when it runs", span));
                    };
                    match groups.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, Value::List(group))) => group.push(item),
                        _ => set(&mut groups, key, Value::List(vec![item])),
                    }
                }
                Ok(Value::Map(groups))
            }
            _ => Err(unknown("this method is evaluated when it runs", span)),
        }
    }

    /// `map_values` and `filter` of a map; a function of two gets the key first.
    fn eval_over_map(
        &mut self,
        method: Method,
        fields: Vec<(String, Value)>,
        function: &Closure,
        span: Span,
    ) -> Result<Value, Stop> {
        let mut made = Vec::new();
        for (key, value) in fields {
            let args = if function.takes_two() {
                vec![Value::Str(key.clone()), value.clone()]
            } else {
                vec![value.clone()]
            };
            let result = self.apply_closure(function, args)?;
            match method {
                Method::MapValues => made.push((key, result)),
                Method::Filter if result == Value::Bool(true) => made.push((key, value)),
                Method::Filter => {}
                _ => return Err(unknown("this method is evaluated when it runs", span)),
            }
        }
        Ok(Value::Map(made))
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
        [Value::Str(text), rest @ ..] => eval_texts::of_text(method, text, rest, span),
        [Value::List(items), rest @ ..] => eval_lists::of_list(method, items, rest, span),
        [Value::Map(fields), rest @ ..] => eval_lists::of_map(method, fields, rest, span),
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
