//! Clauses of the node that was added last, arrows, joins, targets.

use flow_bytecode::*;

use super::code::fields_of;
use super::{Builder, E, S, T, To, span, to};

impl Builder {
    pub(super) fn last(&mut self) -> &mut Node {
        self.flow.nodes.last_mut().unwrap()
    }

    pub(crate) fn schedule(&mut self, schedule: Schedule) -> &mut Self {
        self.last().schedule = schedule;
        self
    }

    pub(crate) fn timeout(&mut self, nanos: i64) -> &mut Self {
        self.last().timeout = Some(nanos);
        self
    }

    pub(crate) fn retry(&mut self, attempts: u32, min: i64, max: i64) -> &mut Self {
        self.last().retry = Some(RetryPolicy {
            attempts,
            backoff_min: min,
            backoff_max: max,
            factor: 2.0,
            on: None,
        });
        self
    }

    pub(crate) fn undo(&mut self, worker: &'static str) -> &mut Self {
        let given = self.last().params.len() as u16 + 1;
        let call = self.call(worker, given, &[], T::Json);
        self.last().undo = Some(Undo { call });
        self
    }

    pub(crate) fn may_update(&mut self, names: &[&'static str]) -> &mut Self {
        let ids: Vec<FieldId> = names.iter().map(|name| self.field_id(name)).collect();
        self.last().may_update.extend(&ids);
        self.last().writes.extend(ids);
        self.last().writes.sort_unstable();
        self.last().writes.dedup();
        self
    }

    pub(crate) fn may_goto(&mut self, targets: Vec<To>) -> &mut Self {
        let id = NodeId(self.flow.nodes.len() as u32 - 1);
        self.wiring.push(Box::new(move |b| {
            let targets = targets.iter().map(|to| b.target(to, 0)).collect();
            b.flow.nodes[id.index()].may_goto = targets;
        }));
        self
    }

    /// A goto decided on the parameters and the reply.
    pub(crate) fn goto(&mut self, arms: Vec<(E, To)>) -> &mut Self {
        let id = NodeId(self.flow.nodes.len() as u32 - 1);
        self.wiring.push(Box::new(move |b| {
            let given = b.given(id);
            let mut reads = Vec::new();
            arms.iter().for_each(|(e, _)| fields_of(e, &mut reads));
            b.add_reads(id, &reads);
            let decision = b.decision(arms, false, given);
            b.flow.nodes[id.index()].goto = Some(decision);
        }));
        self
    }

    pub(super) fn given(&self, id: NodeId) -> u16 {
        let node = &self.flow.nodes[id.index()];
        node.params.len() as u16 + u16::from(!matches!(node.kind, NodeKind::Transform))
    }

    pub(crate) fn on_error(&mut self, target: To, updates: &[S]) -> &mut Self {
        let id = NodeId(self.flow.nodes.len() as u32 - 1);
        let updates = updates.to_vec();
        self.wiring.push(Box::new(move |b| {
            let given = b.flow.nodes[id.index()].params.len() as u16 + 1;
            let way = b.error_way(&target, &updates, given);
            b.flow.nodes[id.index()].on_error = Some(way);
        }));
        self
    }

    pub(crate) fn flow_on_error(&mut self, target: To) -> &mut Self {
        self.wiring.push(Box::new(move |b| {
            let way = b.error_way(&target, &[], 1);
            b.flow.on_error = Some(way);
        }));
        self
    }

    pub(super) fn error_way(&mut self, target: &To, updates: &[S], given: u16) -> ErrorWay {
        let updates = (!updates.is_empty()).then(|| self.chunk(given, updates, &E::Null));
        ErrorWay {
            target: self.target(target, given),
            updates,
        }
    }

    pub(crate) fn on_timeout(&mut self, target: To, updates: &[S]) -> &mut Self {
        let id = NodeId(self.flow.nodes.len() as u32 - 1);
        let updates = updates.to_vec();
        self.wiring.push(Box::new(move |b| {
            let given = b.flow.nodes[id.index()].params.len() as u16;
            let chunk = (!updates.is_empty()).then(|| b.chunk(given, &updates, &E::Null));
            let target = b.target(&target, given);
            b.flow.nodes[id.index()].on_timeout = Some(TimeoutWay {
                target,
                updates: chunk,
            });
        }));
        self
    }

    pub(crate) fn limits(&mut self, limits: Limits) -> &mut Self {
        self.flow.limits = limits;
        self
    }

    /// `a -> b -> c`; `start` and `end` as in source.
    pub(crate) fn edge(&mut self, path: &'static str) -> &mut Self {
        self.wiring.push(Box::new(move |b| {
            let names: Vec<&'static str> = path.split("->").map(str::trim).collect();
            for pair in names.windows(2) {
                let out = Out::To(b.target(&to(pair[1]), 0));
                b.outs(pair[0]).push(out);
            }
        }));
        self
    }

    /// `policy of [sources] -> target`.
    pub(crate) fn join(
        &mut self,
        policy: Policy,
        sources: &'static [&'static str],
        target: &'static str,
    ) -> &mut Self {
        self.join_else(policy, sources, target, None)
    }

    pub(crate) fn join_else(
        &mut self,
        policy: Policy,
        sources: &'static [&'static str],
        target: &'static str,
        otherwise: Option<To>,
    ) -> &mut Self {
        self.wiring.push(Box::new(move |b| {
            let join = JoinId(b.flow.joins.len() as u32);
            let ids = sources.iter().map(|name| Source::Node(b.node_id(name))).collect();
            let target = vec![Out::To(b.target(&to(target), 0))];
            let otherwise = otherwise.map(|to| b.target(&to, 0));
            b.flow.joins.push(Join {
                policy,
                rest: Rest::Cancel,
                sources: ids,
                target,
                otherwise,
                span: span(),
            });
            for (source, name) in (0..).zip(sources) {
                b.outs(name).push(Out::Arrive { join, source });
            }
        }));
        self
    }

    pub(super) fn outs(&mut self, name: &str) -> &mut Vec<Out> {
        if name == "start" {
            return &mut self.flow.entry;
        }
        let id = self.node_id(name);
        &mut self.flow.nodes[id.index()].outs
    }

    pub(super) fn target(&mut self, to: &To, given: u16) -> Target {
        match to {
            To::Node(name) => Target::Node {
                node: self.node_id(name),
                args: None,
            },
            To::With(name, args) => {
                let chunk = self.chunk(given, &[], &E::Record(args.clone()));
                Target::Node {
                    node: self.node_id(name),
                    args: Some(chunk),
                }
            }
            To::Many(all) => Target::Many(all.iter().map(|to| self.target(to, given)).collect()),
            To::End => Target::End,
            To::Halt => Target::Halt,
            To::Skip => Target::Skip,
            To::Fail(why) => Target::Fail(self.chunk(given, &[], &E::Str(why))),
            To::Cancel(why) => Target::Cancel(self.chunk(given, &[], &E::Str(why))),
        }
    }

    pub(super) fn node_id(&self, name: &str) -> NodeId {
        let at = self
            .flow
            .nodes
            .iter()
            .position(|node| self.image.str(node.name) == name);
        NodeId(at.unwrap_or_else(|| panic!("no node {name}")) as u32)
    }

    pub(super) fn field_id(&self, name: &str) -> FieldId {
        let at = self
            .flow
            .fields
            .iter()
            .position(|field| self.image.str(field.name) == name);
        FieldId(at.unwrap_or_else(|| panic!("no field {name}")) as u32)
    }
}
