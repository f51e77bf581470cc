//! A JSON document that knows where everything in it stands, and complains there: about keys that nothing reads,
//! values of another form, and what is missing.

use flow_diagnostics::{Diagnostic, FileId, Span, codes::environment as codes};
use serde_json::Value;

/// A document.
pub(super) struct Document {
    pub(super) root: Json,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Json {
    pub(super) span: Span,
    pub(super) value: Value,
    /// The items of an array, or the values of an object.
    pub(super) items: Vec<Json>,
    /// The keys of an object, with their places.
    pub(super) keys: Vec<(String, Span)>,
}

/// What is wrong with a document.
#[derive(Default)]
pub(super) struct Trouble {
    pub(super) found: Vec<Diagnostic>,
}

impl Document {
    pub(super) fn read(file: FileId, text: &str) -> Result<Self, Diagnostic> {
        let text = text.strip_prefix('\u{feff}').map_or(text, |rest| rest);
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let at = offset(text, error.line(), error.column());
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default().to_owned();
            Diagnostic::error(codes::IMPORT_JSON, format!("this is no JSON: {why}"))
                .primary(Span::at(file, at), "here")
        })?;
        let mut scan = Scan {
            file,
            text,
            at: 0,
            twice: None,
        };
        let root = scan.value(value);
        scan.twice.map_or(Ok(Self { root }), Err)
    }
}

/// Where a line and column, from 1 and in bytes, are in a text.
fn offset(text: &str, line: usize, column: usize) -> u32 {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at as u32
}

/// Finds the places of values in a text that was read already, so that it is known to be sound and not too deep.
struct Scan<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    /// The first key that stands twice in its object.
    twice: Option<Diagnostic>,
}

impl Scan<'_> {
    fn value(&mut self, value: Value) -> Json {
        self.blanks();
        let start = self.at;
        let mut items = Vec::new();
        let mut keys = Vec::new();
        match &value {
            Value::Array(all) => {
                self.at += 1;
                for one in all {
                    self.until_value(b",");
                    items.push(self.value(one.clone()));
                }
                self.until_value(b"],");
            }
            Value::Object(_) => {
                self.at += 1;
                self.entries(&mut keys, &mut items);
            }
            Value::String(_) => self.string(),
            _ => {
                let rest = self.text.as_bytes()[self.at..].iter();
                self.at += rest
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                    .count();
            }
        }
        Json {
            span: Span::new(self.file, start as u32, self.at as u32),
            value,
            items,
            keys,
        }
    }

    /// The entries of an object.
    fn entries(&mut self, keys: &mut Vec<(String, Span)>, items: &mut Vec<Json>) {
        loop {
            self.until_value(b",");
            if self.text.as_bytes().get(self.at) != Some(&b'"') {
                self.at += 1;
                return;
            }
            let start = self.at;
            self.string();
            let key: String = serde_json::from_str(&self.text[start..self.at]).unwrap_or_default();
            let span = Span::new(self.file, start as u32, self.at as u32);
            self.until_value(b":");
            if let Some((_, first)) = keys.iter().find(|(known, _)| *known == key) {
                let wrong = Diagnostic::error(codes::IMPORT_SHAPE, format!("the key `{key}` stands twice"));
                let wrong = wrong.primary(span, "again here").label(*first, "first here");
                self.twice.get_or_insert(wrong);
            }
            // What was read of the object holds the last value of a key; this is the one that stands here.
            let here = serde_json::Deserializer::from_str(&self.text[self.at..])
                .into_iter()
                .next();
            let inner = here.and_then(Result::ok).unwrap_or(Value::Null);
            keys.push((key, span));
            items.push(self.value(inner));
        }
    }

    fn blanks(&mut self) {
        self.until_value(b"");
    }

    /// Passes blanks and these marks.
    fn until_value(&mut self, marks: &[u8]) {
        let rest = self.text.as_bytes()[self.at..].iter();
        self.at += rest
            .take_while(|byte| byte.is_ascii_whitespace() || marks.contains(byte))
            .count();
    }

    fn string(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += match byte {
                b'"' => break,
                b'\\' => 2,
                _ => 1,
            };
        }
        self.at += 1;
    }
}

impl Json {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let at = self.keys.iter().position(|(known, _)| known == key)?;
        self.items.get(at)
    }

    /// Keys and values, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.keys.iter().map(|(key, _)| key.as_str()).zip(&self.items)
    }

    /// The text, where it is one.
    pub(super) fn str(&self) -> Option<&str> {
        self.value.as_str()
    }

    /// The text of a key, where it has one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.str()
    }
}

/// The forms that values can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A whole number that is not negative.
    Count,
    Bool,
    List,
    Object,
}

impl Form {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Count => value.is_u64(),
            Self::Bool => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Count => "a whole number from 0",
            Self::Bool => "`true` or `false`",
            Self::List => "an array",
            Self::Object => "an object",
        }
    }
}

impl Trouble {
    /// The value, if it has this form.
    pub(super) fn form<'j>(&mut self, json: &'j Json, form: Form, what: &str) -> Option<&'j Json> {
        if form.fits(&json.value) {
            return Some(json);
        }
        self.wrong(json.span, format!("{what} must be {}", form.words()));
        None
    }

    /// The value of a key that may be missing.
    pub(super) fn optional<'j>(&mut self, json: &'j Json, key: &str, form: Form) -> Option<&'j Json> {
        let value = json.get(key)?;
        self.form(value, form, &format!("`{key}`"))
    }

    /// The value of a key that must be there.
    pub(super) fn required<'j>(&mut self, json: &'j Json, key: &str, form: Form) -> Option<&'j Json> {
        if json.get(key).is_none() {
            self.wrong(json.span, format!("`{key}` is missing"));
        }
        self.optional(json, key, form)
    }

    /// Complains about every key that is not one of these.
    pub(super) fn known(&mut self, json: &Json, known: &[&str]) {
        for (key, span) in &json.keys {
            if known.contains(&key.as_str()) {
                continue;
            }
            let near = crate::names::nearest(key, known.iter().copied());
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here are {}", known.join(", ")),
            };
            let message = format!("nothing reads the key `{key}`");
            self.found.push(
                Diagnostic::error(codes::IMPORT_KEY, message)
                    .primary(*span, "here")
                    .help(help),
            );
        }
    }

    /// Complains about a value.
    pub(super) fn wrong(&mut self, span: Span, message: impl Into<String>) {
        self.found
            .push(Diagnostic::error(codes::IMPORT_SHAPE, message).primary(span, "here"));
    }
}
