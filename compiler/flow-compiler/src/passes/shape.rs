//! What every graph has: what is reached, cycles, dominators. What a rule makes of them lives in
//! the rule's file.

use super::graph_view::{GraphView, START, Vertex};

/// What can run: reached from `start`, or runs unasked.
pub fn reachable(view: &GraphView<'_>) -> Vec<bool> {
    reachable_without(view, &[])
}

/// What can run although some vertices never do.
pub fn reachable_without(view: &GraphView<'_>, without: &[Vertex]) -> Vec<bool> {
    let runs = |v: &Vertex| (*v == START || view.runs_unasked(*v)) && !without.contains(v);
    let mut open: Vec<Vertex> = (0..view.vertices()).filter(runs).collect();
    let mut seen = vec![false; view.vertices() as usize];
    for vertex in open.iter().chain(without) {
        seen[*vertex as usize] = true;
    }
    while let Some(vertex) = open.pop() {
        for edge in view.outs(vertex) {
            if !std::mem::replace(&mut seen[edge.to as usize], true) {
                open.push(edge.to);
            }
        }
    }
    for vertex in without {
        seen[*vertex as usize] = false;
    }
    seen
}

/// Strongly connected components.
#[derive(Debug)]
pub struct Components {
    /// The component of each vertex. Numbers rise against the edges: what is led to has the smaller one.
    pub of: Vec<u32>,
    /// The vertices of each component, in order.
    pub members: Vec<Vec<Vertex>>,
}

impl Components {
    /// Tarjan's algorithm (1972) with a stack of its own, over the vertices that `keep` admits.
    pub fn new(view: &GraphView<'_>, keep: impl Fn(Vertex) -> bool) -> Self {
        let count = view.vertices() as usize;
        let mut tarjan = Tarjan {
            index: vec![u32::MAX; count],
            low: vec![0; count],
            on_stack: vec![false; count],
            stack: Vec::new(),
            next: 0,
            found: Self {
                of: vec![u32::MAX; count],
                members: Vec::new(),
            },
        };
        for root in (0..view.vertices()).filter(|v| keep(*v)) {
            if tarjan.index[root as usize] == u32::MAX {
                tarjan.visit(view, root, &keep);
            }
        }
        for members in &mut tarjan.found.members {
            members.sort_unstable();
        }
        tarjan.found
    }

    /// Whether the component is a cycle: several vertices, or one that leads to itself.
    pub fn is_cycle(&self, view: &GraphView<'_>, component: u32) -> bool {
        match self.members[component as usize].as_slice() {
            [one] => view.outs(*one).any(|edge| edge.to == *one),
            members => members.len() > 1,
        }
    }
}

struct Tarjan {
    index: Vec<u32>,
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<Vertex>,
    next: u32,
    found: Components,
}

impl Tarjan {
    fn visit(&mut self, view: &GraphView<'_>, root: Vertex, keep: &impl Fn(Vertex) -> bool) {
        let mut frames = vec![self.enter(view, root, keep)];
        while let Some((vertex, successors)) = frames.last_mut() {
            let vertex = *vertex;
            if let Some(to) = successors.pop() {
                if self.index[to as usize] == u32::MAX {
                    frames.push(self.enter(view, to, keep));
                } else if self.on_stack[to as usize] {
                    self.low[vertex as usize] = self.low[vertex as usize].min(self.index[to as usize]);
                }
                continue;
            }
            frames.pop();
            if let Some((parent, _)) = frames.last() {
                self.low[*parent as usize] = self.low[*parent as usize].min(self.low[vertex as usize]);
            }
            if self.low[vertex as usize] == self.index[vertex as usize] {
                self.close(vertex);
            }
        }
    }

    fn enter(
        &mut self,
        view: &GraphView<'_>,
        vertex: Vertex,
        keep: &impl Fn(Vertex) -> bool,
    ) -> (Vertex, Vec<Vertex>) {
        self.index[vertex as usize] = self.next;
        self.low[vertex as usize] = self.next;
        self.next += 1;
        self.stack.push(vertex);
        self.on_stack[vertex as usize] = true;
        (
            vertex,
            view.outs(vertex)
                .map(|edge| edge.to)
                .filter(|to| keep(*to))
                .collect(),
        )
    }

    fn close(&mut self, root: Vertex) {
        let number = self.found.members.len() as u32;
        let mut members = Vec::new();
        while let Some(vertex) = self.stack.pop() {
            self.on_stack[vertex as usize] = false;
            self.found.of[vertex as usize] = number;
            members.push(vertex);
            if vertex == root {
                break;
            }
        }
        self.found.members.push(members);
    }
}

/// The immediate dominator of every vertex that `start` leads to; itself for `start`, and
/// `u32::MAX` for the others. After Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm".
pub fn dominators(view: &GraphView<'_>) -> Vec<Vertex> {
    let order = postorder(view);
    let mut number = vec![u32::MAX; view.vertices() as usize];
    for (index, vertex) in order.iter().enumerate() {
        number[*vertex as usize] = index as u32;
    }
    let mut idom = vec![u32::MAX; view.vertices() as usize];
    idom[START as usize] = START;
    let mut changed = true;
    while changed {
        changed = false;
        for vertex in order.iter().rev().filter(|v| **v != START) {
            let known = view
                .ins(*vertex)
                .map(|edge| edge.from)
                .filter(|from| idom[*from as usize] != u32::MAX);
            let Some(new) = known.reduce(|a, b| intersect(&idom, &number, a, b)) else {
                continue;
            };
            changed |= std::mem::replace(&mut idom[*vertex as usize], new) != new;
        }
    }
    idom
}

fn intersect(idom: &[Vertex], number: &[u32], mut a: Vertex, mut b: Vertex) -> Vertex {
    while a != b {
        while number[a as usize] < number[b as usize] {
            a = idom[a as usize];
        }
        while number[b as usize] < number[a as usize] {
            b = idom[b as usize];
        }
    }
    a
}

/// What `start` leads to, everything after what it leads to.
pub fn postorder(view: &GraphView<'_>) -> Vec<Vertex> {
    let mut seen = vec![false; view.vertices() as usize];
    let mut order = Vec::new();
    let mut frames: Vec<(Vertex, Vec<Vertex>)> = Vec::new();
    let enter = |vertex| (vertex, view.outs(vertex).map(|edge| edge.to).collect::<Vec<_>>());
    seen[START as usize] = true;
    frames.push(enter(START));
    while let Some((vertex, successors)) = frames.last_mut() {
        if let Some(to) = successors.pop() {
            if !std::mem::replace(&mut seen[to as usize], true) {
                frames.push(enter(to));
            }
        } else {
            order.push(*vertex);
            frames.pop();
        }
    }
    order
}
