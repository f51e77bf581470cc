//! `first of`, `first N of`: who wins, what the losers lose, and what becomes of those that run on.

use flow_machine::{EventKind, Input, Settlement, Status};
use serde_json::json;

use crate::host::*;
use crate::source::*;

fn decided(host: &Host) -> Vec<String> {
    let what = |event: &flow_machine::Event| match &event.kind {
        EventKind::Decided { what } => Some(what.clone()),
        _ => None,
    };
    host.events.iter().filter_map(what).collect()
}

fn cancelled(host: &Host) -> Vec<String> {
    let withdrawn = |event: &flow_machine::Event| match &event.kind {
        EventKind::Settled {
            how: Settlement::Cancelled,
            ..
        } => event.node.clone(),
        _ => None,
    };
    host.events
        .iter()
        .filter_map(withdrawn)
        .map(|node| node.to_string())
        .collect()
}

/// The first success passes at once, in recorded time; the others are withdrawn while they run.
#[test]
fn the_first_passes_and_the_others_are_withdrawn() {
    for rest in ["", "cancel rest"] {
        let program = flow(
            &["a", "b", "d"],
            &format!("start -> first of [a, b] {rest} -> d -> end"),
        );
        let host = run(&program, &[("a", 10), ("b", 3), ("d", 1)]);
        assert_eq!((host.status(), host.path()), (Status::Done, "b d".into()));
        assert_eq!(calls(&host), "a@0 b@0 d@3");
        assert_eq!(host.now, 4 * SECOND, "nobody waits for the loser");
        assert_eq!(decided(&host), ["first of: b"]);
        assert_eq!(cancelled(&host), ["a"]);
    }
}

/// All outcomes of one instant are recorded before anything is decided, and count in the order of
/// declaration; a source that came with the deciding one and lost updates nothing and leads nowhere.
#[test]
fn outcomes_of_one_instant_count_in_order_of_declaration() {
    let program = flow(
        &["b", "a", "a2", "d"],
        "start -> first of [a -> a2, b] -> d -> end",
    );
    let host = run(&program, &[("a", 2), ("b", 2)]);
    assert_eq!(host.path(), "b a d", "only sources lose");
    assert_eq!(decided(&host), ["first of: b"]);
    let program = flow(&["a", "b", "d"], "start -> first of [b, a] -> d -> end");
    let host = run(&program, &[("a", 2), ("b", 2)]);
    assert_eq!(
        (host.path(), decided(&host)),
        ("a d".into(), vec!["first of: a".into(), "too late: b".into()])
    );
}

/// A late outcome is recorded as late and changes nothing.
#[test]
fn late_outcomes_change_nothing() {
    let program = flow(&["a", "b", "d"], "start -> first of [a, b] -> d -> end");
    let mut host = run(&program, &[("b", 3), ("a", 9)]);
    let state = host.machine.state();
    let attempt = host.calls[0].1.attempt.clone();
    let outcome = ok("late");
    host.apply(Input::Settled { attempt, outcome }).unwrap();
    assert!(matches!(host.events.last().unwrap().kind, EventKind::Late { .. }));
    assert_eq!(host.machine.state(), state);
    host.check_replay(&program);
}

/// Nodes of a losing branch that had completed are undone, the latest first, one at a time, while
/// the run goes on; nodes of the winner and those before the fork are not.
#[test]
fn losers_that_had_completed_are_undone_in_reverse() {
    let undone = |name: &str| task(name, "undo z()");
    let program = flow(
        &["d"],
        &format!(
            "{}\n{}\n{}\n{}\n{}\nstart -> s -> first of [a -> a2 -> a3, b] -> d -> end",
            undone("s"),
            undone("a"),
            undone("a2"),
            undone("a3"),
            undone("b"),
        ),
    );
    let host = run(&program, &[("a", 1), ("a2", 1), ("a3", 9), ("b", 5), ("d", 1)]);
    assert_eq!(host.status(), Status::Done);
    assert_eq!(host.path(), "s a b d a2");
    assert_eq!(calls(&host), "s@0 a@0 b@0 a2@1 a3@2 d@5 undo a2@5 undo a@6");
    assert_eq!(cancelled(&host), ["a3"]);
}

/// A losing node that completed in an earlier lap was not a loser then.
#[test]
fn earlier_laps_are_not_undone() {
    let program = flow(
        &["d"],
        &format!(
            "{}\n{}\nstart -> s -> first of [a, b] -> d -> r\n transform s {{ n <- 1 }}\n\
             route r {{ when n < 2 -> s\n otherwise -> end }}",
            task("a", "undo z()"),
            task("b", "undo z()"),
        ),
    );
    let mut lap = 0;
    let script = Box::new(move |d: &flow_machine::Dispatch| {
        lap += i64::from(d.node == "a");
        let delay = match (d.node.as_str(), lap) {
            ("a", 1) | ("b", 2) => 1,
            ("a" | "b", _) => 5,
            _ => 0,
        };
        (delay * SECOND, reply(named(d)))
    });
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.path(), "s a d s b d");
    assert_eq!(
        host.calls
            .iter()
            .filter(|(_, d)| d.attempt.contains("undo"))
            .count(),
        0
    );
}

/// `keep rest`: the others run on in steps of their own, hold up nobody, and the arrival that they
/// owe is swallowed.
#[test]
fn kept_losers_run_on_unheeded() {
    let program = flow(
        &["a", "b", "d", "e"],
        "start -> first of [a, b] keep rest -> d -> e -> end",
    );
    let host = run(&program, &[("a", 10), ("b", 3), ("d", 1)]);
    assert_eq!((host.status(), host.path()), (Status::Done, "b d e a".into()));
    assert_eq!(calls(&host), "a@0 b@0 d@3 e@4");
    assert_eq!(host.state("v"), json!(["b", "d", "e", "a"]));
    assert_eq!(host.now, 10 * SECOND);
}

/// A kept loser's failure is absorbed, and its retry stays outside of the steps.
#[test]
fn kept_losers_may_fail_and_retry() {
    let program = flow(
        &["b", "d"],
        &format!(
            "{}\nstart -> first of [a, b] keep rest -> d -> end",
            task("a", "attempts 2 backoff 5s..5s")
        ),
    );
    let script = Box::new(|d: &flow_machine::Dispatch| match (d.node.as_str(), d.number) {
        ("a", 1) => (4 * SECOND, fails(flow_bytecode::ErrorClass::Http5xx)),
        ("d", _) => (SECOND, reply(named(d))),
        _ => (2 * SECOND, reply(named(d))),
    });
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!((host.status(), host.path()), (Status::Done, "b d a".into()));
    host.check_replay(&program);
    let host = run(&program, &[("a", -4), ("b", 1), ("d", 1)]);
    assert_eq!((host.status(), host.path()), (Status::Done, "b d".into()));
}

/// In a loop, `keep rest` passes again with the next arrivals, `block` only when the round before is
/// complete.
#[test]
fn block_holds_the_next_passing_back() {
    for (rest, expected) in [("keep rest", "d@1 d@2"), ("block", "d@1 d@9")] {
        let program = flow(
            &["a", "b", "d"],
            &format!(
                "start -> s -> first of [a, b] {rest} -> d -> r\n transform s {{ n <- 1 }}\n\
                 route r {{ when n < 2 -> s\n otherwise -> end }}"
            ),
        );
        let mut calls_of_b = 0;
        let script = Box::new(move |d: &flow_machine::Dispatch| {
            calls_of_b += i64::from(d.node == "b");
            let delay = match d.node.as_str() {
                "a" => 1,
                "b" if calls_of_b == 1 => 9,
                "b" => 20,
                _ => 0,
            };
            (delay * SECOND, reply(named(d)))
        });
        let host = Host::new(&program, start(json!({})), script).run();
        host.check_replay(&program);
        let starts: Vec<String> = host
            .calls
            .iter()
            .filter(|(_, d)| d.node == "d")
            .map(|(at, d)| format!("{}@{}", d.node, at / SECOND))
            .collect();
        assert_eq!(starts.join(" "), expected, "{rest}");
        assert_eq!(host.status(), Status::Done);
    }
}

/// `first 2 of` needs two; when it can pass no more it goes to its `else`, or fails with what was
/// counted.
#[test]
fn first_n_of_and_else() {
    for (otherwise, path, code) in [("else -> e", "a e", ""), ("", "", "F2301")] {
        let program = flow(
            &["a", "b", "c", "d", "e"],
            &format!(
                "start -> first 2 of [a, b, c] -> d {otherwise}\n d -> end\n e -> end\n start -> e2\n transform e2 {{ goto {{ when n > 5 -> e\n otherwise -> end }} }}"
            ),
        );
        let host = run(&program, &[("a", 4), ("b", 2), ("c", 3)]);
        assert_eq!(host.path(), "b c e2 d");
        assert_eq!(decided(&host), ["first of: b, c"]);
        let host = run(&program, &[("a", 1), ("b", -2), ("c", -3)]);
        assert_eq!(host.code(), code);
        if code.is_empty() {
            assert_eq!(host.path(), "a e2 e");
        } else {
            assert!(host.machine.error().unwrap().message.contains("1 of 3"), "{path}");
        }
    }
}

/// Nested: an inner race is a branch of an outer one, and an inner `all of` another.
#[test]
fn races_in_races() {
    let program = flow(
        &["a", "b", "c", "e", "d"],
        "start -> first of [first of [a, b], [c, e]] -> d -> end",
    );
    let host = run(&program, &[("a", 5), ("b", 4), ("c", 2), ("e", 3)]);
    assert_eq!(host.path(), "c e d");
    assert_eq!(
        (host.now, cancelled(&host)),
        (3 * SECOND, vec!["a".into(), "b".into()])
    );
    let host = run(&program, &[("a", 5), ("b", 1), ("c", 2), ("e", 3)]);
    assert_eq!((host.path(), host.now), ("b d".into(), SECOND));
}

/// A join behind a race, one of whose losers another join waits for: its source is dead.
#[test]
fn joins_behind_races() {
    let program = flow(
        &["a", "b", "b2", "c", "d", "j"],
        "start -> first of [a, b] -> d\n b -> b2\n start -> c\n [d, c, b2] -> j -> end",
    );
    let host = run(&program, &[("a", 2), ("b", 30), ("c", 5)]);
    assert_eq!((host.path(), host.now), ("a c d j".into(), 5 * SECOND));
}

/// An item node as a source: each of its items is a branch.
#[test]
fn items_race() {
    let item = "task w1(x: int) { call w(x) as r\n v <- r\n undo z() }";
    let program = flow(
        &["d"],
        &format!(
            "{item}\nstart -> s\n send s {{ each x in [1, 2, 3, 4] -> w1(x) }}\n first 2 of [w1] -> d -> end"
        ),
    );
    let host = run(&program, &[("w10", 4), ("w11", 1), ("w12", 2), ("w13", 2)]);
    assert_eq!(host.path(), "s w1 w1 d");
    assert_eq!(host.state("v"), json!(["w11", "w12", "d"]));
    assert_eq!(calls(&host), "w10@0 w11@0 w12@0 w13@0 undo w1@2 d@2");
}

/// Waits race: a timer against an event, as two waits.
#[test]
fn waits_race() {
    let text = "worker w(x: int = 0) -> string via webhook { tags [w] }\n\
        flow test() {\n events { paid }\n state { v: [string] by append }\n\
        start -> first of [paid_in, too_late] -> d\n\
        wait paid_in { for event paid\n v <- \"paid\" }\n wait too_late { for 1h\n v <- \"late\" }\n\
        task d { call w() as r\n v <- r }\n d -> end }";
    let program = file(text);
    let host = run(&program, &[]);
    assert_eq!(host.state("v"), json!(["late", "d"]));
    let mut host = Host::new(&program, start(json!({})), echo());
    host.take();
    host.apply(Input::Event {
        name: "paid".into(),
        data: json!(null),
    })
    .unwrap();
    assert_eq!((host.state("v"), host.now), (json!(["paid", "d"]), 0));
    host.check_replay(&program);
}
