//! What this machine does not do yet. A program that needs it is refused before it starts.

use flow_bytecode::{Image, Node, NodeKind};

use crate::input::Refusal;

/// Refuses a flow that needs what the machine cannot do.
pub(super) fn check(image: &Image, flow_at: usize) -> Result<(), Refusal> {
    let flow = &image.flows[flow_at];
    for node in &flow.nodes {
        if let Some(what) = missing(node) {
            let name = image.str(node.name);
            return Err(Refusal {
                code: "F2004",
                message: format!("`{name}`: {what} is not supported yet"),
            });
        }
    }
    Ok(())
}

fn missing(node: &Node) -> Option<&'static str> {
    match &node.kind {
        NodeKind::Agent(_) => return Some("an agent"),
        NodeKind::Subgraph { .. } => return Some("a subgraph"),
        _ => {}
    }
    let clauses = [
        (node.cache.is_some(), "`cache`"),
        (!node.locks.is_empty(), "`lock`"),
        (node.verify.is_some(), "`verify`"),
    ];
    clauses.into_iter().find(|(used, _)| *used).map(|(_, what)| what)
}
