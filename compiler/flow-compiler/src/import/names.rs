//! Names of others as names of ours: `Check Stock` becomes `check_stock`. No two become one.

use std::collections::{BTreeMap, BTreeSet};

/// Words that cannot be names, or mean something where names stand.
const TAKEN: &[&str] = &[
    "true", "false", "null", "and", "or", "not", "in", "as", "if", "then", "else", "match", "where", "start",
    "end", "halt", "fail", "skip", "it", "run", "config", "state", "secret", "cancel", "first", "any", "all",
    "each", "majority", "defer", "finally",
];

/// The names of one kind of thing.
#[derive(Default)]
pub(super) struct Names {
    given: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

impl Names {
    /// The name for what is called so elsewhere: the same each time.
    pub(super) fn of(&mut self, foreign: &str) -> String {
        if let Some(known) = self.given.get(foreign) {
            return known.clone();
        }
        let name = self.fresh(foreign);
        self.given.insert(foreign.to_owned(), name.clone());
        name
    }

    /// A name that was not given before.
    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let base = snake(wish);
        let mut name = base.clone();
        let mut number = 2;
        while TAKEN.contains(&name.as_str()) || !self.used.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }
}

/// A text in lower case, with underscores between its words.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        before = c;
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => "x".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{name}"),
        Some(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_and_unlike_each_other() {
        assert_eq!(snake("Check Stock"), "check_stock");
        assert_eq!(snake("checkStock2Now"), "check_stock2_now");
        assert_eq!(snake("7-eleven"), "n7_eleven");
        assert_eq!(snake("漢字"), "x");
        let mut names = Names::default();
        assert_eq!(names.of("a b"), "a_b");
        assert_eq!(names.of("a-b"), "a_b_2");
        assert_eq!(names.of("a b"), "a_b");
        assert_eq!(names.of("End"), "end_2");
    }
}
