//! The HTTP client that `http` and `webhook` share: addresses that may be called, sending, bounded reading,
//! and the class of whatever goes wrong. The only file that names reqwest's types beside its two users.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
pub(super) use reqwest::{RequestBuilder as Request, Url};

use flow_bytecode::ErrorClass;
use serde_json::Value as Json;

use super::{Call, Failure, excerpt, too_much, trace};
use crate::limits::{CONNECT_WAIT, REDIRECTS, REPLY_BYTES};

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Addresses that may be called; none: all.
type Allowed = Option<Arc<[String]>>;

/// The client for calls that may go to these addresses, made when the first of them needs it.
pub(super) fn client(allowed: Option<&Arc<[String]>>) -> Result<Client, Failure> {
    static CLIENTS: Mutex<BTreeMap<Allowed, Client>> = Mutex::new(BTreeMap::new());
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = clients.get(&allowed.cloned()) {
        return Ok(client.clone());
    }
    // Somebody else may have chosen a provider before; any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_WAIT)
        .redirect(same_host())
        .user_agent(concat!("flowvm/", env!("CARGO_PKG_VERSION")));
    if let Some(allowed) = allowed {
        builder = builder.dns_resolver(Arc::new(Guard(allowed.clone())));
    }
    let made = builder.build().map_err(|error| {
        let message = format!("no HTTP client: {}", with_causes(&error));
        Failure::new(ErrorClass::Connect, message)
    })?;
    clients.insert(allowed.cloned(), made.clone());
    Ok(made)
}

/// A POST of JSON to an address: with the call's key and trace, the headers of the worker's body, and the
/// binding's token.
pub(super) fn post(call: &Call, url: &str) -> Result<Request, Failure> {
    let request = request(call, Method::POST, url)?;
    Ok(request.header("content-type", "application/json"))
}

/// A DELETE of an address, with what a POST carries too.
pub(super) fn delete(call: &Call, url: &str) -> Result<Request, Failure> {
    request(call, Method::DELETE, url)
}

fn request(call: &Call, method: Method, url: &str) -> Result<Request, Failure> {
    let url = check_url(url, call.egress.as_deref())
        .map_err(|why| Failure::new(ErrorClass::Refused, format!("worker `{}`: {why}", call.worker)))?;
    let mut request = client(call.egress.as_ref())?
        .request(method, url)
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
pub(super) async fn send(request: Request) -> Result<Answer, Failure> {
    open(request).await?.whole().await
}

/// Sends a request; the body of the answer is still to come.
pub(super) async fn open(request: Request) -> Result<Coming, Failure> {
    let response = request.send().await.map_err(|error| failure(&error))?;
    Ok(Coming {
        status: response.status(),
        headers: response.headers().clone(),
        response,
        read: 0,
    })
}

/// An answer whose body is still coming.
pub(super) struct Coming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    response: Response,
    /// How much of the body came so far.
    read: usize,
}

impl Coming {
    /// Whether the body is said to be of this media type.
    pub(super) fn is(&self, media: &str) -> bool {
        let said = self.headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok());
        said.is_some_and(|said| {
            said.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case(media)
        })
    }

    /// The next piece of the body, as long as all of it keeps within the bound of replies.
    pub(super) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        let announced = self.response.content_length().unwrap_or(0) as usize;
        if announced > REPLY_BYTES {
            return Err(too_much());
        }
        let chunk = self.response.chunk().await.map_err(|error| failure(&error))?;
        self.read += chunk.as_ref().map_or(0, |chunk| <[u8]>::len(chunk));
        if self.read > REPLY_BYTES {
            return Err(too_much());
        }
        Ok(chunk)
    }

    /// The answer with its whole body.
    pub(super) async fn whole(mut self) -> Result<Answer, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(chunk.as_ref());
        }
        Ok(Answer {
            status: self.status,
            headers: self.headers,
            body,
        })
    }
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
        Some(allowed)
            if !allowed
                .iter()
                .any(|pattern| allows(pattern, host, port, &[80, 443])) =>
        {
            Err(format!("`{host}:{port}` is not in [egress] allow of flow.toml"))
        }
        _ => Ok(parsed),
    }
}

/// `host`, `host:port` or `host:*`; a host without a port stands for the usual ports.
pub(super) fn allows(pattern: &str, host: &str, port: u16, usual: &[u16]) -> bool {
    match pattern.rsplit_once(':') {
        Some((name, "*")) => name.eq_ignore_ascii_case(host),
        Some((name, number)) => name.eq_ignore_ascii_case(host) && number.parse() == Ok(port),
        None => pattern.eq_ignore_ascii_case(host) && usual.contains(&port),
    }
}

/// Resolves names where `[egress] allow` is set: an allowed name does not lead to an address inside, unless that is
/// allowed, too.
struct Guard(Arc<[String]>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted = admitted(name.as_str(), found, &allowed)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// A name led to where no call may go.
#[derive(Debug)]
struct Forbidden(String);

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

/// The addresses of a name that may be called.
fn admitted(name: &str, found: Vec<SocketAddr>, allowed: &[String]) -> Result<Vec<SocketAddr>, Forbidden> {
    let own = name.eq_ignore_ascii_case("localhost");
    let may = |address: &SocketAddr| {
        let ip = address.ip().to_canonical();
        !is_inside(ip) || own && ip.is_loopback() || allowed.iter().any(|pattern| names(pattern, ip))
    };
    let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(may);
    match bad.first() {
        Some(bad) if good.is_empty() => {
            let ip = bad.ip();
            Err(Forbidden(format!(
                "`{name}` leads to {ip}, which is not in [egress] allow of flow.toml: add \"{ip}\" if that is meant"
            )))
        }
        _ => Ok(good),
    }
}

/// Whether a pattern of `[egress] allow` names this address, with whatever port.
fn names(pattern: &str, ip: IpAddr) -> bool {
    let host = pattern.rsplit_once(':').map_or(pattern, |(host, _)| host);
    let parsed = |text: &str| {
        text.trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .ok()
            .map(|ip| ip.to_canonical())
    };
    parsed(pattern) == Some(ip) || parsed(host) == Some(ip)
}

/// Whether an address belongs to this machine or its network, and not to the world.
fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast()
                // This network, and what providers share among customers.
                || a == 0 || a == 100 && (64..128).contains(&b)
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
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
    let class = if is_forbidden(error) {
        ErrorClass::Protocol
    } else if error.is_timeout() {
        ErrorClass::Timeout
    } else if error.is_redirect() || error.is_builder() {
        ErrorClass::Protocol
    } else {
        ErrorClass::Connect
    };
    Failure::new(class, with_causes(error))
}

fn is_forbidden(error: &reqwest::Error) -> bool {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source()).any(<dyn std::error::Error>::is::<Forbidden>)
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
    fn a_name_does_not_lead_inside() {
        let leads = |name: &str, ip: &str, allowed: &str| {
            let found = vec![SocketAddr::new(ip.parse().unwrap(), 0)];
            admitted(name, found, &[allowed.to_owned()]).is_ok()
        };
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
        ];
        for ip in inside {
            assert!(!leads("api.example.com", ip, "api.example.com"), "{ip}");
            assert!(leads("api.example.com", ip, &format!("[{ip}]:*")), "{ip}");
        }
        assert!(leads("api.example.com", "93.184.216.34", "api.example.com"));
        assert!(
            leads("localhost", "127.0.0.1", "localhost:*") && !leads("localhost", "10.0.0.1", "localhost:*")
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
