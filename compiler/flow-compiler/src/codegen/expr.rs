//! Expressions → register code. Registers and jumps are in `code`, patterns in `pattern`.

use flow_bytecode::{BinaryOp, FieldId, Op, Reg};
use flow_diagnostics::Span;

use super::code::{Code, Frame};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Local, LocalId, MatchArm};
use crate::types::{Ty, TyKind};

/// How many elements one `List` instruction takes; longer lists are made of pieces.
const LIST_PIECE: usize = 256;

impl<'p> Code<'_, 'p> {
    /// The register that holds the value: its own for a name, a fresh one for anything else.
    pub(super) fn operand(&mut self, expr: &'p Expr) -> Reg {
        if let ExprKind::Local(id) = &expr.kind
            && let Some(reg) = self.locals.get(id)
        {
            return *reg;
        }
        let dst = self.alloc();
        self.expr(expr, dst);
        dst
    }

    /// Computes the value into `dst`. Registers above are given back.
    pub(super) fn expr(&mut self, expr: &'p Expr, dst: Reg) {
        let mark = self.mark();
        self.expr_kind(expr, dst);
        self.release(mark);
    }

    /// Computes the record of these values.
    pub(super) fn record(&mut self, fields: &'p [(String, Expr)], dst: Reg, span: Span) {
        let first = self.row(fields.iter().map(|(_, value)| value));
        let shape = self
            .generator
            .record_shape(fields.iter().map(|(name, _)| name.as_str()));
        self.emit(Op::Record { dst, shape, first }, span);
    }

    fn expr_kind(&mut self, expr: &'p Expr, dst: Reg) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Error => self.load(&ConstValue::Null, dst, span),
            ExprKind::Const(value) => self.load(value, dst, span),
            ExprKind::Local(id) => self.local(*id, dst, span),
            ExprKind::Field(field) => self.emit(
                Op::LoadField {
                    dst,
                    field: FieldId(field.0),
                },
                span,
            ),
            ExprKind::Input(index) => self.emit(
                Op::LoadInput {
                    dst,
                    index: *index as u16,
                },
                span,
            ),
            ExprKind::Config(index) => self.emit(
                Op::LoadConfig {
                    dst,
                    index: *index as u16,
                },
                span,
            ),
            ExprKind::Run(what) => self.emit(Op::LoadRun { dst, what: *what }, span),
            ExprKind::Secret(name) => {
                let name = self.generator.secret(name);
                self.emit(Op::LoadSecret { dst, name }, span);
            }
            ExprKind::Record(fields) => self.record(fields, dst, span),
            ExprKind::With(base, fields) => self.with(base, fields, dst, span),
            ExprKind::Map(pairs) => {
                let first = self.row(pairs.iter().flat_map(|(key, value)| [key, value]));
                self.emit(
                    Op::Map {
                        dst,
                        first,
                        count: pairs.len() as u16,
                    },
                    span,
                );
            }
            ExprKind::List(items) => self.list(items, dst, span),
            ExprKind::Variant(case, fields) => self.variant(expr.ty, case, fields, dst, span),
            ExprKind::Interpolate(parts) => self.interpolate(parts, dst, span),
            _ => self.call(expr, dst),
        }
    }

    /// Functions and what is done with them.
    fn call(&mut self, expr: &'p Expr, dst: Reg) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Lambda(params, body) => self.lambda(params, body, dst, span),
            ExprKind::FnValue(function) => {
                let chunk = flow_bytecode::ChunkId(function.0);
                self.emit(
                    Op::Closure {
                        dst,
                        chunk,
                        first: dst,
                        count: 0,
                    },
                    span,
                );
            }
            ExprKind::Method(method, args) => {
                let first = self.row(args);
                self.emit(
                    Op::Method {
                        dst,
                        method: *method,
                        first,
                        count: args.len() as u16,
                    },
                    span,
                );
            }
            ExprKind::Call(function, args) => {
                let first = self.row(args);
                let chunk = flow_bytecode::ChunkId(function.0);
                self.emit(
                    Op::Call {
                        dst,
                        chunk,
                        first,
                        count: args.len() as u16,
                    },
                    span,
                );
            }
            ExprKind::CallLocal(id, args) => {
                let callee = self.alloc();
                self.local(*id, callee, span);
                let first = self.row(args);
                self.emit(
                    Op::CallValue {
                        dst,
                        callee,
                        first,
                        count: args.len() as u16,
                    },
                    span,
                );
            }
            _ => self.operation(expr, dst),
        }
    }

    /// Operators, accesses and checks.
    fn operation(&mut self, expr: &'p Expr, dst: Reg) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                self.emit(Op::Binary { op: *op, dst, a, b }, span);
            }
            ExprKind::Unary(op, a) => {
                let a = self.operand(a);
                self.emit(Op::Unary { op: *op, dst, a }, span);
            }
            ExprKind::Widen(a) => {
                let a = self.operand(a);
                self.emit(Op::IntToFloat { dst, a }, span);
            }
            ExprKind::Access(base, name) => {
                let hint = self.position(base.ty, name);
                let base = self.operand(base);
                let name = self.generator.text(name);
                self.emit(
                    Op::Field {
                        dst,
                        base,
                        name,
                        hint,
                    },
                    span,
                );
            }
            ExprKind::Index(base, index) => {
                let (base, index) = (self.operand(base), self.operand(index));
                self.emit(Op::Index { dst, base, index }, span);
            }
            ExprKind::Cast(a) => {
                let a = self.operand(a);
                let ty = self.generator.ty(expr.ty);
                self.emit(Op::Cast { dst, a, ty }, span);
            }
            ExprKind::Refine(a) => {
                self.expr(a, dst);
                let ty = self.generator.ty(expr.ty);
                self.emit(Op::CheckRefined { a: dst, ty }, span);
            }
            ExprKind::Let(local, value, body) => {
                self.bind(local, value);
                self.expr(body, dst);
            }
            _ => self.decision(expr, dst),
        }
    }

    /// What evaluates one of its parts, or none.
    fn decision(&mut self, expr: &'p Expr, dst: Reg) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::And(a, b) => {
                self.expr(a, dst);
                let no = self.jump_if_not(dst, a.span);
                self.expr(b, dst);
                self.land(no);
            }
            ExprKind::Or(a, b) => {
                self.expr(a, dst);
                let no = self.jump_if_not(dst, a.span);
                let yes = self.jump(a.span);
                self.land(no);
                self.expr(b, dst);
                self.land(yes);
            }
            ExprKind::Coalesce(a, b) => {
                self.expr(a, dst);
                let absent = self.jump_if_null(dst, a.span);
                let there = self.jump(a.span);
                self.land(absent);
                self.expr(b, dst);
                self.land(there);
            }
            ExprKind::Safe {
                receiver,
                local,
                rest,
            } => self.safe(receiver, local, rest, dst),
            ExprKind::If(cond, then, otherwise) => self.choose(cond, then, otherwise, dst),
            ExprKind::Match(scrutinee, arms) => self.matching(scrutinee, arms, dst, span),
            other => unreachable!("{other:?} is no operation"),
        }
    }

    fn local(&mut self, id: LocalId, dst: Reg, span: Span) {
        let found = self.locals.get(&id).copied();
        debug_assert!(found.is_some(), "local {} is not bound here", id.0);
        match found {
            Some(src) => self.emit(Op::Move { dst, src }, span),
            None => self.load(&ConstValue::Null, dst, span),
        }
    }

    /// Computes expressions into registers in a row; the first of them.
    fn row(&mut self, exprs: impl IntoIterator<Item = &'p Expr>) -> Reg {
        let exprs: Vec<_> = exprs.into_iter().collect();
        let first = self.alloc_many(exprs.len());
        for (offset, expr) in exprs.into_iter().enumerate() {
            self.expr(expr, first + offset as Reg);
        }
        first
    }

    fn list(&mut self, items: &'p [Expr], dst: Reg, span: Span) {
        let (head, rest) = items.split_at(items.len().min(LIST_PIECE));
        let first = self.row(head);
        self.emit(
            Op::List {
                dst,
                first,
                count: head.len() as u16,
            },
            span,
        );
        for piece in rest.chunks(LIST_PIECE) {
            let mark = self.mark();
            let first = self.row(piece);
            self.emit(
                Op::List {
                    dst: first,
                    first,
                    count: piece.len() as u16,
                },
                span,
            );
            self.emit(
                Op::Binary {
                    op: BinaryOp::Add,
                    dst,
                    a: dst,
                    b: first,
                },
                span,
            );
            self.release(mark);
        }
    }

    fn with(&mut self, base: &'p Expr, fields: &'p [(String, Expr)], dst: Reg, span: Span) {
        self.expr(base, dst);
        for (name, value) in fields {
            let mark = self.mark();
            let value = self.operand(value);
            let name = self.generator.text(name);
            self.emit(
                Op::With {
                    dst,
                    base: dst,
                    name,
                    value,
                },
                span,
            );
            self.release(mark);
        }
    }

    fn variant(&mut self, ty: Ty, case: &str, fields: &'p [(String, Expr)], dst: Reg, span: Span) {
        if let TyKind::Enum(declared) = self.generator.program.types.kind(ty)
            && declared.is_plain()
        {
            return self.load(&ConstValue::Case(case.to_owned()), dst, span);
        }
        let first = self.row(fields.iter().map(|(_, value)| value));
        let shape = self
            .generator
            .variant_shape(case, fields.iter().map(|(name, _)| name.as_str()));
        self.emit(Op::Variant { dst, shape, first }, span);
    }

    fn interpolate(&mut self, parts: &'p [Expr], dst: Reg, span: Span) {
        let first = self.alloc_many(parts.len());
        for (offset, part) in parts.iter().enumerate() {
            let reg = first + offset as Reg;
            self.expr(part, reg);
            if !matches!(part.kind, ExprKind::Const(ConstValue::Str(_))) {
                self.emit(Op::ToText { dst: reg, a: reg }, part.span);
            }
        }
        self.emit(
            Op::Concat {
                dst,
                first,
                count: parts.len() as u16,
            },
            span,
        );
    }

    /// The names of the surroundings that the body mentions become the first parameters of its chunk.
    fn lambda(&mut self, params: &'p [Local], body: &'p Expr, dst: Reg, span: Span) {
        let mut captured: Vec<LocalId> = Vec::new();
        body.walk(&mut |e| {
            if let ExprKind::Local(id) | ExprKind::CallLocal(id, _) = &e.kind
                && self.locals.contains_key(id)
                && !captured.contains(id)
                && params.iter().all(|param| param.id != *id)
            {
                captured.push(*id);
            }
        });
        let frame = Frame::of(
            captured
                .iter()
                .copied()
                .chain(params.iter().map(|param| param.id)),
        );
        let mut code = Code::new(self.generator, &frame);
        code.return_value(body);
        let chunk = code.into_chunk("lambda");
        let chunk = self.generator.add_chunk(chunk);
        let first = self.alloc_many(captured.len());
        for (offset, id) in captured.iter().enumerate() {
            self.local(*id, first + offset as Reg, span);
        }
        self.emit(
            Op::Closure {
                dst,
                chunk,
                first,
                count: captured.len() as u16,
            },
            span,
        );
    }

    fn safe(&mut self, receiver: &'p Expr, local: &'p Local, rest: &'p Expr, dst: Reg) {
        let reg = self.operand(receiver);
        let absent = self.jump_if_null(reg, receiver.span);
        self.locals.insert(local.id, reg);
        self.expr(rest, dst);
        let there = self.jump(rest.span);
        self.land(absent);
        self.load(&ConstValue::Null, dst, receiver.span);
        self.land(there);
    }

    fn choose(&mut self, cond: &'p Expr, then: &'p Expr, otherwise: &'p Expr, dst: Reg) {
        let reg = self.operand(cond);
        let no = self.jump_if_not(reg, cond.span);
        self.expr(then, dst);
        let done = self.jump(then.span);
        self.land(no);
        self.expr(otherwise, dst);
        self.land(done);
    }

    fn matching(&mut self, scrutinee: &'p Expr, arms: &'p [MatchArm], dst: Reg, span: Span) {
        let value = self.operand(scrutinee);
        let mut done = Vec::new();
        for arm in arms {
            let mark = self.mark();
            let misses = self.test(&arm.pattern, value, scrutinee.ty);
            self.expr(&arm.body, dst);
            done.push(self.jump(arm.body.span));
            self.land_all(misses);
            self.release(mark);
        }
        self.fail("no arm of this `match` takes the value", span);
        self.land_all(done);
    }

    /// Fails with a text.
    pub(super) fn fail(&mut self, text: &str, span: Span) {
        let message = self.alloc();
        self.load(&ConstValue::Str(text.to_owned()), message, span);
        self.emit(Op::Fail { message }, span);
    }

    /// Where a record of this type has the field; 0 where the type does not say.
    fn position(&self, ty: Ty, name: &str) -> u16 {
        let types = &self.generator.program.types;
        match types.kind(crate::start::unrefined(types, ty)) {
            TyKind::Record(record) => record
                .fields
                .iter()
                .position(|field| field.name == name)
                .unwrap_or(0) as u16,
            _ => 0,
        }
    }
}
