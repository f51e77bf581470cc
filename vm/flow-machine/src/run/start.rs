//! How a run begins: input checked, state set up, `start` followed.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_bytecode::{Flow, Limits, Out, Schedule};

use super::activation::{ActId, Failure, Via};
use super::child::{Account, Outer, Site};
use super::fire::Cause;
use super::join::{Arrival, JoinState};
use super::phases::Phases;
use super::{Held, Life, Run, state};
use crate::border;
use crate::event::{Change, Checkpoint, EventKind, Frontier};
use crate::input::{LimitChange, Refusal, Start, Time};
use crate::interp::{Interp, RunView};
use crate::locks::LockTable;
use crate::machine::Output;
use crate::ordered::{OrderedMap, OrderedSet};
use crate::program::Program;
use crate::value::Value;

/// Steps of a run that sets no other limit.
const DEFAULT_STEPS: u64 = 1000;

impl Run {
    /// A run that has begun.
    pub(crate) fn start(program: Arc<Program>, start: Start, at: Time) -> Result<Run, Refusal> {
        let flow_at = find_flow(&program, &start.flow)?;
        let mut run = Run::empty(program, flow_at, start, at);
        run.take_input()?;
        run.apply_limits(run.start.limits);
        run.check_breakpoints()?;
        let created = EventKind::Created {
            start: Box::new(run.start.clone()),
            program: hex(run.program.hash()),
        };
        run.event(0, None, created);
        run.first_checkpoint();
        run.enter();
        Ok(run)
    }

    /// A run of a flow that has not begun.
    pub(super) fn empty(program: Arc<Program>, flow_at: usize, start: Start, at: Time) -> Run {
        let flow = &program.image().flows[flow_at];
        let graph = program.graph(flow_at).clone();
        let joins = flow.joins.iter().map(JoinState::new).collect();
        let limits = limits_of(flow);
        let id: Arc<str> = start.run.as_str().into();
        let seen = seen_first(&id, program.text(flow.name));
        Run {
            flow_at,
            graph,
            interp: Interp::default(),
            seen,
            calls_as: id.clone(),
            id,
            // Breakpoints pause at a step's border.
            early: !start.barrier && start.breakpoints.is_empty(),
            start,
            created: at,
            input: Vec::new(),
            config: Vec::new(),
            limits,
            now: at,
            slots: state::initial(&program, flow),
            changes: 0,
            weight: None,
            phases: Phases::default(),
            waiting: OrderedSet::new(),
            views: BTreeMap::new(),
            committed: 0,
            begun: 0,
            floor: 0,
            acts: OrderedMap::new(),
            steps: OrderedMap::new(),
            live: OrderedMap::new(),
            active: OrderedMap::new(),
            numbers: OrderedMap::new(),
            ready: OrderedSet::new(),
            attempts: OrderedMap::new(),
            timers: OrderedSet::new(),
            errands: OrderedMap::new(),
            locks: LockTable::default(),
            children: OrderedMap::new(),
            child_ids: OrderedMap::new(),
            stirred: OrderedSet::new(),
            place: Site::default(),
            outer: Outer::default(),
            inner: Account::default(),
            hit: None,
            value: Value::Null,
            tools: 0,
            granted: OrderedSet::new(),
            in_flight: 0,
            resting: OrderedMap::new(),
            to_fire: OrderedMap::new(),
            routes: OrderedMap::new(),
            groups: OrderedMap::new(),
            joins,
            held: OrderedMap::new(),
            unsettled: OrderedMap::new(),
            last: OrderedMap::new(),
            passings: Vec::new(),
            asked: OrderedMap::new(),
            waits: OrderedMap::new(),
            openings: 0,
            inbox: Vec::new(),
            deciding: OrderedMap::new(),
            matters: 0,
            undos: Vec::new(),
            compensating: Vec::new(),
            undoing: 0,
            listening: OrderedSet::new(),
            reopening: Vec::new(),
            recorded: 0,
            life: Life::Running,
            resting_said: false,
            paused: false,
            passed: OrderedSet::new(),
            met: None,
            tokens: 0,
            worked: 0,
            working_since: Some(at),
            injected: Vec::new(),
            stuck: None,
            path: Vec::new(),
            checkpoints: 1,
            checkpoint: 0,
            stop_at: None,
            unfinished_checkpoint: None,
            result: None,
            error: None,
            seq: 0,
            out: Output::default(),
            program,
        }
    }

    /// Checks the input and the configuration against the flow.
    fn take_input(&mut self) -> Result<(), Refusal> {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let (input, config) = (self.start.input.clone(), self.start.config.clone());
        let refuse = |what: &str, failure: Failure| Refusal {
            code: "F2001",
            message: format!("{what}: {}", failure.message),
        };
        self.input = self
            .check_params(&flow.params, &input)
            .map_err(|failure| refuse("input", failure))?;
        self.config = self
            .check_params(&flow.config, &config)
            .map_err(|failure| refuse("config", failure))?;
        Ok(())
    }

    fn check_breakpoints(&self) -> Result<(), Refusal> {
        let known = |name: &str| {
            self.flow()
                .nodes
                .iter()
                .any(|node| self.program.image().str(node.name) == name)
        };
        match self.start.breakpoints.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(Refusal {
                code: "F2002",
                message: format!("breakpoint at `{name}`: there is no such node"),
            }),
            None => Ok(()),
        }
    }

    /// Replaces the limits that are given.
    pub(super) fn apply_limits(&mut self, change: LimitChange) {
        self.limits.steps = change.steps.or(self.limits.steps);
        self.limits.time = change.time.or(self.limits.time);
        self.limits.age = change.age.or(self.limits.age);
        self.limits.parallel = change.parallel.or(self.limits.parallel);
        self.limits.tokens = change.tokens.or(self.limits.tokens);
        self.limits.depth = change.depth.or(self.limits.depth);
    }

    /// The state before the first step.
    pub(super) fn first_checkpoint(&mut self) {
        let program = &self.program;
        let fields = self.flow().fields.iter().zip(&self.slots);
        let changed = fields
            .filter_map(|(field, slot)| {
                Some((
                    program.text(field.name).clone(),
                    Change::Set(border::to_json(slot.as_ref()?)),
                ))
            })
            .collect();
        self.unfinished_checkpoint = Some(Checkpoint {
            id: 0,
            parent: None,
            step: 0,
            path: Vec::new(),
            changed,
            frontier: Frontier::default(),
        });
        let said = self.committed_as(0);
        self.event(0, None, said);
    }

    /// Follows `start`; deferred nodes that nothing leads to are held from now on.
    pub(super) fn enter(&mut self) {
        let program = self.program.clone();
        let flow: &Flow = &program.image().flows[self.flow_at];
        for (at, node) in flow.nodes.iter().enumerate() {
            let id = flow_bytecode::NodeId(at as u32);
            if node.schedule == Schedule::Deferred
                && !self.graph.is_entered(id)
                && let Ok(params) = super::eval::arrange(&program, &node.params, None)
            {
                self.held.insert(
                    id,
                    Held {
                        params: params.into(),
                        arrived: Vec::new(),
                        by: (0, start_key(at)),
                    },
                );
                self.activate(id);
            }
        }
        let cause = Cause {
            via: Via::Start,
            step: 0,
            arrived: Vec::new(),
            barred: Vec::new(),
        };
        for (at, out) in flow.entry.iter().enumerate() {
            match out {
                Out::To(target) => self.follow_target(target, &cause, start_key(at), None),
                Out::Arrive { join, source } => {
                    self.arrive(*join, *source, Arrival::one(start_key(at), true));
                }
            }
        }
    }
}

/// What expressions see as `run` that is the same for the whole run.
fn seen_first(id: &Arc<str>, flow: &Arc<str>) -> RunView {
    RunView {
        id: id.clone(),
        flow: flow.clone(),
        ..RunView::default()
    }
}

/// What `start` itself is called where an activation is asked for.
fn start_key(at: usize) -> ActId {
    ActId {
        step: 0,
        node: flow_bytecode::NodeId(0),
        via: Via::Start,
        index: at as u32,
    }
}

pub(super) fn find_flow(program: &Program, name: &str) -> Result<usize, Refusal> {
    let image = program.image();
    image
        .flows
        .iter()
        .position(|flow| image.str(flow.name) == name)
        .ok_or_else(|| Refusal {
            code: "F2003",
            message: format!("the program has no flow `{name}`"),
        })
}

/// A hash as text.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// The limits that the flow sets, and the default where it sets none.
fn limits_of(flow: &Flow) -> Limits {
    Limits {
        steps: flow.limits.steps.or(Some(DEFAULT_STEPS)),
        ..flow.limits
    }
}
