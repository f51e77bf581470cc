//! What stands around a run under test: workers with their replies on the way, and a store of its own. It outlives
//! a crash of the run, as the real world does: a call that is sent again is answered as it was to be answered.

use std::collections::{BTreeMap, BTreeSet};

use flow_bytecode::{ErrorClass, MockCase, MockReply, Protocol, SourceSpan, Test};
use flow_machine::value::Value;
use flow_machine::{AttemptId, Dispatch, Fault, Outcome, Program, Time};
use serde_json::Value as Json;

use super::script::Script;
use crate::clock::short;
use crate::error::Result;
use crate::workers::memory::{self, Memory};
use crate::workers::{outcome, synthetic};

/// Workers and a store.
#[derive(Clone, Default)]
pub(super) struct World {
    /// Calls so far, by worker.
    counted: BTreeMap<String, u64>,
    /// Calls so far, by mock and case.
    used: BTreeMap<(usize, usize), u64>,
    sent: BTreeMap<AttemptId, Sent>,
    flying: BTreeSet<AttemptId>,
    peaks: BTreeMap<String, u64>,
    shelf: Shelf,
}

/// A call and what comes of it.
#[derive(Clone)]
struct Sent {
    worker: String,
    /// In order of dispatch.
    order: u64,
    /// When the reply comes; never if none.
    due: Option<Time>,
    /// When it times out.
    deadline: Option<Time>,
    outcome: Outcome,
}

/// Why a call has no answer.
pub(super) enum Silence {
    /// There is no mock for the worker.
    Unmocked,
    /// No case of its mock is for the call with this number.
    NoCase(u64, SourceSpan),
    /// What the mock says cannot be computed.
    Fault(Fault, SourceSpan),
    /// No value of the reply's type could be made up.
    NotMade,
}

impl World {
    /// Takes a call. One that is known is being sent again, and changes nothing.
    pub(super) fn send(
        &mut self,
        dispatch: &Dispatch,
        now: Time,
        scene: (&Program, &Test, Option<u64>),
        script: &mut Script<'_>,
    ) -> std::result::Result<(), Silence> {
        if !self.sent.contains_key(&dispatch.attempt) {
            let worker = &scene.0.image().workers[dispatch.worker.index()];
            let name = scene.0.image().str(worker.name).to_owned();
            let number = self.counted.entry(name.clone()).or_default();
            *number += 1;
            let number = *number;
            let (after, outcome) = self.answer(dispatch, number, scene, script)?;
            let sent = Sent {
                worker: name,
                order: self.sent.len() as u64,
                due: after.map(|after| now.saturating_add(after)),
                deadline: dispatch.deadline,
                outcome,
            };
            self.sent.insert(dispatch.attempt.clone(), sent);
        }
        self.flying.insert(dispatch.attempt.clone());
        self.note_peak(&dispatch.attempt);
        Ok(())
    }

    /// When the reply comes, and what it is.
    fn answer(
        &mut self,
        dispatch: &Dispatch,
        number: u64,
        (program, test, made_up): (&Program, &Test, Option<u64>),
        script: &mut Script<'_>,
    ) -> std::result::Result<(Option<Time>, Outcome), Silence> {
        let found = test.mocks.iter().position(|mock| mock.worker == dispatch.worker);
        let Some(at) = found else {
            let worker = &program.image().workers[dispatch.worker.index()];
            if worker.protocol == Protocol::Store {
                let reply = memory::call(&mut self.shelf, &dispatch.options, &dispatch.args);
                return Ok((Some(0), outcome(reply)));
            }
            let seed = made_up.ok_or(Silence::Unmocked)?;
            let made = synthetic::reply(program, dispatch.reply, seed, &dispatch.attempt);
            let value = made.ok_or(Silence::NotMade)?;
            return Ok((Some(0), Outcome::Reply { value }));
        };
        let mock = &test.mocks[at];
        let broken = |fault: Fault| Silence::Fault(fault, mock.span);
        for (index, case) in mock.cases.iter().enumerate() {
            if !script.fits(case.fits, number).map_err(broken)? {
                continue;
            }
            let used = self.used.entry((at, index)).or_default();
            *used += 1;
            let args = arguments(dispatch, program, usize::from(mock.params), script);
            return staged(case, *used, &args, script).map_err(broken);
        }
        Err(Silence::NoCase(number, mock.span))
    }

    /// Forgets a call that is no longer wanted.
    pub(super) fn abort(&mut self, attempt: &str) {
        self.flying.remove(attempt);
    }

    /// After a crash, only these calls are still wanted, and none has been sent by the new process yet.
    pub(super) fn keep_only(&mut self, wanted: &BTreeSet<AttemptId>) {
        self.flying.retain(|attempt| wanted.contains(attempt));
    }

    /// When the next reply comes.
    pub(super) fn next_reply(&self) -> Option<Time> {
        self.on_the_way().filter_map(|(_, sent)| sent.reply_at()).min()
    }

    /// When the next call times out.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.on_the_way()
            .filter_map(|(_, sent)| sent.times_out_at())
            .min()
    }

    /// Takes the replies that have come, in order of dispatch.
    pub(super) fn replies(&mut self, now: Time) -> Vec<(AttemptId, Outcome)> {
        self.land(|sent| sent.reply_at().is_some_and(|at| at <= now))
            .into_iter()
            .map(|(attempt, sent)| (attempt, sent.outcome))
            .collect()
    }

    /// Takes the calls whose time is over, in order of dispatch.
    pub(super) fn overdue(&mut self, now: Time, began: impl Fn(&str) -> Time) -> Vec<(AttemptId, Outcome)> {
        let late = self.land(|sent| sent.times_out_at().is_some_and(|at| at <= now));
        let ended = late.into_iter().map(|(attempt, sent)| {
            let message = format!(
                "`{}` did not answer within {}",
                sent.worker,
                short(now - began(&attempt))
            );
            let outcome = Outcome::Failed {
                class: ErrorClass::Timeout,
                message,
                retry_after: None,
            };
            (attempt, outcome)
        });
        ended.collect()
    }

    /// Whether a call is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.flying.is_empty()
    }

    /// The workers of calls that will never be answered.
    pub(super) fn silent(&self) -> BTreeSet<&str> {
        self.on_the_way().map(|(_, sent)| sent.worker.as_str()).collect()
    }

    /// Calls, by worker.
    pub(super) fn calls(&self) -> &BTreeMap<String, u64> {
        &self.counted
    }

    /// The most calls under way at once, by worker.
    pub(super) fn peaks(&self) -> &BTreeMap<String, u64> {
        &self.peaks
    }

    fn on_the_way(&self) -> impl Iterator<Item = (&AttemptId, &Sent)> {
        self.flying
            .iter()
            .filter_map(|attempt| self.sent.get_key_value(attempt))
    }

    fn land(&mut self, ripe: impl Fn(&Sent) -> bool) -> Vec<(AttemptId, Sent)> {
        let mut landed: Vec<(AttemptId, Sent)> = self
            .on_the_way()
            .filter(|(_, sent)| ripe(sent))
            .map(|(attempt, sent)| (attempt.clone(), sent.clone()))
            .collect();
        landed.sort_by_key(|(_, sent)| sent.order);
        for (attempt, _) in &landed {
            self.flying.remove(attempt);
        }
        landed
    }

    fn note_peak(&mut self, attempt: &str) {
        let Some(worker) = self.sent.get(attempt).map(|sent| sent.worker.clone()) else {
            return;
        };
        let flying = self
            .on_the_way()
            .filter(|(_, sent)| sent.worker == worker)
            .count() as u64;
        let peak = self.peaks.entry(worker).or_default();
        *peak = (*peak).max(flying);
    }
}

impl Sent {
    /// At one moment a reply comes before the end of the call's time.
    fn reply_at(&self) -> Option<Time> {
        self.due
            .filter(|due| self.deadline.is_none_or(|deadline| *due <= deadline))
    }

    fn times_out_at(&self) -> Option<Time> {
        self.deadline
            .filter(|deadline| self.due.is_none_or(|due| due > *deadline))
    }
}

/// The stage of a case that its n-th call has come to.
fn staged(
    case: &MockCase,
    used: u64,
    args: &[Value],
    script: &mut Script<'_>,
) -> std::result::Result<(Option<Time>, Outcome), Fault> {
    let mut before = 0_u64;
    let mut stage = None;
    for one in &case.stages {
        stage = Some(one);
        before = before.saturating_add(one.times.unwrap_or(u64::MAX));
        if used <= before {
            break;
        }
    }
    let never = (None, failure(ErrorClass::Timeout));
    let Some(stage) = stage else { return Ok(never) };
    let after = script.duration(stage.after, args)?;
    Ok(match &stage.reply {
        MockReply::Never => never,
        MockReply::Fails(class) => (Some(after), failure(*class)),
        MockReply::Value(chunk) => {
            let value = script.json(*chunk, args)?;
            (Some(after), Outcome::Reply { value })
        }
    })
}

fn failure(class: ErrorClass) -> Outcome {
    Outcome::Failed {
        class,
        message: "as the test says".to_owned(),
        retry_after: None,
    }
}

/// The first arguments of a call, as values of their types.
fn arguments(dispatch: &Dispatch, program: &Program, count: usize, script: &mut Script<'_>) -> Vec<Value> {
    let image = program.image();
    let params = &image.workers[dispatch.worker.index()].params;
    let mut values = Vec::new();
    for param in params.iter().take(count) {
        let json = dispatch.args.get(image.str(param.name)).unwrap_or(&Json::Null);
        values.push(script.typed(param.ty, json));
    }
    values
}

/// The values of `via store` workers.
#[derive(Clone, Default)]
struct Shelf(BTreeMap<(String, String), Json>);

impl Memory for Shelf {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Json>> {
        Ok(self.0.get(&(namespace.to_owned(), key.to_owned())).cloned())
    }

    fn put(&mut self, namespace: &str, key: &str, value: &Json) -> Result<bool> {
        let place = (namespace.to_owned(), key.to_owned());
        Ok(self.0.insert(place, value.clone()).is_some())
    }

    fn delete(&mut self, namespace: &str, key: &str) -> Result<bool> {
        Ok(self.0.remove(&(namespace.to_owned(), key.to_owned())).is_some())
    }

    fn list(&self, namespace: &str) -> Result<Vec<String>> {
        let keys = self.0.keys().filter(|(of, _)| of == namespace);
        Ok(keys.map(|(_, key)| key.clone()).collect())
    }
}
