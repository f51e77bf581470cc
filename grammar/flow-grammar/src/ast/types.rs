//! Types as they are written, and the items that name them.

use flow_diagnostics::Span;

use super::{Doc, Expr, Ident, Param};

/// A type where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A name, built in (`int`, `map<string>`) or declared, with arguments in `< >`.
    Named {
        /// The name.
        name: Ident,
        /// The arguments; often none.
        args: Vec<TypeExpr>,
    },
    /// `[T]`
    List(Box<TypeExpr>),
    /// `{ a: T, b: U = 1 }`
    Record(Vec<TypeField>),
    /// `T?`
    Nullable(Box<TypeExpr>),
    /// `T where cond`
    Where(Box<TypeExpr>, Box<Expr>),
    /// `(T, U) -> V`; only parameters of functions may have it.
    Function(Vec<TypeExpr>, Box<TypeExpr>),
    /// `(T)`
    Paren(Box<TypeExpr>),
    /// Something that could not be understood.
    Error,
}

/// A field of a record type. Its name may have been written as a string (`"Content-Type": string`).
#[derive(Clone, Debug, PartialEq)]
pub struct TypeField {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name, unescaped.
    pub name: Ident,
    /// The type.
    pub ty: TypeExpr,
    /// The value where none is given.
    pub default: Option<Expr>,
    /// Name, type and default.
    pub span: Span,
}

/// `type Name<T> = U`.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type parameters.
    pub params: Vec<Ident>,
    /// What the name stands for.
    pub ty: TypeExpr,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// `enum Name { a, b(x: T) }`.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The variants, in order.
    pub variants: Vec<Variant>,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The fields of a tagged variant; none for a plain one.
    pub fields: Vec<Param>,
    /// Name and fields.
    pub span: Span,
}
