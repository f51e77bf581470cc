//! Builds flows as HIR, without a parser: names are made up, places are numbers.

use flow_bytecode::{Policy, Rest, Schedule};
use flow_compiler::hir::expr::{Expr, ExprKind};
use flow_compiler::hir::flow::{
    Arm, ArmTest, Arrow, Decision, ErrorWay, Field, Flow, Join, Node, NodeKind, Reducer, Source, Stmt,
    Target, TargetKind, Update,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Node(usize),
    End,
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
        let arms: Vec<Arm> = arms.iter().map(|to| self.arm(*to)).collect();
        let span = self.span();
        self.add(NodeKind::Route(Decision {
            scrutinee: None,
            every: false,
            arms,
            span,
        }))
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

    /// `policy [sources] -> to`
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

    /// `field <- 1`
    pub(crate) fn writes(&mut self, node: usize, field: FieldRef) {
        let span = self.span();
        let value = Expr {
            kind: ExprKind::Const(ConstValue::Int(1)),
            ty: self.int,
            span,
        };
        let update = Update {
            field,
            field_span: span,
            overwrite: false,
            value,
            items: false,
            span,
        };
        self.flow.nodes[node].body.push(Stmt::Update(update));
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

    fn target(&mut self, to: To) -> Target {
        let kind = match to {
            To::Node(node) => TargetKind::Node(NodeRef(node as u32), Vec::new()),
            To::End => TargetKind::End,
            To::Skip => TargetKind::Skip,
        };
        Target {
            kind,
            span: self.span(),
        }
    }

    fn add(&mut self, kind: NodeKind) -> usize {
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
