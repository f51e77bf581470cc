//! From Flow source text to a syntax tree.
//!
//! [`parse`] never fails: it gives a tree, in which `Error` nodes stand for what could not be understood, the
//! diagnostics, and the comments. It reads no files and knows no names or types.

pub mod ast;
mod build;
mod decode;
mod docs;
mod dump;
mod explain;
mod limits;
mod number;
mod placement;
mod rules;
mod scan;
mod template;

pub use decode::{NotUtf8, decode};
pub use dump::dump;
pub use template::{Template, parse_template};

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, FileId, Span};

/// What [`parse`] gives.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree.
    pub ast: ast::SourceFile,
    /// What is wrong with the text, in the order in which it stands there.
    pub diagnostics: Vec<Diagnostic>,
    /// All comments, in order, doc comments included. What the tree leaves out, for the formatter.
    pub comments: Vec<Comment>,
}

/// A comment where it is written, from its slashes to the last character that is no white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands.
    pub span: Span,
    /// Which kind.
    pub kind: CommentKind,
    /// Whether it has its line for itself.
    pub own_line: bool,
}

/// The kinds of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentKind {
    /// `//`
    Line,
    /// `///`
    Doc,
    /// `//!`
    FileDoc,
}

/// Parses a file. `file` is the number that its spans carry.
pub fn parse(file: FileId, text: &str) -> Parsed {
    if text.len() > limits::MAX_FILE_BYTES {
        return too_large(file);
    }
    let scan = scan::scan(file, text);
    let end = text.len() as u32;
    let docs = docs::Docs::new(text, &scan.text, &scan.comments);
    let mut builder = build::Builder::new(file, end, &scan.holes, docs);
    let first = scan.items.first().map_or(end, |item| item.start as u32);
    let doc = builder.file_doc(first);
    let items = scan
        .items
        .iter()
        .map(|item| parse_item(&mut builder, &scan.text, item))
        .collect();
    let lost_entries = builder.take_lost();
    let templates = builder.take_templates();
    let (docs, found) = builder.finish();
    let lost: Vec<Diagnostic> = docs.lost().collect();
    let mut diagnostics = scan.diagnostics;
    let follows = |found: &Diagnostic| diagnostics.iter().any(|open| follows_unclosed(text, open, found));
    let found: Vec<Diagnostic> = found.into_iter().filter(|found| !follows(found)).collect();
    diagnostics.extend(found);
    if !diagnostics.iter().any(Diagnostic::is_error) {
        diagnostics.extend(lost); // in a broken file, what they belong to may only not have been understood
    }
    for diagnostic in &mut diagnostics {
        diagnostic
            .labels
            .iter_mut()
            .for_each(|label| whole_characters(text, &mut label.span));
    }
    Diagnostic::sort(&mut diagnostics);
    let ast = ast::SourceFile {
        file,
        doc,
        items,
        lost: lost_entries,
        templates,
        span: Span::new(file, 0, end),
    };
    Parsed {
        ast,
        diagnostics,
        comments: scan.comments,
    }
}

fn parse_item(builder: &mut build::Builder<'_>, copy: &str, item: &scan::ItemText) -> ast::Item {
    let base = item.start as u32;
    let mended;
    let text = if item.missing.is_empty() {
        &copy[item.start..item.end]
    } else {
        mended = format!("{}{}", &copy[item.start..item.end], item.missing);
        &mended
    };
    let parsed = rules::parse(rules::Rule::top, text);
    match parsed.ok().and_then(|mut pairs| pairs.next()) {
        Some(node) => builder.item(base, node),
        None => builder.bad_item(base, text),
    }
}

/// Whether `found` says only that something ends too early where a bracket was closed for it that nobody had
/// closed: the bracket has swallowed what is missed.
fn follows_unclosed(text: &str, open: &Diagnostic, found: &Diagnostic) -> bool {
    let [_, closed, outer @ ..] = open.labels.as_slice() else {
        return false;
    };
    let Some(at) = found.span().filter(|_| found.code == syntax::EXPECTED) else {
        return false;
    };
    let put = 1 + outer.len(); // closing brackets that are not in the file
    let from = closed.span.start as usize;
    let to = (at.start as usize).saturating_sub(put);
    let between = text.get(from..to.max(from)).unwrap_or("x");
    open.code == syntax::UNCLOSED && at.start >= closed.span.start && between.trim().is_empty()
}

/// Widens a span to whole characters: `->` may have been read where `→` stands, which is longer.
fn whole_characters(text: &str, span: &mut Span) {
    while !text.is_char_boundary(span.start as usize) {
        span.start -= 1;
    }
    while !text.is_char_boundary(span.end as usize) {
        span.end += 1;
    }
}

fn too_large(file: FileId) -> Parsed {
    let span = Span::at(file, 0);
    let diagnostic = Diagnostic::new(syntax::FILE_TOO_LARGE, "this file is larger than 4 GB")
        .primary(span, "not read")
        .help("split it into modules");
    let ast = ast::SourceFile {
        file,
        doc: None,
        items: vec![ast::Item::Error(span)],
        lost: vec![span],
        templates: Vec::new(),
        span,
    };
    Parsed {
        ast,
        diagnostics: vec![diagnostic],
        comments: Vec::new(),
    }
}
