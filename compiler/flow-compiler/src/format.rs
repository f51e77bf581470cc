//! The canonical layout of a source file: syntax tree and comments in, text out. There are no options.
//!
//! What holds for every file: formatting twice gives what formatting once gives; the tree of the result is the
//! tree of the source; every comment is kept. A file with syntax errors is not touched.
//!
//! - `doc`, `print`: documents in the manner of Wadler's "A prettier printer", and how they are laid out.
//! - `sequence`, `align`: entries in brackets with their comments and blank lines; columns of adjacent lines.
//! - `expr`, `chain`, `types`, `item`, `flow`, `node`, `test`: one file per part of the tree, text in, document out.

mod align;
mod chain;
mod doc;
mod expr;
mod flow;
mod item;
mod node;
mod print;
mod sequence;
mod test;
mod types;

use flow_diagnostics::{Diagnostic, FileId, Span};
use flow_grammar::{Comment, Parsed, parse};

use doc::{DocId, Docs};

/// The widest line that the formatter writes where it has a choice, in characters.
const WIDTH: u32 = 110;

/// Formats a file. `file` is the number that the spans of diagnostics carry.
///
/// # Errors
/// The syntax errors of the file, and nothing else is done.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    format_to_width(file, text, WIDTH)
}

/// The same for lines of another width: what holds must hold however much has to be broken.
///
/// # Errors
/// The same.
pub fn format_to_width(file: FileId, text: &str, width: u32) -> Result<String, Vec<Diagnostic>> {
    if text.contains('\r') {
        let unix = text.replace("\r\n", "\n").replace('\r', "\n");
        return format_unix(file, &unix, width).or_else(|_| format_unix(file, text, width));
    }
    format_unix(file, text, width)
}

fn format_unix(file: FileId, text: &str, width: u32) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(file, text);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        let errors = parsed.diagnostics.into_iter().filter(Diagnostic::is_error);
        return Err(errors.collect());
    }
    Ok(layout(text, &parsed, width))
}

/// Lays out a file that has been parsed without an error.
fn layout(text: &str, parsed: &Parsed, width: u32) -> String {
    let mut formatter = Formatter {
        text,
        width,
        comments: &parsed.comments,
        taken: vec![false; parsed.comments.len()],
        docs: Docs::with_capacity(text.len() / 3),
    };
    let file = formatter.file(&parsed.ast);
    print::print(&formatter.docs, file, width, text.len())
}

/// What is known while a document is made.
struct Formatter<'a> {
    /// The source; its line ends are `\n`.
    text: &'a str,
    /// The width of lines.
    width: u32,
    /// All comments, in order.
    comments: &'a [Comment],
    /// Which of them have their place already.
    taken: Vec<bool>,
    /// The documents made so far.
    docs: Docs<'a>,
}

impl<'a> Formatter<'a> {
    /// The source under a span.
    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The source under a span, as it is.
    fn verbatim(&mut self, span: Span) -> DocId {
        let source = self.source(span);
        self.docs.verbatim(source)
    }

    /// The first `byte` at or behind `from` that is not in a comment; the end of the text if there is none. The
    /// caller knows that no string stands in between.
    fn find(&self, from: u32, byte: u8) -> u32 {
        let bytes = self.text.as_bytes();
        let mut at = from as usize;
        while let Some(&here) = bytes.get(at) {
            if here == byte {
                return at as u32;
            }
            if here == b'/' && bytes.get(at + 1) == Some(&b'/') {
                at += bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .unwrap_or(bytes.len() - at);
            } else {
                at += 1;
            }
        }
        bytes.len() as u32
    }

    /// How many line breaks stand in a stretch of the source, two at most: two or more are a blank line.
    fn line_breaks(&self, from: u32, to: u32) -> usize {
        let between = self
            .text
            .as_bytes()
            .get(from as usize..to as usize)
            .unwrap_or_default();
        between.iter().filter(|b| **b == b'\n').take(2).count()
    }
}
