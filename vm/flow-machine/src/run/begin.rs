//! Starting what may start: order, slots, breakpoints, and what beginning means for each kind of node.

use flow_bytecode::NodeKind;

use super::Run;
use super::activation::{ActId, Answer, Failure, Phase, Role, Via};
use super::early::LazyFront;
use super::{Firing, Life};
use crate::event::EventKind;

/// What became of a ready activation when its turn came.
enum Turn {
    Begun,
    Waits,
    /// What it reads is not final.
    TooEarly,
    /// Nothing further can begin now.
    Stop,
}

/// Behind everything of the same step and node.
fn last_of(id: ActId) -> ActId {
    ActId {
        via: Via::Ending,
        index: u32::MAX,
        ..id
    }
}

impl Run {
    /// Makes an activation ready, or lets it queue for its group's window.
    pub(super) fn enqueue(&mut self, id: ActId) {
        if self.enter_lane(id) {
            self.ready.insert(id);
        }
    }

    /// Begins the first ready activations that may.
    pub(super) fn begin_ready(&mut self) -> bool {
        if self.paused {
            return false;
        }
        let mut moved = false;
        let mut front = LazyFront::default();
        let mut next = self.ready.first().copied();
        while let Some(id) = next {
            let turn = self.turn(&mut front, id);
            match turn {
                Turn::Begun => moved = true,
                Turn::Waits | Turn::TooEarly => {}
                Turn::Stop => break,
            }
            if !self.deciding.is_empty() {
                break;
            }
            let behind = if matches!(turn, Turn::TooEarly) {
                // Too early for one is too early for all of its node and step.
                last_of(id)
            } else {
                id
            };
            next = self
                .ready
                .range((std::ops::Bound::Excluded(behind), std::ops::Bound::Unbounded))
                .next()
                .copied();
        }
        moved
    }

    fn turn(&mut self, front: &mut LazyFront, id: ActId) -> Turn {
        let act = &self.acts[&id];
        let (step, answered) = (act.step, matches!(act.phase, Phase::Answered(_)));
        if self.lead_role(id) == Role::Normal {
            if matches!(self.life, Life::Ending(_)) || self.met.is_some() || self.is_halted() {
                return Turn::Stop;
            }
            if !self.may_start(front, id) {
                return if step == id.step {
                    Turn::TooEarly
                } else {
                    Turn::Waits
                };
            }
            if let Some(limit) = self.over_limit() {
                self.met = Some(limit);
                return Turn::Stop;
            }
            if let Some(limit) = self.outer_limit(step) {
                self.hit = Some(limit);
                return Turn::Stop;
            }
            let most = self.limits.steps.unwrap_or(u64::MAX);
            if step.saturating_add(self.inner.steps) > most && step > self.begun && !answered {
                if self.live.keys().next().is_some_and(|first| *first < step) {
                    // Work remains that may begin.
                    return Turn::Waits;
                }
                self.met = Some("steps");
                return Turn::Stop;
            }
            if self.breaks_before(id) {
                return Turn::Stop;
            }
        }
        if matches!(self.node(id.node).kind, NodeKind::Subgraph { .. }) && !answered && self.over_depth() {
            self.pass_hit("depth");
            return Turn::Stop;
        }
        if self.calls(id) {
            if self.flight() >= self.limits.parallel.unwrap_or(u64::MAX) || self.slots_left() == Some(0) {
                return Turn::Stop;
            }
            if self.worker_rests(id) {
                return Turn::Waits;
            }
        }
        self.ready.remove(&id);
        self.begin(id);
        Turn::Begun
    }

    /// Whether the values that an activation reads are final: nothing unsettled stands in an
    /// earlier step, or what does cannot write them before it.
    fn may_start(&mut self, front: &mut LazyFront, id: ActId) -> bool {
        let step = self.acts[&id].step;
        if self.live.keys().next().is_none_or(|first| *first >= step) {
            return true;
        }
        // What comes from outside is let in between two steps.
        if !self.early || (!self.injected.is_empty() && step > self.begun) {
            return false;
        }
        let program = self.program.clone();
        let reads = &program.image().flows[self.flow_at].nodes[id.node.index()].reads;
        self.is_final(front, reads, step)
    }

    fn calls(&self, id: ActId) -> bool {
        let act = &self.acts[&id];
        let node = self.node(id.node);
        let at_once = node.cache.is_none() && node.locks.is_empty();
        matches!(act.phase, Phase::Queued)
            && (act.call.is_some() || at_once && matches!(node.kind, NodeKind::Task(_) | NodeKind::Agent(_)))
    }

    /// Pauses in front of a node with a breakpoint, once for each activation.
    fn breaks_before(&mut self, id: ActId) -> bool {
        let name = self.node_name(id.node);
        let set = self
            .start
            .breakpoints
            .iter()
            .any(|(node, before)| *before && **node == *name);
        if !set || self.passed.contains(&id) {
            return false;
        }
        self.passed.insert(id);
        self.paused = true;
        let step = self.acts[&id].step;
        self.event(step, Some(id.node), EventKind::Paused { before: true });
        true
    }

    pub(super) fn begin(&mut self, id: ActId) {
        let now = self.now;
        let Some(act) = self.acts.get_mut(&id) else { return };
        let step = act.step;
        if let Phase::Answered(answer) = act.phase.clone() {
            act.began = Some(now);
            self.begun = self.begun.max(step);
            return self.settle_answer(id, &answer);
        }
        act.began.get_or_insert(now);
        match act.role {
            Role::Tool { .. } => return self.begin_tool(id),
            Role::Undo(_) => return self.dispatch(id),
            Role::Normal | Role::Finally => {}
        }
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let opens = match &node.kind {
            NodeKind::Interrupt(interrupt) => self.begin_interrupt(id, interrupt),
            NodeKind::Wait(choices) => self.begin_wait(id, choices),
            _ => false,
        };
        if opens {
            return;
        }
        if self.acts.get(&id).is_some_and(|act| act.role == Role::Normal) {
            self.begun = self.begun.max(step);
        }
        if !node.locks.is_empty() && self.waits_for_locks(id, &node.locks) {
            return;
        }
        match &node.kind {
            NodeKind::Task(call) => self.begin_call(id, call),
            NodeKind::Transform => self.succeed(id, None),
            NodeKind::Send(eaches) => self.begin_send(id, eaches),
            NodeKind::Interrupt(_) | NodeKind::Wait(_) => {}
            NodeKind::Agent(agent) => self.begin_turn(id, agent),
            NodeKind::Subgraph { flow, args } => self.begin_child(id, *flow, *args),
            NodeKind::Route(_) => unreachable!("routes are decided"),
        }
    }

    /// What came from outside takes effect, in a step of its own.
    fn settle_answer(&mut self, id: ActId, answer: &Answer) {
        match answer {
            Answer::Value(value) => self.succeed(id, Some(value.clone())),
            Answer::Choice(choice, value) => self.settle_choice(id, *choice, value.clone()),
            Answer::TimedOut => self.time_out(id),
            Answer::Outcome(attempt, outcome) => self.take_outcome(id, attempt, outcome),
        }
    }

    /// An activation has settled: what it leads to is to be followed.
    pub(super) fn queue_firing(&mut self, id: ActId) {
        match self.acts.get(&id).and_then(|act| act.group) {
            Some(group) => self.item_settled(group, id),
            None => {
                self.to_fire.insert(id, Firing::Act);
            }
        }
    }

    /// An interrupt or wait timed out.
    fn time_out(&mut self, id: ActId) {
        let name = self.node_name(id.node);
        let failure = Failure::new(flow_bytecode::ErrorClass::Timeout, format!("`{name}` timed out"));
        self.fail(id, &failure);
    }
}
