//! Joins: queues of arrivals, dead sources, when a join passes and when it can pass no more.

use std::sync::Arc;

use flow_bytecode::{Flow, Join, JoinId, NodeId, Out, Policy};

use super::Run;
use super::activation::{ActId, Failure, GroupId, Via};
use super::decide::Matter;
use super::early::LazyFront;
use super::fire::Cause;
use super::send::Tally;
use crate::event::EventKind;
use crate::ordered::OrderedMap;

/// What a join remembers.
#[derive(Debug)]
pub(super) struct JoinState {
    sources: Vec<Source>,
    /// How many outcomes had been recorded when it passed last.
    pub(super) passed_at: u64,
    /// Of a `block`: the step of what completed the round before.
    pub(super) released: u64,
}

#[derive(Debug, Default)]
pub(super) struct Source {
    /// Oldest first: by step, declaration, index. The number tells equal names apart.
    queue: OrderedMap<(ActId, u64), Arrival>,
    /// Whether it took part in an earlier passing.
    took_part: bool,
    arrived: u64,
    /// Arrivals that a race has passed without, and that count for nothing.
    pub(super) owed: u32,
}

/// A source has settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) key: ActId,
    pub(super) succeeded: bool,
    /// Of a fan-out: how its items did.
    pub(super) tally: Option<Tally>,
    /// A fan-out that has not settled, at a race.
    pub(super) open: Option<GroupId>,
}

/// How a join stands.
enum Standing {
    Passes,
    CannotPass { succeeded: u32, listed: u32 },
}

impl JoinState {
    pub(super) fn new(join: &Join) -> JoinState {
        JoinState {
            sources: join.sources.iter().map(|_| Source::default()).collect(),
            passed_at: 0,
            released: 0,
        }
    }

    pub(super) fn source(&mut self, source: u32) -> &mut Source {
        &mut self.sources[source as usize]
    }

    /// How many branches that arrived have succeeded.
    pub(super) fn successes(&self) -> u32 {
        self.heads().flatten().map(Arrival::successes).sum()
    }

    /// Takes the oldest arrival of each source that has one.
    pub(super) fn take_heads(&mut self) -> Vec<(u32, Arrival)> {
        let sources = (0..).zip(&mut self.sources);
        let taken = sources.filter_map(|(at, source)| {
            let (_, arrival) = source.queue.pop_first()?;
            source.took_part = true;
            Some((at, arrival))
        });
        taken.collect()
    }

    /// Whether an arrival is still to be swallowed.
    pub(super) fn owes(&self) -> bool {
        self.sources.iter().any(|source| source.owed > 0)
    }

    /// The sources of which an arrival is still to be swallowed.
    pub(super) fn debtors(&self) -> impl Iterator<Item = u32> + '_ {
        let sources = (0..).zip(&self.sources);
        sources.filter(|(_, source)| source.owed > 0).map(|(at, _)| at)
    }

    /// Whether a fan-out that has not settled is among the oldest arrivals.
    fn is_open(&self) -> bool {
        self.heads().flatten().any(|head| head.open.is_some())
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.sources.iter().any(|source| !source.queue.is_empty())
    }

    /// The steps of the oldest arrivals.
    pub(super) fn head_steps(&self) -> Vec<Option<u64>> {
        self.heads().map(|head| head.map(|head| head.key.step)).collect()
    }

    /// The highest step of the oldest arrivals.
    pub(super) fn last_head(&self) -> Option<u64> {
        self.heads().flatten().map(|head| head.key.step).max()
    }

    /// Whether something has arrived by a step.
    pub(super) fn waits_by(&self, step: u64) -> bool {
        self.heads().flatten().any(|head| head.key.step <= step)
    }

    fn heads(&self) -> impl Iterator<Item = Option<&Arrival>> {
        self.sources.iter().map(|source| source.queue.values().next())
    }

    /// Forgets all arrivals; how many there were.
    pub(super) fn clear(&mut self) -> usize {
        self.sources
            .iter_mut()
            .map(|source| std::mem::take(&mut source.queue).len())
            .sum()
    }
}

impl Source {
    pub(super) fn enter(&mut self, arrival: Arrival) {
        self.arrived += 1;
        self.queue.insert((arrival.key, self.arrived), arrival);
    }

    /// The arrival of a fan-out that has not settled.
    pub(super) fn of_group(&mut self, group: GroupId) -> Option<&mut Arrival> {
        self.queue
            .values_mut()
            .find(|arrival| arrival.open == Some(group))
    }

    /// Forgets a fan-out.
    pub(super) fn forget(&mut self, group: GroupId) {
        self.queue.retain(|_, arrival| arrival.open != Some(group));
    }
}

impl Arrival {
    /// Of one activation.
    pub(super) fn one(key: ActId, succeeded: bool) -> Arrival {
        Arrival {
            key,
            succeeded,
            tally: None,
            open: None,
        }
    }

    /// What a passing without arrivals is called.
    pub(super) fn nobody(join: JoinId, step: u64) -> ActId {
        ActId {
            step,
            node: NodeId(0),
            via: Via::Join(join),
            index: 0,
        }
    }

    fn successes(&self) -> u32 {
        self.tally
            .map_or(u32::from(self.succeeded), |tally| tally.succeeded)
    }
}

impl Run {
    /// A source of a join arrives.
    pub(super) fn arrive(&mut self, join: JoinId, source: u32, arrival: Arrival) {
        let program = self.program.clone();
        let declared = &program.image().flows[self.flow_at].joins[join.index()];
        if declared.policy == Policy::Each {
            let cause = Cause {
                via: Via::Node(arrival.key.node),
                step: arrival.key.step,
                arrived: vec![self.source_name(declared, source)],
                barred: Vec::new(),
            };
            return self.follow_join(declared, &cause, arrival.key);
        }
        if matches!(declared.policy, Policy::First(_)) {
            let matter = Matter::Arrival {
                join,
                source,
                arrival,
            };
            return self.record(arrival.key, 1, matter);
        }
        self.joins[join.index()].source(source).enter(arrival);
        self.note_waiting(join);
    }

    /// Forgets what has arrived at a join.
    pub(super) fn clear_join(&mut self, join: JoinId) {
        self.joins[join.index()].clear();
        self.note_waiting(join);
    }

    /// Remembers whether something has arrived at a join.
    pub(super) fn note_waiting(&mut self, join: JoinId) {
        if self.joins[join.index()].is_waiting() {
            self.waiting.insert(join);
        } else {
            self.waiting.remove(&join);
        }
    }

    /// Judges waiting joins: those that need no dead source, or else one that does.
    pub(super) fn judge_joins(&mut self, with_dead: bool) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let waiting: Vec<JoinId> = self.waiting.iter().copied().collect();
        let mut front = LazyFront::default();
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        if !with_dead {
            let whole = waiting
                .iter()
                .find(|join| {
                    let all = self.joins[join.index()].heads().all(|head| head.is_some());
                    all && self.may_judge(**join) && self.heads_are_final(&mut front, **join)
                })
                .copied();
            return whole.is_some_and(|join| self.judge(flow, join));
        }
        let decided: Vec<JoinId> = waiting
            .iter()
            .copied()
            .filter(|&join| {
                self.may_judge(join)
                    && self.rest_is_dead(flow, join)
                    && self.heads_are_final(&mut front, join)
            })
            .collect();
        let leading = decided.iter().copied().find(|&join| {
            waiting
                .iter()
                .any(|&other| other != join && self.graph.leads_to(flow, join, other))
        });
        leading
            .or(decided.first().copied())
            .is_some_and(|join| self.judge(flow, join))
    }

    /// Whether a join is not a race that is still open.
    fn may_judge(&self, join: JoinId) -> bool {
        !self.joins[join.index()].is_open() && !self.is_blocked(join)
    }

    /// Whether nothing can still reach the sources that have not arrived.
    fn rest_is_dead(&mut self, flow: &Flow, join: JoinId) -> bool {
        let missing: Vec<u32> = (0..)
            .zip(self.joins[join.index()].heads())
            .filter(|(_, head)| head.is_none())
            .map(|(source, _)| source)
            .collect();
        missing
            .into_iter()
            .all(|source| !self.can_arrive(flow, join, source))
    }

    /// Whether a source of a join can still be reached by anything.
    pub(super) fn can_arrive(&mut self, flow: &Flow, join: JoinId, source: u32) -> bool {
        let others: Vec<u32> = self
            .waiting
            .iter()
            .filter(|other| **other != join)
            .flat_map(|&other| {
                self.graph
                    .after_join(other)
                    .chain([self.graph.vertex(other) as u32])
                    .collect::<Vec<u32>>()
            })
            .collect();
        let reaching = self.graph.reaching(flow, join, source);
        self.active.keys().any(|node| reaching[node.index()])
            || others.iter().any(|&at| reaching[at as usize])
    }

    /// Lets a join pass, or finds that it cannot.
    fn judge(&mut self, flow: &Flow, join: JoinId) -> bool {
        let declared = &flow.joins[join.index()];
        let standing = standing(declared.policy, &self.joins[join.index()]);
        let last = if self.early {
            self.last_before_dead(join)
        } else {
            0
        };
        let first = self.joins[join.index()].head_steps().into_iter().flatten().min();
        let taken = self.take_arrivals(declared, join, matches!(standing, Standing::Passes));
        self.joins[join.index()].passed_at = self.recorded;
        let step = taken
            .iter()
            .map(|(_, arrival)| arrival.key.step)
            .max()
            .unwrap_or(0)
            .max(if self.early { last } else { self.committed });
        self.passings.push((join.index(), first.unwrap_or(step), step));
        self.note_last(self.graph.vertex(join), step);
        let arrived: Vec<Arc<str>> = taken
            .iter()
            .map(|(source, _)| self.source_name(declared, *source))
            .collect();
        let key = taken
            .first()
            .map_or_else(|| Arrival::nobody(join, step), |(_, arrival)| arrival.key);
        let cause = Cause {
            via: Via::Join(join),
            step,
            arrived,
            barred: Vec::new(),
        };
        let names = cause.arrived.iter().map(ToString::to_string).collect();
        let passed = matches!(standing, Standing::Passes);
        self.event(
            step,
            None,
            EventKind::JoinSettled {
                join: join.0,
                passed,
                arrived: names,
            },
        );
        match standing {
            Standing::Passes => self.follow_join(declared, &cause, key),
            Standing::CannotPass { succeeded, listed } => {
                self.join_failed(declared, &cause, key, succeeded, listed);
            }
        }
        true
    }

    /// The oldest arrivals. What is left over from earlier passings is only dropped.
    fn take_arrivals(&mut self, declared: &Join, join: JoinId, passes: bool) -> Vec<(u32, Arrival)> {
        let state = &mut self.joins[join.index()];
        let counted = matches!(
            declared.policy,
            Policy::AtLeast(_) | Policy::Majority | Policy::First(_)
        );
        let left_over = state
            .sources
            .iter()
            .all(|source| source.queue.is_empty() || source.took_part);
        if !passes && counted && left_over {
            let dropped = state.clear();
            self.note_waiting(join);
            let what = format!("{dropped} arrivals at joins dropped");
            self.event(self.begun, None, EventKind::Decided { what });
            return Vec::new();
        }
        let taken = state.take_heads();
        for (source, _) in &taken {
            state.sources[*source as usize].took_part = passes;
        }
        self.note_waiting(join);
        taken
    }

    fn join_failed(&mut self, declared: &Join, cause: &Cause, key: ActId, succeeded: u32, listed: u32) {
        if cause.arrived.is_empty() {
            return;
        }
        if let Some(target) = &declared.otherwise {
            return self.follow_target(target, cause, key, None);
        }
        let mut failure = Failure::new(
            flow_bytecode::ErrorClass::Fault,
            format!(
                "a join can pass no more: {succeeded} of {listed} succeeded ({} arrived)",
                cause.arrived.join(", ")
            ),
        );
        failure.code = "F2301";
        failure.span = Some(declared.span);
        self.fail_run(key, None, &failure);
    }

    pub(super) fn follow_join(&mut self, declared: &Join, cause: &Cause, key: ActId) {
        for out in &declared.target {
            match out {
                Out::To(target) => self.follow_target(target, cause, key, None),
                Out::Arrive { join, source } => {
                    let key = ActId {
                        step: cause.step,
                        via: cause.via,
                        ..key
                    };
                    self.arrive(*join, *source, Arrival::one(key, true));
                }
            }
        }
    }

    /// What a source is called: an inner bracket by its own sources.
    pub(super) fn source_name(&self, declared: &Join, source: u32) -> Arc<str> {
        match declared.sources[source as usize] {
            flow_bytecode::Source::Node(node) => self.node_name(node),
            flow_bytecode::Source::Join(join) => {
                let inner = &self.flow().joins[join.index()];
                let names: Vec<Arc<str>> = (0..inner.sources.len() as u32)
                    .map(|at| self.source_name(inner, at))
                    .collect();
                format!("[{}]", names.join(", ")).into()
            }
        }
    }
}

/// Judges a join of which no source is still expected.
fn standing(policy: Policy, state: &JoinState) -> Standing {
    let counts_items = policy != Policy::All;
    let (mut succeeded, mut listed, mut all) = (0, 0, true);
    for head in state.heads() {
        match head {
            Some(Arrival {
                tally: Some(tally), ..
            }) if counts_items => {
                succeeded += tally.succeeded;
                listed += tally.items;
            }
            Some(arrival) => {
                succeeded += u32::from(arrival.succeeded);
                listed += 1;
                all &= arrival.succeeded;
            }
            None => listed += 1,
        }
    }
    let passes = match policy {
        Policy::All => all,
        Policy::Any | Policy::Each => succeeded >= 1,
        Policy::Majority => succeeded * 2 > listed,
        Policy::AtLeast(least) | Policy::First(least) => succeeded >= least,
    };
    // An empty fan-out passes every policy.
    if passes || listed == 0 {
        Standing::Passes
    } else {
        Standing::CannotPass { succeeded, listed }
    }
}
