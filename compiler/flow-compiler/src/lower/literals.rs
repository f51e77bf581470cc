//! Literals: texts with what is shown in them, lists, records and maps (the expected type decides which), and
//! the variants of enums.

use std::collections::BTreeMap;

use flow_bytecode::Method;
use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Entry, Key, StrPart};

use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::types::{RecordTy, Ty, TyKind};

impl Lower<'_> {
    /// A text; one with a secret in it is a secret.
    pub(super) fn string(&mut self, cx: &mut Cx, text: &ast::StrLit) -> Expr {
        if let Some(plain) = text.plain() {
            let kind = ExprKind::Const(ConstValue::Str(plain.to_string()));
            return Expr {
                kind,
                ty: self.prim.string,
                span: text.span,
            };
        }
        let mut ty = self.prim.string;
        let mut parts = Vec::new();
        for part in &text.parts {
            match part {
                StrPart::Text(text, span) => {
                    let kind = ExprKind::Const(ConstValue::Str(text.clone()));
                    parts.push(Expr {
                        kind,
                        ty: self.prim.string,
                        span: *span,
                    });
                }
                StrPart::Expr(written) => {
                    let part = self.expr(cx, written, None);
                    if self.has_secret(part.ty) {
                        ty = self.prim.secret;
                    }
                    if let TyKind::Fn(..) = self.kind(part.ty) {
                        self.error(
                            codes::MISMATCH,
                            part.span,
                            "a function cannot be shown in a text",
                            "",
                        );
                    }
                    parts.push(part);
                }
            }
        }
        Expr {
            kind: ExprKind::Interpolate(parts),
            ty,
            span: text.span,
        }
    }

    pub(super) fn list(&mut self, cx: &mut Cx, items: &[ast::Expr], want: Option<Ty>, span: Span) -> Expr {
        let item_want = match want.map(|want| self.kind(self.core(want)).clone()) {
            Some(TyKind::List(item)) => Some(item),
            Some(TyKind::Json) => Some(self.prim.json),
            _ => None,
        };
        let values: Vec<Expr> = items.iter().map(|item| self.expr(cx, item, item_want)).collect();
        let (values, item) = self.unified(cx, values, item_want, "elements");
        let ty = if item == self.prim.error {
            item
        } else {
            self.list_of(item)
        };
        // Where a `json` is wanted, the list is one; where a `[json]` is, it is a list of them.
        if want.is_some_and(|want| matches!(self.kind(self.core(want)), TyKind::Json)) {
            return Expr {
                kind: ExprKind::List(values),
                ty: self.prim.json,
                span,
            };
        }
        Expr {
            kind: ExprKind::List(values),
            ty,
            span,
        }
    }

    /// `{ … }`: a record or a map.
    pub(super) fn braces(&mut self, cx: &mut Cx, entries: &[Entry], want: Option<Ty>, span: Span) -> Expr {
        match want.map(|want| (self.core(want), self.kind(self.core(want)).clone())) {
            Some((ty, TyKind::Record(record))) => self.record_literal(cx, entries, (ty, &record), span),
            Some((ty, TyKind::Map(value))) => self.map_literal(cx, entries, value, ty, span),
            Some((_, TyKind::Json)) => {
                let json = self.prim.json;
                self.map_literal(cx, entries, json, json, span)
            }
            Some((_, TyKind::Error)) => {
                for entry in entries {
                    self.entry_value(cx, entry, None);
                }
                self.wrong(span)
            }
            _ if entries.is_empty() => {
                self.error(
                    codes::NEEDS_TYPE,
                    span,
                    "nothing says what `{ }` is",
                    "a record or a map?",
                )
                .help = Some("it needs a place with a type: a parameter, a field, a constant".into());
                self.wrong(span)
            }
            _ if entries.iter().all(names_only) => self.free_record(cx, entries, span),
            _ => self.free_map(cx, entries, span),
        }
    }

    /// A record of a known type: fields checked, what may be left out filled in, in the order of the type.
    fn record_literal(
        &mut self,
        cx: &mut Cx,
        entries: &[Entry],
        (ty, record): (Ty, &RecordTy),
        span: Span,
    ) -> Expr {
        if let Some(with) = self.plain_spread(cx, entries, ty, record, span) {
            return with;
        }
        let known: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
        let mut given: BTreeMap<String, Expr> = BTreeMap::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut bases: Vec<(Local, Expr)> = Vec::new();
        let mut broken = false;
        for entry in entries {
            match entry {
                Entry::Spread(base, _) => {
                    let base = self.expr(cx, base, None);
                    let whole = cx.fresh(base.ty, base.span);
                    match self.spread_fields(&base) {
                        Some(fields) => {
                            for (name, field_ty) in fields {
                                if !known.contains(&name.as_str()) {
                                    continue;
                                }
                                let from = Expr {
                                    kind: ExprKind::Local(whole.id),
                                    ty: base.ty,
                                    span: base.span,
                                };
                                let part = ExprKind::Access(Box::new(from), name.clone());
                                given.insert(
                                    name,
                                    Expr {
                                        kind: part,
                                        ty: field_ty,
                                        span: base.span,
                                    },
                                );
                            }
                        }
                        None => broken = true,
                    }
                    bases.push((whole, base));
                }
                Entry::Field { key, .. } => {
                    let Some(name) = self.field_name(cx, key) else {
                        broken = true;
                        self.entry_value(cx, entry, None);
                        continue;
                    };
                    self.once(&mut seen, &name);
                    let field = record.fields.iter().find(|field| field.name == name.name);
                    let value = self.entry_value(cx, entry, field.map(|field| field.ty));
                    if let (Some(_), Some(value)) = (field, value) {
                        given.insert(name.name, value);
                    } else {
                        broken = true;
                        self.unknown_field(ty, &known, &name);
                    }
                }
            }
        }
        self.finished_record(cx, (ty, record), given, bases, broken, span)
    }

    /// A record of what is given, what may be left out filled in, in the order of the type.
    fn finished_record(
        &mut self,
        cx: &mut Cx,
        (ty, record): (Ty, &RecordTy),
        mut given: BTreeMap<String, Expr>,
        bases: Vec<(Local, Expr)>,
        broken: bool,
        span: Span,
    ) -> Expr {
        let mut fields = Vec::new();
        let mut missing = Vec::new();
        for field in &record.fields {
            match given.remove(&field.name) {
                Some(value) => fields.push((field.name.clone(), self.fit(cx, value, field.ty))),
                None if field.default.is_some() || self.is_nullable(field.ty) => {
                    fields.push((
                        field.name.clone(),
                        super::convert::default_of(field.default.as_ref(), field.ty, span),
                    ));
                }
                None => missing.push(format!("`{}`", field.name)),
            }
        }
        if broken {
            return self.wrong(span);
        }
        if !missing.is_empty() {
            self.missing_fields(ty, &missing, span);
            return self.wrong(span);
        }
        let mut result = Expr {
            kind: ExprKind::Record(fields),
            ty,
            span,
        };
        for (local, base) in bases.into_iter().rev() {
            let kind = ExprKind::Let(local, Box::new(base), Box::new(result));
            result = Expr { kind, ty, span };
        }
        result
    }

    fn missing_fields(&mut self, ty: Ty, missing: &[String], span: Span) {
        let (shown, list) = (self.show(ty), missing.join(", "));
        let message = if missing.len() == 1 {
            format!("the field {list} of `{shown}` is missing")
        } else {
            format!("the fields {list} of `{shown}` are missing")
        };
        self.error(codes::MISSING_FIELD, span, message, &format!("without {list}"));
    }

    /// `{ ...r, a: 2 }` where `r` is of the wanted type already.
    fn plain_spread(
        &mut self,
        cx: &mut Cx,
        entries: &[Entry],
        ty: Ty,
        record: &RecordTy,
        span: Span,
    ) -> Option<Expr> {
        let (Entry::Spread(base, _), rest) = entries.split_first()? else {
            return None;
        };
        if rest.iter().any(|entry| matches!(entry, Entry::Spread(..))) {
            return None;
        }
        let keep = (self.out.len(), cx.clone());
        let base = self.expr(cx, base, Some(ty));
        if base.ty == self.prim.error || !self.fits(base.ty, ty) {
            let reported = self.out.len() > keep.0;
            if reported {
                for entry in rest {
                    self.entry_value(cx, entry, None);
                }
                return Some(self.wrong(span));
            }
            *cx = keep.1;
            return None;
        }
        let base = self.fit(cx, base, ty);
        let known: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut fields = Vec::new();
        for entry in rest {
            let Entry::Field { key, .. } = entry else { continue };
            let Some(name) = self.field_name(cx, key) else {
                continue;
            };
            self.once(&mut seen, &name);
            let field = record.fields.iter().find(|field| field.name == name.name);
            let value = self.entry_value(cx, entry, field.map(|field| field.ty));
            match (field, value) {
                (Some(field), Some(value)) => {
                    let value = self.fit(cx, value, field.ty);
                    fields.push((name.name, value));
                }
                _ => self.unknown_field(ty, &known, &name),
            }
        }
        Some(Expr {
            kind: ExprKind::With(Box::new(base), fields),
            ty,
            span,
        })
    }

    fn once(&mut self, seen: &mut BTreeMap<String, Span>, name: &ast::Ident) {
        if let Some(first) = seen.insert(name.name.clone(), name.span) {
            self.report(
                Diagnostic::new(codes::DUPLICATE_FIELD, format!("the field `{name}` stands twice"))
                    .primary(name.span, "again here")
                    .label(first, "first here"),
            );
        }
    }

    fn spread_fields(&mut self, base: &Expr) -> Option<Vec<(String, Ty)>> {
        match self.kind(self.bare(base.ty)) {
            TyKind::Record(record) => Some(
                record
                    .fields
                    .iter()
                    .map(|field| (field.name.clone(), field.ty))
                    .collect(),
            ),
            TyKind::Error => None,
            _ => {
                let shown = self.show(base.ty);
                self.error(
                    codes::MISMATCH,
                    base.span,
                    format!("`...` takes the fields of a record, and this is `{shown}`"),
                    "",
                );
                None
            }
        }
    }

    /// The name that a key of a record is.
    fn field_name(&mut self, cx: &mut Cx, key: &Key) -> Option<ast::Ident> {
        match key {
            Key::Name(name) => Some(name.clone()),
            Key::Str(text) => {
                if let Some(plain) = text.plain() {
                    Some(ast::Ident {
                        name: plain.to_string(),
                        span: text.span,
                    })
                } else {
                    self.error(
                        codes::MISMATCH,
                        text.span,
                        "the name of a field cannot be computed",
                        "",
                    );
                    None
                }
            }
            Key::Computed(inner) => {
                self.expr(cx, inner, None);
                self.error(
                    codes::MISMATCH,
                    inner.span,
                    "a record is expected here, and its names cannot be computed",
                    "",
                )
                .help = Some("with computed keys it is a map: the place needs the type `map<T>`".into());
                None
            }
        }
    }

    /// The value of an entry; of the short form, what its name means.
    fn entry_value(&mut self, cx: &mut Cx, entry: &Entry, want: Option<Ty>) -> Option<Expr> {
        match entry {
            Entry::Spread(base, _) => Some(self.expr(cx, base, want)),
            Entry::Field {
                value: Some(value), ..
            } => Some(self.expr(cx, value, want)),
            Entry::Field {
                key: Key::Name(name),
                value: None,
                ..
            } => {
                let written = ast::Expr {
                    kind: ast::ExprKind::Name(name.clone()),
                    span: name.span,
                };
                Some(self.expr(cx, &written, want))
            }
            Entry::Field { .. } => None,
        }
    }

    fn free_record(&mut self, cx: &mut Cx, entries: &[Entry], span: Span) -> Expr {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut fields: Vec<(String, Expr)> = Vec::new();
        let mut bases = Vec::new();
        for entry in entries {
            if let Entry::Spread(base, _) = entry {
                let base = self.expr(cx, base, None);
                let Some(parts) = self.spread_fields(&base) else {
                    return self.wrong(span);
                };
                let whole = cx.fresh(base.ty, base.span);
                for (name, ty) in parts {
                    let from = Expr {
                        kind: ExprKind::Local(whole.id),
                        ty: base.ty,
                        span: base.span,
                    };
                    let part = Expr {
                        kind: ExprKind::Access(Box::new(from), name.clone()),
                        ty,
                        span: base.span,
                    };
                    put(&mut fields, name, part);
                }
                bases.push((whole, base));
                continue;
            }
            let Entry::Field { key, .. } = entry else { continue };
            let Some(name) = self.field_name(cx, key) else {
                continue;
            };
            self.once(&mut seen, &name);
            if let Some(value) = self.entry_value(cx, entry, None) {
                put(&mut fields, name.name, value);
            }
        }
        if fields.iter().any(|(_, value)| value.ty == self.prim.error) {
            return self.wrong(span);
        }
        let ty = self.record_of(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), value.ty))
                .collect(),
        );
        let mut result = Expr {
            kind: ExprKind::Record(fields),
            ty,
            span,
        };
        for (local, base) in bases.into_iter().rev() {
            let kind = ExprKind::Let(local, Box::new(base), Box::new(result));
            result = Expr { kind, ty, span };
        }
        result
    }

    fn map_literal(&mut self, cx: &mut Cx, entries: &[Entry], value: Ty, ty: Ty, span: Span) -> Expr {
        let mut whole: Option<Expr> = None;
        let mut pairs = Vec::new();
        for entry in entries {
            if let Entry::Spread(base, _) = entry {
                let base = self.check(cx, base, ty);
                let before = Expr {
                    kind: ExprKind::Map(std::mem::take(&mut pairs)),
                    ty,
                    span,
                };
                let left = self.merged(whole.take(), before, ty, span);
                whole = Some(
                    self.merged(left, base, ty, span)
                        .unwrap_or_else(|| self.wrong(span)),
                );
                continue;
            }
            let Entry::Field { key, .. } = entry else { continue };
            let key = self.map_key(cx, key);
            if let Some(part) = self.entry_value(cx, entry, Some(value)) {
                pairs.push((key, self.fit(cx, part, value)));
            }
        }
        let last = Expr {
            kind: ExprKind::Map(pairs),
            ty,
            span,
        };
        self.merged(whole, last, ty, span).unwrap_or(Expr {
            kind: ExprKind::Map(Vec::new()),
            ty,
            span,
        })
    }

    #[expect(clippy::unused_self, reason = "a method like its neighbours")]
    fn merged(&self, left: Option<Expr>, right: Expr, ty: Ty, span: Span) -> Option<Expr> {
        let empty = |expr: &Expr| matches!(&expr.kind, ExprKind::Map(pairs) if pairs.is_empty());
        match left {
            None if empty(&right) => None,
            None => Some(right),
            Some(left) if empty(&right) => Some(left),
            Some(left) => Some(Expr {
                kind: ExprKind::Method(Method::Merge, vec![left, right]),
                ty,
                span,
            }),
        }
    }

    fn map_key(&mut self, cx: &mut Cx, key: &Key) -> Expr {
        match key {
            Key::Name(name) => {
                let kind = ExprKind::Const(ConstValue::Str(name.name.clone()));
                Expr {
                    kind,
                    ty: self.prim.string,
                    span: name.span,
                }
            }
            Key::Str(text) => self.string(cx, text),
            Key::Computed(inner) => self.check(cx, inner, self.prim.string),
        }
    }

    fn free_map(&mut self, cx: &mut Cx, entries: &[Entry], span: Span) -> Expr {
        let mut values = Vec::new();
        let mut keys = Vec::new();
        for entry in entries {
            if let Entry::Spread(base, at) = entry {
                self.expr(cx, base, None);
                self.error(codes::NEEDS_TYPE, *at, "nothing says what this map holds", "")
                    .help = Some("a map with `...` needs a place with a type".into());
                return self.wrong(span);
            }
            let Entry::Field { key, .. } = entry else { continue };
            keys.push(self.map_key(cx, key));
            if let Some(value) = self.entry_value(cx, entry, None) {
                values.push(value);
            }
        }
        let (values, value) = self.unified(cx, values, None, "values");
        if value == self.prim.error {
            return self.wrong(span);
        }
        let ty = self.map_of(value);
        Expr {
            kind: ExprKind::Map(keys.into_iter().zip(values).collect()),
            ty,
            span,
        }
    }
}

fn names_only(entry: &Entry) -> bool {
    matches!(
        entry,
        Entry::Spread(..)
            | Entry::Field {
                key: Key::Name(_),
                ..
            }
    )
}

fn put(fields: &mut Vec<(String, Expr)>, name: String, value: Expr) {
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
}
