//! A host in virtual time that replies after random delays, dies now and then, injects and cancels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_bytecode::ErrorClass;
use flow_machine::{
    AttemptId, Dispatch, Effect, Event, EventKind, Input, LimitChange, Machine, Outcome, Program, Start,
    Status, Time,
};
use serde_json::{Map, Value as Json, json};

use super::plan::{Random, mix};
use super::replies::{Turn, answer, reply, said, turn};

const SECOND: Time = 1_000_000_000;
/// After so many moves a run is taken for one that does not end.
const MOVES: u64 = 20_000;

/// How a program is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    /// Seed of the delays.
    timing: u64,
    /// Whether every step is a barrier.
    barrier: bool,
    /// One crash in so many moves; none: never.
    crashes: Option<u64>,
    /// The move at which the run is cancelled.
    pub(super) cancel: Option<u64>,
    /// How often something may be injected.
    injections: u64,
}

/// How it ended.
pub(super) struct Disturbed {
    pub(super) status: Status,
    pub(super) path: Vec<String>,
    pub(super) state: Json,
    pub(super) steps: u64,
    pub(super) calls: u64,
    pub(super) crashes: u64,
    /// Who had come in when the races were decided, in order of the decisions.
    pub(super) winners: Vec<Vec<String>>,
    /// The sum of what was injected; none: nothing was.
    pub(super) injected: Option<i64>,
}

impl Ways {
    /// Those that are tried with every seed.
    pub(super) fn of(seed: u64) -> Vec<Ways> {
        let quiet = |timing, barrier| Ways {
            timing,
            barrier,
            crashes: None,
            cancel: None,
            injections: 0,
        };
        let dying = |timing, barrier, crashes| Ways {
            crashes: Some(crashes),
            ..quiet(timing, barrier)
        };
        let cancelled = Ways {
            cancel: Some(1 + mix(seed, "cancel") % 30),
            ..dying(5, false, 4)
        };
        let injected = |timing, barrier| Ways {
            injections: 3,
            ..dying(timing, barrier, 6)
        };
        vec![
            quiet(1, true),
            quiet(2, false),
            dying(3, false, 3),
            dying(4, true, 5),
            cancelled,
            injected(6, false),
            injected(7, true),
        ]
    }
}

struct Host<'p> {
    program: &'p Arc<Program>,
    seed: u64,
    ways: Ways,
    machine: Machine,
    now: Time,
    events: Vec<Event>,
    /// What was sent, when its outcome comes, and the outcome. Outlives crashes.
    sent: BTreeMap<AttemptId, (Time, Outcome)>,
    flying: BTreeSet<AttemptId>,
    /// When an open question is answered.
    answers: BTreeMap<String, Time>,
    random: Random,
    crashed: u64,
    /// What was injected.
    injected: Vec<i64>,
}

/// Plays a program. Fails with what must not be, whatever the reference says.
pub(super) fn play(program: &Arc<Program>, seed: u64, ways: &Ways) -> Result<Disturbed, String> {
    let start = Start {
        run: "sim".into(),
        flow: "sim".into(),
        input: Map::new(),
        config: Map::new(),
        limits: LimitChange::default(),
        breakpoints: Vec::new(),
        barrier: ways.barrier,
        seed,
    };
    let machine = Machine::start(program.clone(), start, 0).map_err(|refusal| refusal.message)?;
    let mut host = Host {
        program,
        seed,
        ways: *ways,
        machine,
        now: 0,
        events: Vec::new(),
        sent: BTreeMap::new(),
        flying: BTreeSet::new(),
        answers: BTreeMap::new(),
        random: Random::new(seed ^ ways.timing),
        crashed: 0,
        injected: Vec::new(),
    };
    for moves in 0..MOVES {
        host.commit()?;
        if host.machine.is_finished() {
            return Ok(host.ended());
        }
        if ways.cancel == Some(moves) {
            let reason = "as the seed says".to_owned();
            let now = host.now;
            let cancelled = host.machine.apply(Input::Cancel { reason }, now);
            cancelled.map_err(|refusal| refusal.message)?;
            continue;
        }
        host.inject()?;
        if !host.next() {
            return Ok(host.ended());
        }
    }
    Err("the run does not end".into())
}

impl Host<'_> {
    /// Makes durable what came, and does what is to be done, unless the process dies first.
    fn commit(&mut self) -> Result<(), String> {
        let out = self.machine.take();
        let broken = self.machine.broken_invariants();
        if !broken.is_empty() {
            return Err(format!("invariants are broken: {}", broken.join("; ")));
        }
        self.events.extend(out.events);
        let mut effects = out.effects;
        if let Some(chance) = self.ways.crashes
            && self.random.one_in(chance)
        {
            effects.truncate(self.random.below(effects.len() as u64 + 1) as usize);
            self.perform(effects);
            return self.crash();
        }
        self.perform(effects);
        Ok(())
    }

    /// The machine is made again from the log.
    fn crash(&mut self) -> Result<(), String> {
        self.crashed += 1;
        let before = (
            self.machine.state(),
            self.machine.path().to_vec(),
            self.machine.next_due(),
        );
        self.machine = Machine::replay(self.program.clone(), self.events.iter().cloned())
            .map_err(|error| format!("the log does not give the run again: {error}"))?;
        let out = self.machine.take();
        let after = (
            self.machine.state(),
            self.machine.path().to_vec(),
            self.machine.next_due(),
        );
        if before != after {
            return Err(format!("after a crash the run is another: {before:?}, {after:?}"));
        }
        self.events.extend(out.events);
        let wanted = self.machine.in_flight().into_iter().map(|call| call.attempt);
        let wanted: BTreeSet<AttemptId> = wanted.collect();
        self.flying.retain(|attempt| wanted.contains(attempt));
        self.perform(out.effects);
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dispatch(call) => {
                    let outcome = self.outcome(&call);
                    let delay = (mix(self.ways.timing, &call.attempt) % 7) as Time * SECOND / 2;
                    let ends = self.now + delay;
                    self.sent.entry(call.attempt.clone()).or_insert((ends, outcome));
                    self.flying.insert(call.attempt);
                }
                Effect::Abort(attempt) => {
                    self.flying.remove(&attempt);
                }
                _ => {}
            }
        }
    }

    /// What the worker does with a call. Turns of agents carry what was said before.
    fn outcome(&self, call: &Dispatch) -> Outcome {
        let key = call.args.get("key").and_then(Json::as_str).unwrap_or_default();
        let n = call.args.get("n").and_then(Json::as_i64).unwrap_or(0);
        let value = match &call.conversation {
            None => reply(self.seed, key, n, call.number).map(Json::from),
            Some(told) => turn(self.seed, key, n, call.turn, call.number).map(|turn| match turn {
                Turn::Says(base) => json!(said(base, &heard(&told.history))),
                Turn::Asks(uses) => {
                    let calls = uses
                        .iter()
                        .map(|(key, n)| json!({"name": "work", "args": {"key": key, "n": n}}));
                    json!({"flow": 1, "tool_calls": calls.collect::<Vec<Json>>()})
                }
            }),
        };
        value.map_or_else(
            || Outcome::Failed {
                class: ErrorClass::Http5xx,
                message: "as the seed says".into(),
                retry_after: None,
            },
            |value| Outcome::Reply { value },
        )
    }

    /// Now and then something comes from outside.
    fn inject(&mut self) -> Result<(), String> {
        if self.injected.len() as u64 == self.ways.injections || !self.random.one_in(4) {
            return Ok(());
        }
        let number = 1 + self.random.below(9) as i64;
        let mut updates = Map::new();
        updates.insert("outside".into(), json!(number));
        let now = self.now;
        let injected = self.machine.apply(Input::Inject { updates }, now);
        injected.map_err(|refusal| refusal.message)?;
        self.injected.push(number);
        self.commit()
    }

    /// What is due next happens. False if there is nothing.
    fn next(&mut self) -> bool {
        for open in self.machine.interrupts() {
            let delay = (mix(self.ways.timing, &open.name) % 5) as Time * SECOND;
            self.answers.entry(open.name).or_insert(self.now + delay);
        }
        let reply = self.flying.iter().map(|attempt| self.sent[attempt].0).min();
        let answer = self.answers.values().copied().min();
        let soonest = [reply, answer, self.machine.next_due()]
            .into_iter()
            .flatten()
            .min();
        let Some(soonest) = soonest else { return false };
        self.now = self.now.max(soonest);
        if self.machine.next_due().is_some_and(|due| due <= self.now) {
            let _ = self.machine.apply(Input::Tick, self.now);
        }
        self.settle();
        self.answer_due();
        true
    }

    /// The outcomes that have come, in an order of their own.
    fn settle(&mut self) {
        let now = self.now;
        let mut due: Vec<AttemptId> = self
            .flying
            .iter()
            .filter(|attempt| self.sent[*attempt].0 <= now)
            .cloned()
            .collect();
        due.sort_by_key(|attempt| mix(self.ways.timing, attempt));
        for attempt in due {
            self.flying.remove(&attempt);
            let outcome = self.sent[&attempt].1.clone();
            let _ = self.machine.apply(Input::Settled { attempt, outcome }, now);
        }
    }

    fn answer_due(&mut self) {
        let now = self.now;
        let due: Vec<String> = self
            .answers
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for interrupt in due {
            self.answers.remove(&interrupt);
            let value = json!(answer(self.seed, &interrupt));
            let _ = self.machine.apply(Input::Answer { interrupt, value }, now);
        }
    }

    fn ended(&self) -> Disturbed {
        Disturbed {
            status: self.machine.status(),
            path: self.machine.path().iter().map(ToString::to_string).collect(),
            state: Json::Object(self.machine.state()),
            steps: self.machine.steps(),
            calls: self.sent.len() as u64,
            crashes: self.crashed,
            winners: self.events.iter().filter_map(winner).collect(),
            injected: (!self.injected.is_empty()).then(|| self.injected.iter().sum()),
        }
    }
}

/// Who had come in, of an event that decides a race.
fn winner(event: &Event) -> Option<Vec<String>> {
    match &event.kind {
        EventKind::Decided { what } => {
            let arrived = what.strip_prefix("first of: ")?;
            Some(arrived.split(", ").map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// The results of the tools that an agent has used; none of those that failed.
fn heard(history: &Json) -> Vec<Option<i64>> {
    let turns = history.as_array().into_iter().flatten();
    let uses = turns.flat_map(|turn| turn["tool_calls"].as_array().into_iter().flatten());
    uses.map(|used| used["result"].as_i64()).collect()
}
