//! Updates from outside, and what they leave alone.

use flow_machine::{Branch, Event, EventKind, Input, Machine, Status};
use serde_json::{Map, Value as Json, json};

use crate::host::{Host, SECOND, Script, reply};
use crate::source::{program, start_of};

/// Two nodes of one step write a field that the next step reads, and that lives no longer.
const FADING: &str = r#"
worker work(key: string) -> int via exec { command ["work"] }
flow main() -> int {
  state {
    near: [string] by append ephemeral
    seen: int = 0
    outside: int by add external
  }
  start -> [a, b] -> c -> end
  task a { call work(key: "a") as x, near <- "a" }
  task b { call work(key: "b") as x, near <- "b" }
  transform c { seen <- near.len() }
  return seen
}
"#;

fn working() -> Script {
    Box::new(|_| (SECOND, reply(json!(1))))
}

fn outside(number: i64) -> Map<String, Json> {
    json!({ "outside": number })
        .as_object()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn an_injection_does_not_end_the_life_of_ephemeral_values() {
    let program = program(FADING);
    for barrier in [false, true] {
        let start = flow_machine::Start {
            barrier,
            ..start_of(&program, "main", json!({}))
        };
        let mut host = Host::new(&program, start, working());
        host.take();
        host.machine
            .apply(Input::Inject { updates: outside(7) }, 0)
            .unwrap();
        host.go();
        assert_eq!(
            (host.status(), host.machine.result()),
            (Status::Done, Some(&json!(2)))
        );
        assert_eq!(host.state("outside"), json!(7));
        host.check_replay(&program);
    }
}

#[test]
fn what_a_fork_sets_does_not_either() {
    let program = program(FADING);
    let host = Host::new(&program, start_of(&program, "main", json!({})), working()).run();
    let written = |event: &Event| match &event.kind {
        EventKind::Committed { checkpoint } => Some(*checkpoint),
        _ => None,
    };
    // The root, a and b, c.
    let points: Vec<u64> = host.events.iter().filter_map(written).collect();
    let to = Branch {
        checkpoint: points[points.len() - 2],
        run: "fork".into(),
        updates: outside(7),
    };
    let machine = Machine::branch(program.clone(), &host.events, &to, 0).unwrap();
    let mut fork = Host::of(machine, working(), 0);
    fork.go();
    assert_eq!(
        (fork.status(), fork.machine.result()),
        (Status::Done, Some(&json!(2)))
    );
    assert_eq!(fork.state("outside"), json!(7));
}
