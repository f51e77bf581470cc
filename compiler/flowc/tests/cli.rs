//! The real binary: verbs, formats and exit codes.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

const GOOD: &str = "flow f() -> int {\n  state { n: int by add }\n  start -> a -> end\n  transform a { n <- 1 }\n  return n\n}\n";
const LONELY: &str = "flow f() -> int {\n  state { n: int by add }\n  start -> a -> end\n  b -> end\n  transform a { n <- 1 }\n  transform b { n <- 1 }\n  return n\n}\n";
const TWICE: &str = "flow f() -> int {\n  state { n: int by add }\n  start -> a -> end\n  start -> a\n  transform a { n <- 1 }\n  return n\n}\n";

/// A folder with files, in which `flowc` runs.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn flowc(&self, args: &[&str]) -> Assert {
        let mut command = Command::cargo_bin("flowc").unwrap();
        command
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .args(args)
            .assert()
    }
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_sound_file_checks_and_says_nothing() {
    let done = Folder::new(&[("a.flow", GOOD.as_bytes())])
        .flowc(&["check", "a.flow"])
        .code(0);
    assert_eq!(stdout(&done), "");
}

#[test]
fn an_error_is_one_object_a_line_and_exit_1() {
    let done = Folder::new(&[("a.flow", LONELY.as_bytes())])
        .flowc(&["check", "a.flow", "--format", "json"])
        .code(1);
    let lines: Vec<serde_json::Value> = stdout(&done)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["code"], "F0501");
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(lines[0]["labels"][0]["start"]["line"], 6);
    assert_eq!(lines[0]["labels"][0]["primary"], true);
}

#[test]
fn warnings_pass_unless_they_are_denied_and_can_be_allowed() {
    let folder = Folder::new(&[("a.flow", TWICE.as_bytes())]);
    assert!(stdout(&folder.flowc(&["check", "a.flow"]).code(0)).contains("F0510"));
    folder.flowc(&["check", "a.flow", "--deny", "warnings"]).code(1);
    folder
        .flowc(&["check", "a.flow", "--deny", "warnings", "--allow", "f0510"])
        .code(0);
    folder.flowc(&["check", "a.flow", "--allow", "F0501"]).code(2);
    assert!(stderr(&folder.flowc(&["check", "a.flow", "--allow", "F0500"]).code(2)).contains("F050"));
}

#[test]
fn sarif_and_github_are_written() {
    let folder = Folder::new(&[("a.flow", LONELY.as_bytes())]);
    let sarif: serde_json::Value = serde_json::from_str(&stdout(
        &folder.flowc(&["check", "a.flow", "--format", "sarif"]).code(1),
    ))
    .unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(
        stdout(&folder.flowc(&["check", "a.flow", "--format", "github"]).code(1)).starts_with("::error ")
    );
}

#[test]
fn files_that_cannot_be_read_are_diagnostics() {
    let folder = Folder::new(&[
        ("bad.flow", b"\xff\xfe".as_slice()),
        ("good.flow", GOOD.as_bytes()),
        ("x.flowb", b"FLOWB".as_slice()),
    ]);
    for (file, code) in [("missing.flow", "F3010"), ("bad.flow", "F0121"), (".", "F3010")] {
        let done = folder
            .flowc(&["check", file, "good.flow", "--format", "json"])
            .code(1);
        let line: serde_json::Value = serde_json::from_str(stdout(&done).lines().next().unwrap()).unwrap();
        assert_eq!(line["code"], code, "{file}");
    }
    assert!(stderr(&folder.flowc(&["disasm", "x.flowb"]).code(1)).contains("F3011"));
}

#[test]
fn without_files_the_project_is_checked() {
    let toml: &[u8] = b"[project]\nname = \"x\"\nentry = \"main.flow\"\n";
    Folder::new(&[("flow.toml", toml), ("main.flow", LONELY.as_bytes())])
        .flowc(&["check"])
        .code(1);
    Folder::new(&[("flow.toml", toml), ("main.flow", GOOD.as_bytes())])
        .flowc(&["check"])
        .code(0);
    Folder::new(&[("flow.toml", b"[project")])
        .flowc(&["check"])
        .code(1);
    Folder::new(&[]).flowc(&["check"]).code(2);
}

#[test]
fn standard_input_is_a_file() {
    let mut command = Command::cargo_bin("flowc").unwrap();
    let done = command
        .args(["check", "-", "--format", "json"])
        .write_stdin(LONELY)
        .assert()
        .code(1);
    assert!(stdout(&done).contains("<stdin>"));
}

/// L-78: a run that can never start is a compile error; the others of this family are in the cases.
#[test]
fn the_same_source_builds_the_same_bytes() {
    let folder = Folder::new(&[("a.flow", GOOD.as_bytes())]);
    folder.flowc(&["build", "a.flow", "-o", "one.flowb"]).code(0);
    folder.flowc(&["build", "a.flow"]).code(0);
    let read = |name: &str| std::fs::read(folder.0.path().join(name)).unwrap();
    assert_eq!(read("one.flowb"), read("a.flowb"));
    let absolute = folder.0.path().join("a.flow").display().to_string();
    folder.flowc(&["build", &absolute, "-o", "far.flowb"]).code(0);
    assert_eq!(
        read("one.flowb"),
        read("far.flowb"),
        "where the file is called from must not matter"
    );
    let from_source = stdout(&folder.flowc(&["disasm", "a.flow"]).code(0));
    assert_eq!(from_source, stdout(&folder.flowc(&["disasm", "a.flowb"]).code(0)));
    assert!(from_source.contains("transform"), "{from_source}");
    folder.flowc(&["build", "missing.flow"]).code(1);
}

#[test]
fn a_drawing_is_mermaid_unless_asked_otherwise() {
    let folder = Folder::new(&[("a.flow", GOOD.as_bytes())]);
    let mermaid = stdout(&folder.flowc(&["graph", "a.flow"]).code(0));
    assert!(mermaid.starts_with("%% flow f, program "), "{mermaid}");
    assert!(
        mermaid.contains("e_start --> n_a") && mermaid.contains("n_a --> e_end"),
        "{mermaid}"
    );
    assert!(stdout(&folder.flowc(&["graph", "a.flow", "--format", "dot"]).code(0)).contains("digraph \"f\""));
    let json: serde_json::Value = serde_json::from_str(&stdout(
        &folder.flowc(&["graph", "a.flow", "--format", "json"]).code(0),
    ))
    .unwrap();
    assert_eq!(json["edges"].as_array().unwrap().len(), 2);
    folder.flowc(&["graph", "a.flow", "--flow", "nobody"]).code(2);
}

#[test]
fn every_code_is_explained() {
    let folder = Folder::new(&[]);
    assert!(stdout(&folder.flowc(&["explain", "f0501"]).code(0)).starts_with("# F0501"));
    assert!(stderr(&folder.flowc(&["explain", "F9999"]).code(2)).contains("did you mean"));
    assert!(stdout(&folder.flowc(&["explain"]).code(0)).lines().count() > 30);
}

#[test]
fn fmt_changes_files_only_when_asked_to() {
    let folder = Folder::new(&[
        ("a.flow", b"const   A:int=1\n".as_slice()),
        ("bad.flow", b"const = = 1\n".as_slice()),
    ]);
    folder.flowc(&["fmt", "a.flow", "--check"]).code(1);
    let diff = stdout(&folder.flowc(&["fmt", "a.flow", "--diff"]).code(0));
    assert!(diff.contains("-const   A:int=1\n+const A: int = 1"), "{diff}");
    folder.flowc(&["fmt", "a.flow"]).code(0);
    folder.flowc(&["fmt", "a.flow", "--check"]).code(0);
    folder.flowc(&["fmt", "bad.flow"]).code(1);
}

#[test]
fn help_has_examples_and_wrong_usage_is_2() {
    let folder = Folder::new(&[]);
    for verb in [
        "check",
        "graph",
        "build",
        "disasm",
        "fmt",
        "explain",
        "new",
        "schema",
        "doc",
        "import",
        "completions",
    ] {
        assert!(
            stdout(&folder.flowc(&[verb, "--help"]).code(0)).contains("Examples:"),
            "{verb}"
        );
    }
    assert!(stdout(&folder.flowc(&["--version"]).code(0)).starts_with("flowc "));
    folder.flowc(&["frobnicate"]).code(2);
    folder.flowc(&[]).code(2);
}

#[test]
fn fmt_takes_folders_and_standard_input() {
    let folder = Folder::new(&[
        ("a.flow", "const  A: int = 1".as_bytes()),
        ("b.flow", b"const B: int = 1\n"),
    ]);
    let listed = stdout(&folder.flowc(&["fmt", "--check"]).code(1));
    assert_eq!(listed, "a.flow\n");
    folder.flowc(&["fmt", "."]).code(0);
    folder.flowc(&["fmt", "--check"]).code(0);
    let mut command = Command::cargo_bin("flowc").unwrap();
    let done = command
        .args(["fmt", "-"])
        .write_stdin("const  C: int = 1")
        .assert()
        .code(0);
    assert_eq!(stdout(&done), "const C: int = 1\n");
}

#[test]
fn schema_knows_types_flows_and_workers_by_name() {
    let text = format!(
        "type Share = int where it >= 0\nworker w(a: Share) -> Share via exec {{ command [\"w\"] }}\n{GOOD}"
    );
    let folder = Folder::new(&[("a.flow", text.as_bytes())]);
    let of = |name: &str| -> serde_json::Value {
        serde_json::from_str(&stdout(&folder.flowc(&["schema", "a.flow", name]).code(0))).unwrap()
    };
    assert_eq!(of("Share")["minimum"], 0);
    assert_eq!(of("w")["arguments"]["properties"]["a"]["minimum"], 0);
    assert_eq!(of("f")["output"]["type"], "integer");
    let wrong = folder.flowc(&["schema", "a.flow", "nobody"]).code(2);
    assert!(stderr(&wrong).contains("Share, f, w"), "{}", stderr(&wrong));
}

#[test]
fn shells_and_man_know_every_verb() {
    let folder = Folder::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(stdout(&folder.flowc(&["completions", shell]).code(0)).contains("explain"));
    }
    let page = stdout(&folder.flowc(&["man"]).code(0));
    assert!(page.starts_with(".ie") || page.contains(".TH flowc"), "{page}");
    let help = stdout(&folder.flowc(&["--help"]).code(0));
    let verbs = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let verbs: Vec<&str> = verbs
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .collect();
    assert!(verbs.len() >= 12, "{verbs:?}");
    for verb in verbs {
        let head = format!("\"flowc {}\"", verb.to_uppercase());
        assert!(page.contains(&head), "the man page does not know {verb}");
    }
}
