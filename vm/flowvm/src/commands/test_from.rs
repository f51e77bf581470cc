//! `flowvm test-from`: a recorded run as a `test` block, with its replies as mocks and its end as what is expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use flow_bytecode::{Image, RecordField, Type, TypeId};
use flow_machine::{Event, EventKind, Input, Machine, Outcome, Status, Time};

use super::{Place, find, replayed};
use crate::args::{Common, TestFrom};
use crate::error::{Error, Result, code};
use crate::program;
use crate::view::{out, status_word};

/// What a worker was asked for, and what came back.
struct Called {
    worker: String,
    sent: Time,
    ended: Option<(Time, Outcome)>,
}

pub(super) fn perform(args: &TestFrom, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let (machine, events) = replayed(&store, &row)?;
    if machine.status() == Status::Running {
        let message = format!("run `{}` has not come to rest: there is no end to expect", row.id);
        return Err(
            Error::new(code::RUN_REFUSES, message).help(format!("flowvm resume {}{}", row.id, place.option))
        );
    }
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| format!("as run {} went", row.id));
    let text = block(&machine, &events, &name)?;
    if common.json {
        out(&serde_json::json!({"run": row.id, "test": text}).to_string());
    } else {
        out(&text);
    }
    Ok(0)
}

fn block(machine: &Machine, events: &[Event], name: &str) -> Result<String> {
    let (image, start) = (machine.image(), machine.start_info());
    let flow = program::flow(machine.program(), Some(&start.flow))?;
    let mut text = format!("test {} for {} {{\n", string(name), start.flow);
    let entry = |(name, value): (&String, &Json)| {
        let param = flow.params.iter().find(|param| image.str(param.name) == *name);
        format!("{name}: {}", literal(image, param.map(|param| param.ty), value))
    };
    let input: Vec<String> = start.input.iter().map(entry).collect();
    line(
        &mut text,
        &format!("input {{ {} }}", input.join(", ")).replace("{  }", "{}"),
    );
    for mock in mocks(image, events) {
        line(&mut text, &mock);
    }
    for act in acts(events, machine.created_at()) {
        line(&mut text, &act);
    }
    line(
        &mut text,
        &format!("expect path == [{}]", machine.path().join(", ")),
    );
    match machine.status() {
        Status::Done => {
            let result = machine.result().unwrap_or(&Json::Null);
            line(
                &mut text,
                &format!("expect result == {}", literal(image, flow.result_type, result)),
            );
        }
        Status::Failed => {
            let code = machine.error().map_or("", |error| error.code.as_str());
            line(&mut text, &format!("expect fails {}", string(code)));
        }
        other => line(&mut text, &format!("expect status == {}", status_word(other))),
    }
    text.push('}');
    Ok(text)
}

/// A line per worker: its replies by the number of the call.
fn mocks(image: &Image, events: &[Event]) -> Vec<String> {
    let mut calls: Vec<(String, Called)> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Dispatched { attempt, worker, .. } => calls.push((
                attempt.clone(),
                Called {
                    worker: worker.clone(),
                    sent: event.at,
                    ended: None,
                },
            )),
            EventKind::Received {
                received: Input::Settled { attempt, outcome },
            } => {
                if let Some((_, call)) = calls
                    .iter_mut()
                    .rev()
                    .find(|(id, call)| id == attempt && call.ended.is_none())
                {
                    call.ended = Some((event.at, outcome.clone()));
                }
            }
            _ => {}
        }
    }
    // Delays matter only where calls were under way at the same time.
    let overlap = calls.iter().enumerate().any(|(at, (_, call))| {
        calls[at + 1..]
            .iter()
            .any(|(_, later)| call.ended.as_ref().is_none_or(|(end, _)| later.sent < *end))
    });
    let mut by_worker: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, call) in &calls {
        let replies = by_worker.entry(call.worker.clone()).or_default();
        let ty = image
            .workers
            .iter()
            .find(|worker| image.str(worker.name) == call.worker)
            .map(|worker| worker.reply);
        replies.push(reply(image, ty, call, overlap));
    }
    by_worker
        .into_iter()
        .map(|(worker, replies)| match replies.as_slice() {
            [only] => format!("mock {worker} {only}"),
            all => {
                let numbered: Vec<String> = all
                    .iter()
                    .zip(1..)
                    .map(|(reply, number)| format!("{number} {reply}"))
                    .collect();
                format!("mock {worker} {{ {} }}", numbered.join(", "))
            }
        })
        .collect()
}

fn reply(image: &Image, ty: Option<TypeId>, call: &Called, overlap: bool) -> String {
    let Some((ended, outcome)) = &call.ended else {
        return "never".to_owned();
    };
    let delay = (ended - call.sent) / 1_000_000;
    let after = if overlap && delay > 0 {
        format!("after {delay}ms ")
    } else {
        String::new()
    };
    match outcome {
        Outcome::Reply { value } => format!("{after}-> {}", envelope(image, ty, value)),
        Outcome::Failed { class, .. } => {
            let word = serde_json::to_value(class).unwrap_or(Json::Null);
            format!("{after}fails {}", word.as_str().unwrap_or("connect"))
        }
    }
}

/// A reply, or an envelope around one.
fn envelope(image: &Image, ty: Option<TypeId>, value: &Json) -> String {
    match value
        .as_object()
        .filter(|fields| fields.get("flow") == Some(&Json::from(1)))
    {
        Some(fields) => {
            let parts = fields.iter().map(|(name, part)| {
                let ty = ty.filter(|_| name == "value");
                format!("{}: {}", key(name), literal(image, ty, part))
            });
            format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
        }
        None => literal(image, ty, value),
    }
}

/// Answers, events, injections and cancellations.
fn acts(events: &[Event], began: Time) -> Vec<String> {
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut acts = Vec::new();
    for event in events {
        let EventKind::Received { received } = &event.kind else {
            continue;
        };
        let at = format!("at {}ms", (event.at - began).max(0) / 1_000_000);
        match received {
            Input::Answer { interrupt, value } => {
                let node = interrupt.split('#').next().unwrap_or(interrupt);
                answers.entry(node.to_owned()).or_default().push(plain(value));
            }
            Input::Event { name, data } => acts.push(format!("{at} event {name} {}", plain(data))),
            Input::Inject { updates } => {
                acts.push(format!("{at} inject {}", plain(&Json::Object(updates.clone()))));
            }
            Input::Cancel { .. } => acts.push(format!("{at} cancel")),
            _ => {}
        }
    }
    let answered = answers.into_iter().map(|(node, values)| match values.as_slice() {
        [only] => format!("answer {node} -> {only}"),
        all => {
            let numbered: Vec<String> = all
                .iter()
                .zip(1..)
                .map(|(value, number)| format!("{number} -> {value}"))
                .collect();
            format!("answer {node} {{ {} }}", numbered.join(", "))
        }
    });
    answered.chain(acts).collect()
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {line}");
}

fn plain(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => string(text),
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => record(fields, |_, value| plain(value)),
    }
}

/// A value as the language writes one of the type.
fn literal(image: &Image, ty: Option<TypeId>, value: &Json) -> String {
    let Some(ty) = ty else { return plain(value) };
    match (&image.types[ty.index()], value) {
        (_, Json::Null) => "null".to_owned(),
        (Type::Nullable(inner), value) => literal(image, Some(*inner), value),
        (Type::Refined { base, .. }, value) => literal(image, Some(*base), value),
        (Type::Enum { .. }, Json::String(case)) => case.clone(),
        (Type::Float, Json::Number(number)) if number.is_i64() => format!("{number}.0"),
        (Type::List(item), Json::Array(items)) => {
            let items: Vec<String> = items
                .iter()
                .map(|value| literal(image, Some(*item), value))
                .collect();
            format!("[{}]", items.join(", "))
        }
        (Type::Map(item), Json::Object(fields)) => {
            let entries = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", string(name), literal(image, Some(*item), value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        (Type::Record { fields, .. }, Json::Object(values)) => record(values, |name, value| {
            literal(image, field_type(image, fields, name), value)
        }),
        (Type::Union { variants, .. }, Json::Object(values)) => union(image, variants, values),
        _ => plain(value),
    }
}

fn union(
    image: &Image,
    variants: &[(flow_bytecode::StrId, Vec<RecordField>)],
    values: &Map<String, Json>,
) -> String {
    let tag = values.get("tag").and_then(Json::as_str).unwrap_or_default();
    let fields = variants
        .iter()
        .find(|(name, _)| image.str(*name) == tag)
        .map_or(&[][..], |(_, fields)| fields);
    let rest: Map<String, Json> = values
        .iter()
        .filter(|(name, _)| *name != "tag")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if rest.is_empty() {
        return tag.to_owned();
    }
    format!(
        "{tag} {}",
        record(&rest, |name, value| literal(
            image,
            field_type(image, fields, name),
            value
        ))
    )
}

fn field_type(image: &Image, fields: &[RecordField], name: &str) -> Option<TypeId> {
    fields
        .iter()
        .find(|field| image.str(field.name) == name)
        .map(|field| field.ty)
}

fn record(fields: &Map<String, Json>, value: impl Fn(&str, &Json) -> String) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let entries = fields
        .iter()
        .map(|(name, one)| format!("{}: {}", key(name), value(name, one)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A name as it is, anything else as text.
fn key(name: &str) -> String {
    let is_name = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.chars().next().is_some_and(|first| !first.is_ascii_digit());
    if is_name { name.to_owned() } else { string(name) }
}

/// Text as the language writes it: nothing in it is put in.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '$' => quoted.push_str("\\$"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{{{:x}}}", control as u32);
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_so_that_nothing_is_put_in() {
        assert_eq!(string("a \"b\" ${c}\n\u{1}"), r#""a \"b\" \${c}\n\u{1}""#);
        assert_eq!([key("a_1"), key("1a"), key("a b")], ["a_1", "\"1a\"", "\"a b\""]);
    }
}
