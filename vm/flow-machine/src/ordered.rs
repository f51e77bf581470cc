//! Maps and sets in the order of their keys: a sorted vector while they are small, a tree when they have grown.
//!
//! Nearly all of what a run keeps is a handful of things that come and go with every step. In a vector that costs no
//! allocation, where a tree makes and drops a node each time; ten thousand items of a fan-out stay in a tree. Both
//! are walked in the same order, so nobody notices which it is. What is kept by position, not by key, is a `Vec`.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, Index, RangeBounds};
use std::slice;

/// Up to this many entries, moving them up in a vector is faster than a tree.
const SMALL_ENTRIES: usize = 32;

/// A map in the order of its keys.
#[derive(Clone, Debug)]
pub(crate) enum OrderedMap<K, V> {
    /// Sorted, each key once.
    Small(Vec<(K, V)>),
    /// Has been larger than a vector may be, and not empty since.
    Large(BTreeMap<K, V>),
}

/// A set in order.
#[derive(Clone, Debug)]
pub(crate) struct OrderedSet<K>(OrderedMap<K, ()>);

/// The entries of a map, or some in a row, in order.
pub(crate) enum Entries<'a, K, V> {
    Small(slice::Iter<'a, (K, V)>),
    Large(btree_map::Range<'a, K, V>),
}

impl<K: Ord, V> OrderedMap<K, V> {
    /// The empty map; allocates nothing.
    pub(crate) const fn new() -> Self {
        OrderedMap::Small(Vec::new())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            OrderedMap::Small(entries) => entries.len(),
            OrderedMap::Large(tree) => tree.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match self {
            OrderedMap::Small(entries) => Some(&entries[place(entries, key).ok()?].1),
            OrderedMap::Large(tree) => tree.get(key),
        }
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match self {
            OrderedMap::Small(entries) => {
                let at = place(entries, key).ok()?;
                Some(&mut entries[at].1)
            }
            OrderedMap::Large(tree) => tree.get_mut(key),
        }
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Puts a value under a key; what was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.make_room();
        match self {
            OrderedMap::Small(entries) => match place(entries, &key) {
                Ok(at) => return Some(std::mem::replace(&mut entries[at].1, value)),
                Err(at) => entries.insert(at, (key, value)),
            },
            OrderedMap::Large(tree) => return tree.insert(key, value),
        }
        None
    }

    /// The value under a key, which is put there if there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.make_room();
        match self {
            OrderedMap::Small(entries) => {
                let at = place(entries, &key).unwrap_or_else(|at| {
                    entries.insert(at, (key, make()));
                    at
                });
                &mut entries[at].1
            }
            OrderedMap::Large(tree) => tree.entry(key).or_insert_with(make),
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let removed = match self {
            OrderedMap::Small(entries) => return Some(entries.remove(place(entries, key).ok()?).1),
            OrderedMap::Large(tree) => tree.remove(key),
        };
        self.shrink();
        removed
    }

    /// Takes the first entry out.
    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        let first = match self {
            OrderedMap::Small(entries) if entries.is_empty() => return None,
            OrderedMap::Small(entries) => return Some(entries.remove(0)),
            OrderedMap::Large(tree) => tree.pop_first(),
        };
        self.shrink();
        first
    }

    pub(crate) fn iter(&self) -> Entries<'_, K, V> {
        match self {
            OrderedMap::Small(entries) => Entries::Small(entries.iter()),
            OrderedMap::Large(tree) => Entries::Large(tree.range::<K, _>(..)),
        }
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> + '_ {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> + '_ {
        let (small, large) = match self {
            OrderedMap::Small(entries) => (Some(entries), None),
            OrderedMap::Large(tree) => (None, Some(tree)),
        };
        let small = small.into_iter().flatten().map(|(_, value)| value);
        small.chain(large.into_iter().flat_map(BTreeMap::values_mut))
    }

    /// The entries between two keys.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> Entries<'_, K, V> {
        match self {
            OrderedMap::Small(entries) => {
                let from = entries.partition_point(|(key, _)| match range.start_bound() {
                    Bound::Included(start) => key < start,
                    Bound::Excluded(start) => key <= start,
                    Bound::Unbounded => false,
                });
                let count = entries[from..].partition_point(|(key, _)| match range.end_bound() {
                    Bound::Included(end) => key <= end,
                    Bound::Excluded(end) => key < end,
                    Bound::Unbounded => true,
                });
                Entries::Small(entries[from..from + count].iter())
            }
            OrderedMap::Large(tree) => Entries::Large(tree.range(range)),
        }
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&K, &mut V) -> bool) {
        match self {
            OrderedMap::Small(entries) => entries.retain_mut(|(key, value)| keeps(key, value)),
            OrderedMap::Large(tree) => {
                tree.retain(keeps);
                self.shrink();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            OrderedMap::Small(entries) => entries.clear(),
            OrderedMap::Large(_) => *self = Self::new(),
        }
    }

    /// Becomes a tree if the vector is full.
    fn make_room(&mut self) {
        if let OrderedMap::Small(entries) = self
            && entries.len() == SMALL_ENTRIES
        {
            *self = OrderedMap::Large(std::mem::take(entries).into_iter().collect());
        }
    }

    /// Becomes a vector again once nothing is left. Not before: what sways about the bound would be moved each time.
    fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }
}

impl<K: Ord, V: Default> OrderedMap<K, V> {
    /// The value under a key, the default one if there was none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V {
        self.get_or_insert_with(key, V::default)
    }
}

impl<K: Ord> OrderedSet<K> {
    /// The empty set; allocates nothing.
    pub(crate) const fn new() -> Self {
        OrderedSet(OrderedMap::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Whether it was there.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).is_some()
    }

    pub(crate) fn first(&self) -> Option<&K> {
        self.iter().next()
    }

    /// Takes the first out.
    pub(crate) fn pop_first(&mut self) -> Option<K> {
        self.0.pop_first().map(|(key, ())| key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> + '_ {
        self.0.keys()
    }

    /// Those between two.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = &K> + '_ {
        self.0.range(range).map(|(key, ())| key)
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&K) -> bool) {
        self.0.retain(|key, ()| keeps(key));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Where a key stands in a sorted vector, or would. Most that come are behind all others.
fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(entries: &[(K, V)], key: &Q) -> Result<usize, usize> {
    match entries.last() {
        Some((last, _)) if last.borrow() < key => Err(entries.len()),
        _ => entries.binary_search_by(|(other, _)| other.borrow().cmp(key)),
    }
}

impl<K: Ord, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord> Default for OrderedSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for OrderedMap<K, V> {
    type Output = V;

    #[expect(clippy::expect_used, reason = "indexing panics, as it does for every map")]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the key is in the map")
    }
}

impl<'a, K, V> Iterator for Entries<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Entries::Small(entries) => entries.next().map(|(key, value)| (key, value)),
            Entries::Large(entries) => entries.next(),
        }
    }
}

impl<K, V> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Entries::Small(entries) => entries.next_back().map(|(key, value)| (key, value)),
            Entries::Large(entries) => entries.next_back(),
        }
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a OrderedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Entries<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Chain<std::vec::IntoIter<(K, V)>, btree_map::IntoIter<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        let (small, large) = match self {
            OrderedMap::Small(entries) => (entries, BTreeMap::new()),
            OrderedMap::Large(tree) => (Vec::new(), tree),
        };
        small.into_iter().chain(large)
    }
}

impl<K: Ord> Extend<K> for OrderedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| {
            self.insert(key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever it is made of, it is the map that a tree is.
    #[test]
    fn grown_and_shrunk_it_equals_a_tree() {
        let (mut map, mut tree) = (OrderedMap::new(), BTreeMap::new());
        let mut seed = 7_u64;
        for round in 0..20_000_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (seed >> 33) % 60;
            // Comes and goes in waves, past the bound in both directions.
            if (round / 200) % 2 == 0 {
                assert_eq!(map.insert(key, round), tree.insert(key, round));
            } else if seed.is_multiple_of(5) {
                assert_eq!(map.pop_first(), tree.pop_first());
            } else {
                assert_eq!(map.remove(&key), tree.remove(&key));
            }
            assert_eq!(map.len(), tree.len());
            assert_eq!(map.get(&key), tree.get(&key));
            assert_eq!(map.keys().next(), tree.keys().next());
            assert_eq!(map.keys().next_back(), tree.keys().next_back());
            let bounds = (Bound::Excluded(key), Bound::Included(key + 9));
            assert!(map.range(bounds).eq(tree.range(bounds)));
            assert!(map.iter().eq(tree.iter()));
        }
        map.retain(|key, _| key % 2 == 0);
        tree.retain(|key, _| key % 2 == 0);
        assert!(map.into_iter().eq(tree));
    }
}
