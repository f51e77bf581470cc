//! An image as text, for people and for snapshots. One line a thing; code under the source line that
//! it was made from. Instructions are in `disasm/code`, flows in `disasm/flow`,
//! tests in `disasm/test`.

mod code;
mod flow;
mod test;

use std::fmt::Write as _;

use crate::flow::Param;
use crate::ids::{ConstId, TypeId};
use crate::image::{Const, Image, RecordField, Type, Worker};

/// Types within types that are written out before a name or `…` has to do.
const TYPE_DEPTH: u32 = 4;

/// An image as text. The image has been verified, or what it shows may be `?`.
pub fn disasm(image: &Image) -> String {
    let text = Text { image };
    let mut out = String::new();
    for (at, ty) in image.types.iter().enumerate() {
        if matches!(
            ty,
            Type::Record { name: Some(_), .. }
                | Type::Enum { .. }
                | Type::Union { .. }
                | Type::Refined { .. }
        ) {
            let _ = writeln!(out, "type t{at} = {}", text.definition(ty));
        }
    }
    for (at, worker) in image.workers.iter().enumerate() {
        let _ = writeln!(out, "worker w{at} {}", text.worker(worker));
    }
    for name in &image.secrets {
        let _ = writeln!(out, "secret {}", text.str(name.index()));
    }
    for flow in &image.flows {
        out.push('\n');
        text.flow(flow, &mut out);
    }
    for test in &image.tests {
        out.push('\n');
        text.test(test, &mut out);
    }
    for (at, chunk) in image.chunks.iter().enumerate() {
        out.push('\n');
        text.chunk(at, chunk, &mut out);
    }
    out
}

/// Writes parts of one image. Ids that lead nowhere are `?`.
struct Text<'a> {
    image: &'a Image,
}

impl Text<'_> {
    fn str(&self, index: usize) -> &str {
        self.image.strings.get(index).map_or("?", String::as_str)
    }

    fn params(&self, params: &[Param]) -> String {
        let one = |param: &Param| {
            let default = param
                .default
                .map_or(String::new(), |id| format!(" = {}", self.constant(id)));
            format!("{}: {}{default}", self.str(param.name.index()), self.ty(param.ty))
        };
        params.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn worker(&self, worker: &Worker) -> String {
        let name = self.str(worker.name.index());
        let reply = self.ty(worker.reply);
        let mut text = format!(
            "{name}({}) -> {reply} via {:?}",
            self.params(&worker.params),
            worker.protocol
        );
        let _ = write!(text, " options c{}", worker.options.0);
        for tag in &worker.tags {
            let _ = write!(text, " #{}", self.str(tag.index()));
        }
        if worker.once {
            text.push_str(" once");
        }
        if worker.readonly {
            text.push_str(" readonly");
        }
        text
    }

    /// A constant as a literal.
    fn constant(&self, id: ConstId) -> String {
        self.const_within(id, TYPE_DEPTH)
    }

    fn const_within(&self, id: ConstId, depth: u32) -> String {
        let Some(value) = self.image.consts.get(id.index()).filter(|_| depth > 0) else {
            return "…".into();
        };
        let entries = |entries: &[(crate::ids::StrId, ConstId)]| {
            let one = |(name, value): &(crate::ids::StrId, ConstId)| {
                format!(
                    "{}: {}",
                    self.str(name.index()),
                    self.const_within(*value, depth - 1)
                )
            };
            entries.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        match value {
            Const::Null => "null".into(),
            Const::Bool(value) => value.to_string(),
            Const::Int(value) => value.to_string(),
            Const::Float(value) => format!("{value:?}"),
            Const::Str(id) => format!("{:?}", self.str(id.index())),
            Const::Duration(nanos) => format!("{nanos}ns"),
            Const::Time(nanos) => format!("time {nanos}ns"),
            Const::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.const_within(*item, depth - 1))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            Const::Record(fields) => format!("{{ {} }}", entries(fields)),
            Const::Map(fields) => format!("map {{ {} }}", entries(fields)),
            Const::Variant(tag, fields) => format!("{}({})", self.str(tag.index()), entries(fields)),
        }
    }

    /// A type as it is used: named ones by their name.
    fn ty(&self, id: TypeId) -> String {
        self.type_within(id, TYPE_DEPTH)
    }

    fn type_within(&self, id: TypeId, depth: u32) -> String {
        let Some(ty) = self.image.types.get(id.index()).filter(|_| depth > 0) else {
            return "…".into();
        };
        match ty {
            Type::List(item) => format!("[{}]", self.type_within(*item, depth - 1)),
            Type::Map(item) => format!("map<{}>", self.type_within(*item, depth - 1)),
            Type::Nullable(base) => format!("{}?", self.type_within(*base, depth - 1)),
            Type::Record { name: Some(name), .. } | Type::Enum { name, .. } | Type::Union { name, .. } => {
                self.str(name.index()).into()
            }
            Type::Record { name: None, fields } => self.fields(fields, depth - 1),
            Type::Refined { base, text, .. } => {
                format!(
                    "({} where {})",
                    self.type_within(*base, depth - 1),
                    self.str(text.index())
                )
            }
            simple => format!("{simple:?}").to_lowercase(),
        }
    }

    fn definition(&self, ty: &Type) -> String {
        match ty {
            Type::Record { name, fields } => {
                let name = name.map_or("", |name| self.str(name.index()));
                format!("{name} {}", self.fields(fields, TYPE_DEPTH))
            }
            Type::Enum { name, variants } => {
                let cases: Vec<_> = variants.iter().map(|case| self.str(case.index())).collect();
                format!("enum {} {{ {} }}", self.str(name.index()), cases.join(", "))
            }
            Type::Union { name, variants } => {
                let one = |(case, fields): &(crate::ids::StrId, Vec<RecordField>)| {
                    format!("{}{}", self.str(case.index()), self.fields(fields, TYPE_DEPTH))
                };
                let cases: Vec<_> = variants.iter().map(one).collect();
                format!("enum {} {{ {} }}", self.str(name.index()), cases.join(", "))
            }
            Type::Refined { base, check, text } => {
                format!(
                    "{} where {} (c{})",
                    self.ty(*base),
                    self.str(text.index()),
                    check.0
                )
            }
            other => format!("{other:?}"),
        }
    }

    fn fields(&self, fields: &[RecordField], depth: u32) -> String {
        let one = |field: &RecordField| {
            let default = field
                .default
                .map_or(String::new(), |id| format!(" = {}", self.constant(id)));
            format!(
                "{}: {}{default}",
                self.str(field.name.index()),
                self.type_within(field.ty, depth)
            )
        };
        format!("{{ {} }}", fields.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}
