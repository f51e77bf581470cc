//! A run in virtual time. The clock stands while anything can run and then jumps; at one moment come first replies
//! in order of dispatch, then timers, then what the test does. An answer without a time is given when nothing else
//! can move, before any timer.
//!
//! A crash may be asked for at any of the points at which a process can die: the run is then made again from what
//! was committed.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_bytecode::{Action, SourceSpan, Test};
use flow_machine::{
    Checkpoint, Dispatch, Effect, Event, EventKind, Input, LimitChange, Machine, Program, Start, Status, Time,
};
use serde_json::{Map, Value as Json};

use super::Options;
use super::errands::Errands;
use super::script::Script;
use super::world::{Silence, World};

/// When every test begins: 2026-01-01T00:00:00Z.
pub(super) const DAWN: Time = 1_767_225_600_000_000_000;
/// After so many moves a run is taken for one that does not end.
const MOVES: u64 = 100_000;

/// What stopped a test, or was wrong about it besides its expectations.
pub(super) enum Trouble {
    /// The flow was not started, or did not take what the test did.
    Refused {
        /// What was done.
        what: &'static str,
        /// Where the test says so.
        span: SourceSpan,
        code: String,
        message: String,
    },
    /// An expression of the test failed.
    Fault(flow_machine::Fault, SourceSpan),
    /// A call that nothing answers.
    Silence(Box<Dispatch>, u64, Silence),
    /// Something that happens after the run has ended, at this time from the start.
    TooLate(SourceSpan, Time),
    /// The run waits for these workers for ever.
    NeverEnds(Vec<String>),
    /// The log did not give the run again.
    NotReplayed(String),
}

/// A run that is being played.
pub(super) struct Player<'p> {
    program: &'p Arc<Program>,
    test: &'p Test,
    options: Options,
    script: Script<'p>,
    start: Start,
    pub(super) machine: Machine,
    /// The log, as far as it is durable.
    pub(super) events: Vec<Event>,
    pub(super) checkpoints: Vec<Checkpoint>,
    around: Around,
    /// What was around when the log was last written.
    saved: Around,
    /// When each entry of the test's `timed` is due.
    timed: Vec<Time>,
    /// The questions that the log tells of, in order of opening.
    questions: Vec<Question>,
    /// How many points for a crash there have been.
    pub(super) points: u64,
    /// The point at which to crash.
    crash_at: Option<u64>,
    /// What the run was doing at that point.
    pub(super) crashed: Option<&'static str>,
}

/// What a crash of the process leaves alone.
#[derive(Clone, Default)]
struct Around {
    now: Time,
    world: World,
    errands: Errands,
    /// Entries of the test's `timed` that have been done.
    done: BTreeSet<usize>,
    /// Questions that were answered.
    answered: BTreeSet<usize>,
}

struct Question {
    /// As it is shown.
    name: String,
    /// The node, without the way to it.
    node: String,
    /// From 1, by node.
    number: u64,
    opened: Time,
}

/// What can be done next, and when.
struct Next {
    reply: Option<Time>,
    timer: Option<Time>,
    by_test: Option<Time>,
}

impl<'p> Player<'p> {
    /// Starts the run of a test.
    pub(super) fn new(
        program: &'p Arc<Program>,
        test: &'p Test,
        options: Options,
        crash_at: Option<u64>,
    ) -> Result<Self, Trouble> {
        let mut script = Script::new(program);
        let fault = |fault| Trouble::Fault(fault, test.span);
        let object = |json: Json| json.as_object().cloned().unwrap_or_default();
        let input = object(script.json(test.input, &[]).map_err(fault)?);
        let config = match test.config {
            Some(chunk) => object(script.json(chunk, &[]).map_err(fault)?),
            None => Map::new(),
        };
        let mut timed = Vec::new();
        for one in &test.timed {
            let after = script
                .duration(Some(one.at), &[])
                .map_err(|fault| Trouble::Fault(fault, one.span))?;
            timed.push(DAWN.saturating_add(after));
        }
        let image = program.image();
        let start = Start {
            run: "test".to_owned(),
            flow: image.str(image.flows[test.flow.index()].name).to_owned(),
            input,
            config,
            limits: LimitChange::default(),
            breakpoints: Vec::new(),
            barrier: false,
            seed: options.seed,
        };
        let machine = begin(program, &start, test)?;
        let around = Around {
            now: DAWN,
            ..Around::default()
        };
        Ok(Self {
            program,
            test,
            options,
            script,
            start,
            machine,
            events: Vec::new(),
            checkpoints: Vec::new(),
            saved: around.clone(),
            around,
            timed,
            questions: Vec::new(),
            points: 0,
            crash_at,
            crashed: None,
        })
    }

    /// Plays the run until nothing moves it any more.
    pub(super) fn play(&mut self) -> Result<(), Trouble> {
        for _ in 0..MOVES {
            self.commit()?;
            if self.machine.is_finished() {
                return self.nothing_is_left();
            }
            if !self.move_on()? {
                return self.at_rest();
            }
        }
        Err(Trouble::NeverEnds(Vec::new()))
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> Time {
        self.around.now - DAWN
    }

    pub(super) fn world(&self) -> &World {
        &self.around.world
    }

    /// The input and configuration that the run was given.
    pub(super) fn given(&self) -> (&Map<String, Json>, &Map<String, Json>) {
        (&self.start.input, &self.start.config)
    }

    /// What is due next happens. False if there is nothing.
    fn move_on(&mut self) -> Result<bool, Trouble> {
        let next = self.next();
        let now = self.around.now;
        let is_now = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_now(next.reply) {
            for (attempt, outcome) in self.around.world.replies(now) {
                // Refused is what nobody waits for any more.
                let _ = self.machine.apply(Input::Settled { attempt, outcome }, now);
            }
        } else if is_now(next.timer) {
            self.tick();
        } else if is_now(next.by_test) {
            self.act()?;
        } else if let Some(question) = self.answer_at_once(&next) {
            self.answer(question)?;
        } else {
            let soonest = [next.reply, next.timer, next.by_test].into_iter().flatten().min();
            let Some(soonest) = soonest else {
                return Ok(false);
            };
            self.around.now = soonest;
        }
        Ok(true)
    }

    fn next(&mut self) -> Next {
        let timers = [self.around.world.next_deadline(), self.machine.next_due()];
        let done = &self.around.done;
        let acts = (0..self.timed.len()).filter(|at| !done.contains(at));
        let acts = acts.map(|at| self.timed[at]).min();
        let answers = self.open_questions().into_iter();
        let answers = answers.filter_map(|(_, due)| due).min();
        Next {
            reply: self.around.world.next_reply(),
            timer: timers.into_iter().flatten().min(),
            by_test: [acts, answers].into_iter().flatten().min(),
        }
    }

    /// A question whose answer has no time, if it is its turn: nothing else can move but by a timer or the test.
    fn answer_at_once(&mut self, next: &Next) -> Option<usize> {
        let others = [next.timer, next.by_test].into_iter().flatten().min();
        let reply_is_next = next
            .reply
            .is_some_and(|reply| others.is_none_or(|other| reply <= other));
        if reply_is_next {
            return None;
        }
        let open = self.open_questions();
        open.into_iter()
            .find(|(_, due)| due.is_none())
            .map(|(question, _)| question)
    }

    /// The time of calls and of the machine's timers is over.
    fn tick(&mut self) {
        let now = self.around.now;
        let events = &self.events;
        let began = |attempt: &str| {
            let sent = events.iter().rev().find(
                |event| matches!(&event.kind, EventKind::Dispatched { attempt: sent, .. } if sent == attempt),
            );
            sent.map_or(now, |event| event.at)
        };
        for (attempt, outcome) in self.around.world.overdue(now, began) {
            let _ = self.machine.apply(Input::Settled { attempt, outcome }, now);
        }
        if self.machine.next_due().is_some_and(|due| due <= now) {
            // There is nothing to refuse in the passing of time.
            let _ = self.machine.apply(Input::Tick, now);
        }
    }

    /// The first thing that the test does now.
    fn act(&mut self) -> Result<(), Trouble> {
        let now = self.around.now;
        let done = &self.around.done;
        let due = (0..self.timed.len()).find(|at| self.timed[*at] <= now && !done.contains(at));
        let Some(at) = due else {
            let open = self.open_questions();
            let question = open
                .into_iter()
                .find(|(_, due)| due.is_some_and(|due| due <= now));
            return question.map_or(Ok(()), |(question, _)| self.answer(question));
        };
        self.around.done.insert(at);
        let timed = &self.test.timed[at];
        let fault = |fault| Trouble::Fault(fault, timed.span);
        let image = self.program.image();
        let (what, input) = match timed.action {
            Action::Event { event, data } => {
                let name = image.flows[self.test.flow.index()].events[event as usize].0;
                let data = match data {
                    Some(chunk) => self.script.json(chunk, &[]).map_err(fault)?,
                    None => Json::Null,
                };
                let name = image.str(name).to_owned();
                ("the event", Input::Event { name, data })
            }
            Action::Inject(chunk) => {
                let updates = self.script.json(chunk, &[]).map_err(fault)?;
                let updates = updates.as_object().cloned().unwrap_or_default();
                ("the injection", Input::Inject { updates })
            }
            Action::Cancel => {
                let reason = "cancelled by the test".to_owned();
                ("the cancellation", Input::Cancel { reason })
            }
        };
        self.apply(what, timed.span, input)
    }

    fn answer(&mut self, at: usize) -> Result<(), Trouble> {
        self.around.answered.insert(at);
        let question = &self.questions[at];
        let Some((answer, case)) = self.case_of(question) else {
            return Ok(());
        };
        let answer = &self.test.answers[answer];
        let interrupt = question.name.clone();
        let value = self
            .script
            .json(answer.cases[case].value, &[])
            .map_err(|fault| Trouble::Fault(fault, answer.span))?;
        self.apply("the answer", answer.span, Input::Answer { interrupt, value })
    }

    fn apply(&mut self, what: &'static str, span: SourceSpan, input: Input) -> Result<(), Trouble> {
        let now = self.around.now;
        self.machine
            .apply(input, now)
            .map_err(|refusal| Trouble::Refused {
                what,
                span,
                code: refusal.code.to_owned(),
                message: refusal.message,
            })
    }

    /// The open questions that the test answers and has not answered yet, and when, if it says so.
    fn open_questions(&mut self) -> Vec<(usize, Option<Time>)> {
        if self.test.answers.is_empty() {
            return Vec::new();
        }
        let open: BTreeSet<String> = self
            .machine
            .interrupts()
            .into_iter()
            .map(|open| open.name)
            .collect();
        let mut found = Vec::new();
        for at in 0..self.questions.len() {
            let question = &self.questions[at];
            let newest = self.questions[at + 1..]
                .iter()
                .all(|later| later.name != question.name);
            if self.around.answered.contains(&at) || !newest || !open.contains(&question.name) {
                continue;
            }
            let opened = question.opened;
            let Some((answer, case)) = self.case_of(question) else {
                continue;
            };
            let after = self.test.answers[answer].cases[case].after;
            let due = after.map(|_| self.script.duration(after, &[]).unwrap_or(0));
            found.push((at, due.map(|after| opened.saturating_add(after))));
        }
        found
    }

    /// The entry and the case that answer a question.
    fn case_of(&self, question: &Question) -> Option<(usize, usize)> {
        let image = self.program.image();
        let answers = &self.test.answers;
        let at = answers
            .iter()
            .position(|answer| image.str(answer.node) == question.node)?;
        let mut script = Script::new(self.program);
        let cases = &answers[at].cases;
        let case = cases
            .iter()
            .position(|case| script.fits(case.fits, question.number) == Ok(true))?;
        Some((at, case))
    }

    /// Moves the machine as far as it goes; what came of it becomes durable, and then is done.
    fn commit(&mut self) -> Result<(), Trouble> {
        'again: loop {
            let out = self.machine.take();
            let anything = !out.events.is_empty() || !out.checkpoints.is_empty();
            if anything && self.crashes("before a commit") {
                self.around = self.saved.clone();
                self.make_again()?;
                continue 'again;
            }
            self.record(out.events, out.checkpoints);
            if anything && self.crashes("behind a commit") {
                self.make_again()?;
                continue 'again;
            }
            let mut told = false;
            for effect in self.in_order(out.effects) {
                told |= self.perform(effect)?;
                if self.crashes("behind an effect") {
                    self.make_again()?;
                    continue 'again;
                }
            }
            if told {
                continue 'again;
            }
            return Ok(());
        }
    }

    fn record(&mut self, events: Vec<Event>, checkpoints: Vec<Checkpoint>) {
        for event in &events {
            let EventKind::Interrupted { interrupt, .. } = &event.kind else {
                continue;
            };
            let node = event.node.as_deref().unwrap_or(interrupt);
            let node = node.rsplit('/').next().unwrap_or(node);
            let node = node.split('#').next().unwrap_or(node).to_owned();
            let number = 1 + self.questions.iter().filter(|one| one.node == node).count() as u64;
            self.questions.push(Question {
                name: interrupt.clone(),
                node,
                number,
                opened: event.at,
            });
        }
        self.events.extend(events);
        self.checkpoints.extend(checkpoints);
        if self.crash_at.is_some() {
            self.saved = self.around.clone();
        }
    }

    /// Effects in the order of the log: after a crash the machine hands out calls by their names.
    fn in_order(&self, mut effects: Vec<Effect>) -> Vec<Effect> {
        if self.crashed.is_some() {
            let attempt = |effect: &Effect| match effect {
                Effect::Dispatch(dispatch) => dispatch.attempt.clone(),
                Effect::Abort(attempt) => attempt.clone(),
                _ => String::new(),
            };
            let sent = |event: &Event, wanted: &str| matches!(&event.kind, EventKind::Dispatched { attempt, .. } if attempt == wanted);
            effects.sort_by_cached_key(|effect| {
                let wanted = attempt(effect);
                self.events.iter().rposition(|event| sent(event, &wanted))
            });
        }
        effects
    }

    /// Does what the machine says. Whether it was told something at once.
    fn perform(&mut self, effect: Effect) -> Result<bool, Trouble> {
        match effect {
            Effect::Dispatch(dispatch) => {
                let made_up = self.options.synthetic.then_some(self.options.seed);
                let scene = (&**self.program, self.test, made_up);
                let now = self.around.now;
                let sent = self.around.world.send(&dispatch, now, scene, &mut self.script);
                let step = self.machine.steps();
                sent.map_err(|silence| Trouble::Silence(Box::new(dispatch), step, silence))?;
                Ok(false)
            }
            Effect::Abort(attempt) => {
                self.around.world.abort(&attempt);
                Ok(false)
            }
            other => {
                let now = self.around.now;
                let told = self.around.errands.run(other, now);
                // Refused is what it does not want any more.
                Ok(told.is_some_and(|input| self.machine.apply(input, now).is_ok()))
            }
        }
    }

    /// Whether the process dies here.
    fn crashes(&mut self, place: &'static str) -> bool {
        self.points += 1;
        let here = self.crash_at == Some(self.points) && self.survives_crash();
        if here {
            self.crashed = Some(place);
        }
        here
    }

    /// A call that must not be made twice and whose outcome nobody knows needs a person after a crash, as it should.
    fn survives_crash(&self) -> bool {
        let image = self.program.image();
        let once = |name: &str| {
            let mut workers = image.workers.iter();
            workers.any(|worker| worker.once && image.str(worker.name) == name)
        };
        let mut open = BTreeSet::new();
        for event in &self.events {
            match &event.kind {
                EventKind::Dispatched { attempt, worker, .. } if once(worker) => {
                    open.insert(attempt);
                }
                EventKind::Received {
                    received: Input::Settled { attempt, .. },
                } => {
                    open.remove(attempt);
                }
                _ => {}
            }
        }
        open.is_empty()
    }

    /// Makes the run again from what is durable.
    fn make_again(&mut self) -> Result<(), Trouble> {
        if self.events.is_empty() {
            self.machine = begin(self.program, &self.start, self.test)?;
            return Ok(());
        }
        self.machine = Machine::replay(self.program.clone(), self.events.iter().cloned())
            .map_err(|error| Trouble::NotReplayed(error.to_string()))?;
        let wanted = self.machine.in_flight().into_iter().map(|call| call.attempt);
        self.around.world.keep_only(&wanted.collect());
        Ok(())
    }

    /// The run has ended; so must have the test.
    fn nothing_is_left(&self) -> Result<(), Trouble> {
        let left = (0..self.timed.len()).find(|at| !self.around.done.contains(at));
        if let Some(at) = left {
            let when = self.timed[at] - DAWN;
            return Err(Trouble::TooLate(self.test.timed[at].span, when));
        }
        // An answer that has a time is something that the test does.
        let mut script = Script::new(self.program);
        for (at, question) in self.questions.iter().enumerate() {
            if self.around.answered.contains(&at) {
                continue;
            }
            let Some((answer, case)) = self.case_of(question) else {
                continue;
            };
            let answer = &self.test.answers[answer];
            if let Some(after) = answer.cases[case].after {
                let after = script.duration(Some(after), &[]).unwrap_or(0);
                let when = question.opened.saturating_add(after) - DAWN;
                if when >= self.elapsed() {
                    return Err(Trouble::TooLate(answer.span, when));
                }
            }
        }
        Ok(())
    }

    fn at_rest(&self) -> Result<(), Trouble> {
        if self.machine.status() == Status::Running && self.around.world.is_busy() {
            let silent = self.around.world.silent().into_iter();
            return Err(Trouble::NeverEnds(silent.map(str::to_owned).collect()));
        }
        Ok(())
    }
}

fn begin(program: &Arc<Program>, start: &Start, test: &Test) -> Result<Machine, Trouble> {
    Machine::start(program.clone(), start.clone(), DAWN).map_err(|refusal| Trouble::Refused {
        what: "the start",
        span: test.span,
        code: refusal.code.to_owned(),
        message: refusal.message,
    })
}
