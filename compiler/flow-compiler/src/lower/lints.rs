//! Style and likely slips in names: unused, hidden, or written in another way than usual.

use std::collections::BTreeMap;

use flow_diagnostics::codes::{lints as codes, names as name_codes};
use flow_diagnostics::{Diagnostic, FileId, Span};
use flow_grammar::ast::{self, FlowEntry, Item};

use super::{Bound, Cx, Lower};

/// Names that always mean the same.
const ALWAYS: &[&str] = &["it", "run", "config", "state", "secret"];

impl Lower<'_> {
    /// What is to be said about a name that is bound: that it is taken, defined already, or hides another.
    pub(super) fn check_binding(&mut self, cx: &Cx, name: &ast::Ident) {
        if ALWAYS.contains(&name.name.as_str()) {
            self.error(
                name_codes::RESERVED_NAME,
                name.span,
                format!("`{name}` always means the same and cannot be bound"),
                "",
            )
            .help = Some("choose another name".into());
            return;
        }
        let outer = cx
            .locals
            .iter()
            .rev()
            .find(|bound| bound.local.name == name.name)
            .map(|bound| bound.local.span);
        let outer = outer.or_else(|| {
            cx.flow
                .as_ref()
                .and_then(|flow| flow.declared.get(&name.name).copied())
        });
        let outer = outer.or_else(|| {
            let entry = self.names.scopes[cx.module].values.get(&name.name)?;
            (entry.symbol != crate::names::Symbol::Unknown).then_some(entry.span)
        });
        let Some(outer) = outer else { return };
        if name.name.starts_with('_') || outer == name.span {
            return;
        }
        self.report(
            Diagnostic::new(codes::SHADOWING, format!("`{name}` hides another `{name}`"))
                .primary(name.span, "from here on means this one")
                .label(outer, "hidden")
                .help("give one of them another name"),
        );
    }

    pub(super) fn unused_local(&mut self, bound: &Bound) {
        let local = &bound.local;
        if bound.lint && !bound.used && !local.name.starts_with('_') && local.ty != self.prim.error {
            self.error(
                codes::UNUSED,
                local.span,
                format!("`{}` is never used", local.name),
                "",
            )
            .help = Some("remove it, or begin its name with `_`".into());
        }
    }

    /// Names of items, fields and nodes that are written in another way than usual.
    pub(super) fn naming(&mut self) {
        let project = self.project;
        for module in &project.modules {
            if module.path.starts_with("std.") {
                continue;
            }
            let mut found = Vec::new();
            for item in &module.ast.items {
                item_name(item, &mut found);
            }
            self.say_misnamed(module.ast.file, &found);
        }
    }

    /// Says how names are usually written, and where they would have to be changed.
    fn say_misnamed(&mut self, file: FileId, found: &[Misnamed<'_>]) {
        if found.is_empty() {
            return;
        }
        let mut places: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for misnamed in found {
            places.entry(&misnamed.name.name).or_default();
        }
        for (word, span) in words_of(self.project.sources.text(file), file) {
            if let Some(places) = places.get_mut(word) {
                places.push(span);
            }
        }
        for Misnamed { name, what, usual } in found {
            let places = places.get(name.name.as_str()).into_iter().flatten();
            let edits = places.map(|span| flow_diagnostics::Edit {
                span: *span,
                text: usual.clone(),
            });
            let diagnostic = Diagnostic::new(codes::NAMING, format!("{what} is usually written `{usual}`"))
                .primary(name.span, "")
                .help(format!("rename it to `{usual}`"))
                .fix_all(format!("rename it to `{usual}`"), edits.collect());
            self.report(diagnostic);
        }
    }
}

/// A name that is not written as names of its kind are.
struct Misnamed<'a> {
    name: &'a ast::Ident,
    what: &'static str,
    usual: String,
}

fn item_name<'a>(item: &'a Item, found: &mut Vec<Misnamed<'a>>) {
    let mut styled = |name: &'a ast::Ident, what: &'static str, style: fn(&str) -> String| {
        let usual = style(&name.name);
        if usual != name.name && !usual.is_empty() {
            found.push(Misnamed { name, what, usual });
        }
    };
    match item {
        Item::Type(decl) => {
            styled(&decl.name, "a type", upper_camel);
            decl.params
                .iter()
                .for_each(|param| styled(param, "a type parameter", upper_camel));
        }
        Item::Enum(decl) => {
            styled(&decl.name, "an enum", upper_camel);
            decl.variants
                .iter()
                .for_each(|variant| styled(&variant.name, "a variant", snake));
        }
        Item::Const(decl) => styled(&decl.name, "a constant", upper_snake),
        Item::Fn(decl) => styled(&decl.name, "a function", snake),
        Item::Worker(decl) => styled(&decl.name, "a worker", snake),
        Item::Flow(decl) => {
            styled(&decl.name, "a flow", snake);
            decl.params
                .iter()
                .for_each(|param| styled(&param.name, "a parameter", snake));
            for entry in &decl.entries {
                match entry {
                    FlowEntry::State(block) => {
                        block
                            .fields
                            .iter()
                            .for_each(|field| styled(&field.name, "a field", snake));
                    }
                    FlowEntry::Node(node) => styled(&node.name, "a node", snake),
                    _ => {}
                }
            }
        }
        Item::Import(_) | Item::Test(_) | Item::Error(_) => {}
    }
}

/// The words of a text and where they stand.
fn words_of(text: &str, file: FileId) -> impl Iterator<Item = (&str, Span)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let start = text.as_ptr() as usize;
    text.split(move |c: char| !part(c))
        .filter(|word| !word.is_empty())
        .map(move |word| {
            let at = word.as_ptr() as usize - start;
            (word, Span::new(file, at as u32, (at + word.len()) as u32))
        })
}

fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last_lower = false;
    for c in name.chars() {
        if c == '_' {
            last_lower = false;
            words.push(String::new());
            continue;
        }
        if (c.is_uppercase() && last_lower) || words.is_empty() {
            words.push(String::new());
        }
        last_lower = c.is_lowercase() || c.is_ascii_digit();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// `snake_case`; leading underscores stay.
fn snake(name: &str) -> String {
    if name.chars().all(|c| !c.is_uppercase()) {
        return name.to_string();
    }
    words(name).join("_")
}

/// `UPPER_SNAKE`; leading underscores stay.
fn upper_snake(name: &str) -> String {
    let bare = name.trim_start_matches('_');
    let lead = &name[..name.len() - bare.len()];
    format!("{lead}{}", words(bare).join("_").to_uppercase())
}

/// `UpperCamel`; names that begin with a capital and have no underscore are left as they are.
fn upper_camel(name: &str) -> String {
    let bare = name.trim_start_matches('_');
    if bare.starts_with(char::is_uppercase) && !bare.contains('_') {
        return name.to_string();
    }
    words(bare)
        .into_iter()
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rewritten_in_the_usual_way() {
        assert_eq!(snake("maxRetries"), "max_retries");
        assert_eq!(snake("_x1"), "_x1");
        assert_eq!(upper_snake("maxRetries"), "MAX_RETRIES");
        assert_eq!(upper_snake("_UNUSED"), "_UNUSED");
        assert_eq!(upper_camel("my_type"), "MyType");
        assert_eq!(upper_camel("HTTPCall"), "HTTPCall");
    }
}
