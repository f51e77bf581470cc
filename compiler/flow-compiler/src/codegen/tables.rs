//! Interned texts and constants, and places as the image knows them. Types are in `types`.

use std::collections::BTreeMap;

use flow_bytecode::{Const, ConstId, SourceSpan, StrId, TypeId};
use flow_diagnostics::{SourceMap, Span};

use super::Generator;
use crate::hir::{ConstValue, Program};

/// What has been interned so far.
pub(super) struct Tables {
    texts: BTreeMap<String, StrId>,
    consts: BTreeMap<String, ConstId>,
    /// By handle.
    pub(super) types: Vec<Option<TypeId>>,
    /// By file: how many bytes of a byte order mark stand before the text that the image keeps.
    marks: Vec<u32>,
}

impl Tables {
    pub(super) fn new(program: &Program, sources: &SourceMap) -> Self {
        let mark = |text: &str| if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self {
            texts: BTreeMap::new(),
            consts: BTreeMap::new(),
            types: vec![None; program.types.len()],
            marks: sources.files().map(|(_, file)| mark(&file.text)).collect(),
        }
    }
}

impl Generator<'_> {
    /// Interns a text.
    pub(super) fn text(&mut self, text: &str) -> StrId {
        if let Some(id) = self.tables.texts.get(text) {
            return *id;
        }
        let id = StrId(self.image.strings.len() as u32);
        self.image.strings.push(text.to_owned());
        self.tables.texts.insert(text.to_owned(), id);
        id
    }

    /// Interns a value and everything in it.
    pub(super) fn constant(&mut self, value: &ConstValue) -> ConstId {
        let made = match value {
            ConstValue::Null => Const::Null,
            ConstValue::Bool(b) => Const::Bool(*b),
            ConstValue::Int(i) => Const::Int(*i),
            ConstValue::Float(f) => Const::Float(*f),
            ConstValue::Str(s) | ConstValue::Case(s) => Const::Str(self.text(s)),
            ConstValue::Duration(ns) => Const::Duration(*ns),
            ConstValue::Time(ns) => Const::Time(*ns),
            ConstValue::List(items) => Const::List(items.iter().map(|item| self.constant(item)).collect()),
            ConstValue::Record(fields) => Const::Record(self.const_fields(fields)),
            ConstValue::Map(entries) => Const::Map(self.const_fields(entries)),
            ConstValue::Variant(case, fields) => {
                let case = self.text(case);
                Const::Variant(case, self.const_fields(fields))
            }
        };
        self.intern_const(made)
    }

    /// The constant record with these names and null values, as `Record` instructions take it.
    pub(super) fn record_shape<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> ConstId {
        let fields = self.shape_fields(names);
        self.intern_const(Const::Record(fields))
    }

    /// The constant case with these names and null values, as `Variant` instructions take it.
    pub(super) fn variant_shape<'n>(&mut self, case: &str, names: impl Iterator<Item = &'n str>) -> ConstId {
        let fields = self.shape_fields(names);
        let case = self.text(case);
        self.intern_const(Const::Variant(case, fields))
    }

    /// Notes that the program mentions a secret.
    pub(super) fn secret(&mut self, name: &str) -> StrId {
        let id = self.text(name);
        if !self.image.secrets.contains(&id) {
            self.image.secrets.push(id);
        }
        id
    }

    /// The place as it stands in the text that the image keeps.
    pub(super) fn place(&self, span: Span) -> SourceSpan {
        let mark = self.tables.marks.get(span.file.0 as usize).copied().unwrap_or(0);
        SourceSpan {
            file: span.file.0,
            start: span.start.saturating_sub(mark),
            end: span.end.saturating_sub(mark),
        }
    }

    fn shape_fields<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Vec<(StrId, ConstId)> {
        let null = self.intern_const(Const::Null);
        names.map(|name| (self.text(name), null)).collect()
    }

    fn const_fields(&mut self, fields: &[(String, ConstValue)]) -> Vec<(StrId, ConstId)> {
        let fields = fields.iter();
        fields
            .map(|(name, value)| (self.text(name), self.constant(value)))
            .collect()
    }

    /// Equal constants print alike, floats with the sign of their zero.
    fn intern_const(&mut self, value: Const) -> ConstId {
        let key = format!("{value:?}");
        if let Some(id) = self.tables.consts.get(&key) {
            return *id;
        }
        let id = ConstId(self.image.consts.len() as u32);
        self.image.consts.push(value);
        self.tables.consts.insert(key, id);
        id
    }
}
