//! Every example, broken off and with one token dropped, doubled or replaced: findings whose places lie in the
//! text, soon, and never a panic. A deterministic spread of the places; all of them where `FLOW_DAMAGE=all` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flow_compiler::format::format;
use flow_compiler::{LoadError, check_text};
use flow_diagnostics::FileId;
use flow_grammar::{dump, parse};

/// An unoptimised compiler on a shared machine takes many times as long.
const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });

/// How many places of a file are tried, unless all of them are.
const PLACES: usize = 12;

/// What takes the place of a token.
const OTHERS: &[&str] = &["->", "}", "(", "\"", "flow", "é", "${", "1h"];

#[test]
fn every_prefix_of_an_example_gives_findings_soon() {
    for path in examples() {
        let text = std::fs::read_to_string(&path).unwrap();
        let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for at in spread(&bounds) {
            survives(&path, &text[..*at], &format!("the first {at} bytes"));
        }
    }
}

#[test]
fn an_example_without_a_token_gives_findings_soon() {
    damaged("without", |_, _| String::new());
}

#[test]
fn an_example_with_a_token_twice_gives_findings_soon() {
    damaged("twice", |token, _| format!("{token} {token}"));
}

#[test]
fn an_example_with_another_token_gives_findings_soon() {
    damaged("instead of", |_, at| OTHERS[at % OTHERS.len()].to_owned());
}

/// Puts what `change` makes of it in the place of one token at a time.
fn damaged(how: &str, change: impl Fn(&str, usize) -> String) {
    for path in examples() {
        let text = std::fs::read_to_string(&path).unwrap();
        let tokens = tokens(&text);
        for token in spread(&tokens) {
            let word = &text[token.clone()];
            let new = change(word, token.start);
            let broken = format!("{}{new}{}", &text[..token.start], &text[token.end..]);
            survives(&path, &broken, &format!("{how} `{word}` at {}", token.start));
        }
    }
}

fn survives(path: &Path, text: &str, what: &str) {
    let what = format!("{}, {what}", path.display());
    let file = FileId(0);
    let began = Instant::now();
    let parsed = parse(file, text);
    for range in places(&dump(&parsed.ast, true)) {
        assert!(text.get(range.clone()).is_some(), "{what}: {range:?} in the tree");
    }
    let _ = format(file, text);
    let load = |path: &str| std::fs::read_to_string(path).map_err(|_| LoadError::NotFound);
    let checked = check_text(&load, &path.to_string_lossy(), text);
    let took = began.elapsed();
    assert!(took < SOON, "{what}: took {took:?}");
    for found in &checked.diagnostics {
        for label in &found.labels {
            let source = checked.sources.text(label.span.file);
            let there = source.get(label.span.range()).is_some();
            assert!(there, "{what}: {found:?}");
        }
    }
    assert!(
        checked.has_errors() || checked.build().is_ok(),
        "{what}: no errors, and no image"
    );
    if !parsed.ast.lost.is_empty() {
        assert!(
            checked.has_errors(),
            "{what}: something is lost and nothing is said"
        );
    }
}

/// The places at the ends of the lines of a printed tree.
fn places(tree: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    tree.lines().filter_map(|line| {
        let (start, end) = line.rsplit_once(" @")?.1.split_once("..")?;
        Some(start.parse().ok()?..end.parse().ok()?)
    })
}

/// All of them, or some, evenly spread.
fn spread<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let every = std::env::var("FLOW_DAMAGE").is_ok_and(|size| size == "all");
    let step = if every { 1 } else { (all.len() / PLACES).max(1) };
    all.iter().step_by(step)
}

/// Words and single symbols, near enough to tokens.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match found.last_mut() {
            Some(last) if in_word && word(c) => last.end = end,
            _ if c.is_whitespace() => {}
            _ => found.push(at..end),
        }
        in_word = word(c);
    }
    found
}

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).into_iter().flatten() {
            files.push(file.unwrap().path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "flow"));
    files.sort();
    assert!(files.len() > 9, "the examples are found");
    files
}
