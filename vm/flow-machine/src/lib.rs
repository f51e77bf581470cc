//! The workflow machine: a pure state machine from inputs to events and effects. It has no clock,
//! no thread, no randomness and no store; a host does what its effects say.
//!
//! - **Start, input**: what comes from outside (`input`). **Event, checkpoint, effect**: what it reports (`event`, and the parts of effects in `effect`).
//! - **Value**: what state and arguments are made of ([`value`]). **Border**: JSON in and out, by type ([`border`]).
//! - **Program**: a verified image, ready to run. **Interpreter**: runs chunks ([`interp`]), methods in `builtins`.
//! - **Machine**: one run, as a host sees it ([`Machine`]); how it moves is in `run`, a file per matter.
//! - **Lock table**: who has and who waits for what, within a run and in a store ([`locks`]).
//! - **Reducer**: merges updates into channels ([`reducer`]). **Fault**: what stops an expression. **Limits**: all bounds.

pub mod border;
mod builtins;
mod effect;
mod event;
mod fault;
mod input;
pub mod interp;
pub mod limits;
pub mod locks;
mod machine;
mod ordered;
mod program;
pub mod reducer;
mod run;
pub mod value;

pub use effect::{CacheKey, Check, CheckResult, Conversation, LockWish, Tool, Verification};
pub use event::{
    Change, Checkpoint, Dispatch, Effect, Event, EventKind, Frontier, RunError, Settlement, Status,
};
pub use fault::{Fault, FaultKind, FaultReport};
pub use input::{AttemptId, Branch, Decision, Input, LimitChange, Outcome, Refusal, Start, Time};
pub use machine::{Machine, OpenInterrupt, Output, Question, ReplayError};
pub use program::Program;
pub use run::{course, course_to};
