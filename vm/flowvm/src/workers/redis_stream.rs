//! `redis_stream`: a request added to a stream; the reply is the entry of the reply stream with its
//! `correlation_id`, acknowledged once its outcome is durable.
//!
//! Each run reads replies as a consumer group of its own: every group gets every entry, so that a run finds its
//! replies whichever process drives it, and what came while none did is still there. The group is removed when
//! nothing is under way any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamReadOptions, StreamReadReply};
use redis::{
    AsyncCommands, AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, ServerErrorKind,
};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use flow_bytecode::{ErrorClass, Protocol};

use super::broker::{self, Place};
use super::waiting::Waiting;
use super::{Call, Failure, Reply, excerpt, farewell, panics, too_much};
use crate::limits::{CONNECT_WAIT, REPLY_BYTES};
use crate::view::note;

/// The name under which a process reads for its group. One process drives a run at a time.
const CONSUMER: &str = "flowvm";
/// Entries read at once.
const BATCH: usize = 64;
/// How long one question after new entries takes.
const BLOCK: Duration = Duration::from_secs(5);

/// Adds the request and waits for the reply.
pub(super) async fn call(call: Call) -> Reply {
    let place = broker::place(&call, Protocol::RedisStream)?;
    let stream = broker::option(&call, "stream").unwrap_or_else(|| call.worker.clone());
    let reply_stream = broker::option(&call, "reply_stream").unwrap_or_else(|| format!("{stream}:responses"));
    let link = link(&call, &place, reply_stream)?;
    let correlation = broker::correlation(&call);
    let mut ticket = link.waiting.join(&correlation)?;
    let mut connection = link.ready().await?;
    let request = broker::request(&call, &correlation, &link.stream);
    let added: Result<String, RedisError> = connection.xadd(&stream, "*", &[("payload", request)]).await;
    added.map_err(|error| failure(&error))?;
    let reply = ticket.reply().await;
    drop(ticket);
    farewell::say(acknowledge(link, correlation, call.durable.clone()));
    reply
}

/// Acknowledges the entries of a reply as soon as its outcome is durable. Where that does not happen, they are read
/// again when the run goes on.
async fn acknowledge(link: Arc<Link>, correlation: String, mut durable: watch::Receiver<bool>) {
    if durable.wait_for(|is_durable| *is_durable).await.is_err() {
        return;
    }
    let ids = link.taken(&correlation);
    // A connection that is gone leaves them to the next reading.
    if let Ok(mut connection) = link.ready().await
        && !ids.is_empty()
    {
        let _: Result<u64, RedisError> = connection.xack(&link.stream, &link.group, &ids).await;
    }
}

/// All readings under way.
static LINKS: Mutex<BTreeMap<String, Weak<Link>>> = Mutex::new(BTreeMap::new());
/// Held while a group is made or removed: the last call of a run may go while its next one comes.
static GATE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The reading of one reply stream for one run.
struct Link {
    name: String,
    stream: String,
    group: String,
    client: Client,
    waiting: Waiting,
    /// Ids of entries by whose reply they are, until they are acknowledged.
    entries: Mutex<BTreeMap<String, Vec<String>>>,
    sender: tokio::sync::OnceCell<MultiplexedConnection>,
    pump: Mutex<Option<AbortHandle>>,
}

/// The reading for a call: one that goes on, or a new one.
fn link(call: &Call, place: &Place, stream: String) -> Result<Arc<Link>, Failure> {
    let token = call.secret(call.binding.token.as_deref())?;
    let group = format!("flow:{}", call.run);
    let name = format!("{place:?} {:?} {group} {stream}", call.binding.token);
    let mut links = LINKS.lock().unwrap_or_else(PoisonError::into_inner);
    links.retain(|_, link| link.strong_count() > 0);
    let known = links.get(&name).and_then(Weak::upgrade);
    if let Some(link) = known.filter(|link| link.waiting.is_alive()) {
        return Ok(link);
    }
    let info = info(place, token).map_err(|why| Failure::new(ErrorClass::Refused, why))?;
    let client = Client::open(info).map_err(|error| failure(&error))?;
    let link = Arc::new(Link {
        name: name.clone(),
        stream,
        group,
        client,
        waiting: Waiting::default(),
        entries: Mutex::default(),
        sender: tokio::sync::OnceCell::new(),
        pump: Mutex::default(),
    });
    links.insert(name, Arc::downgrade(&link));
    Ok(link)
}

/// The address as the library wants it.
fn info(place: &Place, token: Option<&str>) -> Result<ConnectionInfo, String> {
    let (host, port) = (place.host.clone(), place.port);
    let address = if place.is_secure {
        let _ = rustls::crypto::ring::default_provider().install_default();
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let database = match place.path.as_str() {
        "" => 0,
        path => path
            .parse()
            .map_err(|_| format!("`{path}` is not the number of a database"))?,
    };
    let mut settings = RedisConnectionInfo::default().set_db(database);
    if !place.user.is_empty() {
        settings = settings.set_username(&place.user);
    }
    if let Some(token) = token {
        settings = settings.set_password(token);
    }
    let info = address
        .into_connection_info()
        .map_err(|error| error.to_string())?;
    Ok(info.set_redis_settings(settings))
}

impl Link {
    /// The connection for requests, once replies are read: then none can be missed.
    async fn ready(self: &Arc<Self>) -> Result<MultiplexedConnection, Failure> {
        let made = self.sender.get_or_try_init(|| async {
            let mut sender = self.connection().await?;
            let gate = GATE.lock().await;
            let made: Result<(), RedisError> = sender
                .xgroup_create_mkstream(&self.stream, &self.group, "$")
                .await;
            drop(gate);
            match made {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(failure(&error)),
                _ => {}
            }
            let reader = self.connection().await?;
            let (weak, reading) = (Arc::downgrade(self), Reading::of(self));
            let pump = tokio::spawn(async move {
                let ended = panics::caught(pump(weak.clone(), reader, reading)).await;
                if let (None, Some(link)) = (ended, weak.upgrade()) {
                    let why = "the reading of replies died: this is a bug of flowvm";
                    link.waiting.end(&Failure::new(ErrorClass::Lost, why));
                }
            });
            *self.pump.lock().unwrap_or_else(PoisonError::into_inner) = Some(pump.abort_handle());
            Ok(sender)
        });
        made.await.cloned()
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config);
        connection.await.map_err(|error| failure(&error))
    }

    /// Keeps the id of an entry, and hands over what it says. False if nobody waits for it.
    fn take(&self, entry: &StreamId) -> bool {
        let Some((correlation, reply)) = reply(entry) else {
            return false;
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .entry(correlation.clone())
            .or_default()
            .push(entry.id.clone());
        drop(entries);
        let is_ours = self.waiting.hand_over(&correlation, reply);
        if !is_ours {
            self.forget(&correlation, &entry.id);
        }
        is_ours
    }

    /// Forgets one entry. Another one with the same correlation may be the reply that counts.
    fn forget(&self, correlation: &str, id: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ids) = entries.get_mut(correlation) {
            ids.retain(|kept| kept != id);
            if ids.is_empty() {
                entries.remove(correlation);
            }
        }
    }

    /// The ids of the entries of a reply; they are forgotten.
    fn taken(&self, correlation: &str) -> Vec<String> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(correlation).unwrap_or_default()
    }
}

/// The last call has gone: nothing is read any more, and the group goes, too, if all it has read is acknowledged.
impl Drop for Link {
    fn drop(&mut self) {
        let pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pump) = pump {
            pump.abort();
        }
        let unsettled = !self
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty();
        let Some(mut sender) = self
            .sender
            .take()
            .filter(|_| !unsettled && self.waiting.is_alive())
        else {
            return;
        };
        let (name, stream, group) = (self.name.clone(), self.stream.clone(), self.group.clone());
        farewell::say(async move {
            let _gate = GATE.lock().await;
            let links = || LINKS.lock().unwrap_or_else(PoisonError::into_inner);
            let is_taken_up = links().get(&name).is_some_and(|link| link.strong_count() > 0);
            if !is_taken_up {
                let _: Result<bool, RedisError> = sender.xgroup_destroy(stream, group).await;
            }
        });
    }
}

/// What is read, and for whom.
struct Reading {
    stream: String,
    group: String,
}

impl Reading {
    fn of(link: &Link) -> Self {
        Self {
            stream: link.stream.clone(),
            group: link.group.clone(),
        }
    }

    async fn next(
        &self,
        connection: &mut MultiplexedConnection,
        from: &str,
    ) -> Result<Vec<StreamId>, RedisError> {
        let options = StreamReadOptions::default()
            .group(&self.group, CONSUMER)
            .count(BATCH)
            .block(BLOCK.as_millis() as usize);
        let reply: Option<StreamReadReply> = connection
            .xread_options(&[&self.stream], &[from], &options)
            .await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(keys.into_iter().flat_map(|key| key.ids).collect())
    }
}

/// Reads what was read before and not acknowledged, then what is new, as long as somebody waits.
async fn pump(link: Weak<Link>, mut connection: MultiplexedConnection, reading: Reading) {
    let mut from = "0".to_owned();
    loop {
        let read = reading.next(&mut connection, &from).await;
        let Some(link) = link.upgrade() else { return };
        let entries = match read {
            Ok(entries) => entries,
            Err(error) => return link.waiting.end(&failure(&error)),
        };
        if from != ">" {
            from = entries
                .last()
                .map_or_else(|| ">".to_owned(), |last| last.id.clone());
        }
        let others: Vec<&str> = entries
            .iter()
            .filter(|entry| !link.take(entry))
            .map(|entry| entry.id.as_str())
            .collect();
        if others.is_empty() {
            continue;
        }
        // Most are replies to other runs, which read them for themselves.
        let done: Result<u64, RedisError> = connection.xack(&reading.stream, &reading.group, &others).await;
        if let Err(error) = done {
            return link.waiting.end(&failure(&error));
        }
    }
}

/// Whose reply an entry is, and what it says.
fn reply(entry: &StreamId) -> Option<(String, Reply)> {
    let payload: Vec<u8> = entry.get("payload")?;
    if payload.len() <= REPLY_BYTES {
        return broker::reply(&payload).or_else(|| {
            note(&format!("entry {} is no reply: {}", entry.id, excerpt(&payload)));
            None
        });
    }
    // Whose it is has to stand beside it.
    let correlation: String = entry.get("correlation_id")?;
    Some((correlation, Err(too_much())))
}

fn failure(error: &RedisError) -> Failure {
    let class = match error.kind() {
        ErrorKind::Io => ErrorClass::Connect,
        ErrorKind::Server(
            ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::MasterDown,
        ) => ErrorClass::Overloaded,
        _ if error.is_timeout() => ErrorClass::Timeout,
        _ => ErrorClass::Protocol,
    };
    Failure::new(class, format!("redis: {error}"))
}
