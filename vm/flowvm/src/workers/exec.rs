//! `exec`: a child process in a group of its own. Arguments go in on standard input, the reply comes out on
//! standard output; the group is ended at the deadline, on cancel, and when its first process has ended.
//!
//! What calls `setsid` leaves the group and is not ended with it; its hold on the pipes is given up after a
//! second.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use flow_bytecode::ErrorClass;

use super::{Call, Failure, Reply, excerpt};
use crate::limits::{MESSAGE_BYTES, PIPE_GRACE, REPLY_BYTES, STDERR_BYTES};

/// Runs the child to its end.
pub(super) async fn call(call: Call) -> Reply {
    let words = words(&call)?;
    let shown = words.join(" ");
    let mut child = spawn(&call, &words)?;
    let group = Group::of(&child);
    let output = Output::default();
    let mut pipes = pin!(follow(Pipes::of(&mut child), input(&call), &output));
    let mut open = true;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            read = &mut pipes, if open => {
                open = false;
                read.map_err(|why| failed(format!("`{shown}` {why}")))?;
            }
        }
    };
    drop(group);
    if open && let Ok(read) = tokio::time::timeout(PIPE_GRACE, pipes).await {
        read.map_err(|why| failed(format!("`{shown}` {why}")))?;
    }
    let status = status.map_err(|error| failed(format!("`{shown}`: {error}")))?;
    output.reply(status, &shown)
}

/// The words of the command: the binding's, else the source's.
fn words(call: &Call) -> Result<Vec<String>, Failure> {
    let given = call.binding.command.clone().or_else(|| {
        let list = call.options.get("command")?.as_array()?;
        list.iter().map(plain).collect()
    });
    given.filter(|words| !words.is_empty()).ok_or_else(|| {
        failed(format!(
            "worker `{}` has no command: a list of words, such as [\"python3\", \"score.py\"]",
            call.worker
        ))
    })
}

fn plain(word: &Json) -> Option<String> {
    match word {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(word.to_string()),
        _ => None,
    }
}

/// What the child reads: the arguments as one line, unless `stdin none`.
fn input(call: &Call) -> Vec<u8> {
    if call.options.get("stdin").and_then(Json::as_str) == Some("none") {
        return Vec::new();
    }
    let mut args = call.args.clone();
    if let Some(conversation) = &call.conversation {
        args.insert("$agent".to_owned(), conversation.clone());
    }
    let mut line = Json::Object(args).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn spawn(call: &Call, words: &[String]) -> Result<Child, Failure> {
    let mut command =
        command(words, &folder(call)).map_err(|why| failed(format!("worker `{}`: {why}", call.worker)))?;
    command
        .env("FLOW_RUN", &call.run)
        .env("FLOW_NODE", &call.node)
        .env("FLOW_IDEMPOTENCY_KEY", &call.key)
        .stdin(Stdio::piped());
    if let Some(variables) = call.options.get("env").and_then(Json::as_object) {
        command.envs(
            variables
                .iter()
                .filter_map(|(name, value)| Some((name, plain(value)?))),
        );
    }
    command
        .spawn()
        .map_err(|error| failed(format!("cannot start `{}`: {error}", words[0])))
}

/// A command in a folder, as the leader of a process group of its own: it finds nothing in its environment and nothing
/// to read, what it prints is ours, and it ends when it is dropped.
pub(super) fn command(words: &[String], folder: &Path) -> Result<Command, String> {
    let first = words.first().ok_or("the command has no words")?;
    if !folder.is_dir() {
        return Err(format!("the working folder `{}` is not there", folder.display()));
    }
    let program =
        find(first, folder).ok_or_else(|| format!("cannot start `{first}`: there is no such command"))?;
    let mut command = Command::new(program);
    command
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}

/// Runs a command to its end, in a group of its own, with nothing to read: its code, none for a signal, and
/// what it printed.
pub(super) async fn run(words: &[String], folder: &Path) -> Result<(Option<i32>, Vec<u8>), String> {
    let child = command(words, folder)?
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", words[0]))?;
    let group = Group::of(&child);
    let output = child
        .wait_with_output()
        .await
        .map_err(|error| error.to_string())?;
    drop(group);
    let mut printed = output.stdout;
    printed.extend(output.stderr);
    Ok((output.status.code(), printed))
}

pub(super) fn folder(call: &Call) -> PathBuf {
    let named = call.binding.cwd.clone();
    let named = named.or_else(|| Some(PathBuf::from(call.options.get("cwd")?.as_str()?)));
    named.map_or_else(|| call.root.clone(), |named| call.root.join(named))
}

/// Where a command is. Names without a slash are looked for in the `PATH` of this process, since the
/// child has none.
pub(super) fn find(word: &str, folder: &Path) -> Option<PathBuf> {
    if word.contains('/') {
        return Some(folder.join(word)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .map(|folder| folder.join(word))
        .find(|path| path.is_file())
}

/// A process group that ends when this goes out of scope.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().map(|id| Pid::from_raw(id as i32)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The ends of the child's pipes that are ours.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Pipes {
    fn of(child: &mut Child) -> Self {
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
        }
    }
}

/// What a child printed so far.
#[derive(Default)]
struct Output {
    stdout: Mutex<Vec<u8>>,
    stderr: Mutex<Vec<u8>>,
}

/// Feeds and reads a child until its pipes close. Fails as soon as it has printed too much.
async fn follow(pipes: Pipes, input: Vec<u8>, output: &Output) -> Result<(), String> {
    let feed = async {
        if let Some(mut stdin) = pipes.stdin {
            // A child need not read its arguments.
            let _ = stdin.write_all(&input).await;
            let _ = stdin.shutdown().await;
        }
        Ok(())
    };
    let out = read(pipes.stdout, |bytes| {
        let mut kept = output.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        if kept.len() > REPLY_BYTES {
            Err(format!(
                "printed more than {} MiB: it was ended",
                REPLY_BYTES >> 20
            ))
        } else {
            Ok(())
        }
    });
    let err = read(pipes.stderr, |bytes| {
        let mut kept = output.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        // Cut now and then, so that a flood is not moved byte by byte.
        if kept.len() > 2 * STDERR_BYTES {
            let extra = kept.len() - STDERR_BYTES;
            kept.drain(..extra);
        }
        Ok(())
    });
    tokio::try_join!(feed, out, err).map(|_| ())
}

async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    mut keep: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(bytes) => keep(&buffer[..bytes])?,
        }
    }
}

impl Output {
    fn reply(&self, status: ExitStatus, shown: &str) -> Reply {
        let taken =
            |kept: &Mutex<Vec<u8>>| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        let (stdout, stderr) = (taken(&self.stdout), taken(&self.stderr));
        if !status.success() {
            return Err(Failure::new(
                ErrorClass::ExecFailed,
                format!("`{shown}` {}{}", ending(status), tail(&stderr)),
            ));
        }
        let (events, rest) = split_events(&stdout);
        if rest.trim_ascii().is_empty() {
            let message = format!("`{shown}` exited with 0 and printed no reply{}", tail(&stderr));
            return Err(Failure::new(ErrorClass::InvalidReply, message));
        }
        let value: Json = serde_json::from_slice(rest).map_err(|error| {
            let message = format!("`{shown}` printed what is not JSON ({error}): {}", excerpt(rest));
            Failure::new(ErrorClass::InvalidReply, message)
        })?;
        Ok(with_events(value, events))
    }
}

/// How a process ended, as a message says it.
pub(super) fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended without a word".to_owned(),
    }
}

/// The end of what a child said on standard error, as a message shows it.
pub(super) fn tail(stderr: &[u8]) -> String {
    let start = stderr.len().saturating_sub(MESSAGE_BYTES);
    match String::from_utf8_lossy(&stderr[start..]).trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// Lines `{"flow_event": …}` at the beginning, and what comes behind them.
fn split_events(stdout: &[u8]) -> (Vec<Json>, &[u8]) {
    let (mut events, mut rest) = (Vec::new(), stdout);
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let Some(event) = event(&rest[..end]) else {
            return (events, rest);
        };
        events.push(event);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

fn event(line: &[u8]) -> Option<Json> {
    let line = line.trim_ascii();
    if !line.starts_with(b"{\"flow_event\"") {
        return None;
    }
    let mut parsed: serde_json::Map<String, Json> = serde_json::from_slice(line).ok()?;
    match parsed.remove("flow_event")? {
        Json::Object(event) if event.contains_key("name") => Some(Json::Object(event)),
        Json::String(name) => Some(json!({"name": name, "data": null})),
        data => Some(json!({"name": "progress", "data": data})),
    }
}

/// Puts events into the envelope that came, or into a new one.
fn with_events(value: Json, mut events: Vec<Json>) -> Json {
    if events.is_empty() {
        return value;
    }
    match value {
        Json::Object(mut envelope) if envelope.get("flow") == Some(&json!(1)) => {
            if let Some(Json::Array(own)) = envelope.remove("events") {
                events.extend(own);
            }
            envelope.insert("events".to_owned(), Json::Array(events));
            Json::Object(envelope)
        }
        output => json!({"flow": 1, "output": output, "events": events}),
    }
}

fn failed(message: String) -> Failure {
    Failure::new(ErrorClass::ExecFailed, message)
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
