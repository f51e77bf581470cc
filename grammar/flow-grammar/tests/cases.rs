//! One directory per case under `tests/cases`: `input.flow` beside the tree and the diagnostics that it must
//! give. A case whose name begins with `bad_` must have diagnostics, every other one must have none.
//!
//! `INSTA_UPDATE=always` accepts what comes out; read it before you commit it.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flow_diagnostics::{Diagnostic, SourceMap};
use flow_grammar::{dump, parse};

#[test]
fn every_case_gives_its_tree_and_its_diagnostics() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "the cases are found");
    for case in cases {
        run(&case);
    }
}

fn run(case: &Path) {
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(case.join("input.flow")).unwrap();
    let mut map = SourceMap::new();
    let file = map.add("input.flow", text.as_str());
    let parsed = parse(file, &text);
    let clean = parsed.diagnostics.is_empty();
    let shown = show(&map, &parsed.diagnostics);
    assert_eq!(clean, !name.starts_with("bad_"), "{name}:\n{shown}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(case);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("tree", dump(&parsed.ast, false));
        if !clean {
            insta::assert_snapshot!("diagnostics", shown);
        }
    });
}

fn show(map: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let _ = writeln!(
            out,
            "{} {}: {}",
            diagnostic.code, diagnostic.severity, diagnostic.message
        );
        for label in &diagnostic.labels {
            let (start, end) = (map.start(label.span), map.end(label.span));
            let mark = if label.primary { "-->" } else { "   " };
            let text = map.slice(label.span);
            let _ = writeln!(
                out,
                "  {mark} {}:{}..{}:{} {text:?} {}",
                start.line, start.column, end.line, end.column, label.message
            );
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "  help: {help}");
        }
        for fix in &diagnostic.fixes {
            let edits: Vec<String> = fix
                .edits
                .iter()
                .map(|e| format!("{:?} -> {:?}", map.slice(e.span), e.text))
                .collect();
            let _ = writeln!(out, "  fix: {}: {}", fix.title, edits.join(", "));
        }
    }
    out
}
