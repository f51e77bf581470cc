//! Expressions. Calls and what hangs on dots are in `chain`.

use flow_grammar::ast::{
    BinaryOp, Entry, Expr, ExprKind, Key, Let, LitKind, MatchArm, StrForm, StrLit, StrPart, UnaryOp,
};

use super::Formatter;
use super::align::Tab;
use super::doc::{Doc, DocId, FORCED, cat, width};
use super::sequence::{Row, Style};

/// A chain of calls up to this width goes to the next line as a whole rather than being broken.
const SHORT_CHAIN: u32 = 90;
/// The longest string that may share a line with others in a list that needs several lines.
const SHORT_STRING: u32 = 30;

impl Formatter<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> DocId {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Error => self.verbatim(expr.span),
            ExprKind::Str(text) => self.string(text),
            ExprKind::List(items) => self.list(expr.span.start, items),
            ExprKind::Record(entries) => {
                let rows = entries.iter().map(|entry| self.entry(entry)).collect();
                self.bracketed(expr.span.start, Style::Entries, rows)
            }
            ExprKind::Field { .. } | ExprKind::Index { .. } | ExprKind::Call { .. } => self.chain(expr),
            ExprKind::Unary { op, operand, .. } => {
                let operand = self.expr(operand);
                match op {
                    UnaryOp::Neg => cat!(self; "-", operand),
                    UnaryOp::Not => cat!(self; "not ", operand),
                }
            }
            ExprKind::Binary { .. } => self.binary(expr),
            ExprKind::If { .. } => self.if_else(expr),
            ExprKind::Match { subject, arms } => {
                let rows = arms.iter().map(|arm| self.match_arm(arm)).collect();
                let head = cat!(self; "match ", self.expr(subject), " ");
                cat!(self; head, self.bracketed(subject.span.end, Style::Entries, rows))
            }
            ExprKind::Lambda { params, body } => {
                let head = if let [only] = params.as_slice() {
                    cat!(self; self.source(only.span), " =>")
                } else {
                    let rows = params
                        .iter()
                        .map(|name| Row::new(name.span, self.verbatim(name.span)))
                        .collect();
                    cat!(self; self.bracketed(expr.span.start, Style::Arguments, rows), " =>")
                };
                self.value(head, body)
            }
            ExprKind::As { value, ty } => cat!(self; self.expr(value), " as ", self.type_expr(ty)),
            ExprKind::Paren(inner) => {
                let inner = cat!(self; Doc::Soft, self.expr(inner));
                let inner = self.docs.indent(inner);
                let all = cat!(self; "(", inner, Doc::Soft, ")");
                self.docs.group(all)
            }
        }
    }

    /// A value behind `name:`, `=`, `<-` or `=>`: on the same line where it has brackets that can break, else on
    /// the next line where it does not fit.
    pub(super) fn value(&mut self, head: DocId, value: &Expr) -> DocId {
        let doc = self.expr(value);
        let (short, stays) = match &value.kind {
            ExprKind::If { .. } | ExprKind::Binary { .. } => (FORCED, hugs(value)),
            ExprKind::Str(_) if self.docs.flat(doc) != FORCED => (FORCED, false),
            ExprKind::Call { .. } | ExprKind::Field { .. } | ExprKind::Index { .. }
                if is_method_chain(value) =>
            {
                (SHORT_CHAIN, true)
            }
            _ => return cat!(self; head, " ", doc),
        };
        let rest = self.docs.add(Doc::Value {
            value: doc,
            short,
            stays,
        });
        self.docs.concat(&[head, rest])
    }

    pub(super) fn let_stmt(&mut self, item: &Let) -> DocId {
        let ty = item.ty.as_ref().map(|ty| cat!(self; ": ", self.type_expr(ty)));
        let head = cat!(self; "let ", self.source(item.name.span), ty, " =");
        self.value(head, &item.value)
    }

    pub(super) fn string(&mut self, text: &StrLit) -> DocId {
        let source = self.source(text.span);
        if !source.contains('\n') {
            return self.docs.text(source);
        }
        self.take_all(text.span);
        let lines_in_hole = text.parts.iter().any(|part| match part {
            StrPart::Expr(expr) => self.source(expr.span).contains('\n'),
            StrPart::Text(..) => false,
        });
        match indentation(source) {
            Some(strip) if !lines_in_hole => self.docs.add(Doc::Block(source, strip)),
            _ => self.docs.add(Doc::Verbatim(source)),
        }
    }

    fn list(&mut self, start: u32, items: &[Expr]) -> DocId {
        let style = if items.iter().all(is_short) {
            Style::Filled
        } else {
            Style::List
        };
        let rows = items
            .iter()
            .map(|item| Row::new(item.span, self.expr(item)))
            .collect();
        self.bracketed(start, style, rows)
    }

    fn entry(&mut self, entry: &Entry) -> Row {
        let doc = match entry {
            Entry::Spread(value, _) => cat!(self; "...", self.expr(value)),
            Entry::Field { key, value, .. } => {
                let key = match key {
                    Key::Name(name) => self.verbatim(name.span),
                    Key::Str(text) => self.string(text),
                    Key::Computed(key) => cat!(self; "[", self.expr(key), "]"),
                };
                match value {
                    Some(value) => {
                        let head = cat!(self; key, ":");
                        self.value(head, value)
                    }
                    None => key,
                }
            }
        };
        Row::new(entry.span(), doc)
    }

    fn match_arm(&mut self, arm: &MatchArm) -> Row {
        let pattern = self.pattern(&arm.pattern);
        let arrow = self.docs.text("=>");
        let value = self.value(arrow, &arm.value);
        Row::cells(arm.span, vec![(Tab::Start, pattern), (Tab::Arrow, value)])
    }

    /// Operands of one precedence, from left to right. A line may begin with any operator but `-`, which could
    /// begin a value of its own.
    fn binary(&mut self, expr: &Expr) -> DocId {
        let mut links = Vec::new();
        let mut first = expr;
        let level = precedence(expr);
        while let ExprKind::Binary { op, left, right, .. } = &first.kind
            && op.precedence() == level.unwrap_or(op.precedence())
        {
            links.push((*op, left.as_ref(), right.as_ref()));
            first = left;
        }
        let start = self.expr(first);
        if let [(op, left, right)] = links.as_slice()
            && hugs(right)
            && !self.has_comment(left.span.end, right.span.start)
        {
            return cat!(self; start, " ", op.as_str(), " ", self.expr(right));
        }
        let mut rest = Vec::new();
        for (op, left, right) in links.into_iter().rev() {
            if op == BinaryOp::Sub {
                rest.push(self.docs.text(" -"));
                self.gap(left.span.end, right.span.start, &mut rest);
                rest.push(self.docs.add(Doc::Line));
            } else {
                self.gap(left.span.end, right.span.start, &mut rest);
                rest.push(cat!(self; Doc::Line, op.as_str(), " "));
            }
            rest.push(self.expr(right));
        }
        let rest = self.docs.concat(&rest);
        let rest = self.docs.indent(rest);
        let all = self.docs.concat(&[start, rest]);
        self.docs.group(all)
    }

    /// `if a then b else if c then d else e`, or a line for each `if` and one for the last `else`.
    fn if_else(&mut self, expr: &Expr) -> DocId {
        let mut parts = Vec::new();
        let mut next = expr;
        let mut word = "if ";
        while let ExprKind::If {
            cond,
            then,
            otherwise,
        } = &next.kind
        {
            let mut rest = Vec::new();
            self.gap(cond.span.end, then.span.start, &mut rest);
            rest.push(cat!(self; Doc::Line, "then ", self.expr(then)));
            let rest = self.docs.concat(&rest);
            let rest = self.docs.indent(rest);
            let arm = cat!(self; word, self.expr(cond), rest);
            parts.push(self.docs.group(arm));
            self.gap(then.span.end, otherwise.span.start, &mut parts);
            parts.push(self.docs.add(Doc::Line));
            word = "else if ";
            next = otherwise;
        }
        let last = cat!(self; "else ", self.expr(next));
        parts.push(last);
        let all = self.docs.concat(&parts);
        self.docs.group(all)
    }
}

/// Whether an expression ends in brackets that can stay open at the end of a line.
pub(super) fn hugs(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::List(items) => !items.is_empty(),
        ExprKind::Record(entries) => !entries.is_empty(),
        ExprKind::Match { .. } => true,
        ExprKind::Str(text) => matches!(text.form, StrForm::Block | StrForm::RawBlock),
        ExprKind::Lambda { body, .. } => hugs(body),
        ExprKind::Binary { right, .. } => hugs(right),
        _ => false,
    }
}

/// Whether an expression has two or more method calls one behind the other.
fn is_method_chain(expr: &Expr) -> bool {
    let mut calls = 0;
    let mut next = expr;
    loop {
        next = match &next.kind {
            ExprKind::Call { callee, .. } => {
                calls += usize::from(matches!(callee.kind, ExprKind::Field { .. }));
                callee
            }
            ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => base,
            _ => return calls > 1,
        };
    }
}

fn precedence(expr: &Expr) -> Option<u8> {
    match &expr.kind {
        ExprKind::Binary { op, .. } => Some(op.precedence()),
        _ => None,
    }
}

/// Whether several such items may share a line.
fn is_short(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(LitKind::Bool(_) | LitKind::Null | LitKind::Int(_) | LitKind::Float(_)) => true,
        ExprKind::Literal(LitKind::Duration(_) | LitKind::Size(_)) | ExprKind::Name(_) => true,
        ExprKind::Str(text) => text
            .plain()
            .is_some_and(|text| width(text) <= SHORT_STRING && !text.contains('\n')),
        ExprKind::Unary { operand, .. } => matches!(operand.kind, ExprKind::Literal(_)),
        _ => false,
    }
}

/// How many columns of indentation a block string does not count: those of its least indented line, blank ones
/// excepted. `None` where tabs are among them.
fn indentation(source: &str) -> Option<u32> {
    let lines = source
        .split('\n')
        .skip(1)
        .filter(|line| !line.trim_matches([' ', '\t']).is_empty());
    let white = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let strip = lines.clone().map(white).min()?;
    let tabs = source
        .split('\n')
        .skip(1)
        .any(|line| line.as_bytes().iter().take(strip).any(|byte| *byte == b'\t'));
    (!tabs).then_some(strip as u32)
}
