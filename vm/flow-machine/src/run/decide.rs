//! What the outcomes recorded in one instant decide, one after the other: ends of the run, races at
//! joins, `cancel` and `finish`, `until`. What each of them then does is in `ending`, `race`,
//! `withdraw` and `until`.

use flow_bytecode::{JoinId, NodeId, Out, Policy};

use super::activation::{ActId, GroupId, Via, Ways};
use super::join::Arrival;
use super::{Life, Run, Verdict};
use crate::event::Settlement;

/// The place of something recorded among all of its instant: by declaration of the node, then by
/// item; the rest tells equal ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    node: NodeId,
    index: u32,
    step: u64,
    via: Via,
    /// What one outcome decides by itself: clauses, arrivals, groups, and then the run.
    rank: u8,
    number: u64,
}

/// Something recorded that may decide something.
#[derive(Clone, Debug)]
pub(super) enum Matter {
    /// The `cancel` and `finish` of a node that succeeded.
    Clauses(ActId),
    /// A source of a `first of` has arrived.
    Arrival {
        join: JoinId,
        source: u32,
        arrival: Arrival,
    },
    /// An item that is a branch of a `first of` has succeeded.
    Item {
        join: JoinId,
        source: u32,
        group: GroupId,
        id: ActId,
    },
    /// A fan-out that is a source of a `first of` has settled.
    Group {
        join: JoinId,
        source: u32,
        group: GroupId,
    },
    /// The condition of a fan-out is to be tested.
    Until(GroupId),
    /// The run ends.
    Verdict(Verdict),
}

impl Run {
    /// Decides what was recorded, in order.
    pub(super) fn decide_recorded(&mut self) {
        while matches!(self.life, Life::Running) {
            let Some((place, matter)) = self.deciding.pop_first() else {
                return;
            };
            match matter {
                Matter::Clauses(id) => self.follow_clauses(id),
                Matter::Arrival {
                    join,
                    source,
                    arrival,
                } => self.enter_race(join, source, arrival),
                Matter::Item {
                    join,
                    source,
                    group,
                    id,
                } => self.count_item(join, source, group, id),
                Matter::Group { join, source, group } => self.close_in_race(join, source, group),
                Matter::Until(group) => self.test_until(group),
                Matter::Verdict(verdict) => self.end_by(place.id(), verdict),
            }
        }
        // Other ends come too late. What else was recorded is decided if the run goes on.
        self.deciding
            .retain(|_, matter| !matches!(matter, Matter::Verdict(_)));
    }

    /// What is to be decided for an activation that has settled.
    pub(super) fn record_outcome(&mut self, id: ActId, how: Settlement) {
        let Some(act) = self.acts.get(&id).filter(|act| !act.unheeded) else {
            return;
        };
        let (step, group, arrows) = (act.step, act.group, matches!(act.ways, Ways::Arrows));
        let key = ActId { step, ..id };
        let node = self.node(id.node);
        if how == Settlement::Done && !(node.cancel.is_empty() && node.finish.is_empty()) {
            self.record(key, 0, Matter::Clauses(id));
        }
        if arrows {
            for (join, source) in self.races_of(id.node) {
                let matter = match group {
                    None => Matter::Arrival {
                        join,
                        source,
                        arrival: Arrival::one(key, true),
                    },
                    Some(group) => Matter::Item {
                        join,
                        source,
                        group,
                        id,
                    },
                };
                self.record(key, 1, matter);
            }
        }
    }

    /// The `first of` joins that a node is a source of.
    pub(super) fn races_of(&self, node: NodeId) -> Vec<(JoinId, u32)> {
        let flow = self.flow();
        let arrivals = flow.nodes[node.index()].outs.iter().filter_map(|out| match out {
            Out::Arrive { join, source } => Some((*join, *source)),
            Out::To(_) => None,
        });
        arrivals
            .filter(|(join, _)| matches!(flow.joins[join.index()].policy, Policy::First(_)))
            .collect()
    }

    pub(super) fn record(&mut self, key: ActId, rank: u8, matter: Matter) {
        self.matters += 1;
        let number = self.matters;
        self.deciding.insert(Place::of(key, rank, number), matter);
    }

    /// What ends the run. Of several that one outcome brings, the first counts.
    pub(super) fn record_verdict(&mut self, key: ActId, verdict: Verdict) {
        self.deciding
            .get_or_insert_with(Place::of(key, 3, 0), || Matter::Verdict(verdict));
    }
}

impl Place {
    fn of(key: ActId, rank: u8, number: u64) -> Place {
        Place {
            node: key.node,
            index: key.index,
            step: key.step,
            via: key.via,
            rank,
            number,
        }
    }

    /// The activation that recorded it, with the step in which it counts.
    pub(super) fn id(self) -> ActId {
        ActId {
            step: self.step,
            node: self.node,
            via: self.via,
            index: self.index,
        }
    }
}
