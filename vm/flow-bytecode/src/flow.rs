//! A flow in the image: its state, its nodes and how they are connected. Names follow the language.

use std::cell::Cell;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{ChunkId, ConstId, FieldId, FlowId, JoinId, NodeId, StrId, TypeId, WorkerId};
use crate::image::SourceSpan;
use crate::limits::TARGET_DEPTH;

/// A flow.
///
/// Chunks that belong to a node take its parameters in registers `0..params`; what each chunk takes
/// behind them, and what it returns, stands at the field that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Its name.
    pub name: StrId,
    /// Its doc comment.
    pub doc: Option<StrId>,
    /// Its input.
    pub params: Vec<Param>,
    /// Its configuration: values with defaults that the host may set.
    pub config: Vec<Param>,
    /// The state.
    pub fields: Vec<Field>,
    /// The nodes, in order of declaration.
    pub nodes: Vec<Node>,
    /// What `start` leads to.
    pub entry: Vec<Out>,
    /// The joins, in order of declaration.
    pub joins: Vec<Join>,
    /// Bounds of a run.
    pub limits: Limits,
    /// Where a failure goes that its node does not take. Its chunks take no parameters, then the error.
    pub on_error: Option<ErrorWay>,
    /// Events that may come from outside, with the type of what they carry.
    pub events: Vec<(StrId, Option<TypeId>)>,
    /// `return`: no parameters, reads the final state. Without it the result is the whole state.
    pub result: Option<ChunkId>,
    /// The type of the result, where there is a `return`.
    pub result_type: Option<TypeId>,
    /// Where it was declared.
    pub span: SourceSpan,
}

/// A named, typed value that is given from outside: of a flow, a node, a worker or a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// The name.
    pub name: StrId,
    /// The type.
    pub ty: TypeId,
    /// What it is when left out. A `T?` without default is null then.
    pub default: Option<ConstId>,
    /// Its doc comment.
    pub doc: Option<StrId>,
}

/// A channel of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The name.
    pub name: StrId,
    /// The type of its value.
    pub ty: TypeId,
    /// How updates are merged.
    pub reducer: Reducer,
    /// `= v`, or the identity of the reducer, or null for a `T?`; none: no value until it is written.
    pub start: Option<ConstId>,
    /// Visible in the step after the one that wrote it, and then back to `start`.
    pub ephemeral: bool,
    /// Meant to be set from outside.
    pub external: bool,
    /// Its doc comment.
    pub doc: Option<StrId>,
    /// Where it was declared.
    pub span: SourceSpan,
}

/// How a channel merges an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reducer {
    /// One update a step replaces the value.
    LastValue,
    /// A list grows by an item, or by the items of a list. `item_first`: the element type is itself
    /// a list or `json`, so that what fits both is one item.
    Append {
        /// Whether a list that would fit as an item is one.
        item_first: bool,
    },
    /// Deep merge of maps and records.
    Merge,
    /// Sum.
    Add,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Messages by id.
    AddMessages,
    /// `fn (old, update) -> value`. `nullable_old`: the first update is reduced with null.
    Custom {
        /// The function: registers 0 and 1 are the old value and the update.
        chunk: ChunkId,
        /// Whether the old value's parameter takes null.
        nullable_old: bool,
    },
}

/// Bounds of a run; 0 is never stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Highest step that may begin. Default 1000.
    pub steps: Option<u64>,
    /// Working time, nanoseconds.
    pub time: Option<i64>,
    /// Time since the start, nanoseconds.
    pub age: Option<i64>,
    /// Calls in flight.
    pub parallel: Option<u64>,
    /// Tokens reported by workers.
    pub tokens: Option<u64>,
    /// Bytes of the state as JSON.
    pub state: Option<u64>,
    /// Subgraphs within subgraphs. Default 10.
    pub depth: Option<u64>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: StrId,
    /// Its doc comment.
    pub doc: Option<StrId>,
    /// What it is given by `send`, `goto`, `on error`.
    pub params: Vec<Param>,
    /// What it does.
    pub kind: NodeKind,
    /// When it may run.
    pub schedule: Schedule,
    /// Runs when the work has succeeded. Takes the parameters, then the reply (task, agent,
    /// subgraph: the reply; interrupt: the answer; wait: the event, null for time; transform: nothing).
    /// Contains the `ensure`s, `let`s, updates and `emit`s in order of writing. Returns null.
    /// Fallible `ensure`s make the reply invalid, or refuse an answer.
    pub settle: Option<ChunkId>,
    /// A command that replaces the arrows.
    pub goto: Option<Decision>,
    /// Where a worker's own command may lead; empty: nowhere.
    pub may_goto: Vec<Target>,
    /// Fields that a worker's own command may update.
    pub may_update: Vec<FieldId>,
    /// Fields that a worker's own command may overwrite.
    pub may_overwrite: Vec<FieldId>,
    /// `attempts`, `backoff`, `retry on`; none: the worker's, else the binding's, else one attempt.
    pub retry: Option<RetryPolicy>,
    /// Longest duration of an attempt (for interrupt and wait: of being open), nanoseconds.
    pub timeout: Option<i64>,
    /// Where a time-out leads.
    pub on_timeout: Option<TimeoutWay>,
    /// Where a final failure leads. Its chunks take the parameters, then the error.
    pub on_error: Option<ErrorWay>,
    /// Reply cache.
    pub cache: Option<Cache>,
    /// Compensation.
    pub undo: Option<Undo>,
    /// Mutual exclusion.
    pub locks: Vec<Lock>,
    /// Nodes that are withdrawn when this one succeeds.
    pub cancel: Vec<NodeId>,
    /// Nodes whose fan-out is completed when this one succeeds.
    pub finish: Vec<NodeId>,
    /// Checks that must hold before the result counts.
    pub verify: Option<Verify>,
    /// Its arrows, in order of writing. Routes and sends have none.
    pub outs: Vec<Out>,
    /// Fields that it reads before and when it settles, sorted.
    pub reads: Vec<FieldId>,
    /// Fields that it may write in any way, sorted.
    pub writes: Vec<FieldId>,
    /// Where it was declared.
    pub span: SourceSpan,
}

/// When a node may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// When it is triggered.
    #[default]
    Normal,
    /// Held until nothing else is active.
    Deferred,
    /// Once, however the run ends.
    Finally,
    /// A listener that does not keep the run waiting.
    Standing,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NodeKind {
    /// One call.
    Task(Call),
    /// A conversation.
    Agent(Agent),
    /// Computes; all of it is in [`Node::settle`].
    Transform,
    /// Decides without spending a step.
    Route(Decision),
    /// Dynamic fan-out.
    Send(Vec<Each>),
    /// Another flow as one node. `args` returns a record of its input.
    Subgraph {
        /// The flow.
        flow: FlowId,
        /// Takes the parameters, returns the record of the child's input.
        args: ChunkId,
    },
    /// Asks and waits.
    Interrupt(Interrupt),
    /// Waits. More than one choice: the first to come is taken.
    Wait(Vec<WaitFor>),
}

/// A call to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Whom.
    pub worker: WorkerId,
    /// Takes the node's parameters, returns the record of arguments, defaults filled in, in order
    /// of the worker's parameters.
    pub args: ChunkId,
    /// What the reply must be (of a generic worker: as instantiated here).
    pub reply: TypeId,
    /// For chat protocols, the type of the content where it is not the reply itself.
    pub content: Option<TypeId>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The first turn; `continue` makes the arguments of the others.
    pub call: Call,
    /// Takes the parameters and the last reply, returns the record of arguments of the next turn.
    pub next: Option<ChunkId>,
    /// Takes the parameters and the last reply, returns a bool: stop.
    pub until: Option<ChunkId>,
    /// Workers that may be used as tools; `true`: each use needs approval.
    pub tools: Vec<(WorkerId, bool)>,
    /// Most turns.
    pub turns: Option<u64>,
    /// Longest duration of a turn, nanoseconds.
    pub turn_timeout: Option<i64>,
}

/// Arms of which one, or with `every` each that holds, is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Of a route: no parameters. Of a goto: the node's parameters, then the reply.
    /// Returns the index of the arm, or with `every` a list of indices.
    pub decide: ChunkId,
    /// Whether every arm that holds is taken.
    pub every: bool,
    /// The arms in order of writing.
    pub arms: Vec<Arm>,
}

/// An arm of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// The condition or pattern as it was written: for drawings and `why`.
    pub label: StrId,
    /// Where it leads. Argument chunks take what the decision takes.
    pub target: Target,
    /// Where it was written.
    pub span: SourceSpan,
}

/// Where an arrow, an arm or an error leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Starts a node, or decides a route. The chunk returns the record of its arguments.
    Node {
        /// Which.
        node: NodeId,
        /// Its arguments, if it has parameters.
        args: Option<ChunkId>,
    },
    /// All of these.
    Many(#[serde(deserialize_with = "nested_targets")] Vec<Target>),
    /// Ends the branch.
    End,
    /// Ends the run, done.
    Halt,
    /// Ends the run, failed. The chunk returns the text.
    Fail(ChunkId),
    /// Ends the run, cancelled. The chunk returns the text.
    Cancel(ChunkId),
    /// Counts as done, without updates. Behind `on error` only.
    Skip,
}

/// Reads the targets of a [`Target::Many`]. They nest, so that hostile bytes could exhaust the stack.
fn nested_targets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Target>, D::Error> {
    thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
    let depth = DEPTH.get();
    if depth >= TARGET_DEPTH {
        return Err(D::Error::custom("targets are nested too deeply"));
    }
    DEPTH.set(depth + 1);
    let targets = Vec::deserialize(from);
    DEPTH.set(depth);
    targets
}

/// What happens when a node's arrows fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Out {
    /// A plain arrow.
    To(Target),
    /// Arrives at a join as its source number `source`.
    Arrive {
        /// The join.
        join: JoinId,
        /// Index into [`Join::sources`].
        source: u32,
    },
}

/// A fan-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// When it passes.
    pub policy: Policy,
    /// What becomes of the other branches after an early passing.
    pub rest: Rest,
    /// The exits of the branches, in order of writing.
    pub sources: Vec<Source>,
    /// Where it leads; an inner bracket that is the exit of a branch arrives at the outer join.
    pub target: Vec<Out>,
    /// Where it leads when it can pass no more.
    pub otherwise: Option<Target>,
    /// The arrow behind the bracket.
    pub span: SourceSpan,
}

/// The exit of a branch of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A node, whose [`Node::outs`] has the matching [`Out::Arrive`].
    Node(NodeId),
    /// An inner join, whose [`Join::target`] has it.
    Join(JoinId),
}

/// When a join passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// All that ran succeeded.
    All,
    /// At least one.
    Any,
    /// More than half of the listed.
    Majority,
    /// At least this many.
    AtLeast(u32),
    /// At once at this many.
    First(u32),
    /// Once per arrival.
    Each,
}

/// What becomes of the others when a `first of` has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// They are withdrawn.
    #[default]
    Cancel,
    /// They run on unheeded.
    Keep,
    /// They run on unheeded, and the join waits for them before it passes again.
    Block,
}

/// One `each` of a send. `item` is one register behind the send's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Each {
    /// Takes the send's parameters, returns a list, or null for none.
    pub list: ChunkId,
    /// Whether `list` may be a single value or null (`T?`) instead of a list.
    pub single: bool,
    /// The append field whose later items start too.
    pub follow: Option<FieldId>,
    /// Takes the parameters and the item, returns a bool.
    pub filter: Option<ChunkId>,
    /// What is started.
    pub node: NodeId,
    /// Takes the parameters and the item, returns the record of arguments.
    pub args: Option<ChunkId>,
    /// Most calls in flight.
    pub window: Option<u32>,
    /// Takes the parameters, returns a bool: the group is complete.
    pub until: Option<ChunkId>,
    /// Whether the rest is withdrawn then.
    pub cancel_rest: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// Asks only if this returns true. Takes the parameters.
    pub gate: Option<ChunkId>,
    /// Takes the parameters, returns the text.
    pub ask: ChunkId,
    /// Takes the parameters, returns what is shown.
    pub show: Option<ChunkId>,
    /// What an answer must be; none: any JSON, ignored.
    pub answer: Option<TypeId>,
}

/// One thing to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitFor {
    /// What it is.
    pub what: WaitKind,
    /// Of a choice: where it leads and what it updates (parameters, then the event).
    pub way: Option<TimeoutWay>,
}

/// Time or an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WaitKind {
    /// The chunk returns a duration from the opening.
    For(ChunkId),
    /// The chunk returns an instant.
    Until(ChunkId),
    /// An event of [`Flow::events`].
    Event {
        /// Index into [`Flow::events`].
        event: u32,
        /// Takes the parameters and the event, returns a bool.
        filter: Option<ChunkId>,
        /// Only what arrives while it is open.
        transient: bool,
    },
}

/// Where a time-out leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeoutWay {
    /// The way. Argument chunks take the node's parameters.
    pub target: Target,
    /// Updates of its own: takes the node's parameters, returns null.
    pub updates: Option<ChunkId>,
}

/// Where a final failure leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorWay {
    /// The way. Argument chunks take the node's parameters, then the error.
    pub target: Target,
    /// Updates of its own: takes the node's parameters, then the error; returns null.
    pub updates: Option<ChunkId>,
}

/// How often and when an attempt is made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts, the first included; at least 1.
    pub attempts: u32,
    /// First delay, nanoseconds.
    pub backoff_min: i64,
    /// Largest delay, nanoseconds.
    pub backoff_max: i64,
    /// Growth from one delay to the next.
    pub factor: f64,
    /// Classes that are retried; none: those that execution rules name.
    pub on: Option<Vec<ErrorClass>>,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum ErrorClass {
    Connect,
    Timeout,
    RateLimited,
    Overloaded,
    Refused,
    #[serde(rename = "http_4xx")]
    Http4xx,
    #[serde(rename = "http_5xx")]
    Http5xx,
    Protocol,
    InvalidReply,
    ExecFailed,
    Cancelled,
    Lost,
    /// A checked failure of an expression, or an explicit `fail`.
    Fault,
    Deadlock,
    Limit,
    /// A child run failed.
    Subgraph,
    /// A worker's own word (`error` in an envelope).
    Reported,
    Verification,
}

/// Reply cache of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// How long an entry lives, nanoseconds.
    pub ttl: i64,
    /// Takes the parameters, returns the key; none: worker, interface and arguments.
    pub by: Option<ChunkId>,
}

/// Compensation of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// Whom to call. `args` takes the parameters and the reply.
    pub call: Call,
}

/// A lock of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// Takes the parameters, returns the key.
    pub key: ChunkId,
    /// Across the store, not only within the run.
    pub shared: bool,
}

/// What must be checked before a result counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// The checks, in order.
    pub checks: Vec<VerifyCheck>,
    /// How long they may take, nanoseconds.
    pub within: Option<i64>,
}

/// One check. Chunks take the parameters and the reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VerifyCheck {
    /// Returns the list of command words; exit 0 passes.
    Command(ChunkId),
    /// Returns the path of a file that must exist.
    File(ChunkId),
    /// Returns a URL that must answer with success.
    Url(ChunkId),
    /// Returns null; contains the `ensure`.
    Ensure(ChunkId),
    /// The reply's own receipt must say completed, and its items hold.
    Receipt,
}
