//! Templates: `{{state.x}}`, `{{input.x}}`, `{{item.x}}`, `{{config.x}}` as interpolations.

use super::Work;
use crate::import::names::snake;
use crate::import::writing::{push, string};

impl Work<'_, '_> {
    /// A template as a string.
    pub(super) fn template(&mut self, text: &str, place: &str) -> String {
        let mut out = String::from("\"");
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                break;
            };
            before.chars().for_each(|c| push(&mut out, c));
            match self.reference(name.trim(), place) {
                Some(expr) => out.extend(["${", expr.as_str(), "}"]),
                None => format!("{{{{{name}}}}}").chars().for_each(|c| push(&mut out, c)),
            }
            rest = behind;
        }
        rest.chars().for_each(|c| push(&mut out, c));
        out.push('"');
        out
    }

    /// `state.x`, `input.x`, `item`, `config.x` as an expression; where there is none, a note.
    pub(super) fn reference(&mut self, name: &str, place: &str) -> Option<String> {
        let mut parts = name.split('.');
        let root = parts.next()?;
        let path: Vec<&str> = parts.collect();
        match (root, path.as_slice()) {
            ("state", [key, inner @ ..]) => {
                let (field, ty, _) = self.known_field(key, place);
                Some(inside(&field, ty, inner))
            }
            ("input", [key, inner @ ..]) => {
                let mut name = snake(key);
                if self.fields.values().any(|field| field.name == name) {
                    name = format!("{name}_input");
                }
                if !self.inputs.contains(&name) {
                    self.inputs.push(name.clone());
                }
                if !inner.is_empty() {
                    self.note(
                        place,
                        format!("`{name}` is looked into there; it is a string here"),
                    );
                }
                Some(name)
            }
            ("item", inner) => Some(inside("item", "json", inner)),
            ("config", [key]) => {
                let name = snake(key);
                if !self.config.iter().any(|(known, _)| *known == name) {
                    self.config.push((name.clone(), format!("{name}: string = \"\"")));
                }
                Some(format!("config.{name}"))
            }
            ("store", _) => {
                self.note(
                    place,
                    format!("`{name}` reads a store; a task that calls a worker `via store` does that"),
                );
                None
            }
            _ => {
                self.note(place, format!("`{name}` has no equivalent, and stands as text"));
                None
            }
        }
    }
}

/// What stands at a path of a value; null where nothing does.
fn inside(root: &str, ty: &str, path: &[&str]) -> String {
    let mut expr = root.to_owned();
    let mut is_map = ty == "map<json>";
    for key in path {
        if !is_map {
            expr = format!("({expr} as map<json>)");
        }
        expr = format!("{expr}.get({})", string(key));
        is_map = false;
    }
    expr
}
