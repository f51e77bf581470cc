//! What the machine reaches, on one core, without a store: `cargo run --release -p flow-benches --example figures`.
//! Time is that of the processor, as far as the system tells it, and each figure is the best of a few tries, because
//! shared machines are noisy; the empty loop of the same run is what to compare with.
//!
//! With a name behind it (`expression`, `step`, `fan`, `append`, `waiting`, `snapshot`) only that is measured, and with
//! a number behind that only once and for so many, for profilers.

use std::hint::black_box;
use std::time::Duration;

use flow_benches::clock::{resident_bytes, time};
use flow_benches::expression;
use flow_benches::machine::{APPEND, FAN_OUT, LOOP, WAITING, finish, program, start};
use flow_machine::value::{List, Value};
use flow_machine::{Machine, Program};
use serde_json::json;

/// What was asked for.
struct Wanted {
    name: Option<String>,
    count: Option<u64>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let wanted = Wanted {
        name: args.next(),
        count: args.next().and_then(|count| count.parse().ok()),
    };
    wanted.measure("empty", 10_000_000, |rounds| {
        time(|| {
            let mut sum = 0;
            for round in 0..rounds {
                sum = black_box(sum + round);
            }
        })
    });
    let condition = expression::Condition::new();
    wanted.measure("expression", 1_000_000, |rounds| {
        let mut interp = flow_machine::interp::Interp::default();
        time(|| {
            for _ in 0..rounds {
                black_box(condition.evaluate(&mut interp));
            }
        })
    });
    let flow = program(LOOP);
    wanted.measure("step", 100_000, |steps| run(&flow, steps));
    let flow = program(FAN_OUT);
    wanted.measure("fan", 10_000, |items| run(&flow, items));
    let flow = program(APPEND);
    for length in [1_000, 10_000, 100_000] {
        wanted.measure("append", length, |length| run(&flow, length));
    }
    for length in [100, 10_000, 1_000_000] {
        if !wanted.wants("snapshot") {
            break;
        }
        let list: List = (0..length).map(Value::Int).collect();
        let name = format!("snapshot and append, {length} items");
        wanted.measure(&name, 100_000, |rounds| {
            time(|| {
                for round in 0..rounds {
                    let mut grown = black_box(&list).clone();
                    grown.push(Value::Int(round as i64));
                    black_box(grown);
                }
            })
        });
    }
    if wanted.wants("waiting") {
        waiting();
    }
}

impl Wanted {
    fn wants(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
    }

    /// Prints what one of `count` takes, if it is wanted.
    fn measure(&self, name: &str, count: u64, mut measure: impl FnMut(u64) -> Duration) {
        if !self.wants(name.split(' ').next().unwrap_or(name)) {
            return;
        }
        let (count, tries) = self.count.map_or((count, 7), |count| (count, 1));
        let took = (0..tries).map(|_| measure(count)).min().unwrap_or_default();
        println!(
            "{name:40} {:>12.1} ns each {:>14.0} /s",
            took.as_nanos() as f64 / count as f64,
            count as f64 / took.as_secs_f64()
        );
    }
}

/// A whole run, from its first step to its result.
fn run(program: &std::sync::Arc<Program>, n: u64) -> Duration {
    let mut machine = start(program, &json!({ "n": n }));
    let took = time(|| {
        finish(&mut machine);
    });
    assert_eq!(machine.result(), Some(&json!(n)), "{:?}", machine.error());
    took
}

fn waiting() {
    const RUNS: u64 = 10_000;
    let program = program(WAITING);
    let before = resident_bytes();
    let runs: Vec<Machine> = (0..RUNS)
        .map(|_| {
            let mut machine = start(&program, &json!({ "question": "May it go on?" }));
            finish(&mut machine);
            machine
        })
        .collect();
    let bytes = (resident_bytes() - before) / RUNS;
    println!("{:40} {bytes:>12} bytes each", "a run that waits for an answer");
    drop(runs);
}
