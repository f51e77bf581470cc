//! Runs that are left to a process of their own: how it is started, and what is said about it.

use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::Place;
use crate::args::Common;
use crate::error::{Error, Result, code};
use crate::view::{hint, note, out};

/// This command with other arguments, in a process group of its own and with nobody listening.
pub(super) fn start(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| system(&error))?);
    command.args(arguments);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| system(&error))
}

/// Leaves a run that is in the store, driven by nobody, to a process of its own.
pub(super) fn resume(run: &str, common: &Common, place: &Place) -> Result<u8> {
    let store = place.path.clone().into_os_string();
    start(["resume".into(), run.into(), "--store".into(), store])?;
    say(run, common, place);
    Ok(0)
}

/// Which run it is, and how one watches it.
pub(super) fn say(run: &str, common: &Common, place: &Place) {
    if common.json {
        out(&json!({"run": run, "status": "running"}).to_string());
    } else {
        out(run);
        note(&hint(&format!("flowvm events {run}{} --follow", place.option)));
    }
}

/// What the system refused.
pub(super) fn system(error: &std::io::Error) -> Error {
    Error::new(
        code::SYSTEM,
        format!("cannot start a process of its own: {error}"),
    )
}
