//! What effects are made of, beside dispatches: conversations, checks, keys of the cache, wishes for
//! locks. When they are handed out is decided in `run`.

use flow_bytecode::WorkerId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::input::{AttemptId, Time};

/// What a turn of an agent carries beside its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// What the worker may ask for.
    pub tools: Vec<Tool>,
    /// The turns before this one, a list of objects: `turn`, `input` (the arguments), and `output` or,
    /// where tools were asked for, `message` and `tool_calls` (`id`, `name`, `args`, and `result` or
    /// `error` each).
    pub history: Json,
}

/// A worker that an agent may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Which.
    pub worker: WorkerId,
    /// Whether somebody is asked before each use.
    pub needs_approval: bool,
}

/// Checks of a reply, to be really made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Names the activation in the answer.
    pub activation: String,
    /// The attempt whose reply it is.
    pub attempt: AttemptId,
    /// What is to be checked, in order.
    pub checks: Vec<Check>,
    /// When nobody waits for the answer any more.
    pub due: Time,
}

/// Something to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// A command, without a shell: it must exit with 0, and print what is expected.
    Command {
        /// Its words.
        words: Vec<String>,
        /// What its output must contain.
        expected: Option<String>,
    },
    /// A file that must be there.
    File {
        /// Its path, from the project's folder.
        path: String,
        /// What it must contain.
        expected: Option<String>,
    },
    /// An address that must answer with success.
    Url {
        /// Which.
        url: String,
        /// What the answer must contain.
        expected: Option<String>,
    },
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was checked, for people.
    pub check: String,
    /// Whether it holds; none: it could not be found out.
    pub passed: Option<bool>,
    /// What was seen.
    pub message: String,
}

/// Names an entry of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    /// The hash of `of`.
    pub hash: String,
    /// What the key was made of, as canonical JSON. An entry serves only if this is the same, so
    /// that two keys of one hash never share a reply. Secrets stand in it by name.
    pub of: String,
}

/// Locks of the store that an activation wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWish {
    /// Names the activation within the run; those of child runs stand below that of their parent, a
    /// `/` between them.
    pub activation: String,
    /// The names of the locks.
    pub locks: Vec<String>,
}
