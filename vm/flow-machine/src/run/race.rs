//! Races at joins: `first of` and `first N of` pass when the deciding success is recorded. What the
//! losers lose is in `withdraw`; joins that wait for all of their sources are in `join`.

use std::sync::Arc;

use flow_bytecode::{Flow, Join, JoinId, Policy, Rest};

use super::Run;
use super::activation::{ActId, GroupId, Via, Ways};
use super::decide::Matter;
use super::fire::Cause;
use super::join::Arrival;
use super::send::Tally;
use crate::event::EventKind;
use crate::reducer::Item;

impl Run {
    /// A source of a race arrives; one that is owed from an earlier passing is swallowed.
    pub(super) fn enter_race(&mut self, join: JoinId, source: u32, arrival: Arrival) {
        let place = self.joins[join.index()].source(source);
        if place.owed > 0 {
            place.owed -= 1;
            self.joins[join.index()].released = arrival.key.step;
        } else {
            place.enter(arrival);
        }
        self.pass_race(join);
    }

    /// A further item of a fan-out that is a source has succeeded: each counts as a branch.
    pub(super) fn count_item(&mut self, join: JoinId, source: u32, group: GroupId, id: ActId) {
        let step = self.acts.get(&id).map_or(id.step, |act| act.step);
        let Some(open) = self.groups.get(&group).filter(|open| !open.raced.contains(&join)) else {
            return;
        };
        let items = open.items();
        let place = self.joins[join.index()].source(source);
        match place.of_group(group) {
            Some(arrival) => {
                arrival.key.step = arrival.key.step.max(step);
                if let Some(tally) = &mut arrival.tally {
                    tally.succeeded += 1;
                }
            }
            None => place.enter(Arrival {
                key: ActId {
                    step,
                    node: group.node,
                    via: Via::Node(group.send.node),
                    index: 0,
                },
                succeeded: true,
                tally: Some(Tally { items, succeeded: 1 }),
                open: Some(group),
            }),
        }
        self.pass_race(join);
    }

    /// A fan-out that is a source of a race has settled.
    pub(super) fn close_in_race(&mut self, join: JoinId, source: u32, group: GroupId) {
        let (raced, tally, key) = match self.groups.get(&group) {
            Some(open) if open.arrives() => (open.raced.contains(&join), open.tally(), open.key(group)),
            Some(_) => {
                // Something was withdrawn from it: its source is dead.
                self.joins[join.index()].source(source).forget(group);
                self.note_waiting(join);
                return;
            }
            None => return,
        };
        let place = self.joins[join.index()].source(source);
        if raced {
            place.owed = place.owed.saturating_sub(1);
            self.joins[join.index()].released = key.step;
        } else if let Some(arrival) = place.of_group(group) {
            arrival.open = None;
            arrival.tally = Some(tally);
        } else {
            place.enter(Arrival {
                key,
                succeeded: tally.succeeded > 0,
                tally: Some(tally),
                open: None,
            });
        }
        self.pass_race(join);
    }

    /// Lets a race pass as often as it can.
    pub(super) fn pass_race(&mut self, join: JoinId) {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let declared = &flow.joins[join.index()];
        let Policy::First(least) = declared.policy else {
            return;
        };
        while !self.is_blocked(join) && self.joins[join.index()].successes() >= least.max(1) {
            self.win(flow, declared, join);
        }
        self.note_waiting(join);
    }

    /// Whether an earlier passing of a `block` is not complete.
    pub(super) fn is_blocked(&self, join: JoinId) -> bool {
        let blocks = self.flow().joins[join.index()].rest == Rest::Block;
        blocks && self.joins[join.index()].owes()
    }

    fn win(&mut self, flow: &Flow, declared: &Join, join: JoinId) {
        let first = self.joins[join.index()].head_steps().into_iter().flatten().min();
        let taken = self.joins[join.index()].take_heads();
        let arrived: Vec<Arc<str>> = taken
            .iter()
            .map(|(source, _)| self.source_name(declared, *source))
            .collect();
        let step = taken
            .iter()
            .map(|(_, arrival)| arrival.key.step)
            .max()
            .unwrap_or(0)
            .max(self.joins[join.index()].released);
        let what = format!("first of: {}", arrived.join(", "));
        self.event(step, None, EventKind::Decided { what });
        for (_, arrival) in &taken {
            if let Some(open) = arrival.open.and_then(|group| self.groups.get_mut(&group)) {
                open.raced.push(join);
            }
        }
        let lost: Vec<u32> = (0..declared.sources.len() as u32)
            .filter(|source| taken.iter().all(|(won, _)| won != source))
            .collect();
        match declared.rest {
            Rest::Cancel => self.losers_withdraw(flow, join, &lost, &taken),
            Rest::Keep | Rest::Block => self.losers_run_on(flow, join, &lost, &taken),
        }
        self.joins[join.index()].passed_at = self.recorded;
        self.passings.push((join.index(), first.unwrap_or(step), step));
        self.note_last(self.graph.vertex(join), step);
        let names = arrived.iter().map(ToString::to_string).collect();
        let settled = EventKind::JoinSettled {
            join: join.0,
            passed: true,
            arrived: names,
        };
        self.event(step, None, settled);
        let cause = Cause {
            via: Via::Join(join),
            step,
            arrived,
            barred: Vec::new(),
        };
        let key = taken
            .first()
            .map_or_else(|| Arrival::nobody(join, step), |(_, arrival)| arrival.key);
        self.follow_join(declared, &cause, key);
    }

    fn losers_withdraw(&mut self, flow: &Flow, join: JoinId, lost: &[u32], taken: &[(u32, Arrival)]) {
        let since = self.joins[join.index()].passed_at;
        self.late_successes_lose(join, lost);
        for &source in lost {
            let branch = self.graph.branch(flow, join, source);
            self.withdraw_branch(join, source, None);
            self.compensate(|id| branch[id.node.index()], since);
        }
        for group in taken.iter().filter_map(|(_, arrival)| arrival.open) {
            let late: Vec<ActId> = self.late_items(join, group);
            self.compensate(|id| late.contains(&id), since);
            for id in late {
                self.lose(id);
            }
            self.withdraw(|act| act.group == Some(group));
        }
    }

    /// Sources that succeeded in the instant of the one that decided, but count behind it.
    fn late_successes_lose(&mut self, join: JoinId, lost: &[u32]) {
        let late = self.deciding.iter().filter_map(|(place, matter)| match matter {
            Matter::Arrival { join: at, source, .. } if *at == join && lost.contains(source) => {
                let recorded = place.id();
                let mut acts = self.acts.values();
                acts.find(|act| {
                    ActId {
                        step: act.step,
                        ..act.id
                    } == recorded
                })
                .map(|act| act.id)
            }
            Matter::Item {
                join: at, source, id, ..
            } if *at == join && lost.contains(source) => Some(*id),
            _ => None,
        });
        let late: Vec<ActId> = late.collect();
        for id in late {
            self.lose(id);
        }
    }

    /// Successes of a fan-out that were recorded with the deciding one and count behind it.
    fn late_items(&mut self, join: JoinId, group: GroupId) -> Vec<ActId> {
        let mut late = Vec::new();
        self.deciding.retain(|_, matter| match matter {
            Matter::Item {
                join: at,
                group: of,
                id,
                ..
            } if (*at, *of) == (join, group) => {
                late.push(*id);
                false
            }
            _ => true,
        });
        late
    }

    /// What has succeeded, and lost in the same instant, updates nothing and leads nowhere.
    fn lose(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        act.updates.clear();
        act.ways = Ways::None;
        act.lost = true;
        let (step, node) = (act.step, self.node_name(id.node));
        let what = format!(
            "too late: {}",
            Item {
                node: &node,
                index: id.index
            }
        );
        self.forget_views(step);
        self.event(step, Some(id.node), EventKind::Decided { what });
    }

    fn losers_run_on(&mut self, flow: &Flow, join: JoinId, lost: &[u32], taken: &[(u32, Arrival)]) {
        for &source in lost {
            if self.can_arrive(flow, join, source) {
                self.joins[join.index()].source(source).owed += 1;
            }
            let branch = self.graph.branch(flow, join, source);
            self.let_run_on(|act| branch[act.id.node.index()]);
        }
        for (source, arrival) in taken {
            if let Some(group) = arrival.open {
                self.joins[join.index()].source(*source).owed += 1;
                self.let_run_on(|act| act.group == Some(group));
            }
        }
    }

    /// A source that is dead owes nothing. Whether a debt was forgiven.
    pub(super) fn forgive_debts(&mut self) -> bool {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let indebted: Vec<(JoinId, u32)> = (0..self.joins.len())
            .flat_map(|at| {
                self.joins[at]
                    .debtors()
                    .map(move |source| (JoinId(at as u32), source))
            })
            .collect();
        let mut forgiven = false;
        for (join, source) in indebted {
            if !self.can_arrive(flow, join, source) {
                self.joins[join.index()].source(source).owed = 0;
                self.joins[join.index()].released = self.last_before_dead(join).max(self.committed);
                self.pass_race(join);
                forgiven = true;
            }
        }
        forgiven
    }
}
