//! Expressions and patterns.

use flow_diagnostics::Span;

use super::{Ident, TypeExpr};

/// An expression where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `null`, `true`, `42`, `3.14`, `1h30m`, `4mb`
    Literal(LitKind),
    /// `"…"`, raw and block strings, with whatever is interpolated.
    Str(StrLit),
    /// A bare name; `it`, `run`, `config`, `secret` are names too.
    Name(Ident),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{ a: 1, b, ...r, "k": v, [e]: w }`: a record or a map, the expected type decides.
    Record(Vec<Entry>),
    /// `base.name` or `base?.name`
    Field {
        /// What stands before the dot.
        base: Box<Expr>,
        /// What stands behind it; may be a reserved word.
        name: Ident,
        /// Whether it is `?.`.
        optional: bool,
    },
    /// `base[index]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// The index or key.
        index: Box<Expr>,
    },
    /// `callee(args)`. A method call has a [`ExprKind::Field`] as callee; `file("…")` and variants are calls too.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// `-x`, `not x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a + b`, `a and b`, `a ?? b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `if c then a else b`
    If {
        /// The condition.
        cond: Box<Expr>,
        /// The value where it holds.
        then: Box<Expr>,
        /// The value where it does not.
        otherwise: Box<Expr>,
    },
    /// `match e { pattern => value, … }`
    Match {
        /// What is looked at.
        subject: Box<Expr>,
        /// The arms, in order.
        arms: Vec<MatchArm>,
    },
    /// `x => e`, `(a, b) => e`
    Lambda {
        /// The parameters.
        params: Vec<Ident>,
        /// The result.
        body: Box<Expr>,
    },
    /// `e as T`
    As {
        /// The value.
        value: Box<Expr>,
        /// The type.
        ty: Box<TypeExpr>,
    },
    /// `(e)`
    Paren(Box<Expr>),
    /// Something that could not be understood.
    Error,
}

/// A literal without text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LitKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `42`, `1_000`
    Int(i64),
    /// `3.14`, `1e-3`; finite.
    Float(f64),
    /// `250ms`, `1h30m`: nanoseconds.
    Duration(i64),
    /// `64kb`, `4mb`: bytes, in units of 1024. Its type is `int`.
    Size(i64),
}

/// A string literal.
#[derive(Clone, Debug, PartialEq)]
pub struct StrLit {
    /// Text and interpolated expressions in turn, escapes resolved, block strings dedented. Empty texts are
    /// left out, so that `""` has no parts.
    pub parts: Vec<StrPart>,
    /// How it is written.
    pub form: StrForm,
    /// With its quotes.
    pub span: Span,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrForm {
    /// `"…"`
    Plain,
    /// `r"…"`
    Raw,
    /// `"""…"""`
    Block,
    /// `r"""…"""`
    RawBlock,
}

/// A part of a string.
#[derive(Clone, Debug, PartialEq)]
pub enum StrPart {
    /// Text, and the source that it was written as.
    Text(String, Span),
    /// `${expr}`
    Expr(Box<Expr>),
}

/// An entry of a record or map literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// `key: value`; without a value `b` means `b: b`.
    Field {
        /// The key.
        key: Key,
        /// The value; `None` for the short form, whose key is a name.
        value: Option<Expr>,
        /// Key and value.
        span: Span,
    },
    /// `...e`
    Spread(Expr, Span),
}

/// A key of a record or map literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// `a`
    Name(Ident),
    /// `"Content-Type"`
    Str(StrLit),
    /// `[e]`
    Computed(Box<Expr>),
}

/// An argument: `value` or `name: value`. A bare `name` is an argument in its place, not by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// The parameter, where it is named.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
    /// Name and value.
    pub span: Span,
}

/// An arm of a `match` expression.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchArm {
    /// What it is for.
    pub pattern: Pattern,
    /// The value.
    pub value: Expr,
    /// Pattern and value.
    pub span: Span,
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `??`
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

/// A pattern where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// `_`
    Wildcard,
    /// A literal, negative ones included.
    Literal(LitKind),
    /// A string without interpolation.
    Str(StrLit),
    /// `1..5`, `6..`, `..0`: both ends included.
    Range {
        /// The lower end.
        from: Option<Lit>,
        /// The upper end.
        to: Option<Lit>,
    },
    /// `spam`, `Category.spam`, `a(x)`
    Variant {
        /// The enum, where it is named.
        owner: Option<Ident>,
        /// The variant.
        name: Ident,
        /// The fields that are bound, under their own names; `None` without brackets.
        fields: Option<Vec<Ident>>,
    },
    /// `a | b`
    Or(Vec<Pattern>),
    /// Something that could not be understood.
    Error,
}

/// A literal and where it stands: the end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lit {
    /// The value.
    pub kind: LitKind,
    /// Where it stands, its sign included.
    pub span: Span,
}

impl Expr {
    /// The expression without brackets around it.
    pub fn unparen(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }
}

impl StrLit {
    /// The text, if nothing is interpolated.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [StrPart::Text(text, _)] => Some(text),
            _ => None,
        }
    }
}

impl Entry {
    /// Where the entry stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Field { span, .. } | Self::Spread(_, span) => *span,
        }
    }
}

impl UnaryOp {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neg => "-",
            Self::Not => "not",
        }
    }
}

impl BinaryOp {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::Coalesce => "??",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }

    /// How tightly it binds: `or` 1, `and` 2, comparisons 4, `??` 5, sums 6, products 7. (3 is `not`.)
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::In => 4,
            Self::Coalesce => 5,
            Self::Add | Self::Sub => 6,
            Self::Mul | Self::Div | Self::Rem => 7,
        }
    }

    /// Whether it compares; comparisons do not chain.
    pub fn is_comparison(self) -> bool {
        self.precedence() == 4
    }
}
