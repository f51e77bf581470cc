//! What can be checked: JSON and values, seen alike.

use std::sync::Arc;

use serde_json::Value as Json;

use super::json::{plain_number, plain_value, to_json};
use super::types::described;
use crate::value::{List, Value};

/// Something that can be checked against a type.
pub(super) trait Source<'s>: Copy {
    /// What it is.
    fn kind(self) -> Kind<'s>;
    /// The text of a [`Kind::Str`].
    fn text(self) -> Arc<str>;
    /// The items of a [`Kind::List`].
    fn items(self) -> Box<dyn Iterator<Item = Self> + 's>;
    /// The entries of a [`Kind::Object`].
    fn entries(self) -> Box<dyn Iterator<Item = (&'s str, Self)> + 's>;
    /// The value under a key of a [`Kind::Object`], or the field of a case.
    fn entry(self, key: &str) -> Option<Self>;
    /// The case of a union that this is meant to be.
    fn tag(self) -> Option<&'s str>;
    /// Itself, if it is a value already.
    fn value(self) -> Option<&'s Value>;
    /// As a `json` value, if it can be one.
    fn plain(self) -> Option<Value>;
    /// The nearest float of a [`Kind::BigInt`].
    fn big(self) -> f64;
    /// For messages.
    fn described(self) -> String;
}

/// What a source is.
#[derive(Clone, Copy)]
pub(super) enum Kind<'s> {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer of JSON beyond 64 bits with sign.
    BigInt,
    Float(f64),
    Str(&'s str),
    List,
    Object,
    /// A value that JSON has no word for.
    Other,
}

impl<'s> Source<'s> for &'s Json {
    fn kind(self) -> Kind<'s> {
        match self {
            Json::Null => Kind::Null,
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(number) => match plain_number(number) {
                Some(Value::Int(value)) => Kind::Int(value),
                Some(Value::Float(value)) => Kind::Float(value),
                _ => Kind::BigInt,
            },
            Json::String(text) => Kind::Str(text),
            Json::Array(_) => Kind::List,
            Json::Object(_) => Kind::Object,
        }
    }

    fn text(self) -> Arc<str> {
        self.as_str().unwrap_or_default().into()
    }

    fn items(self) -> Box<dyn Iterator<Item = Self> + 's> {
        Box::new(self.as_array().into_iter().flatten())
    }

    fn entries(self) -> Box<dyn Iterator<Item = (&'s str, Self)> + 's> {
        Box::new(
            self.as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.as_str(), value)),
        )
    }

    fn entry(self, key: &str) -> Option<Self> {
        self.get(key)
    }

    fn tag(self) -> Option<&'s str> {
        self.get("tag")?.as_str()
    }

    fn value(self) -> Option<&'s Value> {
        None
    }

    fn plain(self) -> Option<Value> {
        plain_value(self)
    }

    fn big(self) -> f64 {
        self.as_f64().unwrap_or(f64::MAX)
    }

    fn described(self) -> String {
        plain_value(self).map_or_else(|| format!("integer {self}"), |value| described(&value))
    }
}

impl<'s> Source<'s> for &'s Value {
    fn kind(self) -> Kind<'s> {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Int(value) => Kind::Int(*value),
            Value::Float(value) => Kind::Float(*value),
            Value::Str(text) => Kind::Str(text),
            Value::List(_) => Kind::List,
            Value::Map(_) | Value::Record(_) => Kind::Object,
            Value::Duration(_)
            | Value::Time(_)
            | Value::Variant(_)
            | Value::Secret(_)
            | Value::Closure(_) => Kind::Other,
        }
    }

    fn text(self) -> Arc<str> {
        match self {
            Value::Str(text) => text.clone(),
            _ => "".into(),
        }
    }

    fn items(self) -> Box<dyn Iterator<Item = Self> + 's> {
        Box::new(self.as_list().into_iter().flat_map(List::iter))
    }

    fn entries(self) -> Box<dyn Iterator<Item = (&'s str, Self)> + 's> {
        Box::new(
            self.as_object()
                .into_iter()
                .flat_map(|object| object.iter().map(|(key, value)| (&**key, value))),
        )
    }

    fn entry(self, key: &str) -> Option<Self> {
        self.get(key)
    }

    fn tag(self) -> Option<&'s str> {
        match self {
            Value::Variant(variant) => Some(&variant.tag),
            other => other.get("tag")?.as_str(),
        }
    }

    fn value(self) -> Option<&'s Value> {
        Some(self)
    }

    fn plain(self) -> Option<Value> {
        match self {
            Value::Secret(_) | Value::Closure(_) => None,
            Value::Duration(_) | Value::Time(_) | Value::Variant(_) => plain_value(&to_json(self)),
            other => Some(other.clone()),
        }
    }

    fn big(self) -> f64 {
        f64::MAX
    }

    fn described(self) -> String {
        described(self)
    }
}
