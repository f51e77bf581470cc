//! Every directory of `tests/cases/hir` is a case: `main.flow`, which has no errors, and in `expected.txt` what
//! `flowc check --emit hir` prints of it. `UPDATE=1` writes what came instead of comparing.

#![expect(
    clippy::disallowed_methods,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fs;
use std::path::Path;

use flow_compiler::{LoadError, check, emit};

#[test]
fn every_program_is_seen_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/hir");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for case in fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        let load = |path: &str| fs::read_to_string(case.join(path)).map_err(|_| LoadError::NotFound);
        let checked = check(&load, "main.flow");
        assert!(
            !checked.has_errors(),
            "{}: {:?}",
            case.display(),
            checked.diagnostics
        );
        let printed = emit::hir(&checked);
        let expected = case.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &printed).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != printed {
            wrong.push(format!("{}:\n{printed}", case.display()));
        }
        seen += 1;
    }
    assert!(seen > 3, "only {seen} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
