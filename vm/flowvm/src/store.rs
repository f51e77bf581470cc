//! What a store of runs must be able to do. The one write of a run's history is the fenced commit;
//! how `SQLite` does it stands in `sqlite`; when a worker may be called, in `health`. Nothing here knows the machine's rules.

mod health;
mod owner;
mod sqlite;

use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use flow_machine::locks::Asked;
use flow_machine::{CacheKey, Checkpoint, Event, Input, LockWish, RunError, Status, Time};

use crate::config::{Breaker, Rate, Registered};
use crate::error::Result;

pub use health::{Circuit, Health, Hold, Learned, Verdict};
pub use owner::Owner;
pub use sqlite::{Durability, SqliteStore};

/// A place where runs are kept.
pub trait Store {
    /// Creates a run together with its first events, leased to `owner` in epoch 1: afterwards it is there
    /// and runs, or it is not there at all.
    fn create(&mut self, run: &NewRun<'_>, first: &Commit<'_>, owner: &Owner) -> Result<()>;
    /// Appends to a run's history. Succeeds whole or not at all; a stale epoch or sequence is refused.
    fn commit(&mut self, commit: &Commit<'_>) -> Result<()>;
    /// The same without waiting: what other runs of this process write meanwhile becomes durable with it.
    fn submit(&mut self, commit: &Commit<'_>) -> Pending {
        Box::pin(std::future::ready(self.commit(commit)))
    }

    /// Takes the run for `owner` and returns the new epoch. Refused while somebody else's lease holds,
    /// unless that process is known to be dead.
    fn acquire(&mut self, run: &str, owner: &Owner, now: Time) -> Result<u64>;
    /// Moves the end of the lease.
    fn renew(&mut self, run: &str, epoch: u64, until: Time) -> Result<()>;
    /// Gives the run back.
    fn release(&mut self, run: &str, epoch: u64) -> Result<()>;

    /// Takes a slot of a worker, over all processes, and a turn by its rate and breaker.
    fn enter(&mut self, claim: &Claim<'_>, now: Time) -> Result<Entry>;
    /// Gives the slot back, and keeps what was learned of the worker.
    fn leave(&mut self, claim: &Claim<'_>, learned: Option<Learned>, now: Time) -> Result<()>;
    /// The workers that were registered, by name.
    fn registered(&self) -> Result<Vec<Registered>>;

    /// All runs, the newest first.
    fn runs(&self) -> Result<Vec<RunRow>>;
    /// One run.
    fn run(&self, id: &str) -> Result<Option<RunRow>>;
    /// The encoded image of a program.
    fn program(&self, hash: &str) -> Result<Vec<u8>>;
    /// The log behind a sequence number.
    fn events(&self, run: &str, after: u64) -> Result<Vec<Event>>;
    /// The checkpoints, oldest first.
    fn checkpoints(&self, run: &str) -> Result<Vec<Checkpoint>>;
    /// The state at a checkpoint, if there is one of this number.
    fn state_at(&self, run: &str, checkpoint: u64) -> Result<Option<Map<String, Json>>>;
    /// The open interrupts.
    fn interrupts(&self, run: &str) -> Result<Vec<OpenInterrupt>>;
    /// The attempts, oldest first.
    fn attempts(&self, run: &str) -> Result<Vec<AttemptRow>>;

    /// Leaves an input for the process that drives the run; returns the number of the letter.
    fn post(&mut self, run: &str, input: &Input, now: Time) -> Result<i64>;
    /// Letters that wait for the driver.
    fn inbox(&self, run: &str) -> Result<Vec<(i64, Input)>>;
    /// What became of a letter: nothing yet, accepted, or refused and why.
    fn letter(&self, id: i64) -> Result<Option<std::result::Result<(), String>>>;

    /// Values that outlive a run: `get` of the built-in `store` worker.
    fn memory_get(&self, namespace: &str, key: &str) -> Result<Option<Json>>;
    /// `put`: whether there was a value before.
    fn memory_put(&mut self, namespace: &str, key: &str, value: &Json, now: Time) -> Result<bool>;
    /// `delete`: whether there was a value.
    fn memory_delete(&mut self, namespace: &str, key: &str) -> Result<bool>;
    /// `list`: the keys, sorted.
    fn memory_list(&self, namespace: &str) -> Result<Vec<String>>;

    /// The reply that is kept under a key, if it has not outlived its time.
    fn cache_get(&self, key: &CacheKey, now: Time) -> Result<Option<Json>>;
    /// Keeps a reply until a moment, instead of what was kept under the key before.
    fn cache_put(&mut self, key: &CacheKey, reply: &Json, until: Time) -> Result<()>;

    /// Asks for locks for an activation of a run, all or none; asking again keeps its place in line. What
    /// runs whose process died had and waited for does not count.
    fn lock(&mut self, run: &str, wish: &LockWish, now: Time) -> Result<Asked>;
    /// Gives back what an activation has, and ends its wait.
    fn unlock(&mut self, run: &str, activation: &str) -> Result<()>;
    /// Gives back what a run has beyond what these activations have, and ends all its waits.
    fn unlock_others(&mut self, run: &str, keep: &[LockWish]) -> Result<()>;
}

/// Whether a commit has become durable.
pub type Pending = Pin<Box<dyn Future<Output = Result<()>>>>;

/// What is known about a run when it is created, and never changes.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Its id.
    pub id: &'a str,
    /// The flow.
    pub flow: &'a str,
    /// Content hash of the program.
    pub program: &'a str,
    /// The program, encoded; stored once.
    pub image: &'a [u8],
    /// The run and the checkpoint from which it was forked.
    pub parent: Option<(&'a str, u64)>,
    /// When it began.
    pub at: Time,
    /// How its workers are to be reached.
    pub settings: &'a Settings,
}

/// The choices of the command that started a run, kept so that every later command drives it the same way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The project's folder; relative commands and bindings start there.
    pub root: String,
    /// Where replies come from.
    #[serde(default)]
    pub mode: Mode,
    /// Seed of made-up replies.
    #[serde(default)]
    pub seed: u64,
    /// Replies by worker, in the form of `--mock`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub mocks: Map<String, Json>,
}

/// Where replies come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From the workers.
    #[default]
    Live,
    /// Made from the reply types.
    Synthetic,
}

/// An addition to a run's history.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// The run.
    pub run: &'a str,
    /// The fencing token of the writer.
    pub epoch: u64,
    /// The sequence number of the last event in the store, as the writer knows it.
    pub expected: u64,
    /// The new events.
    pub events: &'a [Event],
    /// The new checkpoints.
    pub checkpoints: &'a [Checkpoint],
    /// The whole state at one of the checkpoints, to spare later folds.
    pub snapshot: Option<(u64, &'a Map<String, Json>)>,
    /// Where the run is now.
    pub head: &'a Head,
    /// All open interrupts; none: unchanged.
    pub interrupts: Option<&'a [OpenInterrupt]>,
    /// Letters of the inbox that were taken, with the reason if they were refused.
    pub letters: &'a [(i64, Option<String>)],
    /// The end of the lease.
    pub lease_until: Time,
    /// The program that the run has from here on, and its bytes; none: the one that it had.
    pub program: Option<(&'a str, &'a [u8])>,
}

/// A call that wants a slot of a worker.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The worker's address.
    pub place: &'a str,
    /// Who calls.
    pub run: &'a str,
    /// The attempt.
    pub call: &'a str,
    /// The fencing token of the run: the slot is worth as much as the lease.
    pub epoch: u64,
    /// Most calls at once.
    pub most: Option<usize>,
    /// Most calls in a time.
    pub rate: Option<Rate>,
    /// When the worker is left alone.
    pub breaker: Option<Breaker>,
}

/// Whether a call may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Yes.
    Free,
    /// No slot is free.
    Full,
    /// Not before a moment.
    Later {
        /// When to ask again.
        at: Time,
        /// Why.
        why: Hold,
    },
}

/// Where a run is: a summary for people and tools. Recovery never reads it.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its status.
    pub status: Status,
    /// Steps begun.
    pub steps: u64,
    /// When time alone will move it.
    pub due: Option<Time>,
    /// Its result, once it is done.
    pub result: Option<Json>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The time of this summary.
    pub at: Time,
}

/// A run as the store lists it.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// The flow.
    pub flow: String,
    /// Content hash of the program.
    pub program: String,
    /// When it began.
    pub started_at: Time,
    /// Number of events.
    pub seq: u64,
    /// Where it is.
    pub head: Head,
    /// How its workers are to be reached.
    pub settings: Settings,
    /// Who drives it, and until when at least.
    pub owner: Option<(Owner, Time)>,
    /// The run and the checkpoint from which it was forked.
    pub parent: Option<(String, u64)>,
}

/// An interrupt that waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenInterrupt {
    /// The name that `answer` takes: `approve`, `approve#2`.
    pub name: String,
    /// The question.
    pub ask: String,
    /// What is shown with it.
    pub show: Json,
    /// JSON Schema of the answer.
    pub schema: Json,
    /// When it times out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
}

/// An attempt as the store lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptRow {
    /// Its id within the run.
    pub attempt: String,
    /// The node.
    pub node: Option<String>,
    /// The step.
    pub step: u64,
    /// The worker.
    pub worker: String,
    /// From 1.
    pub number: u32,
    /// The idempotency key.
    pub key: String,
    /// When it was recorded, to be sent at once.
    pub started_at: Time,
    /// When its outcome was recorded.
    pub ended_at: Option<Time>,
    /// `running`, `succeeded`, `failed` or `withdrawn`.
    pub outcome: String,
    /// Why it failed.
    pub class: Option<String>,
    /// What came back.
    pub message: Option<String>,
}
