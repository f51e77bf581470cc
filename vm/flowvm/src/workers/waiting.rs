//! Attempts that wait for a reply which comes by itself: through a broker, or posted later. Each is known by its
//! correlation; what is late, comes twice or was never asked for finds nobody.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use flow_bytecode::ErrorClass;

use super::{Failure, Reply};

/// Attempts that wait for their replies, by correlation.
#[derive(Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    open: HashMap<String, oneshot::Sender<Reply>>,
    /// Why nothing comes any more.
    ended: Option<Failure>,
}

impl Waiting {
    /// Waits in line for a reply. Dropping it leaves the line.
    pub(super) fn join(&self, correlation: &str) -> Result<Ticket<'_>, Failure> {
        let mut state = self.state();
        if let Some(why) = &state.ended {
            return Err(why.clone());
        }
        let (sender, receiver) = oneshot::channel();
        state.open.insert(correlation.to_owned(), sender);
        Ok(Ticket {
            line: self,
            correlation: correlation.to_owned(),
            receiver,
        })
    }

    /// Hands a reply over. False if nobody waits for it: it is late, or was never asked for.
    pub(super) fn hand_over(&self, correlation: &str, reply: Reply) -> bool {
        let sender = self.state().open.remove(correlation);
        sender.is_some_and(|sender| sender.send(reply).is_ok())
    }

    /// Tells everybody that nothing comes any more.
    pub(super) fn end(&self, why: &Failure) {
        let mut state = self.state();
        state.ended = Some(why.clone());
        for (_, sender) in state.open.drain() {
            let _ = sender.send(Err(why.clone()));
        }
    }

    /// Whether something can still come.
    pub(super) fn is_alive(&self) -> bool {
        self.state().ended.is_none()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line.
pub(super) struct Ticket<'a> {
    line: &'a Waiting,
    correlation: String,
    receiver: oneshot::Receiver<Reply>,
}

impl Ticket<'_> {
    /// The reply, when it comes.
    pub(super) async fn reply(&mut self) -> Reply {
        let gone = || Failure::new(ErrorClass::Connect, "the connection has ended");
        (&mut self.receiver).await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.line.state().open.remove(&self.correlation);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reply_is_handed_over_once() {
        let waiting = Waiting::default();
        let ticket = waiting.join("c").unwrap();
        assert!(waiting.hand_over("c", Ok(json!(1))) && !waiting.hand_over("c", Ok(json!(2))));
        drop(ticket);
        drop(waiting.join("d").unwrap());
        assert!(!waiting.hand_over("d", Ok(json!(1))));
    }
}
