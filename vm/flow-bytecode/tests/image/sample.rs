//! A small program made by hand: a bit of everything that an image can hold.

use flow_bytecode::{
    Action, Answer, AnswerCase, Arm, BinaryOp, Call, Chunk, ChunkId, Condition, Const, ConstId, Decision,
    Each, ErrorClass, ErrorWay, Expect, Field, FieldId, Flow, Image, Join, JoinId, Limits, Mock, MockCase,
    MockReply, MockStage, Node, NodeId, NodeKind, OBSERVED, Op, Out, Param, Part, Policy, Protocol,
    RecordField, Reducer, Rest, Schedule, Source, SourceSpan, SourceText, StrId, Target, Test, Timed, Type,
    TypeId, Worker, WorkerId,
};

pub(crate) const SPAN: SourceSpan = SourceSpan {
    file: 0,
    start: 0,
    end: 4,
};

/// Strings by number, so that names are easy to give.
const STRINGS: [&str; 10] = [
    "main",
    "start_here",
    "left",
    "right",
    "both",
    "choose",
    "items",
    "Ünïcode",
    "fan",
    "work",
];

/// start -> `start_here` -> [left, right] -> both -> choose -> `start_here` | end; left on error -> fan -> work
pub(crate) fn sample() -> Image {
    let strings = STRINGS.iter().map(ToString::to_string).collect();
    let consts = vec![
        Const::Null,
        Const::Int(1),
        Const::Str(StrId(7)),
        Const::List(vec![ConstId(1), ConstId(1)]),
        Const::Record(vec![(StrId(6), ConstId(3))]),
        Const::Variant(StrId(2), vec![(StrId(6), ConstId(1))]),
        Const::Map(vec![(StrId(7), ConstId(4))]),
        Const::Float(0.5),
    ];
    let mut flow = flow();
    flow.fields
        .push(field(6, TypeId(1), Reducer::Append { item_first: false }));
    flow.fields.push(field(0, TypeId(0), Reducer::LastValue));
    let mut image = Image {
        strings,
        consts,
        types: types(),
        workers: vec![worker()],
        flows: vec![flow],
        ..Image::default()
    };
    image.chunks = chunks();
    image.secrets.push(StrId(1));
    image.tests.push(test());
    image.debug.files.push(SourceText {
        path: "main.flow".into(),
        text: "flow main() { … }\n".into(),
    });
    image
}

fn test() -> Test {
    let stage = |times, reply| MockStage {
        times,
        after: Some(ChunkId(2)),
        reply,
    };
    let part = || Part {
        value: ChunkId(4),
        text: StrId(2),
        literal: false,
        span: SPAN,
    };
    Test {
        name: StrId(7),
        flow: flow_bytecode::FlowId(0),
        input: ChunkId(2),
        config: None,
        mocks: vec![Mock {
            worker: WorkerId(0),
            params: 0,
            cases: vec![MockCase {
                fits: Some(ChunkId(0)),
                stages: vec![
                    stage(Some(1), MockReply::Fails(ErrorClass::Timeout)),
                    stage(None, MockReply::Value(ChunkId(2))),
                ],
            }],
            span: SPAN,
        }],
        timed: vec![Timed {
            at: ChunkId(2),
            action: Action::Inject(ChunkId(2)),
            span: SPAN,
        }],
        answers: vec![Answer {
            node: StrId(4),
            cases: vec![AnswerCase {
                fits: None,
                after: Some(ChunkId(2)),
                value: ChunkId(2),
            }],
            span: SPAN,
        }],
        expects: vec![
            Expect::Fails {
                code: Some(StrId(1)),
                at: None,
                span: SPAN,
            },
            Expect::Condition(Condition {
                holds: ChunkId(4),
                sides: Some((part(), part())),
                parts: vec![part()],
                text: StrId(3),
                span: SPAN,
            }),
        ],
        says_end: true,
        span: SPAN,
    }
}

fn types() -> Vec<Type> {
    vec![
        Type::Int,
        Type::List(TypeId(0)),
        Type::Record {
            name: Some(StrId(0)),
            fields: vec![RecordField {
                name: StrId(6),
                ty: TypeId(3),
                default: None,
                doc: Some(StrId(7)),
            }],
        },
        Type::Nullable(TypeId(2)),
        Type::Refined {
            base: TypeId(0),
            check: ChunkId(0),
            text: StrId(1),
        },
        Type::Union {
            name: StrId(4),
            variants: vec![(StrId(2), vec![]), (StrId(3), vec![])],
        },
    ]
}

fn worker() -> Worker {
    Worker {
        name: StrId(9),
        protocol: Protocol::Http,
        params: vec![Param {
            name: StrId(6),
            ty: TypeId(0),
            default: Some(ConstId(1)),
            doc: None,
        }],
        reply: TypeId(5),
        options: ChunkId(1),
        tags: vec![StrId(0)],
        timeout: Some(5),
        retry: None,
        once: true,
        readonly: false,
        doc: None,
    }
}

fn arrow(node: u32) -> Vec<Out> {
    vec![Out::To(Target::Node {
        node: NodeId(node),
        args: None,
    })]
}

fn nodes() -> Vec<Node> {
    let arrive = |source| {
        vec![Out::Arrive {
            join: JoinId(0),
            source,
        }]
    };
    let task = || {
        NodeKind::Task(Call {
            worker: WorkerId(0),
            args: ChunkId(2),
            reply: TypeId(0),
            content: None,
        })
    };
    let mut nodes = vec![
        node(1, task(), vec![]),
        node(2, NodeKind::Transform, arrive(0)),
        node(3, NodeKind::Transform, arrive(1)),
        node(4, NodeKind::Transform, arrow(4)),
        node(5, route(), vec![]),
        node(8, fan(), vec![]),
        node(9, NodeKind::Transform, vec![]),
    ];
    nodes[0].outs = vec![Out::To(Target::Many(vec![
        Target::Node {
            node: NodeId(1),
            args: None,
        },
        Target::Node {
            node: NodeId(2),
            args: None,
        },
    ]))];
    nodes[1].on_error = Some(ErrorWay {
        target: Target::Node {
            node: NodeId(5),
            args: None,
        },
        updates: None,
    });
    nodes[2].settle = Some(ChunkId(3));
    nodes[2].writes = vec![FieldId(0)];
    nodes[6].params = vec![Param {
        name: StrId(6),
        ty: TypeId(0),
        default: None,
        doc: None,
    }];
    nodes
}

fn flow() -> Flow {
    Flow {
        name: StrId(0),
        doc: Some(StrId(7)),
        params: vec![],
        config: vec![],
        fields: vec![],
        nodes: nodes(),
        entry: arrow(0),
        joins: vec![Join {
            policy: Policy::AtLeast(1),
            rest: Rest::Cancel,
            sources: vec![Source::Node(NodeId(1)), Source::Node(NodeId(2))],
            target: arrow(3),
            otherwise: Some(Target::End),
            span: SPAN,
        }],
        limits: Limits {
            steps: Some(10),
            ..Limits::default()
        },
        on_error: None,
        events: vec![(StrId(1), Some(TypeId(0)))],
        result: Some(ChunkId(2)),
        result_type: Some(TypeId(2)),
        span: SPAN,
    }
}

fn route() -> NodeKind {
    let arm = |target| Arm {
        label: StrId(1),
        target,
        span: SPAN,
    };
    let again = arm(Target::Node {
        node: NodeId(0),
        args: None,
    });
    NodeKind::Route(Decision {
        decide: ChunkId(2),
        every: false,
        arms: vec![again, arm(Target::End)],
    })
}

fn fan() -> NodeKind {
    NodeKind::Send(vec![Each {
        list: ChunkId(2),
        single: false,
        follow: Some(FieldId(0)),
        filter: None,
        node: NodeId(6),
        args: Some(ChunkId(1)),
        window: Some(2),
        until: None,
        cancel_rest: false,
    }])
}

fn chunk(params: u16, registers: u16, code: Vec<Op>) -> Chunk {
    Chunk {
        name: StrId(0),
        params,
        registers,
        spans: vec![SPAN; code.len()],
        code,
    }
}

/// A chunk that reads and updates the state, and calls.
fn acting() -> Chunk {
    chunk(
        0,
        2,
        vec![
            Op::LoadField {
                dst: 0,
                field: FieldId(0),
            },
            Op::JumpIfNull { a: 0, to: 3 },
            Op::Update {
                field: FieldId(0),
                value: 0,
                overwrite: false,
            },
            Op::Closure {
                dst: 1,
                chunk: ChunkId(0),
                first: 0,
                count: 0,
            },
            Op::Call {
                dst: 1,
                chunk: ChunkId(2),
                first: 0,
                count: 0,
            },
            Op::Return { src: 1 },
        ],
    )
}

fn chunks() -> Vec<Chunk> {
    vec![
        chunk(
            1,
            2,
            vec![
                Op::Const {
                    dst: 1,
                    value: ConstId(1),
                },
                Op::Binary {
                    op: BinaryOp::Gt,
                    dst: 0,
                    a: 0,
                    b: 1,
                },
                Op::Return { src: 0 },
            ],
        ),
        chunk(
            1,
            1,
            vec![
                Op::Record {
                    dst: 0,
                    shape: ConstId(4),
                    first: 0,
                },
                Op::Return { src: 0 },
            ],
        ),
        chunk(
            0,
            1,
            vec![
                Op::Const {
                    dst: 0,
                    value: ConstId(6),
                },
                Op::Return { src: 0 },
            ],
        ),
        acting(),
        chunk(
            OBSERVED as u16,
            OBSERVED as u16,
            vec![
                Op::LoadField {
                    dst: 0,
                    field: FieldId(0),
                },
                Op::Return { src: 0 },
            ],
        ),
    ]
}

fn field(name: u32, ty: TypeId, reducer: Reducer) -> Field {
    Field {
        name: StrId(name),
        ty,
        reducer,
        start: Some(ConstId(3)),
        ephemeral: false,
        external: true,
        doc: None,
        span: SPAN,
    }
}

fn node(name: u32, kind: NodeKind, outs: Vec<Out>) -> Node {
    Node {
        name: StrId(name),
        doc: None,
        params: vec![],
        kind,
        schedule: Schedule::Normal,
        settle: None,
        goto: None,
        may_goto: vec![],
        may_update: vec![],
        may_overwrite: vec![],
        retry: None,
        timeout: None,
        on_timeout: None,
        on_error: None,
        cache: None,
        undo: None,
        locks: vec![],
        cancel: vec![],
        finish: vec![],
        verify: None,
        outs,
        reads: vec![],
        writes: vec![],
        span: SPAN,
    }
}
