//! A host in virtual time, with scripted workers. Checks on the way that the log of every run gives
//! the same run again, however it is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_machine::locks::{Asked, LockTable};
use flow_machine::*;
use serde_json::{Map, Value as Json, json};

pub(crate) const SECOND: i64 = 1_000_000_000;

/// What a worker does with its n-th call.
pub(crate) type Script = Box<dyn FnMut(&Dispatch) -> (i64, Outcome)>;

pub(crate) struct Host {
    pub machine: Machine,
    pub events: Vec<Event>,
    pub checkpoints: Vec<Checkpoint>,
    pub now: i64,
    pub calls: Vec<(i64, Dispatch)>,
    script: Script,
    /// When outcomes come: time, order, attempt.
    pending: BTreeMap<(i64, u64), (AttemptId, Outcome)>,
    sent: u64,
    pub peak: usize,
    pub aborted: Vec<AttemptId>,
    /// Kept replies, and until when.
    pub cache: BTreeMap<String, (CacheKey, Json, i64)>,
    /// The locks of the store.
    pub shared: LockTable,
    wishes: Vec<LockWish>,
    /// What checks come to; none: they never end.
    pub verdict: Option<CheckResult>,
}

pub(crate) fn reply(value: Json) -> Outcome {
    Outcome::Reply { value }
}

pub(crate) fn fails(class: flow_bytecode::ErrorClass) -> Outcome {
    Outcome::Failed {
        class,
        message: "scripted".into(),
        retry_after: None,
    }
}

/// Every worker replies at once with its node's name and index.
pub(crate) fn echo() -> Script {
    Box::new(|dispatch| (0, reply(named(dispatch))))
}

pub(crate) fn named(dispatch: &Dispatch) -> Json {
    if dispatch.attempt.contains('#') {
        json!(format!("{}{}", dispatch.node, dispatch.index))
    } else {
        json!(dispatch.node)
    }
}

pub(crate) fn start(input: Json) -> Start {
    Start {
        run: "r".into(),
        flow: "test".into(),
        input: input.as_object().cloned().unwrap_or_default(),
        config: Map::new(),
        limits: LimitChange::default(),
        breakpoints: Vec::new(),
        barrier: false,
        seed: 7,
    }
}

impl Host {
    pub(crate) fn new(program: &Arc<Program>, start: Start, script: Script) -> Host {
        let machine =
            Machine::start(program.clone(), start, 0).unwrap_or_else(|refusal| panic!("{}", refusal.message));
        Host::of(machine, script, 0)
    }

    /// A host for a machine that is there.
    pub(crate) fn of(machine: Machine, script: Script, now: i64) -> Host {
        Host {
            machine,
            events: Vec::new(),
            checkpoints: Vec::new(),
            now,
            calls: Vec::new(),
            script,
            pending: BTreeMap::new(),
            sent: 0,
            peak: 0,
            aborted: Vec::new(),
            cache: BTreeMap::new(),
            shared: LockTable::default(),
            wishes: Vec::new(),
            verdict: Some(CheckResult {
                check: "scripted".into(),
                passed: Some(true),
                message: String::new(),
            }),
        }
    }

    /// Runs until nothing moves without an answer.
    pub(crate) fn run(mut self) -> Host {
        self.go();
        self
    }

    pub(crate) fn go(&mut self) {
        loop {
            while self.take() {}
            let due = self.machine.next_due();
            let reply = self.pending.keys().next().copied();
            match (reply, due) {
                (Some((at, _)), due) if due.is_none_or(|due| at <= due) => self.deliver(at),
                (_, Some(due)) => {
                    self.now = self.now.max(due);
                    self.machine.apply(Input::Tick, self.now).unwrap();
                }
                _ => return,
            }
        }
    }

    /// Goes on, with outcomes that were told by hand left out.
    pub(crate) fn go_past_settled(&mut self) {
        let open: Vec<AttemptId> = self
            .machine
            .in_flight()
            .into_iter()
            .map(|call| call.attempt)
            .collect();
        self.pending.retain(|_, (attempt, _)| open.contains(attempt));
        self.go();
    }

    /// Everything of one instant comes together.
    fn deliver(&mut self, at: i64) {
        self.now = at;
        while let Some(entry) = self.pending.first_entry().filter(|entry| entry.key().0 == at) {
            let (attempt, outcome) = entry.remove();
            self.machine
                .apply(Input::Settled { attempt, outcome }, at)
                .unwrap();
        }
    }

    /// Takes what came of the last inputs, and does it. Whether the machine was told something at once.
    pub(crate) fn take(&mut self) -> bool {
        let output = self.machine.take();
        self.events.extend(output.events);
        self.checkpoints.extend(output.checkpoints);
        let mut answers = Vec::new();
        for effect in output.effects {
            match effect {
                Effect::Dispatch(dispatch) => self.dispatch(dispatch),
                Effect::Abort(attempt) => {
                    self.pending.retain(|_, (pending, _)| *pending != attempt);
                    self.aborted.push(attempt);
                }
                Effect::Look { activation, key } => {
                    let kept = self.cache.get(&key.hash);
                    let kept = kept.filter(|(of, _, until)| *of == key && *until > self.now);
                    let found = kept.map(|(_, reply, _)| reply.clone());
                    answers.push(Input::Looked { activation, found });
                }
                Effect::Keep { key, reply, ttl } => {
                    let entry = (key.clone(), reply, self.now + ttl);
                    self.cache.insert(key.hash, entry);
                }
                Effect::Verify(Verification {
                    activation, checks, ..
                }) => {
                    if let Some(verdict) = &self.verdict {
                        let results = vec![verdict.clone(); checks.len()];
                        answers.push(Input::Verified { activation, results });
                    }
                }
                Effect::Lock(wish) => self.wishes.push(wish),
                Effect::Unlock { activation } => {
                    self.wishes.retain(|wish| wish.activation != activation);
                    self.shared.release(&activation);
                }
            }
        }
        answers.extend(self.locked());
        self.peak = self.peak.max(self.machine.in_flight().len());
        let any = !answers.is_empty();
        for answer in answers {
            self.machine.apply(answer, self.now).unwrap();
        }
        any
    }

    fn locked(&mut self) -> Vec<Input> {
        let mut answers = Vec::new();
        for wish in std::mem::take(&mut self.wishes) {
            match self.shared.ask(&wish.activation, &wish.locks) {
                Asked::Waits => self.wishes.push(wish),
                asked => answers.push(Input::Locked {
                    activation: wish.activation,
                    held: asked == Asked::Taken,
                }),
            }
        }
        answers
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        let (delay, outcome) = (self.script)(&dispatch);
        self.sent += 1;
        let ends = self.now + delay;
        let (ends, outcome) = match dispatch.deadline {
            Some(deadline) if deadline <= ends => (deadline, fails(flow_bytecode::ErrorClass::Timeout)),
            _ => (ends, outcome),
        };
        self.pending
            .insert((ends, self.sent), (dispatch.attempt.clone(), outcome));
        self.calls.push((self.now, dispatch));
    }

    pub(crate) fn apply(&mut self, input: Input) -> Result<(), Refusal> {
        let result = self.machine.apply(input, self.now);
        self.go();
        result
    }

    pub(crate) fn answer(&mut self, interrupt: &str, value: Json) -> Result<(), Refusal> {
        self.apply(Input::Answer {
            interrupt: interrupt.into(),
            value,
        })
    }

    pub(crate) fn state(&self, field: &str) -> Json {
        self.machine.state().get(field).cloned().unwrap_or(Json::Null)
    }

    pub(crate) fn path(&self) -> String {
        self.machine.path().join(" ")
    }

    pub(crate) fn status(&self) -> Status {
        self.machine.status()
    }

    pub(crate) fn code(&self) -> String {
        self.machine
            .error()
            .map(|error| error.code.clone())
            .unwrap_or_default()
    }

    pub(crate) fn count(&self, worker: &str) -> usize {
        self.calls
            .iter()
            .filter(|(_, dispatch)| dispatch.node == worker)
            .count()
    }

    /// The run's log gives the run again, whole and cut anywhere.
    pub(crate) fn check_replay(&self, program: &Arc<Program>) {
        for cut in 1..=self.events.len() {
            let mut again = Machine::replay(program.clone(), self.events[..cut].iter().cloned())
                .unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            let output = again.take();
            let made: Vec<&Event> = self.events[..cut].iter().chain(&output.events).collect();
            for (at, event) in made.iter().enumerate() {
                assert!(
                    !(matches!(event.kind, EventKind::Received { .. }) && at >= cut),
                    "an input was made up"
                );
                if let Some(original) = self
                    .events
                    .get(at)
                    .filter(|_| at < cut || !has_input(&self.events[cut..=at]))
                {
                    assert_eq!(**event, *original, "cut at {cut}");
                }
            }
            if cut == self.events.len() {
                assert_eq!(again.state(), self.machine.state());
                assert_eq!(again.path(), self.machine.path());
                assert_eq!(again.status(), self.machine.status());
                assert_eq!(again.result(), self.machine.result());
                assert_eq!(again.next_due(), self.machine.next_due());
            }
        }
    }
}

fn has_input(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event.kind, EventKind::Received { .. }))
}
