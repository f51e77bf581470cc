//! `subgraph`: a run within the run.

use flow_bytecode::ErrorClass;
use flow_machine::{Dispatch, EventKind, Input, Status};
use serde_json::{Value as Json, json};

use crate::host::{Host, SECOND, Script, fails, reply};
use crate::source::{program, replies, run, start_of, worker};

const WORK: &str = "worker work(x: int) -> int via exec { command [\"work\"] }\n";

fn doubling() -> Script {
    Box::new(|call: &Dispatch| (SECOND, reply(json!(call.args["x"].as_i64().unwrap_or(0) * 2))))
}

const SIMPLE: &str = r"
flow inner(n: int) -> int {
  state { got: int = 0
    seen: [int] by append }
  start -> twice -> again -> end
  task twice { call work(x: n) as x
    got <- x
    seen <- x }
  task again { call work(x: got) as x
    got <- x }
  return got
}
flow main(n: int) -> int {
  state { total: int by add
    got: int = 100 }
  start -> sub -> after -> end
  subgraph sub { call inner(n: n) as x
    total <- x }
  task after { call work(x: total) as x
    total <- x }
  return total
}
";

fn with_work(source: &str) -> String {
    format!("{WORK}{source}")
}

/// A state of its own, its events under the parent's, its path not in the parent's.
#[test]
fn a_flow_runs_as_one_node() {
    let program = program(&with_work(SIMPLE));
    let host = run(&program, json!({"n": 3}), doubling());
    assert_eq!(
        (host.status(), host.machine.result()),
        (Status::Done, Some(&json!(36)))
    );
    assert_eq!(host.path(), "sub after");
    assert_eq!(
        host.state("got"),
        json!(100),
        "the child's field of that name is another"
    );
    let nodes: Vec<&str> = host.calls.iter().map(|(_, call)| call.node.as_str()).collect();
    assert_eq!(nodes, ["sub/twice", "sub/again", "after"]);
    let inner = host
        .events
        .iter()
        .filter(|event| event.node.as_deref().is_some_and(|node| node.starts_with("sub/")));
    assert!(
        inner.count() >= 10,
        "the child's events are there, under the node's name"
    );
    let ids: Vec<&str> = host.calls.iter().map(|(_, call)| call.attempt.as_str()).collect();
    assert_eq!(ids, ["1:sub/1:twice/1", "1:sub/2:again/1", "2:after/1"]);
    host.check_replay(&program);
}

/// L-77: an interrupt of a child shows on the root; answering it resumes both.
#[test]
fn an_interrupt_surfaces_and_its_answer_goes_in() {
    let source = r#"
flow innermost() -> bool {
  state { ok: bool = false }
  start -> approve -> end
  interrupt approve { ask "go on?"
    answer as a: bool
    ok <- a }
  return ok
}
flow inner() -> bool {
  state { ok: bool = false }
  start -> deep -> end
  subgraph deep { call innermost() as x
    ok <- x }
  return ok
}
flow main() -> bool {
  state { ok: bool = false }
  start -> sub -> end
  subgraph sub { call inner() as x
    ok <- x }
  return ok
}
"#;
    let program = program(source);
    for name in ["sub/deep/approve", "approve"] {
        let mut host = run(&program, json!({}), doubling());
        assert_eq!(host.status(), Status::Interrupted);
        let open = host.machine.interrupts();
        assert_eq!((open.len(), open[0].name.as_str()), (1, "sub/deep/approve"));
        assert!(
            host.answer(name, json!("yes")).is_err(),
            "a misfit is refused, and it stays open"
        );
        host.answer(name, json!(true)).unwrap();
        assert_eq!(
            (host.status(), host.machine.result()),
            (Status::Done, Some(&json!(true)))
        );
        host.check_replay(&program);
    }
}

/// L-18: a flow that calls itself stops at the depth limit, which is the run's.
#[test]
fn recursion_ends_at_its_depth() {
    let source = r"
flow main(n: int) -> int {
  limit depth 4
  state { got: int = 0 }
  start -> more
  route more { when n > 0 -> deeper
    otherwise -> end }
  deeper -> end
  subgraph deeper { call main(n: n - 1) as x
    got <- x + 1 }
  return got
}
";
    let program = program(source);
    let fits = run(&program, json!({"n": 4}), doubling());
    assert_eq!(
        (fits.status(), fits.machine.result()),
        (Status::Done, Some(&json!(4)))
    );
    fits.check_replay(&program);
    let deep = run(&program, json!({"n": 5}), doubling());
    assert_eq!(deep.status(), Status::Limit);
    assert!(deep.machine.error().unwrap().message.contains("depth"));
    deep.check_replay(&program);
}

fn failing(program: &std::sync::Arc<flow_machine::Program>, times: usize) -> Script {
    let (program, mut left) = (program.clone(), times);
    Box::new(move |call: &Dispatch| {
        assert_eq!(worker(&program, call), "work");
        let fails_now = call.node.ends_with("again") && left > 0;
        left -= usize::from(fails_now);
        let outcome = if fails_now {
            fails(ErrorClass::Http4xx)
        } else {
            reply(json!(1))
        };
        (SECOND, outcome)
    })
}

/// A child that fails is a failed attempt of its node, not retried by default; `retry` goes on within it.
#[test]
fn a_failure_surfaces_and_is_retried_where_it_was() {
    let program_ = program(&with_work(SIMPLE));
    let mut host = run(&program_, json!({"n": 3}), failing(&program_, 1));
    assert_eq!(host.status(), Status::Failed);
    let error = host.machine.error().unwrap();
    assert_eq!(
        (error.class, error.node.as_deref()),
        (Some(ErrorClass::Subgraph), Some("sub"))
    );
    host.apply(Input::Retry { node: None }).unwrap();
    assert_eq!((host.status(), host.path()), (Status::Done, "sub after".into()));
    assert_eq!(host.count("sub/twice"), 1, "what had succeeded is not made again");
    host.check_replay(&program_);
    let again = SIMPLE.replace(
        "total <- x }\n  task after",
        "total <- x\n    attempts 2\n    retry on [subgraph] }\n  task after",
    );
    let again = program(&with_work(&again));
    let host = run(&again, json!({"n": 3}), failing(&again, 1));
    assert_eq!(host.status(), Status::Done);
    assert_eq!(
        host.count("sub/twice"),
        2,
        "another attempt begins anew, with keys of its own"
    );
    let keys: std::collections::BTreeSet<&str> =
        host.calls.iter().map(|(_, call)| call.key.as_str()).collect();
    assert_eq!(keys.len(), host.calls.len());
    host.check_replay(&again);
    let caught = SIMPLE.replace(
        "total <- x }\n  task after",
        "total <- x\n    on error -> skip }\n  task after",
    );
    let caught = program(&with_work(&caught));
    let host = run(&caught, json!({"n": 3}), failing(&caught, 9));
    assert_eq!((host.status(), host.path()), (Status::Done, "after".into()));
    host.check_replay(&caught);
}

/// Steps of child runs count for the root; a child's own limit is met by the child alone.
#[test]
fn limits_are_shared_upwards() {
    let root = |steps: &str| {
        with_work(&SIMPLE.replace(
            "flow main(n: int) -> int {",
            &format!("flow main(n: int) -> int {{\n  limit steps {steps}"),
        ))
    };
    for (steps, status) in [("4", Status::Done), ("3", Status::Limit), ("2", Status::Limit)] {
        let program = program(&root(steps));
        let mut host = run(&program, json!({"n": 1}), doubling());
        assert_eq!(host.status(), status, "{steps} steps");
        if status == Status::Limit {
            let limits = flow_machine::LimitChange {
                steps: Some(9),
                ..Default::default()
            };
            host.apply(Input::Resume { limits }).unwrap();
            assert_eq!(host.status(), Status::Done, "goes on where it stood");
            assert_eq!(host.calls.len(), 3);
        }
        host.check_replay(&program);
    }
    let own = with_work(&SIMPLE.replace(
        "flow inner(n: int) -> int {",
        "flow inner(n: int) -> int {\n  limit steps 1",
    ));
    let program = program(&own);
    let host = run(&program, json!({"n": 1}), doubling());
    assert_eq!(host.status(), Status::Failed);
    assert_eq!(host.machine.error().unwrap().class, Some(ErrorClass::Limit));
    host.check_replay(&program);
}

/// `limit parallel` of the root bounds the calls of all runs within it; items run side by side.
#[test]
fn calls_in_flight_are_counted_together() {
    let source = r"
flow inner(n: int) -> int {
  state { got: int = 0 }
  start -> a -> end
  task a { call work(x: n) as x
    got <- x }
  return got
}
flow main() -> [int] {
  limit parallel 2
  state { all: [int] by append }
  start -> each_one
  send each_one { each n in [1, 2, 3, 4, 5] -> sub(n) }
  sub -> end
  subgraph sub(n: int) { call inner(n: n) as x
    all <- x }
  return all
}
";
    let program = program(&with_work(source));
    let host = run(&program, json!({}), doubling());
    assert_eq!((host.status(), host.peak), (Status::Done, 2));
    assert_eq!(
        host.machine.result(),
        Some(&json!([2, 4, 6, 8, 10])),
        "in order of the items"
    );
    assert!(host.calls.iter().any(|(_, call)| call.node == "sub#4/a"));
    host.check_replay(&program);
}

/// When a run is cancelled from outside, a child's `finally` runs, and its calls are undone.
#[test]
fn a_withdrawn_child_is_wound_up() {
    let source = r#"
worker undo_it(x: int) -> int via exec { command ["undo"] }
worker tidy() -> int via exec { command ["tidy"] }
flow inner(n: int) -> int {
  state { got: int = 0 }
  start -> book -> slow -> end
  task book { call work(x: n) as x
    got <- x
    undo undo_it(x: x) }
  task slow { call work(x: 99) as x
    got <- x }
  finally task clean { call tidy() as x }
  return got
}
flow main() -> int {
  state { got: int = 0 }
  start -> sub -> end
  subgraph sub { call inner(n: 5) as x
    got <- x
    TIMEOUT }
  return got
}
"#;
    let source = with_work(source);
    let script = |program: &std::sync::Arc<flow_machine::Program>| -> Script {
        let program = program.clone();
        Box::new(move |call: &Dispatch| {
            let slow = worker(&program, call) == "work" && call.args["x"] == 99;
            (if slow { 100 * SECOND } else { SECOND }, reply(json!(1)))
        })
    };
    let names =
        |host: &Host| -> Vec<String> { host.calls.iter().map(|(_, call)| call.node.clone()).collect() };
    let want = ["sub/book", "sub/slow", "sub/book", "sub/clean"];
    let timed = program(&source.replace("TIMEOUT", "timeout 10s -> end"));
    let host = run(&timed, json!({}), script(&timed));
    assert_eq!(names(&host), want, "timed out");
    assert_eq!((host.status(), host.path()), (Status::Done, String::new()));
    host.check_replay(&timed);
    let plain = program(&source.replace("TIMEOUT", ""));
    let mut host = Host::new(&plain, start_of(&plain, "main", json!({})), script(&plain));
    host.take();
    host.now = SECOND;
    let first = host.calls[0].1.attempt.clone();
    host.machine
        .apply(
            Input::Settled {
                attempt: first,
                outcome: reply(json!(1)),
            },
            SECOND,
        )
        .unwrap();
    host.take();
    host.machine
        .apply(
            Input::Cancel {
                reason: "enough".into(),
            },
            SECOND,
        )
        .unwrap();
    host.go_past_settled();
    assert_eq!(names(&host), want, "cancelled");
    assert_eq!(host.status(), Status::Cancelled);
    host.check_replay(&plain);
}

/// What a child did that had ended well is undone when the parent fails later.
#[test]
fn a_saga_reaches_into_its_children() {
    let source = r#"
worker undo_it(x: int) -> int via exec { command ["undo"] }
flow inner(n: int) -> int {
  state { got: int = 0 }
  start -> a -> b -> end
  task a { call work(x: n) as x
    undo undo_it(x: n) }
  task b { call work(x: n + 1) as x
    undo undo_it(x: n + 1) }
  return got
}
flow main() -> int {
  state { got: int = 0 }
  start -> first -> sub -> bad -> end
  task first { call work(x: 10) as x
    undo undo_it(x: 10) }
  subgraph sub { call inner(n: 20) as x }
  task bad { call work(x: 0) as x }
  return got
}
"#;
    let program = program(&with_work(source));
    let again = program.clone();
    let script: Script = Box::new(move |call: &Dispatch| {
        let bad = worker(&again, call) == "work" && call.args["x"] == 0;
        (
            SECOND,
            if bad {
                fails(ErrorClass::Http4xx)
            } else {
                reply(json!(1))
            },
        )
    });
    let host = run(&program, json!({}), script);
    assert_eq!(host.status(), Status::Failed);
    let undone: Vec<&Json> = host
        .calls
        .iter()
        .filter(|(_, call)| worker(&program, call) == "undo_it")
        .map(|(_, call)| &call.args["x"])
        .collect();
    assert_eq!(undone, [&json!(21), &json!(20), &json!(10)], "the latest first");
    host.check_replay(&program);
}

/// When a sibling fails, a child run begins nothing new; `retry` goes on with it where it stood. One with calls that
/// can be undone is wound up, and begins anew.
#[test]
fn a_failing_sibling_halts_a_child() {
    let source = r#"
worker undo_it(x: int) -> int via exec { command ["undo"] }
flow inner() -> int {
  state { got: int = 0 }
  start -> a -> b -> end
  task a { call work(x: 1) as x
    got <- x
    UNDO }
  task b { call work(x: 2) as x
    got <- x }
  return got
}
flow main() -> int {
  state { got: int = 0 }
  start -> sub -> end
  start -> bad -> end
  subgraph sub { call inner() as x
    got <- x }
  task bad { call work(x: 0) as x }
  return got
}
"#;
    let names =
        |host: &Host| -> Vec<String> { host.calls.iter().map(|(_, call)| call.node.clone()).collect() };
    let cases: [(&str, &[&str], &[&str]); 2] = [
        ("", &["bad", "sub/a"], &["bad", "sub/b"]),
        (
            "undo undo_it(x: x)",
            &["bad", "sub/a", "sub/a"],
            &["sub/a", "bad", "sub/b"],
        ),
    ];
    for (undo, before, after) in cases {
        let program = program(&with_work(&source.replace("UNDO", undo)));
        let mut left = 1;
        let script: Script = Box::new(move |call: &Dispatch| {
            let fails_now = call.node == "bad" && left > 0;
            left -= usize::from(fails_now);
            let outcome = if fails_now {
                fails(ErrorClass::Http4xx)
            } else {
                reply(json!(1))
            };
            (SECOND, outcome)
        });
        let mut host = run(&program, json!({}), script);
        assert_eq!(
            (host.status(), names(&host)),
            (
                Status::Failed,
                before.iter().map(|name| (*name).to_owned()).collect()
            )
        );
        host.apply(Input::Retry { node: None }).unwrap();
        assert_eq!(host.status(), Status::Done, "{undo}");
        let mut made = names(&host).split_off(before.len());
        made.sort();
        let mut wanted: Vec<String> = after.iter().map(|name| (*name).to_owned()).collect();
        wanted.sort();
        assert_eq!(made, wanted, "{undo}");
        host.check_replay(&program);
    }
}

/// What an outer node has locked, the nodes within it have; two that lock in a circle: the newest fails.
#[test]
fn locks_of_the_node_are_held_within() {
    let source = r#"
flow inner(a: string) -> int {
  state { got: int = 0 }
  start -> one -> end
  task one { call work(x: 1) as x
    lock a
    got <- x }
  return got
}
flow main() -> int {
  state { got: int by add }
  start -> p -> end
  start -> q -> end
  subgraph p { call inner(a: "FIRST") as x
    lock "x"
    got <- x }
  subgraph q { call inner(a: "SECOND") as x
    lock "y"
    got <- x
    on error -> skip }
  return got
}
"#;
    for (first, second, deadlocks) in [("x", "y", 0), ("z", "x", 0), ("y", "x", 1)] {
        let program = program(&with_work(
            &source.replace("FIRST", first).replace("SECOND", second),
        ));
        let host = run(&program, json!({}), doubling());
        let is_one = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::Failed {
                    class: ErrorClass::Deadlock,
                    ..
                }
            )
        };
        let seen = host.events.iter().filter(|event| is_one(&event.kind)).count();
        assert_eq!(seen as i64, deadlocks, "{first} {second}");
        assert_eq!(
            (host.status(), host.machine.result()),
            (Status::Done, Some(&json!(4 - 2 * deadlocks))),
            "{first} {second}"
        );
        host.check_replay(&program);
    }
}

/// An event is for whichever run waits for it.
#[test]
fn a_child_waits_for_events_of_the_run() {
    let source = r"
flow inner() -> int {
  events { paid: { amount: int } }
  state { got: int = 0 }
  start -> w -> end
  wait w { for event paid as e
    got <- e.amount
    timeout 1h }
  return got
}
flow main() -> int {
  state { got: int = 0 }
  start -> sub -> end
  subgraph sub { call inner() as x
    got <- x }
  return got
}
";
    let program = program(source);
    let mut host = Host::new(
        &program,
        start_of(&program, "main", json!({})),
        replies(&program, 0, |_, _| json!(0)),
    );
    host.take();
    let event = |data: Json| Input::Event {
        name: "paid".into(),
        data,
    };
    assert!(host.machine.apply(event(json!({"amount": "x"})), 1).is_err());
    host.machine.apply(event(json!({"amount": 7})), 1).unwrap();
    host.go();
    assert_eq!(
        (host.status(), host.machine.result()),
        (Status::Done, Some(&json!(7)))
    );
    host.check_replay(&program);
}
