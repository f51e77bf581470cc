//! `flowc explain`: the page of a code.

use std::fmt::Write;

use flow_diagnostics::Code;

use super::Outcome;
use crate::args::Explain;
use crate::files::{self, Trouble};

pub(super) fn explain(args: &Explain) -> Result<Outcome, Trouble> {
    let Some(name) = &args.code else {
        files::print(&list());
        return Ok(Outcome::Done);
    };
    match Code::lookup(name.trim()) {
        Some(info) => {
            files::print(info.page);
            Ok(Outcome::Done)
        }
        None => Err(Trouble::Usage(format!(
            "there is no code `{name}`; {}",
            nearest(name)
        ))),
    }
}

/// `did you mean F0501 (…)?`
pub(super) fn nearest(name: &str) -> String {
    let wanted = name.trim().to_ascii_uppercase();
    let distance = |code: &str| {
        let same = code
            .chars()
            .zip(wanted.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let differing = code.chars().zip(wanted.chars()).filter(|(a, b)| a != b).count();
        (differing + code.len().abs_diff(wanted.len()), usize::MAX - same)
    };
    let nearest = Code::all().min_by_key(|info| distance(info.code.as_str()));
    nearest.map_or_else(String::new, |info| {
        format!("did you mean {} ({})?", info.code, info.title)
    })
}

fn list() -> String {
    let mut text = String::new();
    for info in Code::all() {
        let _ = writeln!(
            text,
            "{}  {:7}  {}",
            info.code,
            info.severity.as_str(),
            info.title
        );
    }
    text
}
