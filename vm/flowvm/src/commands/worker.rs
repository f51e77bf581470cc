//! `flowvm worker`: workers that are registered in the store, beside those of `flow.toml`; the state of all of them, and
//! their breakers. How a breaker decides stands in `store::health`.

use std::path::Path;
use std::sync::Arc;

use comfy_table::{Table, presets};
use serde_json::{Map, Value as Json, json};

use flow_machine::Time;

use super::Place;
use crate::args::{Common, Worker, WorkerAdd, WorkerVerb};
use crate::clock::{nanos, now, rfc3339, short};
use crate::config::{Binding, Config, Rate, Registered, nearest};
use crate::error::{Error, Result, code};
use crate::store::{Circuit, Health, SqliteStore, Store};
use crate::view::{note, out};
use crate::workers;

pub(super) fn perform(args: &Worker, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let config = Config::find(Path::new("."))?;
    match &args.verb {
        WorkerVerb::List(_) => list(&place, &config, common),
        WorkerVerb::Add(args) => add(args, &place, &config, common),
        WorkerVerb::Remove(args) => remove(&args.name, &place, &config, common),
        WorkerVerb::Reset(args) => reset(&args.name, &place, &config, common),
    }
}

/// A worker, and what is known of it.
pub(super) struct Known {
    /// Without one: it stands in the pool of `flow.toml`.
    name: Option<String>,
    is_registered: bool,
    protocol: Option<String>,
    tags: Vec<String>,
    binding: Arc<Binding>,
    /// Under which the store knows it.
    place: String,
    health: Health,
    /// Calls under way, over all processes; they are counted where there is a bound.
    flying: i64,
}

impl Known {
    /// What people call it.
    fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.place)
    }

    fn goes_by(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name) || self.place == name
    }

    /// What to say of a breaker that is not closed.
    pub(super) fn trouble(&self, at: Time) -> Option<(String, String)> {
        let state = match self.circuit(at)? {
            Circuit::Closed => return None,
            Circuit::Open(until) => format!("is open for {}", short(until - at)),
            Circuit::HalfOpen => "lets one call through to see whether it is well".to_owned(),
        };
        let failed = format!(
            "{} failures, {} of them in a row",
            self.health.failures, self.health.in_row
        );
        Some((
            format!("worker {}", self.shown()),
            format!("its breaker {state}, after {failed}"),
        ))
    }

    /// None: it has no breaker.
    fn circuit(&self, at: Time) -> Option<Circuit> {
        self.binding.breaker.map(|_| self.health.circuit(at))
    }
}

/// All workers, those of `flow.toml` first.
pub(super) fn all(config: &Config, store: Option<&SqliteStore>) -> Result<Vec<Known>> {
    let registered = store.map(Store::registered).transpose()?.unwrap_or_default();
    let whole = config.with(&registered)?;
    let at = now();
    let known =
        |name: Option<&String>, protocol: Option<&String>, tags: &[String], binding: &Arc<Binding>| {
            let place = binding.url.as_ref().or(name).cloned().unwrap_or_default();
            let known = store.map(|store| store.health(&place, at)).transpose()?;
            let (health, flying) = known.unwrap_or_default();
            Ok(Known {
                name: name.cloned(),
                is_registered: name.is_some_and(|name| {
                    registered.iter().any(|one| one.name == *name) && !config.workers.contains_key(name)
                }),
                protocol: protocol.cloned(),
                tags: tags.to_vec(),
                binding: binding.clone(),
                place,
                health,
                flying,
            })
        };
    let named = whole
        .workers
        .iter()
        .map(|(name, binding)| known(Some(name), None, &[], binding));
    let pool = whole
        .pool
        .iter()
        .map(|one| known(one.name.as_ref(), Some(&one.protocol), &one.tags, &one.binding));
    let mut all: Vec<Known> = named.chain(pool).collect::<Result<_>>()?;
    all.sort_by_key(|one| one.is_registered);
    Ok(all)
}

fn list(place: &Place, config: &Config, common: &Common) -> Result<u8> {
    let store = opened(place)?;
    let (known, at) = (all(config, store.as_ref())?, now());
    if common.json {
        out(&known
            .iter()
            .map(|one| as_json(one, at))
            .collect::<Json>()
            .to_string());
        return Ok(0);
    }
    if known.is_empty() {
        note("no workers: bind some in flow.toml, or `flowvm worker add`");
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "NAME", "FROM", "PROTOCOL", "TAGS", "WHERE", "SLOTS", "RATE", "BREAKER",
    ]);
    for one in &known {
        let binding = &one.binding;
        let nothing = || "-".to_owned();
        table.add_row([
            one.name.clone().unwrap_or_else(nothing),
            from(one).to_owned(),
            one.protocol.clone().unwrap_or_else(nothing),
            Some(one.tags.join(" "))
                .filter(|tags| !tags.is_empty())
                .unwrap_or_else(nothing),
            located(binding).unwrap_or_else(nothing),
            binding
                .max_concurrent
                .map_or_else(nothing, |most| format!("{}/{most}", one.flying)),
            binding.rate.map_or_else(nothing, rate),
            breaker(one, at),
        ]);
    }
    out(&table.to_string());
    Ok(0)
}

fn from(one: &Known) -> &'static str {
    if one.is_registered { "store" } else { "flow.toml" }
}

fn located(binding: &Binding) -> Option<String> {
    let command = || binding.command.as_ref().map(|words| words.join(" "));
    binding.url.clone().or_else(command)
}

/// As `flow.toml` says it.
fn rate(rate: Rate) -> String {
    let per = match rate.per.as_secs() {
        1 => "s".to_owned(),
        60 => "m".to_owned(),
        3600 => "h".to_owned(),
        _ => short(nanos(rate.per)),
    };
    format!("{}/{per}", rate.calls)
}

fn breaker(one: &Known, at: Time) -> String {
    match (one.circuit(at), one.binding.breaker) {
        (Some(Circuit::Open(until)), _) => format!("open for {}", short(until - at)),
        (Some(Circuit::HalfOpen), _) => "half-open".to_owned(),
        (Some(Circuit::Closed), Some(breaker)) if one.health.failures > 0 => format!(
            "closed, failed {}/{} in a row, {}/{} in all",
            one.health.in_row, breaker.consecutive, one.health.failures, breaker.total
        ),
        (Some(Circuit::Closed), _) => "closed".to_owned(),
        (None, _) => "off".to_owned(),
    }
}

fn as_json(one: &Known, at: Time) -> Json {
    let binding = &one.binding;
    let (state, until) = match one.circuit(at) {
        None => ("off", None),
        Some(Circuit::Closed) => ("closed", None),
        Some(Circuit::Open(until)) => ("open", Some(rfc3339(until))),
        Some(Circuit::HalfOpen) => ("half_open", None),
    };
    json!({
        "name": one.name, "from": from(one), "protocol": one.protocol, "tags": one.tags,
        "url": binding.url, "command": binding.command,
        "slots": { "taken": one.flying, "most": binding.max_concurrent },
        "rate": binding.rate.map(|rate| json!({
            "calls": rate.calls, "per_ms": rate.per.as_millis() as u64, "burst": rate.burst,
        })),
        "breaker": {
            "state": state, "until": until, "failed_in_row": one.health.in_row, "failed": one.health.failures,
            "consecutive": binding.breaker.map(|breaker| breaker.consecutive),
            "total": binding.breaker.map(|breaker| breaker.total),
            "cooldown_ms": binding.breaker.map(|breaker| breaker.cooldown.as_millis() as u64),
        },
    })
}

fn add(args: &WorkerAdd, place: &Place, config: &Config, common: &Common) -> Result<u8> {
    let worker = Registered {
        name: args.name.clone(),
        protocol: args.protocol.clone(),
        tags: args.tags.clone(),
        binding: binding(args)?,
    };
    check(&worker, config)?;
    let mut store = SqliteStore::open_or_create(&place.path, place.durability)?;
    let there = store.registered()?.iter().any(|one| one.name == worker.name);
    if there && !args.replace {
        let message = format!("there is a worker `{}` already", worker.name);
        return Err(Error::new(code::WORKER_NAME, message).help("put this one in its place with --replace"));
    }
    store.register(&worker, now())?;
    if common.json {
        out(&json!({ "worker": worker.name, "replaced": there }).to_string());
    } else {
        let word = if there { "replaced" } else { "added" };
        note(&format!(
            "worker {} {word}; runs find it from now on",
            worker.name
        ));
    }
    Ok(0)
}

/// The keys of `[workers.NAME]` that the options stand for.
fn binding(args: &WorkerAdd) -> Result<Map<String, Json>> {
    let mut binding = Map::new();
    let texts = [
        ("url", args.url.clone()),
        ("token", args.token.clone()),
        ("signing_key", args.signing_key.clone()),
        ("model", args.model.clone()),
        ("rate", args.rate.clone()),
        ("cwd", args.cwd.as_ref().map(|cwd| cwd.display().to_string())),
    ];
    let texts = texts.into_iter().map(|(key, text)| (key, text.map(Json::from)));
    let command = Some(&args.command).filter(|words| !words.is_empty());
    let others = [
        ("max_concurrent", args.max_concurrent.map(Json::from)),
        ("burst", args.burst.map(Json::from)),
        ("command", command.map(|words| json!(words))),
        ("env", pairs(&args.env, "--env")?),
        ("breaker", args.breaker.as_deref().map(circuit).transpose()?),
    ];
    for (key, value) in texts.chain(others) {
        binding.extend(value.map(|value| (key.to_owned(), value)));
    }
    Ok(binding)
}

/// `NAME=VALUE`s as an object; nothing where there are none.
fn pairs(words: &[String], option: &str) -> Result<Option<Json>> {
    let pair = |word: &String| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("`{option} {word}` must be NAME=VALUE")))?;
        Ok((name.to_owned(), Json::from(value)))
    };
    let pairs: Map<String, Json> = words.iter().map(pair).collect::<Result<_>>()?;
    Ok(Some(Json::Object(pairs)).filter(|_| !words.is_empty()))
}

/// `off`, or `consecutive=3,total=20,cooldown=1m`.
fn circuit(text: &str) -> Result<Json> {
    if text == "off" {
        return Ok(Json::Bool(false));
    }
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    let Some(Json::Object(mut pairs)) = pairs(&words, "--breaker")? else {
        return Err(Error::usage("`--breaker` needs a value"));
    };
    for (key, value) in &mut pairs {
        let number = value.as_str().and_then(|text| text.parse::<u32>().ok());
        if let Some(number) = number.filter(|_| key != "cooldown") {
            *value = Json::from(number);
        }
    }
    Ok(Json::Object(pairs))
}

/// Refuses what no run could call.
fn check(worker: &Registered, config: &Config) -> Result<()> {
    let binding = worker.read()?;
    let wrong = |what: String| Error::new(code::CONFIG_VALUE, format!("worker `{}`: {what}", worker.name));
    if config.workers.contains_key(&worker.name) && worker.tags.is_empty() {
        let message = format!(
            "flow.toml says where `{}` is, and what it says holds",
            worker.name
        );
        return Err(Error::new(code::WORKER_NAME, message).help("change it there"));
    }
    let protocol = match &worker.protocol {
        None => None,
        Some(word) => Some(workers::served(word).map_err(wrong)?),
    };
    match (&binding.url, &binding.command) {
        (None, None) => {
            return Err(
                wrong("nothing says where it is".to_owned()).help("--url URL, or a command behind --")
            );
        }
        (Some(url), None) => {
            workers::check_address(url, protocol, config.egress.as_deref()).map_err(wrong)?;
        }
        (Some(_), Some(_)) => return Err(wrong("it has a URL and a command; one is enough".to_owned())),
        (None, Some(_)) => {}
    }
    let secrets = binding
        .token
        .iter()
        .chain(&binding.signing_key)
        .chain(binding.env.values());
    match secrets
        .into_iter()
        .find(|name| !config.secrets.contains_key(*name))
    {
        None => Ok(()),
        Some(name) => Err(
            Error::new(code::SECRET, format!("secret `{name}` is not in flow.toml"))
                .help(format!("add to [secrets]:  {name} = {{ env = \"{name}\" }}")),
        ),
    }
}

fn remove(name: &str, place: &Place, config: &Config, common: &Common) -> Result<u8> {
    let store = opened(place)?;
    let all = all(config, store.as_ref())?;
    let (Some(mut store), Some(known)) = (store, all.iter().find(|one| one.goes_by(name))) else {
        return Err(unknown(name, &all));
    };
    if !known.is_registered {
        let message = format!("worker `{name}` stands in flow.toml");
        return Err(Error::new(code::WORKER_NAME, message).help("remove it there"));
    }
    let name = known.shown();
    store.unregister(name)?;
    if common.json {
        out(&json!({ "worker": name, "under_way": known.flying }).to_string());
    } else {
        note(&format!(
            "worker {name} removed; calls that are under way end as they would"
        ));
    }
    Ok(0)
}

fn reset(name: &str, place: &Place, config: &Config, common: &Common) -> Result<u8> {
    let store = opened(place)?;
    let all = all(config, store.as_ref())?;
    let found: Vec<&Known> = all.iter().filter(|one| one.goes_by(name)).collect();
    let (Some(mut store), false) = (store, found.is_empty()) else {
        return Err(unknown(name, &all));
    };
    let at = now();
    let was_closed = found.iter().all(|one| one.health.circuit(at) == Circuit::Closed);
    for one in &found {
        store.reset(&one.place)?;
    }
    if common.json {
        out(&json!({ "worker": name, "was_closed": was_closed }).to_string());
    } else if was_closed {
        note(&format!(
            "the breaker of {name} was closed already; its counts begin anew"
        ));
    } else {
        note(&format!("the breaker of {name} is closed"));
    }
    Ok(0)
}

fn unknown(name: &str, all: &[Known]) -> Error {
    let error = Error::new(code::WORKER_NAME, format!("there is no worker `{name}`"));
    match nearest(name, all.iter().map(Known::shown)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`flowvm worker list` shows all"),
    }
}

/// The store, if there is one yet.
fn opened(place: &Place) -> Result<Option<SqliteStore>> {
    place.path.exists().then(|| place.open()).transpose()
}
