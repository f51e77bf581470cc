//! What the formatter promises, on cases (`tests/cases/fmt/NAME/input.flow`, and `expected.flow` unless the file
//! is refused) and as properties of every `.flow` file of the repository. `BLESS=1` writes what is expected.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use flow_compiler::format::{format, format_to_width};
use flow_diagnostics::{Diagnostic, FileId};
use flow_grammar::{dump, parse};

const FILE: FileId = FileId(0);

#[test]
fn cases_come_out_as_expected() {
    let mut wrong = Vec::new();
    let cases = repository().join("tests/cases/fmt");
    let mut count = 0;
    for case in fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()) {
        count += 1;
        let input = fs::read_to_string(case.join("input.flow")).unwrap();
        let path = case.join("expected.flow");
        let refused = case.file_name().unwrap().to_str().unwrap().starts_with("refused");
        match format(FILE, &input) {
            Err(_) if refused => {}
            Err(diagnostics) => wrong.push(format!("{}: {}", case.display(), messages(&diagnostics))),
            Ok(_) if refused => wrong.push(format!("{} is not refused", case.display())),
            Ok(text) => {
                if std::env::var_os("BLESS").is_some() {
                    fs::write(&path, &text).unwrap();
                }
                if fs::read_to_string(&path).unwrap() != text {
                    wrong.push(format!("{} comes out as\n{text}", case.display()));
                }
                wrong.extend(broken_promise(&input, 110).map(|why| format!("{}: {why}", case.display())));
            }
        }
    }
    assert!(count > 5, "no cases in {}", cases.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_keeps_its_tree_and_comments_at_every_width() {
    let mut wrong = Vec::new();
    let files = flow_files();
    assert!(files.len() > 5);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for width in [110, 60, 40, 24] {
            wrong.extend(
                broken_promise(&text, width).map(|why| format!("{} at {width}: {why}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A source that has its line breaks already says little about those that a width brings in: here most have none.
#[test]
fn where_a_value_begins_does_not_depend_on_breaks_in_it() {
    let mut wrong = Vec::new();
    for (case, step) in [("broken-values", 1), ("long-lines", 7), ("every-form", 7)] {
        let input = repository().join("tests/cases/fmt").join(case).join("input.flow");
        let text = fs::read_to_string(input).unwrap();
        for width in (16..=140).step_by(step) {
            wrong.extend(broken_promise(&text, width).map(|why| format!("{case} at {width}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_comment_is_kept_wherever_it_stands() {
    let mut wrong = Vec::new();
    for case in ["whole-file", "every-form"] {
        let text = fs::read_to_string(
            repository()
                .join("tests/cases/fmt")
                .join(case)
                .join("expected.flow"),
        )
        .unwrap();
        let comments = parse(FILE, &text).comments.len();
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let behind =
                text[..at].ends_with([' ', '(', '[', '{', ')']) || text[at..].starts_with(['.', ')']);
            let changed = format!("{}// here\n{}", &text[..at], &text[at..]);
            if !behind || at % 3 != 0 || parse(FILE, &changed).comments.len() != comments + 1 {
                continue;
            }
            let line = text[..at].lines().count();
            let width = [110, 60][at / 3 % 2];
            wrong.extend(broken_promise(&changed, width).map(|why| format!("{case}, line {line}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(5)].join("\n"));
}

#[test]
fn every_prefix_is_formatted_or_refused() {
    let text = fs::read_to_string(repository().join("tests/cases/fmt/whole-file/expected.flow")).unwrap();
    for end in (0..text.len())
        .step_by(3)
        .filter(|end| text.is_char_boundary(*end))
    {
        if let Some(why) = broken_promise(&text[..end], 80) {
            panic!("the first {end} bytes: {why}");
        }
    }
}

#[test]
fn line_ends_become_unix_line_ends() {
    let text = "const A: string = \"\"\"\r\n  a\r\n  b\r\n  \"\"\"\r\n\r\n\r\n// c\r\nconst B: int = 1\r\n";
    let unix = text.replace("\r\n\r\n\r\n", "\n\n").replace("\r\n", "\n");
    assert_eq!(format(FILE, text).unwrap(), unix);
    assert_eq!(format(FILE, "").unwrap(), "");
    assert_eq!(
        format(FILE, "\u{feff}const  A: int = 1").unwrap(),
        "const A: int = 1\n"
    );
}

/// What formatting this text does that it must not do.
fn broken_promise(text: &str, width: u32) -> Option<String> {
    let before = parse(FILE, text);
    let Ok(once) = format_to_width(FILE, text, width) else {
        let errors = before.diagnostics.iter().any(Diagnostic::is_error);
        return (!errors).then(|| "refused without an error".to_owned());
    };
    let after = parse(FILE, &once);
    if after.diagnostics.iter().any(Diagnostic::is_error) {
        return Some(format!(
            "the result is refused: {}\n{once}",
            messages(&after.diagnostics)
        ));
    }
    let trees = (dump(&before.ast, false), dump(&after.ast, false));
    if trees.0 != trees.1 {
        return Some(format!(
            "another tree:\n{once}\n{}",
            first_difference(&trees.0, &trees.1)
        ));
    }
    let comments = |text: &str, parsed: &flow_grammar::Parsed| {
        let mut all: Vec<String> = parsed
            .comments
            .iter()
            .map(|c| text[c.span.range()].trim_end().to_owned())
            .collect();
        all.sort();
        all
    };
    if comments(text, &before) != comments(&once, &after) {
        return Some(format!("other comments:\n{once}"));
    }
    let twice = format_to_width(FILE, &once, width).unwrap_or_default();
    (once != twice).then(|| format!("not idempotent: {}", first_difference(&once, &twice)))
}

fn first_difference(a: &str, b: &str) -> String {
    let at = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    let part = |text: &str| {
        text.lines()
            .skip(at.saturating_sub(3))
            .take(8)
            .collect::<Vec<_>>()
            .join("\n")
    };
    format!("\n--- one\n{}\n--- other\n{}", part(a), part(b))
}

fn messages(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|d| format!("{} ({:?})", d.message, d.span()))
        .collect::<Vec<_>>()
        .join("; ")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every `.flow` file of the repository.
fn flow_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["examples", "stdlib", "tests", "grammar", "compiler", "vm", "docs"]
        .iter()
        .map(|name| repository().join(name))
        .filter(|folder| folder.is_dir())
        .collect();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "flow") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
