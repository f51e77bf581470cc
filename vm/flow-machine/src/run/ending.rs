//! How a run ends: by itself, by its program, by a failure, a limit or from outside. Compensation,
//! `finally`, the result.

use std::sync::Arc;

use flow_bytecode::{NodeId, Schedule};
use serde_json::Value as Json;

use super::activation::{ActId, Activation, Failure, Phase, Role, Stop, Via};
use super::child::ChildId;
use super::{Life, Run, Verdict, eval};
use crate::border;
use crate::event::{EventKind, RunError, Settlement, Status};
use crate::value::Value;

/// A run that is ending.
pub(super) struct Ending {
    pub(super) status: Status,
    error: Option<RunError>,
    stage: Stage,
    /// Whose text is still to be made.
    stop: Option<Stop>,
    /// `finally` nodes that have not run, last first.
    finally: Vec<NodeId>,
    undos: Vec<UndoEntry>,
}

/// What is done while a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What is under way is let finish.
    Drain,
    Undo,
    Finally,
}

/// A call that can be compensated.
#[derive(Clone, Debug)]
pub(super) struct UndoEntry {
    pub(super) id: ActId,
    /// Counts recorded outcomes.
    pub(super) number: u64,
    pub(super) what: Compensation,
}

/// How something is compensated.
#[derive(Clone, Debug)]
pub(super) enum Compensation {
    /// By the `undo` of its node, with these arguments.
    Call(Value),
    /// By those within the run of a subgraph.
    Child(ChildId),
}

impl Ending {
    pub(super) fn new(status: Status, error: Option<RunError>) -> Ending {
        Ending {
            status,
            error,
            stage: Stage::Drain,
            stop: None,
            finally: Vec::new(),
            undos: Vec::new(),
        }
    }

    /// Whether what was under way is let finish.
    pub(super) fn is_draining(&self) -> bool {
        self.stage == Stage::Drain
    }
}

impl Run {
    /// Ends the run, by its program or by a failure.
    pub(super) fn end_by(&mut self, key: ActId, verdict: Verdict) {
        match verdict {
            Verdict::Failed(error) => {
                self.event(
                    key.step,
                    None,
                    EventKind::Decided {
                        what: "failure".into(),
                    },
                );
                self.life = Life::Ending(Ending::new(Status::Failed, Some(error)));
            }
            Verdict::Stop(stop) => {
                let (what, status) = match stop {
                    Stop::Halt => ("halt", Status::Done),
                    Stop::Fail(..) => ("fail", Status::Failed),
                    Stop::Cancel(..) => ("cancel", Status::Cancelled),
                };
                self.event(key.step, Some(key.node), EventKind::Decided { what: what.into() });
                if status != Status::Done {
                    self.undo_unknown();
                }
                self.withdraw_all();
                self.life = Life::Ending(Ending {
                    stop: Some(stop),
                    ..Ending::new(status, None)
                });
            }
        }
    }

    /// Ends the run from outside.
    pub(super) fn cancel_run(&mut self, reason: &str) {
        if !matches!(self.life, Life::Running) {
            return;
        }
        self.event(
            self.begun,
            None,
            EventKind::Decided {
                what: "cancel".into(),
            },
        );
        self.undo_unknown();
        self.withdraw_all();
        let error = stop_error("F2502", format!("cancelled: {reason}"));
        self.life = Life::Ending(Ending::new(Status::Cancelled, Some(error)));
    }

    /// Nothing is left to do: the run is done.
    pub(super) fn end_when_done(&mut self) -> bool {
        if !self.is_quiet() || !self.held.is_empty() || self.paused && !self.ready.is_empty() {
            return false;
        }
        if !self.listening.is_empty() {
            // Listeners do not keep the run; joins may have waited for them.
            let listening = std::mem::take(&mut self.listening);
            self.withdraw(|act| listening.contains(&act.id));
            return true;
        }
        self.drop_arrivals();
        self.life = Life::Ending(Ending::new(Status::Done, None));
        true
    }

    /// The next thing of an ending.
    pub(super) fn move_ending(&mut self) -> bool {
        let Life::Ending(ending) = &self.life else {
            return false;
        };
        let winds_up = |role: Role| matches!(role, Role::Finally | Role::Undo(_));
        let busy = self.acts.values().any(|act| winds_up(act.role)) || self.has_ending_children();
        let limit = ending.status == Status::Limit;
        match ending.stage {
            Stage::Drain if self.flight() > 0 => false,
            Stage::Drain if !limit && self.has_ending_children() => false,
            Stage::Drain => self.drained(),
            _ if busy => false,
            Stage::Undo => self.next_undo(),
            Stage::Finally => self.next_finally(),
        }
    }

    /// What was under way has finished: the text of a stop is made, compensation prepared.
    fn drained(&mut self) -> bool {
        self.finish_checkpoint();
        self.leave_lines();
        if matches!(&self.life, Life::Ending(ending) if ending.status == Status::Failed) {
            self.wind_up_children();
        }
        let Life::Ending(ending) = &mut self.life else {
            return false;
        };
        let (status, stop) = (ending.status, ending.stop.take());
        let error = match stop {
            Some(Stop::Fail(chunk, regs)) => Some(stop_error("F2503", self.stop_text(chunk, &regs))),
            Some(Stop::Cancel(chunk, regs)) => Some(stop_error("F2502", self.stop_text(chunk, &regs))),
            _ => None,
        };
        let undone = matches!(status, Status::Failed | Status::Cancelled);
        let mut undos = if undone {
            std::mem::take(&mut self.undos)
        } else {
            Vec::new()
        };
        // Those that have lost are undone in any case.
        undos.append(&mut self.compensating);
        let nodes = &self.program.image().flows[self.flow_at].nodes;
        let finally = (0..nodes.len())
            .rev()
            .filter(|&at| nodes[at].schedule == Schedule::Finally);
        let finally = finally.map(|at| NodeId(at as u32)).collect();
        let Life::Ending(ending) = &mut self.life else {
            return false;
        };
        ending.error = error.or(ending.error.take());
        ending.undos = undos;
        ending.finally = finally;
        ending.stage = Stage::Undo;
        true
    }

    fn stop_text(&mut self, chunk: flow_bytecode::ChunkId, regs: &[Value]) -> String {
        let step = self.committed + 1;
        let sight = self.sight_at(self.committed, None);
        match self.value(chunk, regs, step, &sight) {
            Ok(value) => border::text(&value),
            Err(fault) => fault.to_string(),
        }
    }

    /// Compensates the call whose outcome was recorded last.
    fn next_undo(&mut self) -> bool {
        let Life::Ending(ending) = &mut self.life else {
            return false;
        };
        let Some(entry) = ending.undos.pop() else {
            ending.stage = Stage::Finally;
            return true;
        };
        let id = entry.id;
        self.start_undo(entry);
        self.forget_undone(id);
        true
    }

    /// Makes the call that compensates another.
    pub(super) fn start_undo(&mut self, entry: UndoEntry) {
        let args = match entry.what {
            Compensation::Call(args) => args,
            Compensation::Child(child) => return self.undo_child(child),
        };
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[entry.id.node.index()];
        let Some(undo) = &node.undo else { return };
        let step = self.begun;
        let id = ActId {
            step,
            node: entry.id.node,
            via: Via::Ending,
            index: entry.number as u32,
        };
        let mut act = Activation::new(id, Role::Undo(entry.number), Arc::from([]));
        let key = format!("{}/{}", self.calls_as, self.act_name(&act));
        if let Ok(frame) = self.frame_of(&undo.call, args, key, step + 1) {
            act.call = Some(Arc::new(frame));
            self.insert(act);
            self.undoing += 1;
        }
    }

    /// Compensates what a run did that had ended.
    pub(super) fn undo_again(&mut self) {
        self.life = Life::Ending(Ending {
            stage: Stage::Undo,
            undos: std::mem::take(&mut self.undos),
            ..Ending::new(Status::Cancelled, None)
        });
    }

    /// An outcome that was undone is not kept: `retry` makes that call again.
    fn forget_undone(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        if act.role == Role::Normal
            && matches!(act.phase, Phase::Settled(Settlement::Done))
            && act.step > self.committed
        {
            act.undone = true;
        }
    }

    /// Makes the calls again that were compensated before their steps were committed.
    pub(super) fn remake_undone(&mut self) {
        let undone: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| act.undone)
            .map(|act| act.id)
            .collect();
        for id in undone {
            self.remake(id);
        }
    }

    fn remake(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        let (step, group) = (act.step, act.group);
        let arrows = matches!(act.ways, super::Ways::Arrows);
        **act = Activation {
            arrived: std::mem::take(&mut act.arrived),
            group,
            lane: act.lane,
            step,
            attempts: act.attempts,
            remade: act.remade + 1,
            ..Activation::new(id, Role::Normal, act.params.clone())
        };
        self.phases.change(None, Some(&Phase::Queued));
        self.to_fire.remove(&id);
        self.count_live(id.node, step, false, true);
        if let Some(group) = group {
            self.item_reopened(group, id, arrows);
        }
        self.enqueue(id);
    }

    fn next_finally(&mut self) -> bool {
        let Life::Ending(ending) = &mut self.life else {
            return false;
        };
        let Some(node) = ending.finally.pop() else {
            self.conclude();
            return true;
        };
        let program = self.program.clone();
        let declared = &program.image().flows[self.flow_at].nodes[node.index()];
        let params = eval::arrange(&program, &declared.params, None).unwrap_or_default();
        let step = self.begun.max(self.committed) + 1;
        let id = ActId {
            step,
            node,
            via: Via::Ending,
            index: 0,
        };
        self.add_planned(Activation::new(id, Role::Finally, params.into()));
        true
    }

    /// A `finally` node is done: its updates are applied at once.
    pub(super) fn finish_finally(&mut self, id: ActId) {
        let Some(act) = self.acts.remove(&id) else { return };
        self.begun = self.begun.max(act.step);
        self.commit_outside(act.step, id, &act.updates, false);
        self.finish_checkpoint();
    }

    /// A `finally` node failed: a run that was done has failed.
    pub(super) fn finally_failed(&mut self, id: ActId, failure: &Failure) {
        let error = self.run_error(Some(id.node), failure);
        if let Life::Ending(ending) = &mut self.life
            && ending.status == Status::Done
        {
            ending.status = Status::Failed;
            ending.error = Some(error);
        }
        self.finish(id, Settlement::Failed, Vec::new(), super::Ways::None);
    }

    /// The end: result, status.
    fn conclude(&mut self) {
        self.finish_checkpoint();
        let Life::Ending(ending) = &self.life else { return };
        let (mut status, mut error) = (ending.status, ending.error.clone());
        if status == Status::Done {
            match self.make_result() {
                Ok(result) => self.result = Some(result),
                Err(failure) => {
                    status = Status::Failed;
                    error = Some(self.run_error(None, &failure));
                }
            }
        }
        self.error.clone_from(&error);
        if self.is_child() {
            self.life = Life::Finished(status);
            return;
        }
        let result = self.result.clone().unwrap_or(Json::Null);
        self.event(
            self.begun,
            None,
            EventKind::Finished {
                status,
                result,
                error,
            },
        );
        self.life = Life::Finished(status);
    }

    fn make_result(&mut self) -> Result<Json, Failure> {
        if self.is_child() {
            self.value = self.child_value()?;
            return Ok(Json::Null);
        }
        let Some(chunk) = self.flow().result else {
            return Ok(Json::Object(self.state_json()));
        };
        let sight = self.sight_at(self.begun, None);
        Ok(border::to_json(&self.value(
            chunk,
            &[],
            self.committed + 1,
            &sight,
        )?))
    }

    /// How the run ends, for `run.outcome`.
    pub(super) fn ending_outcome(&self) -> Option<&'static str> {
        let Life::Ending(ending) = &self.life else {
            return None;
        };
        Some(match ending.status {
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Limit => "limit",
            Status::Done | Status::Running | Status::Interrupted => "done",
        })
    }

    /// Calls under way that are going to be stopped may have been made: they are compensated, too,
    /// where that does not need their reply.
    fn undo_unknown(&mut self) {
        let program = self.program.clone();
        let nodes = &program.image().flows[self.flow_at].nodes;
        let running: Vec<ActId> = self.attempts.values().copied().collect();
        let mut running: Vec<ActId> = running
            .into_iter()
            .filter(|id| self.acts.get(id).is_some_and(|act| act.role == Role::Normal))
            .collect();
        running.sort_unstable();
        running.dedup();
        for id in running {
            let Some(undo) = &nodes[id.node.index()].undo else {
                continue;
            };
            let act = &self.acts[&id];
            let (step, sight, mut regs) = (act.step, self.sight_of(act), act.params.to_vec());
            regs.push(Value::Null);
            if let Ok(args) = self.value(undo.call.args, &regs, step, &sight) {
                self.recorded += 1;
                let number = self.recorded;
                let what = Compensation::Call(args);
                self.undos.push(UndoEntry { id, number, what });
            }
        }
    }

    /// Withdraws everything that has not settled; nothing that has fires any more.
    fn withdraw_all(&mut self) {
        self.withdraw(|_| true);
        self.deciding.clear();
        self.reopening.clear();
        self.to_fire.clear();
        self.routes.clear();
        self.held.clear();
        self.groups.clear();
        self.active.clear();
        for act in self.acts.values_mut() {
            act.fired = true;
        }
        let committed = self.committed;
        self.acts.retain(|_, act| act.step > committed);
        self.drop_arrivals();
    }

    fn drop_arrivals(&mut self) {
        let dropped: usize = self.joins.iter_mut().map(super::JoinState::clear).sum();
        self.waiting.clear();
        if dropped > 0 {
            self.event(
                self.begun,
                None,
                EventKind::Decided {
                    what: format!("{dropped} arrivals at joins dropped"),
                },
            );
        }
    }
}

fn stop_error(code: &str, message: String) -> RunError {
    RunError {
        code: code.into(),
        message,
        node: None,
        class: None,
        span: None,
    }
}
