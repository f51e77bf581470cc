//! What the machine reports: the run's log, its checkpoints, and what the host must do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::effect::{CacheKey, CheckResult, Conversation, LockWish, Verification};
use crate::input::{AttemptId, Input, Start, Time};
use flow_bytecode::{ErrorClass, SourceSpan, TypeId, WorkerId};

/// A line of the run's append-only log. Those that hold a [`Start`] or an [`Input`] are the cause
/// of all others: [`Machine::replay`] rebuilds a run from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Without gaps, from 1.
    pub seq: u64,
    /// The step that it belongs to; 0 before the first.
    pub step: u64,
    /// The node that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// When the host said it was.
    pub at: Time,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The run was created.
    Created {
        /// How it was started.
        start: Box<Start>,
        /// The hash of its program.
        program: String,
    },
    /// Something came from outside and was accepted.
    Received {
        /// What.
        received: Input,
    },
    /// An activation was planned.
    Planned {
        /// Its index.
        #[serde(default)]
        index: u32,
        /// Its parameters by name; null if it has none.
        #[serde(default)]
        args: Json,
    },
    /// An attempt is to be sent.
    Dispatched {
        /// Names it in the outcome.
        attempt: AttemptId,
        /// The same for every attempt of the call.
        key: String,
        /// Whom it calls.
        worker: String,
        /// From 1.
        number: u32,
        /// What the worker is given.
        args: Json,
    },
    /// An attempt succeeded.
    Succeeded {
        /// Which.
        attempt: AttemptId,
    },
    /// An attempt failed; `retry_at` if there will be another.
    Failed {
        /// Which.
        attempt: AttemptId,
        /// Why, for programs.
        class: ErrorClass,
        /// Why, for people.
        message: String,
        /// When it is made again.
        retry_at: Option<Time>,
    },
    /// The run of a subgraph began: an attempt of its node. Lines about it have its name before those
    /// of its nodes, with a `/` between them.
    ChildStarted {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Names it in what follows.
        attempt: AttemptId,
        /// The flow.
        flow: String,
        /// Its input.
        input: Json,
    },
    /// The run of a subgraph ended.
    ChildEnded {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Which.
        attempt: AttemptId,
        /// How it stands.
        status: Status,
        /// What it returns, if it is done.
        result: Json,
    },
    /// A step of a subgraph's run became whole.
    ChildCommitted {
        /// The number of the checkpoint within the run of the subgraph.
        checkpoint: u64,
    },
    /// A turn of an agent was replied to, and was not the last.
    Turned {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Which, from 1.
        turn: u64,
        /// The tools that it asks for.
        tools: Vec<String>,
    },
    /// Something about a reply was checked.
    Checked {
        /// The attempt whose reply it is.
        attempt: AttemptId,
        /// What came of it.
        #[serde(flatten)]
        result: CheckResult,
    },
    /// A kept reply served an activation; no attempt was made.
    CacheHit {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// The key of the entry.
        key: String,
    },
    /// An activation has taken its locks.
    Locked {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Their names; those of the store begin with `shared `.
        locks: Vec<String>,
    },
    /// An activation waits for locks that others have.
    LockAwaited {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Those that it wants, all or none.
        locks: Vec<String>,
    },
    /// An activation settled.
    Settled {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// How.
        how: Settlement,
    },
    /// Updates of an activation, in order of writing; overwrites as `{"$set": v}`.
    Updated {
        /// The activation's index.
        #[serde(default)]
        index: u32,
        /// Field names and what was sent to them.
        updates: Vec<(Arc<str>, Json)>,
    },
    /// A route or goto was decided: labels and targets of the arms taken.
    RouteDecided {
        /// Labels of the arms.
        arms: Vec<Arc<str>>,
        /// Where they lead.
        targets: Vec<Arc<str>>,
    },
    /// A join passed, died or failed; `arrived` names the sources taken.
    JoinSettled {
        /// Its number.
        join: u32,
        /// Whether its target starts.
        passed: bool,
        /// Names of the sources.
        arrived: Vec<String>,
    },
    /// A race was decided.
    Decided {
        /// What, for people.
        what: String,
    },
    /// An interrupt opened.
    Interrupted {
        /// What an answer calls it.
        interrupt: String,
        /// The question.
        ask: String,
        /// What is shown beside it.
        show: Json,
        /// When it times out.
        due: Option<Time>,
    },
    /// A timer was set.
    TimerSet {
        /// When it fires.
        due: Time,
    },
    /// A timer fired.
    TimerFired,
    /// `emit`, or an event of a worker.
    Emitted {
        /// Its name.
        name: String,
        /// What it carries.
        data: Json,
    },
    /// Something came too late and changed nothing.
    Late {
        /// Which.
        attempt: AttemptId,
    },
    /// Breakpoint reached.
    Paused {
        /// Whether the node has not run yet.
        before: bool,
    },
    /// A step became whole; the number of its checkpoint.
    Committed {
        /// The number of its checkpoint.
        checkpoint: u64,
    },
    /// The run goes on from a checkpoint that it, or the run that it was forked from, had passed.
    Branched {
        /// Its number within the run, from 1.
        branch: u64,
        /// The checkpoint from which it goes on.
        checkpoint: u64,
        /// The number of the next checkpoint.
        next: u64,
        /// The run whose log comes before this line, if this one is a fork of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The run that goes on.
        run: String,
        /// Fields that are replaced first.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        updates: Map<String, Json>,
    },
    /// From here on the run has another program, which gives the same lines up to here.
    Migrated {
        /// Its hash.
        program: String,
    },
    /// The run met a limit.
    LimitMet {
        /// Which, by its name in the language.
        limit: String,
    },
    /// The run ended or came to rest.
    Finished {
        /// How it stands.
        status: Status,
        /// What it returns, if it is done.
        result: Json,
        /// Why it ended otherwise.
        error: Option<RunError>,
    },
}

/// How an activation settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the execution rules")]
pub enum Settlement {
    Done,
    Failed,
    Skipped,
    Cancelled,
    TimedOut,
    LeftByError,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is ready, in flight, retrying or waiting for time.
    Running,
    /// Nothing moves without an answer, an event or a `resume`.
    Interrupted,
    /// Ended, with a result.
    Done,
    /// Ended by a failure.
    Failed,
    /// Stopped by a limit; can be resumed with a higher one.
    Limit,
    /// Ended from outside or by `cancel`.
    Cancelled,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunError {
    /// The code of its page (`F20..`).
    pub code: String,
    /// What happened.
    pub message: String,
    /// The node, if one is to blame.
    pub node: Option<String>,
    /// The class of the failure, if it was an attempt's.
    pub class: Option<ErrorClass>,
    /// The place in the source.
    pub span: Option<SourceSpan>,
}

/// The state and the frontier after a whole step, as a delta against its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its number within the run: 0 is the state before the first step.
    pub id: u64,
    /// The one it follows.
    pub parent: Option<u64>,
    /// The step after which it was taken.
    pub step: u64,
    /// The nodes that settled as done in the step, in order, as `path` shows them.
    pub path: Vec<Arc<str>>,
    /// Fields that the step changed. Growing channels give only what was added.
    pub changed: Vec<(Arc<str>, Change)>,
    /// What comes next.
    pub frontier: Frontier,
}

/// What comes behind a checkpoint, for people and tools.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frontier {
    /// Names of activations that are to run or under way.
    pub next: Vec<String>,
    /// Names of activations that wait for an answer, for time or for an event.
    pub open: Vec<String>,
    /// Deferred nodes that were triggered.
    pub held: Vec<Arc<str>>,
    /// Joins at which something has arrived, by number.
    pub joins: Vec<usize>,
}

/// What a step did to a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The new value.
    Set(Json),
    /// Items added at the end of a list.
    Append(Vec<Json>),
    /// The channel has no value any more.
    Clear,
}

/// What the host must do once the events before it are durable.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all effects are dispatches")]
pub enum Effect {
    /// Send an attempt.
    Dispatch(Dispatch),
    /// Stop an attempt; its outcome is no longer wanted.
    Abort(AttemptId),
    /// Look for a kept reply, and apply [`Input::Looked`].
    Look {
        /// Names the activation in the answer.
        activation: String,
        /// What is looked for.
        key: CacheKey,
    },
    /// Keep a reply for a time. Nothing depends on it.
    Keep {
        /// Under which key.
        key: CacheKey,
        /// The reply: a bare value or an envelope.
        reply: Json,
        /// How long it lives, nanoseconds.
        ttl: i64,
    },
    /// Check a reply before it counts, and apply [`Input::Verified`].
    Verify(Verification),
    /// Take locks of the store, all or none, first come first served; apply [`Input::Locked`] once
    /// they are held, or at once if the wait would close a circle.
    Lock(LockWish),
    /// Give back locks of the store, or stop waiting for them.
    Unlock {
        /// Whose.
        activation: String,
    },
}

/// An attempt to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// Names the attempt in the outcome.
    pub attempt: AttemptId,
    /// The same for every attempt of one call.
    pub key: String,
    /// The node; in a subgraph with the names of those around it: `sub#1/search`.
    pub node: String,
    /// The index of the activation within its group.
    pub index: u32,
    /// The turn of an agent, from 1; 1 elsewhere.
    pub turn: u32,
    /// From 1.
    pub number: u32,
    /// Whom to call.
    pub worker: WorkerId,
    /// Named as in the worker's signature. Secrets appear as `{"$secret": [parts]}`.
    pub args: Map<String, Json>,
    /// What the worker's body says: the options of its protocol, secrets as in `args`.
    pub options: Json,
    /// What the reply must be: for protocols that ask for a shape.
    pub reply: TypeId,
    /// Of an agent: its tools, and what was said before.
    pub conversation: Option<Conversation>,
    /// When the attempt times out. The host ends it and reports `timeout`.
    pub deadline: Option<Time>,
    /// Whether this call was sent before a crash and its outcome is unknown.
    pub resent: bool,
}
