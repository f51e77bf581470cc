//! What success does: the node's own code, its updates, where it leads.

use flow_bytecode::{NodeKind, Undo};

use super::Run;
use super::activation::{ActId, Aim, Failure, Foreign, Phase, Role, Ways};
use super::ending::{Compensation, UndoEntry};
use super::eval::Sight;
use crate::event::{EventKind, Settlement};
use crate::interp::{Evaluated, Update};
use crate::value::Value;
use crate::{Fault, border};

/// What a worker's own command says.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) goto: Option<Vec<Aim>>,
    pub(super) updates: Vec<Foreign>,
}

impl Run {
    /// An activation's work succeeded, with what it gave: a reply, an answer, an event.
    pub(super) fn succeed(&mut self, id: ActId, given: Option<Value>) {
        if let Err(fault) = self.try_succeed(id, given, Command::default()) {
            self.fail(id, &Failure::from(fault));
        }
    }

    /// Runs the node's own code. Nothing has changed if it fails.
    pub(super) fn try_succeed(
        &mut self,
        id: ActId,
        given: Option<Value>,
        command: Command,
    ) -> Result<(), Fault> {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let act = &self.acts[&id];
        let (step, sight, mut regs) = (act.step, self.sight_of(act), act.params.to_vec());
        regs.extend(given);
        let done = match node.settle {
            Some(chunk) => self.eval(chunk, &regs, step, &sight)?,
            None => Evaluated {
                value: Value::Null,
                updates: Vec::new(),
                emits: Vec::new(),
            },
        };
        let ways = match (command.goto, &node.goto) {
            (Some(aims), _) => Ways::Aims(aims),
            (None, Some(decision)) => {
                let picked = self.decide(decision, &regs, step, &sight)?;
                let mut aims = Vec::new();
                for &arm in &picked {
                    aims.extend(self.aims(&decision.arms[arm].target, &regs, step, &sight)?);
                }
                self.route_event(decision, &picked, ActId { step, ..id });
                Ways::Aims(once_each(aims))
            }
            (None, None) => Ways::Arrows,
        };
        if let Some(undo) = &node.undo {
            self.remember_undo(id, undo, &regs, step, &sight)?;
        }
        let mut updates = done.updates;
        updates.extend(command.updates.into_iter().map(Update::from));
        self.emit(id, &done.emits);
        self.finish(id, Settlement::Done, updates, ways);
        Ok(())
    }

    /// A gate that did not ask, and a failure that is skipped: the arrows fire, nothing is updated.
    pub(super) fn pass_by(&mut self, id: ActId, how: Settlement) {
        self.finish(id, how, Vec::new(), Ways::Arrows);
    }

    /// Ends an activation.
    pub(super) fn finish(&mut self, id: ActId, how: Settlement, updates: Vec<Update>, ways: Ways) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        let (step, role) = (act.step, act.role);
        act.updates = updates;
        act.ways = ways;
        self.recorded += 1;
        self.event(step, Some(id.node), EventKind::Settled { index: id.index, how });
        self.set_phase(id, Phase::Settled(how));
        self.forget_views(step);
        match role {
            Role::Normal => {
                self.record_outcome(id, how);
                self.stop_along(id);
                self.queue_firing(id);
            }
            Role::Finally => self.finish_finally(id),
            Role::Undo(_) => {
                self.acts.remove(&id);
                self.undoing -= 1;
            }
            Role::Tool { .. } => unreachable!("tools end with `tool_done`"),
        }
    }

    /// Events for the `custom` stream.
    pub(super) fn emit(&mut self, id: ActId, emits: &[(flow_bytecode::StrId, Value)]) {
        let step = self.acts.get(&id).map_or(id.step, |act| act.step);
        for (name, value) in emits {
            let name = self.program.text(*name).to_string();
            self.event(
                step,
                Some(id.node),
                EventKind::Emitted {
                    name,
                    data: border::to_json(value),
                },
            );
        }
    }

    fn remember_undo(
        &mut self,
        id: ActId,
        undo: &Undo,
        regs: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<(), Fault> {
        // A reply that was kept is of no call of this activation.
        let calls = matches!(
            self.node(id.node).kind,
            NodeKind::Task(_) | NodeKind::Agent(_) | NodeKind::Subgraph { .. }
        );
        if !calls || self.acts[&id].attempts == 0 {
            return Ok(());
        }
        let args = self.value(undo.call.args, regs, step, sight)?;
        let number = self.recorded + 1;
        let what = Compensation::Call(args);
        self.undos.push(UndoEntry { id, number, what });
        Ok(())
    }
}

/// The same target twice is one.
fn once_each(aims: Vec<Aim>) -> Vec<Aim> {
    let mut kept: Vec<Aim> = Vec::with_capacity(aims.len());
    for aim in aims {
        let again = kept.iter().any(|other| match (other, &aim) {
            (Aim::Node(a, None), Aim::Node(b, None)) => a == b,
            (Aim::End, Aim::End) => true,
            _ => false,
        });
        if !again {
            kept.push(aim);
        }
    }
    kept
}
