//! Methods of maps that take no function. Records can do the same, as what a map may have been.

use std::sync::Arc;

use flow_bytecode::Method;

use super::lists::pair;
use super::unknown;
use crate::fault::Fault;
use crate::interp::Fuel;
use crate::value::{Map, Object, Shape, Value, bounded};

pub(super) fn call(
    method: Method,
    receiver: &Value,
    args: &[Value],
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    let Some(object) = receiver.as_object() else {
        return Err(unknown(method, args));
    };
    match (method, &args[1..]) {
        (Method::Len | Method::Count, []) => Ok(Value::Int(object.len() as i64)),
        (Method::Get, [Value::Str(key)]) => Ok(object.get(key).cloned().unwrap_or(Value::Null)),
        (Method::Get, [Value::Str(key), default]) => Ok(object.get(key).unwrap_or(default).clone()),
        (Method::Has | Method::Contains, [Value::Str(key)]) => Ok(Value::Bool(object.get(key).is_some())),
        (Method::Remove, [Value::Str(key)]) => {
            fuel.spend(1 + object.len().min(16) as u64)?;
            let mut map = as_map(object);
            map.remove(key);
            Ok(map.into())
        }
        (Method::Merge, [other @ (Value::Map(_) | Value::Record(_))]) => {
            bounded(merge(receiver, other, fuel)?)
        }
        (Method::Keys | Method::Values | Method::ToList, []) => {
            fuel.spend(object.len() as u64)?;
            Ok(listed(method, object))
        }
        _ => Err(unknown(method, args)),
    }
}

/// Deep merge: objects are merged, anything else is replaced. Keys that are there keep their place.
pub(crate) fn merge(old: &Value, update: &Value, fuel: &mut Fuel) -> Result<Value, Fault> {
    let (Some(before), Some(added)) = (old.as_object(), update.as_object()) else {
        return Ok(update.clone());
    };
    fuel.spend(1 + added.len() as u64)?;
    match (old, before) {
        (Value::Record(record), _) if added.iter().all(|(key, _)| record.get(key).is_some()) => {
            let mut merged = Vec::with_capacity(record.len());
            for (name, value) in record.iter() {
                merged.push(match added.get(name) {
                    Some(new) => merge(value, new, fuel)?,
                    None => value.clone(),
                });
            }
            Ok(Value::Record(Arc::new(crate::value::Record::new(
                record.shape().clone(),
                merged.into(),
            ))))
        }
        _ => {
            let mut map = as_map(before);
            for (key, new) in added.iter() {
                let value = match map.get(key) {
                    Some(value) => merge(value, new, fuel)?,
                    None => new.clone(),
                };
                map.insert(key.clone(), value);
            }
            Ok(map.into())
        }
    }
}

fn as_map(object: Object<'_>) -> Map {
    match object {
        Object::Map(map) => map.clone(),
        Object::Record(record) => record
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    }
}

fn listed(method: Method, object: Object<'_>) -> Value {
    let shape: Shape = ["key".into(), "value".into()].into();
    Value::list(object.iter().map(|(key, value)| match method {
        Method::Keys => Value::Str(key.clone()),
        Method::Values => value.clone(),
        _ => pair(&shape, Value::Str(key.clone()), value.clone()),
    }))
}
