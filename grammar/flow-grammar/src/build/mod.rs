//! From what pest matched to the tree. One file per part of the language; this one has what they share.

mod expr;
mod flow;
mod habits;
mod item;
mod node;
mod strings;
mod test;
mod types;

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, FileId, Span};

use crate::ast::{Doc, Expr, Ident, Item};
use crate::docs::Docs;
use crate::explain;
use crate::limits::MAX_CHAIN;
use crate::rules::{self, Children, Node, Rule};

/// Builds the tree of one item after the other.
pub(crate) struct Builder<'s> {
    file: FileId,
    /// Where the item's text begins in the file.
    base: u32,
    /// Where the file ends.
    end: u32,
    holes: &'s [(u32, u32)],
    docs: Docs<'s>,
    diagnostics: Vec<Diagnostic>,
    /// Entries that could not be understood.
    lost: Vec<Span>,
    /// The paths of the templates that are named.
    templates: Vec<String>,
    /// Operators, calls and fields around what is being built.
    level: u32,
}

impl<'s> Builder<'s> {
    pub(crate) fn new(file: FileId, end: u32, holes: &'s [(u32, u32)], docs: Docs<'s>) -> Self {
        Self {
            file,
            base: 0,
            end,
            holes,
            docs,
            diagnostics: Vec::new(),
            lost: Vec::new(),
            templates: Vec::new(),
            level: 0,
        }
    }

    /// Builds an item whose text begins at `base` in the file.
    pub(crate) fn item(&mut self, base: u32, node: Node<'_>) -> Item {
        self.base = base;
        self.level = 0;
        self.build_item(node)
    }

    /// An item that no rule matches: says why.
    pub(crate) fn bad_item(&mut self, base: u32, text: &str) -> Item {
        self.base = base;
        let span = Span::new(self.file, base, self.end.min(base + text.len() as u32));
        self.explain(explain::Place::Item, text, base);
        Item::Error(span)
    }

    /// Builds the expression between the parentheses at `base` in the file; `None`, and why, where there is none.
    pub(crate) fn hole(&mut self, base: u32, text: &str) -> Option<Expr> {
        self.base = base;
        self.level = 0;
        let parsed = rules::parse(Rule::only_hole, text).ok();
        if let Some(paren) = parsed.and_then(|mut pairs| pairs.next()) {
            return Some(self.expr(Children::of(paren).need(Rule::expr)));
        }
        self.explain(explain::Place::Hole, text, base);
        None
    }

    /// The paths of the templates that were named.
    pub(crate) fn take_templates(&mut self) -> Vec<String> {
        std::mem::take(&mut self.templates)
    }

    /// The entries that could not be understood.
    pub(crate) fn take_lost(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.lost)
    }

    /// Notes a place as not understood.
    pub(crate) fn lose(&mut self, span: Span) {
        self.lost.push(span);
    }

    /// The comments and their owners, and what was found.
    pub(crate) fn finish(self) -> (Docs<'s>, Vec<Diagnostic>) {
        (self.docs, self.diagnostics)
    }

    /// The doc comment of the file.
    pub(crate) fn file_doc(&mut self, first_token: u32) -> Option<Doc> {
        self.docs.of_file(first_token)
    }

    /// Where a node stands in the file, without the white space behind it that an optional end lets in.
    fn span(&self, node: &Node<'_>) -> Span {
        let text = node.as_str();
        let start = node.as_span().start();
        let end = start + text.trim_end_matches([' ', '\n']).len();
        self.at(start, end)
    }

    /// A range of the item's text as a place in the file.
    fn at(&self, start: usize, end: usize) -> Span {
        let start = (self.base + start as u32).min(self.end);
        Span::new(self.file, start, (self.base + end as u32).min(self.end))
    }

    fn ident(&self, node: &Node<'_>) -> Ident {
        Ident {
            name: node.as_str().to_owned(),
            span: self.span(node),
        }
    }

    /// The names in a list of names.
    fn idents(&self, node: Node<'_>) -> Vec<Ident> {
        let mut children = Children::of(node);
        let mut names = Vec::new();
        while let Some(name) = children.take(Rule::ident) {
            names.push(self.ident(&name));
        }
        names
    }

    fn doc(&mut self, span: Span) -> Option<Doc> {
        self.docs.above(span.start)
    }

    /// Takes a finding of another part of the crate.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether a place lies in text that was reported and replaced before.
    fn in_hole(&self, span: Span) -> bool {
        let behind = self.holes.partition_point(|hole| hole.0 < span.end);
        self.holes[..behind]
            .last()
            .is_some_and(|hole| hole.1 > span.start)
    }

    /// Says what is wrong with an entry that no rule of its place matches.
    fn bad(&mut self, place: explain::Place, node: &Node<'_>) -> Span {
        let span = self.span(node);
        let (text, start) = (node.as_str(), span.start);
        self.explain(place, text, start);
        span
    }

    fn explain(&mut self, place: explain::Place, text: &str, start: u32) {
        let text = text.trim_end_matches([' ', '\n']);
        let holes = Span::new(self.file, start, (start + text.len() as u32).min(self.end));
        self.lose(holes);
        if !self.in_hole(holes) {
            let end = self.end;
            let diagnostic = explain::explain(place, self.file, start, end, text);
            self.report(diagnostic);
        }
    }

    /// Goes `by` steps further from the root of an expression; `None`, with a message, where that is too far.
    fn deeper(&mut self, by: u32, span: Span) -> Option<()> {
        if self.level + by > MAX_CHAIN {
            self.report(
                Diagnostic::new(
                    syntax::TOO_DEEP,
                    format!("this expression has more than {MAX_CHAIN} operators and calls in a row"),
                )
                .primary(span.before(), "too long an expression begins here")
                .help("give parts of it names with `let`, or put the values into a list"),
            );
            return None;
        }
        self.level += by;
        Some(())
    }
}
