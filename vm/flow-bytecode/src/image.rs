//! The image: everything that a run needs, as plain tables. Flows are in `flow`, code in `op`;
//! bytes on disk are the business of `encode` and `decode`, trust that of `verify`.

use serde::{Deserialize, Serialize};

use crate::flow::{Flow, Param, RetryPolicy};
use crate::ids::{ChunkId, ConstId, StrId, TypeId};
use crate::op::Op;
use crate::test::Test;

/// A compiled program: one source project with all flows that its entry file offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Interned text: names, messages, documentation.
    pub strings: Vec<String>,
    /// Interned values that code loads and that defaults name.
    pub consts: Vec<Const>,
    /// Types by which values from outside are checked. Types may refer to each other in cycles.
    pub types: Vec<Type>,
    /// Code, one entry for every expression that stands for itself.
    pub chunks: Vec<Chunk>,
    /// Typed functions whose bodies run elsewhere.
    pub workers: Vec<Worker>,
    /// The flows, in order of declaration; the first is the one that runs when none is named.
    pub flows: Vec<Flow>,
    /// Names of the secrets that the program mentions, so that all can be looked up before a run starts.
    pub secrets: Vec<StrId>,
    /// The tests of the entry file, in order of writing.
    pub tests: Vec<Test>,
    /// Where everything came from: for faults, `disasm` and people.
    pub debug: Debug,
}

/// A value that is known when the program is compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Const {
    /// The absent value of a `T?`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A finite IEEE 754 double.
    Float(f64),
    /// Text.
    Str(StrId),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the Unix epoch, UTC.
    Time(i64),
    /// A list of constants.
    List(Vec<ConstId>),
    /// A record: names in order of the type's declaration, with their values.
    Record(Vec<(StrId, ConstId)>),
    /// A string-keyed map in insertion order.
    Map(Vec<(StrId, ConstId)>),
    /// A case of a tagged union with its fields. A case of a plain enum is a [`Const::Str`].
    Variant(StrId, Vec<(StrId, ConstId)>),
}

/// A type, as far as checks at the border and JSON need to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `string`
    String,
    /// `duration`; ISO 8601 in JSON.
    Duration,
    /// `time`; RFC 3339 in JSON.
    Time,
    /// `json`: anything.
    Json,
    /// `secret`: never crosses a border.
    Secret,
    /// `[T]`
    List(TypeId),
    /// `map<T>`
    Map(TypeId),
    /// `T?`
    Nullable(TypeId),
    /// A record. `name` is for people.
    Record {
        /// The name it was declared with, if any.
        name: Option<StrId>,
        /// Fields in order of declaration.
        fields: Vec<RecordField>,
    },
    /// An enum without fields: its values are strings.
    Enum {
        /// The declared name.
        name: StrId,
        /// Cases in order of declaration.
        variants: Vec<StrId>,
    },
    /// A tagged union: `{"tag": "a", …fields}` in JSON.
    Union {
        /// The declared name.
        name: StrId,
        /// Cases in order of declaration, with their fields.
        variants: Vec<(StrId, Vec<RecordField>)>,
    },
    /// `T where cond`. The chunk takes the value as its one parameter and returns a bool.
    Refined {
        /// The type without the condition.
        base: TypeId,
        /// The condition.
        check: ChunkId,
        /// The condition as it was written, for messages and schemas.
        text: StrId,
    },
}

/// A field of a record or of a case of a union.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordField {
    /// The key, in source and JSON alike.
    pub name: StrId,
    /// The type of its values.
    pub ty: TypeId,
    /// What it is when left out. A `T?` without default is null then.
    pub default: Option<ConstId>,
    /// Its doc comment.
    pub doc: Option<StrId>,
}

/// A piece of register code. Registers `0..params` hold the parameters on entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// What it is for, as `disasm` shows it: `classify.args`, `fn keywords`.
    pub name: StrId,
    /// How many parameters it takes.
    pub params: u16,
    /// How many registers it needs, parameters included.
    pub registers: u16,
    /// The code. The last instruction is [`Op::Return`] or a jump.
    pub code: Vec<Op>,
    /// For each instruction, what it was made from; empty in a stripped image.
    pub spans: Vec<SourceSpan>,
}

/// A worker: its signature and how to reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Its name: bindings in `flow.toml` and mocks use it.
    pub name: StrId,
    /// What carries the call.
    pub protocol: Protocol,
    /// Named, typed arguments; those with a default may be left out.
    pub params: Vec<Param>,
    /// What a reply must be. For generic workers, calls carry their own.
    pub reply: TypeId,
    /// Takes the arguments in order of `params` and returns a record with the options of the
    /// protocol (`method`, `path`, `query`, `headers`, `body`, `expect`, `command`, `env`, …).
    pub options: ChunkId,
    /// Any worker that has all of these may serve it.
    pub tags: Vec<StrId>,
    /// Default for nodes that say nothing, nanoseconds.
    pub timeout: Option<i64>,
    /// Default for nodes that say nothing.
    pub retry: Option<RetryPolicy>,
    /// Never sent again when the outcome of a call is unknown.
    pub once: bool,
    /// Changes nothing out there.
    pub readonly: bool,
    /// Its doc comment.
    pub doc: Option<StrId>,
}

/// What carries a call to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum Protocol {
    Webhook,
    Http,
    OpenaiChat,
    ApiChat,
    A2a,
    Mcp,
    Mqtt,
    RedisStream,
    Exec,
    Store,
}

/// Where the program came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Debug {
    /// The source files, in order of loading, with their text.
    pub files: Vec<SourceText>,
}

/// A source file as it was when compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceText {
    /// The path as it was given to the compiler.
    pub path: String,
    /// The text, byte order mark removed.
    pub text: String,
}

/// A range of bytes of a file of [`Debug::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceSpan {
    /// Index into [`Debug::files`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// Byte behind the last.
    pub end: u32,
}

impl Image {
    /// The text of an interned string.
    pub fn str(&self, id: StrId) -> &str {
        &self.strings[id.index()]
    }
}

impl Const {
    /// The constants that it is made of.
    pub fn parts(&self) -> impl Iterator<Item = ConstId> + '_ {
        let (items, entries): (&[ConstId], &[(StrId, ConstId)]) = match self {
            Const::List(items) => (items, &[]),
            Const::Record(entries) | Const::Map(entries) | Const::Variant(_, entries) => (&[], entries),
            _ => (&[], &[]),
        };
        items.iter().copied().chain(entries.iter().map(|(_, id)| *id))
    }
}
