//! Whether and when an attempt is made again.

use flow_bytecode::{ErrorClass, RetryPolicy};

use super::Run;
use super::activation::{ActId, Failure, Phase};
use crate::event::EventKind;
use crate::input::Time;

/// Delay before a call is made again that no worker could take, nanoseconds.
const REFUSED_DELAY: i64 = 1_000_000_000;

impl Run {
    /// An attempt failed: another one, or the activation has failed for good.
    pub(super) fn attempt_failed(&mut self, id: ActId, attempt: &str, failure: &Failure) {
        if failure.class == ErrorClass::Lost && self.is_once(id) {
            return self.ask_for_outcome(id, attempt, failure);
        }
        let refused = failure.class == ErrorClass::Refused;
        let too_long = failure.class == ErrorClass::Timeout && self.talked_too_long(id);
        if let (true, Some(act)) = (refused, self.acts.get_mut(&id)) {
            // It was never made.
            act.tries -= 1;
        }
        let due = self.retry_due(id, failure, refused).filter(|_| !too_long);
        let step = self.acts[&id].step;
        self.event(
            step,
            Some(id.node),
            EventKind::Failed {
                attempt: attempt.into(),
                class: failure.class,
                message: failure.message.clone(),
                retry_at: due,
            },
        );
        match due {
            Some(due) => {
                self.set_phase(id, Phase::Retrying { due });
                if self.acts[&id].leftover {
                    self.leave_running(id);
                }
            }
            None => self.fail(id, failure),
        }
    }

    /// When an activation that failed is tried again, if it is.
    pub(super) fn retry_due(&self, id: ActId, failure: &Failure, refused: bool) -> Option<Time> {
        let act = &self.acts[&id];
        if refused {
            return Some(
                self.now
                    .saturating_add(failure.retry_after.unwrap_or(0).max(REFUSED_DELAY)),
            );
        }
        let own = self.node(id.node).retry.as_ref();
        let (policy, key) = match &act.call {
            Some(frame) => (frame.retry.as_ref()?, frame.key.clone()),
            None => (own?, self.full_name(act)),
        };
        if act.tries >= policy.attempts || !is_retried(policy, failure) || !self.may_retry() {
            return None;
        }
        let delay = delay(policy, act.tries, self.start.seed, &key).max(failure.retry_after.unwrap_or(0));
        Some(self.now.saturating_add(delay))
    }

    fn is_once(&self, id: ActId) -> bool {
        let frame = self.acts[&id].call.as_ref();
        frame.is_some_and(|frame| self.program.image().workers[frame.worker.index()].once)
    }
}

fn is_retried(policy: &RetryPolicy, failure: &Failure) -> bool {
    if let Some(retryable) = failure
        .retryable
        .filter(|_| policy.on.is_none() || failure.class != ErrorClass::Reported)
    {
        return retryable;
    }
    match &policy.on {
        Some(classes) => classes.contains(&failure.class),
        None => matches!(
            failure.class,
            ErrorClass::Connect
                | ErrorClass::Timeout
                | ErrorClass::RateLimited
                | ErrorClass::Overloaded
                | ErrorClass::Http5xx
                | ErrorClass::InvalidReply
                | ErrorClass::Lost
                | ErrorClass::Deadlock
        ),
    }
}

/// The delay behind the n-th attempt: exponential, with full jitter.
fn delay(policy: &RetryPolicy, tries: u32, seed: u64, key: &str) -> i64 {
    let grown = policy.backoff_min as f64 * policy.factor.powi(tries.saturating_sub(1) as i32);
    let ceiling = if grown.is_finite() {
        (grown as i64).clamp(0, policy.backoff_max.max(0))
    } else {
        policy.backoff_max.max(0)
    };
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&seed.to_le_bytes())
        .update(key.as_bytes())
        .update(&tries.to_le_bytes());
    let drawn = hasher.finalize();
    let bits = drawn
        .as_bytes()
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    ((u128::from(bits) * (ceiling as u128 + 1)) >> 64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(min: i64, max: i64, factor: f64) -> RetryPolicy {
        RetryPolicy {
            attempts: 9,
            backoff_min: min,
            backoff_max: max,
            factor,
            on: None,
        }
    }

    /// L-82: the jitter does not disappear at the cap. L-50: the bounds of each delay.
    #[test]
    fn delays_grow_to_the_cap_and_spread() {
        let policy = policy(100, 1000, 2.0);
        let drawn = |tries: u32| (0..500).map(move |seed| delay(&policy_of(100, 1000), tries, seed, "k"));
        assert_eq!(delay(&policy, 1, 7, "k"), delay(&policy, 1, 7, "k"));
        for (tries, cap) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (60, 1000)] {
            let (least, most) = (drawn(tries).min().unwrap(), drawn(tries).max().unwrap());
            assert!(
                least < cap / 10 && most > cap * 9 / 10 && most <= cap,
                "{tries}: {least}..{most}"
            );
        }
    }

    fn policy_of(min: i64, max: i64) -> RetryPolicy {
        policy(min, max, 2.0)
    }

    #[test]
    fn only_the_named_classes_are_retried() {
        let mut policy = policy(1, 1, 1.0);
        assert!(is_retried(&policy, &Failure::new(ErrorClass::Http5xx, "")));
        assert!(!is_retried(&policy, &Failure::new(ErrorClass::Http4xx, "")));
        policy.on = Some(vec![ErrorClass::Http4xx]);
        assert!(!is_retried(&policy, &Failure::new(ErrorClass::Http5xx, "")));
        assert!(is_retried(&policy, &Failure::new(ErrorClass::Http4xx, "")));
    }
}
