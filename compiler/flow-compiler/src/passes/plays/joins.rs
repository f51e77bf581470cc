//! Joins in a play: when a source is dead, when a join passes, whom it withdraws, and which one takes
//! a failure.

use std::collections::BTreeSet;

use flow_bytecode::{Policy, Rest};

use super::super::graph_view::{GraphView, Vertex, WayKind};
use super::moves::arrows;
use super::settle::withdraw;
use super::state::{Arrival, State};
use super::{MOST_AT_ONCE, Over, Search};

/// What does not change about the joins of a flow.
pub(super) struct Joins {
    /// By join: where its sources begin among those of all.
    first: Vec<usize>,
    sources: usize,
    /// By source: from which vertices it can be reached without passing through the join's target.
    reach: Vec<Vec<bool>>,
    /// By join: the joins of which a source can be reached from its target.
    leads: Vec<Vec<bool>>,
}

impl Joins {
    pub(super) fn of(view: &GraphView<'_>) -> Self {
        let joins = &view.flow.joins;
        let mut found = Self {
            first: Vec::new(),
            sources: 0,
            reach: Vec::new(),
            leads: Vec::new(),
        };
        for (number, join) in joins.iter().enumerate() {
            found.first.push(found.sources);
            found.sources += join.sources.len();
            let all = 0..join.sources.len() as u32;
            found
                .reach
                .extend(all.map(|source| reaching(view, number as u32, source)));
        }
        let count = joins.len() as u32;
        let leads = |from, to| {
            let targets: Vec<Vertex> = view.outs(view.join(from)).map(|edge| edge.to).collect();
            (0..joins[to as usize].sources.len()).any(|source| {
                targets
                    .iter()
                    .any(|v| found.reach[found.first[to as usize] + source][*v as usize])
            })
        };
        found.leads = (0..count)
            .map(|from| (0..count).map(|to| leads(from, to)).collect())
            .collect();
        found
    }

    pub(super) fn sources(&self) -> usize {
        self.sources
    }

    fn of_join(&self, view: &GraphView<'_>, join: u32) -> std::ops::Range<usize> {
        let first = self.first[join as usize];
        first..first + view.flow.joins[join as usize].sources.len()
    }

    /// Whether the vertex belongs to the branch of one of the join's sources.
    fn in_branch(&self, view: &GraphView<'_>, join: u32, source: usize, vertex: Vertex) -> bool {
        self.of_join(view, join)
            .all(|other| self.reach[other][vertex as usize] == (other == source))
    }
}

/// By vertex, whether it can reach the source without passing through the join's own target.
fn reaching(view: &GraphView<'_>, join: u32, source: u32) -> Vec<bool> {
    let vertex = view.join(join);
    let mut blocked: BTreeSet<Vertex> = [vertex].into();
    blocked.extend(
        arrows(view, vertex)
            .iter()
            .map(|edge| view.edges[*edge as usize].to),
    );
    let mut seen = vec![false; view.vertices() as usize];
    let arrivals = view.ins(vertex).filter(|edge| edge.source == source);
    let mut open: Vec<Vertex> = arrivals.map(|edge| edge.from).collect();
    while let Some(vertex) = open.pop() {
        if !blocked.contains(&vertex) && !std::mem::replace(&mut seen[vertex as usize], true) {
            open.extend(view.ins(vertex).map(|edge| edge.from));
        }
    }
    seen
}

/// The innermost tolerant join that takes a failure of the vertex, with the source that arrives.
pub(super) fn absorber(view: &GraphView<'_>, vertex: Vertex) -> Option<(u32, u32)> {
    let mut best: Option<(usize, u32, u32)> = None;
    for (number, join) in view.flow.joins.iter().enumerate() {
        if matches!(join.policy, Policy::All | Policy::Each) {
            continue;
        }
        let number = number as u32;
        let sources = join.sources.len() as u32;
        let reach: Vec<Vec<bool>> = (0..sources)
            .map(|source| reaching(view, number, source))
            .collect();
        for source in 0..sources {
            let inside =
                |v: Vertex| (0..sources).all(|other| reach[other as usize][v as usize] == (other == source));
            let size = (0..view.end())
                .filter(|v| view.as_node(*v).is_some() && inside(*v))
                .count();
            if inside(vertex)
                && best.is_none_or(|(least, ..)| size < least)
                && stays(view, vertex, number, inside)
            {
                best = Some((size, number, source));
            }
        }
    }
    best.map(|(_, join, source)| (join, source))
}

/// Whether every arrow way from the vertex leads through the join's target or ends in the branch.
fn stays(view: &GraphView<'_>, vertex: Vertex, join: u32, inside: impl Fn(Vertex) -> bool) -> bool {
    let target = view.join(join);
    let mut seen = BTreeSet::from([target]);
    seen.extend(
        arrows(view, target)
            .iter()
            .map(|edge| view.edges[*edge as usize].to),
    );
    let mut open = vec![vertex];
    while let Some(at) = open.pop() {
        if !seen.insert(at) || at >= view.end() {
            continue;
        }
        if !inside(at) {
            return false;
        }
        let arrows = view
            .ways_out(at)
            .iter()
            .filter(|way| !matches!(way.kind, WayKind::Error | WayKind::Timeout));
        open.extend(arrows.flat_map(|way| view.edges_of(way)).map(|edge| edge.to));
    }
    true
}

impl Search<'_, '_> {
    pub(super) fn arrive(
        &mut self,
        state: &mut State,
        join: u32,
        source: u32,
        arrival: Arrival,
    ) -> Result<(), Over> {
        self.seen.arrived.insert(join);
        if self.view.flow.joins[join as usize].policy == Policy::Each {
            self.seen.passed.insert(join);
            return self.follow(state, &arrows(self.view, self.view.join(join)), arrival.written);
        }
        let at = self.joins.first[join as usize] + source as usize;
        if std::mem::take(&mut state.owed[at]) {
            return Ok(());
        }
        if state.queues[at].len() >= MOST_AT_ONCE {
            return Err(Over);
        }
        state.queues[at].push(arrival);
        Ok(())
    }

    /// Judges joins until none can be.
    pub(super) fn judge(&mut self, state: &mut State) -> Result<(), Over> {
        loop {
            for join in 0..self.view.flow.joins.len() as u32 {
                for at in self.joins.of_join(self.view, join) {
                    state.owed[at] = state.owed[at] && !self.dead(state, join, at);
                }
            }
            let Some(join) = self.ready(state) else {
                return Ok(());
            };
            self.decide(state, join)?;
        }
    }

    fn ready(&self, state: &State) -> Option<u32> {
        let heads = |join| {
            self.joins
                .of_join(self.view, join)
                .map(|at| state.queues[at].first())
        };
        let waiting: Vec<u32> = (0..self.view.flow.joins.len() as u32)
            .filter(|join| heads(*join).any(|head| head.is_some()))
            .collect();
        let free = |join: &u32| {
            let blocks = self.view.flow.joins[*join as usize].rest == Rest::Block;
            !blocks || self.joins.of_join(self.view, *join).all(|at| !state.owed[at])
        };
        let at_once = |join: &u32| {
            let first = matches!(self.view.flow.joins[*join as usize].policy, Policy::First(_));
            heads(*join).all(|head| head.is_some()) || first && self.enough(state, *join)
        };
        if let Some(join) = waiting.iter().copied().find(|join| free(join) && at_once(join)) {
            return Some(join);
        }
        let rest_is_dead = |join: &u32| {
            let mut missing = self
                .joins
                .of_join(self.view, *join)
                .filter(|at| state.queues[*at].is_empty());
            missing.all(|at| self.dead(state, *join, at))
        };
        let decided: Vec<u32> = waiting
            .iter()
            .copied()
            .filter(|join| free(join) && rest_is_dead(join))
            .collect();
        let leads = |join: &u32| {
            waiting
                .iter()
                .any(|other| other != join && self.joins.leads[*join as usize][*other as usize])
        };
        decided.iter().copied().find(leads).or(decided.first().copied())
    }

    /// Whether nothing can reach the source any more.
    fn dead(&self, state: &State, join: u32, at: usize) -> bool {
        let reach = &self.joins.reach[at];
        let waiting = |other: u32| {
            self.joins
                .of_join(self.view, other)
                .any(|at| !state.queues[at].is_empty())
        };
        let behind = |other: u32| {
            self.view
                .outs(self.view.join(other))
                .any(|edge| reach[edge.to as usize])
        };
        let reaches = |other: u32| behind(other) || reach[self.view.join(other) as usize];
        !(state.live.iter().any(|live| reach[live.node as usize])
            || state.held.iter().any(|node| reach[*node as usize])
            || (0..self.view.flow.joins.len() as u32)
                .any(|other| other != join && waiting(other) && reaches(other)))
    }

    /// Whether as many have succeeded as the policy asks for.
    fn enough(&self, state: &State, join: u32) -> bool {
        let policy = self.view.flow.joins[join as usize].policy;
        let sources = self.joins.of_join(self.view, join);
        let listed = sources.len();
        let succeeded = sources
            .filter(|at| state.queues[*at].first().is_some_and(|head| head.succeeded))
            .count();
        match GraphView::needed(policy, listed) {
            Some(needed) => succeeded >= needed,
            None => true,
        }
    }

    /// Lets a join pass, or finds that it cannot.
    fn decide(&mut self, state: &mut State, join: u32) -> Result<(), Over> {
        let hir = &self.view.flow.joins[join as usize];
        let vertex = self.view.join(join);
        let sources = self.joins.of_join(self.view, join);
        let passes = self.enough(state, join);
        let counts = matches!(
            hir.policy,
            Policy::AtLeast(_) | Policy::Majority | Policy::First(_)
        );
        let left_over = sources
            .clone()
            .all(|at| state.queues[at].is_empty() || state.took_part[at]);
        if !passes && counts && left_over {
            sources.for_each(|at| state.queues[at].clear());
            return Ok(());
        }
        let (mut written, mut losers) = (false, Vec::new());
        for at in sources {
            if state.queues[at].is_empty() {
                let heeded = !matches!(
                    (hir.policy, hir.rest),
                    (Policy::First(_), Rest::Keep | Rest::Block)
                );
                if passes && !heeded {
                    state.owed[at] = !self.dead(state, join, at);
                }
                losers.push(at);
                continue;
            }
            let taken = state.queues[at].remove(0);
            written |= taken.written;
            if !taken.succeeded {
                losers.push(at);
            }
            state.took_part[at] = passes && counts;
        }
        if !passes {
            let way = self
                .view
                .ways_out(vertex)
                .iter()
                .find(|way| way.kind == WayKind::Else);
            let edges: Vec<u32> = way.ok_or(Over)?.edges.clone().collect();
            return self.follow(state, &edges, written);
        }
        self.seen.passed.insert(join);
        if matches!((hir.policy, hir.rest), (Policy::First(_), Rest::Cancel)) {
            for at in losers {
                self.withdraw_source(state, join, at);
            }
        }
        self.follow(state, &arrows(self.view, vertex), written)
    }

    pub(super) fn withdraw_branch(&self, state: &mut State, join: u32, source: u32) {
        self.withdraw_source(state, join, self.joins.first[join as usize] + source as usize);
    }

    /// Withdraws what is under way in a source's branch, and what waits at its joins.
    fn withdraw_source(&self, state: &mut State, join: u32, at: usize) {
        withdraw(state, |v| self.joins.in_branch(self.view, join, at, v));
        for inner in 0..self.view.flow.joins.len() as u32 {
            if inner != join && self.joins.in_branch(self.view, join, at, self.view.join(inner)) {
                for place in self.joins.of_join(self.view, inner) {
                    state.queues[place].clear();
                }
            }
        }
    }
}
