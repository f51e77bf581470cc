//! The state of a run: one slot per field, and how the updates of a step are merged into it. Which
//! step is merged when is the business of `step`.

use std::collections::BTreeSet;

use flow_bytecode::{Field, FieldId, Flow, Reducer};

use super::activation::ActId;
use crate::event::Change;
use crate::interp::{Env, Fuel, Interp, RunView, Update};
use crate::program::Program;
use crate::reducer::{self, Item, Writer};
use crate::value::Value;
use crate::{Fault, border};

/// The values of a flow's fields.
pub(super) type Slots = Vec<Option<Value>>;

/// Fields that a step writes, in order, and what they are behind it.
pub(super) type Changes = Vec<(FieldId, Option<Value>)>;

/// What one activation sends to the state, in its place within the step.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) by: ActId,
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
    /// What a step does to the state. Fails as a whole.
    pub(super) fn step(&mut self, old: &Slots, sent: &[Sent<'_>]) -> Result<Changes, Fault> {
        let mut fault = None;
        let changes = self.each_field(old, sent, |_, found| fault = fault.take().or(Some(found)));
        fault.map_or(Ok(changes), Err)
    }

    /// Makes a state what is known of it behind a step; `broken` are fields that it cannot have.
    pub(super) fn known(&mut self, slots: &mut Slots, sent: &[Sent<'_>], broken: &mut BTreeSet<FieldId>) {
        for (field, value) in self.each_field(slots, sent, |field, _| broken.extend([field])) {
            slots[field.index()] = value;
        }
    }

    fn each_field(
        &mut self,
        old: &Slots,
        sent: &[Sent<'_>],
        mut failed: impl FnMut(FieldId, Fault),
    ) -> Changes {
        // Who sends something to which field, by field.
        let mut sends: Vec<(FieldId, usize)> = Vec::with_capacity(sent.len());
        for (sender, one) in sent.iter().enumerate() {
            sends.extend(one.updates.iter().map(|update| (update.field, sender)));
        }
        sends.sort_unstable();
        sends.dedup();
        let mut changes = Changes::new();
        let mut rest = sends.as_slice();
        for (id, field) in (0..).map(FieldId).zip(&self.flow.fields) {
            let (own, behind) = rest.split_at(rest.partition_point(|(written, _)| *written == id));
            rest = behind;
            if !own.is_empty() {
                let senders = own.iter().map(|(_, sender)| sent[*sender]);
                match self.field(old, id, field, &senders.collect::<Vec<_>>()) {
                    Ok(value) => changes.push((id, value)),
                    Err(fault) => failed(id, fault),
                }
            } else if field.ephemeral && !self.goes_on {
                changes.push((id, start_of(self.program, field)));
            }
        }
        changes
    }

    fn field(
        &mut self,
        old: &Slots,
        id: FieldId,
        field: &Field,
        sent: &[Sent<'_>],
    ) -> Result<Option<Value>, Fault> {
        let fresh = field.ephemeral && !self.goes_on;
        let start = if fresh {
            start_of(self.program, field)
        } else {
            None
        };
        let before = if fresh {
            start.as_ref()
        } else {
            old[id.index()].as_ref()
        };
        let (program, flow) = (self.program, self.flow);
        let prefixes: Vec<String> = match field.reducer {
            Reducer::AddMessages => sent
                .iter()
                .map(|one| one.id_prefix(program, flow, self.view))
                .collect(),
            _ => Vec::new(),
        };
        let writers: Vec<Writer<'_>> = sent
            .iter()
            .enumerate()
            .map(|(at, one)| Writer {
                name: one.name(program, flow),
                id_prefix: prefixes.get(at).map_or("", String::as_str),
                field: id,
                updates: one.updates,
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
        reducer::merge_step(&mut merging, field, before, &writers)
    }
}

impl Sent<'_> {
    fn name<'p>(&self, program: &'p Program, flow: &Flow) -> Item<'p> {
        Item {
            node: program.text(flow.nodes[self.by.node.index()].name),
            index: self.by.index,
        }
    }

    /// What the ids made for its messages begin with.
    fn id_prefix(&self, program: &Program, flow: &Flow, view: &RunView) -> String {
        format!("{}-{}-{}", view.id, view.step, self.name(program, flow))
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
