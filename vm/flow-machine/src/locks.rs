//! Locks: who has them and who waits, first come first served, several together or not at all. Used
//! by the machine for the locks of a run, and by stores for those that runs share.
//!
//! Holders have names in levels, with `/` between them: what is above a holder is its ancestor (the
//! node whose child run it belongs to), and an ancestor's locks count as held.

use std::collections::{BTreeMap, BTreeSet};

/// Who has what, and who waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockTable {
    held: BTreeMap<String, String>,
    /// In order of asking.
    waiting: Vec<Waiter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiter {
    holder: String,
    locks: Vec<String>,
}

/// What came of asking for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The holder has them all.
    Taken,
    /// It waits in line.
    Waits,
    /// The wait would never end: it would close a circle. The table is as it was.
    Deadlock,
}

impl LockTable {
    /// Asks for locks: all or none.
    pub fn ask(&mut self, holder: &str, locks: &[String]) -> Asked {
        let wanted = self.wanted(holder, locks);
        let before = self.position(holder).unwrap_or(self.waiting.len());
        let blockers = self.blockers(holder, &wanted, before);
        if blockers.is_empty() {
            self.take(holder, wanted);
            return Asked::Taken;
        }
        if self.reaches(&blockers, holder) {
            self.waiting.retain(|waiter| waiter.holder != holder);
            return Asked::Deadlock;
        }
        if before == self.waiting.len() {
            self.waiting.push(Waiter {
                holder: holder.to_owned(),
                locks: locks.to_vec(),
            });
        }
        Asked::Waits
    }

    /// Gives back all that a holder has, and ends its wait. Returns those who have got theirs by it.
    pub fn release(&mut self, holder: &str) -> Vec<String> {
        self.held.retain(|_, has| has != holder);
        self.waiting.retain(|waiter| waiter.holder != holder);
        self.grant()
    }

    /// Puts back what was known before: a lock and who has it.
    pub fn restore(&mut self, lock: &str, holder: &str) {
        self.held.insert(lock.to_owned(), holder.to_owned());
    }

    /// Puts back what was known before: somebody who waits, behind all who wait already.
    pub fn restore_waiter(&mut self, holder: &str, locks: &[String]) {
        self.waiting.push(Waiter {
            holder: holder.to_owned(),
            locks: locks.to_vec(),
        });
    }

    /// What a holder has.
    pub fn held_by(&self, holder: &str) -> Vec<&str> {
        let of_holder = self.held.iter().filter(|(_, has)| *has == holder);
        of_holder.map(|(lock, _)| lock.as_str()).collect()
    }

    /// Whether somebody waits.
    pub fn has_waiters(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn position(&self, holder: &str) -> Option<usize> {
        self.waiting.iter().position(|waiter| waiter.holder == holder)
    }

    fn take(&mut self, holder: &str, wanted: Vec<String>) {
        self.waiting.retain(|waiter| waiter.holder != holder);
        for lock in wanted {
            let before = self.held.insert(lock, holder.to_owned());
            assert!(before.is_none(), "a lock has one holder");
        }
    }

    /// Lets go whoever can, in order.
    fn grant(&mut self) -> Vec<String> {
        let mut granted = Vec::new();
        let mut at = 0;
        while let Some(Waiter { holder, locks }) = self.waiting.get(at).cloned() {
            let wanted = self.wanted(&holder, &locks);
            if self.blockers(&holder, &wanted, at).is_empty() {
                self.take(&holder, wanted);
                granted.push(holder);
            } else {
                at += 1;
            }
        }
        granted
    }

    /// What neither the holder nor an ancestor has, each once.
    fn wanted(&self, holder: &str, locks: &[String]) -> Vec<String> {
        let has = |lock: &String| self.held.get(lock).is_some_and(|has| is_within(holder, has));
        let wanted: BTreeSet<&String> = locks.iter().filter(|lock| !has(lock)).collect();
        wanted.into_iter().cloned().collect()
    }

    /// Who stands in the way: those who have a wanted lock, and those who came before and wait for
    /// one, unless they wait for us.
    fn blockers(&self, holder: &str, wanted: &[String], before: usize) -> BTreeSet<String> {
        let mut blockers: BTreeSet<String> = wanted
            .iter()
            .filter_map(|lock| self.held.get(lock))
            .cloned()
            .collect();
        for waiter in &self.waiting[..before] {
            let rival = waiter.locks.iter().any(|lock| wanted.contains(lock));
            if rival && !self.reaches(&BTreeSet::from([waiter.holder.clone()]), holder) {
                blockers.insert(waiter.holder.clone());
            }
        }
        blockers
    }

    /// Whether somebody waits, directly or round a corner, for the holder or an ancestor of it.
    fn reaches(&self, from: &BTreeSet<String>, holder: &str) -> bool {
        let mut seen: BTreeSet<String> = from.clone();
        let mut open: Vec<String> = from.iter().cloned().collect();
        while let Some(next) = open.pop() {
            if is_within(holder, &next) {
                return true;
            }
            let within = self
                .waiting
                .iter()
                .filter(|waiter| is_within(&waiter.holder, &next));
            for waiter in within {
                let holders = waiter.locks.iter().filter_map(|lock| self.held.get(lock));
                let others = holders.filter(|other| !is_within(&waiter.holder, other));
                for other in others {
                    if seen.insert(other.clone()) {
                        open.push(other.clone());
                    }
                }
            }
        }
        false
    }
}

/// Whether `inner` is `outer` or stands below it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(table: &mut LockTable, holder: &str, locks: &[&str]) -> Asked {
        let locks: Vec<String> = locks.iter().map(|lock| (*lock).to_owned()).collect();
        table.ask(holder, &locks)
    }

    #[test]
    fn first_come_first_served() {
        let mut table = LockTable::default();
        assert_eq!(ask(&mut table, "a", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "b", &["x"]), Asked::Waits);
        assert_eq!(ask(&mut table, "c", &["x"]), Asked::Waits);
        assert_eq!(table.release("a"), ["b"]);
        assert_eq!(table.release("b"), ["c"]);
        assert_eq!(table.release("c"), [""; 0]);
        assert_eq!(table, LockTable::default());
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let mut table = LockTable::default();
        assert_eq!(ask(&mut table, "a", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "b", &["x", "y"]), Asked::Waits);
        assert_eq!(table.held_by("b"), [""; 0], "it holds nothing while it waits");
        assert_eq!(
            ask(&mut table, "c", &["y"]),
            Asked::Waits,
            "who comes later does not overtake"
        );
        assert_eq!(table.release("a"), ["b"]);
        assert_eq!(table.held_by("b"), ["x", "y"]);
        assert_eq!(table.release("b"), ["c"]);
    }

    #[test]
    fn what_an_ancestor_holds_is_held() {
        let mut table = LockTable::default();
        assert_eq!(ask(&mut table, "r/1:sub", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "r/1:sub/1:a", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "r/1:subway", &["x"]), Asked::Waits);
        assert_eq!(table.release("r/1:sub/1:a"), [""; 0]);
        assert_eq!(table.release("r/1:sub"), ["r/1:subway"]);
    }

    #[test]
    fn a_circle_fails_the_newest_waiter() {
        let mut table = LockTable::default();
        assert_eq!(ask(&mut table, "1:p", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "1:q", &["y"]), Asked::Taken);
        assert_eq!(ask(&mut table, "1:p/1:a", &["y"]), Asked::Waits);
        assert_eq!(ask(&mut table, "1:q/1:b", &["x"]), Asked::Deadlock);
        assert_eq!(table.release("1:q"), ["1:p/1:a"], "the older waiter goes on");
    }

    #[test]
    fn nobody_waits_behind_one_who_waits_for_him() {
        let mut table = LockTable::default();
        assert_eq!(ask(&mut table, "1:p", &["x"]), Asked::Taken);
        assert_eq!(ask(&mut table, "1:e", &["x", "y"]), Asked::Waits);
        assert_eq!(ask(&mut table, "1:p/1:a", &["y"]), Asked::Taken);
    }
}
