//! `until`: the condition of a fan-out, tested over the newest state and what its items have brought
//! so far; and what becomes of the rest when it holds.

use flow_bytecode::ChunkId;

use super::Run;
use super::activation::{ActId, Activation, Failure, GroupId};
use super::decide::Matter;
use super::state::{Merging, Sent, Slots};
use crate::Fault;
use crate::event::EventKind;

/// The condition of an `each`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    pub(super) test: ChunkId,
    /// Whether the rest is withdrawn when it holds.
    pub(super) cancel_rest: bool,
}

/// The newest state with the updates of the items that have come back, in order of index: one state
/// behind each, so that an item that comes in between costs only what is behind it.
#[derive(Debug, Default)]
pub(super) struct Known {
    behind: Vec<(ActId, Slots)>,
    /// For which state of the run.
    changes: u64,
    /// The first item that is not in it.
    missing: Option<ActId>,
}

impl Known {
    /// An item has come back.
    pub(super) fn miss(&mut self, id: ActId) {
        self.missing = Some(self.missing.map_or(id, |first| first.min(id)));
    }
}

impl Run {
    /// Tests the conditions of a fan-out.
    pub(super) fn test_until(&mut self, group: GroupId) {
        let Some(open) = self.groups.get(&group).filter(|open| !open.is_over()) else {
            return;
        };
        let (untils, params) = (open.untils.clone(), open.params.clone());
        let key = open.key(group);
        let slots = self.newest(group);
        let sight = self.sight_at(key.step, Some(group.send.node));
        for until in untils {
            match self.test_over(&slots, until.test, &params, &sight) {
                Ok(false) => {}
                Ok(true) => return self.complete(group, until.cancel_rest),
                Err(fault) => return self.until_failed(group, fault),
            }
        }
    }

    fn until_failed(&mut self, group: GroupId, fault: Fault) {
        self.fail_run(group.send, Some(group.send.node), &Failure::from(fault));
    }

    /// Tests conditions again, because the state has changed.
    pub(super) fn retest_groups(&mut self) {
        let open: Vec<(GroupId, ActId)> = self
            .groups
            .iter()
            .filter(|(_, open)| !open.untils.is_empty() && !open.is_over())
            .map(|(group, open)| (*group, open.key(*group)))
            .collect();
        for (group, key) in open {
            self.record(key, 2, Matter::Until(group));
        }
    }

    /// The condition holds: nothing more is started, the arrows fire.
    fn complete(&mut self, group: GroupId, cancel_rest: bool) {
        let Some(open) = self.groups.get_mut(&group) else {
            return;
        };
        open.complete = true;
        let key = open.key(group);
        let what = "until".into();
        self.event(key.step, Some(group.node), EventKind::Decided { what });
        let ours = |act: &Activation| act.group == Some(group);
        self.withdraw(|act| ours(act) && (cancel_rest || !(act.runs() || act.left)));
        let rest: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| ours(act) && act.is_withdrawable())
            .map(|act| act.id)
            .collect();
        for id in rest {
            self.leave_running(id);
            if let Some(act) = self.acts.get_mut(&id) {
                act.unheeded = true;
            }
            // It leads nowhere any more.
            self.deactivate(id.node);
        }
        self.close_group(group);
    }

    /// The newest state with the updates of the items that have come back.
    fn newest(&mut self, group: GroupId) -> Slots {
        let Some(open) = self.groups.get_mut(&group) else {
            return self.slots.clone();
        };
        let mut known = std::mem::take(&mut open.known);
        if known.changes != self.changes {
            let (acts, committed) = (&self.acts, self.committed);
            open.back
                .retain(|id| acts.get(id).is_some_and(|act| act.step > committed));
            known.behind.clear();
            known.missing = open.back.first().copied();
            known.changes = self.changes;
        }
        if let Some(first) = known.missing.take() {
            known
                .behind
                .truncate(known.behind.partition_point(|(id, _)| *id < first));
            let more: Vec<ActId> = open.back.range(first..).copied().collect();
            for id in more {
                let before = known.behind.last().map_or(&self.slots, |(_, slots)| slots);
                let after = self.with_updates(before.clone(), id);
                known.behind.push((id, after));
            }
        }
        let newest = known
            .behind
            .last()
            .map_or(&self.slots, |(_, slots)| slots)
            .clone();
        if let Some(open) = self.groups.get_mut(&group) {
            open.known = known;
        }
        newest
    }

    fn with_updates(&mut self, mut after: Slots, id: ActId) -> Slots {
        let Some(act) = self.acts.get(&id) else {
            return after;
        };
        let (step, updates) = (act.step, act.updates.clone());
        self.see(&self.sight_at(step, None));
        let sent = [Sent {
            by: id,
            updates: &updates,
        }];
        let mut merging = Merging {
            program: &self.program,
            flow: &self.program.image().flows[self.flow_at],
            input: &self.input,
            config: &self.config,
            view: &self.seen,
            interp: &mut self.interp,
            goes_on: true,
        };
        merging.known(&mut after, &sent, &mut std::collections::BTreeSet::new());
        after
    }
}
