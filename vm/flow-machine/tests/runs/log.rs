//! What must hold of every run as the outside sees it: its log and its checkpoints. What must hold
//! inside the machine is asserted there after every move.

use std::collections::{BTreeMap, BTreeSet};

use flow_machine::{Checkpoint, Event, EventKind, Settlement};

use crate::host::Host;

/// Checks a run; `hint` says which one it is.
pub(crate) fn check(host: &Host, hint: &str) {
    let broken = host.machine.broken_invariants();
    assert!(broken.is_empty(), "{broken:?} {hint}");
    numbers(&host.events, hint);
    attempts(&host.events, hint);
    settlements(&host.events, hint);
    checkpoints(&host.checkpoints, hint);
}

/// The log is append-only and has no gaps; time does not go back in it.
fn numbers(events: &[Event], hint: &str) {
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.seq, at as u64 + 1, "{hint}");
        assert!(at == 0 || event.at >= events[at - 1].at, "{hint}");
    }
}

/// An attempt is sent once and ends at most once; what comes behind its end is late. Attempts of one
/// call share its key, and no two calls do.
fn attempts(events: &[Event], hint: &str) {
    let mut live: BTreeSet<&str> = BTreeSet::new();
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    for event in events {
        match &event.kind {
            EventKind::Dispatched { attempt, key, .. } => {
                assert!(
                    live.insert(attempt) && !ended.contains(attempt.as_str()),
                    "{attempt} {hint}"
                );
                let call = attempt
                    .rsplit_once('/')
                    .map_or(attempt.as_str(), |(call, _)| call);
                let known = *keys.entry(key).or_insert(call);
                assert_eq!(known, call, "{key} {hint}");
            }
            EventKind::Succeeded { attempt } | EventKind::Failed { attempt, .. } => {
                assert!(live.remove(attempt.as_str()), "{attempt} {hint}");
                ended.insert(attempt);
            }
            EventKind::Late { attempt } => drop(live.remove(attempt.as_str())),
            _ => {}
        }
    }
}

/// What has settled is planned; a task that is done has an accepted reply.
fn settlements(events: &[Event], hint: &str) {
    let mut planned: BTreeMap<&str, i64> = BTreeMap::new();
    let mut replies: BTreeMap<&str, i64> = BTreeMap::new();
    let mut calls: BTreeSet<&str> = BTreeSet::new();
    for event in events {
        let Some(node) = event.node.as_deref() else {
            continue;
        };
        match &event.kind {
            EventKind::Planned { .. } => *planned.entry(node).or_default() += 1,
            EventKind::Dispatched { .. } => drop(calls.insert(node)),
            // A person may stand for the reply.
            EventKind::Succeeded { .. } | EventKind::Interrupted { .. } => {
                *replies.entry(node).or_default() += 1;
            }
            EventKind::Settled { how, .. } => {
                let left = planned.entry(node).or_default();
                *left -= 1;
                assert!(*left >= 0, "{node} settled twice {hint}");
                if *how == Settlement::Done && calls.contains(node) {
                    let replied = replies.entry(node).or_default();
                    *replied -= 1;
                    assert!(*replied >= 0, "{node} is done without a reply {hint}");
                }
            }
            _ => {}
        }
    }
}

/// Each checkpoint but the first has its parent, and numbers and steps grow along the chain.
fn checkpoints(points: &[Checkpoint], hint: &str) {
    let steps: BTreeMap<u64, u64> = points.iter().map(|point| (point.id, point.step)).collect();
    assert_eq!(steps.len(), points.len(), "{hint}");
    for point in points {
        match point.parent {
            None => assert_eq!(point.id, 0, "{hint}"),
            Some(parent) => {
                assert!(parent < point.id && steps.contains_key(&parent), "{hint}");
            }
        }
    }
}
