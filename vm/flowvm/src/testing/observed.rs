//! What a run leaves behind, as conditions see it and as reports show it.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_bytecode::{Param, Test};
use flow_machine::value::Value;
use flow_machine::{Event, EventKind, Program, RunError, Settlement, Status, Time, border};
use serde_json::{Map, Value as Json};

use super::player::Player;
use super::script::{Script, Seen};
use crate::view::status_word;

/// What a run left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Where it stands.
    pub status: Status,
    /// Nodes that settled as done, in order.
    pub path: Vec<Arc<str>>,
    /// The step in which each of them settled.
    pub steps_of_path: Vec<u64>,
    /// Time from the start, in nanoseconds.
    pub elapsed: Time,
    /// Steps begun.
    pub steps: u64,
    /// What it returned; null unless it is done.
    pub result: Json,
    /// Its state.
    pub state: Map<String, Json>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// How often each node was entered.
    pub visits: BTreeMap<String, u64>,
    /// How often each worker was called.
    pub calls: BTreeMap<String, u64>,
    /// The most calls of each worker at once.
    pub peaks: BTreeMap<String, u64>,
    /// What was emitted, by name.
    pub emitted: BTreeMap<String, Vec<Json>>,
    /// For each field the step and the node that updated it last.
    pub written: BTreeMap<String, (u64, String)>,
    input: Map<String, Json>,
    config: Map<String, Json>,
}

impl Observed {
    pub(super) fn of(player: &Player<'_>) -> Self {
        let machine = &player.machine;
        let (input, config) = player.given();
        let steps_of_path = player.checkpoints.iter().flat_map(|checkpoint| {
            let step = checkpoint.step;
            checkpoint.path.iter().map(move |_| step)
        });
        Self {
            status: machine.status(),
            path: machine.path().to_vec(),
            steps_of_path: steps_of_path.collect(),
            elapsed: player.elapsed(),
            steps: machine.steps(),
            result: machine.result().cloned().unwrap_or(Json::Null),
            state: machine.state(),
            error: machine.error().cloned(),
            visits: visits(&player.events, machine.steps()),
            calls: player.world().calls().clone(),
            peaks: player.world().peaks().clone(),
            emitted: emitted(&player.events),
            written: written(&player.events),
            input: input.clone(),
            config: config.clone(),
        }
    }

    /// As conditions of a test see it.
    pub(super) fn seen(&self, program: &Program, test: &Test, script: &mut Script<'_>) -> Seen {
        let image = program.image();
        let flow = &image.flows[test.flow.index()];
        let mut fields = Vec::new();
        for field in &flow.fields {
            let json = self.state.get(image.str(field.name));
            fields.push(json.map(|json| script.typed(field.ty, json)));
        }
        let result = match flow.result_type {
            Some(ty) if self.status == Status::Done => script.typed(ty, &self.result),
            None if self.status == Status::Done => {
                let names = flow.fields.iter().map(|field| program.text(field.name).clone());
                let values = fields.iter().map(|value| value.clone().unwrap_or(Value::Null));
                Value::record(names.zip(values))
            }
            _ => Value::Null,
        };
        let counts = |counts: &BTreeMap<String, u64>| {
            Value::map(
                counts
                    .iter()
                    .map(|(name, count)| (name.as_str().into(), Value::Int(*count as i64))),
            )
        };
        let emitted = self.emitted.iter().map(|(name, all)| {
            let all = all
                .iter()
                .map(|one| border::plain_value(one).unwrap_or(Value::Null));
            (Arc::from(name.as_str()), Value::list(all))
        });
        let observed = vec![
            Value::list(self.path.iter().map(|node| Value::str(node.clone()))),
            Value::str(status_word(self.status)),
            Value::Duration(self.elapsed),
            result,
            counts(&self.visits),
            counts(&self.calls),
            counts(&self.peaks),
            Value::map(emitted),
        ];
        let input = values(program, &flow.params, &self.input, script);
        let config = values(program, &flow.config, &self.config, script);
        Seen {
            fields,
            input,
            config,
            observed,
        }
    }
}

/// The values of parameters, defaults filled in.
fn values(
    program: &Program,
    params: &[Param],
    given: &Map<String, Json>,
    script: &mut Script<'_>,
) -> Vec<Value> {
    let mut values = Vec::new();
    for param in params {
        let given = given.get(program.image().str(param.name));
        values.push(match (given, param.default) {
            (Some(json), _) => script.typed(param.ty, json),
            (None, Some(default)) => program.constant(default).clone(),
            (None, None) => Value::Null,
        });
    }
    values
}

/// Activations that have begun and were not withdrawn, and decisions of routes, by node. What is open has left its
/// step, so that it counts by its own event.
fn visits(events: &[Event], begun: u64) -> BTreeMap<String, u64> {
    let mut visits: BTreeMap<String, u64> = BTreeMap::new();
    let mut opened: BTreeMap<(u64, &str), u64> = BTreeMap::new();
    let named = events
        .iter()
        .filter_map(|event| Some((event, event.node.as_deref()?)));
    for (event, node) in named.clone() {
        if let EventKind::Interrupted { .. } | EventKind::TimerSet { .. } = event.kind
            && event.step > begun
        {
            opened.insert((event.step, node), 1);
        }
    }
    for (event, node) in named {
        let counts = match &event.kind {
            EventKind::Planned { .. } => event.step <= begun || opened.contains_key(&(event.step, node)),
            EventKind::RouteDecided { .. } => true,
            EventKind::Settled {
                how: Settlement::Cancelled,
                ..
            } => {
                if let Some(count) = visits.get_mut(node) {
                    *count = count.saturating_sub(1);
                }
                false
            }
            _ => false,
        };
        if counts {
            *visits.entry(node.to_owned()).or_default() += 1;
        }
    }
    visits
}

fn emitted(events: &[Event]) -> BTreeMap<String, Vec<Json>> {
    let mut emitted: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for event in events {
        if let EventKind::Emitted { name, data } = &event.kind {
            emitted.entry(name.clone()).or_default().push(data.clone());
        }
    }
    emitted
}

fn written(events: &[Event]) -> BTreeMap<String, (u64, String)> {
    let mut written = BTreeMap::new();
    for event in events {
        let EventKind::Updated { updates, .. } = &event.kind else {
            continue;
        };
        let node = event.node.clone().unwrap_or_default();
        for (field, _) in updates {
            written.insert(field.to_string(), (event.step, node.to_string()));
        }
    }
    written
}
