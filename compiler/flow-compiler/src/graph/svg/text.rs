//! Texts of a picture: how wide they are, where they are cut, how they are escaped. There is no font to ask, so that
//! widths are those of a wide one: a box may be roomy, and never too small.

use std::fmt::Write;

/// How wide a text is about, at this size.
pub(super) fn wide(text: &str, size: f64) -> f64 {
    text.chars().map(|c| share(c) * size).sum()
}

/// A character's width, as a share of the size.
fn share(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' => 0.34,
        'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '/' | '\\' | ' ' | '"' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        '<' | '>' | '=' | '+' | '~' | '#' => 0.8,
        'A'..='Z' | '&' => 0.72,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0.0,
        '\u{1100}'.. => 1.05,
        _ => 0.62,
    }
}

/// The text with at most so many characters; where some are left out, it ends in `…`.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The text on at most so many lines of so many characters, broken between words where there are any.
pub(super) fn lines(text: &str, chars: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= chars => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if full => {
                let rest: Vec<_> = std::iter::once(word).chain(words).collect();
                *line = clipped(&format!("{line} {}", rest.join(" ")), chars);
                break;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| clipped(line, chars)).collect()
}

/// A text that may stand in an element or in a quoted attribute. What XML cannot hold is replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_clipped() {
        assert_eq!(lines("", 10, 2), Vec::<String>::new());
        assert_eq!(lines("a >= 1", 10, 2), ["a >= 1"]);
        assert_eq!(
            lines("draft.confidence >= 0.8", 16, 2),
            ["draft.confidence", ">= 0.8"]
        );
        assert_eq!(lines("one two three four five", 9, 2), ["one two", "three fo…"]);
        assert_eq!(lines("abcdefghijklmnop", 9, 2), ["abcdefgh…"]);
    }

    #[test]
    fn nothing_gets_out_of_an_element() {
        assert_eq!(
            escape("</title><script>\u{1}&\"'"),
            "&lt;/title&gt;&lt;script&gt;\u{fffd}&amp;&quot;&#39;"
        );
    }
}
