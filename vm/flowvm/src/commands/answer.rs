//! `flowvm answer`: answers an open interrupt. Without an answer on the command line, it is asked for on the
//! terminal, field by field, from its type.

use std::io::{BufRead, IsTerminal, Write};

use flow_machine::{Decision, Input};
use serde_json::{Map, Value as Json};

use super::{Place, apply_and_follow, find, values};
use crate::args::{Answer, Common};
use crate::error::{Error, Result, code};
use crate::store::{OpenInterrupt, Store};
use crate::view::{answer_command, note, paint, pretty, style};

pub(super) fn perform(args: &Answer, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let run = find(&store, &args.run)?.id;
    let open = store.interrupts(&run)?;
    drop(store);
    if let Some(decision) = decision(args) {
        let name = args.rest.first().map(String::as_str);
        let interrupt = choose(&open, name, &run, &place)?.name.clone();
        let input = Input::Decide { interrupt, decision };
        return apply_and_follow(common, &place, &run, Some(input), &[]);
    }
    let (name, text) = match args.rest.as_slice() {
        [] => (None, None),
        [one] if open.iter().any(|open| is_name(open, one)) => (Some(one.as_str()), None),
        [one] => (None, Some(one.as_str())),
        [name, text, ..] => (Some(name.as_str()), Some(text.as_str())),
    };
    let interrupt = choose(&open, name, &run, &place)?;
    let value = match text {
        Some(text) => values::json_or_text(text, "the answer", &interrupt.schema)?,
        None => ask(interrupt)?,
    };
    let input = Input::Answer {
        interrupt: interrupt.name.clone(),
        value,
    };
    apply_and_follow(common, &place, &run, Some(input), &[])
}

/// What is to be done about an attempt that needs input, if that is said.
fn decision(args: &Answer) -> Option<Decision> {
    match (&args.accept, &args.give_up) {
        (Some(reason), _) => Some(Decision::Accept {
            reason: reason.clone(),
        }),
        (None, Some(reason)) => Some(Decision::GiveUp {
            reason: reason.clone(),
        }),
        (None, None) => args.again.then_some(Decision::Again),
    }
}

/// The node that asks, without those around it; several open questions of one node are numbered.
fn node(name: &str) -> &str {
    let last = last(name);
    last.split('#').next().unwrap_or(last)
}

/// The last part of the name of a question: in a subgraph, the names of the nodes around it come first.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a lone word means a question rather than being the answer: its name, its node, or any number of it.
fn is_name(open: &OpenInterrupt, word: &str) -> bool {
    if word == open.name {
        return true;
    }
    let number = word.split_once('#').map(|(_, number)| number);
    node(&open.name) == word.split('#').next().unwrap_or(word)
        && number.is_none_or(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn choose<'a>(
    open: &'a [OpenInterrupt],
    name: Option<&str>,
    run: &str,
    place: &Place,
) -> Result<&'a OpenInterrupt> {
    let named = |one: &&OpenInterrupt| match name {
        None => true,
        Some(name) => {
            one.name == name || last(&one.name) == name || one.name == node(name) && name.ends_with("#1")
        }
    };
    let of_node = |one: &&OpenInterrupt| name.is_some_and(|name| node(&one.name) == name);
    let mut fitting: Vec<&OpenInterrupt> = open.iter().filter(named).collect();
    if fitting.is_empty() {
        fitting = open.iter().filter(of_node).collect();
    }
    let example = |one: &OpenInterrupt| answer_command(run, &place.option, one, open.len() > 1);
    match (fitting.as_slice(), open, name) {
        ([one], ..) => Ok(one),
        (_, [], _) => Err(Error::new(code::RUN_REFUSES, format!("run `{run}` asks nothing"))
            .help(format!("flowvm show {run}{}", place.option))),
        ([], [first, ..], Some(name)) => {
            let message = format!(
                "run `{run}` has no open interrupt `{name}`; it asks: {}",
                names(open)
            );
            Err(Error::new(code::RUN_REFUSES, message).help(example(first)))
        }
        (_, [first, ..], _) => {
            let message = format!("run `{run}` asks several things: {}", names(open));
            Err(Error::new(code::RUN_REFUSES, message).help(format!("say which one: {}", example(first))))
        }
    }
}

fn names(open: &[OpenInterrupt]) -> String {
    open.iter()
        .map(|one| one.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn ask(interrupt: &OpenInterrupt) -> Result<Json> {
    if !std::io::stdin().is_terminal() {
        return Err(
            Error::usage(format!("no answer to `{}` was given", interrupt.name))
                .help("give it as JSON, as @FILE, or as - for standard input"),
        );
    }
    note(&format!(
        "{}: {}",
        paint(style::STRONG, &interrupt.name),
        interrupt.ask
    ));
    if !interrupt.show.is_null() {
        note(&pretty(&interrupt.show));
    }
    value(&interrupt.schema, "answer", true)
}

/// Asks for a value of the schema, for a record field by field.
fn value(schema: &Json, name: &str, needed: bool) -> Result<Json> {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        return scalar(schema, name, needed);
    };
    let required = schema.get("required").and_then(Json::as_array);
    let mut record = Map::new();
    for (field, schema) in properties {
        let needed = required.is_some_and(|names| names.iter().any(|one| one == field));
        let answer = match schema.get("const") {
            Some(fixed) => fixed.clone(),
            None => value(schema, field, needed)?,
        };
        if needed || !answer.is_null() {
            record.insert(field.clone(), answer);
        }
    }
    Ok(Json::Object(record))
}

fn scalar(schema: &Json, name: &str, needed: bool) -> Result<Json> {
    loop {
        let line = line(&format!(
            "  {name} ({}){}: ",
            kind(schema),
            if needed { "" } else { ", may be empty" }
        ))?;
        match line.trim() {
            "" if !needed => return Ok(Json::Null),
            text => match read(schema, text) {
                Some(value) => return Ok(value),
                None => note(&format!("  `{text}` does not fit")),
            },
        }
    }
}

fn read(schema: &Json, text: &str) -> Option<Json> {
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return values.iter().find(|value| value.as_str() == Some(text)).cloned();
    }
    let yes_or_no = schema.get("type").and_then(Json::as_str) == Some("boolean");
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" if yes_or_no => return Some(Json::Bool(true)),
        "n" | "no" if yes_or_no => return Some(Json::Bool(false)),
        _ => {}
    }
    values::json_or_text(text, "the answer", schema)
        .ok()
        .filter(|value| !yes_or_no || value.is_boolean())
}

fn kind(schema: &Json) -> String {
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return values
            .iter()
            .filter_map(Json::as_str)
            .collect::<Vec<_>>()
            .join(" | ");
    }
    let any = schema.get("anyOf").and_then(|any| any.get(0));
    match (schema.get("type").and_then(Json::as_str), any) {
        (Some("boolean"), _) => "y/n".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, Some(first)) => kind(first),
        (None, None) => "JSON".to_owned(),
    }
}

fn line(prompt: &str) -> Result<String> {
    let failed =
        |error: std::io::Error| Error::new(code::SYSTEM, format!("cannot ask on this terminal: {error}"));
    let mut stderr = std::io::stderr();
    write!(stderr, "{prompt}")
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line).map_err(failed)? {
        0 => Err(Error::usage("no answer was given")),
        _ => Ok(line),
    }
}
