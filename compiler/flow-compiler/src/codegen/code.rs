//! Code of one chunk: registers, names, jumps, and statements. Expressions are in `expr`, patterns
//! in `pattern`.
//!
//! Registers are a stack: what a part needs lies above what surrounds it and is given back with it.

use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::{Chunk, ChunkId, ConstId, Op, Reg, SourceSpan};
use flow_diagnostics::Span;

use super::Generator;
use crate::hir::expr::{Expr, ExprKind, Local, LocalId};
use crate::hir::flow::{Node, Stmt, Update};
use crate::hir::{ConstValue, Name};

/// What a chunk is given, and the names that it can make for itself.
#[derive(Clone, Default)]
pub(super) struct Frame<'p> {
    /// For each parameter register the names that stand for it.
    params: Vec<Vec<LocalId>>,
    /// `let`s of the node. A chunk that mentions one computes it again: expressions are total, and
    /// all chunks of one moment see one state.
    lets: Vec<(&'p Local, &'p Expr)>,
}

impl<'p> Frame<'p> {
    pub(super) fn of(params: impl IntoIterator<Item = LocalId>) -> Self {
        Self {
            params: params.into_iter().map(|id| vec![id]).collect(),
            lets: Vec::new(),
        }
    }

    /// The parameters of a node, and its `let`s.
    pub(super) fn of_node(node: &'p Node) -> Self {
        let lets = node.body.iter().filter_map(|stmt| match stmt {
            Stmt::Let(local, value) => Some((local, value)),
            _ => None,
        });
        Self {
            lets: lets.collect(),
            ..Self::of(node.locals.iter().map(|local| local.id))
        }
    }

    /// One more parameter register, under any number of names.
    pub(super) fn and<'l>(&self, names: impl IntoIterator<Item = &'l Local>) -> Self {
        let mut frame = self.clone();
        frame
            .params
            .push(names.into_iter().map(|local| local.id).collect());
        frame
    }
}

/// A chunk in the making.
pub(super) struct Code<'g, 'p> {
    pub(super) generator: &'g mut Generator<'p>,
    ops: Vec<Op>,
    spans: Vec<SourceSpan>,
    params: u16,
    next: Reg,
    most: Reg,
    pub(super) locals: BTreeMap<LocalId, Reg>,
    lets: Vec<(&'p Local, &'p Expr)>,
}

/// A jump whose end is not known yet.
#[must_use]
pub(super) struct Jump(usize);

impl<'g, 'p> Code<'g, 'p> {
    pub(super) fn new(generator: &'g mut Generator<'p>, frame: &Frame<'p>) -> Self {
        let params = frame.params.len() as u16;
        let names = frame.params.iter().enumerate();
        let locals = names.flat_map(|(reg, ids)| ids.iter().map(move |id| (*id, reg as Reg)));
        Self {
            generator,
            ops: Vec::new(),
            spans: Vec::new(),
            params,
            next: params,
            most: params,
            locals: locals.collect(),
            lets: frame.lets.clone(),
        }
    }

    pub(super) fn into_chunk(self, name: &str) -> Chunk {
        assert!(
            matches!(self.ops.last(), Some(Op::Return { .. } | Op::Jump { .. })),
            "{name} does not end"
        );
        Chunk {
            name: self.generator.text(name),
            params: self.params,
            registers: self.most,
            code: self.ops,
            spans: self.spans,
        }
    }

    /// Ends the chunk with the value of an expression.
    pub(super) fn return_value(&mut self, expr: &'p Expr) {
        self.need(&[expr]);
        let src = self.operand(expr);
        self.emit(Op::Return { src }, expr.span);
    }

    /// Ends the chunk with a record of arguments.
    pub(super) fn return_record(&mut self, args: &'p [(String, Expr)], span: Span) {
        let exprs: Vec<_> = args.iter().map(|(_, e)| e).collect();
        self.need(&exprs);
        let dst = self.alloc();
        self.record(args, dst, span);
        self.emit(Op::Return { src: dst }, span);
    }

    /// Ends the chunk with the record of a worker's options.
    pub(super) fn return_options(&mut self, options: &'p [(Name, Expr)], span: Span) {
        let first = self.alloc_many(options.len());
        for (offset, (_, value)) in options.iter().enumerate() {
            self.expr(value, first + offset as Reg);
        }
        let dst = self.alloc();
        let shape = self
            .generator
            .record_shape(options.iter().map(|(name, _)| name.text.as_str()));
        self.emit(Op::Record { dst, shape, first }, span);
        self.emit(Op::Return { src: dst }, span);
    }

    /// Ends the chunk with null, after these statements.
    pub(super) fn return_after(&mut self, body: &'p [Stmt], span: Span) {
        for stmt in body {
            self.statement(stmt, span);
        }
        self.return_constant(&ConstValue::Null, span);
    }

    /// Ends the chunk with a constant.
    pub(super) fn return_constant(&mut self, value: &ConstValue, span: Span) {
        let src = self.alloc();
        self.load(value, src, span);
        self.emit(Op::Return { src }, span);
    }

    /// `ensure cond else message`. The message is only made when it is needed.
    pub(super) fn ensure(&mut self, cond: &'p Expr, message: Option<&'p Expr>, text: &str) {
        let mark = self.next;
        let cond_reg = self.operand(cond);
        let message_reg = self.alloc();
        match message {
            Some(message) if !matches!(message.kind, ExprKind::Const(_)) => {
                let failed = self.jump_if_not(cond_reg, cond.span);
                let holds = self.jump(cond.span);
                self.land(failed);
                self.expr(message, message_reg);
                self.emit(
                    Op::Ensure {
                        cond: cond_reg,
                        message: message_reg,
                    },
                    cond.span,
                );
                self.land(holds);
            }
            Some(message) => {
                self.expr(message, message_reg);
                self.emit(
                    Op::Ensure {
                        cond: cond_reg,
                        message: message_reg,
                    },
                    cond.span,
                );
            }
            None => {
                let text = ConstValue::Str(format!("`{text}` does not hold"));
                self.load(&text, message_reg, cond.span);
                self.emit(
                    Op::Ensure {
                        cond: cond_reg,
                        message: message_reg,
                    },
                    cond.span,
                );
            }
        }
        self.release(mark);
    }

    /// Makes the `let`s that these expressions mention and that have no register yet.
    pub(super) fn need(&mut self, exprs: &[&'p Expr]) {
        let lets = std::mem::take(&mut self.lets);
        let mut wanted = BTreeSet::new();
        let mut open: Vec<&'p Expr> = exprs.to_vec();
        while let Some(expr) = open.pop() {
            expr.walk(&mut |e| {
                let (ExprKind::Local(id) | ExprKind::CallLocal(id, _)) = &e.kind else {
                    return;
                };
                let made = lets
                    .iter()
                    .position(|(local, _)| local.id == *id && !self.locals.contains_key(id));
                if let Some(index) = made
                    && wanted.insert(index)
                {
                    open.push(lets[index].1);
                }
            });
        }
        for index in wanted {
            let (local, value) = lets[index];
            self.bind(local, value);
        }
        self.lets = lets;
    }

    /// Gives a name to the value of an expression.
    pub(super) fn bind(&mut self, local: &Local, value: &'p Expr) {
        let reg = self.alloc();
        self.expr(value, reg);
        self.locals.insert(local.id, reg);
    }

    pub(super) fn emit(&mut self, op: Op, span: Span) {
        self.ops.push(op);
        self.spans.push(self.generator.place(span));
    }

    pub(super) fn load(&mut self, value: &ConstValue, dst: Reg, span: Span) {
        let value = self.generator.constant(value);
        self.load_id(value, dst, span);
    }

    pub(super) fn load_id(&mut self, value: ConstId, dst: Reg, span: Span) {
        self.emit(Op::Const { dst, value }, span);
    }

    /// A fresh register on top of the stack.
    pub(super) fn alloc(&mut self) -> Reg {
        self.alloc_many(1)
    }

    /// Fresh registers in a row; the first of them.
    pub(super) fn alloc_many(&mut self, count: usize) -> Reg {
        let first = self.next;
        let next = usize::from(first) + count;
        assert!(
            next < usize::from(Reg::MAX),
            "an expression of more than {next} parts"
        );
        self.next = next as Reg;
        self.most = self.most.max(self.next);
        first
    }

    pub(super) fn mark(&self) -> Reg {
        self.next
    }

    /// Gives back all registers from `mark` on.
    pub(super) fn release(&mut self, mark: Reg) {
        self.next = mark;
    }

    pub(super) fn jump(&mut self, span: Span) -> Jump {
        self.emit(Op::Jump { to: 0 }, span);
        Jump(self.ops.len() - 1)
    }

    pub(super) fn jump_if_not(&mut self, cond: Reg, span: Span) -> Jump {
        self.emit(Op::JumpIfNot { cond, to: 0 }, span);
        Jump(self.ops.len() - 1)
    }

    pub(super) fn jump_if_null(&mut self, a: Reg, span: Span) -> Jump {
        self.emit(Op::JumpIfNull { a, to: 0 }, span);
        Jump(self.ops.len() - 1)
    }

    /// The jumps lead to the next instruction.
    pub(super) fn land_all(&mut self, jumps: Vec<Jump>) {
        for jump in jumps {
            self.land(jump);
        }
    }

    /// The jump leads to the next instruction.
    #[expect(clippy::needless_pass_by_value, reason = "a jump lands once")]
    pub(super) fn land(&mut self, jump: Jump) {
        let here = self.ops.len() as u32;
        match &mut self.ops[jump.0] {
            Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } => *to = here,
            other => unreachable!("{other:?} is no jump"),
        }
    }

    fn statement(&mut self, stmt: &'p Stmt, span: Span) {
        match stmt {
            Stmt::Let(local, value) => {
                self.need(&[value]);
                if !self.locals.contains_key(&local.id) {
                    self.bind(local, value);
                }
            }
            Stmt::Ensure { cond, message, text } => {
                let parts: Vec<_> = [Some(cond), message.as_ref()].into_iter().flatten().collect();
                self.need(&parts);
                self.ensure(cond, message.as_ref(), text);
            }
            Stmt::Update(update) => self.update(update),
            Stmt::Emit(name, value) => self.emit_event(&name.text, value.as_ref(), span),
        }
    }

    fn update(&mut self, update: &'p Update) {
        self.need(&[&update.value]);
        let mark = self.next;
        let value = self.operand(&update.value);
        let field = flow_bytecode::FieldId(update.field.0);
        self.emit(
            Op::Update {
                field,
                value,
                overwrite: update.overwrite,
            },
            update.span,
        );
        self.release(mark);
    }

    fn emit_event(&mut self, name: &str, payload: Option<&'p Expr>, span: Span) {
        let name = self.generator.text(name);
        let Some(payload) = payload else {
            let value = self.alloc();
            self.load(&ConstValue::Null, value, span);
            self.emit(Op::Emit { name, value }, span);
            return self.release(value);
        };
        self.need(&[payload]);
        let mark = self.next;
        let value = self.operand(payload);
        self.emit(Op::Emit { name, value }, payload.span);
        self.release(mark);
    }
}

/// Whole chunks, as nodes, workers and flows ask for them.
impl<'p> Generator<'p> {
    /// A chunk that returns the value of an expression.
    pub(super) fn value_chunk(&mut self, name: &str, frame: &Frame<'p>, expr: &'p Expr) -> ChunkId {
        let mut code = Code::new(self, frame);
        code.return_value(expr);
        let chunk = code.into_chunk(name);
        self.add_chunk(chunk)
    }

    /// A chunk that returns a record.
    pub(super) fn record_chunk(
        &mut self,
        name: &str,
        frame: &Frame<'p>,
        args: &'p [(String, Expr)],
        span: Span,
    ) -> ChunkId {
        let mut code = Code::new(self, frame);
        code.return_record(args, span);
        let chunk = code.into_chunk(name);
        self.add_chunk(chunk)
    }

    /// A chunk that runs statements; none where there are none.
    pub(super) fn body_chunk(
        &mut self,
        name: &str,
        frame: &Frame<'p>,
        body: &'p [Stmt],
        span: Span,
    ) -> Option<ChunkId> {
        if body.is_empty() {
            return None;
        }
        let mut code = Code::new(self, frame);
        code.return_after(body, span);
        let chunk = code.into_chunk(name);
        Some(self.add_chunk(chunk))
    }
}
