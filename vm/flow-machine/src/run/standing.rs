//! Standing waits and interrupts: listeners that keep nobody waiting and open again after each event.

use flow_bytecode::{NodeKind, Schedule, WaitKind};

use super::Run;
use super::activation::{ActId, Activation, Answer, Role};
use super::fire::Cause;

impl Run {
    /// An open activation is settled from outside: a listener is to open again.
    pub(super) fn heard(&mut self, id: ActId, step: u64, answer: &Answer) {
        if self.node(id.node).schedule == Schedule::Standing && self.hears_again(id, answer) {
            self.reopening.push((step, id));
        }
    }

    /// An event and an answer are heard again, and a time that comes again.
    fn hears_again(&self, id: ActId, answer: &Answer) -> bool {
        match answer {
            Answer::Value(_) => true,
            Answer::Choice(at, _) => match &self.node(id.node).kind {
                NodeKind::Wait(choices) => choices.get(*at).is_some_and(|choice| match choice.what {
                    WaitKind::Event { .. } => true,
                    WaitKind::For(_) => self
                        .acts
                        .get(&id)
                        .is_some_and(|act| act.began.is_some_and(|began| began < self.now)),
                    WaitKind::Until(_) => false,
                }),
                _ => false,
            },
            Answer::TimedOut | Answer::Outcome(..) => false,
        }
    }

    /// Opens listeners again that have heard something.
    pub(super) fn reopen_listeners(&mut self) -> bool {
        if self.reopening.is_empty() {
            return false;
        }
        for (step, by) in std::mem::take(&mut self.reopening) {
            let Some((params, arrived)) = self
                .acts
                .get(&by)
                .map(|act| (act.params.clone(), act.arrived.clone()))
            else {
                continue;
            };
            let cause = Cause {
                via: by.via,
                step,
                arrived,
                barred: Vec::new(),
            };
            let index = self.next_index(step, by.node, cause.via);
            let id = ActId { step, index, ..by };
            let mut act = Activation::new(id, Role::Normal, params);
            act.arrived = cause.arrived;
            self.add_planned(act);
            self.ready.remove(&id);
            self.begin(id);
        }
        true
    }
}
