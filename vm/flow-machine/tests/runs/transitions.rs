//! The life of an activation: every move that the machine owns, one row each. What belongs to the
//! store or a host (leases, starts, heartbeats, expiry of rows) is shown there; what is not in the
//! language (rejection, roles, escalation) has no row.

use flow_bytecode::ErrorClass;
use flow_machine::{Dispatch, Effect, EventKind, Input, LimitChange, Outcome, Settlement, Start};
use serde_json::{Value as Json, json};

use crate::host::*;
use crate::{log, source};

/// One row: what node `a` goes through.
struct Row {
    number: &'static str,
    /// The flow's body.
    body: &'static str,
    /// What comes of the calls of `a`, in order, after a second each; then it replies with its name.
    outcomes: Vec<Outcome>,
    /// What comes from outside, each when nothing else moves.
    inputs: Vec<Input>,
    trail: &'static str,
}

fn row(
    number: &'static str,
    body: &'static str,
    outcomes: Vec<Outcome>,
    inputs: Vec<Input>,
    trail: &'static str,
) -> Row {
    Row {
        number,
        body,
        outcomes,
        inputs,
        trail,
    }
}

const A: &str = "task a { call w() as r\n v <- r }\n";

fn answer(value: Json) -> Input {
    Input::Answer {
        interrupt: "a".into(),
        value,
    }
}

fn receipt(status: &str) -> Outcome {
    reply(json!({ "flow": 1, "receipt": { "status": status, "summary": "so it is" } }))
}

fn retry() -> Input {
    Input::Retry { node: None }
}

fn resume() -> Input {
    Input::Resume {
        limits: LimitChange::default(),
    }
}

/// Blocked and waiting: T01 to T07.
fn gates() -> Vec<Row> {
    vec![
        row(
            "T01 activate",
            "start -> a -> end\n",
            vec![],
            vec![],
            "planned sent ok done",
        ),
        row(
            "T02 inputs ready",
            "task b { call w() as r\n v <- r }\n task c { call w() as r\n v <- r }\n start -> [b, c]\n [b, c] -> a -> end\n",
            vec![],
            vec![],
            "planned sent ok done",
        ),
        row(
            "T03 branch dead",
            "route r { when n == 0 -> end\n otherwise -> a }\n start -> r\n a -> end\n",
            vec![],
            vec![],
            "",
        ),
        row(
            "T04, T05 a gate asks, and an answer lets pass",
            "interrupt a when n == 0 { ask \"?\"\n answer as x: string }\n start -> a -> end\n",
            vec![],
            vec![answer(json!("yes"))],
            "planned asked done",
        ),
        row(
            "T04 a gate that does not ask",
            "interrupt a when n > 0 { ask \"?\"\n answer as x: string }\n start -> a -> end\n",
            vec![],
            vec![],
            "planned done",
        ),
        row(
            "T06 an answer that is refused leaves it open; T07 expiry",
            "interrupt a { ask \"?\"\n answer as x: int\n timeout 1h -> end }\n start -> a -> end\n",
            vec![],
            vec![],
            "planned asked fired timed_out",
        ),
    ]
}

/// A call that is made twice at most.
const AGAIN: &str = "task a { call w() as r\n v <- r\n attempts 2 backoff 1s..1s }\n start -> a -> end\n";

/// Queued, and running until a reply comes: T08 to T19.
fn queued() -> Vec<Row> {
    vec![
        row(
            "T08 claimed when a limit has room",
            "limit parallel 1\n task b { call w() as r\n v <- r }\n start -> [b -> end, a -> end]\n",
            vec![],
            vec![],
            "planned sent ok done",
        ),
        row(
            "T09, T12 refused: no attempt is spent",
            "start -> a -> end\n",
            vec![fails(ErrorClass::Refused), fails(ErrorClass::Refused)],
            vec![],
            "planned sent refused+ sent refused+ sent ok done",
        ),
        row(
            "T10 the run's deadline passes while it waits for its retry",
            "limit age 5s\n task a { call w() as r\n v <- r\n attempts 2 backoff 1h..1h }\n start -> a -> end\n",
            vec![fails(ErrorClass::Connect)],
            vec![],
            "planned sent connect+",
        ),
        row(
            "T14, T20 retryable",
            AGAIN,
            vec![fails(ErrorClass::Connect)],
            vec![],
            "planned sent connect+ sent ok done",
        ),
        row(
            "T17 done",
            "start -> a -> end\n",
            vec![],
            vec![],
            "planned sent ok done",
        ),
        row(
            "T18, T31 blocked, and called again: no attempt is spent",
            "start -> a -> end\n",
            vec![receipt("blocked")],
            vec![answer(Json::Null)],
            "planned sent reported asked sent ok done",
        ),
        row(
            "T18, T32 blocked, and accepted with what it should have been",
            "start -> a -> end\n",
            vec![receipt("blocked")],
            vec![answer(json!("so be it"))],
            "planned sent reported asked done",
        ),
        row(
            "T19 reported as failed",
            AGAIN,
            vec![receipt("failed")],
            vec![],
            "planned sent reported",
        ),
    ]
}

/// Attempts that end badly: T20 to T24.
fn ending_badly() -> Vec<Row> {
    let typed = "task a { call w() as r\n ensure r.len() > 0 else \"empty\"\n v <- r\n attempts 2 backoff 1s..1s }\n start -> a -> end\n";
    vec![
        row(
            "T20 no tries left",
            AGAIN,
            vec![fails(ErrorClass::Http5xx), fails(ErrorClass::Http5xx)],
            vec![],
            "planned sent http_5xx+ sent http_5xx",
        ),
        row(
            "T20 not retryable",
            AGAIN,
            vec![fails(ErrorClass::Http4xx)],
            vec![],
            "planned sent http_4xx",
        ),
        row(
            "T21 a reply that is none: absence is never success",
            typed,
            vec![reply(json!("")), reply(json!(7))],
            vec![],
            "planned sent invalid_reply+ sent invalid_reply",
        ),
        row(
            "T22 the process failed",
            AGAIN,
            vec![fails(ErrorClass::ExecFailed)],
            vec![],
            "planned sent exec_failed",
        ),
        row(
            "T23 timed out, retried, timed out for good and taken by its way",
            "task a { call w() as r\n v <- r\n attempts 2 backoff 1s..1s\n timeout 500ms -> end }\n start -> a -> end\n",
            vec![],
            vec![],
            "planned sent timeout+ sent timeout timed_out",
        ),
        row(
            "T24 lost",
            AGAIN,
            vec![fails(ErrorClass::Lost)],
            vec![],
            "planned sent lost+ sent ok done",
        ),
        row(
            "T24 lost, and not to be made twice",
            "task a { call o() as r\n v <- r\n attempts 2 }\n start -> a -> end\n",
            vec![fails(ErrorClass::Lost)],
            vec![answer(json!("it came"))],
            "planned sent lost asked done",
        ),
    ]
}

/// Cancelled and final: T25 to T36.
fn ends() -> Vec<Row> {
    vec![
        row(
            "T25 cancelled while it waits for a person",
            "interrupt a { ask \"?\" }\n task k { call w() as r\n cancel [a] }\n start -> [a -> end, k -> end]\n",
            vec![],
            vec![],
            "planned asked cancelled",
        ),
        row(
            "T25 cancelled while it waits for its retry",
            "task a { call w() as r\n v <- r\n attempts 2 backoff 900h..900h }\n task k { call slow() as r\n cancel [a] }\n start -> [a -> end, k -> end]\n",
            vec![fails(ErrorClass::Connect)],
            vec![],
            "planned sent connect+ cancelled",
        ),
        row(
            "T26, T27 cancelled while it runs: it is told to stop",
            "task a { call slow() as r\n v <- r }\n task k { call w() as r\n cancel [a] }\n start -> [a -> end, k -> end]\n",
            vec![],
            vec![],
            "planned sent cancelled aborted",
        ),
        row(
            "T35 what is over does not change",
            "start -> a -> end\n",
            vec![],
            vec![Input::Settled {
                attempt: "1:a/1".into(),
                outcome: fails(ErrorClass::Http5xx),
            }],
            "planned sent ok done late",
        ),
        row(
            "T36 run again by a person",
            "start -> a -> end\n",
            vec![fails(ErrorClass::Http4xx)],
            vec![retry()],
            "planned sent http_4xx sent ok done",
        ),
        row(
            "T10, T36 resumed behind a limit",
            "limit steps 1\n task b { call w() as r\n v <- r }\n start -> b -> a -> end\n",
            vec![],
            vec![Input::Resume {
                limits: LimitChange {
                    steps: Some(9),
                    ..LimitChange::default()
                },
            }],
            "planned sent ok done",
        ),
    ]
}

fn name_of(class: ErrorClass) -> String {
    serde_json::to_value(class).unwrap().as_str().unwrap().to_owned()
}

fn trail(host: &Host) -> String {
    let mut trail = Vec::new();
    for event in &host.events {
        if matches!(event.kind, EventKind::Late { .. }) {
            trail.push("late".to_owned());
        }
        if event.node.as_deref() != Some("a") {
            continue;
        }
        trail.push(match &event.kind {
            EventKind::Planned { .. } => "planned".into(),
            EventKind::Dispatched { .. } => "sent".into(),
            EventKind::Succeeded { .. } => "ok".into(),
            EventKind::Failed { class, retry_at, .. } => {
                format!("{}{}", name_of(*class), if retry_at.is_some() { "+" } else { "" })
            }
            EventKind::Settled { how, .. } => serde_json::to_value(how).unwrap().as_str().unwrap().to_owned(),
            EventKind::Interrupted { .. } => "asked".into(),
            EventKind::TimerFired => "fired".into(),
            EventKind::Paused { .. } => "paused".into(),
            _ => continue,
        });
    }
    trail.join(" ")
}

fn play(row: Row) -> (Host, String) {
    let own = if row.body.contains("task a ") || row.body.contains("interrupt a ") {
        ""
    } else {
        A
    };
    let program = source::file(&format!(
        "worker w() -> string via webhook {{ tags [w] }}\nworker slow() -> string via webhook {{ tags [s] }}\n\
         worker o() -> string via webhook {{ tags [o]\n once }}\n\
         flow test() {{\n state {{ v: [string] by append\n n: int by add }}\n{own}{} }}",
        row.body
    ));
    let slow = program
        .image()
        .workers
        .iter()
        .position(|worker| program.image().str(worker.name) == "slow");
    let mut outcomes = row.outcomes.into_iter();
    let script = Box::new(move |d: &Dispatch| {
        let delay = if Some(d.worker.index()) == slow { 60 } else { 1 };
        let scripted = if d.node == "a" { outcomes.next() } else { None };
        (delay * SECOND, scripted.unwrap_or_else(|| reply(json!(d.node))))
    });
    let mut host = Host::new(&program, Start { ..start(json!({})) }, script).run();
    let mut aborted = false;
    for input in row.inputs {
        host.apply(input).unwrap();
    }
    host.check_replay(&program);
    log::check(&host, row.number);
    let cancelled = |event: &flow_machine::Event| {
        matches!(
            event.kind,
            EventKind::Settled {
                how: Settlement::Cancelled,
                ..
            }
        )
    };
    if host.events.iter().any(cancelled) {
        aborted = host.aborted.iter().any(|attempt| attempt.contains(":a"));
    }
    let said = trail(&host);
    (host, if aborted { format!("{said} aborted") } else { said })
}

#[test]
fn every_move_that_the_machine_owns() {
    let mut wrong = Vec::new();
    for row in gates()
        .into_iter()
        .chain(queued())
        .chain(ending_badly())
        .chain(ends())
    {
        let (number, expected) = (row.number, row.trail);
        let (_, said) = play(row);
        if said != expected {
            wrong.push(format!("{number}\n  expected {expected}\n  came     {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// T04: a breakpoint stops in front of it, T05: and is passed once.
#[test]
fn a_breakpoint_stops_before_it_begins() {
    let program = source::flow(&["a"], "start -> a -> end");
    let how = Start {
        breakpoints: vec![("a".into(), true)],
        ..start(json!({}))
    };
    let mut host = Host::new(&program, how, echo()).run();
    assert_eq!(trail(&host), "planned paused");
    host.apply(resume()).unwrap();
    assert_eq!(trail(&host), "planned paused sent ok done");
    host.check_replay(&program);
}

/// T26: the effect comes with the decision, not before and not later.
#[test]
fn aborts_come_with_the_decision() {
    let program = source::flow(&["a", "b", "d"], "start -> first of [a, b] -> d -> end");
    let mut host = Host::new(&program, start(json!({})), source::after(&[("a", 60), ("b", 5)]));
    host.take();
    let attempt = host.calls[1].1.attempt.clone();
    host.machine
        .apply(
            Input::Settled {
                attempt,
                outcome: reply(json!("b")),
            },
            SECOND,
        )
        .unwrap();
    let output = host.machine.take();
    let stops = output
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Abort(_)));
    assert_eq!(stops.count(), 1);
}
