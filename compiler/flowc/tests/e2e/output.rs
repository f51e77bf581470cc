//! What the verbs print and write: formats, exit codes, same source same bytes.

use std::fs;

use crate::harness::{Desk, flowc_in, repository};

const WRONG: &str = "flow f() -> int {\n  state { count: int = 0 }\n  start -> a -> end\n  transform a { count <- coutn + 1 }\n  return count\n}\n";

#[test]
fn json_has_what_editors_need() {
    let desk = Desk::with(WRONG);
    let ran = desk.flowc(&["check", "main.flow", "--format", "json"]);
    ran.expect(1);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 1, "{ran}");
    let label = &lines[0]["labels"][0];
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(label["primary"], true);
    assert_eq!(
        (&label["start"]["line"], &label["start"]["column"]),
        (&4.into(), &26.into()),
        "{ran}"
    );
    let start = label["start"]["offset"].as_u64().unwrap() as usize;
    let end = label["end"]["offset"].as_u64().unwrap() as usize;
    assert_eq!(&WRONG[start..end], "coutn");
    let said = lines[0].to_string();
    assert!(
        said.contains("count"),
        "does not offer the name that was meant: {said}"
    );
}

#[test]
fn people_see_the_line_and_the_way_out() {
    let desk = Desk::with(WRONG);
    let ran = desk.flowc(&["check", "main.flow"]);
    ran.expect(1);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("main.flow") && said.contains("coutn"), "{ran}");
    assert!(!said.contains('\u{1b}'), "colour although NO_COLOR is set: {ran}");
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    let desk = Desk::with("");
    for arguments in [
        &[] as &[&str],
        &["fly"],
        &["check", "--no-such-flag"],
        &["check", "--format", "smoke"],
    ] {
        desk.flowc(arguments).expect(2);
    }
    for arguments in [&["--help"] as &[&str], &["--version"], &["check", "--help"]] {
        desk.flowc(arguments).expect(0);
    }
    let unknown = desk.flowc(&["explain", "F9999"]);
    assert!(matches!(unknown.code, Some(1 | 2)), "{unknown}");
}

#[test]
fn every_code_is_explained() {
    let desk = Desk::with("");
    for info in flow_diagnostics::Code::all() {
        let ran = desk.flowc(&["explain", info.code.as_str()]);
        ran.expect(0);
        assert!(ran.stdout.contains(info.title), "{ran}");
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let example = repository().join("examples/02-repo-report");
    let folder = tempfile::tempdir().unwrap();
    let built: Vec<Vec<u8>> = ["a.flowb", "b.flowb"]
        .into_iter()
        .map(|name| {
            let out = folder.path().join(name);
            flowc_in(&example, &["build", "main.flow", "-o", out.to_str().unwrap()]).expect(0);
            fs::read(out).unwrap()
        })
        .collect();
    assert!(built[0].len() > 100);
    assert_eq!(built[0], built[1]);
}

/// Nothing half written stands where an image was meant to be.
#[test]
fn a_failed_build_writes_nothing() {
    let desk = Desk::with(WRONG);
    desk.flowc(&["build", "main.flow", "-o", "out.flowb"]).expect(1);
    assert!(!desk.path("out.flowb").exists());
    let fine = Desk::with("flow f() -> int {\n  start -> end\n  return 1\n}\n");
    let ran = fine.flowc(&["build", "main.flow", "-o", "no/such/folder/out.flowb"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("no/such/folder"), "{ran}");
}
