//! Attempts under way: each is a task that ends with a message. Those that find no slot wait in line, and do
//! not hold up others; their time runs from the moment they are sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use flow_bytecode::{ErrorClass, Protocol, Worker};
use flow_machine::{AttemptId, Conversation, Dispatch, Event, EventKind, Program, Time};

use super::Setting;
use super::line::{Line, Queued};
use crate::clock::{nanos, now, short};
use crate::config::{Binding, Config, Registered};
use crate::error::{Error, Result};
use crate::limits::HOLD_NS;
use crate::schema;
use crate::store::{Claim, Entry, Hold, Learned, Mode, Settings, Store, Verdict};
use crate::workers::secrets::Secrets;
use crate::workers::{self, Call, Failure, Reply, mock, synthetic};

/// The calls of one run.
pub(super) struct Calls {
    program: Arc<Program>,
    /// What `flow.toml` says, and the same with the workers that are registered.
    file: Arc<Config>,
    config: Arc<Config>,
    registered: Vec<Registered>,
    settings: Settings,
    secrets: Arc<Secrets>,
    run: String,
    flow: String,
    /// Calls in flight, by attempt.
    flying: HashMap<AttemptId, Flying>,
    /// Calls that have ended, until their outcome is written.
    landing: HashMap<AttemptId, watch::Sender<bool>>,
    /// Calls that wait for a slot.
    line: Line,
    /// Where each worker can be called.
    ways: BTreeMap<usize, Vec<Way>>,
    /// Calls of this run in flight, by address, and the number of the last one.
    places: BTreeMap<String, (usize, u64)>,
    sent: u64,
    /// Addresses that take no call now, until when they need not be asked again, and why. Without a time, others
    /// have all the slots: they give them back without a word, so that it is asked for with every look into the inbox.
    held: BTreeMap<String, (Option<Time>, String)>,
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
    way: Option<Way>,
}

/// Where a worker can be called.
#[derive(Clone)]
struct Way {
    place: String,
    binding: Arc<Binding>,
}

impl Calls {
    /// Looks up the secrets, and refuses what could not be called.
    pub(super) fn new(
        program: &Arc<Program>,
        setting: &Setting,
        (run, epoch): (&str, u64),
        flow: &str,
        registered: Vec<Registered>,
    ) -> Result<Self> {
        let (file, settings) = (setting.config.clone(), setting.settings.clone());
        let config = Arc::new(file.with(&registered)?);
        let image = program.image();
        let is_mocked = |worker: &str| settings.mocks.contains_key(worker);
        let secrets = if settings.mode == Mode::Live && workers::calls_out(image, is_mocked) {
            let bound = workers::check_bindings(image, &config, is_mocked);
            let secrets = Secrets::load(image, &config);
            let (secrets, missing) = match secrets {
                Ok(secrets) => (secrets, None),
                Err(missing) => (Secrets::default(), Some(missing)),
            };
            Error::all(bound.err().into_iter().chain(missing).collect())?;
            secrets
        } else {
            Secrets::default()
        };
        Ok(Self {
            program: program.clone(),
            file,
            config,
            registered,
            settings,
            secrets: Arc::new(secrets),
            run: run.to_owned(),
            flow: flow.to_owned(),
            flying: HashMap::new(),
            landing: HashMap::new(),
            line: Line::default(),
            ways: BTreeMap::new(),
            places: BTreeMap::new(),
            sent: 0,
            held: BTreeMap::new(),
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
                    way: None,
                },
            );
            // The receiver is ours.
            let _ = self.ended.0.send((dispatch.attempt, reply));
            return Ok(());
        }
        let time = self.time(&dispatch);
        self.line.push(dispatch, time);
        self.move_up(store)
    }

    /// Ends a call whose outcome is no longer wanted.
    pub(super) fn abort(&mut self, attempt: &str, store: &mut impl Store) -> Result<()> {
        self.line.remove(attempt);
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
        let Some(way) = &flying.way else { return Ok(()) };
        if let Some((count, _)) = self.places.get_mut(&way.place) {
            *count -= 1;
        }
        if is_shared(&way.binding) {
            store.leave(&self.claim(way, attempt), learned, now())?;
        }
        Ok(())
    }

    fn claim<'a>(&'a self, way: &'a Way, call: &'a str) -> Claim<'a> {
        Claim {
            place: &way.place,
            run: &self.run,
            call,
            epoch: self.epoch,
            most: way.binding.max_concurrent,
            rate: way.binding.rate,
            breaker: way.binding.breaker,
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
        let at = now();
        self.held
            .retain(|_, (until, _)| until.is_some_and(|until| until > at));
        let mut stuck = BTreeSet::new();
        while let Some(first) = self.line.first(&stuck) {
            let (worker, attempt) = (first.dispatch.worker.index(), first.dispatch.attempt.clone());
            match self.find_way(worker, &attempt, store)? {
                Ok(way) => {
                    if let Some(queued) = self.line.pop(worker) {
                        self.fly(queued, way);
                    }
                }
                Err(why) => {
                    let told = self.line.say(worker).into_iter();
                    self.news.extend(told.map(|attempt| (attempt, why.clone())));
                    stuck.insert(worker);
                }
            }
        }
        Ok(())
    }

    /// When a call that waits may be sent, if time alone decides that.
    pub(super) fn next_due(&self) -> Option<Time> {
        let times = self.held.values().filter_map(|(until, _)| *until);
        times.min().filter(|_| !self.line.is_empty())
    }

    /// Takes note of workers that were registered or removed meanwhile.
    pub(super) fn refresh(&mut self, store: &impl Store) -> Result<()> {
        if self.is_idle() {
            return Ok(());
        }
        let registered = store.registered()?;
        if registered == self.registered {
            return Ok(());
        }
        self.config = Arc::new(self.file.with(&registered)?);
        self.registered = registered;
        self.ways.clear();
        // Where a secret is missing, those calls fail that need it.
        if let Ok(secrets) = Secrets::load(self.program.image(), &self.config) {
            self.secrets = Arc::new(secrets);
        }
        Ok(())
    }

    /// The free address of a worker with the fewest calls in flight, of several the one that has been idle for the
    /// longest time, and a turn there; or what has to be waited for.
    fn find_way(
        &mut self,
        worker: usize,
        attempt: &str,
        store: &mut impl Store,
    ) -> Result<std::result::Result<Way, String>> {
        if self.flying.len() >= self.config.parallel {
            let most = self.config.parallel;
            return Ok(Err(format!("waiting for one of {most} slots of this process")));
        }
        loop {
            let way = match self.free_way(worker) {
                Ok(way) => way,
                Err(why) => return Ok(Err(why)),
            };
            if !is_shared(&way.binding) {
                return Ok(Ok(way));
            }
            let at = now();
            let hold = match store.enter(&self.claim(&way, attempt), at)? {
                Entry::Free => return Ok(Ok(way)),
                Entry::Full => (None, full(&way.place)),
                Entry::Later { at: until, why } => {
                    let wait = held(&way.place, until - at, why);
                    (Some(until.min(at + HOLD_NS)), wait)
                }
            };
            self.held.insert(way.place, hold);
        }
    }

    fn free_way(&mut self, worker: usize) -> std::result::Result<Way, String> {
        let image = self.program.image();
        let known = &image.workers[worker];
        let name = image.str(known.name);
        let config = &self.config;
        let ways = self.ways.entry(worker).or_insert_with(|| {
            let tags = workers::texts(image, &known.tags);
            let candidates = config.candidates(name, known.protocol, &tags).into_iter();
            let way = |binding: Arc<Binding>| Way {
                place: binding.url.clone().unwrap_or_else(|| name.to_owned()),
                binding,
            };
            candidates.map(way).collect()
        });
        if ways.is_empty() {
            return alone(name, known.protocol, &workers::texts(image, &known.tags));
        }
        let flying = |way: &Way| self.places.get(&way.place).copied().unwrap_or_default();
        let has_slot = |way: &&Way| way.binding.max_concurrent.is_none_or(|most| flying(way).0 < most);
        let is_held = |way: &Way| self.held.contains_key(&way.place);
        let free = ways.iter().filter(has_slot).filter(|way| !is_held(way));
        free.min_by_key(|way| flying(way)).cloned().ok_or_else(|| {
            let why = ways.iter().find_map(|way| self.held.get(&way.place));
            why.map_or_else(
                || format!("waiting for a free slot of `{name}`"),
                |(_, why)| why.clone(),
            )
        })
    }

    fn fly(&mut self, queued: Queued, way: Way) {
        let program = self.program.clone();
        let worker = &program.image().workers[queued.dispatch.worker.index()];
        let (attempt, time) = (queued.dispatch.attempt.clone(), queued.time);
        self.sent += 1;
        let (count, last) = self.places.entry(way.place.clone()).or_default();
        (*count, *last) = (*count + 1, self.sent);
        let durable = watch::Sender::new(false);
        let call = self.call(queued.dispatch, worker, way.binding.clone(), durable.subscribe());
        let (protocol, ended, id) = (worker.protocol, self.ended.0.clone(), attempt.clone());
        let task = tokio::spawn(async move {
            let shown = call.worker.clone();
            let reply = workers::start(protocol, call);
            let reply = match time {
                None => reply.await,
                Some(time) => timeout(time, reply).await.unwrap_or_else(|_| {
                    let message = format!("`{shown}` did not answer within {}", short(nanos(time)));
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
                way: Some(way),
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

/// The way to a worker that needs no address; else, what has to be waited for.
fn alone(name: &str, protocol: Protocol, tags: &[String]) -> std::result::Result<Way, String> {
    if matches!(protocol, Protocol::Exec | Protocol::Store) {
        return Ok(Way {
            place: name.to_owned(),
            binding: Arc::default(),
        });
    }
    Err(if tags.is_empty() {
        format!("waiting for worker `{name}`: nothing says any more where it is")
    } else {
        format!("waiting for a worker with tags [{}]", tags.join(", "))
    })
}

fn full(place: &str) -> String {
    format!("waiting for a free slot of `{place}`: other runs have them all")
}

fn held(place: &str, wait: i64, why: Hold) -> String {
    let wait = short(wait);
    match why {
        Hold::Rest => format!("`{place}` wants to be left alone for {wait}"),
        Hold::Rate => format!("`{place}` was called as often as its rate allows; the next turn is in {wait}"),
        Hold::Breaker => format!(
            "the breaker of `{place}` is open for {wait}; when the worker is well again, `flowvm worker reset` closes it"
        ),
    }
}

/// What a reply says about its worker: whether it is well, and whether it wants to be left alone.
fn learned(reply: &Reply) -> Option<Learned> {
    let failure = match reply {
        Ok(value) => {
            return Some(Learned {
                verdict: Verdict::Good,
                rest: exhausted(value).map(|wait| now().saturating_add(nanos(wait))),
            });
        }
        Err(failure) => failure,
    };
    let verdict = match failure.class {
        ErrorClass::Refused | ErrorClass::Cancelled => return None,
        ErrorClass::Connect
        | ErrorClass::Timeout
        | ErrorClass::Overloaded
        | ErrorClass::Http5xx
        | ErrorClass::Protocol
        | ErrorClass::ExecFailed
        | ErrorClass::Lost => Verdict::Bad,
        _ => Verdict::Alive,
    };
    Some(Learned {
        verdict,
        rest: failure.retry_after.map(|wait| now().saturating_add(wait)),
    })
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
