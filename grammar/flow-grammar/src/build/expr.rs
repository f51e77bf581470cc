//! Expressions and patterns.

use std::iter::Peekable;
use std::vec::IntoIter;

use flow_diagnostics::Span;

use super::Builder;
use crate::ast::{
    Arg, BinaryOp, Entry, Expr, ExprKind, Ident, Key, Lit, LitKind, MatchArm, Pattern, PatternKind, StrPart,
    UnaryOp,
};
use crate::number::{BadNumber, parse_number};
use crate::rules::{Children, Node, Rule};

/// How tightly `not` and unary `-` bind; see [`BinaryOp::precedence`].
const NOT: u8 = 3;
const NEG: u8 = 8;

/// A piece of an operation.
enum Piece {
    Prefix(UnaryOp, Span),
    Infix(Infix, Span),
    Operand(Expr),
}

/// What an infix operator comes down to.
#[derive(Clone, Copy)]
enum Infix {
    Op(BinaryOp),
    /// `x not in xs`
    NotIn,
}

impl Builder<'_> {
    pub(super) fn expr(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let first = children.need_next();
        if first.as_rule() == Rule::lambda {
            return self.lambda(first);
        }
        let value = self.operation(first);
        let Some(habit) = children.next() else {
            return value;
        };
        if habit.as_rule() == Rule::range_habit {
            let end = Children::of(habit).take(Rule::operation);
            let end = end.map(|end| self.operation(end));
            self.range_habit(span, &value, end.as_ref());
        } else {
            self.ternary_habit(span, &value, habit);
        }
        Self::error_expr(span)
    }

    fn lambda(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut children = Children::of(node);
        children.take(Rule::lambda_start);
        let mut params = Vec::new();
        while let Some(param) = children.take(Rule::ident) {
            params.push(self.ident(&param));
        }
        let level = self.level;
        let body = children.need(Rule::expr);
        self.level += 1;
        let body = Box::new(self.expr(body));
        self.level = level;
        Expr {
            kind: ExprKind::Lambda { params, body },
            span,
        }
    }

    /// Operands and operators: by precedence climbing (Pratt).
    pub(super) fn operation(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let level = self.level;
        let operators = node
            .clone()
            .into_inner()
            .filter(|child| child.as_rule() != Rule::operand)
            .count() as u32;
        if self.deeper(operators, span).is_none() {
            return Self::error_expr(span);
        }
        let mut children = Children::of(node);
        let mut pieces = Vec::with_capacity(operators as usize * 2 + 1);
        while let Some(piece) = children.next() {
            if let Some(least) = self.least_int(&pieces, &piece) {
                pieces.pop();
                pieces.push(Piece::Operand(least));
            } else {
                pieces.push(self.piece(&piece));
            }
        }
        self.level = level;
        match <[Piece; 1]>::try_from(pieces) {
            Ok([Piece::Operand(only)]) => only,
            Ok(_) => unreachable!("an operation has an operand"),
            Err(pieces) => self.climb(&mut pieces.into_iter().peekable(), 0),
        }
    }

    fn piece(&mut self, node: &Node<'_>) -> Piece {
        let span = self.span(node);
        match node.as_rule() {
            Rule::prefix => Piece::Prefix(self.prefix(node.as_str(), span), span),
            Rule::infix => Piece::Infix(self.infix(node.as_str(), span), span),
            _ => Piece::Operand(self.operand(node.clone())),
        }
    }

    /// The one integer that has no positive counterpart: its sign and digits together.
    fn least_int(&self, before: &[Piece], node: &Node<'_>) -> Option<Expr> {
        let Some(Piece::Prefix(UnaryOp::Neg, sign)) = before.last() else {
            return None;
        };
        is_min_int(node.as_str().trim_end()).then(|| Expr {
            kind: ExprKind::Literal(LitKind::Int(i64::MIN)),
            span: sign.to(self.span(node)),
        })
    }

    fn prefix(&mut self, text: &str, span: Span) -> UnaryOp {
        match text {
            "-" => UnaryOp::Neg,
            "not" => UnaryOp::Not,
            _ => {
                self.foreign_operator("!", "not ", span);
                UnaryOp::Not
            }
        }
    }

    fn infix(&mut self, text: &str, span: Span) -> Infix {
        let op = match text {
            "or" => BinaryOp::Or,
            "and" => BinaryOp::And,
            "==" => BinaryOp::Eq,
            "!=" => BinaryOp::Ne,
            "<" => BinaryOp::Lt,
            "<=" => BinaryOp::Le,
            ">" => BinaryOp::Gt,
            ">=" => BinaryOp::Ge,
            "in" => BinaryOp::In,
            "??" => BinaryOp::Coalesce,
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            "%" => BinaryOp::Rem,
            _ => return self.foreign_infix(text, span),
        };
        Infix::Op(op)
    }

    fn foreign_infix(&mut self, text: &str, span: Span) -> Infix {
        let op = match text {
            "||" => BinaryOp::Or,
            "&&" => BinaryOp::And,
            "===" => BinaryOp::Eq,
            "!==" => BinaryOp::Ne,
            "**" => {
                self.power_habit(span);
                return Infix::Op(BinaryOp::Mul);
            }
            _ => {
                self.not_in_habit(span);
                return Infix::NotIn;
            }
        };
        self.foreign_operator(text, op.as_str(), span);
        Infix::Op(op)
    }

    fn climb(&mut self, pieces: &mut Peekable<IntoIter<Piece>>, least: u8) -> Expr {
        let mut left = match pieces.next() {
            Some(Piece::Operand(operand)) => operand,
            Some(Piece::Prefix(op, op_span)) => {
                let operand = self.climb(pieces, if op == UnaryOp::Not { NOT } else { NEG });
                unary(op, op_span, operand)
            }
            Some(Piece::Infix(..)) | None => unreachable!("the grammar puts an operand here"),
        };
        let mut compared: Option<Span> = None;
        while let Some(Piece::Infix(infix, op_span)) = pieces.peek() {
            let (infix, op_span) = (*infix, *op_span);
            let op = match infix {
                Infix::Op(op) => op,
                Infix::NotIn => BinaryOp::In,
            };
            if op.precedence() < least {
                break;
            }
            pieces.next();
            let right = self.climb(pieces, op.precedence() + 1);
            if op.is_comparison() {
                if let Some(first) = compared {
                    self.chained_comparison(first, op_span);
                }
                compared = Some(op_span);
            }
            let span = left.span.to(right.span);
            let kind = ExprKind::Binary {
                op,
                op_span,
                left: Box::new(left),
                right: Box::new(right),
            };
            left = Expr { kind, span };
            if matches!(infix, Infix::NotIn) {
                left = Expr {
                    kind: ExprKind::Unary {
                        op: UnaryOp::Not,
                        op_span,
                        operand: Box::new(left),
                    },
                    span,
                };
            }
        }
        left
    }

    fn operand(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let level = self.level;
        let steps = node.clone().into_inner().count() as u32;
        if self.deeper(steps, span).is_none() {
            return Self::error_expr(span);
        }
        let mut children = Children::of(node);
        let mut value = self.primary(children.need_next());
        while let Some(suffix) = children.next() {
            let span = value.span.to(self.span(&suffix));
            let kind = self.suffix(value, suffix);
            value = Expr { kind, span };
        }
        self.level = level;
        value
    }

    fn suffix(&mut self, value: Expr, node: Node<'_>) -> ExprKind {
        let base = Box::new(value);
        match node.as_rule() {
            Rule::field => {
                let mut children = Children::of(node);
                let optional = children.need(Rule::dot).as_str() == "?.";
                let name = self.ident(&children.need(Rule::any_name));
                ExprKind::Field { base, name, optional }
            }
            Rule::call_args => {
                let args = self.args(node);
                self.note_template(&base, &args);
                ExprKind::Call { callee: base, args }
            }
            Rule::index => {
                let span = self.span(&node);
                let mut children = Children::of(node);
                let index = children.take(Rule::expr).map(|index| self.expr(index));
                let slice = children.take(Rule::slice_habit);
                let sliced = slice.is_some();
                if let Some(end) = slice.and_then(|slice| Children::of(slice).take(Rule::expr)) {
                    self.expr(end);
                }
                let Some(index) = index.filter(|_| !sliced) else {
                    self.slice_habit(span);
                    return ExprKind::Error;
                };
                if matches!(index.kind, ExprKind::Error) {
                    return ExprKind::Error;
                }
                ExprKind::Index {
                    base,
                    index: Box::new(index),
                }
            }
            _ => ExprKind::As {
                value: base,
                ty: Box::new(self.type_core(node)),
            },
        }
    }

    /// Remembers the path of `template("…")`, because its text belongs to the program.
    fn note_template(&mut self, callee: &Expr, args: &[Arg]) {
        if let (ExprKind::Name(name), [arg]) = (&callee.kind, args)
            && name.name == "template"
            && let ExprKind::Str(text) = &arg.value.unparen().kind
            && let Some(path) = text.plain()
        {
            self.templates.push(path.to_owned());
        }
    }

    pub(super) fn args(&mut self, node: Node<'_>) -> Vec<Arg> {
        let mut children = Children::of(node);
        let mut args = Vec::new();
        while let Some(arg) = children.take(Rule::arg) {
            let span = self.span(&arg);
            let mut parts = Children::of(arg);
            let name = parts
                .take(Rule::arg_name)
                .map(|name| self.ident(&Children::of(name).need(Rule::ident)));
            if let Some(spread) = parts.take(Rule::spread_habit) {
                self.spread_habit(self.span(&spread), "an argument");
            }
            let value = self.expr(parts.need(Rule::expr));
            match parts.take(Rule::arg_equals) {
                None => args.push(Arg { name, value, span }),
                Some(equals) => args.push(self.argument_equals(value, equals, span)),
            }
        }
        args
    }

    /// `f(a = 1)` for `f(a: 1)`.
    fn argument_equals(&mut self, left: Expr, node: Node<'_>, span: Span) -> Arg {
        let sign = self.at(node.as_span().start(), node.as_span().start() + 1);
        let value = self.expr(Children::of(node).need(Rule::expr));
        self.equals_for_colon(sign);
        let name = match left.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        };
        Arg { name, value, span }
    }

    fn primary(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::number => self
                .number(node.as_str(), span)
                .map_or(ExprKind::Error, ExprKind::Literal),
            Rule::string | Rule::quote_habit => ExprKind::Str(self.string(node)),
            Rule::literal => ExprKind::Literal(word_literal(node.as_str())),
            Rule::name if self.in_hole(span) => ExprKind::Error,
            Rule::name => ExprKind::Name(self.ident(&node)),
            Rule::list => self.list(node),
            Rule::record => self.record(node),
            Rule::paren => ExprKind::Paren(Box::new(self.expr(Children::of(node).need(Rule::expr)))),
            Rule::if_expr => self.if_expr(node),
            Rule::match_expr => self.match_expr(node),
            _ => {
                self.dot_number(span, node.as_str());
                ExprKind::Error
            }
        };
        Expr { kind, span }
    }

    pub(super) fn number(&mut self, text: &str, span: Span) -> Option<LitKind> {
        match parse_number(text) {
            Ok(value) => Some(value),
            Err(bad) => {
                self.bad_number(text, span, bad);
                None
            }
        }
    }

    fn list(&mut self, node: Node<'_>) -> ExprKind {
        let mut children = Children::of(node);
        let mut items = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::spread_habit {
                self.spread_habit(self.span(&entry), "a list entry");
                items.extend(children.next().map(|spread| Self::error_expr(self.span(&spread))));
            } else {
                items.push(self.expr(entry));
            }
        }
        ExprKind::List(items)
    }

    fn record(&mut self, node: Node<'_>) -> ExprKind {
        let mut children = Children::of(node);
        let mut entries = Vec::new();
        while let Some(entry) = children.next() {
            let span = self.span(&entry);
            if entry.as_rule() == Rule::spread {
                let value = self.expr(Children::of(entry).need(Rule::expr));
                entries.push(Entry::Spread(value, span));
            } else {
                entries.push(self.record_field(entry, span));
            }
        }
        ExprKind::Record(entries)
    }

    fn record_field(&mut self, node: Node<'_>, span: Span) -> Entry {
        let mut children = Children::of(node);
        let key = self.key(children.need(Rule::key));
        let mut value = None;
        if let Some(found) = children.next() {
            value = Some(if found.as_rule() == Rule::equals_habit {
                let mut parts = Children::of(found);
                let sign = self.span(&parts.need(Rule::eq_sign));
                self.equals_for_colon(sign);
                self.expr(parts.need(Rule::expr))
            } else {
                self.expr(found)
            });
        }
        if value.is_none() && !matches!(key, Key::Name(_)) {
            self.missing_value(span);
            value = Some(Self::error_expr(span));
        }
        Entry::Field { key, value, span }
    }

    fn key(&mut self, node: Node<'_>) -> Key {
        let node = Children::of(node).need_next();
        match node.as_rule() {
            Rule::ident => Key::Name(self.ident(&node)),
            Rule::expr => Key::Computed(Box::new(self.expr(node))),
            Rule::reserved_key => {
                let span = self.span(&node);
                self.reserved_key(node.as_str(), span);
                Key::Name(Ident {
                    name: node.as_str().to_owned(),
                    span,
                })
            }
            _ => Key::Str(self.string(node)),
        }
    }

    fn if_expr(&mut self, node: Node<'_>) -> ExprKind {
        let span = self.span(&node);
        let level = self.level;
        let mut children = Children::of(node);
        let mut parts = Vec::new();
        while let Some(part) = children.take(Rule::expr) {
            self.level += 1;
            parts.push(self.expr(part));
        }
        self.level = level;
        if self.deeper(parts.len() as u32 / 2, span).is_none() {
            return ExprKind::Error;
        }
        self.level = level;
        let Some(mut otherwise) = parts.pop() else {
            unreachable!("an `if` has an `else`")
        };
        loop {
            let (Some(then), Some(cond)) = (parts.pop(), parts.pop()) else {
                return otherwise.kind;
            };
            let whole = if parts.is_empty() {
                span
            } else {
                cond.span.to(otherwise.span)
            };
            let kind = ExprKind::If {
                cond: Box::new(cond),
                then: Box::new(then),
                otherwise: Box::new(otherwise),
            };
            otherwise = Expr { kind, span: whole };
        }
    }

    fn match_expr(&mut self, node: Node<'_>) -> ExprKind {
        let mut children = Children::of(node);
        let subject = Box::new(self.expr(children.need(Rule::expr)));
        let mut arms = Vec::new();
        while let Some(arm) = children.take(Rule::match_arm) {
            let span = self.span(&arm);
            let mut parts = Children::of(arm);
            let pattern = self.pattern(parts.need(Rule::pattern));
            let value = self.expr(parts.need(Rule::expr));
            arms.push(MatchArm { pattern, value, span });
        }
        ExprKind::Match { subject, arms }
    }

    pub(super) fn pattern(&mut self, node: Node<'_>) -> Pattern {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let mut choices = Vec::new();
        while let Some(choice) = children.next() {
            choices.push(self.pattern_choice(choice));
        }
        match <[Pattern; 1]>::try_from(choices) {
            Ok([only]) => only,
            Err(choices) => Pattern {
                kind: PatternKind::Or(choices),
                span,
            },
        }
    }

    fn pattern_choice(&mut self, node: Node<'_>) -> Pattern {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::pat_range => self.pattern_range(node),
            Rule::literal => PatternKind::Literal(word_literal(node.as_str())),
            Rule::pat_name => self.pattern_name(node),
            _ => {
                let text = self.string(node);
                if text.parts.iter().any(|part| matches!(part, StrPart::Expr(_))) {
                    self.computed_pattern(span);
                    PatternKind::Error
                } else {
                    PatternKind::Str(text)
                }
            }
        };
        Pattern { kind, span }
    }

    fn pattern_range(&mut self, node: Node<'_>) -> PatternKind {
        let mut children = Children::of(node);
        let from = children.take(Rule::pat_number);
        let range = children.take(Rule::dotdot).is_some();
        let to = children.take(Rule::pat_number);
        let bad = [&from, &to].into_iter().flatten().count();
        let from = from.and_then(|node| self.pattern_number(&node));
        let to = to.and_then(|node| self.pattern_number(&node));
        if [&from, &to].into_iter().flatten().count() < bad {
            return PatternKind::Error;
        }
        match (range, from) {
            (false, Some(only)) => PatternKind::Literal(only.kind),
            (_, from) => PatternKind::Range { from, to },
        }
    }

    fn pattern_number(&mut self, node: &Node<'_>) -> Option<Lit> {
        let span = self.span(node);
        let text = node.as_str();
        let Some(positive) = text.strip_prefix('-') else {
            return self.number(text, span).map(|kind| Lit { kind, span });
        };
        let positive = positive.trim_start();
        let kind = if is_min_int(positive) {
            LitKind::Int(i64::MIN)
        } else {
            negate(self.number(positive, span)?)
        };
        Some(Lit { kind, span })
    }

    fn pattern_name(&mut self, node: Node<'_>) -> PatternKind {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let first = self.ident(&children.need(Rule::ident));
        let second = children.take(Rule::ident).map(|name| self.ident(&name));
        let fields = children.take(Rule::pat_fields).map(|fields| self.idents(fields));
        if self.in_hole(span) {
            return PatternKind::Error;
        }
        let (owner, name) = match second {
            Some(name) => (Some(first), name),
            None if first.name == "_" && fields.is_none() => return PatternKind::Wildcard,
            None => (None, first),
        };
        PatternKind::Variant { owner, name, fields }
    }
}

fn unary(op: UnaryOp, op_span: Span, operand: Expr) -> Expr {
    let span = op_span.to(operand.span);
    Expr {
        kind: ExprKind::Unary {
            op,
            op_span,
            operand: Box::new(operand),
        },
        span,
    }
}

fn is_min_int(text: &str) -> bool {
    text.replace('_', "") == "9223372036854775808"
        && parse_number(text) == Err(BadNumber::TooLarge("an `int`"))
}

fn negate(kind: LitKind) -> LitKind {
    match kind {
        LitKind::Int(value) => LitKind::Int(-value),
        LitKind::Float(value) => LitKind::Float(-value),
        LitKind::Duration(value) => LitKind::Duration(-value),
        LitKind::Size(value) => LitKind::Size(-value),
        other => other,
    }
}

fn word_literal(text: &str) -> LitKind {
    match text {
        "true" => LitKind::Bool(true),
        "false" => LitKind::Bool(false),
        _ => LitKind::Null,
    }
}
