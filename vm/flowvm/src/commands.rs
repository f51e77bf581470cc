//! The verbs, one file each, and what they share: where the store is, which run is meant, how a run is driven to
//! its rest and what the exit code is.

mod against;
mod answer;
mod background;
mod backup;
mod cancel;
mod diff;
mod doctor;
mod event;
mod events;
mod export;
mod fork;
mod gc;
mod history;
mod inject;
mod list;
mod migrate;
mod replay;
mod resume;
mod retry;
mod run;
mod show;
mod state;
mod test;
mod test_from;
mod values;
mod why;
mod words;
mod work;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use flow_machine::{Event, Input, Machine, Program, Status, Time, course};

use crate::args::{Cli, Common, StreamMode, Verb};
use crate::clock::now;
use crate::config::Config;
use crate::error::{Error, Result, code};
use crate::host::{Host, Observer, Rest};
use crate::limits::{FAREWELL_WAIT, LETTER_WAIT};
use crate::program;
use crate::store::{Durability, RunRow, SqliteStore, Store};
use crate::view::{Observers, ending, note, out, quoted, summary};
use crate::workers;

/// Does what the command line says; returns the exit code.
pub(crate) fn perform(cli: Cli) -> Result<u8> {
    let common = &cli.common;
    match cli.verb {
        Verb::Run(args) => run::perform(&args, common),
        Verb::Resume(args) => resume::perform(&args, common),
        Verb::Answer(args) => answer::perform(&args, common),
        Verb::Retry(args) => retry::perform(&args, common),
        Verb::Cancel(args) => cancel::perform(&args, common),
        Verb::Inject(args) => inject::perform(&args, common),
        Verb::Event(args) => event::perform(&args, common),
        Verb::List(args) => list::perform(&args, common),
        Verb::Show(args) => show::perform(&args, common),
        Verb::History(args) => history::perform(&args, common),
        Verb::Events(args) => events::perform(&args, common),
        Verb::State(args) => state::perform(&args, common),
        Verb::Diff(args) => diff::perform(&args, common),
        Verb::Test(args) => test::perform(&args, common),
        Verb::Fork(args) => fork::perform(&args, common),
        Verb::Replay(args) => replay::perform(&args, common),
        Verb::Why(args) => why::perform(&args, common),
        Verb::Export(args) => export::perform(&args, common),
        Verb::Import(args) => export::import(&args, common),
        Verb::TestFrom(args) => test_from::perform(&args, common),
        Verb::Migrate(args) => migrate::perform(&args, common),
        Verb::Work(args) => work::perform(&args, common),
        Verb::Worker(args) => worker::perform(&args, common),
        Verb::Doctor(args) => doctor::perform(&args, common),
        Verb::Gc(args) => gc::perform(&args, common),
        Verb::Backup(args) => backup::perform(&args, common),
        Verb::Completions(args) => Ok(words::completions(&args)),
        Verb::Man => words::man(),
    }
}

/// Where the store is, and how careful it is.
struct Place {
    path: PathBuf,
    durability: Durability,
    /// What the next command must say to find it: nothing, or ` --store PATH`.
    option: String,
}

impl Place {
    /// The store that the command line names, else that of the project of the working directory. Where a program
    /// lies plays no part, so that every later command in the same directory finds the run.
    fn here(common: &Common) -> Result<Self> {
        let project = Config::find(Path::new("."))?;
        let Some(named) = &common.store else {
            return Ok(Self {
                path: near(&project.store_path()),
                durability: project.durability,
                option: String::new(),
            });
        };
        let is_found_anyway = std::env::var_os("FLOW_STORE").is_some_and(|path| path == *named)
            || *named == near(&project.store_path());
        Ok(Self {
            path: named.clone(),
            durability: project.durability,
            option: if is_found_anyway {
                String::new()
            } else {
                format!(" --store {}", quoted(&named.to_string_lossy()))
            },
        })
    }

    fn open(&self) -> Result<SqliteStore> {
        if !self.path.exists() {
            return Err(Error::new(
                code::NO_RUN,
                format!("there is no store at `{}`", self.path.display()),
            )
            .help("nothing has run here yet; --store or FLOW_STORE names another"));
        }
        SqliteStore::open(&self.path, self.durability)
    }
}

/// A path as short as it can be said from here.
fn near(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or_else(|| path.to_owned())
}

/// A run that was named on the command line, by its id or enough of its beginning.
fn find(store: &SqliteStore, name: &str) -> Result<RunRow> {
    if let Some(row) = store.run(name)? {
        return Ok(row);
    }
    let mut rows: Vec<RunRow> = store
        .runs()?
        .into_iter()
        .filter(|row| row.id.starts_with(name))
        .collect();
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok(row),
        (Some(_), more) => Err(
            Error::new(code::NO_RUN, format!("{} runs begin with `{name}`", more + 1))
                .help("give more of the id; `flowvm list` shows them"),
        ),
        (None, _) => Err(
            Error::new(code::NO_RUN, format!("there is no run `{name}` in this store"))
                .help("`flowvm list` shows what there is; --store names another store"),
        ),
    }
}

/// The program of a run, from the store.
fn program_of(store: &SqliteStore, row: &RunRow) -> Result<Program> {
    let name = format!("the program of run `{}`", row.id);
    Ok(Program::new(program::from_bytes(
        &store.program(&row.program)?,
        &name,
    )?))
}

/// A program from the store.
fn load(_: &str, bytes: &[u8]) -> Result<Arc<Program>> {
    let image = program::from_bytes(bytes, "the program of the run")?;
    Ok(Arc::new(Program::new(image)))
}

/// A run as its log says it is, without taking it; the lines that lead to where it is.
fn replayed(store: &SqliteStore, row: &RunRow) -> Result<(Machine, Vec<Event>)> {
    let program = Arc::new(program_of(store, row)?);
    let events = store.events(&row.id, 0)?;
    let machine = Machine::replay(program, events.clone()).map_err(|error| {
        Error::new(
            code::STORE_DAMAGED,
            format!("the log of run `{}` does not give a run: {error}", row.id),
        )
    })?;
    Ok((machine, course(events)))
}

/// Takes a run, applies an input and drives the run to its rest. If another process drives it, leaves the input
/// for that one and waits until it has taken it.
fn apply_and_follow(
    common: &Common,
    place: &Place,
    run: &str,
    input: Option<Input>,
    stream: &[StreamMode],
) -> Result<u8> {
    let opened = Host::open(place.open()?, run, &load);
    match (opened, input) {
        (Ok(mut host), input) => {
            if let Some(Err(error)) = input.map(|input| host.apply(input)) {
                host.close()?;
                return Err(error.or_help(format!("flowvm show {run}{}", place.option)));
            }
            follow(host, common, place, stream)
        }
        (Err(busy), Some(input)) if busy.code == code::RUN_BUSY => deliver(common, place, run, &input, busy),
        (Err(error), _) => Err(error),
    }
}

/// Leaves a letter for the process that drives the run. Should that one end before it has read it, the letter is
/// taken here.
fn deliver(common: &Common, place: &Place, run: &str, input: &Input, busy: Error) -> Result<u8> {
    let mut store = place.open()?;
    let letter = store.post(run, input, now())?;
    let began = std::time::Instant::now();
    while began.elapsed() < LETTER_WAIT {
        match store.letter(letter)? {
            Some(Ok(())) => {
                note(&format!("taken by the process that drives run {run}"));
                return Ok(0);
            }
            Some(Err(why)) => return Err(Error::new(code::RUN_REFUSES, why)),
            None => {}
        }
        if store.run(run)?.is_some_and(|row| row.owner.is_none()) {
            return apply_and_follow(common, place, run, None, &[]);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(busy.help("it did not take the message in time, but may still do so"))
}

/// Drives a run to its rest and says how it ended.
fn follow(mut host: Host<SqliteStore>, common: &Common, place: &Place, stream: &[StreamMode]) -> Result<u8> {
    let mut observers = Observers::choose(stream, common.json);
    if !observers.is_empty() {
        let (events, checkpoints) = host.past()?;
        observers.past(&events, &checkpoints);
    }
    let rest = runtime()?.block_on(async {
        let stop = stop_signal()?;
        let rest = host.drive(&mut observers, stop).await;
        workers::farewell::all_said(FAREWELL_WAIT).await;
        rest
    });
    drop(observers);
    let rest = match rest {
        Ok(rest) => rest,
        Err(error) => {
            // What can still be given back, is; the first error is the one to tell.
            let _ = host.close();
            return Err(error);
        }
    };
    let machine = host.close()?;
    report(&machine, now(), common, place);
    Ok(if rest == Rest::Settled {
        exit_code(machine.status())
    } else {
        130
    })
}

fn report(machine: &Machine, at: Time, common: &Common, place: &Place) {
    if common.json {
        out(&summary(machine).to_string());
    } else {
        ending(machine, at, &place.option);
    }
}

fn exit_code(status: Status) -> u8 {
    match status {
        Status::Done => 0,
        Status::Failed => 1,
        Status::Interrupted => 3,
        Status::Limit => 4,
        Status::Cancelled | Status::Running => 130,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(code::SYSTEM, format!("cannot start the host: {error}")))
}

/// Becomes true at Ctrl-C or SIGTERM; a second one ends the process at once.
fn stop_signal() -> Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let listen = |kind| {
        signal(kind).map_err(|error| Error::new(code::SYSTEM, format!("cannot listen for signals: {error}")))
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(130);
            }
        }
    });
    Ok(receiver)
}
