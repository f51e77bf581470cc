//! Random flows: blocks in sequence, beside each other, instead of each other, and round and round.

use flow_bytecode::Policy;

use crate::build::{Build, To};

/// A small generator of numbers (Marsaglia's xorshift), so that a seed names a flow for ever.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A flow of blocks. Each block has one node by which it is entered and one by which it is left.
pub(crate) fn blocks(random: &mut Random) -> Build {
    let mut build = Build::new();
    let budget = 2 + random.below(3) as i64;
    let (entry, exit) = block(&mut build, random, budget);
    build.arrow(None, To::Node(entry));
    build.arrow(Some(exit), To::End);
    match random.below(8) {
        0 => build.flow_on_error(To::End),
        1 => build.flow_on_error(To::Skip),
        2 => {
            let handler = build.node();
            build.arrow(Some(handler), To::End);
            build.flow_on_error(To::Node(handler));
        }
        _ => {}
    }
    for node in 0..build.flow.nodes.len() {
        let route = matches!(
            build.flow.nodes[node].kind,
            flow_compiler::hir::flow::NodeKind::Route(_)
        );
        if !route && random.below(3) == 0 {
            build.writes(node, flow_compiler::hir::FieldRef(0));
        }
    }
    build
}

fn block(build: &mut Build, random: &mut Random, budget: i64) -> (usize, usize) {
    if budget <= 1 {
        return single(build, random);
    }
    match random.below(7) {
        0 => single(build, random),
        1 | 2 => {
            let (entry, middle) = block(build, random, budget - 1);
            let (next, exit) = block(build, random, budget - 1);
            build.arrow(Some(middle), To::Node(next));
            (entry, exit)
        }
        3 => parallel(build, random, budget),
        4 => choice(build, random, budget),
        5 => looped(build, random, budget),
        _ => open_fork(build, random, budget),
    }
}

fn single(build: &mut Build, random: &mut Random) -> (usize, usize) {
    let node = build.node();
    match random.below(8) {
        0 => build.on_error(node, To::End),
        1 => build.on_error(node, To::Skip),
        2 => {
            let handler = build.node();
            build.arrow(Some(handler), To::End);
            build.on_error(node, To::Node(handler));
        }
        _ => {}
    }
    (node, node)
}

/// A fork that a join closes; a branch may be left out.
fn parallel(build: &mut Build, random: &mut Random, budget: i64) -> (usize, usize) {
    let fork = build.node();
    let after = build.node();
    let mut exits = Vec::new();
    for _ in 0..2 {
        let (entry, exit) = block(build, random, budget - 2);
        if random.below(4) == 0 {
            let route = build.route(&[To::Node(entry), To::End]);
            build.arrow(Some(fork), To::Node(route));
        } else {
            build.arrow(Some(fork), To::Node(entry));
        }
        exits.push(exit);
    }
    build.join(Policy::All, &exits, To::Node(after));
    (fork, after)
}

fn choice(build: &mut Build, random: &mut Random, budget: i64) -> (usize, usize) {
    let (first, first_exit) = block(build, random, budget - 2);
    let (second, second_exit) = block(build, random, budget - 2);
    let head = build.node();
    let route = build.route(&[To::Node(first), To::Node(second)]);
    build.arrow(Some(head), To::Node(route));
    let after = build.node();
    build.arrow(Some(first_exit), To::Node(after));
    build.arrow(Some(second_exit), To::Node(after));
    (head, after)
}

fn looped(build: &mut Build, random: &mut Random, budget: i64) -> (usize, usize) {
    let (entry, exit) = block(build, random, budget - 1);
    let after = build.node();
    let route = build.route(&[To::Node(entry), To::Node(after)]);
    build.arrow(Some(exit), To::Node(route));
    (entry, after)
}

/// A fork of which one branch ends for itself.
fn open_fork(build: &mut Build, random: &mut Random, budget: i64) -> (usize, usize) {
    let fork = build.node();
    let (entry, exit) = block(build, random, budget - 2);
    let (aside, last) = block(build, random, budget - 2);
    build.arrow(Some(fork), To::Node(entry));
    build.arrow(Some(fork), To::Node(aside));
    build.arrow(Some(last), To::End);
    (fork, exit)
}
