//! The state at any checkpoint: a fold over the deltas that lead to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use flow_machine::{Change, Checkpoint};

/// Applies one delta.
pub fn advance(state: &mut Map<String, Json>, point: &Checkpoint) {
    for (field, change) in &point.changed {
        match change {
            Change::Set(value) => {
                state.insert(field.clone(), value.clone());
            }
            Change::Append(items) => match state
                .entry(field.clone())
                .or_insert_with(|| Json::Array(Vec::new()))
            {
                Json::Array(list) => list.extend(items.iter().cloned()),
                other => *other = Json::Array(items.clone()),
            },
            Change::Clear => {
                state.shift_remove(field);
            }
        }
    }
}

/// The state at a checkpoint, if there is one of this number.
pub fn state_at(points: &[Checkpoint], id: u64) -> Option<Map<String, Json>> {
    let by_id: BTreeMap<u64, &Checkpoint> = points.iter().map(|point| (point.id, point)).collect();
    let mut chain = vec![*by_id.get(&id)?];
    while let Some(parent) = chain
        .last()
        .and_then(|point| point.parent)
        .and_then(|id| by_id.get(&id))
    {
        // A damaged chain must end, too.
        if chain.len() > points.len() {
            return None;
        }
        chain.push(parent);
    }
    let mut state = Map::new();
    chain
        .into_iter()
        .rev()
        .for_each(|point| advance(&mut state, point));
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(id: u64, parent: Option<u64>, changed: Vec<(&str, Change)>) -> Checkpoint {
        let changed = changed
            .into_iter()
            .map(|(field, change)| (field.to_owned(), change))
            .collect();
        Checkpoint {
            id,
            parent,
            step: id,
            path: Vec::new(),
            changed,
            frontier: Json::Null,
        }
    }

    /// L-09: parents form a chain, and the state follows it.
    #[test]
    fn a_state_is_the_fold_of_its_own_chain() {
        let points = [
            point(0, None, vec![("list", Change::Set(json!([])))]),
            point(
                1,
                Some(0),
                vec![
                    ("list", Change::Append(vec![json!(1)])),
                    ("x", Change::Set(json!(true))),
                ],
            ),
            point(2, Some(0), vec![("list", Change::Append(vec![json!(2)]))]),
            point(3, Some(1), vec![("x", Change::Clear)]),
        ];
        let at = |id| state_at(&points, id).map(Json::Object);
        assert_eq!(at(1), Some(json!({"list": [1], "x": true})));
        assert_eq!(at(2), Some(json!({"list": [2]})));
        assert_eq!(at(3), Some(json!({"list": [1]})));
        assert_eq!(at(9), None);
    }
}
