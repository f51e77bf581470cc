//! Paths, payload templates and expressions as expressions of ours.

use serde_json::Value;

use super::{Machine, Work};
use crate::import::document::Json;
use crate::import::writing::{json, list, map, string};

/// What paths begin at.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    /// `$`, `$states.input`.
    pub(super) input: String,
    /// `$states.result`, and `$` of a `ResultSelector`.
    pub(super) result: String,
    /// Of an iterator: the item.
    pub(super) item: Option<&'static str>,
}

impl Roots {
    /// Where only the input is known.
    pub(super) fn of(input: &str) -> Self {
        Self {
            input: input.to_owned(),
            result: "null".to_owned(),
            item: None,
        }
    }
}

impl Work<'_> {
    /// A value with paths in it, as an expression.
    pub(super) fn template(
        &mut self,
        machine: &mut Machine<'_>,
        value: &Json,
        roots: &Roots,
        place: &str,
    ) -> String {
        match &value.value {
            Value::Object(_) => {
                let mut entries = Vec::new();
                for (key, inner) in value.entries() {
                    let text = match (key.strip_suffix(".$"), inner.str()) {
                        (Some(_), Some(path)) if !machine.jsonata => self.path(path, roots, place),
                        _ => self.template(machine, inner, roots, place),
                    };
                    let key = if machine.jsonata {
                        key
                    } else {
                        key.strip_suffix(".$").unwrap_or(key)
                    };
                    entries.push((key, text));
                }
                map(entries.into_iter())
            }
            Value::Array(_) => {
                let items: Vec<_> = value
                    .items
                    .iter()
                    .map(|item| self.template(machine, item, roots, place))
                    .collect();
                list(items.into_iter())
            }
            Value::String(text) if machine.jsonata => match expression(text) {
                Some(inner) => self.jsonata(machine, inner, roots, place),
                None => string(text),
            },
            other => json(other),
        }
    }

    /// A reference path: `$`, `$.a.b`, `$.a[0]`, `$$.Execution.Id`.
    pub(super) fn path(&mut self, path: &str, roots: &Roots, place: &str) -> String {
        if let Some(context) = path.strip_prefix("$$.") {
            let known = match context {
                "Execution.Id" => Some("run.id".to_owned()),
                "Execution.StartTime" => Some("\"${run.started}\"".to_owned()),
                "State.Name" => Some("run.node".to_owned()),
                "Map.Item.Value" => roots.item.map(str::to_owned),
                "Execution.Input" => Some("input".to_owned()),
                _ => None,
            };
            return known.unwrap_or_else(|| self.nothing(path, place));
        }
        match path.strip_prefix('$').and_then(|rest| steps(rest, &roots.input)) {
            Some(expr) => expr,
            None => self.nothing(path, place),
        }
    }

    /// The simple expressions of `JSONata`: a path that begins at `$states` or at a variable, or a constant.
    pub(super) fn jsonata(
        &mut self,
        machine: &Machine<'_>,
        text: &str,
        roots: &Roots,
        place: &str,
    ) -> String {
        let text = text.trim();
        for (prefix, root) in [("$states.input", &roots.input), ("$states.result", &roots.result)] {
            if let Some(expr) = text.strip_prefix(prefix).and_then(|rest| steps(rest, root)) {
                return expr;
            }
        }
        if text == "$states.context.Execution.Id" {
            return "run.id".to_owned();
        }
        if let Some(name) = text.strip_prefix('$') {
            let (name, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            let field = variable(name);
            let known = machine
                .fields
                .iter()
                .any(|known| known.starts_with(&format!("{field}:")));
            if known && let Some(expr) = steps(rest, &field) {
                return expr;
            }
        }
        match serde_json::from_str::<Value>(&text.replace('\'', "\"")) {
            Ok(constant) if !constant.is_object() && !constant.is_array() => json(&constant),
            _ => self.nothing(text, place),
        }
    }

    fn nothing(&mut self, text: &str, place: &str) -> String {
        self.note(
            place,
            format!("`{text}` has no equivalent and is `null` here; write what it means"),
        );
        "null".to_owned()
    }

    /// The document with a result in its place.
    pub(super) fn result(&mut self, state: &Json, result: &str, place: &str) -> Option<String> {
        let new = match state.get("ResultPath").map(|json| &json.value) {
            Some(Value::Null) => None,
            None => Some(result.to_owned()),
            Some(Value::String(path)) if path == "$" => Some(result.to_owned()),
            Some(Value::String(path)) => {
                let keys: Vec<&str> = path.strip_prefix("$.").unwrap_or_default().split('.').collect();
                if keys.iter().any(|key| key.is_empty() || key.contains('[')) {
                    self.note(
                        place,
                        format!("the result cannot be put at `{path}`; it is left out"),
                    );
                    None
                } else {
                    Some(placed(&keys, result))
                }
            }
            Some(_) => None,
        };
        let Some(out) = state.text("OutputPath").filter(|path| *path != "$") else {
            return new;
        };
        let whole = new.unwrap_or_else(|| "data".to_owned());
        match out.strip_prefix('$').and_then(|rest| steps(rest, &whole)) {
            Some(expr) => Some(expr),
            None => Some(self.nothing(out, place)),
        }
    }
}

/// The inside of `{% … %}`.
pub(super) fn expression(text: &str) -> Option<&str> {
    text.trim().strip_prefix("{%")?.strip_suffix("%}")
}

/// The field of a variable.
pub(super) fn variable(name: &str) -> String {
    crate::import::names::snake(&format!("var {name}"))
}

/// `put(data, "a", put(at(data, ["a"]), "b", value))`
fn placed(keys: &[&str], value: &str) -> String {
    let mut expr = value.to_owned();
    for depth in (0..keys.len()).rev() {
        let before: Vec<_> = keys[..depth].iter().map(|key| string(key)).collect();
        let doc = if depth == 0 {
            "data".to_owned()
        } else {
            format!("at(data, [{}])", before.join(", "))
        };
        expr = format!("put({doc}, {}, {expr})", string(keys[depth]));
    }
    expr
}

/// What stands behind `.a.b[0]` of a value; none for what is more than a path.
fn steps(rest: &str, root: &str) -> Option<String> {
    let mut expr = root.to_owned();
    let mut keys: Vec<String> = Vec::new();
    let mut rest = rest;
    let flush = |expr: &mut String, keys: &mut Vec<String>| {
        if !keys.is_empty() {
            *expr = format!("at({expr}, [{}])", keys.join(", "));
            keys.clear();
        }
    };
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (inside, behind) = after.split_once(']')?;
            match inside.trim_matches('\'').trim_matches('"') {
                key if key.len() < inside.len() => keys.push(string(key)),
                number => {
                    let number: i64 = number.parse().ok()?;
                    flush(&mut expr, &mut keys);
                    expr = format!("({expr} as [json])[{number}]");
                }
            }
            rest = behind;
            continue;
        }
        let after = rest.strip_prefix('.')?;
        let end = after.find(['.', '[']).unwrap_or(after.len());
        let key = &after[..end];
        if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)) {
            return None;
        }
        keys.push(string(key));
        rest = &after[end..];
    }
    flush(&mut expr, &mut keys);
    Some(expr)
}

#[cfg(test)]
mod tests {
    use super::{placed, steps};

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(steps("", "data").as_deref(), Some("data"));
        assert_eq!(steps(".a.b", "data").as_deref(), Some("at(data, [\"a\", \"b\"])"));
        assert_eq!(
            steps(".a[0].b", "x").as_deref(),
            Some("at((at(x, [\"a\"]) as [json])[0], [\"b\"])")
        );
        assert_eq!(steps("['a b']", "x").as_deref(), Some("at(x, [\"a b\"])"));
        for wrong in ["..a", ".a[*]", ".a[?(@.b)]", ".a + 1", "x"] {
            assert_eq!(steps(wrong, "x"), None, "{wrong}");
        }
    }

    #[test]
    fn results_are_put_into_the_document() {
        assert_eq!(placed(&["a"], "reply"), "put(data, \"a\", reply)");
        assert_eq!(
            placed(&["a", "b"], "1"),
            "put(data, \"a\", put(at(data, [\"a\"]), \"b\", 1))"
        );
    }
}
