//! How many activations stand in each phase: what is asked after every move must not look at all of
//! them.

use super::activation::Phase;

/// Counts of activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Phases {
    pub(super) queued: usize,
    /// Called, or somebody owes it an answer.
    pub(super) running: usize,
    pub(super) retrying: usize,
    pub(super) answered: usize,
    /// Waits, agents and subgraphs for which a timer is set.
    pub(super) timed: usize,
}

impl Phases {
    /// An activation moves from one phase to another, or comes.
    pub(super) fn change(&mut self, from: Option<&Phase>, to: Option<&Phase>) {
        if let Some(count) = from.and_then(|phase| self.of(phase)) {
            *count -= 1;
        }
        if let Some(count) = to.and_then(|phase| self.of(phase)) {
            *count += 1;
        }
    }

    fn of(&mut self, phase: &Phase) -> Option<&mut usize> {
        match phase {
            Phase::Queued => Some(&mut self.queued),
            Phase::Running { .. } | Phase::Looking | Phase::Locking { .. } | Phase::Proving { .. } => {
                Some(&mut self.running)
            }
            Phase::Retrying { .. } => Some(&mut self.retrying),
            Phase::Answered(_) => Some(&mut self.answered),
            Phase::Waiting(waiting)
                if waiting.timeout.is_some() || waiting.dues.iter().any(Option::is_some) =>
            {
                Some(&mut self.timed)
            }
            Phase::Acting { due: Some(_) } | Phase::Inside { deadline: Some(_) } => Some(&mut self.timed),
            Phase::Acting { .. }
            | Phase::Inside { .. }
            | Phase::Waiting(_)
            | Phase::Open(_)
            | Phase::Failed
            | Phase::Settled(_) => None,
        }
    }
}
