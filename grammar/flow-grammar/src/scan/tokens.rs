//! The tokens, as far as line ends and brackets need to know them.

use super::Scanner;

/// A token at the scanner's position.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent properties of a token, set by a table"
)]
pub(super) struct Token {
    /// Its length in bytes; of a string only the opening quotes, the rest is scanned when it is taken.
    pub(super) len: usize,
    /// The line cannot end behind it.
    pub(super) opens: bool,
    /// The line cannot begin with it: it goes on with the one before.
    pub(super) continues: bool,
    /// It begins something that nests without brackets: `if`, `match`, `=>` …
    pub(super) nests: bool,
    /// It is the `r` of a raw string.
    pub(super) raw: bool,
    /// It is nothing that Flow knows.
    pub(super) foreign: bool,
    /// It becomes blanks.
    pub(super) blank: bool,
    pub(super) symbol: Option<&'static [u8]>,
}

/// Symbols, the longest first, whether a line can end behind them (`opens` if not), and whether they continue.
const SYMBOLS: &[(&[u8], bool, bool)] = &[
    (b"===", true, true),
    (b"!==", true, true),
    (b"...", true, false),
    (b"->", true, true),
    (b"=>", true, true),
    (b"<-", true, false),
    (b":=", true, false),
    (b"==", true, true),
    (b"!=", true, true),
    (b"<=", true, true),
    (b">=", true, true),
    (b"??", true, true),
    (b"&&", true, true),
    (b"||", true, true),
    (b"**", true, true),
    (b"?.", false, true),
    (b"..", false, false),
    (b"(", true, false),
    (b"[", true, false),
    (b"{", true, false),
    (b",", true, true),
    (b":", true, false),
    (b"=", true, true),
    (b"|", true, true),
    (b"<", true, true),
    (b">", false, true),
    (b"+", true, true),
    (b"-", true, false),
    (b"*", true, true),
    (b"/", true, true),
    (b"%", true, true),
    (b"!", true, false),
    (b")", false, true),
    (b"]", false, true),
    (b"}", false, true),
    (b".", false, true),
    (b"?", false, false),
    (b";", false, false),
];

impl Token {
    /// Whether it is this symbol.
    pub(super) fn is(&self, symbol: &[u8]) -> bool {
        self.symbol == Some(symbol)
    }

    /// Whether it is a closing bracket.
    pub(super) fn closes(&self) -> bool {
        self.is(b")") || self.is(b"]") || self.is(b"}")
    }
}

impl Scanner<'_> {
    /// The token at the position, which is no white space; `None` at the end.
    pub(super) fn token(&self) -> Option<Token> {
        let rest = &self.src[self.pos..];
        let first = *rest.first()?;
        Some(match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => self.word(rest),
            b'"' => Token {
                len: 1,
                ..Token::default()
            },
            b'\'' | b'`' => quoted(rest),
            0x80.. => self.foreign_token(),
            _ => symbol(rest).unwrap_or(Token {
                len: 1,
                foreign: true,
                blank: true,
                ..Token::default()
            }),
        })
    }

    fn word(&self, rest: &[u8]) -> Token {
        if rest.starts_with(b"r\"") {
            return Token {
                len: 1,
                raw: true,
                ..Token::default()
            };
        }
        let mut len = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
        if rest.get(len).is_some_and(|b| *b >= 0x80) {
            len = self.foreign_word_len(self.pos);
            return Token {
                len,
                foreign: true,
                ..Token::default()
            };
        }
        let word = &rest[..len];
        let (mut opens, mut continues) = match word {
            b"and" | b"or" | b"in" | b"as" | b"then" | b"else" | b"where" => (true, true),
            b"not" | b"if" | b"match" => (true, false),
            _ => (false, false),
        };
        if self.last_dot && self.last_end == self.pos {
            (opens, continues) = (false, true);
        }
        let nests = matches!(word, b"if" | b"match" | b"times");
        Token {
            len,
            opens,
            continues,
            nests,
            ..Token::default()
        }
    }
}

fn symbol(rest: &[u8]) -> Option<Token> {
    let &(text, opens, continues) = SYMBOLS.iter().find(|(text, ..)| rest.starts_with(text))?;
    let nests = text == b"=>" || text == b"->";
    let blank = text == b";";
    Some(Token {
        len: text.len(),
        opens,
        continues,
        nests,
        blank,
        symbol: Some(text),
        ..Token::default()
    })
}

/// Text in quotes of another language, if they close on the line; otherwise the quote alone, which is nothing.
fn quoted(rest: &[u8]) -> Token {
    let end = rest[1..]
        .iter()
        .position(|b| *b == rest[0] || matches!(b, b'\n' | b'\r'));
    match end {
        Some(at) if rest[1 + at] == rest[0] => Token {
            len: at + 2,
            ..Token::default()
        },
        _ => Token {
            len: 1,
            foreign: true,
            blank: true,
            ..Token::default()
        },
    }
}

/// Whether the byte can stand in a name.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a line begins like an item and like nothing that stands in one.
pub(super) fn begins_item(line: &[u8]) -> bool {
    let len = line
        .iter()
        .position(|b| !b.is_ascii_lowercase())
        .unwrap_or(line.len());
    let rest = &line[len..];
    let next = rest.iter().position(|b| *b != b' ').map_or(b'\n', |at| rest[at]);
    let named = rest.first() == Some(&b' ') && is_word(next) && !next.is_ascii_digit();
    match &line[..len] {
        b"flow" | b"fn" | b"type" | b"enum" | b"const" | b"worker" => named,
        b"import" => named || next == b'"',
        b"test" => next == b'"',
        _ => false,
    }
}
