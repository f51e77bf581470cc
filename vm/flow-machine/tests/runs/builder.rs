//! Images for tests, made without the compiler: nodes, arrows, joins and small expressions. What
//! the programs do is in the test files; clauses and arrows are in `clauses`, expressions in `code`.

mod clauses;
mod code;

use std::sync::Arc;

use flow_bytecode::*;
use flow_machine::Program;

use code::fields_of;

/// An expression.
#[derive(Clone)]
pub(crate) enum E {
    Null,
    Bool(bool),
    Int(i64),
    Str(&'static str),
    Duration(i64),
    /// A register: parameters first, then what the chunk takes behind them.
    Reg(u16),
    Field(&'static str),
    Run(RunField),
    Op(BinaryOp, Box<E>, Box<E>),
    Not(Box<E>),
    Get(Box<E>, &'static str),
    List(Vec<E>),
    Record(Vec<(&'static str, E)>),
    Method(Method, Vec<E>),
    If(Box<E>, Box<E>, Box<E>),
}

/// A statement of a node.
#[derive(Clone)]
pub(crate) enum S {
    Send(&'static str, E),
    Set(&'static str, E),
    Ensure(E, &'static str),
    Emit(&'static str, E),
}

/// A type.
#[derive(Clone, Copy)]
pub(crate) enum T {
    Int,
    Str,
    Bool,
    Json,
    Ints,
    Strs,
    IntOrNull,
    Map,
}

/// Where something leads.
#[derive(Clone)]
pub(crate) enum To {
    Node(&'static str),
    With(&'static str, Vec<(&'static str, E)>),
    Many(Vec<To>),
    End,
    Halt,
    Fail(&'static str),
    Cancel(&'static str),
    Skip,
}

pub(crate) struct Builder {
    image: Image,
    flow: Flow,
    /// Arms, errors and the like, whose targets are only known when all nodes are.
    wiring: Vec<Wire>,
}

type Wire = Box<dyn FnOnce(&mut Builder)>;

pub(crate) fn op(op: BinaryOp, a: E, b: E) -> E {
    E::Op(op, Box::new(a), Box::new(b))
}

pub(crate) fn lt(a: E, b: E) -> E {
    op(BinaryOp::Lt, a, b)
}

pub(crate) fn add(a: E, b: E) -> E {
    op(BinaryOp::Add, a, b)
}

pub(crate) fn f(name: &'static str) -> E {
    E::Field(name)
}

pub(crate) fn len(e: E) -> E {
    E::Method(Method::Len, vec![e])
}

pub(crate) fn to(name: &'static str) -> To {
    match name {
        "end" => To::End,
        "halt" => To::Halt,
        "skip" => To::Skip,
        name => To::Node(name),
    }
}

impl Builder {
    pub(crate) fn new() -> Builder {
        let mut image = Image::default();
        for ty in [Type::Int, Type::String, Type::Bool, Type::Json] {
            image.types.push(ty);
        }
        image.types.push(Type::List(TypeId(0)));
        image.types.push(Type::List(TypeId(1)));
        image.types.push(Type::Nullable(TypeId(0)));
        image.types.push(Type::Map(TypeId(3)));
        image.debug.files.push(SourceText {
            path: "test.flow".into(),
            text: String::new(),
        });
        let mut builder = Builder {
            image,
            flow: empty_flow(),
            wiring: Vec::new(),
        };
        builder.flow.name = builder.str("test");
        builder
    }

    pub(crate) fn str(&mut self, text: &str) -> StrId {
        if let Some(at) = self.image.strings.iter().position(|known| known == text) {
            return StrId(at as u32);
        }
        self.image.strings.push(text.into());
        StrId(self.image.strings.len() as u32 - 1)
    }

    fn constant(&mut self, value: Const) -> ConstId {
        if let Some(at) = self.image.consts.iter().position(|known| *known == value) {
            return ConstId(at as u32);
        }
        self.image.consts.push(value);
        ConstId(self.image.consts.len() as u32 - 1)
    }

    pub(crate) fn field(
        &mut self,
        name: &'static str,
        ty: T,
        reducer: Reducer,
        start: Option<E>,
    ) -> &mut Self {
        let start = start.map(|e| self.literal(&e));
        let name = self.str(name);
        self.flow.fields.push(Field {
            name,
            ty: TypeId(ty as u32),
            reducer,
            start,
            ephemeral: false,
            external: false,
            doc: None,
            span: span(),
        });
        self
    }

    pub(crate) fn ephemeral(&mut self) -> &mut Self {
        self.flow.fields.last_mut().unwrap().ephemeral = true;
        self
    }

    fn literal(&mut self, e: &E) -> ConstId {
        let value = match e {
            E::Null => Const::Null,
            E::Bool(value) => Const::Bool(*value),
            E::Int(value) => Const::Int(*value),
            E::Str(text) => Const::Str(self.str(text)),
            E::Duration(nanos) => Const::Duration(*nanos),
            E::List(items) => Const::List(items.iter().map(|item| self.literal(item)).collect()),
            E::Record(fields) if fields.is_empty() => Const::Map(Vec::new()),
            _ => panic!("not a literal"),
        };
        self.constant(value)
    }

    pub(crate) fn param(&mut self, name: &'static str, ty: T) -> Param {
        Param {
            name: self.str(name),
            ty: TypeId(ty as u32),
            default: None,
            doc: None,
        }
    }

    fn node(
        &mut self,
        name: &'static str,
        params: &[(&'static str, T)],
        kind: NodeKind,
        stmts: &[S],
        given: u16,
    ) -> NodeId {
        let params: Vec<Param> = params.iter().map(|(name, ty)| self.param(name, *ty)).collect();
        let settle = (!stmts.is_empty()).then(|| self.chunk(params.len() as u16 + given, stmts, &E::Null));
        let mut writes: Vec<FieldId> = stmts
            .iter()
            .filter_map(|s| match s {
                S::Send(f, _) | S::Set(f, _) => Some(self.field_id(f)),
                _ => None,
            })
            .collect();
        writes.sort_unstable();
        writes.dedup();
        let name = self.str(name);
        self.flow.nodes.push(Node {
            name,
            doc: None,
            params,
            kind,
            schedule: Schedule::Normal,
            settle,
            goto: None,
            may_goto: Vec::new(),
            may_update: Vec::new(),
            may_overwrite: Vec::new(),
            retry: None,
            timeout: None,
            on_timeout: None,
            on_error: None,
            cache: None,
            undo: None,
            locks: Vec::new(),
            cancel: Vec::new(),
            finish: Vec::new(),
            verify: None,
            outs: Vec::new(),
            reads: Vec::new(),
            writes,
            span: span(),
        });
        let mut reads = Vec::new();
        stmts.iter().for_each(|s| match s {
            S::Send(_, e) | S::Set(_, e) | S::Ensure(e, _) | S::Emit(_, e) => fields_of(e, &mut reads),
        });
        let id = NodeId(self.flow.nodes.len() as u32 - 1);
        self.add_reads(id, &reads);
        id
    }

    fn add_reads(&mut self, node: NodeId, names: &[&'static str]) {
        let ids: Vec<FieldId> = names.iter().map(|name| self.field_id(name)).collect();
        let reads = &mut self.flow.nodes[node.index()].reads;
        reads.extend(ids);
        reads.sort_unstable();
        reads.dedup();
    }

    /// A task that calls the worker of its own name; the reply is register `params`.
    pub(crate) fn task(&mut self, name: &'static str, stmts: &[S]) -> &mut Self {
        self.task_with(name, &[], &[], T::Json, stmts)
    }

    pub(crate) fn task_with(
        &mut self,
        name: &'static str,
        params: &[(&'static str, T)],
        args: &[(&'static str, E)],
        reply: T,
        stmts: &[S],
    ) -> &mut Self {
        let call = self.call(name, params.len() as u16, args, reply);
        let id = self.node(name, params, NodeKind::Task(call), stmts, 1);
        let mut reads = Vec::new();
        args.iter().for_each(|(_, e)| fields_of(e, &mut reads));
        self.add_reads(id, &reads);
        self
    }

    fn call(&mut self, worker: &'static str, given: u16, args: &[(&'static str, E)], reply: T) -> Call {
        let record = E::Record(args.to_vec());
        let chunk = self.chunk(given, &[], &record);
        let params: Vec<Param> = args.iter().map(|(name, _)| self.param(name, T::Json)).collect();
        let known = self
            .image
            .workers
            .iter()
            .position(|known| self.image.str(known.name) == worker);
        let worker_id = known.unwrap_or_else(|| {
            let options = self.chunk(params.len() as u16, &[], &E::Record(vec![]));
            let name = self.str(worker);
            self.image.workers.push(Worker {
                name,
                protocol: Protocol::Webhook,
                params,
                reply: TypeId(reply as u32),
                options,
                tags: Vec::new(),
                timeout: None,
                retry: None,
                once: false,
                readonly: false,
                doc: None,
            });
            self.image.workers.len() - 1
        });
        Call {
            worker: WorkerId(worker_id as u32),
            args: chunk,
            reply: TypeId(reply as u32),
            content: None,
        }
    }

    pub(crate) fn once(&mut self) -> &mut Self {
        self.image.workers.last_mut().unwrap().once = true;
        self
    }

    pub(crate) fn transform(&mut self, name: &'static str, stmts: &[S]) -> &mut Self {
        self.node(name, &[], NodeKind::Transform, stmts, 0);
        self
    }

    pub(crate) fn transform_with(
        &mut self,
        name: &'static str,
        params: &[(&'static str, T)],
        stmts: &[S],
    ) -> &mut Self {
        self.node(name, params, NodeKind::Transform, stmts, 0);
        self
    }

    /// A route whose first arm that holds is taken.
    pub(crate) fn route(&mut self, name: &'static str, arms: Vec<(E, To)>) -> &mut Self {
        self.route_of(name, arms, false)
    }

    pub(crate) fn route_every(&mut self, name: &'static str, arms: Vec<(E, To)>) -> &mut Self {
        self.route_of(name, arms, true)
    }

    fn route_of(&mut self, name: &'static str, arms: Vec<(E, To)>, every: bool) -> &mut Self {
        let placeholder = Decision {
            decide: ChunkId(0),
            every,
            arms: Vec::new(),
        };
        let id = self.node(name, &[], NodeKind::Route(placeholder), &[], 0);
        self.wiring.push(Box::new(move |b| {
            let mut reads = Vec::new();
            arms.iter().for_each(|(e, _)| fields_of(e, &mut reads));
            b.add_reads(id, &reads);
            let decision = b.decision(arms, every, 0);
            b.flow.nodes[id.index()].kind = NodeKind::Route(decision);
        }));
        self
    }

    fn decision(&mut self, arms: Vec<(E, To)>, every: bool, given: u16) -> Decision {
        let mut value = if every { E::List(vec![]) } else { E::Int(0) };
        for (at, (cond, _)) in arms.iter().enumerate().rev() {
            let at = E::Int(at as i64);
            value = if every {
                let one = E::If(
                    Box::new(cond.clone()),
                    Box::new(E::List(vec![at])),
                    Box::new(E::List(vec![])),
                );
                add(one, value)
            } else {
                E::If(Box::new(cond.clone()), Box::new(at), Box::new(value))
            };
        }
        let decide = self.chunk(given, &[], &value);
        let arms = arms
            .into_iter()
            .enumerate()
            .map(|(at, (_, to))| Arm {
                label: self.str(&format!("arm {at}")),
                target: self.target(&to, given),
                span: span(),
            })
            .collect();
        Decision { decide, every, arms }
    }

    /// A send: (list, target, args over the item, window).
    pub(crate) fn send(
        &mut self,
        name: &'static str,
        eaches: Vec<(E, &'static str, Vec<(&'static str, E)>, Option<u32>)>,
    ) -> &mut Self {
        let id = self.node(name, &[], NodeKind::Send(Vec::new()), &[], 0);
        self.wiring.push(Box::new(move |b| {
            let mut reads = Vec::new();
            eaches.iter().for_each(|(list, ..)| fields_of(list, &mut reads));
            b.add_reads(id, &reads);
            let eaches = eaches
                .into_iter()
                .map(|(list, node, args, window)| Each {
                    list: b.chunk(0, &[], &list),
                    single: false,
                    follow: None,
                    filter: None,
                    node: b.node_id(node),
                    args: (!args.is_empty()).then(|| b.chunk(1, &[], &E::Record(args))),
                    window,
                    until: None,
                    cancel_rest: false,
                })
                .collect();
            b.flow.nodes[id.index()].kind = NodeKind::Send(eaches);
        }));
        self
    }

    /// An interrupt; the answer is register 0.
    pub(crate) fn interrupt(
        &mut self,
        name: &'static str,
        gate: Option<E>,
        answer: T,
        stmts: &[S],
    ) -> &mut Self {
        let ask = self.chunk(0, &[], &E::Str(name));
        let mut reads = Vec::new();
        gate.iter().for_each(|e| fields_of(e, &mut reads));
        let gate = gate.map(|gate| self.chunk(0, &[], &gate));
        let kind = NodeKind::Interrupt(Interrupt {
            gate,
            ask,
            show: None,
            answer: Some(TypeId(answer as u32)),
        });
        let id = self.node(name, &[], kind, stmts, 1);
        self.add_reads(id, &reads);
        self
    }

    /// A wait for some time.
    pub(crate) fn wait(&mut self, name: &'static str, nanos: i64, stmts: &[S]) -> &mut Self {
        let chunk = self.chunk(0, &[], &E::Duration(nanos));
        self.node(
            name,
            &[],
            NodeKind::Wait(vec![WaitFor {
                what: WaitKind::For(chunk),
                way: None,
            }]),
            stmts,
            1,
        );
        self
    }

    /// A wait for an event without data.
    pub(crate) fn wait_event(&mut self, name: &'static str, event: &'static str, stmts: &[S]) -> &mut Self {
        let known = self.str(event);
        let at = self
            .flow
            .events
            .iter()
            .position(|(declared, _)| *declared == known)
            .unwrap_or_else(|| {
                self.flow.events.push((known, Some(TypeId(T::Json as u32))));
                self.flow.events.len() - 1
            });
        let what = WaitKind::Event {
            event: at as u32,
            filter: None,
            transient: false,
        };
        self.node(
            name,
            &[],
            NodeKind::Wait(vec![WaitFor { what, way: None }]),
            stmts,
            1,
        );
        self
    }

    pub(crate) fn build(&mut self) -> Arc<Program> {
        let wiring = std::mem::take(&mut self.wiring);
        wiring.into_iter().for_each(|wire| wire(self));
        let mut image = self.image.clone();
        image.flows.push(self.flow.clone());
        match flow_bytecode::verify(image) {
            Ok(image) => Arc::new(Program::new(image)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn span() -> SourceSpan {
    SourceSpan {
        file: 0,
        start: 0,
        end: 0,
    }
}

fn empty_flow() -> Flow {
    Flow {
        name: StrId(0),
        doc: None,
        params: Vec::new(),
        config: Vec::new(),
        fields: Vec::new(),
        nodes: Vec::new(),
        entry: Vec::new(),
        joins: Vec::new(),
        limits: Limits::default(),
        on_error: None,
        events: Vec::new(),
        result: None,
        result_type: None,
        span: span(),
    }
}
