//! `flowc new`: every template checks, is formatted, has tests and builds; running it twice changes nothing (L-02).

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;

fn flowc(folder: &Path, args: &[&str]) -> Assert {
    let mut command = Command::cargo_bin("flowc").unwrap();
    command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .args(args)
        .assert()
}

fn said(assert: &Assert) -> String {
    let output = assert.get_output();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What stands in a folder, by name.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_template_is_sound() {
    let desk = tempfile::tempdir().unwrap();
    let listed = said(&flowc(desk.path(), &["new", "--list"]).code(0));
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        ["hello", "agent", "approval", "fan-out", "pipeline", "poller"]
            .iter()
            .all(|name| names.contains(name)),
        "{names:?}"
    );
    for name in names {
        flowc(desk.path(), &["new", name, "--template", name]).code(0);
        let folder = desk.path().join(name);
        let checked = flowc(&folder, &["check", "--deny", "warnings"]).code(0);
        assert!(!said(&checked).contains("warning"), "{name}: {}", said(&checked));
        flowc(&folder, &["fmt", "--check"]).code(0);
        flowc(&folder, &["build", "main.flow"]).code(0);
        let source = fs::read_to_string(folder.join("main.flow")).unwrap();
        assert!(
            source.contains("\ntest \"") && source.starts_with("//! "),
            "{name}"
        );
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(
            !readme.contains("NAME") && !readme.contains("ABOUT") && !readme.contains("INPUT"),
            "{readme}"
        );
        assert!(
            fs::read_to_string(folder.join("flow.toml"))
                .unwrap()
                .contains(name)
        );
    }
    let wrong = flowc(desk.path(), &["new", "x", "--template", "nothing"]).code(2);
    assert!(said(&wrong).contains("hello, agent"), "{}", said(&wrong));
    assert!(!desk.path().join("x").exists());
    flowc(desk.path(), &["new"]).code(2);
}

/// The tests that each template brings pass on the real machine.
#[test]
fn every_template_passes_its_own_tests() {
    let flowvm = flowvm();
    let desk = tempfile::tempdir().unwrap();
    let listed = said(&flowc(desk.path(), &["new", "--list"]).code(0));
    for name in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        flowc(desk.path(), &["new", name, "--template", name]).code(0);
        let mut test = Command::new(&flowvm);
        let folder = desk.path().join(name);
        let played = test.current_dir(folder).args(["test", "main.flow"]).assert();
        let told = said(&played);
        played.code(0);
        let passed = told.lines().rfind(|line| line.ends_with(" passed, 0 failed"));
        assert!(
            passed.is_some_and(|line| !line.starts_with("0 ")),
            "{name}: {told}"
        );
    }
}

/// `flowvm` of the same build, which lies beside `flowc` where all packages are built, and is built where it does not.
fn flowvm() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_flowc")).parent().unwrap();
    let there = folder.join("flowvm");
    if !there.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "flowvm"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build
            .env("CARGO_TARGET_DIR", folder.parent().unwrap())
            .assert()
            .success();
    }
    there
}

/// L-02: the second run says so, exits with 0 and changes no byte; `--force` replaces.
#[test]
fn a_second_run_changes_nothing_unless_forced() {
    let desk = tempfile::tempdir().unwrap();
    flowc(desk.path(), &["new", "a"]).code(0);
    let folder = desk.path().join("a");
    fs::write(folder.join("main.flow"), "const MINE: int = 1\n").unwrap();
    let before = contents(&folder);
    assert!(said(&flowc(desk.path(), &["new", "a"]).code(0)).contains("already"));
    assert!(said(&flowc(desk.path(), &["new", "a", "--template", "agent"]).code(0)).contains("already"));
    assert_eq!(contents(&folder), before);
    flowc(desk.path(), &["new", "a", "--template", "agent", "--force"]).code(0);
    assert!(
        fs::read_to_string(folder.join("main.flow"))
            .unwrap()
            .contains("agent act")
    );
}

/// L-02: what a first run left when it was cut short is completed; files of others are not touched.
#[test]
fn a_run_that_was_cut_short_is_completed() {
    let desk = tempfile::tempdir().unwrap();
    flowc(desk.path(), &["new", "a"]).code(0);
    let folder = desk.path().join("a");
    let whole = contents(&folder);
    for gone in [
        &["flow.toml"] as &[&str],
        &["flow.toml", "README.md"],
        &["flow.toml", ".gitignore", "README.md", "main.flow"],
    ] {
        for name in gone {
            fs::remove_file(folder.join(name)).unwrap();
        }
        flowc(desk.path(), &["new", "a"]).code(0);
        assert_eq!(contents(&folder), whole, "without {gone:?}");
    }
    let others = desk.path().join("b");
    fs::create_dir(&others).unwrap();
    fs::write(others.join("README.md"), "mine").unwrap();
    assert!(said(&flowc(desk.path(), &["new", "b"]).code(2)).contains("README.md"));
    assert_eq!(contents(&others), [("README.md".to_owned(), b"mine".to_vec())]);
}

/// L-02: a folder that cannot be written is an error that names it.
#[test]
fn what_cannot_be_written_is_named() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("file"), "").unwrap();
    for folder in ["file", "file/inside", "/proc/flow"] {
        let ran = flowc(desk.path(), &["new", folder]).code(1);
        assert!(
            said(&ran).contains("F3050") && said(&ran).contains(folder),
            "{}",
            said(&ran)
        );
    }
}
