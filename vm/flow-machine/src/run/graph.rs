//! What the graph of a flow says, once for all runs of a program: who leads to whom, which nodes
//! reach a join's source, whose failures a join absorbs. Found when first asked for where it is not
//! always needed; it follows from the flow alone, so it does not matter which run asks first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::OnceLock;

use flow_bytecode::{ErrorWay, FieldId, Flow, JoinId, NodeId, NodeKind, Out, Policy, Schedule, Target};

use super::activation::Via;

/// A flow's connections. Vertices are the nodes, then the joins.
#[derive(Debug)]
pub(crate) struct Graph {
    nodes: usize,
    /// Every way from a vertex, error and time-out ways included.
    ways: Vec<BTreeSet<u32>>,
    /// Arrows, arms and commands only.
    arrows: Vec<BTreeSet<u32>>,
    back: Vec<Vec<u32>>,
    /// Who arrives at a join's source.
    arrivals: BTreeMap<(JoinId, u32), BTreeSet<u32>>,
    /// From how many kinds of trigger a node can start.
    triggers: Vec<usize>,
    /// Whether anything leads to a node.
    entered: Vec<bool>,
    /// Whether the flow's `on error` stands for a node.
    covered: Vec<bool>,
    /// By join and source.
    reach: Vec<Found<Vec<bool>>>,
    /// By node.
    absorbers: Found<Option<(JoinId, u32)>>,
    /// By field.
    writers: Found<Distances>,
    /// By node.
    towards: Found<Distances>,
    /// By join and source.
    sources: Vec<Found<Distances>>,
    /// Vertices that spend no step.
    free: Vec<bool>,
}

/// What is found when it is first asked for.
type Found<T> = Box<[OnceLock<T>]>;

/// How few steps lead from each vertex to one of some vertices.
#[derive(Debug)]
pub(crate) struct Distances {
    /// 0 at those themselves.
    pub(crate) at: Vec<u64>,
    /// From one that is settled: at least 1.
    pub(crate) after: Vec<u64>,
}

impl Graph {
    pub(crate) fn new(flow: &Flow) -> Graph {
        let nodes = flow.nodes.len();
        let size = nodes + flow.joins.len();
        let mut graph = Graph {
            nodes,
            ways: vec![BTreeSet::new(); size],
            arrows: vec![BTreeSet::new(); size],
            back: vec![Vec::new(); size],
            arrivals: BTreeMap::new(),
            triggers: vec![0; nodes],
            entered: vec![false; nodes],
            covered: vec![false; nodes],
            reach: by_source(flow),
            absorbers: unasked(nodes),
            writers: unasked(flow.fields.len()),
            towards: unasked(nodes),
            sources: by_source(flow),
            free: (0..size)
                .map(|at| at >= nodes || matches!(flow.nodes[at].kind, NodeKind::Route(_)))
                .collect(),
        };
        for at in 0..nodes {
            graph.add_node(flow, at);
        }
        for (at, join) in flow.joins.iter().enumerate() {
            graph.add_outs(nodes + at, &join.target);
            if let Some(target) = &join.otherwise {
                graph.add_way(nodes + at, target, true);
            }
        }
        graph.cover(flow);
        graph.finish(flow);
        graph
    }

    /// From how many kinds of trigger a node can start.
    pub(crate) fn triggers(&self, node: NodeId) -> usize {
        self.triggers[node.index()]
    }

    /// Whether anything leads to a node.
    pub(crate) fn is_entered(&self, node: NodeId) -> bool {
        self.entered[node.index()]
    }

    /// Whether the flow's `on error` stands for a node.
    pub(crate) fn is_covered(&self, node: NodeId) -> bool {
        self.covered[node.index()]
    }

    /// For every vertex, whether a source of a join can be reached from it without passing through
    /// the join's own target, or that of a join around it.
    pub(crate) fn reaching(&self, flow: &Flow, join: JoinId, source: u32) -> &[bool] {
        self.reach[join.index()][source as usize].get_or_init(|| self.search(flow, join, source))
    }

    /// How far it is to a writer of a field.
    pub(crate) fn before_writers(&self, flow: &Flow, field: FieldId) -> &Distances {
        self.writers[field.index()].get_or_init(|| {
            let targets = (0..self.nodes).filter(|at| flow.nodes[*at].writes.contains(&field));
            self.distances(targets.collect())
        })
    }

    /// How far it is to a node. A send into it may have nothing to start, and then stands for it.
    pub(crate) fn before_node(&self, flow: &Flow, node: NodeId) -> &Distances {
        let starts = |at: &usize| match &flow.nodes[*at].kind {
            NodeKind::Send(eaches) => eaches.iter().any(|each| each.node == node),
            _ => *at == node.index(),
        };
        self.towards[node.index()].get_or_init(|| {
            self.distances(
                (0..self.nodes)
                    .filter(|at| starts(at) || *at == node.index())
                    .collect(),
            )
        })
    }

    /// How far it is to what arrives at a source of a join.
    pub(crate) fn before_source(&self, join: JoinId, source: u32) -> &Distances {
        self.sources[join.index()][source as usize].get_or_init(|| {
            let arrivals = self.arrivals.get(&(join, source)).into_iter().flatten();
            self.distances(arrivals.map(|at| *at as usize).collect())
        })
    }

    /// Whether another join arrives at a source.
    pub(crate) fn is_joined(&self, join: JoinId, source: u32) -> bool {
        let arrivals = self.arrivals.get(&(join, source));
        arrivals.is_some_and(|from| from.iter().any(|at| *at as usize >= self.nodes))
    }

    /// Breadth first against the ways, those that spend no step first.
    fn distances(&self, targets: Vec<usize>) -> Distances {
        let mut at = vec![u64::MAX; self.ways.len()];
        let mut after = at.clone();
        let mut open: VecDeque<usize> = targets.into();
        for &target in &open {
            at[target] = 0;
        }
        while let Some(vertex) = open.pop_front() {
            for before in self.back[vertex].iter().map(|before| *before as usize) {
                let far = at[vertex] + u64::from(!self.free[before]);
                after[before] = far.min(after[before]);
                if far < at[before] {
                    at[before] = far;
                    if self.free[before] {
                        open.push_front(before);
                    } else {
                        open.push_back(before);
                    }
                }
            }
        }
        Distances { at, after }
    }

    /// The vertex of a join.
    pub(crate) fn vertex(&self, join: JoinId) -> usize {
        self.nodes + join.index()
    }

    /// Where a join can lead.
    pub(crate) fn after_join(&self, join: JoinId) -> impl Iterator<Item = u32> + '_ {
        self.ways[self.vertex(join)].iter().copied()
    }

    /// Whether one of the sources of `other` can be reached from the target of `join`.
    pub(crate) fn leads_to(&self, flow: &Flow, join: JoinId, other: JoinId) -> bool {
        let starts: Vec<u32> = self.after_join(join).collect();
        let sources = flow.joins[other.index()].sources.len() as u32;
        (0..sources).any(|source| {
            let reach = self.reaching(flow, other, source);
            starts.iter().any(|&at| reach[at as usize])
        })
    }

    /// The innermost join that takes a failure of a node, with the source that then arrives failed.
    pub(crate) fn absorber(&self, flow: &Flow, node: NodeId) -> Option<(JoinId, u32)> {
        *self.absorbers[node.index()].get_or_init(|| self.find_absorber(flow, node))
    }

    fn find_absorber(&self, flow: &Flow, node: NodeId) -> Option<(JoinId, u32)> {
        let mut best: Option<(usize, JoinId, u32)> = None;
        for (at, join) in flow.joins.iter().enumerate() {
            if matches!(join.policy, Policy::All | Policy::Each) {
                continue;
            }
            let id = JoinId(at as u32);
            for source in 0..join.sources.len() as u32 {
                let branch = self.branch(flow, id, source);
                let size = branch.iter().filter(|&&inside| inside).count();
                let smaller = best.is_none_or(|(least, ..)| size < least);
                if branch[node.index()] && smaller && self.stays_inside(flow, node, id, &branch) {
                    best = Some((size, id, source));
                }
            }
        }
        best.map(|(_, join, source)| (join, source))
    }

    /// For every node, whether it belongs to a source's branch: that source, and no other one of
    /// the join, can be reached from it.
    pub(crate) fn branch(&self, flow: &Flow, join: JoinId, source: u32) -> Vec<bool> {
        let mut inside = self.reaching(flow, join, source).to_vec();
        for other in (0..flow.joins[join.index()].sources.len() as u32).filter(|&other| other != source) {
            for (own, foreign) in inside.iter_mut().zip(self.reaching(flow, join, other)) {
                *own &= !foreign;
            }
        }
        inside
    }

    /// Whether every arrow way from a node leads through the join or ends inside the branch.
    fn stays_inside(&self, flow: &Flow, node: NodeId, join: JoinId, branch: &[bool]) -> bool {
        let targets = join_targets(flow, join);
        let mut seen = BTreeSet::new();
        let mut open = vec![node.0];
        while let Some(at) = open.pop() {
            if at as usize == self.vertex(join) || targets.contains(&at) || !seen.insert(at) {
                continue;
            }
            if !branch[at as usize] {
                return false;
            }
            open.extend(&self.arrows[at as usize]);
        }
        true
    }

    fn search(&self, flow: &Flow, join: JoinId, source: u32) -> Vec<bool> {
        let mut found = vec![false; self.ways.len()];
        // A join around this one waits for it, so what lies behind that one lies behind this one too.
        let around = joins_around(flow, join);
        let targets: BTreeSet<u32> = around.iter().flat_map(|join| join_targets(flow, *join)).collect();
        let mut open: Vec<u32> = self
            .arrivals
            .get(&(join, source))
            .into_iter()
            .flatten()
            .copied()
            .collect();
        while let Some(at) = open.pop() {
            let is_join = around.iter().any(|join| at as usize == self.vertex(*join));
            let blocked = is_join || targets.contains(&at);
            if !blocked && !std::mem::replace(&mut found[at as usize], true) {
                open.extend(&self.back[at as usize]);
            }
        }
        found
    }

    fn add_node(&mut self, flow: &Flow, at: usize) {
        let node = &flow.nodes[at];
        if node.goto.is_none() {
            self.add_outs(at, &node.outs);
        }
        let decided = node.goto.iter().chain(match &node.kind {
            NodeKind::Route(decision) => Some(decision),
            _ => None,
        });
        for arm in decided.flat_map(|decision| &decision.arms) {
            self.add_way(at, &arm.target, true);
        }
        for target in &node.may_goto {
            self.add_way(at, target, true);
        }
        if let NodeKind::Send(eaches) = &node.kind {
            for each in eaches {
                self.link(at, each.node.0, true);
                // An empty group fires at once.
                self.add_outs(at, &flow.nodes[each.node.index()].outs);
            }
        }
        if let NodeKind::Wait(choices) = &node.kind {
            for way in choices.iter().filter_map(|choice| choice.way.as_ref()) {
                self.add_way(at, &way.target, true);
            }
        }
        if let Some(way) = &node.on_timeout {
            self.add_way(at, &way.target, false);
        }
        if let Some(way) = &node.on_error {
            self.add_way(at, &way.target, false);
        }
    }

    fn add_outs(&mut self, from: usize, outs: &[Out]) {
        for out in outs {
            match out {
                Out::To(target) => self.add_way(from, target, true),
                Out::Arrive { join, source } => {
                    self.arrivals
                        .entry((*join, *source))
                        .or_default()
                        .insert(from as u32);
                    self.link(from, self.vertex(*join) as u32, true);
                }
            }
        }
    }

    fn add_way(&mut self, from: usize, target: &Target, arrow: bool) {
        match target {
            Target::Node { node, .. } => self.link(from, node.0, arrow),
            Target::Many(targets) => targets
                .iter()
                .for_each(|target| self.add_way(from, target, arrow)),
            // `skip` takes the arrows, which are there already.
            Target::End | Target::Halt | Target::Fail(_) | Target::Cancel(_) | Target::Skip => {}
        }
    }

    fn link(&mut self, from: usize, to: u32, arrow: bool) {
        self.ways[from].insert(to);
        if arrow {
            self.arrows[from].insert(to);
        }
    }

    /// Finds out for whom the flow's `on error` stands, and adds those ways.
    fn cover(&mut self, flow: &Flow) {
        let Some(way) = &flow.on_error else { return };
        let without = self.entered_without(flow, way);
        for (at, node) in flow.nodes.iter().enumerate() {
            let waits = matches!(node.kind, NodeKind::Interrupt(_) | NodeKind::Wait(_));
            let lets = !waits && node.on_error.is_none() && node.schedule != Schedule::Finally;
            self.covered[at] = lets && without[at];
        }
        for at in 0..self.nodes {
            if self.covered[at] {
                self.add_way(at, &way.target, false);
            }
        }
    }

    /// The nodes that can run although those that the flow's `on error` leads to never do.
    fn entered_without(&self, flow: &Flow, way: &ErrorWay) -> Vec<bool> {
        let mut handlers = BTreeSet::new();
        collect_nodes(&way.target, &mut handlers);
        let mut seen = vec![false; self.ways.len()];
        let mut open: Vec<u32> = entry_vertices(flow, self.nodes);
        let mut led_to = handlers.clone();
        self.ways.iter().for_each(|ways| led_to.extend(ways));
        open.extend((0..self.nodes as u32).filter(|at| !led_to.contains(at)));
        while let Some(at) = open.pop() {
            if !handlers.contains(&at) && !std::mem::replace(&mut seen[at as usize], true) {
                open.extend(&self.ways[at as usize]);
            }
        }
        seen
    }

    /// Turns ways round, and counts what can trigger a node.
    fn finish(&mut self, flow: &Flow) {
        for (from, ways) in self.ways.iter().enumerate() {
            for &to in ways {
                self.back[to as usize].push(from as u32);
            }
        }
        let mut triggers: Vec<BTreeSet<Via>> = vec![BTreeSet::new(); self.nodes];
        let through = |start: &BTreeSet<u32>, via: Via, triggers: &mut Vec<BTreeSet<Via>>| {
            let mut open: Vec<u32> = start.iter().copied().collect();
            let mut seen = BTreeSet::new();
            while let Some(at) = open.pop() {
                let Some(node) = flow.nodes.get(at as usize) else {
                    // `each of` passes on what triggers it.
                    if flow.joins[at as usize - self.nodes].policy == Policy::Each && seen.insert(at) {
                        open.extend(&self.ways[at as usize]);
                    }
                    continue;
                };
                if !seen.insert(at) {
                    continue;
                }
                triggers[at as usize].insert(via);
                if matches!(node.kind, NodeKind::Route(_)) {
                    open.extend(&self.ways[at as usize]);
                }
            }
        };
        through(
            &entry_vertices(flow, self.nodes).into_iter().collect(),
            Via::Start,
            &mut triggers,
        );
        for (from, ways) in self.ways.iter().enumerate() {
            match flow.nodes.get(from) {
                Some(node) if matches!(node.kind, NodeKind::Route(_)) => {}
                Some(_) => through(ways, Via::Node(NodeId(from as u32)), &mut triggers),
                None => through(ways, Via::Join(JoinId((from - self.nodes) as u32)), &mut triggers),
            }
        }
        self.triggers = triggers.iter().map(BTreeSet::len).collect();
        self.entered = triggers.iter().map(|vias| !vias.is_empty()).collect();
    }
}

fn unasked<T>(size: usize) -> Found<T> {
    (0..size).map(|_| OnceLock::new()).collect()
}

fn by_source<T>(flow: &Flow) -> Vec<Found<T>> {
    flow.joins
        .iter()
        .map(|join| unasked(join.sources.len()))
        .collect()
}

/// A join, and those that it arrives at, directly or round a corner.
fn joins_around(flow: &Flow, join: JoinId) -> BTreeSet<JoinId> {
    let mut around = BTreeSet::new();
    let mut open = vec![join];
    while let Some(join) = open.pop() {
        if around.insert(join) {
            open.extend(
                flow.joins[join.index()]
                    .target
                    .iter()
                    .filter_map(|out| match out {
                        Out::Arrive { join, .. } => Some(*join),
                        Out::To(_) => None,
                    }),
            );
        }
    }
    around
}

fn join_targets(flow: &Flow, join: JoinId) -> BTreeSet<u32> {
    let mut targets = BTreeSet::new();
    for out in &flow.joins[join.index()].target {
        if let Out::To(target) = out {
            collect_nodes(target, &mut targets);
        }
    }
    targets
}

fn entry_vertices(flow: &Flow, nodes: usize) -> Vec<u32> {
    let mut found = BTreeSet::new();
    for out in &flow.entry {
        match out {
            Out::To(target) => collect_nodes(target, &mut found),
            Out::Arrive { join, .. } => {
                found.insert((nodes + join.index()) as u32);
            }
        }
    }
    found.into_iter().collect()
}

fn collect_nodes(target: &Target, found: &mut BTreeSet<u32>) {
    match target {
        Target::Node { node, .. } => {
            found.insert(node.0);
        }
        Target::Many(targets) => targets.iter().for_each(|target| collect_nodes(target, found)),
        _ => {}
    }
}
