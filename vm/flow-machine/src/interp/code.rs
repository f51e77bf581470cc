//! The code of a chunk as the dispatch loop runs it: what a load would give stands where it is
//! used, and a comparison and the jump behind it are one step. How it is made from a chunk is in
//! `decode`, what the steps do in `exec`.

use std::cmp::Ordering;

use flow_bytecode::{BinaryOp, FieldId, Reg, StrId, UnaryOp};

use super::Env;
use crate::value::Value;

/// A chunk, made ready to run.
#[derive(Debug)]
pub(crate) struct Code {
    /// Never empty; the last one ends the chunk.
    pub(super) steps: Vec<Step>,
    /// For each step, the instruction of the chunk that it ends with. Instructions without a step
    /// belong to the next one that has one, and are paid with it.
    pub(super) places: Vec<u32>,
    pub(super) params: usize,
    pub(super) registers: usize,
}

/// What the loop does at once. `to` is an index into the steps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Copy {
        dst: Reg,
        src: Source,
    },
    Compare {
        dst: Reg,
        by: Comparison,
        a: Source,
        b: Source,
    },
    /// Compares, and goes on at `to` if that gives false.
    Test {
        dst: Reg,
        by: Comparison,
        a: Source,
        b: Source,
        to: u32,
    },
    Binary {
        op: BinaryOp,
        dst: Reg,
        a: Source,
        b: Source,
    },
    Unary {
        op: UnaryOp,
        dst: Reg,
        a: Source,
    },
    IntToFloat {
        dst: Reg,
        a: Source,
    },
    Len {
        dst: Reg,
        of: Source,
    },
    Field {
        dst: Reg,
        of: Source,
        name: StrId,
        hint: u16,
    },
    Index {
        dst: Reg,
        of: Source,
        index: Source,
    },
    IsVariant {
        dst: Reg,
        a: Source,
        name: StrId,
    },
    Jump {
        to: u32,
    },
    JumpIfNot {
        cond: Source,
        to: u32,
    },
    JumpIfNull {
        a: Source,
        to: u32,
    },
    Return {
        src: Source,
    },
    /// An instruction that needs more than the frame: the one at the step's place.
    Rare,
}

/// Where an operand is. Two bytes are enough for nearly all; what is further away is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Register(Reg),
    Constant(u16),
    State(u16),
    Input(u16),
    Config(u16),
}

/// A comparison that gives a bool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) op: BinaryOp,
    /// Which orders fulfil it: bit 0 less, bit 1 equal, bit 2 greater.
    pub(super) orders: u8,
}

impl Code {
    /// The first instruction of the chunk that belongs to a step.
    #[inline]
    pub(super) fn begin(&self, step: usize) -> usize {
        step.checked_sub(1).map_or(0, |before| self.place(before) + 1)
    }

    /// The instruction that a step ends with.
    #[inline]
    pub(super) fn place(&self, step: usize) -> usize {
        self.places[step] as usize
    }

    /// The instruction that has failed when a step has: of a comparison with a jump, the former.
    pub(super) fn failing(&self, step: usize) -> usize {
        match self.steps[step] {
            Step::Test { .. } => self.place(step) - 1,
            _ => self.place(step),
        }
    }
}

impl Step {
    /// Its operands. None of those of an instruction that stands for itself.
    pub(super) fn sources(&self) -> [Option<Source>; 2] {
        match *self {
            Step::Copy { src: a, .. }
            | Step::Unary { a, .. }
            | Step::IntToFloat { a, .. }
            | Step::Len { of: a, .. }
            | Step::Field { of: a, .. }
            | Step::IsVariant { a, .. }
            | Step::JumpIfNot { cond: a, .. }
            | Step::JumpIfNull { a, .. }
            | Step::Return { src: a } => [Some(a), None],
            Step::Compare { a, b, .. }
            | Step::Test { a, b, .. }
            | Step::Binary { a, b, .. }
            | Step::Index { of: a, index: b, .. } => [Some(a), Some(b)],
            Step::Jump { .. } | Step::Rare => [None, None],
        }
    }

    /// Where it goes on, if it jumps.
    pub(super) fn target(&mut self) -> Option<&mut u32> {
        match self {
            Step::Test { to, .. }
            | Step::Jump { to }
            | Step::JumpIfNot { to, .. }
            | Step::JumpIfNull { to, .. } => Some(to),
            _ => None,
        }
    }
}

impl Source {
    /// The operand itself. What is absent is null.
    #[inline]
    pub(super) fn read<'v>(self, env: &Env<'v>, frame: &'v [Value]) -> &'v Value {
        static NULL: Value = Value::Null;
        let found = match self {
            Source::Register(at) => Some(&frame[usize::from(at)]),
            Source::Constant(at) => Some(&env.program.constants()[usize::from(at)]),
            Source::State(at) => env.fields.field(FieldId(u32::from(at))),
            Source::Input(at) => env.input.get(usize::from(at)),
            Source::Config(at) => env.config.get(usize::from(at)),
        };
        found.unwrap_or(&NULL)
    }
}

impl Comparison {
    /// The comparison that an operator is, if it is one.
    pub(super) fn of(op: BinaryOp) -> Option<Comparison> {
        let orders = match op {
            BinaryOp::Lt => 0b001,
            BinaryOp::Le => 0b011,
            BinaryOp::Eq => 0b010,
            BinaryOp::Ne => 0b101,
            BinaryOp::Ge => 0b110,
            BinaryOp::Gt => 0b100,
            _ => return None,
        };
        Some(Comparison { op, orders })
    }

    /// Whether two values in this order fulfil it.
    #[inline]
    pub(super) fn holds(self, order: Ordering) -> bool {
        self.orders >> (order as i8 + 1) & 1 == 1
    }
}
