//! What of the flows the tests have used, for people and for programs.

use flow_bytecode::SourceSpan;
use serde_json::{Value as Json, json};

use super::Suite;
use crate::testing::coverage::{Coverage, FlowCoverage, Piece};
use crate::testing::span;
use crate::view::{out, paint, style};

/// A line for each flow, and one for each piece that no test has used.
pub(super) fn say(suite: &Suite, coverage: &Coverage) {
    for flow in &coverage.flows {
        let [nodes, arrows, arms] = parts(flow).map(|(_, pieces)| share(pieces));
        let name = paint(style::STRONG, &flow.flow);
        out(&format!(
            "coverage of {name}: nodes {nodes}, arrows {arrows}, arms {arms}"
        ));
        for (_, pieces) in parts(flow) {
            for piece in pieces.iter().filter(|piece| !piece.used) {
                let place = paint(style::DIM, &format!("{}:{}", suite.name, line(suite, piece.span)));
                out(&format!("  not used: {}  {place}", piece.name));
            }
        }
    }
}

/// The same as an object.
pub(super) fn json(suite: &Suite, coverage: &Coverage) -> Json {
    let flows = coverage.flows.iter().map(|flow| {
        let mut object = json!({"flow": flow.flow});
        for (name, pieces) in parts(flow) {
            let missing = pieces.iter().filter(|piece| !piece.used);
            let missing = missing.map(|piece| json!({"name": piece.name, "line": line(suite, piece.span)}));
            object[name] = json!({
                "total": pieces.len(),
                "used": used(pieces),
                "missing": missing.collect::<Vec<_>>(),
            });
        }
        object
    });
    json!({"file": suite.name, "coverage": flows.collect::<Vec<_>>()})
}

fn parts(flow: &FlowCoverage) -> [(&'static str, &[Piece]); 3] {
    [
        ("nodes", &flow.nodes),
        ("arrows", &flow.arrows),
        ("arms", &flow.arms),
    ]
}

fn used(pieces: &[Piece]) -> usize {
    pieces.iter().filter(|piece| piece.used).count()
}

fn share(pieces: &[Piece]) -> String {
    format!("{}/{}", used(pieces), pieces.len())
}

fn line(suite: &Suite, place: SourceSpan) -> u32 {
    suite.sources.start(span(place)).line
}
