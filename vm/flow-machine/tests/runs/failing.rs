//! Retries, failures, time-outs, compensation, the ways a run ends.

use flow_bytecode::{ErrorClass, Limits, Policy, Reducer, RunField, Schedule};
use flow_machine::{Dispatch, Input, LimitChange, Status};
use serde_json::json;

use crate::builder::*;
use crate::host::*;

const APPEND: Reducer = Reducer::Append { item_first: false };

fn collecting() -> Builder {
    let mut b = Builder::new();
    b.field("v", T::Strs, APPEND, Some(E::List(vec![])));
    b
}

fn tag(b: &mut Builder, name: &'static str) {
    b.task(name, &[S::Send("v", E::Reg(0))]);
}

/// Fails the first calls of a node, then replies.
fn failing(node: &'static str, times: u32, class: ErrorClass) -> Script {
    Box::new(move |d: &Dispatch| {
        (
            0,
            if d.node == node && d.number <= times {
                fails(class)
            } else {
                reply(named(d))
            },
        )
    })
}

/// L-13: while one waits for its retry, the others finish. L-26, L-50: attempts count the first.
#[test]
fn retries_wait_without_holding_anything() {
    for (attempts, failures, done) in [(1, 0, true), (1, 1, false), (3, 2, true), (3, 3, false)] {
        let mut b = collecting();
        tag(&mut b, "a");
        b.retry(attempts, 10 * SECOND, 10 * SECOND);
        tag(&mut b, "b");
        b.edge("start -> a").edge("start -> b");
        let program = b.build();
        let host = Host::new(
            &program,
            start(json!({})),
            failing("a", failures, ErrorClass::Http5xx),
        )
        .run();
        assert_eq!(host.status() == Status::Done, done, "{attempts} {failures}");
        assert_eq!(host.count("a") as u32, attempts.min(failures + 1));
        assert_eq!(host.calls[1].0, 0, "b does not wait");
        host.check_replay(&program);
    }
}

/// G07: a failed step keeps its siblings' outcomes; L-44: retry runs exactly what failed.
#[test]
fn retry_runs_only_what_failed() {
    let mut b = collecting();
    ["ok", "bad", "j"].iter().for_each(|name| tag(&mut b, name));
    b.edge("start -> ok")
        .edge("start -> bad")
        .join(Policy::All, &["ok", "bad"], "j");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), failing("bad", 1, ErrorClass::Http4xx)).run();
    assert_eq!((host.status(), host.path()), (Status::Failed, String::new()));
    assert_eq!(host.state("v"), json!([]), "the failed step does not commit");
    assert!(
        host.apply(Input::Retry {
            node: Some("ok".into())
        })
        .is_err()
    );
    host.apply(Input::Retry { node: None }).unwrap();
    assert_eq!((host.status(), host.path()), (Status::Done, "ok bad j".into()));
    assert_eq!(host.count("ok"), 1);
    host.check_replay(&program);
}

/// `on error`: a node with the error as argument, `skip`, and the flow's own.
#[test]
fn errors_take_their_way() {
    let mut b = collecting();
    tag(&mut b, "a");
    b.on_error(
        To::With("f", vec![("e", E::Get(Box::new(E::Reg(0)), "class"))]),
        &[S::Send("v", E::Str("left"))],
    );
    b.transform_with("f", &[("e", T::Str)], &[S::Send("v", E::Reg(0))]);
    tag(&mut b, "s");
    b.on_error(To::Skip, &[]);
    tag(&mut b, "t");
    b.edge("start -> a -> end")
        .edge("start -> s -> t")
        .edge("f -> end");
    let program = b.build();
    let script = Box::new(|d: &Dispatch| {
        (
            0,
            if d.node == "t" {
                reply(named(d))
            } else {
                fails(ErrorClass::Http4xx)
            },
        )
    });
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.status(), Status::Done);
    assert_eq!(host.state("v"), json!(["left", "http_4xx", "t"]));
    assert_eq!(host.path(), "f t");
    host.check_replay(&program);
}

#[test]
fn the_flow_takes_what_its_nodes_do_not() {
    let mut b = collecting();
    ["a", "rescue"].iter().for_each(|name| tag(&mut b, name));
    b.edge("start -> a -> end")
        .edge("rescue -> end")
        .flow_on_error(to("rescue"));
    let program = b.build();
    let host = Host::new(&program, start(json!({})), failing("a", 9, ErrorClass::Http4xx)).run();
    assert_eq!((host.status(), host.path()), (Status::Done, "rescue".into()));
    let host = Host::new(
        &program,
        start(json!({})),
        Box::new(|_| (0, fails(ErrorClass::Http4xx))),
    )
    .run();
    assert_eq!(
        host.status(),
        Status::Failed,
        "the target's own failure is not its own business"
    );
    host.check_replay(&program);
}

/// A bad reply is a failed attempt: by type, by `ensure`.
#[test]
fn bad_replies_are_made_again() {
    let mut b = Builder::new();
    b.field("n", T::Int, Reducer::Add, Some(E::Int(0)));
    b.task_with(
        "a",
        &[],
        &[],
        T::Int,
        &[
            S::Ensure(lt(E::Int(2), E::Reg(0)), "too small"),
            S::Send("n", E::Reg(0)),
        ],
    );
    b.retry(3, 0, 0).edge("start -> a");
    let program = b.build();
    let script = |replies: [serde_json::Value; 3]| -> Script {
        Box::new(move |d: &Dispatch| (0, reply(replies[d.number as usize - 1].clone())))
    };
    let host = Host::new(
        &program,
        start(json!({})),
        script([json!("x"), json!(1), json!(5)]),
    )
    .run();
    assert_eq!((host.status(), host.state("n")), (Status::Done, json!(5)));
    let host = Host::new(&program, start(json!({})), script([json!(1), json!(1), json!(1)])).run();
    assert_eq!(host.status(), Status::Failed);
    assert_eq!(
        host.machine.error().unwrap().class,
        Some(ErrorClass::InvalidReply)
    );
    host.check_replay(&program);
}

/// L-46: a deadline; the way of a time-out goes first and may update.
#[test]
fn time_outs_take_their_way() {
    let mut b = collecting();
    tag(&mut b, "a");
    b.timeout(5 * SECOND)
        .on_timeout(to("late"), &[S::Send("v", E::Str("expired"))])
        .on_error(To::End, &[]);
    tag(&mut b, "late");
    b.edge("start -> a -> end").edge("late -> end");
    let program = b.build();
    let script = Box::new(|d: &Dispatch| (if d.node == "a" { 60 * SECOND } else { 0 }, reply(named(d))));
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.state("v"), json!(["expired", "late"]));
    assert_eq!(host.now, 5 * SECOND);
    host.check_replay(&program);
}

/// B01, B19: two writers of one field fail the step; the state before it stays readable.
#[test]
fn two_writers_fail_the_step() {
    let mut b = collecting();
    b.field("x", T::Int, Reducer::LastValue, None);
    b.transform("p", &[S::Send("x", E::Int(1)), S::Send("v", E::Str("p"))]);
    b.transform("q", &[S::Send("x", E::Int(2))]);
    b.edge("start -> p").edge("start -> q");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!((host.status(), host.state("v")), (Status::Failed, json!([])));
    let message = &host.machine.error().unwrap().message;
    assert!(message.contains("`p`") && message.contains("`q`"), "{message}");
    assert!(host.apply(Input::Retry { node: None }).is_err());
    host.check_replay(&program);
}

/// B17: an overwrite beats what its siblings send.
#[test]
fn overwrites_beat_their_siblings() {
    let mut b = collecting();
    ["a", "c", "d"].iter().for_each(|name| tag(&mut b, name));
    b.transform(
        "b",
        &[
            S::Send("v", E::Str("lost")),
            S::Set("v", E::List(vec![E::Str("b")])),
        ],
    );
    b.edge("start -> a -> b")
        .edge("a -> c")
        .join(Policy::All, &["b", "c"], "d");
    let host = Host::new(&b.build(), start(json!({})), echo()).run();
    assert_eq!(host.state("v"), json!(["b", "d"]));
}

/// B13, L-72: an ephemeral field is seen in the next step, and then back at its start.
#[test]
fn ephemeral_for_one_step() {
    let mut b = collecting();
    b.field("hint", T::Strs, APPEND, Some(E::List(vec![])))
        .ephemeral();
    b.field("seen", T::Json, APPEND, None);
    b.transform(
        "a",
        &[S::Send("hint", E::Str("x")), S::Send("seen", len(f("hint")))],
    );
    b.transform("b", &[S::Send("seen", len(f("hint")))]);
    b.transform("c", &[S::Send("seen", len(f("hint")))]);
    b.edge("start -> a -> b -> c");
    let host = Host::new(&b.build(), start(json!({})), echo()).run();
    assert_eq!(host.state("seen"), json!([0, 1, 0]));
}

/// L-29: `finally` once, however the run ends; `undo` in reverse order of completion.
#[test]
fn endings_compensate_and_clean_up() {
    for (bad, outcome, calls) in [(false, "done", "a b c"), (true, "failed", "a b c undo_b undo_a")] {
        let mut b = collecting();
        b.field("how", T::Json, Reducer::LastValue, None);
        tag(&mut b, "a");
        b.undo("undo_a");
        tag(&mut b, "b");
        b.undo("undo_b");
        tag(&mut b, "c");
        b.transform("z", &[S::Send("how", E::Run(RunField::Outcome))])
            .schedule(Schedule::Finally);
        b.edge("start -> a -> b -> c");
        let program = b.build();
        let script = failing("c", if bad { 9 } else { 0 }, ErrorClass::Http4xx);
        let host = Host::new(&program, start(json!({})), script).run();
        assert_eq!(host.state("how"), json!(outcome));
        let image = program.image();
        let names: Vec<&str> = host
            .calls
            .iter()
            .map(|(_, d)| image.str(image.workers[d.worker.index()].name))
            .collect();
        assert_eq!(names.join(" "), calls);
        host.check_replay(&program);
    }
}

/// `halt`, `fail`, `cancel` withdraw what runs, at the moment when they are recorded.
#[test]
fn stops_withdraw_what_runs() {
    for (stop, status) in [
        (To::Halt, Status::Done),
        (To::Fail("no"), Status::Failed),
        (To::Cancel("no"), Status::Cancelled),
    ] {
        let mut b = collecting();
        ["slow", "a"].iter().for_each(|name| tag(&mut b, name));
        b.goto(vec![(E::Bool(true), stop)]);
        b.edge("start -> slow").edge("start -> a");
        let program = b.build();
        let script = Box::new(|d: &Dispatch| {
            (
                if d.node == "slow" { 60 * SECOND } else { SECOND },
                reply(named(d)),
            )
        });
        let host = Host::new(&program, start(json!({})), script).run();
        assert_eq!(
            (host.status(), host.now, host.path()),
            (status, SECOND, "a".into())
        );
        assert_eq!(host.state("v"), json!(["a"]));
        host.check_replay(&program);
    }
}

/// F01, L-83: a limit is met only if work remains, and can be raised.
#[test]
fn steps_are_limited() {
    for (limit, status) in [(3, Status::Done), (2, Status::Limit)] {
        let mut b = collecting();
        ["a", "b", "c"].iter().for_each(|name| tag(&mut b, name));
        b.edge("start -> a -> b -> c").limits(Limits {
            steps: Some(limit),
            ..Limits::default()
        });
        let program = b.build();
        let mut host = Host::new(&program, start(json!({})), echo()).run();
        assert_eq!(host.status(), status);
        if status == Status::Limit {
            assert_eq!(host.path(), "a b");
            host.apply(Input::Resume {
                limits: LimitChange {
                    steps: Some(3),
                    ..LimitChange::default()
                },
            })
            .unwrap();
        }
        assert_eq!((host.status(), host.path()), (Status::Done, "a b c".into()));
        host.check_replay(&program);
    }
}

/// L-63: no more calls than allowed; time and tokens are counted.
#[test]
fn calls_time_and_tokens_are_limited() {
    let run = |limits: Limits| {
        let mut b = collecting();
        ["a", "b", "c", "d"].iter().for_each(|name| tag(&mut b, name));
        b.edge("start -> a")
            .edge("start -> b")
            .edge("start -> c -> d")
            .limits(limits);
        let program = b.build();
        let script = Box::new(|d: &Dispatch| {
            (
                10 * SECOND,
                reply(json!({"flow": 1, "output": d.node, "usage": {"total": 10}})),
            )
        });
        let host = Host::new(&program, start(json!({})), script).run();
        host.check_replay(&program);
        host
    };
    let host = run(Limits {
        parallel: Some(2),
        ..Limits::default()
    });
    assert_eq!(
        (host.status(), host.peak, host.now),
        (Status::Done, 2, 30 * SECOND)
    );
    let host = run(Limits {
        tokens: Some(30),
        ..Limits::default()
    });
    assert_eq!((host.status(), host.path()), (Status::Limit, "a b c".into()));
    let host = run(Limits {
        time: Some(15 * SECOND),
        ..Limits::default()
    });
    assert_eq!(
        (host.status(), host.now, host.count("d")),
        (Status::Limit, 15 * SECOND, 1)
    );
    let host = run(Limits {
        age: Some(20 * SECOND),
        ..Limits::default()
    });
    assert_eq!(host.status(), Status::Done, "a limit is met only if work remains");
}

/// A join that can pass no more goes to its `else`, or fails the run.
#[test]
fn joins_that_cannot_pass() {
    for otherwise in [None, Some(to("e"))] {
        let mut b = collecting();
        ["a", "b", "d", "e"].iter().for_each(|name| tag(&mut b, name));
        b.edge("start -> a").edge("start -> b");
        b.join_else(Policy::AtLeast(2), &["a", "b"], "d", otherwise.clone());
        let program = b.build();
        let host = Host::new(&program, start(json!({})), failing("b", 9, ErrorClass::Http4xx)).run();
        match otherwise {
            None => assert_eq!((host.status(), host.code()), (Status::Failed, "F2301".into())),
            Some(_) => assert_eq!((host.status(), host.path()), (Status::Done, "a e".into())),
        }
        host.check_replay(&program);
    }
}

/// A worker marked `once` whose outcome is lost is not called again: somebody says what came of it.
#[test]
fn once_means_once() {
    let mut b = collecting();
    tag(&mut b, "pay");
    b.once().retry(5, 0, 0).edge("start -> pay");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), failing("pay", 1, ErrorClass::Lost)).run();
    assert_eq!((host.status(), host.count("pay")), (Status::Interrupted, 1));
    host.answer("pay", json!("paid")).unwrap();
    assert_eq!((host.status(), host.state("v")), (Status::Done, json!(["paid"])));
    host.check_replay(&program);
}

/// Commands of workers: only what the node allows.
#[test]
fn commands_are_held_to_what_the_node_allows() {
    let run = |command: serde_json::Value| {
        let mut b = collecting();
        tag(&mut b, "a");
        b.may_update(&["v"]).may_goto(vec![to("b"), To::End]);
        ["b", "c"].iter().for_each(|name| tag(&mut b, name));
        b.edge("start -> a -> c");
        let program = b.build();
        let script = Box::new(move |d: &Dispatch| {
            (
                0,
                reply(if d.node == "a" {
                    json!({"flow": 1, "output": "a", "command": command})
                } else {
                    named(d)
                }),
            )
        });
        let host = Host::new(&program, start(json!({})), script).run();
        host.check_replay(&program);
        host
    };
    assert_eq!(run(json!({})).path(), "a c");
    assert_eq!(
        run(json!({"goto": ["b", "b"], "update": {"v": "more"}})).state("v"),
        json!(["a", "more", "b"])
    );
    assert_eq!(run(json!({"goto": "end"})).path(), "a");
    assert_eq!(run(json!({"goto": "c"})).status(), Status::Failed);
    assert_eq!(run(json!({"update": {"nothing": 1}})).status(), Status::Failed);
}

/// L-44: an outcome that was undone is not kept: `retry` makes the call again, under a new key.
#[test]
fn undone_calls_are_made_again() {
    let mut b = collecting();
    tag(&mut b, "a");
    b.undo("undo_a");
    tag(&mut b, "bad");
    b.send(
        "s",
        vec![(
            E::List(vec![E::Int(1), E::Int(2)]),
            "w",
            vec![("x", E::Reg(0))],
            None,
        )],
    );
    b.task_with(
        "w",
        &[("x", T::Int)],
        &[("x", E::Reg(0))],
        T::Json,
        &[S::Send("v", E::Reg(1))],
    );
    b.undo("undo_w");
    tag(&mut b, "first");
    b.edge("start -> first -> a")
        .edge("first -> bad")
        .edge("start -> s")
        .edge("w -> end");
    let program = b.build();
    let script = Box::new(|d: &Dispatch| {
        let fails_now = d.node == "bad" && d.number == 1;
        (
            if d.node == "bad" { SECOND } else { 0 },
            if fails_now {
                fails(ErrorClass::Http4xx)
            } else {
                reply(json!(d.key))
            },
        )
    });
    let mut host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.status(), Status::Failed);
    host.apply(Input::Retry { node: None }).unwrap();
    assert_eq!(host.status(), Status::Done);
    assert_eq!(
        host.state("v"),
        json!(["r/1:first", "r/2:a~1", "r/2:bad", "r/2:w#0~1", "r/2:w#1~1"])
    );
    let undone = host.calls.iter().filter(|(_, d)| d.attempt.contains("-undo"));
    assert_eq!(undone.count(), 3);
    host.check_replay(&program);
}

/// A worker that is blocked asks: null makes the call again at no cost of attempts, anything else
/// stands for the reply.
#[test]
fn blocked_calls_ask() {
    for (answer, calls) in [(json!(null), 2), (json!("by hand"), 1)] {
        let mut b = collecting();
        b.task_with("a", &[], &[], T::Str, &[S::Send("v", E::Reg(0))]);
        tag(&mut b, "c");
        b.edge("start -> a -> end").edge("start -> c");
        let program = b.build();
        let script = Box::new(|d: &Dispatch| {
            let receipt = json!({"flow": 1, "receipt": {
                "status": "blocked", "summary": "no access", "blockers": [{"type": "access"}],
            }});
            (
                0,
                reply(if d.node == "a" && d.number == 1 {
                    receipt
                } else {
                    named(d)
                }),
            )
        });
        let mut host = Host::new(&program, start(json!({})), script).run();
        assert_eq!((host.status(), host.path()), (Status::Interrupted, "c".into()));
        assert_eq!(host.machine.interrupts()[0].show, json!([{"type": "access"}]));
        assert_eq!(host.answer("a", json!(7)).unwrap_err().code, "F2402");
        host.answer("a", answer.clone()).unwrap();
        assert_eq!((host.status(), host.count("a")), (Status::Done, calls));
        let by = answer.as_str().unwrap_or("a");
        assert_eq!(host.state("v"), json!(["c", by]));
        host.check_replay(&program);
    }
}

/// L-29: a `finally` node that fails harms a run that was done, unless its own `on error` takes it.
#[test]
fn finally_takes_its_own_errors() {
    for (way, status) in [(None, Status::Failed), (Some(To::Skip), Status::Done)] {
        let mut b = collecting();
        tag(&mut b, "a");
        tag(&mut b, "z");
        b.schedule(Schedule::Finally);
        if let Some(way) = way {
            b.on_error(way, &[S::Send("v", E::Str("no matter"))]);
        }
        b.edge("start -> a");
        let program = b.build();
        let host = Host::new(&program, start(json!({})), failing("z", 9, ErrorClass::Http4xx)).run();
        assert_eq!(host.status(), status);
        let expected = if status == Status::Done {
            json!(["a", "no matter"])
        } else {
            json!(["a"])
        };
        assert_eq!(host.state("v"), expected);
        host.check_replay(&program);
    }
}
