//! Histories: the state at any checkpoint, which is a fold over the deltas that lead to it, and where two part.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use flow_machine::{Change, Checkpoint, Event, EventKind};

/// Applies one delta.
pub fn advance(state: &mut Map<String, Json>, changed: impl IntoIterator<Item = (Arc<str>, Change)>) {
    for (field, change) in changed {
        match change {
            Change::Set(value) => {
                state.insert(field.to_string(), value);
            }
            Change::Append(items) => match state.entry(&*field).or_insert_with(|| Json::Array(Vec::new())) {
                Json::Array(list) => list.extend(items),
                other => *other = Json::Array(items),
            },
            Change::Clear => {
                state.shift_remove(&*field);
            }
        }
    }
}

/// The state behind a line of checkpoints.
pub fn fold(line: &[Checkpoint]) -> Map<String, Json> {
    let mut state = Map::new();
    for point in line {
        advance(&mut state, point.changed.iter().cloned());
    }
    state
}

/// The number of the last checkpoint of a course.
pub fn last_checkpoint(course: &[Event]) -> Option<u64> {
    course.iter().rev().find_map(|event| match event.kind {
        EventKind::Committed { checkpoint } => Some(checkpoint),
        _ => None,
    })
}

/// The fields that differ between two states: name, before, after.
pub fn fields(from: &Map<String, Json>, to: &Map<String, Json>) -> Vec<(String, Option<Json>, Option<Json>)> {
    from.keys()
        .chain(to.keys().filter(|name| !from.contains_key(*name)))
        .filter(|name| from.get(*name) != to.get(*name))
        .map(|name| (name.clone(), from.get(name).cloned(), to.get(name).cloned()))
        .collect()
}

/// Where two courses part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The step, by the first course if it has it.
    pub step: u64,
    /// The checkpoints; none where a course has ended.
    pub checkpoints: (Option<u64>, Option<u64>),
    /// The nodes that settled as done.
    pub paths: (Vec<Arc<str>>, Vec<Arc<str>>),
    /// The fields of the state that differ behind it: name, here, there.
    pub fields: Vec<(String, Option<Json>, Option<Json>)>,
}

/// The first place where two lines of checkpoints differ in path or state. None: nowhere.
pub fn part(one: &[Checkpoint], other: &[Checkpoint]) -> Option<Difference> {
    let (mut here, mut there) = (Map::new(), Map::new());
    for at in 0..one.len().max(other.len()) {
        let (first, second) = (one.get(at), other.get(at));
        for (state, point) in [(&mut here, first), (&mut there, second)] {
            advance(state, point.into_iter().flat_map(|point| point.changed.clone()));
        }
        let path = |point: Option<&Checkpoint>| point.map_or_else(Vec::new, |point| point.path.clone());
        let found = Difference {
            step: first.or(second).map_or(0, |point| point.step),
            checkpoints: (first.map(|point| point.id), second.map(|point| point.id)),
            paths: (path(first), path(second)),
            fields: fields(&here, &there),
        };
        let is_same = found.paths.0 == found.paths.1 && found.fields.is_empty();
        if !is_same || first.is_none() || second.is_none() {
            return Some(found);
        }
    }
    None
}

/// The checkpoints from the first one to this one, oldest first.
pub fn line_of(points: &[Checkpoint], id: u64) -> Vec<Checkpoint> {
    let by_id: BTreeMap<u64, &Checkpoint> = points.iter().map(|point| (point.id, point)).collect();
    let mut line = Vec::new();
    let mut next = Some(id);
    // A parent is older than its child; where a damaged store says otherwise, the line ends.
    while let Some(point) = next.and_then(|id| by_id.get(&id)) {
        line.push((*point).clone());
        next = point.parent.filter(|parent| *parent < point.id);
    }
    line.reverse();
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(id: u64, parent: Option<u64>, changed: Vec<(&str, Change)>) -> Checkpoint {
        let changed = changed
            .into_iter()
            .map(|(field, change)| (field.into(), change))
            .collect();
        Checkpoint {
            id,
            parent,
            step: id,
            path: Vec::new(),
            changed,
            frontier: flow_machine::Frontier::default(),
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
        let at = |id| Json::Object(fold(&line_of(&points, id)));
        assert_eq!(at(1), json!({"list": [1], "x": true}));
        assert_eq!(at(2), json!({"list": [2]}));
        assert_eq!(at(3), json!({"list": [1]}));
        assert_eq!(line_of(&points, 9), []);
    }
}
