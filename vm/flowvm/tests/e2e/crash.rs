//! `kill -9` of the real binary at random moments, then `resume`, as often as it takes. The run must end as one that
//! nobody disturbed, and no call whose outcome was recorded may have been made again (L-17, L-45, L-59, L-81, L-86).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bench, Dice};

/// How many kills in the ordinary test, and in the long one.
const KILLS: u32 = 24;
const MANY_KILLS: u32 = 200;

#[test]
fn survives_kill_9() {
    torture(KILLS, 1);
}

#[test]
#[ignore = "takes minutes; .ci/run does it with the release binary"]
fn survives_kill_9_two_hundred_times() {
    let halves: Vec<_> = [11, 12]
        .into_iter()
        .map(|seed| std::thread::spawn(move || torture(MANY_KILLS / 2, seed)))
        .collect();
    for half in halves {
        half.join().expect("one half failed");
    }
}

fn torture(kills: u32, seed: u64) {
    let (undisturbed, took) = undisturbed();
    let mut dice = Dice::new(seed);
    let mut killed = 0;
    let mut runs = 0;
    while killed < kills {
        let before = killed;
        let bench = Bench::copy_of("vm/flowvm/tests/flows/survey");
        let mut safe = BTreeMap::new();
        let mut arguments = vec!["run", "main.flow", "--id", "r"];
        // Several kills hit one run; then it is left alone.
        for _ in 0..=dice.below(6) {
            let moment = Duration::from_micros(dice.below(took.as_micros() as u64));
            if !kill_after(&bench, &arguments, moment) {
                break;
            }
            killed += 1;
            arguments = next(&bench);
            check_repeats(&bench, &mut safe);
        }
        finish(&bench, &arguments);
        check_repeats(&bench, &mut safe);
        check_end(&bench, &undisturbed, seed, killed);
        runs += 1;
        assert!(
            killed > before || runs < kills * 4,
            "the moments miss the runs: {killed} kills in {runs} runs"
        );
    }
    println!("{killed} kills over {runs} runs, each of which ended as if undisturbed");
}

/// What everything is compared with, and how long it takes.
pub(crate) fn undisturbed() -> (Value, Duration) {
    let bench = Bench::copy_of("vm/flowvm/tests/flows/survey");
    let begun = Instant::now();
    let end = bench.run_json(&["main.flow", "--id", "r"]);
    assert_eq!(end["status"], "done", "{end}");
    (end, begun.elapsed())
}

/// Starts it, kills it at that moment. Whether it was still running.
fn kill_after(bench: &Bench, arguments: &[&str], moment: Duration) -> bool {
    let mut child = bench.start(arguments);
    std::thread::sleep(moment);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

/// `run` again where the run had not come to be, `resume` where it had.
fn next(bench: &Bench) -> Vec<&'static str> {
    let known = bench.flowvm(&["events", "r", "--json"]).code == Some(0);
    if known {
        vec!["resume", "r"]
    } else {
        vec!["run", "main.flow", "--id", "r"]
    }
}

fn finish(bench: &Bench, arguments: &[&str]) {
    let ran = bench.flowvm(arguments);
    // A run that was done when it was killed has nothing to resume, and says so.
    let done = bench.flowvm(&["show", "r", "--json"]);
    assert!(done.stdout.contains("\"done\""), "{ran}\n{done}");
}

/// Notes how often each call was made whose outcome is on record, and that those noted before were not made again.
pub(crate) fn check_repeats(bench: &Bench, safe: &mut BTreeMap<String, usize>) {
    let events = bench.flowvm(&["events", "r", "--json"]);
    if events.code != Some(0) {
        return;
    }
    let calls = bench.read("calls");
    let made = |key: &str| {
        calls
            .lines()
            .filter(|line| line.split(' ').next() == Some(key))
            .count()
    };
    for (key, before) in &*safe {
        assert_eq!(made(key), *before, "`{key}` had an outcome and was called again");
    }
    let events = events.json_lines();
    let mut keys = BTreeMap::new();
    for event in &events {
        let attempt = event["attempt"].as_str().unwrap_or_default().to_string();
        match event["kind"].as_str() {
            Some("dispatched") => {
                keys.insert(attempt, event["key"].as_str().unwrap_or_default().to_string());
            }
            Some("succeeded") => {
                let key = keys.get(&attempt).expect("an outcome without a dispatch").clone();
                let times = made(&key);
                safe.insert(key, times);
            }
            _ => {}
        }
    }
}

/// The same end, a log without gaps, and one outcome per call.
pub(crate) fn check_end(bench: &Bench, undisturbed: &Value, seed: u64, killed: u32) {
    let state = bench.flowvm(&["state", "r", "--json"]);
    let hint = format!("seed {seed}, after {killed} kills");
    assert_eq!(state.json(), undisturbed["state"], "{hint}");
    let shown = bench.flowvm(&["show", "r", "--json"]).json();
    assert_eq!(shown["path"], undisturbed["path"], "{hint}");
    assert_eq!(shown["result"], undisturbed["result"], "{hint}");
    let events = bench.flowvm(&["events", "r", "--json"]).json_lines();
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    let whole: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, whole, "a gap in the log: {hint}");
    let mut outcomes = BTreeMap::new();
    for event in events.iter().filter(|event| event["kind"] == "succeeded") {
        *outcomes.entry(event["attempt"].to_string()).or_insert(0) += 1;
    }
    assert!(
        outcomes.values().all(|count| *count == 1),
        "two outcomes of one attempt: {outcomes:?}, {hint}"
    );
}
