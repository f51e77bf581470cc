//! `cargo run -p flow-tests --example simulate -- --seeds 2000`: the simulation from the command line. `--from N`
//! begins at a seed, `--seed N` plays one alone, `--show N` prints its program.

use std::process::ExitCode;

use flow_tests::simulation::{Tried, simulate, source};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--show") {
        println!("{}", source(seed));
        return ExitCode::SUCCESS;
    }
    let (from, count) = match number("--seed") {
        Some(seed) => (seed, 1),
        None => (number("--from").unwrap_or(1), number("--seeds").unwrap_or(2000)),
    };
    let mut sum = Tried::default();
    let mut failed = 0;
    for seed in from..from + count {
        match simulate(seed) {
            Ok(tried) => {
                sum.runs += tried.runs;
                sum.crashes += tried.crashes;
                sum.done += tried.done;
                sum.steps += tried.steps;
            }
            Err(why) => {
                failed += 1;
                println!("seed {seed}: {why}");
                println!("again: cargo run -p flow-tests --example simulate -- --seed {seed}");
            }
        }
    }
    println!(
        "{count} seeds, {} runs, {} crashes, {} done, {} steps of the reference, {failed} failed",
        sum.runs, sum.crashes, sum.done, sum.steps
    );
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
