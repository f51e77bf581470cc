//! Sends: what they start, groups, and the window of each `each`.

use std::sync::Arc;

use flow_bytecode::{Each, FieldId, JoinId, NodeId, NodeKind};

use super::activation::{ActId, Activation, Failure, GroupId, Phase, Role, Via, Ways};
use super::decide::Matter;
use super::eval::Sight;
use super::state::Slots;
use super::until::{Known, Until};
use super::{Firing, Run, eval};
use crate::Fault;
use crate::event::Settlement;
use crate::ordered::OrderedSet;
use crate::value::Value;

/// What one activation of a send started in one node.
#[derive(Debug)]
pub(super) struct Group {
    /// The step in which the group's arrows fire: the last of its items, or of the send if it is empty.
    step: u64,
    items: u32,
    settled: u32,
    succeeded: u32,
    failed: u32,
    /// Items that took another way.
    left: u32,
    withdrawn: u32,
    /// Whether a `finish` lets it go on with what came back.
    finished: bool,
    /// Whether its condition has held: what is still running counts no more.
    pub(super) complete: bool,
    /// Whether its arrows are to fire, or have fired.
    closed: bool,
    /// Races that have passed with some of its items.
    pub(super) raced: Vec<JoinId>,
    /// Branches of joins that were withdrawn after it had settled.
    pub(super) barred: Vec<(JoinId, u32)>,
    /// Those of the send.
    pub(super) params: Arc<[Value]>,
    pub(super) untils: Vec<Until>,
    /// Items that have come back and whose step is not committed, if there are conditions.
    pub(super) back: OrderedSet<ActId>,
    pub(super) known: Known,
    /// Fields whose new items start too.
    pub(super) following: Vec<Following>,
    lanes: Vec<Lane>,
}

/// An `each` that follows a field.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) lane: usize,
    /// Which `each` of the send.
    pub(super) each: usize,
    pub(super) field: FieldId,
    /// How many items of the field have been started or passed over.
    pub(super) seen: usize,
    /// The state of the send's step.
    pub(super) slots: Arc<Slots>,
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
    inside: OrderedSet<ActId>,
    queue: OrderedSet<ActId>,
}

/// What an item is given.
type Params = Arc<[Value]>;

/// What is to be started in one node.
struct Batch {
    node: NodeId,
    lanes: Vec<Lane>,
    untils: Vec<Until>,
    following: Vec<Following>,
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
        for (number, each) in eaches.iter().enumerate() {
            let (items, seen) = self.items(id, each)?;
            let at = batches
                .iter()
                .position(|batch| batch.node == each.node)
                .unwrap_or_else(|| {
                    batches.push(Batch::new(each.node));
                    batches.len() - 1
                });
            let batch = &mut batches[at];
            let lane = batch.lanes.len();
            batch.lanes.push(Lane {
                window: each.window,
                inside: OrderedSet::new(),
                queue: OrderedSet::new(),
            });
            batch.untils.extend(each.until.map(|test| Until {
                test,
                cancel_rest: each.cancel_rest,
            }));
            if let Some(field) = each.follow {
                let slots = Arc::new(self.slots_at(self.acts[&id].step));
                batch.following.push(Following {
                    lane,
                    each: number,
                    field,
                    seen,
                    slots,
                });
            }
            batch.items.extend(items.into_iter().map(|params| (lane, params)));
        }
        Ok(batches)
    }

    /// The parameters of what is to be started, and how long the list was.
    fn items(&mut self, id: ActId, each: &Each) -> Result<(Vec<Params>, usize), Fault> {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        let listed: Vec<Value> = match self.value(each.list, &params, step, &sight)? {
            Value::Null => Vec::new(),
            Value::List(list) if !each.single => list.iter().cloned().collect(),
            Value::List(list) if list.is_empty() => Vec::new(),
            single => vec![single],
        };
        self.make_room(listed.len())?;
        let slots = self.slots_at(step);
        let seen = listed.len();
        let mut items = Vec::with_capacity(seen);
        for item in listed {
            items.extend(self.item_params(each, &params, item, &slots, &sight)?);
        }
        Ok((items, seen))
    }

    /// What an item is given, unless a condition leaves it out.
    pub(super) fn item_params(
        &mut self,
        each: &Each,
        params: &[Value],
        item: Value,
        slots: &Slots,
        sight: &Sight,
    ) -> Result<Option<Arc<[Value]>>, Fault> {
        let mut regs = params.to_vec();
        regs.push(item);
        if let Some(filter) = each.filter
            && !self.test_over(slots, filter, &regs, sight)?
        {
            return Ok(None);
        }
        let record = match each.args {
            Some(args) => Some(self.value_over(slots, args, &regs, sight)?),
            None => None,
        };
        let program = self.program.clone();
        let declared = &program.image().flows[self.flow_at].nodes[each.node.index()].params;
        Ok(Some(eval::arrange(&program, declared, record.as_ref())?.into()))
    }

    fn start_group(&mut self, send: ActId, batch: Batch) {
        let group = GroupId {
            send,
            node: batch.node,
        };
        let (step, params) = self.acts.get(&send).map_or_else(
            || (send.step, Arc::from([])),
            |act| (act.step, act.params.clone()),
        );
        let started = Group::new(step, params, &batch.untils, &batch.following, batch.lanes);
        self.groups.insert(group, started);
        self.activate(batch.node);
        let empty = batch.items.is_empty() && batch.following.is_empty();
        for (lane, params) in batch.items {
            self.add_item(group, lane, step, params);
        }
        if empty {
            self.close_group(group);
        }
    }

    /// Plans an item of a group in the step behind what triggers it.
    pub(super) fn add_item(&mut self, group: GroupId, lane: usize, behind: u64, params: Arc<[Value]>) {
        let step = behind.max(self.floor).max(self.committed) + 1;
        let via = Via::Node(group.send.node);
        let Some(open) = self.groups.get_mut(&group) else {
            return;
        };
        open.step = open.step.max(step);
        open.items += 1;
        let index = self.next_index(step, group.node, via);
        let mut act = Activation::new(
            ActId {
                step,
                node: group.node,
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

    /// Starts what has been added to the fields that fan-outs follow, and closes those to which
    /// nothing was added any more.
    pub(super) fn grow_groups(&mut self) {
        let open: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, open)| !open.following.is_empty() && !open.is_over())
            .map(|(group, _)| *group)
            .collect();
        for group in open {
            if let Err(fault) = self.grow(group) {
                self.fail_run(group.send, Some(group.send.node), &Failure::from(fault));
            }
        }
    }

    fn grow(&mut self, group: GroupId) -> Result<(), Fault> {
        let program = self.program.clone();
        let NodeKind::Send(eaches) = &program.image().flows[self.flow_at].nodes[group.send.node.index()].kind
        else {
            return Ok(());
        };
        let open = &self.groups[&group];
        let (params, step) = (open.params.clone(), open.step);
        let mut following = open.following.clone();
        let sight = self.sight_at(group.send.step, Some(group.send.node));
        let mut grown = false;
        for follows in &mut following {
            let Some(Value::List(list)) = self.slots[follows.field.index()].clone() else {
                continue;
            };
            let added: Vec<Value> = list.iter().skip(follows.seen).cloned().collect();
            follows.seen = list.len();
            for item in added {
                let each = &eaches[follows.each];
                if let Some(given) = self.item_params(each, &params, item, &follows.slots, &sight)? {
                    self.add_item(group, follows.lane, self.committed, given);
                    grown = true;
                }
            }
        }
        if let Some(open) = self.groups.get_mut(&group) {
            open.following = following;
            if !grown && open.settled == open.items && step <= self.committed {
                self.close_group(group);
            }
        }
        Ok(())
    }

    /// The nodes in which fan-outs may still start something that nothing stands for.
    pub(super) fn growing(&self) -> impl Iterator<Item = NodeId> + '_ {
        let growing = self
            .groups
            .iter()
            .filter(|(_, open)| !open.following.is_empty() && !open.is_over());
        growing.map(|(group, _)| group.node)
    }

    /// An item has settled; the last one completes its group.
    pub(super) fn item_settled(&mut self, group: GroupId, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        if act.unheeded {
            act.fired = true;
            return;
        }
        let step = act.step;
        let aims = matches!(act.ways, Ways::Aims(_));
        let arrows = matches!(act.ways, Ways::Arrows);
        let cancelled = matches!(act.phase, Phase::Settled(Settlement::Cancelled));
        if aims {
            self.to_fire.insert(id, Firing::Act);
        } else {
            act.fired = true;
            self.deactivate(id.node);
        }
        let Some(open) = self.groups.get_mut(&group).filter(|open| !open.complete) else {
            return;
        };
        open.settled += 1;
        open.succeeded += u32::from(arrows);
        open.left += u32::from(aims);
        open.failed += u32::from(!arrows && !aims && !cancelled);
        open.withdrawn += u32::from(cancelled);
        if !cancelled {
            open.step = open.step.max(step);
        }
        if !open.untils.is_empty() && !cancelled {
            open.back.insert(id);
            open.known.miss(id);
            self.record(ActId { step, ..id }, 2, Matter::Until(group));
        }
        self.close_if_settled(group);
    }

    fn close_if_settled(&mut self, group: GroupId) {
        let over = |open: &Group| {
            !open.complete && open.settled == open.items && (open.following.is_empty() || open.finished)
        };
        if self.groups.get(&group).is_some_and(over) {
            self.close_group(group);
        }
    }

    /// What `finish` names goes on with what has come back.
    pub(super) fn finish_groups(&mut self, node: NodeId) {
        let open: Vec<GroupId> = self
            .groups
            .keys()
            .filter(|group| group.node == node)
            .copied()
            .collect();
        for group in open {
            if let Some(open) = self.groups.get_mut(&group).filter(|open| !open.is_over()) {
                open.finished = true;
            }
            self.close_if_settled(group);
        }
    }

    /// An item that had settled is to run again.
    pub(super) fn item_reopened(&mut self, group: GroupId, id: ActId, arrows: bool) {
        let closed = |firing: &Firing| matches!(firing, Firing::Group(closed) if *closed == group);
        self.to_fire.retain(|_, firing| !closed(firing));
        if let Some(open) = self.groups.get_mut(&group) {
            open.closed = false;
        }
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

    pub(super) fn close_group(&mut self, group: GroupId) {
        let Some(open) = self.groups.get_mut(&group) else {
            return;
        };
        open.closed = true;
        let key = open.key(group);
        // Several groups of one node in one step: the first free number.
        let free = (0..u32::MAX)
            .map(|index| ActId { index, ..key })
            .find(|key| !self.to_fire.contains_key(key) && !self.acts_fire(key));
        if let Some(key) = free {
            self.to_fire.insert(key, Firing::Group(group));
        }
        // Behind all items of the instant.
        let last = ActId {
            index: u32::MAX,
            ..key
        };
        for (join, source) in self.races_of(group.node) {
            self.record(last, 1, Matter::Group { join, source, group });
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
        self.groups.get(&group).is_some_and(Group::arrives)
    }

    /// Items of a complete group, and how many of them succeeded.
    pub(super) fn tally(&self, group: GroupId) -> Option<Tally> {
        self.groups.get(&group).map(Group::tally)
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

    /// Whether an activation is let through its window, or queues for it.
    pub(super) fn is_in_lane(&self, act: &Activation) -> bool {
        let lane = act
            .group
            .and_then(|group| self.groups.get(&group)?.lanes.get(act.lane));
        lane.is_some_and(|lane| lane.queue.contains(&act.id))
    }

    fn lane(&mut self, id: ActId) -> Option<&mut Lane> {
        let act = self.acts.get(&id)?;
        let (group, lane) = (act.group?, act.lane);
        self.groups.get_mut(&group)?.lanes.get_mut(lane)
    }
}

impl Batch {
    fn new(node: NodeId) -> Batch {
        Batch {
            node,
            lanes: Vec::new(),
            untils: Vec::new(),
            following: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl Group {
    fn new(
        step: u64,
        params: Arc<[Value]>,
        untils: &[Until],
        following: &[Following],
        lanes: Vec<Lane>,
    ) -> Group {
        Group {
            step,
            items: 0,
            settled: 0,
            succeeded: 0,
            failed: 0,
            left: 0,
            withdrawn: 0,
            finished: false,
            complete: false,
            closed: false,
            raced: Vec::new(),
            barred: Vec::new(),
            params,
            untils: untils.to_vec(),
            back: OrderedSet::new(),
            known: Known::default(),
            following: following.to_vec(),
            lanes,
        }
    }

    /// Whether more of its items are under way than its windows let through.
    pub(super) fn overfull(&self) -> bool {
        let over = |lane: &Lane| {
            lane.window
                .is_some_and(|window| lane.inside.len() > window as usize)
        };
        self.lanes.iter().any(over)
    }

    pub(super) fn items(&self) -> u32 {
        self.items
    }

    /// Whether nothing is started or awaited in it any more.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.complete
    }

    /// What its arrows are ordered by.
    pub(super) fn key(&self, group: GroupId) -> ActId {
        ActId {
            step: self.step,
            node: group.node,
            via: Via::Node(group.send.node),
            index: 0,
        }
    }

    /// Whether its arrows fire, once it has settled.
    pub(super) fn arrives(&self) -> bool {
        if self.finished || self.complete {
            return true;
        }
        self.withdrawn == 0 && (self.items == 0 || self.succeeded + self.failed > 0)
    }

    /// Its items that count, and how many of them succeeded.
    pub(super) fn tally(&self) -> Tally {
        let items = if self.complete { self.settled } else { self.items };
        Tally {
            items: items - self.withdrawn.min(items),
            succeeded: self.succeeded,
        }
    }
}
