//! Runs within the run: a subgraph is a run of its own, with its own state and steps, that shares the
//! log, the clock, the inbox, the locks and the limits of the run that it belongs to. What moves it
//! is what moves any run; here is how it begins, what is lent to it, and what its end means.

use std::sync::Arc;

use flow_bytecode::{ChunkId, ErrorClass, FlowId};
use serde_json::Map;

use super::activation::{ActId, Failure, Phase, Role};
use super::ending::{Compensation, UndoEntry};
use super::settle::Command;
use super::{Life, Run, eval};
use crate::event::{EventKind, Status};
use crate::input::Start;
use crate::value::Value;
use crate::{Fault, border};

/// Subgraphs within subgraphs of a run that sets no other limit.
const DEFAULT_DEPTH: u64 = 10;

/// A run of a subgraph: its activation, and which of its attempts.
pub(super) type ChildId = (ActId, u32);

/// Where a run stands in the one that it belongs to. The root stands nowhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    /// What the names of its nodes begin with: `sub#1/`.
    pub(super) names: String,
    /// What the names of its activations begin with: `3:sub#1/`.
    pub(super) acts: String,
    pub(super) parent: Option<Arc<str>>,
    /// Of how many runs it is the inner one.
    depth: u64,
}

/// What the runs around a run let it do, since it was last entered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outer {
    /// Calls that may be in flight beside those of the entry.
    slots: Option<u64>,
    /// Steps that may begin beside those of the entry.
    steps: Option<u64>,
    /// Subgraphs that may nest below it.
    depth: Option<u64>,
    /// A limit that is met already.
    over: Option<&'static str>,
    /// Whether it belongs to the end of a run, which no limit holds up.
    ends: bool,
    /// Whether a run around it ends: nothing new begins.
    halted: bool,
    entered: Account,
}

/// What a run has used, with all runs within it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) flight: u64,
    pub(super) steps: u64,
    tokens: u64,
}

impl Run {
    /// Starts the run of a subgraph.
    pub(super) fn begin_child(&mut self, id: ActId, flow: FlowId, args: ChunkId) {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        let declared = &self.program.clone();
        let flow = &declared.image().flows[flow.index()];
        let input = self
            .value(args, &params, step, &sight)
            .and_then(|record| Ok((eval::arrange(declared, &flow.params, Some(&record))?, record)));
        match input {
            Ok((input, record)) => self.start_child(id, flow, input, &record),
            Err(fault) => self.fail(id, &Failure::from(fault)),
        }
    }

    fn start_child(&mut self, id: ActId, flow: &flow_bytecode::Flow, input: Vec<Value>, record: &Value) {
        let now = self.now;
        let timeout = self.node(id.node).timeout;
        let Some(act) = self.acts.get_mut(&id) else { return };
        act.attempts += 1;
        act.tries += 1;
        let number = act.attempts;
        let deadline = timeout.map(|timeout| now.saturating_add(timeout));
        self.set_phase(id, Phase::Inside { deadline });
        let name = self.child_name((id, number));
        let place = Site {
            names: self.child_names(id),
            acts: format!("{}{name}/", self.place.acts),
            parent: Some(self.id.clone()),
            depth: self.place.depth + 1,
        };
        let step = self.acts[&id].step;
        let said = EventKind::ChildStarted {
            index: id.index,
            attempt: self.attempt_id(&self.acts[&id]),
            flow: self.program.image().str(flow.name).to_owned(),
            input: border::to_json(record),
        };
        self.event(step, Some(id.node), said);
        let start = Start {
            run: format!("{}/{}", self.id, last_name(&place.names)),
            flow: self.program.image().str(flow.name).to_owned(),
            input: Map::new(),
            config: Map::new(),
            breakpoints: Vec::new(),
            ..self.start.clone()
        };
        match self.new_child(start, place, input) {
            Ok(mut child) => {
                child.calls_as = format!("{}/{name}", self.calls_as).into();
                self.children.insert((id, number), Box::new(child));
                self.child_ids.insert(name, (id, number));
                self.stirred.insert((id, number));
                self.with_child((id, number), |child| {
                    child.first_checkpoint();
                    child.enter();
                });
            }
            Err(failure) => self.fail(id, &failure),
        }
    }

    fn new_child(&mut self, start: Start, place: Site, input: Vec<Value>) -> Result<Run, Failure> {
        let flow_at = super::start::find_flow(&self.program, &start.flow)
            .map_err(|refusal| Failure::new(ErrorClass::Fault, refusal.message))?;
        let mut child = Run::empty(self.program.clone(), flow_at, start, self.now);
        child.place = place;
        child.early = self.early;
        child.limits.steps = self.program.image().flows[flow_at].limits.steps;
        child.input = input;
        child.config =
            child.check_params(&self.program.clone().image().flows[flow_at].config, &Map::new())?;
        Ok(child)
    }

    /// How the activations within a child run begin.
    fn child_name(&self, (id, number): ChildId) -> String {
        let name = self.act_name(&self.acts[&id]);
        if number > 1 {
            format!("{name}~{number}")
        } else {
            name
        }
    }

    /// What the names of nodes within a child run begin with; no two that live share it.
    fn child_names(&self, id: ActId) -> String {
        let node = self.node_name(id.node);
        let grouped = self.acts.get(&id).is_some_and(|act| act.group.is_some());
        let named = |index: u32| match index {
            0 if !grouped => format!("{}{node}/", self.place.names),
            index => format!("{}{node}#{index}/", self.place.names),
        };
        let live = |names: &String| {
            let mut live = self.children.values().filter(|child| !child.is_finished());
            live.any(|child| child.place.names == *names)
        };
        let mut index = id.index;
        while live(&named(index)) {
            index += 1;
        }
        named(index)
    }

    /// Lends a child run what it shares with this one, and takes it back.
    pub(super) fn with_child<R>(&mut self, child: ChildId, act: impl FnOnce(&mut Run) -> R) -> Option<R> {
        let mut inner = self.children.remove(&child)?;
        self.swap_shared(&mut inner);
        inner.now = self.now;
        inner.seq = self.seq;
        inner.openings = self.openings;
        inner.outer = self.outer_for(child.0, &inner);
        let before = inner.account();
        let result = act(&mut inner);
        let after = inner.account();
        self.seq = inner.seq;
        self.openings = inner.openings;
        self.swap_shared(&mut inner);
        self.inner.flight = self.inner.flight + after.flight - before.flight;
        self.inner.steps = self.inner.steps + after.steps - before.steps;
        self.tokens = self.tokens.saturating_add(after.tokens - before.tokens);
        if let Some(limit) = inner.hit.take() {
            self.pass_hit(limit);
        }
        self.children.insert(child, inner);
        Some(result)
    }

    fn swap_shared(&mut self, inner: &mut Run) {
        std::mem::swap(&mut self.out, &mut inner.out);
        std::mem::swap(&mut self.granted, &mut inner.granted);
        std::mem::swap(&mut self.locks, &mut inner.locks);
        std::mem::swap(&mut self.inbox, &mut inner.inbox);
        std::mem::swap(&mut self.resting, &mut inner.resting);
    }

    fn account(&self) -> Account {
        Account {
            flight: self.flight(),
            steps: self.all_steps(),
            tokens: self.tokens,
        }
    }

    /// Steps begun, those of child runs included.
    pub(super) fn all_steps(&self) -> u64 {
        self.begun + self.inner.steps
    }

    /// Calls in flight, those of child runs included.
    pub(super) fn flight(&self) -> u64 {
        self.in_flight + self.inner.flight
    }

    fn outer_for(&mut self, id: ActId, inner: &Run) -> Outer {
        let ends = self.outer.ends || self.acts.get(&id).is_some_and(|act| act.role == Role::Finally);
        let least = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let own_slots = self
            .limits
            .parallel
            .map(|most| most.saturating_sub(self.flight()));
        let own_steps = self
            .limits
            .steps
            .map(|most| most.saturating_sub(self.all_steps()));
        Outer {
            slots: least(own_slots, self.slots_left()),
            steps: least(own_steps, self.steps_left()).filter(|_| !ends),
            depth: least(self.own_depth(), self.outer.depth).map(|depth| depth.saturating_sub(1)),
            over: self.over_limit().or(self.outer.over).filter(|_| !ends),
            ends,
            halted: !ends && (self.outer.halted || matches!(self.life, Life::Ending(_))),
            entered: inner.account(),
        }
    }

    fn own_depth(&self) -> Option<u64> {
        let default = (self.place.depth == 0).then_some(DEFAULT_DEPTH);
        self.limits.depth.or(default)
    }

    /// Calls that the runs around this one let it make now.
    pub(super) fn slots_left(&self) -> Option<u64> {
        let used = self.flight().saturating_sub(self.outer.entered.flight);
        self.outer.slots.map(|slots| slots.saturating_sub(used))
    }

    fn steps_left(&self) -> Option<u64> {
        let used = self.all_steps().saturating_sub(self.outer.entered.steps);
        self.outer.steps.map(|steps| steps.saturating_sub(used))
    }

    /// A limit of the runs around this one that forbids beginning something in a step now.
    pub(super) fn outer_limit(&self, step: u64) -> Option<&'static str> {
        if let Some(limit) = self.outer.over {
            return Some(limit);
        }
        let begins = step.saturating_sub(self.begun);
        self.steps_left()
            .is_some_and(|left| left < begins)
            .then_some("steps")
    }

    /// The limit that forbids one more subgraph below this run.
    pub(super) fn over_depth(&self) -> bool {
        [self.own_depth(), self.outer.depth]
            .into_iter()
            .flatten()
            .any(|left| left == 0)
    }

    /// A run within this one has met a limit: this run's, or one further out.
    pub(super) fn pass_hit(&mut self, limit: &'static str) {
        let own = match limit {
            "steps" => self.limits.steps.is_some_and(|most| self.all_steps() >= most),
            "depth" => false,
            _ => self.over_limit() == Some(limit),
        };
        if own || self.place.depth == 0 {
            self.met.get_or_insert(limit);
        } else {
            self.hit.get_or_insert(limit);
        }
    }

    /// Lets those child runs move that can. Whether one did.
    pub(super) fn move_children(&mut self) -> bool {
        for name in self.granted.iter() {
            if let Some(child) = self.route(name) {
                self.stirred.insert(child);
            }
        }
        let Some(child) = self.stirred.pop_first() else {
            return false;
        };
        self.with_child(child, Run::advance);
        if self.children.get(&child).is_some_and(|inner| inner.is_finished()) {
            self.child_ended(child);
        }
        true
    }

    /// Marks the child runs that something may have changed for.
    pub(super) fn stir_children(&mut self) {
        let can = self.children.iter().filter(|(_, child)| child.could_move());
        self.stirred.extend(can.map(|(child, _)| *child));
    }

    fn could_move(&self) -> bool {
        !self.is_finished()
            && (!self.ready.is_empty()
                || !self.stirred.is_empty()
                || matches!(self.life, Life::Ending(_))
                || self.children.values().any(|child| child.could_move()))
    }

    /// The child run in whose realm a name of an activation or attempt lies.
    pub(super) fn route(&self, name: &str) -> Option<ChildId> {
        if self.child_ids.is_empty() {
            return None;
        }
        let (first, _) = name.strip_prefix(&self.place.acts)?.split_once('/')?;
        self.child_ids.get(first).copied()
    }

    /// A child run has ended: so has an attempt of its activation, unless that was withdrawn.
    fn child_ended(&mut self, child: ChildId) {
        let (id, _) = child;
        let inner = &self.children[&child];
        let Life::Finished(status) = inner.life else {
            return;
        };
        let (error, value, compensated) = (inner.error.clone(), inner.value.clone(), inner.undos.is_empty());
        let waits = self
            .acts
            .get(&id)
            .is_some_and(|act| matches!(act.phase, Phase::Inside { .. }) && act.attempts == child.1);
        if !waits {
            self.forget_child(child);
            return;
        }
        if self.acts[&id].left {
            let own = self.own_step(id);
            self.begun = self.begun.max(own);
        }
        let act = &self.acts[&id];
        let (step, attempt) = (act.step, self.attempt_id(act));
        let said = EventKind::ChildEnded {
            index: id.index,
            attempt: attempt.clone(),
            status,
            result: border::to_json(&value),
        };
        self.event(step, Some(id.node), said);
        if status == Status::Done {
            self.child_ids.retain(|_, known| *known != child);
            match self.try_succeed(id, Some(value), Command::default()) {
                Ok(()) if compensated || self.node(id.node).undo.is_some() => self.forget_child(child),
                Ok(()) => self.remember_child(child),
                Err(fault) => self.child_lost(child, &attempt, &Failure::from(fault)),
            }
            return;
        }
        let message = error.map_or_else(|| "it was cancelled".to_owned(), |error| error.message);
        let class = match status {
            Status::Limit => ErrorClass::Limit,
            Status::Cancelled => ErrorClass::Cancelled,
            _ => ErrorClass::Subgraph,
        };
        self.child_lost(child, &attempt, &Failure::new(class, message));
    }

    /// An attempt of a subgraph failed. Its run is kept as long as `retry` may go on with it.
    fn child_lost(&mut self, child: ChildId, attempt: &str, failure: &Failure) {
        self.attempt_failed(child.0, attempt, failure);
        let failed = self
            .acts
            .get(&child.0)
            .is_some_and(|act| matches!(act.phase, Phase::Failed));
        if !failed {
            self.forget_child(child);
        }
    }

    fn forget_child(&mut self, child: ChildId) {
        self.children.remove(&child);
        self.child_ids.retain(|_, known| *known != child);
        self.stirred.remove(&child);
    }

    /// What a child run did can be compensated as long as this run has not ended.
    fn remember_child(&mut self, child: ChildId) {
        self.undos.push(UndoEntry {
            id: child.0,
            number: self.recorded,
            what: Compensation::Child(child),
        });
    }

    /// Compensates what a child run did that had come to its end.
    pub(super) fn undo_child(&mut self, child: ChildId) {
        if let Some(inner) = self.children.get(&child) {
            let name = inner.place.acts.strip_prefix(&*self.place.acts);
            let name = name.unwrap_or_default().trim_end_matches('/').to_owned();
            self.child_ids.insert(name, child);
        }
        self.with_child(child, Run::undo_again);
        self.stirred.insert(child);
    }

    /// Ends the child run of an activation that is withdrawn or has timed out; its `finally` runs.
    pub(super) fn cancel_child(&mut self, id: ActId, why: &str) {
        let Some(number) = self.acts.get(&id).map(|act| act.attempts) else {
            return;
        };
        let child = (id, number);
        if self.with_child(child, |inner| inner.cancel_run(why)).is_some() {
            self.stirred.insert(child);
        }
    }

    /// The names of child runs follow that of the run that they belong to.
    pub(super) fn rename_children(&mut self) {
        let names: Vec<(String, ChildId)> = self
            .child_ids
            .iter()
            .map(|(name, child)| (name.clone(), *child))
            .collect();
        for (name, child) in names {
            let (id, calls_as) = (self.id.clone(), format!("{}/{name}", self.calls_as));
            if let Some(inner) = self.children.get_mut(&child) {
                inner.id = format!("{id}/{}", last_name(&inner.place.names)).into();
                inner.place.parent = Some(id);
                inner.calls_as = calls_as.into();
                inner.rename_children();
            }
        }
    }

    /// Whether child runs are still to end that end by themselves.
    pub(super) fn has_moving_children(&self) -> bool {
        let moves = |child: &Run| match child.life {
            Life::Running => child.moves_by_itself(),
            Life::Ending(_) => true,
            Life::Finished(_) => false,
        };
        self.children.values().any(|child| moves(child))
    }

    /// Whether a run around this one ends, so that nothing new begins here.
    pub(super) fn is_halted(&self) -> bool {
        self.outer.halted
    }

    /// This run has failed. What a child run has done and can be undone is undone with the rest, and `retry`
    /// begins it anew; one without such calls stays as it is, and goes on then.
    pub(super) fn wind_up_children(&mut self) {
        let undoable = |child: &Run| matches!(child.life, Life::Running) && child.has_undos();
        let chosen = self.children.iter().filter(|(_, child)| undoable(child));
        let chosen: Vec<ActId> = chosen.map(|((id, _), _)| *id).collect();
        for id in chosen {
            self.cancel_child(id, "the run around it failed");
            self.set_phase(id, Phase::Queued);
        }
    }

    fn has_undos(&self) -> bool {
        !self.undos.is_empty() || self.children.values().any(|child| child.has_undos())
    }

    /// Whether child runs are being wound up.
    pub(super) fn has_ending_children(&self) -> bool {
        self.children
            .values()
            .any(|child| matches!(child.life, Life::Ending(_)))
    }

    /// Whether any child run has not ended.
    pub(super) fn has_children(&self) -> bool {
        self.children.values().any(|child| !child.is_finished())
    }

    /// Goes on with the child run of a failed activation where it failed. Whether there is such.
    pub(super) fn retry_child(&mut self, id: ActId) -> bool {
        let Some(number) = self.acts.get(&id).map(|act| act.attempts) else {
            return false;
        };
        let child = (id, number);
        let reopened = self.with_child(child, |inner| match inner.retryable(None) {
            Ok(failed) => {
                inner.retry_failed(&failed);
                true
            }
            Err(_) => false,
        });
        if reopened != Some(true) {
            self.forget_child(child);
            return false;
        }
        let timeout = self.node(id.node).timeout;
        let deadline = timeout.map(|timeout| self.now.saturating_add(timeout));
        self.set_phase(id, Phase::Queued);
        self.ready.remove(&id);
        self.set_phase(id, Phase::Inside { deadline });
        self.child_ids.insert(self.child_name(child), child);
        self.stirred.insert(child);
        true
    }

    /// The value that a run gives to the one that it belongs to.
    pub(super) fn child_value(&mut self) -> Result<Value, Fault> {
        let Some(chunk) = self.flow().result else {
            let named = self.flow().fields.iter().zip(&self.slots);
            let named = named
                .filter_map(|(field, slot)| Some((self.program.text(field.name).clone(), slot.clone()?)));
            return Ok(Value::record(named.collect::<Vec<_>>()));
        };
        let sight = self.sight_at(self.begun, None);
        self.value(chunk, &[], self.committed + 1, &sight)
    }

    pub(super) fn is_child(&self) -> bool {
        self.place.depth > 0
    }

    /// Whose rules an activation begins by: a tool's are those of its agent.
    pub(super) fn lead_role(&self, id: ActId) -> Role {
        match self.acts.get(&id).map(|act| act.role) {
            Some(Role::Tool { agent, .. }) => self.acts.get(&agent).map_or(Role::Normal, |act| act.role),
            Some(role) => role,
            None => Role::Normal,
        }
    }
}

/// The last of the names that those within a run begin with.
fn last_name(names: &str) -> &str {
    names.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
