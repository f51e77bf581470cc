//! Reducers: how a channel merges what a step sends to it. Messages by id are in `messages`.

mod messages;

use std::fmt;
use std::sync::Arc;

use flow_bytecode::{ChunkId, Field, FieldId, Reducer, Type};

use crate::border;
use crate::builtins;
use crate::fault::{Fault, FaultKind};
use crate::interp::{self, Env, Fuel, Interp, Update};
use crate::value::{List, Value, bounded};

/// What merging needs besides the values.
pub struct Merging<'a> {
    /// What custom reducers see.
    pub env: &'a Env<'a>,
    /// What runs them.
    pub interp: &'a mut Interp,
    /// What they may spend.
    pub fuel: &'a mut Fuel,
}

/// A node and the number of its item: `lookup#2`, and the first one `lookup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The node.
    pub node: &'a str,
    /// From 0.
    pub index: u32,
}

/// An activation and what it sends to one channel.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// How messages name it.
    pub name: Item<'a>,
    /// What ids made for its messages begin with: `run-step-node`.
    pub id_prefix: &'a str,
    /// The channel in question.
    pub field: FieldId,
    /// What it sends to this channel and to others, in order of writing.
    pub updates: &'a [Update],
}

/// Merges all that one step sends to a channel. `old` is its value before the step.
///
/// Writers are in the order in which their updates count. An overwrite beats what the others send,
/// its own writer goes on from it, and two overwrites are a fault; so are two updates of a
/// `last_value` channel. None if nobody wrote and there was no value.
pub fn merge_step(
    merging: &mut Merging<'_>,
    field: &Field,
    old: Option<&Value>,
    writers: &[Writer<'_>],
) -> Result<Option<Value>, Fault> {
    let Some((start, writers)) = after_overwrite(merging, field, writers)? else {
        return reduce_all(merging, field, old.cloned(), writers);
    };
    reduce_all(merging, field, Some(start), &[writers])
}

/// The overwritten value with what its own writer sends after it, if somebody overwrites.
fn after_overwrite<'w>(
    merging: &Merging<'_>,
    field: &Field,
    writers: &[Writer<'w>],
) -> Result<Option<(Value, Writer<'w>)>, Fault> {
    let mut found: Option<(Value, Writer<'w>)> = None;
    for writer in writers {
        for (at, update) in writer.sends().filter(|(_, update)| update.overwrite) {
            if let Some((_, first)) = &found {
                return Err(two(merging, field, "overwrites", first.name, writer.name));
            }
            found = Some((
                update.value.clone(),
                Writer {
                    updates: &writer.updates[at + 1..],
                    ..*writer
                },
            ));
        }
    }
    Ok(found)
}

fn reduce_all(
    merging: &mut Merging<'_>,
    field: &Field,
    old: Option<Value>,
    writers: &[Writer<'_>],
) -> Result<Option<Value>, Fault> {
    let mut sent = writers
        .iter()
        .flat_map(|writer| writer.sends().map(move |(_, update)| (writer, &update.value)));
    match field.reducer {
        Reducer::LastValue => match (sent.next(), sent.next()) {
            (Some((first, _)), Some((second, _))) => {
                Err(two(merging, field, "updates", first.name, second.name))
            }
            (Some((_, value)), None) => Ok(Some(value.clone())),
            _ => Ok(old),
        },
        Reducer::AddMessages => messages::add(old, writers, merging.fuel).map(Some),
        _ => sent.try_fold(old, |old, (_, value)| {
            reduce(merging, field, old, value).map(Some)
        }),
    }
}

/// One update through a reducer. A channel without a value, or with null, takes the update as it is,
/// except for those that have an identity to start from.
fn reduce(
    merging: &mut Merging<'_>,
    field: &Field,
    old: Option<Value>,
    update: &Value,
) -> Result<Value, Fault> {
    merging.fuel.spend(1)?;
    if let Reducer::Custom { chunk, nullable_old } = field.reducer {
        return match old {
            None | Some(Value::Null) if !nullable_old => Ok(update.clone()),
            old => custom(merging, chunk, old.unwrap_or(Value::Null), update),
        };
    }
    let old = old.filter(|value| !value.is_null());
    match (field.reducer, old) {
        (Reducer::Append { item_first }, old) => append(merging, field, item_first, old, update),
        (_, Some(old)) if update.is_null() => Ok(old),
        (Reducer::Merge, Some(old)) => bounded(builtins::merge(&old, update, merging.fuel)?),
        (Reducer::Add, Some(old)) => interp::add(&old, update, merging.fuel),
        (Reducer::Min, Some(old)) => Ok(if *update < old { update.clone() } else { old }),
        (Reducer::Max, Some(old)) => Ok(if *update > old { update.clone() } else { old }),
        _ => Ok(update.clone()),
    }
}

/// A list grows by the items of a list, or by one item; by one item where both fit.
fn append(
    merging: &mut Merging<'_>,
    field: &Field,
    item_first: bool,
    old: Option<Value>,
    update: &Value,
) -> Result<Value, Fault> {
    let mut list = match old {
        // Nobody else holds what this step has made so far: it grows in place.
        Some(Value::List(list)) => Arc::unwrap_or_clone(list),
        None => List::new(),
        Some(other) => {
            return Err(Fault::new(
                FaultKind::Reducer,
                format!("`append` to {}, not to a list", other.kind()),
            ));
        }
    };
    match update {
        Value::List(items) if !(item_first && is_item(merging, field, update)) => list.append(items),
        item => list.push(item.clone()),
    }
    bounded(list.into())
}

fn is_item(merging: &mut Merging<'_>, field: &Field, value: &Value) -> bool {
    let types = &merging.env.program.image().types;
    let Type::List(item) = types[field.ty.index()] else {
        return true;
    };
    border::check_value(merging.env.program, item, value, merging.interp, merging.fuel).is_ok()
}

fn custom(merging: &mut Merging<'_>, chunk: ChunkId, old: Value, update: &Value) -> Result<Value, Fault> {
    let args = [old, update.clone()];
    merging
        .interp
        .call(merging.env, chunk, &args, merging.fuel)
        .map(|evaluated| evaluated.value)
}

fn two(merging: &Merging<'_>, field: &Field, what: &str, first: Item<'_>, second: Item<'_>) -> Fault {
    let by = if first == second {
        format!("both by `{first}`")
    } else {
        format!("by `{first}` and by `{second}`")
    };
    let name = merging.env.program.text(field.name);
    Fault::new(
        FaultKind::Reducer,
        format!("two {what} of `{name}` in one step, {by}"),
    )
    .at(Some(field.span))
}

impl<'a> Writer<'a> {
    /// What it sends to the channel, with its place among all that it sends.
    fn sends(&self) -> impl Iterator<Item = (usize, &'a Update)> + use<'a> {
        let field = self.field;
        let all = self.updates.iter().enumerate();
        all.filter(move |(_, update)| update.field == field)
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => write!(f, "{}", self.node),
            index => write!(f, "{}#{index}", self.node),
        }
    }
}
