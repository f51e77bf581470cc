//! What durability costs: `cargo run --release -p flow-benches --example durable [SLEEPERS]`. Everything is measured in
//! one run on one disk, and given as a ratio to how often that disk flushes a small write in the same run.
//!
//! - One run, then 64 at once, whose every step is a call that replies at once: effects per flush.
//! - Steps without calls: how many per flush. Bytes per step, of steps that append 100 bytes.
//! - Resuming a run of 10,000 events. Sleeping runs: memory, `list`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot run has nothing to tell"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_machine::{Input, LimitChange, Program, Start};
use flowvm::config::Config;
use flowvm::host::{Host, Setting, Unobserved};
use flowvm::store::{Durability, Settings, SqliteStore, Store};
use serde_json::{Map, json};
use tokio::sync::watch;
use tokio::task::LocalSet;

const CALLS: &str = r#"
worker echo(n: int) -> int via exec { command ["true"] }
flow loop(laps: int) -> int {
  limit steps 1000000
  state { n: int = 0 }
  start -> step -> more
  task step {
    call echo(n: n) as one
    n <- n + one
  }
  route more {
    when n < laps -> step
    otherwise -> end
  }
  return n
}
"#;

const PURE: &str = r#"
flow loop(laps: int) -> int {
  limit steps 1000000
  state {
    notes: [string] by append
    n: int = 0
  }
  start -> step -> more
  transform step {
    notes <- ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    n <- n + 1
  }
  route more {
    when n < laps -> step
    otherwise -> end
  }
  return n
}
"#;

const SLEEPER: &str = r"
flow loop(laps: int) -> int {
  state { n: int = 0 }
  start -> rest -> end
  wait rest { for 10h }
  return n + laps
}
";

struct Ready {
    program: Arc<Program>,
    image: Vec<u8>,
}

fn ready(text: &str) -> Ready {
    let checked = flow_compiler::check_text(&flow_compiler::NoFiles, "bench.flow", text);
    let image = checked.build().unwrap_or_else(|found| panic!("{found:?}"));
    let bytes = flow_bytecode::encode(&image);
    Ready {
        program: Arc::new(Program::new(flow_bytecode::verify(image).unwrap())),
        image: bytes,
    }
}

fn start(store: SqliteStore, ready: &Ready, id: &str, laps: u64) -> Host<SqliteStore> {
    let start = Start {
        run: id.into(),
        flow: "loop".into(),
        input: json!({ "laps": laps }).as_object().cloned().unwrap(),
        config: Map::new(),
        limits: LimitChange::default(),
        breakpoints: Vec::new(),
        barrier: false,
        seed: 1,
    };
    let setting = Setting {
        config: Arc::new(Config::of(Path::new("/nonexistent")).unwrap()),
        settings: Settings {
            mocks: json!({ "echo": [1] }).as_object().cloned().unwrap(),
            ..Settings::default()
        },
    };
    Host::start(store, &ready.program, &ready.image, start, &setting).unwrap()
}

/// How often the disk flushes a write of 4 KiB at the end of a file, per second.
fn flushes(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("flushed")).unwrap();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn drive_all(hosts: Vec<Host<SqliteStore>>) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    runtime.block_on(LocalSet::new().run_until(async {
        let (_keep, stop) = watch::channel(false);
        let mut tasks = Vec::new();
        for mut host in hosts {
            let stop = stop.clone();
            tasks.push(tokio::task::spawn_local(async move {
                host.let_go();
                host.drive(&mut Unobserved, stop).await.unwrap();
                host.close().unwrap();
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }));
    began.elapsed()
}

fn main() {
    let sleepers: u64 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    let folder = tempfile::tempdir_in(".").unwrap();
    let open = |name: &str| SqliteStore::open_or_create(&folder.path().join(name), Durability::Full).unwrap();
    let calls = ready(CALLS);

    let before = flushes(folder.path());
    let store = open("one.db");
    let took = drive_all(vec![start(store.another().unwrap(), &calls, "r", 1000)]);
    let one = 1000.0 / took.as_secs_f64();
    let store = open("many.db");
    let hosts = (0..64)
        .map(|at| start(store.another().unwrap(), &calls, &format!("r{at}"), 100))
        .collect();
    let took = drive_all(hosts);
    let many = 6400.0 / took.as_secs_f64();
    let after = flushes(folder.path());
    let rate = f64::midpoint(before, after);
    println!("flushes/s            {before:.0} before, {after:.0} after");
    println!(
        "one run              {one:.0} effects/s, {:.2} per flush",
        one / rate
    );
    println!(
        "64 runs              {many:.0} effects/s, {:.2} per flush",
        many / rate
    );

    let pure = ready(PURE);
    let store = open("pure.db");
    let took = drive_all(vec![start(store.another().unwrap(), &pure, "r", 10_000)]);
    let steps = 10_000.0 / took.as_secs_f64();
    println!(
        "pure steps           {steps:.0} steps/s, {:.1} per flush",
        steps / rate
    );
    drop(store);
    let store = open("grow.db");
    drive_all(vec![start(store.another().unwrap(), &pure, "r", 400)]);
    drop(store);
    let bytes = std::fs::metadata(folder.path().join("grow.db")).unwrap().len();
    println!("400 appends of 100 B {bytes} bytes, {} per step", bytes / 400);

    resume(&open("pure.db"), "10,000 pure steps");
    let store = open("resume.db");
    drive_all(vec![start(store.another().unwrap(), &calls, "r", 1250)]);
    resume(&store, "calls");

    sleeping(&open("sleep.db"), sleepers);
}

/// From a closed store to a run that could go on.
fn resume(store: &SqliteStore, what: &str) {
    let load = |_: &str, bytes: &[u8]| {
        Ok(Arc::new(Program::new(
            flow_bytecode::verify(flow_bytecode::decode(bytes).unwrap()).unwrap(),
        )))
    };
    let events = store.events("r", 0).unwrap().len();
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let host = Host::open(store.another().unwrap(), "r", &load).unwrap();
        best = best.min(began.elapsed());
        host.close().unwrap();
    }
    let per = best.as_secs_f64() * 1e9 / events as f64;
    println!("resume               {events} events ({what}): {best:.1?}, {per:.0} ns an event");
}

/// Runs that sleep are rows. One in ten is cancelled at once, so that there is something else to list.
fn sleeping(store: &SqliteStore, count: u64) {
    let sleeper = ready(SLEEPER);
    let began = Instant::now();
    for at in (0..count).step_by(500) {
        let hosts = (at..count.min(at + 500)).map(|at| {
            let mut host = start(store.another().unwrap(), &sleeper, &format!("s{at}"), at);
            if at % 10 == 0 {
                host.apply(Input::Cancel { reason: "x".into() }).unwrap();
            }
            host
        });
        drive_all(hosts.collect());
    }
    println!("put to sleep         {count} runs in {:.1?}", began.elapsed());
    let listed = Instant::now();
    let rows = store.newest(None, 50).unwrap().len();
    let (list, looked) = (listed.elapsed(), Instant::now());
    let due = store.to_move(flowvm::clock::now(), 256).unwrap().len();
    println!(
        "list                 {rows} of {count} in {list:.1?}; {due} to move, found in {:.1?}",
        looked.elapsed()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    println!("memory               {peak}");
}
