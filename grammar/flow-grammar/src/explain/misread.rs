//! Mistakes that are known by what stands where parsing stopped. Those that are known by how an entry begins are
//! in `known`.

use flow_diagnostics::Diagnostic;
use flow_diagnostics::codes::syntax;

use super::{Place, RESERVED, SHAPES, first_word};

/// The mistake that is known by what stands where parsing stopped, from `from` to `to`; `behind_value` says that
/// a value ends there and could go on.
pub(super) fn misread(
    place: Place,
    text: &str,
    from: usize,
    to: usize,
    behind_value: bool,
) -> Option<Diagnostic> {
    let found = &text[from..to];
    let before = text[..from].trim_end();
    if behind_value && let Some(diagnostic) = in_a_value(before, found) {
        return Some(diagnostic);
    }
    if found.starts_with('-') && before.ends_with('<') {
        return Some(
            Diagnostic::new(syntax::EXPECTED, "`<-` sends an update, and this is a value")
                .help("a comparison with a negative number has a blank in it: `a < -1`"),
        );
    }
    if found.is_empty() && before.ends_with('.') && before.len() > 1 {
        let digit = before.as_bytes()[before.len() - 2].is_ascii_digit();
        if digit {
            return Some(
                Diagnostic::new(syntax::BAD_NUMBER, "a dot in a number has a digit on both sides")
                    .help("write `5.0`, or leave the dot away"),
            );
        }
    }
    if found == "=>" && place == Place::FlowEntry && !before.contains('{') {
        let diagnostic = Diagnostic::new(syntax::EXPECTED, "an arrow between nodes is written `->`");
        return Some(diagnostic.help("`=>` stands in `match` expressions and lambdas"));
    }
    if found == ">" && before.ends_with('=') {
        let diagnostic = Diagnostic::new(
            syntax::EXPECTED,
            "the arms of a route and of `goto` point with `->`",
        );
        return Some(diagnostic.help("`=>` stands in `match` expressions and lambdas"));
    }
    if place == Place::StateField
        && [
            "append",
            "merge",
            "add",
            "min",
            "max",
            "last_value",
            "add_messages",
        ]
        .contains(&found)
    {
        let diagnostic = Diagnostic::new(
            syntax::EXPECTED,
            format!("the reducer `{found}` stands behind `by`"),
        );
        return Some(diagnostic.help(format!("write `by {found}`")));
    }
    None
}

/// A unit with a blank before it: `3 s`.
pub(super) fn lone_unit(text: &str, from: usize, to: usize) -> Option<Diagnostic> {
    let found = &text[from..to];
    let before = text[..from].trim_end();
    let number = before
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .is_some_and(|digits| !digits.is_empty());
    if number && before.len() < from && ["ms", "s", "m", "h", "d", "kb", "mb", "gb", "tb"].contains(&found) {
        let diagnostic = Diagnostic::new(syntax::BAD_NUMBER, "a unit follows its number directly");
        return Some(diagnostic.help(format!("write `{found}` behind the number, without the blank")));
    }
    None
}

/// Whether a text begins like another entry of the place, so that only a separator is missing before it.
pub(super) fn begins_entry(place: Place, text: &str) -> bool {
    let word = first_word(text);
    let rest = text[word.len()..].trim_start();
    let keyword = || SHAPES.iter().any(|(known, _)| *known == word);
    match place {
        Place::Clause | Place::Arm => {
            keyword() || rest.starts_with("<-") || rest.starts_with(":=") || rest.starts_with("->")
        }
        Place::FlowEntry => keyword() || rest.starts_with("->"),
        Place::TestEntry => keyword(),
        Place::Param | Place::TypeField | Place::StateField | Place::Event => rest.starts_with(':'),
        Place::Variant | Place::Option => true,
        Place::Item | Place::FlowHead | Place::Check | Place::Hole => false,
    }
}

/// What is missing or wrong where a value cannot go on with `found`: half an `if`, a comma, `=` for `==`.
fn in_a_value(before: &str, found: &str) -> Option<Diagnostic> {
    let open = open_brackets(before);
    let inner = open.last().map_or(before, |(_, at)| &before[at + 1..]);
    match last_condition_word(inner) {
        Some("if") if found == "{" || found == ":" => {
            return Some(
                Diagnostic::new(syntax::EXPECTED, "the value of an `if` stands behind `then`")
                    .help("write `if cond then a else b`, without braces"),
            );
        }
        Some("then") if matches!(found, "" | "\n" | ")" | "]" | "}" | ",") => {
            return Some(
                Diagnostic::new(syntax::EXPECTED, "this `if` has no `else`")
                    .help("an `if` is a value, so it needs one for both cases: `if cond then a else b`"),
            );
        }
        _ => {}
    }
    if found == "=" {
        return Some(
            Diagnostic::new(syntax::EXPECTED, "`=` does not compare")
                .help("two values are compared with `==`"),
        );
    }
    let begins_value = found.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '"');
    let value_word = matches!(found, "true" | "false" | "null" | "not" | "if" | "match");
    if begins_value && (value_word || !RESERVED.contains(&found)) && !open.is_empty() {
        let shown = if found == "\"" {
            "this string".to_owned()
        } else {
            format!("`{found}`")
        };
        return Some(
            Diagnostic::new(
                syntax::FORGOTTEN_COMMA,
                format!("a comma is missing before {shown}"),
            )
            .help("between brackets, entries are separated by commas"),
        );
    }
    None
}

/// The brackets that are open at the end of a text, outside of strings, and where they stand.
fn open_brackets(text: &str) -> Vec<(char, usize)> {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '(' | '[' | '{' => open.push((c, at)),
            ')' | ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// The last of `if`, `then` and `else` in a text.
fn last_condition_word(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .rfind(|word| matches!(*word, "if" | "then" | "else"))
}
