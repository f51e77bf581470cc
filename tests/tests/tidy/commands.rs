//! What README promises a visitor is what `.ci/run` does, to the letter.

use std::fs;

use flow_tests::{markdown, tree};

/// The first two commands of README: try it, and test it.
const PROMISED: &[&str] = &[
    "cargo run --release --bin flowvm -- run examples/02-repo-report/main.flow",
    "cargo test --workspace",
];

#[test]
fn readme_promises_the_commands_that_ci_runs() {
    let readme = fs::read_to_string(tree::root().join("README.md")).unwrap();
    let ci = fs::read_to_string(tree::root().join(".ci/run")).unwrap();
    let shown: Vec<String> = markdown::blocks(&readme)
        .into_iter()
        .flat_map(|block| block.text.lines().map(str::to_string).collect::<Vec<_>>())
        .collect();
    for command in PROMISED {
        assert!(
            shown
                .iter()
                .any(|line| line.trim_start_matches("$ ").starts_with(command)),
            "README does not show `{command}`"
        );
        assert!(
            ci.lines().any(|line| line.contains(command)),
            ".ci/run does not run `{command}`"
        );
    }
}

#[test]
fn paths_that_the_pages_name_exist() {
    let mut findings = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(tree::root().join(page)).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let path = name.trim_end_matches('/');
            let plain =
                !path.contains("NN") && path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
            let ours = [
                "grammar/",
                "compiler/",
                "vm/",
                "stdlib/",
                "tests/",
                "docs/",
                "examples/",
                ".ci/",
            ]
            .iter()
            .any(|top| path.starts_with(top));
            if plain && ours && !tree::root().join(path).exists() {
                findings.push(format!("{page}: {name}"));
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or(link);
            if !path.is_empty() && !path.contains("://") && !tree::root().join(path).exists() {
                findings.push(format!("{page}: link to {link}"));
            }
        }
    }
    super::assert_none(&findings, "pages name what is not there");
}
