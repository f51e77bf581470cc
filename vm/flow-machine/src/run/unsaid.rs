//! What a run has and its log does not say: the state with which it began, its input with defaults, what has settled
//! and is not committed, calls to be made. Two programs that give the same log may differ in it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::activation::{Activation, Phase};
use super::{Run, eval};
use crate::border;

impl Run {
    /// Where another program, given the same log, has something else, a sentence each.
    pub(crate) fn differences(&self, other: &Run) -> Vec<String> {
        let (mut ours, theirs) = (self.unsaid(), other.unsaid());
        let mut differing: Vec<String> = theirs
            .into_iter()
            .filter(|(what, value)| ours.remove(what).as_ref() != Some(value))
            .map(|(what, _)| what)
            .collect();
        differing.extend(ours.into_keys());
        let sentence = |what: &String| format!("{what} would have another value there");
        differing.iter().map(sentence).collect()
    }

    fn unsaid(&self) -> BTreeMap<String, Json> {
        let mut all = BTreeMap::new();
        let program = &self.program;
        let flow = self.flow();
        for (field, slot) in flow.fields.iter().zip(&self.slots) {
            if let Some(value) = slot {
                let name = program.image().str(field.name);
                all.insert(format!("channel `{name}`"), border::to_json(value));
            }
        }
        for (what, params, values) in [
            ("input", &flow.params, &self.input),
            ("config", &flow.config, &self.config),
        ] {
            if let Json::Object(named) = eval::params_json(program, params, values) {
                all.extend(
                    named
                        .into_iter()
                        .map(|(name, value)| (format!("{what} `{name}`"), value)),
                );
            }
        }
        for act in self.acts.values() {
            let name = self.act_name(act);
            all.insert(
                format!("what `{name}` has brought or is to bring"),
                self.unsaid_of(act),
            );
        }
        for ((id, number), inner) in &self.children {
            let name = self.acts.get(id).map(|act| self.act_name(act));
            let name = name.unwrap_or_else(|| self.node_name(id.node).to_string());
            let within = inner.unsaid().into_iter();
            all.extend(within.map(|(what, value)| (format!("in `{name}~{number}`: {what}"), value)));
        }
        all
    }

    fn unsaid_of(&self, act: &Activation) -> Json {
        let fields = &self.flow().fields;
        let updates = act.updates.iter().map(|update| {
            let name = self.program.image().str(fields[update.field.index()].name);
            json!([name, border::to_json(&update.value), update.overwrite])
        });
        let call = act
            .call
            .as_ref()
            .filter(|_| !matches!(act.phase, Phase::Settled(_)));
        let call = call.map(|call| json!([self.worker_name(call.worker), border::to_json(&call.args)]));
        json!({
            "params": eval::params_json(&self.program, &self.node(act.id.node).params, &act.params),
            "updates": updates.collect::<Vec<_>>(),
            "call": call,
        })
    }
}
