//! `score > 0.8 and items.len() < 10`, compiled as a route compiles it, with a state to read.

use std::sync::Arc;

use flow_bytecode::{ChunkId, NodeKind};
use flow_machine::Program;
use flow_machine::interp::{Env, Fuel, Interp, RunView};
use flow_machine::value::Value;

use crate::machine::program;

const FLOW: &str = r"
flow judge(limit: int = 10) -> bool {
  state {
    score: float = 0.0
    items: [int] = []
    good: bool = false
  }
  start -> look -> end
  transform look { good <- score > 0.8 and items.len() < 10 }
  return score > 0.8 and items.len() < 10
}
";

/// The expression and all that it sees.
pub struct Condition {
    program: Arc<Program>,
    chunk: ChunkId,
    state: [Option<Value>; 3],
    run: RunView,
}

impl Condition {
    /// The expression over a state in which it holds.
    ///
    /// # Panics
    ///
    /// If the flow does not compile.
    pub fn new() -> Condition {
        let program = program(FLOW);
        let flow = &program.image().flows[0];
        assert!(matches!(flow.nodes[0].kind, NodeKind::Transform));
        let Some(chunk) = flow.result else {
            panic!("the flow has a result")
        };
        Condition {
            chunk,
            program,
            state: [
                Some(Value::Float(0.9)),
                Some(Value::list((0..5).map(Value::Int))),
                None,
            ],
            run: RunView::default(),
        }
    }

    /// What it gives.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn evaluate(&self, interp: &mut Interp) -> Value {
        let env = Env {
            program: &self.program,
            fields: &self.state,
            input: &[],
            config: &[],
            run: &self.run,
        };
        match interp.call(&env, self.chunk, &[], &mut Fuel::default()) {
            Ok(evaluated) => evaluated.value,
            Err(fault) => panic!("{fault}"),
        }
    }
}

impl Default for Condition {
    fn default() -> Condition {
        Condition::new()
    }
}
