//! Order, fan-out, joins, routes, sends.

use flow_bytecode::{Policy, Reducer};
use flow_machine::Status;
use serde_json::json;

use crate::builder::*;
use crate::host::*;

const APPEND: Reducer = Reducer::Append { item_first: false };

/// A builder with a list `v` that collects.
fn collecting() -> Builder {
    let mut b = Builder::new();
    b.field("v", T::Strs, APPEND, Some(E::List(vec![])));
    b
}

fn tag(b: &mut Builder, name: &'static str) {
    b.task(name, &[S::Send("v", E::Reg(0))]);
}

fn tags(b: &mut Builder, names: &[&'static str]) {
    names.iter().for_each(|name| tag(b, name));
}

/// A01, A03: merged in order of declaration, whenever they finish.
#[test]
fn declaration_order_not_finishing_order() {
    let mut b = collecting();
    tags(&mut b, &["z", "a", "m"]);
    b.edge("start -> z").edge("start -> a").edge("start -> m");
    let program = b.build();
    for slow in ["z", "a", "m"] {
        let script = Box::new(move |d: &flow_machine::Dispatch| {
            (if d.node == slow { SECOND } else { 0 }, reply(named(d)))
        });
        let host = Host::new(&program, start(json!({})), script).run();
        assert_eq!(host.state("v"), json!(["z", "a", "m"]));
        assert_eq!(host.path(), "z a m");
        assert_eq!(host.status(), Status::Done);
        host.check_replay(&program);
    }
}

/// A07: two plain arrows start a node once per arrival.
#[test]
fn uneven_diamond_runs_twice() {
    let mut b = collecting();
    tags(&mut b, &["a", "b", "c", "b2", "d"]);
    b.edge("start -> a -> b -> b2 -> d").edge("a -> c -> d");
    let host = Host::new(&b.build(), start(json!({})), echo()).run();
    assert_eq!(host.path(), "a b c b2 d d");
}

/// D11, L-76: a map, then once what comes after it.
#[test]
fn map_then_once() {
    let mut b = collecting();
    b.send(
        "s",
        vec![(
            E::List(vec![E::Int(7), E::Int(8), E::Int(9)]),
            "w",
            vec![("x", E::Reg(0))],
            Some(2),
        )],
    );
    b.task_with(
        "w",
        &[("x", T::Int)],
        &[("x", E::Reg(0))],
        T::Json,
        &[S::Send("v", E::Reg(1))],
    );
    tag(&mut b, "j");
    b.edge("start -> s").edge("w -> j");
    let program = b.build();
    let script = Box::new(|d: &flow_machine::Dispatch| (SECOND * (3 - i64::from(d.index)), reply(named(d))));
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.state("v"), json!(["w0", "w1", "w2", "j"]));
    assert_eq!(host.path(), "s w w w j");
    assert_eq!(host.peak, 2);
    host.check_replay(&program);
}

/// A map over nothing still fires what comes after.
#[test]
fn empty_map_goes_on() {
    let mut b = collecting();
    b.send("s", vec![(E::List(vec![]), "w", vec![], None)]);
    tags(&mut b, &["w", "j"]);
    b.edge("start -> s").edge("w -> j");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(host.path(), "s j");
    host.check_replay(&program);
}

/// A run cannot fill the memory: neither a send nor arrows that double what is open.
#[test]
fn too_many_activations_fail_the_run() {
    let mut b = collecting();
    let endless = E::Method(flow_bytecode::Method::Range, vec![E::Int(300_000)]);
    b.send("s", vec![(endless, "w", vec![], None)]);
    tag(&mut b, "w");
    b.edge("start -> s");
    let host = Host::new(&b.build(), start(json!({})), echo()).run();
    let error = host.machine.error().expect("the run fails").clone();
    assert_eq!((host.status(), error.code.as_str()), (Status::Failed, "F2112"));
    assert!(error.message.contains("262144 activations"), "{}", error.message);
}

/// E01, L-69: a join resets in each lap of a loop, and the body runs again.
#[test]
fn join_in_a_loop() {
    let mut b = collecting();
    tags(&mut b, &["s", "a", "b", "j"]);
    b.route(
        "r",
        vec![(lt(len(f("v")), E::Int(12)), to("s")), (E::Bool(true), To::End)],
    );
    b.edge("start -> s -> a")
        .edge("s -> b")
        .join(Policy::All, &["a", "b"], "j")
        .edge("j -> r");
    let program = b.build();
    let script =
        Box::new(|d: &flow_machine::Dispatch| (if d.node == "a" { 5 * SECOND } else { 0 }, reply(named(d))));
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.path(), "s a b j s a b j s a b j");
    host.check_replay(&program);
}

/// A join after an optional branch does not hang.
#[test]
fn optional_branch_is_dead() {
    let mut b = collecting();
    tags(&mut b, &["a", "b", "d"]);
    b.route("r", vec![(E::Bool(false), to("b")), (E::Bool(true), To::End)]);
    b.edge("start -> a")
        .edge("start -> r")
        .join(Policy::All, &["a", "b"], "d")
        .edge("d -> end");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(host.path(), "a d");
    host.check_replay(&program);
}

/// Joins behind joins, with a dead branch in the inner one.
#[test]
fn joins_behind_joins() {
    let mut b = collecting();
    tags(&mut b, &["a", "x", "y", "c", "d", "e"]);
    b.route("r", vec![(E::Bool(true), to("x")), (E::Bool(true), to("y"))]);
    b.edge("start -> a").edge("start -> r");
    b.join(Policy::All, &["x", "y"], "c")
        .join(Policy::All, &["a", "c"], "d")
        .edge("d -> e");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(host.path(), "a x c d e");
}

/// Tolerant policies: what of three succeeds passes which join.
#[test]
fn policies_count_successes() {
    let cases: &[(Policy, usize, bool)] = &[
        (Policy::Any, 1, true),
        (Policy::Any, 0, false),
        (Policy::Majority, 2, true),
        (Policy::Majority, 1, false),
        (Policy::AtLeast(2), 2, true),
        (Policy::AtLeast(3), 2, false),
    ];
    for (policy, good, passes) in cases {
        let mut b = collecting();
        tags(&mut b, &["a", "b", "c", "d"]);
        b.edge("start -> a")
            .edge("start -> b")
            .edge("start -> c")
            .join(*policy, &["a", "b", "c"], "d");
        let program = b.build();
        let good = *good;
        let script = Box::new(move |d: &flow_machine::Dispatch| {
            let ok = ["a", "b", "c", "d"].iter().position(|n| *n == d.node).unwrap() < good || d.node == "d";
            (
                0,
                if ok {
                    reply(named(d))
                } else {
                    fails(flow_bytecode::ErrorClass::Http4xx)
                },
            )
        });
        let host = Host::new(&program, start(json!({})), script).run();
        assert_eq!(
            host.status(),
            if *passes { Status::Done } else { Status::Failed },
            "{policy:?} {good}"
        );
        assert_eq!(host.path().ends_with('d'), *passes);
        host.check_replay(&program);
    }
}

/// L-76: items of a fan-out are the branches of a tolerant join.
#[test]
fn failed_items_under_a_policy() {
    for (policy, passes) in [
        (Policy::AtLeast(2), true),
        (Policy::Majority, false),
        (Policy::Any, true),
    ] {
        let mut b = collecting();
        b.send(
            "s",
            vec![(
                E::List((0..5).map(E::Int).collect()),
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
        tag(&mut b, "j");
        b.edge("start -> s").join(policy, &["w"], "j");
        let program = b.build();
        let script = Box::new(|d: &flow_machine::Dispatch| {
            (
                0,
                if d.node == "w" && d.index < 3 {
                    fails(flow_bytecode::ErrorClass::Http4xx)
                } else {
                    reply(named(d))
                },
            )
        });
        let host = Host::new(&program, start(json!({})), script).run();
        assert_eq!(host.status() == Status::Done, passes, "{policy:?}");
        if passes {
            assert_eq!(host.state("v"), json!(["w3", "w4", "j"]));
        }
        host.check_replay(&program);
    }
}

/// `every` takes each arm that holds; a target may be a list; D07: a node once per arm.
#[test]
fn every_arm_that_holds() {
    let mut b = collecting();
    tags(&mut b, &["a", "b", "c"]);
    b.route_every(
        "r",
        vec![
            (E::Bool(true), To::Many(vec![to("a"), to("b")])),
            (E::Bool(false), to("a")),
            (E::Bool(true), to("c")),
        ],
    );
    b.edge("start -> r");
    let host = Host::new(&b.build(), start(json!({})), echo()).run();
    assert_eq!(host.path(), "a b c");
}

/// Routes decide on the state behind the step; X05: a loop through `end` or the node.
#[test]
fn routes_see_the_step_that_led_to_them() {
    let mut b = collecting();
    tag(&mut b, "a");
    b.route(
        "r",
        vec![(lt(len(f("v")), E::Int(2)), to("a")), (E::Bool(true), To::End)],
    );
    b.edge("start -> a -> r");
    let program = b.build();
    let host = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(host.path(), "a a");
    host.check_replay(&program);
}

/// Steps are not barriers: a slow branch holds up those who read what it writes, and nobody else.
#[test]
fn slow_branches_hold_up_their_readers_only() {
    for (barrier, expected) in [(false, [0, 10]), (true, [10, 20])] {
        let mut b = collecting();
        b.field("x", T::Json, APPEND, None);
        b.task("slow", &[S::Send("x", E::Reg(0))]);
        b.transform("a", &[]);
        b.task("free", &[S::Send("v", E::Reg(0))]);
        b.task("reads", &[S::Emit("seen", len(f("x")))]);
        b.edge("start -> slow").edge("start -> a -> free -> reads");
        let program = b.build();
        let script = Box::new(|d: &flow_machine::Dispatch| {
            let delay = if d.node == "reads" { 0 } else { 10 * SECOND };
            (delay, reply(json!(d.node)))
        });
        let how = flow_machine::Start {
            barrier,
            ..start(json!({}))
        };
        let host = Host::new(&program, how, script).run();
        let began = ["free", "reads"].map(|node| {
            let call = host.calls.iter().find(|(_, d)| d.node == node);
            call.map(|(at, _)| at / SECOND)
        });
        assert_eq!(began, expected.map(Some));
        assert_eq!(host.path(), "slow a free reads");
        host.check_replay(&program);
    }
}
