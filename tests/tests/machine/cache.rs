//! `cache`: what is kept, for how long, for whom.

use flow_machine::EventKind;
use serde_json::json;

use crate::host::{Host, SECOND};
use crate::source::{program, replies, run, start_of};

const TWICE: &str = r#"
worker ask(q: string, loud: bool = false) -> string via exec { command ["ask"] }

flow main(a: string, b: string) -> [string] {
  state { got: [string] by append }
  start -> one -> two -> end
  task one { call ask(q: a) as x
    got <- x
    cache 1h }
  task two { call ask(q: b) as x
    got <- x
    cache 1h }
  return got
}
"#;

fn hits(host: &Host) -> usize {
    let is_hit = |kind: &EventKind| matches!(kind, EventKind::CacheHit { .. });
    host.events.iter().filter(|event| is_hit(&event.kind)).count()
}

#[test]
fn the_same_call_is_made_once() {
    let program = program(TWICE);
    let echo = || replies(&program, SECOND, |_, call| json!(format!("<{}>", call.args["q"])));
    let same = run(&program, json!({"a": "x", "b": "x"}), echo());
    assert_eq!((same.calls.len(), hits(&same)), (1, 1));
    assert_eq!(same.machine.result(), Some(&json!(["<\"x\">", "<\"x\">"])));
    assert_eq!(same.path(), "one two");
    same.check_replay(&program);
    let other = run(&program, json!({"a": "x", "b": "y"}), echo());
    assert_eq!((other.calls.len(), hits(&other)), (2, 0));
}

/// Entries outlive the run that made them, for their time and no longer.
#[test]
fn entries_live_in_the_store_for_their_time() {
    let program = program(TWICE);
    let echo = || replies(&program, 0, |_, call| call.args["q"].clone());
    let first = run(&program, json!({"a": "x", "b": "x"}), echo());
    for (later, calls) in [(3599, 0), (3600, 1)] {
        let mut next = Host::new(
            &program,
            start_of(&program, "main", json!({"a": "x", "b": "x"})),
            echo(),
        );
        next.cache.clone_from(&first.cache);
        next.now = later * SECOND;
        next.go();
        assert_eq!(next.calls.len(), calls, "{later} s later");
    }
}

/// L-75: worker, interface, options and flow are part of the key, and a hash that two keys share serves neither.
#[test]
fn what_is_not_the_same_call_does_not_share() {
    let base = program(TWICE);
    let kept = run(
        &base,
        json!({"a": "x", "b": "x"}),
        replies(&base, 0, |_, _| json!("kept")),
    )
    .cache;
    let changed = [
        (
            "via exec { command [\"ask\"] }",
            "via exec { command [\"ask\", \"-v\"] }",
        ),
        ("loud: bool = false", "loud: bool = true"),
        ("worker ask(q: string", "worker ask(q: string where it.len() > 0"),
        ("flow main", "flow other"),
    ];
    for (from, to) in changed {
        let changed = program(&TWICE.replace(from, to));
        let flow = if to == "flow other" { "other" } else { "main" };
        let start = start_of(&changed, flow, json!({"a": "x", "b": "x"}));
        let mut host = Host::new(&changed, start, replies(&changed, 0, |_, _| json!("new")));
        host.cache.clone_from(&kept);
        host.go();
        assert_eq!(host.state("got"), json!(["new", "new"]), "{to}");
    }
    let mut forced = Host::new(
        &base,
        start_of(&base, "main", json!({"a": "x", "b": "x"})),
        replies(&base, 0, |_, _| json!("new")),
    );
    forced.cache.clone_from(&kept);
    for (key, _, _) in forced.cache.values_mut() {
        key.of.push(' ');
    }
    forced.go();
    assert_eq!(forced.state("got"), json!(["new", "new"]));
}

#[test]
fn a_key_may_be_said() {
    let program = program(&TWICE.replace("cache 1h }", "cache 1h by a.len() }"));
    let host = run(
        &program,
        json!({"a": "x", "b": "y"}),
        replies(&program, 0, |_, call| call.args["q"].clone()),
    );
    assert_eq!(host.state("got"), json!(["x", "x"]), "both have the same key");
    host.check_replay(&program);
}

/// What failed is not kept; the reply's command is, its usage is not.
#[test]
fn the_command_is_kept_and_the_cost_is_not() {
    let source = r#"
worker ask(q: string) -> string via exec { command ["ask"] }
flow main() -> int {
  state { n: int by add
    seen: string = "" }
  start -> one -> two -> end
  task one { call ask(q: "x") as x
    may update [n]
    cache 1h
    attempts 2 }
  task two { call ask(q: "x") as x
    may update [n]
    cache 1h
    seen <- x }
  return n
}
"#;
    let program = program(source);
    let script = replies(&program, 0, |_, call| {
        if call.number == 1 {
            json!(7)
        } else {
            json!({"flow": 1, "output": "ok", "command": {"update": {"n": 2}}, "usage": {"total": 5}})
        }
    });
    let host = run(&program, json!({}), script);
    assert_eq!((host.calls.len(), host.machine.result()), (2, Some(&json!(4))));
    assert_eq!(host.machine.tokens(), 5);
    host.check_replay(&program);
}
