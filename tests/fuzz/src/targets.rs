//! What is done with a text, and what must hold of it.

use flow_compiler::format::format;
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::{Diagnostic, FileId};
use flow_grammar::{Parsed, parse};

type Target = fn(&str) -> Result<(), String>;

const FILE: FileId = FileId(0);

pub(crate) fn by_name(name: &str) -> Option<Target> {
    match name {
        "parse" => Some(parses),
        "format" => Some(formats),
        "check" => Some(checks),
        _ => None,
    }
}

/// Every place lies in the text and between its characters; broken text is reported.
fn parses(text: &str) -> Result<(), String> {
    let parsed = parse(FILE, text);
    places(text, &parsed.diagnostics)?;
    for comment in &parsed.comments {
        place(text, comment.span.start, comment.span.end)?;
    }
    if !parsed.ast.lost.is_empty() && parsed.diagnostics.is_empty() {
        return Err("something is lost and nothing is said".to_owned());
    }
    Ok(())
}

/// Formatting again changes nothing, and no comment is lost.
fn formats(text: &str) -> Result<(), String> {
    let Ok(once) = format(FILE, text) else {
        return Ok(());
    };
    let twice = format(FILE, &once).map_err(|_| format!("the formatted text is refused:\n{once}"))?;
    if once != twice {
        return Err(format!("formatting twice differs:\n{once}\n---\n{twice}"));
    }
    let (before, after) = (
        comments(text, &parse(FILE, text)),
        comments(&once, &parse(FILE, &once)),
    );
    if before == after {
        Ok(())
    } else {
        Err(format!("comments {before:?} became {after:?}"))
    }
}

fn comments(text: &str, parsed: &Parsed) -> Vec<String> {
    let all = parsed.comments.iter().map(|comment| comment.span);
    let mut all: Vec<String> = all
        .map(|span| {
            text[span.start as usize..span.end as usize]
                .trim_start_matches(['/', '!'])
                .trim()
                .to_owned()
        })
        .collect();
    all.sort();
    all
}

/// Places of findings lie in the text; a program without errors can be built.
fn checks(text: &str) -> Result<(), String> {
    let checked = check_text(&NoFiles, "main.flow", text);
    places(text, &checked.diagnostics)?;
    if !checked.has_errors() && checked.build().is_err() {
        return Err("no errors, and no image".to_owned());
    }
    Ok(())
}

fn places(text: &str, found: &[Diagnostic]) -> Result<(), String> {
    let labels = found
        .iter()
        .flat_map(|one| &one.labels)
        .filter(|label| label.span.file == FILE);
    for label in labels {
        place(text, label.span.start, label.span.end)?;
    }
    Ok(())
}

fn place(text: &str, start: u32, end: u32) -> Result<(), String> {
    let (start, end) = (start as usize, end as usize);
    let inside = start <= end && end <= text.len();
    if inside && text.is_char_boundary(start) && text.is_char_boundary(end) {
        return Ok(());
    }
    Err(format!("{start}..{end} is no place in the text"))
}
