//! Which nodes, arrows and arms the tests of a file have used. Read from the logs of their runs, so that it costs
//! nothing while they run.

use std::collections::BTreeSet;

use flow_bytecode::{Decision, Flow, FlowId, Image, JoinId, NodeKind, Out, Source, SourceSpan, Target};
use flow_machine::{Event, EventKind, Settlement};

/// What the flows of an image consist of, and what of it was used.
pub struct Coverage {
    /// By flow, in order of declaration.
    pub flows: Vec<FlowCoverage>,
}

/// The same of one flow.
pub struct FlowCoverage {
    /// Its name.
    pub flow: String,
    /// Nodes and routes that were entered.
    pub nodes: Vec<Piece>,
    /// Arrows that were followed, from `start` and joins too, and ways out by errors and time-outs.
    pub arrows: Vec<Piece>,
    /// Arms of routes and of `goto` that were taken.
    pub arms: Vec<Piece>,
}

/// Something that a test can use.
pub struct Piece {
    /// As the source names it: `a`, `a -> b`, `judge: otherwise`.
    pub name: String,
    /// Where it is declared.
    pub span: SourceSpan,
    /// Whether any test has used it.
    pub used: bool,
    key: Key,
}

/// What in the log shows that a piece was used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The run has begun.
    Start,
    /// This node was entered.
    Entered(usize),
    /// This node took its arrows.
    Done(usize),
    /// This node left by its error way.
    LeftByError(usize),
    /// This node left by its time-out way.
    TimedOut(usize),
    /// This join passed.
    Passed(u32),
    /// This join went to its `else`.
    Gone(u32),
    /// This arm of this node's decision was taken.
    Arm(usize, String),
}

impl Coverage {
    /// Everything, and nothing used.
    pub fn new(image: &Image) -> Self {
        let flows = image.flows.iter().map(|flow| pieces(image, flow));
        Self {
            flows: flows.collect(),
        }
    }

    /// Counts what the log of a run shows.
    pub fn add(&mut self, image: &Image, flow: FlowId, events: &[Event]) {
        let mut seen: BTreeSet<(usize, Key)> = BTreeSet::from([(flow.index(), Key::Start)]);
        for event in events {
            let Some(node) = &event.node else {
                if let EventKind::JoinSettled { join, passed, .. } = event.kind {
                    seen.insert((flow.index(), settled(join, passed)));
                }
                continue;
            };
            let Some((within, at)) = resolve(image, flow.index(), node) else {
                continue;
            };
            if within != flow.index() {
                seen.insert((within, Key::Start));
            }
            seen.extend(shown(&event.kind, at).into_iter().map(|key| (within, key)));
        }
        for (at, flow) in self.flows.iter_mut().enumerate() {
            let all = [&mut flow.nodes, &mut flow.arrows, &mut flow.arms];
            for piece in all.into_iter().flatten() {
                piece.used |= seen.contains(&(at, piece.key.clone()));
            }
        }
    }
}

fn settled(join: u32, passed: bool) -> Key {
    if passed {
        Key::Passed(join)
    } else {
        Key::Gone(join)
    }
}

/// What an event shows about the node that it names.
fn shown(kind: &EventKind, at: usize) -> Vec<Key> {
    match kind {
        EventKind::Settled { how, .. } => match how {
            Settlement::Done | Settlement::Skipped => vec![Key::Entered(at), Key::Done(at)],
            Settlement::LeftByError => vec![Key::Entered(at), Key::LeftByError(at)],
            Settlement::TimedOut => vec![Key::Entered(at), Key::TimedOut(at)],
            Settlement::Failed => vec![Key::Entered(at)],
            Settlement::Cancelled => Vec::new(),
        },
        EventKind::Dispatched { .. } | EventKind::Interrupted { .. } | EventKind::TimerSet { .. } => {
            vec![Key::Entered(at)]
        }
        EventKind::RouteDecided { arms, .. } => {
            let arms = arms.iter().map(|arm| Key::Arm(at, arm.to_string()));
            arms.chain([Key::Entered(at)]).collect()
        }
        EventKind::JoinSettled { join, passed, .. } => vec![settled(*join, *passed)],
        _ => Vec::new(),
    }
}

/// The flow and node of a name in the log; nodes of child runs stand behind those that run them.
fn resolve(image: &Image, flow: usize, name: &str) -> Option<(usize, usize)> {
    let mut within = flow;
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        let plain = part.split('#').next().unwrap_or(part);
        let nodes = &image.flows[within].nodes;
        let at = nodes.iter().position(|node| image.str(node.name) == plain)?;
        if parts.peek().is_none() {
            return Some((within, at));
        }
        let NodeKind::Subgraph { flow, .. } = &nodes[at].kind else {
            return None;
        };
        within = flow.index();
    }
    None
}

fn pieces(image: &Image, flow: &Flow) -> FlowCoverage {
    let mut found = FlowCoverage {
        flow: image.str(flow.name).to_owned(),
        nodes: Vec::new(),
        arrows: Vec::new(),
        arms: Vec::new(),
    };
    found.outs(image, flow, "start", flow.span, &flow.entry, &Key::Start);
    for (at, node) in flow.nodes.iter().enumerate() {
        let name = image.str(node.name);
        found
            .nodes
            .push(Piece::new(name.to_owned(), node.span, Key::Entered(at)));
        found.outs(image, flow, name, node.span, &node.outs, &Key::Done(at));
        if let Some(way) = &node.on_error {
            let to = target(image, flow, &way.target);
            let name = format!("{name}: on error -> {to}");
            found
                .arrows
                .push(Piece::new(name, node.span, Key::LeftByError(at)));
        }
        if let Some(way) = &node.on_timeout {
            let to = target(image, flow, &way.target);
            let name = format!("{name}: timeout -> {to}");
            found.arrows.push(Piece::new(name, node.span, Key::TimedOut(at)));
        }
        if let NodeKind::Route(decision) = &node.kind {
            found.decision(image, flow, at, decision);
        }
        if let Some(goto) = &node.goto {
            found.decision(image, flow, at, goto);
        }
    }
    for (at, join) in flow.joins.iter().enumerate() {
        let at = at as u32;
        let name = joined(image, flow, JoinId(at));
        found.outs(image, flow, &name, join.span, &join.target, &Key::Passed(at));
        if let Some(otherwise) = &join.otherwise {
            let name = format!("{name}: else -> {}", target(image, flow, otherwise));
            found.arrows.push(Piece::new(name, join.span, Key::Gone(at)));
        }
    }
    found
}

impl FlowCoverage {
    fn outs(&mut self, image: &Image, flow: &Flow, from: &str, span: SourceSpan, outs: &[Out], key: &Key) {
        for out in outs {
            let Out::To(to) = out else { continue };
            let name = format!("{from} -> {}", target(image, flow, to));
            self.arrows.push(Piece::new(name, span, key.clone()));
        }
    }

    fn decision(&mut self, image: &Image, flow: &Flow, at: usize, decision: &Decision) {
        let node = image.str(flow.nodes[at].name);
        for arm in &decision.arms {
            let label = image.str(arm.label);
            let name = format!("{node}: {label} -> {}", target(image, flow, &arm.target));
            self.arms
                .push(Piece::new(name, arm.span, Key::Arm(at, label.to_owned())));
        }
    }
}

impl Piece {
    fn new(name: String, span: SourceSpan, key: Key) -> Self {
        Self {
            name,
            span,
            used: false,
            key,
        }
    }
}

fn target(image: &Image, flow: &Flow, to: &Target) -> String {
    match to {
        Target::Node { node, .. } => image.str(flow.nodes[node.index()].name).to_owned(),
        Target::Many(all) => {
            let all: Vec<String> = all.iter().map(|one| target(image, flow, one)).collect();
            format!("[{}]", all.join(", "))
        }
        Target::End => "end".to_owned(),
        Target::Halt => "halt".to_owned(),
        Target::Fail(_) => "fail".to_owned(),
        Target::Cancel(_) => "cancel".to_owned(),
        Target::Skip => "skip".to_owned(),
    }
}

/// A join by its sources. Joins nest no deeper than their sources are listed before them.
fn joined(image: &Image, flow: &Flow, join: JoinId) -> String {
    let sources = flow.joins[join.index()]
        .sources
        .iter()
        .map(|source| match source {
            Source::Node(node) => image.str(flow.nodes[node.index()].name).to_owned(),
            Source::Join(inner) => format!("join {}", inner.0),
        });
    format!("[{}]", sources.collect::<Vec<_>>().join(", "))
}
