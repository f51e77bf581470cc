//! What a model's text is made of: the JSON in it, checked against the wanted type, and mended where only
//! one reading fits. How the text was come by is the protocols' business.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use flow_bytecode::{RecordField, Type, TypeId};
use flow_machine::Program;
use flow_machine::border::check_json;
use flow_machine::interp::{Fuel, Interp};

use super::excerpt;
use crate::schema;

/// Instructions that the conditions of types may cost, for one reading of a reply.
const FUEL: u64 = 1_000_000;

/// The type of a chat's reply: of the content alone, or of a record of `value` and `usage` around it.
#[derive(Clone)]
pub struct Wanted {
    program: Arc<Program>,
    content: TypeId,
    is_wrapped: bool,
}

/// A content that fits.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    /// The value.
    pub(super) value: Json,
    /// What had to be done to the text.
    pub(super) repairs: Vec<&'static str>,
}

/// One way to understand a text.
type Reading = (Json, Vec<&'static str>);

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wanted({:?})", self.content)
    }
}

impl Wanted {
    /// What a worker with this reply type wants of a chat.
    pub fn new(program: Arc<Program>, reply: TypeId) -> Self {
        let image = program.image();
        let field = |fields: &[RecordField], name: &str| {
            let named = fields.iter().find(|field| image.str(field.name) == name);
            named.map(|field| field.ty)
        };
        let inner = match &image.types[reply.index()] {
            Type::Record { fields, .. } if fields.len() == 2 => {
                field(fields, "value").filter(|_| field(fields, "usage").is_some())
            }
            _ => None,
        };
        Self {
            content: inner.unwrap_or(reply),
            is_wrapped: inner.is_some(),
            program,
        }
    }

    /// Whether any text will do.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.core(self.content), Type::String)
    }

    /// The schema to ask for, always of an object: what is none stands in a field `value`.
    pub(super) fn schema(&self) -> Json {
        let schema = schema::of(self.program.image(), self.content);
        if !self.is_boxed() {
            return schema;
        }
        serde_json::json!({
            "type": "object", "properties": { "value": schema }, "required": ["value"],
            "additionalProperties": false,
        })
    }

    /// The reply that the worker's type promises.
    pub(super) fn output(&self, value: Json, usage: &Json) -> Json {
        if self.is_wrapped {
            serde_json::json!({ "value": value, "usage": usage })
        } else {
            value
        }
    }

    /// Finds the value in a text. Fails with what is wrong with the best reading, or where several fit.
    pub(super) fn read(&self, text: &str) -> Result<Content, String> {
        if self.is_text() {
            return Ok(Content {
                value: Json::String(text.to_owned()),
                repairs: Vec::new(),
            });
        }
        let mut why = None;
        for readings in [whole(text), fenced(text), within_prose(text), bare_word(text)] {
            let mut fitting: Vec<Content> = Vec::new();
            for reading in readings {
                match self.fit(reading) {
                    Ok(content) if fitting.iter().all(|one| one.value != content.value) => {
                        fitting.push(content);
                    }
                    Ok(_) => {}
                    Err(said) => why = why.or(Some(said)),
                }
            }
            if fitting.len() > 1 {
                return Err(format!(
                    "{} different values in the reply fit its type",
                    fitting.len()
                ));
            }
            if let Some(content) = fitting.pop() {
                return Ok(content);
            }
        }
        Err(why.unwrap_or_else(|| format!("there is no JSON in the reply: {}", excerpt(text.as_bytes()))))
    }

    /// The reading as it is, or with its enums spelt as the type spells them.
    fn fit(&self, (json, mut repairs): Reading) -> Result<Content, String> {
        let candidate = match json {
            Json::Object(mut object)
                if self.is_boxed() && object.len() == 1 && object.contains_key("value") =>
            {
                object.remove("value").unwrap_or_default()
            }
            json => json,
        };
        let Err(why) = self.check(&candidate) else {
            return Ok(Content {
                value: candidate,
                repairs,
            });
        };
        let spelt = self.spelt(self.content, candidate);
        self.check(&spelt).map_err(|_| why)?;
        repairs.push("spelling");
        Ok(Content {
            value: spelt,
            repairs,
        })
    }

    /// Whether the schema that is asked for is that of an object around the value.
    fn is_boxed(&self) -> bool {
        let schema = schema::of(self.program.image(), self.content);
        schema.get("type").and_then(Json::as_str) != Some("object")
    }

    /// Whether a value is one of the type as it stands.
    pub(super) fn fits(&self, json: &Json) -> bool {
        self.check(json).is_ok()
    }

    fn check(&self, json: &Json) -> Result<(), String> {
        let (mut interp, mut fuel) = (Interp::default(), Fuel::new(FUEL));
        check_json(&self.program, self.content, json, &mut interp, &mut fuel)
            .map(|_| ())
            .map_err(|fault| fault.to_string())
    }

    fn core(&self, ty: TypeId) -> &Type {
        match &self.program.image().types[ty.index()] {
            Type::Refined { base, .. } | Type::Nullable(base) => self.core(*base),
            other => other,
        }
    }

    /// The value with names of variants in the type's spelling, where case, spaces and dashes are all that differs.
    fn spelt(&self, ty: TypeId, json: Json) -> Json {
        let image = self.program.image();
        match (self.core(ty), json) {
            (Type::Enum { variants, .. }, Json::String(text)) => {
                Json::String(spelling(variants.iter().map(|id| image.str(*id)), text))
            }
            (Type::List(item), Json::Array(items)) => {
                Json::Array(items.into_iter().map(|one| self.spelt(*item, one)).collect())
            }
            (Type::Map(value), Json::Object(entries)) => {
                let spelt = entries
                    .into_iter()
                    .map(|(key, one)| (key, self.spelt(*value, one)));
                Json::Object(spelt.collect())
            }
            (Type::Record { fields, .. }, Json::Object(entries)) => {
                Json::Object(self.fields(fields, entries))
            }
            (Type::Union { variants, .. }, Json::Object(mut entries)) => {
                if let Some(Json::String(tag)) = entries.get("tag") {
                    let tag = spelling(variants.iter().map(|(id, _)| image.str(*id)), tag.clone());
                    let of_tag = variants.iter().find(|(id, _)| image.str(*id) == tag);
                    entries.insert("tag".to_owned(), Json::String(tag.clone()));
                    if let Some((_, fields)) = of_tag {
                        entries = self.fields(fields, entries);
                    }
                }
                Json::Object(entries)
            }
            (_, json) => json,
        }
    }

    fn fields(&self, fields: &[RecordField], entries: Map<String, Json>) -> Map<String, Json> {
        let spelt = entries.into_iter().map(|(key, one)| {
            let field = fields
                .iter()
                .find(|field| self.program.image().str(field.name) == key);
            let one = match field {
                Some(field) => self.spelt(field.ty, one),
                None => one,
            };
            (key, one)
        });
        spelt.collect()
    }
}

/// The one name that a text can mean, else the text.
fn spelling<'a>(names: impl Iterator<Item = &'a str>, text: String) -> String {
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '-'], "_");
    let meant = plain(&text);
    let mut same = names.filter(|name| plain(name) == meant);
    match (same.next(), same.next()) {
        (Some(one), None) => one.to_owned(),
        _ => text,
    }
}

fn whole(text: &str) -> Vec<Reading> {
    parsed(text, &[]).into_iter().collect()
}

/// What stands between fences of back-ticks.
fn fenced(text: &str) -> Vec<Reading> {
    let blocks = text.split("```").skip(1).step_by(2);
    let without_language = blocks.map(|block| {
        let (first, rest) = block.split_once('\n').unwrap_or(("", block));
        if first.trim().chars().all(char::is_alphanumeric) {
            rest
        } else {
            block
        }
    });
    without_language
        .filter_map(|block| parsed(block, &["fence"]))
        .collect()
}

/// Every outermost `{…}` and `[…]` of a text.
fn within_prose(text: &str) -> Vec<Reading> {
    let (mut readings, mut from) = (Vec::new(), 0);
    while let Some(at) = text[from..].find(['{', '[']) {
        let start = from + at;
        let Some(end) = closing(&text[start..]) else {
            from = start + 1;
            continue;
        };
        readings.extend(parsed(&text[start..start + end], &["prose"]));
        from = start + end;
    }
    readings
}

/// A text that is itself the value: the name of a variant, with the marks that people put around it.
fn bare_word(text: &str) -> Vec<Reading> {
    let word = text.trim().trim_matches(['"', '\'', '`', '*', '.', '!']).trim();
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Vec::new();
    }
    vec![(Json::String(word.to_owned()), vec!["bare word"])]
}

fn parsed(text: &str, repairs: &[&'static str]) -> Option<Reading> {
    let text = text.trim();
    if let Ok(json) = serde_json::from_str(text) {
        return Some((json, repairs.to_vec()));
    }
    let json = serde_json::from_str(&without_trailing_commas(text)).ok()?;
    Some((json, [repairs, &["trailing comma"]].concat()))
}

/// Bytes from an opening bracket to behind the one that closes it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, char, is_text) in marks(text) {
        match char {
            '{' | '[' if !is_text => depth += 1,
            '}' | ']' if !is_text => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + char.len_utf8());
                }
            }
            _ => {}
        }
    }
    None
}

fn without_trailing_commas(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, char, is_text) in marks(text) {
        let closes = |rest: &str| rest.trim_start().starts_with(['}', ']']);
        if char != ',' || is_text || !closes(&text[at + 1..]) {
            kept.push(char);
        }
    }
    kept
}

/// The characters of a JSON text, with their places and whether they stand in a string.
fn marks(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut in_string, mut escaped) = (false, false);
    text.char_indices().map(move |(at, char)| {
        let was_inside = in_string;
        match char {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        (at, char, was_inside || in_string)
    })
}
