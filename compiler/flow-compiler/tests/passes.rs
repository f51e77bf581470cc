//! Every code of the passes has a folder with a flow that fails by it alone and one that passes. L-74, L-78.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests read their cases from the disk"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flow_bytecode::verify;
use flow_compiler::passes::PASSES;
use flow_compiler::{Checked, NoFiles, check_text};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/passes")
}

fn checked(path: &Path) -> Checked {
    check_text(
        &NoFiles,
        &path.display().to_string(),
        &std::fs::read_to_string(path).unwrap(),
    )
}

fn codes(checked: &Checked) -> Vec<&'static str> {
    checked
        .diagnostics
        .iter()
        .map(|found| found.code.as_str())
        .collect()
}

#[test]
fn each_case_reports_its_code_and_nothing_else() {
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(cases()).unwrap() {
        let folder = entry.unwrap().path();
        let code = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let fails = codes(&checked(&folder.join("fails.flow")));
        if fails != [code.as_str()] {
            wrong.push(format!("{code}/fails.flow: {fails:?}"));
        }
        let passes = checked(&folder.join("passes.flow"));
        if !passes.diagnostics.is_empty() {
            wrong.push(format!(
                "{code}/passes.flow: {:?} {}",
                codes(&passes),
                passes.diagnostics[0].message
            ));
        } else if let Err(error) = verify(passes.build().unwrap()) {
            wrong.push(format!("{code}/passes.flow: does not verify: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_of_the_table_has_a_case() {
    let here: BTreeSet<String> = std::fs::read_dir(cases())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let missing: Vec<_> = PASSES
        .iter()
        .flat_map(|pass| pass.codes)
        .filter(|code| !here.contains(code.as_str()))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

/// The same source gives the same image, byte for byte.
#[test]
fn images_do_not_depend_on_anything_but_the_source() {
    for entry in std::fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path().join("passes.flow");
        let once = flow_bytecode::encode(&checked(&path).build().unwrap());
        assert_eq!(
            once,
            flow_bytecode::encode(&checked(&path).build().unwrap()),
            "{}",
            path.display()
        );
    }
}
