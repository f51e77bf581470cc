//! A server that misbehaves in every way that a network knows, and the real binary calling it (L-21, L-25): each case
//! ends in its class after its number of attempts, in bounded memory, and does not hold up other runs. The cases are
//! folders under `tests/cases/chaos`.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bench, Ran, most_of, repository, until};

/// Most memory that a process may have held at once, KiB: room for a debug build and one reply at its bound.
const MEMORY_KIB: u64 = 192 << 10;

#[test]
fn every_misbehaviour_has_its_class_and_number_of_attempts() {
    let folder = repository().join("vm/flowvm/tests/cases/chaos");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "{cases:?}");
    let under_way: Vec<_> = cases
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let case = serde_json::from_str(&fs::read_to_string(path.join("case.json")).unwrap()).unwrap();
            (name.clone(), spawn(move || check(&name, &case)))
        })
        .collect();
    let wrong: Vec<String> = under_way
        .into_iter()
        .flat_map(|(name, case)| {
            case.join()
                .unwrap_or_else(|_| vec![format!("{name}: a panic, above")])
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One that never answers holds up only whoever waits for it, also on the same store.
#[test]
fn others_go_on_beside_one_that_hangs() {
    let hung = Chaos::new(&serde_json::json!(["hang"]), "");
    let good = Chaos::new(&serde_json::json!([{"status": "200 OK", "body": "7"}]), "");
    let bench = calling(&hung.address, "60s");
    let mut stuck = bench.start(&["run", "main.flow", "--id", "stuck"]);
    until("the call arrives", || hung.calls.load(Ordering::SeqCst) > 0);
    bench.write(
        "flow.toml",
        format!("[workers.w]\nurl = \"http://{}/\"\n", good.address),
    );
    for _ in 0..5 {
        assert_eq!(bench.run_json(&["main.flow"])["result"], 7);
    }
    assert!(stuck.try_wait().unwrap().is_none(), "it should still wait");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
}

/// Runs a case: what is not as it should be.
fn check(name: &str, case: &Value) -> Vec<String> {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let chaos = Chaos::new(&case["answers"], &elsewhere.local_addr().unwrap().to_string());
    let bench = calling(&chaos.address, "2s");
    let begun = Instant::now();
    let child = bench
        .command(&["run", "main.flow", "--id", "r", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watch = spawn(move || most_of("VmHWM:", &status));
    let ran = Ran::new(&child.wait_with_output().unwrap());
    let (took, memory) = (begun.elapsed(), watch.join().unwrap());
    let line = ran.json();
    let attempts = attempts(&bench);
    let sent = chaos.sent.load(Ordering::SeqCst) >> 20;
    let calls = chaos.calls.load(Ordering::SeqCst) as u64;
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{name}: {what}: {ran}"));
        }
    };
    let done = case.get("result").is_some();
    must(ran.code == Some(i32::from(!done)), "the exit code".to_owned());
    must(line["result"] == case["result"], "the result".to_owned());
    must(
        done || line["error"]["class"] == case["class"],
        "the class".to_owned(),
    );
    must(
        Some(attempts) == case["attempts"].as_u64(),
        format!("{attempts} attempts"),
    );
    let arrived = case["answers"] != serde_json::json!([]);
    must(!arrived || calls == attempts, format!("{calls} calls arrived"));
    must(
        took >= Duration::from_millis(case["millis_at_least"].as_u64().unwrap_or(0)),
        format!("{took:?}"),
    );
    must(took < Duration::from_mins(1), format!("it took {took:?}"));
    must(
        memory > 0 && memory < MEMORY_KIB,
        format!("{memory} KiB of memory"),
    );
    let bound = case["sent_mib_at_most"].as_u64().unwrap_or(1);
    must(sent as u64 <= bound, format!("{sent} MiB were taken"));
    must(elsewhere.accept().is_err(), "somebody else was called".to_owned());
    wrong
}

/// A folder whose one flow calls this address.
fn calling(address: &str, timeout: &str) -> Bench {
    let bench = Bench::with(&format!(
        "worker w() -> int via webhook {{ attempts 3 backoff 10ms..10ms, timeout {timeout} }}\n\
         flow f() -> int {{\n  state {{ n: int = 0 }}\n  start -> a -> end\n  task a {{\n    call w() as x\n    n <- x\n  }}\n  return n\n}}\n"
    ));
    bench.write("flow.toml", format!("[workers.w]\nurl = \"http://{address}/\"\n"));
    bench
}

/// Attempts that the log of run `r` knows.
fn attempts(bench: &Bench) -> u64 {
    let events = bench.flowvm(&["events", "r", "--json"]);
    let dispatched = |line: &&str| line.contains("\"dispatched\"");
    events.stdout.lines().filter(dispatched).count() as u64
}

/// A server on this machine that answers as its case says; the last answer is given again and again.
struct Chaos {
    address: String,
    /// Connections that came.
    calls: Arc<AtomicUsize>,
    /// Bytes of floods that were taken.
    sent: Arc<AtomicUsize>,
}

impl Chaos {
    fn new(answers: &Value, elsewhere: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let chaos = Self {
            address: listener.local_addr().unwrap().to_string(),
            calls: Arc::default(),
            sent: Arc::default(),
        };
        let (calls, sent, elsewhere) = (chaos.calls.clone(), chaos.sent.clone(), elsewhere.to_owned());
        let answers = answers.as_array().unwrap().clone();
        if !answers.is_empty() {
            spawn(move || {
                for stream in listener.incoming().map(Result::unwrap) {
                    let number = calls.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
                    let (answer, sent, elsewhere) =
                        (answers[number].clone(), sent.clone(), elsewhere.clone());
                    // A client that goes away is what is wanted here.
                    spawn(move || drop(give(stream, &answer, &sent, &elsewhere)));
                }
            });
        }
        chaos
    }
}

fn give(mut stream: TcpStream, answer: &Value, sent: &AtomicUsize, elsewhere: &str) -> std::io::Result<()> {
    if answer == "reset" {
        // What was not read when a socket is closed makes the close a reset.
        stream.peek(&mut [0])?;
        return Ok(());
    }
    read_request(&mut stream)?;
    match answer.as_str() {
        Some("hang") => stream.read(&mut [0]).map(drop),
        Some("half") => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"),
        Some("drip") => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n")?;
            (0..60).try_for_each(|_| {
                sleep(Duration::from_secs(1));
                stream.write_all(b"7")
            })
        }
        Some("flood") => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let piece = vec![b'7'; 1 << 16];
            (0..1 << 14).try_for_each(|_| {
                stream.write_all(&piece)?;
                sent.fetch_add(piece.len(), Ordering::SeqCst);
                Ok(())
            })
        }
        Some(other) => panic!("no such misbehaviour: {other}"),
        None => {
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            let (headers, body) = (text("headers").replace("ELSEWHERE", elsewhere), text("body"));
            let (status, length) = (text("status"), body.len());
            stream.write_all(
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
                    .as_bytes(),
            )
        }
    }
}

/// Reads a request with its body.
pub(crate) fn read_request(stream: &mut impl Read) -> std::io::Result<()> {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece)?;
        text.extend_from_slice(&piece[..count]);
        let so_far = String::from_utf8_lossy(&text).to_lowercase();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(());
            }
        }
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
