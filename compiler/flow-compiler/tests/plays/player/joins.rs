//! Joins, by the definitions: queues, dead sources, passings, withdrawals, and who takes a failure.

use std::collections::BTreeSet;

use flow_bytecode::{Policy, Rest};
use flow_compiler::hir::flow::Flow;

use super::ways::{To, Ways};
use super::{Arrival, Over, Phase, Player, State, withdraw};

/// A place in the graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Node(usize),
    Join(usize),
}

impl Player<'_> {
    pub(super) fn arrive(
        &mut self,
        state: &mut State,
        join: usize,
        source: usize,
        arrival: Arrival,
    ) -> Result<(), Over> {
        if self.flow.joins[join].policy == Policy::Each {
            self.seen.passed.insert(join);
            let to = self.ways.passing[join].clone();
            return self.follow(state, &to, &arrival.waits, arrival.written);
        }
        let queue = &mut state.joins[join][source];
        if !std::mem::take(&mut queue.owed) {
            queue.arrivals.push(arrival);
        }
        Ok(())
    }

    /// Judges joins as long as any can be.
    pub(super) fn judge(&mut self, state: &mut State) -> Result<(), Over> {
        loop {
            for join in 0..state.joins.len() {
                for source in 0..state.joins[join].len() {
                    if state.joins[join][source].owed && self.dead(state, join, source) {
                        state.joins[join][source].owed = false;
                    }
                }
            }
            match self.next(state) {
                Some(join) => self.decide(state, join)?,
                None => return Ok(()),
            }
        }
    }

    fn next(&self, state: &State) -> Option<usize> {
        let waiting: Vec<usize> = (0..state.joins.len())
            .filter(|join| state.joins[*join].iter().any(|queue| !queue.arrivals.is_empty()))
            .collect();
        let held_back = |join: usize| {
            self.flow.joins[join].rest == Rest::Block && state.joins[join].iter().any(|queue| queue.owed)
        };
        let open: Vec<usize> = waiting.iter().copied().filter(|join| !held_back(*join)).collect();
        for join in &open {
            let all = state.joins[*join].iter().all(|queue| !queue.arrivals.is_empty());
            if all || matches!(self.flow.joins[*join].policy, Policy::First(_)) && self.passes(state, *join) {
                return Some(*join);
            }
        }
        let settled = |join: &usize| {
            (0..state.joins[*join].len()).all(|source| {
                !state.joins[*join][source].arrivals.is_empty() || self.dead(state, *join, source)
            })
        };
        let decided: Vec<usize> = open.into_iter().filter(settled).collect();
        let before_another = |join: &usize| {
            waiting
                .iter()
                .any(|other| other != join && self.leads(*join, *other))
        };
        decided
            .iter()
            .copied()
            .find(before_another)
            .or(decided.first().copied())
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        let starts = places(&self.both(from));
        let count = self.flow.joins[to].sources.len();
        (0..count).any(|source| starts.iter().any(|start| reaches(&self.ways, *start, to, source)))
    }

    fn both(&self, join: usize) -> Vec<To> {
        let otherwise = self.ways.otherwise[join].iter().flatten();
        self.ways.passing[join].iter().chain(otherwise).copied().collect()
    }

    fn dead(&self, state: &State, join: usize, source: usize) -> bool {
        let live = state
            .all
            .iter()
            .filter(|a| a.phase == Phase::Live)
            .map(|a| Place::Node(a.node));
        let held = state.held.iter().map(|node| Place::Node(*node));
        let others = (0..state.joins.len())
            .filter(|other| *other != join && state.joins[*other].iter().any(|q| !q.arrivals.is_empty()));
        let pending = others.map(Place::Join);
        !live
            .chain(held)
            .chain(pending)
            .any(|place| reaches(&self.ways, place, join, source))
    }

    fn passes(&self, state: &State, join: usize) -> bool {
        let queues = &state.joins[join];
        let succeeded = queues
            .iter()
            .filter(|queue| queue.arrivals.first().is_some_and(|a| a.succeeded))
            .count();
        match self.flow.joins[join].policy {
            Policy::All => queues
                .iter()
                .all(|queue| queue.arrivals.first().is_none_or(|a| a.succeeded)),
            Policy::Any | Policy::Each => succeeded >= 1,
            Policy::Majority => succeeded * 2 > queues.len(),
            Policy::AtLeast(count) | Policy::First(count) => succeeded >= count as usize,
        }
    }

    /// One passing, or none any more. What stood before the join and has settled is waited for, too.
    fn decide(&mut self, state: &mut State, join: usize) -> Result<(), Over> {
        let hir = &self.flow.joins[join];
        let passes = self.passes(state, join);
        let counted = matches!(
            hir.policy,
            Policy::AtLeast(_) | Policy::Majority | Policy::First(_)
        );
        let left_over = state.joins[join]
            .iter()
            .all(|queue| queue.arrivals.is_empty() || queue.took_part);
        if !passes && counted && left_over {
            state.joins[join]
                .iter_mut()
                .for_each(|queue| queue.arrivals.clear());
            return Ok(());
        }
        let runs_on = matches!(
            (hir.policy, hir.rest),
            (Policy::First(_), Rest::Keep | Rest::Block)
        );
        let (mut waits, mut written, mut losers) = (BTreeSet::new(), false, Vec::new());
        for source in 0..hir.sources.len() {
            if state.joins[join][source].arrivals.is_empty() {
                losers.push(source);
                state.joins[join][source].owed |= passes && runs_on && !self.dead(state, join, source);
                continue;
            }
            let taken = state.joins[join][source].arrivals.remove(0);
            state.joins[join][source].took_part = passes;
            waits.extend(taken.waits);
            written |= taken.written;
            if !taken.succeeded {
                losers.push(source);
            }
        }
        if passes && matches!((hir.policy, hir.rest), (Policy::First(_), Rest::Cancel)) {
            for source in losers {
                self.withdraw_branch(state, join, source);
            }
        }
        if !runs_on || !passes {
            for (index, activation) in state.all.iter().enumerate() {
                let place = Place::Node(activation.node);
                let before = (0..hir.sources.len()).any(|source| reaches(&self.ways, place, join, source));
                if activation.phase == Phase::Done && before {
                    waits.insert(index);
                }
            }
        }
        let to = if passes {
            self.seen.passed.insert(join);
            self.ways.passing[join].clone()
        } else {
            self.ways.otherwise[join].clone().ok_or(Over)?
        };
        self.follow(state, &to, &waits, written)
    }

    /// Withdraws what is under way in a source's branch, and what waits at the joins in it.
    pub(super) fn withdraw_branch(&self, state: &mut State, join: usize, source: usize) {
        let inside = |place| in_branch(&self.ways, self.flow, place, join, source);
        withdraw(state, |node| inside(Place::Node(node)));
        for inner in 0..state.joins.len() {
            if inner != join && inside(Place::Join(inner)) {
                state.joins[inner]
                    .iter_mut()
                    .for_each(|queue| queue.arrivals.clear());
            }
        }
    }
}

/// The innermost tolerant join that takes a failure of a node: the one with the smallest branch.
pub(super) fn absorber(ways: &Ways, flow: &Flow, node: usize) -> Option<(usize, usize)> {
    let mut best: Option<(usize, (usize, usize))> = None;
    for (number, join) in flow.joins.iter().enumerate() {
        if matches!(join.policy, Policy::All | Policy::Each) {
            continue;
        }
        for source in 0..join.sources.len() {
            let branch: BTreeSet<usize> = (0..flow.nodes.len())
                .filter(|other| in_branch(ways, flow, Place::Node(*other), number, source))
                .collect();
            let smaller = best.is_none_or(|(size, _)| branch.len() < size);
            if branch.contains(&node) && smaller && stays(ways, flow, node, number, source) {
                best = Some((branch.len(), (number, source)));
            }
        }
    }
    best.map(|(_, found)| found)
}

fn stays(ways: &Ways, flow: &Flow, node: usize, join: usize, source: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![Place::Node(node)];
    let ends: BTreeSet<Place> = places(&ways.passing[join])
        .into_iter()
        .chain([Place::Join(join)])
        .collect();
    while let Some(place) = open.pop() {
        if ends.contains(&place) || !seen.insert(place) {
            continue;
        }
        if !in_branch(ways, flow, place, join, source) {
            return false;
        }
        open.extend(next(ways, place, false));
    }
    true
}

fn in_branch(ways: &Ways, flow: &Flow, place: Place, join: usize, source: usize) -> bool {
    (0..flow.joins[join].sources.len()).all(|other| reaches(ways, place, join, other) == (other == source))
}

/// Whether a place leads to a source of a join without passing through the join's own target.
fn reaches(ways: &Ways, from: Place, join: usize, source: usize) -> bool {
    let blocked: BTreeSet<Place> = places(&ways.passing[join])
        .into_iter()
        .chain([Place::Join(join)])
        .collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(place) = open.pop() {
        if blocked.contains(&place) || !seen.insert(place) {
            continue;
        }
        let arrives = match place {
            Place::Node(node) => ways.arrows[node].contains(&To::Join(join, source)),
            Place::Join(other) => ways.passing[other].contains(&To::Join(join, source)),
        };
        if arrives {
            return true;
        }
        open.extend(next(ways, place, true));
    }
    false
}

/// Where a place leads, with or without failures and time-outs.
fn next(ways: &Ways, place: Place, failing: bool) -> Vec<Place> {
    match place {
        Place::Join(join) => {
            let otherwise = ways.otherwise[join].iter().flatten();
            places(
                &ways.passing[join]
                    .iter()
                    .chain(otherwise)
                    .copied()
                    .collect::<Vec<_>>(),
            )
        }
        Place::Node(node) => {
            let mut to = places(&ways.arrows[node]);
            for way in &ways.of[node] {
                if way.succeeds || failing {
                    to.extend(places(&way.targets));
                    to.extend(way.items.iter().flatten().map(|(node, _)| Place::Node(*node)));
                }
            }
            to
        }
    }
}

fn places(to: &[To]) -> Vec<Place> {
    let places = to.iter().filter_map(|to| match to {
        To::Node(node) => Some(Place::Node(*node)),
        To::Join(join, _) => Some(Place::Join(*join)),
        _ => None,
    });
    places.collect()
}
