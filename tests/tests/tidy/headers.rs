//! Every file says what lives in it, has a name that says it too, and is finished.

use flow_tests::tree;

#[test]
fn every_file_says_what_lives_in_it() {
    let bare = tree::files(&[".rs"])
        .into_iter()
        .filter(|file| !file.text().starts_with("//!"));
    let findings: Vec<String> = bare.map(|file| file.path).collect();
    super::assert_none(&findings, "these do not begin with a `//!` line");
}

/// A name for everything is a name for nothing: what is put there is found by nobody.
#[test]
fn no_file_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "misc", "stuff"];
    let mut findings = Vec::new();
    for file in tree::files(&[".rs"]) {
        let parts = file.path.trim_end_matches(".rs").split('/');
        if parts.into_iter().any(|part| drawers.contains(&part)) {
            findings.push(file.path.clone());
        }
        let modules = file
            .text()
            .lines()
            .filter_map(module_name)
            .filter(|name| drawers.contains(&name.as_str()))
            .count();
        if modules > 0 {
            findings.push(format!("{}: declares such a module", file.path));
        }
    }
    super::assert_none(&findings, "name these after what they hold");
}

fn module_name(line: &str) -> Option<String> {
    let rest = line.trim_start();
    let rest = rest
        .strip_prefix("pub ")
        .or_else(|| rest.strip_prefix("pub(crate) "))
        .unwrap_or(rest);
    let name = rest.strip_prefix("mod ")?;
    Some(
        name.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect(),
    )
}

#[test]
fn nothing_is_left_to_do_by_macro() {
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
    ];
    let mut findings = Vec::new();
    for file in tree::files(&[".rs"]) {
        for (index, line) in file.text().lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                findings.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    super::assert_none(
        &findings,
        "finish these, or return an error that says what is missing",
    );
}
