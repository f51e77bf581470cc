//! The state of a run: one slot per field, and how the updates of a step are merged into it. Which
//! step is merged when is the business of `step`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_bytecode::{Field, Flow, Reducer};

use crate::event::Change;
use crate::interp::{Env, Fuel, Interp, RunView, Update};
use crate::program::Program;
use crate::reducer::{self, Writer};
use crate::value::Value;
use crate::{Fault, border};

/// The values of a flow's fields.
pub(super) type Slots = Vec<Option<Value>>;

/// What one activation sends to the state, in its place within the step.
pub(super) struct Sent<'a> {
    /// How messages name it.
    pub(super) name: Arc<str>,
    pub(super) updates: &'a [Update],
}

/// What merging needs besides the state.
pub(super) struct Merging<'a> {
    pub(super) program: &'a Program,
    pub(super) flow: &'a Flow,
    pub(super) input: &'a [Value],
    pub(super) config: &'a [Value],
    pub(super) view: &'a RunView,
    pub(super) interp: &'a mut Interp,
    /// Whether what is merged belongs to the step that `old` shows already: ephemeral fields go on.
    pub(super) goes_on: bool,
}

/// The state before the first step.
pub(super) fn initial(program: &Program, flow: &Flow) -> Slots {
    flow.fields.iter().map(|field| start_of(program, field)).collect()
}

fn start_of(program: &Program, field: &Field) -> Option<Value> {
    field.start.map(|id| program.constant(id).clone())
}

impl Merging<'_> {
    /// The state after a step. Fails as a whole: the old state is left as it was.
    pub(super) fn step(&mut self, old: &Slots, sent: &[Sent<'_>]) -> Result<Slots, Fault> {
        let mut fault = None;
        let new = self.each_field(old, sent, |_, found| fault = fault.take().or(Some(found)));
        fault.map_or(Ok(new), Err)
    }

    /// What is known of the state after a step; `broken` are fields that it cannot have.
    pub(super) fn known(&mut self, old: &Slots, sent: &[Sent<'_>], broken: &mut BTreeSet<usize>) -> Slots {
        self.each_field(old, sent, |at, _| broken.extend([at]))
    }

    fn each_field(&mut self, old: &Slots, sent: &[Sent<'_>], mut failed: impl FnMut(usize, Fault)) -> Slots {
        let mut by_field: BTreeMap<usize, Vec<(usize, Vec<Update>)>> = BTreeMap::new();
        for (writer, one) in sent.iter().enumerate() {
            for update in one.updates {
                let writers = by_field.entry(update.field.index()).or_default();
                match writers.last_mut() {
                    Some((last, updates)) if *last == writer => updates.push(update.clone()),
                    _ => writers.push((writer, vec![update.clone()])),
                }
            }
        }
        let mut new = old.clone();
        for (at, field) in self.flow.fields.iter().enumerate() {
            if let Some(writers) = by_field.get(&at) {
                match self.field(old, at, field, sent, writers) {
                    Ok(value) => new[at] = value,
                    Err(fault) => failed(at, fault),
                }
            } else if field.ephemeral && !self.goes_on {
                new[at] = start_of(self.program, field);
            }
        }
        new
    }

    fn field(
        &mut self,
        old: &Slots,
        at: usize,
        field: &Field,
        sent: &[Sent<'_>],
        writers: &[(usize, Vec<Update>)],
    ) -> Result<Option<Value>, Fault> {
        let fresh = start_of(self.program, field);
        let before = if field.ephemeral && !self.goes_on {
            fresh.as_ref()
        } else {
            old[at].as_ref()
        };
        let prefix = |writer: usize| match field.reducer {
            Reducer::AddMessages => {
                let (run, step) = (&self.view.id, self.view.step);
                format!("{run}-{step}-{}", sent[writer].name)
            }
            _ => String::new(),
        };
        let prefixes: Vec<String> = writers.iter().map(|(writer, _)| prefix(*writer)).collect();
        let named: Vec<Writer<'_>> = writers
            .iter()
            .zip(&prefixes)
            .map(|((writer, updates), id_prefix)| Writer {
                name: &sent[*writer].name,
                id_prefix,
                updates,
            })
            .collect();
        let env = Env {
            program: self.program,
            fields: old,
            input: self.input,
            config: self.config,
            run: self.view,
        };
        let mut fuel = Fuel::default();
        let mut merging = reducer::Merging {
            env: &env,
            interp: self.interp,
            fuel: &mut fuel,
        };
        reducer::merge_step(&mut merging, field, before, &named)
    }
}

/// What a step did to a channel: what was added where it only grew. None: nothing. `overwritten`
/// says that something went past the reducer; otherwise what appends needs no comparison.
pub(super) fn change(
    field: &Field,
    overwritten: bool,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Option<Change> {
    let Some(new) = new else {
        return old.map(|_| Change::Clear);
    };
    let appends = matches!(field.reducer, Reducer::Append { .. });
    let only_grows = appends && !field.ephemeral && !overwritten;
    if (appends || field.reducer == Reducer::AddMessages)
        && let (Some(Value::List(before)), Value::List(after)) = (old, new)
        && (only_grows || after.starts_with(before))
    {
        let added: Vec<_> = after.tail(before.len()).map(border::to_json).collect();
        return (!added.is_empty()).then_some(Change::Append(added));
    }
    (old != Some(new)).then(|| Change::Set(border::to_json(new)))
}

/// About how many bytes the state is as JSON.
pub(super) fn weight(slots: &Slots) -> u64 {
    slots
        .iter()
        .flatten()
        .map(Value::weight)
        .fold(0, u64::saturating_add)
}
