//! `http` and `webhook` against a small server on this machine: what is sent, and what is made of every answer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;

use super::*;

/// A request as the server saw it.
#[derive(Debug)]
pub(super) struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// A server that gives these answers, one per connection, and then closes.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) seen: Receiver<Seen>,
}

impl Server {
    pub(super) fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, seen) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = sender.send(read(&stream));
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, seen }
    }

    pub(super) fn one(answer: &str) -> Self {
        Self::new(vec![answer.to_owned()])
    }
}

fn read(stream: &TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Seen {
        line: lines.swap_remove(0),
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
}

pub(super) fn call_of(url: &str, options: Json) -> Call {
    Call {
        run: "r1".into(),
        flow: "f".into(),
        node: "n".into(),
        index: 2,
        turn: 1,
        attempt: 3,
        key: "k1".into(),
        deadline: Some(1_000_000_000),
        worker: "w".into(),
        args: Map::from_iter([("q".to_owned(), json!("x y"))]),
        options,
        conversation: None,
        shape: Shape::Json,
        wanted: None,
        binding: Arc::new(Binding {
            url: Some(url.to_owned()),
            ..Binding::default()
        }),
        root: PathBuf::new(),
        secrets: Arc::default(),
        durable: tokio::sync::watch::channel(false).1,
        callback: None,
        egress: None,
    }
}

pub(super) fn send(protocol: Protocol, call: Call) -> Reply {
    block_on(start(protocol, call))
}

/// Runs something that waits, for a minute at most.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_mins(1), future)
            .await
            .expect("this takes too long")
    })
}

/// Waits until something holds, as long as the test around it may take.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn class(reply: Reply) -> ErrorClass {
    reply.expect_err("this is no success").class
}

/// A call that dies is an outcome at once, not when its time is over.
#[test]
fn a_call_that_panics_is_lost_at_once() {
    let dies: Underway = Box::pin(async { unreachable!("on purpose") });
    assert_eq!(class(block_on(settled(dies, Arc::default()))), ErrorClass::Lost);
}

#[test]
fn a_webhook_is_told_everything() {
    let server = Server::one(&answer("200 OK", "", "{\"a\": 1}"));
    let reply = send(
        Protocol::Webhook,
        call_of(&format!("http://{}/run", server.address), json!({})),
    );
    assert_eq!(reply, Ok(json!({"a": 1})));
    let seen = server.seen.recv().unwrap();
    assert_eq!(seen.line, "POST /run HTTP/1.1");
    assert_eq!(seen.headers["idempotency-key"], "k1");
    assert!(seen.headers["traceparent"].starts_with("00-") && seen.headers["traceparent"].len() == 55);
    assert_eq!(
        serde_json::from_str::<Json>(&seen.body).unwrap(),
        json!({"run": "r1", "flow": "f", "node": "n", "index": 2, "turn": 1, "attempt": 3, "idempotency_key": "k1",
               "deadline": "1970-01-01T00:00:01Z", "input": {"q": "x y"}})
    );
}

#[test]
fn a_webhook_is_signed_if_its_binding_says_so() {
    let server = Server::one(&answer("200 OK", "", "1"));
    let mut call = call_of(&format!("http://{}/", server.address), json!({}));
    call.secrets = Arc::new(Secrets::of([("HOOK", "key-value"), ("TOKEN", "token-value")]));
    call.binding = Arc::new(Binding {
        signing_key: Some("HOOK".into()),
        token: Some("TOKEN".into()),
        ..(*call.binding).clone()
    });
    assert_eq!(send(Protocol::Webhook, call), Ok(json!(1)));
    let seen = server.seen.recv().unwrap();
    assert_eq!(seen.headers["authorization"], "Bearer token-value");
    let signed = format!(
        "{}.{}.{}",
        seen.headers["x-flow-timestamp"], seen.headers["x-flow-nonce"], seen.body
    );
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key-value");
    let tag = crate::hex::encode(ring::hmac::sign(&key, signed.as_bytes()).as_ref());
    assert_eq!(seen.headers["x-flow-signature"], format!("v1={tag}"));
}

#[test]
fn an_http_worker_sends_what_its_body_says() {
    let server = Server::one(&answer("200 OK", "", "[]"));
    let options = json!({"method": "put", "path": ["/docs/", {"value": "a/b"}], "query": {"q": "x y&z", "n": 5, "no": null},
                         "headers": {"X-Mine": "1"}, "body": {"k": [1]}, "expect": 200});
    assert_eq!(
        send(
            Protocol::Http,
            call_of(&format!("http://{}/base/", server.address), options)
        ),
        Ok(json!([]))
    );
    let seen = server.seen.recv().unwrap();
    assert_eq!(seen.line, "PUT /base/docs/a%2Fb?q=x+y%26z&n=5 HTTP/1.1");
    assert_eq!(
        (seen.headers["x-mine"].as_str(), seen.body.as_str()),
        ("1", r#"{"k":[1]}"#)
    );
}

#[test]
fn the_reply_type_says_what_is_taken_of_an_answer() {
    let take = |shape| {
        let server = Server::one(&answer("200 OK", "x-more: yes\r\n", "{\"a\": 1}"));
        let call = Call {
            shape,
            ..call_of(&format!("http://{}", server.address), json!({}))
        };
        send(Protocol::Http, call).unwrap()
    };
    assert_eq!(take(Shape::Text), json!("{\"a\": 1}"));
    assert_eq!(take(Shape::Json), json!({"a": 1}));
    let whole = take(Shape::Whole);
    assert_eq!(
        (&whole["status"], &whole["headers"]["x-more"], &whole["body"]),
        (&json!(200), &json!("yes"), &json!({"a": 1}))
    );
}

#[test]
fn every_status_has_its_class() {
    let of = |status: &str| {
        let server = Server::one(&answer(status, "", "why"));
        let failure = send(
            Protocol::Http,
            call_of(&format!("http://{}", server.address), json!({})),
        )
        .unwrap_err();
        assert!(
            failure.message.contains("why") && failure.message.contains(&status[..3]),
            "{}",
            failure.message
        );
        failure.class
    };
    assert_eq!(of("404 Not Found"), ErrorClass::Http4xx);
    assert_eq!(of("408 Request Timeout"), ErrorClass::Timeout);
    assert_eq!(of("429 Too Many Requests"), ErrorClass::RateLimited);
    assert_eq!(of("500 Oops"), ErrorClass::Http5xx);
    assert_eq!(of("503 Unavailable"), ErrorClass::Http5xx);
}

#[test]
fn retry_after_is_passed_on() {
    let server = Server::one(&answer("429 Slow", "retry-after: 7\r\n", ""));
    let failure = send(
        Protocol::Webhook,
        call_of(&format!("http://{}", server.address), json!({})),
    )
    .unwrap_err();
    assert_eq!(failure.retry_after, Some(7_000_000_000));
}

#[test]
fn an_accepted_call_needs_a_way_back() {
    let server = Server::one(&answer("202 Accepted", "", ""));
    assert_eq!(
        class(send(
            Protocol::Webhook,
            call_of(&format!("http://{}", server.address), json!({}))
        )),
        ErrorClass::Protocol
    );
}

#[test]
fn bad_replies_have_their_class() {
    let of = |protocol, text: &str| {
        let server = Server::one(text);
        class(send(
            protocol,
            call_of(&format!("http://{}", server.address), json!({})),
        ))
    };
    assert_eq!(
        of(Protocol::Http, &answer("200 OK", "", "{ no")),
        ErrorClass::InvalidReply
    );
    assert_eq!(
        of(Protocol::Webhook, &answer("200 OK", "", "")),
        ErrorClass::InvalidReply
    );
    assert_eq!(of(Protocol::Webhook, "garbage\r\n\r\n"), ErrorClass::Connect);
    assert_eq!(
        of(
            Protocol::Webhook,
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"
        ),
        ErrorClass::Connect
    );
    assert_eq!(
        of(
            Protocol::Webhook,
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
        ),
        ErrorClass::InvalidReply
    );
}

#[test]
fn a_flood_is_not_read_to_its_end() {
    let body = "0".repeat(crate::limits::REPLY_BYTES + 1000);
    let server = Server::one(&format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}"));
    let failure = send(
        Protocol::Http,
        call_of(&format!("http://{}", server.address), json!({})),
    )
    .unwrap_err();
    assert!(
        failure.class == ErrorClass::InvalidReply && failure.message.contains("16 MiB"),
        "{}",
        failure.message
    );
}

#[test]
fn nobody_there_is_a_failed_connection() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let failure = send(
        Protocol::Http,
        call_of(&format!("http://127.0.0.1:{port}"), json!({})),
    )
    .unwrap_err();
    assert_eq!(failure.class, ErrorClass::Connect);
    assert!(failure.message.contains("refused"), "{}", failure.message);
}

#[test]
fn redirects_are_followed_on_the_same_host_only() {
    let server = Server::new(vec![
        answer("302 Found", "location: /there\r\n", ""),
        answer("200 OK", "", "5"),
    ]);
    assert_eq!(
        send(
            Protocol::Http,
            call_of(&format!("http://{}/here", server.address), json!({}))
        ),
        Ok(json!(5))
    );
    assert_eq!(
        server.seen.iter().map(|seen| seen.line).last().unwrap(),
        "GET /there HTTP/1.1"
    );

    let other = Server::one(&answer("200 OK", "", "5"));
    let server = Server::one(&answer(
        "307 Away",
        &format!("location: http://{}/\r\n", other.address),
        "",
    ));
    let failure = send(
        Protocol::Http,
        call_of(&format!("http://{}/", server.address), json!({})),
    )
    .unwrap_err();
    assert!(
        failure.class == ErrorClass::Protocol && failure.message.contains("another host"),
        "{}",
        failure.message
    );
    assert!(other.seen.try_recv().is_err());
}

#[test]
fn what_is_not_allowed_is_not_called() {
    let server = Server::one(&answer("200 OK", "", "5"));
    let mut call = call_of(&format!("http://{}/", server.address), json!({}));
    call.egress = Some(Arc::from(["api.example.com".to_owned()]));
    assert_eq!(class(send(Protocol::Http, call)), ErrorClass::Refused);
    assert!(server.seen.try_recv().is_err());
}

/// This machine's own name is allowed, but it leads to an address inside, and that is not: nothing is sent, and it is
/// not tried again.
#[test]
fn an_allowed_name_does_not_lead_to_an_address_inside() {
    use std::net::ToSocketAddrs;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let name = name.trim();
    let Some(found) = (name, 0).to_socket_addrs().ok().and_then(|mut all| all.next()) else {
        println!("skipped: this machine's name has no address");
        return;
    };
    let listener = TcpListener::bind((found.ip(), 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut call = call_of(&format!("http://{name}:{port}/"), json!({}));
    call.egress = Some(Arc::from([format!("{name}:*")]));
    let failure = send(Protocol::Webhook, call).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Protocol, "{}", failure.message);
    assert!(failure.message.contains("[egress] allow"), "{}", failure.message);
    assert!(listener.accept().is_err(), "it was called");
}

/// A worker that echoes a secret does not bring it into the run.
#[test]
fn secrets_do_not_come_back() {
    for (status, body) in [
        ("200 OK", "\"token is token-value\""),
        ("500 Oops", "bad token-value"),
    ] {
        let server = Server::one(&answer(status, "", body));
        let mut call = call_of(&format!("http://{}/", server.address), json!({}));
        call.secrets = Arc::new(Secrets::of([("TOKEN", "token-value")]));
        let reply = format!("{:?}", send(Protocol::Http, call));
        assert!(reply.contains("***") && !reply.contains("token-value"), "{reply}");
    }
}
