//! `api_chat`: a message to a service that keeps the session itself, and its answer.

use serde_json::{Value as Json, json};

use flow_bytecode::ErrorClass;

use super::{Call, Failure, Reply, Shape, client, excerpt};

/// Sends the message and reads the answer.
pub(super) async fn call(call: Call) -> Reply {
    let Some(prompt) = call.said("prompt").or_else(|| call.said("message")) else {
        let message = format!("worker `{}` has no `prompt`", call.worker);
        return Err(Failure::new(ErrorClass::Protocol, message));
    };
    let text = prompt.as_str().map_or_else(|| prompt.to_string(), str::to_owned);
    let body = json!({ "message": text, "session_id": format!("{}/{}", call.run, call.node) });
    let url = call.binding.url.as_deref().unwrap_or_default();
    let answer = client::send(client::post(&call, url)?.body(body.to_string())).await?;
    if answer.status.as_u16() != 200 {
        return Err(client::unexpected(&answer));
    }
    let said = client::json(&answer)?;
    if let Some(error) = said.get("error").filter(|error| !error.is_null()) {
        return Ok(json!({ "flow": 1, "error": as_error(error) }));
    }
    let Some(text) = text_of(&said) else {
        let message = format!(
            "no `response`, `reply` or `choices` in the reply: {}",
            excerpt(&answer.body)
        );
        return Err(Failure::new(ErrorClass::InvalidReply, message));
    };
    let output = if call.shape == Shape::Text {
        json!(text)
    } else {
        json!({ "text": text })
    };
    Ok(json!({
        "flow": 1, "output": output, "usage": said["usage"], "rate_limit": said["rate_limit"],
    }))
}

fn text_of(said: &Json) -> Option<&str> {
    let plain = |name: &str| said.get(name).and_then(Json::as_str);
    plain("response")
        .or_else(|| plain("reply"))
        .or_else(|| said["choices"][0]["message"]["content"].as_str())
}

/// The envelope's form of an error, which may have come as a text.
fn as_error(error: &Json) -> Json {
    match error {
        Json::Object(_) => error.clone(),
        text => json!({ "code": "error", "message": text, "retryable": false }),
    }
}
