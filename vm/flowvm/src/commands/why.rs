//! `flowvm why`: why a node ran, or did not, or waits. Read from the log and the graph; nothing is changed.

use serde::Serialize;
use serde_json::json;

use flow_bytecode::{Flow, Image, Node, NodeKind, Out, Target};
use flow_machine::{Event, EventKind, Settlement};

use super::{Place, find, replayed};
use crate::args::{Common, Why};
use crate::clock::rfc3339;
use crate::config::nearest;
use crate::error::{Error, Result, code};
use crate::program;
use crate::view::{out, paint, style};

/// One time that the node was to run.
#[derive(Debug, Serialize)]
struct Time {
    step: u64,
    index: u32,
    because: String,
    became: String,
    #[serde(skip)]
    open: bool,
}

/// A way into the node, and whether it was gone.
#[derive(Debug, Serialize)]
struct Way {
    from: String,
    what: String,
}

struct Scene<'a> {
    image: &'a Image,
    flow: &'a Flow,
    events: &'a [Event],
}

pub(super) fn perform(args: &Why, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let (machine, events) = replayed(&store, &row)?;
    let scene = Scene {
        image: machine.image(),
        flow: program::flow(machine.program(), Some(&row.flow))?,
        events: &events,
    };
    let node = scene.node(&args.node)?;
    let times = scene.times(&args.node, node);
    let ways = if times.is_empty() {
        scene.ways_into(node)
    } else {
        Vec::new()
    };
    if common.json {
        out(&json!({"run": row.id, "node": args.node, "times": times, "ways": ways}).to_string());
        return Ok(0);
    }
    let name = paint(style::STRONG, &args.node);
    for time in &times {
        let index = if time.index > 0 {
            format!(" #{}", time.index)
        } else {
            String::new()
        };
        out(&format!("{name}{index} in step {}: {}", time.step, time.because));
        out(&format!("  {}", time.became));
    }
    if times.is_empty() {
        let over = if machine.is_finished() {
            "did not run"
        } else {
            "has not run"
        };
        out(&format!("{name} {over}:"));
        for way in &ways {
            out(&format!("  {}: {}", way.from, way.what));
        }
        if ways.is_empty() {
            out("  nothing leads to it");
        }
    }
    Ok(0)
}

impl Scene<'_> {
    fn name(&self, node: flow_bytecode::NodeId) -> &str {
        self.image.str(self.flow.nodes[node.index()].name)
    }

    fn node(&self, wanted: &str) -> Result<flow_bytecode::NodeId> {
        let names = || self.flow.nodes.iter().map(|node| self.image.str(node.name));
        let at = names().position(|name| name == wanted).ok_or_else(|| {
            let message = format!("flow `{}` has no node `{wanted}`", self.image.str(self.flow.name));
            Error::new(code::NOT_OFFERED, message).help(match nearest(wanted, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
            })
        })?;
        Ok(flow_bytecode::NodeId(at as u32))
    }

    /// Each time that the node was planned or decided, with what came of it.
    fn times(&self, name: &str, node: flow_bytecode::NodeId) -> Vec<Time> {
        let mut times: Vec<Time> = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            if event.node.as_deref() != Some(name) {
                continue;
            }
            match &event.kind {
                EventKind::Planned { index, .. } => times.push(Time {
                    step: event.step,
                    index: *index,
                    because: self.cause(at, node),
                    became: "it has not begun: what it reads is not final yet, or no slot is free".into(),
                    open: true,
                }),
                EventKind::RouteDecided { arms, targets } => times.push(Time {
                    step: event.step,
                    index: 0,
                    because: "it was reached".into(),
                    became: format!("it decided {}: {}", arms.join(", "), targets.join(", ")),
                    open: false,
                }),
                kind => {
                    let index = match kind {
                        EventKind::Settled { index, .. } => Some(*index),
                        _ => None,
                    };
                    let fits = |time: &&mut Time| time.open && index.is_none_or(|index| index == time.index);
                    if let (Some(word), Some(time)) = (became(kind), times.iter_mut().rev().find(fits)) {
                        time.became = word;
                        time.open = index.is_none();
                    }
                }
            }
        }
        times
    }

    /// What planned an activation: the decision or passing right before it, else what settled a step earlier.
    fn cause(&self, at: usize, node: flow_bytecode::NodeId) -> String {
        let before = self.events[..at]
            .iter()
            .rev()
            .find(|event| !matches!(event.kind, EventKind::Planned { .. }));
        let name = self.name(node);
        match before.map(|event| (&event.kind, event)) {
            Some((
                EventKind::JoinSettled {
                    join,
                    arrived,
                    passed: true,
                },
                _,
            )) if leads(&self.flow.joins[*join as usize].target, node) => {
                return format!("the join of [{}] passed", arrived.join(", "));
            }
            Some((EventKind::RouteDecided { arms, targets }, event))
                if targets.iter().any(|target| target.starts_with(name)) =>
            {
                let who = event.node.as_deref().unwrap_or("the route");
                return format!("`{who}` decided {}", arms.join(", "));
            }
            _ => {}
        }
        let step = self.events[at].step;
        let settled = self.events[..at].iter().rev().filter(|event| event.step < step);
        for event in settled {
            let (EventKind::Settled { how, .. }, Some(from)) = (&event.kind, &event.node) else {
                continue;
            };
            let Some(source) = self
                .flow
                .nodes
                .iter()
                .find(|one| *self.image.str(one.name) == **from)
            else {
                continue;
            };
            let way = match how {
                Settlement::Done if leads(&source.outs, node) => {
                    format!("{from} -> {name}, and `{from}` was done in step {}", event.step)
                }
                Settlement::Done if sends_to(source, node) => {
                    format!("`{from}` sent it an item in step {}", event.step)
                }
                Settlement::Done if self.may_go(source, node) => {
                    format!("`{from}` went there in step {}", event.step)
                }
                Settlement::LeftByError => format!(
                    "`{from}` failed in step {}, and its `on error` leads here",
                    event.step
                ),
                Settlement::TimedOut => format!("`{from}` timed out in step {}", event.step),
                _ => continue,
            };
            return way;
        }
        if leads(&self.flow.entry, node) {
            return format!("the run began: start -> {name}");
        }
        "it was triggered".to_owned()
    }

    /// Every way into a node that has not run, and why it was not gone.
    fn ways_into(&self, node: flow_bytecode::NodeId) -> Vec<Way> {
        let mut ways = Vec::new();
        if leads(&self.flow.entry, node) {
            ways.push(Way {
                from: "start".into(),
                what: "the run has not come that far".into(),
            });
        }
        for source in &self.flow.nodes {
            let from = self.image.str(source.name);
            if leads(&source.outs, node) {
                ways.push(Way {
                    from: format!("{from} ->"),
                    what: self.fate(from),
                });
            }
            if sends_to(source, node) {
                ways.push(Way {
                    from: format!("{from} (send)"),
                    what: self.fate(from),
                });
            }
            for (label, _) in self.arms(source).filter(|(_, target)| aims_at(target, node)) {
                let from_arm = format!("{from} when {label}");
                ways.push(Way {
                    from: from_arm,
                    what: self.decision(from),
                });
            }
            if source
                .on_error
                .as_ref()
                .is_some_and(|way| aims_at(&way.target, node))
            {
                ways.push(Way {
                    from: format!("{from} on error"),
                    what: self.fate(from),
                });
            }
            if source
                .on_timeout
                .as_ref()
                .is_some_and(|way| aims_at(&way.target, node))
            {
                ways.push(Way {
                    from: format!("{from} on timeout"),
                    what: self.fate(from),
                });
            }
        }
        for (number, join) in self.flow.joins.iter().enumerate() {
            if leads(&join.target, node) {
                ways.push(self.join(number as u32));
            }
        }
        ways
    }

    fn join(&self, number: u32) -> Way {
        let sources: Vec<String> = self
            .flow
            .nodes
            .iter()
            .filter(|node| {
                node.outs
                    .iter()
                    .any(|out| matches!(out, Out::Arrive { join, .. } if join.index() == number as usize))
            })
            .map(|node| self.image.str(node.name).to_owned())
            .collect();
        let judged = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::JoinSettled {
                join,
                passed: false,
                arrived,
            } if *join == number => Some(format!(
                "it cannot pass any more; arrived: {}",
                arrived.join(", ")
            )),
            _ => None,
        });
        let missing = || {
            let fates: Vec<String> = sources
                .iter()
                .map(|from| format!("{from}: {}", self.fate(from)))
                .collect();
            fates.join("; ")
        };
        Way {
            from: format!("[{}] ->", sources.join(", ")),
            what: judged.unwrap_or_else(missing),
        }
    }

    /// What became of a node last.
    fn fate(&self, name: &str) -> String {
        let of_node = self
            .events
            .iter()
            .rev()
            .filter(|event| event.node.as_deref() == Some(name));
        let mut words = of_node.filter_map(|event| match &event.kind {
            EventKind::Planned { .. } => Some(format!("`{name}` is to run in step {}", event.step)),
            kind => became(kind).map(|word| format!("`{name}` in step {}: {word}", event.step)),
        });
        words.next().unwrap_or_else(|| format!("`{name}` has not run"))
    }

    /// What a route or goto decided last.
    fn decision(&self, name: &str) -> String {
        let decided = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::RouteDecided { arms, targets } if event.node.as_deref() == Some(name) => {
                Some(format!(
                    "`{name}` decided {} instead: {}",
                    arms.join(", "),
                    targets.join(", ")
                ))
            }
            _ => None,
        });
        decided.unwrap_or_else(|| self.fate(name))
    }

    fn arms<'b>(&'b self, source: &'b Node) -> impl Iterator<Item = (&'b str, &'b Target)> {
        let route = match &source.kind {
            NodeKind::Route(decision) => Some(decision),
            _ => None,
        };
        let decisions = route.into_iter().chain(&source.goto);
        decisions
            .flat_map(|decision| &decision.arms)
            .map(|arm| (self.image.str(arm.label), &arm.target))
    }

    fn may_go(&self, source: &Node, node: flow_bytecode::NodeId) -> bool {
        self.arms(source).any(|(_, target)| aims_at(target, node))
            || source.may_goto.iter().any(|target| aims_at(target, node))
    }
}

fn sends_to(source: &Node, node: flow_bytecode::NodeId) -> bool {
    matches!(&source.kind, NodeKind::Send(eaches) if eaches.iter().any(|each| each.node == node))
}

/// Whether one of these ways leads to a node.
fn leads(outs: &[Out], node: flow_bytecode::NodeId) -> bool {
    outs.iter().any(|out| match out {
        Out::To(target) => aims_at(target, node),
        Out::Arrive { .. } => false,
    })
}

fn aims_at(target: &Target, node: flow_bytecode::NodeId) -> bool {
    match target {
        Target::Node { node: aimed, .. } => *aimed == node,
        Target::Many(targets) => targets.iter().any(|target| aims_at(target, node)),
        _ => false,
    }
}

/// What an event says about its activation, in words.
fn became(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Dispatched { worker, number, .. } => {
            format!("it waits for `{worker}`, attempt {number}")
        }
        EventKind::Failed {
            class,
            message,
            retry_at,
            ..
        } => match retry_at {
            Some(at) => format!(
                "attempt failed ({}: {message}); again at {}",
                word(*class),
                rfc3339(*at)
            ),
            None => format!("its last attempt failed ({}: {message})", word(*class)),
        },
        EventKind::Interrupted { interrupt, ask, .. } => {
            format!("it waits for an answer to `{interrupt}`: {ask}")
        }
        EventKind::TimerSet { due } => format!("it waits until {}", rfc3339(*due)),
        EventKind::Paused { before } => {
            format!(
                "the run paused {} it, at a breakpoint",
                if *before { "before" } else { "behind" }
            )
        }
        EventKind::Settled { how, .. } => match how {
            Settlement::Done => "it was done".to_owned(),
            Settlement::Failed => "it failed".to_owned(),
            Settlement::Skipped => "it was skipped".to_owned(),
            Settlement::Cancelled => "it was withdrawn".to_owned(),
            Settlement::TimedOut => "it timed out".to_owned(),
            Settlement::LeftByError => "it failed, and its `on error` took that".to_owned(),
        },
        _ => return None,
    })
}

/// A class of failures as programs write it.
fn word(class: flow_bytecode::ErrorClass) -> String {
    serde_json::to_value(class)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}
