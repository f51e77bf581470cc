//! Tests of flows.

use flow_diagnostics::Span;

use super::{Expr, Ident, Pattern, StrLit};

/// `test "…" for flow { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestDecl {
    /// What it shows.
    pub name: StrLit,
    /// The flow that is run.
    pub flow: Ident,
    /// What stands in the braces, in order.
    pub entries: Vec<TestEntry>,
    /// The whole test.
    pub span: Span,
}

/// An entry of a test where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEntry {
    /// What it is.
    pub kind: TestKind,
    /// Where it stands.
    pub span: Span,
}

/// What can stand in a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestKind {
    /// `input { … }`
    Input(Expr),
    /// `config { … }`: values for the flow's `config`.
    Config(Expr),
    /// `mock W …`
    Mock(Mock),
    /// `at 5m event paid { … }`, `at 5m inject { … }`, `at 5m cancel`
    At {
        /// When, in virtual time from the start.
        time: Expr,
        /// What happens then.
        action: Action,
    },
    /// `answer N …`
    Answer(Answer),
    /// `expect …`
    Expect(Expectation),
    /// Something that could not be understood.
    Error,
}

/// What a worker replies in a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Mock {
    /// The worker.
    pub worker: Ident,
    /// Names for the arguments of the call, in the order of the worker's parameters: `(a, b)`.
    pub params: Vec<Ident>,
    /// The replies.
    pub replies: Replies<MockReply>,
}

/// One reply for all calls, or replies by number.
#[derive(Clone, Debug, PartialEq)]
pub enum Replies<R> {
    /// The same for all.
    Always(R),
    /// `{ 1 -> …, 2..4 -> …, _ -> … }`
    ByNumber(Vec<Numbered<R>>),
}

/// A reply for the calls whose number fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered<R> {
    /// The numbers, from 1.
    pub number: Pattern,
    /// The reply.
    pub reply: R,
    /// Numbers and reply.
    pub span: Span,
}

/// `after 2s -> []`, `never`, `after 1s fails timeout times 1 then …`.
#[derive(Clone, Debug, PartialEq)]
pub struct MockReply {
    /// How long it takes.
    pub after: Option<Expr>,
    /// What comes.
    pub kind: MockKind,
    /// Where it stands.
    pub span: Span,
}

/// What a mock can do.
#[derive(Clone, Debug, PartialEq)]
pub enum MockKind {
    /// `-> expr`
    Reply(Expr),
    /// `never`
    Never,
    /// `fails CLASS [times N then …]`
    Fails {
        /// The class of the error.
        class: Ident,
        /// After how many failures something else comes, and what; without it every call fails.
        then: Option<(Expr, Box<MockReply>)>,
    },
}

/// What happens from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `event NAME { … }`
    Event {
        /// The event.
        name: Ident,
        /// What it carries.
        value: Option<Expr>,
    },
    /// `inject { f: v }`
    Inject(Expr),
    /// `cancel`
    Cancel,
}

/// `answer N after 1h -> v` or `answer N { 1 -> …, 2 -> … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The interrupt.
    pub node: Ident,
    /// The answers.
    pub replies: Replies<AnswerReply>,
}

/// `after 1h -> v`.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerReply {
    /// When, after the interrupt opened.
    pub after: Option<Expr>,
    /// The answer.
    pub value: Expr,
}

/// What a test expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// `fails "F2003" at n`
    Fails {
        /// The code, where it is written.
        code: Option<StrLit>,
        /// The node, where it is written.
        at: Option<Ident>,
    },
    /// Anything else is a condition: `path == [a, b]`, `status == done`, `visits(n) == 2`, `state.x > 3`. The
    /// names `path status elapsed visits calls peak events state result` are ordinary names here; whoever
    /// resolves a test gives them their meaning.
    Cond(Expr),
}
