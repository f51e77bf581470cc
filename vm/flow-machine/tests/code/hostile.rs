//! Hostile code: whatever `verify` accepts, the machine survives, within its fuel.

use std::time::{Duration, Instant};

use crate::assembler::{Assembler, run_with};
use flow_bytecode::{
    BinaryOp, ChunkId, Const, ConstId, FieldId, Method, Op, RunField, StrId, Type, TypeId, UnaryOp, verify,
};
use flow_machine::value::Value;
use flow_machine::{FaultKind, Program};
use proptest::prelude::*;

const REGISTERS: u16 = 6;

fn reg() -> impl Strategy<Value = u16> {
    0..REGISTERS
}

fn binary() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{Add, Div, Eq, Ge, In, Lt, Mul, Ne, Rem, Sub};
    prop::sample::select(vec![Add, Sub, Mul, Div, Rem, Eq, Ne, Lt, Ge, In])
}

fn unary() -> impl Strategy<Value = UnaryOp> {
    prop::sample::select(vec![UnaryOp::Neg, UnaryOp::Not, UnaryOp::IsNull])
}

/// Any instruction, mostly with ids that exist. Chunks 0 and 1 are functions of one and two.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let span = (0..REGISTERS, 0_u16..3).prop_map(|(first, count)| {
        (
            first.min(REGISTERS - count.max(1) * 2 + 1).min(REGISTERS - 1),
            count,
        )
    });
    let span = span
        .prop_map(|(first, count)| (first.saturating_sub(2), count))
        .boxed();
    prop_oneof![
        4 => (reg(), 0_u32..9).prop_map(|(dst, value)| Op::Const { dst, value: ConstId(value) }),
        1 => (reg(), reg()).prop_map(|(dst, src)| Op::Move { dst, src }),
        1 => (reg(), 0_u32..2).prop_map(|(dst, field)| Op::LoadField { dst, field: FieldId(field) }),
        1 => reg().prop_map(|dst| Op::LoadRun { dst, what: RunField::Now }),
        1 => reg().prop_map(|dst| Op::LoadSecret { dst, name: StrId(0) }),
        4 => (binary(), reg(), reg(), reg()).prop_map(|(op, dst, a, b)| Op::Binary { op, dst, a, b }),
        1 => (reg(), 0_u16..2).prop_map(|(dst, index)| Op::LoadInput { dst, index }),
        1 => (reg(), 0_u16..2).prop_map(|(dst, index)| Op::LoadConfig { dst, index }),
        1 => (unary(), reg(), reg()).prop_map(|(op, dst, a)| Op::Unary { op, dst, a }),
        1 => (reg(), reg()).prop_map(|(dst, a)| Op::IntToFloat { dst, a }),
        1 => (reg(), reg()).prop_map(|(dst, a)| Op::IsVariant { dst, a, name: StrId(0) }),
        1 => (reg(), reg()).prop_map(|(dst, a)| Op::ToText { dst, a }),
        2 => (reg(), span.clone()).prop_map(|(dst, (first, count))| Op::Concat { dst, first, count }),
        2 => (reg(), span.clone()).prop_map(|(dst, (first, count))| Op::List { dst, first, count }),
        1 => (reg(), 0..REGISTERS / 2).prop_map(|(dst, first)| Op::Map { dst, first, count: 1 }),
        1 => (reg(), 0..REGISTERS - 2).prop_map(|(dst, first)| Op::Record { dst, shape: ConstId(6), first }),
        1 => (reg(), reg(), reg()).prop_map(|(dst, base, value)| Op::With { dst, base, name: StrId(0), value }),
        1 => (reg(), reg(), any::<u16>()).prop_map(|(dst, base, hint)| Op::Field { dst, base, name: StrId(0), hint }),
        1 => (reg(), reg(), reg()).prop_map(|(dst, base, index)| Op::Index { dst, base, index }),
        1 => (reg(), reg()).prop_map(|(dst, first)| Op::Call { dst, chunk: ChunkId(0), first, count: 1 }),
        1 => (reg(), reg(), span.clone()).prop_map(|(dst, callee, (first, count))| Op::CallValue { dst, callee, first, count }),
        6 => (reg(), prop::sample::select(Method::ALL.to_vec()), 0..REGISTERS - 2, 1_u16..4).prop_map(|(dst, method, first, count)| Op::Method { dst, method, first: first.min(REGISTERS - count), count }),
        3 => (reg(), 0_u32..2, 0..REGISTERS, 0_u16..2).prop_map(|(dst, chunk, first, count)| Op::Closure { dst, chunk: ChunkId(chunk), first, count }),
        1 => (0_u32..40).prop_map(|to| Op::Jump { to }),
        1 => (reg(), 0_u32..40).prop_map(|(cond, to)| Op::JumpIfNot { cond, to }),
        1 => (reg(), 0_u32..40).prop_map(|(a, to)| Op::JumpIfNull { a, to }),
        1 => (reg(), reg(), 0_u32..4).prop_map(|(dst, a, ty)| Op::Cast { dst, a, ty: TypeId(ty) }),
        1 => (0_u32..2, reg()).prop_map(|(field, value)| Op::Update { field: FieldId(field), value, overwrite: false }),
        1 => reg().prop_map(|value| Op::Emit { name: StrId(0), value }),
    ]
}

pub(crate) fn image(code: Vec<Op>) -> (flow_bytecode::Image, ChunkId) {
    let mut asm = Assembler::new();
    let name = asm.str("name");
    let text = asm.str("some text with words");
    asm.constant(Const::Int(7));
    asm.constant(Const::Int(i64::MAX));
    asm.constant(Const::Float(1.5));
    asm.constant(Const::Str(text));
    asm.constant(Const::List(vec![ConstId(0), ConstId(1), ConstId(0)]));
    asm.constant(Const::Bool(true));
    asm.constant(Const::Record(vec![(name, ConstId(0)), (text, ConstId(4))]));
    asm.constant(Const::Duration(5));
    asm.constant(Const::Int(1000));
    asm.ty(Type::List(TypeId(0)));
    asm.ty(Type::Json);
    asm.ty(Type::Map(TypeId(1)));
    asm.ty(Type::Nullable(TypeId(2)));
    // Doubles what it is given: lists of lists of lists, texts of any length.
    asm.chunk(
        1,
        2,
        vec![
            Op::Move { dst: 1, src: 0 },
            Op::List {
                dst: 0,
                first: 0,
                count: 2,
            },
            Op::Return { src: 0 },
        ],
    );
    asm.chunk(
        2,
        2,
        vec![
            Op::Binary {
                op: BinaryOp::Add,
                dst: 0,
                a: 0,
                b: 0,
            },
            Op::Return { src: 0 },
        ],
    );
    let chunk = asm.chunk(REGISTERS, REGISTERS, code);
    (asm.image, chunk)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn verified_code_never_panics_and_ends_within_its_fuel(mut code in prop::collection::vec(op(), 1..40)) {
        let end = code.len() as u32;
        for op in &mut code {
            if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = op {
                *to = (*to).min(end);
            }
        }
        code.push(Op::Return { src: 0 });
        let (image, chunk) = image(code);
        if let Ok(verified) = verify(image) {
            let program = Program::new(verified);
            let args = [Value::Int(3), Value::str("a,b"), Value::list((0..50).map(Value::Int)), Value::Null, Value::Float(2.0), Value::map([("name".into(), Value::Int(1))])];
            let begun = Instant::now();
            let result = run_with(&program, chunk, &args, &[Some(Value::Int(1)), None], 20_000);
            prop_assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", result.map(|e| e.value.kind()));
        }
    }
}

#[test]
fn most_random_code_is_refused_but_enough_is_run() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut accepted = 0;
    for _ in 0..300 {
        let mut code = prop::collection::vec(op(), 1..12)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        code.push(Op::Return { src: 0 });
        accepted += usize::from(verify(image(code).0).is_ok());
    }
    assert!(accepted > 30, "{accepted} of 300");
}

/// A value that doubles in every round is stopped by its size, not by the computer's memory.
#[test]
fn values_cannot_grow_without_bounds() {
    for chunk in [1_u32, 0] {
        let mut asm = Assembler::new();
        let start = asm.str("0123456789");
        let start = asm.constant(Const::Str(start));
        let to = asm.constant(Const::Int(200));
        let from = asm.constant(Const::Int(0));
        asm.chunk(
            2,
            2,
            vec![
                Op::Move { dst: 1, src: 0 },
                Op::List {
                    dst: 0,
                    first: 0,
                    count: 2,
                },
                Op::Return { src: 0 },
            ],
        );
        asm.chunk(
            2,
            2,
            vec![
                Op::Binary {
                    op: BinaryOp::Add,
                    dst: 0,
                    a: 0,
                    b: 0,
                },
                Op::Return { src: 0 },
            ],
        );
        let code = vec![
            Op::Const { dst: 0, value: from },
            Op::Const { dst: 1, value: to },
            Op::Method {
                dst: 0,
                method: Method::Range,
                first: 0,
                count: 2,
            },
            Op::Const { dst: 1, value: start },
            Op::Closure {
                dst: 2,
                chunk: ChunkId(chunk),
                first: 0,
                count: 0,
            },
            Op::Method {
                dst: 0,
                method: Method::Fold,
                first: 0,
                count: 3,
            },
            Op::Return { src: 0 },
        ];
        let main = asm.chunk(0, 3, code);
        let program = asm.program();
        let fault = run_with(&program, main, &[], &[], 10_000_000).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge, "{fault}");
    }
}

#[test]
fn fuel_runs_out() {
    let mut asm = Assembler::new();
    let main = asm.chunk(
        0,
        1,
        vec![
            Op::LoadRun {
                dst: 0,
                what: RunField::Now,
            },
            Op::Return { src: 0 },
        ],
    );
    let program = asm.program();
    assert_eq!(
        run_with(&program, main, &[], &[], 1).unwrap_err().kind,
        FaultKind::OutOfFuel
    );
    assert!(run_with(&program, main, &[], &[], 2).is_ok());
}
