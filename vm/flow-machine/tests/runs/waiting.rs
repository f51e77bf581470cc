//! Interrupts, waits, deferred nodes, breakpoints, injections.

use flow_bytecode::{Reducer, Schedule};
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

/// L-43: a gate asks once, its successor runs, and a new activation asks again.
#[test]
fn gates_ask_once_per_activation() {
    let mut b = collecting();
    b.interrupt(
        "gate",
        Some(lt(len(f("v")), E::Int(4))),
        T::Str,
        &[S::Send("v", E::Reg(0))],
    );
    tag(&mut b, "w");
    b.route(
        "r",
        vec![(lt(len(f("v")), E::Int(5)), to("gate")), (E::Bool(true), To::End)],
    );
    b.edge("start -> gate -> w -> r");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), echo()).run();
    for lap in ["one", "two"] {
        assert_eq!(
            (host.status(), host.machine.interrupts().len()),
            (Status::Interrupted, 1)
        );
        host.answer("gate", json!(lap)).unwrap();
    }
    assert_eq!(host.state("v"), json!(["one", "w", "two", "w", "w"]));
    assert_eq!(host.path(), "gate w gate w gate w");
    assert!(host.answer("gate", json!("late")).is_err());
    host.check_replay(&program);
}

/// H09: falsy answers count; a misfit and a broken `ensure` are refused and leave the question open.
#[test]
fn answers_are_checked_before_they_are_taken() {
    let mut b = Builder::new();
    b.field("n", T::Int, Reducer::LastValue, None);
    b.interrupt(
        "ask",
        None,
        T::Int,
        &[
            S::Ensure(lt(E::Reg(0), E::Int(10)), "too much"),
            S::Send("n", E::Reg(0)),
        ],
    );
    b.edge("start -> ask");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), echo()).run();
    let lines = host.events.len();
    for (bad, code) in [
        (json!("x"), "F2402"),
        (json!(null), "F2402"),
        (json!(10), "F2403"),
    ] {
        assert_eq!(host.answer("ask", bad).unwrap_err().code, code);
    }
    assert_eq!(host.answer("other", json!(1)).unwrap_err().code, "F2401");
    assert_eq!(host.events.len(), lines, "a refusal leaves no trace");
    host.answer("ask", json!(0)).unwrap();
    assert_eq!((host.status(), host.state("n")), (Status::Done, json!(0)));
    host.check_replay(&program);
}

/// H03: several open interrupts; an open one pauses its branch only.
#[test]
fn several_questions_are_told_apart() {
    let mut b = collecting();
    b.interrupt("p", None, T::Str, &[S::Send("v", E::Reg(0))]);
    b.interrupt("q", None, T::Str, &[S::Send("v", E::Reg(0))]);
    ["a", "b"].iter().for_each(|name| tag(&mut b, name));
    b.edge("start -> p")
        .edge("start -> q")
        .edge("start -> a -> b")
        .edge("start -> p");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), echo()).run();
    let names: Vec<String> = host
        .machine
        .interrupts()
        .into_iter()
        .map(|open| open.name)
        .collect();
    assert_eq!(
        (host.path(), names),
        ("a b".into(), vec!["p".into(), "p#2".into(), "q".into()])
    );
    assert!(host.answer("p", json!("x")).is_err());
    host.answer("p#2", json!("second")).unwrap();
    host.answer("p", json!("first")).unwrap();
    assert_eq!(host.status(), Status::Interrupted);
    host.answer("q", json!("last")).unwrap();
    assert_eq!(host.state("v"), json!(["a", "b", "second", "first", "last"]));
    host.check_replay(&program);
}

/// An interrupt costs one step, and times out from its opening.
#[test]
fn interrupts_time_out() {
    let mut b = collecting();
    b.field("step", T::Json, Reducer::LastValue, None);
    tag(&mut b, "a");
    b.interrupt("ask", None, T::Str, &[])
        .timeout(3600 * SECOND)
        .on_timeout(to("late"), &[S::Send("v", E::Str("expired"))]);
    b.transform("late", &[S::Send("step", E::Run(flow_bytecode::RunField::Step))]);
    b.edge("start -> a -> ask -> end");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(
        (host.now, host.state("step"), host.state("v")),
        (3600 * SECOND, json!(3), json!(["a", "expired"]))
    );
    assert_eq!(host.path(), "a late");
    host.check_replay(&program);
}

/// Waits for time and for events, which are kept until a wait uses them.
#[test]
fn waits_for_time_and_events() {
    let mut b = collecting();
    b.wait("rest", 60 * SECOND, &[S::Send("v", E::Str("rested"))]);
    b.wait_event("paid", "payment", &[S::Send("v", E::Reg(0))]);
    b.edge("start -> rest -> paid");
    let program = b.build();
    let mut host = Host::new(&program, start(json!({})), echo());
    host.take();
    assert_eq!(
        host.machine
            .apply(
                Input::Event {
                    name: "nothing".into(),
                    data: json!(1)
                },
                0
            )
            .unwrap_err()
            .code,
        "F2404"
    );
    host.machine
        .apply(
            Input::Event {
                name: "payment".into(),
                data: json!("cash"),
            },
            0,
        )
        .unwrap();
    host.go();
    assert_eq!(
        (host.status(), host.now, host.state("v")),
        (Status::Done, 60 * SECOND, json!(["rested", "cash"]))
    );
    host.check_replay(&program);
}

/// E11, E15: deferred nodes run when nothing else is active, once, and are armed again.
#[test]
fn deferred_nodes_wait_for_the_rest() {
    let mut b = collecting();
    ["a", "b", "c"].iter().for_each(|name| tag(&mut b, name));
    tag(&mut b, "d1");
    b.schedule(Schedule::Deferred);
    tag(&mut b, "d2");
    b.schedule(Schedule::Deferred);
    b.edge("start -> a -> b -> c")
        .edge("a -> d1 -> d2")
        .edge("b -> d1")
        .edge("d1 -> c");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(host.path(), "a b c d1 c d2");
    host.check_replay(&program);
}

/// L-67: a breakpoint that was passed is passed; a later lap stops again.
#[test]
fn breakpoints_stop_each_lap_once() {
    let mut b = collecting();
    ["a", "b"].iter().for_each(|name| tag(&mut b, name));
    b.route(
        "r",
        vec![(lt(len(f("v")), E::Int(4)), to("a")), (E::Bool(true), To::End)],
    );
    b.edge("start -> a -> b -> r");
    let program = b.build();
    for (before, stops) in [(true, vec!["a", "a b a"]), (false, vec!["a b"])] {
        let mut how = start(json!({}));
        how.breakpoints.push(("b".into(), before));
        let mut host = Host::new(&program, how, echo()).run();
        for stop in stops {
            assert_eq!((host.status(), host.path()), (Status::Interrupted, stop.into()));
            host.apply(Input::Resume {
                limits: LimitChange::default(),
            })
            .unwrap();
        }
        assert_eq!((host.status(), host.path()), (Status::Done, "a b a b".into()));
        host.check_replay(&program);
    }
}

/// L-71: injections are applied once, in order, and none is lost.
#[test]
fn injections_are_applied_once() {
    let mut b = collecting();
    ["a", "b"].iter().for_each(|name| tag(&mut b, name));
    b.interrupt("ask", None, T::Str, &[])
        .edge("start -> a -> b -> ask");
    let program = b.build();
    let script = Box::new(|d: &Dispatch| (SECOND, reply(named(d))));
    let mut host = Host::new(&program, start(json!({})), script);
    host.take();
    let inject = |value: serde_json::Value| Input::Inject {
        updates: json!({"v": value}).as_object().cloned().unwrap(),
    };
    assert_eq!(host.machine.apply(inject(json!(1)), 0).unwrap_err().code, "F2408");
    host.machine.apply(inject(json!("x")), 0).unwrap();
    host.machine.apply(inject(json!(["y", "z"])), 0).unwrap();
    host.go();
    assert_eq!(host.state("v"), json!(["a", "x", "y", "z", "b"]));
    host.apply(inject(json!("last"))).unwrap();
    assert_eq!(host.state("v"), json!(["a", "x", "y", "z", "b", "last"]));
    host.check_replay(&program);
}

/// A run is cancelled from outside; what comes later changes nothing.
#[test]
fn cancelled_is_final() {
    let mut b = collecting();
    tag(&mut b, "a");
    b.edge("start -> a");
    let program = b.build();
    let mut host = Host::new(
        &program,
        start(json!({})),
        Box::new(|d: &Dispatch| (SECOND, reply(named(d)))),
    );
    host.take();
    let attempt = host.machine.in_flight()[0].attempt.clone();
    host.apply(Input::Cancel {
        reason: "enough".into(),
    })
    .unwrap();
    assert_eq!((host.status(), host.state("v")), (Status::Cancelled, json!([])));
    host.apply(Input::Settled {
        attempt,
        outcome: reply(json!("late")),
    })
    .unwrap();
    assert_eq!((host.status(), host.state("v")), (Status::Cancelled, json!([])));
    assert!(
        host.apply(Input::Settled {
            attempt: "9:a/1".into(),
            outcome: reply(json!(1))
        })
        .is_err()
    );
    host.check_replay(&program);
}
