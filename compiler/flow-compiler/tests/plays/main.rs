//! The analyses of order and simultaneity against a player that enumerates every play of small flows.

mod build;
mod player;
mod random;

use std::collections::BTreeSet;
use std::fmt::Write;

use flow_compiler::hir::FieldRef;
use flow_compiler::hir::flow::Flow;
use flow_compiler::passes::graph_view::GraphView;
use flow_compiler::passes::together::Together;
use flow_compiler::passes::written::Written;
use random::Random;

/// How many random flows are played.
const FLOWS: u64 = 800;
/// Flows with more nodes are left out.
const MOST_NODES: usize = 9;

#[test]
fn the_analyses_report_what_the_player_finds() {
    let mut played = 0;
    for seed in 0..FLOWS {
        let build = random::blocks(&mut Random::new(seed));
        if build.flow.nodes.len() > MOST_NODES {
            continue;
        }
        let seen = player::play(&build.flow, FieldRef(0));
        if !seen.complete {
            continue;
        }
        played += 1;
        let view = GraphView::new(&build.flow);
        assert_eq!(
            together(&view),
            seen.together,
            "seed {seed}: at the same time\n{}",
            show(&build.flow)
        );
        let written = Written::new(&view, vec![1]);
        let nodes = 0..build.flow.nodes.len();
        let unwritten: BTreeSet<_> = nodes
            .filter(|n| written.misses(*n as u32 + 1, FieldRef(0)))
            .collect();
        assert_eq!(
            unwritten,
            seen.unwritten,
            "seed {seed}: read before written\n{}",
            show(&build.flow)
        );
        assert_eq!(
            written.result_misses(FieldRef(0)),
            seen.ends_unwritten,
            "seed {seed}: result\n{}",
            show(&build.flow)
        );
    }
    assert!(played > FLOWS / 2, "only {played} flows were small enough");
}

fn together(view: &GraphView<'_>) -> BTreeSet<(usize, usize)> {
    let relation = Together::new(view);
    assert!(relation.is_complete());
    let count = view.flow.nodes.len();
    let pairs = (0..count).flat_map(|a| (a..count).map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| relation.can(*a as u32 + 1, *b as u32 + 1))
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
                None => view.name(edge.to).to_owned(),
            })
            .collect();
        let from = view
            .as_join(way.from)
            .map_or(view.name(way.from).to_owned(), |join| format!("join{join}"));
        let writes = view.hir(way.from).is_some_and(|node| !node.body.is_empty());
        let _ = writeln!(
            lines,
            "{from}{} -{:?}-> [{}]",
            if writes { "*" } else { "" },
            way.kind,
            to.join(", ")
        );
    }
    lines
}
