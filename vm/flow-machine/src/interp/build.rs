//! Instructions that make containers and text, and read parts of them.

use std::sync::Arc;

use flow_bytecode::{ConstId, Op, Reg};

use super::{Env, Fuel, Interp};
use crate::border;
use crate::fault::{Fault, FaultKind};
use crate::limits::STRING_BYTES;
use crate::program::Program;
use crate::value::{Map, Record, Secret, SecretPart, Shape, Value, Variant, bounded};

impl Interp {
    pub(super) fn build(
        &self,
        env: &Env<'_>,
        op: Op,
        base: usize,
        fuel: &mut Fuel,
    ) -> Result<(Reg, Value), Fault> {
        let program = env.program;
        Ok(match op {
            Op::ToText { dst, a } => (dst, to_text(self.reg(base, a), fuel)?),
            Op::Concat { dst, first, count } => (dst, concat(self.slice(base, first, count), fuel)?),
            Op::List { dst, first, count } => (
                dst,
                bounded(Value::list(self.slice(base, first, count).iter().cloned()))?,
            ),
            Op::Record { dst, shape, first } => {
                let record = self.record(program, shape, base, first)?;
                (dst, bounded(Value::Record(Arc::new(record)))?)
            }
            Op::Map { dst, first, count } => (dst, self.map(base, first, count)?),
            Op::Variant { dst, shape, first } => {
                let fields = self.record(program, shape, base, first)?;
                let Value::Variant(case) = program.constant(shape) else {
                    return Err(no_shape());
                };
                (
                    dst,
                    bounded(Value::Variant(Arc::new(Variant {
                        tag: case.tag.clone(),
                        fields,
                    })))?,
                )
            }
            Op::With {
                dst,
                base: of,
                name,
                value,
            } => {
                let value = self.reg(base, value).clone();
                (
                    dst,
                    bounded(with(self.reg(base, of), program.text(name), value)?)?,
                )
            }
            other => unreachable!("{other:?} is handled before"),
        })
    }

    fn record(&self, program: &Program, shape: ConstId, base: usize, first: Reg) -> Result<Record, Fault> {
        let shape: &Shape = program.shape(shape).ok_or_else(no_shape)?;
        Ok(Record::new(
            shape.clone(),
            self.slice(base, first, shape.len() as u16).into(),
        ))
    }

    fn map(&self, base: usize, first: Reg, count: u16) -> Result<Value, Fault> {
        let mut map = Map::new();
        for pair in self.slice(base, first, count.saturating_mul(2)).chunks_exact(2) {
            let Value::Str(key) = &pair[0] else {
                return Err(Fault::new(
                    FaultKind::BadCode,
                    format!("a key of a map is {}", pair[0].kind()),
                ));
            };
            map.insert(key.clone(), pair[1].clone());
        }
        bounded(map.into())
    }
}

/// A field of a record, map or union case.
pub(super) fn field(of: &Value, name: &Arc<str>, hint: u16) -> Result<Value, Fault> {
    let found = match of {
        Value::Record(record) => record.get_at(name, usize::from(hint)),
        Value::Variant(variant) => variant.fields.get_at(name, usize::from(hint)),
        Value::Map(map) => map.get(name),
        _ => None,
    };
    found.cloned().ok_or_else(|| no_field(of, name))
}

#[cold]
fn no_field(of: &Value, name: &str) -> Fault {
    let message = match of {
        Value::Null => format!("there is no value to take `{name}` of"),
        other => format!("{} has no field `{name}`", other.kind()),
    };
    Fault::new(FaultKind::BadCode, message)
}

fn no_shape() -> Fault {
    Fault::new(
        FaultKind::BadCode,
        "the constant is not the shape of what is made",
    )
}

fn with(of: &Value, name: &Arc<str>, value: Value) -> Result<Value, Fault> {
    match of {
        Value::Record(record) => Ok(Value::Record(Arc::new(record.with(name, value)))),
        Value::Map(map) => {
            let mut map = Map::clone(map);
            map.insert(name.clone(), value);
            Ok(map.into())
        }
        other => Err(Fault::new(
            FaultKind::BadCode,
            format!("{} takes no field", other.kind()),
        )),
    }
}

pub(super) fn is_variant(value: &Value, name: &Arc<str>) -> bool {
    match value {
        Value::Variant(variant) => variant.tag == *name,
        Value::Str(text) => text == name,
        _ => false,
    }
}

pub(super) fn index_of(of: &Value, index: &Value) -> Result<Value, Fault> {
    match (of, index) {
        (Value::List(list), Value::Int(index)) => {
            let len = list.len();
            let position = if *index < 0 { len as i64 + index } else { *index };
            let found = usize::try_from(position).ok().and_then(|at| list.get(at));
            found.cloned().ok_or_else(|| {
                let size = if len == 1 {
                    "1 item".to_owned()
                } else {
                    format!("{len} items")
                };
                Fault::new(
                    FaultKind::OutOfRange,
                    format!("position {index} of a list of {size}"),
                )
            })
        }
        (Value::Map(_) | Value::Record(_), Value::Str(key)) => {
            Ok(of.get(key).cloned().unwrap_or(Value::Null))
        }
        _ => Err(Fault::new(
            FaultKind::BadCode,
            format!("{} cannot be indexed by {}", of.kind(), index.kind()),
        )),
    }
}

fn to_text(value: &Value, fuel: &mut Fuel) -> Result<Value, Fault> {
    match value {
        Value::Str(_) | Value::Secret(_) => Ok(value.clone()),
        other => {
            fuel.spend(other.weight() / 32)?;
            bounded(Value::str(border::text(other)))
        }
    }
}

/// Joins texts; secret if one of them is.
pub(super) fn concat(parts: &[Value], fuel: &mut Fuel) -> Result<Value, Fault> {
    let size = parts.iter().map(Value::weight).fold(0, u64::saturating_add);
    fuel.spend(size / 64)?;
    if size > STRING_BYTES as u64 {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!("a text of more than {STRING_BYTES} bytes"),
        ));
    }
    if parts.iter().any(|part| matches!(part, Value::Secret(_))) {
        return Ok(secret_concat(parts));
    }
    let mut text = String::with_capacity(size as usize);
    for part in parts {
        match part {
            Value::Str(part) => text.push_str(part),
            other => text.push_str(&border::text(other)),
        }
    }
    Ok(Value::str(text))
}

fn secret_concat(parts: &[Value]) -> Value {
    let mut joined: Vec<SecretPart> = Vec::new();
    let mut add = |part: SecretPart| match (joined.last_mut(), part) {
        (Some(SecretPart::Text(before)), SecretPart::Text(text)) => {
            *before = format!("{before}{text}").into();
        }
        (_, part) => joined.push(part),
    };
    for part in parts {
        match part {
            Value::Secret(secret) => secret.parts.iter().cloned().for_each(&mut add),
            other => add(SecretPart::Text(border::text(other).into())),
        }
    }
    Value::Secret(Arc::new(Secret { parts: joined }))
}
