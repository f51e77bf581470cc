//! What workers behind a broker share: the broker's address, the request, and replies that are told apart by the
//! `correlation_id` of an attempt. How messages travel stands in `mqtt` and `redis_stream`.

use ring::digest::{SHA256, digest};
use serde_json::{Value as Json, json};

use flow_bytecode::{ErrorClass, Protocol};

use super::client::Url;
use super::{Call, Failure, Reply, client, excerpt, too_much, trace, webhook};
use crate::limits::REPLY_BYTES;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether by TLS.
    pub(super) is_secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// What comes behind the host, without the slash.
    pub(super) path: String,
}

/// An address of a broker that may be called.
pub(super) fn check_url(url: &str, protocol: Protocol, allowed: Option<&[String]>) -> Result<Place, String> {
    let (plain, secure) = match protocol {
        Protocol::Mqtt => ("mqtt", "mqtts"),
        _ => ("redis", "rediss"),
    };
    let parsed = Url::parse(url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    let is_secure = parsed.scheme() == secure;
    let host = parsed.host_str().unwrap_or_default();
    if host.is_empty() || !is_secure && parsed.scheme() != plain {
        return Err(format!(
            "`{url}` must begin with {plain}:// or {secure}:// and a host"
        ));
    }
    if parsed.password().is_some() {
        return Err("a password does not belong into an address: name a secret as `token`".to_owned());
    }
    let usual = usual_port(parsed.scheme()).unwrap_or_default();
    let port = parsed.port().unwrap_or(usual);
    if let Some(allowed) = allowed
        && !allowed
            .iter()
            .any(|pattern| client::allows(pattern, host, port, &[usual]))
    {
        return Err(format!("`{host}:{port}` is not in [egress] allow of flow.toml"));
    }
    Ok(Place {
        is_secure,
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        user: parsed.username().to_owned(),
        path: parsed.path().trim_start_matches('/').to_owned(),
    })
}

/// The port that a broker with such an address has unless another is named.
pub(crate) fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "mqtt" => Some(1883),
        "mqtts" => Some(8883),
        "redis" | "rediss" => Some(6379),
        _ => None,
    }
}

/// The broker of a call.
pub(super) fn place(call: &Call, protocol: Protocol) -> Result<Place, Failure> {
    let url = call.binding.url.as_deref().unwrap_or_default();
    check_url(url, protocol, call.egress.as_deref())
        .map_err(|why| Failure::new(ErrorClass::Refused, format!("worker `{}`: {why}", call.worker)))
}

/// What the worker's body says under a name, as text.
pub(super) fn option(call: &Call, name: &str) -> Option<String> {
    call.options.get(name).and_then(Json::as_str).map(str::to_owned)
}

/// What tells the reply to this attempt from all others. Made from names, so that an attempt that is sent again
/// after a crash takes the reply to what was sent before it; one of an earlier attempt is nobody's.
pub(super) fn correlation(call: &Call) -> String {
    let names = format!("{} {} {}", call.run, call.key, call.attempt);
    crate::hex::encode(&digest(&SHA256, names.as_bytes()).as_ref()[..16])
}

/// A webhook's JSON, with where to reply to.
pub(super) fn request(call: &Call, correlation: &str, reply_to: &str) -> String {
    let mut body = webhook::body(call);
    body["correlation_id"] = json!(correlation);
    body["reply_to"] = json!(reply_to);
    body["traceparent"] = json!(trace::parent(&call.run, &call.key, call.attempt));
    body.to_string()
}

/// Takes a message apart: whose reply it is, and what it says. An envelope may go without `"flow": 1` here.
pub(super) fn reply(bytes: &[u8]) -> Option<(String, Reply)> {
    let parsed: Json = serde_json::from_slice(bytes).ok()?;
    let Json::Object(mut envelope) = parsed else {
        return None;
    };
    let Some(Json::String(correlation)) = envelope.remove("correlation_id") else {
        return None;
    };
    if bytes.len() > REPLY_BYTES {
        return Some((correlation, Err(too_much())));
    }
    let says_something = ["output", "error", "command", "receipt", "tool_calls"]
        .iter()
        .any(|key| envelope.contains_key(*key));
    if !says_something {
        let message = format!("the reply has neither `output` nor `error`: {}", excerpt(bytes));
        return Some((correlation, Err(Failure::new(ErrorClass::InvalidReply, message))));
    }
    envelope.insert("flow".to_owned(), json!(1));
    Some((correlation, Ok(Json::Object(envelope))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_broker_which_may_be_called() {
        let place = check_url("mqtts://me@broker.example.com", Protocol::Mqtt, None).unwrap();
        assert_eq!(
            (place.port, place.is_secure, place.user.as_str()),
            (8883, true, "me")
        );
        assert!(check_url("http://broker.example.com", Protocol::Mqtt, None).is_err());
        assert!(check_url("mqtt://me:pass@broker.example.com", Protocol::Mqtt, None).is_err());
        let allowed = ["broker.example.com".to_owned(), "127.0.0.1:*".to_owned()];
        let check = |url| check_url(url, Protocol::RedisStream, Some(&allowed)).is_ok();
        assert!(check("redis://broker.example.com/1") && check("redis://127.0.0.1:9"));
        assert!(!check("redis://broker.example.com:80") && !check("redis://elsewhere"));
    }

    #[test]
    fn a_reply_says_whose_it_is_and_what() {
        let (whose, said) = reply(br#"{"correlation_id": "c", "output": 7}"#).unwrap();
        assert_eq!((whose.as_str(), said), ("c", Ok(json!({"output": 7, "flow": 1}))));
        let (_, said) = reply(br#"{"correlation_id": "c", "answer": 7}"#).unwrap();
        assert_eq!(said.unwrap_err().class, ErrorClass::InvalidReply);
        let large = json!({"correlation_id": "c", "output": "x".repeat(REPLY_BYTES)}).to_string();
        let (whose, said) = reply(large.as_bytes()).unwrap();
        assert_eq!(
            (whose.as_str(), said.unwrap_err().class),
            ("c", ErrorClass::InvalidReply)
        );
        assert!(reply(b"7").is_none() && reply(b"{").is_none() && reply(b"{\"output\": 7}").is_none());
    }
}
