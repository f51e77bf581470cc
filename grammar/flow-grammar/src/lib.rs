//! From Flow source text to a syntax tree.
//!
//! [`parse`] never fails: it gives a tree, in which `Error` nodes stand for what could not be understood, the
//! diagnostics, and the comments. It reads no files and knows no names or types.

pub mod ast;

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
    let ast = ast::SourceFile { file, doc: None, items: Vec::new(), span: Span::new(file, 0, text.len() as u32) };
    Parsed { ast, diagnostics: Vec::new(), comments: Vec::new() }
}
