//! A workflow of nullboiler: `nodes` of seven types, `edges` with `source:value`, `state_schema` with `type`,
//! `reducer`, `ephemeral`. What a node does is in `nodes`, how edges become arrows in `arrows`, what templates become
//! in `template`.

mod arrows;
mod nodes;
mod template;

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Note;
use super::document::{Form, Json, Trouble};
use super::names::Names;
use super::writing::{comment, json};

const KEYS: &[&str] = &[
    "id",
    "name",
    "description",
    "version",
    "nodes",
    "edges",
    "state_schema",
    "defaults",
    "interrupt_before",
    "interrupt_after",
    "tracker_url",
    "nulltickets_url",
    "tracker_api_token",
    "nulltickets_api_token",
];

/// The reducers of a field, called as ours are.
const REDUCERS: &[&str] = &[
    "last_value",
    "append",
    "merge",
    "add",
    "min",
    "max",
    "add_messages",
];

/// A state field.
pub(super) struct Field {
    name: String,
    /// Its type in the source.
    ty: &'static str,
    reducer: &'static str,
    /// `= v`, where the reducer does not give one.
    start: Option<&'static str>,
    ephemeral: bool,
}

/// A workflow in the making.
pub(super) struct Work<'j, 't> {
    trouble: &'t mut Trouble,
    notes: &'t mut Vec<Note>,
    names: Names,
    /// The nodes of the document, in order.
    nodes: Vec<(&'j str, &'j Json)>,
    fields: BTreeMap<String, Field>,
    /// The order of the fields.
    order: Vec<String>,
    /// Names of the input that templates read.
    inputs: Vec<String>,
    config: Vec<(String, String)>,
    /// Workers by name, with their signatures.
    workers: BTreeMap<String, String>,
    /// Flows that stand for workflows of other documents.
    flows: Vec<String>,
    /// Targets of sends.
    items: Vec<&'j str>,
}

pub(super) fn source(root: &Json, trouble: &mut Trouble, notes: &mut Vec<Note>) -> String {
    let Some(root) = trouble.form(root, Form::Object, "the document") else {
        return String::new();
    };
    trouble.known(root, KEYS);
    let nodes = trouble.required(root, "nodes", Form::Object);
    let edges = trouble.required(root, "edges", Form::List);
    let (Some(nodes), Some(edges)) = (nodes, edges) else {
        return String::new();
    };
    let mut work = Work {
        trouble,
        notes,
        names: Names::default(),
        nodes: nodes.entries().collect(),
        fields: BTreeMap::new(),
        order: Vec::new(),
        inputs: Vec::new(),
        config: Vec::new(),
        workers: BTreeMap::new(),
        flows: Vec::new(),
        items: Vec::new(),
    };
    work.around(root);
    work.schema(root);
    work.find_items();
    let arrows = arrows::Arrows::read(edges, &mut work);
    let mut body = String::new();
    let (written, decisions) = arrows.write(&mut work);
    body.push_str(&written);
    for (name, node) in work.nodes.clone() {
        let text = work.node(name, node, decisions.get(name));
        body.push_str(&text);
    }
    work.whole(root, &body)
}

impl<'j> Work<'j, '_> {
    fn note(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.notes.push(Note {
            place: place.into(),
            text: text.into(),
        });
    }

    /// What stands around nodes and edges.
    fn around(&mut self, root: &Json) {
        for key in ["interrupt_before", "interrupt_after"] {
            if self.trouble.optional(root, key, Form::List).is_some() {
                let flag = key.replace("interrupt_", "--break-");
                self.note(
                    key,
                    format!("breakpoints are given when a run starts: `flowvm run … {flag} NODE`"),
                );
            }
        }
        for key in [
            "tracker_url",
            "nulltickets_url",
            "tracker_api_token",
            "nulltickets_api_token",
        ] {
            if root.get(key).is_some() {
                self.note(key, "there is no tracker; where workers are is said by `flow.toml`, secrets by `[secrets]` in it");
            }
        }
        let Some(defaults) = self.trouble.optional(root, "defaults", Form::Object) else {
            return;
        };
        for (key, value) in defaults.entries() {
            let ty = match &value.value {
                serde_json::Value::Bool(_) => "bool",
                serde_json::Value::Number(number) if number.is_f64() => "float",
                serde_json::Value::Number(_) => "int",
                serde_json::Value::String(_) => "string",
                _ => "json",
            };
            let name = super::names::snake(key);
            self.config
                .push((name.clone(), format!("{name}: {ty} = {}", json(&value.value))));
        }
    }

    fn schema(&mut self, root: &Json) {
        let Some(schema) = self.trouble.optional(root, "state_schema", Form::Object) else {
            return;
        };
        for (key, field) in schema.entries() {
            let Some(field) = self
                .trouble
                .form(field, Form::Object, "a field of `state_schema`")
            else {
                continue;
            };
            self.trouble
                .known(field, &["type", "reducer", "ephemeral", "description"]);
            let ty = self.trouble.optional(field, "type", Form::Text);
            let reducer = self.trouble.optional(field, "reducer", Form::Text);
            let ephemeral = self.trouble.optional(field, "ephemeral", Form::Bool);
            let given = ty.and_then(Json::str).unwrap_or("any");
            let Some((mut ty, mut start)) = type_of(given) else {
                if let Some(json) = ty {
                    self.trouble.wrong(json.span, format!("`{given}` is no type; there are string, number, integer, boolean, array, object, any"));
                }
                continue;
            };
            let wanted = reducer.and_then(Json::str).unwrap_or("last_value");
            let Some(reducer) = REDUCERS.iter().copied().find(|known| *known == wanted) else {
                if let Some(json) = reducer {
                    self.trouble.wrong(
                        json.span,
                        format!("`{wanted}` is no reducer; there are {}", REDUCERS.join(", ")),
                    );
                }
                continue;
            };
            let place = format!("state_schema.{key}");
            let fitting = match reducer {
                "append" => "[json]",
                "add_messages" => "[Message]",
                "merge" => "map<json>",
                "add" | "min" | "max" if ty != "int" && ty != "float" => "float",
                _ => ty,
            };
            if fitting != ty && !(ty == "[json]" && fitting == "[Message]") && given != "any" {
                self.note(
                    &place,
                    format!("`{reducer}` needs another type than `{given}`: it is `{fitting}` now"),
                );
            }
            if reducer != "last_value" {
                start = (reducer == "min" || reducer == "max").then_some(start).flatten();
            }
            if fitting == "float" && matches!(reducer, "min" | "max") {
                start = None;
                self.note(
                    &place,
                    format!("with `{reducer}` the first update is the value; nothing is there before it"),
                );
            }
            ty = fitting;
            let ephemeral = ephemeral.is_some_and(|json| json.value == true);
            self.field(key, ty, reducer, start, ephemeral);
        }
    }

    fn field(
        &mut self,
        key: &str,
        ty: &'static str,
        reducer: &'static str,
        start: Option<&'static str>,
        ephemeral: bool,
    ) {
        let name = super::names::snake(key);
        self.order.push(key.to_owned());
        self.fields.insert(
            key.to_owned(),
            Field {
                name,
                ty,
                reducer,
                start,
                ephemeral,
            },
        );
    }

    /// The field of this key; one that the schema does not have is added to it.
    fn known_field(&mut self, key: &str, place: &str) -> (String, &'static str, &'static str) {
        if !self.fields.contains_key(key) {
            self.note(
                place,
                format!("`{key}` is not in `state_schema`; it is a field of type `json` now"),
            );
            self.field(key, "json", "last_value", Some("null"), false);
        }
        self.fields
            .get(key)
            .map_or((super::names::snake(key), "json", "last_value"), |field| {
                (field.name.clone(), field.ty, field.reducer)
            })
    }

    /// The type of a node; none where there is no such node.
    fn kind(&self, name: &str) -> Option<&'j str> {
        let (_, json) = self.nodes.iter().find(|(known, _)| *known == name)?;
        Some(json.text("type").unwrap_or("task"))
    }

    /// A field that several items write must take all of them.
    fn gather(&mut self, key: &str, place: &str) {
        self.known_field(key, place);
        if let Some(field) = self.fields.get_mut(key)
            && field.reducer == "last_value"
        {
            (field.ty, field.reducer, field.start) = ("[json]", "append", None);
            let text = format!("`{key}` gathers what comes back for each item: it is `[json] by append` now");
            self.note(place, text);
        }
    }

    /// The nodes that a send starts once per item, and the fields that they write.
    fn find_items(&mut self) {
        for (_, node) in &self.nodes {
            if node.text("type") == Some("send")
                && let Some(target) = node.text("target_node")
                && let Some((name, _)) = self.nodes.iter().find(|(name, _)| *name == target)
            {
                self.items.push(name);
            }
        }
        for item in self.items.clone() {
            let node = self.nodes.iter().find(|(name, _)| *name == item);
            let key = node
                .and_then(|(_, json)| json.text("output_key"))
                .unwrap_or("output");
            self.gather(key, &format!("nodes.{item}"));
        }
    }

    fn whole(&self, root: &Json, body: &str) -> String {
        let mut out = String::from("//! Imported from a workflow of nullboiler.\n\n");
        if self.fields.values().any(|field| field.ty == "[Message]") {
            out.push_str(
                "type Message = { id: string = \"\", role: string = \"\", content: json = null }\n\n",
            );
        }
        for signature in self.workers.values() {
            out.push_str(signature);
        }
        for flow in &self.flows {
            out.push_str(flow);
        }
        out.push_str(&comment("///", root.text("description").unwrap_or_default()));
        let name = root
            .text("name")
            .or_else(|| root.text("id"))
            .unwrap_or("workflow");
        let mut names = Names::default();
        for taken in self.workers.keys() {
            names.fresh(taken);
        }
        let params: Vec<_> = self
            .inputs
            .iter()
            .map(|input| format!("{input}: string"))
            .collect();
        let _ = writeln!(
            out,
            "flow {}({}) {{\nlimit steps 1000",
            names.fresh(name),
            params.join(", ")
        );
        if !self.config.is_empty() {
            let lines: Vec<_> = self.config.iter().map(|(_, line)| line.as_str()).collect();
            let _ = writeln!(out, "config {{ {} }}", lines.join(", "));
        }
        if !self.order.is_empty() {
            out.push_str("state {\n");
        }
        for key in &self.order {
            let Some(field) = self.fields.get(key) else {
                continue;
            };
            let by = if field.reducer == "last_value" {
                String::new()
            } else {
                format!(" by {}", field.reducer)
            };
            let start = field
                .start
                .map_or_else(String::new, |start| format!(" = {start}"));
            let ephemeral = if field.ephemeral { " ephemeral" } else { "" };
            let _ = writeln!(out, "{}: {}{by}{start}{ephemeral}", field.name, field.ty);
        }
        if !self.order.is_empty() {
            out.push_str("}\n\n");
        }
        out + body + "}\n"
    }

    /// A worker for nodes with these tags that must reply with this type.
    fn worker(&mut self, tags: &[String], reply: &str) -> String {
        let base = if tags.is_empty() {
            "worker_".to_owned()
        } else {
            tags.join("_")
        };
        let mut name = super::names::snake(&format!("ask {base}"));
        if reply != "string" {
            name = format!("{name}_{}", super::names::snake(reply));
        }
        let tagged = if tags.is_empty() {
            String::new()
        } else {
            format!(" {{ tags [{}] }}", tags.join(", "))
        };
        let signature = format!("worker {name}(prompt: string) -> {reply} via webhook{tagged}\n\n");
        self.workers.entry(name.clone()).or_insert(signature);
        name
    }
}

/// A type of the schema, and what a field of it starts with.
fn type_of(name: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match name {
        "string" => ("string", Some("\"\"")),
        "number" | "float" => ("float", Some("0.0")),
        "integer" | "int" => ("int", Some("0")),
        "boolean" | "bool" => ("bool", Some("false")),
        "array" | "list" => ("[json]", Some("[]")),
        "object" => ("map<json>", Some("{}")),
        "any" | "json" => ("json", Some("null")),
        _ => return None,
    })
}
