//! Really checking what a reply claims: a command is run, a file is looked at, an address is asked. What
//! cannot be found out is said to be so; it is never taken for a yes.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_machine::{Check, CheckResult};
use tokio::time::timeout;

use super::{client, excerpt, exec};
use crate::limits::REPLY_BYTES;

/// Where checks are made.
#[derive(Clone, Debug)]
pub(crate) struct Prover {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// Addresses that may be called; none: all.
    pub(crate) egress: Option<Arc<[String]>>,
}

/// Whether something holds, or why that cannot be found out; with what was seen.
type Found = Result<(bool, String), String>;

impl Prover {
    /// Checks one thing, within a time.
    pub(crate) async fn check(&self, check: &Check, within: Duration) -> CheckResult {
        let found = match timeout(within, self.find_out(check)).await {
            Ok(found) => found,
            Err(_) => Err("it did not end in time".to_owned()),
        };
        let (passed, message) = match found {
            Ok((holds, seen)) => (Some(holds), seen),
            Err(why) => (None, why),
        };
        CheckResult {
            check: shown(check),
            passed,
            message,
        }
    }

    /// What is said of a check of a reply that no worker made.
    pub(crate) fn take_for_granted(check: &Check) -> CheckResult {
        CheckResult {
            check: shown(check),
            passed: Some(true),
            message: "not checked: the reply is synthetic".to_owned(),
        }
    }

    /// What is said of a check that came to nothing.
    pub(crate) fn not_found_out(check: &Check, why: &str) -> CheckResult {
        CheckResult {
            check: shown(check),
            passed: None,
            message: why.to_owned(),
        }
    }

    async fn find_out(&self, check: &Check) -> Found {
        match check {
            Check::Command { words, expected } => {
                let (code, output) = exec::run(words, &self.root).await?;
                if code != Some(0) {
                    let how = code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
                    return Ok((false, format!("it ended with {how}: {}", excerpt(&output))));
                }
                Ok(contains(&output, expected.as_deref(), "it ended with code 0"))
            }
            Check::File { path, expected } => match read(&self.root.join(path), expected.is_some()) {
                Ok(bytes) => Ok(contains(&bytes, expected.as_deref(), "it is there")),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Ok((false, "there is no such file".to_owned()))
                }
                Err(error) => Err(error.to_string()),
            },
            Check::Url { url, expected } => {
                let url = client::check_url(url, self.egress.as_deref())?;
                let client = client::client(self.egress.as_ref()).map_err(|failure| failure.message)?;
                let answer = client::send(client.get(url))
                    .await
                    .map_err(|failure| failure.message)?;
                let said = format!("it answered {}", answer.status);
                if !answer.status.is_success() {
                    return Ok((false, said));
                }
                Ok(contains(&answer.body, expected.as_deref(), &said))
            }
        }
    }
}

/// What is in a file, as far as it is looked at; nothing where it only has to be there.
fn read(path: &Path, whole: bool) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    if whole {
        file.by_ref().take(REPLY_BYTES as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn contains(bytes: &[u8], expected: Option<&str>, said: &str) -> (bool, String) {
    match expected {
        Some(expected) if !String::from_utf8_lossy(bytes).contains(expected) => (
            false,
            format!("{said}, but `{expected}` is not in it: {}", excerpt(bytes)),
        ),
        _ => (true, said.to_owned()),
    }
}

fn shown(check: &Check) -> String {
    match check {
        Check::Command { words, .. } => format!("command {}", words.join(" ")),
        Check::File { path, .. } => format!("file {path}"),
        Check::Url { url, .. } => format!("url {url}"),
    }
}
