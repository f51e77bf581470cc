//! Every code has a page and every page a code; a page explains, shows what triggers the code, and how to cure it.
//! Whether the examples do what they say is tried in the crates that report the codes.

use std::collections::BTreeSet;

use flow_diagnostics::Code;
use flow_tests::tree;

#[test]
fn every_page_belongs_to_a_code() {
    let codes: BTreeSet<String> = Code::all().map(|info| info.code.to_string()).collect();
    let pages = tree::files(&[".md"])
        .into_iter()
        .filter(|file| file.path.starts_with("grammar/flow-diagnostics/codes/"));
    let pages: BTreeSet<String> = pages
        .map(|file| file.name().trim_end_matches(".md").to_string())
        .collect();
    let findings: Vec<String> = pages.symmetric_difference(&codes).cloned().collect();
    super::assert_none(&findings, "a page without a code, or a code without a page");
}

#[test]
fn codes_are_unique_and_in_their_family() {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for family in flow_diagnostics::codes::FAMILIES {
        for info in family.codes {
            if !seen.insert(info.code) {
                findings.push(format!("{} is given twice", info.code));
            }
            if !info.code.as_str().starts_with(family.prefix) {
                findings.push(format!("{} does not belong to {}", info.code, family.prefix));
            }
        }
    }
    super::assert_none(&findings, "codes out of place");
}

#[test]
fn a_page_begins_with_its_code_and_title() {
    let wrong = Code::all()
        .filter(|info| info.page.lines().next() != Some(&format!("# {}: {}", info.code, info.title)));
    let findings: Vec<String> = wrong
        .map(|info| format!("{}: begin with `# {}: {}`", info.code, info.code, info.title))
        .collect();
    super::assert_none(&findings, "pages and the registry disagree");
}

/// A code that nothing reports is a promise that nobody keeps.
#[test]
fn every_code_is_reported_somewhere() {
    let sources: Vec<(String, String)> = tree::files(&[".rs"])
        .into_iter()
        .map(|file| (file.path.clone(), file.text()))
        .collect();
    let registry = "grammar/flow-diagnostics/src/codes/";
    let mut findings = Vec::new();
    for file in sources.iter().filter(|(path, _)| path.starts_with(registry)) {
        for (name, code) in file.1.lines().filter_map(constant) {
            let used = sources.iter().any(|(path, text)| {
                !path.starts_with(registry) && (word(text, name) || text.contains(&format!("\"F{code}\"")))
            });
            if !used {
                findings.push(format!("F{code} ({name})"));
            }
        }
    }
    super::assert_none(&findings, "codes that nothing reports");
}

fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim().split_once(" = \"F")?;
    let code = rest.get(..4)?;
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        .then_some((name, code))
}

fn word(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part))
}

/// Where a code is written as text, as in the machine, it must be one that has a page.
#[test]
fn codes_in_text_exist() {
    let mut findings = Vec::new();
    for file in tree::files(&[".rs"])
        .into_iter()
        .filter(|file| !file.path.contains("tests/"))
    {
        let text = file.text();
        for (at, _) in text.match_indices("\"F") {
            let code: String = text[at + 1..]
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            let digits = code.len() == 5 && code[1..].chars().all(|c| c.is_ascii_digit());
            if digits && text[at + 6..].starts_with('"') && Code::lookup(&code).is_none() {
                findings.push(format!("{}: {code}", file.path));
            }
        }
    }
    super::assert_none(&findings, "codes that have no page");
}

#[test]
fn a_page_explains() {
    let short =
        Code::all().filter(|info| info.page.lines().filter(|line| !line.trim().is_empty()).count() < 3);
    let findings: Vec<String> = short
        .map(|info| format!("{}: {}", info.code, info.title))
        .collect();
    super::assert_none(&findings, "pages that say nothing but their title");
}
