//! Which workers the nodes of a program call: only those need to be anywhere. What is imported and never called does
//! not.

use std::collections::BTreeSet;

use flow_bytecode::{Image, Node, NodeKind, WorkerId};

/// The workers that some node calls, as a tool or to undo something too.
pub(super) fn workers(image: &Image) -> BTreeSet<WorkerId> {
    let nodes = image.flows.iter().flat_map(|flow| &flow.nodes);
    nodes.flat_map(called).collect()
}

fn called(node: &Node) -> Vec<WorkerId> {
    let mut found = match &node.kind {
        NodeKind::Task(call) => vec![call.worker],
        NodeKind::Agent(agent) => {
            let tools = agent.tools.iter().map(|(worker, _)| *worker);
            tools.chain([agent.call.worker]).collect()
        }
        _ => Vec::new(),
    };
    found.extend(node.undo.as_ref().map(|undo| undo.call.worker));
    found
}
