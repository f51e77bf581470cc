//! Dependencies run one way: text, tree, proof, bytecode, run. What is not listed here is forbidden.

use std::process::Command;

use serde_json::Value;

/// A crate, and the crates of this workspace that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("flow-diagnostics", &[]),
    ("flow-grammar", &["flow-diagnostics"]),
    ("flow-stdlib", &[]),
    ("flow-bytecode", &[]),
    (
        "flow-compiler",
        &["flow-diagnostics", "flow-grammar", "flow-stdlib", "flow-bytecode"],
    ),
    (
        "flowc",
        &[
            "flow-diagnostics",
            "flow-grammar",
            "flow-compiler",
            "flow-bytecode",
        ],
    ),
    ("flow-machine", &["flow-bytecode"]),
    (
        "flow-benches",
        &["flow-compiler", "flow-bytecode", "flow-machine"],
    ),
    (
        "flow-fuzz",
        &["flow-diagnostics", "flow-grammar", "flow-compiler"],
    ),
    (
        "flowvm",
        &[
            "flow-diagnostics",
            "flow-compiler",
            "flow-bytecode",
            "flow-machine",
        ],
    ),
    (
        "flow-tests",
        &[
            "flow-diagnostics",
            "flow-grammar",
            "flow-stdlib",
            "flow-bytecode",
            "flow-compiler",
            "flow-machine",
        ],
    ),
];

/// Crates that must build without a runtime, a clock or a network, with what they may never use.
const PURE: &[&str] = &[
    "flow-diagnostics",
    "flow-grammar",
    "flow-stdlib",
    "flow-bytecode",
    "flow-compiler",
    "flow-machine",
];
const IMPURE: &[&str] = &[
    "tokio",
    "rusqlite",
    "reqwest",
    "nix",
    "clap",
    "indicatif",
    "rand",
    "uuid",
];

#[test]
fn crates_use_only_what_stands_before_them() {
    let mut findings = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap_or_default().to_string();
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            findings.push(format!("{name}: has no layer; add it to the table"));
            continue;
        };
        for (dependency, kind) in dependencies(&package) {
            let ours = LAYERS.iter().any(|(layer, _)| *layer == dependency);
            if ours && kind != "dev" && !allowed.contains(&dependency.as_str()) {
                findings.push(format!("{name} uses {dependency}"));
            }
        }
    }
    super::assert_none(&findings, "dependencies against the direction of the pipeline");
}

#[test]
fn pure_crates_have_no_way_out() {
    let mut findings = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap_or_default();
        if !PURE.contains(&name) {
            continue;
        }
        let impure = dependencies(&package)
            .into_iter()
            .filter(|(dependency, kind)| kind != "dev" && IMPURE.contains(&dependency.as_str()));
        findings.extend(impure.map(|(dependency, _)| format!("{name} uses {dependency}")));
    }
    super::assert_none(&findings, "a pure crate reaches for the outside");
}

/// One version and one reason for each library: they stand in the workspace's manifest, with a word why.
#[test]
fn shared_dependencies_say_why() {
    let manifest = std::fs::read_to_string(flow_tests::tree::root().join("Cargo.toml")).unwrap();
    let table = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let outside = table
        .lines()
        .filter(|line| line.contains(" = ") && !line.contains("path = ") && !line.starts_with('#'));
    let findings: Vec<String> = outside
        .filter(|line| !line.contains(" # "))
        .map(str::to_string)
        .collect();
    super::assert_none(&findings, "say behind these what they are for");
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(flow_tests::tree::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn dependencies(package: &Value) -> Vec<(String, String)> {
    let list = package["dependencies"].as_array().unwrap().iter();
    let pair = |d: &Value| {
        Some((
            d["name"].as_str()?.to_string(),
            d["kind"].as_str().unwrap_or("normal").to_string(),
        ))
    };
    list.filter_map(pair).collect()
}
