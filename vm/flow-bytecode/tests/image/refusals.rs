//! What `verify` refuses: one change to a valid image each, and where the message must point.

use flow_bytecode::{
    Action, Cache, ChunkId, Const, ConstId, Expect, FieldId, FlowId, Image, JoinId, Limits, NodeId, NodeKind,
    Op, Out, Policy, Reducer, RetryPolicy, SourceSpan, StrId, Target, Type, TypeId, WorkerId, verify,
};

use crate::sample::sample;

type Change = fn(&mut Image);

const CASES: &[(&str, Change)] = &[
    ("tests[0]", |i| i.tests[0].flow = FlowId(9)),
    ("tests[0].input", |i| i.tests[0].input = ChunkId(0)),
    ("tests[0].config", |i| i.tests[0].config = Some(ChunkId(3))),
    ("tests[0].mocks[0]", |i| i.tests[0].mocks[0].worker = WorkerId(9)),
    ("tests[0].mocks[0]", |i| i.tests[0].mocks[0].params = 9),
    ("tests[0].mocks[0]", |i| {
        i.tests[0].mocks[0].cases[0].stages.truncate(1);
    }),
    ("tests[0].mocks[0]", |i| {
        i.tests[0].mocks[0].cases[0].fits = Some(ChunkId(2));
    }),
    ("tests[0].timed[0]", |i| {
        i.tests[0].timed[0].action = Action::Event {
            event: 99,
            data: None,
        }
    }),
    ("tests[0].answers[0]", |i| i.tests[0].answers[0].node = StrId(99)),
    ("tests[0].answers[0]", |i| {
        i.tests[0].answers[0].cases[0].value = ChunkId(3);
    }),
    ("tests[0].expects[0]", |i| {
        if let Expect::Fails { code, .. } = &mut i.tests[0].expects[0] {
            *code = Some(StrId(99));
        }
    }),
    ("tests[0].expects[1]", |i| {
        if let Expect::Condition(condition) = &mut i.tests[0].expects[1] {
            condition.holds = ChunkId(2);
        }
    }),
    ("tests[0].expects[1]", |i| {
        i.chunks[4].code[0] = Op::LoadField {
            dst: 0,
            field: FieldId(9),
        }
    }),
    ("chunks[1].code[0]", |i| {
        i.chunks[1].code[0] = Op::List {
            dst: 0,
            first: 9,
            count: 0,
        }
    }),
    ("consts[2]", |i| i.consts[2] = Const::Str(StrId(99))),
    ("consts[3]", |i| i.consts[3] = Const::List(vec![ConstId(3)])),
    ("consts[3]", |i| i.consts[3] = Const::List(vec![ConstId(4)])),
    ("consts[4]", |i| {
        i.consts[4] = Const::Record(vec![(StrId(0), ConstId(0)), (StrId(0), ConstId(0))]);
    }),
    ("consts[7]", |i| i.consts[7] = Const::Float(f64::NAN)),
    ("types[1]", |i| i.types[1] = Type::List(TypeId(99))),
    ("types[3]", |i| i.types[3] = Type::Nullable(TypeId(3))),
    ("types[4]", |i| {
        i.types[4] = Type::Refined {
            base: TypeId(0),
            check: ChunkId(2),
            text: StrId(0),
        }
    }),
    ("types[4].check", |i| {
        i.chunks[0].code[0] = Op::LoadField {
            dst: 1,
            field: FieldId(0),
        }
    }),
    ("chunks[2]", |i| i.chunks[2].params = 9),
    ("chunks[0]", |i| i.chunks[0].code.truncate(2)),
    ("chunks[0]", |i| i.chunks[0].code.clear()),
    ("chunks[0].code[0]", |i| {
        i.chunks[0].code[0] = Op::Const {
            dst: 2,
            value: ConstId(1),
        }
    }),
    ("chunks[0].code[0]", |i| {
        i.chunks[0].code[0] = Op::Const {
            dst: 1,
            value: ConstId(99),
        }
    }),
    ("chunks[0].code[1]", |i| {
        i.chunks[0].code[0] = Op::Move { dst: 0, src: 0 }
    }),
    ("chunks[0].code[0]", |i| i.chunks[0].code[0] = Op::Jump { to: 0 }),
    ("chunks[0].code[0]", |i| i.chunks[0].code[0] = Op::Jump { to: 3 }),
    ("chunks[0].code[1]", |i| {
        i.chunks[0].code[1] = Op::JumpIfNot { cond: 0, to: 1 }
    }),
    ("chunks[1].code[0]", |i| {
        i.chunks[1].code[0] = Op::Record {
            dst: 0,
            shape: ConstId(5),
            first: 0,
        }
    }),
    ("chunks[1].code[0]", |i| {
        i.chunks[1].code[0] = Op::Variant {
            dst: 0,
            shape: ConstId(5),
            first: 1,
        }
    }),
    ("chunks[1].code[0]", |i| {
        i.chunks[1].code[0] = Op::List {
            dst: 0,
            first: 65535,
            count: 65535,
        }
    }),
    ("chunks[2]", |i| {
        i.chunks[2].code[0] = Op::Call {
            dst: 0,
            chunk: ChunkId(2),
            first: 0,
            count: 0,
        }
    }),
    ("chunks[3].code[3]", |i| {
        i.chunks[3].code[3] = Op::Closure {
            dst: 1,
            chunk: ChunkId(2),
            first: 0,
            count: 1,
        }
    }),
    ("chunks[3].code[4]", |i| {
        i.chunks[3].code[4] = Op::Call {
            dst: 1,
            chunk: ChunkId(0),
            first: 0,
            count: 0,
        }
    }),
    ("chunks[3].code[5]", |i| i.chunks[3].code[1] = Op::Jump { to: 5 }),
    ("chunks[0]", |i| i.chunks[0].spans.pop().map(drop).unwrap()),
    ("chunks[0]", |i| {
        i.chunks[0].spans[0] = SourceSpan {
            file: 0,
            start: 0,
            end: 999,
        }
    }),
    ("chunks[0]", |i| {
        i.chunks[0].spans[0] = SourceSpan {
            file: 0,
            start: 15,
            end: 18,
        }
    }),
    ("chunks[0]", |i| {
        i.chunks[0].spans[0] = SourceSpan {
            file: 1,
            start: 0,
            end: 0,
        }
    }),
    ("workers[0]", |i| i.workers[0].options = ChunkId(2)),
    ("workers[0]", |i| i.workers[0].timeout = Some(-1)),
    ("secrets", |i| i.secrets[0] = StrId(99)),
    ("flows[0].nodes[2].settle", |i| {
        i.chunks[3].code[2] = Op::Update {
            field: FieldId(9),
            value: 0,
            overwrite: false,
        }
    }),
    ("flows[0].nodes[0].settle", |i| {
        i.flows[0].nodes[0].settle = Some(ChunkId(3));
    }),
    ("flows[0].nodes[0]", |i| set_worker(i, WorkerId(7))),
    ("flows[0].nodes[4].arms[0]", |i| set_arm(i, NodeId(77))),
    ("flows[0].nodes[1].outs[0]", |i| {
        i.flows[0].nodes[1].outs[0] = Out::Arrive {
            join: JoinId(0),
            source: 1,
        }
    }),
    ("flows[0].nodes[1].outs[0]", |i| {
        i.flows[0].nodes[1].outs[0] = Out::Arrive {
            join: JoinId(3),
            source: 0,
        }
    }),
    ("flows[0].joins[0]", |i| i.flows[0].nodes[1].outs.clear()),
    ("flows[0].joins[0]", |i| {
        i.flows[0].joins[0].policy = Policy::First(0);
    }),
    ("flows[0].entry", |i| {
        i.flows[0].entry.push(Out::Arrive {
            join: JoinId(0),
            source: 0,
        });
    }),
    ("flows[0].limits", |i| {
        i.flows[0].limits = Limits {
            steps: Some(0),
            ..Limits::default()
        }
    }),
    ("flows[0].fields[0]", |i| {
        i.flows[0].fields[0].reducer = Reducer::Custom {
            chunk: ChunkId(0),
            nullable_old: false,
        }
    }),
    ("flows[0].fields", |i| {
        i.flows[0].fields[1].name = i.flows[0].fields[0].name;
    }),
    ("flows[0].nodes", |i| {
        i.flows[0].nodes[1].name = i.flows[0].nodes[0].name;
    }),
    ("flows[0].nodes[1]", |i| {
        i.flows[0].nodes[1].writes.push(FieldId(9));
    }),
    ("flows[0].nodes[1]", |i| {
        i.flows[0].nodes[1].cancel.push(NodeId(9));
    }),
    ("flows[0].nodes[1].retry", |i| {
        i.flows[0].nodes[1].retry = Some(retry(0));
    }),
    ("flows[0].nodes[1].cache", |i| {
        i.flows[0].nodes[1].cache = Some(Cache { ttl: -1, by: None });
    }),
    ("flows[0].nodes[1]", |i| {
        i.flows[0].nodes[1].kind = NodeKind::Subgraph {
            flow: FlowId(4),
            args: ChunkId(2),
        }
    }),
    ("flows[0].nodes[1].on_error", |i| {
        set_error(i, Target::Fail(ChunkId(2)));
    }),
];

#[test]
fn the_sample_itself_is_accepted() {
    verify(sample()).unwrap();
    let mut stripped = sample();
    stripped.debug.files.clear();
    verify(stripped).unwrap();
}

#[test]
fn every_change_is_refused_at_its_place() {
    for (number, (place, change)) in CASES.iter().enumerate() {
        let mut image = sample();
        change(&mut image);
        let error = verify(image).expect_err(&format!("case {number} at {place}"));
        assert!(
            error.place.starts_with(place),
            "case {number}: {place}, but {error}"
        );
    }
}

#[test]
fn long_chains_are_refused_and_do_not_exhaust_the_stack() {
    let mut image = sample();
    let first = image.types.len() as u32;
    image
        .types
        .extend((0..100_000).map(|at| Type::Nullable(TypeId(first + at + 1))));
    image.types.push(Type::Int);
    verify(image).unwrap_err();
    let mut image = sample();
    let first = image.consts.len() as u32;
    image
        .consts
        .extend((0..60).map(|at| Const::List(vec![ConstId(first + at + 1); 2])));
    image.consts.push(Const::Null);
    verify(image).unwrap_err();
}

fn set_worker(image: &mut Image, worker: WorkerId) {
    if let NodeKind::Task(call) = &mut image.flows[0].nodes[0].kind {
        call.worker = worker;
    }
}

fn set_arm(image: &mut Image, node: NodeId) {
    if let NodeKind::Route(decision) = &mut image.flows[0].nodes[4].kind {
        decision.arms[0].target = Target::Node { node, args: None };
    }
}

fn set_error(image: &mut Image, target: Target) {
    if let Some(way) = &mut image.flows[0].nodes[1].on_error {
        way.target = target;
    }
}

fn retry(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        attempts,
        backoff_min: 0,
        backoff_max: 0,
        factor: 1.0,
        on: None,
    }
}
