//! The syntax tree: what stands in a file, and where. Names are not resolved, types not checked.
//!
//! Every node carries its [`Span`]; spans nest, and neither begin nor end in white space. Where the text could
//! not be understood there is an `Error` node, so that what stands beside it is still checked; whoever meets
//! one says nothing, because the parser has already spoken.
//!
//! This file has the file, its items and what all of them share; expressions, types, flows, nodes and tests
//! have files of their own.

mod expr;
mod flow;
mod node;
mod test;
mod types;

pub use expr::*;
pub use flow::*;
pub use node::*;
pub use test::*;
pub use types::*;

use flow_diagnostics::{FileId, Span};

/// A whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// The file that it was parsed from.
    pub file: FileId,
    /// What the `//!` lines at the top say.
    pub doc: Option<Doc>,
    /// The items, in the order in which they stand.
    pub items: Vec<Item>,
    /// Entries that could not be understood, of any kind, in order. What stands in them is not in the tree.
    pub lost: Vec<Span>,
    /// The paths of the templates that it names: `template("…")`.
    pub templates: Vec<String>,
    /// The whole text.
    pub span: Span,
}

/// What can stand at the top level of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `import "file.flow" { names }`
    Import(Import),
    /// `type Name = T`
    Type(TypeDecl),
    /// `enum Name { a, b(x: T) }`
    Enum(EnumDecl),
    /// `const NAME: T = expr`
    Const(ConstDecl),
    /// `fn name(a: T) -> U = expr`
    Fn(FnDecl),
    /// `worker name(a: T) -> U via protocol { … }`
    Worker(WorkerDecl),
    /// `flow name(a: T) -> U { … }`
    Flow(FlowDecl),
    /// `test "…" for flow { … }`
    Test(TestDecl),
    /// Something that could not be understood.
    Error(Span),
}

/// A name where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// The `///` lines above something, or the `//!` lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The text without slashes and without the blank behind them; lines are separated by `\n`.
    pub text: String,
    /// From the first line to the last.
    pub span: Span,
}

/// `import std.chat { complete }` or `import "workers.flow" { search_docs, send_mail as mail }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// What is imported from.
    pub path: ImportPath,
    /// The names, in order.
    pub names: Vec<ImportName>,
    /// The whole import.
    pub span: Span,
}

/// What an import takes its names from.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportPath {
    /// A dotted name: `std.chat`.
    Module(Vec<Ident>, Span),
    /// A file, relative to the one that imports it.
    File(StrLit),
}

/// One imported name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportName {
    /// The name in the file that it comes from.
    pub name: Ident,
    /// Another name for it in this file (`as`).
    pub alias: Option<Ident>,
}

/// `const NAME: T = expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type.
    pub ty: TypeExpr,
    /// The value.
    pub value: Expr,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// `fn name<T>(a: T) -> U = expr` or `fn name(a: T) -> U { let b = e … expr }`.
#[derive(Clone, Debug, PartialEq)]
pub struct FnDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type parameters of a generic one.
    pub type_params: Vec<Ident>,
    /// The parameters.
    pub params: Vec<Param>,
    /// The type of the result.
    pub result: TypeExpr,
    /// The `let`s of a body in braces, in order; none after `=`.
    pub lets: Vec<Let>,
    /// The result.
    pub value: Expr,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// `let name = expr`, with an optional type: `let name: T = expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// The name.
    pub name: Ident,
    /// The type, where it is written.
    pub ty: Option<TypeExpr>,
    /// The value.
    pub value: Expr,
    /// From `let` to the end of the value.
    pub span: Span,
}

/// A parameter of a function, worker, flow or node; also a field of an enum variant or of a `config` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type.
    pub ty: TypeExpr,
    /// The value where none is given.
    pub default: Option<Expr>,
    /// Name, type and default.
    pub span: Span,
}

/// `worker name<T>(a: T) -> U via protocol { options }`.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerDecl {
    /// What the doc comment says.
    pub doc: Option<Doc>,
    /// The name.
    pub name: Ident,
    /// The type parameters: `<T>`.
    pub type_params: Vec<Ident>,
    /// The parameters.
    pub params: Vec<Param>,
    /// The type of the reply; `None` where the worker replies nothing that is used.
    pub result: Option<TypeExpr>,
    /// The protocol behind `via`.
    pub protocol: Ident,
    /// The options in braces, in order.
    pub options: Vec<WorkerOption>,
    /// The whole declaration, without the doc comment.
    pub span: Span,
}

/// One option of a worker: `name [value]`. Which names a protocol knows is checked later.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerOption {
    /// The name: `get`, `headers`, `timeout`, `once` …
    pub name: Ident,
    /// The value.
    pub value: OptionValue,
    /// Name and value.
    pub span: Span,
}

/// The value of an option of a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// The name alone: `once`.
    None,
    /// An expression. `tags [a, b]` and `stdin args` are expressions of bare names.
    Expr(Expr),
    /// `expect 200`, `expect 200 | 204`, `expect 200..299`.
    Expect(Pattern),
    /// `attempts 3 backoff 500ms..10s factor 2`.
    Attempts(Attempts),
    /// `retry on [timeout, connect]`.
    RetryOn(Vec<Ident>),
}

impl Item {
    /// Where the item stands, without its doc comment.
    pub fn span(&self) -> Span {
        match self {
            Self::Import(i) => i.span,
            Self::Type(i) => i.span,
            Self::Enum(i) => i.span,
            Self::Const(i) => i.span,
            Self::Fn(i) => i.span,
            Self::Worker(i) => i.span,
            Self::Flow(i) => i.span,
            Self::Test(i) => i.span,
            Self::Error(span) => *span,
        }
    }

    /// The name that the item declares; imports, tests and errors declare none.
    pub fn name(&self) -> Option<&Ident> {
        match self {
            Self::Type(i) => Some(&i.name),
            Self::Enum(i) => Some(&i.name),
            Self::Const(i) => Some(&i.name),
            Self::Fn(i) => Some(&i.name),
            Self::Worker(i) => Some(&i.name),
            Self::Flow(i) => Some(&i.name),
            Self::Import(_) | Self::Test(_) | Self::Error(_) => None,
        }
    }
}

impl ImportPath {
    /// Where the path stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Module(_, span) => *span,
            Self::File(text) => text.span,
        }
    }
}

impl ImportName {
    /// The name under which it is known in this file.
    pub fn local(&self) -> &Ident {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

impl std::fmt::Display for Ident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}
