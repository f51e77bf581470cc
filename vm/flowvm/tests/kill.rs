//! L-17: the real binary dies at random moments and is resumed until the run has ended. State, path and effects
//! are then those of a run that nobody disturbed.

#![expect(clippy::unwrap_used, reason = "a test that cannot run its command has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// How many runs are disturbed; each is killed until it is through.
const RUNS: u64 = 6;

struct Project {
    folder: TempDir,
}

impl Project {
    /// A copy of the case, so that runs do not see each other.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kill");
        for entry in std::fs::read_dir(case).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        Self { folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowvm"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("FLOW_STORE");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn marks(&self) -> BTreeSet<String> {
        let marks: PathBuf = self.folder.path().join("marks");
        std::fs::read_dir(marks)
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into())
            .collect()
    }
}

fn result(output: &Output) -> Json {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(line).unwrap()
}

/// A small generator, so that a failing run can be repeated.
struct Random(u64);

impl Random {
    fn millis(&mut self, bound: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % bound)
    }
}

/// Whether the process ended by itself before it was killed.
fn kill_after(mut child: Child, time: Duration) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

#[test]
fn a_run_that_is_killed_at_random_ends_as_if_nothing_had_happened() {
    let quiet = Project::new();
    let wanted = result(&quiet.run(&["run", "main.flow", "--json", "--id", "r", "--seed", "1"]));
    assert_eq!(wanted["status"], "done", "{wanted}");

    for seed in 1..=RUNS {
        let project = Project::new();
        let mut random = Random(seed);
        let run = [
            "run",
            "main.flow",
            "--json",
            "--id",
            "r",
            "--seed",
            "1",
            "--resume-if-exists",
        ];
        let mut kills = 0;
        while !kill_after(project.command(&run).spawn().unwrap(), random.millis(400)) {
            kills += 1;
            assert!(kills < 200, "seed {seed}: no progress");
        }
        let got = result(&project.run(&["show", "r", "--json"]));
        for part in ["status", "result", "state", "steps", "path"] {
            assert_eq!(
                got[part], wanted[part],
                "seed {seed}, after {kills} kills: {part}"
            );
        }
        assert_eq!(project.marks(), quiet.marks(), "seed {seed}: effects, by key");
    }
}

#[test]
fn two_processes_do_not_drive_one_run() {
    let project = Project::new();
    let run = ["run", "main.flow", "--json", "--id", "r"];
    let mut first = project.command(&run).spawn().unwrap();
    let store = project.folder.path().join(".flow/flow.db");
    while !store.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let second = project.run(&["resume", "r"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("F3006") && said.contains("is driven by process"),
        "{said}"
    );
    assert!(first.wait().unwrap().success());
}
