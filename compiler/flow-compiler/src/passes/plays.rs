//! All plays of a flow, one by one: what the quicker analyses only bound, this decides, where the
//! flow is small enough. A play is a sequence of settlements; the search keeps the activations that
//! are under way and what waits at joins, and forgets the past, so that loops come to an end. What
//! is said about the findings lives in `writers`, `written` and `joins`.

mod joins;
mod moves;
mod settle;
mod state;

use std::collections::{BTreeSet, VecDeque};

use flow_bytecode::{Policy, Rest, Schedule};

use super::graph_view::{GraphView, START, Vertex};
use crate::hir::FieldRef;
use joins::Joins;
use moves::Move;
use state::{Live, State};

/// States that are looked at before a flow counts as too large.
pub const MOST_STATES: usize = 20_000;
/// Flows with more vertices are not tried.
const MOST_VERTICES: u32 = 160;
/// Activations of one node that may be under way at once, and arrivals that may queue at a source.
/// Two are enough to see that there can be two.
const MOST_AT_ONCE: usize = 2;

/// What is true in some play.
#[derive(Debug, Default)]
pub struct Plays {
    together: BTreeSet<(Vertex, Vertex)>,
    unwritten: BTreeSet<Vertex>,
    passed: BTreeSet<u32>,
    arrived: BTreeSet<u32>,
    ends_unwritten: bool,
}

impl Plays {
    /// Looks at all plays; with a field, also at whether it is written. None where there are more
    /// than `most` states, or something is in the flow whose plays are not told apart here.
    pub fn of(view: &GraphView<'_>, field: Option<FieldRef>, most: usize) -> Option<Self> {
        if view.vertices() > MOST_VERTICES || counts_items(view) {
            return None;
        }
        let mut search = Search {
            view,
            moves: moves::all(view, field),
            joins: Joins::of(view),
            counted: field.is_some(),
            seen: Self::default(),
        };
        let mut known = BTreeSet::new();
        let mut open: VecDeque<State> = search.first().into_iter().collect();
        while let Some(state) = open.pop_back() {
            if known.contains(&state) {
                continue;
            }
            if known.len() >= most {
                return None;
            }
            search.go_on(&state, &mut open);
            known.insert(state);
        }
        Some(search.seen)
    }

    /// Whether activations of the two are under way at the same time.
    pub fn can(&self, a: Vertex, b: Vertex) -> bool {
        self.together.contains(&(a.min(b), a.max(b)))
    }

    /// Whether the vertex begins before anything that it waits for has written the field.
    pub fn misses(&self, vertex: Vertex) -> bool {
        self.unwritten.contains(&vertex)
    }

    /// Whether the run ends as done without the field written.
    pub fn result_misses(&self) -> bool {
        self.ends_unwritten
    }

    /// Whether anything arrives at the join.
    pub fn arrives(&self, join: u32) -> bool {
        self.arrived.contains(&join)
    }

    /// Whether the join passes.
    pub fn passes(&self, join: u32) -> bool {
        self.passed.contains(&join)
    }
}

/// Whether a policy counts the items of a send one by one.
fn counts_items(view: &GraphView<'_>) -> bool {
    let joins = view.flow.joins.iter().enumerate();
    let counting = joins.filter(|(_, join)| !matches!(join.policy, Policy::All | Policy::Each));
    let mut sources = counting.flat_map(|(number, _)| view.ins(view.join(number as u32)));
    sources.any(|edge| {
        view.as_node(edge.from)
            .is_some_and(|node| view.is_item[node.index()])
    })
}

struct Search<'v, 'p> {
    view: &'v GraphView<'p>,
    /// By vertex: how its activations can settle.
    moves: Vec<Vec<Move>>,
    joins: Joins,
    /// Whether a field is looked at; otherwise everything counts as written, and fewer states differ.
    counted: bool,
    seen: Plays,
}

/// The play is over: it has ended, or would need more at once than is looked at.
struct Over;

impl Search<'_, '_> {
    fn first(&mut self) -> Option<State> {
        let mut state = State::new(self.joins.sources());
        let unasked =
            (0..self.view.vertices()).filter(|v| self.view.is_deferred(*v) && self.view.runs_unasked(*v));
        state.held = unasked.collect();
        let starts = moves::arrows(self.view, START);
        self.follow(&mut state, &starts, !self.counted).ok()?;
        self.judge(&mut state).ok()?;
        Some(state.in_order())
    }

    /// The states that come next.
    fn go_on(&mut self, state: &State, open: &mut VecDeque<State>) {
        let is = |live: &Live, schedule| self.view.hir(live.node).is_some_and(|n| n.schedule == schedule);
        let held_up = |live: &Live| !is(live, Schedule::Deferred) && !is(live, Schedule::Standing);
        if !state.held.is_empty() && !state.live.iter().any(held_up) {
            let started = self.start_held(state.clone());
            return open.extend(started.ok().map(State::in_order));
        }
        if state.live.iter().all(|live| is(live, Schedule::Standing)) {
            if state.live.is_empty() {
                self.seen.ends_unwritten |= self.counted && !state.updated;
                return;
            }
            let mut rest = state.clone();
            rest.live.clear();
            let judged = self.judge(&mut rest);
            return open.extend(judged.ok().map(|()| rest.in_order()));
        }
        for index in 0..state.live.len() {
            if index > 0 && state.live[index] == state.live[index - 1] {
                continue;
            }
            for number in 0..self.moves[state.live[index].node as usize].len() {
                let next = self.settle(state.clone(), index, number);
                open.extend(next.ok().map(State::in_order));
            }
        }
        self.early(state, open);
    }

    fn start_held(&mut self, mut state: State) -> Result<State, Over> {
        let written = state.updated || !self.counted;
        for node in std::mem::take(&mut state.held) {
            self.begin(&mut state, node, written, None)?;
        }
        self.judge(&mut state)?;
        Ok(state)
    }

    /// Begins an activation, and notes what runs beside it.
    fn begin(
        &mut self,
        state: &mut State,
        node: Vertex,
        written: bool,
        group: Option<u8>,
    ) -> Result<(), Over> {
        if self.counted && !written {
            self.seen.unwritten.insert(node);
        }
        for other in &state.live {
            if !self.one_wins(node, other.node) {
                self.seen
                    .together
                    .insert((node.min(other.node), node.max(other.node)));
            }
        }
        if state.under_way(node) >= MOST_AT_ONCE {
            return Err(Over);
        }
        state.live.push(Live { node, written, group });
        Ok(())
    }

    /// Whether both are sources of one `first of` that withdraws the loser.
    fn one_wins(&self, a: Vertex, b: Vertex) -> bool {
        let mut of_a = self.view.outs(a).filter_map(|edge| self.view.as_join(edge.to));
        a != b
            && of_a.any(|join| {
                let hir = &self.view.flow.joins[join as usize];
                let races = (hir.policy, hir.rest) == (Policy::First(1), Rest::Cancel);
                races && self.view.ins(self.view.join(join)).any(|edge| edge.from == b)
            })
    }
}
