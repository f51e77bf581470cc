//! The ways of the sample flow, by hand.

use flow_bytecode::topology::UNREACHABLE;
use flow_bytecode::{ErrorWay, FieldId, NodeId, NodeKind, Target, Topology};

use crate::sample::sample;

const START: NodeId = NodeId(0);
const LEFT: NodeId = NodeId(1);
const RIGHT: NodeId = NodeId(2);
const BOTH: NodeId = NodeId(3);
const CHOOSE: NodeId = NodeId(4);
const FAN: NodeId = NodeId(5);
const WORK: NodeId = NodeId(6);

#[test]
fn every_way_counts() {
    let flow = &sample().flows[0];
    let topology = Topology::of(flow);
    assert_eq!(topology.entry(), [START]);
    assert_eq!(topology.successors(START), [LEFT, RIGHT]);
    assert_eq!(
        topology.successors(LEFT),
        [BOTH, FAN],
        "by the join, and on error"
    );
    assert_eq!(topology.successors(CHOOSE), [START]);
    assert_eq!(topology.successors(FAN), [WORK]);
    assert_eq!(topology.predecessors(BOTH), [LEFT, RIGHT]);
    assert_eq!(topology.predecessors(START), [CHOOSE]);
}

#[test]
fn what_is_to_be_avoided_is_not_passed() {
    let topology = Topology::of(&sample().flows[0]);
    assert!(topology.reaches(&[START], WORK, &[]));
    assert!(topology.reaches(&[LEFT], RIGHT, &[]), "round the loop");
    assert!(!topology.reaches(&[LEFT], RIGHT, &[BOTH]));
    assert!(!topology.reaches(&[WORK], START, &[]));
    assert!(topology.reaches(&[WORK], WORK, &[]), "a node reaches itself");
    assert!(!topology.reaches(&[BOTH], BOTH, &[BOTH]));
    assert_eq!(
        topology.reaching(&[FAN], &[]),
        [true, true, true, true, true, true, false]
    );
}

#[test]
fn distances_count_steps_and_routes_cost_none() {
    let flow = &sample().flows[0];
    let topology = Topology::of(flow);
    // `right` writes field 0; both -> choose (free) -> start_here -> right.
    let distances = topology.distance_to_writers(flow, FieldId(0));
    assert_eq!(distances, [1, 3, 0, 2, 2, UNREACHABLE, UNREACHABLE]);
    let nowhere = topology.distance_to_writers(flow, FieldId(1));
    assert!(nowhere.iter().all(|distance| *distance == UNREACHABLE));
}

#[test]
fn the_error_way_of_the_flow_stands_for_nodes_without_one_of_their_own() {
    let mut image = sample();
    let flow = &mut image.flows[0];
    flow.nodes[1].on_error = None;
    flow.on_error = Some(ErrorWay {
        target: Target::Node {
            node: FAN,
            args: None,
        },
        updates: None,
    });
    let topology = Topology::of(flow);
    assert_eq!(topology.successors(LEFT), [BOTH, FAN]);
    assert_eq!(topology.successors(CHOOSE), [START, FAN]);
    assert_eq!(topology.successors(FAN), [WORK], "not of its own target");
    assert_eq!(topology.successors(WORK), [], "nor of what only that leads to");
    flow.nodes[0].kind = NodeKind::Wait(vec![]);
    assert_eq!(
        Topology::of(flow).successors(START),
        [LEFT, RIGHT],
        "a wait cannot fail"
    );
}
