//! Nodes, one function per type.

use std::fmt::Write;

use serde_json::Value;

use super::Work;
use super::arrows::{Arms, items_of, pattern};
use crate::import::document::{Form, Json};
use crate::import::names::snake;
use crate::import::writing::{comment, json, millis, string};

/// What every node may have.
const COMMON: &[&str] = &[
    "type",
    "description",
    "retry",
    "timeout_ms",
    "cache",
    "output_key",
];
/// What nodes with a worker may have.
const WORKERS: &[&str] = &["prompt", "prompt_template", "tags", "worker_tags"];

impl<'j> Work<'j, '_> {
    pub(super) fn node(&mut self, name: &'j str, node: &'j Json, arms: Option<&Arms>) -> String {
        let Some(node) = self.trouble.form(node, Form::Object, "a node") else {
            return String::new();
        };
        let kind = self
            .trouble
            .optional(node, "type", Form::Text)
            .and_then(Json::str);
        let kind = kind.unwrap_or("task");
        let doc = comment("///", node.text("description").unwrap_or_default());
        let text = match kind {
            "task" | "agent" => self.task(name, node, kind),
            "route" => self.route(name, node, arms),
            "interrupt" => self.interrupt(name, node),
            "send" => self.send(name, node),
            "transform" => self.transform(name, node),
            "subgraph" => self.subgraph(name, node),
            other => {
                let at = node.get("type").map_or(node.span, |json| json.span);
                let known = "task, agent, route, interrupt, send, transform, subgraph";
                self.trouble
                    .wrong(at, format!("`{other}` is no type of a node; there are {known}"));
                String::new()
            }
        };
        format!("{doc}{text}\n")
    }

    fn keys(&mut self, node: &Json, more: &[&[&str]]) {
        let known: Vec<&str> = COMMON
            .iter()
            .chain(more.iter().copied().flatten())
            .copied()
            .collect();
        self.trouble.known(node, &known);
    }

    /// The head of a node: its kind, name and, where a send starts it, its item.
    fn head(&mut self, kind: &str, name: &str) -> String {
        let params = if self.items.contains(&name) {
            "(item: json)"
        } else {
            ""
        };
        format!("{kind} {}{params} {{\n", self.names.of(name))
    }

    fn task(&mut self, name: &'j str, node: &'j Json, kind: &str) -> String {
        self.keys(node, &[WORKERS, &["continuation_prompt", "max_turns", "goto"]]);
        let place = format!("nodes.{name}");
        let mut out = self.head(kind, name) + &self.call(node, &place, "output");
        if kind == "agent" {
            if let Some(text) = node.text("continuation_prompt") {
                let text = self.template(text, &place);
                let _ = writeln!(out, "continue (prompt: {text})");
            }
            if let Some(turns) = self.trouble.optional(node, "max_turns", Form::Count) {
                let _ = writeln!(out, "limit turns {}", turns.value);
            }
            self.note(
                &place,
                "an agent goes on while it has tool calls; say with `until` what else ends it",
            );
        }
        if node.get("goto").is_some() {
            let text = "a worker's command: say where it may lead with `may goto [ … ]`";
            self.note(format!("{place}.goto"), text);
        }
        out + "}\n"
    }

    /// The call of a worker, what becomes of its reply, and how often it is tried.
    fn call(&mut self, node: &'j Json, place: &str, default_key: &str) -> String {
        let prompt = node.text("prompt_template").or_else(|| node.text("prompt"));
        let prompt = self.template(prompt.unwrap_or_default(), place);
        let key = node.text("output_key").unwrap_or(default_key);
        let (field, ty, reducer) = self.known_field(key, place);
        let reply = match reducer {
            "append" => "json",
            "add_messages" => "Message",
            _ => ty,
        };
        let tags = node.get("worker_tags").or_else(|| node.get("tags"));
        let tags = tags
            .into_iter()
            .flat_map(|tags| &tags.items)
            .filter_map(Json::str);
        let tags: Vec<String> = tags.map(snake).collect();
        let worker = self.worker(&tags, reply);
        let limits = self.limits(node, place);
        format!("call {worker}(prompt: {prompt}) as reply\n{field} <- reply\n{limits}")
    }

    fn limits(&mut self, node: &Json, place: &str) -> String {
        let mut out = String::new();
        if let Some(retry) = self.trouble.optional(node, "retry", Form::Object) {
            let known = [
                "max_attempts",
                "initial_interval_ms",
                "backoff_factor",
                "max_interval_ms",
            ];
            self.trouble.known(retry, &known);
            let number = |key: &str| retry.get(key).and_then(|json| json.value.as_u64());
            // It is clamped there, too.
            let _ = write!(
                out,
                "attempts {}",
                number("max_attempts").unwrap_or(3).clamp(1, 100)
            );
            if let Some(first) = number("initial_interval_ms") {
                let most = number("max_interval_ms").unwrap_or(30_000).max(first);
                let _ = write!(out, " backoff {}..{}", millis(first), millis(most));
                if let Some(factor) = retry.get("backoff_factor").and_then(|json| json.value.as_f64()) {
                    let _ = write!(out, " factor {factor:?}");
                }
            }
            out.push('\n');
        }
        let timeout = self.trouble.optional(node, "timeout_ms", Form::Count);
        match timeout.and_then(|json| json.value.as_u64()) {
            Some(most) => {
                let _ = writeln!(out, "timeout {}", millis(most));
            }
            None if out.is_empty() => {}
            None => {
                out.push_str("timeout 10m\n");
                self.note(
                    place,
                    "there was no timeout; an attempt ends after 10 minutes now",
                );
            }
        }
        if let Some(cache) = self.trouble.optional(node, "cache", Form::Object) {
            self.trouble.known(cache, &["ttl_ms"]);
            if let Some(most) = cache.get("ttl_ms").and_then(|json| json.value.as_u64()) {
                let _ = writeln!(out, "cache {}", millis(most));
            }
        }
        out
    }

    fn route(&mut self, name: &'j str, node: &'j Json, arms: Option<&Arms>) -> String {
        self.keys(node, &[&["input", "routes", "default"]]);
        let place = format!("nodes.{name}");
        let input = self
            .trouble
            .required(node, "input", Form::Text)
            .and_then(Json::str);
        let path = input
            .unwrap_or_default()
            .trim_start_matches("{{")
            .trim_end_matches("}}")
            .trim();
        let ty = match path.strip_prefix("state.") {
            Some(key) if !key.contains('.') => self.known_field(key, &place).1,
            Some(_) => "json",
            None => "string",
        };
        let subject = self.reference(path, &place).unwrap_or_else(|| "\"\"".to_owned());
        let mut arms: Arms = arms.cloned().unwrap_or_default();
        let routes = self.trouble.optional(node, "routes", Form::Object);
        for (value, to) in routes.into_iter().flat_map(Json::entries) {
            let known = arms.iter().any(|(known, _)| known.as_deref() == Some(value));
            if let (Some(to), false) = (to.str(), known) {
                arms.push((Some(value.to_owned()), self.names.of(to)));
            }
        }
        let otherwise = self.otherwise(name, node, &arms);
        let direct = arms
            .iter()
            .filter_map(|(value, _)| value.as_deref())
            .all(|value| pattern(value, ty).is_some());
        let direct = direct && (ty != "bool" || arms.len() < 2);
        let our_name = self.names.of(name);
        let of = if direct {
            format!(" match {subject}")
        } else {
            String::new()
        };
        let mut out = format!("route {our_name}{of} {{\n");
        let mut seen: Vec<&str> = Vec::new();
        for (value, to) in &arms {
            let Some(value) = value.as_deref().filter(|value| !seen.contains(value)) else {
                continue;
            };
            seen.push(value);
            let _ = match pattern(value, ty).filter(|_| direct) {
                Some(pattern) => writeln!(out, "{pattern} -> {to}"),
                None => writeln!(out, "when \"${{{subject}}}\" == {} -> {to}", string(value)),
            };
        }
        let word = if direct { "_" } else { "otherwise" };
        let _ = writeln!(out, "{word} -> {otherwise}\n}}");
        out
    }

    /// Where a route leads for any other value.
    fn otherwise(&mut self, name: &str, node: &Json, arms: &Arms) -> String {
        let to = |wanted: Option<&str>| {
            let found = arms.iter().find(|(value, _)| value.as_deref() == wanted);
            found.map(|(_, to)| to.clone())
        };
        let default = node.text("default");
        if let Some(found) = to(None).or_else(|| default.and_then(|value| to(Some(value)))) {
            return found;
        }
        if let Some(node) = default.filter(|name| self.kind(name).is_some()) {
            return self.names.of(node);
        }
        self.note(
            format!("nodes.{name}"),
            "it has no default; a value without a route fails the run",
        );
        format!("fail {}", string(&format!("{name}: no route for the value")))
    }

    fn interrupt(&mut self, name: &'j str, node: &'j Json) -> String {
        self.keys(node, &[&["message", "prompt"]]);
        let place = format!("nodes.{name}");
        let message = node
            .text("message")
            .or_else(|| node.text("prompt"))
            .unwrap_or("Go on?");
        let message = self.template(message, &place);
        let mut out = self.head("interrupt", name);
        let _ = writeln!(out, "ask {message}");
        if let Some(key) = node.text("output_key") {
            let (field, ty, reducer) = self.known_field(key, &place);
            let ty = if reducer == "append" { "json" } else { ty };
            let _ = writeln!(out, "answer as reply: {ty}\n{field} <- reply");
        } else {
            let text = "a resume there may update any field; an answer here updates what the node says";
            self.note(&place, text);
        }
        out + "}\n"
    }

    fn send(&mut self, name: &'j str, node: &'j Json) -> String {
        self.keys(
            node,
            &[
                WORKERS,
                &["items_key", "items_from", "target_node", "max_concurrency"],
            ],
        );
        let place = format!("nodes.{name}");
        let items = node.text("items_key").or_else(|| node.text("items_from"));
        if items.is_none() {
            self.trouble.required(node, "items_key", Form::Text);
        }
        let items = items.unwrap_or_default();
        let (field, ty, _) = self.known_field(items.strip_prefix("state.").unwrap_or(items), &place);
        let list = if ty == "[json]" {
            field
        } else {
            format!("{field} as [json]")
        };
        let target = items_of(name, self);
        let window = self.trouble.optional(node, "max_concurrency", Form::Count);
        let window = window.map_or_else(String::new, |count| format!(" at most {}", count.value));
        let mut out = self.head("send", name);
        let _ = writeln!(out, "each item in {list} -> {target}(item){window}\n}}\n");
        if node.text("target_node").is_none() {
            self.gather(node.text("output_key").unwrap_or("send_results"), &place);
            let body = self.call(node, &place, "send_results");
            let _ = writeln!(out, "task {target}(item: json) {{\n{body}}}");
        }
        out
    }

    fn transform(&mut self, name: &'j str, node: &'j Json) -> String {
        self.keys(node, &[&["updates", "store_updates"]]);
        let place = format!("nodes.{name}");
        if node.get("store_updates").is_some() {
            let text = "a store is written by a task that calls a worker `via store`";
            self.note(format!("{place}.store_updates"), text);
        }
        let mut out = self.head("transform", name);
        let updates = match node.get("updates").map(|json| &json.value) {
            // There it may be JSON in a string.
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
            Some(other) => other.clone(),
            None => Value::Object(serde_json::Map::new()),
        };
        if !updates.is_object() {
            let at = node.get("updates").map_or(node.span, |json| json.span);
            self.trouble
                .wrong(at, "`updates` must be an object, or the JSON of one");
        }
        for (key, value) in updates.as_object().into_iter().flatten() {
            let (field, ty, reducer) = self.known_field(key, &place);
            let value = match value {
                Value::String(text) if text.starts_with("state.") => {
                    self.reference(text, &place).unwrap_or_default()
                }
                Value::String(text) if text.contains("{{") => self.template(text, &place),
                value if fits(value, ty, reducer) => json(value),
                value => {
                    self.note(
                        &place,
                        format!("`{key}` is a `{ty}`, and is given {value}; the update is left out"),
                    );
                    continue;
                }
            };
            let _ = writeln!(out, "{field} <- {value}");
        }
        out + "}\n"
    }

    fn subgraph(&mut self, name: &'j str, node: &'j Json) -> String {
        self.keys(node, &[&["workflow_id", "input_mapping"]]);
        let place = format!("nodes.{name}");
        let id = self
            .trouble
            .required(node, "workflow_id", Form::Text)
            .and_then(Json::str);
        let id = id.unwrap_or("workflow");
        let flow = snake(&format!("{id} flow"));
        let (mut args, mut params) = (Vec::new(), Vec::new());
        let mapping = self.trouble.optional(node, "input_mapping", Form::Object);
        for (key, from) in mapping.into_iter().flat_map(Json::entries) {
            let value = from.str().and_then(|path| self.reference(path, &place));
            args.push(format!(
                "{}: {}",
                snake(key),
                value.unwrap_or_else(|| "null".to_owned())
            ));
            params.push(format!("{}: json", snake(key)));
        }
        let stub = format!(
            "// TODO: `{id}` is a workflow of its own; import it, and put its flow here.\n\
             flow {flow}({}) -> json {{\nstart -> end\n\nreturn null\n}}\n\n",
            params.join(", ")
        );
        if !self.flows.contains(&stub) {
            let text = format!(
                "`{id}` is a workflow of its own; import it, and put its flow in the place of `{flow}`"
            );
            self.note(format!("{place}.workflow_id"), text);
            self.flows.push(stub);
        }
        let key = node.text("output_key").unwrap_or("output");
        let (field, ty, reducer) = self.known_field(key, &place);
        let fits = ty == "json" || reducer == "append";
        let value = if fits {
            "out".to_owned()
        } else {
            format!("out as {ty}")
        };
        let limits = self.limits(node, &place);
        self.head("subgraph", name)
            + &format!(
                "call {flow}({}) as out\n{field} <- {value}\n{limits}}}\n",
                args.join(", ")
            )
    }
}

/// Whether a constant is a value of a field's type, or an update of it.
fn fits(value: &Value, ty: &str, reducer: &str) -> bool {
    match (ty, reducer) {
        ("string", _) => value.is_string(),
        ("int", _) => value.is_i64(),
        ("float", _) => value.is_number(),
        ("bool", _) => value.is_boolean(),
        ("map<json>", _) => value.is_object(),
        ("[json]", "append") => true,
        ("[json]", _) => value.is_array(),
        ("[Message]", _) => false,
        _ => true,
    }
}
