//! Runs the chunks of a test: values that stand in it, numbers that fit, replies made from arguments.

use flow_bytecode::{ChunkId, TypeId};
use flow_machine::interp::{Env, Fuel, Interp, RunView};
use flow_machine::value::Value;
use flow_machine::{Fault, FaultKind, Program, border};
use serde_json::Value as Json;

/// Evaluates what a test says.
pub(super) struct Script<'p> {
    program: &'p Program,
    interp: Interp,
    run: RunView,
}

/// What a condition sees of a flow.
pub(super) struct Seen {
    /// The state, by field.
    pub(super) fields: Vec<Option<Value>>,
    /// The input, by parameter.
    pub(super) input: Vec<Value>,
    /// The configuration, by parameter.
    pub(super) config: Vec<Value>,
    /// What was observed, as conditions take it.
    pub(super) observed: Vec<Value>,
}

impl<'p> Script<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        Self {
            program,
            interp: Interp::default(),
            run: RunView::default(),
        }
    }

    /// A value that sees nothing but its arguments.
    pub(super) fn value(&mut self, chunk: ChunkId, args: &[Value]) -> Result<Value, Fault> {
        let nothing: &[Option<Value>] = &[];
        let env = Env {
            program: self.program,
            fields: &nothing,
            input: &[],
            config: &[],
            run: &self.run,
        };
        let done = self.interp.call(&env, chunk, args, &mut Fuel::default())?;
        Ok(done.value)
    }

    /// A value as JSON.
    pub(super) fn json(&mut self, chunk: ChunkId, args: &[Value]) -> Result<Json, Fault> {
        self.value(chunk, args).map(|value| border::to_json(&value))
    }

    /// A duration; nothing for none.
    pub(super) fn duration(&mut self, chunk: Option<ChunkId>, args: &[Value]) -> Result<i64, Fault> {
        let Some(chunk) = chunk else { return Ok(0) };
        match self.value(chunk, args)? {
            Value::Duration(nanos) => Ok(nanos.max(0)),
            other => Err(Fault::new(
                FaultKind::BadCode,
                format!("a time is {}", other.kind()),
            )),
        }
    }

    /// Whether a case is for this number.
    pub(super) fn fits(&mut self, chunk: Option<ChunkId>, number: u64) -> Result<bool, Fault> {
        match chunk {
            None => Ok(true),
            Some(chunk) => {
                let fits = self.value(chunk, &[Value::Int(number as i64)])?;
                Ok(fits.as_bool() == Some(true))
            }
        }
    }

    /// A part of a condition.
    pub(super) fn condition(&mut self, chunk: ChunkId, seen: &Seen) -> Result<Value, Fault> {
        let env = Env {
            program: self.program,
            fields: &seen.fields,
            input: &seen.input,
            config: &seen.config,
            run: &self.run,
        };
        let done = self
            .interp
            .call(&env, chunk, &seen.observed, &mut Fuel::default())?;
        Ok(done.value)
    }

    /// JSON as a value of a type, as far as it is one.
    pub(super) fn typed(&mut self, ty: TypeId, json: &Json) -> Value {
        border::check_json(self.program, ty, json, &mut self.interp, &mut Fuel::default())
            .ok()
            .or_else(|| border::plain_value(json))
            .unwrap_or(Value::Null)
    }
}
