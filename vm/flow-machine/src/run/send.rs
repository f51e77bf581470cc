//! Sends: what they start, groups, and the window of each `each`.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_bytecode::{Each, NodeId};

use super::activation::{ActId, Activation, Failure, GroupId, Phase, Role, Via, Ways};
use super::{Firing, Run, eval};
use crate::Fault;
use crate::event::Settlement;
use crate::value::Value;

/// What one activation of a send started in one node.
#[derive(Debug)]
pub(super) struct Group {
    /// The step in which the group's arrows fire: that of its items, or of the send if it is empty.
    step: u64,
    items: u32,
    settled: u32,
    succeeded: u32,
    failed: u32,
    /// Items that took another way.
    left: u32,
    withdrawn: bool,
    lanes: Vec<Lane>,
}

/// A complete group as a join counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) items: u32,
    pub(super) succeeded: u32,
}

/// The window of one `each`.
#[derive(Debug)]
struct Lane {
    window: Option<u32>,
    /// Ready or called.
    inside: BTreeSet<ActId>,
    queue: BTreeSet<ActId>,
}

/// What is to be started in one node.
struct Batch {
    node: NodeId,
    lanes: Vec<Lane>,
    /// Lane and parameters.
    items: Vec<(usize, Arc<[Value]>)>,
}

impl Run {
    /// Evaluates the lists and plans all items; they belong to the next step.
    pub(super) fn begin_send(&mut self, id: ActId, eaches: &[Each]) {
        match self.batches(id, eaches) {
            Ok(batches) => {
                self.succeed(id, None);
                for batch in batches {
                    self.start_group(id, batch);
                }
            }
            Err(fault) => self.fail(id, &Failure::from(fault)),
        }
    }

    fn batches(&mut self, id: ActId, eaches: &[Each]) -> Result<Vec<Batch>, Fault> {
        let mut batches: Vec<Batch> = Vec::new();
        for each in eaches {
            let items = self.items(id, each)?;
            let at = batches
                .iter()
                .position(|batch| batch.node == each.node)
                .unwrap_or_else(|| {
                    batches.push(Batch {
                        node: each.node,
                        lanes: Vec::new(),
                        items: Vec::new(),
                    });
                    batches.len() - 1
                });
            let batch = &mut batches[at];
            let lane = batch.lanes.len();
            batch.lanes.push(Lane {
                window: each.window,
                inside: BTreeSet::new(),
                queue: BTreeSet::new(),
            });
            batch.items.extend(items.into_iter().map(|params| (lane, params)));
        }
        Ok(batches)
    }

    fn items(&mut self, id: ActId, each: &Each) -> Result<Vec<Arc<[Value]>>, Fault> {
        let program = self.program.clone();
        let act = &self.acts[&id];
        let (step, view, mut regs) = (act.step, self.view_of(act), act.params.to_vec());
        let listed: Vec<Value> = match self.value(each.list, &regs, step, &view)? {
            Value::Null => Vec::new(),
            Value::List(list) if !each.single => list.iter().cloned().collect(),
            Value::List(list) if list.is_empty() => Vec::new(),
            single => vec![single],
        };
        let declared = &program.image().flows[self.flow_at].nodes[each.node.index()].params;
        let mut items = Vec::with_capacity(listed.len());
        for item in listed {
            regs.truncate(act_len(&self.acts[&id]));
            regs.push(item);
            if let Some(filter) = each.filter
                && !self.test(filter, &regs, step, &view)?
            {
                continue;
            }
            let record = match each.args {
                Some(args) => Some(self.value(args, &regs, step, &view)?),
                None => None,
            };
            items.push(eval::arrange(&program, declared, record.as_ref())?.into());
        }
        Ok(items)
    }

    fn start_group(&mut self, send: ActId, batch: Batch) {
        let group = GroupId {
            send,
            node: batch.node,
        };
        let empty = batch.items.is_empty();
        let send_step = self.acts.get(&send).map_or(send.step, |act| act.step);
        let step = if empty {
            send_step
        } else {
            send_step.max(self.floor) + 1
        };
        let via = Via::Node(send.node);
        let count = batch.items.len() as u32;
        self.groups.insert(
            group,
            Group {
                step,
                items: count,
                settled: 0,
                succeeded: 0,
                failed: 0,
                left: 0,
                withdrawn: false,
                lanes: batch.lanes,
            },
        );
        self.activate(batch.node);
        for (lane, params) in batch.items {
            let index = self.next_index(step, batch.node, via);
            let mut act = Activation::new(
                ActId {
                    step,
                    node: batch.node,
                    via,
                    index,
                },
                Role::Normal,
                params,
            );
            act.group = Some(group);
            act.lane = lane;
            self.add_planned(act);
        }
        if empty {
            self.close_group(group);
        }
    }

    /// An item has settled; the last one completes its group.
    pub(super) fn item_settled(&mut self, group: GroupId, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        let aims = matches!(act.ways, Ways::Aims(_));
        let arrows = matches!(act.ways, Ways::Arrows);
        let cancelled = matches!(act.phase, Phase::Settled(Settlement::Cancelled));
        if aims {
            self.to_fire.insert(id, Firing::Act);
        } else {
            act.fired = true;
            self.deactivate(id.node);
        }
        let Some(open) = self.groups.get_mut(&group) else {
            return;
        };
        open.settled += 1;
        open.succeeded += u32::from(arrows);
        open.left += u32::from(aims);
        open.failed += u32::from(!arrows && !aims && !cancelled);
        open.withdrawn |= cancelled;
        if open.settled == open.items {
            self.close_group(group);
        }
    }

    /// An item that had settled is to run again.
    pub(super) fn item_reopened(&mut self, group: GroupId, id: ActId, arrows: bool) {
        let closed = |firing: &Firing| matches!(firing, Firing::Group(closed) if *closed == group);
        self.to_fire.retain(|_, firing| !closed(firing));
        if arrows {
            self.activate(id.node);
        }
        let Some(open) = self.groups.get_mut(&group) else {
            return;
        };
        open.settled -= 1;
        open.succeeded -= u32::from(arrows);
        open.left -= u32::from(!arrows);
    }

    fn close_group(&mut self, group: GroupId) {
        let Some(open) = self.groups.get(&group) else {
            return;
        };
        let key = ActId {
            step: open.step,
            node: group.node,
            via: Via::Node(group.send.node),
            index: 0,
        };
        // Several groups of one node in one step: the first free number.
        let key = (0..u32::MAX)
            .map(|index| ActId { index, ..key })
            .find(|key| !self.to_fire.contains_key(key) && !self.acts_fire(key));
        if let Some(key) = key {
            self.to_fire.insert(key, Firing::Group(group));
        }
    }

    /// Whether an item of this name takes a way of its own.
    fn acts_fire(&self, key: &ActId) -> bool {
        self.acts
            .get(key)
            .is_some_and(|act| matches!(act.ways, Ways::Aims(_)))
    }

    /// Whether the arrows of a complete group fire.
    pub(super) fn group_fires(&self, group: GroupId) -> bool {
        let Some(group) = self.groups.get(&group) else {
            return false;
        };
        !group.withdrawn && (group.items == 0 || group.succeeded + group.failed > 0)
    }

    /// Items of a complete group, and how many of them succeeded.
    pub(super) fn tally(&self, group: GroupId) -> Option<Tally> {
        self.groups.get(&group).map(|group| Tally {
            items: group.items,
            succeeded: group.succeeded,
        })
    }

    /// Lets an activation through its window, or queues it.
    pub(super) fn enter_lane(&mut self, id: ActId) -> bool {
        let Some(lane) = self.lane(id) else { return true };
        let free = lane
            .window
            .is_none_or(|window| lane.inside.len() < window as usize);
        if free || lane.inside.contains(&id) {
            lane.inside.insert(id);
            return true;
        }
        lane.queue.insert(id);
        false
    }

    /// Frees an activation's place in its window for the next.
    pub(super) fn leave_lane(&mut self, id: ActId) {
        let Some(lane) = self.lane(id) else { return };
        lane.queue.remove(&id);
        if !lane.inside.remove(&id) {
            return;
        }
        if let Some(next) = lane.queue.pop_first() {
            lane.inside.insert(next);
            self.ready.insert(next);
        }
    }

    fn lane(&mut self, id: ActId) -> Option<&mut Lane> {
        let act = self.acts.get(&id)?;
        let (group, lane) = (act.group?, act.lane);
        self.groups.get_mut(&group)?.lanes.get_mut(lane)
    }
}

fn act_len(act: &Activation) -> usize {
    act.params.len()
}
