//! How long a host waits for `score > 0.8 and items.len() < 10`: to stay under 60 ns.

#[path = "../../../vm/flow-machine/tests/code/assembler.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "tests use the rest of it, and may panic"
)]
mod assembler;

use std::hint::black_box;

use assembler::Assembler;
use criterion::{Criterion, criterion_group, criterion_main};
use flow_bytecode::{BinaryOp, ChunkId, Const, FieldId, Method, Op};
use flow_machine::Program;
use flow_machine::interp::{Env, Fuel, Interp, RunView};
use flow_machine::value::Value;

fn condition() -> (Program, ChunkId) {
    let mut asm = Assembler::new();
    let number = asm.ty(flow_bytecode::Type::Float);
    let list = asm.ty(flow_bytecode::Type::List(number));
    let score = asm.field(number, flow_bytecode::Reducer::LastValue);
    let mut items = asm.field(list, flow_bytecode::Reducer::LastValue);
    items.name = asm.str("items");
    asm.flow_with(score);
    asm.image.flows[0].fields.push(items);
    let least = asm.constant(Const::Float(0.8));
    let most = asm.constant(Const::Int(10));
    let code = vec![
        Op::LoadField {
            dst: 0,
            field: FieldId(0),
        },
        Op::Const { dst: 1, value: least },
        Op::Binary {
            op: BinaryOp::Gt,
            dst: 0,
            a: 0,
            b: 1,
        },
        Op::JumpIfNot { cond: 0, to: 8 },
        Op::LoadField {
            dst: 0,
            field: FieldId(1),
        },
        Op::Method {
            dst: 0,
            method: Method::Len,
            first: 0,
            count: 1,
        },
        Op::Const { dst: 1, value: most },
        Op::Binary {
            op: BinaryOp::Lt,
            dst: 0,
            a: 0,
            b: 1,
        },
        Op::Return { src: 0 },
    ];
    let chunk = asm.chunk(0, 2, code);
    (asm.program(), chunk)
}

fn expression(criterion: &mut Criterion) {
    let (program, chunk) = condition();
    let state = [Some(Value::Float(0.9)), Some(Value::list((0..5).map(Value::Int)))];
    let run = RunView::default();
    let env = Env {
        program: &program,
        fields: &state,
        input: &[],
        config: &[],
        run: &run,
    };
    let mut interp = Interp::default();
    criterion.bench_function("score > 0.8 and items.len() < 10", |bench| {
        bench.iter(|| {
            let mut fuel = Fuel::default();
            interp.call(black_box(&env), black_box(chunk), &[], &mut fuel)
        });
    });
}

criterion_group!(benches, expression);
criterion_main!(benches);
