//! Rules of the house that no compiler knows. Each file here holds one kind of rule and says why it is one.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read what it checks has failed"
)]

mod budget;
mod codes;
mod commands;
mod headers;
mod layers;
mod lessons;
mod owners;
mod words;

/// Fails with all findings at once, one a line.
#[track_caller]
fn assert_none(findings: &[String], why: &str) {
    assert!(findings.is_empty(), "{why}\n  {}", findings.join("\n  "));
}
