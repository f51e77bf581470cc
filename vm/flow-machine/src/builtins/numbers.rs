//! Methods of numbers and durations.

use flow_bytecode::Method;

use super::unknown;
use crate::fault::{Fault, FaultKind};
use crate::interp::float;
use crate::value::Value;

/// More digits than a double has change nothing.
const MOST_DIGITS: i64 = 17;

pub(super) fn call(method: Method, receiver: &Value, rest: &[Value]) -> Result<Value, Fault> {
    match (method, receiver, rest) {
        (Method::Abs, Value::Int(value), []) => value.checked_abs().map(Value::Int).ok_or_else(beyond),
        (Method::Abs, Value::Duration(value), []) => {
            value.checked_abs().map(Value::Duration).ok_or_else(beyond)
        }
        (Method::Abs, Value::Float(value), []) => Ok(Value::Float(value.abs())),
        (Method::Round | Method::Floor | Method::Ceil | Method::ToInt, Value::Int(value), []) => {
            Ok(Value::Int(*value))
        }
        (Method::Round, Value::Float(value), []) => whole(value.round()),
        (Method::Floor, Value::Float(value), []) => whole(value.floor()),
        (Method::Ceil, Value::Float(value), []) => whole(value.ceil()),
        (Method::ToInt, Value::Float(value), []) => whole(value.trunc()),
        (Method::Round, Value::Float(value), [Value::Int(digits)]) => rounded(*value, *digits),
        (Method::ToFloat, Value::Int(value), []) | (Method::Round, Value::Int(value), [Value::Int(_)]) => {
            Ok(Value::Float(*value as f64))
        }
        (Method::ToFloat, Value::Float(value), []) => Ok(Value::Float(*value)),
        (Method::Clamp, value, [low, high]) => {
            if low > high {
                return Err(Fault::new(
                    FaultKind::OutOfRange,
                    "`clamp` with a lower bound above the upper",
                ));
            }
            Ok(value.max(low).min(high).clone())
        }
        _ => Err(unknown(method, &[std::slice::from_ref(receiver), rest].concat())),
    }
}

fn whole(value: f64) -> Result<Value, Fault> {
    if value.abs() < 9_223_372_036_854_775_807.0 {
        Ok(Value::Int(value as i64))
    } else {
        Err(beyond())
    }
}

/// By way of decimal text, so that `2.675.round(2)` is what the written number says.
fn rounded(value: f64, digits: i64) -> Result<Value, Fault> {
    if digits >= MOST_DIGITS {
        return Ok(Value::Float(value));
    }
    if digits >= 0 {
        let text = format!("{value:.*}", digits as usize);
        return float(text.parse().unwrap_or(value));
    }
    let scale = 10_f64.powi(digits.max(-400).unsigned_abs() as i32);
    float((value / scale).round() * scale).or(Ok(Value::Float(0.0)))
}

fn beyond() -> Fault {
    Fault::new(FaultKind::Overflow, "the number does not fit 64 bits")
}
