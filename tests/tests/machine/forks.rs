//! What a run that goes on from a checkpoint sees of itself.

use flow_machine::{Branch, Machine, Status};
use serde_json::{Map, json};

use crate::host::{Host, SECOND, Script, reply};
use crate::source::{program, start_of};

const TIMED: &str = r#"
worker work() -> int via exec { command ["work"] }
flow main() -> bool {
  state { exact: bool = false }
  start -> a -> b -> end
  task a { call work() as x }
  transform b { exact <- run.started + run.elapsed == run.now }
  return exact
}
"#;

/// The time between a checkpoint and the branch from it is nobody's, and the run knows of none.
#[test]
fn a_fork_begins_as_much_later() {
    let program = program(TIMED);
    let working = || -> Script { Box::new(|_| (SECOND, reply(json!(1)))) };
    let source = Host::new(&program, start_of(&program, "main", json!({})), working()).run();
    assert_eq!(source.machine.result(), Some(&json!(true)));
    let to = Branch {
        checkpoint: 1,
        run: "fork".into(),
        updates: Map::new(),
    };
    let at = 3600 * SECOND;
    let machine = Machine::branch(program.clone(), &source.events, &to, at).unwrap();
    let mut fork = Host::of(machine, working(), at);
    fork.go();
    assert_eq!(
        (fork.status(), fork.machine.result()),
        (Status::Done, Some(&json!(true)))
    );
}
