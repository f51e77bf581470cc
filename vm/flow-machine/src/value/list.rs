//! The list: persistent, so that a snapshot of a growing channel costs nothing.

use imbl::GenericVector;
use imbl::shared_ptr::DefaultSharedPtr;

use super::Value;

type Items = GenericVector<Value, DefaultSharedPtr>;

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
            weight: 2,
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
        self.depth = self.depth.max(other.depth);
        self.weight = self.weight.saturating_add(other.weight);
        self.items.append(other.items.clone());
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
