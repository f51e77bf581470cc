//! Strings: where they end. What stands in them is read later.

use flow_diagnostics::Diagnostic;
use flow_diagnostics::codes::syntax;

use super::{Scanner, tokens};

impl Scanner<'_> {
    /// A string whose opening quote stands at `quote`; `start` is where it begins, an `r` included.
    pub(super) fn string(&mut self, start: usize, quote: usize) {
        let block = self.src[quote..].starts_with(b"\"\"\"");
        if !block && self.plain_open > 0 && self.closes_outer(quote) {
            return;
        }
        self.pos = quote + if block { 3 } else { 1 };
        self.string_body(start, block);
    }

    /// Whether a quote in `${` can only be the end of the string around it: no other stands behind it on its line.
    /// Reports the `${` then, and goes on behind the quote.
    fn closes_outer(&mut self, quote: usize) -> bool {
        let line = &self.src[quote + 1..self.line_end(quote)];
        let Some(keep) = self.stack.iter().rposition(|frame| frame.open == b'$') else {
            return false;
        };
        if line.contains(&b'"') || self.stack[keep].block {
            return false;
        }
        let start = self.stack[keep].pos;
        let at = self.text[start..quote].rfind("${").map_or(start, |at| start + at);
        self.diagnostics.push(
            Diagnostic::new(syntax::UNCLOSED, "this `${` is not closed")
                .primary(self.span(at, at + 2), "no `}` belongs to it")
                .label(self.span(quote, quote + 1), "the string ends here")
                .help("write the `}`; a `${` that is meant as text is written `\\${`"),
        );
        self.pos = quote + 1;
        while self.stack.len() > keep {
            self.pop(quote);
        }
        self.hole(start, quote + 1);
        self.last_end = self.pos;
        self.last_open = false;
        true
    }

    /// Goes on in a string up to its end, or up to the next `${`.
    pub(super) fn string_body(&mut self, start: usize, block: bool) {
        while let Some(&byte) = self.src.get(self.pos) {
            match byte {
                b'\\' => self.pos += 2,
                b'$' if self.src.get(self.pos + 1) == Some(&b'{') => {
                    self.pos += 2;
                    self.open_interpolation(start, block);
                    self.last_open = true;
                    return;
                }
                b'"' if !block => {
                    self.pos += 1;
                    return;
                }
                b'"' if self.src[self.pos..].starts_with(b"\"\"\"") => {
                    self.pos += 3;
                    return;
                }
                b'\n' | b'\r' if !block => break,
                b'\n' | b'\r' => self.line_in_string(),
                _ => self.pos += 1,
            }
        }
        self.unterminated(start, block);
    }

    /// A raw string: `r` at `start`.
    pub(super) fn raw_string(&mut self, start: usize) {
        let rest = &self.src[start + 1..];
        let block = rest.starts_with(b"\"\"\"");
        self.pos = start + if block { 4 } else { 2 };
        while let Some(&byte) = self.src.get(self.pos) {
            match byte {
                b'"' if !block => {
                    self.pos += 1;
                    return;
                }
                b'"' if self.src[self.pos..].starts_with(b"\"\"\"") => {
                    self.pos += 3;
                    return;
                }
                b'\n' | b'\r' if !block => break,
                b'\n' | b'\r' => self.line_in_string(),
                _ => self.pos += 1,
            }
        }
        self.unterminated(start, block);
    }

    fn line_in_string(&mut self) {
        let two = self.src[self.pos..].starts_with(b"\r\n");
        self.pos += 1 + usize::from(two);
        self.line_start = self.pos;
        self.line_indent = self.src[self.pos..]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
    }

    /// The string that begins at `start` has no end: it becomes a hole up to the end of its line, a block
    /// string up to the next line that begins an item.
    fn unterminated(&mut self, start: usize, block: bool) {
        let line_end = self.line_end(start);
        if !block && let Some(end) = self.closing_quote(line_end, 1) {
            self.goes_on(start, end);
            return;
        }
        let end = if block {
            self.next_item_line(start)
        } else {
            line_end
        };
        let quotes = if block { "\"\"\"" } else { "\"" };
        let len = usize::from(self.src[start] == b'r') + quotes.len();
        self.diagnostics.push(
            Diagnostic::new(syntax::UNTERMINATED, "this string is not closed")
                .primary(
                    self.span(start, start + len),
                    format!("no `{quotes}` belongs to it"),
                )
                .help(if block {
                    "write `\"\"\"` where the text ends".to_owned()
                } else {
                    "write `\"` on the same line; text of several lines stands in `\"\"\"`".to_owned()
                }),
        );
        self.hole_to(start, end);
    }

    /// A line break inside the `${ }` of a string that stays on one line.
    pub(super) fn break_in_string(&mut self) {
        let Some(at) = self.stack.iter().position(|f| f.open == b'$' && !f.block) else {
            return;
        };
        let start = self.stack[at].pos;
        while self.stack.len() > at {
            self.pop(self.pos);
        }
        let line_end = self.line_end(start);
        let end = self.closing_quote(line_end, 10).unwrap_or(line_end);
        self.goes_on(start, end);
        self.last_end = self.pos;
        self.last_open = false;
    }

    /// The string that begins at `start` goes on in another line, up to `end`.
    fn goes_on(&mut self, start: usize, end: usize) {
        self.diagnostics.push(
            Diagnostic::new(
                syntax::NEWLINE_IN_STRING,
                "a `\"…\"` string does not go on in the next line",
            )
            .primary(
                self.span(start, start + 1),
                "this string is still open at the end of the line",
            )
            .help("close the string on this line, or write the text in `\"\"\"`"),
        );
        if let Some(at) = self.src[start..end]
            .iter()
            .rposition(|b| matches!(b, b'\n' | b'\r'))
        {
            self.line_start = start + at + 1;
        }
        self.hole_to(start, end);
    }

    /// Where a string ends that is still open at a line end: behind the first quote of the first line with
    /// quotes, if there is an odd number of them, within so many lines.
    fn closing_quote(&self, line_end: usize, lines: usize) -> Option<usize> {
        let mut at = line_end;
        for _ in 0..lines {
            let two = self.src[at..].starts_with(b"\r\n");
            at = (at + 1 + usize::from(two)).min(self.src.len());
            let end = self.line_end(at);
            let line = &self.src[at..end];
            let first = line.iter().position(|b| *b == b'"');
            if let Some(first) = first {
                let odd = line.iter().fold(false, |odd, b| odd ^ (*b == b'"'));
                return odd.then_some(at + first + 1);
            }
            at = end;
        }
        None
    }

    fn hole_to(&mut self, start: usize, end: usize) {
        let end = self.text[..end].trim_end().len().max(start + 1);
        self.hole(start, end);
        self.pos = end;
    }

    pub(super) fn line_end(&self, from: usize) -> usize {
        let rest = &self.src[from..];
        from + rest
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .unwrap_or(rest.len())
    }

    /// Where the next line begins that can only be an item, else the end of the text.
    fn next_item_line(&mut self, from: usize) -> usize {
        let mut at = from;
        loop {
            at = self.line_end(at);
            while self.src.get(at).is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                at += 1;
            }
            if at >= self.src.len() || tokens::begins_item(&self.src[at..]) {
                self.line_start = at;
                self.line_indent = 0;
                return at;
            }
        }
    }
}
