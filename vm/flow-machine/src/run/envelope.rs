//! Replies as they come: the bare value, or an envelope with a command, usage, events, an error.

use flow_bytecode::ErrorClass;
use serde_json::{Map, Value as Json};

use super::activation::Failure;

/// A reply, taken apart.
pub(super) struct Reply {
    /// Whether it was no envelope.
    pub(super) is_bare: bool,
    pub(super) output: Json,
    /// Of an agent: the tools that it wants to use, and what it says with that.
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) message: Json,
    pub(super) receipt: Option<Json>,
    pub(super) goto: Option<Json>,
    pub(super) updates: Option<Map<String, Json>>,
    pub(super) tokens: u64,
    pub(super) events: Vec<(String, Json)>,
    pub(super) error: Option<Failure>,
    pub(super) blocked: Option<Blocked>,
    /// Nanoseconds for which the worker wants to be left alone.
    pub(super) rests: Option<i64>,
}

/// A tool that an agent wants to use.
#[derive(Clone, Debug)]
pub(super) struct ToolCall {
    /// The worker's own name for this use.
    pub(super) id: Json,
    pub(super) name: String,
    pub(super) args: Map<String, Json>,
}

/// A worker cannot go on until somebody does something.
pub(super) struct Blocked {
    pub(super) summary: String,
    /// As the receipt lists them.
    pub(super) blockers: Json,
}

impl Reply {
    /// Takes a reply apart. Fails for an envelope that is none.
    pub(super) fn read(json: &Json) -> Result<Reply, String> {
        let Some(envelope) = json.as_object().filter(|object| is_envelope(object)) else {
            return Ok(Reply {
                is_bare: true,
                output: json.clone(),
                tool_calls: Vec::new(),
                message: Json::Null,
                receipt: None,
                goto: None,
                updates: None,
                tokens: 0,
                events: Vec::new(),
                error: None,
                blocked: None,
                rests: None,
            });
        };
        let command = match envelope.get("command") {
            None | Some(Json::Null) => None,
            Some(Json::Object(command)) => Some(command),
            Some(_) => return Err("$.command: expected an object".into()),
        };
        let updates = match command.and_then(|command| command.get("update")) {
            None | Some(Json::Null) => None,
            Some(Json::Object(updates)) => Some(updates.clone()),
            Some(_) => return Err("$.command.update: expected an object".into()),
        };
        Ok(Reply {
            is_bare: false,
            output: envelope.get("output").cloned().unwrap_or(Json::Null),
            tool_calls: tool_calls(envelope.get("tool_calls"))?,
            message: envelope.get("message").cloned().unwrap_or(Json::Null),
            receipt: envelope
                .get("receipt")
                .filter(|receipt| !receipt.is_null())
                .cloned(),
            goto: command
                .and_then(|command| command.get("goto"))
                .filter(|goto| !goto.is_null())
                .cloned(),
            updates,
            tokens: tokens(envelope.get("usage")),
            events: events(envelope.get("events")),
            error: error(envelope),
            blocked: blocked(envelope),
            rests: rests(envelope.get("rate_limit")),
        })
    }
}

fn is_envelope(object: &Map<String, Json>) -> bool {
    object.get("flow").and_then(Json::as_i64) == Some(1)
}

fn tool_calls(calls: Option<&Json>) -> Result<Vec<ToolCall>, String> {
    let one = |(at, call): (usize, &Json)| {
        let name = call.get("name").and_then(Json::as_str);
        let name = name.ok_or_else(|| format!("$.tool_calls[{at}].name: expected a string"))?;
        let args = match call.get("args").unwrap_or(&Json::Null) {
            Json::Null => Map::new(),
            Json::Object(args) => args.clone(),
            _ => return Err(format!("$.tool_calls[{at}].args: expected an object")),
        };
        Ok(ToolCall {
            id: call.get("id").cloned().unwrap_or(Json::Null),
            name: name.to_owned(),
            args,
        })
    };
    match calls {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(calls)) => calls.iter().enumerate().map(one).collect(),
        Some(_) => Err("$.tool_calls: expected a list".into()),
    }
}

fn tokens(usage: Option<&Json>) -> u64 {
    let part = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Json::as_u64);
    part("total").unwrap_or_else(|| {
        part("input_tokens")
            .unwrap_or(0)
            .saturating_add(part("output_tokens").unwrap_or(0))
    })
}

fn events(events: Option<&Json>) -> Vec<(String, Json)> {
    let named = |event: &Json| {
        Some((
            event.get("name")?.as_str()?.to_owned(),
            event.get("data").cloned().unwrap_or(Json::Null),
        ))
    };
    events
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(named)
        .collect()
}

fn error(envelope: &Map<String, Json>) -> Option<Failure> {
    let text = |json: Option<&Json>| json.and_then(Json::as_str).unwrap_or_default().to_owned();
    if let Some(error) = envelope.get("error").filter(|error| !error.is_null()) {
        let (code, message) = (text(error.get("code")), text(error.get("message")));
        let message = if code.is_empty() {
            message
        } else {
            format!("{code}: {message}")
        };
        let retryable = error.get("retryable").and_then(Json::as_bool).unwrap_or(false);
        return Some(Failure {
            retryable: Some(retryable),
            ..Failure::new(ErrorClass::Reported, message)
        });
    }
    let receipt = envelope.get("receipt")?;
    let failed = receipt.get("status").and_then(Json::as_str) == Some("failed");
    failed.then(|| Failure::new(ErrorClass::Reported, text(receipt.get("summary"))))
}

fn blocked(envelope: &Map<String, Json>) -> Option<Blocked> {
    let receipt = envelope.get("receipt")?;
    let says_so = receipt.get("status").and_then(Json::as_str) == Some("blocked");
    says_so.then(|| Blocked {
        summary: receipt
            .get("summary")
            .and_then(Json::as_str)
            .unwrap_or("no reason given")
            .to_owned(),
        blockers: receipt.get("blockers").cloned().unwrap_or(Json::Null),
    })
}

fn rests(limit: Option<&Json>) -> Option<i64> {
    let limit = limit?;
    let none_left = limit.get("remaining").and_then(Json::as_i64) == Some(0);
    let millis = limit
        .get("reset_ms")
        .and_then(Json::as_i64)
        .filter(|millis| *millis > 0)?;
    none_left.then(|| millis.saturating_mul(1_000_000))
}
