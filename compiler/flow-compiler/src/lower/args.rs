//! Arguments against parameters: of functions, workers, flows, nodes and variants alike.

use std::collections::BTreeMap;

use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Arg};

use super::methods::count;
use super::{Cx, Lower};
use crate::hir::Param;
use crate::hir::expr::{Expr, ExprKind};
use crate::names::nearest;
use crate::types::{TyKind, with_article};

/// What is called: for messages.
pub(super) struct Callee<'c> {
    /// `worker`, `function`, `node` …
    pub kind: &'c str,
    pub name: &'c str,
    /// Where it was declared.
    pub declared: Option<Span>,
    /// Where the call stands.
    pub span: Span,
}

impl Lower<'_> {
    /// The values of the parameters, in their order, defaults filled in.
    pub(super) fn args(
        &mut self,
        cx: &mut Cx,
        params: &[Param],
        args: &[Arg],
        callee: &Callee<'_>,
    ) -> Vec<(String, Expr)> {
        let given = self.matched(params, args, callee);
        let mut values = Vec::new();
        for (param, arg) in params.iter().zip(given) {
            values.push(arg.map(|arg| self.arg(cx, param, &arg.value)));
        }
        self.completed(params, args, values, callee)
    }

    /// The values of the parameters, with what may be left out filled in, and what may not reported.
    pub(super) fn completed(
        &mut self,
        params: &[Param],
        args: &[Arg],
        given: Vec<Option<Expr>>,
        callee: &Callee<'_>,
    ) -> Vec<(String, Expr)> {
        let mut missing = Vec::new();
        let mut values = Vec::new();
        for (param, value) in params.iter().zip(given) {
            let value = match (value, self.left_out(param)) {
                (Some(value), _) => value,
                (None, Some(value)) => Expr {
                    kind: ExprKind::Const(value),
                    ty: param.ty,
                    span: callee.span,
                },
                (None, None) => {
                    if param.ty != self.prim.error {
                        missing.push(param);
                    }
                    self.wrong(callee.span)
                }
            };
            values.push((param.name.text.clone(), value));
        }
        let named = |name: &ast::Ident| params.iter().any(|param| param.name.text == name.name);
        let strangers = args
            .iter()
            .filter_map(|arg| arg.name.as_ref())
            .filter(|name| !named(name))
            .count();
        if missing.len() > strangers {
            self.missing(&missing, callee); // else the unknown ones were meant for them
        }
        values
    }

    fn arg(&mut self, cx: &mut Cx, param: &Param, written: &ast::Expr) -> Expr {
        if let TyKind::Fn(params, result) = self.kind(param.ty).clone() {
            return self.lambda(cx, written, &params, Some(result));
        }
        let secret = matches!(self.kind(self.core(param.ty)), TyKind::Secret);
        let before = cx.secrets;
        cx.secrets |= secret;
        let value = self.check(cx, written, param.ty);
        cx.secrets = before;
        value
    }

    fn missing(&mut self, missing: &[&Param], callee: &Callee<'_>) {
        let Some(first) = missing.first() else { return };
        let names: Vec<String> = missing
            .iter()
            .map(|param| format!("`{}`", param.name.text))
            .collect();
        let (kind, name) = (callee.kind, callee.name);
        let shown = self.show(first.ty);
        let noun = if missing.len() == 1 {
            "the argument"
        } else {
            "the arguments"
        };
        let mut diagnostic = Diagnostic::new(
            codes::ARGUMENTS,
            format!(
                "{noun} {} of the {kind} `{name}` {} missing",
                names.join(", "),
                if missing.len() == 1 { "is" } else { "are" }
            ),
        )
        .primary(callee.span, "")
        .help(format!(
            "write `{}: …`, {shown_is}",
            first.name.text,
            shown_is = with_article(&shown)
        ));
        if callee.declared.is_some() {
            diagnostic = diagnostic.label(first.name.span, "the parameter");
        }
        self.report(diagnostic);
    }

    /// Which argument each parameter gets.
    pub(super) fn matched<'g>(
        &mut self,
        params: &[Param],
        args: &'g [Arg],
        callee: &Callee<'_>,
    ) -> Vec<Option<&'g Arg>> {
        let mut given: Vec<Option<&Arg>> = vec![None; params.len()];
        let positions: BTreeMap<&str, usize> = params
            .iter()
            .enumerate()
            .map(|(index, param)| (param.name.text.as_str(), index))
            .collect();
        let mut extra: Option<Span> = None;
        for (place, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                None if place < params.len() => Some(place),
                None => {
                    extra = extra.or(Some(arg.span));
                    None
                }
                Some(name) => {
                    if let Some(index) = positions.get(name.name.as_str()) {
                        Some(*index)
                    } else {
                        self.unknown_argument(name, params, callee);
                        None
                    }
                }
            };
            let Some(index) = index else { continue };
            if let Some(first) = given[index] {
                self.report(
                    Diagnostic::new(
                        codes::ARGUMENTS,
                        format!("`{}` is given twice", params[index].name.text),
                    )
                    .primary(arg.span, "again here")
                    .label(first.span, "first here"),
                );
                continue;
            }
            given[index] = Some(arg);
        }
        if let Some(span) = extra {
            let (kind, name) = (callee.kind, callee.name);
            let takes = count(params.len(), "argument");
            self.error(
                codes::ARGUMENTS,
                span,
                format!("the {kind} `{name}` takes {takes}"),
                "one too many",
            );
        }
        given
    }

    pub(super) fn unknown_argument(&mut self, name: &ast::Ident, params: &[Param], callee: &Callee<'_>) {
        let known: Vec<&str> = params.iter().map(|param| param.name.text.as_str()).collect();
        let mut diagnostic = Diagnostic::new(
            codes::ARGUMENTS,
            format!("the {} `{}` has no parameter `{name}`", callee.kind, callee.name),
        )
        .primary(name.span, "unknown");
        diagnostic = match nearest(&name.name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None if known.is_empty() => diagnostic.help("it has no parameters"),
            None => {
                let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                diagnostic.help(format!("it has {}", list.join(", ")))
            }
        };
        if let Some(declared) = callee.declared {
            diagnostic = diagnostic.label(declared, "declared here");
        }
        self.report(diagnostic);
    }
}
