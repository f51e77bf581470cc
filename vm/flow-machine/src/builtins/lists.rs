//! Methods of lists that take no function.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_bytecode::Method;

use super::{bounds, strings, unknown};
use crate::fault::{Fault, FaultKind};
use crate::interp::{Fuel, add, float, is_in};
use crate::value::{List, Record, Shape, Value, bounded};

pub(super) fn call(method: Method, list: &List, args: &[Value], fuel: &mut Fuel) -> Result<Value, Fault> {
    match (method, &args[1..]) {
        (Method::First, []) => return Ok(list.get(0).cloned().unwrap_or(Value::Null)),
        (Method::Last, []) => return Ok(list.last().cloned().unwrap_or(Value::Null)),
        (Method::Count, []) => return Ok(Value::Int(list.len() as i64)),
        (Method::Contains, [item]) => return is_in(item, &args[0], fuel).map(Value::Bool),
        _ => fuel.spend(list.len() as u64)?,
    }
    match (method, &args[1..]) {
        (Method::Take, [Value::Int(count)]) => Ok(list.slice(0, natural(*count)).into()),
        (Method::Drop, [Value::Int(count)]) => Ok(list.slice(natural(*count), list.len()).into()),
        (Method::Slice, [Value::Int(from)] | [Value::Int(from), Value::Null]) => Ok(slice(list, *from, None)),
        (Method::Slice, [Value::Int(from), Value::Int(to)]) => Ok(slice(list, *from, Some(*to))),
        (Method::Reverse, []) => Ok(Value::list(list.iter().rev().cloned())),
        (Method::Sort, []) => sort(list, fuel),
        (Method::Unique, []) => unique(list, fuel),
        (Method::Zip, [Value::List(other)]) => zip(list, other),
        (Method::Flatten, []) => flatten(list, fuel),
        (Method::Sum, []) => list
            .iter()
            .try_fold(Value::Int(0), |sum, item| match (&sum, item) {
                (Value::Int(0), first @ (Value::Duration(_) | Value::Float(_))) => Ok(first.clone()),
                _ => add(&sum, item, fuel),
            }),
        (Method::Min, []) => extreme(list, fuel, |new, best| new < best),
        (Method::Max, []) => extreme(list, fuel, |new, best| new > best),
        (Method::Mean, []) => mean(list),
        (Method::Join, []) => strings::join(list, "", fuel),
        (Method::Join, [Value::Str(separator)]) => strings::join(list, separator, fuel),
        (Method::Enumerate, []) => enumerate(list),
        _ => Err(unknown(method, args)),
    }
}

/// Fuel for putting a list in order: every comparison may walk a whole item.
pub(super) fn pay_for_sorting(list: &List, fuel: &mut Fuel) -> Result<(), Fault> {
    let rounds = u64::from(usize::BITS - list.len().leading_zeros());
    fuel.spend((list.len() as u64 + list.weight() / 64).saturating_mul(rounds))
}

/// A record of two fields.
pub(super) fn pair(shape: &Shape, first: Value, second: Value) -> Value {
    Value::Record(Arc::new(Record::new(shape.clone(), [first, second].into())))
}

fn natural(count: i64) -> usize {
    usize::try_from(count.max(0)).unwrap_or(usize::MAX)
}

fn slice(list: &List, from: i64, to: Option<i64>) -> Value {
    let (from, to) = bounds(list.len(), from, to);
    list.slice(from, to).into()
}

fn sort(list: &List, fuel: &mut Fuel) -> Result<Value, Fault> {
    pay_for_sorting(list, fuel)?;
    let mut items: Vec<Value> = list.iter().cloned().collect();
    items.sort();
    Ok(Value::list(items))
}

fn unique(list: &List, fuel: &mut Fuel) -> Result<Value, Fault> {
    pay_for_sorting(list, fuel)?;
    let mut seen: BTreeSet<&Value> = BTreeSet::new();
    Ok(Value::list(list.iter().filter(|item| seen.insert(item)).cloned()))
}

fn zip(list: &List, other: &List) -> Result<Value, Fault> {
    let shape: Shape = ["first".into(), "second".into()].into();
    bounded(Value::list(
        list.iter()
            .zip(other.iter())
            .map(|(a, b)| pair(&shape, a.clone(), b.clone())),
    ))
}

fn enumerate(list: &List) -> Result<Value, Fault> {
    let shape: Shape = ["index".into(), "value".into()].into();
    bounded(Value::list(
        (0..)
            .zip(list.iter())
            .map(|(at, item)| pair(&shape, Value::Int(at), item.clone())),
    ))
}

fn flatten(list: &List, fuel: &mut Fuel) -> Result<Value, Fault> {
    let mut flat = List::new();
    for item in list.iter() {
        let Value::List(inner) = item else {
            return Err(Fault::new(
                FaultKind::BadCode,
                format!("`flatten` of a list with {}", item.kind()),
            ));
        };
        fuel.spend(1 + inner.len() as u64 / 16)?;
        flat.append(inner);
        if flat.len() > crate::limits::LIST_ITEMS {
            break; // `bounded` refuses it
        }
    }
    bounded(flat.into())
}

fn extreme(list: &List, fuel: &mut Fuel, better: impl Fn(&Value, &Value) -> bool) -> Result<Value, Fault> {
    fuel.spend(list.weight() / 64)?;
    let best = list
        .iter()
        .reduce(|best, item| if better(item, best) { item } else { best });
    Ok(best.cloned().unwrap_or(Value::Null))
}

fn mean(list: &List) -> Result<Value, Fault> {
    if list.is_empty() {
        return Err(Fault::new(FaultKind::Empty, "the mean of an empty list"));
    }
    let durations: Option<i128> = list.iter().try_fold(0, |sum, item| match item {
        Value::Duration(nanos) => Some(sum + i128::from(*nanos)),
        _ => None,
    });
    if let Some(sum) = durations {
        return Ok(Value::Duration((sum / list.len() as i128) as i64));
    }
    let sum = list.iter().try_fold(0.0, |sum, item| match item {
        Value::Int(value) => Ok(sum + *value as f64),
        Value::Float(value) => Ok(sum + value),
        other => Err(Fault::new(
            FaultKind::BadCode,
            format!("`mean` of a list with {}", other.kind()),
        )),
    });
    float(sum? / list.len() as f64)
}
