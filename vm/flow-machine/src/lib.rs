//! The workflow machine: a pure state machine from inputs to events and effects. It has no clock,
//! no thread, no randomness and no store; a host does what its effects say.
//!
//! - **Start, input**: what comes from outside (`input`). **Event, checkpoint, effect**: what it reports (`event`).

mod event;
mod input;

pub use event::{Change, Checkpoint, Dispatch, Effect, Event, EventKind, RunError, Settlement, Status};
pub use input::{AttemptId, Input, LimitChange, Outcome, Refusal, Start, Time};
