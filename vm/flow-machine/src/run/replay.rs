//! A run from its log: the inputs are applied again, and everything else must come out the same.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Run;
use super::activation::{ActId, Phase};
use super::branch::{self, course, course_to, next_stop};
use super::start::hex;
use crate::event::{Effect, Event, EventKind};
use crate::input::{Branch, Refusal, Time};
use crate::machine::{Output, ReplayError};
use crate::program::Program;

/// A run that has followed a log, and what it says beyond it.
struct Followed {
    run: Run,
    /// What the run gives behind the last line.
    made: VecDeque<Event>,
    /// The calls that the log says were sent.
    logged: BTreeSet<String>,
    /// The number of the first checkpoint that the log does not have.
    checkpoints: u64,
    /// The number of the last line.
    durable: u64,
}

impl Run {
    /// Makes a run from its log.
    pub(crate) fn replay(
        program: Arc<Program>,
        events: impl Iterator<Item = Event>,
    ) -> Result<Run, ReplayError> {
        let events: Vec<Event> = events.collect();
        let moved = events.iter().any(|event| is_move_to(event, &program));
        Run::resumed(program, events, moved)
    }

    /// A run that another program has brought so far.
    pub(crate) fn migrated(program: Arc<Program>, events: Vec<Event>, at: Time) -> Result<Run, ReplayError> {
        let mut run = Run::resumed(program, events, true)?;
        run.now = run.now.max(at);
        let kind = EventKind::Migrated {
            program: hex(run.program.hash()),
        };
        run.event(run.begun, None, kind);
        Ok(run)
    }

    fn resumed(program: Arc<Program>, events: Vec<Event>, moved: bool) -> Result<Run, ReplayError> {
        let Followed {
            mut run,
            made,
            logged,
            checkpoints,
            durable,
        } = Run::read_log(program, &course(events), None, moved)?;
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

    /// A run that goes on from a checkpoint of a log.
    pub(crate) fn branched(
        program: Arc<Program>,
        events: &[Event],
        branch: &Branch,
        at: Time,
    ) -> Result<Run, Refusal> {
        let lead = course_to(events, branch.checkpoint).ok_or_else(|| Refusal {
            code: "F2412",
            message: format!("the run has no checkpoint {}", branch.checkpoint),
        })?;
        let said = branch::line(events, branch);
        let before = match &said {
            EventKind::Branched { from: Some(_), .. } => lead.len(),
            _ => events.len(),
        };
        let moved = events.iter().any(|event| is_move_to(event, &program));
        let followed =
            Run::read_log(program, &lead, Some(branch.checkpoint), moved).map_err(|error| Refusal {
                code: "F2413",
                message: format!("the log does not give a run: {error}"),
            })?;
        let mut run = followed.run;
        assert!(run.is_stopped(), "the log leads to the checkpoint and not beyond");
        run.branch(&said, before as u64 + 1, at, followed.made.into_iter())?;
        run.send_again(&followed.logged);
        Ok(run)
    }

    /// Applies what a log received, and holds everything else that it says against what comes of that. Where the
    /// log ends at a checkpoint from which the run is to go another way, that is the `stop`.
    fn read_log(
        program: Arc<Program>,
        events: &[Event],
        stop: Option<u64>,
        moved: bool,
    ) -> Result<Followed, ReplayError> {
        let Some((first, events)) = events.split_first() else {
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
        let mut run = Run::start(program, (**start).clone(), first.at).map_err(|refusal| ReplayError {
            seq: first.seq,
            message: refusal.message,
        })?;
        let mut made: VecDeque<Event> = run.out.events.drain(..).collect();
        let created = made
            .pop_front()
            .map(|made| if moved { as_created(made, first) } else { made });
        same(created, first)?;
        run.stop_at = next_stop(events).or(stop);
        let (mut logged, mut durable, mut checkpoints) = (BTreeSet::new(), first.seq, 0);
        for (at, event) in events.iter().enumerate() {
            durable = event.seq;
            if matches!(event.kind, EventKind::Branched { .. }) {
                run.go_back(event, made.drain(..))?;
                run.stop_at = next_stop(&events[at + 1..]).or(stop);
                made.extend(run.out.events.drain(..));
            }
            if made.is_empty() {
                run.produce(event)?;
                made.extend(run.out.events.drain(..));
            }
            same(made.pop_front(), event)?;
            match &event.kind {
                EventKind::Dispatched { attempt, .. } => {
                    logged.insert(attempt.clone());
                }
                EventKind::Committed { checkpoint } => checkpoints = checkpoint + 1,
                _ => {}
            }
        }
        Ok(Followed {
            run,
            made,
            logged,
            checkpoints,
            durable,
        })
    }

    /// Goes the way that a branch takes.
    fn go_back(&mut self, event: &Event, unsaid: impl Iterator<Item = Event>) -> Result<(), ReplayError> {
        self.branch(&event.kind, event.seq, event.at, unsaid)
            .map_err(|refusal| ReplayError {
                seq: event.seq,
                message: format!("the branch is refused: {}", refusal.message),
            })
    }

    /// Makes what the log says next: applies an input, or moves the run.
    fn produce(&mut self, event: &Event) -> Result<(), ReplayError> {
        let received = match &event.kind {
            EventKind::Received { received } => received,
            EventKind::Migrated { .. } => {
                self.advance();
                self.now = self.now.max(event.at);
                self.event(self.begun, None, event.kind.clone());
                return Ok(());
            }
            _ => {
                self.advance();
                return Ok(());
            }
        };
        self.apply(received, event.at).map_err(|refusal| ReplayError {
            seq: event.seq,
            message: format!("the input is refused: {}", refusal.message),
        })
    }

    /// Calls without an outcome are handed out again, those that must not be made twice excepted.
    fn send_again(&mut self, logged: &BTreeSet<String>) {
        self.ask_again();
        let inner: Vec<_> = self.children.keys().copied().collect();
        for child in inner {
            self.with_child(child, |inner| inner.send_again(logged));
        }
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

/// Whether the line moves the run to this program.
fn is_move_to(event: &Event, program: &Program) -> bool {
    matches!(&event.kind, EventKind::Migrated { program: to } if *to == hex(program.hash()))
}

/// The first line as another program wrote it.
fn as_created(made: Event, logged: &Event) -> Event {
    match (made.kind, &logged.kind) {
        (EventKind::Created { start, .. }, EventKind::Created { program, .. }) => Event {
            kind: EventKind::Created {
                start,
                program: program.clone(),
            },
            ..made
        },
        (kind, _) => Event { kind, ..made },
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
