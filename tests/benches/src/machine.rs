//! Flows that keep the machine busy without any worker, and a host that only takes what comes of them.

use std::sync::Arc;

use flow_bytecode::verify;
use flow_compiler::{NoFiles, check_text};
use flow_machine::{LimitChange, Machine, Program, Start};
use serde_json::{Map, Value as Json};

/// One node in a loop: each round is one step, one update and one decision.
pub const LOOP: &str = r"
flow spin(n: int) -> int {
  limit steps 100000000
  state { i: int = 0 }
  start -> count -> again
  transform count { i <- i + 1 }
  route again {
    when i < n -> count
    otherwise  -> end
  }
  return i
}
";

/// One send that starts as many activations as it is asked for, each with an update of its own.
pub const FAN_OUT: &str = r"
flow fan(n: int) -> int {
  state {
    numbers: [int]
    doubled: [int] by append
  }
  start -> list -> each_number
  double -> end
  transform list { numbers <- range(n) }
  send each_number { each x in numbers -> double(x) }
  transform double(x: int) { doubled <- [x * 2] }
  return doubled.len()
}
";

/// A list that grows by one line a step.
pub const APPEND: &str = r#"
flow grow(n: int) -> int {
  limit steps 100000000
  state {
    lines: [string] by append
    i: int = 0
  }
  start -> write -> again
  transform write {
    lines <- "a line of some length"
    i <- i + 1
  }
  route again {
    when i < n -> write
    otherwise  -> end
  }
  return lines.len()
}
"#;

/// Asks, and waits for the answer.
pub const WAITING: &str = r#"
flow ask(question: string) -> bool {
  state { agreed: bool = false }
  start -> person -> end
  interrupt person {
    ask "${question}"
    answer as yes: bool
    agreed <- yes
  }
  return agreed
}
"#;

/// A flow, ready to run.
///
/// # Panics
///
/// If it does not compile: then the bench is wrong.
pub fn program(text: &str) -> Arc<Program> {
    let checked = check_text(&NoFiles, "bench.flow", text);
    let image = match checked.build() {
        Ok(image) => image,
        Err(found) => panic!("the flow of a bench is wrong: {found:?}"),
    };
    match verify(image) {
        Ok(image) => Arc::new(Program::new(image)),
        Err(error) => panic!("the image of a bench is wrong: {error:?}"),
    }
}

/// A run of the only flow of a program, not moved yet.
///
/// # Panics
///
/// If the machine refuses it.
pub fn start(program: &Arc<Program>, input: &Json) -> Machine {
    let flow = program.image().str(program.image().flows[0].name).to_owned();
    let start = Start {
        run: "bench".into(),
        flow,
        input: input.as_object().cloned().unwrap_or_default(),
        config: Map::new(),
        limits: LimitChange::default(),
        breakpoints: Vec::new(),
        barrier: false,
        seed: 1,
    };
    match Machine::start(program.clone(), start, 0) {
        Ok(machine) => machine,
        Err(refusal) => panic!("{}", refusal.message),
    }
}

/// Takes until the run rests; how many events came.
pub fn finish(machine: &mut Machine) -> usize {
    let mut events = 0;
    loop {
        let out = machine.take();
        if out.events.is_empty() && out.checkpoints.is_empty() {
            return events;
        }
        events += out.events.len();
    }
}
