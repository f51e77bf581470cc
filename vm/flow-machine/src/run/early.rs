//! Early starts: steps order commits and are not barriers in time. What may be done before all
//! earlier steps are whole, because nothing unsettled can still change it. What is done is elsewhere.
//!
//! Everything here is a reason to go ahead. Where there is none, the commit of the earlier steps
//! gives one, so that a run that is held back too carefully is slower and not different.

use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::{FieldId, JoinId, NodeId};

use super::activation::{ActId, Phase, Via};
use super::ending::Ending;
use super::graph::Distances;
use super::state::{Merging, Sent, Slots};
use super::{Firing, Life, Run};

/// The state that an uncommitted step sees, as far as it is known.
#[derive(Clone)]
pub(super) struct View {
    pub(super) slots: Slots,
    /// Fields whose updates exclude each other: their step is going to fail.
    broken: BTreeSet<FieldId>,
}

/// Where everything stands that can still lead on: the lowest step of each kind at each vertex.
#[derive(Default)]
pub(super) struct Front {
    /// Nodes with unsettled activations.
    unsettled: BTreeMap<usize, u64>,
    /// Nodes whose activations have settled and are not followed yet.
    leaving: BTreeMap<usize, u64>,
    /// Routes and joins, at the step of what they would start.
    undecided: BTreeMap<usize, u64>,
}

/// Where everything stands, found when it is first asked for. It may be older than the question:
/// whatever happens meanwhile moves on, so that it refuses too much at worst and never too little.
#[derive(Default)]
pub(super) struct LazyFront(Option<Front>);

impl Front {
    /// The lowest step at which anything can come to what the distances lead to. Something that is
    /// leaving is there no more, unless `leaving_counts`.
    fn earliest(&self, distances: &Distances, leaving_counts: bool) -> u64 {
        let at = |(vertex, step): (&usize, &u64)| step.saturating_add(distances.at[*vertex]);
        let after = |(vertex, step): (&usize, &u64)| {
            let far = if leaving_counts {
                distances.at[*vertex]
            } else {
                distances.after[*vertex]
            };
            step.saturating_add(far)
        };
        let unsettled = self.unsettled.iter().map(at);
        let undecided = self.undecided.iter().map(at);
        let leaving = self.leaving.iter().map(after);
        unsettled
            .chain(undecided)
            .chain(leaving)
            .min()
            .unwrap_or(u64::MAX)
    }
}

impl Run {
    fn front_in<'a>(&self, lazy: &'a mut LazyFront) -> &'a Front {
        lazy.0.get_or_insert_with(|| self.front())
    }

    /// Where everything stands now.
    fn front(&self) -> Front {
        let mut front = Front::default();
        let mut lowest = |map: fn(&mut Front) -> &mut BTreeMap<usize, u64>, vertex: usize, step: u64| {
            let place = map(&mut front).entry(vertex).or_insert(step);
            *place = step.min(*place);
        };
        for (node, step) in self.unsettled.keys() {
            lowest(|front| &mut front.unsettled, node.index(), *step);
        }
        for (key, firing) in &self.to_fire {
            lowest(
                |front| &mut front.leaving,
                key.node.index(),
                self.firing_step(*key, *firing),
            );
        }
        // A fan-out that follows a field grows at any commit.
        for node in self.growing() {
            lowest(|front| &mut front.undecided, node.index(), self.committed + 1);
        }
        for key in self.routes.keys() {
            lowest(|front| &mut front.undecided, key.node.index(), key.step + 1);
        }
        for &at in self.waiting.iter() {
            if let Some(step) = self.joins[at.index()].last_head() {
                let vertex = self.graph.vertex(at);
                lowest(|front| &mut front.undecided, vertex, step + 1);
            }
        }
        front
    }

    /// The step of what is to fire.
    pub(super) fn firing_step(&self, key: ActId, firing: Firing) -> u64 {
        match firing {
            Firing::Act => self.acts.get(&key).map_or(key.step, |act| act.step),
            Firing::Group(_) => key.step,
        }
    }

    /// Whether the values of fields are final as step `step` sees them: nothing unsettled can still
    /// write them before it.
    pub(super) fn is_final(&mut self, front: &mut LazyFront, reads: &[FieldId], step: u64) -> bool {
        if step <= self.committed + 1 {
            return true;
        }
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let front = self.front_in(front);
        let written = reads
            .iter()
            .any(|field| front.earliest(self.graph.before_writers(flow, *field), false) < step);
        if written || reads.is_empty() {
            return !written;
        }
        self.make_view(step);
        let view = self.views.get(&step);
        view.is_none_or(|view| reads.iter().all(|field| !view.broken.contains(field)))
    }

    /// Whether all activations of a node in a step are there and have settled, so that what they
    /// trigger can be numbered.
    pub(super) fn is_complete(&mut self, front: &mut LazyFront, node: NodeId, step: u64) -> bool {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        if step <= self.committed {
            return true;
        }
        let front = self.front_in(front);
        front.earliest(self.graph.before_node(flow, node), false) > step
    }

    /// Whether all that leads to a route in its step has been followed and its state is final.
    pub(super) fn may_decide(&mut self, front: &mut LazyFront, key: ActId) -> bool {
        if key.step <= self.committed {
            return true;
        }
        if !self.early {
            return false;
        }
        let first = (ActId {
            node: NodeId(0),
            ..key
        })..key;
        if self
            .routes
            .range(first)
            .any(|(other, _)| other.step == key.step && other.via == key.via)
        {
            return false;
        }
        if let Via::Node(node) = key.via {
            let unfired = self.front_in(front).leaving.get(&node.index()).copied();
            if unfired.is_some_and(|step| step <= key.step) || !self.is_complete(front, node, key.step) {
                return false;
            }
        }
        let program = self.program.clone();
        let reads = &program.image().flows[self.flow_at].nodes[key.node.index()].reads;
        self.is_final(front, reads, key.step + 1)
    }

    /// Whether nothing can arrive any more before the oldest arrivals of a join.
    pub(super) fn heads_are_final(&mut self, front: &mut LazyFront, join: JoinId) -> bool {
        if !self.early {
            return true;
        }
        let last = self.joins[join.index()].last_head();
        let routed = |key: &ActId| key.via == Via::Join(join) && Some(key.step) <= last;
        if self.routes.keys().any(routed) {
            return false;
        }
        let passing = self.last_before_dead(join).max(last.unwrap_or(0));
        let heads = self.joins[join.index()].head_steps();
        let committed = self.committed;
        let front = self.front_in(front);
        (0..).zip(heads).all(|(source, step)| {
            // What is dead may still come from the join's own target, but not in time.
            let step = step.unwrap_or(passing);
            if step <= committed {
                return true;
            }
            // An inner join arrives in the step of what it takes.
            let step = step + u64::from(self.graph.is_joined(join, source));
            front.earliest(self.graph.before_source(join, source), true) > step
        })
    }

    /// The last step in which anything stood that could have reached a source without arrivals.
    pub(super) fn last_before_dead(&mut self, join: JoinId) -> u64 {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let dead: Vec<u32> = (0..)
            .zip(self.joins[join.index()].head_steps())
            .filter(|(_, step)| step.is_none())
            .map(|(source, _)| source)
            .collect();
        let mut last = 0;
        for source in dead {
            let reaching = self.graph.reaching(flow, join, source);
            let steps = self.last.iter().filter(|(vertex, _)| reaching[**vertex]);
            last = steps.map(|(_, step)| *step).max().unwrap_or(0).max(last);
        }
        last
    }

    /// Remembers that something stood at a vertex in a step.
    pub(super) fn note_last(&mut self, vertex: usize, step: u64) {
        let last = self.last.get_or_insert_with(vertex, || step);
        *last = step.max(*last);
    }

    /// Whether a step can be committed while the run ends: nothing is missing in it because it was
    /// not followed or decided.
    pub(super) fn nothing_is_missing(&self, step: u64) -> bool {
        let front = self.front();
        let behind = |map: &BTreeMap<usize, u64>, before: u64| map.values().all(|stands| *stands >= before);
        behind(&front.leaving, step) && behind(&front.undecided, step + 1)
    }

    /// Makes the state that a step beyond the next sees, from what has settled before it.
    pub(super) fn make_view(&mut self, step: u64) {
        let under_way = match &self.life {
            Life::Running => true,
            Life::Ending(ending) => Ending::is_draining(ending),
            Life::Finished(_) => false,
        };
        if step <= self.committed + 1 || !under_way || self.views.contains_key(&step) {
            return;
        }
        // The state of an earlier step spares what was merged into it.
        let known = self.views.range(self.committed + 1..step).next_back();
        let (mut view, from) = match known {
            Some((at, view)) => (view.clone(), *at),
            None => (
                View {
                    slots: self.slots.clone(),
                    broken: BTreeSet::new(),
                },
                0,
            ),
        };
        let steps: Vec<u64> = self.steps.range(from..step).map(|(step, _)| *step).collect();
        for at in steps {
            self.see(&self.sight_at(at, None));
            let settled: Vec<ActId> = self.steps[&at].iter().copied().collect();
            let sent: Vec<Sent<'_>> = settled
                .iter()
                .filter_map(|id| self.acts.get(id))
                .filter(|act| matches!(act.phase, Phase::Settled(_)) && !act.updates.is_empty())
                .map(|act| Sent {
                    by: act.id,
                    updates: &act.updates,
                })
                .collect();
            let mut merging = Merging {
                program: &self.program,
                flow: &self.program.image().flows[self.flow_at],
                input: &self.input,
                config: &self.config,
                view: &self.seen,
                interp: &mut self.interp,
                goes_on: false,
            };
            merging.known(&mut view.slots, &sent, &mut view.broken);
        }
        self.views.insert(step, view);
    }

    /// Forgets the states of steps that need none, because the one before them is committed.
    pub(super) fn forget_committed_views(&mut self) {
        self.views = self.views.split_off(&(self.committed + 2));
    }

    /// Forgets the states of steps behind one in which something has settled.
    pub(super) fn forget_views(&mut self, settled: u64) {
        self.views.split_off(&(settled + 1));
    }
}
