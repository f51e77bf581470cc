//! Graphs: programs that look wrong and are right, and programs with one mistake, which get one
//! message. `tests/cases/graphs/right/NAME` must be clean; `tests/cases/graphs/wrong/NAME` begins
//! with the one code that it gets. L-74, L-78.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests read their cases from the disk"
)]

use std::path::Path;

use flow_bytecode::verify;
use flow_compiler::{Checked, NoFiles, check_text};

fn cases(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/cases/graphs")
        .join(kind);
    let folders = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<(String, String)> = folders.map(|folder| read(&folder)).collect();
    found.sort();
    found
}

fn read(folder: &Path) -> (String, String) {
    let text = std::fs::read_to_string(folder.join("main.flow")).unwrap();
    (folder.file_name().unwrap().to_str().unwrap().to_owned(), text)
}

fn said(checked: &Checked) -> Vec<String> {
    let all = checked.diagnostics.iter();
    all.map(|found| format!("{} {}", found.code, found.message))
        .collect()
}

#[test]
fn right_graphs_are_clean() {
    let mut wrong = Vec::new();
    let all = cases("right");
    for (name, text) in &all {
        let checked = check_text(&NoFiles, "main.flow", text);
        if !checked.diagnostics.is_empty() {
            wrong.push(format!("{name}: {:#?}", said(&checked)));
        } else if let Err(error) = verify(checked.build().unwrap()) {
            wrong.push(format!("{name} does not verify: {error}"));
        }
    }
    assert!(all.len() >= 60, "only {} cases", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wrong_graphs_get_one_message() {
    let mut wrong = Vec::new();
    let all = cases("wrong");
    for (name, text) in &all {
        let code = text.trim_start_matches("// ").split(':').next().unwrap();
        let checked = check_text(&NoFiles, "main.flow", text);
        let codes: Vec<&str> = checked
            .diagnostics
            .iter()
            .map(|found| found.code.as_str())
            .collect();
        if codes != [code] {
            wrong.push(format!("{name} should get {code} alone: {:#?}", said(&checked)));
        }
    }
    assert!(all.len() >= 40, "only {} cases", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The change that is offered for a second start makes a join, and leaves a program without findings.
#[test]
fn the_fix_of_a_second_start_is_clean() {
    for (name, text) in cases("wrong")
        .iter()
        .filter(|(name, _)| name.starts_with("twice"))
    {
        let checked = check_text(&NoFiles, "main.flow", text);
        let mut edits = checked.diagnostics[0]
            .fixes
            .first()
            .unwrap_or_else(|| panic!("{name} has no fix"))
            .edits
            .clone();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        let mut mended = text.clone();
        for edit in edits {
            mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        }
        let again = check_text(&NoFiles, "main.flow", &mended);
        assert!(
            again.diagnostics.is_empty(),
            "{name}: {:#?}\n{mended}",
            said(&again)
        );
        assert!(mended.contains("] -> "), "{name} has no join:\n{mended}");
    }
}

/// Where not all pairs can be looked at, the analysis says so.
#[test]
fn what_is_not_looked_at_is_known() {
    use flow_compiler::passes::graph_view::GraphView;
    use flow_compiler::passes::together::Together;
    let (_, text) = cases("right")
        .into_iter()
        .find(|(name, _)| name == "fork_adds")
        .unwrap();
    let checked = check_text(&NoFiles, "main.flow", &text);
    let view = GraphView::new(&checked.program.flows[0]);
    assert!(Together::new(&view).is_complete());
    assert!(!Together::bounded(&view, 2).is_complete());
}
