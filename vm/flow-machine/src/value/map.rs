//! The string-keyed map in insertion order: a plain vector while it is small, persistent trees when
//! it has grown. No hashing, so no order that depends on anything but the program.

use std::sync::Arc;

use imbl::OrdMap;

use super::Value;

/// Up to this many entries, looking through all is faster than a tree.
const SMALL_ENTRIES: usize = 16;

/// A map. Replacing a value keeps its key's place.
#[derive(Clone, Debug)]
pub struct Map {
    entries: Entries,
    depth: u32,
    weight: u64,
}

#[derive(Clone, Debug)]
enum Entries {
    Small(Vec<(Arc<str>, Value)>),
    Large {
        /// Where a key's entry stands in `order`.
        places: OrdMap<Arc<str>, u64>,
        order: OrdMap<u64, (Arc<str>, Value)>,
        next: u64,
    },
}

impl Map {
    /// The empty map.
    pub fn new() -> Map {
        Map {
            entries: Entries::Small(Vec::new()),
            depth: 1,
            weight: 2,
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        match &self.entries {
            Entries::Small(entries) => entries.len(),
            Entries::Large { order, .. } => order.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match &self.entries {
            Entries::Small(entries) => entries.iter().find(|(k, _)| &**k == key).map(|(_, value)| value),
            Entries::Large { places, order, .. } => order.get(places.get(key)?).map(|(_, value)| value),
        }
    }

    /// The entries in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> + '_ {
        let (small, large) = match &self.entries {
            Entries::Small(entries) => (Some(entries), None),
            Entries::Large { order, .. } => (None, Some(order)),
        };
        let small = small.into_iter().flatten().map(|(key, value)| (key, value));
        small.chain(
            large
                .into_iter()
                .flat_map(|order| order.values())
                .map(|(key, value)| (key, value)),
        )
    }

    /// The keys in order of insertion.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// Puts a value under a key. A key that is there already keeps its place.
    pub fn insert(&mut self, key: Arc<str>, value: Value) {
        self.depth = self.depth.max(value.depth() + 1);
        let added = value.weight();
        let fresh = key.len() as u64 + 4;
        let replaced = match &mut self.entries {
            Entries::Small(entries) => {
                if let Some((_, slot)) = entries.iter_mut().find(|(k, _)| *k == key) {
                    Some(std::mem::replace(slot, value))
                } else {
                    entries.push((key, value));
                    None
                }
            }
            Entries::Large { places, order, next } => {
                let place = places.get(&key).copied();
                let at = place.unwrap_or(*next);
                if place.is_none() {
                    places.insert(key.clone(), at);
                    *next += 1;
                }
                order.insert(at, (key, value)).map(|(_, old)| old)
            }
        };
        self.weight = match replaced {
            Some(old) => (self.weight - old.weight()).saturating_add(added),
            None => self.weight.saturating_add(added).saturating_add(fresh),
        };
        self.grow();
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let old = match &mut self.entries {
            Entries::Small(entries) => {
                let at = entries.iter().position(|(k, _)| &**k == key)?;
                entries.remove(at).1
            }
            Entries::Large { places, order, .. } => order.remove(&places.remove(key)?)?.1,
        };
        self.weight -= old.weight() + key.len() as u64 + 4;
        Some(old)
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    fn grow(&mut self) {
        let Entries::Small(entries) = &mut self.entries else {
            return;
        };
        if entries.len() <= SMALL_ENTRIES {
            return;
        }
        let entries = std::mem::take(entries);
        let places = entries
            .iter()
            .zip(0_u64..)
            .map(|((key, _), at)| (key.clone(), at))
            .collect();
        let next = entries.len() as u64;
        let order = (0_u64..).zip(entries).collect();
        self.entries = Entries::Large { places, order, next };
    }
}

impl Default for Map {
    fn default() -> Map {
        Map::new()
    }
}

impl FromIterator<(Arc<str>, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(entries: I) -> Map {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}
