//! A run from its log: the inputs are applied again, and everything else must come out the same.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Run;
use super::activation::{ActId, Phase};
use crate::event::{Effect, Event, EventKind};
use crate::machine::{Output, ReplayError};
use crate::program::Program;

impl Run {
    /// Makes a run from its log.
    pub(crate) fn replay(
        program: Arc<Program>,
        mut events: impl Iterator<Item = Event>,
    ) -> Result<Run, ReplayError> {
        let Some(first) = events.next() else {
            return Err(ReplayError {
                seq: 0,
                message: "the log is empty".into(),
            });
        };
        let EventKind::Created { start, .. } = &first.kind else {
            return Err(ReplayError {
                seq: first.seq,
                message: "the log does not begin with the run's creation".into(),
            });
        };
        let refused = |message: String| ReplayError {
            seq: first.seq,
            message,
        };
        let mut run =
            Run::start(program, start.clone(), first.at).map_err(|refusal| refused(refusal.message))?;
        let mut made: VecDeque<Event> = run.out.events.drain(..).collect();
        same(made.pop_front(), &first)?;
        let mut logged = BTreeSet::new();
        let mut durable = 0;
        let mut checkpoints = 0;
        for event in events {
            durable = event.seq;
            if made.is_empty() {
                run.produce(&event)?;
                made.extend(run.out.events.drain(..));
            }
            same(made.pop_front(), &event)?;
            match &event.kind {
                EventKind::Dispatched { attempt, .. } => {
                    logged.insert(attempt.clone());
                }
                EventKind::Committed { checkpoint } => checkpoints = checkpoint + 1,
                _ => {}
            }
        }
        run.advance();
        let rest: Vec<Event> = made.into_iter().chain(run.out.events.drain(..)).collect();
        debug_assert!(
            rest.iter().all(|event| event.seq > durable),
            "what is produced again comes behind the log"
        );
        let out = std::mem::take(&mut run.out);
        run.out = Output {
            events: rest,
            checkpoints: out.checkpoints,
            effects: Vec::new(),
        };
        run.out
            .checkpoints
            .retain(|checkpoint| checkpoint.id >= checkpoints);
        run.send_again(&logged);
        Ok(run)
    }

    /// Makes what the log says next: applies an input, or moves the run.
    fn produce(&mut self, event: &Event) -> Result<(), ReplayError> {
        let EventKind::Received { received } = &event.kind else {
            self.advance();
            return Ok(());
        };
        self.apply(received, event.at).map_err(|refusal| ReplayError {
            seq: event.seq,
            message: format!("the input is refused: {}", refusal.message),
        })
    }

    /// Calls without an outcome are handed out again, those that must not be made twice excepted.
    fn send_again(&mut self, logged: &BTreeSet<String>) {
        let running: Vec<ActId> = self.attempts.values().copied().collect();
        for id in running {
            let sent = self
                .dispatch_of(id)
                .is_some_and(|dispatch| logged.contains(&dispatch.attempt));
            if let Some(act) = self.acts.get_mut(&id)
                && let Phase::Running { resent, .. } = &mut act.phase
            {
                *resent = sent;
            }
            let Some(dispatch) = self.dispatch_of(id) else {
                continue;
            };
            let once = self.program.image().workers[dispatch.worker.index()].once;
            if !(once && sent) {
                self.effect(Effect::Dispatch(dispatch));
            }
        }
    }
}

fn same(made: Option<Event>, logged: &Event) -> Result<(), ReplayError> {
    match made {
        Some(made) if made == *logged => Ok(()),
        Some(made) => Err(ReplayError {
            seq: logged.seq,
            message: format!(
                "the program gives {:?} where the log has {:?}",
                brief(&made),
                brief(logged)
            ),
        }),
        None => Err(ReplayError {
            seq: logged.seq,
            message: format!("the log has {:?}, which the program does not give", brief(logged)),
        }),
    }
}

fn brief(event: &Event) -> (u64, u64, Option<&str>, &EventKind) {
    (event.seq, event.step, event.node.as_deref(), &event.kind)
}
