//! What happens to the text before the grammar sees it: one scan that settles lines and brackets.
//!
//! The scan writes a copy of the same length, so that every offset in it is an offset in the file. In the copy,
//! comments and line breaks that do not end anything are blanks; a line break that is left separates entries;
//! brackets and strings match. The scan cuts the copy into items, so that a mistake in one cannot reach the
//! next, and reports what it had to mend.
//!
//! This file has the main loop; `tokens.rs` knows the tokens, `brackets.rs` what to do about brackets that do
//! not match, `strings.rs` strings, `foreign.rs` comments and what other languages write.

mod brackets;
mod foreign;
mod strings;
mod tokens;

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Edit, FileId, Span};

use crate::{Comment, CommentKind};
use brackets::{Deep, Frame};
use tokens::Token;

/// What the scan gives.
pub(crate) struct Scan {
    /// The copy, as long as the text.
    pub(crate) text: String,
    /// The items, in order.
    pub(crate) items: Vec<ItemText>,
    /// All comments, in order.
    pub(crate) comments: Vec<Comment>,
    /// Stretches that were replaced by `_` because they could not be understood; already reported.
    pub(crate) holes: Vec<(u32, u32)>,
    /// What was reported.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Where an item stands in the copy, and the closing brackets that it lacks.
pub(crate) struct ItemText {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) missing: String,
}

/// Scans a whole file.
pub(crate) fn scan(file: FileId, text: &str) -> Scan {
    let mut scanner = Scanner::new(file, text);
    while scanner.item() {}
    scanner.finish()
}

/// The state of the scan. Everything that grows can be cut back to where an item began, because an item with
/// brackets that do not match is scanned twice.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is remembered of the token before"
)]
struct Scanner<'t> {
    file: FileId,
    text: &'t str,
    src: &'t [u8],
    out: Vec<u8>,
    pos: usize,
    items: Vec<ItemText>,
    comments: Vec<Comment>,
    holes: Vec<(u32, u32)>,
    diagnostics: Vec<Diagnostic>,
    semicolons: Vec<u32>,
    foreign_comments: u32,
    stack: Vec<Frame>,
    /// How many strings on one line are open around `${`.
    plain_open: u32,
    /// Words and arrows that nest without brackets, in all frames and outside of any.
    prefixes: u32,
    base_prefixes: u32,
    deep: Option<Deep>,
    /// Line breaks in `( )` and `[ ]` that became commas, with the number of brackets around them.
    commas: Vec<(usize, usize)>,
    /// The line that the scan is in.
    line_start: usize,
    line_indent: usize,
    /// The end of the last token, whether the line may not end behind it, and what it was.
    last_end: usize,
    last_open: bool,
    last_dot: bool,
    last_paren: bool,
    /// The first line break since the last token.
    line_break: Option<usize>,
    /// Whether brackets are matched with the help of indentation: in the second scan of a broken item.
    by_indent: bool,
    broken: bool,
}

/// Lengths to cut back to.
struct Mark {
    pos: usize,
    comments: usize,
    holes: usize,
    diagnostics: usize,
    semicolons: usize,
    foreign_comments: u32,
    line_start: usize,
    line_indent: usize,
}

impl<'t> Scanner<'t> {
    fn new(file: FileId, text: &'t str) -> Self {
        let src = text.as_bytes();
        let mut scanner = Self {
            file,
            text,
            src,
            out: src.to_vec(),
            pos: 0,
            items: Vec::new(),
            comments: Vec::new(),
            holes: Vec::new(),
            diagnostics: Vec::new(),
            semicolons: Vec::new(),
            foreign_comments: 0,
            stack: Vec::new(),
            plain_open: 0,
            prefixes: 0,
            base_prefixes: 0,
            deep: None,
            commas: Vec::new(),
            line_start: 0,
            line_indent: 0,
            last_end: 0,
            last_open: false,
            last_dot: false,
            last_paren: false,
            line_break: None,
            by_indent: false,
            broken: false,
        };
        if text.starts_with('\u{feff}') {
            scanner.blank(0, 3);
            scanner.pos = 3;
            scanner.line_start = 3;
        }
        scanner
    }

    /// Scans one item; `false` at the end of the text.
    fn item(&mut self) -> bool {
        let mark = self.mark();
        self.by_indent = false;
        let more = self.try_item();
        if !self.broken {
            return more;
        }
        self.rewind(&mark);
        self.by_indent = true;
        self.try_item()
    }

    /// Scans up to the end of an item. Sets `broken` and stops early where brackets do not match, unless it
    /// goes by indentation.
    fn try_item(&mut self) -> bool {
        self.begin_item();
        let mut start = None;
        loop {
            self.skip_space();
            let Some(token) = self.token() else {
                self.end_item(start, self.last_end.max(start.unwrap_or(0)));
                return false;
            };
            if self.stack.is_empty() && start.is_some() && self.ends_item(&token) {
                self.end_item(start, self.last_end);
                return true;
            }
            if start.is_some() && self.begins_other_item() {
                self.end_item(start, self.last_end);
                return true;
            }
            if self.by_indent {
                self.close_by_indent(&token);
            }
            self.settle_line_break(&token);
            if !(start.is_none() && token.is(b",")) {
                start = start.or(Some(self.pos));
            }
            self.take(&token);
            if self.broken {
                return true;
            }
        }
    }

    /// Whether the token, at depth 0, stands behind the end of the item.
    fn ends_item(&mut self, token: &Token) -> bool {
        if token.is(b",") {
            return self.item_follows(self.pos + 1); // else it stands between `< >`
        }
        self.line_break.is_some() && !self.last_open && !token.continues
    }

    /// Whether an item, or the end of the text, comes next, whatever blanks and comments stand before it.
    fn item_follows(&self, from: usize) -> bool {
        let mut rest = self.text[from..].trim_start();
        while rest.starts_with("//") {
            rest = rest.find(['\n', '\r']).map_or("", |at| rest[at..].trim_start());
        }
        rest.is_empty() || tokens::begins_item(rest.as_bytes())
    }

    /// Whether a line begins here that can only be another item, though brackets are open or a value is missing.
    fn begins_other_item(&self) -> bool {
        let open = !self.stack.is_empty() || self.deep.is_some() || self.last_open;
        open && self.pos == self.line_start
            && self.line_break.is_some()
            && tokens::begins_item(&self.src[self.pos..])
    }

    /// Turns the line breaks before a token into blanks, a separator, or a forgotten comma.
    fn settle_line_break(&mut self, token: &Token) {
        let Some(at) = self.line_break.take() else { return };
        if self.last_open || token.continues {
            return;
        }
        self.end_entry(self.last_end);
        match self.stack.last().map(|frame| frame.open) {
            Some(b'(' | b'[') => {
                self.out[at] = b',';
                self.commas.push((at, self.stack.len()));
            }
            Some(b'{') | None => self.out[at] = b'\n',
            Some(_) => {}
        }
    }

    /// Takes a token: brackets open and close, the rest only moves on.
    fn take(&mut self, token: &Token) {
        let start = self.pos;
        let first = self.src[start];
        self.pos = start + token.len;
        match first {
            b'(' | b'[' | b'{' => self.open(first, start),
            b')' | b']' | b'}' => self.close(first, start),
            b'"' => self.string(start, start),
            b'r' if token.raw => self.raw_string(start),
            b',' => self.end_entry(start),
            b';' => self.semicolon(start),
            _ if token.foreign => self.foreign_character(start, token.len),
            _ if token.nests && !self.last_dot => self.nest(start),
            _ => {}
        }
        self.last_paren = first == b')';
        self.last_dot = token.is(b".") || token.is(b"?.");
        self.last_open = token.opens && !token.blank;
        self.last_end = self.pos;
    }

    /// Skips blanks, line breaks and comments, which become blanks. Remembers the first line break.
    fn skip_space(&mut self) {
        while let Some(&byte) = self.src.get(self.pos) {
            match byte {
                b' ' => self.pos += 1,
                b'\t' => {
                    self.out[self.pos] = b' ';
                    self.pos += 1;
                }
                b'\n' | b'\r' => self.new_line(),
                b'/' if self.src.get(self.pos + 1) == Some(&b'/') => self.comment(),
                b'/' if self.src.get(self.pos + 1) == Some(&b'*') => self.block_comment(),
                b'#' if self.hash_comment() => {}
                _ => break,
            }
        }
    }

    fn new_line(&mut self) {
        if self.plain_open > 0 {
            self.break_in_string();
            if !matches!(self.src.get(self.pos), Some(b'\n' | b'\r')) {
                return; // it has gone on to where the string can end
            }
        }
        let at = self.pos;
        let two = self.src[at] == b'\r' && self.src.get(at + 1) == Some(&b'\n');
        let next = at + 1 + usize::from(two);
        self.blank(at, next);
        self.line_break.get_or_insert(at);
        self.pos = next;
        self.line_start = next;
        let indent = self.src[next..]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        self.line_indent = indent;
    }

    fn comment(&mut self) {
        let start = self.pos;
        let rest = &self.src[start..];
        let len = rest
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .unwrap_or(rest.len());
        let text = self.text[start..start + len].trim_end();
        let kind = if text.starts_with("//!") {
            CommentKind::FileDoc
        } else if text.starts_with("///") && !text.starts_with("////") {
            CommentKind::Doc
        } else {
            CommentKind::Line
        };
        let own_line = self.src[self.line_start..start]
            .iter()
            .all(|b| matches!(b, b' ' | b'\t'));
        let span = Span::new(self.file, start as u32, (start + text.len()) as u32);
        self.comments.push(Comment { span, kind, own_line });
        self.blank(start, start + len);
        self.pos = start + len;
    }

    fn begin_item(&mut self) {
        self.stack.clear();
        self.plain_open = 0;
        self.prefixes = 0;
        self.base_prefixes = 0;
        self.deep = None;
        self.commas.clear();
        self.last_end = self.pos;
        self.last_open = false;
        self.last_dot = false;
        self.last_paren = false;
        self.line_break = None;
        self.broken = false;
    }

    fn end_item(&mut self, start: Option<usize>, end: usize) {
        let Some(start) = start else { return };
        let missing = self.close_all(end);
        if self.broken {
            return;
        }
        self.end_entry(end);
        self.report_commas();
        self.items.push(ItemText {
            start,
            end: end.max(start),
            missing,
        });
    }

    /// Reports the line breaks that stand for forgotten commas.
    fn report_commas(&mut self) {
        for (at, _) in std::mem::take(&mut self.commas) {
            let code = syntax::FORGOTTEN_COMMA;
            let end = self.text[..at].trim_end().len();
            let end = self
                .comments
                .iter()
                .rev()
                .find(|c| c.span.touches(end as u32))
                .map_or(end, |c| self.text[..c.span.start as usize].trim_end().len());
            let span = Span::at(self.file, end as u32);
            self.diagnostics.push(
                Diagnostic::new(code, "a comma is missing at the end of this line")
                    .primary(span, "an entry ends here")
                    .help("between `( )` and `[ ]`, entries are separated by commas; a line break is not enough")
                    .fix("add the comma", span, ","),
            );
        }
    }

    fn finish(mut self) -> Scan {
        if let Some(&first) = self.semicolons.first() {
            let edits = self
                .semicolons
                .iter()
                .map(|&at| Edit {
                    span: Span::new(self.file, at, at + 1),
                    text: String::new(),
                })
                .collect();
            let message = match self.semicolons.len() {
                1 => "Flow has no semicolons".to_owned(),
                count => format!("Flow has no semicolons; this file has {count}"),
            };
            self.diagnostics.push(
                Diagnostic::new(syntax::SEMICOLON, message)
                    .primary(Span::new(self.file, first, first + 1), "not needed")
                    .help("entries stand on lines of their own, or are separated by `,`")
                    .fix_all("remove the semicolons", edits),
            );
        }
        let text = String::from_utf8(self.out).unwrap_or_else(|bad| {
            debug_assert!(false, "the scan cut a character in two");
            String::from_utf8_lossy(bad.as_bytes()).into_owned()
        });
        Scan {
            text,
            items: self.items,
            comments: self.comments,
            holes: self.holes,
            diagnostics: self.diagnostics,
        }
    }

    fn mark(&self) -> Mark {
        Mark {
            pos: self.pos,
            comments: self.comments.len(),
            holes: self.holes.len(),
            diagnostics: self.diagnostics.len(),
            semicolons: self.semicolons.len(),
            foreign_comments: self.foreign_comments,
            line_start: self.line_start,
            line_indent: self.line_indent,
        }
    }

    fn rewind(&mut self, mark: &Mark) {
        self.out[mark.pos..].copy_from_slice(&self.src[mark.pos..]);
        self.pos = mark.pos;
        self.comments.truncate(mark.comments);
        self.holes.truncate(mark.holes);
        self.diagnostics.truncate(mark.diagnostics);
        self.semicolons.truncate(mark.semicolons);
        self.foreign_comments = mark.foreign_comments;
        self.line_start = mark.line_start;
        self.line_indent = mark.line_indent;
    }

    fn blank(&mut self, start: usize, end: usize) {
        self.out[start..end].fill(b' ');
    }

    /// Replaces a stretch by something that reads as a name, and remembers that it is none.
    fn hole(&mut self, start: usize, end: usize) {
        self.out[start..end].fill(b'_');
        self.holes.push((start as u32, end as u32));
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start as u32, end as u32)
    }
}
