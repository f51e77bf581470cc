//! `flowvm list`: all runs, the newest first.

use comfy_table::{Table, presets};
use flow_machine::Status;
use serde_json::{Value as Json, json};

use super::Place;
use crate::args::{Common, List};
use crate::clock::{now, rfc3339, short};
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::store::RunRow;
use crate::view::{note, out, status_word};

const STATUSES: [&str; 6] = ["running", "interrupted", "done", "failed", "limit", "cancelled"];

pub(super) fn perform(args: &List, common: &Common) -> Result<u8> {
    if let Some(status) = args.status.as_deref().filter(|status| !STATUSES.contains(status)) {
        let error = Error::usage(format!("`{status}` is no status of a run"));
        return Err(match nearest(status, STATUSES.into_iter()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(STATUSES.join(", ")),
        });
    }
    let place = Place::here(common)?;
    let rows = if place.path.exists() {
        place.open()?.newest(args.status.as_deref(), args.last)?
    } else {
        Vec::new()
    };
    if common.json {
        let all: Vec<Json> = rows
            .iter()
            .map(|row| {
                json!({
                    "run": row.id, "flow": row.flow, "status": status_word(row.head.status), "steps": row.head.steps,
                    "started": rfc3339(row.started_at), "updated": rfc3339(row.head.at), "program": row.program,
                    "due": row.head.due.map(rfc3339), "driven_by": row.owner.as_ref().map(|(owner, _)| owner.pid),
                })
            })
            .collect();
        out(&Json::Array(all).to_string());
        return Ok(0);
    }
    if rows.is_empty() {
        let kind = args
            .status
            .as_ref()
            .map_or_else(String::new, |status| format!("{status} "));
        note(&format!("no {kind}runs in {}", place.path.display()));
        return Ok(0);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["RUN", "FLOW", "STATUS", "STEPS", "STARTED", "TOOK"]);
    for row in &rows {
        table.add_row([
            row.id.clone(),
            row.flow.clone(),
            status(row),
            row.head.steps.to_string(),
            format!("{} ago", short(now() - row.started_at)),
            short(row.head.at - row.started_at),
        ]);
    }
    out(&table.to_string());
    Ok(0)
}

/// The status; of a run whose process is gone, that too.
fn status(row: &RunRow) -> String {
    let word = status_word(row.head.status);
    let is_driven = row.owner.as_ref().is_some_and(|(owner, _)| !owner.is_dead());
    if row.head.status == Status::Running && !is_driven {
        format!("{word}, by nobody")
    } else {
        word.to_owned()
    }
}
