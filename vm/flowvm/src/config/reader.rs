//! Reads a TOML table key by key, and names what is misspelt or does not fit. What the keys mean is not known
//! here.

use std::collections::BTreeMap;

pub(super) use toml::Table;
use toml::Value;

use crate::error::{Error, Result, code};

/// A table of the file; keys that were read are gone from it.
pub(super) struct Reader {
    table: Table,
    /// The way to it: empty at the top, `workers.search` below.
    place: String,
    file: String,
}

impl Reader {
    pub(super) fn new(table: Table, file: String) -> Self {
        Self {
            table,
            place: String::new(),
            file,
        }
    }

    /// A table that may be absent, and then is empty.
    pub(super) fn section(&mut self, key: &str) -> Result<Reader> {
        let below = self.optional(key)?;
        Ok(below.unwrap_or_else(|| Reader {
            table: Table::new(),
            place: key.to_owned(),
            file: self.file.clone(),
        }))
    }

    /// A table that may be absent.
    pub(super) fn optional(&mut self, key: &str) -> Result<Option<Reader>> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(self.below(key, table))),
            Some(_) => Err(self.bad(key, "a table")),
        }
    }

    /// Whether a table is replaced by `false`.
    pub(super) fn is_off(&mut self, key: &str) -> bool {
        let is_off = self.table.get(key) == Some(&Value::Boolean(false));
        if is_off {
            self.table.remove(key);
        }
        is_off
    }

    /// The tables within a table, by name.
    pub(super) fn sections(&mut self, key: &str) -> Result<Vec<(String, Reader)>> {
        let mut outer = self.section(key)?;
        let table = std::mem::take(&mut outer.table);
        table
            .into_iter()
            .map(|(name, value)| match value {
                Value::Table(table) => Ok((name.clone(), outer.below(&name, table))),
                _ => Err(outer.bad(&name, "a table")),
            })
            .collect()
    }

    /// The tables of a list.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<Reader>> {
        let items = match self.table.remove(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.bad(key, "a list of tables: [[pool]]")),
        };
        items
            .into_iter()
            .enumerate()
            .map(|(at, item)| match item {
                Value::Table(table) => Ok(self.below(&format!("{key}[{at}]"), table)),
                _ => Err(self.bad(key, "a list of tables: [[pool]]")),
            })
            .collect()
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "text")),
        }
    }

    pub(super) fn needed(&mut self, key: &str) -> Result<String> {
        self.text(key)?
            .ok_or_else(|| self.wrong(&format!("needs `{key}`")))
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        let items = match self.table.remove(key) {
            None => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.bad(key, "a list of texts")),
        };
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(self.bad(key, "a list of texts")),
        });
        texts.collect::<Result<_>>().map(Some)
    }

    /// A table of texts by name.
    pub(super) fn pairs(&mut self, key: &str) -> Result<BTreeMap<String, String>> {
        let mut table = self.section(key)?;
        let entries = std::mem::take(&mut table.table);
        let texts = entries.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(table.bad(&name, "text")),
        });
        texts.collect()
    }

    /// A whole number above 0.
    pub(super) fn count(&mut self, key: &str) -> Result<Option<u64>> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::Integer(number @ 1..=0xffff_ffff)) => Ok(Some(number as u64)),
            Some(_) => Err(self.bad(key, "a whole number from 1")),
        }
    }

    /// Text in a form of its own.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| self.bad(key, form)),
        }
    }

    /// Refuses what was not read.
    pub(super) fn finish(&self, known: &[&str]) -> Result<()> {
        let Some(unknown) = self.table.keys().next() else {
            return Ok(());
        };
        let error = Error::new(
            code::CONFIG_KEY,
            format!("unknown key `{}` in `{}`", self.path(unknown), self.file),
        );
        Err(match nearest(unknown, known.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{}`?", self.path(near))),
            None => error.help(format!("known here: {}", known.join(", "))),
        })
    }

    /// An error about the whole table.
    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::new(
            code::CONFIG_VALUE,
            format!("`{}` in `{}` {what}", self.place, self.file),
        )
    }

    fn bad(&self, key: &str, wanted: &str) -> Error {
        Error::new(
            code::CONFIG_VALUE,
            format!("`{}` in `{}` must be {wanted}", self.path(key), self.file),
        )
    }

    fn below(&self, key: &str, table: Table) -> Reader {
        Reader {
            table,
            place: self.path(key),
            file: self.file.clone(),
        }
    }

    fn path(&self, key: &str) -> String {
        match self.place.as_str() {
            "" => key.to_owned(),
            place => format!("{place}.{key}"),
        }
    }
}

/// What was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The table with every `FLOW__SECTION__KEY` of the environment put in. Names are found whatever their case;
/// new ones become lower case, except those of secrets.
pub(super) fn overridden(mut table: Table, variables: Vec<(String, String)>) -> Table {
    let mut ours: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with("FLOW__"))
        .collect();
    ours.sort();
    for (name, value) in ours {
        let parts: Vec<&str> = name.split("__").skip(1).collect();
        put(
            &mut table,
            &parts,
            value,
            parts
                .first()
                .is_some_and(|part| part.eq_ignore_ascii_case("secrets")),
        );
    }
    table
}

fn put(table: &mut Table, parts: &[&str], value: String, secret: bool) {
    let [first, rest @ ..] = parts else { return };
    let known = table.keys().find(|key| key.eq_ignore_ascii_case(first)).cloned();
    let keep = secret && !first.eq_ignore_ascii_case("secrets") && !rest.is_empty();
    let key = known.unwrap_or_else(|| {
        if keep {
            (*first).to_owned()
        } else {
            first.to_lowercase()
        }
    });
    if rest.is_empty() {
        // A value of TOML if it is one, else text.
        let parsed = format!("v = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("v"));
        table.insert(key, parsed.unwrap_or(Value::String(value)));
        return;
    }
    let below = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(below) = below {
        put(below, rest, value, secret);
    }
}
