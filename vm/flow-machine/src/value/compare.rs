//! Deep equality and the total order. Integers and floats compare by their exact numbers; maps and
//! records by content, whatever the order of their keys. What two values share is not looked at.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Object, Record, Value};

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b))
            | (Value::Duration(a), Value::Duration(b))
            | (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
                int_to_float(*a, *b).is_eq()
            }
            (Value::Str(a), Value::Str(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b) || (a.len() == b.len() && a.starts_with(b)),
            (Value::Map(a), Value::Map(b)) if Arc::ptr_eq(a, b) => true,
            (Value::Record(a), Value::Record(b)) if Arc::ptr_eq(a, b) => true,
            (Value::Variant(a), Value::Variant(b)) if Arc::ptr_eq(a, b) => true,
            (Value::Variant(a), Value::Variant(b)) => {
                a.tag == b.tag && same_content(Object::Record(&a.fields), Object::Record(&b.fields))
            }
            (Value::Secret(a), Value::Secret(b)) => a == b,
            (Value::Closure(a), Value::Closure(b)) => a.chunk == b.chunk && a.captured == b.captured,
            _ => match (self.as_object(), other.as_object()) {
                (Some(a), Some(b)) => same_content(a, b),
                _ => false,
            },
        }
    }
}

impl Eq for Value {}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b))
            | (Value::Duration(a), Value::Duration(b))
            | (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => floats(*a, *b),
            (Value::Int(a), Value::Float(b)) => int_to_float(*a, *b),
            (Value::Float(a), Value::Int(b)) => int_to_float(*b, *a).reverse(),
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => a.iter().cmp(b.iter()),
            (Value::Variant(a), Value::Variant(b)) => {
                a.tag.cmp(&b.tag).then_with(|| fields(&a.fields, &b.fields))
            }
            (Value::Secret(a), Value::Secret(b)) => a.cmp(b),
            (Value::Closure(a), Value::Closure(b)) => {
                a.chunk.cmp(&b.chunk).then_with(|| a.captured.cmp(&b.captured))
            }
            _ => match (self.as_object(), other.as_object()) {
                (Some(a), Some(b)) => sorted(a).cmp(&sorted(b)),
                _ => rank(self).cmp(&rank(other)),
            },
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn same_content(a: Object<'_>, b: Object<'_>) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(key, value)| b.get(key).is_some_and(|other| other == value))
}

fn fields(a: &Record, b: &Record) -> Ordering {
    sorted(Object::Record(a)).cmp(&sorted(Object::Record(b)))
}

fn sorted(object: Object<'_>) -> Vec<(&str, &Value)> {
    let mut entries: Vec<(&str, &Value)> = object.iter().map(|(key, value)| (&**key, value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// Numbers that are the same are equal, the signs of zero included.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}

/// Compares without rounding the integer: 2^53+1 is more than 2^53.
fn int_to_float(a: i64, b: f64) -> Ordering {
    const EDGE: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if b.is_nan() || b >= EDGE {
        return Ordering::Less;
    }
    if b < -EDGE {
        return Ordering::Greater;
    }
    let whole = b.trunc();
    a.cmp(&(whole as i64)).then_with(|| floats(0.0, b - whole))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) => 2,
        Value::Str(_) => 3,
        Value::Duration(_) => 4,
        Value::Time(_) => 5,
        Value::List(_) => 6,
        Value::Map(_) | Value::Record(_) => 7,
        Value::Variant(_) => 8,
        Value::Secret(_) => 9,
        Value::Closure(_) => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: i64) -> (Arc<str>, Value) {
        (name.into(), Value::Int(value))
    }

    #[test]
    fn maps_and_records_are_equal_by_content() {
        let map = Value::map([entry("a", 1), entry("b", 2)]);
        let record = Value::record([entry("b", 2), entry("a", 1)]);
        assert_eq!(map, record);
        assert_eq!(map.cmp(&record), Ordering::Equal);
        assert_ne!(map, Value::record([entry("a", 1)]));
    }

    #[test]
    fn numbers_compare_exactly() {
        let big = (1_i64 << 53) + 1;
        assert_eq!(Value::Int(1), Value::Float(1.0));
        assert_ne!(Value::Int(big), Value::Float(9_007_199_254_740_992.0));
        assert!(Value::Int(big) > Value::Float(9_007_199_254_740_992.0));
        assert!(Value::Int(-1) > Value::Float(-1.5));
        assert!(Value::Int(i64::MAX) < Value::Float(1e19));
        assert_eq!(Value::Float(0.0), Value::Float(-0.0));
    }
}
