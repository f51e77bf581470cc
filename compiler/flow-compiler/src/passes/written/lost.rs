//! What may be lost on its way: nodes that are withdrawn or may never settle, and branches whose
//! failure a join takes. What they would have written, then, nobody has.

use flow_bytecode::{Policy, Schedule};

use super::super::graph_view::{GraphView, START, Vertex};

/// Vertices before one join that are looked at.
const MOST_INSIDE: usize = 20_000;

/// By vertex, how it may be lost.
pub(super) struct Lost {
    wholly: Vec<bool>,
    /// The joins that go on without it.
    takers: Vec<Vec<u32>>,
    /// By join: the vertices that it goes on without.
    inside: Vec<Vec<Vertex>>,
}

impl Lost {
    pub(super) fn of(view: &GraphView<'_>, idom: &[Vertex]) -> Self {
        let count = view.vertices() as usize;
        let mut found = Self {
            wholly: vec![false; count],
            takers: vec![Vec::new(); count],
            inside: vec![Vec::new(); view.flow.joins.len()],
        };
        for (number, node) in view.flow.nodes.iter().enumerate() {
            for (named, _) in node.cancel.iter().chain(&node.finish) {
                found.wholly[view.node(*named) as usize] = true;
            }
            if node.schedule == Schedule::Standing {
                found.wholly[number + 1] = true;
            }
        }
        for (number, join) in view.flow.joins.iter().enumerate() {
            if !matches!(join.policy, Policy::All | Policy::Each) {
                found.branches(view, idom, number as u32);
            }
        }
        found
    }

    /// The vertices between a tolerant join and the last vertex that every play passes before it; if
    /// only one source can come, all that stands before it.
    fn branches(&mut self, view: &GraphView<'_>, idom: &[Vertex], join: u32) {
        let vertex = view.join(join);
        let come = |from: Vertex| from == START || idom[from as usize] != u32::MAX;
        let mut sources: Vec<u32> = view
            .ins(vertex)
            .filter(|edge| come(edge.from))
            .map(|edge| edge.source)
            .collect();
        sources.dedup();
        let root = if sources.len() > 1 {
            idom[vertex as usize]
        } else {
            START
        };
        let mut open: Vec<Vertex> = view.ins(vertex).map(|edge| edge.from).collect();
        while let Some(at) = open.pop() {
            if at == root || at == vertex || at == START || self.takers[at as usize].last() == Some(&join) {
                continue;
            }
            if self.inside[join as usize].len() >= MOST_INSIDE {
                return;
            }
            self.takers[at as usize].push(join);
            self.inside[join as usize].push(at);
            open.extend(view.ins(at).map(|edge| edge.from));
        }
    }

    /// Whether it may end without anything coming of it.
    pub(super) fn wholly(&self, vertex: Vertex) -> bool {
        self.wholly[vertex as usize]
    }

    /// The joins that may go on without it.
    pub(super) fn takers(&self, vertex: Vertex) -> &[u32] {
        &self.takers[vertex as usize]
    }

    /// What a join may go on without.
    pub(super) fn inside(&self, join: u32) -> &[Vertex] {
        &self.inside[join as usize]
    }
}
