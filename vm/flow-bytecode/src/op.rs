//! The instructions of the register machine. What they do is defined in `flow-machine`'s `interp`;
//! what makes them acceptable, in `verify`.

use serde::{Deserialize, Serialize};

use crate::ids::{ChunkId, ConstId, FieldId, StrId, TypeId};
use crate::method::Method;

/// A register of the current frame.
pub type Reg = u16;

/// One instruction. Jumps are absolute indices into the chunk's code and only go forward, so that
/// every chunk ends; loops exist inside methods that take a function.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "operands are explained with their instruction")]
pub enum Op {
    /// `dst = consts[value]`
    Const { dst: Reg, value: ConstId },
    /// `dst = src`
    Move { dst: Reg, src: Reg },
    /// `dst` = the state field as the activation sees it. Null where it has no value yet.
    LoadField { dst: Reg, field: FieldId },
    /// `dst` = the flow's parameter at this position.
    LoadInput { dst: Reg, index: u16 },
    /// `dst` = the flow's configuration value at this position.
    LoadConfig { dst: Reg, index: u16 },
    /// `dst` = a property of the run.
    LoadRun { dst: Reg, what: RunField },
    /// `dst` = the named secret, by name only.
    LoadSecret { dst: Reg, name: StrId },

    /// `dst = a op b` on any two values of the types that the compiler chose the operation for.
    Binary { op: BinaryOp, dst: Reg, a: Reg, b: Reg },
    /// `dst = op a`
    Unary { op: UnaryOp, dst: Reg, a: Reg },
    /// `dst = float(a)`: the one conversion that happens by itself.
    IntToFloat { dst: Reg, a: Reg },
    /// `dst` = the text that interpolation shows for `a`.
    ToText { dst: Reg, a: Reg },
    /// `dst` = the texts in `first..first+count`, joined. Secret if one of them is.
    Concat { dst: Reg, first: Reg, count: u16 },

    /// `dst` = the list of the values in `first..first+count`.
    List { dst: Reg, first: Reg, count: u16 },
    /// `dst` = the record whose names are those of the constant record `shape`, with the values in
    /// `first..`, one for each name, in that order.
    Record { dst: Reg, shape: ConstId, first: Reg },
    /// `dst` = the map of the pairs (key, value) in `first..first+2*count`; a later key wins.
    Map { dst: Reg, first: Reg, count: u16 },
    /// `dst` = the case of a union named as the constant variant `shape`, fields from `first..`.
    Variant { dst: Reg, shape: ConstId, first: Reg },
    /// `dst` = the record `base` with the field `name` replaced or added.
    With {
        dst: Reg,
        base: Reg,
        name: StrId,
        value: Reg,
    },
    /// `dst` = the field of a record or union case. `hint` is the position where it is expected.
    Field {
        dst: Reg,
        base: Reg,
        name: StrId,
        hint: u16,
    },
    /// `dst` = element of a list (from the end if negative; a checked failure when out of range),
    /// or value of a map (null when absent).
    Index { dst: Reg, base: Reg, index: Reg },
    /// `dst` = is `a` the union case (or enum value) `name`?
    IsVariant { dst: Reg, a: Reg, name: StrId },

    /// Calls a function of the program with the arguments in `first..`.
    Call {
        dst: Reg,
        chunk: ChunkId,
        first: Reg,
        count: u16,
    },
    /// Calls a function value (a parameter of function type) with the arguments in `first..`.
    CallValue {
        dst: Reg,
        callee: Reg,
        first: Reg,
        count: u16,
    },
    /// Calls a built-in method; the receiver is in `first`, the arguments behind it.
    Method {
        dst: Reg,
        method: Method,
        first: Reg,
        count: u16,
    },
    /// `dst` = a function value of `chunk`: the `count` captured values from `first..` come before
    /// the arguments.
    Closure {
        dst: Reg,
        chunk: ChunkId,
        first: Reg,
        count: u16,
    },

    /// Goes on at `to`.
    Jump { to: u32 },
    /// Goes on at `to` if `cond` is false.
    JumpIfNot { cond: Reg, to: u32 },
    /// Goes on at `to` if `a` is null.
    JumpIfNull { a: Reg, to: u32 },

    /// `dst = a as T`: checks a `json` (or anything else) against the type; a checked failure
    /// that names the path when it does not fit. Defaults are filled in.
    Cast { dst: Reg, a: Reg, ty: TypeId },
    /// Fails the node, with a path, unless `a` satisfies the refined type.
    CheckRefined { a: Reg, ty: TypeId },
    /// Fails the attempt with the text in `message` unless `cond` is true.
    Ensure { cond: Reg, message: Reg },
    /// Fails with the text in `message`: a match that the compiler could not prove complete.
    Fail { message: Reg },

    /// Adds an update of `field` to the activation's own; `overwrite` goes past the reducer.
    Update {
        field: FieldId,
        value: Reg,
        overwrite: bool,
    },
    /// Adds an event on the `custom` stream.
    Emit { name: StrId, value: Reg },

    /// Ends the chunk with the value of `src`.
    Return { src: Reg },
}

/// Operators of two values. Arithmetic is checked: overflow and division by zero are failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum BinaryOp {
    /// int + int, float + float, duration + duration, time + duration, string + string, list + list:
    /// the interpreter looks at the values.
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// Element of a list, key of a map, part of a string.
    In,
}

/// Operators of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum UnaryOp {
    Neg,
    Not,
    /// `true` if the value is null.
    IsNull,
}

/// Properties of the run that expressions can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum RunField {
    Id,
    Flow,
    Step,
    Node,
    Attempt,
    Turn,
    RemainingSteps,
    IsLastStep,
    Started,
    Now,
    Elapsed,
    Parent,
    Arrived,
    Outcome,
}
