//! Items: imports, declarations, workers.

use super::Builder;
use crate::ast::{
    ConstDecl, EnumDecl, Expr, ExprKind, FnDecl, Ident, Import, ImportName, ImportPath, Item, Let,
    OptionValue, Param, TypeDecl, Variant, WorkerDecl, WorkerOption,
};
use crate::explain::Place;
use crate::rules::{Children, Node, Rule};

impl Builder<'_> {
    pub(super) fn build_item(&mut self, node: Node<'_>) -> Item {
        let span = self.span(&node);
        match node.as_rule() {
            Rule::import => Item::Import(self.import(node)),
            Rule::type_item => Item::Type(self.type_item(node)),
            Rule::enum_item => Item::Enum(self.enum_item(node)),
            Rule::const_item => Item::Const(self.const_item(node)),
            Rule::fn_item => Item::Fn(self.fn_item(node)),
            Rule::worker => Item::Worker(self.worker(node)),
            Rule::flow => self.flow(node).map_or(Item::Error(span), Item::Flow),
            Rule::test => Item::Test(self.test(node)),
            other => unreachable!("{other:?} is no item"),
        }
    }

    fn import(&mut self, node: Node<'_>) -> Import {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let path = children.need_next();
        let path = if path.as_rule() == Rule::module_path {
            let span = self.span(&path);
            ImportPath::Module(self.idents(path), span)
        } else {
            ImportPath::File(self.string(path))
        };
        let mut names = Vec::new();
        while let Some(name) = children.take(Rule::import_name) {
            let mut parts = Children::of(name);
            let name = self.ident(&parts.need(Rule::ident));
            let alias = parts.take(Rule::ident).map(|alias| self.ident(&alias));
            names.push(ImportName { name, alias });
        }
        Import { path, names, span }
    }

    fn type_item(&mut self, node: Node<'_>) -> TypeDecl {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let params = self.type_params(&mut children);
        let ty = self.type_expr(children.need(Rule::type_expr));
        TypeDecl {
            doc: self.doc(span),
            name,
            params,
            ty,
            span,
        }
    }

    fn type_params(&mut self, children: &mut Children<'_>) -> Vec<Ident> {
        children
            .take(Rule::type_params)
            .map(|params| self.idents(params))
            .unwrap_or_default()
    }

    fn enum_item(&mut self, node: Node<'_>) -> EnumDecl {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let mut variants = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::bad_variant {
                self.bad(Place::Variant, &entry);
            } else {
                variants.push(self.variant(entry));
            }
        }
        EnumDecl {
            doc,
            name,
            variants,
            span,
        }
    }

    fn variant(&mut self, node: Node<'_>) -> Variant {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let doc = self.doc(span);
        let fields = self.params(&mut children);
        Variant {
            doc,
            name,
            fields,
            span,
        }
    }

    /// The parameters that stand next among the children, if any do.
    pub(super) fn params(&mut self, children: &mut Children<'_>) -> Vec<Param> {
        let Some(node) = children.take(Rule::params) else {
            return Vec::new();
        };
        self.param_list(Children::of(node))
    }

    pub(super) fn param_list(&mut self, mut children: Children<'_>) -> Vec<Param> {
        let mut params = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::bad_param {
                self.bad(Place::Param, &entry);
            } else {
                params.push(self.param(entry));
            }
        }
        params
    }

    fn param(&mut self, node: Node<'_>) -> Param {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let ty = self.type_expr(children.need(Rule::type_expr));
        let default = children.take(Rule::expr).map(|value| self.expr(value));
        Param {
            doc,
            name,
            ty,
            default,
            span,
        }
    }

    fn const_item(&mut self, node: Node<'_>) -> ConstDecl {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let ty = self.type_expr(children.need(Rule::type_expr));
        let value = self.expr(children.need(Rule::expr));
        ConstDecl {
            doc: self.doc(span),
            name,
            ty,
            value,
            span,
        }
    }

    fn fn_item(&mut self, node: Node<'_>) -> FnDecl {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let type_params = self.type_params(&mut children);
        let params = self.params(&mut children);
        let result = self.type_expr(children.need(Rule::type_expr));
        let mut lets = Vec::new();
        let value = match children.take(Rule::fn_body) {
            None => self.expr(children.need(Rule::expr)),
            Some(body) => {
                let mut body = Children::of(body);
                while let Some(node) = body.take(Rule::let_stmt) {
                    lets.push(self.let_stmt(node));
                }
                self.expr(body.need(Rule::expr))
            }
        };
        FnDecl {
            doc,
            name,
            type_params,
            params,
            result,
            lets,
            value,
            span,
        }
    }

    pub(super) fn let_stmt(&mut self, node: Node<'_>) -> Let {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let ty = children.take(Rule::type_expr).map(|ty| self.type_expr(ty));
        let value = self.expr(children.need(Rule::expr));
        Let {
            name,
            ty,
            value,
            span,
        }
    }

    fn worker(&mut self, node: Node<'_>) -> WorkerDecl {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let type_params = self.type_params(&mut children);
        let params = self.params(&mut children);
        let result = children.take(Rule::type_expr).map(|ty| self.type_expr(ty));
        let protocol = self.ident(&children.need(Rule::ident));
        let mut options = Vec::new();
        if let Some(body) = children.take(Rule::worker_body) {
            let mut body = Children::of(body);
            while let Some(entry) = body.next() {
                if entry.as_rule() == Rule::bad_option {
                    self.bad(Place::Option, &entry);
                } else {
                    options.push(self.worker_option(entry));
                }
            }
        }
        WorkerDecl {
            doc,
            name,
            type_params,
            params,
            result,
            protocol,
            options,
            span,
        }
    }

    fn worker_option(&mut self, node: Node<'_>) -> WorkerOption {
        let span = self.span(&node);
        let node = Children::of(node).need_next();
        // The option's name is its first word, whether the grammar has a rule for it or not.
        let start = node.as_span().start();
        let len = node
            .as_str()
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(node.as_str().len());
        let name = Ident {
            name: node.as_str()[..len].to_owned(),
            span: self.at(start, start + len),
        };
        let value = match node.as_rule() {
            Rule::attempts => OptionValue::Attempts(self.attempts(node)),
            Rule::retry_on => OptionValue::RetryOn(self.idents(Children::of(node).need(Rule::names))),
            Rule::expect_option => OptionValue::Expect(self.pattern(Children::of(node).need(Rule::pattern))),
            _ => {
                let mut children = Children::of(node);
                children.need(Rule::ident);
                match children.take(Rule::expr) {
                    Some(value) => OptionValue::Expr(self.expr(value)),
                    None => OptionValue::None,
                }
            }
        };
        WorkerOption { name, value, span }
    }

    /// An expression that stands for one that could not be understood.
    pub(super) fn error_expr(span: flow_diagnostics::Span) -> Expr {
        Expr {
            kind: ExprKind::Error,
            span,
        }
    }
}
