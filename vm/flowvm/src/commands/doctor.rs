//! `flowvm doctor`: whether the store is sound and its runs can go on: the file, the invariants of every run, who is
//! stuck, what the bindings and secrets of open runs lack, and which workers can be reached.

use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use flow_bytecode::{Image, Protocol};
use flow_machine::{Checkpoint, Event, EventKind, Machine, Program, Status};

use super::{Place, load, worker};
use crate::args::{Common, Doctor};
use crate::clock::{nanos, now, rfc3339, short};
use crate::config::{Binding, Config};
use crate::error::Result;
use crate::store::{Mode, RunRow, SqliteStore, Store};
use crate::view::{note, out, paint, status_word, style};
use crate::workers::{self, secrets::Secrets};

/// How long a worker may take to let itself be reached.
const REACH: Duration = Duration::from_secs(3);

/// Something that was found.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Finding {
    /// Whether something is wrong, or only worth knowing.
    wrong: bool,
    about: String,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

pub(super) fn perform(args: &Doctor, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let mut findings = Vec::new();
    let mut runs = 0;
    if place.path.exists() {
        let store = place.open()?;
        let file = place.path.display().to_string();
        findings.extend(
            store
                .integrity()?
                .into_iter()
                .map(|what| wrong(&file, what, "put back a copy")),
        );
        let (all, at) = (worker::all(&Config::find(Path::new("."))?, Some(&store))?, now());
        let troubles = all.iter().filter_map(|one| one.trouble(at));
        findings.extend(troubles.map(|(about, what)| {
            let cure =
                "when it is well again: flowvm worker reset NAME, or the call that is let through closes it";
            known(&about, what, cure)
        }));
        let rows = store.runs()?;
        runs = rows.len();
        let mut asked = BTreeSet::new();
        for row in rows {
            check_run(&store, &row, &place, &mut findings);
            let is_open = matches!(row.head.status, Status::Running | Status::Interrupted);
            if is_open && row.settings.mode == Mode::Live && asked.insert(row.program.clone()) {
                check_world(&store, &row, args.offline, &mut findings);
            }
        }
    }
    findings.sort();
    findings.dedup();
    let wrongs = findings.iter().filter(|finding| finding.wrong).count();
    if common.json {
        out(&json!({"store": place.path, "runs": runs, "findings": findings}).to_string());
    } else {
        for finding in &findings {
            let (style, word) = if finding.wrong {
                (style::BAD, "wrong")
            } else {
                (style::WAITING, "note")
            };
            out(&format!(
                "{}: {}: {}",
                paint(style, word),
                finding.about,
                finding.what
            ));
            if let Some(cure) = &finding.cure {
                out(&format!("  {cure}"));
            }
        }
        note(&format!(
            "{runs} runs in {}: {wrongs} wrong, {} notes",
            place.path.display(),
            findings.len() - wrongs
        ));
    }
    Ok(u8::from(wrongs > 0))
}

/// The invariants of a run, and whether it stands still.
fn check_run(store: &SqliteStore, row: &RunRow, place: &Place, findings: &mut Vec<Finding>) {
    let about = format!("run {}", row.id);
    match invariants(store, row) {
        Ok(broken) => findings.extend(
            broken
                .into_iter()
                .map(|what| wrong(&about, what, "export it and report this; its log is complete")),
        ),
        Err(error) => findings.push(wrong(&about, error.to_string(), "put back a copy of the store")),
    }
    let driven = row
        .owner
        .as_ref()
        .filter(|(owner, until)| !owner.is_dead() && *until > now());
    let resume = format!("flowvm resume {}{}, or flowvm work", row.id, place.option);
    let overdue = row.head.due.filter(|due| *due < now() - 1_000_000_000);
    let what = match (row.head.status, driven, overdue) {
        (_, Some(_), _) => None,
        (Status::Running, None, None) if row.head.due.is_none() => {
            Some("it could move, and nobody drives it".to_owned())
        }
        (Status::Running | Status::Interrupted, None, Some(due)) => {
            Some(format!("its time came at {}, and nobody drives it", rfc3339(due)))
        }
        _ => None,
    };
    findings.extend(what.map(|what| known(&about, what, &resume)));
    if let Ok(late @ 1..) = store.refused(&row.id) {
        findings.push(Finding {
            wrong: false,
            about,
            what: format!("{late} outcomes came from a process that had lost it; they changed nothing"),
            cure: None,
        });
    }
}

/// What must hold for every run, whoever wrote it.
fn invariants(store: &SqliteStore, row: &RunRow) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let events = store.events(&row.id, 0)?;
    if events.len() as u64 != row.seq {
        broken.push(format!("its log has {} events of {}", events.len(), row.seq));
    }
    let points = store.checkpoints(&row.id)?;
    broken.extend(parents(&points));
    broken.extend(attempts(&events));
    let program: Arc<Program> = load(&row.program, &store.program(&row.program)?)?;
    match Machine::replay(program, events) {
        Err(error) => broken.push(format!("its log does not give a run: {error}")),
        Ok(machine) => {
            if machine.status() != row.head.status {
                broken.push(format!(
                    "its log says {}, its row {}",
                    status_word(machine.status()),
                    status_word(row.head.status)
                ));
            }
            let open = machine.interrupts().len();
            let kept = store.interrupts(&row.id)?.len();
            if open != kept {
                broken.push(format!("it asks {open} questions, and {kept} are kept"));
            }
            if machine.status() == Status::Running
                && machine.in_flight().is_empty()
                && machine.next_due().is_none()
            {
                broken.push("it is running, and has neither a call nor a timer".to_owned());
            }
        }
    }
    Ok(broken)
}

/// Every checkpoint but the first has an older one as its parent.
fn parents(points: &[Checkpoint]) -> Vec<String> {
    let known: BTreeSet<u64> = points.iter().map(|point| point.id).collect();
    let orphans = points.iter().filter(|point| match point.parent {
        None => point.id != 0,
        Some(parent) => parent >= point.id || !known.contains(&parent),
    });
    orphans
        .map(|point| format!("checkpoint {} has no parent", point.id))
        .collect()
}

/// An attempt ends once, and only if it was sent; two under way never have one key.
fn attempts(events: &[Event]) -> Vec<String> {
    let mut open = BTreeSet::new();
    let mut broken = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Dispatched { attempt, .. } => drop(open.insert(attempt.clone())),
            EventKind::Succeeded { attempt } | EventKind::Failed { attempt, .. } if !open.remove(attempt) => {
                broken.push(format!(
                    "attempt {attempt} ended without having been sent, or twice"
                ));
            }
            _ => {}
        }
    }
    broken
}

/// What the program of an open run needs around it.
fn check_world(store: &SqliteStore, row: &RunRow, offline: bool, findings: &mut Vec<Finding>) {
    let about = format!("run {}", row.id);
    let loaded = store
        .program(&row.program)
        .and_then(|bytes| load(&row.program, &bytes))
        .and_then(|program| {
            let config = Config::of(Path::new(&row.settings.root))?;
            Ok((program, config.with(&store.registered()?)?))
        });
    let (program, config) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return findings.push(wrong(&about, error.to_string(), "see flow.toml")),
    };
    let image = program.image();
    let is_mocked = |name: &str| row.settings.mocks.contains_key(name);
    let cure = |help: Option<String>| help.unwrap_or_else(|| "see flow.toml".to_owned());
    if let Err(error) = workers::check_bindings(image, &config, is_mocked) {
        findings.push(wrong(&about, error.message, &cure(error.help)));
    }
    if let Err(error) = Secrets::load(image, &config) {
        findings.push(wrong(&about, error.message, &cure(error.help)));
    }
    if !offline {
        reach(image, &config, is_mocked, findings);
    }
}

/// Whether somebody listens where workers are said to be.
fn reach(image: &Image, config: &Config, is_mocked: impl Fn(&str) -> bool, findings: &mut Vec<Finding>) {
    for worker in &image.workers {
        let name = image.str(worker.name);
        if is_mocked(name) || matches!(worker.protocol, Protocol::Store | Protocol::Exec) {
            continue;
        }
        for binding in config.candidates(name, worker.protocol, &workers::texts(image, &worker.tags)) {
            let Some(finding) = reached(&format!("worker {name}"), worker.protocol, &binding, &config.root)
            else {
                continue;
            };
            // How long it took is different each time.
            if finding.wrong || !findings.iter().any(|one| one.about == finding.about) {
                findings.push(finding);
            }
        }
    }
}

/// What comes of looking where a binding says that its worker is.
fn reached(about: &str, protocol: Protocol, binding: &Binding, root: &Path) -> Option<Finding> {
    if let (Protocol::Mcp, Some(words)) = (protocol, &binding.command) {
        return Some(
            match workers::command(words, &root.join(binding.cwd.as_deref().unwrap_or(Path::new("")))) {
                Some(program) => Finding {
                    wrong: false,
                    about: about.to_owned(),
                    what: format!("its command is {}", program.display()),
                    cure: None,
                },
                None => wrong(
                    about,
                    format!(
                        "there is no command `{}`",
                        words.first().map_or("", String::as_str)
                    ),
                    "install it, or write another command in flow.toml",
                ),
            },
        );
    }
    let url = binding.url.as_ref()?;
    let began = std::time::Instant::now();
    Some(match listens(url) {
        Ok(()) => Finding {
            wrong: false,
            about: about.to_owned(),
            what: format!("{url} answers within {}", short(nanos(began.elapsed()))),
            cure: None,
        },
        Err(why) => wrong(
            about,
            format!("{url} cannot be reached: {why}"),
            "start it, or bind another address in flow.toml",
        ),
    })
}

fn listens(url: &str) -> std::result::Result<(), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let place = rest.split(['/', '?']).next().unwrap_or(rest);
    let place = place.rsplit('@').next().unwrap_or(place);
    let has_port = place
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place = match (has_port, scheme) {
        (true, _) => place.to_owned(),
        (false, "https") => format!("{place}:443"),
        (false, scheme) => format!("{place}:{}", workers::broker::usual_port(scheme).unwrap_or(80)),
    };
    let mut addresses = place.to_socket_addrs().map_err(|error| error.to_string())?;
    let address = addresses.next().ok_or("no address")?;
    TcpStream::connect_timeout(&address, REACH)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn wrong(about: &str, what: String, cure: &str) -> Finding {
    Finding {
        wrong: true,
        about: about.to_owned(),
        what,
        cure: Some(cure.to_owned()),
    }
}

fn known(about: &str, what: String, cure: &str) -> Finding {
    Finding {
        wrong: false,
        ..wrong(about, what, cure)
    }
}
