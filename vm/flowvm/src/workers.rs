//! Workers: what a call is once it leaves the machine, and what may come back. One file per protocol below;
//! when and how often a call is made is not decided here.
//!
//! - `exec`: child processes. `http`, `webhook`, `openai_chat`, `api_chat`, `a2a`: over the network, on the
//!   client in `client`; what chats say is read in `content`. `mcp`: a child process, or over the network.
//!   `mqtt`, `redis_stream`: through a broker, with what they share in `broker`.
//! - `proof`: checks of replies. `memory`: the built-in `store`. `mock`, `synthetic`: replies that are not asked for anywhere. `secrets`: values for names, and masks.

mod a2a;
mod api_chat;
pub(crate) mod broker;
#[cfg(test)]
mod broker_tests;
mod callback;
#[cfg(test)]
mod callback_tests;
mod called;
#[cfg(test)]
mod chat_tests;
mod client;
mod content;
mod exec;
pub(crate) mod farewell;
mod http;
mod json_rpc;
mod mcp;
pub(crate) mod memory;
pub mod mock;
mod mqtt;
#[cfg(test)]
mod network_tests;
mod openai_chat;
pub(crate) mod panics;
pub(crate) mod proof;
mod redis_stream;
pub mod secrets;
pub mod synthetic;
mod trace;
mod waiting;
mod webhook;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tokio::sync::watch;

use flow_bytecode::{ErrorClass, Image, Protocol, StrId, Type, TypeId, Worker};
use flow_machine::{Outcome, Time};

use crate::config::{Binding, Callback, Config};
use crate::error::{Error, Result, code};
use crate::limits::{MESSAGE_BYTES, REPLY_BYTES};
pub use content::Wanted;
use secrets::Secrets;

/// A call on its way to a worker, secrets put in.
#[derive(Clone, Debug)]
pub struct Call {
    /// The run.
    pub run: String,
    /// Its flow.
    pub flow: String,
    /// The node.
    pub node: String,
    /// The index of the activation in its group.
    pub index: u32,
    /// The turn, from 1.
    pub turn: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The idempotency key: the same for every attempt of this call.
    pub key: String,
    /// When the answer is no longer wanted.
    pub deadline: Option<Time>,
    /// The worker's name.
    pub worker: String,
    /// The arguments.
    pub args: Map<String, Json>,
    /// What the worker's body says.
    pub options: Json,
    /// Of an agent: its turn, its tools with their schemas, and what was said before.
    pub conversation: Option<Json>,
    /// What a reply is made of.
    pub shape: Shape,
    /// What a chat's text has to fit; none: any text.
    pub wanted: Option<Wanted>,
    /// Where the worker is.
    pub binding: Arc<Binding>,
    /// The project's folder.
    pub root: PathBuf,
    /// Values that must not appear in messages and replies.
    pub secrets: Arc<Secrets>,
    /// Becomes true once the outcome is written: what must not be lost before is let go of then.
    pub durable: watch::Receiver<bool>,
    /// Where outcomes are taken that a worker only promised.
    pub callback: Option<Arc<Callback>>,
    /// Addresses that may be called; none: all.
    pub egress: Option<Arc<[String]>>,
}

/// What a protocol without types of its own makes a reply of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The text as it came.
    Text,
    /// Status, headers and body.
    Whole,
    /// The JSON in it.
    Json,
}

/// Why there is no usable reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class.
    pub class: ErrorClass,
    /// For people.
    pub message: String,
    /// When the worker wants to be asked again, nanoseconds from now.
    pub retry_after: Option<i64>,
}

/// What a call comes to.
pub type Reply = std::result::Result<Json, Failure>;

/// A call under way. Dropping it ends it, with all that it started.
pub type Underway = Pin<Box<dyn Future<Output = Reply> + Send>>;

impl Failure {
    /// A failure without a wish for later.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            retry_after: None,
        }
    }
}

impl Call {
    /// The value of a secret that a binding names.
    fn secret(&self, name: Option<&str>) -> std::result::Result<Option<&str>, Failure> {
        let Some(name) = name else { return Ok(None) };
        let value = self.secrets.get(name).ok_or_else(|| {
            let message = format!("secret `{name}` of worker `{}` is not there", self.worker);
            Failure::new(ErrorClass::Refused, message)
        })?;
        Ok(Some(value))
    }

    /// An argument, else what the worker's body says under that name.
    fn said(&self, name: &str) -> Option<&Json> {
        let argument = self.args.get(name).filter(|value| !value.is_null());
        argument.or_else(|| self.options.get(name).filter(|value| !value.is_null()))
    }
}

/// Sends a call.
pub fn start(protocol: Protocol, call: Call) -> Underway {
    let secrets = call.secrets.clone();
    let reply: Underway = match protocol {
        Protocol::Exec => Box::pin(exec::call(call)),
        Protocol::Http => Box::pin(http::call(call)),
        Protocol::Webhook => Box::pin(webhook::call(call)),
        Protocol::OpenaiChat => Box::pin(openai_chat::call(call)),
        Protocol::ApiChat => Box::pin(api_chat::call(call)),
        Protocol::A2a => Box::pin(a2a::call(call)),
        Protocol::Mcp => Box::pin(mcp::call(call)),
        Protocol::Mqtt => Box::pin(mqtt::call(call)),
        Protocol::RedisStream => Box::pin(redis_stream::call(call)),
        Protocol::Store => Box::pin(async {
            let message = "the store of a run is asked by its host";
            Err(Failure::new(ErrorClass::Protocol, message))
        }),
    };
    settled(reply, secrets)
}

/// The reply, without secrets. A worker that panics is one that died: whether its call was made is not known.
fn settled(reply: Underway, secrets: Arc<Secrets>) -> Underway {
    Box::pin(async move {
        let died = || {
            Err(Failure::new(
                ErrorClass::Lost,
                "the call died: this is a bug of flowvm",
            ))
        };
        let reply = panics::caught(async { masked(reply.await, &secrets) }).await;
        reply.unwrap_or_else(died)
    })
}

/// What the machine is told.
pub fn outcome(reply: Reply) -> Outcome {
    match reply {
        Ok(value) => Outcome::Reply { value },
        Err(Failure {
            class,
            message,
            retry_after,
        }) => Outcome::Failed {
            class,
            message,
            retry_after,
        },
    }
}

/// Refuses a program whose workers cannot be called, before anything runs; names all of them.
pub fn check_bindings(image: &Image, config: &Config, is_mocked: impl Fn(&str) -> bool) -> Result<()> {
    let called = called::workers(image).into_iter();
    let wrong = called
        .map(|worker| &image.workers[worker.index()])
        .filter(|worker| !is_mocked(image.str(worker.name)))
        .filter_map(|worker| check_binding(image, config, worker).err());
    Error::all(wrong.collect())
}

/// Whether some node calls a worker that is not mocked.
pub fn calls_out(image: &Image, is_mocked: impl Fn(&str) -> bool) -> bool {
    let mut called = called::workers(image).into_iter();
    called.any(|worker| !is_mocked(image.str(image.workers[worker.index()].name)))
}

fn check_binding(image: &Image, config: &Config, worker: &Worker) -> Result<()> {
    let name = image.str(worker.name);
    if matches!(worker.protocol, Protocol::Exec | Protocol::Store) {
        return Ok(());
    }
    let tags = texts(image, &worker.tags);
    let candidates = config.candidates(name, worker.protocol, &tags);
    let allowed = config.egress.as_deref();
    let checked = match candidates.first().map(|binding| (&binding.url, &binding.command)) {
        Some((_, Some(_))) if worker.protocol == Protocol::Mcp => Ok(()),
        Some((Some(url), _)) => check_address(url, Some(worker.protocol), allowed),
        _ => return Err(unbound(name, worker.protocol, &tags)),
    };
    checked.map_err(|why| Error::new(code::WORKER_UNBOUND, format!("worker `{name}`: {why}")))
}

fn unbound(name: &str, protocol: Protocol, tags: &[String]) -> Error {
    let where_it_is = match protocol {
        Protocol::Mcp => "command = [\"…\"]  or  url = \"http://…\"",
        Protocol::Mqtt => "url = \"mqtt://…\"",
        Protocol::RedisStream => "url = \"redis://…\"",
        _ => "url = \"http://…\"",
    };
    let served = if tags.is_empty() {
        String::new()
    } else {
        format!(" (tags: {})", tags.join(", "))
    };
    Error::new(
        code::WORKER_UNBOUND,
        format!("nothing says where worker `{name}` is{served}"),
    )
    .help(format!(
        "add to flow.toml:  [workers.{name}]  {where_it_is} — or try the flow with --mock FILE or \
         --mode synthetic"
    ))
}

/// Refuses an address that cannot be called by this protocol, or, where none is known, by any.
pub fn check_address(
    url: &str,
    protocol: Option<Protocol>,
    allowed: Option<&[String]>,
) -> std::result::Result<(), String> {
    let scheme = url.split(':').next().unwrap_or_default();
    let protocol = protocol.unwrap_or(match scheme {
        "mqtt" | "mqtts" => Protocol::Mqtt,
        "redis" | "rediss" => Protocol::RedisStream,
        _ => Protocol::Http,
    });
    match protocol {
        Protocol::Mqtt | Protocol::RedisStream => broker::check_url(url, protocol, allowed).map(drop),
        _ => client::check_url(url, allowed).map(drop),
    }
}

/// The protocol of this name, if a worker with an address can speak it.
pub fn served(name: &str) -> std::result::Result<Protocol, String> {
    let all = [
        Protocol::Webhook,
        Protocol::Http,
        Protocol::OpenaiChat,
        Protocol::ApiChat,
        Protocol::A2a,
        Protocol::Mcp,
        Protocol::Mqtt,
        Protocol::RedisStream,
    ];
    let found = all.into_iter().find(|protocol| word(*protocol) == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = all.into_iter().map(word).collect();
        format!(
            "`{name}` is no protocol of a worker with an address; there are: {}",
            known.join(", ")
        )
    })
}

/// Where a binding's command is.
pub(crate) fn command(words: &[String], folder: &Path) -> Option<PathBuf> {
    exec::find(words.first()?, folder)
}

/// The tags of a worker.
pub fn texts(image: &Image, ids: &[StrId]) -> Vec<String> {
    ids.iter().map(|id| image.str(*id).to_owned()).collect()
}

/// What a reply of this type is made of.
pub fn shape(image: &Image, ty: TypeId) -> Shape {
    match &image.types[ty.index()] {
        Type::String => Shape::Text,
        Type::Refined { base, .. } => shape(image, *base),
        Type::Nullable(inner) => shape(image, *inner),
        Type::Record { fields, .. } if fields.iter().any(|field| image.str(field.name) == "status") => {
            Shape::Whole
        }
        _ => Shape::Json,
    }
}

/// The name of a protocol as the language writes it.
pub fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Webhook => "webhook",
        Protocol::Http => "http",
        Protocol::OpenaiChat => "openai_chat",
        Protocol::ApiChat => "api_chat",
        Protocol::A2a => "a2a",
        Protocol::Mcp => "mcp",
        Protocol::Mqtt => "mqtt",
        Protocol::RedisStream => "redis_stream",
        Protocol::Exec => "exec",
        Protocol::Store => "store",
    }
}

/// The beginning of what came back, as messages show it.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MESSAGE_BYTES)]);
    match text.trim_end() {
        text if bytes.len() > MESSAGE_BYTES => format!("{text}…"),
        text => text.to_owned(),
    }
}

/// What a reply above the bound is.
fn too_much() -> Failure {
    let message = format!("the reply has more than {} MiB", REPLY_BYTES >> 20);
    Failure::new(ErrorClass::InvalidReply, message)
}

fn masked(reply: Reply, secrets: &Secrets) -> Reply {
    match reply {
        Ok(value) => Ok(secrets.mask_json(value)),
        Err(failure) => Err(Failure {
            message: secrets.mask(&failure.message),
            ..failure
        }),
    }
}
