//! `add_messages`: replace by id, remove by id, else append.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Writer;
use crate::fault::{Fault, FaultKind};
use crate::interp::Fuel;
use crate::value::{List, Object, Record, Value, bounded};

/// Applies the updates of all writers, as one batch.
pub(super) fn add(old: Option<Value>, writers: &[Writer<'_>], fuel: &mut Fuel) -> Result<Value, Fault> {
    let mut batch = Batch::over(old, fuel)?;
    for writer in writers {
        for (_, update) in writer.sends() {
            match &update.value {
                Value::List(items) => items
                    .iter()
                    .try_for_each(|item| batch.element(item, writer, fuel))?,
                item => batch.element(item, writer, fuel)?,
            }
        }
    }
    bounded(batch.finish())
}

/// A list of messages while a batch is applied to it.
struct Batch {
    list: List,
    /// Where each id stands, removed ones included: adding one again replaces it in place.
    places: BTreeMap<Arc<str>, usize>,
    removed: BTreeSet<usize>,
    /// The number of the last id made, by prefix.
    made: BTreeMap<String, u64>,
}

impl Batch {
    fn over(old: Option<Value>, fuel: &mut Fuel) -> Result<Batch, Fault> {
        let list = match old {
            Some(Value::List(list)) => List::clone(&list),
            None | Some(Value::Null) => List::new(),
            Some(other) => {
                return Err(fault(format!(
                    "`add_messages` to {}, not to a list",
                    other.kind()
                )));
            }
        };
        fuel.spend(list.len() as u64 / 8)?;
        let ids = list
            .iter()
            .zip(0..)
            .filter_map(|(item, at)| Some((id_of(item)?.clone(), at)));
        let places = ids.collect();
        Ok(Batch {
            list,
            places,
            removed: BTreeSet::new(),
            made: BTreeMap::new(),
        })
    }

    fn element(&mut self, element: &Value, writer: &Writer<'_>, fuel: &mut Fuel) -> Result<(), Fault> {
        fuel.spend(1)?;
        if is_marker(element, "remove_all", &["remove_all"]) {
            self.list = List::new();
            self.places.clear();
            self.removed.clear();
            return Ok(());
        }
        let Some(id) = id_of(element) else {
            return Err(fault(format!("a message without `id`: {}", element.kind())));
        };
        if is_marker(element, "remove", &["id", "remove"]) {
            return self.remove(id);
        }
        if id.is_empty() {
            let id = self.fresh_id(writer.id_prefix);
            let message = with_id(element, &id);
            self.put(id, message);
        } else {
            self.put(id.clone(), element.clone());
        }
        Ok(())
    }

    fn remove(&mut self, id: &Arc<str>) -> Result<(), Fault> {
        match self.places.get(id) {
            Some(place) if self.removed.insert(*place) => Ok(()),
            _ => Err(fault(format!("there is no message `{id}` to remove"))),
        }
    }

    fn put(&mut self, id: Arc<str>, message: Value) {
        if let Some(place) = self.places.get(&id) {
            self.removed.remove(place);
            self.list.set(*place, message);
        } else {
            self.places.insert(id, self.list.len());
            self.list.push(message);
        }
    }

    /// Ids are never given twice, whatever was removed meanwhile: the step is part of the prefix,
    /// the number goes on within it, and ids that exist are passed over.
    fn fresh_id(&mut self, prefix: &str) -> Arc<str> {
        let number = self.made.entry(prefix.to_owned()).or_insert(0);
        loop {
            *number += 1;
            let id: Arc<str> = format!("{prefix}-{number}").into();
            if !self.places.contains_key(&id) {
                return id;
            }
        }
    }

    fn finish(self) -> Value {
        if self.removed.is_empty() {
            return self.list.into();
        }
        let kept = self
            .list
            .iter()
            .zip(0..)
            .filter(|(_, at)| !self.removed.contains(at));
        Value::list(kept.map(|(item, _)| item.clone()))
    }
}

fn id_of(message: &Value) -> Option<&Arc<str>> {
    match message.get("id")? {
        Value::Str(id) => Some(id),
        _ => None,
    }
}

/// Whether this is `{ …, name: true }` with no other keys than these.
fn is_marker(element: &Value, name: &str, keys: &[&str]) -> bool {
    let Some(object) = element.as_object() else {
        return false;
    };
    object.get(name) == Some(&Value::Bool(true)) && object.iter().all(|(key, _)| keys.contains(&&**key))
}

fn with_id(message: &Value, id: &Arc<str>) -> Value {
    let fields = message.as_object().into_iter().flat_map(Object::iter);
    let fields = fields.map(|(name, value)| match &**name {
        "id" => (name.clone(), Value::Str(id.clone())),
        _ => (name.clone(), value.clone()),
    });
    match message {
        Value::Record(_) => Value::Record(Arc::new(Record::from_fields(fields))),
        _ => Value::map(fields),
    }
}

fn fault(message: String) -> Fault {
    Fault::new(FaultKind::Reducer, message)
}
