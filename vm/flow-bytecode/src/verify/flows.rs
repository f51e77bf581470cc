//! Flows: ids, what chunks take, joins that fit their arrows, bounds that make sense.

use super::code::Reach;
use super::tables::duration;
use super::{At, Checker, Verified, distinct, field_id, in_table, node_id, sized, wrong};
use crate::flow::{
    Agent, Call, Decision, Each, ErrorWay, Flow, Join, Limits, Node, NodeKind, Out, Policy, Reducer, Source,
    Target, TimeoutWay, VerifyCheck, WaitFor, WaitKind,
};
use crate::ids::{ChunkId, FieldId, JoinId, NodeId};
use crate::limits::TARGET_DEPTH;

impl Checker<'_> {
    /// All flows. `reach` says what each chunk touches.
    pub(super) fn flows(&self, reach: &[Reach]) -> Verified {
        for (at, flow) in self.image.flows.iter().enumerate() {
            InFlow {
                check: self,
                flow,
                reach,
            }
            .all()
            .at(|| format!("flows[{at}]"))?;
        }
        distinct(self.image, self.image.flows.iter().map(|flow| flow.name)).at(|| "flows".into())
    }
}

/// Looks at one flow.
struct InFlow<'a> {
    check: &'a Checker<'a>,
    flow: &'a Flow,
    reach: &'a [Reach],
}

impl InFlow<'_> {
    fn all(&self) -> Verified {
        let (check, flow) = (self.check, self.flow);
        check.str(flow.name)?;
        check.strs(flow.doc)?;
        check.span(flow.span)?;
        check.params(&flow.params)?;
        check.params(&flow.config).at(|| "config".into())?;
        sized(flow.nodes.len(), "nodes")?;
        sized(flow.fields.len(), "fields")?;
        self.state()?;
        distinct(check.image, flow.fields.iter().map(|field| field.name)).at(|| "fields".into())?;
        for (at, node) in flow.nodes.iter().enumerate() {
            self.node(NodeId(at as u32), node).at(|| format!("nodes[{at}]"))?;
        }
        distinct(check.image, flow.nodes.iter().map(|node| node.name)).at(|| "nodes".into())?;
        flow.entry
            .iter()
            .try_for_each(|out| match out {
                Out::To(_) => self.out(out, &[0]),
                Out::Arrive { .. } => wrong("`start` cannot arrive at a join"),
            })
            .at(|| "entry".into())?;
        for (at, join) in flow.joins.iter().enumerate() {
            self.join(at, join).at(|| format!("joins[{at}]"))?;
        }
        for (name, ty) in &flow.events {
            check.str(*name)?;
            ty.map_or(Ok(()), |ty| check.ty(ty)).at(|| "events".into())?;
        }
        distinct(check.image, flow.events.iter().map(|(name, _)| *name)).at(|| "events".into())?;
        flow.on_error
            .as_ref()
            .map_or(Ok(()), |way| self.error_way(way, 0))
            .at(|| "on_error".into())?;
        self.optional(flow.result, &[0]).at(|| "result".into())?;
        flow.result_type.map_or(Ok(()), |ty| check.ty(ty))?;
        limits(&flow.limits).at(|| "limits".into())
    }

    fn state(&self) -> Verified {
        for (at, field) in self.flow.fields.iter().enumerate() {
            let place = || format!("fields[{at}]");
            self.check.str(field.name).at(place)?;
            self.check.strs(field.doc).at(place)?;
            self.check.ty(field.ty).at(place)?;
            self.check.span(field.span).at(place)?;
            field
                .start
                .map_or(Ok(()), |start| self.check.constant(start))
                .at(place)?;
            if let Reducer::Custom { chunk, .. } = field.reducer {
                self.chunk(chunk, &[2]).at(place)?;
            }
        }
        Ok(())
    }

    /// A chunk of this flow: it takes one of these numbers of parameters and touches nothing that
    /// the flow does not have.
    fn chunk(&self, id: ChunkId, params: &[usize]) -> Verified {
        self.check.chunk(id, params)?;
        let reach = self.reach[id.index()];
        let has = (
            self.flow.fields.len(),
            self.flow.params.len(),
            self.flow.config.len(),
        );
        if reach.fields > has.0 || reach.inputs > has.1 || reach.configs > has.2 {
            return wrong(format!(
                "chunk {} uses a field, parameter or configuration that the flow does not have",
                id.0
            ));
        }
        Ok(())
    }

    fn optional(&self, id: Option<ChunkId>, params: &[usize]) -> Verified {
        id.map_or(Ok(()), |id| self.chunk(id, params))
    }

    fn nodes(&self, ids: impl IntoIterator<Item = NodeId>) -> Verified {
        ids.into_iter()
            .try_for_each(|id| node_id(id, self.flow.nodes.len()))
    }

    fn fields(&self, ids: &[FieldId]) -> Verified {
        ids.iter()
            .try_for_each(|id| field_id(*id, self.flow.fields.len()))
    }

    fn node(&self, id: NodeId, node: &Node) -> Verified {
        let n = node.params.len();
        self.check.str(node.name)?;
        self.check.strs(node.doc)?;
        self.check.span(node.span)?;
        self.check.params(&node.params)?;
        self.kind(node, n)?;
        let settled: &[usize] = if matches!(node.kind, NodeKind::Transform) {
            &[n, n + 1]
        } else {
            &[n + 1]
        };
        self.optional(node.settle, settled).at(|| "settle".into())?;
        node.goto
            .as_ref()
            .map_or(Ok(()), |goto| self.decision(goto, settled))
            .at(|| "goto".into())?;
        node.may_goto
            .iter()
            .try_for_each(|target| self.target(target, &[0, n, n + 1], 0))
            .at(|| "may_goto".into())?;
        for fields in [&node.may_update, &node.may_overwrite, &node.reads, &node.writes] {
            self.fields(fields)?;
        }
        self.nodes(node.cancel.iter().chain(&node.finish).copied())?;
        node.retry
            .as_ref()
            .map_or(Ok(()), Checker::retry)
            .at(|| "retry".into())?;
        duration(node.timeout).at(|| "timeout".into())?;
        node.on_timeout
            .as_ref()
            .map_or(Ok(()), |way| self.way(way, &[n]))
            .at(|| "on_timeout".into())?;
        node.on_error
            .as_ref()
            .map_or(Ok(()), |way| self.error_way(way, n))
            .at(|| "on_error".into())?;
        if let Some(cache) = &node.cache {
            duration(Some(cache.ttl)).at(|| "cache".into())?;
            self.optional(cache.by, &[n]).at(|| "cache".into())?;
        }
        node.undo
            .as_ref()
            .map_or(Ok(()), |undo| self.call(&undo.call, n + 1))
            .at(|| "undo".into())?;
        node.locks
            .iter()
            .try_for_each(|lock| self.chunk(lock.key, &[n]))
            .at(|| "locks".into())?;
        self.checks(node, n).at(|| "verify".into())?;
        for (at, out) in node.outs.iter().enumerate() {
            self.out(out, &[0, n]).at(|| format!("outs[{at}]"))?;
            self.arrives_as(out, Source::Node(id))
                .at(|| format!("outs[{at}]"))?;
        }
        Ok(())
    }

    fn kind(&self, node: &Node, n: usize) -> Verified {
        match &node.kind {
            NodeKind::Task(call) => self.call(call, n),
            NodeKind::Agent(agent) => self.agent(agent, n),
            NodeKind::Transform => Ok(()),
            NodeKind::Route(decision) => self.decision(decision, &[n]),
            NodeKind::Send(items) => items.iter().try_for_each(|each| self.each(each, n)),
            NodeKind::Subgraph { flow, args } => {
                self.check.flow_id(*flow)?;
                self.chunk(*args, &[n])
            }
            NodeKind::Interrupt(interrupt) => {
                self.optional(interrupt.gate, &[n])?;
                self.chunk(interrupt.ask, &[n])?;
                self.optional(interrupt.show, &[n])?;
                interrupt.answer.map_or(Ok(()), |ty| self.check.ty(ty))
            }
            NodeKind::Wait(choices) => choices.iter().try_for_each(|choice| self.wait(choice, n)),
        }
    }

    fn call(&self, call: &Call, params: usize) -> Verified {
        self.check.worker(call.worker)?;
        self.chunk(call.args, &[params])?;
        self.check.ty(call.reply)?;
        call.content.map_or(Ok(()), |ty| self.check.ty(ty))
    }

    fn agent(&self, agent: &Agent, n: usize) -> Verified {
        self.call(&agent.call, n)?;
        self.optional(agent.next, &[n + 1])?;
        self.optional(agent.until, &[n + 1])?;
        agent
            .tools
            .iter()
            .try_for_each(|(worker, _)| self.check.worker(*worker))?;
        duration(agent.turn_timeout)
    }

    fn each(&self, each: &Each, n: usize) -> Verified {
        self.chunk(each.list, &[n])?;
        each.follow
            .map_or(Ok(()), |field| field_id(field, self.flow.fields.len()))?;
        self.optional(each.filter, &[n + 1])?;
        self.nodes([each.node])?;
        self.optional(each.args, &[n + 1])?;
        self.optional(each.until, &[n])?;
        if each.window == Some(0) {
            wrong("a window of 0")
        } else {
            Ok(())
        }
    }

    fn wait(&self, choice: &WaitFor, n: usize) -> Verified {
        match &choice.what {
            WaitKind::For(chunk) | WaitKind::Until(chunk) => self.chunk(*chunk, &[n])?,
            WaitKind::Event { event, filter, .. } => {
                in_table(*event as usize, self.flow.events.len(), "event")?;
                self.optional(*filter, &[n + 1])?;
            }
        }
        choice
            .way
            .as_ref()
            .map_or(Ok(()), |way| self.way(way, &[n, n + 1]))
    }

    fn checks(&self, node: &Node, n: usize) -> Verified {
        let Some(verify) = &node.verify else { return Ok(()) };
        duration(verify.within)?;
        verify.checks.iter().try_for_each(|check| match check {
            VerifyCheck::Command(chunk)
            | VerifyCheck::File(chunk)
            | VerifyCheck::Url(chunk)
            | VerifyCheck::Ensure(chunk) => self.chunk(*chunk, &[n + 1]),
            VerifyCheck::Receipt => Ok(()),
        })
    }

    fn decision(&self, decision: &Decision, params: &[usize]) -> Verified {
        self.chunk(decision.decide, params)?;
        for (at, arm) in decision.arms.iter().enumerate() {
            let place = || format!("arms[{at}]");
            self.check.str(arm.label).at(place)?;
            self.check.span(arm.span).at(place)?;
            self.target(&arm.target, params, 0).at(place)?;
        }
        Ok(())
    }

    fn way(&self, way: &TimeoutWay, params: &[usize]) -> Verified {
        self.target(&way.target, params, 0)?;
        self.optional(way.updates, params)
    }

    fn error_way(&self, way: &ErrorWay, n: usize) -> Verified {
        self.target(&way.target, &[n + 1], 0)?;
        self.optional(way.updates, &[n + 1])
    }

    /// `params`: what chunks in it may take.
    fn target(&self, target: &Target, params: &[usize], depth: u32) -> Verified {
        match target {
            Target::Node { node, args } => {
                self.nodes([*node])?;
                self.optional(*args, params)
            }
            Target::Many(_) if depth >= TARGET_DEPTH => {
                wrong(format!("targets nested deeper than {TARGET_DEPTH}"))
            }
            Target::Many(targets) => targets
                .iter()
                .try_for_each(|target| self.target(target, params, depth + 1)),
            Target::Fail(chunk) | Target::Cancel(chunk) => self.chunk(*chunk, params),
            Target::End | Target::Halt | Target::Skip => Ok(()),
        }
    }

    fn out(&self, out: &Out, params: &[usize]) -> Verified {
        match out {
            Out::To(target) => self.target(target, params, 0),
            Out::Arrive { join, source } => {
                in_table(join.index(), self.flow.joins.len(), "join")?;
                in_table(
                    *source as usize,
                    self.flow.joins[join.index()].sources.len(),
                    "source of the join",
                )
            }
        }
    }

    fn join(&self, at: usize, join: &Join) -> Verified {
        self.check.span(join.span)?;
        join.sources.iter().try_for_each(|source| match source {
            Source::Node(node) => self.nodes([*node]),
            Source::Join(inner) => in_table(inner.index(), self.flow.joins.len(), "join"),
        })?;
        for out in &join.target {
            self.out(out, &[0]).at(|| "target".into())?;
            self.arrives_as(out, Source::Join(JoinId(at as u32)))
                .at(|| "target".into())?;
        }
        join.otherwise
            .as_ref()
            .map_or(Ok(()), |target| self.target(target, &[0], 0))
            .at(|| "otherwise".into())?;
        let needed = match join.policy {
            Policy::AtLeast(count) | Policy::First(count) => count,
            _ => 1,
        };
        if needed == 0 {
            return wrong("passes at 0 successes");
        }
        for (number, source) in (0..).zip(&join.sources) {
            let outs = match source {
                Source::Node(node) => &self.flow.nodes[node.index()].outs,
                Source::Join(inner) => &self.flow.joins[inner.index()].target,
            };
            let arrival = Out::Arrive {
                join: JoinId(at as u32),
                source: number,
            };
            if !outs.contains(&arrival) {
                return wrong(format!("{source:?} has no arrow that arrives as source {number}"));
            }
        }
        Ok(())
    }

    /// An arrival is of the source that the join lists at its number.
    fn arrives_as(&self, out: &Out, leaving: Source) -> Verified {
        let Out::Arrive { join, source } = out else {
            return Ok(());
        };
        let listed = self.flow.joins[join.index()].sources[*source as usize];
        if listed == leaving {
            return Ok(());
        }
        wrong(format!("{leaving:?} arrives at join {} as {listed:?}", join.0))
    }
}

fn limits(limits: &Limits) -> Verified {
    let Limits {
        steps,
        time,
        age,
        parallel,
        tokens,
        state,
        depth,
    } = *limits;
    if [steps, parallel, tokens, state, depth].contains(&Some(0))
        || [time, age].into_iter().flatten().any(|d| d <= 0)
    {
        return wrong("a limit of 0");
    }
    Ok(())
}
