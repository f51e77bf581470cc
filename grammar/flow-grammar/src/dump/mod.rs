//! The tree as text, for `--emit ast` and for snapshots: one node a line, children indented, spans on demand.
//!
//! The format is for people and tests; nothing reads it back.

mod expr;
mod flow;
mod node;

use std::fmt::Write as _;

use flow_diagnostics::Span;

use crate::ast::{
    Attempts, Doc, Ident, Import, ImportPath, Item, Let, OptionValue, Param, SourceFile, WorkerDecl,
};

/// Prints a file. With `spans`, every line ends in the byte range of what it shows.
pub fn dump(file: &SourceFile, spans: bool) -> String {
    let mut printer = Printer {
        out: String::new(),
        depth: 0,
        spans,
    };
    printer.doc(file.doc.as_ref());
    for item in &file.items {
        printer.item(item);
    }
    printer.out
}

struct Printer {
    out: String,
    depth: usize,
    spans: bool,
}

impl Printer {
    /// One line, and below it, indented, what `children` prints.
    fn node(&mut self, span: Span, head: &str, children: impl FnOnce(&mut Self)) {
        self.line(span, head);
        self.depth += 1;
        children(self);
        self.depth -= 1;
    }

    fn line(&mut self, span: Span, head: &str) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(head);
        if self.spans {
            let _ = write!(self.out, " @{}..{}", span.start, span.end);
        }
        self.out.push('\n');
    }

    fn doc(&mut self, doc: Option<&Doc>) {
        if let Some(doc) = doc {
            self.line(doc.span, &format!("doc {:?}", doc.text));
        }
    }

    fn item(&mut self, item: &Item) {
        let span = item.span();
        match item {
            Item::Import(import) => self.import(import),
            Item::Type(decl) => self.node(
                span,
                &format!("type {}{}", decl.name, generics(&decl.params)),
                |p| {
                    p.doc(decl.doc.as_ref());
                    p.ty(&decl.ty);
                },
            ),
            Item::Enum(decl) => self.node(span, &format!("enum {}", decl.name), |p| {
                p.doc(decl.doc.as_ref());
                for variant in &decl.variants {
                    p.node(variant.span, &format!("variant {}", variant.name), |p| {
                        p.doc(variant.doc.as_ref());
                        p.params(&variant.fields);
                    });
                }
            }),
            Item::Const(decl) => self.node(span, &format!("const {}", decl.name), |p| {
                p.doc(decl.doc.as_ref());
                p.ty(&decl.ty);
                p.expr(&decl.value);
            }),
            Item::Fn(decl) => self.node(
                span,
                &format!("fn {}{}", decl.name, generics(&decl.type_params)),
                |p| {
                    p.doc(decl.doc.as_ref());
                    p.params(&decl.params);
                    p.ty(&decl.result);
                    for stmt in &decl.lets {
                        p.let_stmt(stmt);
                    }
                    p.expr(&decl.value);
                },
            ),
            Item::Worker(decl) => self.worker(decl),
            Item::Flow(decl) => self.flow(decl),
            Item::Test(decl) => self.test(decl),
            Item::Error(span) => self.line(*span, "error"),
        }
    }

    fn import(&mut self, import: &Import) {
        let path = match &import.path {
            ImportPath::Module(names, _) => names
                .iter()
                .map(|n| n.name.as_str())
                .collect::<Vec<_>>()
                .join("."),
            ImportPath::File(text) => format!("{:?}", text.plain().unwrap_or("…")),
        };
        self.node(import.span, &format!("import {path}"), |p| {
            for name in &import.names {
                let alias = name
                    .alias
                    .as_ref()
                    .map(|alias| format!(" as {alias}"))
                    .unwrap_or_default();
                p.line(name.name.span, &format!("{}{alias}", name.name));
            }
        });
    }

    fn worker(&mut self, decl: &WorkerDecl) {
        let head = format!(
            "worker {}{} via {}",
            decl.name,
            generics(&decl.type_params),
            decl.protocol
        );
        self.node(decl.span, &head, |p| {
            p.doc(decl.doc.as_ref());
            p.params(&decl.params);
            if let Some(result) = &decl.result {
                p.ty(result);
            }
            for option in &decl.options {
                p.node(
                    option.span,
                    &format!("option {}", option.name),
                    |p| match &option.value {
                        OptionValue::None => {}
                        OptionValue::Expr(value) => p.expr(value),
                        OptionValue::Expect(pattern) => p.pattern(pattern),
                        OptionValue::Attempts(attempts) => p.attempts(attempts),
                        OptionValue::RetryOn(names) => p.names(names),
                    },
                );
            }
        });
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.node(param.span, &format!("param {}", param.name), |p| {
                p.doc(param.doc.as_ref());
                p.ty(&param.ty);
                p.part("default", param.default.as_ref());
            });
        }
    }

    fn let_stmt(&mut self, stmt: &Let) {
        self.node(stmt.span, &format!("let {}", stmt.name), |p| {
            if let Some(ty) = &stmt.ty {
                p.ty(ty);
            }
            p.expr(&stmt.value);
        });
    }

    fn attempts(&mut self, attempts: &Attempts) {
        self.expr(&attempts.count);
        if let Some(backoff) = &attempts.backoff {
            self.part("from", Some(&backoff.from));
            self.part("to", backoff.to.as_ref());
            self.part("factor", backoff.factor.as_ref());
        }
    }

    fn names(&mut self, names: &[Ident]) {
        for name in names {
            self.line(name.span, &name.name);
        }
    }
}

fn generics(names: &[Ident]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(
        "<{}>",
        names
            .iter()
            .map(|n| n.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    )
}
