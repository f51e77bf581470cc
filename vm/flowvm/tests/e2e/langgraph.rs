//! Behaviours of the state-graph engine that users know best, one directory of `tests/cases/langgraph` each: a flow
//! whose tests say how it goes here. `NOT.md` there says which have none, and why.

use std::fs;

use crate::harness::{Bench, repository};

#[test]
fn every_behaviour_is_as_its_case_says() {
    let root = repository().join("tests/cases/langgraph");
    let mut names: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 25, "no cases in {}", root.display());
    let bench = Bench::copy_of("tests/cases/langgraph");
    let mut wrong = Vec::new();
    for name in names {
        let ran = bench.flowvm(&["test", &format!("{name}/main.flow")]);
        if ran.code != Some(0) {
            wrong.push(format!("=== {name}\n{ran}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
