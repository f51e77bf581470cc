//! The modes of `--stream`, on standard output: one item a line, each with the sequence number of its event,
//! so that a reader that was cut off can ask for what came after it.

use serde_json::{Map, Value as Json, json};

use flow_machine::{Checkpoint, Event, EventKind, Machine};

use super::out;
use crate::args::StreamMode;
use crate::history;
use crate::host::Observer;

/// Prints what the chosen modes see.
pub(super) struct Stream {
    modes: Vec<StreamMode>,
    json: bool,
    state: Map<String, Json>,
    /// The last checkpoint that is in `state`.
    seen: Option<u64>,
}

impl Stream {
    pub(super) fn new(modes: &[StreamMode], json: bool) -> Self {
        Self {
            modes: modes.to_vec(),
            json,
            state: Map::new(),
            seen: None,
        }
    }

    fn take(&mut self, point: &Checkpoint) {
        if self.seen.is_none_or(|seen| point.id > seen) {
            history::advance(&mut self.state, point.changed.iter().cloned());
            self.seen = Some(point.id);
        }
    }

    fn item(&self, mode: StreamMode, event: &Event, checkpoint: Option<&Checkpoint>) -> Option<Json> {
        let place = || json!({"seq": event.seq, "step": event.step, "node": event.node});
        let with = |mut item: Json, more: Json| {
            if let (Json::Object(item), Json::Object(more)) = (&mut item, more) {
                item.extend(more);
            }
            item
        };
        match (mode, &event.kind) {
            (StreamMode::Debug, _)
            | (
                StreamMode::Tasks,
                EventKind::Dispatched { .. }
                | EventKind::Succeeded { .. }
                | EventKind::Failed { .. }
                | EventKind::Late { .. },
            ) => serde_json::to_value(event).ok(),
            (StreamMode::Values, EventKind::Committed { .. }) => {
                Some(json!({"seq": event.seq, "step": event.step, "state": self.state}))
            }
            (StreamMode::Checkpoints, EventKind::Committed { .. }) => Some(with(
                json!({"seq": event.seq}),
                serde_json::to_value(checkpoint?).ok()?,
            )),
            (StreamMode::Updates, EventKind::Updated { index, updates }) => {
                let updates: Vec<Json> = updates
                    .iter()
                    .map(|(field, value)| json!({"field": field, "value": value}))
                    .collect();
                Some(with(place(), json!({"index": index, "updates": updates})))
            }
            (StreamMode::Custom, EventKind::Emitted { name, data }) => {
                Some(with(place(), json!({"name": name, "data": data})))
            }
            _ => None,
        }
    }
}

impl Observer for Stream {
    fn past(&mut self, _: &[Event], checkpoints: &[Checkpoint]) {
        for point in checkpoints {
            self.take(point);
        }
    }

    fn committed(&mut self, events: &[Event], checkpoints: &[Checkpoint], _: &Machine) {
        for event in events {
            let number = match &event.kind {
                EventKind::Committed { checkpoint } => Some(*checkpoint),
                _ => None,
            };
            let point = checkpoints.iter().find(|point| Some(point.id) == number);
            // The state before the first step has a checkpoint, but no event.
            for point in checkpoints
                .iter()
                .filter(|point| number.is_some_and(|number| point.id <= number))
            {
                self.take(point);
            }
            for mode in &self.modes {
                if let Some(item) = self.item(*mode, event, point) {
                    print(*mode, &item, self.json);
                }
            }
        }
        for point in checkpoints {
            self.take(point);
        }
    }

    fn waiting(&mut self, _: &str, _: &str) {}
}

fn print(mode: StreamMode, item: &Json, json: bool) {
    let word = match mode {
        StreamMode::Values => "values",
        StreamMode::Updates => "updates",
        StreamMode::Tasks => "tasks",
        StreamMode::Custom => "custom",
        StreamMode::Checkpoints => "checkpoints",
        StreamMode::Debug => "debug",
    };
    if !json {
        out(&format!("{word} {item}"));
        return;
    }
    let mut line = Map::from_iter([("stream".to_owned(), json!(word))]);
    if let Json::Object(item) = item {
        line.extend(item.clone());
    }
    out(&Json::Object(line).to_string());
}
