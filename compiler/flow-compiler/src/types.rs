//! Types: an interner with small handles. What fits into what is here; how expressions get their
//! types is in `lower`.

use std::collections::BTreeMap;

use flow_diagnostics::Span;

use crate::hir::ConstValue;
use crate::hir::expr::Expr;

/// A handle of a type in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ty(pub u32);

/// All types of a program. Equal structural types have equal handles; records that were declared
/// by name have a handle of their own, so that they can be recursive, and are compared by content.
#[derive(Debug, Default)]
pub struct Types {
    kinds: Vec<TyKind>,
    interned: BTreeMap<String, Ty>,
}

/// What a type is.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum TyKind {
    /// Reported already; fits everything, so that nothing is said twice.
    Error,
    Bool,
    Int,
    Float,
    String,
    Duration,
    Time,
    Json,
    Secret,
    /// The type of `null` alone.
    Null,
    /// The element type of `[]` and the value type of `{}` before anything is known; fits everything.
    Never,
    List(Ty),
    Map(Ty),
    Nullable(Ty),
    Record(RecordTy),
    Enum(EnumTy),
    /// `T where cond`
    Refined(Box<RefinedTy>),
    /// `(T, …) -> U`
    Fn(Vec<Ty>, Ty),
    /// A parameter of a generic worker, function or type inside its own declaration; with `?` before its name, one
    /// that a call has not decided yet.
    Param(String),
}

/// A record type.
#[derive(Clone, Debug)]
pub struct RecordTy {
    /// The name it was declared with, type arguments included: for people.
    pub name: Option<String>,
    /// In order of declaration.
    pub fields: Vec<FieldTy>,
}

/// A field of a record, or of a case of a union.
#[derive(Clone, Debug)]
pub struct FieldTy {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// What it is when left out.
    pub default: Option<ConstValue>,
    /// Its doc comment.
    pub doc: Option<String>,
}

/// An enum or tagged union.
#[derive(Clone, Debug)]
pub struct EnumTy {
    /// Its name.
    pub name: String,
    /// Where it was declared.
    pub span: Span,
    /// Cases in order of declaration; those of a plain enum have no fields.
    pub variants: Vec<(String, Vec<FieldTy>)>,
}

/// A refined type.
#[derive(Clone, Debug)]
pub struct RefinedTy {
    /// The type without the condition.
    pub base: Ty,
    /// The condition, over local 0, which is `it`.
    pub cond: Expr,
    /// The condition as written.
    pub text: String,
}

impl EnumTy {
    /// Whether no case has fields: its values are then plain strings.
    pub fn is_plain(&self) -> bool {
        self.variants.iter().all(|(_, fields)| fields.is_empty())
    }
}

impl Types {
    /// What the handle stands for.
    pub fn kind(&self, ty: Ty) -> &TyKind {
        &self.kinds[ty.0 as usize]
    }

    /// How many handles there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is no type yet.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Adds a type with a handle of its own.
    pub fn add(&mut self, kind: TyKind) -> Ty {
        self.kinds.push(kind);
        Ty(self.kinds.len() as u32 - 1)
    }

    /// Replaces what a handle stands for: how a recursive declaration is closed.
    pub fn set(&mut self, ty: Ty, kind: TyKind) {
        self.kinds[ty.0 as usize] = kind;
    }

    /// Adds a type, or gives the handle of an equal one. `key` says what makes it equal.
    pub fn intern(&mut self, key: String, kind: TyKind) -> Ty {
        if let Some(ty) = self.interned.get(&key) {
            return *ty;
        }
        let ty = self.add(kind);
        self.interned.insert(key, ty);
        ty
    }
}

/// A type as people write it: names where there are some, else its form.
pub fn show(types: &Types, ty: Ty) -> String {
    match types.kind(ty) {
        TyKind::Error => "unknown".into(),
        TyKind::Bool => "bool".into(),
        TyKind::Int => "int".into(),
        TyKind::Float => "float".into(),
        TyKind::String => "string".into(),
        TyKind::Duration => "duration".into(),
        TyKind::Time => "time".into(),
        TyKind::Json => "json".into(),
        TyKind::Secret => "secret".into(),
        TyKind::Null => "null".into(),
        TyKind::Never => "nothing".into(),
        TyKind::List(item) => format!("[{}]", show(types, *item)),
        TyKind::Map(value) => format!("map<{}>", show(types, *value)),
        TyKind::Nullable(inner) => match types.kind(*inner) {
            TyKind::Refined(_) => format!("({})?", show(types, *inner)),
            _ => format!("{}?", show(types, *inner)),
        },
        TyKind::Record(record) => match &record.name {
            Some(name) => name.clone(),
            None if record.fields.is_empty() => "{ }".into(),
            None => {
                let fields: Vec<String> = record
                    .fields
                    .iter()
                    .map(|field| {
                        let more = if field.default.is_some() { " = …" } else { "" };
                        format!("{}: {}{more}", field.name, show(types, field.ty))
                    })
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
        },
        TyKind::Enum(decl) => decl.name.clone(),
        TyKind::Refined(refined) => format!("{} where {}", show(types, refined.base), refined.text),
        TyKind::Fn(params, result) => {
            let params: Vec<String> = params.iter().map(|param| show(types, *param)).collect();
            format!("({}) -> {}", params.join(", "), show(types, *result))
        }
        TyKind::Param(name) => name.trim_start_matches('?').to_string(),
    }
}

/// A type with its article: "an `int`", "a `string`".
pub(crate) fn with_article(shown: &str) -> String {
    let article = if shown.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    };
    format!("{article} `{shown}`")
}
