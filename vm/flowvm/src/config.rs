//! `flow.toml`: what it may say, and where it is. How keys are read and misspelt ones named stands in
//! `config/reader`; what the values do, with those who use them.

mod reader;
mod registered;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_bytecode::Protocol;

use crate::error::{Error, Result, code};
use crate::limits::PARALLEL;
use crate::store::Durability;
use reader::Reader;
pub(crate) use reader::nearest;
pub use registered::Registered;

/// The name of the file.
pub const FILE: &str = "flow.toml";

/// Everything that `flow.toml` says, with defaults where it is silent or absent.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the file; without one, the folder that was asked about.
    pub root: PathBuf,
    /// Whether there is a file.
    pub found: bool,
    /// `[project] name`
    pub name: Option<String>,
    /// `[project] entry`
    pub entry: Option<PathBuf>,
    /// `[store] path`
    pub store: Option<PathBuf>,
    /// `[store] durability`
    pub durability: Durability,
    /// `[limits] parallel`: calls in flight per process.
    pub parallel: usize,
    /// `[workers.NAME]`
    pub workers: BTreeMap<String, Arc<Binding>>,
    /// `[[pool]]`, in order.
    pub pool: Vec<Pool>,
    /// `[secrets]`
    pub secrets: BTreeMap<String, SecretSource>,
    /// `[callback]`
    pub callback: Option<Arc<Callback>>,
    /// `[egress] allow`; none: everything.
    pub egress: Option<Arc<[String]>>,
}

/// Where a worker is, and how much it bears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binding {
    /// Its address.
    pub url: Option<String>,
    /// The command that serves it, in place of the source's.
    pub command: Option<Vec<String>>,
    /// Its working folder, relative to the project.
    pub cwd: Option<PathBuf>,
    /// The secret that is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
    /// Secrets that an `mcp` server finds in its environment: names by variables.
    pub env: BTreeMap<String, String>,
    /// The secret that signs webhooks.
    pub signing_key: Option<String>,
    /// The model that a chat asks for, where neither the call nor the worker names one.
    pub model: Option<String>,
    /// Calls in flight.
    pub max_concurrent: Option<usize>,
    /// Calls in a time.
    pub rate: Option<Rate>,
    /// When it is left alone; none: never.
    pub breaker: Option<Breaker>,
}

/// Where outcomes are taken that a webhook's worker has only promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Where this process listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How workers reach it; none: at the address where it listens.
    pub url: Option<String>,
    /// The secret from which tokens are made; none: new ones for each process.
    pub key: Option<String>,
}

/// `20/s`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub calls: u32,
    /// In how long.
    pub per: Duration,
    /// How many at once, where there was none for a while; the others follow evenly spaced.
    pub burst: u32,
}

/// After how many failures a worker is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// In a row.
    pub consecutive: u32,
    /// In all.
    pub total: u32,
    /// How long it stays open.
    pub cooldown: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            consecutive: 3,
            total: 20,
            cooldown: Duration::from_mins(1),
        }
    }
}

/// A worker that serves by its tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What people call it, if it was registered under a name.
    pub name: Option<String>,
    /// The protocol that it speaks.
    pub protocol: String,
    /// What it can do.
    pub tags: Vec<String>,
    /// Where it is.
    pub binding: Arc<Binding>,
}

/// Where a secret's value is; never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// A file, relative to the project.
    File(PathBuf),
}

impl Config {
    /// Reads the `flow.toml` of the folder, or of the nearest one above it.
    pub fn find(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let root = folder.ancestors().find(|above| above.join(FILE).is_file());
        Self::at(root.unwrap_or(&folder), root.is_some())
    }

    /// Reads the `flow.toml` of exactly this folder, if there is one.
    pub fn of(root: &Path) -> Result<Self> {
        Self::at(root, root.join(FILE).is_file())
    }

    /// Where the runs are, unless the command line says otherwise.
    pub fn store_path(&self) -> PathBuf {
        self.root
            .join(self.store.as_deref().unwrap_or(Path::new(".flow/flow.db")))
    }

    /// Where a worker is: what is bound to its name, else everything in the pool that has all its tags.
    pub fn candidates(&self, name: &str, protocol: Protocol, tags: &[String]) -> Vec<Arc<Binding>> {
        if let Some(binding) = self.workers.get(name) {
            return vec![binding.clone()];
        }
        let word = crate::workers::word(protocol);
        let serves = |one: &&Pool| {
            !tags.is_empty() && one.protocol == word && tags.iter().all(|tag| one.tags.contains(tag))
        };
        self.pool
            .iter()
            .filter(serves)
            .map(|one| one.binding.clone())
            .collect()
    }

    fn at(root: &Path, found: bool) -> Result<Self> {
        let file = root.join(FILE);
        let text = if found {
            std::fs::read_to_string(&file).map_err(|error| {
                Error::new(
                    code::CONFIG_UNREADABLE,
                    format!("cannot read `{}`: {error}", file.display()),
                )
            })?
        } else {
            String::new()
        };
        let table = text.parse::<toml::Table>().map_err(|error| {
            Error::new(
                code::CONFIG_UNREADABLE,
                format!("`{}` is not TOML: {error}", file.display()),
            )
        })?;
        let variables = std::env::vars().collect();
        Self::read(
            Reader::new(reader::overridden(table, variables), file.display().to_string()),
            root,
            found,
        )
    }

    fn read(mut top: Reader, root: &Path, found: bool) -> Result<Self> {
        let mut project = top.section("project")?;
        let mut store = top.section("store")?;
        let mut limits = top.section("limits")?;
        let mut egress = top.section("egress")?;
        let config = Self {
            root: root.to_owned(),
            found,
            name: project.text("name")?,
            entry: project.text("entry")?.map(PathBuf::from),
            store: store.text("path")?.map(PathBuf::from),
            durability: durability(&mut store)?,
            parallel: limits.count("parallel")?.map_or(PARALLEL, |count| count as usize),
            workers: top
                .sections("workers")?
                .into_iter()
                .map(|(name, mut section)| Ok((name, Arc::new(binding(&mut section, &[])?))))
                .collect::<Result<_>>()?,
            pool: top.list("pool")?.into_iter().map(pool).collect::<Result<_>>()?,
            secrets: top
                .sections("secrets")?
                .into_iter()
                .map(|(name, section)| Ok((name, secret(section)?)))
                .collect::<Result<_>>()?,
            callback: top.optional("callback")?.map(callback).transpose()?.map(Arc::new),
            egress: egress.texts("allow")?.map(Arc::from),
        };
        project.finish(&["name", "entry"])?;
        store.finish(&["path", "durability"])?;
        limits.finish(&["parallel"])?;
        egress.finish(&["allow"])?;
        top.finish(&[
            "project", "store", "limits", "workers", "pool", "secrets", "callback", "egress",
        ])?;
        Ok(config)
    }
}

const BINDING: [&str; 11] = [
    "url",
    "command",
    "cwd",
    "token",
    "env",
    "signing_key",
    "model",
    "max_concurrent",
    "rate",
    "burst",
    "breaker",
];

fn binding(section: &mut Reader, more: &[&str]) -> Result<Binding> {
    let breaker = breaker(section)?;
    let rate = section.parsed("rate", "a number of calls in a time, such as \"20/s\"", rate)?;
    let burst = section.count("burst")?;
    if let (None, Some(_)) = (rate, burst) {
        return Err(section.wrong("has a `burst`, but no `rate`"));
    }
    let binding = Binding {
        url: section.text("url")?,
        command: section.texts("command")?,
        cwd: section.text("cwd")?.map(PathBuf::from),
        token: section.text("token")?,
        env: section.pairs("env")?,
        signing_key: section.text("signing_key")?,
        model: section.text("model")?,
        max_concurrent: section.count("max_concurrent")?.map(|count| count as usize),
        rate: rate.map(|rate| Rate {
            burst: burst.map_or(rate.burst, |burst| burst as u32),
            ..rate
        }),
        breaker,
    };
    section.finish(&[&BINDING, more].concat())?;
    Ok(binding)
}

fn pool(mut section: Reader) -> Result<Pool> {
    let protocol = section.needed("protocol")?;
    let tags = section.texts("tags")?.unwrap_or_default();
    let binding = Arc::new(binding(&mut section, &["protocol", "tags"])?);
    Ok(Pool {
        name: None,
        protocol,
        tags,
        binding,
    })
}

fn secret(mut section: Reader) -> Result<SecretSource> {
    let (env, file) = (section.text("env")?, section.text("file")?);
    let bad =
        section.wrong("must be { env = \"VARIABLE\" } or { file = \"path\" }; values do not belong here");
    section.finish(&["env", "file"])?;
    match (env, file) {
        (Some(env), None) => Ok(SecretSource::Env(env)),
        (None, Some(file)) => Ok(SecretSource::File(PathBuf::from(file))),
        _ => Err(bad),
    }
}

fn callback(mut section: Reader) -> Result<Callback> {
    let is_web = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let web = |text: &str| is_web(text).then(|| text.to_owned());
    let listen = section.parsed(
        "listen",
        "an address with a port, such as \"127.0.0.1:8070\"",
        |text| text.parse().ok(),
    )?;
    let callback = Callback {
        listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
        url: section.parsed("url", "an address that begins with http:// or https://", web)?,
        key: section.text("key")?,
    };
    section.finish(&["listen", "url", "key"])?;
    Ok(callback)
}

/// Every worker with an address has a breaker, unless it says `breaker = false`.
fn breaker(section: &mut Reader) -> Result<Option<Breaker>> {
    if section.is_off("breaker") {
        return Ok(None);
    }
    let usual = Breaker::default();
    let Some(mut section) = section.optional("breaker")? else {
        return Ok(Some(usual));
    };
    let breaker = Breaker {
        consecutive: section
            .count("consecutive")?
            .map_or(usual.consecutive, |count| count as u32),
        total: section.count("total")?.map_or(usual.total, |count| count as u32),
        cooldown: section
            .parsed("cooldown", "a duration, such as \"5m\"", duration)?
            .unwrap_or(usual.cooldown),
    };
    section.finish(&["consecutive", "total", "cooldown"])?;
    Ok(Some(breaker))
}

fn durability(store: &mut Reader) -> Result<Durability> {
    let word = |text: &str| match text {
        "full" => Some(Durability::Full),
        "normal" => Some(Durability::Normal),
        _ => None,
    };
    Ok(store
        .parsed("durability", "\"full\" or \"normal\"", word)?
        .unwrap_or_default())
}

fn rate(text: &str) -> Option<Rate> {
    let (calls, per) = text.split_once('/')?;
    let per = match per.trim() {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        other => duration(other)?,
    };
    let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
    Some(Rate {
        calls,
        per,
        burst: calls,
    })
}

/// `250ms`, `10s`, `1h30m`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let number: u64 = number.parse().ok()?;
        let part = match unit.trim() {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(total)
}
