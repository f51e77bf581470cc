//! Updates and targets that come from outside the program: a worker's own command, an operator's
//! injection. Checked against what the node allows and against the types of the state.

use flow_bytecode::{ErrorClass, FieldId, Reducer, Target, Type, TypeId};
use serde_json::{Map, Value as Json};

use super::activation::{ActId, Aim, Failure, Foreign};
use super::{Run, eval};
use crate::value::Value;
use crate::{Fault, FaultKind, border};

impl Run {
    /// A worker's `goto`: only where its node's `may goto` leads. A misfit is not retried.
    pub(super) fn checked_goto(&mut self, id: ActId, goto: &Json) -> Result<Vec<Aim>, Failure> {
        let listed = match goto {
            Json::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut aims = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for item in &listed {
            let name = item
                .as_str()
                .or_else(|| item.get("node").and_then(Json::as_str))
                .unwrap_or_default()
                .to_owned();
            if seen.contains(&name) {
                continue;
            }
            let args = item.get("args").and_then(Json::as_object);
            aims.push(self.checked_target(id, &name, args)?);
            seen.push(name);
        }
        Ok(aims)
    }

    fn checked_target(
        &mut self,
        id: ActId,
        name: &str,
        args: Option<&Map<String, Json>>,
    ) -> Result<Aim, Failure> {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let allowed = flow.nodes[id.node.index()]
            .may_goto
            .iter()
            .find_map(|target| match target {
                Target::Node { node, .. } if program.image().str(flow.nodes[node.index()].name) == name => {
                    Some(Aim::Node(*node, None))
                }
                Target::End if name == "end" => Some(Aim::End),
                Target::Halt if name == "halt" => Some(Aim::Stop(super::Stop::Halt)),
                _ => None,
            });
        match allowed {
            Some(Aim::Node(node, _)) => {
                let params = &flow.nodes[node.index()].params;
                let values = match args {
                    Some(args) => self.check_params(params, args)?,
                    None => eval::arrange(&program, params, None)?,
                };
                Ok(Aim::Node(node, Some(values.into())))
            }
            Some(aim) => Ok(aim),
            None => Err(Failure {
                retryable: Some(false),
                ..Failure::new(
                    ErrorClass::InvalidReply,
                    format!("$.command.goto: `{name}` is not among the node's `may goto` targets"),
                )
            }),
        }
    }

    /// A worker's `update`: only the fields that its node lists.
    pub(super) fn checked_command(
        &mut self,
        id: ActId,
        updates: &Map<String, Json>,
    ) -> Result<Vec<Foreign>, Failure> {
        let mut checked = Vec::new();
        for (name, json) in updates {
            let field = self.find_field(name);
            let overwrite = json.get("__overwrite").and_then(Json::as_bool) == Some(true);
            let node = self.node(id.node);
            let allowed = if overwrite {
                &node.may_overwrite
            } else {
                &node.may_update
            };
            let Some(field) = field
                .filter(|field| allowed.contains(field) || (!overwrite && node.may_update.contains(field)))
            else {
                return Err(Failure::new(
                    ErrorClass::InvalidReply,
                    format!("$.command.update.{name}: the node does not allow it"),
                ));
            };
            let value = if overwrite {
                json.get("value").unwrap_or(&Json::Null)
            } else {
                json
            };
            let value = self
                .checked_update(field, value, overwrite)
                .map_err(|fault| Failure {
                    class: ErrorClass::InvalidReply,
                    ..Failure::new(
                        ErrorClass::InvalidReply,
                        format!("$.command.update.{name}: {fault}"),
                    )
                })?;
            checked.push(Foreign {
                field,
                value,
                overwrite,
            });
        }
        Ok(checked)
    }

    /// The field with a name.
    pub(super) fn find_field(&self, name: &str) -> Option<FieldId> {
        let image = self.program.image();
        let at = self
            .flow()
            .fields
            .iter()
            .position(|field| image.str(field.name) == name)?;
        Some(FieldId(at as u32))
    }

    /// Checks JSON against what a field's reducer takes.
    pub(super) fn checked_update(
        &mut self,
        field: FieldId,
        json: &Json,
        overwrite: bool,
    ) -> Result<Value, Fault> {
        let program = self.program.clone();
        let declared = &program.image().flows[self.flow_at].fields[field.index()];
        if overwrite {
            return self.check(declared.ty, json);
        }
        match declared.reducer {
            Reducer::LastValue | Reducer::Add => self.check(declared.ty, json),
            Reducer::Min | Reducer::Max => self.check(base_type(&program, declared.ty), json),
            Reducer::Append { .. } => self.checked_items(declared.ty, json),
            Reducer::Merge => self.checked_part(declared.ty, json),
            Reducer::AddMessages => self.checked_messages(declared.ty, json),
            Reducer::Custom { .. } => plain(json),
        }
    }

    /// An item, or a list of them; where both fit it is one item.
    fn checked_items(&mut self, ty: TypeId, json: &Json) -> Result<Value, Fault> {
        let program = self.program.clone();
        let Type::List(item) = &program.image().types[base_type(&program, ty).index()] else {
            return self.check(ty, json);
        };
        match (self.check(*item, json), json) {
            (Ok(value), _) => Ok(value),
            (Err(_), Json::Array(_)) => self.check(ty, json),
            (Err(fault), _) => Err(fault),
        }
    }

    /// A part of a record or map.
    fn checked_part(&mut self, ty: TypeId, json: &Json) -> Result<Value, Fault> {
        let program = self.program.clone();
        let (Type::Record { fields, .. }, Json::Object(entries)) =
            (&program.image().types[base_type(&program, ty).index()], json)
        else {
            return self.check(ty, json);
        };
        let mut values = Vec::new();
        for (key, json) in entries {
            if let Some(field) = fields.iter().find(|field| program.image().str(field.name) == key) {
                values.push((program.text(field.name).clone(), self.check(field.ty, json)?));
            }
        }
        Ok(Value::map(values))
    }

    /// A message or a list of them; an element may also remove.
    fn checked_messages(&mut self, ty: TypeId, json: &Json) -> Result<Value, Fault> {
        let program = self.program.clone();
        let Type::List(item) = &program.image().types[base_type(&program, ty).index()] else {
            return self.check(ty, json);
        };
        let mut one = |json: &Json| {
            let removes = ["remove", "remove_all"]
                .iter()
                .any(|key| json.get(key).and_then(Json::as_bool) == Some(true));
            if removes {
                plain(json)
            } else {
                self.check(*item, json)
            }
        };
        match json {
            Json::Array(items) => Ok(Value::list(items.iter().map(one).collect::<Result<Vec<_>, _>>()?)),
            single => one(single),
        }
    }
}

fn plain(json: &Json) -> Result<Value, Fault> {
    border::plain_value(json).ok_or_else(|| Fault::new(FaultKind::Misfit, "an integer beyond 64 bits"))
}

/// A type without `?` and conditions.
fn base_type(program: &crate::Program, ty: TypeId) -> TypeId {
    match &program.image().types[ty.index()] {
        Type::Nullable(base) | Type::Refined { base, .. } => base_type(program, *base),
        _ => ty,
    }
}
