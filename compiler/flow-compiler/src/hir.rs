//! The high-level representation: a program with every name resolved and every expression typed.
//! Made by `lower` from syntax trees, read by `passes`, `graph` and `codegen`. Types are in
//! `types`, expressions in `hir::expr`, flows in `hir::flow`.

pub mod expr;
pub mod flow;
pub mod print;
pub mod test;
pub mod walk;

use flow_bytecode::Protocol;
use flow_diagnostics::Span;

use crate::types::{Ty, Types};
use expr::{Expr, Local};
use flow::{Flow, Retry};

/// A whole project, checked. Positions in the vectors are the ids that expressions hold.
#[derive(Debug, Default)]
pub struct Program {
    /// All types.
    pub types: Types,
    /// The types and enums of the entry file that have no type parameters, by name.
    pub named_types: Vec<(String, Ty)>,
    /// Constants, evaluated.
    pub consts: Vec<ConstItem>,
    /// Functions.
    pub fns: Vec<Function>,
    /// Workers.
    pub workers: Vec<Worker>,
    /// Flows: those of the entry file first, in order of declaration.
    pub flows: Vec<Flow>,
    /// Tests: those of the entry file first.
    pub tests: Vec<test::Test>,
    /// How many of `flows` belong to the entry file.
    pub entry_flows: usize,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in its table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A constant of [`Program::consts`].
    ConstRef,
    /// A function of [`Program::fns`].
    FnRef,
    /// A worker of [`Program::workers`].
    WorkerRef,
    /// A flow of [`Program::flows`].
    FlowRef,
    /// A node of [`flow::Flow::nodes`].
    NodeRef,
    /// A field of [`flow::Flow::fields`].
    FieldRef,
}

/// A name as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `const NAME: T = expr`.
#[derive(Debug)]
pub struct ConstItem {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Ty,
    /// Its value, evaluated at compile time; none after an error.
    pub value: Option<ConstValue>,
}

/// A value that is known when the program is compiled.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum ConstValue {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    List(Vec<ConstValue>),
    Record(Vec<(String, ConstValue)>),
    Map(Vec<(String, ConstValue)>),
    /// A case of a plain enum.
    Case(String),
    /// A case of a tagged union.
    Variant(String, Vec<(String, ConstValue)>),
}

/// `fn name(a: T) -> U = expr`. Generic functions appear once per instance.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters, as locals of `body`.
    pub params: Vec<Local>,
    /// What it returns.
    pub result: Ty,
    /// Its body.
    pub body: Expr,
    /// Whether it is generic itself: nothing calls it, its instances are functions of their own.
    pub template: bool,
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    /// Its name.
    pub name: Name,
    /// Its doc comment.
    pub doc: Option<String>,
    /// Its parameters; the options read them as locals.
    pub params: Vec<Param>,
    /// The same parameters, as locals of the options.
    pub locals: Vec<Local>,
    /// What a reply must be; for generic workers the declared type, calls carry the instance.
    pub reply: Ty,
    /// What carries the call.
    pub protocol: Protocol,
    /// The options of its protocol, in order of writing: `path`, `headers`, `command` …
    pub options: Vec<(Name, Expr)>,
    /// `tags [a, b]`.
    pub tags: Vec<Name>,
    /// `timeout d`, nanoseconds.
    pub timeout: Option<i64>,
    /// `attempts …`.
    pub retry: Option<Retry>,
    /// `once`.
    pub once: bool,
    /// `readonly`.
    pub readonly: bool,
}

/// A parameter of a flow, node or worker, or a value of `config`.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Ty,
    /// What it is when left out.
    pub default: Option<ConstValue>,
    /// Its doc comment.
    pub doc: Option<String>,
}
