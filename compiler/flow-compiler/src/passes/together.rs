//! What can run at the same time: pairs of vertices of which, in some play, two activations are
//! under way at once. What is wrong with that lives in `writers`.
//!
//! Pairs begin at forks: the edges of one way, two by two. From a pair either side goes on while
//! the other stays. A join is crossed only where it does not wait for the other side. So the cost
//! is that of the pairs that really exist.
//!
//! A pair is *sure* where each join on the way was crossed beside something that reaches none of
//! its other sources. Where it does, and the source may have come from elsewhere, this analysis
//! cannot tell; it then counts the pair, not as sure, and `plays` decides if the flow is small.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::{Policy, Rest, Schedule};

use super::graph_view::{Edge, GraphView, START, Vertex, WayKind};
use super::shape::{dominators, reachable};
use crate::hir::flow::{NodeKind, Source};

/// Pairs that are looked at before the analysis gives up on what is left.
pub const MOST_PAIRS: usize = 8_000_000;
/// Words of 64 pairs that may be kept, 128 MiB.
const MOST_WORDS: usize = 16_000_000;

/// The relation.
#[derive(Debug)]
pub struct Together {
    rows: Vec<Option<Box<[u64]>>>,
    /// By vertex: the others of its pairs, itself included where it is paired with itself.
    beside: Vec<Vec<Vertex>>,
    /// Held deferred nodes beside what is not deferred are looked at, but do not run together.
    deferred: Vec<bool>,
    /// Of those, the pairs of which the deferred one has been started with another.
    released: BTreeSet<(Vertex, Vertex)>,
    /// By vertex: the cancelling `first of` that it is a source of. Of two sources of one, one wins.
    races: BTreeMap<Vertex, Vec<u32>>,
    /// Pairs that may not be real.
    unsure: BTreeSet<(Vertex, Vertex)>,
    complete: bool,
}

impl Together {
    /// Finds all pairs.
    pub fn new(view: &GraphView<'_>) -> Self {
        Self::bounded(view, MOST_PAIRS)
    }

    /// Finds so many pairs, if there are more.
    pub fn bounded(view: &GraphView<'_>, most: usize) -> Self {
        let count = view.vertices() as usize;
        let mut search = Search {
            view,
            idom: dominators(view),
            reaches: RefCell::new(BTreeMap::new()),
            found: Self {
                rows: vec![None; count],
                beside: vec![Vec::new(); count],
                deferred: (0..view.vertices()).map(|v| view.is_deferred(v)).collect(),
                released: BTreeSet::new(),
                races: races(view),
                unsure: BTreeSet::new(),
                complete: true,
            },
            apart: vec![false; count],
            runs_on: (0..view.vertices()).map(|v| runs_on(view, v)).collect(),
            open: Vec::new(),
            most,
            pairs: 0,
            words: 0,
        };
        search.seed();
        while let Some((a, b)) = search.open.pop() {
            search.step(a, b);
            if a != b {
                search.step(b, a);
            }
        }
        search.found
    }

    /// Whether activations of the two can run at the same time.
    pub fn can(&self, a: Vertex, b: Vertex) -> bool {
        self.seen(a, b) && self.counts(a, b)
    }

    /// Whether it is certain that they can, if they can.
    pub fn is_sure(&self, a: Vertex, b: Vertex) -> bool {
        !self.unsure.contains(&ordered(a, b))
    }

    /// Whether that is certain of all pairs.
    pub fn all_sure(&self) -> bool {
        self.unsure.is_empty()
    }

    /// The vertices that can run at the same time as this one, itself included where it can run beside itself.
    pub fn beside(&self, a: Vertex) -> impl Iterator<Item = Vertex> + '_ {
        let others = self.beside[a as usize].iter().copied();
        others.filter(move |b| self.counts(a, *b))
    }

    /// Whether all pairs were looked at.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn counts(&self, a: Vertex, b: Vertex) -> bool {
        let side = self.deferred[a as usize] == self.deferred[b as usize];
        (side || self.released.contains(&ordered(a, b))) && (a == b || !self.one_wins(a, b))
    }

    fn one_wins(&self, a: Vertex, b: Vertex) -> bool {
        match (self.races.get(&a), self.races.get(&b)) {
            (Some(of_a), Some(of_b)) => of_a.iter().any(|race| of_b.contains(race)),
            _ => false,
        }
    }

    fn runs(&self, deferred: Vertex, beside: Vertex) -> bool {
        self.deferred[beside as usize] || self.released.contains(&ordered(deferred, beside))
    }

    fn seen(&self, a: Vertex, b: Vertex) -> bool {
        let (low, high) = ordered(a, b);
        let row = self.rows[low as usize].as_ref();
        row.is_some_and(|row| row[high as usize / 64] & (1 << (high % 64)) != 0)
    }
}

fn ordered(a: Vertex, b: Vertex) -> (Vertex, Vertex) {
    (a.min(b), a.max(b))
}

fn races(view: &GraphView<'_>) -> BTreeMap<Vertex, Vec<u32>> {
    let mut found: BTreeMap<Vertex, Vec<u32>> = BTreeMap::new();
    for (number, join) in view.flow.joins.iter().enumerate() {
        if (join.policy, join.rest) == (Policy::First(1), Rest::Cancel) {
            let number = number as u32;
            view.ins(view.join(number))
                .for_each(|edge| found.entry(edge.from).or_default().push(number));
        }
    }
    found
}

/// Whether items of the vertex may still be under way when the arrows of their group have fired.
fn runs_on(view: &GraphView<'_>, vertex: Vertex) -> bool {
    let Some(node) = view.as_node(vertex).filter(|node| view.is_item[node.index()]) else {
        return false;
    };
    let sends = view.ins(vertex).filter_map(|edge| view.hir(edge.from));
    let groups = sends.filter_map(|send| match &send.kind {
        NodeKind::Send(groups) => Some(groups),
        _ => None,
    });
    groups
        .flatten()
        .any(|each| each.node == node && each.until.is_some() && !each.cancel_rest)
}

/// What can reach the sources of a join.
#[derive(Default)]
struct Reaches {
    /// For each vertex that can: one source, and another if there is one.
    by: BTreeMap<Vertex, (u32, Option<u32>)>,
    /// Those that lie behind a source that they lead to again.
    again: BTreeSet<Vertex>,
}

/// How a join is crossed beside something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crossing {
    No,
    Perhaps,
    Surely,
}

struct Search<'v, 'p> {
    view: &'v GraphView<'p>,
    idom: Vec<Vertex>,
    reaches: RefCell<BTreeMap<u32, Reaches>>,
    found: Together,
    /// Item nodes of which two activations of different groups run together.
    apart: Vec<bool>,
    /// Item nodes whose groups may be complete before they are.
    runs_on: Vec<bool>,
    open: Vec<(Vertex, Vertex)>,
    most: usize,
    pairs: usize,
    words: usize,
}

impl Search<'_, '_> {
    fn seed(&mut self) {
        let view = self.view;
        let reached = reachable(view);
        for way in view.ways.iter().filter(|way| reached[way.from as usize]) {
            let edges = view.edges_of(way);
            for (index, edge) in edges.iter().enumerate() {
                for other in &edges[index + 1..] {
                    self.fork(edge, other);
                }
                if way.kind == WayKind::Send {
                    self.add(edge.to, edge.to, true);
                }
                if view
                    .hir(way.from)
                    .is_some_and(|node| node.schedule == Schedule::Standing)
                {
                    self.reopen(edge);
                }
            }
        }
        let unasked: Vec<_> = (0..view.vertices())
            .filter(|v| view.is_deferred(*v) && view.runs_unasked(*v))
            .collect();
        for (index, held) in unasked.iter().enumerate() {
            self.add(*held, START, true);
            for other in &unasked[index + 1..] {
                self.add(*held, *other, true);
            }
        }
    }

    /// Two edges of one way.
    fn fork(&mut self, a: &Edge, b: &Edge) {
        // The same arrow twice is a duplicate, and reported as one.
        let twice = self.view.kind(a) == WayKind::Arrows || self.view.as_join(a.to).is_some();
        if a.to == b.to && twice {
            return;
        }
        let (one, other) = (self.crosses(a, b.to), self.crosses(b, a.to));
        if one == Crossing::No || other == Crossing::No {
            return;
        }
        let sure = one == Crossing::Surely && other == Crossing::Surely;
        if self.view.kind(a) == WayKind::Send && a.to == b.to {
            self.add(a.to, b.to, sure);
        } else {
            self.add_apart(a.to, b.to, sure);
        }
    }

    /// What a standing node starts runs beside the node, which has opened again.
    fn reopen(&mut self, edge: &Edge) {
        match self.crosses(edge, edge.from) {
            Crossing::No => {}
            crossing => self.add_apart(edge.to, edge.from, crossing == Crossing::Surely),
        }
    }

    /// Lets `a` go on beside `b`.
    fn step(&mut self, a: Vertex, b: Vertex) {
        let view = self.view;
        let [a_deferred, b_deferred] = [a, b].map(|v| self.found.deferred[v as usize]);
        if a_deferred && !self.found.runs(a, b) {
            return; // held
        }
        let sure = self.found.is_sure(a, b);
        let started = b_deferred && self.found.runs(b, a);
        // The arrows of an item node wait for all items of their group.
        let one_group = a == b && self.is_item(a) && !self.apart[a as usize] && !self.runs_on[a as usize];
        for way in view.ways_out(a) {
            if one_group && way.kind == WayKind::Arrows || self.withdraws(a, way.kind, b) {
                continue;
            }
            for edge in view.edges_of(way) {
                let crossing = self.crosses(edge, b);
                if crossing == Crossing::No {
                    continue;
                }
                if started && edge.to < view.end() {
                    self.release(edge.to, b);
                }
                self.add_apart(edge.to, b, sure && crossing == Crossing::Surely);
            }
        }
    }

    /// A deferred node that has been started, beside what the others that started with it lead to.
    fn release(&mut self, to: Vertex, deferred: Vertex) {
        let pair = ordered(to, deferred);
        if self.found.deferred[to as usize] && to != deferred || !self.found.released.insert(pair) {
            return;
        }
        if self.found.seen(to, deferred) {
            self.open.push(pair);
        }
    }

    /// Whether `b` is withdrawn when `a` is left that way.
    fn withdraws(&self, a: Vertex, kind: WayKind, b: Vertex) -> bool {
        let (Some(node), Some(other)) = (self.view.hir(a), self.view.as_node(b)) else {
            return false;
        };
        let named = || {
            node.cancel
                .iter()
                .chain(&node.finish)
                .any(|(named, _)| *named == other)
        };
        // Who fails commands nothing, skipped or not.
        let fails = match kind {
            WayKind::Error | WayKind::Timeout => true,
            WayKind::Arrows => self.view.skips(a) || self.is_item(a), // a group may be empty
            _ => false,
        };
        !fails && a != b && named()
    }

    fn is_item(&self, v: Vertex) -> bool {
        let node = self.view.as_node(v);
        node.is_some_and(|node| self.view.is_item[node.index()])
    }

    /// Whether what the edge leads to can begin while an activation of `beside` is under way.
    fn crosses(&self, edge: &Edge, beside: Vertex) -> Crossing {
        let Some(join) = self.view.as_join(edge.to) else {
            return Crossing::Surely;
        };
        let hir = &self.view.flow.joins[join as usize];
        let first = matches!(hir.policy, Policy::First(_));
        if hir.policy == Policy::Each || first && hir.rest != Rest::Cancel {
            return Crossing::Surely;
        }
        let mut reaches = self.reaches.borrow_mut();
        let known = reaches.entry(join).or_insert_with(|| self.reaches(join));
        let Some((one, other)) = known.by.get(&beside) else {
            return Crossing::Surely;
        };
        if other.is_none() && *one == edge.source {
            return Crossing::Surely;
        }
        let come = |source: u32| source == edge.source || self.found.seen(self.source(join, source), beside);
        let all_come = come(*one) && other.is_none_or(come);
        if first && other.is_some() || known.again.contains(&beside) || all_come {
            return Crossing::Perhaps;
        }
        Crossing::No
    }

    fn source(&self, join: u32, source: u32) -> Vertex {
        match self.view.flow.joins[join as usize].sources[source as usize].0 {
            Source::Node(node) => self.view.node(node),
            Source::Join(inner) => self.view.join(inner),
        }
    }

    fn reaches(&self, join: u32) -> Reaches {
        let view = self.view;
        let target = view.join(join);
        let blocked = targets(view, target);
        let stop = self.idom[target as usize];
        let mut known = Reaches::default();
        let arrivals = view.ins(target).filter(|edge| !blocked.contains(&edge.from));
        let mut open: Vec<(Vertex, u32)> = arrivals.map(|edge| (edge.from, edge.source)).collect();
        while let Some((vertex, source)) = open.pop() {
            let new = match known.by.get_mut(&vertex) {
                None => known.by.insert(vertex, (source, None)).is_none(),
                Some((one, other @ None)) if *one != source => other.replace(source).is_none(),
                Some(_) => false,
            };
            if new && vertex != stop {
                let back = view.ins(vertex).filter(|edge| !blocked.contains(&edge.from));
                open.extend(back.map(|edge| (edge.from, source)));
            }
        }
        let mut open: Vec<Vertex> = view.ins(target).map(|edge| edge.from).collect();
        while let Some(vertex) = open.pop() {
            let inside = view
                .outs(vertex)
                .map(|edge| edge.to)
                .filter(|to| known.by.contains_key(to));
            open.extend(inside.filter(|to| known.again.insert(*to)));
        }
        known
    }

    /// Adds a pair that did not come out of one group of a send.
    fn add_apart(&mut self, a: Vertex, b: Vertex, sure: bool) {
        if a == b && !std::mem::replace(&mut self.apart[a as usize], true) && self.found.seen(a, b) {
            self.open.push((a, b));
        }
        self.add(a, b, sure);
    }

    fn add(&mut self, a: Vertex, b: Vertex, sure: bool) {
        let runs = |v: Vertex| {
            v < self.view.end() && !self.view.hir(v).is_some_and(|n| n.schedule == Schedule::Finally)
        };
        let held = a == b && self.found.deferred[a as usize] && !self.found.released.contains(&(a, a));
        if !runs(a) || !runs(b) || held {
            return;
        }
        let (low, high) = ordered(a, b);
        if self.found.seen(a, b) {
            if sure && self.found.unsure.remove(&(low, high)) {
                self.open.push((a, b));
            }
            return;
        }
        if self.pairs >= self.most || self.words >= MOST_WORDS {
            self.found.complete = false;
            return;
        }
        self.pairs += 1;
        let words = self.view.vertices().div_ceil(64) as usize;
        let row = self.found.rows[low as usize].get_or_insert_with(|| {
            self.words += words;
            vec![0; words].into_boxed_slice()
        });
        row[high as usize / 64] |= 1 << (high % 64);
        self.found.beside[low as usize].push(high);
        if low != high {
            self.found.beside[high as usize].push(low);
        }
        if !sure {
            self.found.unsure.insert((low, high));
        }
        // A listener does not hold up a deferred node, so that the two run beside each other.
        let listens = |v: Vertex| {
            self.view
                .hir(v)
                .is_some_and(|node| node.schedule == Schedule::Standing)
        };
        if self.found.deferred[a as usize] && listens(b) || self.found.deferred[b as usize] && listens(a) {
            self.found.released.insert((low, high));
        }
        self.open.push((a, b));
        self.look_again(a, b);
        self.look_again(b, a);
    }

    /// A source has come up beside something that leads to it as well: what waits at its join may
    /// now be crossed.
    fn look_again(&mut self, source: Vertex, b: Vertex) {
        for edge in self.view.outs(source) {
            let Some(join) = self.view.as_join(edge.to) else {
                continue;
            };
            let leads = {
                let mut reaches = self.reaches.borrow_mut();
                let known = reaches.entry(join).or_insert_with(|| self.reaches(join));
                known
                    .by
                    .get(&b)
                    .is_some_and(|(one, other)| *one == edge.source || other.is_some())
            };
            if !leads {
                continue;
            }
            for other in self.view.ins(edge.to).map(|edge| edge.from) {
                if other != source && self.found.seen(other, b) {
                    self.open.push((other, b));
                }
            }
        }
    }
}

/// Where the passing of a join leads, and the join itself: what its sources are not reached through.
fn targets(view: &GraphView<'_>, join: Vertex) -> BTreeSet<Vertex> {
    let passing = view
        .ways_out(join)
        .iter()
        .filter(|way| way.kind == WayKind::Arrows);
    let mut found: BTreeSet<Vertex> = passing
        .flat_map(|way| view.edges_of(way))
        .map(|edge| edge.to)
        .collect();
    found.insert(join);
    found
}
