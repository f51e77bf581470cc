//! Attempts under way: each is a task that ends with a message. Those that find no slot wait in line, and do
//! not hold up others; their time runs from the moment they are sent.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use flow_bytecode::{ErrorClass, Protocol, Worker};
use flow_machine::{AttemptId, Conversation, Dispatch, Event, EventKind, Program, Time};

use super::Setting;
use crate::clock::now;
use crate::config::{Binding, Config};
use crate::error::Result;
use crate::schema;
use crate::store::{Claim, Entry, Learned, Mode, Settings, Store};
use crate::workers::secrets::Secrets;
use crate::workers::{self, Call, Failure, Reply, mock, synthetic};

/// The calls of one run.
pub(super) struct Calls {
    program: Arc<Program>,
    config: Arc<Config>,
    settings: Settings,
    secrets: Arc<Secrets>,
    run: String,
    flow: String,
    /// Calls in flight, by attempt.
    flying: HashMap<AttemptId, Flying>,
    /// Calls that have ended, until their outcome is written.
    landing: HashMap<AttemptId, watch::Sender<bool>>,
    /// Calls that wait for a slot, in order.
    line: VecDeque<Queued>,
    /// Calls of this run in flight, by address.
    places: BTreeMap<String, usize>,
    epoch: u64,
    /// Numbers of mocked calls: how many there were per worker, and which one each attempt is.
    counted: BTreeMap<String, u64>,
    numbers: HashMap<AttemptId, u64>,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    news: Vec<(AttemptId, String)>,
}

/// A call that has ended, and how.
type Ended = (AttemptId, Reply);

struct Flying {
    /// Told once the outcome is written.
    durable: watch::Sender<bool>,
    task: Option<AbortHandle>,
    place: Option<String>,
    /// Whether other processes count it, too.
    shared: bool,
}

struct Queued {
    dispatch: Dispatch,
    time: Option<Duration>,
    candidates: Vec<Arc<Binding>>,
    /// Whether it was said that it waits.
    said: bool,
}

impl Calls {
    /// Looks up the secrets, and refuses what could not be called.
    pub(super) fn new(
        program: &Arc<Program>,
        setting: &Setting,
        (run, epoch): (&str, u64),
        flow: &str,
    ) -> Result<Self> {
        let (config, settings) = (setting.config.clone(), setting.settings.clone());
        let image = program.image();
        let is_mocked = |worker: &Worker| settings.mocks.contains_key(image.str(worker.name));
        let calls_out = settings.mode == Mode::Live && !image.workers.iter().all(is_mocked);
        let secrets = if calls_out {
            workers::check_bindings(image, &config, |worker| settings.mocks.contains_key(worker))?;
            Secrets::load(image, &config)?
        } else {
            Secrets::default()
        };
        Ok(Self {
            program: program.clone(),
            config,
            settings,
            secrets: Arc::new(secrets),
            run: run.to_owned(),
            flow: flow.to_owned(),
            flying: HashMap::new(),
            landing: HashMap::new(),
            line: VecDeque::new(),
            places: BTreeMap::new(),
            epoch,
            counted: BTreeMap::new(),
            numbers: HashMap::new(),
            ended: mpsc::unbounded_channel(),
            news: Vec::new(),
        })
    }

    /// Numbers the calls of new events: the log says how often each worker was called.
    pub(super) fn committed(&mut self, events: &[Event]) {
        for event in events {
            match &event.kind {
                EventKind::Dispatched { attempt, worker, .. } => {
                    let count = self.counted.entry(worker.clone()).or_default();
                    *count += 1;
                    self.numbers.insert(attempt.clone(), *count);
                }
                EventKind::Succeeded { attempt } | EventKind::Failed { attempt, .. } => {
                    self.numbers.remove(attempt);
                    if let Some(durable) = self.landing.remove(attempt) {
                        durable.send_replace(true);
                    }
                }
                _ => {}
            }
        }
    }

    /// Sends a call, or puts it in line.
    pub(super) fn send(&mut self, dispatch: Dispatch, store: &mut impl Store) -> Result<()> {
        if let Some(reply) = self.at_once(&dispatch, store) {
            self.flying.insert(
                dispatch.attempt.clone(),
                Flying {
                    durable: watch::Sender::new(false),
                    task: None,
                    place: None,
                    shared: false,
                },
            );
            // The receiver is ours.
            let _ = self.ended.0.send((dispatch.attempt, reply));
            return Ok(());
        }
        let program = self.program.clone();
        let worker = &program.image().workers[dispatch.worker.index()];
        let name = program.image().str(worker.name);
        let tags = workers::texts(program.image(), &worker.tags);
        let candidates = self.config.candidates(name, worker.protocol, &tags);
        let time = self.time(&dispatch);
        self.line.push_back(Queued {
            dispatch,
            time,
            candidates,
            said: false,
        });
        self.move_up(store)
    }

    /// Ends a call whose outcome is no longer wanted.
    pub(super) fn abort(&mut self, attempt: &str, store: &mut impl Store) -> Result<()> {
        self.line.retain(|queued| queued.dispatch.attempt != attempt);
        if let Some(flying) = self.flying.remove(attempt) {
            if let Some(task) = &flying.task {
                task.abort();
            }
            self.free(attempt, &flying, None, store)?;
        }
        self.move_up(store)
    }

    /// Ends all calls.
    pub(super) fn abort_all(&mut self) {
        self.line.clear();
        for (_, flying) in self.flying.drain() {
            if let Some(task) = flying.task {
                task.abort();
            }
        }
    }

    /// Whether nothing is under way or in line.
    pub(super) fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.line.is_empty()
    }

    /// The next call that ends. It may have been withdrawn: `landed` says.
    pub(super) async fn next(&mut self) -> (AttemptId, Reply) {
        match self.ended.1.recv().await {
            Some(ended) => ended,
            // Impossible while we hold a sender; waiting is right all the same.
            None => std::future::pending().await,
        }
    }

    /// A call that has ended already.
    pub(super) fn try_next(&mut self) -> Option<(AttemptId, Reply)> {
        self.ended.1.try_recv().ok()
    }

    /// Calls that began to wait since this was last asked, and what for.
    pub(super) fn news(&mut self) -> Vec<(AttemptId, String)> {
        std::mem::take(&mut self.news)
    }

    /// Frees the slot of a call. False if it was withdrawn before.
    pub(super) fn landed(
        &mut self,
        (attempt, reply): &(AttemptId, Reply),
        store: &mut impl Store,
    ) -> Result<bool> {
        let Some(flying) = self.flying.remove(attempt) else {
            return Ok(false);
        };
        self.free(attempt, &flying, learned(reply), store)?;
        if flying.task.is_some() {
            self.landing.insert(attempt.clone(), flying.durable);
        }
        Ok(true)
    }

    fn free(
        &mut self,
        attempt: &str,
        flying: &Flying,
        learned: Option<Learned>,
        store: &mut impl Store,
    ) -> Result<()> {
        let Some(place) = &flying.place else { return Ok(()) };
        if let Some(count) = self.places.get_mut(place) {
            *count -= 1;
        }
        if flying.shared {
            store.leave(&self.claim(place, attempt, &Binding::default()), learned)?;
        }
        Ok(())
    }

    fn claim<'a>(&'a self, place: &'a str, call: &'a str, binding: &Binding) -> Claim<'a> {
        Claim {
            place,
            run: &self.run,
            call,
            epoch: self.epoch,
            most: binding.max_concurrent,
            rate: binding.rate,
            breaker: binding.breaker,
        }
    }

    /// Replies that come from nowhere, or from the store itself.
    fn at_once(&self, dispatch: &Dispatch, store: &mut impl Store) -> Option<Reply> {
        let image = self.program.image();
        let worker = &image.workers[dispatch.worker.index()];
        let name = image.str(worker.name);
        if let Some(mocks) = self.settings.mocks.get(name) {
            let number = self.numbers.get(&dispatch.attempt).copied().unwrap_or(1);
            return Some(mock::reply(mocks, number, &dispatch.args));
        }
        if self.settings.mode == Mode::Synthetic {
            let made = synthetic::reply(
                &self.program,
                dispatch.reply,
                self.settings.seed,
                &dispatch.attempt,
            );
            let failure = || {
                Failure::new(
                    ErrorClass::InvalidReply,
                    "no value of the reply's type was found; mock this worker",
                )
            };
            return Some(made.ok_or_else(failure));
        }
        (worker.protocol == Protocol::Store)
            .then(|| workers::memory::call(store, &dispatch.options, &dispatch.args))
    }

    /// How long the call may take. One that is sent again after a crash gets its whole time anew.
    fn time(&self, dispatch: &Dispatch) -> Option<Duration> {
        let left = Duration::from_nanos((dispatch.deadline? - now()).max(0) as u64);
        if !dispatch.resent {
            return Some(left);
        }
        let image = self.program.image();
        let nodes = image.flows.iter().flat_map(|flow| &flow.nodes);
        // Of a node in a subgraph, the names of the nodes around it come first.
        let name = dispatch.node.rsplit('/').next().unwrap_or_default();
        let of_node = nodes
            .filter(|node| image.str(node.name) == name)
            .find_map(|node| node.timeout);
        let whole = of_node.or(image.workers[dispatch.worker.index()].timeout);
        Some(whole.map_or(left, |nanos| Duration::from_nanos(nanos.max(0) as u64)))
    }

    /// Sends what has a slot now.
    pub(super) fn move_up(&mut self, store: &mut impl Store) -> Result<()> {
        for mut queued in std::mem::take(&mut self.line) {
            let why = match self.slot(&queued) {
                Ok((place, binding)) => match self.enter(&queued, &place, &binding, store)? {
                    Entry::Free(from) => {
                        self.fly(queued, place, binding, from);
                        continue;
                    }
                    Entry::Full => format!("waiting for a free slot of `{place}`: other runs have them all"),
                },
                Err(why) => why,
            };
            if !std::mem::replace(&mut queued.said, true) {
                self.news.push((queued.dispatch.attempt.clone(), why));
            }
            self.line.push_back(queued);
        }
        Ok(())
    }

    /// A slot and a turn, where the binding has limits.
    fn enter(
        &self,
        queued: &Queued,
        place: &str,
        binding: &Binding,
        store: &mut impl Store,
    ) -> Result<Entry> {
        if is_shared(binding) {
            store.enter(&self.claim(place, &queued.dispatch.attempt, binding), now())
        } else {
            Ok(Entry::Free(None))
        }
    }

    /// The free candidate with the fewest calls in flight.
    fn slot(&self, queued: &Queued) -> std::result::Result<(String, Arc<Binding>), String> {
        if self.flying.len() >= self.config.parallel {
            return Err(format!(
                "waiting for one of {} slots of this process",
                self.config.parallel
            ));
        }
        let worker = &self.program.image().workers[queued.dispatch.worker.index()];
        let name = self.program.image().str(worker.name);
        if queued.candidates.is_empty() {
            return Ok((name.to_owned(), Arc::default()));
        }
        let place = |binding: &Binding| binding.url.clone().unwrap_or_else(|| name.to_owned());
        let flying = |binding: &Arc<Binding>| self.places.get(&place(binding)).copied().unwrap_or(0);
        let free = queued
            .candidates
            .iter()
            .filter(|one| one.max_concurrent.is_none_or(|most| flying(one) < most));
        free.min_by_key(|one| flying(one))
            .map(|one| (place(one), one.clone()))
            .ok_or_else(|| format!("waiting for a free slot of `{name}`"))
    }

    fn fly(&mut self, queued: Queued, place: String, binding: Arc<Binding>, from: Option<Time>) {
        let program = self.program.clone();
        let worker = &program.image().workers[queued.dispatch.worker.index()];
        let (attempt, time) = (queued.dispatch.attempt.clone(), queued.time);
        *self.places.entry(place.clone()).or_default() += 1;
        let shared = is_shared(&binding);
        let durable = watch::Sender::new(false);
        let call = self.call(queued.dispatch, worker, binding, durable.subscribe());
        let (protocol, ended, id) = (worker.protocol, self.ended.0.clone(), attempt.clone());
        let task = tokio::spawn(async move {
            if let Some(from) = from {
                sleep(Duration::from_nanos((from - now()).max(0) as u64)).await;
            }
            let shown = call.worker.clone();
            let reply = workers::start(protocol, call);
            let reply = match time {
                None => reply.await,
                Some(time) => timeout(time, reply).await.unwrap_or_else(|_| {
                    let message = format!(
                        "`{shown}` did not answer within {}",
                        crate::clock::short(time.as_nanos() as i64)
                    );
                    Err(Failure::new(ErrorClass::Timeout, message))
                }),
            };
            // Nobody listens once the host is gone.
            let _ = ended.send((id, reply));
        });
        self.flying.insert(
            attempt,
            Flying {
                durable,
                task: Some(task.abort_handle()),
                place: Some(place),
                shared,
            },
        );
    }

    /// What a turn of an agent carries, as workers see it.
    fn conversation(&self, conversation: &Conversation, turn: u32) -> Json {
        let image = self.program.image();
        let tools: Vec<Json> = conversation
            .tools
            .iter()
            .map(|tool| schema::tool(image, &image.workers[tool.worker.index()]))
            .collect();
        json!({ "turn": turn, "tools": tools, "history": conversation.history })
    }

    fn call(
        &self,
        dispatch: Dispatch,
        worker: &Worker,
        binding: Arc<Binding>,
        durable: watch::Receiver<bool>,
    ) -> Call {
        let image = self.program.image();
        Call {
            run: self.run.clone(),
            flow: self.flow.clone(),
            node: dispatch.node,
            index: dispatch.index,
            turn: dispatch.turn,
            attempt: dispatch.number,
            key: dispatch.key,
            deadline: dispatch.deadline,
            worker: image.str(worker.name).to_owned(),
            conversation: dispatch
                .conversation
                .map(|conversation| self.conversation(&conversation, dispatch.turn)),
            args: self.secrets.reveal_all(dispatch.args),
            options: self.secrets.reveal(dispatch.options),
            shape: workers::shape(image, dispatch.reply),
            wanted: Some(workers::Wanted::new(self.program.clone(), dispatch.reply)),
            binding,
            root: PathBuf::from(&self.settings.root),
            secrets: self.secrets.clone(),
            durable,
            callback: self.config.callback.clone(),
            egress: self.config.egress.clone(),
        }
    }
}

/// Whether other processes must know of calls to it.
fn is_shared(binding: &Binding) -> bool {
    binding.max_concurrent.is_some() || binding.rate.is_some() || binding.breaker.is_some()
}

/// What a reply says about its worker: limits of rate, failures for the breaker.
fn learned(reply: &Reply) -> Option<Learned> {
    match reply {
        Ok(value) => Some(Learned::Good {
            rest: exhausted(value).map(|wait| now() + wait.as_nanos() as i64),
        }),
        Err(failure) if failure.class != ErrorClass::Cancelled => Some(Learned::Bad),
        Err(_) => None,
    }
}

/// How long a worker wants to be left alone after this reply.
fn exhausted(reply: &Json) -> Option<Duration> {
    let limit: &Map<String, Json> = reply
        .get("rate_limit")
        .filter(|_| reply.get("flow") == Some(&Json::from(1)))?
        .as_object()?;
    let none_left = limit.get("remaining").and_then(Json::as_i64) == Some(0);
    none_left.then(|| Duration::from_millis(limit.get("reset_ms").and_then(Json::as_u64).unwrap_or(0)))
}
