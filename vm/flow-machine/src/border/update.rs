//! Updates from outside, by what the channel's reducer takes: replies' commands and injections.

use flow_bytecode::{Field, Reducer, Type, TypeId};
use serde_json::Value as Json;

use super::check::Check;
use crate::fault::Fault;
use crate::interp::{Fuel, Interp};
use crate::program::Program;
use crate::value::Value;

/// Checks JSON as an update of a channel. An overwrite must be a whole value of its type; an update
/// is what the reducer takes: an item or a list of them, a part of a record, a message or its
/// removal. What a custom reducer takes is known to its function alone.
pub fn check_update(
    program: &Program,
    field: &Field,
    json: &Json,
    overwrite: bool,
    interp: &mut Interp,
    fuel: &mut Fuel,
) -> Result<Value, Fault> {
    let mut check = Check {
        program,
        interp,
        fuel,
        depth: 0,
    };
    let item = item_type(program, field.ty);
    match (field.reducer, item) {
        _ if overwrite => check.whole(field.ty, json),
        (Reducer::Append { item_first: true }, Some(item)) => {
            check.whole(item, json).or_else(|_| check.whole(field.ty, json))
        }
        (Reducer::Append { .. }, Some(item)) if !json.is_array() => check.whole(item, json),
        (Reducer::AddMessages, Some(item)) => match json {
            Json::Array(elements) => {
                let elements: Result<Vec<Value>, Fault> = (0..)
                    .zip(elements)
                    .map(|(at, element)| message(&mut check, item, element).map_err(|fault| under(fault, at)))
                    .collect();
                Ok(Value::list(elements?))
            }
            element => message(&mut check, item, element),
        },
        (Reducer::Merge, _) => check.whole_part(field.ty, json),
        (Reducer::Custom { .. }, _) => check.whole_json(json),
        _ => check.whole(field.ty, json),
    }
}

/// A message, `{ id, remove: true }` or `{ remove_all: true }`.
fn message(check: &mut Check<'_>, item: TypeId, element: &Json) -> Result<Value, Fault> {
    let only = |keys: &[&str]| {
        element
            .as_object()
            .is_some_and(|object| object.keys().all(|key| keys.contains(&key.as_str())))
    };
    let truth = |key: &str| element.get(key) == Some(&Json::Bool(true));
    if (truth("remove") && only(&["id", "remove"]) && element["id"].is_string())
        || (truth("remove_all") && only(&["remove_all"]))
    {
        return check.whole_json(element);
    }
    check.whole(item, element)
}

fn under(mut fault: Fault, at: usize) -> Fault {
    if let Some(path) = &mut fault.path {
        path.insert_str(1, &format!("[{at}]"));
    }
    fault
}

fn item_type(program: &Program, ty: TypeId) -> Option<TypeId> {
    match &program.image().types[ty.index()] {
        Type::List(item) => Some(*item),
        Type::Nullable(base) | Type::Refined { base, .. } => item_type(program, *base),
        _ => None,
    }
}
