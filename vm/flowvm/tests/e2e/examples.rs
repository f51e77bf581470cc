//! Every folder of `examples/` is a test case: the run must give what `expected.json` says, its tests must pass, and
//! what it needs must be there.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, repository};

#[test]
fn examples_give_what_they_say() {
    for name in names() {
        let bench = Bench::copy_of(&format!("examples/{name}"));
        let mut arguments = vec!["main.flow"];
        if bench.path("mocks.json").exists() {
            arguments.extend(["--mock", "mocks.json"]);
        }
        if bench.path("input.json").exists() {
            arguments.extend(["--input", "@input.json"]);
        }
        let expected: Value = serde_json::from_str(&bench.read("expected.json")).unwrap();
        let mut given = bench.run_json(&arguments);
        given.as_object_mut().unwrap().retain(|key, _| key != "run");
        assert_eq!(
            given,
            expected,
            "examples/{name}\n{}",
            serde_json::to_string_pretty(&given).unwrap()
        );
    }
}

#[test]
fn tests_of_examples_pass() {
    for name in names() {
        let bench = Bench::copy_of(&format!("examples/{name}"));
        let ran = bench.flowvm(&["test", "main.flow", "--crash-everywhere"]);
        ran.expect(0);
        let last = ran.stdout.lines().last().unwrap_or_default().to_string();
        assert!(
            last.ends_with("passed, 0 failed") && !last.starts_with("0 "),
            "examples/{name}: {ran}"
        );
    }
}

/// The report is real: this repository, real workers, a real file.
#[test]
fn the_report_looks_at_a_real_repository() {
    let bench = Bench::copy_of("examples/02-repo-report");
    git(&bench, &["init", "--quiet", "."]);
    bench.write("odd \"name\".rs", "// TODO one\nfn main() {}\n");
    git(&bench, &["add", "."]);
    git(
        &bench,
        &[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.com",
            "commit",
            "--quiet",
            "-m",
            "one",
        ],
    );
    let out = bench.run_json(&["main.flow", "--set", "out=report.md"]);
    assert_eq!(out["status"], "done", "{out}");
    let report = bench.read("report.md");
    for part in [
        "# Repository report",
        "| Ada | 1 |",
        "odd \"name\".rs",
        "say TODO",
    ] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    assert_eq!(
        out["state"]["written"].as_str(),
        bench.path("report.md").canonicalize().unwrap().to_str()
    );
}

/// A question ends the command with code 3; the answer goes on with the run, and nothing is asked or called twice.
#[test]
fn the_report_waits_for_a_person() {
    let bench = Bench::copy_of("examples/02-repo-report");
    let asked = bench.flowvm(&[
        "run",
        "main.flow",
        "--mock",
        "mocks.json",
        "--set",
        "ask_at=1",
        "--id",
        "r",
        "--json",
    ]);
    asked.expect(3);
    let line = asked.json();
    assert_eq!(line["status"], "interrupted");
    assert_eq!(line["interrupts"][0]["name"], "approve");
    bench.flowvm(&["answer", "r", r#"{"publish": "yes"}"#]).expect(1);
    let answered = bench.flowvm(&["answer", "--json", "r", r#"{"publish": false, "note": "no"}"#]);
    answered.expect(0);
    let state = bench.flowvm(&["show", "r", "--json"]);
    assert!(state.stdout.contains("done"), "{state}");
    bench.flowvm(&["answer", "r", r#"{"publish": true}"#]).expect(1);
}

fn names() -> Vec<String> {
    let folders = fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(Result::unwrap);
    let mut names: Vec<String> = folders
        .filter(|f| f.file_type().unwrap().is_dir())
        .map(|f| f.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 2);
    names
}

fn git(bench: &Bench, arguments: &[&str]) {
    let done = std::process::Command::new("git")
        .args(arguments)
        .current_dir(bench.folder.path())
        .status()
        .unwrap();
    assert!(done.success());
}
