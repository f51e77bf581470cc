//! A run: what it is made of, and the loop that moves it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::event::{Dispatch, Event, RunError, Status};
use crate::input::{Input, Refusal, Start, Time};
use crate::machine::{OpenInterrupt, Output, ReplayError};
use crate::program::Program;

/// One run.
pub(crate) struct Run {
    program: Arc<Program>,
    start: Start,
    created: Time,
    out: Output,
}

impl Run {
    pub(crate) fn start(program: Arc<Program>, start: Start, at: Time) -> Result<Run, Refusal> {
        Ok(Run {
            program,
            start,
            created: at,
            out: Output::default(),
        })
    }
    pub(crate) fn replay(
        _program: Arc<Program>,
        _events: impl Iterator<Item = Event>,
    ) -> Result<Run, ReplayError> {
        Err(ReplayError {
            seq: 0,
            message: "not yet".into(),
        })
    }
    pub(crate) fn apply(&mut self, _input: Input, _at: Time) -> Result<(), Refusal> {
        Ok(())
    }
    pub(crate) fn take(&mut self) -> Output {
        std::mem::take(&mut self.out)
    }
    pub(crate) fn next_due(&self) -> Option<Time> {
        None
    }
    pub(crate) fn status(&self) -> Status {
        Status::Running
    }
    pub(crate) fn is_finished(&self) -> bool {
        false
    }
    pub(crate) fn state_json(&self) -> Map<String, Json> {
        Map::new()
    }
    pub(crate) fn path(&self) -> &[String] {
        &[]
    }
    pub(crate) fn steps(&self) -> u64 {
        0
    }
    pub(crate) fn result(&self) -> Option<&Json> {
        None
    }
    pub(crate) fn error(&self) -> Option<&RunError> {
        None
    }
    pub(crate) fn interrupts(&self) -> Vec<OpenInterrupt> {
        Vec::new()
    }
    pub(crate) fn in_flight(&self) -> Vec<Dispatch> {
        Vec::new()
    }
    pub(crate) fn tokens(&self) -> u64 {
        0
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
