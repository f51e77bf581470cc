//! Values in events and checkpoints: JSON that gives back every value as it was.
//!
//! Scalars, lists and objects are themselves. What JSON has no word for is an object with one key
//! that begins with `$` (`{"$time": 17}`); keys that begin with `$` themselves get one more. A
//! record comes back as a map, which is equal to it. Not for formats that do not describe
//! themselves.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{List, Map, Record, Secret, Value, Variant};

const DURATION: &str = "$duration";
const TIME: &str = "$time";
const VARIANT: &str = "$case";
const SECRET: &str = "$secret";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => to.serialize_unit(),
            Value::Bool(value) => to.serialize_bool(*value),
            Value::Int(value) => to.serialize_i64(*value),
            Value::Float(value) => to.serialize_f64(*value),
            Value::Str(text) => to.serialize_str(text),
            Value::Duration(nanos) => tagged(to, DURATION, nanos),
            Value::Time(nanos) => tagged(to, TIME, nanos),
            Value::List(list) => {
                let mut seq = to.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Value::Map(map) => object(to, None, map.iter()),
            Value::Record(record) => object(to, None, record.iter()),
            Value::Variant(variant) => object(to, Some(&variant.tag), variant.fields.iter()),
            Value::Secret(secret) => tagged(to, SECRET, &**secret),
            Value::Closure(_) => Err(S::Error::custom("a function cannot be stored")),
        }
    }
}

fn tagged<S: Serializer, T: Serialize>(to: S, tag: &str, value: &T) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

fn object<'a, S: Serializer>(
    to: S,
    case: Option<&Arc<str>>,
    entries: impl Iterator<Item = (&'a Arc<str>, &'a Value)>,
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    if let Some(case) = case {
        map.serialize_entry(VARIANT, &**case)?;
    }
    for (key, value) in entries {
        if key.starts_with('$') {
            map.serialize_entry(&format!("${key}"), value)?;
        } else {
            map.serialize_entry(&**key, value)?;
        }
    }
    map.end()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stored value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Int)
            .map_err(|_| E::custom(format!("{value} is beyond 64 bits with sign")))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = List::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut case = None;
        let mut fields = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                DURATION => return Ok(Value::Duration(entries.next_value()?)),
                TIME => return Ok(Value::Time(entries.next_value()?)),
                SECRET => return Ok(Value::Secret(Arc::new(entries.next_value::<Secret>()?))),
                VARIANT => case = Some(Arc::from(entries.next_value::<String>()?)),
                plain => {
                    let key: Arc<str> = if plain.starts_with("$$") {
                        plain[1..].into()
                    } else {
                        plain.into()
                    };
                    fields.push((key, entries.next_value()?));
                }
            }
        }
        Ok(match case {
            Some(tag) => Value::Variant(Arc::new(Variant {
                tag,
                fields: Record::from_fields(fields),
            })),
            None => Value::map(fields),
        })
    }
}

/// A map alone, as the object that it is.
impl Serialize for Map {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, None, self.iter())
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        match Value::deserialize(from)? {
            Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
            other => Err(D::Error::custom(format!(
                "expected an object, got {}",
                other.kind()
            ))),
        }
    }
}
