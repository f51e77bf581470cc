//! The simulation, in the size of every test run. More seeds: `cargo run --release -p flow-tests --example simulate
//! -- --seeds 100000`, or `FLOW_SEEDS`.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use flow_tests::simulation::{Tried, simulate};

#[test]
fn random_programs_do_what_the_reference_says() {
    let seeds = std::env::var("FLOW_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let seeds: u64 = seeds.unwrap_or(150);
    let mut sum = Tried::default();
    for seed in 1..=seeds {
        let tried = simulate(seed).unwrap_or_else(|why| {
            panic!("seed {seed}: {why}\nagain: cargo run -p flow-tests --example simulate -- --seed {seed}")
        });
        sum.crashes += tried.crashes;
        sum.done += tried.done;
        sum.steps += tried.steps;
    }
    assert!(
        sum.crashes > seeds && sum.done > seeds && sum.steps > 5 * seeds,
        "the programs are worth running: {sum:?}"
    );
}
