//! Drawings of flows: one model, made from HIR, and what is written from it, one file per format.
//! The graph that proofs run on is another one, in `passes::graph_view`: it has no labels, and a
//! drawing has no ways.

mod dot;
mod json;
mod layout;
mod mermaid;
mod svg;

pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use svg::svg;

use flow_bytecode::{Policy, Rest, Schedule};

use crate::hir::flow::{ArmTest, Decision, Flow, Join, Node, NodeKind, Source, Target, TargetKind, WaitKind};
use crate::hir::{Program, WorkerRef};

/// A drawing of a flow.
#[derive(Clone, Debug, Default)]
pub struct GraphModel {
    /// The flow's name.
    pub flow: String,
    /// The content hash of the program, where it is known.
    pub program: Option<String>,
    /// Vertices: `start`, nodes in order of declaration, joins, ends.
    pub vertices: Vec<Vertex>,
    /// Edges, in order of their sources.
    pub edges: Vec<Edge>,
}

/// A vertex of a drawing.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// Stable, and unlike every other: kinds of names have prefixes of their own.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What more there is to say, in lines: the worker or the flow, an agent's tools, what undoes it.
    pub detail: Option<String>,
    /// What it is.
    pub kind: VertexKind,
    /// When it may run.
    pub schedule: Schedule,
    /// Its doc comment.
    pub doc: Option<String>,
    /// What is inside, where a subgraph is opened.
    pub inside: Option<GraphModel>,
}

/// How many vertices of opened subgraphs a drawing has at most; what would be more stays closed. A flow may call
/// itself, and a drawing of it would have no end.
const MOST_INSIDE: usize = 5_000;
/// How deep subgraphs are opened at most.
const DEEPEST: u32 = 16;

/// What a vertex is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum VertexKind {
    Start,
    End,
    Halt,
    Fail,
    Cancel,
    Task,
    Agent,
    Transform,
    Route,
    Send,
    Subgraph,
    Interrupt,
    Wait,
    Join,
    /// Any failure that nothing else takes: where the flow's own `on error` leads from.
    Failure,
}

/// An edge of a drawing.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Index into [`GraphModel::vertices`].
    pub from: usize,
    /// Index into [`GraphModel::vertices`].
    pub to: usize,
    /// The condition or clause that leads this way.
    pub label: Option<String>,
    /// How it is drawn.
    pub style: EdgeStyle,
}

/// How an edge is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeStyle {
    /// Arrows and arms.
    Solid,
    /// A command: `goto`, `may goto`, and to what `cancel` and `finish` withdraw.
    Dotted,
    /// Into a deferred node.
    Thick,
}

impl VertexKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Halt => "halt",
            Self::Fail => "fail",
            Self::Cancel => "cancel",
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Transform => "transform",
            Self::Route => "route",
            Self::Send => "send",
            Self::Subgraph => "subgraph",
            Self::Interrupt => "interrupt",
            Self::Wait => "wait",
            Self::Join => "join",
            Self::Failure => "failure",
        }
    }
}

impl GraphModel {
    /// Draws a flow. Subgraphs are opened to this depth.
    pub fn new(program: &Program, flow: &Flow, depth: u32) -> Self {
        let mut room = MOST_INSIDE;
        Self::within(program, flow, depth.min(DEEPEST), &mut room)
    }

    fn within(program: &Program, flow: &Flow, depth: u32, room: &mut usize) -> Self {
        let mut drawing = Drawing {
            program,
            flow,
            depth,
            model: Self::default(),
            ends: [None; 4],
        };
        drawing.model.flow.clone_from(&flow.name.text);
        drawing.vertices(room);
        drawing.edges();
        drawing.model
    }
}

struct Drawing<'p> {
    program: &'p Program,
    flow: &'p Flow,
    depth: u32,
    model: GraphModel,
    /// `end`, `halt`, `fail`, `cancel`: drawn when first led to.
    ends: [Option<usize>; 4],
}

impl<'p> Drawing<'p> {
    fn vertices(&mut self, room: &mut usize) {
        self.vertex("start", "start", VertexKind::Start, None);
        for node in &self.flow.nodes {
            let kind = kind_of(node);
            let detail = self.detail(node);
            let at = self.vertex(&format!("n_{}", node.name.text), &node.name.text, kind, detail);
            self.model.vertices[at].schedule = node.schedule;
            self.model.vertices[at].doc.clone_from(&node.doc);
            if let NodeKind::Subgraph { flow, .. } = node.kind
                && self.depth > 0
            {
                let child = &self.program.flows[flow.index()];
                if let Some(left) = room.checked_sub(child.nodes.len() + 1) {
                    *room = left;
                    let inside = GraphModel::within(self.program, child, self.depth - 1, room);
                    self.model.vertices[at].inside = Some(inside);
                }
            }
        }
        for (number, join) in self.flow.joins.iter().enumerate() {
            self.vertex(&format!("j_{number}"), &policy(join), VertexKind::Join, None);
        }
    }

    fn edges(&mut self) {
        let leaving = Leaving::of(self.flow);
        for target in &leaving.start {
            self.leads(0, target, None, EdgeStyle::Solid);
        }
        for (index, node) in self.flow.nodes.iter().enumerate() {
            self.node_edges(index + 1, node, &leaving.nodes[index]);
        }
        for (number, join) in self.flow.joins.iter().enumerate() {
            let at = self.join(number as u32);
            for target in &join.target {
                self.leads(at, target, None, EdgeStyle::Solid);
            }
            self.arrivals(at, &leaving.joins[number]);
            if let Some(otherwise) = &join.otherwise {
                self.leads(at, otherwise, Some("else"), EdgeStyle::Solid);
            }
        }
        if let Some(way) = &self.flow.on_error
            && !matches!(way.target.kind, TargetKind::Skip | TargetKind::Error)
        {
            let at = self.vertex("f_error", "any failure", VertexKind::Failure, None);
            self.leads(at, &way.target, Some("on error"), EdgeStyle::Solid);
        }
    }

    fn node_edges(&mut self, at: usize, node: &'p Node, (arrows, arrivals): &(Vec<&'p Target>, Vec<u32>)) {
        match &node.kind {
            NodeKind::Route(route) => self.decision(at, route, EdgeStyle::Solid),
            NodeKind::Send(groups) => {
                for each in groups {
                    let label = format!("each {}", each.item.name);
                    self.edge(at, each.node.index() + 1, Some(&label), EdgeStyle::Solid);
                }
            }
            NodeKind::Wait(choices) => {
                for choice in choices {
                    if let Some(way) = &choice.way {
                        let label = self.wait_label(&choice.what);
                        self.leads(at, &way.target, Some(&label), EdgeStyle::Solid);
                    }
                }
            }
            _ => {}
        }
        if let Some(goto) = &node.goto {
            self.decision(at, goto, EdgeStyle::Dotted);
        }
        for target in arrows {
            self.leads(at, target, None, EdgeStyle::Solid);
        }
        self.arrivals(at, arrivals);
        for target in &node.may_goto {
            self.leads(at, target, Some("may goto"), EdgeStyle::Dotted);
        }
        if let Some(way) = &node.on_timeout {
            self.leads(at, &way.target, Some("timeout"), EdgeStyle::Solid);
        }
        if let Some(way) = &node.on_error {
            self.leads(at, &way.target, Some("on error"), EdgeStyle::Solid);
        }
        for (word, named) in [("cancel", &node.cancel), ("finish", &node.finish)] {
            for (withdrawn, _) in named {
                self.edge(at, withdrawn.index() + 1, Some(word), EdgeStyle::Dotted);
            }
        }
    }

    fn decision(&mut self, at: usize, decision: &'p Decision, style: EdgeStyle) {
        for arm in &decision.arms {
            let label = match arm.test {
                ArmTest::Otherwise => "otherwise",
                _ => arm.label.as_str(),
            };
            self.leads(at, &arm.target, Some(label), style);
        }
    }

    fn arrivals(&mut self, at: usize, joins: &[u32]) {
        for join in joins {
            let to = self.join(*join);
            self.edge(at, to, None, EdgeStyle::Solid);
        }
    }

    fn leads(&mut self, from: usize, target: &Target, label: Option<&str>, style: EdgeStyle) {
        let to = match &target.kind {
            TargetKind::Error | TargetKind::Skip => return,
            TargetKind::Many(all) => return all.iter().for_each(|one| self.leads(from, one, label, style)),
            TargetKind::Node(node, _) => node.index() + 1,
            TargetKind::End => self.an_end(0, VertexKind::End),
            TargetKind::Halt => self.an_end(1, VertexKind::Halt),
            TargetKind::Fail(_) => self.an_end(2, VertexKind::Fail),
            TargetKind::Cancel(_) => self.an_end(3, VertexKind::Cancel),
        };
        self.edge(from, to, label, style);
    }

    fn edge(&mut self, from: usize, to: usize, label: Option<&str>, style: EdgeStyle) {
        let deferred = self.model.vertices[to].schedule == Schedule::Deferred;
        let style = if deferred && style == EdgeStyle::Solid {
            EdgeStyle::Thick
        } else {
            style
        };
        let label = label.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        self.model.edges.push(Edge {
            from,
            to,
            label,
            style,
        });
    }

    fn an_end(&mut self, which: usize, kind: VertexKind) -> usize {
        if let Some(at) = self.ends[which] {
            return at;
        }
        let at = self.vertex(&format!("e_{}", kind.word()), kind.word(), kind, None);
        self.ends[which] = Some(at);
        at
    }

    fn join(&self, number: u32) -> usize {
        self.flow.nodes.len() + 1 + number as usize
    }

    fn vertex(&mut self, id: &str, name: &str, kind: VertexKind, detail: Option<String>) -> usize {
        self.model.vertices.push(Vertex {
            id: id.to_owned(),
            name: name.to_owned(),
            detail,
            kind,
            schedule: Schedule::Normal,
            doc: None,
            inside: None,
        });
        self.model.vertices.len() - 1
    }

    fn detail(&self, node: &Node) -> Option<String> {
        let worker = |worker: WorkerRef| self.program.workers[worker.index()].name.text.as_str();
        let mut lines = Vec::new();
        match &node.kind {
            NodeKind::Task(call) => lines.push(worker(call.worker).to_owned()),
            NodeKind::Agent(agent) => {
                lines.push(worker(agent.call.worker).to_owned());
                let tool = |(tool, approval): &(WorkerRef, bool)| {
                    let asks = if *approval { " needs approval" } else { "" };
                    format!("{}{asks}", worker(*tool))
                };
                let tools: Vec<_> = agent.tools.iter().map(tool).collect();
                if !tools.is_empty() {
                    lines.push(format!("tools {}", tools.join(", ")));
                }
            }
            NodeKind::Subgraph { flow, .. } => {
                lines.push(self.program.flows[flow.index()].name.text.clone());
            }
            NodeKind::Wait(choices) => {
                if let [one] = choices.as_slice() {
                    lines.push(self.wait_label(&one.what));
                }
            }
            _ => {}
        }
        lines.extend(
            node.undo
                .iter()
                .map(|undo| format!("undo {}", worker(undo.worker))),
        );
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn wait_label(&self, what: &WaitKind) -> String {
        match what {
            WaitKind::For(_) => "after a time".to_owned(),
            WaitKind::Until(_) => "at a time".to_owned(),
            WaitKind::Event { event, .. } => {
                let declared = self.flow.events.get(*event as usize);
                format!("event {}", declared.map_or("?", |event| event.name.text.as_str()))
            }
        }
    }
}

/// Arrows and arrivals at joins, by what they leave.
struct Leaving<'p> {
    start: Vec<&'p Target>,
    nodes: Vec<(Vec<&'p Target>, Vec<u32>)>,
    joins: Vec<Vec<u32>>,
}

impl<'p> Leaving<'p> {
    fn of(flow: &'p Flow) -> Self {
        let mut leaving = Self {
            start: Vec::new(),
            nodes: vec![(Vec::new(), Vec::new()); flow.nodes.len()],
            joins: vec![Vec::new(); flow.joins.len()],
        };
        for arrow in &flow.arrows {
            match arrow.from {
                None => leaving.start.push(&arrow.to),
                Some(node) => leaving.nodes[node.index()].0.push(&arrow.to),
            }
        }
        for (number, join) in flow.joins.iter().enumerate() {
            for (source, _) in &join.sources {
                match source {
                    Source::Node(node) => leaving.nodes[node.index()].1.push(number as u32),
                    Source::Join(inner) => leaving.joins[*inner as usize].push(number as u32),
                }
            }
        }
        leaving
    }
}

fn kind_of(node: &Node) -> VertexKind {
    match node.kind {
        NodeKind::Error | NodeKind::Transform => VertexKind::Transform,
        NodeKind::Task(_) => VertexKind::Task,
        NodeKind::Agent(_) => VertexKind::Agent,
        NodeKind::Route(_) => VertexKind::Route,
        NodeKind::Send(_) => VertexKind::Send,
        NodeKind::Subgraph { .. } => VertexKind::Subgraph,
        NodeKind::Interrupt { .. } => VertexKind::Interrupt,
        NodeKind::Wait(_) => VertexKind::Wait,
    }
}

/// The policy as it is written.
fn policy(join: &Join) -> String {
    let policy = match join.policy {
        Policy::All => "all of".to_owned(),
        Policy::Any => "any of".to_owned(),
        Policy::Majority => "majority of".to_owned(),
        Policy::AtLeast(count) => format!("{count} of"),
        Policy::First(1) => "first of".to_owned(),
        Policy::First(count) => format!("first {count} of"),
        Policy::Each => "each of".to_owned(),
    };
    match (join.policy, join.rest) {
        (Policy::First(_), Rest::Keep) => format!("{policy}, keep rest"),
        (Policy::First(_), Rest::Block) => format!("{policy}, block"),
        _ => policy,
    }
}
