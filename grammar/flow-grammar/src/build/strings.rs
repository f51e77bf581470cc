//! Strings: escapes, `${…}`, and the indentation of block strings.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Span};

use super::Builder;
use crate::ast::{StrForm, StrLit, StrPart};
use crate::rules::{Children, Node, Rule};

/// What of a literal counts: the text between the quotes, with the first and last line break and the common
/// indentation of a block string left out.
struct Body {
    /// Byte offsets in the item's text.
    start: usize,
    end: usize,
    /// How much of the white space behind a line break is dropped; `None` for strings on one line.
    indent: Option<usize>,
    escapes: bool,
}

impl Builder<'_> {
    /// A string in any form; also one in the quotes of another language, which is reported.
    pub(super) fn string(&mut self, node: Node<'_>) -> StrLit {
        let span = self.span(&node);
        if node.as_rule() == Rule::quote_habit {
            let text = &node.as_str()[1..node.as_str().len() - 1];
            self.quote_habit(node.as_str(), span);
            let inner = Span {
                start: span.start + 1,
                end: span.end - 1,
                ..span
            };
            let parts = if text.is_empty() {
                vec![]
            } else {
                vec![StrPart::Text(text.to_owned(), inner)]
            };
            return StrLit {
                parts,
                form: StrForm::Plain,
                span,
            };
        }
        let node = Children::of(node).need_next();
        let (form, open, close) = match node.as_rule() {
            Rule::raw_block => (StrForm::RawBlock, 4, 3),
            Rule::raw_plain => (StrForm::Raw, 2, 1),
            Rule::block_string => (StrForm::Block, 3, 3),
            _ => (StrForm::Plain, 1, 1),
        };
        let start = node.as_span().start() + open;
        let end = node.as_span().end() - close;
        let body = Body {
            start,
            end,
            indent: None,
            escapes: matches!(form, StrForm::Plain | StrForm::Block),
        };
        let parts = if matches!(form, StrForm::Raw | StrForm::RawBlock) {
            let text = &node.as_str()[open..node.as_str().len() - close];
            let body = if form == StrForm::RawBlock {
                block_body(&body, text, &[])
            } else {
                body
            };
            self.text_part(&body, text, start).into_iter().collect()
        } else {
            self.parts(node, body, form)
        };
        StrLit { parts, form, span }
    }

    fn parts(&mut self, node: Node<'_>, mut body: Body, form: StrForm) -> Vec<StrPart> {
        if form == StrForm::Block {
            let text = &node.as_str()[3..node.as_str().len() - 3];
            let holes: Vec<(usize, usize)> = node
                .clone()
                .into_inner()
                .filter(|child| child.as_rule() == Rule::interp)
                .map(|child| {
                    (
                        child.as_span().start() - body.start,
                        child.as_span().end() - body.start,
                    )
                })
                .collect();
            body = block_body(&body, text, &holes);
        }
        let mut children = Children::of(node);
        let mut parts = Vec::new();
        while let Some(child) = children.next() {
            if child.as_rule() == Rule::interp {
                let expr = Children::of(child).need(Rule::expr);
                let level = self.level;
                self.level += 1;
                parts.push(StrPart::Expr(Box::new(self.expr(expr))));
                self.level = level;
            } else {
                parts.extend(self.text_part(&body, child.as_str(), child.as_span().start()));
            }
        }
        parts
    }

    /// The value of a piece of text that begins at `start`, or nothing where it comes to nothing.
    fn text_part(&mut self, body: &Body, text: &str, start: usize) -> Option<StrPart> {
        let from = body.start.clamp(start, start + text.len());
        let to = body.end.clamp(from, start + text.len());
        let whole = text;
        let text = &whole[from - start..to - start];
        let mut value = String::with_capacity(text.len());
        let mut chars = text.char_indices().peekable();
        // The first line of a block string that counts is behind a line break that was dropped.
        let opens_line = from == body.start && from > start;
        let mut skip = if opens_line { body.indent.unwrap_or(0) } else { 0 };
        while let Some((at, c)) = chars.next() {
            match c {
                ' ' | '\t' if skip > 0 => skip -= 1,
                '\n' | '\r' if body.indent.is_some() => {
                    if c == '\r' {
                        chars.next_if(|(_, next)| *next == '\n');
                    }
                    value.push('\n');
                    skip = body.indent.unwrap_or(0);
                }
                '\\' if body.escapes => {
                    skip = 0;
                    self.escape(&mut chars, &mut value, text, from + at, at);
                }
                _ => {
                    skip = 0;
                    value.push(c);
                }
            }
        }
        if value.is_empty() {
            None
        } else {
            Some(StrPart::Text(value, self.at(from, to)))
        }
    }

    fn escape(
        &mut self,
        chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
        value: &mut String,
        text: &str,
        offset: usize,
        at: usize,
    ) {
        let Some((_, c)) = chars.next() else { return };
        let plain = match c {
            'n' => Some('\n'),
            't' => Some('\t'),
            '"' | '\\' | '$' => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            value.push(plain);
            return;
        }
        if c == 'u' {
            let rest = &text[at + 2..];
            let digits = rest
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
                .map(|(digits, _)| digits);
            let digits =
                digits.filter(|d| (1..=6).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_hexdigit()));
            if let Some(digits) = digits {
                let char = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                if let Some(char) = char {
                    value.push(char);
                    for _ in 0..digits.len() + 2 {
                        chars.next();
                    }
                    return;
                }
            }
        }
        let span = self.at(offset, offset + 1 + c.len_utf8());
        self.bad_escape(c, span);
        value.push(c);
    }

    fn bad_escape(&mut self, c: char, span: Span) {
        let message = match c {
            'u' => "`\\u` is written `\\u{…}`, with one to six hexadecimal digits of a character".to_owned(),
            '\n' | '\r' => "a `\\` does not join lines".to_owned(),
            c => format!("strings know no escape `\\{c}`"),
        };
        let diagnostic = Diagnostic::new(syntax::BAD_ESCAPE, message)
            .primary(span, "unknown escape")
            .help("escapes are `\\n \\t \\\" \\\\ \\$ \\u{…}`; in a raw string, `r\"…\"`, a `\\` is itself");
        let first = Span {
            end: span.start + 1,
            ..span
        };
        self.report(diagnostic.fix("write the `\\` itself", first, "\\\\"));
    }
}

/// Finds the lines of a block string. `text` stands between the quotes; `holes` are its `${…}`.
fn block_body(body: &Body, text: &str, holes: &[(usize, usize)]) -> Body {
    let bytes = text.as_bytes();
    let in_hole = |at: usize| holes.iter().any(|(start, end)| (*start..*end).contains(&at));
    let breaks: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')))
        .filter(|&at| !in_hole(at))
        .collect();
    let Some((&first, &last)) = breaks.first().zip(breaks.last()) else {
        return Body {
            indent: Some(0),
            ..*body
        };
    };
    let blank =
        |range: std::ops::Range<usize>| bytes[range].iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
    let closing = blank(last + 1..bytes.len());
    let mut indent = usize::MAX;
    for (index, &line_break) in breaks.iter().enumerate() {
        let line = line_break + 1;
        let end = breaks.get(index + 1).copied().unwrap_or(bytes.len());
        let white = bytes[line..end]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let is_closing = line_break == last && closing;
        if is_closing || !blank(line..end) {
            indent = indent.min(white);
        }
    }
    let start = if blank(0..first) {
        body.start + first + 1
    } else {
        body.start
    };
    let mut end = body.end;
    if closing && body.start + last >= start {
        end = body.start + last;
        if last > 0 && bytes[last] == b'\n' && bytes[last - 1] == b'\r' {
            end = (end - 1).max(start);
        }
    } else if closing {
        end = start;
    }
    Body {
        start,
        end,
        indent: Some(if indent == usize::MAX { 0 } else { indent }),
        ..*body
    }
}
