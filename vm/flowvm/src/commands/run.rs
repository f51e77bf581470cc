//! `flowvm run`: starts a run and follows it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use flow_machine::{Machine, Start};

use super::{Place, apply_and_follow, background, follow, resume, values};
use crate::args::{Common, Mode, Run};
use crate::clock::now;
use crate::config::nearest;
use crate::error::{Error, Result, code};
use crate::host::{Host, Setting};
use crate::program::{self, Loaded};
use crate::store::{self, Settings, SqliteStore, Store};
use crate::view::note;
use crate::workers::mock;

pub(super) fn perform(args: &Run, common: &Common) -> Result<u8> {
    let loaded = program::load(&args.file)?;
    let place = Place::here(common)?;
    let start = start(args, &loaded)?;
    let settings = settings(args, &loaded)?;
    if args.detach {
        return detach(args, common, &place, &loaded, start);
    }
    let store = SqliteStore::open_or_create(&place.path, place.durability)?;
    if args.resume_if_exists && store.run(&start.run)?.is_some() {
        let resumed = resume::input(&store, &start.run, start.limits)?;
        drop(store);
        return apply_and_follow(common, &place, &start.run, resumed, &args.stream);
    }
    let setting = Setting {
        config: Arc::new(loaded.config),
        settings,
    };
    let host = Host::start(store, &loaded.program, &loaded.image, start, &setting)?;
    follow(host, common, &place, &args.stream)
}

fn start(args: &Run, loaded: &Loaded) -> Result<Start> {
    let image = loaded.program.image();
    let flow = program::flow(&loaded.program, args.flow.as_deref())?;
    let mut input = match &args.input {
        None => Map::new(),
        Some(text) => match values::json(text, "the input")? {
            Json::Object(input) => input,
            _ => {
                return Err(Error {
                    usage: true,
                    ..Error::new(
                        code::INPUT,
                        "the input must be an object with the flow's parameters",
                    )
                });
            }
        },
    };
    for unknown in values::unknown(&input, image, &flow.params) {
        note(&format!(
            "warning: the flow takes no `{unknown}`; it was left out"
        ));
    }
    values::assignments(&args.sets, image, &flow.params, &mut input)?;
    let mut config = Map::new();
    values::assignments(&args.configs, image, &flow.config, &mut config)?;
    let before = args.break_before.iter().map(|node| (node.clone(), true));
    let after = args.break_after.iter().map(|node| (node.clone(), false));
    let breakpoints: Vec<(String, bool)> = before.chain(after).collect();
    if let Some((unknown, _)) = breakpoints
        .iter()
        .find(|(name, _)| !flow.nodes.iter().any(|node| image.str(node.name) == name))
    {
        let names = || flow.nodes.iter().map(|node| image.str(node.name));
        let message = format!(
            "flow `{}` has no node `{unknown}` to pause at",
            image.str(flow.name)
        );
        return Err(
            Error::new(code::NOT_OFFERED, message).help(match nearest(unknown, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
            }),
        );
    }
    Ok(Start {
        run: run_id(args.id.as_deref())?,
        flow: image.str(flow.name).to_owned(),
        input,
        config,
        limits: values::limits(&args.limits)?,
        breakpoints,
        barrier: false,
        seed: args.seed.unwrap_or_else(|| Uuid::now_v7().as_u128() as u64),
    })
}

/// L-47: ids are distinct however many are made at once, and sort by time.
pub(super) fn run_id(given: Option<&str>) -> Result<String> {
    let Some(id) = given else {
        return Ok(Uuid::now_v7().to_string());
    };
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':');
    if !id.is_empty() && id.len() <= 128 && id.chars().all(fits) {
        Ok(id.to_owned())
    } else {
        Err(Error::usage(format!("`{id}` cannot be a run's id"))
            .help("letters, digits and - _ . : are allowed, up to 128 of them"))
    }
}

fn settings(args: &Run, loaded: &Loaded) -> Result<Settings> {
    let image = loaded.program.image();
    let workers: Vec<&str> = image
        .workers
        .iter()
        .map(|worker| image.str(worker.name))
        .collect();
    let mocks = args
        .mock
        .as_deref()
        .map(|path| mock::read(path, &workers))
        .transpose()?
        .unwrap_or_default();
    let mode = match args.mode {
        Mode::Live => store::Mode::Live,
        Mode::Synthetic => store::Mode::Synthetic,
    };
    Ok(Settings {
        root: loaded.config.root.display().to_string(),
        mode,
        seed: args.seed.unwrap_or(0),
        mocks,
    })
}

/// Checks everything that can be checked, then leaves the run to a process of its own.
fn detach(args: &Run, common: &Common, place: &Place, loaded: &Loaded, start: Start) -> Result<u8> {
    let run = start.run.clone();
    let exists = |place: &Place| {
        if place.path.exists() {
            place.open()?.run(&run).map(|row| row.is_some())
        } else {
            Ok(false)
        }
    };
    if exists(place)? && !args.resume_if_exists {
        return Err(self::exists(&run).help("choose another --id, or go on with it: --resume-if-exists"));
    }
    Machine::start(loaded.program.clone(), start, now()).map_err(Error::refused)?;
    let mut arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .filter(|word| word != "--detach")
        .collect();
    if args.id.is_none() {
        arguments.extend(["--id".into(), run.clone().into()]);
    }
    let mut child = background::start(arguments)?;
    while !exists(place)? {
        if child
            .try_wait()
            .map_err(|error| background::system(&error))?
            .is_some()
        {
            return Err(Error::new(code::SYSTEM, format!("run `{run}` did not start"))
                .help("run it without --detach to see why"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    background::say(&run, common, place);
    Ok(0)
}

/// An id that is taken.
pub(super) fn exists(run: &str) -> Error {
    Error::new(code::RUN_EXISTS, format!("there is a run `{run}` already"))
}
