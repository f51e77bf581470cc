//! Wall clocks that are set while a run sleeps: an hour back, an hour forward with the change to daylight saving. Timers
//! take as long as they say, and nobody loses a run because of it (L-31).

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Bench, Ran, shim};

const FLOW: &str = r"
flow sleeper() -> int {
  state { n: int = 0 }
  start -> rest -> wake
  wait rest { for 4s }
  transform wake { n <- 1 }
  wake -> end
  return n
}
";

fn set(bench: &Bench, arguments: &[&str], shim: &Path, zone: &str) -> Command {
    let mut command = bench.command(arguments);
    command
        .env("LD_PRELOAD", shim)
        .env("CLOCK_FILE", bench.path("ahead"))
        .env("TZ", zone);
    command
}

fn put_ahead(bench: &Bench, seconds: i64) {
    bench.write("ahead.new", seconds.to_string());
    std::fs::rename(bench.path("ahead.new"), bench.path("ahead")).unwrap();
}

/// While a process sleeps: an hour back and an hour forward. The shim moves what the process reads, which is
/// seen by the time that the run was started.
#[test]
fn an_hour_back_is_no_hour_more() {
    let bench = Bench::with(FLOW);
    let Some(shim) = shim("clock") else {
        println!("skipped: no C compiler");
        return;
    };
    put_ahead(&bench, 7200);
    let began = Instant::now();
    let mut child = set(&bench, &["run", "main.flow", "--id", "r"], &shim, "UTC")
        .spawn()
        .unwrap();
    bench.wait_for_event("r", "timer_set");
    put_ahead(&bench, 3600);
    // Who comes meanwhile, with the clock as it is now, does not take the run away from who drives it.
    let taken = Ran::new(&set(&bench, &["resume", "r"], &shim, "UTC").output().unwrap());
    taken.expect(1);
    assert!(child.wait().unwrap().success());
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(4), "woke too early: {took:?}");
    assert!(took < Duration::from_secs(30), "woke too late: {took:?}");
    let row = bench.flowvm(&["list", "--json"]).json()[0].clone();
    assert_eq!(row["status"], "done");
}

/// The process dies, the clock is set back an hour, and another process takes the run up: its timer is not an
/// hour away.
#[test]
fn who_takes_over_behind_a_clock_set_back_does_not_wait_for_it() {
    let bench = Bench::with(FLOW);
    let Some(shim) = shim("clock") else {
        println!("skipped: no C compiler");
        return;
    };
    put_ahead(&bench, 3600);
    let mut child = set(&bench, &["run", "main.flow", "--id", "r"], &shim, "UTC")
        .spawn()
        .unwrap();
    bench.wait_for_event("r", "timer_set");
    child.kill().unwrap();
    child.wait().unwrap();
    put_ahead(&bench, 0);
    let began = Instant::now();
    let ran = Ran::new(
        &set(&bench, &["resume", "r", "--json"], &shim, "UTC")
            .output()
            .unwrap(),
    );
    ran.expect(0);
    assert_eq!(ran.json()["result"], json!(1));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

/// Across the change to daylight saving of a zone, and back: four seconds stay four seconds.
#[test]
fn daylight_saving_changes_no_timer() {
    // Two seconds before both changes of 2027 in New York.
    for change in [1_805_007_598_i64, 1_825_567_198] {
        let bench = Bench::with(FLOW);
        let Some(shim) = shim("clock") else {
            println!("skipped: no C compiler");
            return;
        };
        let unix = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        put_ahead(&bench, change - i64::try_from(unix.as_secs()).unwrap());
        let began = Instant::now();
        let words = ["run", "main.flow", "--id", "r", "--json"];
        let ran = Ran::new(&set(&bench, &words, &shim, "America/New_York").output().unwrap());
        ran.expect(0);
        let took = began.elapsed();
        assert!(
            took >= Duration::from_secs(4) && took < Duration::from_secs(30),
            "{took:?}"
        );
        let started = bench.flowvm(&["list", "--json"]).json()[0]["started"].clone();
        assert!(
            started.as_str().unwrap().starts_with("2027-"),
            "the clock was set: {started}"
        );
    }
}
