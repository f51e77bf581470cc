//! `openai_chat`: chat completions, with tools and answers in the shape of a type. The conversation of an
//! agent becomes messages; what the model wants of its tools becomes the envelope's `tool_calls`.

use serde_json::{Map, Value as Json, json};

use flow_bytecode::ErrorClass;

use super::client::{self, Answer};
use super::{Call, Failure, Reply};

/// Where completions are asked for, below a base address.
const PATH: &str = "/chat/completions";

/// Asks for a completion.
pub(super) async fn call(call: Call) -> Reply {
    let request = client::post(&call, &address(&call))?.body(body(&call)?.to_string());
    let answer = client::send(request).await?;
    if answer.status.as_u16() != 200 {
        return Err(client::unexpected(&answer));
    }
    let streamed = answer.body.starts_with(b"data:") || answer.body.starts_with(b"event:");
    let completion = if streamed {
        assembled(&answer)?
    } else {
        client::json(&answer)?
    };
    let mut reply = reply(&call, &completion)?;
    if let Some(limit) = rate_limit(&answer) {
        reply["rate_limit"] = limit;
    }
    Ok(reply)
}

/// The address, with the usual path where the binding names only the base.
fn address(call: &Call) -> String {
    let base = call
        .binding
        .url
        .as_deref()
        .unwrap_or_default()
        .trim_end_matches('/');
    if base.ends_with(PATH) {
        base.to_owned()
    } else {
        format!("{base}{PATH}")
    }
}

fn body(call: &Call) -> Result<Json, Failure> {
    let mut body = json!({ "messages": messages(call)? });
    let bound = call.binding.model.as_deref().map(Json::from);
    let Some(model) = call.said("model").cloned().or(bound) else {
        let message = format!(
            "worker `{}`: no model is named; add `model = \"…\"` to [workers.{0}]",
            call.worker
        );
        return Err(Failure::new(ErrorClass::Refused, message));
    };
    body["model"] = model;
    for name in ["temperature", "max_tokens"] {
        if let Some(value) = call.said(name) {
            body[name] = value.clone();
        }
    }
    if call.said("stream").and_then(Json::as_bool) == Some(true) {
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
    }
    let tools: Vec<Json> = tools(call)
        .map(|tool| json!({ "type": "function", "function": tool }))
        .collect();
    if !tools.is_empty() {
        body["tools"] = Json::Array(tools);
    }
    if let Some(wanted) = call.wanted.as_ref().filter(|wanted| !wanted.is_text()) {
        body["response_format"] = json!({
            "type": "json_schema", "json_schema": { "name": "reply", "schema": wanted.schema() },
        });
    }
    Ok(body)
}

/// The tools of an agent, without what only we want to know of them.
fn tools(call: &Call) -> impl Iterator<Item = Json> {
    let tools = call
        .conversation
        .as_ref()
        .and_then(|talk| talk.get("tools"))
        .and_then(Json::as_array);
    tools.into_iter().flatten().map(|tool| {
        let mut function = json!({ "name": tool["name"], "parameters": tool["parameters"] });
        if let Some(text) = tool.get("description").filter(|text| text.is_string()) {
            function["description"] = text.clone();
        }
        function
    })
}

/// What was said so far, the system's word first.
fn messages(call: &Call) -> Result<Vec<Json>, Failure> {
    let mut messages = Vec::new();
    if let Some(system) = call.said("system") {
        messages.push(json!({ "role": "system", "content": plain(system) }));
    }
    let mut last_input = None;
    let history = call
        .conversation
        .as_ref()
        .and_then(|talk| talk.get("history"))
        .and_then(Json::as_array);
    for turn in history.into_iter().flatten() {
        let input = turn.get("input").and_then(Json::as_object);
        if input != last_input {
            messages.extend(
                input
                    .map(|input| said_then(call, input))
                    .transpose()?
                    .into_iter()
                    .flatten(),
            );
            last_input = input;
        }
        messages.extend(answered(turn));
    }
    if last_input != Some(&call.args) {
        messages.extend(said_then(call, &call.args)?);
    }
    Ok(messages)
}

/// The messages that a turn's arguments mean.
fn said_then(call: &Call, args: &Map<String, Json>) -> Result<Vec<Json>, Failure> {
    let given = |name: &str| args.get(name).filter(|value| !value.is_null());
    if let Some(prompt) = given("prompt") {
        return Ok(vec![user(prompt)]);
    }
    let of_worker = |name: &str| call.options.get(name).filter(|value| !value.is_null());
    match (
        given("messages").or_else(|| of_worker("messages")),
        of_worker("prompt"),
    ) {
        (Some(Json::Array(list)), _) => Ok(list.iter().map(message).collect()),
        (_, Some(prompt)) if *args == call.args => Ok(vec![user(prompt)]),
        (_, Some(_)) => Ok(vec![user(&Json::Object(args.clone()))]),
        _ => {
            let message = format!("worker `{}` has neither `prompt` nor `messages`", call.worker);
            Err(Failure::new(ErrorClass::Protocol, message))
        }
    }
}

/// A message without the fields that are ours, such as its id.
fn message(one: &Json) -> Json {
    let known = ["role", "content", "name", "tool_calls", "tool_call_id"];
    let kept = one
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| known.contains(&key.as_str()));
    Json::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn user(prompt: &Json) -> Json {
    json!({ "role": "user", "content": plain(prompt) })
}

/// What the model said in a turn, and what its tools gave back.
fn answered(turn: &Json) -> Vec<Json> {
    let calls = turn
        .get("tool_calls")
        .and_then(Json::as_array)
        .map_or(&[][..], Vec::as_slice);
    if calls.is_empty() {
        let output = turn.get("output").unwrap_or(&turn["message"]);
        let content = output.get("value").unwrap_or(output);
        return vec![json!({ "role": "assistant", "content": plain(content) })];
    }
    let id = |call: &Json, at: usize| {
        call["id"]
            .as_str()
            .map_or_else(|| format!("call_{at}"), str::to_owned)
    };
    let asked = calls.iter().enumerate().map(|(at, call)| {
        let function = json!({ "name": call["name"], "arguments": call["args"].to_string() });
        json!({ "id": id(call, at), "type": "function", "function": function })
    });
    let said = match &turn["message"] {
        Json::Null => Json::Null,
        text => Json::String(plain(text)),
    };
    let mut messages =
        vec![json!({ "role": "assistant", "content": said, "tool_calls": asked.collect::<Vec<_>>() })];
    for (at, call) in calls.iter().enumerate() {
        let came = call
            .get("result")
            .map_or_else(|| json!({ "error": call["error"] }), Clone::clone);
        messages.push(json!({ "role": "tool", "tool_call_id": id(call, at), "content": plain(&came) }));
    }
    messages
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn reply(call: &Call, completion: &Json) -> Reply {
    let invalid = |why: String| Failure::new(ErrorClass::InvalidReply, why);
    if let Some(error) = completion.get("error").filter(|error| !error.is_null()) {
        let said = error.get("message").unwrap_or(error);
        return Err(Failure::new(
            ErrorClass::Protocol,
            format!("the service says: {}", plain(said)),
        ));
    }
    let Some(choice) = completion["choices"].get(0) else {
        return Err(invalid("the reply has no `choices`".to_owned()));
    };
    let (said, usage) = (&choice["message"], usage(&completion["usage"]));
    if let Some(calls) = said["tool_calls"].as_array().filter(|calls| !calls.is_empty()) {
        let calls = calls
            .iter()
            .map(tool_call)
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid)?;
        return Ok(json!({ "flow": 1, "message": said["content"], "tool_calls": calls, "usage": usage }));
    }
    if choice["finish_reason"] == "length" {
        return Err(invalid(
            "the model stopped at its limit of tokens; raise `max_tokens`".to_owned(),
        ));
    }
    if let Some(refusal) = said["refusal"].as_str() {
        return Err(invalid(format!("the model refused: {refusal}")));
    }
    let Some(text) = said["content"].as_str() else {
        return Err(invalid("the reply has no content".to_owned()));
    };
    let Some(wanted) = &call.wanted else {
        return Ok(json!({ "flow": 1, "output": text, "usage": usage }));
    };
    let content = wanted.read(text).map_err(invalid)?;
    let mut reply = json!({ "flow": 1, "output": wanted.output(content.value, &usage), "usage": usage });
    if !content.repairs.is_empty() {
        let data = json!({ "worker": call.worker, "repairs": content.repairs });
        reply["events"] = json!([{ "name": "repaired", "data": data }]);
    }
    Ok(reply)
}

fn tool_call(call: &Json) -> Result<Json, String> {
    let function = &call["function"];
    let Some(name) = function["name"].as_str() else {
        return Err("a tool call has no name".to_owned());
    };
    let args = match &function["arguments"] {
        Json::String(text) if text.trim().is_empty() => json!({}),
        Json::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("the arguments for tool `{name}` are not JSON ({error})"))?,
        other => other.clone(),
    };
    Ok(json!({ "id": call["id"], "name": name, "args": args }))
}

fn usage(usage: &Json) -> Json {
    let part = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (input, output) = (part("prompt_tokens"), part("completion_tokens"));
    let total = usage["total_tokens"].as_u64().unwrap_or(input + output);
    json!({ "input_tokens": input, "output_tokens": output, "total": total })
}

/// A completion out of the pieces in which a stream brings it.
fn assembled(answer: &Answer) -> Reply {
    let text = String::from_utf8_lossy(&answer.body);
    let (mut content, mut finish, mut usage) = (String::new(), Json::Null, Json::Null);
    let mut calls: Vec<Json> = Vec::new();
    let mut is_complete = false;
    for data in text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim)
    {
        if data == "[DONE]" {
            is_complete = true;
            break;
        }
        let piece: Json = serde_json::from_str(data).map_err(|error| {
            Failure::new(
                ErrorClass::InvalidReply,
                format!("a piece of the stream is not JSON ({error})"),
            )
        })?;
        if piece.get("error").is_some() {
            return Ok(piece);
        }
        if piece["usage"].is_object() {
            usage = piece["usage"].clone();
        }
        let choice = &piece["choices"][0];
        content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|call| add_piece(&mut calls, call));
        if choice["finish_reason"].is_string() {
            finish = choice["finish_reason"].clone();
        }
    }
    if !is_complete && finish.is_null() {
        return Err(Failure::new(
            ErrorClass::Connect,
            "the stream ended before the reply was complete",
        ));
    }
    let message = json!({ "content": content, "tool_calls": calls });
    Ok(json!({ "choices": [{ "message": message, "finish_reason": finish }], "usage": usage }))
}

/// Adds a piece of a tool call to the call that it belongs to.
fn add_piece(calls: &mut Vec<Json>, piece: &Json) {
    let at = piece["index"].as_u64().unwrap_or(0) as usize;
    // A place far ahead is no place: services count without gaps.
    if at > calls.len() {
        return;
    }
    if at == calls.len() {
        calls.push(
            json!({ "id": piece["id"], "function": { "name": piece["function"]["name"], "arguments": "" } }),
        );
    }
    let so_far = calls[at]["function"]["arguments"].as_str().unwrap_or_default();
    let more = piece["function"]["arguments"].as_str().unwrap_or_default();
    calls[at]["function"]["arguments"] = Json::String(format!("{so_far}{more}"));
}

/// What the headers say about calls that are left, where none is.
fn rate_limit(answer: &Answer) -> Option<Json> {
    let header = |name: &str| answer.headers.get(name)?.to_str().ok();
    let spent = |kind: &str| header(&format!("x-ratelimit-remaining-{kind}")) == Some("0");
    let kind = ["requests", "tokens"].into_iter().find(|kind| spent(kind))?;
    let reset = header(&format!("x-ratelimit-reset-{kind}")).and_then(milliseconds);
    Some(json!({ "remaining": 0, "reset_ms": reset.unwrap_or(1000) }))
}

/// `6m0s`, `1.5s`, `20ms`; a bare number is seconds.
fn milliseconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0.0, text.trim());
    while !rest.is_empty() {
        let number = rest
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(rest.len());
        let value: f64 = rest[..number].parse().ok()?;
        rest = &rest[number..];
        let unit = rest
            .find(|char: char| char.is_ascii_digit())
            .unwrap_or(rest.len());
        total += value
            * match &rest[..unit] {
                "ms" => 1.0,
                "s" | "" => 1000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_until_reset_is_read_in_every_unit() {
        assert_eq!(milliseconds("6m0s"), Some(360_000));
        assert_eq!(milliseconds("1.5s"), Some(1500));
        assert_eq!(milliseconds("20ms"), Some(20));
        assert_eq!(milliseconds("2"), Some(2000));
        assert_eq!(milliseconds("soon"), None);
    }
}
