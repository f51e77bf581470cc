//! `a2a`: a message to another agent by JSON-RPC, and its task asked after until it has come to an end.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::sleep;

use flow_bytecode::ErrorClass;

use super::{Call, Failure, Reply, client, farewell, json_rpc};

/// First pause between two questions after a task; doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between two questions after a task.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Sends the message and follows the task that the agent makes of it.
pub(super) async fn call(call: Call) -> Reply {
    let mut came = ask(&call, method(&call), params(&call)).await?;
    let mut pause = FIRST_PAUSE;
    let mut watch = Watch {
        call: &call,
        task: None,
    };
    loop {
        let state = came["status"]["state"].as_str().unwrap_or_default().to_owned();
        watch.task = came["id"].as_str().map(str::to_owned).filter(|_| is_open(&state));
        if watch.task.is_none() {
            return ended(&call, &came, &state);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        came = ask(&call, "tasks/get", json!({ "id": watch.task })).await?;
    }
}

/// A task that goes on elsewhere: told to stop when nobody waits for it any more.
struct Watch<'a> {
    call: &'a Call,
    task: Option<String>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        let call = self.call.clone();
        farewell::say(async move {
            // What the agent says to this is of no use to anybody any more.
            let _ = ask(&call, "tasks/cancel", json!({ "id": task })).await;
        });
    }
}

fn is_open(state: &str) -> bool {
    matches!(state, "submitted" | "working")
}

/// What an agent's last word means.
fn ended(call: &Call, came: &Json, state: &str) -> Reply {
    let said = || text(&came["status"]["message"]["parts"]);
    match state {
        // A message instead of a task has no status.
        "" | "completed" => output(call, came),
        "input-required" | "auth-required" => {
            let blocker = json!({ "type": state, "message": said() });
            Ok(json!({
                "flow": 1,
                "receipt": { "status": "blocked", "summary": said(), "blockers": [blocker] },
            }))
        }
        "failed" | "rejected" | "canceled" => {
            let why = format!("the agent's task is {state}: {}", said());
            Ok(json!({ "flow": 1, "error": { "code": state, "message": why, "retryable": false } }))
        }
        other => {
            let message = format!("the agent's task is in an unknown state `{other}`");
            Err(Failure::new(ErrorClass::Protocol, message))
        }
    }
}

/// The data of the artifacts, else of the message; their text where there is none.
fn output(call: &Call, came: &Json) -> Reply {
    let artifacts = came["artifacts"].as_array().map_or(&[][..], Vec::as_slice);
    let of_artifacts = artifacts.iter().flat_map(|artifact| parts(&artifact["parts"]));
    let mut all: Vec<&Json> = of_artifacts.collect();
    for other in [&came["parts"], &came["status"]["message"]["parts"]] {
        if all.is_empty() {
            all.extend(parts(other));
        }
    }
    let data: Vec<&Json> = all.iter().filter_map(|part| part.get("data")).collect();
    if let [one] = data[..] {
        return Ok(json!({ "flow": 1, "output": one }));
    }
    let text = joined(all.iter().copied());
    let Some(wanted) = &call.wanted else {
        return Ok(json!({ "flow": 1, "output": text }));
    };
    let content = wanted
        .read(&text)
        .map_err(|why| Failure::new(ErrorClass::InvalidReply, why))?;
    Ok(json!({ "flow": 1, "output": wanted.output(content.value, &json!({})) }))
}

fn parts(parts: &Json) -> impl Iterator<Item = &Json> {
    parts.as_array().into_iter().flatten()
}

fn text(from: &Json) -> String {
    joined(parts(from))
}

fn joined<'a>(parts: impl Iterator<Item = &'a Json>) -> String {
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}

fn is_old(call: &Call) -> bool {
    call.said("version").and_then(Json::as_str) == Some("0.2")
}

fn method(call: &Call) -> &'static str {
    if is_old(call) {
        "tasks/send"
    } else {
        "message/send"
    }
}

/// The prompt as text, or the arguments as data.
fn params(call: &Call) -> Json {
    let kind = if is_old(call) { "type" } else { "kind" };
    let part = match call.said("prompt").and_then(Json::as_str) {
        Some(prompt) => json!({ kind: "text", "text": prompt }),
        None => json!({ kind: "data", "data": call.args }),
    };
    let session = format!("{}/{}", call.run, call.node);
    if is_old(call) {
        let message = json!({ "role": "user", "parts": [part] });
        return json!({ "id": call.key, "sessionId": session, "message": message });
    }
    json!({ "message": {
        "kind": "message", "role": "user", "messageId": call.key, "contextId": session, "parts": [part],
    } })
}

async fn ask(call: &Call, method: &str, params: Json) -> Reply {
    let body = json_rpc::request(call.key.as_str(), method, params);
    let url = call.binding.url.as_deref().unwrap_or_default();
    let answer = client::send(client::post(call, url)?.body(body.to_string())).await?;
    if answer.status.as_u16() != 200 {
        return Err(client::unexpected(&answer));
    }
    json_rpc::result(client::json(&answer)?, "the agent", method)
}
