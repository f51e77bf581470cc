//! Where a play stands: what is under way, what waits at joins, what is held. The past is forgotten.

use super::super::graph_view::Vertex;

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    /// Activations under way, in order.
    pub(super) live: Vec<Live>,
    /// By source of a join, of all joins in a row: arrivals, oldest first.
    pub(super) queues: Vec<Vec<Arrival>>,
    /// By source: whether it took part in an earlier passing.
    pub(super) took_part: Vec<bool>,
    /// By source: whether its next arrival is swallowed.
    pub(super) owed: Vec<bool>,
    /// Groups of items.
    pub(super) groups: Vec<Group>,
    /// Deferred nodes that have been triggered.
    pub(super) held: Vec<Vertex>,
    /// Whether anything has written the field.
    pub(super) updated: bool,
}

/// An activation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Live {
    pub(super) node: Vertex,
    /// Whether something that it waits for has written the field.
    pub(super) written: bool,
    /// Of an item: its group.
    pub(super) group: Option<u8>,
}

/// A source has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival {
    pub(super) succeeded: bool,
    pub(super) written: bool,
}

/// What one activation of a send started in one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) node: Vertex,
    /// Items under way.
    pub(super) left: u8,
    pub(super) written: bool,
    /// Its arrows have fired, or never will.
    pub(super) closed: bool,
}

impl State {
    pub(super) fn new(sources: usize) -> Self {
        Self {
            live: Vec::new(),
            queues: vec![Vec::new(); sources],
            took_part: vec![false; sources],
            owed: vec![false; sources],
            groups: Vec::new(),
            held: Vec::new(),
            updated: false,
        }
    }

    /// How many activations of a node are under way.
    pub(super) fn under_way(&self, node: Vertex) -> usize {
        self.live.iter().filter(|live| live.node == node).count()
    }

    /// The same state, always written the same.
    pub(super) fn in_order(mut self) -> Self {
        let mut numbers = Vec::new();
        let mut groups = Vec::new();
        for group in &self.groups {
            numbers.push(groups.len() as u8);
            if group.left > 0 {
                groups.push(*group);
            }
        }
        self.groups = groups;
        for live in &mut self.live {
            live.group = live.group.map(|group| numbers[group as usize]);
        }
        self.live.sort_unstable();
        self.held.sort_unstable();
        self.held.dedup();
        self
    }
}
