//! Documentation is tested: every fenced `flow` block is compiled as a whole file.
//!
//! Behind the fence may stand `fails=F0501` (the block gives exactly that code), `warns=F0901` (the same, and
//! it is none the worse), and `file=other.flow` (a file that the other blocks of the page may import).
//! The pages of codes are tried by the crates that report them.

mod blocks;

use std::collections::BTreeMap;

use flow_compiler::{LoadError, check_text};
use flow_diagnostics::Severity;
use flow_tests::markdown::Block;

/// What the compiler says about a text: codes with their severity, in order of place.
fn codes(text: &str, files: &BTreeMap<String, String>) -> Vec<(String, Severity)> {
    let load = |path: &str| files.get(path).cloned().ok_or(LoadError::NotFound);
    let checked = check_text(&load, "page.flow", text);
    checked
        .diagnostics
        .iter()
        .map(|d| (d.code.to_string(), d.severity))
        .collect()
}

/// The files that a page's blocks may import.
fn files(blocks: &[Block]) -> BTreeMap<String, String> {
    let named = blocks
        .iter()
        .filter_map(|block| Some((block.word("file")?.to_string(), block.text.clone())));
    named.collect()
}

/// Only the codes of errors.
fn errors(codes: &[(String, Severity)]) -> Vec<&str> {
    codes
        .iter()
        .filter(|(_, severity)| *severity == Severity::Error)
        .map(|(code, _)| code.as_str())
        .collect()
}

/// Fails with all findings at once, one a line.
#[track_caller]
fn assert_none(findings: &[String], why: &str) {
    assert!(findings.is_empty(), "{why}\n  {}", findings.join("\n  "));
}
