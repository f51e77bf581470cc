//! What the machine asks of a test besides calls: kept replies, locks, checks of replies. Each test has a cache of its own,
//! nobody to share locks with, and nothing outside that could be checked.

use std::collections::BTreeMap;

use flow_machine::{CacheKey, Check, CheckResult, Effect, Input, Time, Verification};
use serde_json::Value as Json;

/// What a test keeps for the machine.
#[derive(Clone, Default)]
pub(super) struct Errands {
    /// Kept replies, and until when.
    cache: BTreeMap<String, (CacheKey, Json, Time)>,
}

impl Errands {
    /// Does what the machine asks, and gives what it is to be told.
    pub(super) fn run(&mut self, effect: Effect, now: Time) -> Option<Input> {
        match effect {
            Effect::Look { activation, key } => {
                let kept = self.cache.get(&key.hash);
                let kept = kept.filter(|(of, _, until)| *of == key && *until > now);
                let found = kept.map(|(_, reply, _)| reply.clone());
                Some(Input::Looked { activation, found })
            }
            Effect::Keep { key, reply, ttl } => {
                let until = now.saturating_add(ttl);
                self.cache.insert(key.hash.clone(), (key, reply, until));
                None
            }
            // The run has asked its own table first, which holds those of the store, too.
            Effect::Lock(wish) => Some(Input::Locked {
                activation: wish.activation,
                held: true,
            }),
            Effect::Verify(Verification {
                activation, checks, ..
            }) => {
                let results = checks.iter().map(taken_for_granted).collect();
                Some(Input::Verified { activation, results })
            }
            Effect::Unlock { .. } | Effect::Dispatch(_) | Effect::Abort(_) => None,
        }
    }
}

fn taken_for_granted(check: &Check) -> CheckResult {
    let check = match check {
        Check::Command { words, .. } => format!("command {}", words.join(" ")),
        Check::File { path, .. } => format!("file {path}"),
        Check::Url { url, .. } => format!("url {url}"),
    };
    CheckResult {
        check,
        passed: Some(true),
        message: "not checked: this is a test".to_owned(),
    }
}
