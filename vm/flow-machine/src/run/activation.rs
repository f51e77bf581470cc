//! Activations: one node to be executed once. Their identity does not depend on when outcomes
//! arrive. What moves them from phase to phase is elsewhere: `begin`, `attempt`, `settle`, `failure`.

use std::sync::Arc;

use flow_bytecode::{
    ChunkId, ErrorClass, FieldId, JoinId, NodeId, RetryPolicy, SourceSpan, TypeId, WorkerId,
};
use serde_json::Value as Json;

use crate::effect::CacheKey;
use crate::event::Settlement;
use crate::input::{AttemptId, Outcome, Time};
use crate::interp::Update;
use crate::value::Value;

use super::agent::Talk;
use super::verify::Unproven;

/// What an activation is called: the same however outcomes are timed. The order is that in which
/// updates of one step are applied and triggers are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ActId {
    /// The step for which it was planned.
    pub(crate) step: u64,
    /// Its node.
    pub(crate) node: NodeId,
    /// What triggered it.
    pub(crate) via: Via,
    /// Its number among those of the same step, node and trigger: the item of a group.
    pub(crate) index: u32,
}

/// What triggered an activation, seen through routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Via {
    /// `start`.
    Start,
    /// A node's arrow, arm, command, item or error way.
    Node(NodeId),
    /// A join that passed.
    Join(JoinId),
    /// A deferred node that was released.
    Held,
    /// A turn of an agent.
    Tool,
    /// The end of the run.
    Ending,
}

/// Why an activation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It was triggered.
    Normal,
    /// The run ends.
    Finally,
    /// Compensates the call that was recorded as number so-and-so.
    Undo(u64),
    /// Is used by an agent.
    Tool {
        agent: ActId,
        turn: u64,
        /// Which use of the turn, from 0.
        call: u32,
        /// Whether somebody has to agree first.
        approval: bool,
    },
}

/// One node to be executed once.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Activation {
    pub(crate) id: ActId,
    /// The step in which it counts; later than planned if it was settled from outside.
    pub(crate) step: u64,
    pub(crate) role: Role,
    pub(crate) params: Arc<[Value]>,
    /// Sources that the join before it took.
    pub(crate) arrived: Vec<Arc<str>>,
    /// The group that it is an item of.
    pub(crate) group: Option<GroupId>,
    /// Which `each` of the group.
    pub(crate) lane: usize,
    pub(crate) phase: Phase,
    /// When it began.
    pub(crate) began: Option<Time>,
    /// Number of the last attempt.
    pub(crate) attempts: u32,
    /// Attempts that count against the policy.
    pub(crate) tries: u32,
    /// The call, once its arguments are known.
    pub(crate) call: Option<Arc<CallFrame>>,
    /// Of an agent: what was said.
    pub(crate) talk: Option<Box<Talk>>,
    /// Of a tool: whether somebody has agreed to its use.
    pub(crate) approved: bool,
    /// A reply that waits for its checks, or for somebody who says whether it counts.
    pub(crate) unproven: Option<Box<Unproven>>,
    /// Under which key a reply to its call is kept.
    pub(crate) cached: Option<Arc<CacheKey>>,
    /// Whether it has, or waits for, locks.
    pub(crate) locks: Locks,
    /// What it does to the state when its step commits.
    pub(crate) updates: Vec<Update>,
    /// Where it leads when it fires.
    pub(crate) ways: Ways,
    /// Whether that was followed, or there is nothing to follow.
    pub(crate) fired: bool,
    /// Whether its call was compensated, and has to be made again if the run goes on.
    pub(crate) undone: bool,
    /// How often it was compensated and made again: each time under a new key.
    pub(crate) remade: u32,
    /// Whether it runs outside its step, and holds up nobody.
    pub(crate) left: bool,
    /// Whether an early completion has left it running: its outcome settles in a step of its own.
    pub(crate) leftover: bool,
    /// Whether nobody waits for what it leads to.
    pub(crate) unheeded: bool,
    /// Whether it succeeded in the instant in which another won the race that it was in.
    pub(crate) lost: bool,
    /// Branches of joins that were withdrawn after it had settled.
    pub(crate) barred: Vec<(JoinId, u32)>,
}

/// Where an activation stands.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// To be begun, or to be called again.
    Queued,
    /// Called.
    Running {
        /// When the host ends it.
        deadline: Option<Time>,
        /// Whether it was called before the log was cut.
        resent: bool,
    },
    /// The host looks for a kept reply.
    Looking,
    /// Waits for locks.
    Locking {
        /// Of the store; otherwise of the run.
        shared: bool,
    },
    /// An agent whose tools are under way.
    Acting {
        /// When the whole conversation times out.
        due: Option<Time>,
    },
    /// A subgraph whose run is under way.
    Inside {
        /// When it times out.
        deadline: Option<Time>,
    },
    /// Its reply is being checked.
    Proving {
        /// When somebody is asked instead.
        due: Time,
    },
    /// To be called again.
    Retrying {
        /// When.
        due: Time,
    },
    /// Waits for an answer. Has left its step.
    Open(Question),
    /// Waits for time or an event. Has left its step.
    Waiting(Waiting),
    /// Something came from outside; settles in a step of its own.
    Answered(Answer),
    /// Failed for good, and nothing took it. Holds its step back.
    Failed,
    /// Over.
    Settled(Settlement),
}

/// The locks of an activation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Locks {
    /// None, or not asked for yet.
    #[default]
    No,
    /// It stands in line; these are their names in the table.
    Wanted(Arc<[String]>),
    /// It has them.
    Held(Arc<[String]>),
}

/// An open question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Which one of those of its node that are open, from 1.
    pub(crate) ordinal: u32,
    /// Counts openings within the run.
    pub(crate) opened: u64,
    pub(crate) ask: String,
    pub(crate) show: Json,
    pub(crate) answer: Option<TypeId>,
    pub(crate) due: Option<Time>,
    pub(crate) about: About,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// What its node asks.
    Node,
    /// A call whose outcome is not known: the answer stands for the reply.
    Outcome,
    /// A call that is blocked: null makes it again, another answer stands for the reply.
    Blocked,
    /// A reply that could not be checked: the same.
    Unproven,
    /// A tool that an agent wants to use.
    Approval,
}

/// An open wait.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Counts openings within the run.
    pub(crate) opened: u64,
    /// When each choice is due; none: an event.
    pub(crate) dues: Vec<Option<Time>>,
    /// When it times out.
    pub(crate) timeout: Option<Time>,
}

/// What came from outside for an interrupt or a wait.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A checked answer, or the event of the only choice.
    Value(Value),
    /// The n-th choice of a wait, with its event or null.
    Choice(usize, Value),
    /// It timed out.
    TimedOut,
    /// The outcome of an attempt that an early completion had left running.
    Outcome(AttemptId, Box<Outcome>),
}

/// A call that is under way or was made.
#[derive(Clone, Debug)]
pub(crate) struct CallFrame {
    pub(crate) worker: WorkerId,
    pub(crate) reply: TypeId,
    /// The record of arguments.
    pub(crate) args: Value,
    /// The options of the protocol.
    pub(crate) options: Value,
    pub(crate) key: String,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) timeout: Option<i64>,
}

/// Where an activation leads when it fires.
#[derive(Clone, Debug)]
pub(crate) enum Ways {
    /// Nowhere.
    None,
    /// Along its arrows.
    Arrows,
    /// To these instead.
    Aims(Vec<Aim>),
}

/// A target with its arguments evaluated.
#[derive(Clone, Debug)]
pub(crate) enum Aim {
    /// A node or a route.
    Node(NodeId, Option<Arc<[Value]>>),
    /// Ends the branch.
    End,
    /// Counts as done.
    Skip,
    /// Ends the run.
    Stop(Stop),
}

/// How a run is ended by its program.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// Done.
    Halt,
    /// Failed; the text is made from the last state.
    Fail(ChunkId, Vec<Value>),
    /// Cancelled; the text is made from the last state.
    Cancel(ChunkId, Vec<Value>),
}

/// Why an activation failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The code of its page.
    pub(crate) code: &'static str,
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
    pub(crate) span: Option<SourceSpan>,
    /// What came back, if something did. Boxed, because failures are passed around a lot.
    pub(crate) reply: Option<Box<Json>>,
    /// Nanoseconds that the worker asked for.
    pub(crate) retry_after: Option<i64>,
    /// Whether no attempt can help, or one may, whatever its class.
    pub(crate) retryable: Option<bool>,
}

/// The activations that one activation of a send started in one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId {
    pub(crate) send: ActId,
    pub(crate) node: NodeId,
}

/// An update of a worker's own command, or from outside.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    pub(crate) field: FieldId,
    pub(crate) value: Value,
    pub(crate) overwrite: bool,
}

impl Activation {
    pub(crate) fn new(id: ActId, role: Role, params: Arc<[Value]>) -> Activation {
        Activation {
            id,
            step: id.step,
            role,
            params,
            arrived: Vec::new(),
            group: None,
            lane: 0,
            phase: Phase::Queued,
            began: None,
            attempts: 0,
            tries: 0,
            call: None,
            talk: None,
            approved: false,
            unproven: None,
            cached: None,
            locks: Locks::No,
            updates: Vec::new(),
            ways: Ways::None,
            fired: false,
            undone: false,
            remade: 0,
            left: false,
            leftover: false,
            unheeded: false,
            lost: false,
            barred: Vec::new(),
        }
    }

    /// The turn of an agent that it is, or belongs to; 1 elsewhere.
    pub(crate) fn turn(&self) -> u64 {
        match (&self.talk, self.role) {
            (Some(talk), _) => talk.turn,
            (None, Role::Tool { turn, .. }) => turn,
            _ => 1,
        }
    }

    /// Whether something is under way that can be taken back.
    pub(crate) fn is_withdrawable(&self) -> bool {
        self.role == Role::Normal && !matches!(self.phase, Phase::Settled(_))
    }

    /// Whether it has begun and runs by itself.
    pub(crate) fn runs(&self) -> bool {
        match self.phase {
            Phase::Running { .. }
            | Phase::Retrying { .. }
            | Phase::Looking
            | Phase::Locking { .. }
            | Phase::Acting { .. }
            | Phase::Inside { .. }
            | Phase::Proving { .. } => true,
            Phase::Queued => self.attempts > 0,
            _ => false,
        }
    }

    /// Whether it holds its step back.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.left
            && match self.phase {
                Phase::Queued
                | Phase::Running { .. }
                | Phase::Looking
                | Phase::Locking { .. }
                | Phase::Acting { .. }
                | Phase::Inside { .. }
                | Phase::Proving { .. }
                | Phase::Retrying { .. }
                | Phase::Answered(_)
                | Phase::Failed => true,
                Phase::Open(_) | Phase::Waiting(_) | Phase::Settled(_) => false,
            }
    }
}

impl From<Foreign> for Update {
    fn from(foreign: Foreign) -> Update {
        Update {
            field: foreign.field,
            value: foreign.value,
            overwrite: foreign.overwrite,
        }
    }
}

impl Failure {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Failure {
        let code = match class {
            ErrorClass::Deadlock => "F2209",
            ErrorClass::Verification => "F2210",
            ErrorClass::Timeout => "F2202",
            ErrorClass::InvalidReply => "F2203",
            ErrorClass::Cancelled => "F2204",
            ErrorClass::Lost => "F2205",
            ErrorClass::Limit => "F2206",
            ErrorClass::Subgraph => "F2207",
            ErrorClass::Reported => "F2208",
            ErrorClass::Fault => "F2108",
            _ => "F2201",
        };
        Failure {
            code,
            class,
            message: message.into(),
            span: None,
            reply: None,
            retry_after: None,
            retryable: None,
        }
    }
}

impl From<crate::Fault> for Failure {
    fn from(fault: crate::Fault) -> Failure {
        let mut failure = Failure::new(fault.class(), fault.to_string());
        failure.code = fault.kind.code();
        failure.span = fault.span;
        failure
    }
}
