//! Whether what a run has and waits for fits another program: its input, its channels by the values that they hold,
//! the nodes of its frontier with their parameters, the joins at which something has arrived. How it came there is
//! not looked at here.

use flow_bytecode::{Flow, Image, Node, NodeKind, Param, Source, Type, TypeId};
use flow_machine::border::check_json;
use flow_machine::interp::{Fuel, Interp};
use flow_machine::{Event, EventKind, Program};
use serde_json::{Map, Value as Json};

/// A run, as far as another program must have what it needs.
pub(super) struct Standing<'a> {
    /// The program that it runs, and its flow there.
    pub(super) was: (&'a Program, &'a Flow),
    /// The course of its log.
    pub(super) events: &'a [Event],
    /// The last state.
    pub(super) state: &'a Map<String, Json>,
    /// The joins at which something has arrived.
    pub(super) joins: &'a [usize],
}

/// What came of a comparison.
#[derive(Default)]
pub(super) struct Fit {
    /// What keeps the run from going on there.
    pub(super) misfits: Vec<String>,
    /// What would become another, and hinders nothing.
    pub(super) changes: Vec<String>,
}

/// Holds a run against another program.
pub(super) fn fit(run: &Standing<'_>, new: &Program, is: &Flow) -> Fit {
    let mut fit = Fit::default();
    if let Some(EventKind::Created { start, .. }) = run.events.first().map(|event| &event.kind) {
        params(new, &is.params, &start.input, "input", &mut fit);
    }
    channels(run, new, is, &mut fit);
    for (path, args) in frontier(run.events) {
        stands(run, (new, is), &path, &args, &mut fit);
    }
    for number in run.joins {
        join(run, new.image(), is, *number, &mut fit);
    }
    fit
}

fn channels(run: &Standing<'_>, new: &Program, is: &Flow, fit: &mut Fit) {
    let (old, image) = (run.was.0.image(), new.image());
    for field in &run.was.1.fields {
        let name = old.str(field.name);
        let value = run.state.get(name);
        let Some(one) = is.fields.iter().find(|one| image.str(one.name) == name) else {
            if value.is_some() {
                fit.changes
                    .push(format!("channel `{name}` is gone; its value would be dropped"));
            }
            continue;
        };
        if let Some(problem) = value.and_then(|value| misfit(new, one.ty, value)) {
            fit.misfits.push(format!(
                "what channel `{name}` holds does not fit its new type: {problem}"
            ));
        }
        let same = std::mem::discriminant(&field.reducer) == std::mem::discriminant(&one.reducer);
        if !same || field.ephemeral != one.ephemeral {
            fit.changes
                .push(format!("channel `{name}` is merged or kept in another way"));
        }
    }
    for one in &is.fields {
        let name = image.str(one.name);
        if run.was.1.fields.iter().any(|field| old.str(field.name) == name) {
            continue;
        }
        if one.start.is_some() {
            fit.changes
                .push(format!("channel `{name}` is new and begins with its default"));
        } else {
            fit.misfits
                .push(format!("channel `{name}` is new and has no value to begin with"));
        }
    }
}

/// One activation that was planned and has not settled.
fn stands(run: &Standing<'_>, new: (&Program, &Flow), path: &str, args: &Json, fit: &mut Fit) {
    let Some(was) = node_at(run.was.0.image(), run.was.1, path) else {
        return;
    };
    let Some(is) = node_at(new.0.image(), new.1, path) else {
        fit.misfits
            .push(format!("node `{path}`, at which the run stands, is gone"));
        return;
    };
    if std::mem::discriminant(&was.kind) != std::mem::discriminant(&is.kind) {
        fit.misfits.push(format!(
            "node `{path}`, at which the run stands, is of another kind"
        ));
    }
    let none = Map::new();
    let args = args.as_object().unwrap_or(&none);
    params(new.0, &is.params, args, &format!("node `{path}`: parameter"), fit);
}

/// Whether values that were given fit the parameters that there are now.
fn params(new: &Program, params: &[Param], given: &Map<String, Json>, whose: &str, fit: &mut Fit) {
    let image = new.image();
    for param in params {
        let name = image.str(param.name);
        let optional = param.default.is_some() || matches!(image.types[param.ty.index()], Type::Nullable(_));
        match given.get(name) {
            None if optional => {}
            None => fit.misfits.push(format!(
                "{whose} `{name}` is new, and the run has no value for it"
            )),
            Some(value) => {
                if let Some(problem) = misfit(new, param.ty, value) {
                    fit.misfits
                        .push(format!("{whose} `{name}` does not fit: {problem}"));
                }
            }
        }
    }
    let names = |name: &String| params.iter().any(|param| image.str(param.name) == *name);
    for name in given.keys().filter(|name| !names(name)) {
        fit.changes
            .push(format!("{whose} `{name}` is gone; its value would be dropped"));
    }
}

/// A join at which something has arrived must have the same sides.
fn join(run: &Standing<'_>, new: &Image, is: &Flow, number: usize, fit: &mut Fit) {
    let (old, flow) = (run.was.0.image(), run.was.1);
    let sides = sides_of(old, flow, number);
    let shown = sides.join(", ");
    let with_all = |at: &usize| {
        let theirs = sides_of(new, is, *at);
        sides.iter().all(|side| theirs.contains(side))
    };
    let Some(at) = (0..is.joins.len()).find(with_all) else {
        fit.misfits.push(format!(
            "something has arrived at the join of [{shown}], and no join has all these sides"
        ));
        return;
    };
    let (was, is_now) = (&flow.joins[number], &is.joins[at]);
    if was.policy != is_now.policy || was.rest != is_now.rest {
        fit.changes.push(format!(
            "the join of [{shown}], at which something has arrived, has another policy"
        ));
    }
    if was.sources.len() != is_now.sources.len() {
        fit.changes.push(format!(
            "the join of [{shown}], at which something has arrived, has more sides"
        ));
    }
}

fn sides_of(image: &Image, flow: &Flow, join: usize) -> Vec<String> {
    let side = |source: &Source| match source {
        Source::Node(node) => image.str(flow.nodes[node.index()].name).to_owned(),
        Source::Join(inner) => format!("[{}]", sides_of(image, flow, inner.index()).join(", ")),
    };
    flow.joins[join].sources.iter().map(side).collect()
}

fn misfit(program: &Program, ty: TypeId, value: &Json) -> Option<String> {
    let (mut interp, mut fuel) = (Interp::default(), Fuel::default());
    let checked = check_json(program, ty, value, &mut interp, &mut fuel);
    checked.err().map(|fault| fault.to_string())
}

/// The node at a path; what lies before a `/` is a subgraph.
fn node_at<'a>(image: &'a Image, mut flow: &'a Flow, path: &str) -> Option<&'a Node> {
    let mut found: Option<&Node> = None;
    for part in path.split('/') {
        if let Some(outer) = found {
            let NodeKind::Subgraph { flow: inner, .. } = outer.kind else {
                return None;
            };
            flow = &image.flows[inner.index()];
        }
        let name = part.split('[').next().unwrap_or(part);
        found = Some(flow.nodes.iter().find(|node| image.str(node.name) == name)?);
    }
    found
}

/// What was planned and has not settled, with its parameters.
fn frontier(events: &[Event]) -> Vec<(String, Json)> {
    let mut open: Vec<(String, u32, &Json)> = Vec::new();
    for event in events {
        let Some(node) = &event.node else { continue };
        match &event.kind {
            EventKind::Planned { index, args } => open.push((node.to_string(), *index, args)),
            EventKind::Settled { index, .. } => {
                if let Some(at) = open.iter().position(|one| one.0 == **node && one.1 == *index) {
                    open.remove(at);
                }
            }
            _ => {}
        }
    }
    open.into_iter()
        .map(|(name, _, args)| (name, args.clone()))
        .collect()
}
