//! Methods that take a function: the only loops that expressions have. Each call pays for itself.

use std::sync::Arc;

use flow_bytecode::Method;

use super::lists::pay_for_sorting;
use super::unknown;
use crate::border;
use crate::fault::{Fault, FaultKind};
use crate::interp::{Env, Fuel, Interp};
use crate::value::{List, Map, Object, Value, bounded};

/// What calls back into the program.
pub(crate) struct Caller<'a, 'e> {
    pub(crate) interp: &'a mut Interp,
    pub(crate) env: &'a Env<'e>,
    pub(crate) fuel: &'a mut Fuel,
}

/// Calls a method one of whose arguments is a function. The receiver is the first argument.
pub(crate) fn with_function(
    method: Method,
    args: &[Value],
    caller: &mut Caller<'_, '_>,
) -> Result<Value, Fault> {
    match args {
        [Value::List(list), function] => of_list(method, list, function, args, caller),
        [Value::List(list), start, function] if method == Method::Fold => {
            list.iter().try_fold(start.clone(), |acc, item| {
                caller.call(function, [acc, item.clone()])
            })
        }
        [receiver @ (Value::Map(_) | Value::Record(_)), function] => {
            of_map(method, receiver, function, args, caller)
        }
        _ => Err(unknown(method, args)),
    }
}

impl Caller<'_, '_> {
    fn call<const N: usize>(&mut self, function: &Value, args: [Value; N]) -> Result<Value, Fault> {
        self.interp
            .call_value(self.env, function, args.into_iter(), self.fuel)
    }

    fn test<const N: usize>(&mut self, function: &Value, args: [Value; N]) -> Result<bool, Fault> {
        match self.call(function, args)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(Fault::new(
                FaultKind::BadCode,
                format!("a condition is {}, not a bool", other.kind()),
            )),
        }
    }

    /// Whether a function takes two arguments: `(key, value) => …`.
    fn takes_two(&self, function: &Value) -> bool {
        let Value::Closure(closure) = function else {
            return false;
        };
        let params = self.env.program.image().chunks[closure.chunk().index()].params;
        usize::from(params) == closure.captured().len() + 2
    }
}

fn of_list(
    method: Method,
    list: &List,
    function: &Value,
    args: &[Value],
    caller: &mut Caller<'_, '_>,
) -> Result<Value, Fault> {
    let mut items = list.iter();
    match method {
        Method::Map => {
            let mapped: Result<List, Fault> =
                items.map(|item| caller.call(function, [item.clone()])).collect();
            bounded(mapped?.into())
        }
        Method::Filter => Ok(kept(list, function, caller)?.into()),
        Method::Count => Ok(Value::Int(kept(list, function, caller)?.len() as i64)),
        Method::Any => items
            .try_fold(false, |any, item| {
                Ok(any || caller.test(function, [item.clone()])?)
            })
            .map(Value::Bool),
        Method::All => items
            .try_fold(
                true,
                |all, item| Ok(all && caller.test(function, [item.clone()])?),
            )
            .map(Value::Bool),
        Method::Find => {
            for item in items {
                if caller.test(function, [item.clone()])? {
                    return Ok(item.clone());
                }
            }
            Ok(Value::Null)
        }
        Method::SortBy => sort_by(list, function, caller),
        Method::GroupBy => group_by(list, function, caller),
        Method::FlatMap => flat_map(list, function, caller),
        _ => Err(unknown(method, args)),
    }
}

fn of_map(
    method: Method,
    receiver: &Value,
    function: &Value,
    args: &[Value],
    caller: &mut Caller<'_, '_>,
) -> Result<Value, Fault> {
    let two = caller.takes_two(function);
    let mut map = Map::new();
    for (key, value) in receiver.as_object().into_iter().flat_map(Object::iter) {
        let result = if two {
            caller.call(function, [Value::Str(key.clone()), value.clone()])?
        } else {
            caller.call(function, [value.clone()])?
        };
        match (method, result) {
            (Method::MapValues | Method::Map, mapped) => map.insert(key.clone(), mapped),
            (Method::Filter, Value::Bool(true)) => map.insert(key.clone(), value.clone()),
            (Method::Filter, Value::Bool(false)) => {}
            _ => return Err(unknown(method, args)),
        }
    }
    bounded(map.into())
}

fn kept(list: &List, function: &Value, caller: &mut Caller<'_, '_>) -> Result<List, Fault> {
    let mut kept = List::new();
    for item in list.iter() {
        if caller.test(function, [item.clone()])? {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn sort_by(list: &List, function: &Value, caller: &mut Caller<'_, '_>) -> Result<Value, Fault> {
    let mut keyed: Vec<(Value, Value)> = Vec::with_capacity(list.len());
    for item in list.iter() {
        keyed.push((caller.call(function, [item.clone()])?, item.clone()));
    }
    let keys: List = keyed.iter().map(|(key, _)| key.clone()).collect();
    pay_for_sorting(&keys, caller.fuel)?;
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::list(keyed.into_iter().map(|(_, item)| item)))
}

fn group_by(list: &List, function: &Value, caller: &mut Caller<'_, '_>) -> Result<Value, Fault> {
    let mut groups: Vec<(Arc<str>, List)> = Vec::new();
    let mut places: std::collections::BTreeMap<Arc<str>, usize> = std::collections::BTreeMap::new();
    for item in list.iter() {
        let key = match caller.call(function, [item.clone()])? {
            Value::Str(key) => key,
            other => {
                caller.fuel.spend(other.weight() / 32)?;
                border::text(&other).into()
            }
        };
        let place = *places.entry(key.clone()).or_insert_with(|| {
            groups.push((key, List::new()));
            groups.len() - 1
        });
        groups[place].1.push(item.clone());
    }
    bounded(Value::map(
        groups.into_iter().map(|(key, items)| (key, items.into())),
    ))
}

fn flat_map(list: &List, function: &Value, caller: &mut Caller<'_, '_>) -> Result<Value, Fault> {
    let mut flat = List::new();
    for item in list.iter() {
        match caller.call(function, [item.clone()])? {
            Value::List(items) => flat.append(&items),
            other => {
                return Err(Fault::new(
                    FaultKind::BadCode,
                    format!("`flat_map` got {}", other.kind()),
                ));
            }
        }
        if flat.len() > crate::limits::LIST_ITEMS {
            break; // `bounded` refuses it
        }
    }
    bounded(flat.into())
}
