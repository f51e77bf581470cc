//! `mqtt`: a request published to a topic; the reply is the message on the reply topic with its `correlation_id`.
//! Calls that share a broker and a reply topic share a connection, which lasts as long as one of them is under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS, StateError,
    SubscribeReasonCode, Transport,
};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use flow_bytecode::{ErrorClass, Protocol};

use super::broker::{self, Place};
use super::waiting::Waiting;
use super::{Call, Failure, Reply, trace};
use crate::limits::{CONNECT_WAIT, KEEP_ALIVE, REPLY_BYTES};
use crate::view::note;

/// Requests that may wait for the connection to take them.
const QUEUE: usize = 256;

/// Publishes the request and waits for the reply.
pub(super) async fn call(call: Call) -> Reply {
    let place = broker::place(&call, Protocol::Mqtt)?;
    let topic = broker::option(&call, "topic").unwrap_or_else(|| call.worker.clone());
    let reply_topic = broker::option(&call, "reply_topic").unwrap_or_else(|| format!("{topic}/responses"));
    for name in [&topic, &reply_topic] {
        check_topic(name)?;
    }
    let link = link(&call, place, &reply_topic)?;
    let correlation = broker::correlation(&call);
    let mut ticket = link.waiting.join(&correlation)?;
    link.ready().await?;
    let request = broker::request(&call, &correlation, &reply_topic);
    let published = link.client.publish(topic, quality(&call), false, request).await;
    published.map_err(|error| Failure::new(ErrorClass::Connect, format!("cannot publish: {error}")))?;
    ticket.reply().await
}

/// What is woven into a topic must not widen it.
fn check_topic(name: &str) -> Result<(), Failure> {
    if name.is_empty() || name.len() > usize::from(u16::MAX) || name.contains(['+', '#', '\0']) {
        let message =
            format!("`{name}` is not the name of a topic: it is empty or too long, or has `+` or `#` in it");
        return Err(Failure::new(ErrorClass::Protocol, message));
    }
    Ok(())
}

fn quality(call: &Call) -> QoS {
    match call.options.get("qos").and_then(serde_json::Value::as_i64) {
        Some(0) => QoS::AtMostOnce,
        Some(2) => QoS::ExactlyOnce,
        _ => QoS::AtLeastOnce,
    }
}

/// A connection that listens to one reply topic.
struct Link {
    client: AsyncClient,
    waiting: Arc<Waiting>,
    /// Whether replies are listened to by now.
    listening: watch::Receiver<bool>,
    pump: AbortHandle,
}

impl Link {
    /// Waits until no reply can be missed any more.
    async fn ready(&self) -> Result<(), Failure> {
        let mut listening = self.listening.clone();
        let listens = timeout(CONNECT_WAIT, listening.wait_for(|listens| *listens)).await;
        match listens {
            Ok(Ok(_)) => Ok(()),
            // Why it does not is what those in line are told.
            Ok(Err(_)) => Err(self.waiting.join("").err().unwrap_or_else(|| connect("it ended"))),
            Err(_) => Err(connect("it takes too long")),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// The connection for a call: one that is there, or a new one.
fn link(call: &Call, place: Place, reply_topic: &str) -> Result<Arc<Link>, Failure> {
    static LINKS: Mutex<BTreeMap<String, Weak<Link>>> = Mutex::new(BTreeMap::new());
    let token = call.secret(call.binding.token.as_deref())?.map(str::to_owned);
    let name = format!("{place:?} {:?} {reply_topic}", call.binding.token);
    let mut links = LINKS.lock().unwrap_or_else(PoisonError::into_inner);
    links.retain(|_, link| link.strong_count() > 0);
    let known = links.get(&name).and_then(Weak::upgrade);
    if let Some(link) = known.filter(|link| link.waiting.is_alive()) {
        return Ok(link);
    }
    let link = Arc::new(open(place, token, reply_topic));
    links.insert(name, Arc::downgrade(&link));
    Ok(link)
}

fn open(place: Place, token: Option<String>, reply_topic: &str) -> Link {
    let id = format!("flowvm-{}", trace::unique());
    let mut options = MqttOptions::new(id, place.host, place.port);
    options.set_keep_alive(KEEP_ALIVE);
    // A little room for the topic and the header.
    let most = REPLY_BYTES + (128 << 10);
    options.set_max_packet_size(most, most);
    if place.is_secure {
        let _ = rustls::crypto::ring::default_provider().install_default();
        options.set_transport(Transport::tls_with_default_config());
    }
    if !place.user.is_empty() || token.is_some() {
        options.set_credentials(place.user, token.unwrap_or_default());
    }
    let (client, events) = AsyncClient::new(options, QUEUE);
    let waiting = Arc::new(Waiting::default());
    let (listens, listening) = watch::channel(false);
    let pump = Pump {
        events,
        client: client.clone(),
        waiting: waiting.clone(),
        listens,
        reply_topic: reply_topic.to_owned(),
    };
    Link {
        client,
        waiting,
        listening,
        pump: tokio::spawn(pump.run()).abort_handle(),
    }
}

/// Moves what goes out and sorts what comes in, until the connection ends.
struct Pump {
    events: EventLoop,
    client: AsyncClient,
    waiting: Arc<Waiting>,
    listens: watch::Sender<bool>,
    reply_topic: String,
}

/// However it ends, whoever waits hears of it.
impl Drop for Pump {
    fn drop(&mut self) {
        if self.waiting.is_alive() {
            self.waiting.end(&connect("it ended"));
        }
    }
}

impl Pump {
    async fn run(mut self) {
        loop {
            let heard = match self.events.poll().await {
                Ok(Event::Incoming(packet)) => self.hear(packet),
                Ok(Event::Outgoing(_)) => Ok(()),
                Err(error) => Err(failure(&error)),
            };
            if let Err(why) = heard {
                // It could be built up anew, but replies of the meantime would be missed: better said than waited for.
                return self.waiting.end(&why);
            }
        }
    }

    fn hear(&mut self, packet: Packet) -> Result<(), Failure> {
        match packet {
            Packet::ConnAck(_) => {
                // What takes it out of the queue is this very task: it must not wait.
                let asked = self.client.try_subscribe(&self.reply_topic, QoS::AtLeastOnce);
                asked.map_err(|error| connect(&error.to_string()))?;
            }
            Packet::SubAck(ack) => {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    let message = format!("the broker refuses to let `{}` be listened to", self.reply_topic);
                    return Err(Failure::new(ErrorClass::Protocol, message));
                }
                self.listens.send_replace(true);
            }
            Packet::Publish(message) => match broker::reply(&message.payload) {
                Some((correlation, reply)) => {
                    if !self.waiting.hand_over(&correlation, reply) {
                        note(&format!(
                            "a reply on `{}` is late or not asked for: {correlation}",
                            message.topic
                        ));
                    }
                }
                None => note(&format!(
                    "a message on `{}` is no reply: it has no `correlation_id`",
                    message.topic
                )),
            },
            _ => {}
        }
        Ok(())
    }
}

fn connect(why: &str) -> Failure {
    Failure::new(ErrorClass::Connect, format!("no connection to the broker: {why}"))
}

fn failure(error: &ConnectionError) -> Failure {
    let class = match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::ServiceUnavailable) => ErrorClass::Overloaded,
        ConnectionError::ConnectionRefused(_) => ErrorClass::Protocol,
        ConnectionError::MqttState(StateError::Deserialization(
            rumqttc::Error::PayloadSizeLimitExceeded(_),
        )) => ErrorClass::InvalidReply,
        // Also what cannot be read or written is put under this name.
        ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(_))) => ErrorClass::Connect,
        ConnectionError::MqttState(StateError::Deserialization(_)) => ErrorClass::Protocol,
        _ => ErrorClass::Connect,
    };
    Failure::new(class, format!("the connection to the broker ended: {error}"))
}
