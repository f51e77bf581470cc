//! `webhook`: one POST with everything that a worker needs to know, signed if the binding says so. The outcome is in
//! its answer, or is handed in at the desk in `callback`.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value as Json, json};

use super::{Call, Failure, Reply, callback, client, trace};

/// Posts the call and waits for the outcome: in the answer, or handed in later.
pub(super) async fn call(call: Call) -> Reply {
    let desk = call
        .callback
        .as_ref()
        .map(|callback| callback::desk(&call, callback));
    let mut body = body(&call);
    let mut open = None;
    if let Some(Ok(desk)) = &desk {
        let (address, opened) = desk.open(&call)?;
        body["callback_url"] = json!(address.url);
        body["callback_token"] = json!(address.token);
        open = Some(opened);
    }
    let request = request(&call, &body.to_string())?;
    let Some(mut open) = open else {
        let why = desk.as_ref().and_then(|desk| desk.as_ref().err().cloned());
        let why = why.unwrap_or_else(|| "flow.toml has no [callback]".to_owned());
        let answer = client::send(request).await?;
        return outcome(&answer)?.ok_or_else(|| callback::unfollowed(&why));
    };
    let answer = tokio::select! {
        answer = client::send(request) => answer?,
        // It may be handed in before the request is answered.
        reply = open.ticket.reply() => return reply,
    };
    match outcome(&answer)? {
        Some(reply) => Ok(reply),
        None => open.ticket.reply().await,
    }
}

/// What an answer brings; nothing if it only says that the outcome is still to come.
fn outcome(answer: &client::Answer) -> Result<Option<Json>, Failure> {
    match answer.status.as_u16() {
        200 => client::json(answer).map(Some),
        202 => Ok(None),
        _ => Err(client::unexpected(answer)),
    }
}

fn request(call: &Call, body: &str) -> Result<client::Request, Failure> {
    let mut request = client::post(call, call.binding.url.as_deref().unwrap_or_default())?;
    if let Some(key) = call.secret(call.binding.signing_key.as_deref())? {
        let (timestamp, nonce) = (seconds(), trace::unique());
        request = request
            .header("x-flow-signature", signature(key, &timestamp, &nonce, body))
            .header("x-flow-timestamp", timestamp)
            .header("x-flow-nonce", nonce);
    }
    Ok(request.body(body.to_owned()))
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
    format!("v1={}", crate::hex::encode(tag.as_ref()))
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
            format!("v1={}", crate::hex::encode(by_hand.as_ref()))
        );
    }
}
