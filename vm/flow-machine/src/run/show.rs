//! What a host can see of a run.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::activation::{ActId, Phase};
use super::interrupt::shown_name;
use super::{Life, Run};
use crate::border;
use crate::event::{Dispatch, EventKind, RunError, Status};
use crate::input::{Start, Time};
use crate::machine::OpenInterrupt;
use crate::program::Program;

impl Run {
    pub(crate) fn status(&self) -> Status {
        match self.life {
            Life::Finished(status) => status,
            Life::Ending(_) => Status::Running,
            Life::Running if self.moves_by_itself() => Status::Running,
            Life::Running => Status::Interrupted,
        }
    }

    /// Whether the run goes on without an answer, an event or a `resume`.
    pub(super) fn moves_by_itself(&self) -> bool {
        let phases = &self.phases;
        let always = phases.running + phases.retrying + phases.timed > 0 || self.has_moving_children();
        always || !self.paused && (self.acts.is_empty() || phases.queued + phases.answered > 0)
    }

    /// Says once that the run has come to rest.
    pub(super) fn say_rest(&mut self) {
        if self.is_child() || self.resting_said || self.status() != Status::Interrupted {
            return;
        }
        self.resting_said = true;
        let kind = EventKind::Finished {
            status: Status::Interrupted,
            result: Json::Null,
            error: None,
        };
        self.event(self.begun, None, kind);
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.life, Life::Finished(_))
    }

    pub(crate) fn state_json(&self) -> Map<String, Json> {
        let image = self.program.image();
        let fields = self.flow().fields.iter().zip(&self.slots);
        fields
            .filter_map(|(field, slot)| {
                Some((image.str(field.name).to_owned(), border::to_json(slot.as_ref()?)))
            })
            .collect()
    }

    pub(crate) fn path(&self) -> &[Arc<str>] {
        &self.path
    }

    pub(crate) fn steps(&self) -> u64 {
        self.begun
    }

    pub(crate) fn result(&self) -> Option<&Json> {
        self.result.as_ref()
    }

    pub(crate) fn error(&self) -> Option<&RunError> {
        self.error.as_ref()
    }

    pub(crate) fn interrupts(&self) -> Vec<OpenInterrupt> {
        let mut open = self.open_questions();
        open.sort_by_key(|(opened, _)| *opened);
        open.into_iter().map(|(_, interrupt)| interrupt).collect()
    }

    /// The open questions of this run and of those within it, with the order of their opening.
    fn open_questions(&self) -> Vec<(u64, OpenInterrupt)> {
        let own = self
            .asked
            .values()
            .filter_map(|id| self.acts.get(id))
            .filter_map(|act| match &act.phase {
                Phase::Open(question) => {
                    let node = format!("{}{}", self.place.names, self.node_name(act.id.node));
                    Some((
                        question.opened,
                        OpenInterrupt {
                            name: shown_name(&node, question.ordinal),
                            node,
                            ask: question.ask.clone(),
                            show: question.show.clone(),
                            answer: question.answer,
                            about: question.about.into(),
                            due: question.due,
                        },
                    ))
                }
                _ => None,
            });
        let inner = self.children.values().flat_map(|child| child.open_questions());
        own.chain(inner).collect()
    }

    pub(crate) fn in_flight(&self) -> Vec<Dispatch> {
        let running: Vec<ActId> = self
            .acts
            .values()
            .filter(|act| matches!(act.phase, Phase::Running { .. }))
            .map(|act| act.id)
            .collect();
        let own = running.into_iter().filter_map(|id| self.dispatch_of(id));
        let inner = self.children.values().flat_map(|child| child.in_flight());
        own.chain(inner).collect()
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.tokens
    }

    pub(crate) fn start_info(&self) -> &Start {
        &self.start
    }

    pub(crate) fn created_at(&self) -> Time {
        self.created
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }
}
