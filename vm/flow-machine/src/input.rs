//! What a host tells the machine: how a run begins and what came from outside. The only things
//! that move a run; the log keeps each of them, so that applying them again gives the same run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use flow_bytecode::ErrorClass;

use crate::effect::CheckResult;

/// Nanoseconds since the Unix epoch, UTC. Given by the host; the machine has no clock.
pub type Time = i64;

/// How a run begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The run's id.
    pub run: String,
    /// The flow's name.
    pub flow: String,
    /// The input, checked against the flow's parameters.
    pub input: Map<String, Json>,
    /// Configuration values that replace the flow's own.
    #[serde(default)]
    pub config: Map<String, Json>,
    /// Limits that replace the flow's own.
    #[serde(default)]
    pub limits: LimitChange,
    /// Nodes before which (`true`) or behind which (`false`) the run pauses.
    #[serde(default)]
    pub breakpoints: Vec<(String, bool)>,
    /// Whether an activation waits until all earlier steps are whole, instead of starting as soon as
    /// what it reads is final. The states are the same; tests hold one against the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barrier: bool,
    /// Seed of the jitter of retries; made by the host, kept in the log.
    #[serde(default)]
    pub seed: u64,
}

/// Where a run is to go on other than where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// The checkpoint from which.
    pub checkpoint: u64,
    /// Who goes on: the same run, or a new one.
    pub run: String,
    /// Fields that are replaced first.
    pub updates: Map<String, Json>,
}

/// Limits given from outside; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names and units are those of `flow_bytecode::Limits`"
)]
pub struct LimitChange {
    pub steps: Option<u64>,
    pub time: Option<i64>,
    pub age: Option<i64>,
    pub parallel: Option<u64>,
    pub tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
}

/// What came from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// An attempt has ended.
    Settled {
        /// Which, as the dispatch named it.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
    },
    /// What [`crate::Effect::Look`] found.
    Looked {
        /// Which activation asked.
        activation: String,
        /// The kept reply, if there is one that has not outlived its time.
        found: Option<Json>,
    },
    /// What became of [`crate::Effect::Lock`].
    Locked {
        /// Which activation asked.
        activation: String,
        /// Whether it has them now; otherwise its wait would close a circle.
        held: bool,
    },
    /// What came of [`crate::Effect::Verify`].
    Verified {
        /// Which activation asked.
        activation: String,
        /// What came of each check, in order.
        results: Vec<CheckResult>,
    },
    /// Somebody decides about an attempt that needs input.
    Decide {
        /// As in `Answer`.
        interrupt: String,
        /// What.
        decision: Decision,
    },
    /// Somebody answers an open interrupt.
    Answer {
        /// `name`, or `name#2` for the second of several open ones.
        interrupt: String,
        /// The answer, checked against the interrupt's type.
        value: Json,
    },
    /// The time that [`next_due`] named has come.
    Tick,
    /// Updates from outside.
    Inject {
        /// Field names with the values that go through their reducers.
        updates: Map<String, Json>,
    },
    /// An event for the run's inbox.
    Event {
        /// Its declared name.
        name: String,
        /// What it carries.
        data: Json,
    },
    /// Ends the run.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// Runs failed activations again, all or those of one node; reopens a failed run.
    Retry {
        /// Only this node's.
        node: Option<String>,
    },
    /// Goes on after a breakpoint or a limit.
    Resume {
        /// Limits to raise.
        limits: LimitChange,
    },
}

/// What may be done about an attempt that needs input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Its reply counts as it is.
    Accept {
        /// Why, for people.
        reason: String,
    },
    /// The call is made again; the attempts that are left stay as many.
    Again,
    /// The activation has failed.
    GiveUp {
        /// Why, for people.
        reason: String,
    },
}

/// An attempt within its run: stable across restarts and independent of timing, e.g. `4:lookup#2/1`
/// (step, node, index, attempt; agents add the turn and call).
pub type AttemptId = String;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A reply came: the bare value, or an envelope (`"flow": 1`). The machine checks it.
    Reply {
        /// As it came.
        value: Json,
    },
    /// No usable reply.
    Failed {
        /// Why.
        class: ErrorClass,
        /// For people; secrets masked, at most 2 KB of what came back.
        message: String,
        /// Of a worker that asked to be left alone for a while: nanoseconds.
        retry_after: Option<i64>,
    },
}

/// Why an input was not taken. The run is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of its page.
    pub code: &'static str,
    /// What is wrong, for people: which interrupts are open, where a value does not fit.
    pub message: String,
}
