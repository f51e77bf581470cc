//! Checks of replies under way: each reply's checks are a task that ends with a message. How something is
//! checked is in `workers::proof`.

use std::collections::HashMap;
use std::time::Duration;

use flow_machine::{CheckResult, Verification};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Setting;
use crate::clock::now;
use crate::store::Mode;
use crate::workers::panics;
use crate::workers::proof::Prover;

/// An activation whose reply has been checked, and what came of each check.
type Ended = (String, Vec<CheckResult>);

/// The checks of one run.
pub(super) struct Proofs {
    prover: Prover,
    /// Whether replies are made up, so that nothing of what they say is there.
    made_up: bool,
    flying: HashMap<String, AbortHandle>,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
}

impl Proofs {
    /// None yet.
    pub(super) fn new(setting: &Setting) -> Self {
        Self {
            prover: Prover {
                root: setting.settings.root.clone().into(),
                egress: setting.config.egress.clone(),
            },
            made_up: setting.settings.mode == Mode::Synthetic,
            flying: HashMap::new(),
            ended: mpsc::unbounded_channel(),
        }
    }

    /// Begins to check a reply.
    pub(super) fn start(&mut self, verification: Verification) {
        let (prover, ended, made_up) = (self.prover.clone(), self.ended.0.clone(), self.made_up);
        let left = Duration::from_nanos((verification.due - now()).max(0) as u64);
        let name = verification.activation.clone();
        let task = tokio::spawn(async move {
            let mut results = Vec::with_capacity(verification.checks.len());
            for check in &verification.checks {
                results.push(if made_up {
                    Prover::take_for_granted(check)
                } else {
                    let checked = panics::caught(prover.check(check, left)).await;
                    checked.unwrap_or_else(|| {
                        Prover::not_found_out(check, "the check died: this is a bug of flowvm")
                    })
                });
            }
            // Nobody listens once the host is gone.
            let _ = ended.send((verification.activation, results));
        });
        self.flying.insert(name, task.abort_handle());
    }

    /// The next reply whose checks have all been made.
    pub(super) async fn next(&mut self) -> Ended {
        match self.ended.1.recv().await {
            Some(ended) => {
                self.flying.remove(&ended.0);
                ended
            }
            // Impossible while we hold a sender; waiting is right all the same.
            None => std::future::pending().await,
        }
    }

    /// Whether nothing is being checked.
    pub(super) fn are_done(&self) -> bool {
        self.flying.is_empty()
    }

    /// Ends all checks.
    pub(super) fn abort_all(&mut self) {
        for (_, task) in self.flying.drain() {
            task.abort();
        }
    }
}
