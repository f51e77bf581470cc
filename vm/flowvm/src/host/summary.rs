//! What is said of a run: where it is, what it asks, the name of its program. For the store and for people; recovery
//! reads none of it.

use flow_machine::{Machine, Question};

use crate::clock::now;
use crate::schema;
use crate::store::{Head, OpenInterrupt};

/// Where a run is, for the store.
pub(crate) fn head(machine: &Machine) -> Head {
    Head {
        status: machine.status(),
        steps: machine.steps(),
        due: machine.next_due(),
        result: machine.result().cloned(),
        error: machine.error().cloned(),
        at: now(),
    }
}

/// The open interrupts with the schemas of their answers.
pub fn open_interrupts(machine: &Machine) -> Vec<OpenInterrupt> {
    let image = machine.image();
    let open = machine.interrupts().into_iter().map(|one| OpenInterrupt {
        name: one.name,
        ask: one.ask,
        show: one.show,
        schema: match (one.about, one.answer) {
            (Question::Approval, _) => schema::approval(),
            (_, Some(ty)) => schema::of(image, ty),
            (_, None) => serde_json::json!({}),
        },
        due: one.due,
    });
    open.collect()
}
