//! The desk at which workers hand in outcomes that they had accepted (202) before: a small HTTP server, for
//! which each attempt has an address and a token of its own. Who may call the worker, and how, is `webhook`'s.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use ring::hmac;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use flow_bytecode::ErrorClass;

use super::waiting::{Ticket, Waiting};
use super::{Call, Failure, broker, farewell};
use crate::config::Callback;
use crate::limits::{DURABLE_WAIT, REPLY_BYTES};

/// What a worker is told: where to post the outcome of this attempt, and with which token.
pub(super) struct Address {
    pub(super) url: String,
    pub(super) token: String,
}

/// A desk that is open.
pub(super) struct Desk {
    url: String,
    key: hmac::Key,
    waiting: Waiting,
    /// Tells of each attempt whether its outcome is written.
    durable: Mutex<HashMap<String, watch::Receiver<bool>>>,
}

/// An attempt whose outcome may be handed in.
pub(super) struct Open<'a> {
    desk: &'a Desk,
    correlation: String,
    pub(super) ticket: Ticket<'a>,
}

/// The desk of this process, opened when the first call needs it. Fails with why it cannot be open: its address is
/// taken, say.
pub(super) fn desk(call: &Call, callback: &Callback) -> Result<Arc<Desk>, String> {
    static DESKS: Mutex<BTreeMap<String, (Arc<Desk>, AbortHandle)>> = Mutex::new(BTreeMap::new());
    let mut desks = DESKS.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("{callback:?}");
    if let Some((desk, server)) = desks.get(&name)
        && !server.is_finished()
    {
        return Ok(desk.clone());
    }
    let secret = call
        .secret(callback.key.as_deref())
        .map_err(|failure| failure.message)?;
    let key = match secret {
        Some(secret) => hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        None => hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| "this system has no random numbers".to_owned())?,
    };
    let (listener, address) =
        listen(callback.listen).map_err(|error| format!("{}: {error}", callback.listen))?;
    let url = callback
        .url
        .clone()
        .unwrap_or_else(|| format!("http://{address}"));
    let desk = Arc::new(Desk {
        url: url.trim_end_matches('/').to_owned(),
        key,
        waiting: Waiting::default(),
        durable: Mutex::default(),
    });
    let router = Router::new()
        .route("/callbacks/{correlation}", post(hand_in))
        .layer(DefaultBodyLimit::max(REPLY_BYTES))
        .with_state(desk.clone());
    let server = tokio::spawn(async move {
        // It ends with the process, and reports nothing before.
        let _ = axum::serve(listener, router).await;
    });
    desks.insert(name, (desk.clone(), server.abort_handle()));
    Ok(desk)
}

fn listen(at: SocketAddr) -> std::io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}

impl Desk {
    /// Opens the address of an attempt. Dropping it closes it.
    pub(super) fn open(&self, call: &Call) -> Result<(Address, Open<'_>), Failure> {
        let correlation = broker::correlation(call);
        let ticket = self.waiting.join(&correlation)?;
        self.durable().insert(correlation.clone(), call.durable.clone());
        let address = Address {
            url: format!("{}/callbacks/{correlation}", self.url),
            token: crate::hex::encode(hmac::sign(&self.key, correlation.as_bytes()).as_ref()),
        };
        let open = Open {
            desk: self,
            correlation,
            ticket,
        };
        Ok((address, open))
    }

    fn durable(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<bool>>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the token of that attempt.
    fn fits(&self, correlation: &str, headers: &HeaderMap) -> bool {
        let said = headers
            .get(header::AUTHORIZATION)
            .and_then(|said| said.to_str().ok());
        let token = said.and_then(|said| crate::hex::decode(said.strip_prefix("Bearer ")?.trim()));
        token.is_some_and(|token| hmac::verify(&self.key, correlation.as_bytes(), &token).is_ok())
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.desk.durable().remove(&self.correlation);
    }
}

/// Takes an outcome, and says that it was taken when it is written: before, the worker has to keep it.
async fn hand_in(
    State(desk): State<Arc<Desk>>,
    Path(correlation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let say = |status, is_taken: bool, why: &str| {
        (
            status,
            json!({ "accepted": is_taken, "message": why }).to_string(),
        )
    };
    if !desk.fits(&correlation, &headers) {
        let why = "`Authorization: Bearer` must carry the token that came with this address";
        return say(StatusCode::UNAUTHORIZED, false, why);
    }
    let outcome = match serde_json::from_slice(&body) {
        Ok(outcome) => outcome,
        Err(error) => {
            return say(
                StatusCode::BAD_REQUEST,
                false,
                &format!("the outcome is not JSON: {error}"),
            );
        }
    };
    // A process that ends once the outcome is written still says so.
    let _farewell = farewell::begin();
    let durable = desk.durable().get(&correlation).cloned();
    let is_taken = desk.waiting.hand_over(&correlation, Ok(outcome));
    let Some(mut durable) = durable.filter(|_| is_taken) else {
        let why = "nobody waits for this outcome: it is late, or was handed in before";
        return say(StatusCode::GONE, false, why);
    };
    match timeout(DURABLE_WAIT, durable.wait_for(|is_durable| *is_durable)).await {
        Ok(Ok(_)) => say(StatusCode::OK, true, "written"),
        _ => say(
            StatusCode::SERVICE_UNAVAILABLE,
            false,
            "it could not be written: hand it in again",
        ),
    }
}

/// An answer of 202 that nobody can follow up.
pub(super) fn unfollowed(why: &str) -> Failure {
    let message = format!(
        "answered 202 (accepted), but there is no address to which the outcome could be posted: {why}"
    );
    Failure::new(ErrorClass::Protocol, message)
}
