//! The simulation: random programs, random replies, delays, failures, crashes, injections and cancellations from a
//! seed, on the real compiler and machine, against a slow reference that runs the same program one activation after
//! the other and knows nothing of the machine.
//!
//! - `plan`: the programs, as a graph and as source. `reference`: what they mean. `replies`: what workers and people
//!   say. `world`: a host in virtual time that dies now and then.

mod plan;
mod reference;
mod replies;
mod world;

use std::sync::Arc;

use flow_compiler::{LoadError, check};
use flow_machine::{Program, Status};

use plan::Plan;
use reference::Ended;
use world::{Disturbed, Ways};

/// What was tried with a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    /// Runs of the machine.
    pub runs: u64,
    /// Crashes among them.
    pub crashes: u64,
    /// Runs that ended as done.
    pub done: u64,
    /// Steps of the reference.
    pub steps: u64,
}

/// Plays the program of a seed in several ways.
///
/// # Errors
///
/// What differs from the reference, for people.
pub fn simulate(seed: u64) -> Result<Tried, String> {
    let plan = Plan::new(seed);
    let program = compiled(&plan)?;
    let mut tried = Tried::default();
    for ways in Ways::of(seed) {
        let disturbed = world::play(&program, seed, &ways).map_err(|why| told(&plan, &ways, &why))?;
        tried.runs += 1;
        tried.crashes += disturbed.crashes;
        tried.done += u64::from(disturbed.status == Status::Done);
        let cut_short = disturbed.status != Status::Done;
        let expected = reference::run(&plan, seed, &disturbed.winners, cut_short)
            .map_err(|why| told(&plan, &ways, &why))?;
        tried.steps = expected.steps;
        compare(&expected, &disturbed, &ways).map_err(|why| told(&plan, &ways, &why))?;
    }
    Ok(tried)
}

/// The source of the program of a seed.
pub fn source(seed: u64) -> String {
    Plan::new(seed).source()
}

fn told(plan: &Plan, ways: &Ways, why: &str) -> String {
    format!("{why}\nplayed {ways:?}\n{}", plan.source())
}

fn compiled(plan: &Plan) -> Result<Arc<Program>, String> {
    let source = plan.source();
    let load = |path: &str| {
        if path == "main.flow" {
            Ok(source.clone())
        } else {
            Err(LoadError::NotFound)
        }
    };
    let image = check(&load, "main.flow").build().map_err(|found| {
        let found: Vec<String> = found
            .iter()
            .filter(|one| one.is_error())
            .map(|one| format!("{} {}", one.code, one.message))
            .collect();
        format!("the program is not well-formed: {}\n{source}", found.join("; "))
    })?;
    let verified = flow_bytecode::verify(image).map_err(|error| format!("{error}\n{source}"))?;
    Ok(Arc::new(Program::new(verified)))
}

fn compare(expected: &Ended, came: &Disturbed, ways: &Ways) -> Result<(), String> {
    if ways.cancel.is_some() && came.status == Status::Cancelled {
        return cancelled(expected, came);
    }
    let done = expected.status == Status::Done;
    // What comes from outside may take steps of its own, and so meet the limit earlier.
    if came.injected.is_some() && came.status == Status::Limit {
        return Ok(());
    }
    // What ran ahead of the end of a run that failed or met a limit was begun and called all the same.
    let exact = done && !expected.loose;
    let calls = |calls: u64| if exact { calls.to_string() } else { String::new() };
    let steps = |steps: u64| {
        if came.injected.is_none() {
            calls(steps)
        } else {
            String::new()
        }
    };
    let mut wanted = expected.state.clone();
    if let (Some(injected), true) = (came.injected, done) {
        wanted["outside"] = injected.into();
    } else if came.injected.is_some() {
        wanted["outside"] = came.state["outside"].clone();
    }
    let pairs = [
        (
            "status",
            format!("{:?}", expected.status),
            format!("{:?}", came.status),
        ),
        ("path", expected.path.join(" "), came.path.join(" ")),
        ("state", sorted(&wanted), sorted(&came.state)),
        ("steps", steps(expected.steps), steps(came.steps)),
        ("calls", calls(expected.calls), calls(came.calls)),
    ];
    match pairs.into_iter().find(|(_, wanted, came)| wanted != came) {
        None => Ok(()),
        Some((what, wanted, came)) => Err(format!(
            "{what}: the reference gives\n  {wanted}\nand the machine\n  {came}"
        )),
    }
}

/// What was withdrawn has left nothing behind; what is there, the undisturbed run does too.
fn cancelled(expected: &Ended, came: &Disturbed) -> Result<(), String> {
    if expected.status == Status::Failed {
        return Ok(());
    }
    let log = |state: &serde_json::Value| -> Vec<String> {
        let entries = state["log"].as_array().into_iter().flatten();
        entries.map(ToString::to_string).collect()
    };
    let pairs = [
        ("log", log(&expected.state), log(&came.state)),
        ("path", expected.path.clone(), came.path.clone()),
    ];
    for (what, mut all, part) in pairs {
        for entry in part {
            let Some(at) = all.iter().position(|one| *one == entry) else {
                return Err(format!(
                    "{what}: {entry} is there after the cancellation, and not without it"
                ));
            };
            all.swap_remove(at);
        }
    }
    Ok(())
}

/// A state with its fields in order of their names.
fn sorted(state: &serde_json::Value) -> String {
    let mut fields: Vec<String> = state
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    fields.sort();
    fields.join(", ")
}
