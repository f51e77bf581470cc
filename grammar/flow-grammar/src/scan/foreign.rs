//! What other languages write: their comments, their punctuation, and characters that Flow has no use for.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Edit};

use super::Scanner;
use super::tokens::{Token, is_word};

/// Characters that are drawn like tokens, and the tokens.
const LOOKALIKES: &[(char, &str)] = &[
    ('→', "->"),
    ('⇒', "=>"),
    ('←', "<-"),
    ('≥', ">="),
    ('≤', "<="),
    ('≠', "!="),
    ('×', "*"),
    ('÷', "/"),
    ('−', "-"),
    ('–', "-"),
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('‘', "\""),
    ('’', "\""),
    ('…', "..."),
    ('\u{a0}', " "),
    ('\u{feff}', ""),
    ('\u{200b}', ""),
];

impl Scanner<'_> {
    /// A token that begins with a character beyond ASCII.
    pub(super) fn foreign_token(&self) -> Token {
        let first = self.text[self.pos..].chars().next().unwrap_or(' ');
        if first.is_alphabetic() {
            return Token {
                len: self.foreign_word_len(self.pos),
                foreign: true,
                ..Token::default()
            };
        }
        let blank = first.is_whitespace() || !matches!(first, '→' | '⇒' | '←' | '≥' | '≤' | '≠');
        Token {
            len: first.len_utf8(),
            foreign: true,
            blank,
            ..Token::default()
        }
    }

    /// The length of a word that has letters beyond ASCII.
    pub(super) fn foreign_word_len(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len())
    }

    /// Reports a character or word that means nothing, and replaces it by what it may stand for.
    pub(super) fn foreign_character(&mut self, start: usize, len: usize) {
        let end = start + len;
        let text = &self.text[start..end];
        let first = text.chars().next().unwrap_or(' ');
        let span = self.span(start, end);
        if first.is_alphanumeric() || first == '_' {
            for at in start..end {
                if !is_word(self.src[at]) {
                    self.out[at] = b'_';
                }
            }
            self.diagnostics.push(
                Diagnostic::new(
                    syntax::BAD_CHARACTER,
                    format!("the name `{text}` has letters that names cannot have"),
                )
                .primary(span, "not a name")
                .help("names are made of the letters a to z and A to Z, digits and `_`"),
            );
            return;
        }
        if matches!(first, '“' | '”' | '„' | '‘' | '’') && self.curly_string(start, end) {
            return;
        }
        self.blank(start, end);
        let shown = match first {
            c if c.is_control() || c.is_whitespace() => format!("U+{:04X}", u32::from(c)),
            c => format!("`{c}`"),
        };
        let mut diagnostic = Diagnostic::new(
            syntax::BAD_CHARACTER,
            format!("the character {shown} means nothing here"),
        )
        .primary(span, "unknown character");
        let stands_for = LOOKALIKES
            .iter()
            .find(|(c, _)| *c == first)
            .map(|(_, token)| *token);
        if let Some(token) = stands_for {
            if token.len() <= len
                && matches!(token, "->" | "=>" | "<-" | ">=" | "<=" | "!=" | "*" | "/" | "-")
            {
                self.out[start..start + token.len()].copy_from_slice(token.as_bytes());
            }
            let title = if token.trim().is_empty() {
                "remove it".to_owned()
            } else {
                format!("write `{token}`")
            };
            diagnostic = diagnostic.help(title.clone()).fix(title, span, token);
        } else if text == "\0" {
            diagnostic = diagnostic.help("the file may not be text at all");
        } else {
            diagnostic = diagnostic.help("remove it; inside a string any character may stand");
        }
        let repeated = self.diagnostics.last().is_some_and(|d| {
            d.code == syntax::BAD_CHARACTER && d.span().is_some_and(|s| s.end as usize == start)
        });
        if !repeated {
            self.diagnostics.push(diagnostic);
        } else if let Some(label) = self.diagnostics.last_mut().and_then(|d| d.labels.first_mut()) {
            label.span.end = end as u32;
        }
    }

    /// A text between curly quotes, the first of which stands at `start`: it becomes a string, and is reported once.
    /// `false` where the line has no second one.
    fn curly_string(&mut self, start: usize, end: usize) -> bool {
        let line = &self.text[end..self.line_end(end)];
        let Some(found) = line.find(['“', '”', '‘', '’']) else {
            return false;
        };
        if line[..found].contains(['"', '\\', '$']) {
            return false;
        }
        let close = end + found;
        let len = self.text[close..].chars().next().map_or(1, char::len_utf8);
        self.blank(start, end);
        self.blank(close, close + len);
        self.out[end - 1] = b'"';
        self.out[close] = b'"';
        self.pos = close + len;
        let edits = [(start, end), (close, close + len)];
        let edits = edits.map(|(from, to)| Edit {
            span: self.span(from, to),
            text: "\"".to_owned(),
        });
        self.diagnostics.push(
            Diagnostic::new(syntax::BAD_CHARACTER, "these are not the quotes of a string")
                .primary(self.span(start, close + len), "curly quotes")
                .help("write `\"` on both sides")
                .fix_all("write straight quotes", edits.to_vec()),
        );
        true
    }

    /// A `;`: a comma where something follows on the line, else nothing.
    pub(super) fn semicolon(&mut self, start: usize) {
        self.semicolons.push(start as u32);
        let rest = &self.src[start + 1..];
        let next = rest
            .iter()
            .position(|b| !matches!(b, b' ' | b'\t'))
            .map(|at| &rest[at..]);
        let ends = next.is_none_or(|n| {
            matches!(n[0], b'\n' | b'\r' | b'}' | b')' | b']' | b',' | b';') || n.starts_with(b"//")
        });
        self.out[start] = if ends { b' ' } else { b',' };
        if !ends {
            self.end_entry(start);
        }
    }

    /// `/* … */`.
    pub(super) fn block_comment(&mut self) {
        let start = self.pos;
        let end = self.text[start..]
            .find("*/")
            .map_or(self.src.len(), |at| start + at + 2);
        self.foreign_comment(start, start + 2, "Flow has no `/* … */` comments");
        for at in start..end {
            if matches!(self.src[at], b'\n' | b'\r') {
                self.line_break.get_or_insert(at);
                self.line_start = at + 1;
            }
        }
        self.blank(start, end);
        self.pos = end;
    }

    /// `# …` at the start of a line; `false` if the `#` is something else.
    pub(super) fn hash_comment(&mut self) -> bool {
        let start = self.pos;
        let before = &self.src[self.line_start..start];
        if !before.iter().all(|b| matches!(b, b' ' | b'\t')) && self.src.get(start + 1) != Some(&b' ') {
            return false;
        }
        let rest = &self.src[start..];
        let len = rest
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .unwrap_or(rest.len());
        self.foreign_comment(start, start + 1, "a comment begins with `//`, not with `#`");
        self.blank(start, start + len);
        self.pos = start + len;
        true
    }

    /// Reports a comment of another language, the first of a file only.
    fn foreign_comment(&mut self, start: usize, end: usize, message: &str) {
        self.foreign_comments += 1;
        if self.foreign_comments > 1 {
            return;
        }
        let span = self.span(start, end);
        self.diagnostics.push(
            Diagnostic::new(syntax::FOREIGN_COMMENT, message)
                .primary(span, "not a comment in Flow")
                .help("write `//` in front of every line of the comment"),
        );
    }
}
