//! A server that is a child process: one message a line, each way. It is the leader of a process group of its own,
//! which ends with the call.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use flow_bytecode::ErrorClass;

use super::super::{Call, Failure, exec, farewell};
use super::{Heard, Talk};
use crate::limits::{PIPE_GRACE, REPLY_BYTES, STDERR_BYTES};

/// What a server finds in its environment: servers are programs that people have set up for themselves.
const INHERITED: [&str; 7] = ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

/// A server under way. Dropping it ends its group.
pub(super) struct Server {
    /// First, so that it goes before the child does.
    _group: exec::Group,
    child: Child,
    shown: String,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What came and is not yet a whole line, and how much of it has been searched.
    buffer: Vec<u8>,
    searched: usize,
    /// What came in all.
    heard: usize,
    complaints: Complaints,
}

impl Server {
    pub(super) fn start(call: &Call, words: &[String]) -> Result<Self, Failure> {
        let shown = words.join(" ");
        let failed = |why: String| Failure::new(ErrorClass::ExecFailed, why);
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut command = exec::command(words, &exec::folder(call))
            .map_err(|why| failed(format!("worker `{}`: {why}", call.worker)))?;
        command
            .envs(inherited)
            .env("FLOW_RUN", &call.run)
            .env("FLOW_NODE", &call.node)
            .stdin(Stdio::piped());
        for (variable, secret) in &call.binding.env {
            if let Some(value) = call.secret(Some(secret))? {
                command.env(variable, value);
            }
        }
        let mut child = command
            .spawn()
            .map_err(|error| failed(format!("cannot start `{shown}`: {error}")))?;
        let group = exec::Group::of(&child);
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(format!("`{shown}` has no pipes")));
        };
        Ok(Self {
            _group: group,
            child,
            shown,
            stdin,
            stdout,
            buffer: Vec::new(),
            searched: 0,
            heard: 0,
            complaints: Complaints::of(stderr),
        })
    }

    /// Sends a request and listens until its answer comes.
    pub(super) async fn ask(&mut self, question: &Json, talk: &mut Talk) -> Result<Json, Failure> {
        self.tell(question).await?;
        loop {
            let line = self.line().await?;
            // Servers that print other things than messages are not rare.
            let Ok(message) = serde_json::from_slice::<Json>(&line) else {
                continue;
            };
            match talk.hear(message, &question["id"]) {
                Heard::Answer(answer) => return Ok(answer),
                Heard::Question(reply) => self.tell(&reply).await?,
                Heard::Aside => {}
            }
        }
    }

    pub(super) async fn tell(&mut self, message: &Json) -> Result<(), Failure> {
        let line = format!("{message}\n");
        match self.stdin.write_all(line.as_bytes()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().await),
        }
    }

    /// The next line.
    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = self.buffer[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                let rest = self.buffer.split_off(self.searched + end + 1);
                self.searched = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.searched = self.buffer.len();
            let read = self.stdout.read_buf(&mut self.buffer).await.unwrap_or(0);
            if read == 0 {
                return Err(self.gone().await);
            }
            self.heard += read;
            if self.heard > REPLY_BYTES {
                let message = format!("`{}` said more than {} MiB", self.shown, REPLY_BYTES >> 20);
                return Err(Failure::new(ErrorClass::InvalidReply, message));
            }
        }
    }

    /// Why a server that has closed its pipes did so.
    async fn gone(&mut self) -> Failure {
        let ending = match timeout(PIPE_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => exec::ending(status),
            _ => "closed its output".to_owned(),
        };
        let said = self.complaints.tail().await;
        let message = format!("`{}` {ending} before it answered{said}", self.shown);
        Failure::new(ErrorClass::ExecFailed, message)
    }

    /// Closes its input, by which it knows that it may go, and ends it if it does not.
    pub(super) fn close(self) {
        farewell::say(async move {
            let Self {
                _group,
                mut child,
                stdin,
                ..
            } = self;
            drop(stdin);
            // Whatever comes of it, the group ends here.
            let _ = timeout(PIPE_GRACE, child.wait()).await;
        });
    }
}

/// The end of what a server says on standard error, read while it runs.
struct Complaints {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Complaints {
    fn of(mut stderr: ChildStderr) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let ours = kept.clone();
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 8 << 10];
            while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
                let mut kept = ours.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
                let extra = kept.len().saturating_sub(STDERR_BYTES);
                kept.drain(..extra);
            }
        });
        Self { kept, reader }
    }

    /// As a message shows it, once all of it is there.
    async fn tail(&mut self) -> String {
        let _ = timeout(PIPE_GRACE, &mut self.reader).await;
        exec::tail(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
