//! What a reader elsewhere could not make sense of: paths of one machine, conflict marks, tabs, trailing blanks.

use flow_tests::tree;

const TEXTS: &[&str] = &[
    ".rs", ".md", ".toml", ".flow", ".pest", ".json", ".sh", ".yml", ".yaml", "run", ".txt", ".snap",
];

#[test]
fn no_path_of_one_machine_is_named() {
    // Put together here, so that this file does not name them either.
    let places = ["home", "root", "Users", "work", "mnt"].map(|folder| format!("/{folder}/"));
    let mut findings = Vec::new();
    for file in tree::files(TEXTS) {
        for (index, line) in file.text().lines().enumerate() {
            let path = |place: &String| {
                line.match_indices(place)
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || ".-_}".contains(c)))
            };
            if places.iter().any(path) {
                findings.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    super::assert_none(&findings, "these paths exist on one machine only");
}

#[test]
fn texts_are_clean() {
    let marks = ["<<<<<<< ", ">>>>>>> "];
    let mut findings = Vec::new();
    for file in tree::files(&[".rs", ".md", ".toml", ".flow"]) {
        if file.path.contains("/cases/") {
            continue; // inputs may be as ugly as they like
        }
        let text = file.text();
        let rust = file.full.extension().is_some_and(|e| e == "rs");
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.starts_with(mark)) || (line.ends_with(' ') && !rust) {
                findings.push(format!("{}:{}: {line:?}", file.path, index + 1));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(format!("{}: no line break at the end", file.path));
        }
    }
    super::assert_none(
        &findings,
        "conflict marks, blanks at the end of a line, or no line break at the end of a file",
    );
}
