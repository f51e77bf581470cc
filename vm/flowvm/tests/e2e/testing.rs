//! Every directory of `tests/cases/testing` is a case of `flowvm test`: flows with their tests, in `command.txt` what
//! stands behind `flowvm test` (else `main.flow`), and in `expected.txt` the exit code and everything on standard
//! output. `UPDATE=1` writes what came instead of comparing.

use std::fs;

use crate::harness::{Bench, repository};

#[test]
fn every_case_reports_what_is_expected() {
    let root = repository().join("tests/cases/testing");
    let mut names: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 10, "no cases in {}", root.display());
    let mut wrong = Vec::new();
    for name in names {
        let bench = Bench::copy_of(&format!("tests/cases/testing/{name}"));
        let given = reported(&bench);
        let expected = root.join(&name).join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &given).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != given {
            wrong.push(format!("=== {name}\n{given}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "these cases report something else:\n{}",
        wrong.join("\n")
    );
}

fn reported(bench: &Bench) -> String {
    let command = bench.read("command.txt");
    let words = if command.is_empty() {
        "main.flow"
    } else {
        command.trim()
    };
    let words: Vec<&str> = ["test"].into_iter().chain(words.split_whitespace()).collect();
    let ran = bench.flowvm(&words);
    assert!(!ran.stderr.contains("panicked"), "a panic: {ran}");
    let code = ran.code.unwrap_or(-1);
    format!("exit {code}\n{}", without_times(&ran.stdout))
}

/// How long a test really took is another every time.
fn without_times(text: &str) -> String {
    let mut parts = text.split(" time=\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        out.push_str(" time=\"…\"");
        out.push_str(rest);
    }
    out
}

/// L-03: what a program needs for its tests is in its bytecode. An empty folder and the binary are enough.
#[test]
fn bytecode_brings_its_tests() {
    let bench = Bench::with(
        "import \"words.flow\" { loud }\n\nworker score(text: string) -> int via webhook\n\n\
         flow f(text: string) -> int {\n  state { n: int = 0 }\n  start -> rate -> end\n  \
         task rate { call score(text: loud(text)) as reply, n <- reply, timeout 5s }\n  return n\n}\n\n\
         test \"rates\" for f {\n  input { text: \"a\" }\n  mock score(text) -> text.len()\n  expect result == 2\n}\n",
    );
    bench.write(
        "words.flow",
        "fn loud(text: string) -> string = text.upper() + \"!\"\n",
    );
    let image = flow_compiler::check(
        &|path: &str| match fs::read_to_string(path) {
            Ok(text) => Ok(text),
            Err(_) => Err(flow_compiler::LoadError::NotFound),
        },
        &bench.path("main.flow").to_string_lossy(),
    );
    let image = image.build().unwrap();
    let elsewhere = Bench::empty();
    elsewhere.write("f.flowb", flow_bytecode::encode(&image));
    let ran = elsewhere.flowvm(&["test", "f.flowb", "--crash-everywhere"]);
    ran.expect(0);
    assert_eq!(ran.stdout.lines().last(), Some("1 passed, 0 failed"), "{ran}");
    let left: Vec<_> = fs::read_dir(elsewhere.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a test writes nothing");
}

/// The same seed gives the same report, whatever the machine is doing.
#[test]
fn tests_are_repeatable() {
    let bench = Bench::copy_of("tests/cases/testing/synthetic");
    let once = bench.flowvm(&[
        "test",
        "main.flow",
        "--mode",
        "synthetic",
        "--seed",
        "7",
        "--json",
    ]);
    for _ in 0..3 {
        let again = bench.flowvm(&[
            "test",
            "main.flow",
            "--mode",
            "synthetic",
            "--seed",
            "7",
            "--json",
        ]);
        assert_eq!(once.stdout, again.stdout);
    }
}

/// Every module behind `import std.…` passes its own tests.
#[test]
fn the_modules_of_the_library_pass_their_tests() {
    let folder = repository().join("stdlib/std");
    let mut tested = 0;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path()).unwrap();
        let ran = Bench::with(&text).flowvm(&["test", "main.flow"]);
        ran.expect(0);
        let last = ran.stdout.lines().last().unwrap_or_default().to_owned();
        assert!(
            last.ends_with("passed, 0 failed"),
            "{}: {ran}",
            entry.path().display()
        );
        tested += u32::from(!last.starts_with("0 "));
    }
    let with_tests = fs::read_dir(repository().join("stdlib/std"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .filter(|text| text.lines().any(|line| line.starts_with("test \"")))
        .count();
    assert_eq!(tested as usize, with_tests, "a module with tests has played them");
}

/// What the pages show as a test is one that passes.
#[test]
fn tests_on_pages_pass() {
    let mut pages = vec![repository().join("README.md")];
    pages.extend(
        fs::read_dir(repository().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    let mut played = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let mut parts = text.split("\n```");
        parts.next();
        for block in parts.step_by(2) {
            let (head, code) = block.split_once('\n').unwrap_or_default();
            let is_flow = head.split(' ').next() == Some("flow") && !head.contains("fails=");
            if !is_flow || !code.contains("\ntest \"") || code.contains("import \"") {
                continue;
            }
            let bench = Bench::with(code);
            let ran = bench.flowvm(&["test", "main.flow"]);
            assert_eq!(ran.code, Some(0), "{}: {ran}", page.display());
            played += 1;
        }
    }
    assert!(played >= 3, "only {played} blocks with tests were found");
}

/// Every example can be tried before one of its workers exists, and ends the same for the same seed: as it may
/// end, its own `fail "…"` included.
#[test]
fn examples_run_on_made_up_replies() {
    for entry in fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(Result::unwrap)
    {
        let name = entry.file_name().into_string().unwrap();
        let run = |seed: &str| {
            let bench = Bench::copy_of(&format!("examples/{name}"));
            let mut words = vec!["main.flow", "--mode", "synthetic", "--seed", seed];
            if bench.path("input.json").exists() {
                words.extend(["--input", "@input.json"]);
            }
            let mut ended = bench.run_json(&words);
            ended.as_object_mut().unwrap().remove("run");
            ended
        };
        for seed in ["1", "2", "3", "4", "5"] {
            let ended = run(seed);
            let status = ended["status"].as_str().unwrap_or_default().to_owned();
            let own = ended["error"]["code"] == "F2503";
            assert!(
                own || ["done", "interrupted"].contains(&status.as_str()),
                "{name}, seed {seed}: {ended}"
            );
            assert_eq!(ended, run(seed), "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_project_is_tested_without_naming_a_file() {
    let bench = Bench::with(
        "import \"lib/more.flow\" { id }\n\nflow f(n: int) -> int {\n  state { m: int = 0 }\n  start -> t -> end\n  transform t { m <- id(n) }\n  return m\n}\n\ntest \"here\" for f {\n  input { n: 1 }\n  expect result == 1\n}\n",
    );
    fs::create_dir(bench.path("lib")).unwrap();
    bench.write(
        "lib/more.flow",
        "fn id(n: int) -> int = n\n\nflow g(n: int) -> int {\n  state { m: int = 0 }\n  start -> t -> end\n  transform t { m <- id(n) }\n  return m\n}\n\ntest \"there\" for g {\n  input { n: 2 }\n  expect result == 3\n}\n",
    );
    bench.flowvm(&["test"]).expect(2);
    bench.write("flow.toml", "[project]\nname = \"p\"\nentry = \"main.flow\"\n");
    let ran = bench.flowvm(&["test"]);
    ran.expect(1);
    assert_eq!(ran.stdout.lines().last(), Some("1 passed, 1 failed"), "{ran}");
    assert!(ran.stdout.contains("lib/more.flow:12:10"), "{ran}");
    bench.flowvm(&["test", ".", "--filter", "f"]).expect(0);
}

/// What is wrong with a source is shown as `flowc check` shows it, and the other files are tested all the same.
#[test]
fn a_broken_file_leaves_the_others_tested() {
    let bench = Bench::with("flow f() {\n  start -> nowhere\n}\n");
    bench.write(
        "good.flow",
        "flow f() {\n  state { n: int = 0 }\n  start -> t -> end\n  transform t { n <- 1 }\n}\n\ntest \"good\" for f {\n  expect state.n == 1\n}\n",
    );
    let ran = bench.flowvm(&["test", "main.flow", "good.flow", "missing.flow"]);
    ran.expect(1).says("F0208").says("missing.flow");
    assert_eq!(ran.stdout.lines().last(), Some("1 passed, 0 failed"), "{ran}");
    let xml = bench.flowvm(&["test", "main.flow", "good.flow", "--format", "junit"]);
    xml.expect(1);
    assert!(xml.stdout.contains("errors=\"1\""), "{xml}");
}
