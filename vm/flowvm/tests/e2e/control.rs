//! What people need in order to trust calls that leave the machine: bindings that are missing are named before
//! anything runs, workers are registered and removed, breakers open and close, many calls share few connections.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chaos;
use crate::harness::{Bench, Ran, most_of, until};

/// Everything that is missing is named at once, before the run is there.
#[test]
fn all_that_is_missing_is_named_before_the_run_starts() {
    let bench = Bench::with(
        "worker a() -> int via webhook\nworker b() -> int via mqtt { topic \"b\" }\nworker never() -> int via webhook\n\
         worker c() -> int via http { get \"/\", headers { key: \"${secret.C_KEY}\" } }\n\
         flow f() -> int {\n  state { n: int = 0 }\n  start -> [x, y, z] -> end\n  task x { call a() as v }\n  \
         task y { call b() as v }\n  task z { call c() as v }\n  return n\n}\n",
    );
    bench.write(
        "flow.toml",
        "[workers.c]\nurl = \"http://127.0.0.1:9\"\ntoken = \"C_TOKEN\"\n",
    );
    let ran = bench.flowvm(&["run", "main.flow", "--id", "r"]);
    ran.expect(1);
    for missing in [
        "worker `a`",
        "worker `b`",
        "C_KEY",
        "C_TOKEN",
        "[workers.a]",
        "[workers.b]",
        "mqtt://",
    ] {
        ran.says(missing);
    }
    assert!(!ran.stderr.contains("never"), "{ran}");
    bench.flowvm(&["show", "r"]).expect(1).says("no run");
    // What is mocked needs no address.
    bench.write("mocks.json", "{\"a\": [1], \"b\": [2], \"c\": [3]}");
    bench
        .flowvm(&["run", "main.flow", "--mock", "mocks.json"])
        .expect(0);
}

/// A flow that calls `w` once.
const ONE: &str = "worker w() -> int via webhook { attempts 3 backoff 1ms..1ms, timeout 30s }\n\
    flow f() -> int {\n  state { n: int = 0 }\n  start -> a -> end\n  task a { call w() as x, n <- x }\n  return n\n}\n";

#[test]
fn a_worker_is_registered_used_shown_and_removed() {
    let server = Server::new();
    let bench = Bench::with(ONE);
    bench.flowvm(&["run", "main.flow"]).expect(1).says("F3040");
    bench
        .flowvm(&["worker", "add", "w"])
        .expect(1)
        .says("nothing says where it is");
    bench
        .flowvm(&["worker", "add", "w", "--url", "ftp://127.0.0.1"])
        .expect(1)
        .says("http://");
    let url = format!("http://{}/", server.address);
    let add = [
        "worker",
        "add",
        "w",
        "--url",
        &url,
        "--rate",
        "100/s",
        "--burst",
        "5",
        "--max-concurrent",
        "2",
    ];
    bench.flowvm(&add).expect(0).says("added");
    bench.flowvm(&add).expect(1).says("F3041").says("--replace");
    bench
        .flowvm(&[&add[..], &["--replace"]].concat())
        .expect(0)
        .says("replaced");
    assert_eq!(bench.run_json(&["main.flow"])["result"], 7);
    let shown = bench.flowvm(&["worker", "list", "--json"]).json();
    assert_eq!(shown[0]["name"], "w");
    assert_eq!(shown[0]["from"], "store");
    assert_eq!(shown[0]["url"], *url);
    assert_eq!(shown[0]["slots"], json!({"taken": 0, "most": 2}));
    assert_eq!(
        shown[0]["rate"],
        json!({"calls": 100, "per_ms": 1000, "burst": 5})
    );
    assert_eq!(shown[0]["breaker"]["state"], "closed");
    let listed = bench.flowvm(&["worker", "list"]);
    assert!(
        listed.stdout.contains(&url) && listed.stdout.contains("0/2"),
        "{listed}"
    );
    bench
        .flowvm(&["worker", "remove", "v"])
        .expect(1)
        .says("did you mean `w`");
    bench.flowvm(&["worker", "remove", "w"]).expect(0);
    bench.flowvm(&["run", "main.flow"]).expect(1).says("F3040");
}

/// What `flow.toml` says of a name holds.
#[test]
fn the_file_wins_over_the_store() {
    let (of_file, of_store) = (Server::new(), Server::new());
    let bench = Bench::with(ONE);
    bench
        .flowvm(&[
            "worker",
            "add",
            "w",
            "--url",
            &format!("http://{}/", of_store.address),
        ])
        .expect(0);
    bench.write(
        "flow.toml",
        format!("[workers.w]\nurl = \"http://{}/\"\n", of_file.address),
    );
    bench.flowvm(&["run", "main.flow"]).expect(0);
    assert_eq!((of_file.calls(), of_store.calls()), (1, 0));
    bench
        .flowvm(&["worker", "add", "w", "--replace", "--url", "http://127.0.0.1:9/"])
        .expect(1)
        .says("flow.toml");
    bench
        .flowvm(&["worker", "remove", "w"])
        .expect(1)
        .says("flow.toml");
}

/// A call that waits for a slot goes to a worker that is registered meanwhile.
#[test]
fn a_run_that_waits_finds_a_worker_that_comes() {
    let (slow, new) = (Server::new(), Server::new());
    slow.say("hang");
    let bench = Bench::with(
        "worker w() -> int via webhook { tags [maths], timeout 1m }\n\
         flow f() -> int {\n  state { n: int = 0 by add }\n  start -> [a, b] -> end\n  task a { call w() as x, n <- x }\n  \
         task b { call w() as x, n <- x }\n  return n\n}\n",
    );
    let add = |name: &str, server: &Server| {
        let url = format!("http://{}/", server.address);
        let tagged = [
            "--protocol",
            "webhook",
            "--tag",
            "maths",
            "--tag",
            "art",
            "--max-concurrent",
            "1",
        ];
        bench
            .flowvm(&[&["worker", "add", name, "--url", &url], &tagged[..]].concat())
            .expect(0);
    };
    add("slow", &slow);
    let mut run = bench.start(&["run", "main.flow", "--id", "r"]);
    until("one call has come", || slow.calls() == 1);
    add("new", &new);
    until("the other one has come", || new.calls() == 1);
    slow.say("200 OK");
    assert!(run.wait().unwrap().success());
    assert_eq!(bench.flowvm(&["show", "r", "--json"]).json()["result"], 14);
}

/// Three failures in a row open the breaker for all processes; it is shown, and closes when it is told to.
#[test]
fn a_breaker_opens_is_shown_and_reset() {
    let server = Server::new();
    server.say("500 Oops");
    let bench = Bench::with(ONE);
    bench.write(
        "flow.toml",
        format!("[workers.w]\nurl = \"http://{}/\"\n", server.address),
    );
    bench.flowvm(&["run", "main.flow"]).expect(1);
    assert_eq!(server.calls(), 3);
    let state = || bench.flowvm(&["worker", "list", "--json"]).json()[0]["breaker"].clone();
    let opened = state();
    assert_eq!(
        (&opened["state"], &opened["failed_in_row"]),
        (&json!("open"), &json!(3)),
        "{opened}"
    );
    let listed = bench.flowvm(&["worker", "list"]);
    assert!(listed.stdout.contains("open for"), "{listed}");
    let doctor = bench.flowvm(&["doctor", "--offline"]);
    assert!(doctor.stdout.contains("breaker is open"), "{doctor}");
    server.say("200 OK");
    let mut run = bench
        .command(&["run", "main.flow", "--id", "r"])
        .stderr(Stdio::from(std::fs::File::create(bench.path("said")).unwrap()))
        .spawn()
        .unwrap();
    until("it is said what is waited for", || {
        bench.read("said").contains("breaker")
    });
    assert_eq!(server.calls(), 3, "nothing is called through an open breaker");
    bench.flowvm(&["worker", "reset", "w"]).expect(0).says("closed");
    assert!(run.wait().unwrap().success());
    assert_eq!((server.calls(), state()["state"].clone()), (4, json!("closed")));
}

/// After its cooldown one call goes through and decides; a refusal of the call itself counts for nothing.
#[test]
fn a_breaker_lets_one_call_through_after_its_cooldown() {
    let server = Server::new();
    let bench = Bench::with(ONE);
    let breaker = "{ consecutive = 2, cooldown = \"1s\" }";
    bench.write(
        "flow.toml",
        format!(
            "[workers.w]\nurl = \"http://{}/\"\nbreaker = {breaker}\n",
            server.address
        ),
    );
    let state = || bench.flowvm(&["worker", "list", "--json"]).json()[0]["breaker"].clone();
    server.say("404 Not Found");
    for _ in 0..3 {
        bench.flowvm(&["run", "main.flow"]).expect(1);
    }
    assert_eq!((server.calls(), state()["failed"].clone()), (3, json!(0)));
    server.say("503 Down");
    let begun = Instant::now();
    bench.flowvm(&["run", "main.flow"]).expect(1);
    // The third attempt was the probe.
    assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(server.calls(), 6);
    server.say("200 OK");
    assert_eq!(bench.run_json(&["main.flow"])["result"], 7);
    assert_eq!(
        (state()["state"].clone(), state()["failed"].clone()),
        (json!("closed"), json!(0))
    );
}

/// The rate of a worker holds over all processes: a burst at once, then evenly spaced.
#[test]
fn a_rate_holds_over_processes() {
    let server = Server::new();
    let bench = Bench::with(ONE);
    bench.write(
        "flow.toml",
        format!(
            "[workers.w]\nurl = \"http://{}/\"\nrate = \"2/s\"\nburst = 3\n",
            server.address
        ),
    );
    let begun = Instant::now();
    let runs: Vec<_> = (0..6).map(|_| bench.start(&["run", "main.flow"])).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    // Three at once, three more at half a second each.
    assert!(
        begun.elapsed() > Duration::from_millis(1400),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(server.calls(), 6);
}

/// A thousand calls share 64 connections, and no call has a thread of its own.
#[test]
fn a_thousand_calls_share_few_connections_and_threads() {
    let server = Server::new();
    let bench = Bench::with(
        "worker w(n: int) -> int via webhook { timeout 1m }\n\
         flow f() -> int {\n  state { n: int = 0 by add }\n  start -> each_one\n  a -> end\n  \
         send each_one { each i in range(0, 1000) -> a(i) }\n  task a(i: int) { call w(n: i) as x, n <- x }\n  return n\n}\n",
    );
    bench.write(
        "flow.toml",
        format!("[workers.w]\nurl = \"http://{}/\"\n", server.address),
    );
    server.say("slow");
    let child = bench
        .command(&["run", "main.flow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let threads = std::thread::spawn(move || most_of("Threads:", &status));
    let ran = Ran::new(&child.wait_with_output().unwrap());
    ran.expect(0);
    assert_eq!(ran.json()["result"], 7000, "{ran}");
    assert_eq!(server.calls(), 1000);
    let (connections, at_once) = (server.connections(), server.most_at_once());
    assert!(connections <= 64 + 4, "{connections} connections");
    assert!((32..=64).contains(&at_once), "{at_once} calls at once");
    let threads = threads.join().unwrap();
    assert!((1..=12).contains(&threads), "{threads} threads");
}

/// A server on this machine that keeps its connections, and answers 7 as long as nothing else is said.
struct Server {
    address: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// A status; `hang` waits for another word, `slow` for 10 ms.
    word: String,
    calls: usize,
    connections: usize,
    now: usize,
    most: usize,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Seen {
            word: "200 OK".to_owned(),
            ..Seen::default()
        }));
        let ours = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let seen = ours.clone();
                seen.lock().unwrap().connections += 1;
                std::thread::spawn(move || while answer(&stream, &seen).is_some() {});
            }
        });
        Self { address, seen }
    }

    fn say(&self, word: &str) {
        word.clone_into(&mut self.seen.lock().unwrap().word);
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().calls
    }

    fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    fn most_at_once(&self) -> usize {
        self.seen.lock().unwrap().most
    }
}

/// Answers one request; nothing if there is none any more.
fn answer(mut stream: &TcpStream, seen: &Mutex<Seen>) -> Option<()> {
    chaos::read_request(&mut stream).ok()?;
    {
        let mut seen = seen.lock().unwrap();
        seen.calls += 1;
        seen.now += 1;
        seen.most = seen.most.max(seen.now);
    }
    let word = || seen.lock().unwrap().word.clone();
    while word() == "hang" {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut status = word();
    if status == "slow" {
        std::thread::sleep(Duration::from_millis(10));
        "200 OK".clone_into(&mut status);
    }
    seen.lock().unwrap().now -= 1;
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 1\r\n\r\n7");
    stream.write_all(answer.as_bytes()).ok()
}
