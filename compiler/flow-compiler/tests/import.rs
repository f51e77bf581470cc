//! Workflows of other systems: `tests/cases/import/KIND/CASE/in.json` gives `out.flow`, which checks and is formatted,
//! and `report.txt`; what is wrong gives `errors.txt` instead. `BLESS=1` writes what is expected.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use flow_compiler::format::format;
use flow_compiler::import::{Kind, import, report};
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::SourceMap;

const KINDS: &[(&str, Kind)] = &[
    ("nullboiler", Kind::Nullboiler),
    ("asl", Kind::Asl),
    ("batch", Kind::Batch),
];

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(of)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/cases/import")
        .join(kind);
    folders(&cases)
}

fn expect(path: &Path, shown: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, shown).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(shown == expected, "{} is now\n{shown}", path.display());
}

#[test]
fn cases_are_imported_as_expected_and_check() {
    for (name, kind) in KINDS {
        for case in cases(name) {
            let text = fs::read_to_string(case.join("in.json")).unwrap();
            let mut sources = SourceMap::new();
            let file = sources.add("in.json", text.clone());
            match import(*kind, file, &text) {
                Ok(imported) => {
                    let checked = check_text(&NoFiles, "out.flow", &imported.source);
                    let found: Vec<_> = checked
                        .diagnostics
                        .iter()
                        .map(|one| format!("{} {}", one.code, one.message))
                        .collect();
                    expect(&case.join("out.flow"), &imported.source);
                    expect(&case.join("report.txt"), &report(&imported.notes));
                    assert!(
                        !checked.has_errors(),
                        "{}: {found:#?}\n{}",
                        case.display(),
                        imported.source
                    );
                    assert!(checked.build().is_ok(), "{}", case.display());
                    assert_eq!(
                        format(file, &imported.source).unwrap(),
                        imported.source,
                        "{}",
                        case.display()
                    );
                }
                Err(found) => {
                    let mut shown = String::new();
                    for one in &found {
                        let at = sources.start(one.span().unwrap());
                        let help = one
                            .help
                            .as_deref()
                            .map_or(String::new(), |help| format!(" ({help})"));
                        let _ = writeln!(
                            shown,
                            "{} {}:{} {}{help}",
                            one.code, at.line, at.column, one.message
                        );
                    }
                    expect(&case.join("errors.txt"), &shown);
                }
            }
            let wrong = case.file_name().unwrap().to_str().unwrap().starts_with("wrong");
            assert_eq!(case.join("errors.txt").exists(), wrong, "{}", case.display());
        }
    }
}

/// L-10: a key that nothing reads is an error, wherever it stands, and never a panic, whatever is left of the text.
#[test]
fn every_beginning_of_every_case_is_imported_or_refused() {
    for (name, kind) in KINDS {
        for case in cases(name) {
            let text = fs::read_to_string(case.join("in.json")).unwrap();
            let mut sources = SourceMap::new();
            let file = sources.add("in.json", text.clone());
            let text = text.trim_end();
            for (at, _) in text.char_indices().step_by(7) {
                assert!(
                    import(*kind, file, &text[..at]).is_err(),
                    "{} up to {at}",
                    case.display()
                );
            }
            for (other, kind) in KINDS {
                // A document of another system has keys that nothing reads.
                if other != name {
                    assert!(
                        import(*kind, file, text).is_err(),
                        "{} as {other}",
                        case.display()
                    );
                }
            }
        }
    }
}

#[test]
fn hostile_documents_are_refused() {
    let mut sources = SourceMap::new();
    for text in [
        String::new(),
        "null".to_owned(),
        "[[[[".to_owned(),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "{\"nodes\": {}, \"nodes\": {}, \"edges\": []}".to_owned(),
        "{\"nodes\": {\"a\": {\"type\": \"task\", \"type\": 7}}, \"edges\": []}".to_owned(),
        "\u{feff}{\"x\": 1}".to_owned(),
        "{\"\\u0000\": 1, \"\\\"\": 2}".to_owned(),
    ] {
        let file = sources.add("in.json", text.clone());
        for (name, kind) in KINDS {
            let found = import(*kind, file, &text).expect_err(name);
            assert!(
                found
                    .iter()
                    .all(|one| one.code.as_str().starts_with("F303") && one.span().is_some()),
                "{found:#?}"
            );
        }
    }
}
