//! The file and its items, except flows and tests.

use flow_grammar::ast::{
    Attempts, ConstDecl, EnumDecl, Expr, FnDecl, Ident, Import, ImportPath, Item, OptionValue, SourceFile,
    TypeDecl, Variant, WorkerDecl, WorkerOption,
};

use super::Formatter;
use super::align::Tab;
use super::doc::{Doc, DocId, cat};
use super::sequence::{Row, Style};

impl<'a> Formatter<'a> {
    pub(super) fn file(&mut self, file: &SourceFile) -> DocId {
        let rows = file.items.iter().map(|item| self.item(item)).collect();
        self.top_level(rows)
    }

    fn item(&mut self, item: &Item) -> Row {
        let doc = match item {
            Item::Import(import) => return Row::new(item.span(), self.import(import)),
            Item::Const(decl) => return Row::new(item.span(), self.const_decl(decl)),
            Item::Error(span) => return Row::new(*span, self.verbatim(*span)),
            Item::Type(decl) => return self.type_decl(decl),
            Item::Enum(decl) => self.enum_decl(decl),
            Item::Fn(decl) => self.fn_decl(decl),
            Item::Worker(decl) => self.worker(decl),
            Item::Flow(decl) => self.flow(decl),
            Item::Test(decl) => self.test(decl),
        };
        Row {
            spaced: Some(self.width),
            ..Row::new(item.span(), doc)
        }
    }

    fn import(&mut self, import: &Import) -> DocId {
        let path = match &import.path {
            ImportPath::File(text) => self.string(text),
            ImportPath::Module(names, _) => {
                let mut parts = Vec::new();
                for (at, name) in names.iter().enumerate() {
                    parts.push(self.docs.text(if at == 0 { "" } else { "." }));
                    parts.push(self.verbatim(name.span));
                }
                self.docs.concat(&parts)
            }
        };
        let mut rows = Vec::new();
        for name in &import.names {
            let alias = name
                .alias
                .as_ref()
                .map(|alias| cat!(self; " as ", self.source(alias.span)));
            let span = name
                .alias
                .as_ref()
                .map_or(name.name.span, |alias| name.name.span.to(alias.span));
            rows.push(Row::new(span, cat!(self; self.source(name.name.span), alias)));
        }
        cat!(self; "import ", path, " ", self.bracketed(import.path.span().end, Style::Names, rows))
    }

    fn type_decl(&mut self, decl: &TypeDecl) -> Row {
        let params = self.type_params(&decl.params);
        let head = cat!(self; "type ", self.source(decl.name.span), params);
        let ty = cat!(self; "= ", self.type_expr(&decl.ty));
        Row::cells(decl.span, vec![(Tab::Start, head), (Tab::Definition, ty)])
    }

    fn enum_decl(&mut self, decl: &EnumDecl) -> DocId {
        let rows = decl
            .variants
            .iter()
            .map(|variant| self.variant(variant))
            .collect();
        let body = self.bracketed(decl.name.span.end, Style::Entries, rows);
        cat!(self; "enum ", self.source(decl.name.span), " ", body)
    }

    fn variant(&mut self, variant: &Variant) -> Row {
        let fields = self.some_params(&variant.name, &variant.fields);
        Row::new(variant.span, cat!(self; self.source(variant.name.span), fields))
    }

    fn const_decl(&mut self, decl: &ConstDecl) -> DocId {
        let head = cat!(self; "const ", self.source(decl.name.span), ": ", self.type_expr(&decl.ty), " =");
        self.value(head, &decl.value)
    }

    fn fn_decl(&mut self, decl: &FnDecl) -> DocId {
        let type_params = self.type_params(&decl.type_params);
        let params = self.params(&decl.name, &decl.params);
        let head = cat!(self; "fn ", self.source(decl.name.span), type_params, params, " -> ");
        let head = cat!(self; head, self.type_expr(&decl.result));
        let body = self.find(decl.result.span.end, b'{');
        let equals = self.find(decl.result.span.end, b'=');
        if equals > body {
            let mut rows: Vec<Row> = decl
                .lets
                .iter()
                .map(|item| Row::new(item.span, self.let_stmt(item)))
                .collect();
            rows.push(Row::new(decl.value.span, self.expr(&decl.value)));
            return cat!(self; head, " ", self.bracketed(body, Style::Body, rows));
        }
        let head = cat!(self; head, " =");
        let next_line = self.line_breaks(equals, decl.value.span.start) > 0;
        if !next_line || self.has_comment(equals, decl.value.span.start) {
            return self.value(head, &decl.value);
        }
        let value = cat!(self; Doc::Hard, self.expr(&decl.value));
        let value = self.docs.indent(value);
        self.docs.concat(&[head, value])
    }

    fn worker(&mut self, decl: &WorkerDecl) -> DocId {
        let type_params = self.type_params(&decl.type_params);
        let params = self.params(&decl.name, &decl.params);
        let result = decl
            .result
            .as_ref()
            .map(|ty| cat!(self; " -> ", self.type_expr(ty)));
        let head = cat!(self; "worker ", self.source(decl.name.span), type_params, params, result);
        let head = cat!(self; head, " via ", self.source(decl.protocol.span));
        if decl.options.is_empty() && !self.has_comment(decl.protocol.span.end, decl.span.end) {
            return head;
        }
        let rows = decl
            .options
            .iter()
            .map(|option| self.worker_option(option))
            .collect();
        cat!(self; head, " ", self.bracketed(decl.protocol.span.end, Style::Entries, rows))
    }

    fn worker_option(&mut self, option: &WorkerOption) -> Row {
        let name = self.source(option.name.span);
        let doc = match &option.value {
            OptionValue::None => self.docs.text(name),
            OptionValue::Expr(value) => cat!(self; name, " ", self.expr(value)),
            OptionValue::Expect(pattern) => cat!(self; "expect ", self.pattern(pattern)),
            OptionValue::Attempts(attempts) => self.attempts(attempts),
            OptionValue::RetryOn(classes) => self.retry_on(option.span.start, classes),
        };
        Row::new(option.span, doc)
    }

    pub(super) fn attempts(&mut self, attempts: &Attempts) -> DocId {
        let backoff = attempts.backoff.as_ref().map(|backoff| {
            let to = backoff.to.as_ref().map(|to| cat!(self; "..", self.expr(to)));
            let factor = self.behind(" factor ", backoff.factor.as_ref());
            cat!(self; " backoff ", self.expr(&backoff.from), to, factor)
        });
        cat!(self; "attempts ", self.expr(&attempts.count), backoff)
    }

    pub(super) fn retry_on(&mut self, from: u32, classes: &[Ident]) -> DocId {
        cat!(self; "retry on ", self.names(from, classes))
    }

    /// Names in square brackets: the first `[` at or behind `from`.
    pub(super) fn names(&mut self, from: u32, names: &[Ident]) -> DocId {
        let rows = names
            .iter()
            .map(|name| Row::new(name.span, self.verbatim(name.span)))
            .collect();
        self.bracketed(from, Style::Filled, rows)
    }

    /// A word and an expression, where there is one.
    pub(super) fn behind(&mut self, word: &'a str, expr: Option<&Expr>) -> Option<DocId> {
        expr.map(|expr| cat!(self; word, self.expr(expr)))
    }
}
