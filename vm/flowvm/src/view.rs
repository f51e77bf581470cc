//! What people and programs see of a run while it goes on, and at its end.
//!
//! - `plain`: a line for whatever settles. `live`: the same on a terminal, with what is under way below.
//! - `progress`: a bar of what is done. `stream`: the modes of `--stream`. `graph`: a flow as text, with the path taken.

pub mod graph;
mod live;
mod plain;
pub(crate) mod progress;
mod stream;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use serde_json::{Value as Json, json};

use flow_machine::{Checkpoint, Event, Machine, RunError, Status, Time};

use crate::args::StreamMode;
use crate::clock::short;
use crate::error::Error;
use crate::host::{Observer, open_interrupts};
use crate::store::OpenInterrupt;

/// Writes to standard output; a closed pipe ends the writing, not the run.
pub fn out(text: &str) {
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}

/// Writes to standard error.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Text in a colour.
pub fn paint(style: anstyle::Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The colours.
pub mod style {
    use anstyle::{AnsiColor, Style};

    /// Errors and failures.
    pub const BAD: Style = AnsiColor::Red.on_default().bold();
    /// What is done.
    pub const GOOD: Style = AnsiColor::Green.on_default();
    /// What waits.
    pub const WAITING: Style = AnsiColor::Yellow.on_default();
    /// What matters less.
    pub const DIM: Style = Style::new().dimmed();
    /// What matters most.
    pub const STRONG: Style = Style::new().bold();
}

/// Prints an error of the environment.
pub fn complain(error: &Error) {
    note(&format!(
        "{}: {}",
        paint(style::BAD, &format!("error[{}]", error.code)),
        error.message
    ));
    if let Some(help) = &error.help {
        note(&format!("  {} {help}", paint(style::GOOD, "help:")));
    }
}

/// Several observers as one.
pub struct Observers(Vec<Box<dyn Observer>>);

impl Observers {
    /// What the options of a command ask for.
    pub fn choose(stream: &[StreamMode], json: bool) -> Self {
        let mut all: Vec<Box<dyn Observer>> = Vec::new();
        if !stream.is_empty() {
            all.push(Box::new(stream::Stream::new(stream, json)));
        }
        let is_terminal = std::io::stderr().is_terminal();
        match (json, is_terminal) {
            (true, _) => {}
            (false, true) if stream.is_empty() => all.push(Box::new(live::Live::new())),
            (false, _) => all.push(Box::new(plain::Plain::default())),
        }
        Self(all)
    }

    /// Whether nobody looks.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Observer for Observers {
    fn past(&mut self, events: &[Event], checkpoints: &[Checkpoint]) {
        self.0.iter_mut().for_each(|one| one.past(events, checkpoints));
    }

    fn committed(&mut self, events: &[Event], checkpoints: &[Checkpoint], machine: &Machine) {
        self.0
            .iter_mut()
            .for_each(|one| one.committed(events, checkpoints, machine));
    }

    fn waiting(&mut self, attempt: &str, why: &str) {
        self.0.iter_mut().for_each(|one| one.waiting(attempt, why));
    }
}

/// The line that ends `--json`.
pub fn summary(machine: &Machine) -> Json {
    let interrupts: Vec<Json> = open_interrupts(machine)
        .into_iter()
        .map(|one| json!({"name": one.name, "ask": one.ask, "show": one.show, "schema": one.schema}))
        .collect();
    json!({
        "run": machine.start_info().run,
        "status": status_word(machine.status()),
        "result": machine.result(),
        "state": machine.state(),
        "steps": machine.steps(),
        "path": machine.path(),
        "error": machine.error(),
        "interrupts": interrupts,
    })
}

/// What a person is told at the end, on standard error; the result goes to standard output. `at` is when the run
/// came to this.
pub fn ending(machine: &Machine, at: Time, store: &str) {
    let run = &machine.start_info().run;
    let (style, word, when) = match machine.status() {
        Status::Done => (style::GOOD, "done", "in"),
        Status::Failed => (style::BAD, "failed", "after"),
        Status::Interrupted => (style::WAITING, "waiting", "after"),
        Status::Limit => (style::WAITING, "stopped", "met a limit after"),
        Status::Cancelled => (style::WAITING, "cancelled", "after"),
        Status::Running => (style::WAITING, "stopped", "after"),
    };
    let steps = steps_text(machine.steps());
    let time = short(at - machine.created_at());
    let more = match (machine.status(), machine.error()) {
        (Status::Limit | Status::Cancelled, Some(error)) => format!(": {}", error.message),
        _ => String::new(),
    };
    note(&format!(
        "{} {run} {when} {steps}, {time}{more}",
        paint(style, word)
    ));
    match machine.status() {
        Status::Done => out(&result_text(machine.result().unwrap_or(&Json::Null))),
        Status::Failed => {
            if let Some(error) = machine.error() {
                note(&error_text(machine, error));
            }
            note(&hint(&format!("flowvm retry {run}{store}")));
        }
        Status::Interrupted => waiting(machine, store),
        Status::Limit => note(&hint(&format!(
            "flowvm resume {run}{store} --limit {}",
            higher_limit(machine)
        ))),
        Status::Running => note(&hint(&format!("flowvm resume {run}{store}"))),
        Status::Cancelled => {}
    }
}

/// The questions of a run that waits, and how one answers.
fn waiting(machine: &Machine, store: &str) {
    let run = &machine.start_info().run;
    let open = open_interrupts(machine);
    for one in &open {
        note(&format!("  {}: {}", paint(style::STRONG, &one.name), one.ask));
        if !one.show.is_null() {
            note(&indented(&pretty(&one.show)));
        }
    }
    note(&hint(&match open.as_slice() {
        [] => format!("flowvm resume {run}{store}"),
        [one, more @ ..] => answer_command(run, store, one, !more.is_empty()),
    }));
}

/// The command that answers an interrupt, with a value that looks like what is wanted.
pub fn answer_command(run: &str, store: &str, one: &OpenInterrupt, by_name: bool) -> String {
    let name = if by_name {
        format!(" {}", one.name)
    } else {
        String::new()
    };
    let value = quoted(&example(&one.schema).to_string());
    format!("flowvm answer {run}{store}{name} {value}")
}

/// A limit with which the run would go on: of the kind that it met.
fn higher_limit(machine: &Machine) -> String {
    let message = machine.error().map_or("", |error| error.message.as_str());
    match message.rsplit(' ').next() {
        Some("time") => "time=1h".to_owned(),
        Some("age") => "age=7d".to_owned(),
        Some("tokens") => format!("tokens={}", machine.tokens() * 2 + 1000),
        _ => format!("steps={}", machine.steps() * 2 + 10),
    }
}

/// `1 step`, `2 steps`.
pub fn steps_text(steps: u64) -> String {
    match steps {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    }
}

/// The next command.
pub fn hint(command: &str) -> String {
    format!("  {} {command}", paint(style::DIM, "next:"))
}

/// A word of a command, so that a shell takes it as one.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:@%+=,#".contains(letter);
    if !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The word of a status.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Interrupted => "interrupted",
        Status::Done => "done",
        Status::Failed => "failed",
        Status::Limit => "limit",
        Status::Cancelled => "cancelled",
    }
}

/// A result as people read it: text as it is, everything else as JSON.
fn result_text(result: &Json) -> String {
    result.as_str().map_or_else(|| pretty(result), str::to_owned)
}

/// JSON over several lines.
pub fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string())
}

fn error_text(machine: &Machine, error: &RunError) -> String {
    let mut text = format!(
        "{}: {}",
        paint(style::BAD, &format!("error[{}]", error.code)),
        error.message
    );
    if let Some(node) = &error.node {
        let _ = write!(text, "\n  in node {}", paint(style::STRONG, node));
    }
    if let Some(place) = error.span.and_then(|span| place(machine, span)) {
        let _ = write!(text, "\n  at {place}");
    }
    text
}

/// `path:line:column` of a place in the source.
fn place(machine: &Machine, span: flow_bytecode::SourceSpan) -> Option<String> {
    let file = machine.image().debug.files.get(span.file as usize)?;
    let before = file.text.get(..span.start as usize)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    Some(format!("{}:{line}:{column}", file.path))
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A value that looks like what the schema wants.
fn example(schema: &Json) -> Json {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    if let Some(first) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.get(0)) {
        return example(first);
    }
    match schema.get("type").and_then(Json::as_str) {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some("string") => json!("…"),
        Some("array") => json!([]),
        Some("object") => {
            let properties = schema.get("properties").and_then(Json::as_object);
            let required = |name: &str| {
                schema
                    .get("required")
                    .and_then(Json::as_array)
                    .is_some_and(|names| names.iter().any(|one| one == name))
            };
            let fields = properties
                .into_iter()
                .flatten()
                .filter(|(name, _)| required(name));
            Json::Object(
                fields
                    .map(|(name, schema)| (name.clone(), example(schema)))
                    .collect(),
            )
        }
        _ => schema.get("const").cloned().unwrap_or(Json::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hints are copied into a shell.
    #[test]
    fn words_of_hints_are_words_of_a_shell() {
        let said = ["approve#2", "a/b.db", "my runs.db", "it's", "", "{\"a\":1}"].map(quoted);
        assert_eq!(
            said,
            [
                "approve#2",
                "a/b.db",
                "'my runs.db'",
                "'it'\\''s'",
                "''",
                "'{\"a\":1}'"
            ]
        );
    }
}
