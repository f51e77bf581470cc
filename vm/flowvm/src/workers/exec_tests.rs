//! How child processes misbehave, and what is made of it. Children are shell scripts.

use std::time::{Duration, Instant};

use serde_json::Map;

use super::*;
use crate::workers::Shape;

fn call_of(script: &str) -> Call {
    Call {
        run: "r1".into(),
        flow: "f".into(),
        node: "n".into(),
        index: 0,
        turn: 1,
        attempt: 1,
        key: "k1".into(),
        deadline: None,
        worker: "w".into(),
        args: Map::from_iter([("text".to_owned(), json!("a\"b\n$(id)"))]),
        options: json!({"command": ["sh", "-c", script], "env": {"MINE": "1"}}),
        conversation: None,
        shape: Shape::Json,
        wanted: None,
        binding: std::sync::Arc::default(),
        root: std::env::temp_dir(),
        secrets: std::sync::Arc::default(),
        durable: tokio::sync::watch::channel(false).1,
        callback: None,
        egress: None,
    }
}

fn run(script: &str) -> Reply {
    run_for(script, Duration::from_secs(20)).expect("the child must end in time")
}

/// None if the time was up.
fn run_for(script: &str, time: Duration) -> Option<Reply> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(time, call(call_of(script))).await.ok() })
}

fn failure(script: &str) -> (ErrorClass, String) {
    let failure = run(script).expect_err(script);
    (failure.class, failure.message)
}

/// A marker that no other process has in its command line.
fn marker(name: &str) -> String {
    format!("3600.{}{}", std::process::id(), name.len())
}

fn is_alive(marker: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(&format!("sleep\0{marker}")))
}

fn ends(marker: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while is_alive(marker) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    !is_alive(marker)
}

/// L-32: arguments are data on standard input, never words for a shell.
#[test]
fn arguments_come_in_and_the_reply_goes_out() {
    assert_eq!(run("cat"), Ok(json!({"text": "a\"b\n$(id)"})));
}

#[test]
fn the_environment_is_clean() {
    let names = run("echo \\[; env | sed 's/=.*//; s/.*/\"&\",/'; echo '\"\"]'").unwrap();
    let mut names: Vec<&str> = names
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Json::as_str)
        .collect();
    // What the shell sets by itself.
    names.retain(|name| !["", "PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["FLOW_IDEMPOTENCY_KEY", "FLOW_NODE", "FLOW_RUN", "MINE"]);
}

/// L-21, L-22: absence is never success.
#[test]
fn nothing_is_no_reply() {
    let (class, message) = failure("echo gone wrong >&2");
    assert_eq!(class, ErrorClass::InvalidReply);
    assert!(
        message.contains("printed no reply") && message.contains("gone wrong"),
        "{message}"
    );
}

#[test]
fn garbage_is_no_reply() {
    let (class, message) = failure("echo 'hello { there'");
    assert_eq!(class, ErrorClass::InvalidReply);
    assert!(message.contains("hello { there"), "{message}");
    assert_eq!(failure("printf '\\377\\376\\000'").0, ErrorClass::InvalidReply);
    assert_eq!(failure("echo 1; echo 2").0, ErrorClass::InvalidReply);
}

#[test]
fn exit_codes_and_signals_are_failures_with_what_was_said() {
    let (class, message) = failure("echo '{}'; echo no luck >&2; exit 137");
    assert_eq!(class, ErrorClass::ExecFailed);
    assert!(message.contains("exited with 137: no luck"), "{message}");
    let (class, message) = failure("kill -9 $$");
    assert_eq!(class, ErrorClass::ExecFailed);
    assert!(message.contains("signal 9"), "{message}");
}

#[test]
fn what_cannot_start_says_so() {
    let mut call = call_of("");
    call.options = json!({"command": ["no-such-command-anywhere", "x"]});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let failure = runtime.block_on(super::call(call)).unwrap_err();
    assert_eq!(failure.class, ErrorClass::ExecFailed);
    assert!(
        failure.message.contains("`no-such-command-anywhere`"),
        "{}",
        failure.message
    );
}

/// L-33: a flood is ended, within bounded memory.
#[test]
fn too_much_output_is_refused() {
    let (class, message) = failure("head -c 100000000 /dev/zero");
    assert_eq!(class, ErrorClass::ExecFailed);
    assert!(message.contains("more than 16 MiB"), "{message}");
}

/// L-33: pipes that fill up do not stop a child that has much to say on standard error.
#[test]
fn a_flood_on_standard_error_is_drained() {
    assert_eq!(run("head -c 20000000 /dev/zero >&2; echo 1"), Ok(json!(1)));
}

#[test]
fn a_child_need_not_read() {
    assert_eq!(run("exec <&-; echo 1"), Ok(json!(1)));
}

#[test]
fn what_hangs_is_ended_with_its_whole_group() {
    let marker = marker("hang");
    assert_eq!(
        run_for(
            &format!("sleep {marker} & sleep {marker}"),
            Duration::from_millis(300)
        ),
        None
    );
    assert!(ends(&marker), "the group must be gone");
}

#[test]
fn a_child_that_outlives_the_first_is_ended_with_it() {
    let marker = marker("outlive");
    let started = Instant::now();
    assert_eq!(run(&format!("sleep {marker} & echo 7")), Ok(json!(7)));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "it must not wait for the one that stays"
    );
    assert!(ends(&marker), "the one that stays must be gone");
}

/// What leaves the group is out of reach, but holds nobody up.
#[test]
fn one_that_escapes_holds_nobody_up() {
    let started = Instant::now();
    assert_eq!(run("setsid sleep 7 & echo 8"), Ok(json!(8)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn lines_before_the_reply_are_events() {
    let script =
        r#"echo '{"flow_event": {"name": "half", "data": 1}}'; echo '{"flow_event": 2}'; echo '{"a": 1}'"#;
    let events = json!([{"name": "half", "data": 1}, {"name": "progress", "data": 2}]);
    assert_eq!(
        run(script),
        Ok(json!({"flow": 1, "output": {"a": 1}, "events": events}))
    );
    let script = r#"echo '{"flow_event": 2}'; echo '{"flow": 1, "output": 5, "events": [{"name": "x"}]}'"#;
    let events = json!([{"name": "progress", "data": 2}, {"name": "x"}]);
    assert_eq!(run(script), Ok(json!({"flow": 1, "output": 5, "events": events})));
}
