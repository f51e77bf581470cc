//! What stands behind a dot: `run.x`, `config.x`, `state.x`, `secret.X`, `Enum.variant`, and fields of records.
//! Methods are in `methods`.

use flow_diagnostics::codes::{names as name_codes, secrets, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self};

use super::facts::Place;
use super::{Cx, Lower};
use crate::hir::expr::{Expr, ExprKind};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind};
use flow_bytecode::RunField;

/// The properties of `run`, by name.
const RUN: &[(&str, RunField)] = &[
    ("id", RunField::Id),
    ("flow", RunField::Flow),
    ("step", RunField::Step),
    ("node", RunField::Node),
    ("attempt", RunField::Attempt),
    ("turn", RunField::Turn),
    ("remaining_steps", RunField::RemainingSteps),
    ("is_last_step", RunField::IsLastStep),
    ("started", RunField::Started),
    ("now", RunField::Now),
    ("elapsed", RunField::Elapsed),
    ("parent", RunField::Parent),
    ("arrived", RunField::Arrived),
    ("outcome", RunField::Outcome),
];

impl Lower<'_> {
    /// `run.x`, `config.x`, `state.x`, `secret.X`, `Enum.variant`.
    pub(super) fn special_field(
        &mut self,
        cx: &mut Cx,
        owner: &ast::Ident,
        name: &ast::Ident,
        span: Span,
    ) -> Option<Expr> {
        match owner.name.as_str() {
            "run" => return Some(self.run_field(cx, name, span)),
            "secret" => return Some(self.secret(cx, name, span)),
            "config" | "state" => return Some(self.flow_value(cx, owner, name, span)),
            _ => {}
        }
        if cx.locals.iter().any(|bound| bound.local.name == owner.name) {
            return None;
        }
        match self.find(cx.module, Space::Types, &owner.name)? {
            Symbol::Enum(index) => {
                let ty = self.enum_ty(index);
                Some(self.variant_value(ty, &name.name, span).unwrap_or_else(|| {
                    let TyKind::Enum(decl) = self.kind(ty).clone() else {
                        return self.wrong(span);
                    };
                    let known: Vec<&str> = decl.variants.iter().map(|(name, _)| name.as_str()).collect();
                    self.unknown_variant(&decl.name, &known, name);
                    self.wrong(span)
                }))
            }
            _ => None,
        }
    }

    pub(super) fn run_field(&mut self, cx: &Cx, name: &ast::Ident, span: Span) -> Expr {
        if cx.no_run {
            self.error(name_codes::UNKNOWN_NAME, span, "there is no run here", "")
                .help =
                Some("functions, constants and types do not know the run; pass what they need".into());
            return self.wrong(span);
        }
        let Some((_, field)) = RUN.iter().find(|(known, _)| *known == name.name) else {
            let near = nearest(&name.name, RUN.iter().map(|(known, _)| *known));
            let help = match near {
                Some(near) => format!("did you mean `run.{near}`?"),
                None => format!(
                    "it has {}",
                    RUN.iter()
                        .map(|(n, _)| format!("`{n}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            self.error(
                codes::UNKNOWN_RUN_FIELD,
                name.span,
                format!("`run` has no `{name}`"),
                "unknown",
            )
            .help = Some(help);
            return self.wrong(span);
        };
        let ty = match field {
            RunField::Id | RunField::Flow | RunField::Node => self.prim.string,
            RunField::Step | RunField::Attempt | RunField::Turn | RunField::RemainingSteps => self.prim.int,
            RunField::IsLastStep => self.prim.bool,
            RunField::Started | RunField::Now => self.prim.time,
            RunField::Elapsed => self.prim.duration,
            RunField::Parent => self.nullable(self.prim.string),
            RunField::Arrived => self.list_of(self.prim.string),
            RunField::Outcome => self.builtin_enum("Outcome", &["done", "failed", "cancelled", "limit"]),
        };
        Expr {
            kind: ExprKind::Run(*field),
            ty,
            span,
        }
    }

    pub(super) fn secret(&mut self, cx: &Cx, name: &ast::Ident, span: Span) -> Expr {
        if !cx.secrets {
            self.error(secrets::SECRET_LEAK, span, "a secret cannot stand here", "would leave its place").help = Some(
                "a secret may stand in the body of a worker, and as an argument for a parameter of type `secret`".into(),
            );
            return self.wrong(span);
        }
        Expr {
            kind: ExprKind::Secret(name.name.clone()),
            ty: self.prim.secret,
            span,
        }
    }

    pub(super) fn flow_value(
        &mut self,
        cx: &mut Cx,
        owner: &ast::Ident,
        name: &ast::Ident,
        span: Span,
    ) -> Expr {
        let Some(flow) = cx.flow.clone() else {
            self.error(
                name_codes::UNKNOWN_NAME,
                owner.span,
                format!("there is no `{owner}` outside of a flow"),
                "",
            );
            return self.wrong(span);
        };
        let (found, known): (_, Vec<&String>) = if owner.name == "config" {
            let found = flow
                .config
                .get(&name.name)
                .map(|(i, ty)| (ExprKind::Config(*i), Place::Config(*i), *ty));
            (found, flow.config.keys().collect())
        } else {
            let found = flow
                .fields
                .get(&name.name)
                .map(|(f, ty)| (ExprKind::Field(*f), Place::Field(*f), *ty));
            (found, flow.fields.keys().collect())
        };
        if let Some((kind, place, ty)) = found {
            return self.known(cx, kind, place, ty, span);
        }
        let help = match nearest(&name.name, known.iter().map(|name| name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: {} {{ {name}: … }}", owner.name),
        };
        let code = flow_diagnostics::codes::state::UNKNOWN_STATE_FIELD;
        self.error(code, name.span, format!("`{owner}` has no `{name}`"), "unknown")
            .help = Some(help);
        self.wrong(span)
    }

    pub(super) fn access(&mut self, base: Expr, name: &ast::Ident, span: Span) -> Expr {
        let bare = self.bare(base.ty);
        match self.kind(bare).clone() {
            TyKind::Error => self.wrong(span),
            TyKind::Record(record) => {
                if let Some(field) = record.fields.iter().find(|field| field.name == name.name) {
                    Expr {
                        kind: ExprKind::Access(Box::new(base), name.name.clone()),
                        ty: field.ty,
                        span,
                    }
                } else {
                    let known: Vec<&str> = record.fields.iter().map(|field| field.name.as_str()).collect();
                    self.unknown_field(bare, &known, name);
                    self.wrong(span)
                }
            }
            TyKind::Nullable(_) => {
                let shown = self.project.sources.slice(base.span).to_string();
                self.error(
                    codes::NULLABLE,
                    base.span,
                    format!("`{shown}` may be null"),
                    &format!("is `{}`", self.show(base.ty)),
                )
                .help = Some(format!("write `?.{name}`, or test it before: `{shown} != null`"));
                self.wrong(span)
            }
            TyKind::Json => {
                self.error(
                    codes::JSON_AS_VALUE,
                    base.span,
                    "`json` has to be narrowed before it has fields",
                    "is `json`",
                )
                .help = Some(format!("say what it is: `(… as {{ {name}: string }}).{name}`"));
                self.wrong(span)
            }
            _ => {
                let shown = self.show(base.ty);
                let help = if flow_bytecode::Method::by_name(&name.name).is_some() {
                    Some(format!("methods are called: `.{name}(…)`"))
                } else {
                    matches!(self.kind(bare), TyKind::Enum(_))
                        .then(|| "fields of a variant are bound by `match`".into())
                };
                self.error(
                    codes::UNKNOWN_FIELD,
                    name.span,
                    format!("`{shown}` has no fields"),
                    "",
                )
                .help = help;
                self.wrong(span)
            }
        }
    }

    /// Says that a record has no such field.
    pub(super) fn unknown_field(&mut self, record: Ty, known: &[&str], name: &ast::Ident) {
        let shown = self.show(record);
        let mut diagnostic =
            Diagnostic::new(codes::UNKNOWN_FIELD, format!("`{shown}` has no field `{name}`"))
                .primary(name.span, "unknown");
        diagnostic = match nearest(&name.name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None if known.is_empty() => diagnostic.help("it has no fields"),
            None => {
                let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                diagnostic.help(format!("it has {}", list.join(", ")))
            }
        };
        self.report(diagnostic);
    }
}
