//! What the machine asks of the store beside the run's own history: kept replies, and the locks that runs
//! share. Waiting for a lock is asking again, from the same place in line.

use flow_machine::locks::Asked;
use flow_machine::{CacheKey, Input, LockWish, Machine};
use serde_json::Value as Json;

use super::Observer;
use crate::clock::now;
use crate::error::Result;
use crate::store::{Mode, Settings, Store};

/// What is still to be got.
pub(super) struct Errands {
    /// What stands before the keys of replies that no worker made.
    realm: &'static str,
    /// Locks that are waited for.
    wishes: Vec<LockWish>,
    /// Locks that the run had when it was left, and is not known to have any more.
    lost: Vec<LockWish>,
}

impl Errands {
    /// Nothing to get.
    pub(super) fn new(settings: &Settings) -> Self {
        let realm = match settings.mode {
            Mode::Synthetic => "synthetic/",
            Mode::Live if !settings.mocks.is_empty() => "mocked/",
            Mode::Live => "",
        };
        Self {
            realm,
            wishes: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// The kept reply. Made-up replies are kept apart from real ones.
    pub(super) fn look(&self, store: &impl Store, key: CacheKey) -> Result<Option<Json>> {
        store.cache_get(&self.own(key), now())
    }

    /// Keeps a reply.
    pub(super) fn keep(&self, store: &mut impl Store, key: CacheKey, reply: &Json, ttl: i64) -> Result<()> {
        store.cache_put(&self.own(key), reply, now().saturating_add(ttl))
    }

    fn own(&self, key: CacheKey) -> CacheKey {
        CacheKey {
            hash: format!("{}{}", self.realm, key.hash),
            ..key
        }
    }

    /// Adds a wish; `ask_locks` asks for it.
    pub(super) fn wish(&mut self, wish: LockWish) {
        self.wishes.push(wish);
    }

    /// The latest of those that are waited for.
    pub(super) fn last_wish(&self) -> Option<&LockWish> {
        self.wishes.last()
    }

    /// Asks for everything that is waited for, and tells the machine what came of it. Whether anything did.
    pub(super) fn ask_locks(
        &mut self,
        store: &mut impl Store,
        run: &str,
        machine: &mut Machine,
    ) -> Result<bool> {
        let mut any = false;
        for wish in std::mem::take(&mut self.wishes) {
            let held = match store.lock(run, &wish, now())? {
                Asked::Waits => {
                    self.wishes.push(wish);
                    continue;
                }
                asked => asked == Asked::Taken,
            };
            any = true;
            let activation = wish.activation;
            let told = Input::Locked {
                activation: activation.clone(),
                held,
            };
            if machine.apply(told, now()).is_err() {
                store.unlock(run, &activation)?;
            }
        }
        Ok(any)
    }

    /// Gives locks back, or ends the wait for them.
    pub(super) fn unlock(&mut self, store: &mut impl Store, run: &str, activation: &str) -> Result<()> {
        self.wishes.retain(|wish| wish.activation != activation);
        store.unlock(run, activation)
    }

    /// Whether nothing is waited for.
    pub(super) fn are_done(&self) -> bool {
        self.wishes.is_empty()
    }

    /// Goes on from what a run was left with: what it had, it has to have again before it moves.
    pub(super) fn regain(&mut self, store: &mut impl Store, run: &str, machine: &Machine) -> Result<()> {
        self.lost = machine.shared_locks();
        store.unlock_others(run, &self.lost)
    }

    /// Whether the run has again what it had. Somebody may have got it meanwhile, if the run was left by a
    /// process that died.
    pub(super) fn has_regained(
        &mut self,
        store: &mut impl Store,
        run: &str,
        observer: &mut dyn Observer,
    ) -> Result<bool> {
        for wish in std::mem::take(&mut self.lost) {
            if store.lock(run, &wish, now())? != Asked::Taken {
                observer.waiting(&wish.activation, &waits_for(&wish));
                self.lost.push(wish);
            }
        }
        Ok(self.lost.is_empty())
    }
}

/// What a wait for locks is, for people.
pub(super) fn waits_for(wish: &LockWish) -> String {
    let names: Vec<String> = wish.locks.iter().map(|lock| format!("`{lock}`")).collect();
    format!("waiting for the lock {}", names.join(", "))
}
