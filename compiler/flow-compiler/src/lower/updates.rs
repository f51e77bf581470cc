//! Updates: what a field's reducer takes, and that a node updates a `last_value` field once.

use flow_diagnostics::codes::state as state_codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self};

use super::{Cx, Lower};
use crate::hir::FieldRef;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Reducer, Stmt, Update};
use crate::types::{Ty, TyKind, with_article};

impl Lower<'_> {
    pub(super) fn updates(&mut self, cx: &mut Cx, written: &[&ast::Update]) -> Vec<Stmt> {
        let updates: Vec<Stmt> = written
            .iter()
            .filter_map(|update| self.update(cx, update))
            .map(Stmt::Update)
            .collect();
        self.updated_twice(cx, &updates);
        updates
    }

    /// Two updates of one `last_value` field in one node.
    pub(super) fn updated_twice(&mut self, cx: &Cx, body: &[Stmt]) {
        let Some(flow) = cx.flow.clone() else { return };
        let mut seen: std::collections::BTreeMap<FieldRef, Span> = std::collections::BTreeMap::new();
        for stmt in body {
            let Stmt::Update(update) = stmt else { continue };
            let Some(first) = seen.insert(update.field, update.field_span) else {
                continue;
            };
            if flow.reducers.get(update.field.index()) == Some(&Reducer::LastValue) {
                let name = self.project.sources.slice(update.field_span).to_string();
                self.report(
                    Diagnostic::new(
                        state_codes::UPDATED_TWICE,
                        format!("`{name}` is updated twice by one node"),
                    )
                    .primary(update.field_span, "again here")
                    .label(first, "first here")
                    .help("only one value can be kept: leave one out, or give the field another reducer"),
                );
            }
        }
    }

    pub(super) fn update(&mut self, cx: &mut Cx, written: &ast::Update) -> Option<Update> {
        let Some((field, ty)) = self.field_named(cx, &written.field) else {
            self.expr(cx, &written.value, Some(self.prim.error));
            return None;
        };
        let flow = cx.flow.clone()?;
        let reducer = flow.reducers[field.index()];
        let (value, items) = if written.overwrite {
            (self.check(cx, &written.value, ty), false)
        } else {
            self.sent(cx, &written.value, reducer, ty, &written.field)
        };
        Some(Update {
            field,
            field_span: written.field.span,
            overwrite: written.overwrite,
            value,
            items,
            span: written.span,
        })
    }

    /// A value that is sent through a reducer, and whether it is a list whose items are added.
    pub(super) fn sent(
        &mut self,
        cx: &mut Cx,
        written: &ast::Expr,
        reducer: Reducer,
        ty: Ty,
        field: &ast::Ident,
    ) -> (Expr, bool) {
        let core = self.core(ty);
        match (reducer, self.kind(core).clone()) {
            (Reducer::Append, TyKind::List(item)) => self.appended(cx, written, core, item, field),
            (Reducer::AddMessages, TyKind::List(item)) => (self.messages(cx, written, item), false),
            (Reducer::Merge, TyKind::Record(record)) => {
                (self.merged_record(cx, written, core, &record), false)
            }
            (Reducer::Add | Reducer::Min | Reducer::Max | Reducer::Merge, _) => {
                (self.check(cx, written, core), false)
            }
            (Reducer::Custom(function), _) => {
                let want = self
                    .fn_sig(function.0)
                    .params
                    .get(1)
                    .map_or(self.prim.error, |param| param.ty);
                (self.check(cx, written, want), false)
            }
            _ => (self.check(cx, written, ty), false),
        }
    }

    /// `append`: an item, or a list whose items are added; where both fit, it is one item.
    pub(super) fn appended(
        &mut self,
        cx: &mut Cx,
        written: &ast::Expr,
        list: Ty,
        item: Ty,
        field: &ast::Ident,
    ) -> (Expr, bool) {
        let hint = match (leaves(written), self.kind(self.core(item))) {
            (Some(true), TyKind::List(_)) => None,
            (Some(true), TyKind::Json) | (Some(false), _) => Some(item),
            (Some(true), _) => Some(list),
            (None, _) => None,
        };
        let value = self.expr(cx, written, hint);
        if value.ty == self.prim.error {
            return (value, false);
        }
        if self.fits(value.ty, item) {
            return (self.fit(cx, value, item), false);
        }
        if self.fits(value.ty, list) {
            return (self.fit(cx, value, list), true);
        }
        let (has, one) = (self.show(value.ty), self.show(item));
        let nullable = matches!(self.kind(value.ty), TyKind::Nullable(_));
        let diagnostic = self.error(
            state_codes::UPDATE_TYPE,
            written.span,
            format!(
                "`{field}` takes {one_is} or a list of them, and this is `{has}`",
                one_is = with_article(&one)
            ),
            &format!("is `{has}`"),
        );
        if nullable {
            diagnostic.help = Some("say what stands for null with `?? []`".into());
        }
        (self.wrong(written.span), false)
    }

    /// `merge` into a record: the fields that are given.
    pub(super) fn merged_record(
        &mut self,
        cx: &mut Cx,
        written: &ast::Expr,
        whole: Ty,
        record: &crate::types::RecordTy,
    ) -> Expr {
        if !matches!(written.unparen().kind, ast::ExprKind::Record(_)) {
            return self.check(cx, written, whole);
        }
        let value = self.expr(cx, written, None);
        let ExprKind::Record(fields) = value.kind else {
            return self.fit(cx, value, whole);
        };
        let known: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
        let mut typed = Vec::new();
        for (name, value) in fields {
            if let Some(field) = record.fields.iter().find(|field| field.name == name) {
                typed.push((name, self.fit(cx, value, field.ty)));
            } else {
                let ident = ast::Ident {
                    name,
                    span: value.span,
                };
                self.unknown_field(whole, &known, &ident);
            }
        }
        let ty = self.record_of(
            typed
                .iter()
                .map(|(name, value)| (name.clone(), value.ty))
                .collect(),
        );
        Expr {
            kind: ExprKind::Record(typed),
            ty,
            span: value.span,
        }
    }

    /// `add_messages`: an element or a list of them; an element is a message or an order to remove.
    pub(super) fn messages(&mut self, cx: &mut Cx, written: &ast::Expr, item: Ty) -> Expr {
        let span = written.span;
        match &written.unparen().kind {
            ast::ExprKind::List(items) => {
                let items = items.iter().map(|one| self.messages(cx, one, item)).collect();
                Expr {
                    kind: ExprKind::List(items),
                    ty: self.prim.json,
                    span,
                }
            }
            ast::ExprKind::Record(entries) if entries.iter().any(removes) => {
                let value = self.expr(cx, written, None);
                Expr {
                    ty: self.prim.json,
                    ..value
                }
            }
            ast::ExprKind::Record(_) => self.check(cx, written, item),
            _ => {
                let value = self.expr(cx, written, None);
                let list = self.list_of(item);
                let want = if self.fits(value.ty, list) { list } else { item };
                self.fit(cx, value, want)
            }
        }
    }
}

/// Whether an expression is, whatever way it goes, a list literal (`Some(true)`) or a literal of something
/// else (`Some(false)`).
fn leaves(written: &ast::Expr) -> Option<bool> {
    match &written.unparen().kind {
        ast::ExprKind::List(_) => Some(true),
        ast::ExprKind::Record(_)
        | ast::ExprKind::Str(_)
        | ast::ExprKind::Literal(_)
        | ast::ExprKind::Name(_) => Some(false),
        ast::ExprKind::If { then, otherwise, .. } => {
            let (a, b) = (leaves(then), leaves(otherwise));
            if a == b {
                a
            } else {
                Some(true).filter(|_| a == Some(true) || b == Some(true))
            }
        }
        ast::ExprKind::Match { arms, .. } => {
            let all: Vec<Option<bool>> = arms.iter().map(|arm| leaves(&arm.value)).collect();
            let first = *all.first()?;
            if all.iter().all(|leaf| *leaf == first) {
                first
            } else {
                Some(true).filter(|_| all.contains(&Some(true)))
            }
        }
        ast::ExprKind::Binary {
            op: ast::BinaryOp::Coalesce,
            right,
            ..
        } => leaves(right).filter(|list| *list),
        _ => None,
    }
}

fn removes(entry: &ast::Entry) -> bool {
    matches!(entry, ast::Entry::Field { key: ast::Key::Name(name), .. } if name.name == "remove" || name.name == "remove_all")
}
