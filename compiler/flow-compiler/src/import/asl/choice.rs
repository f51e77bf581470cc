//! Conditions of a `Choice`.

use serde_json::Value;

use super::path::{Roots, expression};
use super::{Machine, Work};
use crate::import::document::{Form, Json};
use crate::import::writing::string;

/// How comparisons are written.
const COMPARISONS: &[(&str, &str)] = &[
    ("GreaterThanEquals", ">="),
    ("LessThanEquals", "<="),
    ("GreaterThan", ">"),
    ("LessThan", "<"),
    ("Equals", "=="),
];
/// What is compared, and as what.
const SUBJECTS: &[(&str, &str)] = &[
    ("String", "string"),
    ("Numeric", "float"),
    ("Boolean", "bool"),
    ("Timestamp", "string"),
];

impl Work<'_> {
    /// A rule as a condition.
    pub(super) fn rule(
        &mut self,
        machine: &mut Machine<'_>,
        rule: &Json,
        roots: &Roots,
        place: &str,
    ) -> String {
        let Some(rule) = self.trouble.form(rule, Form::Object, "a rule") else {
            return "false".to_owned();
        };
        if let Some(text) = rule.text("Condition") {
            let inner = expression(text).unwrap_or(text).to_owned();
            return self.condition(machine, &inner, roots, place);
        }
        for (key, word) in [("And", " and "), ("Or", " or ")] {
            if let Some(rules) = self.trouble.optional(rule, key, Form::List) {
                let parts: Vec<_> = rules
                    .items
                    .iter()
                    .map(|rule| self.rule(machine, rule, roots, place))
                    .collect();
                return format!("({})", parts.join(word));
            }
        }
        if let Some(inner) = rule.get("Not") {
            return format!("not ({})", self.rule(machine, inner, roots, place));
        }
        let subject = rule.text("Variable").map(|path| self.path(path, roots, place));
        let Some(subject) = subject else {
            self.trouble.required(rule, "Variable", Form::Text);
            return "false".to_owned();
        };
        let operator = rule
            .entries()
            .find(|(key, _)| !["Variable", "Next", "Comment", "Assign", "Output"].contains(key));
        let Some((name, value)) = operator else {
            self.trouble.wrong(rule.span, "this rule compares with nothing");
            return "false".to_owned();
        };
        self.comparison(&subject, name, value, roots, place, rule)
    }

    fn comparison(
        &mut self,
        subject: &str,
        name: &str,
        value: &Json,
        roots: &Roots,
        place: &str,
        rule: &Json,
    ) -> String {
        let yes = value.value.as_bool().unwrap_or(true);
        match name {
            "IsNull" => return format!("{subject} {} null", if yes { "==" } else { "!=" }),
            "IsPresent" => {
                self.note(
                    place,
                    "`IsPresent` asks whether there is a value; one that is null counts as none here",
                );
                return format!("{subject} {} null", if yes { "!=" } else { "==" });
            }
            "IsString" | "IsNumeric" | "IsBoolean" | "IsTimestamp" => {
                self.note(place, format!("`{name}` has no equivalent: give the document a type instead; it is taken as {yes} here"));
                return yes.to_string();
            }
            "StringMatches" => {
                let pattern = value.str().unwrap_or_default();
                return format!("({subject} as string).matches({})", string(&wildcards(pattern)));
            }
            _ => {}
        }
        let (bare, is_path) = name
            .strip_suffix("Path")
            .map_or((name, false), |bare| (bare, true));
        let subject_of = SUBJECTS
            .iter()
            .find_map(|(word, ty)| Some((bare.strip_prefix(word)?, *ty)));
        let known = subject_of.and_then(|(rest, ty)| {
            let (_, operator) = COMPARISONS.iter().find(|(word, _)| *word == rest)?;
            Some((ty, *operator))
        });
        let Some((ty, operator)) = known else {
            let span = rule
                .keys
                .iter()
                .find(|(key, _)| key == name)
                .map_or(rule.span, |(_, span)| *span);
            self.trouble.wrong(span, format!("`{name}` is no comparison"));
            return "false".to_owned();
        };
        let right = match (&value.value, is_path) {
            (Value::String(path), true) => format!("({} as {ty})", self.path(path, roots, place)),
            (Value::String(text), false) => string(text),
            (other, _) => other.to_string(),
        };
        format!("({subject} as {ty}) {operator} {right}")
    }

    /// A comparison in `JSONata`, as far as it is one: `path operator constant`, with `and` and `or` between.
    fn condition(&mut self, machine: &mut Machine<'_>, text: &str, roots: &Roots, place: &str) -> String {
        for word in [" or ", " and "] {
            if text.contains(word) && !text.contains(['(', '"', '\'']) {
                let parts: Vec<String> = text.split(word).map(str::to_owned).collect();
                let parts: Vec<_> = parts
                    .iter()
                    .map(|part| self.condition(machine, part, roots, place))
                    .collect();
                return format!("({})", parts.join(word));
            }
        }
        for (sign, ours) in [
            (">=", ">="),
            ("<=", "<="),
            ("!=", "!="),
            ("=", "=="),
            (">", ">"),
            ("<", "<"),
        ] {
            if let Some((left, right)) = text.split_once(sign) {
                let right_text = right.trim().replace('\'', "\"");
                let constant: Option<Value> = serde_json::from_str(&right_text).ok();
                let ty = match &constant {
                    Some(Value::Number(_)) => "float",
                    Some(Value::Bool(_)) => "bool",
                    Some(Value::String(_)) => "string",
                    _ => break,
                };
                let right = match constant {
                    Some(Value::String(text)) => string(&text),
                    Some(other) => other.to_string(),
                    None => break,
                };
                let left = self.jsonata(machine, left, roots, place);
                return format!("({left} as {ty}) {ours} {right}");
            }
        }
        let whole = self.jsonata(machine, text, roots, place);
        if whole == "null" {
            "false".to_owned()
        } else {
            format!("({whole} as bool)")
        }
    }
}

/// A pattern with `*` as the regular expression that finds the same.
fn wildcards(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(".*"),
            '\\' => push_literal(&mut out, chars.next().unwrap_or('\\')),
            c => push_literal(&mut out, c),
        }
    }
    out + "$"
}

fn push_literal(out: &mut String, c: char) {
    if !c.is_alphanumeric() && c != ' ' && c != '_' && c != '-' {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::wildcards;

    #[test]
    fn stars_match_anything_and_the_rest_itself() {
        assert_eq!(wildcards("log-*.txt"), r"^log-.*\.txt$");
        assert_eq!(wildcards(r"a\*b"), r"^a\*b$");
    }
}
