//! One owner per outside library: only there is it named, so that nobody else would notice if it went.

use flow_tests::tree;

/// A library, the places that may name it, and how many files at most may do so.
const OWNERS: &[(&str, &[&str], usize)] = &[
    ("pest", &["grammar/flow-grammar/src/"], 6),
    ("pest_derive", &["grammar/flow-grammar/src/"], 1),
    ("miette", &["grammar/flow-diagnostics/src/"], 1),
    ("postcard", &["vm/flow-bytecode/src/"], 2),
    (
        "blake3",
        &["vm/flow-bytecode/", "vm/flow-machine/src/", "vm/flowvm/src/"],
        5,
    ),
    ("imbl", &["vm/flow-machine/src/"], 8),
    ("regex_syntax", &["vm/flowvm/src/workers/synthetic/"], 1),
    (
        "regex",
        &[
            "vm/flow-machine/src/",
            "compiler/flow-compiler/src/lower/eval_texts.rs",
        ],
        4,
    ),
    ("jiff", &["vm/flow-machine/src/", "vm/flowvm/src/"], 4),
    ("rusqlite", &["vm/flowvm/src/store"], 11),
    ("reqwest", &["vm/flowvm/src/workers"], 4),
    (
        "rumqttc",
        &[
            "vm/flowvm/src/workers/mqtt.rs",
            "vm/flowvm/src/workers/broker_tests.rs",
        ],
        2,
    ),
    (
        "redis",
        &[
            "vm/flowvm/src/workers/redis_stream.rs",
            "vm/flowvm/src/workers/broker_tests.rs",
        ],
        2,
    ),
    ("axum", &["vm/flowvm/src/workers/callback.rs"], 1),
    ("nix", &["vm/flowvm/src/"], 3),
    ("clap", &["compiler/flowc/src/", "vm/flowvm/src/"], 6),
    ("indicatif", &["vm/flowvm/src/"], 2),
    ("comfy_table", &["vm/flowvm/src/"], 3),
    ("toml", &["compiler/flowc/src/", "vm/flowvm/src/"], 3),
    ("uuid", &["vm/flowvm/src/"], 3),
];

#[test]
fn every_library_has_one_owner() {
    let files = tree::files(&[".rs"])
        .into_iter()
        .filter(|file| !file.path.ends_with("tidy/owners.rs"));
    let files: Vec<(String, String)> = files.map(|file| (file.path.clone(), file.text())).collect();
    let mut findings = Vec::new();
    for (library, places, most) in OWNERS {
        let naming: Vec<&str> = files
            .iter()
            .filter(|(_, text)| names(text, library))
            .map(|(path, _)| path.as_str())
            .collect();
        let outside = naming
            .iter()
            .filter(|path| !places.iter().any(|place| path.starts_with(place)));
        findings.extend(outside.map(|path| {
            format!(
                "{path} names {library}, which belongs to {}",
                places.join(" and ")
            )
        }));
        if naming.len() > *most {
            findings.push(format!(
                "{library} is named by {} files, at most {most} may: {}",
                naming.len(),
                naming.join(", ")
            ));
        }
    }
    super::assert_none(&findings, "go through the owner's interface instead");
}

/// Whether code, not a comment, has `library::` or `use library`.
fn names(text: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let uses = format!("use {library};");
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .any(|line| {
            let begins =
                |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_:\"`".contains(c));
            line.contains(&uses) || line.match_indices(&path).any(|(at, _)| begins(at))
        })
}

#[test]
fn names_are_told_from_parts_of_names() {
    assert!(names("use nix::sys;", "nix"));
    assert!(names("    let a = nix::unistd::getpid();", "nix"));
    assert!(!names("// nix::sys", "nix"));
    assert!(!names("unix::x; std::os::nix::y", "nix"));
}
