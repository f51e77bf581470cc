//! The state of a run: one slot per field, and how the updates of a step are merged into it. Which
//! step is merged when is the business of `step`.

use std::sync::Arc;

use flow_bytecode::{Flow, NodeId, Reducer};

use super::activation::ActId;
use crate::event::Change;
use crate::interp::{Interp, RunView, Update};
use crate::program::Program;
use crate::reducer::{MessageIds, reduce};
use crate::value::Value;
use crate::{Fault, FaultKind, border, interp};

/// The values of a flow's fields.
pub(super) type Slots = Vec<Option<Value>>;

/// What one activation sends to the state, in its place within the step.
pub(super) struct Sent<'a> {
    pub(super) by: ActId,
    pub(super) updates: &'a [Update],
}

/// What merging needs besides the state.
pub(super) struct Merging<'a> {
    pub(super) program: &'a Program,
    pub(super) flow_index: usize,
    pub(super) input: &'a [Value],
    pub(super) config: &'a [Value],
    pub(super) view: &'a RunView,
    pub(super) interp: &'a mut Interp,
}

/// The state before the first step.
pub(super) fn initial(program: &Program, flow: &Flow) -> Slots {
    flow.fields.iter().map(|field| field.start.map(|id| program.constant(id).clone())).collect()
}

impl Merging<'_> {
    /// The state after a step. Fails as a whole: the old state is left as it was.
    pub(super) fn step(&mut self, old: &Slots, sent: &[Sent<'_>]) -> Result<Slots, Fault> {
        let flow = &self.program.image().flows[self.flow_index];
        let mut new = old.clone();
        let mut by_field: Vec<Vec<(ActId, &Update)>> = vec![Vec::new(); flow.fields.len()];
        for one in sent {
            for update in one.updates {
                by_field[update.field.index()].push((one.by, update));
            }
        }
        for (at, updates) in by_field.iter().enumerate() {
            if !updates.is_empty() {
                new[at] = self.field(old, at, updates)?;
            } else if flow.fields[at].ephemeral {
                new[at] = flow.fields[at].start.map(|id| self.program.constant(id).clone());
            }
        }
        Ok(new)
    }

    fn field(&mut self, old: &Slots, at: usize, updates: &[(ActId, &Update)]) -> Result<Option<Value>, Fault> {
        let flow = &self.program.image().flows[self.flow_index];
        let field = &flow.fields[at];
        let before = if field.ephemeral { field.start.map(|id| self.program.constant(id).clone()) } else { old[at].clone() };
        let overwriting: Vec<ActId> = updates.iter().filter(|(_, update)| update.overwrite).map(|(by, _)| *by).collect();
        let Some(&winner) = overwriting.first() else {
            self.only_writer(at, updates)?;
            return self.reduce(old, at, before, updates);
        };
        if let Some(other) = overwriting.iter().find(|by| **by != winner) {
            return Err(self.clash(at, "overwrite", winner.node, other.node));
        }
        // The overwrite beats what its siblings send; its own node's later updates go on from it.
        let own: Vec<(ActId, &Update)> = updates.iter().filter(|(by, _)| *by == winner).copied().collect();
        let last = own.iter().rposition(|(_, update)| update.overwrite).unwrap_or(0);
        let value = Some(own[last].1.value.clone());
        let later = &own[last + 1..];
        if later.is_empty() { Ok(value) } else { self.reduce(old, at, value, later) }
    }

    /// Refuses two updates of one `last_value` field.
    fn only_writer(&self, at: usize, updates: &[(ActId, &Update)]) -> Result<(), Fault> {
        let flow = &self.program.image().flows[self.flow_index];
        match (flow.fields[at].reducer, updates) {
            (Reducer::LastValue, [(first, _), (second, _), ..]) => Err(self.clash(at, "update", first.node, second.node)),
            _ => Ok(()),
        }
    }

    fn clash(&self, at: usize, what: &str, first: NodeId, second: NodeId) -> Fault {
        let image = self.program.image();
        let flow = &image.flows[self.flow_index];
        let name = |node: NodeId| image.str(flow.nodes[node.index()].name);
        let field = image.str(flow.fields[at].name);
        let who = if first == second {
            format!("`{}` twice", name(first))
        } else {
            format!("`{}` and `{}`", name(first), name(second))
        };
        Fault::new(FaultKind::Reducer, format!("two {what}s of `{field}` in one step, by {who}"))
    }

    /// Merges node by node; messages as one batch.
    fn reduce(&mut self, old: &Slots, at: usize, before: Option<Value>, updates: &[(ActId, &Update)]) -> Result<Option<Value>, Fault> {
        let flow = &self.program.image().flows[self.flow_index];
        let whole = matches!(flow.fields[at].reducer, Reducer::AddMessages);
        let mut value = before;
        let mut rest = updates;
        let mut next = 1;
        while let Some((by, _)) = rest.first() {
            let end = if whole { rest.len() } else { rest.iter().position(|(other, _)| other != by).unwrap_or(rest.len()) };
            let (now, later) = rest.split_at(end);
            let values: Vec<Value> = now.iter().map(|(_, update)| update.value.clone()).collect();
            let node = self.program.image().str(flow.nodes[by.node.index()].name);
            let prefix = format!("{}-{}-{node}", self.view.id, self.view.step);
            let mut ids = MessageIds { prefix: &prefix, next };
            let env = interp::Env {
                program: self.program,
                fields: old,
                input: self.input,
                config: self.config,
                run: self.view,
            };
            let mut fuel = interp::Fuel::default();
            let field = flow_bytecode::FieldId(at as u32);
            value = reduce(self.interp, &env, self.flow_index, field, value, &values, &mut ids, &mut fuel)?;
            next = ids.next;
            rest = later;
        }
        Ok(value)
    }
}

/// What a step did to a channel: what was added where it only grew. None: nothing.
pub(super) fn change(reducer: Reducer, old: Option<&Value>, new: Option<&Value>) -> Option<Change> {
    let Some(new) = new else { return old.map(|_| Change::Clear) };
    if let (Reducer::Append { .. } | Reducer::AddMessages, Some(Value::List(before)), Value::List(after)) = (reducer, old, new) {
        if Arc::ptr_eq(before, after) {
            return None;
        }
        let grown = after.len() >= before.len() && before.iter().zip(after.iter()).all(|(a, b)| a == b);
        if grown {
            let added: Vec<_> = after.iter().skip(before.len()).map(border::to_json).collect();
            return if added.is_empty() { None } else { Some(Change::Append(added)) };
        }
    }
    if old == Some(new) { None } else { Some(Change::Set(border::to_json(new))) }
}

/// About how many bytes the state is as JSON.
pub(super) fn weight(slots: &Slots) -> u64 {
    slots.iter().flatten().map(Value::weight).fold(0, u64::saturating_add)
}
