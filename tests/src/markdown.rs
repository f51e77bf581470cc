//! Fenced blocks of Markdown pages. Only what our own pages use: fences of three backticks or more.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line on which its text begins, counted from 1.
    pub line: usize,
    /// The language behind the fence, empty where there is none.
    pub language: String,
    /// What else stands behind the fence, such as `error=F0501`.
    pub words: Vec<String>,
    /// Its text.
    pub text: String,
}

impl Block {
    /// The value of `name=value` behind the fence.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether this word stands behind the fence.
    pub fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (index, line) in page.lines().enumerate() {
        let ticks = line.trim_start().chars().take_while(|c| *c == '`').count();
        match &mut open {
            Some((fence, _)) if ticks >= *fence && line.trim().len() == ticks => {
                found.extend(open.take().map(|(_, block)| block));
            }
            Some((_, block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if ticks >= 3 => {
                let mut words = line
                    .trim()
                    .trim_start_matches('`')
                    .split([' ', ','])
                    .map(str::to_string);
                let language = words.next().unwrap_or_default();
                let words = words.filter(|word| !word.is_empty()).collect();
                open = Some((
                    ticks,
                    Block {
                        line: index + 2,
                        language,
                        words,
                        text: String::new(),
                    },
                ));
            }
            None => {}
        }
    }
    found
}

/// The same for the doc comments of a Flow or Rust source: `///` and `//!` lines are the page.
pub fn doc_blocks(source: &str) -> Vec<Block> {
    let page: String = source
        .lines()
        .map(doc_line)
        .fold(String::new(), |page, line| page + line + "\n");
    blocks(&page)
}

fn doc_line(line: &str) -> &str {
    let line = line.trim_start();
    let text = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
        .unwrap_or("");
    text.strip_prefix(' ').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_blocks_with_their_words_and_lines() {
        let found = blocks("a\n```flow error=F0501, twice\nx\n````\ny\n````text\n```\n````\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].text.as_str()), (3, "x\n"));
        assert_eq!(found[0].word("error"), Some("F0501"));
        assert!(found[0].has("twice"));
        assert_eq!(
            (found[1].language.as_str(), found[1].text.as_str()),
            ("text", "```\n")
        );
    }

    #[test]
    fn finds_blocks_of_doc_comments() {
        let found = doc_blocks("/// A thing.\n///\n/// ```flow\n/// fn f() -> int = 1\n/// ```\nfn f() {}\n");
        assert_eq!(found[0].text, "fn f() -> int = 1\n");
        assert_eq!(found[0].line, 4);
    }
}
