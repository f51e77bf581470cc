//! The interpreter of chunks: register code over values, with fuel. What it runs is in `code` and comes
//! from `decode`, what operators do is in `operators`, what methods do in `crate::builtins`.

mod build;
mod code;
mod decode;
mod exec;
mod operators;

use std::sync::Arc;

use flow_bytecode::{ChunkId, FieldId, StrId};

use crate::builtins::Patterns;
use crate::fault::{Fault, FaultKind};
use crate::program::Program;
use crate::value::Value;

pub(crate) use code::Code;
pub(crate) use decode::decode;
pub(crate) use operators::{add, float, is_in};

/// What a chunk can see.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The program.
    pub program: &'a Program,
    /// The state as the activation sees it.
    pub fields: &'a dyn Fields,
    /// The flow's parameters, by position.
    pub input: &'a [Value],
    /// The flow's configuration, by position.
    pub config: &'a [Value],
    /// The run.
    pub run: &'a RunView,
}

/// A state, by field. Implemented for slices of slots.
pub trait Fields {
    /// The value of a field, if it has one.
    fn field(&self, id: FieldId) -> Option<&Value>;
}

/// What expressions see as `run`. Times in nanoseconds.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub struct RunView {
    pub id: Arc<str>,
    pub flow: Arc<str>,
    pub step: i64,
    pub node: Arc<str>,
    pub attempt: i64,
    pub turn: i64,
    pub remaining_steps: i64,
    pub started: i64,
    pub now: i64,
    pub elapsed: i64,
    pub parent: Option<Arc<str>>,
    /// Names of the sources that a join took.
    pub arrived: Vec<Arc<str>>,
    pub outcome: Option<Arc<str>>,
}

impl Default for RunView {
    fn default() -> RunView {
        RunView {
            id: "".into(),
            flow: "".into(),
            step: 0,
            node: "".into(),
            attempt: 0,
            turn: 0,
            remaining_steps: 0,
            started: 0,
            now: 0,
            elapsed: 0,
            parent: None,
            arrived: Vec::new(),
            outcome: None,
        }
    }
}

/// What a chunk did.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Its value.
    pub value: Value,
    /// Its updates, in order of writing.
    pub updates: Vec<Update>,
    /// Its events for the `custom` stream, in order.
    pub emits: Vec<(StrId, Value)>,
}

/// A value sent to a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The channel.
    pub field: FieldId,
    /// The value.
    pub value: Value,
    /// Whether it goes past the reducer.
    pub overwrite: bool,
}

/// What an evaluation may still spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuel {
    left: u64,
}

/// The interpreter: registers and compiled patterns that are used again from call to call.
#[derive(Debug, Default)]
pub struct Interp {
    registers: Vec<Value>,
    /// Calls that are open.
    depth: usize,
    updates: Vec<Update>,
    emits: Vec<(StrId, Value)>,
    patterns: Patterns,
    /// What conditions of types see as the run.
    no_run: Arc<RunView>,
}

/// Runs a chunk once, without an interpreter to reuse.
pub fn call(env: &Env<'_>, chunk: ChunkId, args: &[Value], fuel: &mut Fuel) -> Result<Evaluated, Fault> {
    Interp::default().call(env, chunk, args, fuel)
}

impl Interp {
    /// Runs a chunk with its parameters.
    ///
    /// # Panics
    ///
    /// If another evaluation is open in this interpreter.
    pub fn call(
        &mut self,
        env: &Env<'_>,
        chunk: ChunkId,
        args: &[Value],
        fuel: &mut Fuel,
    ) -> Result<Evaluated, Fault> {
        assert_eq!(self.depth, 0, "an evaluation begins when no other is open");
        self.updates.clear();
        self.emits.clear();
        self.registers.extend_from_slice(args);
        let value = self.enter(env, chunk, 0, fuel)?;
        let updates = std::mem::take(&mut self.updates);
        let emits = std::mem::take(&mut self.emits);
        Ok(Evaluated {
            value,
            updates,
            emits,
        })
    }

    /// Runs a chunk that sees nothing but its arguments: the condition of a refined type. May run
    /// while another evaluation is open.
    pub(crate) fn call_pure(
        &mut self,
        program: &Program,
        chunk: ChunkId,
        args: &[Value],
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let run = Arc::clone(&self.no_run);
        let nothing: &[Option<Value>] = &[];
        let env = Env {
            program,
            fields: &nothing,
            input: &[],
            config: &[],
            run: &run,
        };
        let frame = self.registers.len();
        self.registers.extend_from_slice(args);
        self.enter(&env, chunk, frame, fuel)
    }
}

impl Fuel {
    /// This much.
    pub fn new(units: u64) -> Fuel {
        Fuel { left: units }
    }

    /// What is left.
    pub fn left(self) -> u64 {
        self.left
    }

    /// Spends some.
    #[inline]
    pub fn spend(&mut self, units: u64) -> Result<(), Fault> {
        if self.left >= units {
            self.left -= units;
            return Ok(());
        }
        self.left = 0;
        Err(used_up())
    }

    /// Spends what something that has failed anyway did: all that is left at most.
    fn forfeit(&mut self, units: u64) {
        self.left = self.left.saturating_sub(units);
    }
}

#[cold]
fn used_up() -> Fault {
    Fault::new(
        FaultKind::OutOfFuel,
        "the expression takes too long: it has used up its instructions",
    )
}

impl Default for Fuel {
    fn default() -> Fuel {
        Fuel::new(crate::limits::FUEL_PER_CALL)
    }
}

impl<T: AsRef<[Option<Value>]>> Fields for T {
    fn field(&self, id: FieldId) -> Option<&Value> {
        self.as_ref().get(id.index())?.as_ref()
    }
}
