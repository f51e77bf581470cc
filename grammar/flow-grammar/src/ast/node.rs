//! Nodes: their kinds and clauses.

use flow_diagnostics::Span;

use super::{Arg, Doc, Expr, Ident, Let, Param, Pattern, Target, TypeExpr};

/// A node of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// Where `standing` stands.
    pub standing: Option<Span>,
    /// Where `defer` stands.
    pub defer: Option<Span>,
    /// Where `finally` stands.
    pub finally: Option<Span>,
    /// The kind.
    pub kind: NodeKind,
    /// The name.
    pub name: Ident,
    /// The parameters.
    pub params: Vec<Param>,
    /// What stands between the name and the body.
    pub head: NodeHead,
    /// What stands in the braces, in order; also the arms of a route and the `each` of a send. That a clause
    /// belongs to this kind, and that a single one stands once, has been checked by the parser.
    pub clauses: Vec<Clause>,
    /// From the modifiers to the closing brace.
    pub span: Span,
}

/// The kinds of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    /// One call to a worker.
    Task,
    /// A conversation with a worker.
    Agent,
    /// Computes.
    Transform,
    /// Decides.
    Route,
    /// Fans out over a list.
    Send,
    /// Runs another flow.
    Subgraph,
    /// Asks and waits for the answer.
    Interrupt,
    /// Waits.
    Wait,
}

/// What stands between a node's name and its body.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeHead {
    /// Nothing.
    None,
    /// `route r match expr`
    Match(Expr),
    /// `route r every`
    Every(Span),
    /// `interrupt x when cond`
    When(Expr),
}

/// A clause where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// What it is.
    pub kind: ClauseKind,
    /// From its first word to its end.
    pub span: Span,
}

/// The clauses of nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// `call W(args) as x: T`
    Call(Call),
    /// `tools [W, V needs approval]`
    Tools(Vec<Tool>),
    /// `continue (args)`: the arguments of the next turn.
    Continue(Vec<Arg>),
    /// `until cond` of an agent, `until time` of a wait.
    Until(Expr),
    /// `limit turns N`
    LimitTurns(Expr),
    /// `turn timeout 5m`
    TurnTimeout(Expr),
    /// `let a = e`
    Let(Let),
    /// `f <- e`, `f := e`
    Update(Update),
    /// `ensure cond else "why"`
    Ensure(Ensure),
    /// `attempts 3 backoff 500ms..10s factor 2`
    Attempts(Attempts),
    /// `retry on [timeout, connect]`
    RetryOn(Vec<Ident>),
    /// `timeout 20s`, `timeout 48h -> late { expired <- true }`
    Timeout(Timeout),
    /// `cache 1h by expr`
    Cache {
        /// How long.
        ttl: Expr,
        /// Under which key.
        by: Option<Expr>,
    },
    /// `on error as e -> target`
    OnError(OnError),
    /// `undo W(args)`
    Undo(Call),
    /// `goto match expr { … }`, `goto { when … }`
    Goto(Goto),
    /// `may goto [a, b, end]`
    MayGoto(Vec<Target>),
    /// `may update [f, g]`
    MayUpdate(Vec<Ident>),
    /// `may overwrite [f]`
    MayOverwrite(Vec<Ident>),
    /// `verify { command […] … }`
    Verify(Vec<Check>),
    /// `lock "x"`, `lock shared "x"`
    Lock {
        /// Where `shared` stands.
        shared: Option<Span>,
        /// The name of the lock.
        name: Expr,
    },
    /// `cancel [a, b]`
    Cancel(Vec<Ident>),
    /// `finish [job]`
    Finish(Vec<Ident>),
    /// `emit name { … }`
    Emit {
        /// The event.
        name: Ident,
        /// What it carries.
        value: Option<Expr>,
    },
    /// `ask "…"`
    Ask(Expr),
    /// `show { … }`
    Show(Expr),
    /// `answer as x: T`
    Answer {
        /// The name of the answer.
        bind: Ident,
        /// Its type.
        ty: TypeExpr,
    },
    /// `for 10m`
    For(Expr),
    /// `for event paid as e where cond transient`
    ForEvent(EventMatch),
    /// `event paid as e where cond -> target { updates }`: one choice of a wait.
    EventArm(EventMatch, Way),
    /// `after 30m -> target { updates }`: another.
    AfterArm(Expr, Way),
    /// `when cond -> target`, `otherwise -> target`, `pattern -> target`
    Arm(Arm),
    /// `each x in list -> node(args)`
    Each(Each),
    /// Something that could not be understood.
    Error,
}

/// `W<T>(args) as x: T`, behind `call`; behind `undo` without a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The worker; in a subgraph the flow.
    pub callee: Ident,
    /// The type arguments: `<Category>`.
    pub type_args: Vec<TypeExpr>,
    /// The arguments.
    pub args: Vec<Arg>,
    /// The name of the reply.
    pub bind: Option<Ident>,
    /// The type of the reply, where it is written.
    pub bind_ty: Option<TypeExpr>,
    /// From the callee to the end.
    pub span: Span,
}

/// One tool of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The worker.
    pub name: Ident,
    /// Where `needs approval` stands.
    pub needs_approval: Option<Span>,
}

/// `f <- e` or `f := e`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The field.
    pub field: Ident,
    /// Whether it overwrites (`:=`).
    pub overwrite: bool,
    /// The value.
    pub value: Expr,
    /// From the field to the value.
    pub span: Span,
}

/// `ensure cond else "why"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensure {
    /// What must hold.
    pub cond: Expr,
    /// What is said where it does not.
    pub message: Option<Expr>,
}

/// `attempts 3 backoff 500ms..10s factor 2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempts {
    /// How many, the first included.
    pub count: Expr,
    /// How long to wait between them.
    pub backoff: Option<Backoff>,
    /// From `attempts` to the end.
    pub span: Span,
}

/// `backoff a..b factor f`.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// The first pause.
    pub from: Expr,
    /// The longest.
    pub to: Option<Expr>,
    /// By how much each is longer than the one before.
    pub factor: Option<Expr>,
}

/// A target and the updates that its way makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Where it leads.
    pub target: Target,
    /// The updates in braces behind the target.
    pub updates: Vec<Update>,
}

/// `timeout 48h -> late { expired <- true }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeout {
    /// How long.
    pub after: Expr,
    /// Where it leads; without one it is a failure.
    pub way: Option<Way>,
}

/// `on error as e -> target`, of a node or a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct OnError {
    /// The name of the error.
    pub bind: Option<Ident>,
    /// Where it leads.
    pub target: Target,
    /// From `on` to the target.
    pub span: Span,
}

/// `goto match expr { … }` or `goto { when … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Goto {
    /// What is matched, if anything.
    pub subject: Option<Expr>,
    /// The arms, in order.
    pub arms: Vec<Arm>,
}

/// An arm of a route or of a `goto`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// When it is taken.
    pub guard: Guard,
    /// Where it leads.
    pub target: Target,
    /// Guard and target.
    pub span: Span,
}

/// When an arm is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    /// `when cond`
    When(Expr),
    /// `otherwise`, and where.
    Otherwise(Span),
    /// A pattern.
    Pattern(Pattern),
}

/// One check of `verify`.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is checked.
    pub kind: CheckKind,
    /// Where it stands.
    pub span: Span,
}

/// What `verify` can check.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// `command ["cargo", "test"]`
    Command(Expr),
    /// `file "out.txt"`
    File(Expr),
    /// `url "https://…"`
    Url(Expr),
    /// `ensure cond else "why"`
    Ensure(Ensure),
    /// `receipt`: what the worker's receipt names.
    Receipt,
    /// `within 2m`
    Within(Expr),
    /// Something that could not be understood.
    Error,
}

/// `paid as e where cond transient`, behind `event`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventMatch {
    /// The event.
    pub event: Ident,
    /// The name of what it carries.
    pub bind: Option<Ident>,
    /// Which ones count.
    pub cond: Option<Expr>,
    /// Where `transient` stands.
    pub transient: Option<Span>,
}

/// `each x in list follow where cond -> node(args) at most N until cond cancel rest`.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// The name of an item.
    pub var: Ident,
    /// The list.
    pub list: Expr,
    /// Where `follow` stands.
    pub follow: Option<Span>,
    /// Which items count.
    pub cond: Option<Expr>,
    /// The node that runs for each, with its arguments.
    pub target: Target,
    /// How many calls may be under way at once.
    pub at_most: Option<Expr>,
    /// When no more are started.
    pub until: Option<Expr>,
    /// Where `cancel rest` stands.
    pub cancel_rest: Option<Span>,
}

impl NodeKind {
    /// The word for it in source.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Transform => "transform",
            Self::Route => "route",
            Self::Send => "send",
            Self::Subgraph => "subgraph",
            Self::Interrupt => "interrupt",
            Self::Wait => "wait",
        }
    }
}
