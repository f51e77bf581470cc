//! Calls that wait to be sent, in order of asking, by worker: where one worker is held up, others go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use flow_machine::{AttemptId, Dispatch};

/// A call that waits.
pub(super) struct Queued {
    pub(super) dispatch: Dispatch,
    /// How long it may take once it is sent.
    pub(super) time: Option<Duration>,
    number: u64,
    /// Whether it was said that it waits.
    said: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Line {
    /// By the number of the worker. No queue is empty.
    queues: BTreeMap<usize, VecDeque<Queued>>,
    /// How many there have ever been.
    count: u64,
}

impl Line {
    pub(super) fn push(&mut self, dispatch: Dispatch, time: Option<Duration>) {
        self.count += 1;
        let queue = self.queues.entry(dispatch.worker.index()).or_default();
        queue.push_back(Queued {
            dispatch,
            time,
            number: self.count,
            said: false,
        });
    }

    pub(super) fn remove(&mut self, attempt: &str) {
        for queue in self.queues.values_mut() {
            queue.retain(|queued| queued.dispatch.attempt != attempt);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
    }

    pub(super) fn clear(&mut self) {
        self.queues.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// The first call in line whose worker is none of these.
    pub(super) fn first(&self, but: &BTreeSet<usize>) -> Option<&Queued> {
        let queues = self.queues.iter().filter(|(worker, _)| !but.contains(worker));
        queues
            .filter_map(|(_, queue)| queue.front())
            .min_by_key(|queued| queued.number)
    }

    /// Takes the first call to a worker out of the line.
    pub(super) fn pop(&mut self, worker: usize) -> Option<Queued> {
        let queue = self.queues.get_mut(&worker)?;
        let first = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&worker);
        }
        first
    }

    /// The calls to a worker of which it was not said yet that they wait. From now on it was.
    pub(super) fn say(&mut self, worker: usize) -> Vec<AttemptId> {
        let queue = self.queues.get_mut(&worker).into_iter().flatten();
        // New ones stand behind.
        let unsaid = queue.rev().take_while(|queued| !queued.said);
        let mut names: Vec<AttemptId> = unsaid
            .map(|queued| {
                queued.said = true;
                queued.dispatch.attempt.clone()
            })
            .collect();
        names.reverse();
        names
    }
}
