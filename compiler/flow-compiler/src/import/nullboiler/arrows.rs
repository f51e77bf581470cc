//! Edges as arrows. A node that several edges lead to starts when all of them have settled, as it does there: a join.
//! Edges that lead back are arrows of their own.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Work;
use crate::import::document::{Form, Json};
use crate::import::writing::string;

/// The edges of a workflow.
pub(super) struct Arrows<'j> {
    edges: Vec<Edge<'j>>,
}

struct Edge<'j> {
    from: &'j str,
    /// Of a route: for which value.
    value: Option<&'j str>,
    to: &'j str,
}

/// The arms of a route: values and where they lead, as they are written.
pub(super) type Arms = Vec<(Option<String>, String)>;

impl<'j> Arrows<'j> {
    pub(super) fn read(edges: &'j Json, work: &mut Work<'j, '_>) -> Self {
        let mut read = Vec::new();
        for edge in &edges.items {
            let Some(pair) = work.trouble.form(edge, Form::List, "an edge") else {
                continue;
            };
            let [from, to] = pair.items.as_slice() else {
                work.trouble.wrong(edge.span, "an edge is `[source, target]`");
                continue;
            };
            let source = work
                .trouble
                .form(from, Form::Text, "the source of an edge")
                .and_then(Json::str);
            let target = work
                .trouble
                .form(to, Form::Text, "the target of an edge")
                .and_then(Json::str);
            let (Some(source), Some(target)) = (source, target) else {
                continue;
            };
            let (source, value) = match source.split_once(':') {
                Some((source, value)) => (source, Some(value)),
                None => (source, None),
            };
            if source != "__start__" && work.kind(source).is_none() {
                work.trouble
                    .wrong(from.span, format!("there is no node `{source}`"));
            }
            if target != "__end__" && work.kind(target).is_none() {
                work.trouble
                    .wrong(to.span, format!("there is no node `{target}`"));
            }
            read.push(Edge {
                from: source,
                value,
                to: target,
            });
        }
        Self { edges: read }
    }

    /// The arrows as source, and the arms of the routes.
    pub(super) fn write(&self, work: &mut Work<'j, '_>) -> (String, BTreeMap<&'j str, Arms>) {
        let mut out = String::new();
        let mut arms: BTreeMap<&'j str, Arms> = BTreeMap::new();
        let mut joined: Vec<(&str, Vec<String>)> = Vec::new();
        let back = self.back();
        for (edge, back) in self.edges.iter().zip(back) {
            let to = target(edge.to, work);
            match work.kind(edge.from) {
                Some("route") => {
                    let value = edge.value.map(str::to_owned);
                    arms.entry(edge.from).or_default().push((value, to));
                    continue;
                }
                // A send ends where its items have all come back.
                Some("send") => {
                    let items = items_of(edge.from, work);
                    let _ = writeln!(out, "[{items}] -> {to}");
                    continue;
                }
                _ if work.items.contains(&edge.from) => {
                    let text =
                        "the items of a send go on together, where the send does; this edge is left out";
                    work.note(format!("edges.{}", edge.from), text);
                    continue;
                }
                _ => {}
            }
            let start = edge.from == "__start__";
            let from = if start {
                "start".to_owned()
            } else {
                work.names.of(edge.from)
            };
            if start || edge.to == "__end__" || back {
                let _ = writeln!(out, "{from} -> {to}");
                continue;
            }
            match joined.iter_mut().find(|(known, _)| *known == edge.to) {
                Some((_, sources)) => sources.push(from),
                None => joined.push((edge.to, vec![from])),
            }
        }
        for (to, from) in joined {
            let to = target(to, work);
            let _ = match from.as_slice() {
                [one] => writeln!(out, "{one} -> {to}"),
                several => writeln!(out, "[{}] -> {to}", several.join(", ")),
            };
        }
        (out + "\n", arms)
    }

    /// Which edges lead back to where a walk in depth from the start came from.
    fn back(&self) -> Vec<bool> {
        let leaving = |name: &str| -> Vec<usize> {
            let edges = self.edges.iter().enumerate();
            edges
                .filter(|(_, edge)| edge.from == name)
                .map(|(at, _)| at)
                .collect()
        };
        let mut back = vec![false; self.edges.len()];
        let mut seen = vec!["__start__"];
        let mut path = vec![("__start__", leaving("__start__"))];
        while let Some((_, left)) = path.last_mut() {
            if left.is_empty() {
                path.pop();
                continue;
            }
            let at = left.remove(0);
            let to = self.edges[at].to;
            back[at] = path.iter().any(|(name, _)| *name == to);
            if !seen.contains(&to) {
                seen.push(to);
                path.push((to, leaving(to)));
            }
        }
        back
    }
}

fn target(name: &str, work: &mut Work<'_, '_>) -> String {
    if name == "__end__" {
        return "end".to_owned();
    }
    work.names.of(name)
}

/// The node that a send starts for each item.
pub(super) fn items_of(send: &str, work: &mut Work<'_, '_>) -> String {
    let node = work.nodes.iter().find(|(name, _)| *name == send);
    match node.and_then(|(_, json)| json.text("target_node")) {
        Some(target) => work.names.of(target),
        None => work.names.of(&format!("{send} item")),
    }
}

/// A value of a route as a pattern for a field of this type.
pub(super) fn pattern(value: &str, ty: &str) -> Option<String> {
    match ty {
        "string" => Some(string(value)),
        "bool" => ["true", "false"].contains(&value).then(|| value.to_owned()),
        "int" => value.parse::<i64>().ok().map(|value| value.to_string()),
        _ => None,
    }
}
