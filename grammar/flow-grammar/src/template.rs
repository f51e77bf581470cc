//! Templates: files of text with `${…}` in it. Outside of the holes everything stands for itself, except that
//! `\${` writes `${`. The holes are scanned and parsed as what stands in strings is.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, FileId, Span};

use crate::ast::{StrForm, StrLit, StrPart};
use crate::{build, docs, scan};

/// What [`parse_template`] gives.
#[derive(Clone, Debug)]
pub struct Template {
    /// The text, as if it were written in a block string without indentation.
    pub text: StrLit,
    /// The paths of the templates that its holes name.
    pub templates: Vec<String>,
    /// What is wrong with it, in the order in which it stands there.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a text with `${…}` in it. `file` is the number that its spans carry.
pub fn parse_template(file: FileId, text: &str) -> Template {
    let holes = holes(text);
    let scan = scan::scan(file, &masked(text, &holes));
    let end = text.len() as u32;
    let docs = docs::Docs::new(text, &scan.text, &[]);
    let mut builder = build::Builder::new(file, end, &scan.holes, docs);
    let mut diagnostics = scan.diagnostics;
    let mut parts = Vec::new();
    let mut from = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for hole in &holes {
        parts.extend(literal(file, text, from, hole.start));
        from = hole.end;
        if !hole.closed {
            diagnostics.push(unclosed(file, hole.start));
            break;
        }
        let found = scan
            .items
            .binary_search_by_key(&(hole.start + 1), |item| item.start);
        let Some(item) = found.ok().and_then(|at| scan.items.get(at)) else {
            continue;
        };
        let copy = format!("{}{}", &scan.text[item.start..item.end], item.missing);
        if let Some(value) = builder.hole(item.start as u32, &copy) {
            parts.push(StrPart::Expr(Box::new(value)));
        }
    }
    parts.extend(literal(file, text, from, text.len()));
    let templates = builder.take_templates();
    diagnostics.extend(builder.finish().1);
    Diagnostic::sort(&mut diagnostics);
    let span = Span::new(file, 0, end);
    let text = StrLit {
        parts,
        form: StrForm::Block,
        span,
    };
    Template {
        text,
        templates,
        diagnostics,
    }
}

/// `${ … }`: from its `$` to behind its `}`, or to the end of the text.
struct Hole {
    start: usize,
    end: usize,
    closed: bool,
}

fn holes(text: &str) -> Vec<Hole> {
    let bytes = text.as_bytes();
    let mut holes = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if start > 0 && bytes[start - 1] == b'\\' {
            at = start + 2;
            continue;
        }
        let inside = closing(bytes, start + 2);
        let end = inside.map_or(text.len(), |close| close + 1);
        holes.push(Hole {
            start,
            end,
            closed: inside.is_some(),
        });
        at = end;
    }
    holes
}

/// Where the `}` stands that closes what is open at `from`: braces and strings in between match.
fn closing(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let mut depth = 0u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            b'"' => at = string_end(bytes, at)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the last quote of the string stands whose first stands at `from`. `${…}` in it may hold strings.
fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut open = vec![b'"'];
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match (byte, open.last()) {
            (b'\\', Some(b'"')) => at += 1,
            (b'"', Some(b'"')) => {
                open.pop();
                if open.is_empty() {
                    return Some(at);
                }
            }
            (b'"', _) => open.push(b'"'),
            (b'$', Some(b'"')) if bytes.get(at + 1) == Some(&b'{') => {
                open.push(b'{');
                at += 1;
            }
            (b'{', Some(b'{')) => open.push(b'{'),
            (b'}', Some(b'{')) => {
                open.pop();
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// A copy of the same length in which every hole is an item of its own, in parentheses, and all else is blank.
fn masked(text: &str, holes: &[Hole]) -> String {
    let mut copy = vec![b' '; text.len()];
    for hole in holes.iter().filter(|hole| hole.closed) {
        copy[hole.start..hole.end].copy_from_slice(&text.as_bytes()[hole.start..hole.end]);
        copy[hole.start] = b'\n';
        copy[hole.start + 1] = b'(';
        copy[hole.end - 1] = b')';
    }
    let copy = String::from_utf8(copy);
    debug_assert!(copy.is_ok(), "holes begin and end at whole characters");
    copy.unwrap_or_default()
}

/// The text between two holes, or nothing where there is none.
fn literal(file: FileId, text: &str, from: usize, to: usize) -> Option<StrPart> {
    let span = Span::new(file, from as u32, to as u32);
    let value = text[from..to].replace("\\${", "${");
    (!value.is_empty()).then_some(StrPart::Text(value, span))
}

fn unclosed(file: FileId, at: usize) -> Diagnostic {
    Diagnostic::new(syntax::UNCLOSED, "this `${` is not closed")
        .primary(Span::new(file, at as u32, at as u32 + 2), "no `}` belongs to it")
        .help("write the `}`; a `${` that is meant as text is written `\\${`")
}
