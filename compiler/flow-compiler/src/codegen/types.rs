//! Types of the image: what values from outside are checked against. Constants are in `tables`.

use flow_bytecode::{RecordField, Type, TypeId};

use super::Generator;
use super::code::{Code, Frame};
use crate::hir::Param;
use crate::hir::expr::LocalId;
use crate::types::{EnumTy, FieldTy, RefinedTy, Ty, TyKind};

impl<'p> Generator<'p> {
    /// The image's type. Its place is taken before its parts are made, so that a type may contain itself.
    pub(super) fn ty(&mut self, ty: Ty) -> TypeId {
        if let Some(id) = self.tables.types[ty.0 as usize] {
            return id;
        }
        let id = TypeId(self.image.types.len() as u32);
        self.image.types.push(Type::Json);
        self.tables.types[ty.0 as usize] = Some(id);
        let made = self.make_type(ty);
        self.image.types[id.index()] = made;
        id
    }

    /// Parameters of a flow, node or worker, or its `config`.
    pub(super) fn params(&mut self, params: &[Param]) -> Vec<flow_bytecode::Param> {
        let one = |param: &Param| flow_bytecode::Param {
            name: self.text(&param.name.text),
            ty: self.ty(param.ty),
            default: param.default.as_ref().map(|value| self.constant(value)),
            doc: self.doc(param.doc.as_ref()),
        };
        params.iter().map(one).collect()
    }

    fn make_type(&mut self, ty: Ty) -> Type {
        let program = self.program;
        match program.types.kind(ty) {
            TyKind::Bool => Type::Bool,
            TyKind::Int => Type::Int,
            TyKind::Float => Type::Float,
            TyKind::String => Type::String,
            TyKind::Duration => Type::Duration,
            TyKind::Time => Type::Time,
            TyKind::Secret => Type::Secret,
            TyKind::List(item) => Type::List(self.ty(*item)),
            TyKind::Map(value) => Type::Map(self.ty(*value)),
            TyKind::Nullable(inner) => Type::Nullable(self.ty(*inner)),
            TyKind::Record(record) => Type::Record {
                name: record.name.as_ref().map(|name| self.text(name)),
                fields: self.record_fields(&record.fields),
            },
            TyKind::Enum(declared) => self.enum_type(declared),
            TyKind::Refined(refined) => self.refined_type(refined),
            // None of these is a border that a value could cross with less than any JSON.
            TyKind::Json
            | TyKind::Error
            | TyKind::Null
            | TyKind::Never
            | TyKind::Fn(..)
            | TyKind::Param(_) => Type::Json,
        }
    }

    fn enum_type(&mut self, declared: &EnumTy) -> Type {
        let name = self.text(&declared.name);
        if declared.is_plain() {
            let variants = declared
                .variants
                .iter()
                .map(|(case, _)| self.text(case))
                .collect();
            return Type::Enum { name, variants };
        }
        let cases = declared.variants.iter();
        let variants = cases.map(|(case, fields)| (self.text(case), self.record_fields(fields)));
        Type::Union {
            name,
            variants: variants.collect(),
        }
    }

    fn record_fields(&mut self, fields: &[FieldTy]) -> Vec<RecordField> {
        let one = |field: &FieldTy| RecordField {
            name: self.text(&field.name),
            ty: self.ty(field.ty),
            default: field.default.as_ref().map(|value| self.constant(value)),
            doc: self.doc(field.doc.as_ref()),
        };
        fields.iter().map(one).collect()
    }

    fn refined_type(&mut self, refined: &'p RefinedTy) -> Type {
        let base = self.ty(refined.base);
        let frame = Frame::of([LocalId(0)]);
        let mut code = Code::new(self, &frame);
        code.return_value(&refined.cond);
        let chunk = code.into_chunk(&format!("where {}", refined.text));
        Type::Refined {
            base,
            check: self.add_chunk(chunk),
            text: self.text(&refined.text),
        }
    }
}
