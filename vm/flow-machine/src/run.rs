//! A run: what it is made of, and the loop that moves it.
//!
//! - **Activation** (`activation`): one node to be executed once; **group** (`send`): what a send started.
//! - **Begin** (`begin`): starts what may start. **Attempt**, **envelope**, **retry**: calls and what came of them.
//! - **Cache**, **lock**: what may come before a call. **Verify**: what may come before a reply counts.
//! - **Agent** (`agent`): turns and tools. **Child** (`child`): the runs of subgraphs.
//! - **Settle** (`settle`): what success does; **failure**: where a failure goes; **interrupt**, **wait**: what is open.
//! - **Fire** (`fire`), **route**, **join**: what is triggered. **Step** (`step`): commits, checkpoints.
//! - **Decide** (`decide`): what outcomes of one instant decide; **race**, **until**, **withdraw**, **standing**.
//! - **Outside** (`outside`): inputs. **Ending**: the ways a run ends. **Replay**: a run from its log; **branch**: from
//!   a checkpoint of it; **unsaid**: what of a run its log does not say.

mod activation;
mod agent;
mod attempt;
mod begin;
mod branch;
mod cache;
mod child;
mod decide;
mod early;
mod ending;
mod envelope;
mod eval;
mod failure;
mod fire;
mod foreign;
mod graph;
mod interrupt;
mod invariants;
mod join;
mod limit;
mod lock;
mod outside;
mod phases;
mod race;
mod replay;
mod retry;
mod route;
mod send;
mod settle;
mod show;
mod standing;
mod start;
mod state;
mod step;
mod unsaid;
mod until;
mod verify;
mod wait;
mod withdraw;

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_bytecode::{Flow, JoinId, Limits, Node, NodeId, Schedule, WorkerId};
use serde_json::Value as Json;

use crate::event::{Effect, Event, EventKind, RunError, Status};
use crate::input::{AttemptId, Start, Time};
use crate::interp::{Interp, RunView};
use crate::locks::LockTable;
use crate::machine::Output;
use crate::ordered::{OrderedMap, OrderedSet};
use crate::program::Program;
use crate::value::Value;
pub use branch::{course, course_to};

use activation::{ActId, Activation, GroupId, Phase, Role, Stop, Via, Ways};
use child::{Account, ChildId, Outer, Site};
use decide::{Matter, Place};
use ending::{Ending, UndoEntry};
pub(crate) use graph::Graph;
use join::JoinState;
use phases::Phases;
use route::PendingRoute;
use send::Group;
use state::Slots;

/// One run.
pub(crate) struct Run {
    program: Arc<Program>,
    flow_at: usize,
    graph: Arc<Graph>,
    interp: Interp,
    /// What expressions saw as `run` when one was run last.
    seen: RunView,

    start: Start,
    id: Arc<str>,
    /// What the keys of its calls begin with: its id, and its branch where there are several.
    calls_as: Arc<str>,
    created: Time,
    input: Vec<Value>,
    config: Vec<Value>,
    limits: Limits,

    /// When the last input came; never goes back.
    now: Time,
    /// The state after the last whole step.
    slots: Slots,
    /// How often it has changed.
    changes: u64,
    /// Its size, once somebody asked.
    weight: Option<u64>,
    /// States of later steps, as far as they were asked for.
    views: BTreeMap<u64, early::View>,
    /// All steps up to this one are whole.
    committed: u64,
    /// The highest step that has begun.
    begun: u64,
    /// What is triggered now is numbered after this step.
    floor: u64,

    acts: OrderedMap<ActId, Box<Activation>>,
    /// Activations by the step in which they count, until it is committed.
    steps: OrderedMap<u64, OrderedSet<ActId>>,
    /// How many activations hold a step back.
    live: OrderedMap<u64, usize>,
    /// The same by node and step.
    unsettled: OrderedMap<(NodeId, u64), usize>,
    /// The last step in which something stood at a vertex of the graph.
    last: OrderedMap<usize, u64>,
    /// Joins that passed ahead of the commits: the step of the first arrival, that of the passing.
    passings: Vec<(usize, u64, u64)>,
    /// Whether steps may begin before those before them are whole.
    early: bool,
    /// How many activations, routes and held nodes may still lead on from a node.
    active: OrderedMap<NodeId, usize>,
    /// The next index of a step, node and trigger.
    numbers: OrderedMap<(u64, NodeId, Via), u32>,
    ready: OrderedSet<ActId>,
    attempts: OrderedMap<AttemptId, ActId>,
    timers: OrderedSet<(Time, ActId)>,
    /// Activations for which the host, or the table of locks, owes an answer, by full name.
    errands: OrderedMap<String, ActId>,
    locks: LockTable,
    /// Runs of subgraphs: those under way, and ended ones that may have to go on or be undone.
    children: OrderedMap<ChildId, Box<Run>>,
    /// Those under way, by the name that their activations begin with.
    child_ids: OrderedMap<String, ChildId>,
    /// Runs of subgraphs that may be able to move.
    stirred: OrderedSet<ChildId>,
    /// Where this run stands, if it is that of a subgraph, and what it may do.
    place: Site,
    outer: Outer,
    /// What the runs of subgraphs have used.
    inner: Account,
    /// A limit of an outer run that was met in this one.
    hit: Option<&'static str>,
    /// What the run gives to the one that it belongs to.
    value: Value,
    /// How many uses of tools there were.
    tools: u32,
    /// Who has got locks by somebody else's giving them back, and does not know it yet.
    granted: OrderedSet<String>,
    in_flight: u64,
    /// How many activations there are in each phase.
    phases: Phases,
    /// Workers that asked to be left alone, and until when.
    resting: OrderedMap<WorkerId, Time>,

    to_fire: OrderedMap<ActId, Firing>,
    routes: OrderedMap<ActId, PendingRoute>,
    groups: OrderedMap<GroupId, Group>,
    joins: Vec<JoinState>,
    /// Joins at which something has arrived.
    waiting: OrderedSet<JoinId>,
    /// Deferred nodes that were triggered.
    held: OrderedMap<NodeId, Held>,
    /// Open questions by node and ordinal.
    asked: OrderedMap<(NodeId, u32), ActId>,
    /// Open waits in order of opening.
    waits: OrderedMap<u64, ActId>,
    /// How many interrupts and waits were opened.
    openings: u64,
    /// Events that no wait has used: name and data, oldest first.
    inbox: Vec<(Arc<str>, Json)>,
    /// What was recorded and may decide something, in the order in which it counts.
    deciding: OrderedMap<Place, Matter>,
    matters: u64,
    undos: Vec<UndoEntry>,
    /// What has lost a race and is to be undone, the latest last.
    compensating: Vec<UndoEntry>,
    /// Compensations under way.
    undoing: u64,
    /// Open standing nodes.
    listening: OrderedSet<ActId>,
    /// Standing nodes that are to open again: in which step, and after whom.
    reopening: Vec<(u64, ActId)>,
    recorded: u64,

    life: Life,
    /// Whether it was said that the run rests.
    resting_said: bool,
    paused: bool,
    /// Activations before which the run has paused already.
    passed: OrderedSet<ActId>,
    /// The limit that was met.
    met: Option<&'static str>,
    tokens: u64,
    worked: i64,
    working_since: Option<Time>,

    /// Injections that wait for a whole step.
    injected: Vec<Vec<crate::interp::Update>>,
    /// A step whose updates exclude each other.
    stuck: Option<u64>,
    path: Vec<Arc<str>>,
    /// The number of the next checkpoint, and that of the last one.
    checkpoints: u64,
    checkpoint: u64,
    /// The checkpoint behind which the run must not move: it is to go another way from there.
    stop_at: Option<u64>,
    unfinished_checkpoint: Option<crate::Checkpoint>,
    result: Option<Json>,
    error: Option<RunError>,
    seq: u64,
    out: Output,
}

/// Where a run stands.
enum Life {
    Running,
    Ending(Ending),
    Finished(Status),
}

/// What is to fire.
#[derive(Clone, Copy, Debug)]
enum Firing {
    Act,
    Group(GroupId),
}

/// A deferred node that was triggered.
struct Held {
    params: Arc<[Value]>,
    arrived: Vec<Arc<str>>,
    /// What triggered it first.
    by: (u64, ActId),
}

/// What ends a run.
#[derive(Clone, Debug)]
enum Verdict {
    Stop(Stop),
    /// This activation, route or join failed, and nothing takes it.
    Failed(RunError),
}

impl Run {
    /// Moves the run as far as it goes.
    fn advance(&mut self) {
        self.stir_children();
        loop {
            if self.is_stopped() {
                return;
            }
            self.decide_recorded();
            if !self.move_once() {
                break;
            }
        }
        self.say_rest();
        self.keep_time();
        self.check_invariants();
    }

    /// One thing of what can be done now, the most urgent first.
    fn move_once(&mut self) -> bool {
        if matches!(self.life, Life::Finished(_)) {
            return false;
        }
        if matches!(self.life, Life::Ending(_)) {
            return self.take_granted()
                || self.move_children()
                || self.commit_next()
                || self.begin_ready()
                || self.move_ending();
        }
        self.take_granted()
            || self.move_children()
            || self.reopen_listeners()
            || self.apply_injected()
            || self.commit_whole()
            || self.fire_settled()
            || self.decide_routes()
            || self.judge_joins(false)
            || (self.early && self.judge_joins(true))
            || self.commit_next()
            || self.judge_joins(true)
            || self.forgive_debts()
            || self.finish_checkpoint()
            || self.compensate_next()
            || self.begin_ready()
            || self.release_held()
            || self.end_when_done()
            || self.meet_limit()
    }

    fn flow(&self) -> &Flow {
        &self.program.image().flows[self.flow_at]
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.flow().nodes[node.index()]
    }

    fn node_name(&self, node: NodeId) -> Arc<str> {
        self.program.text(self.node(node).name).clone()
    }

    /// A line of the log.
    fn event(&mut self, step: u64, node: Option<NodeId>, kind: EventKind) {
        self.seq += 1;
        let node = node.map(|node| self.node_name(node));
        let node = match self.place.names.as_str() {
            "" => node,
            names => Some(format!("{names}{}", node.as_deref().unwrap_or_default()).into()),
        };
        self.out.events.push(Event {
            seq: self.seq,
            step,
            node,
            at: self.now,
            kind,
        });
    }

    fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Adds an activation.
    fn insert(&mut self, act: Activation) {
        let id = act.id;
        if act.role == Role::Normal {
            self.steps.or_default(act.step).insert(id);
            self.count_live(id.node, act.step, false, true);
            self.note_last(id.node.index(), act.step);
            self.activate(id.node);
        }
        self.phases.change(None, Some(&act.phase));
        let before = self.acts.insert(id, Box::new(act));
        assert!(before.is_none(), "an activation has a name of its own");
        self.enqueue(id);
    }

    /// Moves an activation to another phase. The only place that does.
    fn set_phase(&mut self, id: ActId, phase: Phase) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        let was = std::mem::replace(&mut act.phase, phase);
        assert!(
            !matches!(was, Phase::Settled(_)),
            "a settled activation never changes"
        );
        let (now, step) = (act.phase.clone(), act.step);
        let counts = act.role == Role::Normal && !act.left;
        self.phases.change(Some(&was), Some(&now));
        for due in dues(&was) {
            self.timers.remove(&(due, id));
        }
        self.timers.extend(dues(&now).into_iter().map(|due| (due, id)));
        self.note_open(id, &was, &now);
        self.note_errand(id, &was, &now);
        self.in_flight -= u64::from(matches!(was, Phase::Running { .. }));
        self.in_flight += u64::from(matches!(now, Phase::Running { .. }));
        if counts {
            self.count_live(id.node, step, holds(&was), holds(&now));
        }
        if !matches!(
            now,
            Phase::Queued | Phase::Running { .. } | Phase::Acting { .. } | Phase::Inside { .. }
        ) {
            self.ready.remove(&id);
            self.leave_lane(id);
        }
        if matches!(now, Phase::Running { .. }) {
            self.ready.remove(&id);
        }
        if matches!(now, Phase::Queued | Phase::Answered(_)) {
            self.enqueue(id);
        }
    }

    fn note_open(&mut self, id: ActId, was: &Phase, now: &Phase) {
        if self.node(id.node).schedule == Schedule::Standing {
            match now {
                Phase::Open(_) | Phase::Waiting(_) => self.listening.insert(id),
                _ => self.listening.remove(&id),
            };
        }
        match was {
            Phase::Open(question) => drop(self.asked.remove(&(id.node, question.ordinal))),
            Phase::Waiting(waiting) => drop(self.waits.remove(&waiting.opened)),
            _ => {}
        }
        match now {
            Phase::Open(question) => drop(self.asked.insert((id.node, question.ordinal), id)),
            Phase::Waiting(waiting) => drop(self.waits.insert(waiting.opened, id)),
            _ => {}
        }
    }

    fn count_live(&mut self, node: NodeId, step: u64, was: bool, now: bool) {
        match (was, now) {
            (true, false) => {
                if let Some(count) = self.unsettled.get_mut(&(node, step)) {
                    *count -= 1;
                    if *count == 0 {
                        self.unsettled.remove(&(node, step));
                    }
                }
                if let Some(count) = self.live.get_mut(&step) {
                    *count -= 1;
                    if *count == 0 {
                        self.live.remove(&step);
                    }
                }
            }
            (false, true) => {
                *self.live.or_default(step) += 1;
                *self.unsettled.or_default((node, step)) += 1;
            }
            _ => {}
        }
    }

    /// Moves an activation that has left its step into a step of its own.
    fn own_step(&mut self, id: ActId) -> u64 {
        let step = self.next_own_step();
        let Some(act) = self.acts.get_mut(&id) else {
            return step;
        };
        let old = std::mem::replace(&mut act.step, step);
        if act.role != Role::Normal {
            return step;
        }
        let back = std::mem::replace(&mut act.left, false) && holds(&act.phase);
        self.count_live(id.node, step, false, back);
        if let Some(members) = self.steps.get_mut(&old) {
            members.remove(&id);
            if members.is_empty() {
                self.steps.remove(&old);
            }
        }
        self.steps.or_default(step).insert(id);
        self.floor = self.floor.max(step);
        self.note_last(id.node.index(), step);
        step
    }

    /// The number of a step after every one that has begun or is planned.
    fn next_own_step(&self) -> u64 {
        let planned = self.live.keys().next_back().copied().unwrap_or(0);
        1 + self.begun.max(self.committed).max(self.floor).max(planned)
    }

    fn activate(&mut self, node: NodeId) {
        *self.active.or_default(node) += 1;
    }

    fn deactivate(&mut self, node: NodeId) {
        let count = self.active.get_mut(&node).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if count == 0 {
            self.active.remove(&node);
        }
    }
}

fn holds(phase: &Phase) -> bool {
    !matches!(phase, Phase::Open(_) | Phase::Waiting(_) | Phase::Settled(_))
}

fn dues(phase: &Phase) -> Vec<Time> {
    match phase {
        Phase::Retrying { due } | Phase::Proving { due } => vec![*due],
        Phase::Acting { due } | Phase::Inside { deadline: due } => due.iter().copied().collect(),
        Phase::Open(question) => question.due.into_iter().collect(),
        Phase::Waiting(waiting) => waiting
            .dues
            .iter()
            .copied()
            .flatten()
            .chain(waiting.timeout)
            .collect(),
        _ => Vec::new(),
    }
}
