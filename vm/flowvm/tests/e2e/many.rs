//! Many processes and many runs on one store: takeovers, slots that all count, sleepers, time zones, secrets.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowvm::config::Config;
use flowvm::host::{Host, Setting};
use flowvm::store::{Durability, Settings, SqliteStore};
use serde_json::json;

use crate::crash;
use crate::harness::{Bench, Dice, Ran};

fn size(name: &str, ordinary: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(ordinary)
}

/// Two processes want to drive one run, and one of them is killed again and again: `FLOW_KILLS` times.
#[test]
fn two_processes_survive_kill_9() {
    let kills = size("FLOW_KILLS", 16);
    let (undisturbed, took) = crash::undisturbed();
    let mut dice = Dice::new(21);
    let mut killed = 0;
    while killed < kills {
        let bench = Bench::copy_of("vm/flowvm/tests/flows/survey");
        let mut safe = std::collections::BTreeMap::new();
        let start = |bench: &Bench, of: u64| {
            if of == 0 {
                bench.start(&["run", "main.flow", "--id", "r", "--resume-if-exists"])
            } else {
                bench.start(&["work"])
            }
        };
        let mut two = [start(&bench, 0), start(&bench, 1)];
        for _ in 0..=dice.below(6) {
            std::thread::sleep(Duration::from_micros(dice.below(took.as_micros() as u64)));
            let of = dice.below(2);
            two[of as usize].kill().unwrap();
            two[of as usize].wait().unwrap();
            killed += 1;
            crash::check_repeats(&bench, &mut safe);
            two[of as usize] = start(&bench, of);
        }
        let began = Instant::now();
        while bench.flowvm(&["show", "r", "--json"]).stdout.is_empty() || !is_done(&bench) {
            if began.elapsed() > Duration::from_mins(1) {
                let shown = bench.flowvm(&["show", "r"]);
                panic!("it does not end after {killed} kills: {shown}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        for one in &mut two {
            let _ = one.kill();
            one.wait().unwrap();
        }
        crash::check_repeats(&bench, &mut safe);
        crash::check_end(&bench, &undisturbed, 21, killed as u32);
        bench.flowvm(&["doctor", "--offline"]).expect(0);
    }
}

fn is_done(bench: &Bench) -> bool {
    bench
        .flowvm(&["list", "--json", "--status", "done"])
        .stdout
        .contains("\"r\"")
}

/// L-19, L-23, L-63: however many claim at once, no more are ever under way than the worker bears, and all come to
/// their turn.
#[test]
fn a_cap_holds_over_all_processes() {
    let processes = size("FLOW_CLAIMS", 24);
    let bench = Bench::with(
        r#"
worker slow(name: string) -> string via exec {
  command ["sh", "-c", "cat > /dev/null; echo \"+ $FLOW_RUN\" >> marks; sleep 0.1; echo \"- $FLOW_RUN\" >> marks; echo '\"x\"'"]
}
flow one() -> string {
  state { said: string = "" }
  start -> work
  task work {
    call slow(name: "a") as line
    said <- line
  }
  work -> end
  return said
}
"#,
    );
    bench.write("flow.toml", "[workers.slow]\nmax_concurrent = 6\n");
    let ids: Vec<String> = (0..processes).map(|at| format!("r{at}")).collect();
    let mut children: Vec<_> = ids
        .iter()
        .map(|id| bench.start(&["run", "main.flow", "--id", id]))
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let (mut under_way, mut most, mut all) = (0_i64, 0, 0);
    for line in bench.read("marks").lines() {
        under_way += if line.starts_with('+') { 1 } else { -1 };
        all += u64::from(line.starts_with('+'));
        most = most.max(under_way);
    }
    assert!(most <= 6, "{most} under way at once");
    assert_eq!((under_way, all), (0, processes));
}

const SLEEPER: &str = r"
flow sleeper(time: duration = 1s) -> int {
  state { n: int = 0 }
  start -> rest -> wake
  wait rest { for time }
  transform wake { n <- 1 }
  wake -> end
  return n
}
";

/// L-31: the zone of the process changes neither times nor results.
#[test]
fn a_time_zone_changes_nothing() {
    let mut seen = Vec::new();
    for zone in ["UTC", "Asia/Shanghai", "America/St_Johns"] {
        let bench = Bench::with(SLEEPER);
        let mut command = bench.command(&["run", "main.flow", "--id", "r", "--json"]);
        let began = Instant::now();
        let ran = Ran::new(&command.env("TZ", zone).output().unwrap());
        ran.expect(0);
        assert!(began.elapsed() < Duration::from_secs(20), "{zone}");
        let mut end = ran.json();
        end.as_object_mut().unwrap().retain(|name, _| name != "run");
        seen.push(end);
        let started = bench.flowvm(&["list", "--json"]).json()[0]["started"].clone();
        assert!(started.as_str().unwrap().ends_with('Z'), "{started}");
    }
    assert!(seen.iter().all(|end| *end == seen[0]), "{seen:?}");
}

/// A run that sleeps is held by nobody, and `work` wakes it when its time has come.
#[test]
fn sleepers_wake_in_time() {
    let bench = Bench::with(SLEEPER);
    for (id, time) in [("soon", "PT3S"), ("later", "PT3H")] {
        let mut child = bench.start(&["run", "main.flow", "--id", id, "--set", &format!("time={time}")]);
        bench.wait_for_event(id, "timer_set");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut work = bench.start(&["work"]);
    let began = Instant::now();
    while bench.flowvm(&["list", "--json", "--status", "done"]).json() == json!([]) {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
    let rows = bench.flowvm(&["list", "--json"]).json();
    let of = |id: &str| {
        rows.as_array()
            .unwrap()
            .iter()
            .find(|row| row["run"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of("soon")["status"], &of("later")["status"]),
        (&json!("done"), &json!("running"))
    );
    assert_eq!(
        of("later")["driven_by"],
        json!(null),
        "nobody holds a run that sleeps"
    );
    work.kill().unwrap();
    work.wait().unwrap();
}

/// A store with so many runs that sleep, one in a hundred of them not for long, and a tenth as many that ask.
fn crowd(sleepers: u64) -> Bench {
    let text = format!(
        "{SLEEPER}\nflow asker() -> bool {{\n  state {{ ok: bool = false }}\n  start -> ask -> end\n  \
                        interrupt ask {{\n    ask \"Well?\"\n    answer as yes: bool\n    ok <- yes\n  }}\n  return ok\n}}\n"
    );
    let bench = Bench::with(&text);
    fs::create_dir(bench.path(".flow")).unwrap();
    let checked = flow_compiler::check_text(&flow_compiler::NoFiles, "main.flow", &text);
    let image = checked.build().expect("it compiles");
    let bytes = flow_bytecode::encode(&image);
    let program = Arc::new(flow_machine::Program::new(flow_bytecode::verify(image).unwrap()));
    let store = SqliteStore::open_or_create(&bench.path(".flow/flow.db"), Durability::Normal).unwrap();
    let start = |id: String, flow: &str, input: serde_json::Value| {
        let start = flow_machine::Start {
            run: id,
            flow: flow.into(),
            input: input.as_object().cloned().unwrap(),
            config: serde_json::Map::new(),
            limits: flow_machine::LimitChange::default(),
            breakpoints: Vec::new(),
            barrier: false,
            seed: 1,
        };
        let config = Config::of(bench.folder.path()).unwrap();
        let settings = Settings {
            root: bench.folder.path().display().to_string(),
            ..Settings::default()
        };
        let setting = Setting {
            config: Arc::new(config),
            settings,
        };
        let host = Host::start(store.another().unwrap(), &program, &bytes, start, &setting).unwrap();
        host.close().unwrap();
    };
    for at in 0..sleepers {
        let time = if at % 100 == 7 { "PT2S" } else { "PT10H" };
        start(format!("s{at}"), "sleeper", json!({ "time": time }));
    }
    for at in 0..sleepers / 10 {
        start(format!("a{at}"), "asker", json!({}));
    }
    drop(store);
    bench
}

/// A store full of runs that sleep or ask: `FLOW_SLEEPERS` of them, and a tenth as many that ask. One process drives
/// them in little memory, a list comes at once, and those wake whose time has come.
#[test]
fn a_crowd_of_sleepers_costs_rows() {
    let sleepers = size("FLOW_SLEEPERS", 300);
    let bench = crowd(sleepers);
    let mut work = bench.start(&["work"]);
    let soon = (0..sleepers).filter(|at| at % 100 == 7).count();
    let began = Instant::now();
    let done = || {
        bench
            .flowvm(&["list", "--json", "--status", "done", "--last", "100000"])
            .json()
    };
    while done().as_array().unwrap().len() < soon {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "{} of {soon} woke",
            done().as_array().unwrap().len()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", work.id())).unwrap();
    work.kill().unwrap();
    work.wait().unwrap();
    assert_eq!(done().as_array().unwrap().len(), soon, "nobody woke too early");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 200_000, "{kilobytes} kB");
    let listed = (0..3).map(|_| {
        let began = Instant::now();
        bench.flowvm(&["list"]).expect(0);
        began.elapsed()
    });
    let listed = listed.min().unwrap();
    // What a figure is worth: of the release binary.
    if std::env::var_os("FLOWVM_BIN").is_some() {
        assert!(listed < Duration::from_millis(200), "listed in {listed:?}");
    }
    println!("{sleepers} sleepers: {kilobytes} kB, listed in {listed:?}");
}

/// What a secret holds is in no file, no export and no message, even where a worker gives it back.
#[test]
fn secrets_are_nowhere() {
    const SECRET: &str = "s3cr3t-Zm9vYmFy-0042";
    let bench = Bench::with(
        r#"
worker leaky(token: secret, way: string) -> string via exec {
  command ["sh", "-c", "read line; echo \"$TOKEN said $line\" >&2; test \"$1\" = good && echo \"\\\"token $TOKEN\\\"\"", "sh", way]
  env { TOKEN: token }
}
flow leak(way: string = "good") -> string {
  state { said: string = "" }
  start -> tell
  task tell {
    call leaky(token: secret.TOKEN, way: way) as line
    said <- line
  }
  tell -> end
  return said
}
"#,
    );
    bench.write("flow.toml", "[secrets]\nTOKEN = { env = \"TOKEN_OF_TEST\" }\n");
    let run = |words: &[&str]| {
        let mut command: Command = bench.command(words);
        Ran::new(&command.env("TOKEN_OF_TEST", SECRET).output().unwrap())
    };
    let mut said = String::new();
    for words in [
        &["run", "main.flow", "--id", "good", "--stream", "debug"][..],
        &["run", "main.flow", "--id", "bad", "--set", "way=bad"],
        &["events", "good", "--json"],
        &["events", "bad"],
        &["show", "bad"],
        &["export", "good"],
        &["export", "bad"],
        &["test-from", "good"],
        &["why", "bad", "tell"],
        &["history", "good", "--json"],
        &["doctor", "--offline"],
    ] {
        let ran = run(words);
        assert!(!ran.stderr.contains("panicked"), "{ran}");
        said.push_str(&ran.to_string());
    }
    assert!(said.contains("***"), "the worker gave it back: {said}");
    assert!(!said.contains(SECRET), "a secret was said");
    // The log of writes stays where the process dies.
    let mut child = bench.command(&["run", "main.flow", "--id", "dies"]);
    let mut child = child.env("TOKEN_OF_TEST", SECRET).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(60));
    let _ = child.kill();
    child.wait().unwrap();
    for entry in fs::read_dir(bench.path(".flow")).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        let found = bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes());
        assert!(!found, "a secret is in {}", entry.path().display());
    }
}
