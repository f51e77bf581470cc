//! What the interpreter makes of a straight stretch of code must not show: a jump to the next
//! instruction, which ends the stretch, changes neither what comes of the code nor what it costs.

use flow_bytecode::{Op, verify};
use flow_machine::interp::{Env, Evaluated, Fuel, Interp, RunView};
use flow_machine::value::Value;
use flow_machine::{Fault, FaultKind, Program};
use proptest::prelude::*;

use crate::hostile::{image, op};

const FUEL: u64 = 50_000;

/// What came of it, and what it used.
type Ran = (Result<Evaluated, Fault>, u64);

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_jump_to_the_next_instruction_changes_nothing(code in prop::collection::vec(op(), 1..24)) {
        let code = ended(code);
        let Some((result, used)) = run(code.clone()) else { return Ok(()) };
        let (one, used_with_one) = run(jumping(&code, 1)).expect("it was accepted before");
        let (two, used_with_two) = run(jumping(&code, 2)).expect("it was accepted before");
        let poor = |ran: &Result<Evaluated, Fault>| matches!(ran, Err(fault) if fault.kind == FaultKind::OutOfFuel);
        if poor(&result) || poor(&one) || poor(&two) {
            return Ok(());
        }
        prop_assert_eq!(&result, &one);
        prop_assert_eq!(&one, &two);
        // Each instruction that has run was one jump dearer, then two.
        prop_assert_eq!(used_with_two - used_with_one, used_with_one - used);
    }
}

/// The code with an end that shows what is left in all registers.
fn ended(mut code: Vec<Op>) -> Vec<Op> {
    let end = code.len() as u32;
    for op in &mut code {
        if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = op {
            *to = (*to).min(end);
        }
    }
    code.push(Op::List {
        dst: 0,
        first: 0,
        count: 6,
    });
    code.push(Op::Return { src: 0 });
    code
}

/// The code with so many jumps before each instruction.
fn jumping(code: &[Op], jumps: u32) -> Vec<Op> {
    let mut longer = Vec::new();
    for op in code {
        for _ in 0..jumps {
            longer.push(Op::Jump {
                to: longer.len() as u32 + 1,
            });
        }
        let mut op = *op;
        if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = &mut op {
            *to *= jumps + 1;
        }
        longer.push(op);
    }
    longer
}

fn run(code: Vec<Op>) -> Option<Ran> {
    let (image, chunk) = image(code);
    let program = Program::new(verify(image).ok()?);
    let args = [
        Value::Int(3),
        Value::Bool(true),
        Value::list((0..5).map(Value::Int)),
        Value::Null,
        Value::Float(2.0),
        Value::map([("name".into(), Value::Int(1))]),
    ];
    let state = [Some(Value::Bool(false)), None];
    let env = Env {
        program: &program,
        fields: &state,
        input: &[Value::Int(5)],
        config: &[Value::str("name")],
        run: &RunView::default(),
    };
    let mut fuel = Fuel::new(FUEL);
    let result = Interp::default().call(&env, chunk, &args, &mut fuel);
    Some((result, FUEL - fuel.left()))
}
