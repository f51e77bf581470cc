//! Tests in the image, so that a program can be tried wherever it is: what is put in, what workers reply, what
//! happens from outside, what must hold. How they are run is for the host.

use serde::{Deserialize, Serialize};

use crate::flow::ErrorClass;
use crate::ids::{ChunkId, FlowId, StrId, WorkerId};
use crate::image::SourceSpan;

/// How many parameters the chunks of a [`Condition`] take: `path` `status` `elapsed` `result`, then maps by name
/// `visits` `calls` `peak` `events`.
pub const OBSERVED: usize = 8;

/// A test. Its chunks see nothing of a flow unless their field says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// What it shows.
    pub name: StrId,
    /// The flow that is run.
    pub flow: FlowId,
    /// No parameters; returns the record of the input.
    pub input: ChunkId,
    /// No parameters; returns the record of the configuration, if the test gives one.
    pub config: Option<ChunkId>,
    /// What workers reply, at most one entry for each.
    pub mocks: Vec<Mock>,
    /// What happens from outside, in order of writing.
    pub timed: Vec<Timed>,
    /// What interrupts are answered, at most one entry for each name.
    pub answers: Vec<Answer>,
    /// What must hold at the end, in order of writing.
    pub expects: Vec<Expect>,
    /// Whether an expectation says how the run ends; otherwise it must end as done.
    pub says_end: bool,
    /// The whole test.
    pub span: SourceSpan,
}

/// What a worker replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mock {
    /// Which.
    pub worker: WorkerId,
    /// How many of the first arguments of a call the chunks of its replies take.
    pub params: u16,
    /// The cases; the first that fits is taken.
    pub cases: Vec<MockCase>,
    /// The whole entry.
    pub span: SourceSpan,
}

/// What a worker replies to some of its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MockCase {
    /// Takes the number of the call, from 1, and returns a bool; none: fits all.
    pub fits: Option<ChunkId>,
    /// What is done one after the other; the last stage is for all calls that are left.
    pub stages: Vec<MockStage>,
}

/// What a worker does for a number of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MockStage {
    /// For how many calls; none: for all.
    pub times: Option<u64>,
    /// How long it takes: takes the arguments, returns a duration; none: no time.
    pub after: Option<ChunkId>,
    /// What comes.
    pub reply: MockReply,
}

/// What a call comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MockReply {
    /// Takes the arguments, returns the reply.
    Value(ChunkId),
    /// Nothing ever comes.
    Never,
    /// A failure.
    Fails(ErrorClass),
}

/// Something that happens from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// When, from the start: no parameters, returns a duration.
    pub at: ChunkId,
    /// What.
    pub action: Action,
    /// The whole entry.
    pub span: SourceSpan,
}

/// What can happen from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// An event comes.
    Event {
        /// Index into [`Flow::events`](crate::Flow::events).
        event: u32,
        /// No parameters; returns what it carries.
        data: Option<ChunkId>,
    },
    /// Updates from outside: no parameters, returns the record of fields and what is sent to them.
    Inject(ChunkId),
    /// The run is cancelled.
    Cancel,
}

/// What the interrupts of one name are answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The name of the node, in the flow or in one that it runs.
    pub node: StrId,
    /// The cases; the first that fits is taken.
    pub cases: Vec<AnswerCase>,
    /// The whole entry.
    pub span: SourceSpan,
}

/// What some of the interrupts are answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerCase {
    /// Takes the number of the question, from 1, and returns a bool; none: fits all.
    pub fits: Option<ChunkId>,
    /// How long after the opening: no parameters, returns a duration; none: as soon as nothing else moves.
    pub after: Option<ChunkId>,
    /// No parameters; returns the answer.
    pub value: ChunkId,
}

/// What must hold at the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expect {
    /// The run fails.
    Fails {
        /// With this code.
        code: Option<StrId>,
        /// At this node.
        at: Option<StrId>,
        /// The whole entry.
        span: SourceSpan,
    },
    /// A condition.
    Condition(Condition),
}

/// A condition over what a run left behind. Its chunks take what was observed ([`OBSERVED`]), and see the flow's
/// state, input and configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Returns a bool.
    pub holds: ChunkId,
    /// The two sides, where it is a comparison: what stands on the left is shown against the right.
    pub sides: Option<(Part, Part)>,
    /// What else it reads, for showing.
    pub parts: Vec<Part>,
    /// As it was written.
    pub text: StrId,
    /// Where it was written.
    pub span: SourceSpan,
}

/// A part of a condition whose value can be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Returns its value.
    pub value: ChunkId,
    /// As it was written.
    pub text: StrId,
    /// Whether it was written as a value, so that its text says all.
    pub literal: bool,
    /// Where it was written.
    pub span: SourceSpan,
}
