//! `flowvm export` and `flowvm import`: a run with its program and its whole history, as lines of JSON. Nothing that
//! does not give the run again is taken in.

use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use flow_machine::{Checkpoint, Event, Machine, Time};

use super::{Place, find, load, run};
use crate::args::{Common, Export, Import};
use crate::clock::now;
use crate::config::Config;
use crate::error::{Error, Result, code};
use crate::hex;
use crate::host::{head, open_interrupts};
use crate::limits::LEASE_NS;
use crate::program::unreadable;
use crate::store::{Commit, NewRun, Owner, Settings, SqliteStore, Store};
use crate::view::{hint, note, out};

/// The version of the lines.
const VERSION: u32 = 1;

/// A line of an export, by what it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Head),
    Event(Event),
    Checkpoint(Checkpoint),
    /// How many there were: an export that was cut off has no such line.
    End {
        events: usize,
        checkpoints: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    id: String,
    flow: String,
    /// The hash of the program, and its bytes.
    program: String,
    image: String,
    started_at: Time,
    settings: Settings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<(String, u64)>,
}

struct Whole {
    head: Head,
    events: Vec<Event>,
    checkpoints: Vec<Checkpoint>,
}

pub(super) fn perform(args: &Export, common: &Common) -> Result<u8> {
    let place = Place::here(common)?;
    let store = place.open()?;
    let row = find(&store, &args.run)?;
    let head = Head {
        version: VERSION,
        image: hex::encode(&store.program(&row.program)?),
        id: row.id.clone(),
        flow: row.flow,
        program: row.program,
        started_at: row.started_at,
        settings: row.settings,
        parent: row.parent,
    };
    let (events, checkpoints) = (store.events(&row.id, 0)?, store.checkpoints(&row.id)?);
    let end = Line::End {
        events: events.len(),
        checkpoints: checkpoints.len(),
    };
    let lines = std::iter::once(Line::Run(head))
        .chain(events.into_iter().map(Line::Event))
        .chain(checkpoints.into_iter().map(Line::Checkpoint))
        .chain([end]);
    let text = lines.map(|line| serde_json::to_string(&line).unwrap_or_default());
    match &args.output {
        None => text.for_each(|line| out(&line)),
        Some(path) => {
            let all: Vec<String> = text.collect();
            write(path, &(all.join("\n") + "\n"))?;
            note(&format!("{} lines in {}", all.len(), path.display()));
        }
    }
    Ok(0)
}

pub(super) fn import(args: &Import, common: &Common) -> Result<u8> {
    let whole = read(&args.file)?;
    let place = Place::here(common)?;
    let image =
        hex::decode(&whole.head.image).ok_or_else(|| unfit(&args.file, "its program is no hexadecimal"))?;
    let program = load(&whole.head.program, &image)?;
    if hex::encode(program.hash()) != whole.head.program {
        return Err(unfit(&args.file, "its program is another one than it says"));
    }
    let machine = Machine::replay(program, whole.events.clone())
        .map_err(|error| unfit(&args.file, &format!("its log does not give a run: {error}")))?;
    if machine.start_info().run != whole.head.id {
        return Err(unfit(&args.file, "its log is of another run"));
    }
    let mut store = SqliteStore::open_or_create(&place.path, place.durability)?;
    if store.run(&whole.head.id)?.is_some() {
        return Err(run::exists(&whole.head.id).help("it can be imported into another store: --store PATH"));
    }
    take(&mut store, &whole, &machine, &image)?;
    if common.json {
        out(&json!({"run": whole.head.id, "events": whole.events.len()}).to_string());
    } else {
        out(&whole.head.id);
        note(&hint(&format!("flowvm show {}{}", whole.head.id, place.option)));
    }
    Ok(0)
}

/// Puts the run into the store, driven by nobody.
fn take(store: &mut SqliteStore, whole: &Whole, machine: &Machine, image: &[u8]) -> Result<()> {
    let run = &whole.head;
    // Its workers are looked for in the project that it comes into.
    let settings = Settings {
        root: Config::find(Path::new("."))?.root.display().to_string(),
        ..run.settings.clone()
    };
    let (interrupts, head) = (open_interrupts(machine), head(machine));
    let first = Commit {
        run: &run.id,
        epoch: 1,
        expected: 0,
        events: &whole.events,
        checkpoints: &whole.checkpoints,
        snapshot: None,
        head: &head,
        interrupts: Some(&interrupts),
        letters: &[],
        lease_until: now() + LEASE_NS,
        program: None,
    };
    let new = NewRun {
        id: &run.id,
        flow: &run.flow,
        program: &run.program,
        image,
        parent: run
            .parent
            .as_ref()
            .map(|(id, checkpoint)| (id.as_str(), *checkpoint)),
        at: run.started_at,
        settings: &settings,
    };
    store.create(&new, &first, &Owner::current())?;
    store.release(&run.id, 1)
}

fn read(path: &Path) -> Result<Whole> {
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(
            std::fs::File::open(path).map_err(|error| unreadable(path, &error))?,
        ))
    };
    let (mut head, mut events, mut checkpoints) = (None, Vec::new(), Vec::new());
    for (at, line) in input.lines().enumerate() {
        let line = line.map_err(|error| unreadable(path, &error))?;
        let line: Line = serde_json::from_str(&line)
            .map_err(|error| unfit(path, &format!("line {} is not of an export: {error}", at + 1)))?;
        match line {
            Line::Run(run) if run.version > VERSION => {
                return Err(unfit(path, "it was made by a newer flowvm"));
            }
            Line::Run(run) => head = Some(run),
            Line::Event(event) => events.push(event),
            Line::Checkpoint(point) => checkpoints.push(point),
            Line::End {
                events: lines,
                checkpoints: points,
            } => {
                let numbered = events.iter().zip(1..).all(|(event, seq)| event.seq == seq);
                let head = head.filter(|_| numbered && lines == events.len() && points == checkpoints.len());
                let head = head.ok_or_else(|| unfit(path, "lines are missing"))?;
                return Ok(Whole {
                    head,
                    events,
                    checkpoints,
                });
            }
        }
    }
    Err(unfit(path, "it was cut off"))
}

fn unfit(path: &Path, why: &str) -> Error {
    Error::new(
        code::FILE_UNREADABLE,
        format!("`{}` cannot be imported: {why}", path.display()),
    )
    .help("nothing was changed; make it again: flowvm export RUN -o FILE")
}

fn write(path: &Path, text: &str) -> Result<()> {
    let written = std::fs::File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        Error::new(
            code::FILE_UNREADABLE,
            format!("cannot write `{}`: {error}", path.display()),
        )
    })
}
