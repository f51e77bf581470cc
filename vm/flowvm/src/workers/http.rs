//! `http`: the request that a worker's body describes, and of the answer what its reply type asks for.

use std::fmt::Write;

use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Map, Value as Json, json};

use flow_bytecode::ErrorClass;

use super::client::{self, Answer};
use super::{Call, Failure, Reply, Shape, trace};

/// Sends the request and reads the answer.
pub(super) async fn call(call: Call) -> Reply {
    let answer = client::send(request(&call)?).await?;
    if !expected(call.options.get("expect"), answer.status.as_u16()) {
        return Err(client::unexpected(&answer));
    }
    reply(call.shape, &answer)
}

fn request(call: &Call) -> Result<RequestBuilder, Failure> {
    let bad = |why: String| Failure::new(ErrorClass::Protocol, format!("worker `{}`: {why}", call.worker));
    let option = |name: &str| call.options.get(name).filter(|value| !value.is_null());
    let method = option("method")
        .and_then(Json::as_str)
        .unwrap_or("get")
        .to_ascii_uppercase();
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| bad(format!("`{method}` is no method")))?;
    let path = option("path").map(path).unwrap_or_default();
    let url = join(call.binding.url.as_deref().unwrap_or_default(), &path);
    let url: Url = client::check_url(&url, call.egress.as_deref())
        .map_err(|why| Failure::new(ErrorClass::Refused, format!("worker `{}`: {why}", call.worker)))?;
    let mut request = client::client(call.egress.as_ref())?
        .request(method, url)
        .header("idempotency-key", &call.key)
        .header("traceparent", trace::parent(&call.run, &call.key, call.attempt));
    if let Some(query) = option("query").and_then(Json::as_object) {
        request = request.query(&pairs(query));
    }
    let headers = option("headers").and_then(Json::as_object);
    for (name, value) in headers.into_iter().flatten() {
        request = request.header(name, plain(value));
    }
    if let Some(token) = call
        .binding
        .token
        .as_deref()
        .and_then(|name| call.secrets.get(name))
    {
        request = request.bearer_auth(token);
    }
    let typed = headers.and_then(|headers| {
        headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    });
    Ok(match (option("body"), typed) {
        (None, _) => request,
        (Some(Json::String(text)), Some((_, kind))) if !plain(kind).contains("json") => {
            request.body(text.clone())
        }
        (Some(body), Some(_)) => request.body(body.to_string()),
        (Some(body), None) => request
            .header("content-type", "application/json")
            .body(body.to_string()),
    })
}

/// Text as it is; of a list, plain parts as they are and the values between them (`{"value": …}`) encoded.
fn path(path: &Json) -> String {
    match path {
        Json::Array(parts) => parts
            .iter()
            .map(|part| match part {
                Json::Object(value) => encode(&value.get("value").map(plain).unwrap_or_default()),
                text => plain(text),
            })
            .collect(),
        text => plain(text),
    }
}

/// Percent-encodes everything that could leave a segment of a path.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

fn join(base: &str, path: &str) -> String {
    match path {
        "" => base.to_owned(),
        path => format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')),
    }
}

/// Name and value pairs; lists repeat their name, nulls are left out.
fn pairs(query: &Map<String, Json>) -> Vec<(&str, String)> {
    query
        .iter()
        .flat_map(|(name, value)| {
            let values = match value {
                Json::Null => Vec::new(),
                Json::Array(items) => items.iter().map(plain).collect(),
                one => vec![plain(one)],
            };
            values.into_iter().map(move |value| (name.as_str(), value))
        })
        .collect()
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `200`, `[200, 299]`, `{"from": 200, "to": 299}` or `"200|202..299"`; nothing: any 2xx.
fn expected(expect: Option<&Json>, status: u16) -> bool {
    let number = |value: Option<&Json>| value.and_then(Json::as_u64).unwrap_or_default();
    let within = |from: u64, to: u64| (from..=to).contains(&u64::from(status));
    match expect {
        None | Some(Json::Null) => within(200, 299),
        Some(Json::Array(bounds)) => within(number(bounds.first()), number(bounds.last())),
        Some(Json::Object(bounds)) => within(number(bounds.get("from")), number(bounds.get("to"))),
        Some(Json::String(text)) => text.split('|').any(|one| {
            let (from, to) = one.split_once("..").unwrap_or((one, one));
            within(from.trim().parse().unwrap_or(0), to.trim().parse().unwrap_or(0))
        }),
        Some(one) => number(Some(one)) == u64::from(status),
    }
}

fn reply(shape: Shape, answer: &Answer) -> Reply {
    match shape {
        Shape::Text => Ok(Json::String(String::from_utf8_lossy(&answer.body).into_owned())),
        Shape::Whole => {
            let headers: Map<String, Json> = answer
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
                .collect();
            let text = || Json::String(String::from_utf8_lossy(&answer.body).into_owned());
            let body = serde_json::from_slice(&answer.body).unwrap_or_else(|_| text());
            Ok(json!({"status": answer.status.as_u16(), "headers": headers, "body": body}))
        }
        Shape::Json => client::json(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_path_cannot_leave_its_segment() {
        assert_eq!(
            path(&json!(["/a/", {"value": "../x y?"}, "/b"])),
            "/a/..%2Fx%20y%3F/b"
        );
    }

    #[test]
    fn what_is_expected_is_a_number_or_a_range() {
        assert!(expected(None, 204) && !expected(None, 304));
        assert!(expected(Some(&json!(200)), 200) && !expected(Some(&json!(200)), 201));
        assert!(expected(Some(&json!("200..299")), 299) && expected(Some(&json!([404, 404])), 404));
    }
}
