//! Drawings: `tests/cases/graph/NAME/input.flow` gives `expected.mmd`, `expected.dot` and `expected.json`, with
//! subgraphs opened two deep. `BLESS=1` writes what is expected. What Mermaid is given keeps to the part of its language that was tried with
//! its parser (`tests/mermaid`), and a picture holds everything that the JSON does.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "cases lie on the disk, a test that cannot read one has failed, and the picture's time is measured"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flow_compiler::graph::{GraphModel, dot, json, mermaid, svg};
use flow_compiler::{Checked, NoFiles, check_text};
use serde_json::Value;

const DEPTH: u32 = 2;

fn cases() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/graph");
    let mut cases: Vec<_> = fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 5);
    cases
}

fn checked(text: &str) -> Checked {
    let checked = check_text(&NoFiles, "input.flow", text);
    let errors: Vec<_> = checked
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    checked
}

/// The drawings of all flows of a case.
fn models(case: &Path) -> Vec<GraphModel> {
    let checked = checked(&fs::read_to_string(case.join("input.flow")).unwrap());
    let flows = checked.program.flows.iter();
    flows
        .map(|flow| GraphModel::new(&checked.program, flow, DEPTH))
        .collect()
}

#[test]
fn cases_are_drawn_as_expected() {
    for case in cases() {
        let (mut of_mermaid, mut of_dot, mut of_json) = (String::new(), String::new(), String::new());
        for model in models(&case) {
            of_mermaid += &mermaid(&model);
            of_dot += &dot(&model);
            let _ = writeln!(of_json, "{:#}", json(&model));
        }
        for (name, shown) in [
            ("expected.mmd", of_mermaid),
            ("expected.dot", of_dot),
            ("expected.json", of_json),
        ] {
            let path = case.join(name);
            if std::env::var_os("BLESS").is_some() {
                fs::write(&path, &shown).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            assert!(shown == expected, "{} is now\n{shown}", path.display());
        }
    }
}

/// The subset of Mermaid that is written: one statement a line, prefixed ids, quoted and escaped labels, fixed classes.
#[test]
fn mermaid_keeps_to_what_was_tried() {
    for case in cases() {
        for model in models(&case) {
            for line in mermaid(&model).lines() {
                assert!(is_safe(line.trim_start()), "{}: {line}", case.display());
            }
        }
    }
    for wrong in [
        "end --> n_a",
        "n_a[\"a \"b\" c\"]",
        "n_a[\"list<string>\"]",
        "n_a-->n_b",
        "n_a -->|\"\"| n_b",
        "n_a[\"#1;\"] %% x",
        "class n_a end",
    ] {
        assert!(!is_safe(wrong), "{wrong}");
    }
}

fn is_safe(line: &str) -> bool {
    if line == "flowchart TD" || line == "end" || line.starts_with("%% flow ") {
        return true;
    }
    if let Some(rest) = line
        .strip_prefix("classDef ")
        .or_else(|| line.strip_prefix("class "))
    {
        return rest.split_once(' ').is_some_and(|(first, second)| {
            let (members, class) = if line.starts_with("classDef") {
                ("n_a", first)
            } else {
                (first, second)
            };
            members.split(',').all(is_id)
                && [
                    "entry", "exit", "task", "llm", "human", "route", "sub", "defer", "failed",
                ]
                .contains(&class)
        });
    }
    if let Some(rest) = line.strip_prefix("subgraph ") {
        return vertex(rest);
    }
    for arrow in [" -->", " -.->", " ==>"] {
        if let Some((from, rest)) = line.split_once(arrow) {
            let (label, to) = match rest.strip_prefix("|\"").and_then(|rest| rest.split_once("\"| ")) {
                Some((label, to)) => (label, to),
                None => (" ", rest.strip_prefix(' ').unwrap_or("")),
            };
            return is_id(from) && is_id(to) && is_label(label);
        }
    }
    vertex(line)
}

fn vertex(line: &str) -> bool {
    let Some((id, rest)) = line.split_once(['[', '(', '{']) else {
        return false;
    };
    let inner = rest.trim_start_matches(['[', '(', '{', '/']);
    let inner = inner.trim_end_matches([']', ')', '}', '/']);
    let label = inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    is_id(id) && label.is_some_and(is_label)
}

fn is_id(id: &str) -> bool {
    let prefixed = ["n_", "e_", "j_", "s_", "i_", "f_"]
        .iter()
        .any(|prefix| id.starts_with(prefix));
    prefixed && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Not empty, and nothing in it that Mermaid drops or reads as something else, entities and line breaks aside.
fn is_label(label: &str) -> bool {
    let plain = label.replace("<br/>", "");
    let mut rest = plain.as_str();
    while let Some(at) = rest.find('#') {
        let Some((code, after)) = rest[at + 1..].split_once(';') else {
            return false;
        };
        if code.is_empty() || !code.chars().all(|c| c.is_ascii_alphanumeric()) || rest[..at].contains(';') {
            return false;
        }
        rest = &rest[at + code.len() + 2..];
        let _ = after;
    }
    !label.is_empty()
        && !rest.contains(';')
        && !plain.contains(['"', '<', '>', '&', '`', '\\', '{', '}', '|', '%', ':'])
}

/// Every vertex and every edge, those of opened subgraphs included.
fn parts(model: &Value, path: &str, vertices: &mut Vec<String>, edges: &mut Vec<(String, String)>) {
    for vertex in model["vertices"].as_array().unwrap() {
        let id = format!("{path}{}", vertex["id"].as_str().unwrap());
        if !vertex["inside"].is_null() {
            let inside = format!("{path}{}.", vertex["name"].as_str().unwrap());
            parts(&vertex["inside"], &inside, vertices, edges);
        }
        vertices.push(id);
    }
    for edge in model["edges"].as_array().unwrap() {
        let end = |name: &str| format!("{path}{}", edge[name].as_str().unwrap());
        edges.push((end("from"), end("to")));
    }
}

#[test]
fn a_picture_holds_every_vertex_and_every_edge() {
    for case in cases() {
        for model in models(&case) {
            let (mut vertices, mut edges) = (Vec::new(), Vec::new());
            parts(&json(&model), "", &mut vertices, &mut edges);
            let picture = svg(&model);
            assert_eq!(picture, svg(&model), "the same drawing is the same bytes");
            let after = |mark: &str| -> Vec<String> {
                let rest = picture.split(mark).skip(1);
                rest.map(|rest| rest.split('"').next().unwrap().to_owned())
                    .collect()
            };
            let mut drawn = after("data-id=\"");
            drawn.sort();
            vertices.sort();
            assert_eq!(drawn, vertices, "{}", case.display());
            assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
            let mut ends: Vec<_> = after("data-from=\"")
                .into_iter()
                .zip(after("data-to=\""))
                .collect();
            ends.sort();
            edges.sort();
            assert_eq!(ends, edges, "{}", case.display());
            assert!(!picture.contains("<script"), "{}", case.display());
            assert!(picture.contains("prefers-color-scheme: dark"));
        }
    }
}

/// A flow that calls itself has no end; its drawing has.
#[test]
fn depth_is_bounded() {
    let text = "flow f(n: int) -> int {\n  limit depth 3\n  state { sum: int by add }\n  start -> [a, b, c] -> end_all -> end\n  \
                subgraph a { call f(n: n) as x, sum <- x }\n  subgraph b { call f(n: n) as x, sum <- x }\n  \
                subgraph c { call f(n: n) as x, sum <- x }\n  transform end_all { sum <- 1 }\n  return sum\n}\n";
    let checked = check_text(&NoFiles, "input.flow", text);
    let model = GraphModel::new(&checked.program, &checked.program.flows[0], u32::MAX);
    let picture = mermaid(&model);
    assert!(
        picture.lines().count() < 50_000,
        "{} lines",
        picture.lines().count()
    );
}

#[test]
fn sixty_nodes_are_drawn_in_a_tenth_of_a_second() {
    let mut text = String::from(
        "flow f(n: int) -> int {\n  limit steps 500\n  state { sum: int by add }\n  start -> a0\n",
    );
    for at in 0..60 {
        let _ = writeln!(text, "  transform a{at} {{ sum <- 1 }}");
    }
    for at in 0..20 {
        let (here, next) = (3 * at, 3 * at + 3);
        let onward = if next < 60 {
            format!("a{next}")
        } else {
            "end".to_owned()
        };
        let _ = writeln!(
            text,
            "  a{here} -> r{at}\n  route r{at} {{\n    when sum > {at} -> a{}\n    when sum < 0 -> a{}\n    \
                                when sum == 7 -> a0\n    otherwise -> {onward}\n  }}\n  a{} -> {onward}\n  a{} -> {onward}",
            here + 1,
            here + 2,
            here + 1,
            here + 2
        );
    }
    text.push_str("  return sum\n}\n");
    let checked = checked(&text);
    let model = GraphModel::new(&checked.program, &checked.program.flows[0], 0);
    assert!(model.vertices.len() > 80 && model.edges.len() > 130);
    let time = || {
        let begun = Instant::now();
        assert!(svg(&model).len() > 10_000);
        begun.elapsed()
    };
    let best = (0..5).map(|_| time()).min().unwrap();
    // Builds that are not optimised are given more.
    let most = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });
    assert!(best < most, "{best:?}");
}
