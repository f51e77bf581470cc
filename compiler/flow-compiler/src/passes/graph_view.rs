//! The graph of a flow as the analyses see it: vertices, the ways out of each, and edges both ways.
//! What is concluded from it lives in the files beside; cycles and dominators in `shape`.
//!
//! A vertex leaves by exactly one of its *ways*; all edges of that way are taken together. So a fork
//! is a way with several edges, and a choice is a vertex with several ways.

use std::ops::Range;

use flow_bytecode::{Policy, Schedule};
use flow_diagnostics::Span;

use crate::hir::NodeRef;
use crate::hir::flow::{Decision, Flow, Node, NodeKind, Source, Target, TargetKind};

/// A vertex: `start`, a node, a join, or where things end. An index, so that facts are vectors.
pub type Vertex = u32;

/// `start`.
pub const START: Vertex = 0;

/// How a vertex is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayKind {
    /// The arrows of a node or of `start`, arrivals at joins included; the passing of a join.
    Arrows,
    /// An arm of a route.
    Arm,
    /// All arms of a route `every`: any set of them may be taken.
    Every,
    /// An arm of a `goto`, or one of a `may goto`.
    Goto,
    /// The item nodes of a send.
    Send,
    /// `on error`, the node's own or the flow's.
    Error,
    /// `timeout`.
    Timeout,
    /// What a wait chose; the index of the choice.
    Choice(u32),
    /// `else` of a join.
    Else,
}

/// One way out of a vertex.
#[derive(Clone, Debug)]
pub struct Way {
    /// Whence.
    pub from: Vertex,
    /// How.
    pub kind: WayKind,
    /// Its edges, all taken together.
    pub edges: Range<u32>,
}

/// An edge.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Whence.
    pub from: Vertex,
    /// Whither.
    pub to: Vertex,
    /// The way that it belongs to.
    pub way: u32,
    /// For an arrival at a join, which of its sources.
    pub source: u32,
    /// Where it was written.
    pub span: Span,
}

/// The graph.
#[derive(Debug)]
pub struct GraphView<'p> {
    /// Whose.
    pub flow: &'p Flow,
    /// All ways, grouped by vertex.
    pub ways: Vec<Way>,
    /// All edges, grouped by way.
    pub edges: Vec<Edge>,
    /// For each vertex, which of `ways` are its own.
    ways_of: Vec<Range<u32>>,
    /// For each vertex, which of `ins` are its own.
    ins_of: Vec<Range<u32>>,
    /// Edges, by where they lead.
    ins: Vec<u32>,
    /// By node: whether a send starts it.
    pub is_item: Vec<bool>,
    /// By node: whether a failure that it does not take itself goes the flow's error way.
    flow_error: Vec<bool>,
}

impl<'p> GraphView<'p> {
    /// Draws the graph of a flow.
    pub fn new(flow: &'p Flow) -> Self {
        let mut leaving = Leaving::of(flow);
        if let Some(way) = &flow.on_error {
            // The flow's error way does not stand for its own target and what only that leads to.
            let without = Self::draw_all(flow, &leaving);
            let mut targets = Vec::new();
            nodes_of(&way.target, &mut targets);
            let targets: Vec<Vertex> = targets.into_iter().map(|node| without.node(node)).collect();
            let reached = super::shape::reachable_without(&without, &targets);
            let nodes = flow.nodes.iter().enumerate();
            leaving.flow_error = nodes
                .map(|(index, node)| reached[index + 1] && lets_the_flow_take(node))
                .collect();
        }
        Self::draw_all(flow, &leaving)
    }

    /// How many vertices there are.
    pub fn vertices(&self) -> u32 {
        self.end() + 5
    }

    /// The vertex of a node.
    pub fn node(&self, node: NodeRef) -> Vertex {
        node.0 + 1
    }

    /// The vertex of a join.
    pub fn join(&self, join: u32) -> Vertex {
        self.flow.nodes.len() as u32 + 1 + join
    }

    /// The node of a vertex.
    pub fn as_node(&self, vertex: Vertex) -> Option<NodeRef> {
        (vertex >= 1 && vertex <= self.flow.nodes.len() as u32).then(|| NodeRef(vertex - 1))
    }

    /// The join of a vertex.
    pub fn as_join(&self, vertex: Vertex) -> Option<u32> {
        let first = self.flow.nodes.len() as u32 + 1;
        (vertex >= first && vertex < self.end()).then(|| vertex - first)
    }

    /// The node that a vertex stands for, in full.
    pub fn hir(&self, vertex: Vertex) -> Option<&'p Node> {
        self.as_node(vertex).map(|node| &self.flow.nodes[node.index()])
    }

    /// `end`; behind it stand `halt`, `fail`, `cancel` and what is unknown.
    pub fn end(&self) -> Vertex {
        (self.flow.nodes.len() + self.flow.joins.len()) as u32 + 1
    }

    /// `halt`.
    pub fn halt(&self) -> Vertex {
        self.end() + 1
    }

    /// Whether the vertex ends the whole run: `halt`, `fail`, `cancel`.
    pub fn ends_run(&self, vertex: Vertex) -> bool {
        (self.halt()..self.halt() + 3).contains(&vertex)
    }

    /// What stands for a target that is not known.
    pub fn unknown(&self) -> Vertex {
        self.end() + 4
    }

    /// The ways out of a vertex.
    pub fn ways_out(&self, vertex: Vertex) -> &[Way] {
        let range = &self.ways_of[vertex as usize];
        &self.ways[range.start as usize..range.end as usize]
    }

    /// The edges of a way.
    pub fn edges_of(&self, way: &Way) -> &[Edge] {
        &self.edges[way.edges.start as usize..way.edges.end as usize]
    }

    /// The edges out of a vertex, by whatever way.
    pub fn outs(&self, vertex: Vertex) -> impl Iterator<Item = &Edge> {
        self.ways_out(vertex).iter().flat_map(|way| self.edges_of(way))
    }

    /// The edges into a vertex.
    pub fn ins(&self, vertex: Vertex) -> impl Iterator<Item = &Edge> {
        let range = &self.ins_of[vertex as usize];
        let ins = &self.ins[range.start as usize..range.end as usize];
        ins.iter().map(|edge| &self.edges[*edge as usize])
    }

    /// How the edge's way is left.
    pub fn kind(&self, edge: &Edge) -> WayKind {
        self.ways[edge.way as usize].kind
    }

    /// What runs without being led to: `finally`, and deferred nodes without an arrow into them.
    pub fn runs_unasked(&self, vertex: Vertex) -> bool {
        match self.hir(vertex).map(|node| node.schedule) {
            Some(Schedule::Finally) => true,
            Some(Schedule::Deferred) => self.ins(vertex).next().is_none(),
            _ => false,
        }
    }

    /// Whether the vertex is a node that waits for everything that is not deferred.
    pub fn is_deferred(&self, vertex: Vertex) -> bool {
        self.hir(vertex)
            .is_some_and(|node| node.schedule == Schedule::Deferred)
    }

    /// Whether the vertex is a route.
    pub fn is_route(&self, vertex: Vertex) -> bool {
        self.hir(vertex)
            .is_some_and(|node| matches!(node.kind, NodeKind::Route(_)))
    }

    /// The name of a vertex, for people.
    pub fn name(&self, vertex: Vertex) -> &'p str {
        match self.hir(vertex) {
            Some(node) => &node.name.text,
            None if vertex == START => "start",
            None if vertex == self.end() => "end",
            None => "a join",
        }
    }

    /// Whether a failure of the node goes the flow's error way.
    pub fn uses_flow_error(&self, node: NodeRef) -> bool {
        self.flow_error[node.index()]
    }

    /// Whether a failure of the vertex is skipped over: a way that is not drawn.
    pub fn skips(&self, vertex: Vertex) -> bool {
        let Some(node) = self.as_node(vertex) else {
            return false;
        };
        let own = self.flow.nodes[node.index()].on_error.as_ref();
        let flows = self.flow.on_error.as_ref();
        let way = own.or(flows.filter(|_| self.uses_flow_error(node)));
        way.is_some_and(|way| matches!(way.target.kind, TargetKind::Skip))
    }

    /// Whether a skipped failure of the vertex ends its branch: it has no arrows to go on by.
    pub fn skips_to_end(&self, vertex: Vertex) -> bool {
        let mut ways = self.ways_out(vertex).iter();
        self.skips(vertex) && !ways.any(|way| way.kind == WayKind::Arrows)
    }

    /// How many arrivals a policy asks for, where it is a number.
    pub fn needed(policy: Policy, sources: usize) -> Option<usize> {
        match policy {
            Policy::All | Policy::Each => None,
            Policy::Any => Some(1),
            Policy::Majority => Some(sources / 2 + 1),
            Policy::AtLeast(count) | Policy::First(count) => Some(count as usize),
        }
    }

    fn draw_all(flow: &'p Flow, leaving: &Leaving<'p>) -> Self {
        let mut view = Self {
            flow,
            ways: Vec::new(),
            edges: Vec::new(),
            ways_of: Vec::new(),
            ins_of: Vec::new(),
            ins: Vec::new(),
            is_item: vec![false; flow.nodes.len()],
            flow_error: leaving.flow_error.clone(),
        };
        for vertex in 0..view.vertices() {
            let first = view.ways.len() as u32;
            view.draw(vertex, leaving);
            view.ways_of.push(first..view.ways.len() as u32);
        }
        view.turn_around();
        view
    }

    fn draw(&mut self, vertex: Vertex, leaving: &Leaving<'p>) {
        if vertex == START {
            let (starts, arrivals) = (&leaving.start, &[]);
            return self.arrows(vertex, starts, arrivals);
        }
        if let Some(node) = self.as_node(vertex) {
            let (arrows, arrivals) = &leaving.nodes[node.index()];
            self.draw_node(vertex, arrows, arrivals);
        } else if let Some(join) = self.as_join(vertex) {
            let flow = self.flow;
            let hir = &flow.joins[join as usize];
            let targets: Vec<_> = hir.target.iter().map(|target| (target, target.span)).collect();
            self.arrows(vertex, &targets, &leaving.joins[join as usize]);
            if let Some(otherwise) = &hir.otherwise {
                self.way(vertex, WayKind::Else, otherwise);
            }
        }
    }

    fn draw_node(&mut self, vertex: Vertex, arrows: &[(&'p Target, Span)], arrivals: &[Arrival]) {
        let flow = self.flow;
        let node = &flow.nodes[vertex as usize - 1];
        match (&node.kind, &node.goto) {
            (NodeKind::Route(route), _) => self.decision(vertex, WayKind::Arm, route),
            (_, Some(goto)) => self.decision(vertex, WayKind::Goto, goto),
            (NodeKind::Send(groups), _) => {
                let first = self.edges.len() as u32;
                for each in groups {
                    self.is_item[each.node.index()] = true;
                    self.edge(vertex, self.node(each.node), 0, each.target_span);
                }
                self.close(vertex, WayKind::Send, first);
            }
            (NodeKind::Wait(choices), _) => {
                for (index, choice) in choices.iter().enumerate() {
                    if let Some(way) = &choice.way {
                        self.way(vertex, WayKind::Choice(index as u32), &way.target);
                    }
                }
            }
            _ => {}
        }
        if node.goto.is_none() {
            self.arrows(vertex, arrows, arrivals);
        }
        node.may_goto
            .iter()
            .for_each(|target| self.way(vertex, WayKind::Goto, target));
        if let Some(way) = &node.on_timeout {
            self.way(vertex, WayKind::Timeout, &way.target);
        }
        if let Some(way) = &node.on_error {
            self.way(vertex, WayKind::Error, &way.target);
        } else if let Some(way) = &flow.on_error
            && self.flow_error[vertex as usize - 1]
        {
            self.way(vertex, WayKind::Error, &way.target);
        }
    }

    fn arrows(&mut self, vertex: Vertex, arrows: &[(&'p Target, Span)], arrivals: &[Arrival]) {
        if arrows.is_empty() && arrivals.is_empty() {
            return;
        }
        let first = self.edges.len() as u32;
        for (target, span) in arrows {
            self.target_edges(vertex, target, *span);
        }
        for arrival in arrivals {
            self.edge(vertex, self.join(arrival.join), arrival.source, arrival.span);
        }
        self.close(vertex, WayKind::Arrows, first);
    }

    fn decision(&mut self, vertex: Vertex, kind: WayKind, decision: &'p Decision) {
        if decision.every {
            let first = self.edges.len() as u32;
            for arm in &decision.arms {
                self.target_edges(vertex, &arm.target, arm.span);
            }
            return self.close(vertex, WayKind::Every, first);
        }
        for arm in &decision.arms {
            self.way(vertex, kind, &arm.target);
        }
    }

    fn way(&mut self, vertex: Vertex, kind: WayKind, target: &'p Target) {
        if matches!(target.kind, TargetKind::Skip) {
            return;
        }
        let first = self.edges.len() as u32;
        self.target_edges(vertex, target, target.span);
        self.close(vertex, kind, first);
    }

    fn target_edges(&mut self, from: Vertex, target: &'p Target, span: Span) {
        let to = match &target.kind {
            TargetKind::Many(all) => {
                return all.iter().for_each(|one| self.target_edges(from, one, one.span));
            }
            TargetKind::Node(node, _) => self.node(*node),
            TargetKind::End | TargetKind::Skip => self.end(),
            TargetKind::Halt => self.halt(),
            TargetKind::Fail(_) => self.halt() + 1,
            TargetKind::Cancel(_) => self.halt() + 2,
            TargetKind::Error => self.unknown(),
        };
        self.edge(from, to, 0, span);
    }

    fn edge(&mut self, from: Vertex, to: Vertex, source: u32, span: Span) {
        let way = self.ways.len() as u32;
        self.edges.push(Edge {
            from,
            to,
            way,
            source,
            span,
        });
    }

    fn close(&mut self, from: Vertex, kind: WayKind, first: u32) {
        self.ways.push(Way {
            from,
            kind,
            edges: first..self.edges.len() as u32,
        });
    }

    /// Sorts the edges by where they lead.
    fn turn_around(&mut self) {
        let mut counts = vec![0u32; self.vertices() as usize + 1];
        for edge in &self.edges {
            counts[edge.to as usize + 1] += 1;
        }
        for vertex in 1..counts.len() {
            counts[vertex] += counts[vertex - 1];
        }
        self.ins_of = counts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        self.ins = vec![0; self.edges.len()];
        let mut next = counts;
        for (index, edge) in self.edges.iter().enumerate() {
            let place = &mut next[edge.to as usize];
            self.ins[*place as usize] = index as u32;
            *place += 1;
        }
    }
}

/// Whether the flow's error way stands for nodes of this kind, and this one has none of its own.
fn lets_the_flow_take(node: &Node) -> bool {
    let takes = match node.kind {
        NodeKind::Task(_)
        | NodeKind::Agent(_)
        | NodeKind::Transform
        | NodeKind::Subgraph { .. }
        | NodeKind::Send(_)
        | NodeKind::Route(_) => true,
        NodeKind::Interrupt { .. } | NodeKind::Wait(_) | NodeKind::Error => false,
    };
    takes && node.on_error.is_none() && node.schedule != Schedule::Finally
}

fn nodes_of(target: &Target, found: &mut Vec<NodeRef>) {
    match &target.kind {
        TargetKind::Node(node, _) => found.push(*node),
        TargetKind::Many(all) => all.iter().for_each(|one| nodes_of(one, found)),
        _ => {}
    }
}

/// Targets of arrows, with the places of the arrows.
type Arrows<'p> = Vec<(&'p Target, Span)>;

/// Arrows and arrivals, by what they leave.
struct Leaving<'p> {
    start: Arrows<'p>,
    nodes: Vec<(Arrows<'p>, Vec<Arrival>)>,
    joins: Vec<Vec<Arrival>>,
    /// By node: whether the flow's error way stands for it.
    flow_error: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Arrival {
    join: u32,
    source: u32,
    span: Span,
}

impl<'p> Leaving<'p> {
    fn of(flow: &'p Flow) -> Self {
        let mut leaving = Self {
            start: Vec::new(),
            nodes: flow.nodes.iter().map(|_| (Vec::new(), Vec::new())).collect(),
            joins: vec![Vec::new(); flow.joins.len()],
            flow_error: vec![false; flow.nodes.len()],
        };
        for arrow in &flow.arrows {
            match arrow.from {
                None => leaving.start.push((&arrow.to, arrow.span)),
                Some(node) => leaving.nodes[node.index()].0.push((&arrow.to, arrow.span)),
            }
        }
        for (index, join) in flow.joins.iter().enumerate() {
            for (position, (source, span)) in join.sources.iter().enumerate() {
                let arrival = Arrival {
                    join: index as u32,
                    source: position as u32,
                    span: *span,
                };
                match source {
                    Source::Node(node) => leaving.nodes[node.index()].1.push(arrival),
                    Source::Join(inner) => leaving.joins[*inner as usize].push(arrival),
                }
            }
        }
        leaving
    }
}
