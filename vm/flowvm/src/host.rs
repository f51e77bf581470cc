//! Hosts do what the machine says and feed back what came of it. This one drives one run on this machine:
//! commit first, then effects; timers, letters from other processes, and a lease on the run.
//!
//! - `migrate`: a run goes on with another program.
//! - `calls`: attempts under way, and in `line` those that wait for a slot. `proofs`: checks of replies.
//! - `errands`: kept replies and locks. `summary`: what is said of a run.

mod calls;
mod errands;
mod line;
mod migrate;
mod proofs;
mod summary;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use flow_machine::{
    AttemptId, Branch, Checkpoint, Effect, Event, EventKind, Input, Machine, Output, Program, Start, Status,
    Time, course, course_to,
};
use serde_json::{Map, Value as Json};

use crate::clock::now;
use crate::config::Config;
use crate::error::{Error, Result, code};
use crate::history;
use crate::limits::{BATCH, HEARTBEAT, INBOX_POLL, LEASE_NS, SLEEP_NS, SNAPSHOT_FROM};
use crate::store::{Commit, NewRun, OpenInterrupt, Owner, RunRow, Settings, Store};
use crate::workers::{Reply, outcome};
use calls::Calls;
use errands::Errands;
pub use migrate::migrate;
use proofs::Proofs;
pub(crate) use summary::head;
pub use summary::open_interrupts;

/// Sees what happens, after it is durable.
pub trait Observer {
    /// What had happened before this process took the run.
    fn past(&mut self, events: &[Event], checkpoints: &[Checkpoint]);
    /// New lines of the log and new checkpoints.
    fn committed(&mut self, events: &[Event], checkpoints: &[Checkpoint], machine: &Machine);
    /// A call that cannot be sent yet, and why.
    fn waiting(&mut self, attempt: &str, why: &str);
}

/// An observer that looks away.
pub struct Unobserved;

impl Observer for Unobserved {
    fn past(&mut self, _: &[Event], _: &[Checkpoint]) {}
    fn committed(&mut self, _: &[Event], _: &[Checkpoint], _: &Machine) {}
    fn waiting(&mut self, _: &str, _: &str) {}
}

/// Why the host stopped driving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The run ended, or nothing moves it but somebody else.
    Settled,
    /// Somebody asked the host to stop; the run can be resumed.
    Stopped,
    /// Nothing moves it before its time comes, and the host was told to let go of it then.
    Sleeping,
}

/// A run on this machine, with the lease on it.
pub struct Host<S: Store> {
    store: S,
    machine: Machine,
    calls: Calls,
    run: String,
    epoch: u64,
    /// The last event in the store.
    seq: u64,
    interrupts: Vec<OpenInterrupt>,
    /// Letters that were applied but are not yet committed, with the reason if refused.
    letters: Vec<(i64, Option<String>)>,
    /// What else the machine has asked for.
    errands: Errands,
    proofs: Proofs,
    /// When something was last written.
    written: Instant,
    /// What came of the start: durable, but neither seen nor done yet.
    begun: Option<Output>,
    /// The number of the last checkpoint.
    folded: u64,
    /// Whether the host drives the run only while there is something to do.
    lets_go: bool,
}

/// Makes a program of its hash and its bytes.
pub type Load<'a> = &'a dyn Fn(&str, &[u8]) -> Result<Arc<Program>>;

/// What a host needs besides the run.
pub struct Setting {
    /// The project.
    pub config: Arc<Config>,
    /// The choices of the command that started the run.
    pub settings: Settings,
}

impl Setting {
    /// As the run was started, with the project as it is now.
    pub fn of(row: &RunRow) -> Result<Self> {
        Ok(Self {
            config: Arc::new(Config::of(row.settings.root.as_ref())?),
            settings: row.settings.clone(),
        })
    }
}

impl<S: Store> Host<S> {
    /// Creates a run. Afterwards it is in the store and leased to this process.
    pub fn start(
        mut store: S,
        program: &Arc<Program>,
        image: &[u8],
        start: Start,
        setting: &Setting,
    ) -> Result<Self> {
        let at = now();
        let calls = Calls::new(
            program,
            setting,
            (&start.run, 1),
            &start.flow,
            store.registered()?,
        )?;
        let (run, flow, settings) = (start.run.clone(), start.flow.clone(), &setting.settings);
        let mut machine = Machine::start(program.clone(), start, at).map_err(Error::refused)?;
        let out = machine.take();
        let interrupts = open_interrupts(&machine);
        let head = head(&machine);
        let first = Commit {
            run: &run,
            epoch: 1,
            expected: 0,
            events: &out.events,
            checkpoints: &out.checkpoints,
            snapshot: None,
            head: &head,
            interrupts: Some(&interrupts),
            letters: &[],
            lease_until: at + LEASE_NS,
            program: None,
        };
        let hash = crate::hex::encode(program.hash());
        let row = NewRun {
            id: &run,
            flow: &flow,
            program: &hash,
            image,
            parent: None,
            at,
            settings,
        };
        store.create(&row, &first, &Owner::current())?;
        let mut host = Self::of(store, machine, calls, run, (1, setting));
        host.seq = out.events.len() as u64;
        host.interrupts = interrupts;
        host.calls.committed(&out.events);
        host.begun = Some(out);
        Ok(host)
    }

    /// Creates a run that goes on from a checkpoint of another one.
    pub fn fork(mut store: S, source: &RunRow, branch: &Branch, load: Load<'_>) -> Result<Self> {
        let program = load(&source.program, &store.program(&source.program)?)?;
        let log = store.events(&source.id, 0)?;
        let at = now();
        let mut machine = Machine::branch(program.clone(), &log, branch, at).map_err(Error::refused)?;
        let setting = Setting::of(source)?;
        let mut calls = Calls::new(
            &program,
            &setting,
            (&branch.run, 1),
            &source.flow,
            store.registered()?,
        )?;
        let mut events = course_to(&log, branch.checkpoint).unwrap_or_default();
        for (at, event) in events.iter_mut().enumerate() {
            event.seq = at as u64 + 1;
            // Behind the checkpoint, the source may have been moved to another program than it began with.
            if let EventKind::Created { program, .. } = &mut event.kind {
                program.clone_from(&source.program);
            }
        }
        let copied = events.len();
        let mut checkpoints = history::line_of(&store.checkpoints(&source.id)?, branch.checkpoint);
        let out = machine.take();
        events.extend_from_slice(&out.events);
        checkpoints.extend_from_slice(&out.checkpoints);
        let (interrupts, head) = (open_interrupts(&machine), head(&machine));
        let first = Commit {
            run: &branch.run,
            epoch: 1,
            expected: 0,
            events: &events,
            checkpoints: &checkpoints,
            snapshot: None,
            head: &head,
            interrupts: Some(&interrupts),
            letters: &[],
            lease_until: at + LEASE_NS,
            program: None,
        };
        let row = NewRun {
            id: &branch.run,
            flow: &source.flow,
            program: &source.program,
            image: &[],
            parent: Some((&source.id, branch.checkpoint)),
            at,
            settings: &source.settings,
        };
        store.create(&row, &first, &Owner::current())?;
        calls.committed(&events[..copied]);
        calls.committed(&out.events);
        let mut host = Self::of(store, machine, calls, branch.run.clone(), (1, &setting));
        host.seq = events.len() as u64;
        host.interrupts = interrupts;
        host.begun = Some(out);
        Ok(host)
    }

    fn of(store: S, machine: Machine, calls: Calls, run: String, (epoch, setting): (u64, &Setting)) -> Self {
        Self {
            store,
            machine,
            calls,
            run,
            epoch,
            seq: 0,
            interrupts: Vec::new(),
            letters: Vec::new(),
            errands: Errands::new(&setting.settings),
            proofs: Proofs::new(setting),
            written: Instant::now(),
            begun: None,
            folded: 0,
            lets_go: false,
        }
    }

    /// Takes over a run that is in the store, as it was when it was last written.
    pub fn open(store: S, id: &str, load: Load<'_>) -> Result<Self> {
        Self::take(
            store,
            id,
            |program, events| {
                Machine::replay(program, events.to_vec()).map_err(|error| {
                    Error::new(
                        code::STORE_DAMAGED,
                        format!("the log of run `{id}` does not give a run: {error}"),
                    )
                    .help("nothing was changed; this is a bug of flowvm, or the store was edited by hand")
                })
            },
            load,
        )
    }

    /// Takes a run over, and lets it go on from a checkpoint that it has passed.
    pub fn go_back(store: S, branch: &Branch, load: Load<'_>) -> Result<Self> {
        let at = now();
        Self::take(
            store,
            &branch.run,
            |program, events| Machine::branch(program, events, branch, at).map_err(Error::refused),
            load,
        )
    }

    fn take(
        mut store: S,
        id: &str,
        make: impl FnOnce(Arc<Program>, &[Event]) -> Result<Machine>,
        load: Load<'_>,
    ) -> Result<Self> {
        let row = store.run(id)?.ok_or_else(|| {
            Error::new(code::NO_RUN, format!("there is no run `{id}` in this store"))
                .help("`flowvm list` shows what there is; --store names another store")
        })?;
        crate::clock::catch_up(row.head.at);
        let epoch = store.acquire(id, &Owner::current(), now())?;
        let opened = (|| {
            let program = load(&row.program, &store.program(&row.program)?)?;
            let events = store.events(id, 0)?;
            let setting = Setting::of(&row)?;
            let mut calls = Calls::new(&program, &setting, (id, epoch), &row.flow, store.registered()?)?;
            let seq = events.len() as u64;
            let machine = make(program, &events)?;
            let events = course(events);
            calls.committed(&events);
            let last = events.iter().rev().find_map(|event| match event.kind {
                EventKind::Committed { checkpoint } => Some(checkpoint),
                _ => None,
            });
            let interrupts = store.interrupts(id)?;
            Ok((machine, calls, seq, last.unwrap_or(0), interrupts, setting))
        })();
        match opened {
            Ok((machine, calls, seq, folded, interrupts, setting)) => {
                let mut host = Self::of(store, machine, calls, id.to_owned(), (epoch, &setting));
                (host.seq, host.folded, host.interrupts) = (seq, folded, interrupts);
                host.errands.regain(&mut host.store, id, &host.machine)?;
                Ok(host)
            }
            Err(error) => {
                store.release(id, epoch)?;
                Err(error)
            }
        }
    }

    /// The run as it is in memory.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What had happened before this process took the run: the log and the checkpoints. Nothing for a new run.
    pub fn past(&self) -> Result<(Vec<Event>, Vec<Checkpoint>)> {
        if self.begun.is_some() {
            return Ok((Vec::new(), Vec::new()));
        }
        Ok((
            self.store.events(&self.run, 0)?,
            self.store.checkpoints(&self.run)?,
        ))
    }

    /// From now on, a run that only sleeps is not held on to.
    pub fn let_go(&mut self) {
        self.lets_go = true;
    }

    /// Takes something from outside, before the run is driven on.
    pub fn apply(&mut self, input: Input) -> Result<()> {
        let taken = self.machine.apply(input, now());
        taken.map_err(Error::refused)
    }

    /// Drives the run until it ends, rests, or `stop` becomes true.
    pub async fn drive(
        &mut self,
        observer: &mut dyn Observer,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Rest> {
        let mut heartbeat = every(HEARTBEAT);
        let mut inbox = every(INBOX_POLL);
        loop {
            if !self.errands.has_regained(&mut self.store, &self.run, observer)? {
                tokio::select! {
                    biased;
                    Ok(_) = stop.wait_for(|stop| *stop) => return Ok(Rest::Stopped),
                    _ = inbox.tick() => {}
                    _ = heartbeat.tick() => self.renew()?,
                }
                continue;
            }
            self.commit(observer).await?;
            if self.is_at_rest()? && !self.take_letters()? {
                return Ok(Rest::Settled);
            }
            if self.is_asleep() && !self.take_letters()? {
                return Ok(Rest::Sleeping);
            }
            let next_turn = self.calls.next_due();
            tokio::select! {
                biased;
                Ok(_) = stop.wait_for(|stop| *stop) => return Ok(Rest::Stopped),
                first = self.calls.next() => self.settle(first)?,
                (activation, results) = self.proofs.next() => self.tell(Input::Verified { activation, results }),
                () = until(self.machine.next_due()) => self.tick(),
                () = until(next_turn) => self.calls.move_up(&mut self.store)?,
                _ = inbox.tick() => {
                    self.take_letters()?;
                    self.errands.ask_locks(&mut self.store, &self.run, &mut self.machine)?;
                    // Other processes may have given slots back, or brought workers.
                    self.calls.refresh(&self.store)?;
                    self.calls.move_up(&mut self.store)?;
                }
                _ = heartbeat.tick() => self.renew()?,
            }
        }
    }

    /// Ends what is under way and gives the run back. Attempts without an outcome are sent again by whoever
    /// resumes it.
    pub fn close(mut self) -> Result<Machine> {
        self.calls.abort_all();
        self.proofs.abort_all();
        self.store
            .unlock_others(&self.run, &self.machine.shared_locks())?;
        self.store.release(&self.run, self.epoch)?;
        Ok(self.machine)
    }

    /// Moves the machine as far as it goes; what came of it becomes durable, and then is done.
    async fn commit(&mut self, observer: &mut dyn Observer) -> Result<()> {
        if let Some(begun) = self.begun.take() {
            observer.committed(&begun.events, &begun.checkpoints, &self.machine);
            self.perform(begun.effects, observer)?;
        }
        while self.commit_once(observer).await? {}
        for (attempt, why) in self.calls.news() {
            observer.waiting(&attempt, &why);
        }
        Ok(())
    }

    /// Whether what was done has moved the machine again.
    async fn commit_once(&mut self, observer: &mut dyn Observer) -> Result<bool> {
        let out = self.machine.take();
        if !out.events.is_empty() || !out.checkpoints.is_empty() || !self.letters.is_empty() {
            let head = head(&self.machine);
            let interrupts = Some(open_interrupts(&self.machine)).filter(|open| *open != self.interrupts);
            let snapshot = self.snapshot(&out.checkpoints);
            let written = self.store.submit(&Commit {
                run: &self.run,
                epoch: self.epoch,
                expected: self.seq,
                events: &out.events,
                checkpoints: &out.checkpoints,
                snapshot: snapshot.as_ref().map(|(number, state)| (*number, state)),
                head: &head,
                interrupts: interrupts.as_deref(),
                letters: &self.letters,
                lease_until: now() + LEASE_NS,
                program: None,
            });
            written.await?;
            self.written = Instant::now();
            self.seq += out.events.len() as u64;
            self.interrupts = interrupts.unwrap_or(std::mem::take(&mut self.interrupts));
            self.letters.clear();
            self.calls.committed(&out.events);
            observer.committed(&out.events, &out.checkpoints, &self.machine);
        }
        self.perform(out.effects, observer)
    }

    /// The whole state, at distances that grow with the number of the checkpoint: a state of any age is a fold over
    /// at most half of what leads to it, and all of them together weigh about twice the last one.
    fn snapshot(&mut self, checkpoints: &[Checkpoint]) -> Option<(u64, Map<String, Json>)> {
        let last = checkpoints.last()?.id;
        let before = self.folded;
        self.folded = self.folded.max(last);
        (last >= SNAPSHOT_FROM && last.ilog2() > before.max(SNAPSHOT_FROM - 1).ilog2())
            .then(|| (last, self.machine.state()))
    }

    /// Does what the machine says. Whether an answer was there at once.
    fn perform(&mut self, effects: Vec<Effect>, observer: &mut dyn Observer) -> Result<bool> {
        let mut answered = false;
        for effect in effects {
            match effect {
                Effect::Dispatch(dispatch) => self.calls.send(dispatch, &mut self.store)?,
                Effect::Abort(attempt) => self.calls.abort(&attempt, &mut self.store)?,
                Effect::Look { activation, key } => {
                    let found = self.errands.look(&self.store, key)?;
                    self.tell(Input::Looked { activation, found });
                    answered = true;
                }
                Effect::Keep { key, reply, ttl } => {
                    self.errands.keep(&mut self.store, key, &reply, ttl)?;
                }
                Effect::Verify(verification) => self.proofs.start(verification),
                Effect::Lock(wish) => {
                    self.errands.wish(wish);
                    answered |= self
                        .errands
                        .ask_locks(&mut self.store, &self.run, &mut self.machine)?;
                    if let Some(wish) = self.errands.last_wish() {
                        observer.waiting(&wish.activation, &errands::waits_for(wish));
                    }
                }
                Effect::Unlock { activation } => {
                    self.errands.unlock(&mut self.store, &self.run, &activation)?;
                }
            }
        }
        Ok(answered)
    }

    /// Tells the machine what it has asked for. Refused is what it does not want any more.
    fn tell(&mut self, input: Input) {
        let _ = self.machine.apply(input, now());
    }

    /// Tells the machine how calls ended: this one and all that have ended meanwhile, as of one instant.
    fn settle(&mut self, first: (AttemptId, Reply)) -> Result<()> {
        let at = now();
        let mut ended = VecDeque::from([first]);
        while ended.len() < BATCH
            && let Some(next) = self.calls.try_next()
        {
            ended.push_back(next);
        }
        for one in ended {
            if !self.calls.landed(&one, &mut self.store)? {
                continue;
            }
            let (attempt, outcome) = (one.0, outcome(one.1));
            // Refused is what nobody waits for any more.
            let _ = self.machine.apply(Input::Settled { attempt, outcome }, at);
        }
        self.calls.move_up(&mut self.store)
    }

    fn tick(&mut self) {
        // There is nothing to refuse in the passing of time.
        let _ = self.machine.apply(Input::Tick, now());
    }

    /// Whether there were letters of other processes.
    fn take_letters(&mut self) -> Result<bool> {
        let letters = self.store.inbox(&self.run)?;
        let any = !letters.is_empty();
        for (id, input) in letters {
            let refused = self.machine.apply(input, now()).err();
            self.letters.push((
                id,
                refused.map(|refusal| format!("[{}] {}", refusal.code, refusal.message)),
            ));
        }
        Ok(any)
    }

    fn renew(&mut self) -> Result<()> {
        if self.written.elapsed() < HEARTBEAT {
            Ok(())
        } else {
            self.store.renew(&self.run, self.epoch, now() + LEASE_NS)
        }
    }

    /// Whether only the clock moves the run, and not soon.
    fn is_asleep(&self) -> bool {
        let is_far = |due| due > now() + SLEEP_NS;
        self.lets_go
            && self.calls.is_idle()
            && self.proofs.are_done()
            && self.errands.are_done()
            && self.machine.next_due().is_some_and(is_far)
    }

    /// Whether nothing moves the run from here. A run that should move and has nothing to wait for is a
    /// failure of ours, and is said rather than waited for.
    fn is_at_rest(&self) -> Result<bool> {
        if self.machine.status() != Status::Running {
            return Ok(self.calls.is_idle() && self.proofs.are_done());
        }
        if self.calls.is_idle()
            && self.proofs.are_done()
            && self.errands.are_done()
            && self.machine.next_due().is_none()
        {
            let message = format!(
                "run `{}` neither moves nor rests: this is a bug of flowvm",
                self.run
            );
            return Err(Error::new(code::SYSTEM, message).help("its log is complete: flowvm events shows it"));
        }
        Ok(false)
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits until a moment; for ever without one.
async fn until(due: Option<Time>) {
    match due {
        Some(due) => sleep(Duration::from_nanos((due - now()).max(0) as u64)).await,
        None => std::future::pending().await,
    }
}
