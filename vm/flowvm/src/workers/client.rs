//! The HTTP client that `http` and `webhook` share: addresses that may be called, sending, bounded reading,
//! and the class of whatever goes wrong. The only file that names reqwest's types beside its two users.

use std::sync::OnceLock;
use std::time::SystemTime;

use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use flow_bytecode::ErrorClass;
use serde_json::Value as Json;

use super::{Call, Failure, excerpt, trace};
use crate::limits::{CONNECT_WAIT, REDIRECTS, REPLY_BYTES};

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The client, made when the first call needs it.
pub(super) fn client() -> Result<Client, Failure> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Somebody else may have chosen a provider before; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .redirect(same_host())
            .user_agent(concat!("flowvm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| with_causes(&error))
    });
    made.clone()
        .map_err(|why| Failure::new(ErrorClass::Connect, format!("no HTTP client: {why}")))
}

/// A POST of JSON to an address: with the call's key and trace, the headers of the worker's body, and the
/// binding's token.
pub(super) fn post(call: &Call, url: &str) -> Result<RequestBuilder, Failure> {
    let url = check_url(url, call.egress.as_deref())
        .map_err(|why| Failure::new(ErrorClass::Refused, format!("worker `{}`: {why}", call.worker)))?;
    let mut request = client()?
        .post(url)
        .header("content-type", "application/json")
        .header("idempotency-key", &call.key)
        .header("traceparent", trace::parent(&call.run, &call.key, call.attempt));
    for (name, value) in call
        .options
        .get("headers")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        request = request.header(name, text);
    }
    if let Some(token) = call.secret(call.binding.token.as_deref())? {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    Ok(request)
}

/// The JSON of an answer.
pub(super) fn json(answer: &Answer) -> Result<Json, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let message = format!("the reply is not JSON ({error}): {}", excerpt(&answer.body));
        Failure::new(ErrorClass::InvalidReply, message)
    })
}

/// Sends a request and reads the answer, whatever its status.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let mut body = Vec::new();
    let too_much = || {
        let message = format!("the reply has more than {} MiB", REPLY_BYTES >> 20);
        Failure::new(ErrorClass::InvalidReply, message)
    };
    if response
        .content_length()
        .is_some_and(|length| length > REPLY_BYTES as u64)
    {
        return Err(too_much());
    }
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > REPLY_BYTES {
            return Err(too_much());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body,
    })
}

/// What an answer with a status that was not expected means.
pub(super) fn unexpected(answer: &Answer) -> Failure {
    let class = match answer.status.as_u16() {
        408 => ErrorClass::Timeout,
        429 => ErrorClass::RateLimited,
        425 => ErrorClass::Overloaded,
        400..500 => ErrorClass::Http4xx,
        500.. => ErrorClass::Http5xx,
        _ => ErrorClass::Protocol,
    };
    let said = match excerpt(&answer.body) {
        text if text.is_empty() => String::new(),
        text => format!(": {text}"),
    };
    Failure {
        class,
        message: format!("answered {}{said}", answer.status),
        retry_after: retry_after(&answer.headers),
    }
}

/// A URL that may be called.
pub(crate) fn check_url(url: &str, allowed: Option<&[String]>) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("`{url}` must begin with http:// or https://"));
    }
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or_default();
    match allowed {
        Some(allowed) if !allowed.iter().any(|pattern| allows(pattern, host, port)) => {
            Err(format!("`{host}:{port}` is not in [egress] allow of flow.toml"))
        }
        _ => Ok(parsed),
    }
}

/// `host`, `host:port` or `host:*`; a host without a port stands for the usual ports.
fn allows(pattern: &str, host: &str, port: u16) -> bool {
    match pattern.rsplit_once(':') {
        Some((name, "*")) => name.eq_ignore_ascii_case(host),
        Some((name, number)) => name.eq_ignore_ascii_case(host) && number.parse() == Ok(port),
        None => pattern.eq_ignore_ascii_case(host) && matches!(port, 80 | 443),
    }
}

fn same_host() -> Policy {
    Policy::custom(|attempt| {
        let origin = attempt
            .previous()
            .first()
            .map(|url| (url.host_str(), url.port_or_known_default()));
        if attempt.previous().len() > REDIRECTS {
            return attempt.error("too many redirects");
        }
        match origin {
            Some((host, port))
                if host == attempt.url().host_str() && port == attempt.url().port_or_known_default() =>
            {
                attempt.follow()
            }
            _ => attempt.error("a redirect to another host is not followed"),
        }
    })
}

fn failure(error: &reqwest::Error) -> Failure {
    let class = if error.is_timeout() {
        ErrorClass::Timeout
    } else if error.is_redirect() || error.is_builder() {
        ErrorClass::Protocol
    } else {
        ErrorClass::Connect
    };
    Failure::new(class, with_causes(error))
}

/// The message with all its causes. URLs are left out: they may hold secrets.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

/// `Retry-After` in nanoseconds from now: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000_000_000);
    }
    let when = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_secs() as i64;
    Some((when - now).max(0).saturating_mul(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_may_be_called() {
        let allowed = [
            "api.example.com".to_owned(),
            "127.0.0.1:*".to_owned(),
            "db.local:8443".to_owned(),
        ];
        let check = |url| check_url(url, Some(&allowed)).is_ok();
        assert!(
            check("https://api.example.com/v1")
                && check("http://127.0.0.1:9/")
                && check("https://db.local:8443")
        );
        assert!(
            !check("https://api.example.com:444/") && !check("http://db.local/") && !check("http://evil.com")
        );
    }

    #[test]
    fn an_address_is_http() {
        assert!(check_url("file:///etc/passwd", None).is_err() && check_url("nonsense", None).is_err());
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let with = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(with("3"), Some(3_000_000_000));
        assert_eq!(with("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        assert_eq!(with("soon"), None);
    }
}
