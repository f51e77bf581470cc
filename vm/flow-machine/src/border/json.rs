//! Values as JSON and back where no type says more: `json` values, and the canonical form for hashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map as JsonMap, Number, Value as Json};

use super::text::{iso_duration, rfc3339};
use crate::value::{List, Map, Value};

/// A value as JSON. Records keep the order of their fields. Secrets become `{"$secret": …}` with
/// names only.
///
/// This is for people and for the wire. It is not a way to store values: a `{"$secret": …}` that
/// came from outside looks the same. What is stored and read back goes through `Serialize`.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null | Value::Closure(_) => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Str(text) => Json::String(text.to_string()),
        Value::Duration(nanos) => Json::String(iso_duration(*nanos)),
        Value::Time(nanos) => Json::String(rfc3339(*nanos)),
        Value::List(list) => Json::Array(list.iter().map(to_json).collect()),
        Value::Map(map) => object(map.iter()),
        Value::Record(record) => object(record.iter()),
        Value::Variant(variant) => {
            let tag = ("tag".to_owned(), Json::String(variant.tag.to_string()));
            let fields = variant
                .fields
                .iter()
                .map(|(name, value)| (name.to_string(), to_json(value)));
            Json::Object([tag].into_iter().chain(fields).collect())
        }
        Value::Secret(secret) => {
            let mask = serde_json::to_value(&**secret).unwrap_or(Json::Null);
            Json::Object(JsonMap::from_iter([("$secret".to_owned(), mask)]))
        }
    }
}

fn object<'a>(entries: impl Iterator<Item = (&'a Arc<str>, &'a Value)>) -> Json {
    Json::Object(
        entries
            .map(|(key, value)| (key.to_string(), to_json(value)))
            .collect(),
    )
}

/// JSON as a `json` value. None if an integer in it is beyond 64 bits with sign: it would be
/// rounded. Objects become maps.
pub fn plain_value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => plain_number(number)?,
        Json::String(text) => Value::str(text.as_str()),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(plain_value).collect::<Option<List>>()?)),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| Some((Arc::from(key.as_str()), plain_value(value)?)));
            Value::Map(Arc::new(entries.collect::<Option<Map>>()?))
        }
    })
}

pub(super) fn plain_number(number: &Number) -> Option<Value> {
    if let Some(value) = number.as_i64() {
        return Some(Value::Int(value));
    }
    if number.is_u64() {
        return None;
    }
    number
        .as_f64()
        .filter(|value| value.is_finite())
        .map(Value::Float)
}

/// The one text that equal values share: compact JSON with sorted keys. For hashes and keys.
pub fn canonical_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(&mut out, &to_json(value));
    out
}

/// The same for JSON.
pub(crate) fn canonical_json(json: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(&mut out, json);
    out
}

fn write_canonical(out: &mut Vec<u8>, json: &Json) {
    match json {
        Json::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_canonical(out, item);
            }
            out.push(b']');
        }
        Json::Object(entries) => {
            out.push(b'{');
            let sorted: BTreeMap<&String, &Json> = entries.iter().collect();
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(Json::String(key.clone()).to_string().as_bytes());
                out.push(b':');
                write_canonical(out, value);
            }
            out.push(b'}');
        }
        Json::Number(number) if number.as_f64() == Some(0.0) && number.is_f64() => {
            out.extend_from_slice(b"0.0");
        }
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}
