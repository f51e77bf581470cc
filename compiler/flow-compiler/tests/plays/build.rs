//! Builds flows as HIR, without a parser: names are made up, places are numbers.

use flow_bytecode::{Policy, Rest, Schedule};
use flow_compiler::hir::expr::{Expr, ExprKind, Local};
use flow_compiler::hir::flow::{
    Arm, ArmTest, Arrow, Decision, Each, ErrorWay, Field, Flow, Join, Node, NodeKind, Reducer, Source, Stmt,
    Target, TargetKind, Update, WaitFor, WaitKind, Way,
};
use flow_compiler::hir::{ConstValue, FieldRef, Name, NodeRef, Program};
use flow_compiler::types::{Ty, TyKind};
use flow_diagnostics::{FileId, Span};

/// A flow in the making.
pub(crate) struct Build {
    pub(crate) flow: Flow,
    place: u32,
    int: Ty,
}

/// Where something leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Node(usize),
    Many(Vec<usize>),
    End,
    Halt,
    Fail,
    Skip,
}

impl Build {
    /// An empty flow with one field `f` without a start value.
    pub(crate) fn new() -> Self {
        let mut program = Program::default();
        let int = program.types.intern("int".to_owned(), TyKind::Int);
        let span = Span::new(FileId(0), 0, 1);
        let flow = Flow {
            name: Name {
                text: "f".to_owned(),
                span,
            },
            doc: None,
            span,
            params: Vec::new(),
            config: Vec::new(),
            fields: Vec::new(),
            nodes: Vec::new(),
            arrows: Vec::new(),
            joins: Vec::new(),
            limits: Vec::new(),
            on_error: None,
            events: Vec::new(),
            result: None,
        };
        let mut build = Self { flow, place: 1, int };
        build.field("f");
        build
    }

    /// A `last_value` field of type `int` without a start value.
    pub(crate) fn field(&mut self, name: &str) -> FieldRef {
        let name = self.name(name);
        self.flow.fields.push(Field {
            name,
            doc: None,
            ty: self.int,
            reducer: Reducer::LastValue,
            reducer_span: None,
            start: None,
            ephemeral: false,
            external: false,
        });
        FieldRef(self.flow.fields.len() as u32 - 1)
    }

    /// A `transform`.
    pub(crate) fn node(&mut self) -> usize {
        self.add(NodeKind::Transform)
    }

    /// A route with these arms.
    pub(crate) fn route(&mut self, arms: &[To]) -> usize {
        let decision = self.decision(arms, false);
        self.add(NodeKind::Route(decision))
    }

    /// A node of any kind, whose ways are given later.
    pub(crate) fn add(&mut self, kind: NodeKind) -> usize {
        let number = self.flow.nodes.len();
        let name = self.name(&format!("n{number}"));
        let span = self.span();
        self.flow.nodes.push(Node {
            name,
            doc: None,
            span,
            head: span,
            params: Vec::new(),
            locals: Vec::new(),
            schedule: Schedule::Normal,
            kind,
            reply: None,
            body: Vec::new(),
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
        });
        number
    }

    /// `from -> to`; none: `start`.
    pub(crate) fn arrow(&mut self, from: Option<usize>, to: To) {
        let to = self.target(to);
        let span = self.span();
        self.flow.arrows.push(Arrow {
            from: from.map(|n| NodeRef(n as u32)),
            to,
            span,
        });
    }

    /// `policy [sources] rest -> to else -> otherwise`
    pub(crate) fn join(&mut self, policy: Policy, sources: &[usize], to: To) {
        let target = self.target(to);
        let sources = sources
            .iter()
            .map(|n| (Source::Node(NodeRef(*n as u32)), self.span()))
            .collect();
        let span = self.span();
        self.flow.joins.push(Join {
            policy,
            rest: Rest::Cancel,
            sources,
            target: vec![target],
            otherwise: None,
            bracket: span,
            span,
        });
    }

    /// What becomes of the rest of the last join, and where it goes when it can pass no more.
    pub(crate) fn last_join(&mut self, rest: Rest, otherwise: Option<To>) {
        let otherwise = otherwise.map(|to| self.target(to));
        if let Some(join) = self.flow.joins.last_mut() {
            join.rest = rest;
            join.otherwise = otherwise;
        }
    }

    /// `on error -> to`
    pub(crate) fn on_error(&mut self, node: usize, to: To) {
        let target = self.target(to);
        let span = self.span();
        self.flow.nodes[node].on_error = Some(ErrorWay {
            error: None,
            target,
            span,
        });
    }

    /// The flow's `on error -> to`
    pub(crate) fn flow_on_error(&mut self, to: To) {
        let target = self.target(to);
        let (error, span) = (None, self.span());
        self.flow.on_error = Some(ErrorWay { error, target, span });
    }

    /// `timeout 1s -> to`, with an update of the field.
    pub(crate) fn on_timeout(&mut self, node: usize, to: To, writes: bool) {
        let way = self.way(to, writes);
        self.flow.nodes[node].on_timeout = Some(way);
    }

    /// A way with an update of its own.
    pub(crate) fn way(&mut self, to: To, writes: bool) -> Way {
        let target = self.target(to);
        let updates = if writes {
            vec![self.update(FieldRef(0))]
        } else {
            Vec::new()
        };
        Way { target, updates }
    }

    /// `after 1s -> to`
    pub(crate) fn choice(&mut self, to: To, writes: bool) -> WaitFor {
        let what = WaitKind::For(self.one());
        let way = Some(self.way(to, writes));
        let span = self.span();
        WaitFor { what, way, span }
    }

    /// `each x in xs -> to`
    pub(crate) fn each(&mut self, to: usize, single: bool, until: Option<bool>) -> Each {
        let span = self.span();
        let list = self.one();
        let item = Local {
            id: flow_compiler::hir::expr::LocalId(0),
            name: "x".to_owned(),
            ty: self.int,
            span,
        };
        Each {
            item,
            list,
            single,
            follow: None,
            filter: None,
            node: NodeRef(to as u32),
            args: Vec::new(),
            window: None,
            until: until.map(|_| self.one()),
            cancel_rest: until.unwrap_or(false),
            span,
            target_span: span,
        }
    }

    /// `field <- 1`
    pub(crate) fn writes(&mut self, node: usize, field: FieldRef) {
        let update = self.update(field);
        self.flow.nodes[node].body.push(update);
    }

    /// Arms.
    pub(crate) fn decision(&mut self, arms: &[To], every: bool) -> Decision {
        let arms: Vec<Arm> = arms.iter().map(|to| self.arm(to.clone())).collect();
        let span = self.span();
        Decision {
            scrutinee: None,
            every,
            arms,
            span,
        }
    }

    pub(crate) fn target(&mut self, to: To) -> Target {
        let node = |node: usize| TargetKind::Node(NodeRef(node as u32), Vec::new());
        let kind = match to {
            To::Node(one) => node(one),
            To::Many(all) => {
                TargetKind::Many(all.into_iter().map(|one| self.target(To::Node(one))).collect())
            }
            To::End => TargetKind::End,
            To::Halt => TargetKind::Halt,
            To::Fail => TargetKind::Fail(self.one()),
            To::Skip => TargetKind::Skip,
        };
        Target {
            kind,
            span: self.span(),
        }
    }

    /// An expression.
    pub(crate) fn one(&mut self) -> Expr {
        Expr {
            kind: ExprKind::Const(ConstValue::Int(1)),
            ty: self.int,
            span: self.span(),
        }
    }

    fn update(&mut self, field: FieldRef) -> Stmt {
        let (value, span) = (self.one(), self.span());
        Stmt::Update(Update {
            field,
            field_span: span,
            overwrite: false,
            value,
            items: false,
            span,
        })
    }

    fn arm(&mut self, to: To) -> Arm {
        let target = self.target(to);
        Arm {
            test: ArmTest::Otherwise,
            label: "?".to_owned(),
            target,
            span: self.span(),
        }
    }

    fn name(&mut self, text: &str) -> Name {
        Name {
            text: text.to_owned(),
            span: self.span(),
        }
    }

    fn span(&mut self) -> Span {
        self.place += 2;
        Span::new(FileId(0), self.place, self.place + 1)
    }
}
