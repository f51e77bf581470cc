//! Every directory of `tests/cases/check` is a case: `main.flow`, the files that it imports, and what is to be
//! said about it in `expected.txt` (code, line, column, message; empty: nothing). A case without errors is also
//! built. `UPDATE=1` writes what came instead of comparing.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::unwrap_used,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use flow_compiler::{Checked, LoadError, check};

#[test]
fn every_case_says_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/check");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", root.display());
    let mut wrong = Vec::new();
    for case in cases {
        let found = said(&case);
        let expected = case.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these cases say something else:\n{}",
        wrong.join("\n")
    );
}

fn said(case: &Path) -> String {
    let load = |path: &str| match fs::read_to_string(case.join(path)) {
        Ok(text) => Ok(text),
        Err(_) => Err(LoadError::NotFound),
    };
    let checked = check(&load, "main.flow");
    let mut text = compact(&checked);
    if !checked.has_errors() {
        let image = checked.build().unwrap();
        assert_eq!(image.flows.len(), checked.program.flows.len());
        let again = check(&load, "main.flow").build().unwrap();
        assert!(image == again, "{}: two builds differ", case.display());
        let verified = flow_bytecode::verify(image);
        assert!(verified.is_ok(), "{}: {:?}", case.display(), verified.err());
    }
    if text.is_empty() {
        text.push_str("nothing\n");
    }
    text
}

fn compact(checked: &Checked) -> String {
    let mut text = String::new();
    for found in &checked.diagnostics {
        let span = found.span().expect("a finding has a place");
        let at = checked.sources.start(span);
        let path = checked.sources.path(span.file);
        text += &format!(
            "{} {path}:{}:{} {}\n",
            found.code, at.line, at.column, found.message
        );
        for label in found.labels.iter().filter(|label| !label.primary) {
            let at = checked.sources.start(label.span);
            let path = checked.sources.path(label.span.file);
            text += &format!("      {path}:{}:{} {}\n", at.line, at.column, label.message);
        }
        if let Some(help) = &found.help {
            text += &format!("      help: {help}\n");
        }
    }
    text
}
