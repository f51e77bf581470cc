//! What can run at the same time: pairs of vertices of which, in some play, two activations exist
//! that do not wait for each other. What is wrong with that lives in `writers`.
//!
//! Pairs begin at forks: the edges of one way, two by two. From a pair either side goes on while
//! the other stays. A join is crossed only where it does not wait for the other side: where that
//! cannot reach another of its sources. So the cost is that of the pairs that really exist.

use std::cell::RefCell;
use std::collections::BTreeMap;

use flow_bytecode::{Policy, Rest, Schedule};

use super::graph_view::{Edge, GraphView, START, Vertex, WayKind};
use super::shape::dominators;

/// Pairs that are looked at before the analysis gives up on what is left.
const MOST_PAIRS: usize = 8_000_000;
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
    complete: bool,
}

impl Together {
    /// Finds all pairs.
    pub fn new(view: &GraphView<'_>) -> Self {
        let count = view.vertices() as usize;
        let mut search = Search {
            view,
            idom: dominators(view),
            reaches: RefCell::new(BTreeMap::new()),
            found: Self {
                rows: vec![None; count],
                beside: vec![Vec::new(); count],
                deferred: (0..view.vertices()).map(|v| view.is_deferred(v)).collect(),
                complete: true,
            },
            apart: vec![false; count],
            open: Vec::new(),
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
        self.deferred[a as usize] == self.deferred[b as usize] && self.seen(a, b)
    }

    /// The vertices that can run at the same time as this one, itself included where it can run beside itself.
    pub fn beside(&self, a: Vertex) -> impl Iterator<Item = Vertex> + '_ {
        let others = self.beside[a as usize].iter().copied();
        others.filter(move |b| self.deferred[a as usize] == self.deferred[*b as usize])
    }

    /// Whether all pairs were looked at.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn seen(&self, a: Vertex, b: Vertex) -> bool {
        let (low, high) = (a.min(b), a.max(b));
        let row = self.rows[low as usize].as_ref();
        row.is_some_and(|row| row[high as usize / 64] & (1 << (high % 64)) != 0)
    }
}

/// For each vertex that can reach a source of a join: one such source, and another if there is one.
type Reaches = BTreeMap<Vertex, (u32, Option<u32>)>;

struct Search<'v, 'p> {
    view: &'v GraphView<'p>,
    idom: Vec<Vertex>,
    reaches: RefCell<BTreeMap<u32, Reaches>>,
    found: Together,
    /// Item nodes of which two activations of different groups run together.
    apart: Vec<bool>,
    open: Vec<(Vertex, Vertex)>,
    pairs: usize,
    words: usize,
}

impl Search<'_, '_> {
    fn seed(&mut self) {
        let view = self.view;
        for way in &view.ways {
            if self.idom[way.from as usize] == u32::MAX && !view.runs_unasked(way.from) {
                continue;
            }
            let edges = view.edges_of(way);
            for (index, edge) in edges.iter().enumerate() {
                for other in &edges[index + 1..] {
                    self.fork(edge, other);
                }
                if way.kind == WayKind::Send {
                    self.add(edge.to, edge.to);
                }
            }
        }
        let unasked: Vec<_> = (0..view.vertices())
            .filter(|v| view.is_deferred(*v) && view.runs_unasked(*v))
            .collect();
        for (index, held) in unasked.iter().enumerate() {
            self.add(*held, START);
            for other in &unasked[index + 1..] {
                self.add(*held, *other);
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
        if self.crosses(a, b.to) && self.crosses(b, a.to) {
            let both = self.view.kind(a) == WayKind::Send && a.to == b.to;
            if both {
                self.add(a.to, b.to);
            } else {
                self.add_apart(a.to, b.to);
            }
        }
    }

    /// Lets `a` go on beside `b`.
    fn step(&mut self, a: Vertex, b: Vertex) {
        let view = self.view;
        let waits = self.found.deferred[a as usize] && !self.found.deferred[b as usize];
        if waits {
            return;
        }
        // The arrows of an item node wait for all items of their group.
        let one_group =
            a == b && view.as_node(a).is_some_and(|n| view.is_item[n.index()]) && !self.apart[a as usize];
        for way in view.ways_out(a) {
            if one_group && way.kind == WayKind::Arrows {
                continue;
            }
            for edge in view.edges_of(way) {
                if self.crosses(edge, b) {
                    self.add_apart(edge.to, b);
                }
            }
        }
    }

    /// Whether what the edge leads to can begin while an activation of `beside` is unsettled.
    fn crosses(&self, edge: &Edge, beside: Vertex) -> bool {
        let Some(join) = self.view.as_join(edge.to) else {
            return true;
        };
        let hir = &self.view.flow.joins[join as usize];
        let heedless = matches!(
            (hir.policy, hir.rest),
            (Policy::Each, _) | (Policy::First(_), Rest::Keep | Rest::Block)
        );
        heedless || !self.reaches_other(join, edge.source, beside)
    }

    /// Whether `from` can reach a source of the join other than `source`, without passing the join.
    fn reaches_other(&self, join: u32, source: u32, from: Vertex) -> bool {
        let mut reaches = self.reaches.borrow_mut();
        let known = reaches.entry(join).or_insert_with(|| self.reaches(join));
        known
            .get(&from)
            .is_some_and(|(one, other)| *one != source || other.is_some())
    }

    fn reaches(&self, join: u32) -> Reaches {
        let view = self.view;
        let target = view.join(join);
        let stop = self.idom[target as usize];
        let mut known = Reaches::new();
        let mut open: Vec<(Vertex, u32)> = view.ins(target).map(|edge| (edge.from, edge.source)).collect();
        while let Some((vertex, source)) = open.pop() {
            let new = match known.get_mut(&vertex) {
                None => known.insert(vertex, (source, None)).is_none(),
                Some((one, other @ None)) if *one != source => other.replace(source).is_none(),
                Some(_) => false,
            };
            if new && vertex != stop {
                let back = view.ins(vertex).filter(|edge| edge.from != target);
                open.extend(back.map(|edge| (edge.from, source)));
            }
        }
        known
    }

    /// Adds a pair that did not come out of one group of a send.
    fn add_apart(&mut self, a: Vertex, b: Vertex) {
        if a == b && !std::mem::replace(&mut self.apart[a as usize], true) && self.found.seen(a, b) {
            self.open.push((a, b));
        }
        self.add(a, b);
    }

    fn add(&mut self, a: Vertex, b: Vertex) {
        let runs = |v: Vertex| {
            v < self.view.end() && !self.view.hir(v).is_some_and(|n| n.schedule == Schedule::Finally)
        };
        if !runs(a) || !runs(b) || self.found.seen(a, b) || a == b && self.found.deferred[a as usize] {
            return;
        }
        if self.pairs >= MOST_PAIRS || self.words >= MOST_WORDS {
            self.found.complete = false;
            return;
        }
        self.pairs += 1;
        let (low, high) = (a.min(b), a.max(b));
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
        self.open.push((a, b));
    }
}
