//! `lock`: mutual exclusion within a run and across a store.

use flow_machine::{EventKind, Status};
use serde_json::json;

use crate::host::{Host, SECOND, fails};
use crate::source::{program, replies, run, start_of};

fn flow(locks_a: &str, locks_b: &str) -> String {
    format!(
        r#"
worker work(who: string) -> string via exec {{ command ["work"] }}
flow main() -> [string] {{
  state {{ done: [string] by append }}
  start -> a -> end
  start -> b -> end
  task a {{ call work(who: "a") as x
    done <- x
    attempts 2 backoff 10s..10s
    {locks_a} }}
  task b {{ call work(who: "b") as x
    done <- x
    {locks_b} }}
  return done
}}
"#
    )
}

/// When each call was sent, in seconds.
fn times(host: &Host) -> Vec<(&str, i64)> {
    let one = |(at, call): &'_ (i64, flow_machine::Dispatch)| (at / SECOND, call.args["who"] == "a");
    let all = host.calls.iter().map(one);
    all.map(|(at, is_a)| (if is_a { "a" } else { "b" }, at)).collect()
}

#[test]
fn one_after_the_other() {
    let cases = [
        ("lock \"x\"", "lock \"x\"", 5),
        ("lock \"x\"", "lock \"y\"", 0),
        ("lock \"x\"", "lock shared \"x\"", 0),
        ("lock shared \"x\"", "lock shared \"x\"", 5),
        ("lock \"x\"\n    lock \"y\"", "lock \"y\"", 5),
    ];
    for (a, b, at) in cases {
        let program = program(&flow(a, b));
        let script = replies(&program, 5 * SECOND, |_, call| call.args["who"].clone());
        let host = run(&program, json!({}), script);
        assert_eq!(times(&host), [("a", 0), ("b", at)], "{a} {b}");
        assert_eq!(host.status(), Status::Done);
        host.check_replay(&program);
    }
}

/// A retry keeps the lock: nobody comes in between.
#[test]
fn a_lock_is_kept_over_retries() {
    let program = program(&flow("lock \"x\"", "lock \"x\""));
    let again = program.clone();
    let script = Box::new(move |call: &flow_machine::Dispatch| {
        let fails_now = call.args["who"] == "a" && call.number == 1;
        let outcome = if fails_now {
            fails(flow_bytecode::ErrorClass::Http5xx)
        } else {
            crate::host::reply(json!(crate::source::worker(&again, call)))
        };
        (SECOND, outcome)
    });
    let host = run(&program, json!({}), script);
    let order: Vec<&str> = times(&host).into_iter().map(|(who, _)| who).collect();
    assert_eq!(order, ["a", "a", "b"]);
    host.check_replay(&program);
}

/// A final failure gives the lock back, and `retry` takes it anew.
#[test]
fn what_failed_has_no_lock() {
    let program = program(&flow("lock \"x\"\n    retry on [timeout]", "lock \"x\""));
    let script = Box::new(move |call: &flow_machine::Dispatch| {
        let outcome = if call.args["who"] == "a" && call.number == 1 {
            fails(flow_bytecode::ErrorClass::Http4xx)
        } else {
            crate::host::reply(json!("ok"))
        };
        (SECOND, outcome)
    });
    let mut host = run(&program, json!({}), script);
    assert_eq!((host.status(), host.calls.len()), (Status::Failed, 1));
    host.apply(flow_machine::Input::Retry { node: None }).unwrap();
    assert_eq!((host.status(), host.calls.len()), (Status::Done, 3));
    host.check_replay(&program);
}

/// A lock that another run has is waited for, and the wait is seen in the log.
#[test]
fn a_shared_lock_waits_for_another_run() {
    let program = program(&flow("lock shared \"printer\"", ""));
    let script = replies(&program, SECOND, |_, call| call.args["who"].clone());
    let mut host = Host::new(&program, start_of(&program, "main", json!({})), script);
    host.shared.restore("printer", "another run");
    host.go();
    assert_eq!(times(&host), [("b", 0)]);
    assert_eq!(host.status(), Status::Running, "it will go on by itself");
    host.shared.release("another run");
    host.now = 9 * SECOND;
    host.go();
    assert_eq!(times(&host), [("b", 0), ("a", 9)]);
    let taken =
        |kind: &EventKind| matches!(kind, EventKind::Locked { locks, .. } if locks == &["shared printer"]);
    assert!(host.events.iter().any(|event| taken(&event.kind)));
    host.check_replay(&program);
}
