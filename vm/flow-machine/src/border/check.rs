//! Checks by type: JSON from outside, and values behind `as`. Gives the value that the type
//! promises (defaults filled in, unknown fields of records dropped), or says where it does not fit.

use std::sync::Arc;

use flow_bytecode::{ChunkId, ConstId, RecordField, StrId, Type, TypeId};
use serde_json::Value as Json;

use super::source::{Kind, Source};
use super::text::{parse_duration, parse_time};
use super::types::{choice, described, type_name};
use crate::fault::{Fault, FaultKind};
use crate::interp::{Fuel, Interp};
use crate::limits::{VALUE_BYTES, VALUE_DEPTH};
use crate::program::Program;
use crate::value::{List, Map, Record, Shape, Value, Variant};

/// Checks JSON from outside against a type.
pub fn check_json(
    program: &Program,
    ty: TypeId,
    json: &Json,
    interp: &mut Interp,
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    Check {
        program,
        interp,
        fuel,
        depth: 0,
    }
    .whole(ty, json)
}

/// Checks a value against a type, as `as T` does.
pub fn check_value(
    program: &Program,
    ty: TypeId,
    value: &Value,
    interp: &mut Interp,
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    Check {
        program,
        interp,
        fuel,
        depth: 0,
    }
    .whole(ty, value)
}

pub(super) struct Check<'a> {
    pub(super) program: &'a Program,
    pub(super) interp: &'a mut Interp,
    pub(super) fuel: &'a mut Fuel,
    pub(super) depth: u32,
}

/// A failure with the way to it, innermost first.
struct Bad {
    fault: Fault,
    way: Vec<String>,
}

type Checked<T> = Result<T, Bad>;

impl From<Fault> for Bad {
    fn from(fault: Fault) -> Bad {
        Bad {
            fault,
            way: Vec::new(),
        }
    }
}

impl Bad {
    fn under(mut self, segment: impl Into<String>) -> Bad {
        self.way.push(segment.into());
        self
    }
}

impl Check<'_> {
    /// A whole value of a type; the path begins here.
    pub(super) fn whole<'s, S: Source<'s>>(&mut self, ty: TypeId, source: S) -> Result<Value, Fault> {
        self.check(ty, source).map_err(placed)
    }

    /// A value for a deep merge into one of this type: of records, some of the fields.
    pub(super) fn whole_part<'s, S: Source<'s>>(&mut self, ty: TypeId, source: S) -> Result<Value, Fault> {
        self.part(ty, source).map_err(placed)
    }

    /// A `json` value.
    pub(super) fn whole_json<'s, S: Source<'s>>(&mut self, source: S) -> Result<Value, Fault> {
        self.json(source).map_err(placed)
    }

    fn part<'s, S: Source<'s>>(&mut self, ty: TypeId, source: S) -> Checked<Value> {
        let program = self.program;
        match (&program.image().types[ty.index()], source.kind()) {
            (Type::Nullable(base) | Type::Refined { base, .. }, Kind::Object) => self.part(*base, source),
            (Type::Record { fields, .. }, Kind::Object) => self.nested(|check| {
                let mut part = Map::new();
                for field in fields {
                    let name = program.text(field.name);
                    if let Some(found) = source.entry(name) {
                        let value = check
                            .part(field.ty, found)
                            .map_err(|bad| bad.under(segment(name)))?;
                        part.insert(name.clone(), value);
                    }
                }
                Ok(part.into())
            }),
            (Type::Map(item), Kind::Object) => self.nested(|check| {
                let mut part = Map::new();
                for (key, value) in source.entries() {
                    part.insert(
                        key.into(),
                        check.check(*item, value).map_err(|bad| bad.under(segment(key)))?,
                    );
                }
                Ok(part.into())
            }),
            _ => self.check(ty, source),
        }
    }

    fn check<'s, S: Source<'s>>(&mut self, ty: TypeId, source: S) -> Checked<Value> {
        self.fuel.spend(1)?;
        let program = self.program;
        match (&program.image().types[ty.index()], source.kind()) {
            (Type::Nullable(_), Kind::Null) => Ok(Value::Null),
            (Type::Nullable(base), _) => self.check(*base, source),
            (Type::Refined { base, check, text }, _) => {
                let value = self.check(*base, source)?;
                self.refined(*check, *text, value)
            }
            (Type::Json, _) => self.json(source),
            (Type::Bool, Kind::Bool(value)) => Ok(Value::Bool(value)),
            (Type::Int, Kind::Int(value)) => Ok(Value::Int(value)),
            (Type::Int, Kind::Float(value)) if is_whole(value) => Ok(Value::Int(value as i64)),
            (Type::Int, Kind::BigInt) => Err(beyond()),
            (Type::Float, Kind::Int(value)) => Ok(Value::Float(value as f64)),
            (Type::Float, Kind::Float(value)) => Ok(Value::Float(value)),
            (Type::Float, Kind::BigInt) => Ok(Value::Float(source.big())),
            (Type::String, Kind::Str(_)) => Ok(Value::Str(source.text())),
            (Type::Duration, Kind::Str(text)) => match parse_duration(text) {
                Some(nanos) => Ok(Value::Duration(nanos)),
                None => Err(misfit("an ISO 8601 duration such as PT5M", source)),
            },
            (Type::Time, Kind::Str(text)) => match parse_time(text) {
                Some(nanos) => Ok(Value::Time(nanos)),
                None => Err(misfit("an RFC 3339 time such as 2026-01-31T12:00:00Z", source)),
            },
            (Type::Enum { variants, .. }, Kind::Str(text)) => self.enumerated(variants, text, source),
            (Type::List(item), Kind::List) => self.list(*item, source),
            (Type::Map(item), Kind::Object) => self.map(*item, source),
            (Type::Record { fields, .. }, Kind::Object) => {
                Ok(Value::Record(Arc::new(self.nested(|check| {
                    check.record(program.record_shape(ty), fields, source)
                })?)))
            }
            (Type::Union { variants, .. }, Kind::Object | Kind::Other) => self.union(ty, variants, source),
            (expected, Kind::Other) => match (expected, source.value()) {
                (Type::Duration, Some(value @ Value::Duration(_)))
                | (Type::Time, Some(value @ Value::Time(_)))
                | (Type::Secret, Some(value @ Value::Secret(_))) => Ok(value.clone()),
                _ => Err(self.wrong(ty, source)),
            },
            _ => Err(self.wrong(ty, source)),
        }
    }

    fn wrong<'s, S: Source<'s>>(&self, ty: TypeId, source: S) -> Bad {
        misfit(&type_name(self.program.image(), ty), source)
    }

    fn refined(&mut self, check: ChunkId, text: StrId, value: Value) -> Checked<Value> {
        let args = [value];
        let holds = self.interp.call_pure(self.program, check, &args, self.fuel)?;
        let [value] = args;
        if holds == Value::Bool(true) {
            return Ok(value);
        }
        let message = format!(
            "must satisfy `{}`, got {}",
            self.program.text(text),
            described(&value)
        );
        Err(Fault::new(FaultKind::Refinement, message).into())
    }

    fn json<'s, S: Source<'s>>(&mut self, source: S) -> Checked<Value> {
        match source.kind() {
            Kind::List => self.nested(|check| {
                let mut list = List::new();
                for (at, item) in source.items().enumerate() {
                    check.fuel.spend(1)?;
                    list.push(check.json(item).map_err(|bad| bad.under(format!("[{at}]")))?);
                }
                Ok(list.into())
            }),
            Kind::Object => self.nested(|check| {
                let mut map = Map::new();
                for (key, value) in source.entries() {
                    check.fuel.spend(1)?;
                    map.insert(
                        key.into(),
                        check.json(value).map_err(|bad| bad.under(segment(key)))?,
                    );
                }
                Ok(map.into())
            }),
            Kind::BigInt => Err(beyond()),
            Kind::Str(_) => Ok(Value::Str(source.text())),
            _ => source.plain().ok_or_else(|| misfit("json", source)),
        }
    }

    fn enumerated<'s, S: Source<'s>>(&self, variants: &[StrId], text: &str, source: S) -> Checked<Value> {
        match variants.iter().find(|name| &**self.program.text(**name) == text) {
            Some(name) => Ok(Value::Str(self.program.text(*name).clone())),
            None => Err(misfit(
                &choice(variants.iter().map(|name| &**self.program.text(*name))),
                source,
            )),
        }
    }

    fn list<'s, S: Source<'s>>(&mut self, item: TypeId, source: S) -> Checked<Value> {
        self.nested(|check| {
            let mut list = List::new();
            for (at, value) in source.items().enumerate() {
                list.push(
                    check
                        .check(item, value)
                        .map_err(|bad| bad.under(format!("[{at}]")))?,
                );
            }
            Ok(list.into())
        })
    }

    fn map<'s, S: Source<'s>>(&mut self, item: TypeId, source: S) -> Checked<Value> {
        self.nested(|check| {
            let mut map = Map::new();
            for (key, value) in source.entries() {
                map.insert(
                    key.into(),
                    check.check(item, value).map_err(|bad| bad.under(segment(key)))?,
                );
            }
            Ok(map.into())
        })
    }

    fn record<'s, S: Source<'s>>(
        &mut self,
        shape: Option<&Shape>,
        fields: &[RecordField],
        source: S,
    ) -> Checked<Record> {
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let name = self.program.text(field.name);
            let value = match source.entry(name) {
                Some(found) => self.check(field.ty, found),
                None => self.left_out(field.ty, field.default),
            };
            values.push(value.map_err(|bad| bad.under(segment(name)))?);
        }
        let shape = shape.cloned();
        let shape = shape.unwrap_or_else(|| {
            fields
                .iter()
                .map(|field| self.program.text(field.name).clone())
                .collect()
        });
        Ok(Record::new(shape, values.into()))
    }

    fn left_out(&mut self, ty: TypeId, default: Option<ConstId>) -> Checked<Value> {
        if let Some(default) = default {
            return Ok(self.program.constant(default).clone());
        }
        if self.takes_null(ty) {
            return Ok(Value::Null);
        }
        let expected = type_name(self.program.image(), ty);
        Err(Fault::new(FaultKind::Misfit, format!("is missing; expected {expected}")).into())
    }

    fn takes_null(&self, ty: TypeId) -> bool {
        match &self.program.image().types[ty.index()] {
            Type::Nullable(_) => true,
            Type::Refined { base, .. } => self.takes_null(*base),
            _ => false,
        }
    }

    fn union<'s, S: Source<'s>>(
        &mut self,
        ty: TypeId,
        variants: &[(StrId, Vec<RecordField>)],
        source: S,
    ) -> Checked<Value> {
        let Some(tag) = source.tag() else {
            return Err(self.wrong(ty, source));
        };
        let Some((name, fields)) = variants
            .iter()
            .find(|(name, _)| &**self.program.text(*name) == tag)
        else {
            let expected = choice(variants.iter().map(|(name, _)| &**self.program.text(*name)));
            let fault = Fault::new(FaultKind::Misfit, format!("expected {expected}, got {tag:?}"));
            return Err(Bad::from(fault).under(".tag"));
        };
        let fields = self.nested(|check| check.record(None, fields, source))?;
        Ok(Value::Variant(Arc::new(Variant {
            tag: self.program.text(*name).clone(),
            fields,
        })))
    }

    /// One level down. What comes back is not larger than values may be.
    fn nested<T: Weighed>(&mut self, inner: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        if self.depth >= VALUE_DEPTH {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("is nested deeper than {VALUE_DEPTH} levels"),
            )
            .into());
        }
        self.depth += 1;
        let made = inner(self);
        self.depth -= 1;
        let made = made?;
        if made.weight() > VALUE_BYTES {
            return Err(
                Fault::new(FaultKind::TooLarge, format!("is larger than {VALUE_BYTES} bytes")).into(),
            );
        }
        Ok(made)
    }
}

fn placed(Bad { mut fault, way }: Bad) -> Fault {
    let way: String = way.into_iter().rev().collect();
    fault.path.get_or_insert_with(|| format!("${way}"));
    fault
}

trait Weighed {
    fn weight(&self) -> u64;
}

impl Weighed for Value {
    fn weight(&self) -> u64 {
        Value::weight(self)
    }
}

impl Weighed for Record {
    fn weight(&self) -> u64 {
        Record::weight(self)
    }
}

/// Whole numbers that are exact in JSON's doubles; `3.0` is an integer to JSON Schema.
fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0
}

fn beyond() -> Bad {
    Fault::new(FaultKind::Overflow, "is an integer beyond 64 bits with sign").into()
}

fn misfit<'s, S: Source<'s>>(expected: &str, source: S) -> Bad {
    Fault::new(
        FaultKind::Misfit,
        format!("expected {expected}, got {}", source.described()),
    )
    .into()
}

fn segment(key: &str) -> String {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.is_empty();
    if plain {
        format!(".{key}")
    } else {
        format!("[{key:?}]")
    }
}
