//! Entries one behind the other, in brackets or in the file itself, with the comments and blank lines between
//! them. Every comment of a file finds its place here: in front of an entry, behind it, or behind the last. One
//! that stands in the middle of an entry, where nothing else claims it, moves to the line above the entry.

use flow_diagnostics::Span;
use flow_grammar::CommentKind;

use super::Formatter;
use super::align::{self, Cells, Tab};
use super::doc::{Doc, DocId, Docs, FORCED, cat};

/// An entry.
pub(super) struct Row {
    /// Where it stands in the source.
    pub(super) start: u32,
    pub(super) end: u32,
    /// What it consists of.
    pub(super) cells: Cells,
    /// It wants blank lines around it when it does not fit into so many columns.
    pub(super) spaced: Option<u32>,
}

/// How entries in brackets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `{ a, b }`, or a line for each where the source has a line break behind the bracket.
    Entries,
    /// `{ }` with a line for each.
    Body,
    /// `(a, b)`, or a line for each where that does not fit.
    Arguments,
    /// `[a, b]`, or a line for each where the source has a line break behind the bracket.
    List,
    /// `[a, b]` of short things; in several lines where they do not fit, broken where the source breaks.
    Filled,
    /// The same in `{ }`.
    Names,
}

/// An entry or a comment between entries, and whether a blank line stands before it.
struct Piece<'a> {
    blank: bool,
    kind: PieceKind<'a>,
}

enum PieceKind<'a> {
    Comment(&'a str),
    Row { row: Row, trailing: Option<&'a str> },
}

impl Row {
    /// An entry without columns.
    pub(super) fn new(span: Span, doc: DocId) -> Self {
        Self::cells(span, vec![(Tab::Start, doc)])
    }

    /// An entry with columns.
    pub(super) fn cells(span: Span, cells: Cells) -> Self {
        Self {
            start: span.start,
            end: span.end,
            cells,
            spaced: None,
        }
    }
}

impl Style {
    fn brackets(self) -> (&'static str, &'static str) {
        match self {
            Self::Entries | Self::Body | Self::Names => ("{", "}"),
            Self::Arguments => ("(", ")"),
            Self::List | Self::Filled => ("[", "]"),
        }
    }

    fn has_commas(self) -> bool {
        !matches!(self, Self::Entries | Self::Body)
    }
}

impl<'a> Formatter<'a> {
    /// Entries in brackets. The opening bracket is the first of its kind at or behind `from`.
    pub(super) fn bracketed(&mut self, from: u32, style: Style, rows: Vec<Row>) -> DocId {
        let (open, close) = style.brackets();
        let start = self.find(from, open.as_bytes()[0]) + 1;
        let end = self.find(rows.last().map_or(start, |row| row.end), close.as_bytes()[0]);
        let first = rows.first().map_or(end, |row| row.start);
        let expanded = style != Style::Arguments && !rows.is_empty() && self.opens_line(start, first);
        let opening = self.take_same_line(start, first);
        let from = opening.map_or(start, |(_, end)| end);
        let opening = opening.map(|(text, _)| text);
        let pieces = self.pieces(from, rows, end);
        if pieces.is_empty() && opening.is_none() {
            return cat!(self; open, close);
        }
        let comments = pieces.iter().any(Piece::has_comment) || opening.is_some();
        let blanks = style.has_commas() || pieces.iter().all(|piece| !piece.blank);
        let forced = comments || expanded || style == Style::Body || !blanks;
        self.lay_out(style, forced, opening, pieces)
    }

    /// The entries of a whole file, without brackets.
    pub(super) fn top_level(&mut self, rows: Vec<Row>) -> DocId {
        let end = self.text.len() as u32;
        let mut pieces = self.pieces(0, rows, end);
        let doc = pieces
            .iter()
            .rposition(|piece| matches!(piece.kind, PieceKind::Comment(text) if text.starts_with("//!")));
        if let Some(next) = doc.and_then(|at| pieces.get_mut(at + 1)) {
            next.blank = true;
        }
        let docs = self.piece_docs(pieces, Style::Body, true);
        self.docs.concat(&docs)
    }

    /// Takes the comments of a stretch in the middle of an expression, which must be able to break: a line of its
    /// own for each that has one in the source, the end of the line for the others.
    pub(super) fn gap(&mut self, from: u32, to: u32, parts: &mut Vec<DocId>) {
        for at in self.untaken(from, to) {
            self.taken[at] = true;
            let comment = self.comments[at];
            let text = self.source(comment.span);
            if comment.own_line {
                parts.push(self.docs.add(Doc::Soft));
                parts.push(self.docs.add(Doc::Comment(text)));
            } else {
                parts.push(self.docs.add(Doc::Suffix(text, 0)));
            }
        }
    }

    /// Whether a comment without a place stands in the stretch.
    pub(super) fn has_comment(&self, from: u32, to: u32) -> bool {
        self.untaken_range(from, to).any(|at| !self.taken[at])
    }

    /// Takes the comments under a span that is written as it is.
    pub(super) fn take_all(&mut self, span: Span) {
        for at in self.untaken(span.start, span.end) {
            self.taken[at] = true;
        }
    }

    fn untaken_range(&self, from: u32, to: u32) -> std::ops::Range<usize> {
        let first = self.comments.partition_point(|comment| comment.span.start < from);
        let count = self.comments[first..]
            .iter()
            .take_while(|comment| comment.span.start < to)
            .count();
        first..first + count
    }

    fn untaken(&self, from: u32, to: u32) -> Vec<usize> {
        self.untaken_range(from, to)
            .filter(|at| !self.taken[*at])
            .collect()
    }

    /// Whether the first thing behind a bracket stands on a line of its own.
    fn opens_line(&self, from: u32, first: u32) -> bool {
        let comment = self.comments.partition_point(|comment| comment.span.start < from);
        let first = self
            .comments
            .get(comment)
            .map_or(first, |comment| comment.span.start.min(first));
        self.line_breaks(from, first) > 0
    }

    /// Takes the comment that stands on the line of the bracket.
    fn take_same_line(&mut self, from: u32, to: u32) -> Option<(&'a str, u32)> {
        let at = *self.untaken(from, to).first()?;
        let comment = self.comments[at];
        if comment.own_line {
            return None;
        }
        self.taken[at] = true;
        Some((self.source(comment.span), comment.span.end))
    }

    /// Entries and the comments between them, from `from` to `to`.
    fn pieces(&mut self, from: u32, rows: Vec<Row>, to: u32) -> Vec<Piece<'a>> {
        let mut pieces = Vec::with_capacity(rows.len());
        let mut at = from;
        let mut rows = rows.into_iter().peekable();
        while let Some(row) = rows.next() {
            at = self.comments_between(at, row.start, &mut pieces);
            let blank = !pieces.is_empty() && self.line_breaks(at, row.start) > 1;
            let next = rows.peek().map_or(to, |next| next.start);
            let mut trailing = None;
            if let Some(comment) = self.take_same_line(row.end, next) {
                trailing = Some(comment.0);
                at = comment.1;
            } else {
                at = row.end;
            }
            let before = pieces.len();
            for inside in self.untaken(row.start, row.end) {
                self.taken[inside] = true;
                let comment = self.comments[inside];
                let text = self.source(comment.span);
                if comment.kind != CommentKind::Line && trailing.is_none() {
                    trailing = Some(text); // above the entry it would document it
                } else {
                    pieces.push(Piece {
                        blank: blank && pieces.len() == before,
                        kind: PieceKind::Comment(text),
                    });
                }
            }
            let blank = blank && pieces.len() == before;
            pieces.push(Piece {
                blank,
                kind: PieceKind::Row { row, trailing },
            });
        }
        self.comments_between(at, to, &mut pieces);
        pieces
    }

    /// Takes the comments of a stretch between entries; gives the end of the last.
    fn comments_between(&mut self, from: u32, to: u32, pieces: &mut Vec<Piece<'a>>) -> u32 {
        let mut end = from;
        for at in self.untaken(from, to) {
            self.taken[at] = true;
            let span = self.comments[at].span;
            let blank = !pieces.is_empty() && self.line_breaks(end, span.start) > 1;
            pieces.push(Piece {
                blank,
                kind: PieceKind::Comment(self.source(span)),
            });
            end = span.end;
        }
        end
    }

    fn lay_out(
        &mut self,
        style: Style,
        forced: bool,
        opening: Option<&'a str>,
        pieces: Vec<Piece<'a>>,
    ) -> DocId {
        let (open, close) = style.brackets();
        let edge = |forced| match style {
            _ if forced => Doc::Hard,
            Style::Entries | Style::Body | Style::Names => Doc::Line,
            Style::Arguments | Style::List | Style::Filled => Doc::Soft,
        };
        let comment = opening.map(|text| self.docs.add(Doc::Suffix(text, 0)));
        let first = self.docs.add(edge(forced));
        let last = self.docs.add(edge(forced));
        let mut inner = vec![first];
        inner.extend(self.piece_docs(pieces, style, forced));
        let inner = self.docs.concat(&inner);
        let inner = self.docs.indent(inner);
        let all = cat!(self; open, comment, inner, last, close);
        self.docs.group(all)
    }

    /// The documents of all pieces with what separates them.
    fn piece_docs(&mut self, mut pieces: Vec<Piece<'a>>, style: Style, forced: bool) -> Vec<DocId> {
        if forced && !style.has_commas() {
            self.space(&mut pieces);
        }
        let pads = self.all_pads(&pieces);
        let count = pieces.len();
        let last_row = pieces.iter().rposition(Piece::is_row);
        let mut docs = Vec::with_capacity(count * 3);
        let mut before: Option<u32> = None;
        for (at, (piece, (pads, comment_pad))) in pieces.into_iter().zip(pads).enumerate() {
            if at > 0 {
                let start = piece.start();
                let broken = forced
                    && before
                        .zip(start)
                        .is_none_or(|(end, start)| self.line_breaks(end, start) > 0);
                let next = piece.width(&self.docs);
                docs.push(self.docs.add(separator(style, forced, broken, piece.blank, next)));
            }
            match piece.kind {
                PieceKind::Comment(text) => {
                    docs.push(self.docs.add(Doc::Comment(text)));
                    before = None;
                }
                PieceKind::Row { row, trailing } => {
                    before = Some(row.end);
                    self.row(&row.cells, &pads, &mut docs);
                    if style.has_commas() {
                        let comma = if Some(at) == last_row {
                            Doc::Comma
                        } else {
                            Doc::Text(",")
                        };
                        docs.push(self.docs.add(comma));
                    }
                    if let Some(text) = trailing {
                        docs.push(self.docs.add(Doc::Suffix(text, comment_pad)));
                        before = None;
                    }
                }
            }
        }
        docs
    }

    fn row(&mut self, cells: &Cells, pads: &[u32], docs: &mut Vec<DocId>) {
        for (at, ((_, doc), pad)) in cells.iter().zip(pads).enumerate() {
            if at > 0 {
                docs.push(self.docs.text(" "));
            }
            if *pad > 0 {
                docs.push(self.docs.add(Doc::Pad(*pad)));
            }
            docs.push(*doc);
        }
    }

    /// Blank lines around the entries that want them.
    fn space(&self, pieces: &mut [Piece<'a>]) {
        let mut last: Option<(usize, bool)> = None;
        for at in 0..pieces.len() {
            let PieceKind::Row { row, .. } = &pieces[at].kind else {
                continue;
            };
            let width = row
                .cells
                .iter()
                .fold(0, |sum: u32, (_, doc)| sum.saturating_add(self.docs.flat(*doc)));
            let big = row.spaced.is_some_and(|limit| width > limit);
            if let Some((before, big_before)) = last
                && (big || big_before)
                && pieces[before + 1..=at].iter().all(|piece| !piece.blank)
            {
                pieces[before + 1].blank = true;
            }
            last = Some((at, big));
        }
    }

    /// For every piece what aligns its columns, and what aligns the comment behind it.
    fn all_pads(&self, pieces: &[Piece<'a>]) -> Vec<(Vec<u32>, u32)> {
        let empty = Cells::new();
        let lines: Vec<&Cells> = pieces
            .iter()
            .map(|piece| match &piece.kind {
                PieceKind::Row { row, .. } => &row.cells,
                PieceKind::Comment(_) => &empty,
            })
            .collect();
        let adjacent: Vec<bool> = (0..pieces.len())
            .map(|at| at > 0 && !pieces[at].blank && pieces[at].is_row() && pieces[at - 1].is_row())
            .collect();
        let pads = align::pads(&self.docs, &lines, &adjacent, self.width);
        let widths: Vec<Option<u32>> = pieces
            .iter()
            .zip(&pads)
            .map(|(piece, pads)| match &piece.kind {
                PieceKind::Row {
                    row,
                    trailing: Some(_),
                } => Some(align::line_width(&self.docs, &row.cells, pads)).filter(|width| *width != FORCED),
                _ => None,
            })
            .collect();
        let comments = align::comment_pads(&widths, &adjacent, self.width);
        pads.into_iter().zip(comments).collect()
    }
}

impl<'a> Piece<'a> {
    fn is_row(&self) -> bool {
        matches!(self.kind, PieceKind::Row { .. })
    }

    fn has_comment(&self) -> bool {
        matches!(
            self.kind,
            PieceKind::Comment(_)
                | PieceKind::Row {
                    trailing: Some(_),
                    ..
                }
        )
    }

    fn start(&self) -> Option<u32> {
        match &self.kind {
            PieceKind::Row { row, .. } => Some(row.start),
            PieceKind::Comment(_) => None,
        }
    }

    /// The width of an entry and the comma behind it.
    fn width(&self, docs: &Docs<'a>) -> u32 {
        match &self.kind {
            PieceKind::Row { row, .. } => row
                .cells
                .iter()
                .fold(1, |sum: u32, (_, doc)| sum.saturating_add(docs.flat(*doc))),
            PieceKind::Comment(_) => FORCED,
        }
    }
}

fn separator<'a>(style: Style, forced: bool, broken: bool, blank: bool, next: u32) -> Doc<'a> {
    match style {
        _ if forced && blank => Doc::Blank,
        Style::Names | Style::Filled if !broken => Doc::Fill {
            flat: next,
            lead: next,
            hang: 0,
        },
        _ if forced => Doc::Hard,
        Style::Entries | Style::Body => Doc::Separator,
        _ => Doc::Line,
    }
}
