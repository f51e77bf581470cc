//! A flow: its state, its nodes and its graph, with names resolved.

use flow_bytecode::{ErrorClass, Policy, Rest, RunField, Schedule};
use flow_diagnostics::Span;

use super::expr::{Expr, Local, Pattern};
use super::{ConstValue, FieldRef, FlowRef, FnRef, Name, NodeRef, Param, WorkerRef};
use crate::types::Ty;

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
    /// Its input.
    pub params: Vec<Param>,
    /// Its configuration.
    pub config: Vec<Param>,
    /// Its state.
    pub fields: Vec<Field>,
    /// Its nodes, in order of declaration.
    pub nodes: Vec<Node>,
    /// Its arrows, in order of writing, chains and brackets taken apart.
    pub arrows: Vec<Arrow>,
    /// Its joins, in order of writing.
    pub joins: Vec<Join>,
    /// Its limits, in order of writing.
    pub limits: Vec<Limit>,
    /// `on error` of the flow.
    pub on_error: Option<ErrorWay>,
    /// `events { … }`.
    pub events: Vec<EventDecl>,
    /// `return expr`.
    pub result: Option<Expr>,
}

/// A state field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub doc: Option<String>,
    /// Its type.
    pub ty: Ty,
    /// How updates are merged.
    pub reducer: Reducer,
    /// The reducer as it was written, where it was.
    pub reducer_span: Option<Span>,
    /// `= v`.
    pub start: Option<ConstValue>,
    /// `ephemeral`.
    pub ephemeral: bool,
    /// `external`.
    pub external: bool,
}

/// How a field merges updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum Reducer {
    LastValue,
    Append,
    Merge,
    Add,
    Min,
    Max,
    AddMessages,
    Custom(FnRef),
}

/// A limit of a flow.
#[derive(Clone, Debug)]
pub struct Limit {
    /// `steps`, `time`, `age`, `parallel`, `tokens`, `state`, `depth`.
    pub name: Name,
    /// A count, bytes, or nanoseconds.
    pub value: i64,
}

/// An event that may come from outside.
#[derive(Clone, Debug)]
pub struct EventDecl {
    /// Its name.
    pub name: Name,
    /// What it carries.
    pub ty: Option<Ty>,
}

/// A plain arrow. Of chains like `a -> b -> c` there is one for each pair.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// None: `start`.
    pub from: Option<NodeRef>,
    /// Where it leads.
    pub to: Target,
    /// From the source to the target as they stand in the text.
    pub span: Span,
}

/// A fan-in: a bracket with an arrow out.
#[derive(Clone, Debug)]
pub struct Join {
    /// When it passes.
    pub policy: Policy,
    /// What becomes of the rest.
    pub rest: Rest,
    /// The exits of its branches, in order of writing, with the place of each.
    pub sources: Vec<(Source, Span)>,
    /// What it starts. Empty where it is itself the exit of a branch: then another join has it as
    /// a source.
    pub target: Vec<Target>,
    /// `else -> target`.
    pub otherwise: Option<Target>,
    /// The bracket.
    pub bracket: Span,
    /// The bracket, its policy and the arrow's target.
    pub span: Span,
}

/// The exit of a branch of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A node.
    Node(NodeRef),
    /// An inner bracket: index into [`Flow::joins`].
    Join(u32),
}

/// Where an arrow or an arm leads.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Where it was written.
    pub span: Span,
}

/// What a target is.
#[derive(Clone, Debug)]
pub enum TargetKind {
    /// Unknown, and reported.
    Error,
    /// A node, with arguments in the order of its parameters; left out ones have defaults.
    Node(NodeRef, Vec<(String, Expr)>),
    /// `[a, b]`
    Many(Vec<Target>),
    /// `end`
    End,
    /// `halt`
    Halt,
    /// `fail "why"`
    Fail(Expr),
    /// `cancel "why"`
    Cancel(Expr),
    /// `skip`
    Skip,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub doc: Option<String>,
    /// The whole declaration.
    pub span: Span,
    /// The head of the declaration: modifiers, kind and name.
    pub head: Span,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The same parameters as locals of its expressions.
    pub locals: Vec<Local>,
    /// When it may run.
    pub schedule: Schedule,
    /// What it does.
    pub kind: NodeKind,
    /// The name of the reply (`as x`), answer or event, as a local of `body`, `goto`, `undo`, `verify`.
    pub reply: Option<Local>,
    /// `let`, `ensure`, updates and `emit`, in order of writing. For kinds with a call, `let`s that
    /// stand before it may be used by its arguments too.
    pub body: Vec<Stmt>,
    /// `goto …`
    pub goto: Option<Decision>,
    /// `may goto [ … ]`
    pub may_goto: Vec<Target>,
    /// `may update [ … ]`
    pub may_update: Vec<(FieldRef, Span)>,
    /// `may overwrite [ … ]`
    pub may_overwrite: Vec<(FieldRef, Span)>,
    /// `attempts …`, `retry on …`
    pub retry: Option<Retry>,
    /// `timeout d`, nanoseconds.
    pub timeout: Option<i64>,
    /// `timeout d -> target { … }`
    pub on_timeout: Option<Way>,
    /// `on error … -> target`
    pub on_error: Option<ErrorWay>,
    /// `cache d [by e]`
    pub cache: Option<(i64, Option<Expr>)>,
    /// `undo W(args)`
    pub undo: Option<Call>,
    /// `lock …`: key, shared.
    pub locks: Vec<(Expr, bool)>,
    /// `cancel [ … ]`
    pub cancel: Vec<(NodeRef, Span)>,
    /// `finish [ … ]`
    pub finish: Vec<(NodeRef, Span)>,
    /// `verify { … }`: checks and `within`.
    pub verify: Option<(Vec<VerifyCheck>, Option<i64>)>,
}

/// What a node does.
#[derive(Debug)]
pub enum NodeKind {
    /// Reported; does nothing.
    Error,
    /// One call.
    Task(Call),
    /// A conversation.
    Agent(Agent),
    /// Computes.
    Transform,
    /// Decides.
    Route(Decision),
    /// Dynamic fan-out.
    Send(Vec<Each>),
    /// Another flow.
    Subgraph {
        /// Which.
        flow: FlowRef,
        /// Its input, in order of its parameters.
        args: Vec<(String, Expr)>,
        /// Where it is called.
        span: Span,
    },
    /// Asks.
    Interrupt {
        /// `when cond`
        gate: Option<Expr>,
        /// `ask "…"`
        ask: Option<Expr>,
        /// `show …`
        show: Option<Expr>,
        /// The type of the answer.
        answer: Option<Ty>,
    },
    /// Waits: one thing, or a choice.
    Wait(Vec<WaitFor>),
}

/// A call to a worker.
#[derive(Debug)]
pub struct Call {
    /// Whom.
    pub worker: WorkerRef,
    /// In order of its parameters, defaults filled in.
    pub args: Vec<(String, Expr)>,
    /// What the reply must be.
    pub reply: Ty,
    /// For chat protocols, the type of the content where it is not the reply itself.
    pub content: Option<Ty>,
    /// The call as it stands.
    pub span: Span,
}

/// A conversation.
#[derive(Debug)]
pub struct Agent {
    /// The first turn.
    pub call: Call,
    /// `tools [ … ]`: worker, needs approval.
    pub tools: Vec<(WorkerRef, bool)>,
    /// `continue ( … )`
    pub next: Option<Vec<(String, Expr)>>,
    /// `until cond`
    pub until: Option<Expr>,
    /// `limit turns N`
    pub turns: Option<u64>,
    /// `turn timeout d`, nanoseconds.
    pub turn_timeout: Option<i64>,
}

/// A statement of a node's body.
#[derive(Debug)]
pub enum Stmt {
    /// `let a = e`
    Let(Local, Expr),
    /// `ensure cond else "why"`
    Ensure {
        /// What must hold.
        cond: Expr,
        /// What is said when it does not.
        message: Option<Expr>,
        /// The condition as written.
        text: String,
    },
    /// `f <- e`, `f := e`
    Update(Update),
    /// `emit name {…}`
    Emit(Name, Option<Expr>),
}

/// An update of a field.
#[derive(Debug)]
pub struct Update {
    /// Which.
    pub field: FieldRef,
    /// Its name as it stands.
    pub field_span: Span,
    /// `:=`
    pub overwrite: bool,
    /// What is sent.
    pub value: Expr,
    /// For `append`: the value is a list whose items are added.
    pub items: bool,
    /// The whole statement.
    pub span: Span,
}

/// Arms of a route or `goto`.
#[derive(Debug)]
pub struct Decision {
    /// What is matched; none: a `when` chain.
    pub scrutinee: Option<Expr>,
    /// `every`
    pub every: bool,
    /// The arms, in order of writing.
    pub arms: Vec<Arm>,
    /// From the first to the last brace.
    pub span: Span,
}

/// An arm.
#[derive(Debug)]
pub struct Arm {
    /// When it is taken.
    pub test: ArmTest,
    /// The test as written.
    pub label: String,
    /// Where it leads.
    pub target: Target,
    /// The whole arm.
    pub span: Span,
}

/// When an arm is taken.
#[derive(Debug)]
pub enum ArmTest {
    /// `when cond`
    When(Expr),
    /// A pattern of a `match`.
    Pattern(Pattern),
    /// `otherwise`
    Otherwise,
}

/// One `each` of a send.
#[derive(Debug)]
pub struct Each {
    /// The item.
    pub item: Local,
    /// What it comes from: a list, or a `T?`.
    pub list: Expr,
    /// `list` is a `T?`.
    pub single: bool,
    /// `follow`: the append field.
    pub follow: Option<FieldRef>,
    /// `where cond`
    pub filter: Option<Expr>,
    /// What is started, with arguments in the order of its parameters.
    pub node: NodeRef,
    /// Its arguments.
    pub args: Vec<(String, Expr)>,
    /// `at most N`
    pub window: Option<u32>,
    /// `until cond`
    pub until: Option<Expr>,
    /// `cancel rest`
    pub cancel_rest: bool,
    /// The whole entry.
    pub span: Span,
    /// The target's name.
    pub target_span: Span,
}

/// One thing to wait for.
#[derive(Debug)]
pub struct WaitFor {
    /// What it is.
    pub what: WaitKind,
    /// Of a choice: where it leads.
    pub way: Option<Way>,
    /// The whole entry.
    pub span: Span,
}

/// What to wait for.
#[derive(Debug)]
pub enum WaitKind {
    /// `for d`, `after d`
    For(Expr),
    /// `until time`
    Until(Expr),
    /// `event name as e where cond`
    Event {
        /// Index into [`Flow::events`].
        event: u32,
        /// Its name.
        bound: Option<Local>,
        /// `where cond`
        filter: Option<Expr>,
        /// `transient`
        transient: bool,
    },
}

/// A way out with updates of its own.
#[derive(Debug)]
pub struct Way {
    /// Where it leads.
    pub target: Target,
    /// `{ updates }`
    pub updates: Vec<Stmt>,
}

/// `on error as e -> target`.
#[derive(Debug)]
pub struct ErrorWay {
    /// `as e`
    pub error: Option<Local>,
    /// Where it leads.
    pub target: Target,
    /// The whole clause.
    pub span: Span,
}

/// `attempts N backoff a..b factor f`, `retry on [ … ]`.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The first included.
    pub attempts: u32,
    /// First and largest delay, nanoseconds.
    pub backoff: Option<(i64, i64)>,
    /// Growth.
    pub factor: Option<f64>,
    /// Classes.
    pub on: Option<Vec<ErrorClass>>,
    /// Where `attempts` stands.
    pub span: Span,
}

/// One check of a `verify`.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum VerifyCheck {
    Command(Expr),
    File(Expr),
    Url(Expr),
    Ensure { cond: Expr, message: Option<Expr> },
    Receipt,
}

/// What an expression reads, collected over a node: fields with the place of each read, and `run.…`.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Fields and where they are read.
    pub fields: Vec<(FieldRef, Span)>,
    /// Properties of the run.
    pub run: Vec<RunField>,
}
