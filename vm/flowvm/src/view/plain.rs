//! A line on standard error for whatever settles: where there is no terminal.

use flow_machine::{Checkpoint, Event, Machine};

use super::note;
use crate::host::Observer;
use crate::view::live::Tracker;

/// Prints as it comes.
#[derive(Default)]
pub(super) struct Plain {
    tracker: Tracker,
}

impl Observer for Plain {
    fn past(&mut self, events: &[Event], _: &[Checkpoint]) {
        self.tracker.remember(events);
    }

    fn committed(&mut self, events: &[Event], _: &[Checkpoint], _: &Machine) {
        for event in events {
            if let Some(line) = self.tracker.line(event) {
                note(&line);
            }
        }
    }

    fn waiting(&mut self, attempt: &str, why: &str) {
        note(&format!("  … {attempt}: {why}"));
    }
}
