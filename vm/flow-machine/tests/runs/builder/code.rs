//! Expressions and statements as instructions.

use flow_bytecode::*;

use super::{Builder, E, S};

impl Builder {
    pub(super) fn chunk(&mut self, params: u16, stmts: &[S], value: &E) -> ChunkId {
        let mut code = Code {
            next: params,
            most: params,
            ops: Vec::new(),
        };
        for stmt in stmts {
            let mark = code.next;
            match stmt {
                S::Send(name, e) | S::Set(name, e) => {
                    let value = code.expr(self, e);
                    let field = self.field_id(name);
                    code.ops.push(Op::Update {
                        field,
                        value,
                        overwrite: matches!(stmt, S::Set(..)),
                    });
                }
                S::Ensure(e, why) => {
                    let cond = code.expr(self, e);
                    let message = code.expr(self, &E::Str(why));
                    code.ops.push(Op::Ensure { cond, message });
                }
                S::Emit(name, e) => {
                    let value = code.expr(self, e);
                    let name = self.str(name);
                    code.ops.push(Op::Emit { name, value });
                }
            }
            code.next = mark;
        }
        let src = code.expr(self, value);
        code.ops.push(Op::Return { src });
        let name = self.str("chunk");
        self.image.chunks.push(Chunk {
            name,
            params,
            registers: code.most,
            code: code.ops,
            spans: Vec::new(),
        });
        ChunkId(self.image.chunks.len() as u32 - 1)
    }
}

struct Code {
    next: u16,
    most: u16,
    ops: Vec<Op>,
}

impl Code {
    fn fresh(&mut self) -> u16 {
        self.next += 1;
        self.most = self.most.max(self.next);
        self.next - 1
    }

    /// Values in registers that stand next to each other.
    fn row(&mut self, b: &mut Builder, items: &[E]) -> u16 {
        let first = self.next;
        let slots: Vec<u16> = items.iter().map(|_| self.fresh()).collect();
        for (slot, item) in slots.iter().zip(items) {
            let src = self.expr(b, item);
            self.ops.push(Op::Move { dst: *slot, src });
        }
        first
    }

    fn expr(&mut self, b: &mut Builder, e: &E) -> u16 {
        if let E::Reg(reg) = e {
            return *reg;
        }
        let dst = self.fresh();
        match e {
            E::Reg(_) => {}
            E::Null | E::Bool(_) | E::Int(_) | E::Str(_) | E::Duration(_) => {
                let value = b.literal(e);
                self.ops.push(Op::Const { dst, value });
            }
            E::Field(name) => self.ops.push(Op::LoadField {
                dst,
                field: b.field_id(name),
            }),
            E::Run(what) => self.ops.push(Op::LoadRun { dst, what: *what }),
            E::Op(op, x, y) => {
                let (a, b) = (self.expr(b, x), self.expr(b, y));
                self.ops.push(Op::Binary { op: *op, dst, a, b });
            }
            E::Not(x) => {
                let a = self.expr(b, x);
                self.ops.push(Op::Unary {
                    op: UnaryOp::Not,
                    dst,
                    a,
                });
            }
            E::Get(x, name) => {
                let base = self.expr(b, x);
                let name = b.str(name);
                self.ops.push(Op::Field {
                    dst,
                    base,
                    name,
                    hint: 0,
                });
            }
            E::List(items) => {
                let first = self.row(b, items);
                self.ops.push(Op::List {
                    dst,
                    first,
                    count: items.len() as u16,
                });
            }
            E::Record(fields) => {
                let values: Vec<E> = fields.iter().map(|(_, e)| e.clone()).collect();
                let first = self.row(b, &values);
                let null = b.constant(Const::Null);
                let shape = Const::Record(fields.iter().map(|(name, _)| (b.str(name), null)).collect());
                let shape = b.constant(shape);
                self.ops.push(Op::Record { dst, shape, first });
            }
            E::Method(method, args) => {
                let first = self.row(b, args);
                self.ops.push(Op::Method {
                    dst,
                    method: *method,
                    first,
                    count: args.len() as u16,
                });
            }
            E::If(cond, yes, no) => self.either(b, dst, cond, yes, no),
        }
        dst
    }

    fn either(&mut self, b: &mut Builder, dst: u16, cond: &E, yes: &E, no: &E) {
        let cond = self.expr(b, cond);
        let test = self.ops.len();
        self.ops.push(Op::Jump { to: 0 });
        let src = self.expr(b, yes);
        self.ops.push(Op::Move { dst, src });
        let out = self.ops.len();
        self.ops.push(Op::Jump { to: 0 });
        self.ops[test] = Op::JumpIfNot {
            cond,
            to: self.ops.len() as u32,
        };
        let src = self.expr(b, no);
        self.ops.push(Op::Move { dst, src });
        self.ops[out] = Op::Jump {
            to: self.ops.len() as u32,
        };
    }
}

pub(super) fn fields_of(e: &E, found: &mut Vec<&'static str>) {
    match e {
        E::Field(name) => found.push(name),
        E::Op(_, a, b) => [a, b].into_iter().for_each(|e| fields_of(e, found)),
        E::Not(e) | E::Get(e, _) => fields_of(e, found),
        E::List(items) | E::Method(_, items) => items.iter().for_each(|e| fields_of(e, found)),
        E::Record(fields) => fields.iter().for_each(|(_, e)| fields_of(e, found)),
        E::If(a, b, c) => [a, b, c].into_iter().for_each(|e| fields_of(e, found)),
        _ => {}
    }
}
