//! Doc comments: which of them belongs to what.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Span};

use crate::ast::Doc;
use crate::{Comment, CommentKind};

/// The comments of a file, and which doc comments have found what they document.
pub(crate) struct Docs<'s> {
    source: &'s str,
    copy: &'s str,
    comments: &'s [Comment],
    used: Vec<bool>,
}

impl<'s> Docs<'s> {
    /// `copy` is the text without comments that the scan gives.
    pub(crate) fn new(source: &'s str, copy: &'s str, comments: &'s [Comment]) -> Self {
        Self {
            source,
            copy,
            comments,
            used: vec![false; comments.len()],
        }
    }

    /// The `///` lines directly above what begins at `start`.
    pub(crate) fn above(&mut self, start: u32) -> Option<Doc> {
        let behind = self.comments.partition_point(|c| c.span.start < start);
        let mut edge = start;
        let mut first = behind;
        for at in (0..behind).rev() {
            let comment = self.comments[at];
            let gap = self.copy.get(comment.span.end as usize..edge as usize)?;
            if !comment.own_line || !gap.bytes().all(|b| matches!(b, b' ' | b'\n')) {
                break;
            }
            edge = comment.span.start;
            if comment.kind == CommentKind::Doc {
                first = at;
            }
        }
        self.collect(first..behind, CommentKind::Doc)
    }

    /// The `//!` lines at the top of the file; the first token stands at `first_token`.
    pub(crate) fn of_file(&mut self, first_token: u32) -> Option<Doc> {
        let behind = self.comments.partition_point(|c| c.span.start < first_token);
        let end = self.comments[..behind]
            .iter()
            .rposition(|c| c.kind == CommentKind::FileDoc)?
            + 1;
        self.collect(0..end, CommentKind::FileDoc)
    }

    /// A warning for every doc comment that belongs to nothing.
    pub(crate) fn lost(&self) -> impl Iterator<Item = Diagnostic> {
        let lost = self
            .comments
            .iter()
            .zip(&self.used)
            .filter(|(c, used)| !**used && c.kind != CommentKind::Line);
        lost.map(|(comment, _)| {
            let slashes = Span { end: comment.span.start + 3, ..comment.span };
            let (message, help) = match comment.kind {
                CommentKind::FileDoc => {
                    ("this `//!` does not stand at the top of the file", "move it to the top, or write `//`")
                }
                _ => (
                    "this doc comment belongs to nothing",
                    "`///` stands on a line above an item, field, variant, parameter, node or arm; write `//` elsewhere",
                ),
            };
            Diagnostic::new(syntax::LOST_DOC_COMMENT, message)
                .primary(comment.span, "read as an ordinary comment")
                .help(help)
                .fix("make it an ordinary comment", slashes, "//")
        })
    }

    fn collect(&mut self, range: std::ops::Range<usize>, kind: CommentKind) -> Option<Doc> {
        let mut lines = Vec::new();
        let mut span: Option<Span> = None;
        for at in range {
            let comment = self.comments[at];
            if comment.kind == kind {
                self.used[at] = true;
                let text = &self.source[comment.span.range()][3..];
                lines.push(text.strip_prefix(' ').unwrap_or(text));
                span = Some(span.map_or(comment.span, |s| s.to(comment.span)));
            }
        }
        Some(Doc {
            text: lines.join("\n"),
            span: span?,
        })
    }
}
