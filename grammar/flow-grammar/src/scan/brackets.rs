//! Brackets: which closes which, how deep they go, and what to do where they do not match.

use flow_diagnostics::Diagnostic;
use flow_diagnostics::codes::syntax;

use super::Scanner;
use super::tokens::Token;
use crate::limits::MAX_NESTING;

/// A bracket that is open.
pub(super) struct Frame {
    /// `(`, `[`, `{`, or `$` for `${`.
    pub(super) open: u8,
    /// Where it stands; for `${` where its string begins.
    pub(super) pos: usize,
    /// For `${`: whether its string may span lines.
    pub(super) block: bool,
    /// Where the line begins on which it stands, and how far that is indented.
    line: usize,
    indent: usize,
    /// What nests in it without brackets since the last separator.
    prefixes: u32,
}

/// Something that is nested too deeply, and is skipped.
pub(super) struct Deep {
    start: usize,
    level: usize,
    /// Whether it ends with the entry, rather than with a bracket.
    entry: bool,
}

impl Scanner<'_> {
    /// Opens a bracket.
    pub(super) fn open(&mut self, open: u8, pos: usize) {
        self.push(Frame {
            open,
            pos,
            block: false,
            line: self.line_start,
            indent: self.line_indent,
            prefixes: 0,
        });
    }

    /// Opens `${` in a string that begins at `string`.
    pub(super) fn open_interpolation(&mut self, string: usize, block: bool) {
        self.plain_open += u32::from(!block);
        self.push(Frame {
            open: b'$',
            pos: string,
            block,
            line: self.line_start,
            indent: self.line_indent,
            prefixes: 0,
        });
    }

    fn push(&mut self, frame: Frame) {
        let depth = self.stack.len() + self.prefixes as usize;
        if depth >= MAX_NESTING && self.deep.is_none() {
            self.deep = Some(Deep {
                start: frame.pos,
                level: self.stack.len(),
                entry: false,
            });
        }
        self.stack.push(frame);
    }

    /// Something that nests without brackets begins at `start`.
    pub(super) fn nest(&mut self, start: usize) {
        if self.src[start] == b'-' && !self.last_paren {
            return; // an arrow between nodes nests nothing; one behind `)` may belong to a type
        }
        match self.stack.last_mut() {
            Some(frame) => frame.prefixes += 1,
            None => self.base_prefixes += 1,
        }
        self.prefixes += 1;
        if self.stack.len() + self.prefixes as usize > MAX_NESTING && self.deep.is_none() {
            self.deep = Some(Deep {
                start,
                level: self.stack.len(),
                entry: true,
            });
        }
    }

    /// An entry ends at `at`: what nested in it without brackets is closed.
    pub(super) fn end_entry(&mut self, at: usize) {
        let own = match self.stack.last_mut() {
            Some(frame) => &mut frame.prefixes,
            None => &mut self.base_prefixes,
        };
        self.prefixes -= std::mem::take(own);
        if self
            .deep
            .as_ref()
            .is_some_and(|deep| deep.entry && deep.level == self.stack.len())
        {
            self.end_deep(at);
        }
    }

    /// Closes a bracket.
    pub(super) fn close(&mut self, close: u8, pos: usize) {
        let open = opener(close);
        let top = self.stack.last().map(|frame| frame.open);
        if close == b'}' && top == Some(b'$') {
            self.end_entry(pos);
            if let Some(frame) = self.pop(pos + 1) {
                self.string_body(frame.pos, frame.block);
            }
            return;
        }
        if top == Some(open) {
            self.end_entry(pos);
            self.pop(pos + 1);
            return;
        }
        if !self.by_indent {
            self.broken = true;
            return;
        }
        let outer = self.stack.iter().rposition(|frame| frame.open == open);
        let string = self.stack.iter().rposition(|frame| frame.open == b'$');
        match outer {
            Some(at) if string < Some(at) => {
                self.unclosed(at + 1, pos);
                self.pop(pos + 1);
            }
            _ => self.stray(close, pos),
        }
    }

    /// In the second scan of a broken item: closes what cannot reach beyond this line, by its indentation.
    pub(super) fn close_by_indent(&mut self, token: &Token) {
        let first_of_line = self.src[self.line_start..self.pos]
            .iter()
            .all(|b| matches!(b, b' ' | b'\t'));
        if !first_of_line || self.line_break.is_none() {
            return;
        }
        let line = self.line_start;
        let indent = self.line_indent;
        let keep = if token.closes() {
            let open = opener(self.src[self.pos]);
            self.stack
                .iter()
                .rposition(|f| f.open == open && f.indent == indent && f.line != line)
                .map(|at| at + 1)
        } else {
            let inside = |f: &super::Frame| f.indent < indent || f.line == line || f.open == b'$';
            Some(self.stack.iter().rposition(inside).map_or(0, |at| at + 1))
        };
        if let Some(keep) = keep.filter(|keep| *keep < self.stack.len()) {
            self.unclosed(keep, self.pos);
        }
    }

    /// Reports and closes all brackets from the `keep`-th on; the next token stands at `before`.
    fn unclosed(&mut self, keep: usize, before: usize) {
        self.report_unclosed(keep);
        let closers: Vec<u8> = self.stack[keep..]
            .iter()
            .rev()
            .filter_map(|f| closer(f.open))
            .collect();
        let plain = self.stack[keep..].iter().all(|f| f.open != b'$');
        let room = before - self.last_end;
        let start = self.stack[keep].pos;
        self.forget_commas(keep);
        if plain && room > closers.len() {
            let at = self.last_end;
            self.out[at..at + closers.len()].copy_from_slice(&closers);
            self.last_end = at + closers.len();
            if self.line_break.is_some() {
                self.line_break = Some(self.last_end);
            }
        } else {
            let end = self.last_end;
            self.hole(start, end);
        }
        self.last_open = false;
        while self.stack.len() > keep {
            self.pop(self.last_end);
        }
    }

    /// At the end of an item: closes what is open and gives the brackets that are missing.
    pub(super) fn close_all(&mut self, end: usize) -> String {
        if self.stack.is_empty() {
            return String::new();
        }
        if !self.by_indent {
            self.broken = true;
            return String::new();
        }
        self.report_unclosed(0);
        self.forget_commas(0);
        let string = self.stack.iter().position(|f| f.open == b'$');
        let kept = string.unwrap_or(self.stack.len());
        if let Some(at) = string {
            let start = self.stack[at].pos;
            self.hole(start, end);
        }
        let missing = self.stack[..kept]
            .iter()
            .rev()
            .filter_map(|f| closer(f.open))
            .map(char::from)
            .collect();
        while !self.stack.is_empty() {
            self.pop(end);
        }
        missing
    }

    fn report_unclosed(&mut self, keep: usize) {
        let Some(frame) = self.stack.last() else { return };
        let already = |d: &Diagnostic| {
            let unclosed = d.code == syntax::UNTERMINATED || d.code == syntax::NEWLINE_IN_STRING;
            unclosed
                && d.span()
                    .is_some_and(|s| s.start as usize >= frame.line && s.start as usize >= frame.pos)
        };
        if self.diagnostics.iter().rev().take(4).any(already) {
            return; // the string that does not end has swallowed the closing bracket
        }
        let name = if frame.open == b'$' {
            "${".to_owned()
        } else {
            char::from(frame.open).to_string()
        };
        let close = if frame.open == b'$' {
            '}'
        } else {
            char::from(closer(frame.open).unwrap_or(b'}'))
        };
        let span = self.span(frame.pos, frame.pos + 1);
        let here = self.span(self.last_end, self.last_end);
        let mut diagnostic = Diagnostic::new(syntax::UNCLOSED, format!("this `{name}` is not closed"))
            .primary(span, format!("no `{close}` belongs to it"))
            .label(here, format!("a `{close}` may be missing here"))
            .help(format!("write the `{close}`, or remove the `{name}`"));
        for outer in self.stack[keep..self.stack.len() - 1].iter().rev().take(3) {
            let span = self.span(outer.pos, outer.pos + 1);
            diagnostic = diagnostic.label(span, "this is open too");
        }
        self.diagnostics.push(diagnostic);
    }

    fn stray(&mut self, close: u8, pos: usize) {
        let close_name = char::from(close);
        let mut diagnostic = Diagnostic::new(
            syntax::STRAY_CLOSER,
            format!("this `{close_name}` closes nothing"),
        )
        .primary(self.span(pos, pos + 1), "no bracket of its kind is open here");
        let same_line = self
            .stack
            .last()
            .filter(|f| f.line == self.line_start && f.open != b'$');
        let Some(expected) = same_line.and_then(|frame| closer(frame.open)) else {
            self.blank(pos, pos + 1);
            self.diagnostics
                .push(diagnostic.fix("remove it", self.span(pos, pos + 1), ""));
            return;
        };
        if let Some(frame) = self.stack.last() {
            diagnostic = diagnostic.label(self.span(frame.pos, frame.pos + 1), "this is open");
        }
        let expected_name = char::from(expected);
        self.out[pos] = expected;
        self.diagnostics
            .push(diagnostic.help(format!("write `{expected_name}`")).fix(
                format!("write `{expected_name}`"),
                self.span(pos, pos + 1),
                expected_name,
            ));
        self.end_entry(pos);
        self.pop(pos + 1);
    }

    /// Closes the innermost bracket; what it held ends at `end`.
    pub(super) fn pop(&mut self, end: usize) -> Option<Frame> {
        let frame = self.stack.pop()?;
        self.prefixes -= frame.prefixes;
        if frame.open == b'$' && !frame.block {
            self.plain_open -= 1;
        }
        if self
            .deep
            .as_ref()
            .is_some_and(|deep| self.stack.len() <= deep.level && !deep.entry)
        {
            self.end_deep(end);
        } else if self
            .deep
            .as_ref()
            .is_some_and(|deep| self.stack.len() < deep.level)
        {
            self.end_deep(end.saturating_sub(1));
        }
        Some(frame)
    }

    fn end_deep(&mut self, end: usize) {
        let Some(deep) = self.deep.take() else { return };
        let end = end.max(deep.start + 1).min(self.src.len());
        self.diagnostics.push(
            Diagnostic::new(
                syntax::TOO_DEEP,
                format!("this is nested more than {MAX_NESTING} levels deep"),
            )
            .primary(
                self.span(deep.start, deep.start + 1),
                "one level too many begins here",
            )
            .help("give parts of it names: `let` in a node, a `fn`, a `type`"),
        );
        self.hole(deep.start, end);
        self.commas.retain(|(at, _)| !(deep.start..end).contains(at));
    }

    /// Undoes the commas that were put for line breaks directly in brackets that turn out not to be closed.
    fn forget_commas(&mut self, keep: usize) {
        let out = &mut self.out;
        let start = self.stack.get(keep).map_or(0, |frame| frame.pos);
        self.commas.retain(|&(at, depth)| {
            let wrong = depth > keep && at > start;
            if wrong {
                out[at] = b'\n';
            }
            !wrong
        });
    }
}

fn opener(close: u8) -> u8 {
    match close {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

fn closer(open: u8) -> Option<u8> {
    match open {
        b'(' => Some(b')'),
        b'[' => Some(b']'),
        b'{' => Some(b'}'),
        _ => None,
    }
}
