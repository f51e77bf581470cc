//! Workers that misbehave: each gives a failure with a class, in time, and leaves nothing behind (L-21, L-25, L-33, L-40).

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Bench;

/// A flow whose one worker is this shell script.
fn one_worker(script: &str, timeout: &str) -> Bench {
    let bench = Bench::with(&format!(
        "worker w() -> int via exec {{ command [\"sh\", \"w.sh\"], timeout {timeout} }}\n\
         flow f() -> int {{\n  state {{ n: int = 0 }}\n  start -> a -> end\n  task a {{\n    call w() as x\n    n <- x\n  }}\n  return n\n}}\n"
    ));
    bench.write("w.sh", script);
    bench
}

#[track_caller]
fn fails_with(script: &str, class: &str) -> Value {
    let bench = one_worker(script, "2s");
    let ran = bench.flowvm(&["run", "main.flow", "--json"]);
    ran.expect(1);
    let line = ran.json();
    assert_eq!(line["status"], "failed", "{ran}");
    assert_eq!(line["error"]["class"], class, "{ran}");
    line
}

#[test]
fn prints_nothing() {
    fails_with("exit 0", "invalid_reply");
}

#[test]
fn prints_garbage() {
    fails_with("echo 'well, {\"a\":'", "invalid_reply");
}

#[test]
fn prints_the_wrong_type() {
    let line = fails_with("echo '{\"a\": 1}'", "invalid_reply");
    assert!(
        line["error"]["message"].as_str().unwrap().contains("int"),
        "{line}"
    );
}

#[test]
fn prints_bytes_that_are_no_text() {
    fails_with("printf '\\377\\376\\000'", "invalid_reply");
}

#[test]
fn exits_137_and_says_why() {
    let line = fails_with("echo 'out of memory' >&2; exit 137", "exec_failed");
    let message = line["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("137") && message.contains("out of memory"),
        "{message}"
    );
}

#[test]
fn ends_itself_by_a_signal() {
    fails_with("kill -9 $$", "exec_failed");
}

#[test]
fn hangs() {
    let begun = Instant::now();
    fails_with("sleep 600", "timeout");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn prints_a_hundred_megabytes() {
    let begun = Instant::now();
    let line = fails_with("head -c 100000000 /dev/zero | tr '\\0' x", "exec_failed");
    assert!(line.to_string().len() < 100_000, "the reply was kept");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

/// A child in the worker's group does not outlive the run, whether the worker hangs or is done.
#[test]
fn leaves_a_child_behind() {
    let bench = one_worker("sleep 300 & echo $! > child; wait", "1s");
    bench.flowvm(&["run", "main.flow"]).expect(1);
    assert!(
        gone(bench.read("child").trim()),
        "the child of a worker that hung lives on"
    );
}

/// The reply counts once the worker is done, even if what it started still holds its output open.
#[test]
fn is_done_before_its_child() {
    let bench = one_worker("sleep 300 & echo $! > child; echo 7", "20s");
    let begun = Instant::now();
    let line = bench.run_json(&["main.flow"]);
    assert_eq!(line["result"], 7, "{line}");
    assert!(begun.elapsed() < Duration::from_secs(15), "waited for the child");
    assert!(
        gone(bench.read("child").trim()),
        "the child of a worker that was done lives on"
    );
}

#[test]
fn is_not_there() {
    let bench = one_worker("", "2s");
    let flow = bench
        .read("main.flow")
        .replace("\"sh\", \"w.sh\"", "\"no-such-program-anywhere\"");
    bench.write("main.flow", flow);
    let ran = bench.flowvm(&["run", "main.flow", "--json"]);
    ran.expect(1);
    assert!(ran.stdout.contains("no-such-program-anywhere"), "{ran}");
}

/// Names and texts reach a worker as they are: no shell looks at them (L-32).
#[test]
fn arguments_are_not_looked_at_by_a_shell() {
    let bench = Bench::with(
        "worker w(text: string) -> string via exec { command [\"sh\", \"w.sh\", text], timeout 5s }\n\
         flow f(text: string) -> string {\n  state { t: string = \"\" }\n  start -> a -> end\n  task a {\n    call w(text: text) as x\n    t <- x\n  }\n  return t\n}\n",
    );
    bench.write("w.sh", "printf '%s' \"$1\" > got; echo '\"ok\"'");
    let text = "'\"; touch pwned; $(touch pwned) `touch pwned` \n ../../x -rf --help \\";
    bench.write("input.json", serde_json::json!({ "text": text }).to_string());
    let line = bench.run_json(&["main.flow", "--input", "@input.json"]);
    assert_eq!(line["result"], "ok", "{line}");
    assert_eq!(bench.read("got"), text);
    assert!(!bench.path("pwned").exists());
}

/// Whether no such process runs any more; it may take a moment to go.
fn gone(pid: &str) -> bool {
    assert!(!pid.is_empty(), "the worker did not get to it");
    for _ in 0..50 {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}
