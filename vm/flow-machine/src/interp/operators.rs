//! Operators. Arithmetic is checked: what does not fit is a fault, never a wrong number.

use std::cmp::Ordering;

use flow_bytecode::{BinaryOp, UnaryOp};

use super::Fuel;
use super::build::concat;
use super::code::Comparison;
use crate::fault::{Fault, FaultKind};
use crate::value::{List, Value, bounded};

/// `a op b` of an operator that gives a bool by comparing.
#[inline]
pub(super) fn compare(by: Comparison, a: &Value, b: &Value, fuel: &mut Fuel) -> Result<bool, Fault> {
    let order = match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(x), Value::Float(y)) => match x.partial_cmp(y) {
            Some(order) => order,
            None => return rare_compare(by, a, b, fuel),
        },
        _ => return rare_compare(by, a, b, fuel),
    };
    Ok(by.holds(order))
}

fn rare_compare(by: Comparison, a: &Value, b: &Value, fuel: &mut Fuel) -> Result<bool, Fault> {
    match by.op {
        BinaryOp::Eq => same(a, b, fuel),
        BinaryOp::Ne => same(a, b, fuel).map(|same| !same),
        op => order(op, a, b, fuel).map(|order| by.holds(order)),
    }
}

/// `a op b` of any other operator.
#[inline]
pub(super) fn binary(op: BinaryOp, a: &Value, b: &Value, fuel: &mut Fuel) -> Result<Value, Fault> {
    match op {
        BinaryOp::In => is_in(a, b, fuel).map(Value::Bool),
        BinaryOp::Add => add(a, b, fuel),
        BinaryOp::Sub => subtract(a, b),
        BinaryOp::Mul => multiply(a, b),
        BinaryOp::Div => divide(a, b),
        BinaryOp::Rem => remainder(a, b),
        other => unreachable!("{other:?} is a comparison"),
    }
}

/// `op a`
pub(super) fn unary(op: UnaryOp, a: &Value) -> Result<Value, Fault> {
    match (op, a) {
        (UnaryOp::IsNull, a) => Ok(Value::Bool(a.is_null())),
        (UnaryOp::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (UnaryOp::Neg, Value::Int(value)) => int(value.checked_neg(), || format!("-({value})")),
        (UnaryOp::Neg, Value::Float(value)) => Ok(Value::Float(-value)),
        (UnaryOp::Neg, Value::Duration(value)) => duration(value.checked_neg()),
        _ => Err(Fault::new(
            FaultKind::BadCode,
            format!("`{}` of {}", unary_sign(op), a.kind()),
        )),
    }
}

/// The one conversion that happens by itself. Null stays null, for `int?` where a `float?` is meant.
pub(super) fn int_to_float(a: &Value) -> Result<Value, Fault> {
    match a {
        Value::Int(value) => Ok(Value::Float(*value as f64)),
        Value::Float(_) | Value::Null => Ok(a.clone()),
        other => Err(Fault::new(
            FaultKind::BadCode,
            format!("{} where a number is expected", other.kind()),
        )),
    }
}

/// `a + b`; also what `sum` and the reducer `add` do.
pub(crate) fn add(a: &Value, b: &Value, fuel: &mut Fuel) -> Result<Value, Fault> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(a.checked_add(*b), || format!("{a} + {b}")),
        (Value::Duration(a), Value::Duration(b)) => duration(a.checked_add(*b)),
        (Value::Time(a), Value::Duration(b)) | (Value::Duration(b), Value::Time(a)) => {
            time(a.checked_add(*b))
        }
        (Value::Str(_) | Value::Secret(_), Value::Str(_) | Value::Secret(_)) => {
            concat(&[a.clone(), b.clone()], fuel)
        }
        (Value::List(a), Value::List(b)) => {
            fuel.spend(1 + b.len() as u64 / 64)?;
            let mut list = List::clone(a);
            list.append(b);
            bounded(list.into())
        }
        _ => match floats(a, b) {
            Some((a, b)) => float(a + b),
            None => Err(unfit("+", a, b)),
        },
    }
}

fn subtract(a: &Value, b: &Value) -> Result<Value, Fault> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(a.checked_sub(*b), || format!("{a} - {b}")),
        (Value::Duration(a), Value::Duration(b)) | (Value::Time(a), Value::Time(b)) => {
            duration(a.checked_sub(*b))
        }
        (Value::Time(a), Value::Duration(b)) => time(a.checked_sub(*b)),
        _ => match floats(a, b) {
            Some((a, b)) => float(a - b),
            None => Err(unfit("-", a, b)),
        },
    }
}

fn multiply(a: &Value, b: &Value) -> Result<Value, Fault> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(a.checked_mul(*b), || format!("{a} * {b}")),
        (Value::Duration(a), Value::Int(b)) | (Value::Int(b), Value::Duration(a)) => {
            duration(a.checked_mul(*b))
        }
        (Value::Duration(a), Value::Float(b)) | (Value::Float(b), Value::Duration(a)) => scaled(*a, *b),
        _ => match floats(a, b) {
            Some((a, b)) => float(a * b),
            None => Err(unfit("*", a, b)),
        },
    }
}

fn divide(a: &Value, b: &Value) -> Result<Value, Fault> {
    if is_zero(b) {
        return Err(Fault::new(FaultKind::DivisionByZero, "division by zero"));
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(a.checked_div(*b), || format!("{a} / {b}")),
        (Value::Duration(a), Value::Int(b)) => duration(a.checked_div(*b)),
        (Value::Duration(a), Value::Float(b)) => scaled(*a, 1.0 / b),
        (Value::Duration(a), Value::Duration(b)) => float(*a as f64 / *b as f64),
        _ => match floats(a, b) {
            Some((a, b)) => float(a / b),
            None => Err(unfit("/", a, b)),
        },
    }
}

fn remainder(a: &Value, b: &Value) -> Result<Value, Fault> {
    if is_zero(b) {
        return Err(Fault::new(
            FaultKind::DivisionByZero,
            "remainder of a division by zero",
        ));
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(Value::Int(a.wrapping_rem(*b))),
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.wrapping_rem(*b))),
        _ => match floats(a, b) {
            Some((a, b)) => float(a % b),
            None => Err(unfit("%", a, b)),
        },
    }
}

/// The order of two values that have one.
fn order(op: BinaryOp, a: &Value, b: &Value, fuel: &mut Fuel) -> Result<Ordering, Fault> {
    match (a, b) {
        (Value::Duration(a), Value::Duration(b)) | (Value::Time(a), Value::Time(b)) => Ok(a.cmp(b)),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => Ok(a.cmp(b)),
        (Value::Str(left), Value::Str(right)) => {
            fuel.spend(left.len().min(right.len()) as u64 / 64)?;
            Ok(left.cmp(right))
        }
        _ => Err(unfit(sign(op), a, b)),
    }
}

/// Deep equality, paid by size.
fn same(a: &Value, b: &Value, fuel: &mut Fuel) -> Result<bool, Fault> {
    fuel.spend(a.weight().min(b.weight()) / 64)?;
    Ok(a == b)
}

/// Element of a list, key of a map, part of a string.
pub(crate) fn is_in(a: &Value, b: &Value, fuel: &mut Fuel) -> Result<bool, Fault> {
    match (a, b) {
        (_, Value::List(list)) => {
            fuel.spend(list.weight() / 64)?;
            Ok(list.iter().any(|item| item == a))
        }
        (Value::Str(key), Value::Map(_) | Value::Record(_)) => Ok(b.get(key).is_some()),
        (Value::Str(part), Value::Str(whole)) => {
            fuel.spend(whole.len() as u64 / 64)?;
            Ok(whole.contains(&**part))
        }
        _ => Err(unfit("in", a, b)),
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(value) | Value::Duration(value) => *value == 0,
        Value::Float(value) => *value == 0.0,
        _ => false,
    }
}

/// Both as floats, if both are numbers.
fn floats(a: &Value, b: &Value) -> Option<(f64, f64)> {
    let float = |value: &Value| match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    };
    Some((float(a)?, float(b)?))
}

fn int(value: Option<i64>, what: impl FnOnce() -> String) -> Result<Value, Fault> {
    value
        .map(Value::Int)
        .ok_or_else(|| Fault::new(FaultKind::Overflow, format!("{} does not fit 64 bits", what())))
}

fn duration(nanos: Option<i64>) -> Result<Value, Fault> {
    nanos
        .map(Value::Duration)
        .ok_or_else(|| Fault::new(FaultKind::Overflow, "a duration beyond 292 years"))
}

fn time(nanos: Option<i64>) -> Result<Value, Fault> {
    nanos
        .map(Value::Time)
        .ok_or_else(|| Fault::new(FaultKind::Overflow, "a time outside the years 1677 to 2262"))
}

fn scaled(nanos: i64, factor: f64) -> Result<Value, Fault> {
    let product = (nanos as f64 * factor).round();
    duration((product.abs() < 9.2e18).then_some(product as i64))
}

/// A float that may stand in a state: neither infinite nor NaN.
pub(crate) fn float(value: f64) -> Result<Value, Fault> {
    if value.is_finite() {
        return Ok(Value::Float(value));
    }
    Err(Fault::new(FaultKind::NotFinite, "a number too large for a float"))
}

#[cold]
fn unfit(sign: &str, a: &Value, b: &Value) -> Fault {
    Fault::new(
        FaultKind::BadCode,
        format!("`{sign}` of {} and {}", a.kind(), b.kind()),
    )
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
    }
}

fn unary_sign(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Not => "not",
        UnaryOp::IsNull => "== null",
    }
}
