//! `webhook`: one POST with everything that a worker needs to know, signed if the binding says so.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value as Json, json};

use flow_bytecode::ErrorClass;

use super::{Call, Failure, Reply, client, trace};

/// Posts the call and waits for the answer.
pub(super) async fn call(call: Call) -> Reply {
    let body = body(&call).to_string();
    let mut request = client::post(&call, call.binding.url.as_deref().unwrap_or_default())?;
    if let Some(key) = call.secret(call.binding.signing_key.as_deref())? {
        let (timestamp, nonce) = (seconds(), trace::unique());
        request = request
            .header("x-flow-signature", signature(key, &timestamp, &nonce, &body))
            .header("x-flow-timestamp", timestamp)
            .header("x-flow-nonce", nonce);
    }
    let answer = client::send(request.body(body)).await?;
    match answer.status.as_u16() {
        200 => client::json(&answer),
        202 => Err(Failure::new(
            ErrorClass::Protocol,
            "answered 202 (accepted), but this run has no address to which the outcome could be posted",
        )),
        _ => Err(client::unexpected(&answer)),
    }
}

/// What a worker is told.
pub(super) fn body(call: &Call) -> Json {
    let mut body = json!({
        "run": call.run, "flow": call.flow, "node": call.node, "index": call.index, "turn": call.turn,
        "attempt": call.attempt, "idempotency_key": call.key,
        "deadline": call.deadline.map(crate::clock::rfc3339),
        "input": call.args,
    });
    if let Some(conversation) = &call.conversation {
        body["agent"] = conversation.clone();
    }
    body
}

/// `v1=` and the HMAC-SHA256 of `timestamp.nonce.body`.
fn signature(key: &str, timestamp: &str, nonce: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{nonce}.{body}").as_bytes());
    format!("v1={}", trace::hex(tag.as_ref()))
}

fn seconds() -> String {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of RFC 4231, case 2, with its text split at dots of ours.
    #[test]
    fn a_signature_is_over_timestamp_nonce_and_body() {
        let by_hand = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"Jefe"), b"1.n.{}");
        assert_eq!(
            signature("Jefe", "1", "n", "{}"),
            format!("v1={}", trace::hex(by_hand.as_ref()))
        );
    }
}
