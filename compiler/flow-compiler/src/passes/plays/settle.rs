//! What comes of an activation's settling: arrows, groups, withdrawals.

use std::collections::VecDeque;

use flow_bytecode::Schedule;

use super::super::graph_view::Vertex;
use super::moves::{What, arrows, untils};
use super::state::{Arrival, Group, Live, State};
use super::{Over, Search};

impl Search<'_, '_> {
    /// Settles an activation by one of its moves.
    pub(super) fn settle(&mut self, mut state: State, index: usize, number: usize) -> Result<State, Over> {
        let live = state.live.remove(index);
        let by = self.moves[live.node as usize][number].clone();
        let updates = by.updates && live.group.is_none();
        let written = live.written || updates;
        state.updated |= updates;
        if by.succeeds {
            self.command(&mut state, live.node)?;
        }
        let unheeded = self.leave_group(&mut state, live)?;
        match by.what {
            _ if unheeded => {}
            What::Arrows if live.group.is_some() => {}
            What::Arrows => self.follow(&mut state, &arrows(self.view, live.node), written)?,
            What::Edges(edges) => self.follow(&mut state, &edges, written)?,
            What::Items(items) => self.send(&mut state, &items, written)?,
            What::Fails(join, source) => {
                self.withdraw_branch(&mut state, join, source);
                let succeeded = false;
                self.arrive(&mut state, join, source, Arrival { succeeded, written })?;
            }
        }
        if self
            .view
            .hir(live.node)
            .is_some_and(|node| node.schedule == Schedule::Standing)
        {
            self.begin(&mut state, live.node, written, None)?;
        }
        self.judge(&mut state)?;
        Ok(state)
    }

    /// Takes edges.
    pub(super) fn follow(&mut self, state: &mut State, edges: &[u32], written: bool) -> Result<(), Over> {
        for edge in edges {
            let edge = self.view.edges[*edge as usize];
            if let Some(join) = self.view.as_join(edge.to) {
                let succeeded = true;
                self.arrive(state, join, edge.source, Arrival { succeeded, written })?;
            } else if self.view.as_node(edge.to).is_some() {
                self.trigger(state, edge.to, written)?;
            } else if edge.to == self.view.halt() {
                self.seen.ends_unwritten |= !written;
                return Err(Over);
            } else if self.view.ends_run(edge.to) {
                return Err(Over);
            }
        }
        Ok(())
    }

    fn trigger(&mut self, state: &mut State, node: Vertex, written: bool) -> Result<(), Over> {
        match self.view.hir(node).map(|hir| hir.schedule) {
            Some(Schedule::Finally) | None => Ok(()),
            Some(Schedule::Deferred) => {
                if !state.held.contains(&node) {
                    state.held.push(node);
                }
                Ok(())
            }
            Some(Schedule::Normal | Schedule::Standing) => self.begin(state, node, written, None),
        }
    }

    fn send(&mut self, state: &mut State, items: &[(Vertex, u8)], written: bool) -> Result<(), Over> {
        for (node, count) in items {
            if *count == 0 {
                self.follow(state, &arrows(self.view, *node), written)?;
                continue;
            }
            let group = state.groups.len() as u8;
            state.groups.push(Group {
                node: *node,
                left: *count,
                written,
                closed: false,
            });
            for _ in 0..*count {
                self.begin(state, *node, written, Some(group))?;
            }
        }
        Ok(())
    }

    /// An item leaves its group, whose arrows fire with the last; whether nobody heeds it.
    fn leave_group(&mut self, state: &mut State, live: Live) -> Result<bool, Over> {
        let Some(number) = live.group else {
            return Ok(false);
        };
        let group = &mut state.groups[number as usize];
        group.left -= 1;
        let unheeded = group.closed;
        if group.left == 0 && !group.closed {
            self.complete(state, number as usize)?;
        }
        Ok(unheeded)
    }

    fn complete(&mut self, state: &mut State, number: usize) -> Result<(), Over> {
        let group = &mut state.groups[number];
        group.closed = true;
        let (node, written) = (group.node, group.written);
        self.follow(state, &arrows(self.view, node), written)
    }

    /// Groups that are complete before all their items are.
    pub(super) fn early(&mut self, state: &State, open: &mut VecDeque<State>) {
        for (number, group) in state.groups.iter().enumerate() {
            if group.closed {
                continue;
            }
            for (withdraws, _) in untils(self.view, group.node) {
                let mut next = state.clone();
                if withdraws {
                    next.live.retain(|live| live.group != Some(number as u8));
                    next.groups[number].left = 0;
                }
                let done = self
                    .complete(&mut next, number)
                    .and_then(|()| self.judge(&mut next));
                open.extend(done.ok().map(|()| next.in_order()));
            }
        }
    }

    /// `cancel` and `finish`.
    fn command(&mut self, state: &mut State, node: Vertex) -> Result<(), Over> {
        let Some(hir) = self.view.hir(node) else {
            return Ok(());
        };
        for (withdrawn, _) in &hir.cancel {
            let vertex = self.view.node(*withdrawn);
            withdraw(state, |v| v == vertex);
        }
        for (finished, _) in &hir.finish {
            let vertex = self.view.node(*finished);
            let open: Vec<usize> = (0..state.groups.len())
                .filter(|number| state.groups[*number].node == vertex && !state.groups[*number].closed)
                .collect();
            withdraw(state, |v| v == vertex);
            for number in open {
                self.complete(state, number)?;
            }
        }
        Ok(())
    }
}

/// Withdraws what is under way or held in these nodes. A group that loses an item fires no arrow.
pub(super) fn withdraw(state: &mut State, inside: impl Fn(Vertex) -> bool) {
    for live in state.live.iter().filter(|live| inside(live.node)) {
        if let Some(group) = live.group {
            let group = &mut state.groups[group as usize];
            group.left -= 1;
            group.closed = true;
        }
    }
    state.live.retain(|live| !inside(live.node));
    state.held.retain(|node| !inside(*node));
}
