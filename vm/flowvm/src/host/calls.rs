//! Attempts under way: each is a task that ends with a message. Those that find no slot wait in line, and do
//! not hold up others; their time runs from the moment they are sent.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use flow_bytecode::{ErrorClass, Protocol, Worker};
use flow_machine::{AttemptId, Conversation, Dispatch, Event, EventKind, Program};

use super::Setting;
use crate::clock::now;
use crate::config::{Binding, Config};
use crate::error::Result;
use crate::schema;
use crate::store::{Mode, Settings, Store};
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
    /// Calls that wait for a slot, in order.
    line: VecDeque<Queued>,
    /// What is known about each address.
    places: BTreeMap<String, Place>,
    /// Numbers of mocked calls: how many there were per worker, and which one each attempt is.
    counted: BTreeMap<String, u64>,
    numbers: HashMap<AttemptId, u64>,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    news: Vec<(AttemptId, String)>,
}

/// A call that has ended, and how.
type Ended = (AttemptId, Reply);

struct Flying {
    task: Option<AbortHandle>,
    place: Option<String>,
}

struct Queued {
    dispatch: Dispatch,
    time: Option<Duration>,
    candidates: Vec<Arc<Binding>>,
}

/// What this process knows about an address.
#[derive(Default)]
struct Place {
    flying: usize,
    /// No call before this.
    not_before: Option<Instant>,
    failures_in_row: u32,
    failures: u32,
}

impl Calls {
    /// Looks up the secrets, and refuses what could not be called.
    pub(super) fn new(program: &Arc<Program>, setting: &Setting, run: &str, flow: &str) -> Result<Self> {
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
            line: VecDeque::new(),
            places: BTreeMap::new(),
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
                }
                _ => {}
            }
        }
    }

    /// Sends a call, or puts it in line.
    pub(super) fn send(&mut self, dispatch: Dispatch, store: &mut impl Store) {
        if let Some(reply) = self.at_once(&dispatch, store) {
            self.flying.insert(
                dispatch.attempt.clone(),
                Flying {
                    task: None,
                    place: None,
                },
            );
            // The receiver is ours.
            let _ = self.ended.0.send((dispatch.attempt, reply));
            return;
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
        });
        self.move_up();
    }

    /// Ends a call whose outcome is no longer wanted.
    pub(super) fn abort(&mut self, attempt: &str) {
        self.line.retain(|queued| queued.dispatch.attempt != attempt);
        if let Some(flying) = self.flying.remove(attempt) {
            self.free(&flying);
            if let Some(task) = flying.task {
                task.abort();
            }
        }
        self.move_up();
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

    /// The next call that ends.
    pub(super) async fn next(&mut self) -> (AttemptId, Reply) {
        loop {
            match self.ended.1.recv().await {
                Some(ended) => {
                    if self.landed(&ended) {
                        return ended;
                    }
                }
                // Impossible while we hold a sender; waiting is right all the same.
                None => std::future::pending().await,
            }
        }
    }

    /// A call that has ended already.
    pub(super) fn try_next(&mut self) -> Option<(AttemptId, Reply)> {
        while let Ok(ended) = self.ended.1.try_recv() {
            if self.landed(&ended) {
                return Some(ended);
            }
        }
        None
    }

    /// Calls that began to wait since this was last asked, and what for.
    pub(super) fn news(&mut self) -> Vec<(AttemptId, String)> {
        std::mem::take(&mut self.news)
    }

    /// Frees the slot of a call. False if it was withdrawn before.
    fn landed(&mut self, (attempt, reply): &(AttemptId, Reply)) -> bool {
        let Some(flying) = self.flying.remove(attempt) else {
            return false;
        };
        self.free(&flying);
        self.learn(&flying, reply);
        self.move_up();
        true
    }

    fn free(&mut self, flying: &Flying) {
        if let Some(place) = flying.place.as_ref().and_then(|place| self.places.get_mut(place)) {
            place.flying -= 1;
        }
    }

    /// Keeps what a reply says about its worker: limits of rate, failures for the breaker.
    fn learn(&mut self, flying: &Flying, reply: &Reply) {
        let Some(place) = flying.place.as_ref().and_then(|place| self.places.get_mut(place)) else {
            return;
        };
        match reply {
            Ok(value) => {
                place.failures_in_row = 0;
                if let Some(wait) = exhausted(value) {
                    place.not_before = Some(Instant::now() + wait);
                }
            }
            Err(failure) if failure.class != ErrorClass::Cancelled => {
                place.failures_in_row += 1;
                place.failures += 1;
            }
            Err(_) => {}
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
    fn move_up(&mut self) {
        for queued in std::mem::take(&mut self.line) {
            match self.slot(&queued) {
                Ok((place, binding)) => self.fly(queued, place, binding),
                Err(why) => {
                    let attempt = queued.dispatch.attempt.clone();
                    self.news.push((attempt, why));
                    self.line.push_back(queued);
                }
            }
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
        let flying =
            |binding: &Arc<Binding>| self.places.get(&place(binding)).map_or(0, |place| place.flying);
        let free = queued
            .candidates
            .iter()
            .filter(|one| one.max_concurrent.is_none_or(|most| flying(one) < most));
        free.min_by_key(|one| flying(one))
            .map(|one| (place(one), one.clone()))
            .ok_or_else(|| format!("waiting for a free slot of `{name}`"))
    }

    fn fly(&mut self, queued: Queued, place: String, binding: Arc<Binding>) {
        let program = self.program.clone();
        let worker = &program.image().workers[queued.dispatch.worker.index()];
        let (attempt, time) = (queued.dispatch.attempt.clone(), queued.time);
        let not_before = self.places.entry(place.clone()).or_default().take_turn(&binding);
        let call = self.call(queued.dispatch, worker, binding);
        let (protocol, ended, id) = (worker.protocol, self.ended.0.clone(), attempt.clone());
        let task = tokio::spawn(async move {
            if let Some(moment) = not_before {
                sleep_until(moment).await;
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
                task: Some(task.abort_handle()),
                place: Some(place),
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

    fn call(&self, dispatch: Dispatch, worker: &Worker, binding: Arc<Binding>) -> Call {
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
            egress: self.config.egress.clone(),
        }
    }
}

impl Place {
    /// Counts a call in and says from when on it may be sent.
    fn take_turn(&mut self, binding: &Binding) -> Option<Instant> {
        self.flying += 1;
        let mut from = self.not_before;
        if let Some(breaker) = binding.breaker
            && (self.failures_in_row >= breaker.consecutive || self.failures >= breaker.total)
        {
            // The next call is the probe; what follows waits as long again, unless it succeeds.
            from = from.max(Some(Instant::now() + breaker.cooldown));
            (self.failures_in_row, self.failures) = (self.failures_in_row.saturating_sub(1), 0);
        }
        if let Some(rate) = binding.rate {
            let turn = from.unwrap_or_else(Instant::now).max(Instant::now());
            self.not_before = Some(turn + rate.per / rate.calls);
        } else if self.not_before.is_some_and(|moment| moment <= Instant::now()) {
            self.not_before = None;
        }
        from
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
