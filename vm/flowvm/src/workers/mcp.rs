//! `mcp`: one tool of a Model Context Protocol server. What is said, in which order, and what a result means stand
//! here; how messages travel in `stdio` and `streamable`.
//!
//! Spoken here rather than with the official SDK: a client that calls one tool needs three messages, and they have
//! to keep to our bounds of replies, our list of addresses and our process groups, which the SDK's transports do
//! not know. The tests hold it against a server that is built with the official SDK.

mod stdio;
mod streamable;

use serde_json::{Value as Json, json};

use flow_bytecode::ErrorClass;

use super::{Call, Failure, Reply, json_rpc, trace};

/// What this client asks for. Servers that only know an older one say so.
const NEWEST: &str = "2025-11-25";
/// Revisions whose messages are the ones below.
const SPOKEN: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST];
/// The id of the call itself; that of the greeting is smaller.
const CALL_ID: u64 = 2;

/// Greets the server, calls the tool, and reads its result. A server that is given up is told, or ended.
pub(super) async fn call(call: Call) -> Reply {
    let mut wire = Wire::open(&call)?;
    let mut talk = Talk::default();
    let greeting = json_rpc::request(
        1,
        "initialize",
        json!({
            "protocolVersion": NEWEST,
            "capabilities": {},
            "clientInfo": { "name": "flowvm", "version": env!("CARGO_PKG_VERSION") },
        }),
    );
    let welcome = wire.ask(&call, &greeting, &mut talk).await?;
    let version = spoken(&welcome)?;
    wire.greeted(version);
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    wire.tell(&call, &initialized).await?;
    let question = json_rpc::request(CALL_ID, "tools/call", params(&call));
    let result = wire.ask(&call, &question, &mut talk).await?;
    wire.close(&call);
    meaning(&call, &result, &talk.events)
}

/// How messages get to the server and back.
enum Wire {
    /// A child process.
    Stdio(Box<stdio::Server>),
    /// Requests over HTTP.
    Streamable(Box<streamable::Session>),
}

impl Wire {
    fn open(call: &Call) -> Result<Self, Failure> {
        match (&call.binding.command, &call.binding.url) {
            (Some(command), _) => Ok(Self::Stdio(Box::new(stdio::Server::start(call, command)?))),
            (None, Some(url)) => Ok(Self::Streamable(Box::new(streamable::Session::new(call, url)))),
            (None, None) => {
                let message = format!("worker `{}` has neither a `command` nor a `url`", call.worker);
                Err(Failure::new(ErrorClass::Refused, message))
            }
        }
    }

    /// Sends a request and waits for what its id brings back.
    async fn ask(&mut self, call: &Call, question: &Json, talk: &mut Talk) -> Reply {
        let answer = match self {
            Self::Stdio(server) => server.ask(question, talk).await?,
            Self::Streamable(session) => session.ask(call, question, talk).await?,
        };
        let method = question["method"].as_str().unwrap_or_default();
        json_rpc::result(answer, "the server", method)
    }

    async fn tell(&mut self, call: &Call, message: &Json) -> Result<(), Failure> {
        match self {
            Self::Stdio(server) => server.tell(message).await,
            Self::Streamable(session) => session.tell(call, message).await,
        }
    }

    fn greeted(&mut self, version: &'static str) {
        if let Self::Streamable(session) = self {
            session.version = Some(version);
        }
    }

    /// Lets go of a server that has done its work, without waiting for it.
    fn close(self, call: &Call) {
        match self {
            Self::Stdio(server) => server.close(),
            Self::Streamable(session) => session.close(call),
        }
    }
}

/// What else was said while an answer was waited for.
#[derive(Default)]
struct Talk {
    events: Vec<Json>,
}

/// What a message from the server is.
enum Heard {
    /// What was waited for.
    Answer(Json),
    /// A question of the server, with what to say to it.
    Question(Json),
    /// Nothing that anybody waits for.
    Aside,
}

impl Talk {
    /// Sorts a message.
    fn hear(&mut self, message: Json, awaited: &Json) -> Heard {
        let id = message.get("id").filter(|id| !id.is_null()).cloned();
        let method = message["method"].as_str().map(str::to_owned);
        match (id, method) {
            (Some(id), None) if id == *awaited => Heard::Answer(message),
            (Some(id), Some(method)) => Heard::Question(answer(&id, &method)),
            (None, Some(method)) if method == "notifications/progress" => {
                let data = message["params"].clone();
                self.events
                    .push(json!({ "name": "progress", "data": progress(data) }));
                Heard::Aside
            }
            _ => Heard::Aside,
        }
    }
}

/// A server may ask whether we are there; everything else it could ask for was not offered to it.
fn answer(id: &Json, method: &str) -> Json {
    if method == "ping" {
        return json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    }
    let error = json!({ "code": -32601, "message": format!("`{method}` is not offered by this client") });
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

fn progress(mut data: Json) -> Json {
    if let Some(entries) = data.as_object_mut() {
        entries.remove("progressToken");
    }
    data
}

/// The tool that the worker names, or the one of the worker's own name, with the call's arguments.
fn params(call: &Call) -> Json {
    let tool = call.options.get("tool").and_then(Json::as_str);
    json!({
        "name": tool.unwrap_or(&call.worker),
        "arguments": call.args,
        "_meta": {
            "progressToken": call.key,
            "traceparent": trace::parent(&call.run, &call.key, call.attempt),
            "flow/idempotencyKey": call.key,
        },
    })
}

fn spoken(welcome: &Json) -> Result<&'static str, Failure> {
    let version = welcome["protocolVersion"].as_str().unwrap_or_default();
    let known = SPOKEN.into_iter().find(|known| *known == version);
    known.ok_or_else(|| {
        let message = format!(
            "the server speaks MCP `{version}`; spoken here: {}",
            SPOKEN.join(", ")
        );
        Failure::new(ErrorClass::Protocol, message)
    })
}

/// Structured content as the reply's type, else the text.
fn meaning(call: &Call, result: &Json, events: &[Json]) -> Reply {
    let text = text(&result["content"]);
    if result["isError"] == true {
        let error = json!({ "code": "tool_error", "message": text, "retryable": false });
        return Ok(json!({ "flow": 1, "error": error, "events": events }));
    }
    let output = output(
        call,
        result.get("structuredContent").filter(|value| !value.is_null()),
        text,
    )?;
    Ok(json!({ "flow": 1, "output": output, "events": events }))
}

fn output(call: &Call, structured: Option<&Json>, text: String) -> Reply {
    let Some(wanted) = &call.wanted else {
        return Ok(structured.cloned().unwrap_or(Json::String(text)));
    };
    let Some(structured) = structured.filter(|_| !wanted.is_text() || text.is_empty()) else {
        let content = wanted
            .read(&text)
            .map_err(|why| Failure::new(ErrorClass::InvalidReply, why))?;
        return Ok(wanted.output(content.value, &json!({})));
    };
    // Structured content is always an object: SDKs put what is none under `result`.
    let inner = structured.get("result").filter(|_| {
        let alone = structured.as_object().is_some_and(|object| object.len() == 1);
        alone && !wanted.fits(structured)
    });
    Ok(inner.unwrap_or(structured).clone())
}

fn text(content: &Json) -> String {
    let parts = content.as_array().into_iter().flatten();
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests;
