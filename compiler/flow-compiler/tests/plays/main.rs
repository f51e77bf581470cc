//! The analyses of order and simultaneity against a player that enumerates every play of small
//! flows: on flows of blocks the quick ones must say exactly what it finds, on graphs without any
//! order the search for plays must, and the quick ones may not miss anything.
//!
//! A failing seed prints its flow and the command that repeats it. `FLOW_PLAYS=5000` plays more.

mod build;
mod graphs;
mod player;
mod random;

use std::collections::BTreeSet;
use std::fmt::Write;

use build::Build;
use flow_compiler::hir::FieldRef;
use flow_compiler::hir::flow::Flow;
use flow_compiler::passes::graph_view::GraphView;
use flow_compiler::passes::plays::{MOST_STATES, Plays};
use flow_compiler::passes::shape::reachable;
use flow_compiler::passes::together::Together;
use flow_compiler::passes::written::Written;
use player::{Seen, play};
use random::Random;

/// How many random flows are played.
const FLOWS: u64 = 400;
/// Flows with more nodes are left out.
const MOST_NODES: usize = 9;
/// How often a node may run in one play, before it is tried with more.
const LAPS: usize = 2;
/// The most that is tried.
const MOST_LAPS: usize = 4;

type Pairs = BTreeSet<(usize, usize)>;

#[test]
fn the_quick_analyses_report_what_the_player_finds_in_blocks() {
    let mut played = 0;
    for seed in seeds() {
        let build = random::blocks(&mut Random::new(seed));
        if build.flow.nodes.len() > MOST_NODES {
            continue;
        }
        let seen = play(&build.flow, FieldRef(0), LAPS);
        if !seen.complete {
            continue;
        }
        played += 1;
        let view = GraphView::new(&build.flow);
        let written = Written::new(&view, &Together::new(&view), vec![1]);
        let told = |what| Told {
            test: "blocks",
            seed,
            what,
            flow: &build.flow,
        };
        told("at the same time").same(&quick_pairs(&view), &seen.together);
        told("read before written").same(&quick_unwritten(&view, &written), &seen.unwritten);
        told("result").same(&written.result_misses(FieldRef(0)), &seen.ends_unwritten);
    }
    assert!(
        played > 20 || played > FLOWS / 2,
        "only {played} flows were small enough"
    );
}

#[test]
fn the_search_for_plays_finds_what_the_player_finds_in_graphs() {
    let (mut played, mut cut) = (0, 0);
    for seed in seeds() {
        let build = graphs::graph(&mut Random::new(seed));
        let Some(found) = Found::of(&build) else { continue };
        let told = |what| Told {
            test: "graphs",
            seed,
            what,
            flow: &build.flow,
        };
        let mut laps = LAPS;
        let mut seen = play(&build.flow, FieldRef(0), laps);
        while seen.complete && seen.cut && !found.equals(&seen) && laps < MOST_LAPS {
            laps += 1;
            seen = play(&build.flow, FieldRef(0), laps);
        }
        told("pairs that are not found").inside(&seen.together, &found.together);
        told("reads that are not found").inside(&seen.unwritten, &found.unwritten);
        told("passings that are not found").inside(&seen.passed, &found.passed);
        if !seen.complete || seen.cut && !found.equals(&seen) {
            cut += 1;
            continue;
        }
        played += 1;
        told("at the same time").same(&found.together, &seen.together);
        told("read before written").same(&found.unwritten, &seen.unwritten);
        told("joins that pass").same(&found.passed, &seen.passed);
        told("result").same(&found.ends_unwritten, &seen.ends_unwritten);
    }
    assert!(
        played > 3 * cut,
        "only {played} graphs were small enough, {cut} were not"
    );
}

#[test]
fn the_quick_analyses_miss_nothing_in_graphs() {
    let mut missed = Vec::new();
    for seed in seeds() {
        let build = graphs::graph(&mut Random::new(seed));
        let Some(found) = Found::of(&build) else { continue };
        let told = |what| Told {
            test: "miss",
            seed,
            what,
            flow: &build.flow,
        };
        let view = GraphView::new(&build.flow);
        let written = Written::new(&view, &Together::new(&view), vec![1]);
        let (pairs, reads) = (quick_pairs(&view), quick_unwritten(&view, &written));
        let pairs: Vec<_> = found.together.difference(&pairs).collect();
        let reads: Vec<_> = found.unwritten.difference(&reads).collect();
        if !pairs.is_empty() || !reads.is_empty() {
            missed.push(format!(
                "{}pairs {pairs:?}, reads {reads:?}",
                told("missed").repeat()
            ));
        }
        if found.ends_unwritten && !written.result_misses(FieldRef(0)) {
            missed.push(told("the result").repeat());
        }
    }
    let shown = missed.len().min(6);
    assert!(
        missed.is_empty(),
        "{} missed\n{}",
        missed.len(),
        missed[..shown].join("\n")
    );
}

/// What the search for plays finds.
struct Found {
    together: Pairs,
    unwritten: BTreeSet<usize>,
    passed: BTreeSet<usize>,
    ends_unwritten: bool,
}

impl Found {
    fn of(build: &Build) -> Option<Self> {
        let view = GraphView::new(&build.flow);
        let plays = Plays::of(&view, Some(FieldRef(0)), MOST_STATES)?;
        let count = build.flow.nodes.len();
        let pairs = (0..count).flat_map(|a| (a..count).map(move |b| (a, b)));
        Some(Self {
            together: pairs
                .filter(|(a, b)| plays.can(*a as u32 + 1, *b as u32 + 1))
                .collect(),
            unwritten: (0..count).filter(|n| plays.misses(*n as u32 + 1)).collect(),
            passed: (0..build.flow.joins.len())
                .filter(|join| plays.passes(*join as u32))
                .collect(),
            ends_unwritten: plays.result_misses(),
        })
    }

    fn equals(&self, seen: &Seen) -> bool {
        self.together == seen.together
            && self.unwritten == seen.unwritten
            && self.passed == seen.passed
            && self.ends_unwritten == seen.ends_unwritten
    }
}

/// One seed, or as many as are wanted.
fn seeds() -> std::ops::Range<u64> {
    match number("FLOW_PLAY") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FLOW_PLAYS").unwrap_or(FLOWS),
    }
}

#[expect(clippy::disallowed_methods, reason = "a person chooses the seed")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// What is compared, and how it is repeated.
struct Told<'f> {
    test: &'static str,
    seed: u64,
    what: &'static str,
    flow: &'f Flow,
}

impl Told<'_> {
    fn same<T: PartialEq + std::fmt::Debug>(&self, analysis: &T, player: &T) {
        assert!(
            analysis == player,
            "{}analysis: {analysis:?}\nplayer:   {player:?}",
            self.repeat()
        );
    }

    fn inside<T: Ord + std::fmt::Debug>(&self, less: &BTreeSet<T>, more: &BTreeSet<T>) {
        let missing: Vec<_> = less.difference(more).collect();
        assert!(missing.is_empty(), "{}{missing:?}", self.repeat());
    }

    fn repeat(&self) -> String {
        let Self {
            test,
            seed,
            what,
            flow,
        } = self;
        let command = format!("FLOW_PLAY={seed} cargo nextest run -p flow-compiler --test plays {test}");
        format!("{what}\n{command}\n{}", show(flow))
    }
}

fn quick_pairs(view: &GraphView<'_>) -> Pairs {
    let relation = Together::new(view);
    assert!(relation.is_complete());
    let count = view.flow.nodes.len();
    let pairs = (0..count).flat_map(|a| (a..count).map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| relation.can(*a as u32 + 1, *b as u32 + 1))
        .collect()
}

fn quick_unwritten(view: &GraphView<'_>, written: &Written<'_, '_>) -> BTreeSet<usize> {
    let reached = reachable(view);
    let nodes = 0..view.flow.nodes.len();
    nodes
        .filter(|n| reached[n + 1] && written.misses(*n as u32 + 1, FieldRef(0)))
        .collect()
}

/// The graph as lines of edges, for a failing seed.
fn show(flow: &Flow) -> String {
    let view = GraphView::new(flow);
    let mut lines = String::new();
    for way in &view.ways {
        let to: Vec<String> = view
            .edges_of(way)
            .iter()
            .map(|edge| match view.as_join(edge.to) {
                Some(join) => format!("join{join}.{}", edge.source),
                None if edge.to > view.end() => format!("stop{}", edge.to - view.end()),
                None => view.name(edge.to).to_owned(),
            })
            .collect();
        let from = view
            .as_join(way.from)
            .map_or(view.name(way.from).to_owned(), |join| format!("join{join}"));
        let _ = writeln!(lines, "{from} -{:?}-> [{}]", way.kind, to.join(", "));
    }
    for (number, join) in flow.joins.iter().enumerate() {
        let _ = writeln!(
            lines,
            "join{number}: {:?} of {}, {:?}",
            join.policy,
            join.sources.len(),
            join.rest
        );
    }
    for (number, node) in flow.nodes.iter().enumerate() {
        let named = |named: &[(flow_compiler::hir::NodeRef, flow_diagnostics::Span)]| {
            named.iter().map(|(node, _)| node.0).collect::<Vec<_>>()
        };
        let kind = format!("{:?}", node.kind);
        let kind = kind.split([' ', '(']).next().unwrap_or_default();
        let (cancel, finish) = (named(&node.cancel), named(&node.finish));
        let _ = writeln!(
            lines,
            "n{number}: {kind} {:?} writes {} cancel {cancel:?} finish {finish:?}",
            node.schedule,
            node.body.len()
        );
    }
    lines
}
