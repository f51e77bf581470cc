//! Webhooks that answer 202: the outcome is handed in later, once, with the right token.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::network_tests::{Seen, Server, answer, block_on, call_of, class};
use super::*;

/// A desk of the test's own: those of one process share what listens at one address.
fn desk() -> Arc<Callback> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let host = [127, 0, 0, NEXT.fetch_add(1, Ordering::Relaxed)];
    Arc::new(Callback {
        listen: (host, 0).into(),
        url: None,
        key: None,
    })
}

fn accepting() -> Server {
    Server::one(&answer("202 Accepted", "", ""))
}

fn call_to(server: &Server) -> (Call, watch::Sender<bool>) {
    let (written, durable) = watch::channel(false);
    let call = call_of(&format!("http://{}", server.address), json!({}));
    (
        Call {
            durable,
            callback: Some(desk()),
            ..call
        },
        written,
    )
}

/// The request that the server saw.
async fn seen(server: Server) -> Json {
    let seen: Seen = tokio::task::spawn_blocking(move || server.seen.recv().unwrap())
        .await
        .unwrap();
    serde_json::from_str(&seen.body).unwrap()
}

async fn hand_in(told: &Json, token: &str, outcome: &str) -> u16 {
    let client = client::client(None).unwrap();
    let request = client
        .post(told["callback_url"].as_str().unwrap())
        .bearer_auth(token);
    client::send(request.body(outcome.to_owned()))
        .await
        .unwrap()
        .status
        .as_u16()
}

#[test]
fn an_outcome_is_taken_once_and_with_its_token() {
    let server = accepting();
    let (call, written) = call_to(&server);
    block_on(async {
        let under_way = tokio::spawn(start(Protocol::Webhook, call));
        let told = seen(server).await;
        let token = told["callback_token"].as_str().unwrap().to_owned();
        assert_eq!(hand_in(&told, "", "1").await, 401);
        assert_eq!(hand_in(&told, &token.replace(&token[..1], "x"), "1").await, 401);
        let mut other = told.clone();
        other["callback_url"] = json!(
            told["callback_url"]
                .as_str()
                .unwrap()
                .replace("/callbacks/", "/callbacks/0")
        );
        assert_eq!(
            hand_in(&other, &token, "1").await,
            401,
            "a token is good for its own attempt alone"
        );
        assert_eq!(hand_in(&told, &token, "{ no").await, 400);
        assert!(!under_way.is_finished());
        let taken = tokio::spawn({
            let (told, token) = (told.clone(), token.clone());
            async move { hand_in(&told, &token, r#"{"flow": 1, "output": 7}"#).await }
        });
        assert_eq!(under_way.await.unwrap(), Ok(json!({"flow": 1, "output": 7})));
        assert!(!taken.is_finished(), "it says that it is written before it is");
        written.send_replace(true);
        assert_eq!(taken.await.unwrap(), 200);
        assert_eq!(hand_in(&told, &token, r#"{"flow": 1, "output": 8}"#).await, 410);
    });
}

#[test]
fn an_outcome_that_cannot_be_written_stays_with_the_worker() {
    let server = accepting();
    let (call, written) = call_to(&server);
    let status = block_on(async {
        let under_way = tokio::spawn(start(Protocol::Webhook, call));
        let told = seen(server).await;
        let handing_in =
            tokio::spawn(async move { hand_in(&told, told["callback_token"].as_str().unwrap(), "1").await });
        assert_eq!(under_way.await.unwrap(), Ok(json!(1)));
        drop(written);
        handing_in.await.unwrap()
    });
    assert_eq!(status, 503);
}

/// The attempt's time is up, and another one is under way: the late outcome changes nothing (L-48).
#[test]
fn a_late_outcome_is_refused() {
    let (first, second) = (accepting(), accepting());
    let (early, _kept) = call_to(&first);
    let (late, written) = call_to(&second);
    let late = Call {
        attempt: 4,
        callback: early.callback.clone(),
        ..late
    };
    block_on(async {
        let given_up = tokio::spawn(tokio::time::timeout(
            Duration::from_millis(300),
            start(Protocol::Webhook, early),
        ));
        let told = seen(first).await;
        assert!(given_up.await.unwrap().is_err());
        let under_way = tokio::spawn(start(Protocol::Webhook, late));
        let again = seen(second).await;
        assert_ne!(told["callback_token"], again["callback_token"]);
        assert_eq!(told["idempotency_key"], again["idempotency_key"]);
        assert_eq!(
            hand_in(&told, told["callback_token"].as_str().unwrap(), "1").await,
            410
        );
        written.send_replace(true);
        assert_eq!(
            hand_in(&again, again["callback_token"].as_str().unwrap(), "2").await,
            200
        );
        assert_eq!(under_way.await.unwrap(), Ok(json!(2)));
    });
}

#[test]
fn a_large_outcome_is_refused() {
    let server = accepting();
    let (call, _written) = call_to(&server);
    let status = block_on(async {
        let _under_way = tokio::spawn(start(Protocol::Webhook, call));
        let told = seen(server).await;
        let large = format!("\"{}\"", "x".repeat(crate::limits::REPLY_BYTES));
        hand_in(&told, told["callback_token"].as_str().unwrap(), &large).await
    });
    assert_eq!(status, 413);
}

/// With a key of its own, a process that goes on with a run takes what was promised to the one before.
#[test]
fn a_token_outlives_the_process_where_there_is_a_key() {
    let token = |key: Option<&str>| {
        let server = accepting();
        let (call, _written) = call_to(&server);
        let callback = Callback {
            key: key.map(str::to_owned),
            ..(**call.callback.as_ref().unwrap()).clone()
        };
        let secrets = Arc::new(Secrets::of([("KEY", "callback-key")]));
        let call = Call {
            callback: Some(Arc::new(callback)),
            secrets,
            ..call
        };
        block_on(async {
            let _under_way = tokio::spawn(start(Protocol::Webhook, call));
            seen(server).await["callback_token"].clone()
        })
    };
    assert_eq!(token(Some("KEY")), token(Some("KEY")));
    assert_ne!(token(None), token(None));
}

#[test]
fn an_address_that_is_taken_is_named_when_it_is_needed() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let of = |said: &str| {
        let server = Server::one(&answer(said, "", "5"));
        let (call, _written) = call_to(&server);
        let callback = Some(Arc::new(Callback {
            listen,
            url: None,
            key: None,
        }));
        let reply = block_on(start(Protocol::Webhook, Call { callback, ..call }));
        assert_eq!(block_on(seen(server)).get("callback_url"), None);
        reply
    };
    assert_eq!(of("200 OK"), Ok(json!(5)));
    let failure = of("202 Accepted");
    assert!(
        failure
            .as_ref()
            .unwrap_err()
            .message
            .contains(&listen.to_string()),
        "{failure:?}"
    );
    assert_eq!(class(failure), ErrorClass::Protocol);
}
