//! Hosts do what the machine says and feed back what came of it. This one drives one run on this machine:
//! commit first, then effects; timers, letters from other processes, and a lease on the run.
//!
//! - `calls`: attempts under way and those that wait for a slot.

mod calls;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use flow_bytecode::VerifiedImage;
use flow_machine::{
    AttemptId, Checkpoint, Effect, Event, Input, Machine, Output, Program, Start, Status, Time,
};

use crate::clock::now;
use crate::config::Config;
use crate::error::{Error, Result, code};
use crate::limits::{BATCH, HEARTBEAT, INBOX_POLL, LEASE_NS};
use crate::schema;
use crate::store::{Commit, Head, NewRun, OpenInterrupt, Owner, Settings, Store};
use crate::workers::{Reply, outcome};
use calls::Calls;

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
    /// When something was last written.
    written: Instant,
    /// What came of the start: durable, but neither seen nor done yet.
    begun: Option<Output>,
}

/// What a host needs besides the run.
pub struct Setting {
    /// The project.
    pub config: Arc<Config>,
    /// The choices of the command that started the run.
    pub settings: Settings,
}

impl<S: Store> Host<S> {
    /// Creates a run. Afterwards it is in the store and leased to this process.
    pub fn start(
        mut store: S,
        program: &Arc<Program>,
        image: &[u8],
        start: Start,
        setting: Setting,
    ) -> Result<Self> {
        let at = now();
        let calls = Calls::new(program, &setting, &start.run, &start.flow)?;
        let (run, flow, settings) = (start.run.clone(), start.flow.clone(), setting.settings);
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
            head: &head,
            interrupts: Some(&interrupts),
            letters: &[],
            lease_until: at + LEASE_NS,
        };
        let hash = hex(program.hash());
        let row = NewRun {
            id: &run,
            flow: &flow,
            program: &hash,
            image,
            at,
            settings: &settings,
        };
        store.create(&row, &first, &Owner::current())?;
        let mut host = Self {
            store,
            machine,
            calls,
            run,
            epoch: 1,
            seq: out.events.len() as u64,
            interrupts,
            letters: Vec::new(),
            written: Instant::now(),
            begun: None,
        };
        host.calls.committed(&out.events);
        host.begun = Some(out);
        Ok(host)
    }

    /// Takes over a run that is in the store, as it was when it was last written.
    pub fn open(mut store: S, id: &str, load: impl FnOnce(&[u8]) -> Result<VerifiedImage>) -> Result<Self> {
        let row = store.run(id)?.ok_or_else(|| {
            Error::new(code::NO_RUN, format!("there is no run `{id}` in this store"))
                .help("`flowvm list` shows what there is; --store names another store")
        })?;
        let epoch = store.acquire(id, &Owner::current(), now())?;
        let opened = (|| {
            let program = Arc::new(Program::new(load(&store.program(&row.program)?)?));
            let events = store.events(id, 0)?;
            let config = Arc::new(Config::of(row.settings.root.as_ref())?);
            let setting = Setting {
                config,
                settings: row.settings,
            };
            let mut calls = Calls::new(&program, &setting, id, &row.flow)?;
            calls.committed(&events);
            let seq = events.len() as u64;
            let machine = Machine::replay(program, events).map_err(|error| {
                Error::new(
                    code::STORE_DAMAGED,
                    format!("the log of run `{id}` does not give a run: {error}"),
                )
                .help("nothing was changed; this is a bug of flowvm, or the store was edited by hand")
            })?;
            let interrupts = store.interrupts(id)?;
            Ok((machine, calls, seq, interrupts))
        })();
        match opened {
            Ok((machine, calls, seq, interrupts)) => {
                let (run, letters) = (id.to_owned(), Vec::new());
                Ok(Self {
                    store,
                    machine,
                    calls,
                    run,
                    epoch,
                    seq,
                    interrupts,
                    letters,
                    written: Instant::now(),
                    begun: None,
                })
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
            self.commit(observer)?;
            if self.is_at_rest()? && !self.take_letters()? {
                return Ok(Rest::Settled);
            }
            tokio::select! {
                biased;
                Ok(_) = stop.wait_for(|stop| *stop) => return Ok(Rest::Stopped),
                first = self.calls.next() => self.settle(first),
                () = until(self.machine.next_due()) => self.tick(),
                _ = inbox.tick() => { self.take_letters()?; }
                _ = heartbeat.tick() => self.renew()?,
            }
        }
    }

    /// Ends what is under way and gives the run back. Attempts without an outcome are sent again by whoever
    /// resumes it.
    pub fn close(mut self) -> Result<Machine> {
        self.calls.abort_all();
        self.store.release(&self.run, self.epoch)?;
        Ok(self.machine)
    }

    /// Moves the machine as far as it goes; what came of it becomes durable, and then is done.
    fn commit(&mut self, observer: &mut dyn Observer) -> Result<()> {
        if let Some(begun) = self.begun.take() {
            observer.committed(&begun.events, &begun.checkpoints, &self.machine);
            self.perform(begun.effects);
        }
        let out = self.machine.take();
        if !out.events.is_empty() || !out.checkpoints.is_empty() || !self.letters.is_empty() {
            let head = head(&self.machine);
            let interrupts = Some(open_interrupts(&self.machine)).filter(|open| *open != self.interrupts);
            self.store.commit(&Commit {
                run: &self.run,
                epoch: self.epoch,
                expected: self.seq,
                events: &out.events,
                checkpoints: &out.checkpoints,
                head: &head,
                interrupts: interrupts.as_deref(),
                letters: &self.letters,
                lease_until: now() + LEASE_NS,
            })?;
            self.written = Instant::now();
            self.seq += out.events.len() as u64;
            self.interrupts = interrupts.unwrap_or(std::mem::take(&mut self.interrupts));
            self.letters.clear();
            self.calls.committed(&out.events);
            observer.committed(&out.events, &out.checkpoints, &self.machine);
        }
        self.perform(out.effects);
        for (attempt, why) in self.calls.news() {
            observer.waiting(&attempt, &why);
        }
        Ok(())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dispatch(dispatch) => self.calls.send(dispatch, &mut self.store),
                Effect::Abort(attempt) => self.calls.abort(&attempt),
            }
        }
    }

    /// Tells the machine how calls ended: this one and all that have ended meanwhile, as of one instant.
    fn settle(&mut self, first: (AttemptId, Reply)) {
        let at = now();
        let mut ended = VecDeque::from([first]);
        while ended.len() < BATCH
            && let Some(next) = self.calls.try_next()
        {
            ended.push_back(next);
        }
        for (attempt, reply) in ended {
            // Refused is what nobody waits for any more.
            let _ = self.machine.apply(
                Input::Settled {
                    attempt,
                    outcome: outcome(reply),
                },
                at,
            );
        }
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

    /// Whether nothing moves the run from here. A run that should move and has nothing to wait for is a
    /// failure of ours, and is said rather than waited for.
    fn is_at_rest(&self) -> Result<bool> {
        if self.machine.status() != Status::Running {
            return Ok(self.calls.is_idle());
        }
        if self.calls.is_idle() && self.machine.next_due().is_none() {
            let message = format!(
                "run `{}` neither moves nor rests: this is a bug of flowvm",
                self.run
            );
            return Err(Error::new(code::SYSTEM, message).help("its log is complete: flowvm events shows it"));
        }
        Ok(false)
    }
}

fn head(machine: &Machine) -> Head {
    Head {
        status: machine.status(),
        steps: machine.steps(),
        due: machine.next_due(),
        result: machine.result().cloned(),
        error: machine.error().cloned(),
        at: now(),
    }
}

/// The open interrupts with the schemas of their answers.
pub fn open_interrupts(machine: &Machine) -> Vec<OpenInterrupt> {
    let image = machine.image();
    let open = machine.interrupts().into_iter().map(|one| OpenInterrupt {
        name: one.name,
        ask: one.ask,
        show: one.show,
        schema: one
            .answer
            .map_or_else(|| serde_json::json!({}), |ty| schema::of(image, ty)),
        due: one.due,
    });
    open.collect()
}

/// The name of a program: the hash of its bytes.
pub fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
