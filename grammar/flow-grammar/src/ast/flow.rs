//! Flows: state, edges, targets, events and limits. Nodes have a file of their own.

use flow_diagnostics::Span;

use super::{Arg, Doc, Expr, Ident, NodeDecl, OnError, Param, TypeExpr};

/// `flow name(a: T) -> U { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The parameters: the flow's input.
    pub params: Vec<Param>,
    /// The type of the result, where it is written.
    pub result: Option<TypeExpr>,
    /// What stands in the braces, in order.
    pub entries: Vec<FlowEntry>,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// What can stand in a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowEntry {
    /// `state { … }`
    State(StateBlock),
    /// A statement of edges.
    Edges(Chain),
    /// A node.
    Node(NodeDecl),
    /// `limit steps 60`
    Limit(Limit),
    /// `config { … }`
    Config(ConfigBlock),
    /// `events { … }`
    Events(EventsBlock),
    /// `on error as e -> target`, for all nodes that have none.
    OnError(OnError),
    /// `return expr`
    Return(Return),
    /// Something that could not be understood.
    Error(Span),
}

/// `state { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct StateBlock {
    /// The fields, in order.
    pub fields: Vec<StateField>,
    /// With its braces.
    pub span: Span,
}

/// `name: type [by reducer] [= start] [ephemeral] [external]`.
#[derive(Clone, Debug, PartialEq)]
pub struct StateField {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type.
    pub ty: TypeExpr,
    /// The reducer: a built-in one or a function.
    pub reducer: Option<Ident>,
    /// The value at the start.
    pub start: Option<Expr>,
    /// Where `ephemeral` stands.
    pub ephemeral: Option<Span>,
    /// Where `external` stands.
    pub external: Option<Span>,
    /// From the name to the last modifier.
    pub span: Span,
}

/// `config { name: T = value, … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigBlock {
    /// The fields, in order.
    pub fields: Vec<Param>,
    /// With its braces.
    pub span: Span,
}

/// `events { paid: { order: string }, withdrawn }`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsBlock {
    /// The events, in order.
    pub events: Vec<EventDecl>,
    /// With its braces.
    pub span: Span,
}

/// An event that may come from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// What it carries.
    pub ty: Option<TypeExpr>,
    /// Name and type.
    pub span: Span,
}

/// `limit steps 60`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What is limited: `steps time age parallel tokens state depth`; checked by the parser.
    pub name: Ident,
    /// The limit.
    pub value: Expr,
    /// From `limit` to the value.
    pub span: Span,
}

/// `return expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    /// The result.
    pub value: Expr,
    /// From `return` to the value.
    pub span: Span,
}

/// Arrows: a statement of edges, or a branch in a bracket (which may be a single stop without an arrow).
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// What the arrows connect; never empty.
    pub stops: Vec<Stop>,
    /// Where the arrows stand; one fewer than stops.
    pub arrows: Vec<Span>,
    /// `else -> target`: where the last bracket that has an arrow out goes when it can pass no more.
    pub otherwise: Option<Target>,
    /// The whole chain, `else` included.
    pub span: Span,
}

/// One end of an arrow.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// What it is.
    pub kind: StopKind,
    /// Where it stands.
    pub span: Span,
}

/// What an arrow can lead from or to.
#[derive(Clone, Debug, PartialEq)]
pub enum StopKind {
    /// `start`
    Start,
    /// A node.
    Node(Ident),
    /// `[a, b]`, with a policy.
    Bracket(Bracket),
    /// `end`
    End,
    /// `halt`
    Halt,
    /// `fail "why"`
    Fail(Expr),
    /// `cancel "why"`
    Cancel(Expr),
    /// Something that could not be understood.
    Error,
}

/// `first 2 of [a -> b, c] cancel rest`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    /// When the join passes; `None` where nothing is written, which means `all of`.
    pub policy: Option<Policy>,
    /// The branches; the first stop of each is its entry, the last its exit.
    pub branches: Vec<Chain>,
    /// What becomes of the others behind `first of`.
    pub rest: Option<Rest>,
    /// From the policy to the last word.
    pub span: Span,
}

/// When a join passes, where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which policy.
    pub kind: PolicyKind,
    /// From its first word to `of`.
    pub span: Span,
}

/// The policies of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// `all of`
    All,
    /// `any of`
    Any,
    /// `majority of`
    Majority,
    /// `N of`
    AtLeast(u32),
    /// `first of` (1) and `first N of`
    First(u32),
    /// `each of`
    Each,
}

/// What becomes of the other branches behind `first of`, where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// What becomes of them.
    pub kind: RestKind,
    /// Where it stands.
    pub span: Span,
}

/// What can become of the other branches behind `first of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestKind {
    /// `cancel rest`: they are withdrawn.
    Cancel,
    /// `keep rest`: they finish unheeded.
    Keep,
    /// `block`: the same, and the join does not pass again until this round is complete.
    Block,
}

/// Where an arm, an error way, a time-out, a `goto` or an `else` leads. Never a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// `node`, `node(args)`
    Node {
        /// The node.
        name: Ident,
        /// Its arguments.
        args: Vec<Arg>,
    },
    /// `[target, …]`
    All(Vec<Target>),
    /// `end`
    End,
    /// `halt`
    Halt,
    /// `fail "why"`
    Fail(Expr),
    /// `cancel "why"`
    Cancel(Expr),
    /// `skip`; only behind `on error`.
    Skip,
    /// Something that could not be understood.
    Error,
}

impl FlowDecl {
    /// The nodes, in order of declaration.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeDecl> {
        self.entries.iter().filter_map(|entry| match entry {
            FlowEntry::Node(node) => Some(node),
            _ => None,
        })
    }

    /// The fields of all `state` blocks, in order.
    pub fn state(&self) -> impl Iterator<Item = &StateField> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                FlowEntry::State(state) => Some(&state.fields),
                _ => None,
            })
            .flatten()
    }

    /// The statements of edges, in order.
    pub fn edges(&self) -> impl Iterator<Item = &Chain> {
        self.entries.iter().filter_map(|entry| match entry {
            FlowEntry::Edges(chain) => Some(chain),
            _ => None,
        })
    }
}

impl FlowEntry {
    /// Where the entry stands, without its doc comment.
    pub fn span(&self) -> Span {
        match self {
            Self::State(e) => e.span,
            Self::Edges(e) => e.span,
            Self::Node(e) => e.span,
            Self::Limit(e) => e.span,
            Self::Config(e) => e.span,
            Self::Events(e) => e.span,
            Self::OnError(e) => e.span,
            Self::Return(e) => e.span,
            Self::Error(span) => *span,
        }
    }
}
