//! Reducers: how a channel merges what a step sends to it.

use flow_bytecode::Field;

use crate::fault::{Fault, FaultKind};
use crate::interp::{Env, Fuel, Interp, Update};
use crate::value::Value;

/// What merging needs besides the values.
pub struct Merging<'a> {
    /// What custom reducers see.
    pub env: &'a Env<'a>,
    /// What runs them.
    pub interp: &'a mut Interp,
    /// What they may spend.
    pub fuel: &'a mut Fuel,
}

/// An activation and what it sends to one channel, in order of writing.
pub struct Writer<'a> {
    /// How messages name it: `lookup#2`.
    pub name: &'a str,
    /// What ids made for its messages begin with: `run-step-node`.
    pub id_prefix: &'a str,
    /// The updates; all are to the channel in question.
    pub updates: &'a [Update],
}

/// Merges all that one step sends to a channel. `old` is its value before the step.
///
/// Writers are in the order in which their updates count. An overwrite beats what the others send,
/// its own writer goes on from it, and two overwrites are a fault; so are two updates of a
/// `last_value` channel. None if nobody wrote and there was no value.
pub fn merge_step(
    merging: &mut Merging<'_>,
    field: &Field,
    old: Option<&Value>,
    writers: &[Writer<'_>],
) -> Result<Option<Value>, Fault> {
    let _ = (
        merging.env,
        &merging.interp,
        &merging.fuel,
        field,
        old,
        writers.first().map(|w| (w.name, w.id_prefix, w.updates)),
    );
    Err(Fault::new(FaultKind::Reducer, "the reducers are not written yet"))
}
