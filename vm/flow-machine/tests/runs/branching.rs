//! Going on from a checkpoint that was passed: the same replies give the same events, an abandoned branch stays
//! reachable, and every log gives its run again (L-08, L-09).

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_bytecode::{BinaryOp, ErrorClass};
use flow_machine::*;
use serde_json::{Map, Value as Json, json};

use crate::builder::*;
use crate::host::*;
use crate::random;

fn script(seed: u64) -> Script {
    Box::new(move |d: &Dispatch| {
        // Odd seeds fail now and then. The jitter of what is made again is a branch's own.
        let outcome = if seed % 2 == 1 && random::mix(seed, &d.attempt).is_multiple_of(5) {
            fails(ErrorClass::Http5xx)
        } else {
            reply(json!(d.attempt))
        };
        ((random::mix(seed, &d.attempt) % 3) as i64 * SECOND, outcome)
    })
}

/// The run goes on from a checkpoint, driven to its rest.
fn branched(program: &Arc<Program>, log: &[Event], to: &Branch, seed: u64) -> Host {
    let at = log.last().map_or(0, |event| event.at) + 3600 * SECOND;
    let machine = Machine::branch(program.clone(), log, to, at)
        .unwrap_or_else(|refusal| panic!("seed {seed}: {}", refusal.message));
    let mut host = Host::of(machine, script(seed), at);
    host.go();
    host
}

fn to(checkpoint: u64, run: &str) -> Branch {
    Branch {
        checkpoint,
        run: run.into(),
        updates: Map::new(),
    }
}

/// What was said, without numbers, times and keys, which are a branch's own.
fn said(events: &[Event]) -> Vec<Json> {
    let bare = |event: &Event| {
        let mut line = serde_json::to_value(event).unwrap();
        let fields = line.as_object_mut().unwrap();
        for name in ["seq", "at", "key", "checkpoint", "retry_at"] {
            fields.remove(name);
        }
        line
    };
    events.iter().map(bare).collect()
}

/// The log of a fork: that of its source as far as it goes, renumbered, and its own.
fn forked(log: &[Event], checkpoint: u64, own: &[Event]) -> Vec<Event> {
    let mut whole = course_to(log, checkpoint).unwrap();
    for (at, event) in whole.iter_mut().enumerate() {
        event.seq = at as u64 + 1;
    }
    whole.extend_from_slice(own);
    whole
}

/// Numbers without gaps, and the same run again.
fn check_log(program: &Arc<Program>, log: &[Event], host: &Host, hint: &str) {
    let numbers: Vec<u64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "{hint}");
    let mut again = Machine::replay(program.clone(), log.iter().cloned())
        .unwrap_or_else(|error| panic!("{hint}: {error}"));
    assert_eq!(again.take(), Output::default(), "{hint}: nothing is left to say");
    assert_eq!(again.state(), host.machine.state(), "{hint}");
    assert_eq!(again.path(), host.machine.path(), "{hint}");
    assert_eq!(again.status(), host.machine.status(), "{hint}");
    assert_eq!(again.start_info().run, host.machine.start_info().run, "{hint}");
}

/// Every checkpoint leads to the first one, and numbers grow on the way.
fn check_parents(points: &[Checkpoint], hint: &str) {
    let parents: BTreeMap<u64, Option<u64>> = points.iter().map(|point| (point.id, point.parent)).collect();
    assert_eq!(parents.len(), points.len(), "{hint}: numbers are given once");
    for point in points {
        let mut at = point.id;
        while let Some(parent) = parents[&at] {
            assert!(parent < at, "{hint}: {parent} is the parent of {at}");
            at = parent;
        }
        assert_eq!(at, 0, "{hint}");
    }
}

#[test]
fn the_same_replies_give_the_same_events_from_every_checkpoint() {
    let mut tried = 0;
    for seed in 1..=60 {
        let program = random::program(seed);
        // Only with the barrier nothing is in flight at a checkpoint: then the events are the same, too.
        let how = Start {
            barrier: seed % 2 == 0,
            ..start(json!({}))
        };
        let first = Host::new(&program, how, script(seed)).run();
        let (log, points) = (&first.events, &first.checkpoints);
        if log.len() > 150 {
            continue;
        }
        tried += points.len();
        for point in points {
            let hint = format!("seed {seed}, checkpoint {}", point.id);
            let at = log
                .iter()
                .position(|event| event.kind == EventKind::Committed { checkpoint: point.id })
                .unwrap();

            let again = branched(&program, log, &to(point.id, "r"), seed);
            if seed % 2 == 0 {
                for (again, first) in said(&again.events[1..]).iter().zip(&said(&log[at + 1..])) {
                    assert_eq!(again, first, "{hint}");
                }
                assert_eq!(again.events.len(), log.len() - at, "{hint}");
            }
            assert_eq!(again.machine.state(), first.machine.state(), "{hint}");
            assert_eq!(again.path(), first.path(), "{hint}");
            let whole = [log.as_slice(), &again.events].concat();
            check_log(&program, &whole, &again, &hint);
            let tree = [points.as_slice(), &again.checkpoints].concat();
            check_parents(&tree, &hint);

            // The branch that was left is still there.
            let left = points.last().unwrap().id;
            let third = branched(&program, &whole, &to(left, "r"), seed);
            assert_eq!(third.machine.state(), first.machine.state(), "{hint}");
            check_log(
                &program,
                &[whole.as_slice(), &third.events].concat(),
                &third,
                &hint,
            );

            let fork = branched(&program, &whole, &to(point.id, "f"), seed);
            assert_eq!(fork.machine.state(), first.machine.state(), "{hint}");
            assert!(
                fork.calls.iter().all(|(_, call)| call.key.starts_with("f/")),
                "{hint}: a fork's calls are its own"
            );
            check_log(&program, &forked(&whole, point.id, &fork.events), &fork, &hint);
        }
    }
    assert!(tried > 50, "the runs are worth going back in: {tried}");
}

/// A route behind a checkpoint is decided on what was set there.
#[test]
fn what_is_set_at_a_checkpoint_decides() {
    let mut b = Builder::new();
    b.field("n", T::Int, flow_bytecode::Reducer::LastValue, Some(E::Int(1)));
    b.task("a", &[]);
    b.task("low", &[]);
    b.task("high", &[]);
    b.edge("start -> a -> r");
    b.route(
        "r",
        vec![
            (op(BinaryOp::Lt, E::Field("n"), E::Int(5)), To::Node("low")),
            (E::Bool(true), To::Node("high")),
        ],
    );
    let program = b.build();
    let first = Host::new(&program, start(json!({})), echo()).run();
    assert_eq!(first.path(), "a low");
    let set = Branch {
        updates: json!({"n": 9}).as_object().cloned().unwrap(),
        ..to(1, "r")
    };
    let again = branched(&program, &first.events, &set, 3);
    assert_eq!(again.path(), "a high");
    assert_eq!(again.state("n"), json!(9));
    check_log(
        &program,
        &[first.events.as_slice(), &again.events].concat(),
        &again,
        "set",
    );
    let wrong = Branch {
        updates: json!({"n": "nine"}).as_object().cloned().unwrap(),
        ..to(1, "r")
    };
    let refused = Machine::branch(program.clone(), &first.events, &wrong, 0)
        .err()
        .unwrap();
    assert_eq!(refused.code, "F2408");
    let nowhere = Machine::branch(program, &first.events, &to(77, "r"), 0)
        .err()
        .unwrap();
    assert_eq!(nowhere.code, "F2412");
}
