//! A verified image made ready to run: constants and names as shared values.

use std::sync::{Arc, OnceLock};

use flow_bytecode::{ChunkId, Const, ConstId, Image, SourceSpan, StrId, Type, TypeId, VerifiedImage};

use crate::interp::{Code, decode};
use crate::run::Graph;
use crate::value::{Record, Shape, Value, Variant};

/// A program, ready to run. Shared by all its runs.
#[derive(Debug)]
pub struct Program {
    image: VerifiedImage,
    strings: Vec<Arc<str>>,
    consts: Vec<Value>,
    /// The names of constant records and union cases, which serve as shapes.
    shapes: Vec<Option<Shape>>,
    /// The names of record types.
    record_shapes: Vec<Option<Shape>>,
    /// The chunks as they are run, once they have been.
    codes: Vec<OnceLock<Code>>,
    /// What is known about the graph of each flow, once one of its runs has begun.
    graphs: Vec<OnceLock<Arc<Graph>>>,
}

impl Program {
    /// Makes an image ready.
    pub fn new(image: VerifiedImage) -> Program {
        let strings: Vec<Arc<str>> = image
            .image()
            .strings
            .iter()
            .map(|text| Arc::from(text.as_str()))
            .collect();
        let shapes = image
            .image()
            .consts
            .iter()
            .map(|value| shape(&strings, value))
            .collect();
        let record_shapes = image
            .image()
            .types
            .iter()
            .map(|ty| record_shape(&strings, ty))
            .collect();
        let codes = image.image().chunks.iter().map(|_| OnceLock::new()).collect();
        let graphs = image.image().flows.iter().map(|_| OnceLock::new()).collect();
        let mut program = Program {
            image,
            strings,
            consts: Vec::new(),
            shapes,
            record_shapes,
            codes,
            graphs,
        };
        program.consts = program.order().into_iter().fold(
            vec![Value::Null; program.image().consts.len()],
            |mut done, at| {
                done[at] = program.build(at, &done);
                done
            },
        );
        program
    }

    /// The tables.
    pub fn image(&self) -> &Image {
        self.image.image()
    }

    /// The program's name: the hash of its bytes.
    pub fn hash(&self) -> &[u8; 32] {
        self.image.hash()
    }

    /// An interned text.
    pub fn text(&self, id: StrId) -> &Arc<str> {
        &self.strings[id.index()]
    }

    /// An interned value.
    pub fn constant(&self, id: ConstId) -> &Value {
        &self.consts[id.index()]
    }

    /// All interned values.
    pub(crate) fn constants(&self) -> &[Value] {
        &self.consts
    }

    /// A chunk, ready to run.
    #[inline]
    pub(crate) fn code(&self, id: ChunkId) -> &Code {
        self.codes[id.index()].get_or_init(|| decode(self.image(), &self.image().chunks[id.index()]))
    }

    /// What an instruction was made from, if the image says so.
    pub(crate) fn span(&self, id: ChunkId, instruction: usize) -> Option<SourceSpan> {
        self.image().chunks[id.index()].spans.get(instruction).copied()
    }

    /// The names of a constant record or union case.
    pub(crate) fn shape(&self, id: ConstId) -> Option<&Shape> {
        self.shapes[id.index()].as_ref()
    }

    /// The names of a record type.
    pub(crate) fn record_shape(&self, id: TypeId) -> Option<&Shape> {
        self.record_shapes[id.index()].as_ref()
    }

    /// What is known about the graph of a flow; all its runs share it.
    pub(crate) fn graph(&self, flow_at: usize) -> &Arc<Graph> {
        self.graphs[flow_at].get_or_init(|| Arc::new(Graph::new(&self.image().flows[flow_at])))
    }

    /// The constants, parts before wholes. The verifier has refused cycles.
    fn order(&self) -> Vec<usize> {
        let consts = &self.image().consts;
        let mut seen = vec![false; consts.len()];
        let mut order = Vec::with_capacity(consts.len());
        for root in 0..consts.len() {
            let mut open = vec![(root, false)];
            while let Some((at, parts_done)) = open.pop() {
                if parts_done {
                    order.push(at);
                } else if !std::mem::replace(&mut seen[at], true) {
                    open.push((at, true));
                    open.extend(consts[at].parts().map(|part| (part.index(), false)));
                }
            }
        }
        order
    }

    fn build(&self, at: usize, done: &[Value]) -> Value {
        let part = |id: &ConstId| done[id.index()].clone();
        let fields = |fields: &[(StrId, ConstId)]| -> Record {
            let shape = self.shapes[at].clone().unwrap_or_default();
            Record::new(shape, fields.iter().map(|(_, id)| part(id)).collect())
        };
        match &self.image().consts[at] {
            Const::Null => Value::Null,
            Const::Bool(value) => Value::Bool(*value),
            Const::Int(value) => Value::Int(*value),
            Const::Float(value) => Value::Float(*value),
            Const::Str(id) => Value::Str(self.text(*id).clone()),
            Const::Duration(nanos) => Value::Duration(*nanos),
            Const::Time(nanos) => Value::Time(*nanos),
            Const::List(items) => Value::list(items.iter().map(part)),
            Const::Map(entries) => Value::map(
                entries
                    .iter()
                    .map(|(key, id)| (self.text(*key).clone(), part(id))),
            ),
            Const::Record(entries) => Value::Record(Arc::new(fields(entries))),
            Const::Variant(tag, entries) => Value::Variant(Arc::new(Variant {
                tag: self.text(*tag).clone(),
                fields: fields(entries),
            })),
        }
    }
}

fn shape(strings: &[Arc<str>], value: &Const) -> Option<Shape> {
    match value {
        Const::Record(fields) | Const::Variant(_, fields) => Some(
            fields
                .iter()
                .map(|(name, _)| strings[name.index()].clone())
                .collect(),
        ),
        _ => None,
    }
}

fn record_shape(strings: &[Arc<str>], ty: &Type) -> Option<Shape> {
    match ty {
        Type::Record { fields, .. } => Some(
            fields
                .iter()
                .map(|field| strings[field.name.index()].clone())
                .collect(),
        ),
        _ => None,
    }
}
