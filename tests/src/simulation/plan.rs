//! Random well-formed programs: sequences of tasks, forks that close in joins, races, decisions, loops, fan-outs,
//! questions, agents, subgraphs. A plan is a graph: `grow` makes one, `source` is what the compiler gets.

mod grow;
mod source;

/// Numbers that look random and are the same everywhere.
pub(super) struct Random(u64);

/// A flow, with the flows that it runs as nodes.
pub(super) struct Plan {
    /// What its nodes' names end with, so that no two flows of a program share one.
    mark: String,
    pub(super) nodes: Vec<Node>,
    pub(super) joins: Vec<Join>,
    pub(super) first: usize,
    /// The edges, as source.
    edges: Vec<String>,
    /// How many loops there are.
    loops: usize,
    /// One for each node that runs one.
    pub(super) children: Vec<Plan>,
}

/// A node, in order of declaration.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where its arrows lead.
    pub(super) outs: Vec<Out>,
}

pub(super) enum Kind {
    /// Calls; what its failure does.
    Task(Failing),
    /// Computes.
    Transform { loop_of: Option<usize> },
    /// `when total % by == rest -> first, otherwise -> second`
    Choice { by: i64, rest: i64, ways: [usize; 2] },
    /// `when laps < most -> again, otherwise -> on`
    Loop {
        of: usize,
        most: i64,
        again: usize,
        on: usize,
    },
    /// Starts `total % most` items.
    Send { most: i64, item: usize },
    /// One of them.
    Item(Failing),
    /// Asks; the answer is added.
    Ask,
    /// Adds the parameter of the flow: the first node of a child.
    Seed,
    /// Talks, with `work` as a tool.
    Agent(Failing),
    /// Runs a child.
    Sub { child: usize, way: Failing },
}

/// Where a final failure goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Run,
    Skip,
    End,
}

#[derive(Clone, Copy)]
pub(super) enum Out {
    To(usize),
    Arrive(usize, usize),
    End,
}

/// A fan-in.
pub(super) struct Join {
    /// How many sources there are.
    pub(super) sources: usize,
    pub(super) policy: Policy,
    pub(super) target: usize,
    /// The first nodes of the branches.
    pub(super) entries: Vec<usize>,
}

/// When a join passes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    All,
    /// When so many succeeded; else `else -> end`.
    Least(usize),
    /// At once, when the first succeeded; its sources are single tasks.
    First,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    pub(super) fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// A number that depends on nothing but these.
pub(super) fn mix(seed: u64, text: &str) -> u64 {
    let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mixed = text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Random::new(mixed).below(u64::MAX)
}

impl Plan {
    /// Where a join leads: a node, or its place in the join around it.
    pub(super) fn join_out(&self, join: usize) -> Out {
        let target = self.joins[join].target;
        if target < self.nodes.len() {
            return Out::To(target);
        }
        let place = usize::MAX - target;
        Out::Arrive(place / 8, place % 8)
    }

    /// How many loops there are.
    pub(super) fn loops(&self) -> usize {
        self.loops
    }

    /// `limit steps`, of the flow and all that it runs. Where flows run in flows, which of two that run side by side
    /// meets a limit is a matter of timing; so theirs is never met.
    pub(super) fn most_steps(&self) -> u64 {
        if self.children.is_empty() { 60 } else { 20_000 }
    }
}
