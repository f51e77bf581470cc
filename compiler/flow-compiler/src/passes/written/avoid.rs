//! Which sources of an `all of` arrive whenever it passes. A source is not sure if some play brings
//! another source to the join while all that runs beside can end without bringing this one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph_view::{Edge, GraphView, Vertex, Way, WayKind};
use super::super::shape::reachable_without;
use super::super::together::Together;
use super::lost::Lost;

/// For each source, whether it is sure. Looks only at what lies between the join and the last vertex
/// that every play passes before it.
///
/// Where a source may arrive twice before the others have come once, nothing is sure.
pub(super) fn sure_sources(
    view: &GraphView<'_>,
    together: &Together,
    lost: &Lost,
    idom: &[Vertex],
    join: u32,
) -> Vec<bool> {
    let count = view.flow.joins[join as usize].sources.len();
    let target = view.join(join);
    let root = idom[target as usize];
    if root == u32::MAX {
        // Only deferred nodes lead here, or nothing does.
        let runs = reachable_without(view, &[target]);
        let mut sure = vec![false; count];
        for edge in view.ins(target) {
            sure[edge.source as usize] = runs[edge.from as usize];
        }
        return sure;
    }
    let between = Between::new(view, lost, target, root);
    let twice = |from: Vertex| together.can(from, from) && !is_item(view, from) || between.comes_again(from);
    if view.ins(target).any(|edge| twice(edge.from)) {
        return vec![false; count];
    }
    (0..count as u32).map(|source| between.is_sure(source)).collect()
}

struct Between<'v, 'p> {
    view: &'v GraphView<'p>,
    lost: &'v Lost,
    target: Vertex,
    root: Vertex,
    /// What can reach a source without passing the join or the root.
    region: BTreeSet<Vertex>,
    /// What the region leads to that comes back to the root: a further lap.
    laps: BTreeSet<Vertex>,
}

impl<'v, 'p> Between<'v, 'p> {
    fn new(view: &'v GraphView<'p>, lost: &'v Lost, target: Vertex, root: Vertex) -> Self {
        let mut region = BTreeSet::from([root]);
        let passing = view
            .ways_out(target)
            .iter()
            .filter(|way| way.kind == WayKind::Arrows);
        let behind: BTreeSet<Vertex> = passing
            .flat_map(|way| view.edges_of(way))
            .map(|edge| edge.to)
            .collect();
        let arrivals = view.ins(target).map(|edge| edge.from);
        let mut open: Vec<Vertex> = arrivals.filter(|from| !behind.contains(from)).collect();
        while let Some(vertex) = open.pop() {
            if region.insert(vertex) {
                open.extend(
                    view.ins(vertex)
                        .map(|edge| edge.from)
                        .filter(|from| *from != target && !behind.contains(from)),
                );
            }
        }
        let mut laps = BTreeSet::new();
        let mut open: Vec<Vertex> = view.ins(root).map(|edge| edge.from).collect();
        let leaves: BTreeSet<Vertex> = region
            .iter()
            .flat_map(|v| view.outs(*v))
            .map(|edge| edge.to)
            .collect();
        if leaves.iter().any(|to| !region.contains(to) && *to < view.end()) {
            while let Some(vertex) = open.pop() {
                if vertex != target && !region.contains(&vertex) && laps.insert(vertex) {
                    open.extend(view.ins(vertex).map(|edge| edge.from));
                }
            }
        }
        Self {
            view,
            lost,
            target,
            root,
            region,
            laps,
        }
    }

    /// Whether a vertex is reached from itself without passing the join.
    fn comes_again(&self, from: Vertex) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(vertex) = open.pop() {
            for to in self.view.outs(vertex).map(|edge| edge.to) {
                if to == from {
                    return true;
                }
                if self.region.contains(&to) && seen.insert(to) {
                    open.push(to);
                }
            }
        }
        false
    }

    fn is_sure(&self, source: u32) -> bool {
        let avoids = self.avoiders(source);
        let mut seen = BTreeSet::from([self.root]);
        let mut open = vec![self.root];
        while let Some(vertex) = open.pop() {
            for way in self.view.ways_out(vertex) {
                let edges = self.view.edges_of(way);
                for (index, edge) in edges.iter().enumerate() {
                    let beside = || edges.iter().enumerate().filter(|(other, _)| *other != index);
                    let alone = way.kind == WayKind::Every;
                    if !alone && !beside().all(|(_, other)| self.edge_avoids(other, source, &avoids)) {
                        continue;
                    }
                    if edge.to == self.target {
                        if edge.source != source {
                            return false;
                        }
                    } else if self.region.contains(&edge.to) && seen.insert(edge.to) {
                        open.push(edge.to);
                    }
                }
            }
        }
        true
    }

    /// Vertices of the region from which everything can end without bringing the source.
    fn avoiders(&self, source: u32) -> BTreeMap<Vertex, bool> {
        let mut avoids: BTreeMap<Vertex, bool> = self.region.iter().map(|v| (*v, false)).collect();
        let mut open: Vec<Vertex> = self.region.iter().copied().collect();
        while let Some(vertex) = open.pop() {
            if avoids[&vertex] {
                continue;
            }
            let ways = self.view.ways_out(vertex);
            let goes_on = |join: &u32| avoids.get(&self.view.join(*join)) == Some(&true);
            let lost = self.lost.wholly(vertex) || self.view.skips_to_end(vertex);
            let lost = lost || self.lost.takers(vertex).iter().any(goes_on);
            if !lost && !ways.is_empty() && !ways.iter().any(|way| self.way_avoids(way, source, &avoids)) {
                continue;
            }
            avoids.insert(vertex, true);
            open.extend(
                self.view
                    .ins(vertex)
                    .map(|edge| edge.from)
                    .filter(|from| self.region.contains(from)),
            );
            if let Some(join) = self.view.as_join(vertex) {
                open.extend(
                    self.lost
                        .inside(join)
                        .iter()
                        .copied()
                        .filter(|v| self.region.contains(v)),
                );
            }
            if vertex == self.root {
                open.extend(self.region.iter().copied().filter(|v| !avoids[v]));
            }
        }
        avoids
    }

    fn way_avoids(&self, way: &Way, source: u32, avoids: &BTreeMap<Vertex, bool>) -> bool {
        let edges = self.view.edges_of(way);
        if way.kind == WayKind::Every {
            return true; // no arm at all
        }
        let goes_on = |edge: &&Edge| !super::ends_empty(self.view, way, edge);
        edges
            .iter()
            .filter(goes_on)
            .all(|edge| self.edge_avoids(edge, source, avoids))
    }

    fn edge_avoids(&self, edge: &Edge, source: u32, avoids: &BTreeMap<Vertex, bool>) -> bool {
        if edge.to == self.target {
            return edge.source != source;
        }
        match avoids.get(&edge.to) {
            Some(known) => *known,
            // A further lap passes the root again.
            None => !self.laps.contains(&edge.to) || avoids[&self.root],
        }
    }
}

fn is_item(view: &GraphView<'_>, vertex: Vertex) -> bool {
    view.as_node(vertex)
        .is_some_and(|node| view.is_item[node.index()])
}
