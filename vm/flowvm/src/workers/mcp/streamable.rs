//! A server behind an address: every message is a POST of its own, its answer JSON or a stream of events
//! ("streamable HTTP"). A session that the server opens is closed after the call, and a call that is given up is
//! cancelled there.

use serde_json::{Value as Json, json};

use flow_bytecode::ErrorClass;

use super::super::{Call, Failure, client, excerpt, farewell};
use super::{CALL_ID, Heard, Talk};

const SESSION: &str = "mcp-session-id";

/// A session with a server.
pub(super) struct Session {
    url: String,
    id: Option<String>,
    /// The revision that was agreed on.
    pub(super) version: Option<&'static str>,
    /// The call while it is under way.
    open: Option<Call>,
}

impl Session {
    pub(super) fn new(call: &Call, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            id: None,
            version: None,
            open: Some(call.clone()),
        }
    }

    pub(super) async fn ask(
        &mut self,
        call: &Call,
        question: &Json,
        talk: &mut Talk,
    ) -> Result<Json, Failure> {
        let mut coming = client::open(self.post(call, question)?).await?;
        if let Some(id) = coming.headers.get(SESSION).and_then(|id| id.to_str().ok()) {
            self.id = Some(id.to_owned());
        }
        let is_stream = coming.is("text/event-stream");
        if !coming.status.is_success() || !is_stream {
            let answer = coming.whole().await?;
            if !answer.status.is_success() {
                return Err(refused(&answer));
            }
            return client::json(&answer);
        }
        let mut events = Events::default();
        while let Some(chunk) = coming.chunk().await? {
            for message in events.take(chunk.as_ref())? {
                match talk.hear(message, &question["id"]) {
                    Heard::Answer(answer) => return Ok(answer),
                    Heard::Question(reply) => self.tell(call, &reply).await?,
                    Heard::Aside => {}
                }
            }
        }
        let message = "the server's stream ended before the answer came";
        Err(Failure::new(ErrorClass::Connect, message))
    }

    pub(super) async fn tell(&self, call: &Call, message: &Json) -> Result<(), Failure> {
        let answer = client::send(self.post(call, message)?).await?;
        if !answer.status.is_success() {
            return Err(client::unexpected(&answer));
        }
        Ok(())
    }

    fn post(&self, call: &Call, message: &Json) -> Result<client::Request, Failure> {
        let request = client::post(call, &self.url)?.header("accept", "application/json, text/event-stream");
        Ok(self.marked(request).body(message.to_string()))
    }

    fn marked(&self, mut request: client::Request) -> client::Request {
        if let Some(version) = self.version {
            request = request.header("mcp-protocol-version", version);
        }
        if let Some(id) = &self.id {
            request = request.header(SESSION, id);
        }
        request
    }

    /// Closes the session, without waiting for it.
    pub(super) fn close(mut self, call: &Call) {
        self.open = None;
        if self.id.is_some() {
            farewell::say(end(self.copy(), call.clone(), false));
        }
    }

    fn copy(&self) -> Self {
        Self {
            url: self.url.clone(),
            id: self.id.clone(),
            version: self.version,
            open: None,
        }
    }
}

/// A call that nobody waits for any more is cancelled on the server, too.
impl Drop for Session {
    fn drop(&mut self) {
        if let Some(call) = self.open.take().filter(|_| self.version.is_some()) {
            farewell::say(end(self.copy(), call, true));
        }
    }
}

/// Tells the server that it is over. What it says to this is of no use to anybody any more.
async fn end(session: Session, call: Call, is_cancelled: bool) {
    if is_cancelled {
        let params = json!({ "requestId": CALL_ID, "reason": "the outcome is no longer wanted" });
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        let _ = session.tell(&call, &message).await;
    }
    if session.id.is_some()
        && let Ok(request) = client::delete(&call, &session.url)
    {
        let _ = client::send(session.marked(request)).await;
    }
}

/// What a status means; some servers say in JSON-RPC why.
fn refused(answer: &client::Answer) -> Failure {
    let failure = client::unexpected(answer);
    let said = serde_json::from_slice::<Json>(&answer.body).ok();
    match said.as_ref().and_then(|said| said["error"]["message"].as_str()) {
        Some(said) => Failure {
            message: format!("answered {}: {said}", answer.status),
            ..failure
        },
        None => failure,
    }
}

/// Messages out of the pieces of a stream of events.
#[derive(Default)]
struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<Json>, Failure> {
        let mut messages = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                messages.extend(self.line_ended(line.trim_ascii_end())?);
            }
        }
        Ok(messages)
    }

    /// An empty line ends an event; of the others only the data are of use.
    fn line_ended(&mut self, line: &[u8]) -> Result<Option<Json>, Failure> {
        if let Some(data) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.trim_ascii_start());
        }
        if !line.is_empty() || self.data.is_empty() {
            return Ok(None);
        }
        let data = std::mem::take(&mut self.data);
        serde_json::from_slice(&data).map(Some).map_err(|error| {
            let message = format!("an event of the server is not JSON ({error}): {}", excerpt(&data));
            Failure::new(ErrorClass::Protocol, message)
        })
    }
}
