//! States, one function per type.

use std::fmt::Write;

use super::path::{Roots, expression, variable};
use super::{Machine, Work};
use crate::import::document::{Form, Json};
use crate::import::names::snake;
use crate::import::writing::{comment, seconds, string};

/// What every state may have.
const COMMON: &[&str] = &[
    "Type",
    "Comment",
    "Next",
    "End",
    "InputPath",
    "OutputPath",
    "QueryLanguage",
    "Output",
    "Assign",
];
/// What states with a result may have.
const RESULT: &[&str] = &[
    "Parameters",
    "Arguments",
    "ResultPath",
    "ResultSelector",
    "Retry",
    "Catch",
];

/// What a `Map` may have.
const MAP: &[&str] = &[
    "Iterator",
    "ItemProcessor",
    "ItemsPath",
    "Items",
    "ItemSelector",
    "MaxConcurrency",
];
/// What it may have, and has no equivalent.
const MAP_ONLY_THERE: &[&str] = &[
    "MaxConcurrencyPath",
    "ToleratedFailurePercentage",
    "ToleratedFailureCount",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
];

/// A state, and what its functions need to know of it.
struct State<'j> {
    json: &'j Json,
    /// Its name here.
    name: String,
    place: String,
    /// What it gets.
    input: String,
}

impl Work<'_> {
    pub(super) fn state<'j>(&mut self, machine: &mut Machine<'j>, name: &'j str, json: &'j Json) {
        let Some(json) = self.trouble.form(json, Form::Object, "a state") else {
            return;
        };
        let Some(kind) = self.trouble.required(json, "Type", Form::Text) else {
            return;
        };
        let place = format!("{}States.{name}", machine.place);
        let roots = Roots::of("data");
        let input = match json.text("InputPath") {
            Some(path) if !machine.jsonata => self.path(path, &roots, &place),
            _ => "data".to_owned(),
        };
        let kind_text = kind.str().unwrap_or_default();
        let name = if matches!(kind_text, "Succeed" | "Fail") {
            String::new()
        } else {
            machine.names.of(name)
        };
        let state = State {
            json,
            name,
            place,
            input,
        };
        let doc = comment("///", json.text("Comment").unwrap_or_default());
        let text = match kind_text {
            "Task" => self.task(machine, &state),
            "Pass" => self.pass(machine, &state),
            "Choice" => self.choice(machine, &state),
            "Wait" => self.wait(machine, &state),
            "Parallel" => self.parallel(machine, &state),
            "Map" => self.each(machine, &state),
            "Succeed" => {
                self.keys(json, &[]);
                String::new()
            }
            "Fail" => {
                self.keys(json, &[&["Error", "Cause", "ErrorPath", "CausePath"]]);
                for key in ["ErrorPath", "CausePath"] {
                    if json.get(key).is_some() {
                        self.note(&state.place, format!("`{key}`: say it with `fail \"… ${{…}}\"`"));
                    }
                }
                String::new()
            }
            other => {
                let known = "Task, Pass, Choice, Wait, Parallel, Map, Succeed, Fail";
                self.trouble.wrong(
                    kind.span,
                    format!("`{other}` is no type of a state; there are {known}"),
                );
                String::new()
            }
        };
        if !text.is_empty() {
            let _ = writeln!(machine.nodes, "{doc}{text}");
        }
    }

    fn keys(&mut self, state: &Json, more: &[&[&str]]) {
        let known: Vec<&str> = COMMON
            .iter()
            .chain(more.iter().copied().flatten())
            .copied()
            .collect();
        self.trouble.known(state, &known);
    }

    /// The arrow to the next state.
    fn next(&mut self, machine: &mut Machine<'_>, state: &State<'_>) {
        let to = if let Some(next) = state.json.get("Next") {
            self.target(machine, next)
        } else {
            if state.json.get("End").is_none_or(|end| end.value != true) {
                let why = "this state has neither `Next` nor `\"End\": true`";
                self.trouble.wrong(state.json.span, why);
            }
            "end".to_owned()
        };
        let _ = writeln!(machine.edges, "{} -> {to}", state.name);
    }

    /// What is handed to a worker or a flow.
    fn arguments(
        &mut self,
        machine: &mut Machine<'_>,
        state: &State<'_>,
        item: Option<&'static str>,
    ) -> String {
        let roots = Roots {
            item,
            ..Roots::of(&state.input)
        };
        match state
            .json
            .get("Parameters")
            .or_else(|| state.json.get("Arguments"))
            .or_else(|| state.json.get("ItemSelector"))
        {
            Some(template) => self.template(machine, template, &roots, &state.place),
            None => item.map_or_else(|| state.input.clone(), str::to_owned),
        }
    }

    /// The updates that a result causes.
    fn updates(&mut self, machine: &mut Machine<'_>, state: &State<'_>, result: &str) -> String {
        let roots = Roots {
            result: result.to_owned(),
            ..Roots::of(&state.input)
        };
        let mut out = String::new();
        let assign = self.trouble.optional(state.json, "Assign", Form::Object);
        for (key, value) in assign.into_iter().flat_map(Json::entries) {
            let field = variable(key);
            let line = format!("{field}: json = null");
            if !machine.fields.contains(&line) {
                machine.fields.push(line);
            }
            let value = self.template(machine, value, &roots, &state.place);
            let _ = writeln!(out, "{field} <- {value}");
        }
        let selected = match state.json.get("ResultSelector") {
            Some(selector) => self.template(machine, selector, &Roots::of(result), &state.place),
            None => result.to_owned(),
        };
        let new = match state.json.get("Output") {
            Some(output) => Some(self.template(machine, output, &roots, &state.place)),
            None => self.result(state.json, &selected, &state.place),
        };
        if let Some(new) = new.filter(|new| new != "data") {
            let _ = writeln!(out, "data <- {new}");
        }
        out
    }

    fn task<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        let more = [
            "Resource",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "Credentials",
        ];
        self.keys(state.json, &[RESULT, &more]);
        let resource = self
            .trouble
            .required(state.json, "Resource", Form::Text)
            .and_then(Json::str);
        let worker = self.worker(resource.unwrap_or_default(), &state.place);
        for key in [
            "TimeoutSecondsPath",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "Credentials",
        ] {
            if state.json.get(key).is_some() {
                self.note(format!("{}.{key}", state.place), "there is no such clause; `timeout` is the deadline, and the host sees that a worker is alive");
            }
        }
        let arguments = self.arguments(machine, state, None);
        let updates = self.updates(machine, state, "reply");
        let limits = self.limits(machine, state);
        self.next(machine, state);
        format!(
            "task {} {{\ncall {worker}(input: {arguments}) as reply\n{updates}{limits}}}\n",
            state.name
        )
    }

    /// `Retry`, `Catch` and `TimeoutSeconds`.
    fn limits<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        let mut out = String::new();
        let retry = self.trouble.optional(state.json, "Retry", Form::List);
        let retriers = retry.map_or(&[] as &[Json], |list| list.items.as_slice());
        if let Some(first) = retriers.first() {
            out.push_str(&self.retry(first, &state.place));
        }
        if retriers.len() > 1 {
            self.note(
                format!("{}.Retry", state.place),
                "a node has one `attempts` for all classes; the first retrier was taken",
            );
        }
        let timeout = self
            .trouble
            .optional(state.json, "TimeoutSeconds", Form::Count)
            .and_then(|json| json.value.as_u64());
        match timeout {
            Some(most) => {
                let _ = writeln!(out, "timeout {}", seconds(most));
            }
            None if !out.is_empty() && state.json.text("Type") == Some("Task") => {
                out.push_str("timeout 1h\n");
                self.note(
                    &state.place,
                    "there was no timeout; an attempt ends after an hour now",
                );
            }
            None => {}
        }
        out.push_str(&self.catch(machine, state));
        out
    }

    fn retry(&mut self, retrier: &Json, place: &str) -> String {
        let known = [
            "ErrorEquals",
            "IntervalSeconds",
            "MaxAttempts",
            "BackoffRate",
            "MaxDelaySeconds",
            "JitterStrategy",
            "Comment",
        ];
        self.trouble.known(retrier, &known);
        if retrier.get("JitterStrategy").is_some() {
            let place = format!("{place}.Retry.JitterStrategy");
            self.note(place, "pauses always have a jitter of their own here");
        }
        let number = |key: &str| retrier.get(key).and_then(|json| json.value.as_u64());
        let first = number("IntervalSeconds").unwrap_or(1).max(1);
        let most = number("MaxDelaySeconds").unwrap_or(3600).max(first);
        let factor = retrier
            .get("BackoffRate")
            .and_then(|json| json.value.as_f64())
            .unwrap_or(2.0);
        let count = number("MaxAttempts").unwrap_or(3).saturating_add(1);
        let mut out = format!(
            "attempts {count} backoff {}..{} factor {factor:?}\n",
            seconds(first),
            seconds(most)
        );
        let errors = self.trouble.required(retrier, "ErrorEquals", Form::List);
        let mut classes: Vec<&str> = Vec::new();
        for error in errors.map_or(&[] as &[Json], |list| list.items.as_slice()) {
            match error.str().unwrap_or_default() {
                "States.ALL" => return out,
                "States.Timeout" | "States.HeartbeatTimeout" => classes.push("timeout"),
                "States.TaskFailed" => classes.extend(["connect", "http_5xx", "exec_failed"]),
                "Lambda.TooManyRequestsException" => classes.push("rate_limited"),
                other => self.note(
                    format!("{place}.Retry"),
                    format!(
                        "`{other}` is an error of its own there; here there are classes, and all are retried"
                    ),
                ),
            }
        }
        classes.sort_unstable();
        classes.dedup();
        if !classes.is_empty() {
            let _ = writeln!(out, "retry on [{}]", classes.join(", "));
        }
        out
    }

    /// The way of a failure, and the node that puts the error into the document.
    fn catch<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        let catchers = self.trouble.optional(state.json, "Catch", Form::List);
        let catchers = catchers.map_or(&[] as &[Json], |list| list.items.as_slice());
        for catcher in catchers {
            self.trouble.known(
                catcher,
                &["ErrorEquals", "Next", "ResultPath", "Comment", "Output", "Assign"],
            );
        }
        let all = |catcher: &&Json| {
            let errors = catcher
                .get("ErrorEquals")
                .map_or(&[] as &[Json], |list| list.items.as_slice());
            errors
                .iter()
                .any(|error| matches!(error.str(), Some("States.ALL" | "States.TaskFailed")))
        };
        let Some(catcher) = catchers.iter().find(all).or(catchers.first()) else {
            return String::new();
        };
        if catchers.len() > 1 || !all(&catcher) {
            self.note(
                format!("{}.Catch", state.place),
                "a node has one `on error` for all errors; decide on `e.class` behind it",
            );
        }
        let Some(next) = self.trouble.required(catcher, "Next", Form::Text) else {
            return String::new();
        };
        let to = self.target(machine, next);
        let caught = machine.names.of(&format!("{} caught", state.name));
        let error = "{ \"Error\": error, \"Cause\": cause }";
        let new = self
            .result(catcher, error, &state.place)
            .unwrap_or_else(|| "data".to_owned());
        let _ = writeln!(machine.edges, "{caught} -> {to}");
        let _ = writeln!(
            machine.nodes,
            "transform {caught}(error: string, cause: string) {{ data <- {new} }}\n"
        );
        format!("on error as e -> {caught}(\"${{e.class}}\", e.message)\n")
    }

    fn pass<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        self.keys(state.json, &[&["Result", "Parameters", "ResultPath"]]);
        let result = match state.json.get("Result") {
            Some(result) => crate::import::writing::json(&result.value),
            None => self.arguments(machine, state, None),
        };
        let updates = self.updates(machine, state, &result);
        self.next(machine, state);
        format!("transform {} {{\n{updates}}}\n", state.name)
    }

    fn choice<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        self.keys(state.json, &[&["Choices", "Default"]]);
        let choices = self.trouble.required(state.json, "Choices", Form::List);
        let roots = Roots::of(&state.input);
        let mut out = format!("route {} {{\n", state.name);
        for rule in choices.map_or(&[] as &[Json], |list| list.items.as_slice()) {
            let condition = self.rule(machine, rule, &roots, &state.place);
            if rule.get("Assign").is_some() || rule.get("Output").is_some() {
                self.note(
                    &state.place,
                    "a route updates nothing; put `Assign` and `Output` into a transform behind it",
                );
            }
            if let Some(next) = self.trouble.required(rule, "Next", Form::Text) {
                let to = self.target(machine, next);
                let _ = writeln!(out, "when {condition} -> {to}");
            }
        }
        let otherwise = match state.json.get("Default") {
            Some(next) => self.target(machine, next),
            None => format!("fail {}", string("States.NoChoiceMatched")),
        };
        let _ = writeln!(out, "otherwise -> {otherwise}\n}}");
        out
    }

    fn wait<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        self.keys(
            state.json,
            &[&["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]],
        );
        let roots = Roots::of(&state.input);
        let dynamic = |text: &str| expression(text).map(str::to_owned);
        let what = if let Some(count) = state.json.get("Seconds").and_then(|json| json.value.as_u64()) {
            format!("for {}", seconds(count))
        } else if let Some(path) = state.json.text("SecondsPath") {
            format!("for 1s * ({} as int)", self.path(path, &roots, &state.place))
        } else if let Some(inner) = state.json.text("Seconds").and_then(dynamic) {
            format!(
                "for 1s * ({} as int)",
                self.jsonata(machine, &inner, &roots, &state.place)
            )
        } else if let Some(path) = state.json.text("TimestampPath") {
            format!("until {} as time", self.path(path, &roots, &state.place))
        } else if let Some(time) = state.json.text("Timestamp") {
            match dynamic(time) {
                Some(inner) => format!(
                    "until {} as time",
                    self.jsonata(machine, &inner, &roots, &state.place)
                ),
                None => format!("until at({{ \"at\": {} }}, [\"at\"]) as time", string(time)),
            }
        } else {
            self.trouble.wrong(
                state.json.span,
                "a `Wait` needs `Seconds`, `SecondsPath`, `Timestamp` or `TimestampPath`",
            );
            "for 1s".to_owned()
        };
        self.next(machine, state);
        format!("wait {} {{ {what} }}\n", state.name)
    }

    fn parallel<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        self.keys(state.json, &[RESULT, &["Branches"]]);
        let branches = self.trouble.required(state.json, "Branches", Form::List);
        let arguments = self.arguments(machine, state, None);
        let limits = self.limits(machine, state);
        let (mut out, mut nodes, mut results) = (String::new(), Vec::new(), Vec::new());
        for (number, branch) in branches
            .map_or(&[] as &[Json], |list| list.items.as_slice())
            .iter()
            .enumerate()
        {
            let node = machine.names.of(&format!("{} branch {}", state.name, number + 1));
            let flow = self.names.fresh(&format!("{node} flow"));
            let field = snake(&format!("{node} result"));
            machine.fields.push(format!("{field}: json = null"));
            let _ = writeln!(
                out,
                "subgraph {node} {{\ncall {flow}(input: {arguments}) as out\n{field} <- out\n{limits}}}\n"
            );
            self.machine(
                branch,
                &flow,
                &format!("{}.Branches[{number}]", state.place),
                machine.jsonata,
            );
            nodes.push(node);
            results.push(field);
        }
        let _ = match nodes.as_slice() {
            [one] => writeln!(machine.edges, "{one} -> {}", state.name),
            several => writeln!(machine.edges, "[{}] -> {}", several.join(", "), state.name),
        };
        let updates = self.updates(machine, state, &format!("[{}]", results.join(", ")));
        self.next(machine, state);
        let _ = write!(out, "transform {} {{\n{updates}}}\n", state.name);
        out
    }

    fn each<'j>(&mut self, machine: &mut Machine<'j>, state: &State<'j>) -> String {
        let (items, window) = self.items(machine, state);
        let node = machine.names.of(&format!("{} item", state.name));
        let done = machine.names.of(&format!("{} done", state.name));
        let flow = self.names.fresh(&format!("{node} flow"));
        let field = snake(&format!("{node} results"));
        machine.fields.push(format!("{field}: [json] by append"));
        let arguments = self.arguments(machine, state, Some("item"));
        let limits = self.limits(machine, state);
        if let Some(processor) = state
            .json
            .get("ItemProcessor")
            .or_else(|| state.json.get("Iterator"))
        {
            self.machine(
                processor,
                &flow,
                &format!("{}.ItemProcessor", state.place),
                machine.jsonata,
            );
        } else {
            self.trouble
                .wrong(state.json.span, "a `Map` needs an `ItemProcessor`");
        }
        let _ = writeln!(machine.edges, "[{node}] -> {done}");
        // The next lap begins with none.
        let updates = self.updates(machine, state, &field) + &format!("{field} := []\n");
        let after = State {
            json: state.json,
            name: done.clone(),
            place: state.place.clone(),
            input: state.input.clone(),
        };
        self.next(machine, &after);
        let list = if items.starts_with('[') {
            items
        } else {
            format!("{items} as [json]")
        };
        format!(
            "send {} {{ each item in {list} -> {node}(item){window} }}\n\nsubgraph {node}(item: json) {{\ncall \
             {flow}(input: {arguments}) as out\n{field} <- out\n{limits}}}\n\ntransform {done} {{\n{updates}}}\n",
            state.name
        )
    }

    /// What a `Map` goes over, and how many at a time.
    fn items(&mut self, machine: &mut Machine<'_>, state: &State<'_>) -> (String, String) {
        self.keys(state.json, &[RESULT, MAP, MAP_ONLY_THERE]);
        for key in MAP_ONLY_THERE {
            if state.json.get(key).is_some() {
                self.note(
                    format!("{}.{key}", state.place),
                    match *key {
                        "MaxConcurrencyPath" => "how many run at once is a number here: `at most N`",
                        "ItemReader" | "ItemBatcher" | "ResultWriter" => {
                            "this has no equivalent; let a worker read, batch or write"
                        }
                        "Label" => "a group of items has no name of its own here",
                        _ => "this has no equivalent; `any of`, `N of` before the join tolerate failures",
                    },
                );
            }
        }
        let roots = Roots::of(&state.input);
        let items = match (state.json.text("ItemsPath"), state.json.get("Items")) {
            (Some(path), _) => self.path(path, &roots, &state.place),
            (None, Some(items)) => self.template(machine, items, &roots, &state.place),
            (None, None) => state.input.clone(),
        };
        let window = state
            .json
            .get("MaxConcurrency")
            .and_then(|json| json.value.as_u64());
        let window = window.filter(|count| *count > 0);
        let window = window.map_or_else(String::new, |count| format!(" at most {count}"));
        (items, window)
    }
}
