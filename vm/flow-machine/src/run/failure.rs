//! Where a final failure goes: the time-out's way, the node's, the flow's, a tolerant join, or the run.

use std::sync::Arc;

use flow_bytecode::{ErrorClass, NodeId, Source, Target, TimeoutWay};

use super::activation::{ActId, Aim, Failure, Phase, Role, Ways};
use super::join::Arrival;
use super::{Run, Verdict};
use crate::border;
use crate::event::{RunError, Settlement};
use crate::interp::Update;
use crate::value::Value;

/// A way that takes a failure.
struct Taken {
    aims: Vec<Aim>,
    updates: Vec<Update>,
    how: Settlement,
}

impl Run {
    /// An activation has failed for good.
    pub(super) fn fail(&mut self, id: ActId, failure: &Failure) {
        match self.acts.get(&id).map(|act| act.role) {
            None => return,
            Some(Role::Undo(_)) => return self.finish(id, Settlement::Failed, Vec::new(), Ways::None),
            Some(Role::Tool { .. }) => {
                let error = serde_json::json!({ "class": failure.class, "message": failure.message });
                return self.tool_done(id, Err(error));
            }
            Some(Role::Finally) => return self.finally_fails(id, failure),
            Some(Role::Normal) => {}
        }
        match self.take_failure(id, failure) {
            Ok(Some(taken)) => {
                let skips = matches!(taken.aims.as_slice(), [Aim::Skip]);
                let (how, ways) = if skips {
                    (Settlement::Skipped, Ways::Arrows)
                } else {
                    (taken.how, Ways::Aims(taken.aims))
                };
                self.finish(id, how, taken.updates, ways);
            }
            Ok(None) => self.not_taken(id, failure),
            Err(own) => self.not_taken(id, &own),
        }
    }

    /// A `finally` node's own `on error` may update, and says whether the run is harmed.
    fn finally_fails(&mut self, id: ActId, failure: &Failure) {
        let own = self.node(id.node).on_error.is_some();
        match own.then(|| self.take_failure(id, failure)) {
            Some(Ok(Some(taken))) if !taken.aims.iter().any(|aim| matches!(aim, Aim::Stop(_))) => {
                self.finish(id, taken.how, taken.updates, Ways::None);
            }
            Some(Err(own)) => self.finally_failed(id, &own),
            _ => self.finally_failed(id, failure),
        }
    }

    fn not_taken(&mut self, id: ActId, failure: &Failure) {
        if self.acts.get(&id).is_some_and(|act| act.unheeded) {
            return self.finish(id, Settlement::Failed, Vec::new(), Ways::None);
        }
        let step = self.acts.get(&id).map_or(id.step, |act| act.step);
        if self.absorb_activation(id, step) {
            return;
        }
        let error = self.run_error(Some(id.node), failure);
        self.set_phase(id, Phase::Failed);
        self.record_verdict(ActId { step, ..id }, Verdict::Failed(error));
    }

    /// The way that takes a failure, evaluated.
    fn take_failure(&mut self, id: ActId, failure: &Failure) -> Result<Option<Taken>, Failure> {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let node = &flow.nodes[id.node.index()];
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.to_vec());
        let error = self.error_value(id.node, act.attempts, failure);
        if let (ErrorClass::Timeout, Some(way)) = (failure.class, &node.on_timeout) {
            return self.take_timeout(id, way).map(Some);
        }
        let (way, regs) = match (&node.on_error, &flow.on_error) {
            (Some(way), _) => (way, [params, vec![error]].concat()),
            (None, Some(way)) if self.graph.is_covered(id.node) => (way, vec![error]),
            _ => return Ok(None),
        };
        let updates = match way.updates {
            Some(chunk) => self.eval(chunk, &regs, step, &sight)?.updates,
            None => Vec::new(),
        };
        let aims = self.aims(&way.target, &regs, step, &sight)?;
        let how = if matches!(way.target, Target::Skip) {
            Settlement::Skipped
        } else {
            Settlement::LeftByError
        };
        Ok(Some(Taken { aims, updates, how }))
    }

    fn take_timeout(&mut self, id: ActId, way: &TimeoutWay) -> Result<Taken, Failure> {
        let (updates, aims) = self.take_way(id, way, None)?;
        Ok(Taken {
            aims,
            updates,
            how: Settlement::TimedOut,
        })
    }

    /// Evaluates the way of a time-out or of a wait's choice.
    pub(super) fn take_way(
        &mut self,
        id: ActId,
        way: &TimeoutWay,
        event: Option<Value>,
    ) -> Result<(Vec<Update>, Vec<Aim>), Failure> {
        let act = &self.acts[&id];
        let (step, sight, mut regs) = (act.step, self.sight_of(act), act.params.to_vec());
        regs.extend(event);
        let updates = match way.updates {
            Some(chunk) => self.eval(chunk, &regs, step, &sight)?.updates,
            None => Vec::new(),
        };
        Ok((updates, self.aims(&way.target, &regs, step, &sight)?))
    }

    /// Lets a tolerant join take an activation's failure.
    fn absorb_activation(&mut self, id: ActId, step: u64) -> bool {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let Some((join, source)) = self.graph.absorber(flow, id.node) else {
            return false;
        };
        let is_source = flow.joins[join.index()].sources[source as usize] == Source::Node(id.node);
        self.finish(id, Settlement::Failed, Vec::new(), Ways::None);
        if is_source && self.acts.get(&id).is_some_and(|act| act.group.is_some()) {
            return true;
        }
        self.fail_source(join, source, id, step);
        true
    }

    /// Lets a tolerant join take a route's failure.
    pub(super) fn absorb(&mut self, node: NodeId, key: ActId) -> bool {
        let program = self.program.clone();
        let flow = &program.image().flows[self.flow_at];
        let Some((join, source)) = self.graph.absorber(flow, node) else {
            return false;
        };
        self.fail_source(join, source, key, key.step);
        true
    }

    /// A source arrives as failed, and what else its branch had under way is withdrawn.
    fn fail_source(&mut self, join: flow_bytecode::JoinId, source: u32, id: ActId, step: u64) {
        self.withdraw_branch(join, source, Some(id));
        self.arrive(join, source, Arrival::one(ActId { step, ..id }, false));
    }

    /// Ends the run by a failure that nothing takes.
    pub(super) fn fail_run(&mut self, key: ActId, node: Option<NodeId>, failure: &Failure) {
        let error = self.run_error(node, failure);
        self.record_verdict(key, Verdict::Failed(error));
    }

    pub(super) fn run_error(&self, node: Option<NodeId>, failure: &Failure) -> RunError {
        RunError {
            code: failure.code.into(),
            message: failure.message.clone(),
            node: node.map(|node| self.node_name(node).to_string()),
            class: Some(failure.class),
            span: failure.span.or_else(|| node.map(|node| self.node(node).span)),
        }
    }

    /// The `e` of `on error as e`.
    pub(super) fn error_value(&self, node: NodeId, attempts: u32, failure: &Failure) -> Value {
        let reply = failure
            .reply
            .as_deref()
            .and_then(border::plain_value)
            .unwrap_or(Value::Null);
        let named: [(&str, Value); 5] = [
            ("class", Value::str(class_name(failure.class))),
            ("message", Value::str(failure.message.as_str())),
            ("node", Value::Str(self.node_name(node))),
            ("attempts", Value::Int(i64::from(attempts.max(1)))),
            ("reply", reply),
        ];
        Value::record(named.map(|(name, value)| (Arc::from(name), value)))
    }
}

/// The name of an error class in the language.
pub(super) fn class_name(class: ErrorClass) -> String {
    match serde_json::to_value(class) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
