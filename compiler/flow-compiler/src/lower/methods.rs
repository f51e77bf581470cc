//! Calls of built-in methods: how a call finds its row in the table of `signatures`, and what its holes become. What they do is the
//! machine's; what they do at compile time is in `eval_methods`.

use flow_bytecode::Method;
use flow_diagnostics::codes::types as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast;

use super::signatures::{Holes, Shape, Signature};
use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind};
use crate::names::nearest;
use crate::types::{Ty, TyKind};

impl Lower<'_> {
    /// `receiver.name(args)`.
    pub(super) fn method(
        &mut self,
        cx: &mut Cx,
        receiver: Expr,
        name: &ast::Ident,
        args: &[ast::Arg],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        if receiver.ty == self.prim.error {
            self.blindly(cx, args);
            return self.wrong(span);
        }
        if matches!(self.kind(receiver.ty), TyKind::Nullable(_)) && name.name != "to_json" {
            let shown = self.project.sources.slice(receiver.span).to_string();
            let ty = self.show(receiver.ty);
            self.error(
                codes::NULLABLE,
                receiver.span,
                format!("`{shown}` may be null"),
                &format!("is `{ty}`"),
            )
            .help = Some(format!(
                "write `?.{name}(…)`, or say what stands for null: `({shown} ?? …).{name}(…)`"
            ));
            self.blindly(cx, args);
            return self.wrong(span);
        }
        if let Some(arg) = args.iter().find_map(|arg| arg.name.as_ref()) {
            self.error(
                codes::ARGUMENTS,
                arg.span,
                "the arguments of methods have no names",
                "",
            )
            .help = Some("write the value alone".into());
        }
        let rows = self.methods.get(name.name.as_str()).cloned().unwrap_or_default();
        let mut fitting: Vec<(Signature, Holes)> = Vec::new();
        for row in &rows {
            let mut holes = Holes::new();
            if self.matches_shape(&row.receiver, receiver.ty, &mut holes) {
                fitting.push((row.clone(), holes));
            }
        }
        let by_count = fitting.iter().find(|(row, _)| accepts(row, args)).cloned();
        let Some((row, holes)) = by_count else {
            self.no_method(&receiver, name, &rows, fitting.first().map(|(row, _)| row), args);
            self.blindly(cx, args);
            return self.wrong(span);
        };
        self.apply(cx, receiver, &row, holes, args, want, span)
    }

    /// Lowers arguments only for what is wrong inside of them.
    fn blindly(&mut self, cx: &mut Cx, args: &[ast::Arg]) {
        for arg in args {
            if !matches!(arg.value.unparen().kind, ast::ExprKind::Lambda { .. }) {
                self.expr(cx, &arg.value, Some(self.prim.error));
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only name them again"
    )]
    fn apply(
        &mut self,
        cx: &mut Cx,
        receiver: Expr,
        row: &Signature,
        mut holes: Holes,
        args: &[ast::Arg],
        want: Option<Ty>,
        span: Span,
    ) -> Expr {
        if let (Method::Fold, Some(want)) = (row.method, want) {
            holes.insert('U', want);
        }
        let mut values = vec![receiver];
        for ((shape, _), arg) in row.params.iter().zip(args) {
            let value = if let Shape::Fn(params, result) = shape {
                let params: Vec<Ty> = params.iter().map(|param| self.filled(param, &holes)).collect();
                let hint = self.known_shape(result, &holes);
                let lambda = self.lambda(cx, &arg.value, &params, hint);
                if let TyKind::Fn(_, given) = *self.kind(lambda.ty)
                    && hint.is_none()
                    && !self.matches_shape(result, given, &mut holes)
                {
                    self.bad_result(row, given, &lambda);
                    return self.wrong(span);
                }
                lambda
            } else if let Some(known) = self.known_shape(shape, &holes) {
                self.check(cx, &arg.value, known)
            } else {
                let value = self.expr(cx, &arg.value, None);
                if value.ty == self.prim.error || !self.matches_shape(shape, value.ty, &mut holes) {
                    return self.wrong(span);
                }
                value
            };
            values.push(value);
        }
        if values.iter().any(|value| value.ty == self.prim.error) || self.bad_regex(row.method, &values) {
            return self.wrong(span);
        }
        let ty = self.filled(&row.result, &holes);
        if matches!((row.method, &values[..]), (Method::Sum, [only]) if matches!(self.kind(self.bare(only.ty)), TyKind::List(item) if matches!(self.kind(self.bare(*item)), TyKind::Float)))
        {
            // An empty sum is the integer 0 to the machine.
            let sum = Expr {
                kind: ExprKind::Method(row.method, values),
                ty,
                span,
            };
            return Expr {
                kind: ExprKind::Widen(Box::new(sum)),
                ty,
                span,
            };
        }
        Expr {
            kind: ExprKind::Method(row.method, values),
            ty,
            span,
        }
    }

    /// Whether a regular expression that is known cannot be used; says so.
    fn bad_regex(&mut self, method: Method, values: &[Expr]) -> bool {
        let (Method::Matches | Method::FindAll, [_, given]) = (method, values) else {
            return false;
        };
        let ExprKind::Const(ConstValue::Str(text)) = &given.kind else {
            return false;
        };
        let Err(why) = super::eval_texts::pattern(text) else {
            return false;
        };
        self.error(codes::CONST_FAULT, given.span, why, "").help =
            Some("in a raw string, r\"…\", a `\\` is itself".into());
        true
    }

    fn bad_result(&mut self, row: &Signature, given: Ty, lambda: &Expr) {
        if given == self.prim.error {
            return;
        }
        let shown = self.show(given);
        let wanted = match row.method {
            Method::SortBy => "a number, a text or a time to sort by",
            Method::GroupBy => "a text or a variant to group by",
            Method::FlatMap => "a list",
            _ => "another type",
        };
        self.error(
            codes::MISMATCH,
            lambda.span,
            format!("`{}` needs {wanted}, and this gives `{shown}`", row.method.name()),
            "",
        );
    }

    fn no_method(
        &mut self,
        receiver: &Expr,
        name: &ast::Ident,
        rows: &[Signature],
        near: Option<&Signature>,
        args: &[ast::Arg],
    ) {
        let shown = self.show(receiver.ty);
        if let Some(row) = near {
            let signature = row.text.split_once('.').map_or(row.text, |(_, rest)| rest);
            let (most, given) = (row.params.len(), args.len());
            let help = Some(format!("its signature: {signature}"));
            if let (true, Some(last)) = (given == most, args.last()) {
                let message = format!("the function of `{name}` has another number of parameters");
                self.error(codes::LAMBDA, last.span, message, "").help = help;
                return;
            }
            let message = format!("`{name}` takes {}, not {given}", count(most, "argument"));
            self.error(codes::ARGUMENTS, name.span, message, "").help = help;
            return;
        }
        if receiver.ty == self.prim.json {
            self.error(
                codes::JSON_AS_VALUE,
                receiver.span,
                "`json` has to be narrowed before it has methods",
                "is `json`",
            )
            .help = Some(format!("say what it is: `(… as [string]).{name}(…)`"));
            return;
        }
        if receiver.ty == self.prim.secret {
            let message = format!("a secret has no methods, `{name}` neither");
            self.error(codes::UNKNOWN_METHOD, name.span, message, "unknown")
                .help = Some(
                "a secret goes to the host as it is; `+` and `${…}` put text before and behind it".into(),
            );
            return;
        }
        let mut diagnostic =
            Diagnostic::new(codes::UNKNOWN_METHOD, format!("`{shown}` has no method `{name}`"))
                .primary(name.span, "unknown");
        let own: Vec<&'static str> = self
            .methods
            .iter()
            .filter(|(_, rows)| {
                rows.iter()
                    .any(|row| self.matches_shape(&row.receiver, receiver.ty, &mut Holes::new()))
            })
            .map(|(name, _)| *name)
            .collect();
        let foreign = foreign_method(&name.name);
        let near = foreign
            .filter(|near| own.contains(near))
            .or_else(|| nearest(&name.name, own.iter().copied()));
        diagnostic = match (near, rows) {
            (Some(near), _) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            (None, [row, ..]) => {
                let whose = row.text.split('.').next().unwrap_or_default();
                diagnostic.help(format!("`{name}` is a method of `{whose}`"))
            }
            (None, []) => diagnostic.help(format!("it has {}", own.join(", "))),
        };
        self.report(diagnostic);
    }

    fn known_shape(&mut self, shape: &Shape, holes: &Holes) -> Option<Ty> {
        let known = match shape {
            Shape::Named(_) => true,
            Shape::Hole(hole) => holes.contains_key(hole),
            Shape::List(inner) | Shape::Map(inner) | Shape::Nullable(inner) => {
                return self.known_shape(inner, holes).map(|_| self.filled(shape, holes));
            }
            _ => false,
        };
        known.then(|| self.filled(shape, holes))
    }

    fn filled(&mut self, shape: &Shape, holes: &Holes) -> Ty {
        match shape {
            Shape::Named(name) => match *name {
                "string" => self.prim.string,
                "int" => self.prim.int,
                "float" => self.prim.float,
                "bool" => self.prim.bool,
                "json" => self.prim.json,
                "duration" => self.prim.duration,
                _ => self.prim.error,
            },
            Shape::Hole(hole) => holes.get(hole).copied().unwrap_or(self.prim.never),
            Shape::List(item) => {
                let item = self.filled(item, holes);
                self.list_of(item)
            }
            Shape::Map(value) => {
                let value = self.filled(value, holes);
                self.map_of(value)
            }
            Shape::Nullable(inner) => {
                let inner = self.filled(inner, holes);
                self.nullable(inner)
            }
            Shape::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, shape)| ((*name).to_string(), self.filled(shape, holes)))
                    .collect();
                self.record_of(fields)
            }
            Shape::Fn(params, result) => {
                let params = params.iter().map(|param| self.filled(param, holes)).collect();
                let result = self.filled(result, holes);
                self.fn_of(params, result)
            }
        }
    }

    fn matches_shape(&self, shape: &Shape, ty: Ty, holes: &mut Holes) -> bool {
        let bare = self.bare(ty);
        match (shape, self.kind(bare)) {
            (_, TyKind::Error) => true,
            (Shape::Hole(hole), kind) => {
                let fits = match hole {
                    'N' => matches!(
                        kind,
                        TyKind::Int | TyKind::Float | TyKind::Duration | TyKind::Never
                    ),
                    'O' => self.is_ordered(bare),
                    'K' => {
                        matches!(kind, TyKind::String)
                            || matches!(kind, TyKind::Enum(decl) if decl.is_plain())
                    }
                    _ => !matches!(kind, TyKind::Fn(..) | TyKind::Secret),
                };
                let ty = if matches!(hole, 'N' | 'O' | 'K') { bare } else { ty };
                holes.entry(*hole).or_insert(ty);
                fits
            }
            (Shape::Named("string"), TyKind::String)
            | (Shape::Named("int"), TyKind::Int)
            | (Shape::Named("float"), TyKind::Float)
            | (Shape::Named("bool"), TyKind::Bool)
            | (Shape::Named("json"), TyKind::Json)
            | (Shape::Named("duration"), TyKind::Duration)
            | (Shape::Named("string" | "int" | "float"), TyKind::Never) => true,
            (Shape::List(shape), TyKind::List(inner))
            | (Shape::Map(shape), TyKind::Map(inner))
            | (Shape::Nullable(shape), TyKind::Nullable(inner)) => self.matches_shape(shape, *inner, holes),
            _ => false,
        }
    }

    /// `hash(x)` and `range(a, b)`.
    pub(super) fn built_in_call(
        &mut self,
        cx: &mut Cx,
        name: &ast::Ident,
        args: &[ast::Arg],
        span: Span,
    ) -> Expr {
        let wanted = if name.name == "hash" { 1..=1 } else { 1..=2 };
        if !wanted.contains(&args.len()) {
            let help = if name.name == "hash" {
                "hash(value)"
            } else {
                "range(from, to), without `to`"
            };
            self.error(
                codes::ARGUMENTS,
                span,
                format!("`{name}` does not take {}", count(args.len(), "argument")),
                "",
            )
            .help = Some(help.into());
            return self.wrong(span);
        }
        if name.name == "hash" {
            let value = self.expr(cx, &args[0].value, None);
            if self.has_secret(value.ty) {
                self.mismatch(value.ty, value.span, self.prim.json);
                return self.wrong(span);
            }
            return Expr {
                kind: ExprKind::Method(Method::Hash, vec![value]),
                ty: self.prim.string,
                span,
            };
        }
        let mut ends: Vec<Expr> = args
            .iter()
            .map(|arg| self.check(cx, &arg.value, self.prim.int))
            .collect();
        if ends.len() == 1 {
            ends.insert(
                0,
                Expr {
                    kind: ExprKind::Const(ConstValue::Int(0)),
                    ty: self.prim.int,
                    span,
                },
            );
        }
        let ty = self.list_of(self.prim.int);
        Expr {
            kind: ExprKind::Method(Method::Range, ends),
            ty,
            span,
        }
    }
}

/// What a method of another language is called here.
fn foreign_method(name: &str) -> Option<&'static str> {
    match name {
        "length" | "size" => Some("len"),
        "push" | "append" => None,
        "includes" | "has" => Some("contains"),
        "toLowerCase" | "to_lower" => Some("lower"),
        "toUpperCase" | "to_upper" => Some("upper"),
        "reduce" => Some("fold"),
        "some" => Some("any"),
        "every" => Some("all"),
        "distinct" | "dedup" => Some("unique"),
        _ => None,
    }
}

/// Whether a row takes these arguments, as far as their number and form tell.
fn accepts(row: &Signature, args: &[ast::Arg]) -> bool {
    let least = row.params.iter().filter(|(_, optional)| !optional).count();
    (least..=row.params.len()).contains(&args.len())
        && row
            .params
            .iter()
            .zip(args)
            .all(|((shape, _), arg)| match (shape, &arg.value.unparen().kind) {
                (Shape::Fn(params, _), ast::ExprKind::Lambda { params: names, .. }) => {
                    params.len() == names.len()
                }
                _ => true,
            })
}

/// "no arguments", "one argument", "3 arguments".
pub(super) fn count(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}
