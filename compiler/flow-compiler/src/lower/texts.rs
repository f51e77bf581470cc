//! Texts that are read at compile time: `file("…")` as it is, `template("…")` with `${…}` filled in by what is
//! in scope where it is used. How a template is parsed is in the grammar.

use flow_diagnostics::codes::{names as name_codes, types as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Arg, ExprKind as Ast};

use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind};
use crate::project::LoadError;

impl Lower<'_> {
    /// `file("…")` or `template("…")`.
    pub(super) fn text_of_file(&mut self, cx: &mut Cx, name: &ast::Ident, args: &[Arg], span: Span) -> Expr {
        let path = match args {
            [
                Arg {
                    name: None, value, ..
                },
            ] => match &value.unparen().kind {
                Ast::Str(text) => text.plain().map(|path| (path.to_string(), text.span)),
                _ => None,
            },
            _ => None,
        };
        let Some((path, at)) = path else {
            self.error(
                codes::NOT_CONSTANT,
                span,
                format!("`{name}` takes one path, written out"),
                "",
            )
            .help = Some(format!("{name}(\"prompts/review.md\")"));
            return self.wrong(span);
        };
        let whole = crate::project::beside(self.project.sources.path(span.file), &path);
        if name.name == "template" {
            return self.template(cx, &whole, at, span);
        }
        match self.loader.load(&whole) {
            Ok(text) => Expr {
                kind: ExprKind::Const(ConstValue::Str(text)),
                ty: self.prim.string,
                span,
            },
            Err(error) => self.unreadable(&whole, &error, at, span),
        }
    }

    /// The text of a template, with the values of this place in it.
    fn template(&mut self, cx: &mut Cx, path: &str, at: Span, span: Span) -> Expr {
        let project = self.project;
        let text = match project.templates.get(path) {
            Some(Ok(text)) => text,
            Some(Err(error)) => return self.unreadable(path, error, at, span),
            None => return self.wrong(span),
        };
        if let Some(first) = self.templates.iter().position(|open| open == path) {
            let mut ring: Vec<String> = self.templates[first..]
                .iter()
                .map(|path| format!("`{path}`"))
                .collect();
            ring.push(format!("`{path}`"));
            self.report(
                Diagnostic::new(
                    name_codes::IMPORT_CYCLE,
                    format!("these templates contain each other: {}", ring.join(" → ")),
                )
                .primary(at, "this one closes the cycle")
                .help("a template is a text of finite length: leave one of them out"),
            );
            return self.wrong(span);
        }
        self.templates.push(path.to_string());
        let found = self.out.len();
        let whole = self.string(cx, text);
        self.templates.pop();
        for diagnostic in &mut self.out[found..] {
            let inside = diagnostic
                .span()
                .is_some_and(|place| place.file == text.span.file);
            if inside && !diagnostic.labels.iter().any(|label| label.span == at) {
                *diagnostic = diagnostic.clone().label(at, "the template is used here");
            }
        }
        Expr { span, ..whole }
    }

    fn unreadable(&mut self, path: &str, error: &LoadError, at: Span, span: Span) -> Expr {
        self.error(
            name_codes::MISSING_FILE,
            at,
            format!("the file `{path}` cannot be read"),
            &error.to_string(),
        )
        .help = Some("paths are relative to the file that names them".into());
        self.wrong(span)
    }
}
