//! Read before written: whether every play writes a field before it is read. Fields that nobody
//! writes at all, and ephemeral ones, are in `fields`.
//!
//! Two questions about each vertex, for all fields at once: what has been written in every play
//! before it begins (forward, by intersection; a join adds what its sure sources bring), and what a
//! play that begins here can finish without writing (backward), for `return` and what runs unasked.

mod avoid;
mod lost;
mod play;

use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::{Policy, Schedule};
use flow_diagnostics::{Diagnostic, Span};

use super::graph_view::{Edge, GraphView, START, Vertex, Way, WayKind};
use super::plays::Plays;
use super::shape::{dominators, postorder};
use super::site;
use super::together::Together;
use super::writers::untold;
use super::{Facts, Verdict};
use crate::hir::flow::{Node, NodeKind};
use crate::hir::{FieldRef, NodeRef, walk};
use crate::start::start_value;
use lost::Lost;

/// A set of fields.
pub type Set = Vec<u64>;

/// Reports every read that some play reaches before the field has a value.
pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let interesting = without_start(facts);
    if facts.broken || interesting.iter().all(|word| *word == 0) {
        return;
    }
    let written = Written::new(&facts.view, facts.together(), interesting);
    let mut reported = BTreeSet::new();
    for (index, node) in facts.flow.nodes.iter().enumerate() {
        let this = NodeRef(index as u32);
        let vertex = facts.view.node(this);
        let mut reads = site::reads(node);
        if let Some(way) = &facts.flow.on_error
            && facts.view.uses_flow_error(this)
        {
            walk::target(&way.target, &mut |e| {
                site::reads_of(e, &mut |field, span| reads.push((field, span)));
            });
        }
        for (field, span) in reads {
            if !facts.reached[vertex as usize] || !written.misses(vertex, field) {
                continue;
            }
            let verdict = verdict(facts, field, |plays| plays.misses(vertex));
            if verdict != Verdict::No && reported.insert((field, vertex)) {
                found.push(told(verdict, play::report(facts, &written, field, vertex, span)));
            }
        }
    }
    if let Some(result) = &facts.flow.result {
        let mut reads: BTreeMap<FieldRef, Span> = BTreeMap::new();
        site::reads_of(result, &mut |field, span| {
            reads.entry(field).or_insert(span);
        });
        for (field, span) in reads {
            if !written.result_misses(field) {
                continue;
            }
            let verdict = verdict(facts, field, Plays::result_misses);
            if verdict != Verdict::No {
                found.push(told(verdict, play::report_result(facts, &written, field, span)));
            }
        }
    }
}

/// What the plays say to a finding of the quick analysis.
fn verdict(facts: &Facts<'_>, field: FieldRef, misses: impl Fn(&Plays) -> bool) -> Verdict {
    match facts.plays_of(field) {
        Some(plays) if misses(&plays) => Verdict::Yes,
        Some(_) => Verdict::No,
        None if facts.together().all_sure() => Verdict::Yes,
        None => Verdict::Perhaps,
    }
}

fn told(verdict: Verdict, found: Diagnostic) -> Diagnostic {
    if verdict == Verdict::Perhaps {
        untold(found)
    } else {
        found
    }
}

/// Fields that have no value until they are written, and are not set from outside.
fn without_start(facts: &Facts<'_>) -> Set {
    let mut set = vec![0; facts.flow.fields.len().div_ceil(64)];
    for (index, field) in facts.flow.fields.iter().enumerate() {
        if !field.external && !field.ephemeral && start_value(&facts.program.types, field).is_none() {
            set[index / 64] |= 1 << (index % 64);
        }
    }
    set
}

/// What is written where.
pub struct Written<'v, 'p> {
    view: &'v GraphView<'p>,
    interesting: Set,
    /// By way: what it surely writes.
    updates: Vec<Set>,
    /// By vertex: what is written in every play before it begins.
    before: Vec<Set>,
    /// By vertex: what a play that begins here can end without writing.
    avoided: Vec<Set>,
    /// What is written in every play before a deferred node begins.
    at_rest: Set,
    idom: Vec<Vertex>,
    lost: Lost,
    /// By vertex of an `all of`: which sources arrive whenever it passes.
    sure: BTreeMap<u32, Vec<bool>>,
}

impl<'v, 'p> Written<'v, 'p> {
    /// Answers both questions for the fields of `interesting`.
    pub fn new(view: &'v GraphView<'p>, together: &Together, interesting: Set) -> Self {
        let idom = dominators(view);
        let lost = Lost::of(view, &idom);
        let joins = 0..view.flow.joins.len() as u32;
        let all = joins.filter(|join| view.flow.joins[*join as usize].policy == Policy::All);
        let sure = all
            .map(|join| (join, avoid::sure_sources(view, together, &lost, &idom, join)))
            .collect();
        let updates = view
            .ways
            .iter()
            .map(|way| surely_updates(view, way, interesting.len()))
            .collect();
        let count = view.vertices() as usize;
        let words = interesting.len();
        let mut written = Self {
            view,
            interesting,
            updates,
            before: vec![vec![u64::MAX; words]; count],
            avoided: vec![vec![0; words]; count],
            at_rest: vec![0; words],
            idom,
            lost,
            sure,
        };
        if (0..view.vertices()).any(|v| view.is_deferred(v)) {
            written.backward(true);
            written.at_rest.clone_from(&written.interesting);
            remove(&mut written.at_rest, &written.avoided[START as usize]);
            written.avoided = vec![vec![0; words]; count];
        }
        written.backward(false);
        written.forward();
        written
    }

    /// Whether some play reaches the vertex before the field is written.
    pub fn misses(&self, vertex: Vertex, field: FieldRef) -> bool {
        self.is_interesting(field) && !has(&self.before[vertex as usize], field)
    }

    /// Whether some play ends as done without the field written.
    pub fn result_misses(&self, field: FieldRef) -> bool {
        if !self.is_interesting(field) || self.written_at_last(field) {
            return false;
        }
        let halts = |edge: &Edge| !self.carries(edge, field);
        let unasked =
            (0..self.view.vertices()).filter(|v| self.view.is_deferred(*v) && self.view.runs_unasked(*v));
        let mut roots = unasked.chain([START]);
        roots.all(|root| has(&self.avoided[root as usize], field))
            || self.view.ins(self.view.halt()).any(halts)
    }

    /// Whether the field is written when this edge is taken.
    pub fn carries(&self, edge: &Edge, field: FieldRef) -> bool {
        has(&self.behind(edge), field)
    }

    fn is_interesting(&self, field: FieldRef) -> bool {
        has(&self.interesting, field)
    }

    /// By a node that runs in every play that is done: `finally`, or deferred and asked by nobody.
    fn written_at_last(&self, field: FieldRef) -> bool {
        let nodes = (0..self.view.flow.nodes.len() as u32).map(|node| self.view.node(NodeRef(node)));
        let mut last = nodes.filter(|v| self.view.hir(*v).is_some_and(|n| n.schedule == Schedule::Finally));
        last.any(|v| {
            self.view
                .hir(v)
                .is_some_and(|node| surely_settles(self.view, v) && settles(node).any(|f| f == field))
        })
    }

    /// With `rest`, as far as the first deferred nodes.
    fn backward(&mut self, rest: bool) {
        let end = self.view.end() as usize;
        self.avoided[end] = self.interesting.clone();
        let mut open: Vec<Vertex> = (0..self.view.vertices()).rev().collect();
        let mut queued = vec![true; self.view.vertices() as usize];
        let held_up = held_up(self.view);
        while let Some(vertex) = open.pop() {
            queued[vertex as usize] = false;
            let new = if rest && held_up[vertex as usize] {
                self.interesting.clone()
            } else {
                self.avoid_from(vertex)
            };
            if self.avoided[vertex as usize] == new {
                continue;
            }
            self.avoided[vertex as usize] = new;
            let inside = self
                .view
                .as_join(vertex)
                .map_or(&[][..], |join| self.lost.inside(join));
            for from in self
                .view
                .ins(vertex)
                .map(|edge| edge.from)
                .chain(inside.iter().copied())
            {
                if !std::mem::replace(&mut queued[from as usize], true) {
                    open.push(from);
                }
            }
        }
    }

    fn avoid_from(&self, vertex: Vertex) -> Set {
        let ways = self.view.ways_out(vertex);
        if self.lost.wholly(vertex) {
            return self.interesting.clone();
        }
        if vertex >= self.view.end() {
            let ends = vertex == self.view.end();
            return if ends {
                self.interesting.clone()
            } else {
                vec![0; self.interesting.len()]
            };
        }
        let mut any = vec![0; self.interesting.len()];
        let commanded = self.view.hir(vertex).is_some_and(|node| node.goto.is_some());
        let goes_on = |way: &Way| match way.kind {
            WayKind::Error | WayKind::Timeout | WayKind::Else => false,
            WayKind::Goto => commanded, // a worker need not say where it leads
            _ => true,
        };
        if self.view.skips_to_end(vertex) {
            any.clone_from(&self.interesting);
        } else if !ways.iter().any(goes_on) {
            // Nothing follows; `return` waits for it all the same.
            any.clone_from(&self.interesting);
            if let Some(node) = self.view.hir(vertex)
                && surely_settles(self.view, vertex)
                && !is_item(self.view, vertex)
            {
                settles(node).for_each(|field| any[field.index() / 64] &= !(1 << (field.index() % 64)));
            }
        }
        for way in ways {
            let mut one: Set = self.interesting.clone();
            remove(&mut one, &self.updates_of(way));
            let edges = self.view.edges_of(way);
            if way.kind != WayKind::Every {
                for edge in edges.iter().filter(|edge| !ends_empty(self.view, way, edge)) {
                    meet(&mut one, &self.avoided[edge.to as usize]);
                }
            }
            join(&mut any, &one);
        }
        for taker in self.lost.takers(vertex) {
            join(&mut any, &self.avoided[self.view.join(*taker) as usize]);
        }
        any
    }

    /// A way without edges leads nowhere and writes nothing that anybody waits for.
    fn updates_of(&self, way: &Way) -> Set {
        match self.view.edges_of(way).first() {
            Some(edge) => self.updates[edge.way as usize].clone(),
            None => vec![0; self.interesting.len()],
        }
    }

    fn forward(&mut self) {
        let mut order = postorder(self.view);
        order.reverse();
        let mut ordered = vec![false; self.view.vertices() as usize];
        for vertex in &order {
            ordered[*vertex as usize] = true;
        }
        // What only deferred nodes lead to.
        order.extend((0..self.view.vertices()).filter(|v| !ordered[*v as usize]));
        let mut changed = true;
        while changed {
            changed = false;
            for vertex in &order {
                let new = self.before_of(*vertex);
                changed |= self.before[*vertex as usize] != new;
                self.before[*vertex as usize] = new;
            }
        }
    }

    fn before_of(&self, vertex: Vertex) -> Set {
        if vertex == START
            || self
                .view
                .hir(vertex)
                .is_some_and(|n| n.schedule == Schedule::Finally)
        {
            return vec![0; self.interesting.len()];
        }
        if let Some(join) = self.view.as_join(vertex) {
            return self.before_join(join);
        }
        let mut all = vec![u64::MAX; self.interesting.len()];
        for edge in self.view.ins(vertex) {
            meet(&mut all, &self.behind(edge));
        }
        if self.view.is_deferred(vertex) {
            if self.view.runs_unasked(vertex) {
                return self.at_rest.clone();
            }
            join(&mut all, &self.at_rest);
        }
        all
    }

    /// What is written behind an edge.
    fn behind(&self, edge: &Edge) -> Set {
        if self.view.kind(edge) == WayKind::Else {
            // Any of the arrivals may have failed at once.
            let root = self.idom[edge.from as usize];
            return self
                .before
                .get(root as usize)
                .cloned()
                .unwrap_or_else(|| vec![0; self.interesting.len()]);
        }
        let mut set = self.before[edge.from as usize].clone();
        join(&mut set, &self.updates[edge.way as usize]);
        set
    }

    fn before_join(&self, number: u32) -> Set {
        let hir = &self.view.flow.joins[number as usize];
        let arrivals: Vec<_> = self.view.ins(self.view.join(number)).collect();
        let behind: Vec<Set> = arrivals.iter().map(|edge| self.behind(edge)).collect();
        let mut all = vec![u64::MAX; self.interesting.len()];
        for set in &behind {
            meet(&mut all, set);
        }
        if let Some(sure) = self.sure.get(&number) {
            for (edge, set) in arrivals.iter().zip(&behind) {
                if sure[edge.source as usize] {
                    join(&mut all, set);
                }
            }
        }
        if let Some(needed) = GraphView::needed(hir.policy, hir.sources.len()) {
            for word in 0..all.len() {
                for bit in 0..64 {
                    let lacking = behind.iter().filter(|set| set[word] & (1 << bit) == 0).count();
                    if lacking < needed {
                        all[word] |= 1 << bit;
                    }
                }
            }
        }
        all
    }
}

/// What a way surely writes: the updates of the node, where it settles and was not skipped, and the
/// way's own.
fn surely_updates(view: &GraphView<'_>, way: &Way, words: usize) -> Set {
    let mut set = vec![0; words];
    let Some(node) = view.hir(way.from) else {
        return set;
    };
    let mut add = |field: FieldRef| set[field.index() / 64] |= 1 << (field.index() % 64);
    match way.kind {
        _ if is_item(view, way.from) => {}
        WayKind::Error | WayKind::Arm | WayKind::Every | WayKind::Send | WayKind::Else => {}
        WayKind::Timeout => {
            let own = node.on_timeout.iter().flat_map(|way| site::updates(&way.updates));
            own.for_each(|update| add(update.field));
        }
        WayKind::Arrows | WayKind::Goto | WayKind::Choice(_) => {
            if way.kind != WayKind::Arrows || surely_settles(view, way.from) {
                settles(node).for_each(&mut add);
            }
            if let (WayKind::Choice(index), NodeKind::Wait(choices)) = (way.kind, &node.kind) {
                let own = choices[index as usize]
                    .way
                    .iter()
                    .flat_map(|way| site::updates(&way.updates));
                own.for_each(|update| add(update.field));
            }
        }
    }
    set
}

fn settles(node: &Node) -> impl Iterator<Item = FieldRef> {
    site::updates(&node.body).map(|update| update.field)
}

/// Whether the arrows of the node never fire without its updates.
fn surely_settles(view: &GraphView<'_>, vertex: Vertex) -> bool {
    let gate = |node: &Node| matches!(node.kind, NodeKind::Interrupt { gate: Some(_), .. });
    !view.skips(vertex) && !view.hir(vertex).is_some_and(gate)
}

/// Deferred nodes, and joins that may have to wait for one.
fn held_up(view: &GraphView<'_>) -> Vec<bool> {
    let mut seen: Vec<bool> = (0..view.vertices()).map(|v| view.is_deferred(v)).collect();
    let mut held_up = seen.clone();
    let mut open: Vec<Vertex> = (0..view.vertices()).filter(|v| seen[*v as usize]).collect();
    while let Some(vertex) = open.pop() {
        for to in view.outs(vertex).map(|edge| edge.to) {
            held_up[to as usize] |= view.as_join(to).is_some();
            if !std::mem::replace(&mut seen[to as usize], true) {
                open.push(to);
            }
        }
    }
    held_up
}

/// Whether nothing follows the target of a send if it has no items.
fn ends_empty(view: &GraphView<'_>, way: &Way, edge: &Edge) -> bool {
    let arrows = |way: &Way| way.kind == WayKind::Arrows;
    way.kind == WayKind::Send && !view.ways_out(edge.to).iter().any(arrows)
}

fn is_item(view: &GraphView<'_>, vertex: Vertex) -> bool {
    view.as_node(vertex)
        .is_some_and(|node| view.is_item[node.index()])
}

fn has(set: &Set, field: FieldRef) -> bool {
    set[field.index() / 64] & (1 << (field.index() % 64)) != 0
}

fn meet(set: &mut Set, other: &Set) {
    set.iter_mut().zip(other).for_each(|(a, b)| *a &= b);
}

fn join(set: &mut Set, other: &Set) {
    set.iter_mut().zip(other).for_each(|(a, b)| *a |= b);
}

fn remove(set: &mut Set, other: &Set) {
    set.iter_mut().zip(other).for_each(|(a, b)| *a &= !b);
}
