//! Faults of earlier orchestrators are numbered `L-01` to `L-87`; a test that covers one names it, in its comment,
//! its name or its case. This prints which are covered, and refuses numbers that do not exist.

use std::collections::BTreeMap;

use flow_tests::tree;

const LESSONS: usize = 87;

#[test]
fn lessons_that_tests_name_exist() {
    let mut named: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for file in tree::files(&[".rs", ".flow", ".toml", ".json", ".md"]) {
        let test = file.path.contains("tests/")
            || file.path.contains("examples/")
            || file.text().contains("#[test]");
        if !test || file.path.ends_with("tidy/lessons.rs") {
            continue;
        }
        for number in numbers(&file.text()) {
            let places = named.entry(number).or_default();
            if !places.contains(&file.path) {
                places.push(file.path.clone());
            }
        }
    }
    for (number, places) in &named {
        println!("L-{number:02}  {}", places.join("  "));
    }
    println!("{} of {LESSONS} lessons are named by a test", named.len());
    let unknown: Vec<String> = named
        .iter()
        .filter(|(n, _)| **n == 0 || **n > LESSONS)
        .map(|(n, places)| format!("L-{n}: {}", places.join(", ")))
        .collect();
    super::assert_none(&unknown, "there are no such lessons");
}

fn numbers(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("L-") {
        let before = text[..at].chars().next_back();
        let digits: String = text[at + mark.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if !before.is_some_and(char::is_alphanumeric) && digits.len() == 2 {
            found.extend(digits.parse::<usize>());
        }
    }
    found
}

#[test]
fn numbers_are_found_in_text() {
    assert_eq!(numbers("// L-43, L-07: x; XML-12, L-1, `L-86`"), [43, 7, 86]);
}
