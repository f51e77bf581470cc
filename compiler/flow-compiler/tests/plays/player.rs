//! Plays a small flow in every way it can go, by the definitions alone: activations that are never
//! forgotten, and what each waits for. It shares nothing with the analyses but the flow. Laps are cut
//! off where a node would run once too often; joins are in `joins`, ways out in `ways`.

mod joins;
mod ways;

use std::collections::BTreeSet;

use flow_bytecode::{Policy, Rest, Schedule};
use flow_compiler::hir::flow::{Flow, Source};
use flow_compiler::hir::{FieldRef, NodeRef};
use ways::{To, Way, Ways};

/// States after which a play is given up: the graph is then too large for this.
const MOST_STATES: usize = 3_000;

/// What is true in some play.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Pairs of nodes that ran at the same time, smaller first.
    pub(crate) together: BTreeSet<(usize, usize)>,
    /// Nodes that began before the field was written.
    pub(crate) unwritten: BTreeSet<usize>,
    /// The run was done, and the field never written.
    pub(crate) ends_unwritten: bool,
    /// Joins that passed.
    pub(crate) passed: BTreeSet<usize>,
    /// All plays were looked at.
    pub(crate) complete: bool,
    /// Some were cut off where a node would have run once too often.
    pub(crate) cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    Live,
    Done,
    Withdrawn,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Activation {
    node: usize,
    /// Indices of the activations that it waits for.
    waits: BTreeSet<usize>,
    /// Whether one of them updated the field, counting only arrivals and triggers.
    written: bool,
    phase: Phase,
    /// Of an item: its group.
    group: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Arrival {
    waits: BTreeSet<usize>,
    written: bool,
    succeeded: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Group {
    node: usize,
    waits: BTreeSet<usize>,
    written: bool,
    /// Its arrows have fired, or never will.
    closed: bool,
}

/// What a join remembers of a source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Queue {
    arrivals: Vec<Arrival>,
    took_part: bool,
    owed: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
struct State {
    all: Vec<Activation>,
    joins: Vec<Vec<Queue>>,
    groups: Vec<Group>,
    held: BTreeSet<usize>,
    updated: bool,
}

/// The play is over.
struct Over;

/// Plays the flow, each node at most `laps` times in a play.
pub(crate) fn play(flow: &Flow, field: FieldRef, laps: usize) -> Seen {
    let mut player = Player {
        flow,
        laps,
        ways: Ways::of(flow, field),
        seen: Seen {
            complete: true,
            ..Seen::default()
        },
    };
    let mut first = State {
        joins: flow
            .joins
            .iter()
            .map(|join| vec![Queue::default(); join.sources.len()])
            .collect(),
        ..State::default()
    };
    let led_to = player.ways.led_to();
    for (number, node) in flow.nodes.iter().enumerate() {
        if node.schedule == Schedule::Deferred && !led_to.contains(&number) {
            first.held.insert(number);
        }
    }
    let starts = player.ways.start.clone();
    if player
        .follow(&mut first, &starts, &BTreeSet::new(), false)
        .is_ok()
    {
        player.go(first);
    }
    player.seen
}

struct Player<'f> {
    flow: &'f Flow,
    laps: usize,
    ways: Ways,
    seen: Seen,
}

impl Player<'_> {
    fn go(&mut self, first: State) {
        let mut known = BTreeSet::new();
        let mut open = vec![first];
        while let Some(mut state) = open.pop() {
            if known.len() > MOST_STATES {
                self.seen.complete = false;
                return;
            }
            if self.judge(&mut state).is_err() || !known.insert(state.clone()) {
                continue;
            }
            let live: Vec<usize> = (0..state.all.len())
                .filter(|i| state.all[*i].phase == Phase::Live)
                .collect();
            let schedule = |index: &usize| self.flow.nodes[state.all[*index].node].schedule;
            if !state.held.is_empty() && live.iter().all(|i| schedule(i) != Schedule::Normal) {
                open.extend(self.release(state).ok());
                continue;
            }
            if live.iter().all(|i| schedule(i) == Schedule::Standing) {
                if live.is_empty() {
                    self.seen.ends_unwritten |= !state.updated;
                } else {
                    for index in live {
                        state.all[index].phase = Phase::Withdrawn;
                    }
                    open.push(state);
                }
                continue;
            }
            for index in live {
                for number in 0..self.ways.of[state.all[index].node].len() {
                    open.extend(self.take(state.clone(), index, number).ok());
                }
            }
            self.complete_early(&state, &mut open);
        }
    }

    /// All held nodes start, and wait for all that has settled.
    fn release(&mut self, mut state: State) -> Result<State, Over> {
        let settled = (0..state.all.len())
            .filter(|i| state.all[*i].phase == Phase::Done)
            .collect::<BTreeSet<_>>();
        let written = state.updated;
        for node in std::mem::take(&mut state.held) {
            self.start(&mut state, node, settled.clone(), written, None)?;
        }
        Ok(state)
    }

    /// Settles an activation by one of its ways.
    fn take(&mut self, mut state: State, index: usize, number: usize) -> Result<State, Over> {
        let node = state.all[index].node;
        let way = self.ways.of[node][number].clone();
        let group = state.all[index].group;
        let updates = way.updates && group.is_none();
        state.updated |= updates;
        state.all[index].phase = Phase::Done;
        let written = state.all[index].written || updates;
        let mut waits = state.all[index].waits.clone();
        waits.insert(index);
        if way.succeeds {
            self.command(&mut state, node, &mut waits)?;
        }
        let heeded = group.is_none_or(|group| !state.groups[group].closed);
        if let Some(group) = group {
            self.settle_group(&mut state, group)?;
        }
        if heeded {
            self.lead_on(&mut state, node, group, &way, &waits, written)?;
        }
        if self.flow.nodes[node].schedule == Schedule::Standing {
            self.start(&mut state, node, waits, written, None)?;
        }
        Ok(state)
    }

    fn lead_on(
        &mut self,
        state: &mut State,
        node: usize,
        group: Option<usize>,
        way: &Way,
        waits: &BTreeSet<usize>,
        written: bool,
    ) -> Result<(), Over> {
        if let Some((join, source)) = way.fails {
            self.withdraw_branch(state, join, source);
            let arrival = Arrival {
                waits: waits.clone(),
                written,
                succeeded: false,
            };
            self.arrive(state, join, source, arrival)
        } else if let Some(items) = &way.items {
            self.send(state, items, waits, written)
        } else if way.arrows && group.is_some() {
            Ok(())
        } else if way.arrows {
            let arrows = self.ways.arrows[node].clone();
            self.follow(state, &arrows, waits, written)
        } else {
            self.follow(state, &way.targets, waits, written)
        }
    }

    fn follow(
        &mut self,
        state: &mut State,
        targets: &[To],
        waits: &BTreeSet<usize>,
        written: bool,
    ) -> Result<(), Over> {
        for to in targets {
            match to {
                To::End => {}
                To::Stop => return Err(Over),
                To::Halt => {
                    self.seen.ends_unwritten |= !written;
                    return Err(Over);
                }
                To::Node(next) => match self.flow.nodes[*next].schedule {
                    Schedule::Finally => {}
                    Schedule::Deferred => drop(state.held.insert(*next)),
                    _ => self.start(state, *next, waits.clone(), written, None)?,
                },
                To::Join(join, source) => {
                    let arrival = Arrival {
                        waits: waits.clone(),
                        written,
                        succeeded: true,
                    };
                    self.arrive(state, *join, *source, arrival)?;
                }
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        state: &mut State,
        node: usize,
        waits: BTreeSet<usize>,
        written: bool,
        group: Option<usize>,
    ) -> Result<(), Over> {
        if !written {
            self.seen.unwritten.insert(node);
        }
        for (index, other) in state.all.iter().enumerate() {
            let apart =
                waits.contains(&index) || other.phase == Phase::Withdrawn || self.one_wins(node, other.node);
            if !apart {
                self.seen
                    .together
                    .insert((node.min(other.node), node.max(other.node)));
            }
        }
        let items = usize::from(group.is_some()) + 1;
        if state.all.iter().filter(|a| a.node == node).count() >= self.laps * items {
            self.seen.cut = true;
            return Err(Over);
        }
        state.all.push(Activation {
            node,
            waits,
            written,
            phase: Phase::Live,
            group,
        });
        Ok(())
    }

    /// Whether both are sources of one `first of` that withdraws the loser.
    fn one_wins(&self, a: usize, b: usize) -> bool {
        let races = self
            .flow
            .joins
            .iter()
            .filter(|join| join.policy == Policy::First(1) && join.rest == Rest::Cancel);
        let lists = |join: &flow_compiler::hir::flow::Join, node: usize| {
            join.sources
                .iter()
                .any(|(source, _)| *source == Source::Node(NodeRef(node as u32)))
        };
        a != b && races.into_iter().any(|join| lists(join, a) && lists(join, b))
    }

    fn send(
        &mut self,
        state: &mut State,
        items: &[(usize, usize)],
        waits: &BTreeSet<usize>,
        written: bool,
    ) -> Result<(), Over> {
        for (node, count) in items {
            let group = state.groups.len();
            state.groups.push(Group {
                node: *node,
                waits: waits.clone(),
                written,
                closed: false,
            });
            for _ in 0..*count {
                self.start(state, *node, waits.clone(), written, Some(group))?;
            }
            if *count == 0 {
                self.settle_group(state, group)?;
            }
        }
        Ok(())
    }

    /// The arrows of a group fire when all of it has settled.
    fn settle_group(&mut self, state: &mut State, group: usize) -> Result<(), Over> {
        let open = state
            .all
            .iter()
            .any(|a| a.group == Some(group) && a.phase == Phase::Live);
        if open || state.groups[group].closed {
            return Ok(());
        }
        self.fire_group(state, group)
    }

    fn fire_group(&mut self, state: &mut State, group: usize) -> Result<(), Over> {
        state.groups[group].closed = true;
        let mut waits = state.groups[group].waits.clone();
        let back = state.all.iter().enumerate();
        waits.extend(
            back.filter(|(_, a)| a.group == Some(group) && a.phase == Phase::Done)
                .map(|(i, _)| i),
        );
        let written = state.groups[group].written;
        let arrows = self.ways.arrows[state.groups[group].node].clone();
        self.follow(state, &arrows, &waits, written)
    }

    /// Groups with `until` may be complete at any moment.
    fn complete_early(&mut self, state: &State, open: &mut Vec<State>) {
        for group in 0..state.groups.len() {
            if state.groups[group].closed {
                continue;
            }
            for withdraws in ways::untils(self.flow, state.groups[group].node) {
                let mut next = state.clone();
                if withdraws {
                    let items = next
                        .all
                        .iter_mut()
                        .filter(|a| a.group == Some(group) && a.phase == Phase::Live);
                    items.for_each(|a| a.phase = Phase::Withdrawn);
                }
                if self.fire_group(&mut next, group).is_ok() {
                    open.push(next);
                }
            }
        }
    }

    /// `cancel` and `finish`. Nothing of what they name is under way any more when this one leads on.
    fn command(&mut self, state: &mut State, node: usize, waits: &mut BTreeSet<usize>) -> Result<(), Over> {
        let hir = &self.flow.nodes[node];
        let finished: BTreeSet<usize> = hir.finish.iter().map(|(named, _)| named.index()).collect();
        let open: Vec<usize> = (0..state.groups.len())
            .filter(|group| finished.contains(&state.groups[*group].node) && !state.groups[*group].closed)
            .collect();
        for (named, _) in hir.cancel.iter().chain(&hir.finish) {
            withdraw(state, |other| other == named.index());
            let settled = state
                .all
                .iter()
                .enumerate()
                .filter(|(_, a)| a.node == named.index() && a.phase == Phase::Done);
            waits.extend(settled.map(|(index, _)| index));
        }
        for group in open {
            self.fire_group(state, group)?;
        }
        Ok(())
    }
}

/// Withdraws activations. A group that loses an item fires no arrow.
fn withdraw(state: &mut State, inside: impl Fn(usize) -> bool) {
    for index in 0..state.all.len() {
        if state.all[index].phase == Phase::Live && inside(state.all[index].node) {
            state.all[index].phase = Phase::Withdrawn;
            if let Some(group) = state.all[index].group {
                state.groups[group].closed = true;
            }
        }
    }
    state.held.retain(|node| !inside(*node));
}
