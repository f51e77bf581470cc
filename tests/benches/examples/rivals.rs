//! `score > 0.8 and items.len() < 10`, evaluated from the host by this machine and by others, in one run:
//! `cargo run --release -p flow-benches --features rivals --example rivals`. Each holds its code compiled and its
//! variables set; what is measured is one evaluation, with the way in and out.

use std::hint::black_box;

use flow_benches::clock::time;
use flow_benches::expression::Condition;
use flow_machine::interp::Interp;
use flow_machine::value::Value;

const ROUNDS: u32 = 200_000;
const TRIES: usize = 9;

fn main() {
    let flow = flow();
    println!("flow     {flow:8.1} ns");
    for (name, nanos) in [("lua 5.4", lua()), ("rhai", rhai()), ("cel", cel())] {
        println!("{name:8} {nanos:8.1} ns  {:6.2} times flow", nanos / flow);
    }
}

/// Nanoseconds of one evaluation: the best of a few tries.
fn measure(mut evaluate: impl FnMut()) -> f64 {
    let tries = (0..TRIES).map(|_| time(|| (0..ROUNDS).for_each(|_| evaluate())));
    tries.min().unwrap_or_default().as_nanos() as f64 / f64::from(ROUNDS)
}

fn flow() -> f64 {
    let condition = Condition::new();
    let mut interp = Interp::default();
    assert_eq!(condition.evaluate(&mut interp), Value::Bool(true));
    measure(|| {
        black_box(condition.evaluate(&mut interp));
    })
}

fn lua() -> f64 {
    let lua = mlua::Lua::new();
    let code =
        "score, items = 0.9, {0, 1, 2, 3, 4}; return function() return score > 0.8 and #items < 10 end";
    let Ok(condition) = lua.load(code).eval::<mlua::Function>() else {
        panic!("the condition compiles")
    };
    let evaluate = || matches!(condition.call::<bool>(()), Ok(true));
    assert!(evaluate());
    measure(|| {
        black_box(evaluate());
    })
}

fn rhai() -> f64 {
    let engine = rhai::Engine::new();
    let mut scope = rhai::Scope::new();
    let items: rhai::Array = (0..5_i64).map(rhai::Dynamic::from).collect();
    scope.push("score", 0.9_f64).push("items", items);
    let Ok(code) = engine.compile_expression("score > 0.8 && items.len() < 10") else {
        panic!("the condition compiles")
    };
    let mut evaluate = || matches!(engine.eval_ast_with_scope::<bool>(&mut scope, &code), Ok(true));
    assert!(evaluate());
    measure(|| {
        black_box(evaluate());
    })
}

fn cel() -> f64 {
    let Ok(program) = cel::Program::compile("score > 0.8 && size(items) < 10") else {
        panic!("the condition compiles")
    };
    let mut context = cel::Context::default();
    context.add_variable_from_value("score", 0.9_f64);
    context.add_variable_from_value("items", (0..5_i64).collect::<Vec<i64>>());
    let evaluate = || matches!(program.execute(&context), Ok(cel::Value::Bool(true)));
    assert!(evaluate());
    measure(|| {
        black_box(evaluate());
    })
}
