//! The machine as a host sees it: start or replay, apply what came, take what came of it. How a run
//! moves is in `run` and its submodules.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::effect::LockWish;
use crate::event::{Checkpoint, Dispatch, Effect, Event, RunError, Status};
use crate::input::{Branch, Input, Refusal, Start, Time};
use crate::program::Program;
use crate::run::Run;
use flow_bytecode::{Image, TypeId};

/// One run of one flow. Holds everything that the run is; the log suffices to make it again.
///
/// A host applies inputs, calls [`Machine::take`], makes events and checkpoints durable in one
/// transaction, and then performs the effects. Inputs of one instant that are applied before one
/// `take` count as having come together.
pub struct Machine {
    run: Run,
}

/// What came of the last inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// New lines of the log, in order.
    pub events: Vec<Event>,
    /// New checkpoints, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// What the host must do, once the above is durable, in order.
    pub effects: Vec<Effect>,
}

/// A question that waits for an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenInterrupt {
    /// What [`Input::Answer`] calls it: the node's name, with `#n` if several are open.
    pub name: String,
    /// The node.
    pub node: String,
    /// The question.
    pub ask: String,
    /// What is shown beside it; null for nothing.
    pub show: Json,
    /// What an answer must be; none: anything, or what `about` says.
    pub answer: Option<TypeId>,
    /// What the question is about.
    pub about: Question,
    /// When it times out.
    pub due: Option<Time>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What its node asks.
    Node,
    /// An attempt that needs input: the answer stands for its reply, null makes it again, and
    /// [`Input::Decide`] is possible.
    Attempt,
    /// Whether an agent may use a tool: a bool, or an object with `approve` and, if need be, `reason`.
    Approval,
}

/// Why a log does not give a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayError {
    /// The number of the line.
    pub seq: u64,
    /// What is wrong with it.
    pub message: String,
}

impl Machine {
    /// Starts a run of a program.
    pub fn start(program: Arc<Program>, start: Start, at: Time) -> Result<Machine, Refusal> {
        Ok(Machine {
            run: Run::start(program, start, at)?,
        })
    }

    /// Makes a run from its log. The log may end behind any event; what is missing is produced
    /// again and handed out by the next [`Machine::take`].
    ///
    /// Attempts without an outcome are handed out as effects too, marked `resent` where the log
    /// says that they were sent.
    pub fn replay(
        program: Arc<Program>,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Machine, ReplayError> {
        Ok(Machine {
            run: Run::replay(program, events.into_iter())?,
        })
    }

    /// Makes a run that goes on from a checkpoint of a log: on a branch of the same run, whose log is then
    /// `events` and what [`Machine::take`] gives, or as a new run, whose log begins with [`course_to`] that
    /// checkpoint, renumbered.
    pub fn branch(
        program: Arc<Program>,
        events: &[Event],
        branch: &Branch,
        at: Time,
    ) -> Result<Machine, Refusal> {
        Ok(Machine {
            run: Run::branched(program, events, branch, at)?,
        })
    }

    /// Makes a run from a log that another program wrote, if this one gives the same; the next
    /// [`Machine::take`] begins with the line that says so.
    pub fn migrate(program: Arc<Program>, events: Vec<Event>, at: Time) -> Result<Machine, ReplayError> {
        Ok(Machine {
            run: Run::migrated(program, events, at)?,
        })
    }

    /// Where another machine with the same log has something that the log does not say and this one has not: a
    /// sentence each, about values of channels, input, outcomes that are not committed, and calls to be made.
    pub fn differences(&self, other: &Machine) -> Vec<String> {
        self.run.differences(&other.run)
    }

    /// Takes something from outside. On refusal the run is unchanged.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is used up: nobody applies an input twice"
    )]
    pub fn apply(&mut self, input: Input, at: Time) -> Result<(), Refusal> {
        self.run.apply(&input, at)
    }

    /// Moves the run as far as it goes, and hands out what came of it.
    pub fn take(&mut self) -> Output {
        self.run.take()
    }

    /// When the host must apply [`Input::Tick`] at the latest.
    pub fn next_due(&self) -> Option<Time> {
        self.run.next_due()
    }

    /// Where the run is.
    pub fn status(&self) -> Status {
        self.run.status()
    }

    /// Whether the run has ended; it moves again only by `retry` or `resume`.
    pub fn is_finished(&self) -> bool {
        self.run.is_finished()
    }

    /// The state after the last whole step, by field; fields without a value are left out.
    pub fn state(&self) -> Map<String, Json> {
        self.run.state_json()
    }

    /// The nodes that settled as done, ordered by step, declaration and index.
    pub fn path(&self) -> &[Arc<str>] {
        self.run.path()
    }

    /// The highest step that has begun.
    pub fn steps(&self) -> u64 {
        self.run.steps()
    }

    /// The result, if the run is done.
    pub fn result(&self) -> Option<&Json> {
        self.run.result()
    }

    /// Why the run failed, met a limit or was cancelled.
    pub fn error(&self) -> Option<&RunError> {
        self.run.error()
    }

    /// The questions that wait for an answer, in order of opening.
    pub fn interrupts(&self) -> Vec<OpenInterrupt> {
        self.run.interrupts()
    }

    /// The attempts that were handed out and have no outcome.
    pub fn in_flight(&self) -> Vec<Dispatch> {
        self.run.in_flight()
    }

    /// What does not hold that must hold between two moves of a run: empty, or the run is broken. Looks
    /// at everything there is.
    pub fn broken_invariants(&self) -> Vec<String> {
        self.run.broken_invariants()
    }

    /// The locks of the store that the run has, by activation.
    pub fn shared_locks(&self) -> Vec<LockWish> {
        self.run.shared_locks()
    }

    /// Tokens that workers have reported.
    pub fn tokens(&self) -> u64 {
        self.run.tokens()
    }

    /// How the run was started.
    pub fn start_info(&self) -> &Start {
        self.run.start_info()
    }

    /// When the run was created.
    pub fn created_at(&self) -> Time {
        self.run.created_at()
    }

    /// The program that it runs.
    pub fn program(&self) -> &Arc<Program> {
        self.run.program()
    }

    /// The tables of the program.
    pub fn image(&self) -> &Image {
        self.run.program().image()
    }
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {}: {}", self.seq, self.message)
    }
}

impl std::error::Error for ReplayError {}
