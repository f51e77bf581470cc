//! Tests of flows: what is put in, what workers reply, what happens from outside, and what is expected. Every
//! expression is typed against the flow. How a test is run is for the host that runs it.

use flow_bytecode::ErrorClass;
use flow_diagnostics::Span;

use super::expr::{Expr, Local, Pattern};
use super::flow::Update;
use super::{FlowRef, Name, WorkerRef};

/// `test "…" for flow { … }`
#[derive(Debug)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// The flow that is run.
    pub flow: FlowRef,
    /// Whether it stands in the entry file. Others are checked and not run.
    pub entry: bool,
    /// The input: a record of the flow's parameters, what was left out filled in.
    pub input: Expr,
    /// `config { … }`: a record of the flow's configuration, where there is one.
    pub config: Option<Expr>,
    /// What workers reply.
    pub mocks: Vec<Mock>,
    /// What happens from outside, in order of writing.
    pub timed: Vec<Timed>,
    /// What interrupts are answered.
    pub answers: Vec<Answer>,
    /// What the conditions of `expects` read besides the state.
    pub observed: Observed,
    /// What must hold at the end, in order of writing.
    pub expects: Vec<Expect>,
    /// The whole test.
    pub span: Span,
}

/// What a run leaves behind, as locals of the conditions: the host fills them in by their ids.
#[derive(Clone, Debug)]
pub struct Observed {
    /// `path: [string]`, names of nodes.
    pub path: Local,
    /// `status: Status`
    pub status: Local,
    /// `elapsed: duration`
    pub elapsed: Local,
    /// `result`, of the type that the flow returns.
    pub result: Local,
    /// `visits(n)`: a map from names of nodes to counts.
    pub visits: Local,
    /// `calls(w)`: a map from names of workers to counts.
    pub calls: Local,
    /// `peak(w)`: a map from names of workers to counts.
    pub peak: Local,
    /// `events(name)`: a map from names to what was emitted, in order.
    pub events: Local,
}

/// What a worker replies.
#[derive(Debug)]
pub struct Mock {
    /// Which.
    pub worker: WorkerRef,
    /// Names for the first arguments of a call, as locals of the replies.
    pub params: Vec<Local>,
    /// The replies; the first whose numbers fit is taken.
    pub cases: Vec<Case<MockReply>>,
    /// The whole entry.
    pub span: Span,
}

/// What is said for some of the calls or questions.
#[derive(Debug)]
pub struct Case<R> {
    /// For which, counted from 1; none: for all.
    pub numbers: Option<Pattern>,
    /// What.
    pub reply: R,
}

/// A reply of a mock.
#[derive(Debug)]
pub struct MockReply {
    /// How long it takes.
    pub after: Option<Expr>,
    /// What comes.
    pub kind: MockKind,
}

/// What a mock can do.
#[derive(Debug)]
pub enum MockKind {
    /// Reported; replies nothing.
    Error,
    /// `-> value`: of the worker's reply type, or `json` that is checked when it comes.
    Reply(Expr),
    /// `never`
    Never,
    /// `fails class [times N then …]`
    Fails {
        /// The class of the error.
        class: ErrorClass,
        /// After how many failures something else comes, and what.
        then: Option<(u64, Box<MockReply>)>,
    },
}

/// Something that happens from outside.
#[derive(Debug)]
pub struct Timed {
    /// When, from the start.
    pub at: Expr,
    /// What.
    pub action: Action,
    /// The whole entry.
    pub span: Span,
}

/// What can happen from outside.
#[derive(Debug)]
pub enum Action {
    /// `event NAME { … }`: index into the flow's events, and what it carries.
    Event(u32, Option<Expr>),
    /// `inject { f: v }`
    Inject(Vec<Update>),
    /// `cancel`
    Cancel,
}

/// What the interrupts of one name are answered.
#[derive(Debug)]
pub struct Answer {
    /// The name of the node, in the flow or in one that it runs.
    pub node: Name,
    /// The answers; the first whose numbers fit is taken.
    pub cases: Vec<Case<AnswerReply>>,
    /// The whole entry.
    pub span: Span,
}

/// An answer.
#[derive(Debug)]
pub struct AnswerReply {
    /// When, after the interrupt opened.
    pub after: Option<Expr>,
    /// What.
    pub value: Expr,
}

/// What must hold at the end of a run.
#[derive(Debug)]
pub enum Expect {
    /// `fails "F2003" at n`
    Fails {
        /// The code.
        code: Option<String>,
        /// The node.
        at: Option<Name>,
        /// The whole entry.
        span: Span,
    },
    /// A condition over the final state and what was observed.
    Cond {
        /// The condition.
        cond: Expr,
        /// As it was written.
        text: String,
    },
}

impl Test {
    /// Calls `visit` for every condition that is expected.
    pub fn conditions<'p>(&'p self, visit: &mut dyn FnMut(&'p Expr)) {
        for expect in &self.expects {
            if let Expect::Cond { cond, .. } = expect {
                visit(cond);
            }
        }
    }
}
