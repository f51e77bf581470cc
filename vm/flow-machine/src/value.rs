//! Values at run time: what state, arguments and replies are made of.
//!
//! Cloning is a pointer copy. Containers know their depth and weight, so that no program can build
//! a value that would exhaust the stack or the memory of those who walk it. Comparison is in
//! `compare`, text and JSON in `crate::border`.

mod compare;
mod list;
mod map;
mod record;
mod secret;
mod stored;

use std::fmt;
use std::sync::Arc;

use flow_bytecode::ChunkId;

use crate::fault::{Fault, FaultKind};
use crate::limits::{LIST_ITEMS, STRING_BYTES, VALUE_BYTES, VALUE_DEPTH};

pub use list::List;
pub use map::Map;
pub use record::{Record, Shape, Variant};
pub use secret::{Secret, SecretPart};

/// A value.
///
/// A JSON object is a [`Map`] until it is checked against a record type; a map and a record with
/// the same content are equal, and can be read in the same ways ([`Value::as_object`]).
#[derive(Clone)]
pub enum Value {
    /// The absent value of a `T?`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A finite double.
    Float(f64),
    /// Text; also a case of a plain enum.
    Str(Arc<str>),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the Unix epoch, UTC.
    Time(i64),
    /// A list.
    List(Arc<List>),
    /// A string-keyed map in insertion order.
    Map(Arc<Map>),
    /// A record.
    Record(Arc<Record>),
    /// A case of a tagged union.
    Variant(Arc<Variant>),
    /// Text that contains secrets, by name.
    Secret(Arc<Secret>),
    /// A function with the values that it has captured. Never leaves an expression.
    Closure(Arc<Closure>),
}

/// A function value.
#[derive(Clone, Debug)]
pub struct Closure {
    chunk: ChunkId,
    captured: Box<[Value]>,
    depth: u32,
    weight: u64,
}

/// What has string keys: a map or a record.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A map.
    Map(&'a Map),
    /// A record.
    Record(&'a Record),
}

impl Value {
    /// Text.
    pub fn str(text: impl Into<Arc<str>>) -> Value {
        Value::Str(text.into())
    }

    /// A list of these items.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::List(Arc::new(items.into_iter().collect()))
    }

    /// A map of these entries; a later key wins.
    pub fn map(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Value {
        Value::Map(Arc::new(entries.into_iter().collect()))
    }

    /// A record of these fields. The names are distinct.
    pub fn record(fields: impl IntoIterator<Item = (Arc<str>, Value)>) -> Value {
        Value::Record(Arc::new(Record::from_fields(fields)))
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The list, if this is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map or record, if this is one.
    pub fn as_object(&self) -> Option<Object<'_>> {
        match self {
            Value::Map(map) => Some(Object::Map(map)),
            Value::Record(record) => Some(Object::Record(record)),
            _ => None,
        }
    }

    /// The field of a record, map or union case with this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Variant(variant) => variant.fields.get(name),
            other => other.as_object()?.get(name),
        }
    }

    /// How many containers stand within each other: 0 for a scalar.
    pub fn depth(&self) -> u32 {
        match self {
            Value::List(list) => list.depth(),
            Value::Map(map) => map.depth(),
            Value::Record(record) => record.depth(),
            Value::Variant(variant) => variant.fields.depth(),
            Value::Closure(closure) => closure.depth,
            _ => 0,
        }
    }

    /// About how many bytes the value is when written out, shared parts counted each time.
    pub fn weight(&self) -> u64 {
        match self {
            Value::Str(text) => text.len() as u64 + 2,
            Value::List(list) => list.weight(),
            Value::Map(map) => map.weight(),
            Value::Record(record) => record.weight(),
            Value::Variant(variant) => variant.fields.weight() + variant.tag.len() as u64,
            Value::Secret(secret) => secret.weight(),
            Value::Closure(closure) => closure.weight,
            _ => 8,
        }
    }

    /// Whether a secret is in it anywhere.
    pub fn has_secret(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::List(list) => list.iter().any(Value::has_secret),
            Value::Map(map) => map.iter().any(|(_, value)| value.has_secret()),
            Value::Record(record) => record.values().iter().any(Value::has_secret),
            Value::Variant(variant) => variant.fields.values().iter().any(Value::has_secret),
            _ => false,
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "string",
            Value::Duration(_) => "duration",
            Value::Time(_) => "time",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Record(_) => "record",
            Value::Variant(_) => "union case",
            Value::Secret(_) => "secret",
            Value::Closure(_) => "function",
        }
    }
}

impl Closure {
    /// The function of a chunk, with what comes before the arguments.
    pub fn new(chunk: ChunkId, captured: Box<[Value]>) -> Closure {
        let depth = 1 + captured.iter().map(Value::depth).max().unwrap_or(0);
        let weight = captured.iter().map(Value::weight).fold(8, u64::saturating_add);
        Closure {
            chunk,
            captured,
            depth,
            weight,
        }
    }

    /// The code.
    pub fn chunk(&self) -> ChunkId {
        self.chunk
    }

    /// What comes before the arguments.
    pub fn captured(&self) -> &[Value] {
        &self.captured
    }
}

/// A value that has just been made, if it is not larger than values may be.
pub(crate) fn bounded(value: Value) -> Result<Value, Fault> {
    let (count, most, what) = match &value {
        Value::Str(text) => (text.len(), STRING_BYTES, "bytes of text"),
        Value::List(list) => (list.len(), LIST_ITEMS, "items"),
        Value::Map(map) => (map.len(), LIST_ITEMS, "entries"),
        _ => (0, 0, ""),
    };
    if count > most {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("a value of more than {most} {what}"),
        ));
    }
    if value.depth() > VALUE_DEPTH {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("a value nested deeper than {VALUE_DEPTH} levels"),
        ));
    }
    if value.weight() > VALUE_BYTES {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("a value of more than {VALUE_BYTES} bytes"),
        ));
    }
    Ok(value)
}

impl<'a> Object<'a> {
    /// How many entries it has.
    pub fn len(self) -> usize {
        match self {
            Object::Map(map) => map.len(),
            Object::Record(record) => record.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
    pub fn get(self, key: &str) -> Option<&'a Value> {
        match self {
            Object::Map(map) => map.get(key),
            Object::Record(record) => record.get(key),
        }
    }

    /// The entries in order.
    pub fn iter(self) -> Box<dyn Iterator<Item = (&'a Arc<str>, &'a Value)> + 'a> {
        match self {
            Object::Map(map) => Box::new(map.iter()),
            Object::Record(record) => Box::new(record.iter()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => write!(f, "null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Str(text) => write!(f, "{text:?}"),
            Value::Duration(nanos) => write!(f, "{nanos}ns"),
            Value::Time(nanos) => write!(f, "@{nanos}ns"),
            Value::List(list) => f.debug_list().entries(list.iter()).finish(),
            Value::Map(map) => f.debug_map().entries(map.iter()).finish(),
            Value::Record(record) => {
                write!(f, "record ")?;
                f.debug_map().entries(record.iter()).finish()
            }
            Value::Variant(variant) => {
                write!(f, "{} ", variant.tag)?;
                f.debug_map().entries(variant.fields.iter()).finish()
            }
            Value::Secret(secret) => write!(f, "{secret}"),
            Value::Closure(closure) => write!(f, "fn#{}{:?}", closure.chunk.0, closure.captured),
        }
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => { $(
        impl From<$source> for Value {
            fn from(value: $source) -> Value {
                Value::$variant(value.into())
            }
        }
    )* };
}

from! { bool => Bool, i64 => Int, f64 => Float, &str => Str, String => Str, Arc<str> => Str, List => List, Map => Map, Record => Record }
