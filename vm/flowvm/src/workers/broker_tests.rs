//! `mqtt` and `redis_stream` against Debian's own brokers, on loopback and ended with their tests. The worker on the
//! other side is the test.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::Commands;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::json;
use tokio::sync::watch;

use super::network_tests::{block_on, call_of, until};
use super::*;

/// A broker under way.
struct Broker {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Broker {
    /// Starts it; none where it is not installed.
    fn start(name: &str, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Option<Self> {
        let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        let Some(program) = places
            .iter()
            .map(|place| PathBuf::from(place).join(name))
            .find(|path| path.is_file())
        else {
            println!("skipped: {name} is not installed");
            return None;
        };
        // Somebody else may have taken the port in between.
        (0..5)
            .find_map(|_| Self::once(&program, &arguments))
            .or_else(|| panic!("{name} does not come up"))
    }

    fn once(program: &Path, arguments: &impl Fn(u16, &Path) -> Vec<String>) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments(port, folder.path()))
            .current_dir(folder.path());
        let mut broker = Self {
            child: command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
            port,
            _folder: folder,
        };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) && broker.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(broker);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn mosquitto() -> Option<Self> {
        Self::start("mosquitto", |port, folder| {
            let file = folder.join("mosquitto.conf");
            std::fs::write(
                &file,
                format!("listener {port} 127.0.0.1\nallow_anonymous true\n"),
            )
            .unwrap();
            vec!["-c".to_owned(), file.display().to_string()]
        })
    }

    fn redis() -> Option<Self> {
        Self::start("redis-server", |port, _| {
            let words =
                format!("--bind 127.0.0.1 --port {port} --appendonly no --requirepass very-secret --save");
            words
                .split(' ')
                .map(str::to_owned)
                .chain([String::new()])
                .collect()
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// ---- mqtt ----

/// A worker that answers each request with these messages; `ID` stands for its correlation.
async fn mqtt_worker(port: u16, topic: &str, answers: impl Fn(&Json) -> Vec<String> + Send + 'static) {
    let (ready, mut is_ready) = watch::channel(false);
    let topic = topic.to_owned();
    tokio::spawn(async move {
        let mut options = MqttOptions::new("worker", "127.0.0.1", port);
        options.set_max_packet_size(64 << 20, 64 << 20);
        let (client, mut events) = AsyncClient::new(options, 1000);
        client.subscribe(topic, QoS::AtLeastOnce).await.unwrap();
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => drop(ready.send(true)),
                Event::Incoming(Packet::Publish(message)) => {
                    let request: Json = serde_json::from_slice(&message.payload).unwrap();
                    let whose = request["correlation_id"].as_str().unwrap();
                    for answer in answers(&request) {
                        let reply_to = request["reply_to"].as_str().unwrap();
                        let answer = answer.replace("ID", whose);
                        client
                            .try_publish(reply_to, QoS::AtLeastOnce, false, answer)
                            .unwrap();
                    }
                }
                _ => {}
            }
        }
    });
    is_ready.wait_for(|ready| *ready).await.unwrap();
}

fn mqtt_call(port: u16, options: Json) -> Call {
    call_of(&format!("mqtt://127.0.0.1:{port}"), options)
}

#[test]
fn mqtt_takes_the_reply_that_is_meant_and_no_other() {
    let Some(broker) = Broker::mosquitto() else { return };
    let reply = block_on(async {
        mqtt_worker(broker.port, "jobs/+", |request| {
            let key = &request["idempotency_key"];
            let input = &request["input"]["q"];
            vec![
                "no JSON".to_owned(),
                json!({"output": "of nobody"}).to_string(),
                json!({"correlation_id": "another", "output": "of another"}).to_string(),
                json!({"correlation_id": "ID", "output": [key, input], "usage": {"input_tokens": 1}})
                    .to_string(),
                json!({"correlation_id": "ID", "output": "twice"}).to_string(),
            ]
        })
        .await;
        start(Protocol::Mqtt, mqtt_call(broker.port, json!({"topic": "jobs/1"}))).await
    });
    assert_eq!(
        reply,
        Ok(json!({"output": ["k1", "x y"], "usage": {"input_tokens": 1}, "flow": 1}))
    );
}

#[test]
fn mqtt_drops_the_late_reply_to_an_earlier_attempt() {
    let Some(broker) = Broker::mosquitto() else { return };
    let reply = block_on(async {
        mqtt_worker(broker.port, "w", |request| {
            let attempt = request["attempt"].as_u64().unwrap();
            let answer = json!({"correlation_id": "ID", "output": attempt}).to_string();
            if attempt > 3 { vec![answer] } else { Vec::new() }
        })
        .await;
        let first = mqtt_call(broker.port, json!({}));
        let second = Call {
            attempt: 4,
            ..first.clone()
        };
        let late = broker::correlation(&first);
        assert_ne!(late, broker::correlation(&second));
        let given_up = tokio::time::timeout(Duration::from_millis(300), start(Protocol::Mqtt, first)).await;
        assert!(given_up.is_err(), "nobody answers this: {given_up:?}");
        start(Protocol::Mqtt, second).await
    });
    assert_eq!(reply, Ok(json!({"output": 4, "flow": 1})));
}

#[test]
fn mqtt_calls_side_by_side_share_a_connection() {
    let Some(broker) = Broker::mosquitto() else { return };
    let replies = block_on(async {
        mqtt_worker(broker.port, "w", |request| {
            vec![json!({"correlation_id": "ID", "output": request["index"]}).to_string()]
        })
        .await;
        let calls = (0..200).map(|index| {
            let call = Call {
                index,
                key: format!("k{index}"),
                ..mqtt_call(broker.port, json!({"reply_topic": "back"}))
            };
            tokio::spawn(start(Protocol::Mqtt, call))
        });
        let mut replies = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            replies.push(call.await.unwrap().unwrap()["output"].as_u64().unwrap());
        }
        replies
    });
    assert_eq!(replies, (0..200).collect::<Vec<u64>>());
}

#[test]
fn mqtt_failures_have_their_classes() {
    let Some(mut broker) = Broker::mosquitto() else {
        return;
    };
    let port = broker.port;
    let class = |call: Call| block_on(start(Protocol::Mqtt, call)).unwrap_err().class;
    assert_eq!(
        class(mqtt_call(port, json!({"topic": "jobs/#"}))),
        ErrorClass::Protocol
    );
    let outside = Call {
        egress: Some(Arc::from(["elsewhere".to_owned()])),
        ..mqtt_call(port, json!({}))
    };
    assert_eq!(class(outside), ErrorClass::Refused);
    let of_worker = |answer: &'static str| {
        block_on(async {
            mqtt_worker(port, "w", move |_| vec![answer.to_owned()]).await;
            start(Protocol::Mqtt, mqtt_call(port, json!({}))).await
        })
    };
    assert_eq!(
        of_worker(r#"{"correlation_id": "ID", "answer": 1}"#)
            .unwrap_err()
            .class,
        ErrorClass::InvalidReply
    );
    let large = block_on(async {
        let answer = json!({"correlation_id": "ID", "output": "x".repeat(17 << 20)}).to_string();
        mqtt_worker(port, "w", move |_| vec![answer.clone()]).await;
        start(Protocol::Mqtt, mqtt_call(port, json!({}))).await
    });
    assert_eq!(large.unwrap_err().class, ErrorClass::InvalidReply);
    let ended = block_on(async {
        let (sender, asked) = std::sync::mpsc::channel();
        mqtt_worker(port, "w", move |_| {
            sender.send(()).unwrap();
            Vec::new()
        })
        .await;
        let call = tokio::spawn(start(Protocol::Mqtt, mqtt_call(port, json!({}))));
        until(|| asked.try_recv().is_ok()).await;
        broker.child.kill().unwrap();
        call.await.unwrap()
    });
    let ended = ended.unwrap_err();
    assert_eq!(ended.class, ErrorClass::Connect, "{ended:?}");
    assert_eq!(class(mqtt_call(port, json!({}))), ErrorClass::Connect);
}

// ---- redis_stream ----

fn redis_call(port: u16, options: Json) -> (Call, watch::Sender<bool>) {
    let (sender, durable) = watch::channel(false);
    let mut call = call_of(&format!("redis://127.0.0.1:{port}/2"), options);
    call.durable = durable;
    call.binding = Arc::new(Binding {
        token: Some("PASS".to_owned()),
        ..(*call.binding).clone()
    });
    call.secrets = Arc::new(Secrets::of([("PASS", "very-secret")]));
    (call, sender)
}

fn connection(port: u16) -> redis::Connection {
    let client = redis::Client::open(format!("redis://:very-secret@127.0.0.1:{port}/2")).unwrap();
    client.get_connection().unwrap()
}

/// A worker on a thread of its own: answers the first `most` requests of the stream.
fn redis_worker(port: u16, stream: &'static str, most: usize, answers: fn(&Json) -> Vec<Json>) {
    std::thread::spawn(move || {
        let mut connection = connection(port);
        let (mut from, mut done) = ("0".to_owned(), 0);
        while done < most {
            let options = redis::streams::StreamReadOptions::default().block(100);
            let read: Option<redis::streams::StreamReadReply> =
                connection.xread_options(&[stream], &[&from], &options).unwrap();
            for entry in read
                .into_iter()
                .flat_map(|read| read.keys)
                .flat_map(|key| key.ids)
            {
                let payload: String = entry.get("payload").unwrap();
                let request: Json = serde_json::from_str(&payload).unwrap();
                let reply_to = request["reply_to"].as_str().unwrap().to_owned();
                for mut answer in answers(&request) {
                    if answer["correlation_id"] == "ID" {
                        answer["correlation_id"] = request["correlation_id"].clone();
                    }
                    let _: String = connection
                        .xadd(&reply_to, "*", &[("payload", answer.to_string())])
                        .unwrap();
                }
                (from, done) = (entry.id, done + 1);
            }
        }
    });
}

fn pending(connection: &mut redis::Connection, stream: &str) -> usize {
    let group = "flow:r1";
    let reply: redis::RedisResult<redis::streams::StreamPendingReply> = connection.xpending(stream, group);
    reply.map_or(0, |reply| reply.count())
}

fn groups(connection: &mut redis::Connection, stream: &str) -> usize {
    let reply: redis::streams::StreamInfoGroupsReply = connection.xinfo_groups(stream).unwrap();
    reply.groups.len()
}

/// Whether the run has read all that is in the stream.
fn has_read_all(connection: &mut redis::Connection, stream: &str, most: usize) -> bool {
    let entries: redis::streams::StreamRangeReply = connection.xrange_all(stream).unwrap();
    let groups: redis::streams::StreamInfoGroupsReply = connection.xinfo_groups(stream).unwrap();
    let last = entries.ids.last().map(|last| &last.id);
    entries.ids.len() == most && groups.groups.first().map(|group| &group.last_delivered_id) == last
}

#[test]
fn redis_takes_the_reply_that_is_meant_and_acknowledges_it_once_it_is_durable() {
    let Some(broker) = Broker::redis() else { return };
    redis_worker(broker.port, "jobs", 1, |request| {
        vec![
            json!({"output": "of nobody"}),
            json!({"correlation_id": "another", "output": "of another"}),
            json!({"correlation_id": "ID", "output": request["idempotency_key"]}),
            json!({"correlation_id": "ID", "output": "twice"}),
        ]
    });
    let mut redis = connection(broker.port);
    let (call, durable) = redis_call(broker.port, json!({"stream": "jobs"}));
    let reply = block_on(async {
        let reply = start(Protocol::RedisStream, call).await;
        // Only what counts waits: the other three are acknowledged.
        until(|| has_read_all(&mut redis, "jobs:responses", 4) && pending(&mut redis, "jobs:responses") == 1)
            .await;
        durable.send_replace(true);
        until(|| groups(&mut redis, "jobs:responses") == 0).await;
        reply
    });
    assert_eq!(reply, Ok(json!({"output": "k1", "flow": 1})));
}

/// The process ends before the outcome is written: the reply is still there for the next one (L-48).
#[test]
fn redis_keeps_a_reply_whose_outcome_was_lost() {
    let Some(broker) = Broker::redis() else { return };
    redis_worker(broker.port, "w", 1, |_| {
        vec![
            json!({"correlation_id": "ID", "output": 7}),
            json!({"correlation_id": "ID", "output": "twice"}),
        ]
    });
    let mut redis = connection(broker.port);
    let (call, lost) = redis_call(broker.port, json!({}));
    let first = block_on(async {
        let reply = start(Protocol::RedisStream, call).await;
        until(|| has_read_all(&mut redis, "w:responses", 2) && pending(&mut redis, "w:responses") == 1).await;
        drop(lost);
        tokio::task::yield_now().await;
        farewell::all_said(Duration::from_secs(5)).await;
        reply
    });
    assert_eq!(first, Ok(json!({"output": 7, "flow": 1})));
    assert_eq!(pending(&mut redis, "w:responses"), 1);
    // The worker has gone; what it said before is what counts.
    let (again, durable) = redis_call(broker.port, json!({}));
    let second = block_on(async {
        let reply = start(Protocol::RedisStream, again).await;
        durable.send_replace(true);
        farewell::all_said(Duration::from_secs(5)).await;
        reply
    });
    assert_eq!(second, Ok(json!({"output": 7, "flow": 1})));
    assert_eq!(pending(&mut redis, "w:responses"), 0);
}

#[test]
fn redis_calls_side_by_side_and_one_after_the_other() {
    let Some(broker) = Broker::redis() else { return };
    redis_worker(broker.port, "w", 120, |request| {
        vec![json!({"correlation_id": "ID", "output": request["index"]})]
    });
    let replies = block_on(async {
        let mut replies = Vec::new();
        for round in 0..20 {
            let calls = (0..6).map(|at| {
                let (call, durable) = redis_call(broker.port, json!({}));
                let index = round * 6 + at;
                let call = Call {
                    index,
                    key: format!("k{index}"),
                    ..call
                };
                tokio::spawn(async move {
                    let reply = start(Protocol::RedisStream, call).await;
                    durable.send_replace(true);
                    reply
                })
            });
            for call in calls.collect::<Vec<_>>() {
                replies.push(call.await.unwrap().unwrap()["output"].as_u64().unwrap());
            }
        }
        let mut redis = connection(broker.port);
        until(|| groups(&mut redis, "w:responses") == 0).await;
        replies
    });
    assert_eq!(replies, (0..120).collect::<Vec<u64>>());
}

#[test]
fn redis_failures_have_their_classes() {
    let Some(mut broker) = Broker::redis() else { return };
    let port = broker.port;
    let class = |call: Call| block_on(start(Protocol::RedisStream, call)).unwrap_err().class;
    let (wrong, _keep) = redis_call(port, json!({}));
    let wrong = Call {
        secrets: Arc::new(Secrets::of([("PASS", "wrong-secret")])),
        ..wrong
    };
    assert_eq!(class(wrong), ErrorClass::Protocol);
    let (outside, _keep) = redis_call(port, json!({}));
    assert_eq!(
        class(Call {
            egress: Some(Arc::from(["elsewhere".to_owned()])),
            ..outside
        }),
        ErrorClass::Refused
    );
    redis_worker(port, "w", 1, |_| {
        vec![json!({"correlation_id": "ID", "answer": 1})]
    });
    assert_eq!(class(redis_call(port, json!({})).0), ErrorClass::InvalidReply);
    let (waits, _keep) = redis_call(port, json!({"stream": "nobody"}));
    let ended = block_on(async {
        let call = tokio::spawn(start(Protocol::RedisStream, waits));
        let mut redis = connection(port);
        until(|| redis.xlen("nobody") == Ok(1_u64)).await;
        broker.child.kill().unwrap();
        call.await.unwrap()
    });
    assert_eq!(ended.unwrap_err().class, ErrorClass::Connect);
    assert_eq!(class(redis_call(port, json!({})).0), ErrorClass::Connect);
}
