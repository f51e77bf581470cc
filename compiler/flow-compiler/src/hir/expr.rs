//! Typed expressions: no names left, no sugar left, conversions explicit.

use flow_bytecode::{BinaryOp, Method, RunField, UnaryOp};
use flow_diagnostics::Span;

use super::{ConstValue, FieldRef, FnRef};
use crate::types::Ty;

/// An expression with its type and place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// What it evaluates to.
    pub ty: Ty,
    /// What it was made from.
    pub span: Span,
}

/// A name bound by `let`, `as`, a lambda, a pattern, an `each`, or a parameter of a function or
/// node. Ids are unique within the function, worker or node that binds them.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Its id.
    pub id: LocalId,
    /// As it was written.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// Where it was bound.
    pub span: Span,
}

/// Names a [`Local`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u32);

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Something that was wrong and has been reported.
    Error,
    /// A literal, a constant, or anything folded.
    Const(ConstValue),
    /// A bound name.
    Local(LocalId),
    /// A state field.
    Field(FieldRef),
    /// A parameter of the flow, by position.
    Input(u32),
    /// A value of the flow's `config`, by position.
    Config(u32),
    /// `run.…`
    Run(RunField),
    /// `secret.NAME`
    Secret(String),
    /// A record: names in the order of its type, or of writing where none was expected.
    Record(Vec<(String, Expr)>),
    /// `{ ...base, name: value }`
    With(Box<Expr>, Vec<(String, Expr)>),
    /// A map; keys are strings.
    Map(Vec<(Expr, Expr)>),
    /// A list.
    List(Vec<Expr>),
    /// A case of a tagged union.
    Variant(String, Vec<(String, Expr)>),
    /// Both sides are evaluated.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a and b`: `b` only if `a`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`: `b` only if not `a`.
    Or(Box<Expr>, Box<Expr>),
    /// `a ?? b`: `b` only if `a` is null.
    Coalesce(Box<Expr>, Box<Expr>),
    /// One operand.
    Unary(UnaryOp, Box<Expr>),
    /// An `int` where a `float` is wanted.
    Widen(Box<Expr>),
    /// Text in which expressions are shown; texts are constants.
    Interpolate(Vec<Expr>),
    /// `base.name`
    Access(Box<Expr>, String),
    /// `base[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `receiver?.rest`: null if the receiver is; otherwise `rest`, in which the local is the receiver.
    Safe {
        /// What may be null.
        receiver: Box<Expr>,
        /// The receiver within `rest`.
        local: Local,
        /// What is done with it.
        rest: Box<Expr>,
    },
    /// A built-in method; the receiver is the first argument.
    Method(Method, Vec<Expr>),
    /// A function of the program.
    Call(FnRef, Vec<Expr>),
    /// A parameter of function type.
    CallLocal(LocalId, Vec<Expr>),
    /// A function value: only an argument of a method or of a function's parameter.
    Lambda(Vec<Local>, Box<Expr>),
    /// A function of the program as a value.
    FnValue(FnRef),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `match e { … }`: complete, or ending in an arm that takes all.
    Match(Box<Expr>, Vec<MatchArm>),
    /// `e as T`: checked when it runs.
    Cast(Box<Expr>),
    /// A value that enters a refined type and could not be proven: checked when it runs.
    Refine(Box<Expr>),
    /// Names for a body: `let`s of a function.
    Let(Local, Box<Expr>, Box<Expr>),
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct MatchArm {
    /// What it takes.
    pub pattern: Pattern,
    /// What it gives.
    pub body: Expr,
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What it takes.
    pub kind: PatternKind,
    /// Where it stands.
    pub span: Span,
}

/// What a pattern takes.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// Reported already; takes anything.
    Error,
    /// `_`, `otherwise`
    Any,
    /// A literal, `null`, or a case of a plain enum.
    Value(ConstValue),
    /// Integers, floats, durations between two ends, both included; none is open.
    Range(Option<ConstValue>, Option<ConstValue>),
    /// A case of a tagged union; locals bind its fields by name.
    Variant(String, Vec<(String, Local)>),
    /// One of these.
    Or(Vec<Pattern>),
}
