//! The list: persistent, so that a snapshot of a growing channel costs nothing.

use imbl::GenericVector;
use imbl::shared_ptr::DefaultSharedPtr;

use super::Value;

type Items = GenericVector<Value, DefaultSharedPtr>;

/// Up to this many items, adding one by one is faster than joining two trees.
const FEW_ITEMS: usize = 64;

/// What a list weighs besides its items.
const EMPTY_WEIGHT: u64 = 2;

/// A list of values. Clone is O(1), push O(log n).
#[derive(Clone, Debug)]
pub struct List {
    items: Items,
    depth: u32,
    weight: u64,
}

impl List {
    /// The empty list.
    pub fn new() -> List {
        List {
            items: Items::new(),
            depth: 1,
            weight: EMPTY_WEIGHT,
        }
    }

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item at a position.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.items.get(index)
    }

    /// The last item.
    pub fn last(&self) -> Option<&Value> {
        self.items.last()
    }

    /// The items in order, from both ends.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + '_ {
        self.items.iter()
    }

    /// The items from a position on.
    pub(crate) fn tail(&self, from: usize) -> impl Iterator<Item = &Value> + '_ {
        (from..self.len()).filter_map(|at| self.items.get(at))
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: Value) {
        self.depth = self.depth.max(item.depth() + 1);
        self.weight = self.weight.saturating_add(item.weight() + 1);
        self.items.push_back(item);
    }

    /// Replaces the item at a position that exists.
    pub fn set(&mut self, index: usize, item: Value) {
        let Some(slot) = self.items.get_mut(index) else {
            return;
        };
        let (depth, weight) = (item.depth(), item.weight());
        let old = std::mem::replace(slot, item);
        self.depth = self.depth.max(depth + 1);
        self.weight = (self.weight - old.weight()).saturating_add(weight);
    }

    /// Adds all items of another list at the end, in O(log n).
    pub fn append(&mut self, other: &List) {
        if other.len() <= FEW_ITEMS {
            return other.iter().cloned().for_each(|item| self.push(item));
        }
        self.depth = self.depth.max(other.depth);
        self.weight = self.weight.saturating_add(other.weight - EMPTY_WEIGHT);
        self.items.append(other.items.clone());
    }

    /// Whether it begins with all items of another. What the two share is not looked at.
    pub(crate) fn starts_with(&self, other: &List) -> bool {
        if other.len() > self.len() {
            return false;
        }
        let (mut leaves, mut other_leaves) = (self.items.leaves(), other.items.leaves());
        let (mut ours, mut theirs): (&[Value], &[Value]) = (&[], &[]);
        let mut left = other.len();
        while left > 0 {
            if ours.is_empty() {
                ours = leaves.next().unwrap_or_default();
            }
            if theirs.is_empty() {
                theirs = other_leaves.next().unwrap_or_default();
            }
            let count = ours.len().min(theirs.len());
            let (a, b);
            (a, ours) = ours.split_at(count);
            (b, theirs) = theirs.split_at(count);
            if !std::ptr::eq(a, b) && a != b {
                return false;
            }
            left -= count;
        }
        true
    }

    /// The items from `start` up to and without `end`; bounds beyond the list are its own.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> List {
        let end = end.min(self.len());
        if start >= end {
            return List::new();
        }
        self.items.clone().slice(start..end).into_iter().collect()
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> List {
        let mut list = List::new();
        for item in items {
            list.push(item);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the list was built.
    #[test]
    fn a_list_begins_with_what_it_grew_from() {
        let short: List = (0..1000).map(Value::Int).collect();
        let mut grown = short.clone();
        grown.push(Value::Int(1000));
        grown.append(&short);
        assert!(grown.starts_with(&short));
        assert!(!short.starts_with(&grown));
        assert!(grown.starts_with(&List::new()));
        let rebuilt: List = grown.iter().cloned().collect();
        assert!(rebuilt.starts_with(&short) && rebuilt.starts_with(&grown));
        for at in [0, 63, 64, 500, 999] {
            let mut other = short.clone();
            other.set(at, Value::Int(-1));
            assert!(!grown.starts_with(&other), "differs at {at}");
        }
    }
}
