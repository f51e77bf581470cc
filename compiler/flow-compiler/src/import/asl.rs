//! Amazon States Language: a state machine is a flow whose state is the document that its states hand on; branches and
//! iterators are flows of their own. What a state does is in `states`, conditions are in `choice`, paths, templates and
//! expressions in `path`.

mod choice;
mod path;
mod states;

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Note;
use super::document::{Form, Json, Trouble};
use super::names::Names;
use super::writing::{comment, seconds, string};

/// What is written first.
const HEAD: &str = "//! Imported from Amazon States Language.\n\n";
/// Functions that paths need, and how their calls begin.
const FUNCTIONS: &[(&str, &str)] = &[
    (
        "at(",
        "/// What stands at a path of a document; null where nothing does.
fn at(doc: json, path: [string]) -> json = path.fold(doc, (here, key) => if here == null then null else (here as map<json>).get(key))

",
    ),
    (
        "put(",
        "/// A document as a map; null is an empty one.
fn entries_of(doc: json) -> map<json> = if doc == null then {} else doc as map<json>

/// The document with a value under a key.
fn put(doc: json, key: string, value: json) -> json = entries_of(doc).merge({ [key]: value })

",
    ),
];

/// What a state machine may have.
const MACHINE: &[&str] = &[
    "Comment",
    "StartAt",
    "States",
    "Version",
    "TimeoutSeconds",
    "QueryLanguage",
    "ProcessorConfig",
];

/// What all machines of a document share.
struct Work<'t> {
    trouble: &'t mut Trouble,
    notes: &'t mut Vec<Note>,
    /// Names of flows and workers.
    names: Names,
    /// Workers by resource: name and signature.
    workers: BTreeMap<String, (String, String)>,
    /// Flows that are whole.
    flows: Vec<String>,
}

/// A state machine in the making.
struct Machine<'j> {
    /// Where it is in the document.
    place: String,
    states: Vec<(&'j str, &'j Json)>,
    jsonata: bool,
    names: Names,
    edges: String,
    nodes: String,
    fields: Vec<String>,
}

pub(super) fn source(root: &Json, trouble: &mut Trouble, notes: &mut Vec<Note>) -> String {
    let mut work = Work {
        trouble,
        notes,
        names: Names::default(),
        workers: BTreeMap::new(),
        flows: Vec::new(),
    };
    for taken in ["at", "put", "entries_of"] {
        work.names.fresh(taken);
    }
    let name = work.names.fresh("state machine");
    work.machine(root, &name, "", false);
    let mut out = String::from(HEAD);
    let flows = work.flows.iter().rev().cloned().collect::<String>();
    for (call, function) in FUNCTIONS {
        if flows.contains(call) {
            out.push_str(function);
        }
    }
    for (_, signature) in work.workers.values() {
        out.push_str(signature);
    }
    // The machine itself is whole last, and stands first.
    out + &flows
}

impl Work<'_> {
    fn note(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.notes.push(Note {
            place: place.into(),
            text: text.into(),
        });
    }

    /// Writes a machine as a flow of this name.
    fn machine(&mut self, json: &Json, name: &str, place: &str, jsonata: bool) {
        let Some(json) = self.trouble.form(json, Form::Object, "a state machine") else {
            return;
        };
        self.trouble.known(json, MACHINE);
        let mode = json.get("ProcessorConfig").and_then(|config| config.text("Mode"));
        if mode == Some("DISTRIBUTED") {
            let place = format!("{place}.ProcessorConfig");
            self.note(
                place,
                "items are runs inside this one; `flowvm work` spreads runs over processes",
            );
        }
        let start = self.trouble.required(json, "StartAt", Form::Text);
        let states = self.trouble.required(json, "States", Form::Object);
        let (Some(start), Some(states)) = (start, states) else {
            return;
        };
        let jsonata = json
            .text("QueryLanguage")
            .map_or(jsonata, |language| language == "JSONata");
        let mut machine = Machine {
            place: if place.is_empty() {
                String::new()
            } else {
                format!("{place}.")
            },
            states: states.entries().collect(),
            jsonata,
            names: Names::default(),
            edges: String::new(),
            nodes: String::new(),
            fields: vec!["data: json = null".to_owned()],
        };
        machine.names.fresh("begin");
        let first = self.target(&mut machine, start);
        let _ = writeln!(machine.edges, "start -> begin -> {first}");
        for (name, state) in machine.states.clone() {
            self.state(&mut machine, name, state);
        }
        let limit = self
            .trouble
            .optional(json, "TimeoutSeconds", Form::Count)
            .and_then(|json| json.value.as_u64());
        let limit = limit.map_or_else(String::new, |limit| format!("limit time {}\n", seconds(limit)));
        let mut out = comment("///", json.text("Comment").unwrap_or_default());
        let _ = write!(
            out,
            "flow {name}(input: json) -> json {{\nlimit steps 25000\n{limit}\nstate {{\n{}\n}}\n\n{}\n\
             transform begin {{ data <- input }}\n\n{}\nreturn data\n}}\n\n",
            machine.fields.join("\n"),
            machine.edges,
            machine.nodes
        );
        self.flows.push(out);
    }

    /// A state as a target.
    fn target(&mut self, machine: &mut Machine<'_>, next: &Json) -> String {
        let Some(name) = self
            .trouble
            .form(next, Form::Text, "the name of a state")
            .and_then(Json::str)
        else {
            return "end".to_owned();
        };
        let Some((_, state)) = machine.states.iter().find(|(known, _)| *known == name) else {
            self.trouble
                .wrong(next.span, format!("there is no state `{name}`"));
            return "end".to_owned();
        };
        match state.text("Type") {
            Some("Succeed") => "end".to_owned(),
            Some("Fail") => {
                let why = [state.text("Error"), state.text("Cause")];
                let why: Vec<&str> = why.into_iter().flatten().collect();
                let why = if why.is_empty() {
                    name.to_owned()
                } else {
                    why.join(": ")
                };
                format!("fail {}", string(&why))
            }
            Some("Parallel") => {
                let count = state.get("Branches").map_or(0, |branches| branches.items.len());
                let name = machine.names.of(name);
                let branches: Vec<_> = (1..=count)
                    .map(|number| machine.names.of(&format!("{name} branch {number}")))
                    .collect();
                match branches.as_slice() {
                    [] => name,
                    [one] => one.clone(),
                    several => format!("[{}]", several.join(", ")),
                }
            }
            _ => machine.names.of(name),
        }
    }

    /// The worker that stands for a resource.
    fn worker(&mut self, resource: &str, place: &str) -> String {
        if let Some((name, _)) = self.workers.get(resource) {
            return name.clone();
        }
        let parts: Vec<&str> = resource.split(':').filter(|part| !part.is_empty()).collect();
        let last = match parts.as_slice() {
            [.., service, action] if resource.starts_with("arn:aws:states:") => format!("{service} {action}"),
            [.., last] => (*last).to_owned(),
            [] => "worker".to_owned(),
        };
        let name = self.names.fresh(&last);
        let about = comment(
            "///",
            &format!("Stands for `{resource}`. Where it is, is said by `flow.toml`."),
        );
        let signature = format!("{about}worker {name}(input: json) -> json via webhook\n\n");
        self.workers
            .insert(resource.to_owned(), (name.clone(), signature));
        self.note(
            place,
            format!("`{resource}` is the worker `{name}`; bind it in `flow.toml`"),
        );
        if resource.ends_with(".waitForTaskToken") {
            self.note(place, "a task token is a webhook's 202 with a callback here");
        }
        name
    }
}
