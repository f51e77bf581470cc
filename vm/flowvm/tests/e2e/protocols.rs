//! Workers that answer by other ways than their own reply: tools of MCP servers, brokers, outcomes that are posted
//! later. What each makes of every answer is shown beside its code; here, a run is told of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Bench, repository};

/// A flow whose one worker gives a number for a text.
fn one_worker(protocol: &str, flow_toml: &str) -> Bench {
    let bench = Bench::with(&format!(
        "worker w(text: string) -> int via {protocol}\n\
         flow f() -> int {{\n  state {{ n: int = 0 }}\n  start -> a -> end\n  task a {{\n    call w(\"four\") as x\n    n <- x\n    attempts 2\n  }}\n  return n\n}}\n"
    ));
    bench.write("flow.toml", flow_toml);
    bench
}

#[test]
fn what_is_not_bound_is_named_with_what_its_protocol_needs() {
    for (protocol, wanted) in [
        ("mcp", "command = [\"…\"]"),
        ("mqtt", "url = \"mqtt://…\""),
        ("redis_stream", "url = \"redis://…\""),
    ] {
        let ran = one_worker(protocol, "").flowvm(&["run", "main.flow"]);
        ran.expect(1).says("worker `w`").says(wanted);
    }
    let wrong = one_worker("mqtt", "[workers.w]\nurl = \"http://127.0.0.1\"\n").flowvm(&["run", "main.flow"]);
    wrong.expect(1).says("mqtt:// or mqtts://");
    let outside = one_worker(
        "redis_stream",
        "[workers.w]\nurl = \"redis://10.0.0.1\"\n[egress]\nallow = [\"127.0.0.1:*\"]\n",
    );
    outside.flowvm(&["run", "main.flow"]).expect(1).says("[egress]");
}

// ---- mcp ----

#[test]
fn a_run_calls_a_tool_of_an_mcp_server() {
    let named = std::env::var_os("FLOW_MCP_PYTHON").map(PathBuf::from);
    let own = std::env::temp_dir().join(format!(
        "flow-mcp-{}/bin/python",
        std::fs::metadata("/proc/self").unwrap().uid()
    ));
    let python = named.unwrap_or(own);
    if !python.is_file() {
        println!("skipped: no Python with the MCP SDK (FLOW_MCP_PYTHON)");
        return;
    }
    let server = repository().join("vm/flowvm/tests/peers/mcp_server.py");
    let command = json!([python, server, "stdio"]);
    let bench = one_worker(
        "mcp { tool \"count\" }",
        &format!("[workers.w]\ncommand = {command}\n"),
    );
    let ran = bench.run_json(&["main.flow"]);
    assert_eq!(
        (&ran["status"], &ran["result"]),
        (&json!("done"), &json!(4)),
        "{ran}"
    );
}

// ---- outcomes that are posted later ----

/// A worker behind a webhook that promises everything: what it was told, request by request.
fn promising() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (_, body) = message(&stream);
            let _ =
                stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = sender.send(serde_json::from_str(&body).unwrap());
        }
    });
    (url, told)
}

/// The first line and the body of an HTTP message.
fn message(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        // Whoever is ended says no more.
        let _ = reader.read_line(&mut line);
        match line.trim_end() {
            "" => break,
            head if first.is_empty() => head.clone_into(&mut first),
            head => {
                if let Some(said) = head.to_lowercase().strip_prefix("content-length: ") {
                    length = said.parse().unwrap();
                }
            }
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    (first, String::from_utf8(body).unwrap())
}

/// Posts an outcome: the first line of the answer; none if nobody listens.
fn hand_in(told: &Value, outcome: &Value) -> Option<String> {
    let url = told["callback_url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap();
    let (place, path) = url.split_once('/').unwrap();
    let (token, body) = (told["callback_token"].as_str().unwrap(), outcome.to_string());
    let mut stream = TcpStream::connect(place).ok()?;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {place}\r\nauthorization: Bearer {token}\r\ncontent-length: {}",
        body.len()
    );
    stream
        .write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes())
        .unwrap();
    Some(message(&stream).0)
}

#[test]
fn a_run_goes_on_with_an_outcome_that_was_posted() {
    let (url, told) = promising();
    let bench = one_worker(
        "webhook { timeout 30s }",
        &format!("[workers.w]\nurl = \"{url}\"\n[callback]\n"),
    );
    let run = bench
        .command(&["run", "main.flow", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = told.recv_timeout(Duration::from_secs(20)).unwrap();
    let said = hand_in(&told, &json!({"flow": 1, "output": 4})).unwrap();
    assert!(said.contains(" 200 "), "{said}");
    let out = run.wait_with_output().unwrap();
    let line: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (&line["status"], &line["result"]),
        (&json!("done"), &json!(4)),
        "{line}"
    );
}

/// The process dies while the outcome is awaited. The one that goes on with the run sends the attempt again, and takes
/// the outcome by the token of before, once.
#[test]
fn what_was_promised_before_a_crash_counts_after_it() {
    let (url, told) = promising();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = one_worker(
        "webhook { timeout 30s }",
        &format!(
            "[workers.w]\nurl = \"{url}\"\n[callback]\nlisten = \"{free}\"\nkey = \"KEY\"\n[secrets]\nKEY = {{ env = \"FLOW_TEST_KEY\" }}\n"
        ),
    );
    let start = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command
            .env("FLOW_TEST_KEY", "callback-key")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut first = start(&["run", "main.flow", "--id", "r"]);
    let before = told.recv_timeout(Duration::from_secs(20)).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(hand_in(&before, &json!(4)), None, "nobody takes it meanwhile");
    let second = start(&["resume", "r", "--json"]);
    let after = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(before["idempotency_key"], after["idempotency_key"]);
    let said = hand_in(&before, &json!(4)).unwrap();
    assert!(said.contains(" 200 "), "{said}");
    // The process may have ended by now.
    let twice = hand_in(&before, &json!(5));
    assert!(
        twice
            .as_ref()
            .is_none_or(|said| said.is_empty() || said.contains(" 410 ")),
        "{twice:?}"
    );
    let line: Value = serde_json::from_slice(&second.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(
        (&line["status"], &line["result"]),
        (&json!("done"), &json!(4)),
        "{line}"
    );
    let store = std::fs::read(bench.path(".flow/flow.db")).unwrap();
    let token = before["callback_token"].as_str().unwrap().as_bytes();
    assert!(
        !store.windows(token.len()).any(|bytes| bytes == token),
        "the token is in the store"
    );
}

// ---- redis_stream ----

struct Redis {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    fn start() -> Option<Self> {
        if !Path::new("/usr/bin/redis-server").is_file() || !Path::new("/usr/bin/redis-cli").is_file() {
            println!("skipped: redis-server and redis-cli are not installed");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("/usr/bin/redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.current_dir(folder.path()).stdout(Stdio::null());
        let redis = Self {
            child: command.spawn().unwrap(),
            port,
            _folder: folder,
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "redis-server does not come up"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(redis)
    }

    fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new("/usr/bin/redis-cli");
        let output = command
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Waits until the stream has that many entries.
    fn wait_for(&self, stream: &str, entries: &str) {
        let begun = Instant::now();
        while self.ask(&["XLEN", stream]) != entries {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "no {entries} entries in {stream}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The worker answers while nobody drives the run, and then goes: the process that resumes it finds the reply.
#[test]
fn a_reply_on_a_stream_waits_for_whoever_goes_on_with_the_run() {
    let Some(redis) = Redis::start() else { return };
    let bench = one_worker(
        "redis_stream { stream \"jobs\" }",
        &format!("[workers.w]\nurl = \"redis://127.0.0.1:{}\"\n", redis.port),
    );
    let mut run = bench.start(&["run", "main.flow", "--id", "r"]);
    redis.wait_for("jobs", "1");
    run.kill().unwrap();
    run.wait().unwrap();
    let entries = redis.ask(&["--json", "XRANGE", "jobs", "-", "+"]);
    let entries: Value = serde_json::from_str(&entries).unwrap();
    let request: Value = serde_json::from_str(entries[0][1][1].as_str().unwrap()).unwrap();
    assert_eq!(request["input"], json!({"text": "four"}));
    let reply = json!({"correlation_id": request["correlation_id"], "output": 4}).to_string();
    redis.ask(&[
        "XADD",
        request["reply_to"].as_str().unwrap(),
        "*",
        "payload",
        &reply,
    ]);
    let ran = bench.flowvm(&["resume", "r", "--json"]);
    assert_eq!(ran.expect(0).json()["result"], json!(4), "{ran}");
    assert_eq!(
        redis.ask(&["XINFO", "GROUPS", "jobs:responses"]),
        "",
        "its group is gone"
    );
    let found = bench.flowvm(&["doctor"]);
    found.expect(0);
}

#[test]
fn doctor_reaches_brokers_and_commands() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = silent.local_addr().unwrap();
    for (protocol, binding, said) in [
        ("mqtt", format!("url = \"mqtt://{closed}\""), "cannot be reached"),
        (
            "redis_stream",
            format!("url = \"redis://{open}\""),
            "answers within",
        ),
        (
            "mcp",
            "command = [\"no-such-server\"]".to_owned(),
            "no command `no-such-server`",
        ),
        ("mcp", "command = [\"sh\"]".to_owned(), "bin/sh"),
    ] {
        // None of these ever answers.
        let kept = if protocol == "mcp" {
            "command = [\"sleep\", \"60\"]".to_owned()
        } else {
            format!("url = \"{}://{open}\"", protocol.trim_end_matches("_stream"))
        };
        let bench = one_worker(
            &format!("{protocol} {{ timeout 1m }}"),
            &format!("[workers.w]\n{kept}\n"),
        );
        let mut run = bench.start(&["run", "main.flow"]);
        let begun = Instant::now();
        while !bench.flowvm(&["list", "--json"]).stdout.contains("running") {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the run does not begin"
            );
        }
        run.kill().unwrap();
        run.wait().unwrap();
        bench.write("flow.toml", format!("[workers.w]\n{binding}\n"));
        let found = bench.flowvm(&["doctor"]);
        assert!(found.stdout.contains(said), "{found}");
    }
}
