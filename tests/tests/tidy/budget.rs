//! Files have at most 600 lines, functions at most 70: a reader sees a file's plan and a function's whole at once.
//! `exceptions.txt` lists what is larger; its entries may only shrink and go.

use std::collections::BTreeMap;

use flow_tests::tree;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

#[test]
fn files_and_functions_keep_their_budget() {
    let mut allowed = exceptions();
    let mut findings = Vec::new();
    for file in tree::files(&[".rs"]) {
        let text = file.text();
        let lines = text.lines().count();
        check(&file.path, lines, FILE_LINES, &mut allowed, &mut findings);
        for (name, lines) in functions(&text) {
            check(
                &format!("{}::{name}", file.path),
                lines,
                FUNCTION_LINES,
                &mut allowed,
                &mut findings,
            );
        }
    }
    let gone = allowed
        .keys()
        .map(|name| format!("{name}: is within its budget; take it off exceptions.txt"));
    findings.extend(gone);
    super::assert_none(&findings, "split these, or shorten the list of exceptions");
}

fn check(
    name: &str,
    lines: usize,
    budget: usize,
    allowed: &mut BTreeMap<String, usize>,
    findings: &mut Vec<String>,
) {
    if lines <= budget {
        return;
    }
    match allowed.remove(name) {
        Some(listed) if lines <= listed => {}
        Some(listed) => findings.push(format!(
            "{name}: {lines} lines, and its exception ends at {listed}"
        )),
        None => findings.push(format!("{name}: {lines} lines, and the budget is {budget}")),
    }
}

/// Lines `path lines` or `path::function lines`.
fn exceptions() -> BTreeMap<String, usize> {
    let lines = include_str!("exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, n)| (name.to_string(), n.parse().unwrap()))
        .collect()
}

/// The functions of a file and how many lines each has. The source is formatted, so a function ends at the first
/// brace that stands alone as far to the left as it began.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let one_line = line.ends_with('}') || line.ends_with(';');
        if let (false, Some(length)) = (one_line, lines[start..].iter().position(|line| *line == close)) {
            found.push((name, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("pub") {
        rest = match after.strip_prefix('(') {
            Some(inner) => inner.split_once(')')?.1.trim_start(),
            None => after.trim_start(),
        };
    }
    for word in ["const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name: String = rest
        .strip_prefix("fn ")?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    Some(name)
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub(crate) async fn a(\n        b: u8,\n    ) {\n        if x {\n        }\n    }\n}\nfn c() {}\n";
    assert_eq!(functions(text), [("a".to_string(), 6)]);
}
