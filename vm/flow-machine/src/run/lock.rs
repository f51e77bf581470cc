//! Locks of activations: asked for before the first attempt, kept until the activation settles. Who
//! gets which is decided by the table; those that runs share are asked for at the host as well.

use std::sync::Arc;

use flow_bytecode::{ErrorClass, Lock};

use super::Run;
use super::activation::{ActId, Activation, Failure, Locks, Phase, Role};
use crate::effect::LockWish;
use crate::event::{Effect, EventKind};
use crate::input::Refusal;
use crate::locks::Asked;
use crate::{Fault, border};

/// What stands before the name of a lock of the store.
const SHARED: &str = "shared ";

impl Run {
    /// Asks for the locks of an activation that begins. Whether it has to wait, or has failed.
    pub(super) fn waits_for_locks(&mut self, id: ActId, locks: &[Lock]) -> bool {
        let act = &self.acts[&id];
        if matches!(act.role, Role::Undo(_)) || matches!(act.locks, Locks::Held(_)) {
            return false;
        }
        match self.lock_names(id, locks) {
            Ok(names) => {
                let names: Arc<[String]> = names.into();
                self.set_locks(id, Locks::Wanted(names.clone()));
                self.ask_for(id, &names)
            }
            Err(fault) => {
                self.fail(id, &Failure::from(fault));
                true
            }
        }
    }

    fn lock_names(&mut self, id: ActId, locks: &[Lock]) -> Result<Vec<String>, Fault> {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        let mut names = Vec::with_capacity(locks.len());
        for lock in locks {
            let name = border::text(&self.value(lock.key, &params, step, &sight)?);
            let name = if lock.shared {
                format!("{SHARED}{name}")
            } else {
                name
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn ask_for(&mut self, id: ActId, names: &Arc<[String]>) -> bool {
        let holder = self.full_name(&self.acts[&id]);
        match self.locks.ask(&holder, names) {
            Asked::Taken => self.has_own(id, names),
            Asked::Waits => {
                let step = self.acts[&id].step;
                let kind = EventKind::LockAwaited {
                    index: id.index,
                    locks: names.to_vec(),
                };
                self.event(step, Some(id.node), kind);
                self.set_phase(id, Phase::Locking { shared: false });
                true
            }
            Asked::Deadlock => {
                self.lock_failed(id);
                true
            }
        }
    }

    /// What the run's own table has to give is there. Whether the store is still to be asked.
    fn has_own(&mut self, id: ActId, names: &Arc<[String]>) -> bool {
        if names.iter().any(|name| name.starts_with(SHARED)) {
            self.set_phase(id, Phase::Locking { shared: true });
            self.wish(id);
            return true;
        }
        self.locked(id, names);
        false
    }

    fn locked(&mut self, id: ActId, names: &Arc<[String]>) {
        let step = self.acts[&id].step;
        let kind = EventKind::Locked {
            index: id.index,
            locks: names.to_vec(),
        };
        self.event(step, Some(id.node), kind);
        self.set_locks(id, Locks::Held(names.clone()));
    }

    /// Asks the store for an activation's locks.
    fn wish(&mut self, id: ActId) {
        let act = &self.acts[&id];
        if let Locks::Wanted(names) | Locks::Held(names) = &act.locks {
            let wish = shared_wish(self.full_name(act), names);
            self.effect(Effect::Lock(wish));
        }
    }

    /// The store has answered.
    pub(super) fn store_locked(&mut self, id: ActId, held: bool) {
        let Locks::Wanted(names) = self.acts[&id].locks.clone() else {
            return;
        };
        if held {
            self.locked(id, &names);
            self.set_phase(id, Phase::Queued);
        } else {
            self.lock_failed(id);
        }
    }

    /// The wait would close a circle: tried again later, or failed.
    fn lock_failed(&mut self, id: ActId) {
        self.unlock(id);
        let Some(act) = self.acts.get_mut(&id) else { return };
        act.tries += 1;
        let failure = Failure::new(
            ErrorClass::Deadlock,
            format!(
                "the wait for the locks of `{}` would close a circle",
                self.node_name(id.node)
            ),
        );
        let due = self.retry_due(id, &failure, false);
        let act = &self.acts[&id];
        let (step, attempt) = (act.step, self.full_name(act));
        let kind = EventKind::Failed {
            attempt,
            class: failure.class,
            message: failure.message.clone(),
            retry_at: due,
        };
        self.event(step, Some(id.node), kind);
        match due {
            Some(due) => self.set_phase(id, Phase::Retrying { due }),
            None => self.fail(id, &failure),
        }
    }

    /// Lets those go on who got their locks because somebody gave them back.
    pub(super) fn take_granted(&mut self) -> bool {
        let ours = self.granted.iter().find(|name| self.errands.contains_key(*name));
        let Some(name) = ours.cloned() else { return false };
        self.granted.remove(&name);
        let id = self.errands[&name];
        if let Locks::Wanted(names) = self.acts[&id].locks.clone()
            && !self.has_own(id, &names)
        {
            self.set_phase(id, Phase::Queued);
        }
        true
    }

    /// Gives an activation's locks back, or ends its wait for them.
    pub(super) fn unlock(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        let (Locks::Wanted(names) | Locks::Held(names)) = std::mem::take(&mut act.locks) else {
            return;
        };
        let holder = self.full_name(&self.acts[&id]);
        let granted = self.locks.release(&holder);
        self.granted.remove(&holder);
        self.granted.extend(granted);
        if names.iter().any(|name| name.starts_with(SHARED)) {
            self.effect(Effect::Unlock { activation: holder });
        }
    }

    /// What will not begin because the run ends waits for no locks, and has none.
    pub(super) fn leave_lines(&mut self) {
        let idle = |act: &Activation| {
            act.role == Role::Normal
                && act.locks != Locks::No
                && matches!(act.phase, Phase::Locking { .. } | Phase::Queued)
        };
        let idle = self.acts.values().filter(|act| idle(act));
        let idle: Vec<ActId> = idle.map(|act| act.id).collect();
        for id in idle {
            self.unlock(id);
            if !matches!(self.acts[&id].phase, Phase::Queued) {
                self.set_phase(id, Phase::Queued);
            }
        }
    }

    /// Keeps track of those for whom an answer is owed.
    pub(super) fn note_errand(&mut self, id: ActId, was: &Phase, now: &Phase) {
        let waits = |phase: &Phase| {
            matches!(
                phase,
                Phase::Looking | Phase::Locking { .. } | Phase::Proving { .. }
            )
        };
        if waits(was) || waits(now) {
            let name = self.full_name(&self.acts[&id]);
            if waits(now) {
                self.errands.insert(name, id);
            } else {
                self.errands.remove(&name);
            }
        }
        if matches!(now, Phase::Settled(_) | Phase::Failed) {
            self.unlock(id);
            self.drop_tools(id);
        }
    }

    /// For whom an answer is owed.
    pub(super) fn errand(&self, activation: &str) -> Result<ActId, Refusal> {
        self.errands.get(activation).copied().ok_or_else(|| Refusal {
            code: "F2406",
            message: format!("`{activation}` asked for nothing"),
        })
    }

    /// Whether an answer is owed to an activation, here or in the run of a subgraph.
    pub(super) fn owes(&self, activation: &str) -> bool {
        self.errands.contains_key(activation)
            || self
                .route(activation)
                .is_some_and(|child| self.children[&child].owes(activation))
    }

    /// Asks the host again for what it owes, after a crash.
    pub(super) fn ask_again(&mut self) {
        let owed: Vec<ActId> = self.errands.values().copied().collect();
        for id in owed {
            match self.acts[&id].phase {
                Phase::Looking => self.look(id),
                Phase::Locking { shared: true } => self.wish(id),
                Phase::Proving { .. } => self.verify(id),
                _ => {}
            }
        }
    }

    /// The locks of the store that activations have.
    pub(crate) fn shared_locks(&self) -> Vec<LockWish> {
        let one = |act: &Activation| match &act.locks {
            Locks::Held(names) => Some(shared_wish(self.full_name(act), names)),
            _ => None,
        };
        let own = self.acts.values().filter_map(|act| one(act));
        let inner = self.children.values().flat_map(|child| child.shared_locks());
        own.filter(|wish| !wish.locks.is_empty()).chain(inner).collect()
    }

    fn set_locks(&mut self, id: ActId, locks: Locks) {
        if let Some(act) = self.acts.get_mut(&id) {
            act.locks = locks;
        }
    }
}

fn shared_wish(activation: String, names: &[String]) -> LockWish {
    let shared = names.iter().filter_map(|name| name.strip_prefix(SHARED));
    LockWish {
        activation,
        locks: shared.map(str::to_owned).collect(),
    }
}
