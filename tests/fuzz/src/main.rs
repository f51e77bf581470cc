//! Throws damaged programs at the front end, on the stable toolchain:
//!
//! ```text
//! cargo run --release -p flow-fuzz -- parse|format|check [--seconds 600] [--seed 1]
//! ```
//!
//! The programs are all `.flow` files of the repository, changed by `mutate`. A finding prints its
//! seed, keeps its text beside the temporary files, and ends the run.

mod mutate;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mutate::Random;

/// The slowest that one input may be. Unoptimised builds are given ten times as long.
const SLOWEST: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(target) = args.first().and_then(|name| targets::by_name(name)) else {
        eprintln!("usage: flow-fuzz parse|format|check [--seconds 600] [--seed 1]");
        return ExitCode::from(2);
    };
    let option = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let corpus = corpus();
    let only = option("--seed");
    let end = Instant::now() + Duration::from_secs(option("--seconds").unwrap_or(60));
    std::panic::set_hook(Box::new(|_| {}));
    let mut seed = only.unwrap_or(1);
    while Instant::now() < end {
        let text = mutate::program(&corpus, &mut Random::new(seed));
        if let Err(why) = one(target, &text) {
            return found(seed, &text, &why);
        }
        if only.is_some() {
            break;
        }
        seed += 1;
    }
    println!("{seed} inputs, no finding");
    ExitCode::SUCCESS
}

/// Runs one input; what is wrong with what came of it.
fn one(target: fn(&str) -> Result<(), String>, text: &str) -> Result<(), String> {
    let began = Instant::now();
    let result = std::panic::catch_unwind(|| target(text));
    let took = began.elapsed();
    let slowest = if cfg!(debug_assertions) {
        SLOWEST * 10
    } else {
        SLOWEST
    };
    match result {
        Err(panic) => Err(format!("panicked: {}", message(panic.as_ref()))),
        Ok(Err(why)) => Err(why),
        Ok(Ok(())) if took > slowest => Err(format!("took {took:.1?}")),
        Ok(Ok(())) => Ok(()),
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default()
}

fn found(seed: u64, text: &str, why: &str) -> ExitCode {
    let path = std::env::temp_dir().join(format!("flow-fuzz-{seed}.flow"));
    eprintln!("seed {seed}: {why}");
    match std::fs::write(&path, text) {
        Ok(()) => eprintln!("the text is in {}; repeat with --seed {seed}", path.display()),
        Err(error) => eprintln!("{error}\n{text}"),
    }
    ExitCode::FAILURE
}

fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = ["examples", "stdlib", "tests/cases"]
        .map(|part| root.join(part))
        .into();
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "flow") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}
