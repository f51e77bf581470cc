//! Damages programs: tokens dropped, doubled, exchanged and replaced, pieces of other programs put in.

/// A small generator of numbers (Marsaglia's xorshift), so that a seed names an input for ever.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// Tokens that programs are made of, and some that they are not.
const WORDS: &[&str] = &[
    "->", "<-", ":=", "=>", "{", "}", "[", "]", "(", ")", ",", "\n", "..", "...", "?", "?.", "??", "\"",
    "\"\"\"", "${", "r\"", "//", "///", "//!", "1", "1h30m", "0.5", "5min", "-", "not", "if", "match",
    "task", "route", "send", "each", "of", "first", "flow", "state", "start", "end", "goto", "on error",
    "timeout", "secret", "null", "é", "\u{feff}", "\r\n", "\t", "\\", "'", "@", "test", "mock", "expect",
    "import", "type", "where", "as",
];

/// A damaged program.
pub(crate) fn program(corpus: &[String], random: &mut Random) -> String {
    let Some(text) = corpus.get(random.below(corpus.len())) else {
        return String::new();
    };
    let mut tokens: Vec<String> = tokens(text);
    for _ in 0..=random.below(4) {
        change(&mut tokens, corpus, random);
    }
    let mut text = tokens.concat();
    if random.below(8) == 0 {
        let mut at = random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
    }
    text
}

fn change(tokens: &mut Vec<String>, corpus: &[String], random: &mut Random) {
    if tokens.is_empty() {
        return;
    }
    let at = random.below(tokens.len());
    match random.below(6) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[at].clone()),
        2 => {
            let other = random.below(tokens.len());
            tokens.swap(at, other);
        }
        3 => WORDS[random.below(WORDS.len())].clone_into(&mut tokens[at]),
        4 => tokens.insert(at, WORDS[random.below(WORDS.len())].to_owned()),
        _ => {
            let other = self::tokens(&corpus[random.below(corpus.len())]);
            let from = random.below(other.len());
            let count = random.below(12);
            tokens.splice(at..at, other.into_iter().skip(from).take(count));
        }
    }
}

/// Words, runs of blanks, and single characters.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let kind = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            1
        } else {
            u8::from(c == ' ') * 2
        }
    };
    let mut last = 0;
    for c in text.chars() {
        match found.last_mut() {
            Some(token) if kind(c) != 0 && kind(c) == last => token.push(c),
            _ => found.push(c.to_string()),
        }
        last = kind(c);
    }
    found
}
