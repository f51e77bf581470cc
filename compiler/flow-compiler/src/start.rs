//! What a state field starts from. Read by `codegen` and by the proof that nothing is read before
//! it is written, so that both always agree.

use crate::hir::ConstValue;
use crate::hir::flow::{Field, Reducer};
use crate::types::{Ty, TyKind, Types};

/// The value before the first update: the one written, null for a `T?`, or the identity of the
/// reducer. None: the field has no value until it is written.
pub fn start_value(types: &Types, field: &Field) -> Option<ConstValue> {
    if let Some(start) = &field.start {
        return Some(start.clone());
    }
    if is_nullable(types, field.ty) {
        return Some(ConstValue::Null);
    }
    match field.reducer {
        Reducer::Append | Reducer::AddMessages => Some(ConstValue::List(Vec::new())),
        Reducer::Merge => empty_merge(types, field.ty),
        Reducer::Add => zero(types, field.ty),
        Reducer::LastValue | Reducer::Min | Reducer::Max | Reducer::Custom(_) => None,
    }
}

/// The type without its conditions.
pub fn unrefined(types: &Types, ty: Ty) -> Ty {
    match types.kind(ty) {
        TyKind::Refined(refined) => unrefined(types, refined.base),
        _ => ty,
    }
}

/// Whether null is a value of the type by declaration.
pub fn is_nullable(types: &Types, ty: Ty) -> bool {
    matches!(
        types.kind(unrefined(types, ty)),
        TyKind::Nullable(_) | TyKind::Null
    )
}

/// A record has an empty value only where every field may be left out.
fn empty_merge(types: &Types, ty: Ty) -> Option<ConstValue> {
    let TyKind::Record(record) = types.kind(unrefined(types, ty)) else {
        return Some(ConstValue::Map(Vec::new()));
    };
    let fields = record.fields.iter().map(|field| match &field.default {
        Some(default) => Some((field.name.clone(), default.clone())),
        None => is_nullable(types, field.ty).then(|| (field.name.clone(), ConstValue::Null)),
    });
    fields.collect::<Option<Vec<_>>>().map(ConstValue::Record)
}

fn zero(types: &Types, ty: Ty) -> Option<ConstValue> {
    match types.kind(unrefined(types, ty)) {
        TyKind::Float => Some(ConstValue::Float(0.0)),
        TyKind::Duration => Some(ConstValue::Duration(0)),
        TyKind::Int => Some(ConstValue::Int(0)),
        _ => None,
    }
}
