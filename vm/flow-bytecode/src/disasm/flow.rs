//! Flows as text: state, nodes with their clauses, joins.

use std::fmt::Write as _;

use super::Text;
use crate::flow::{Decision, Flow, Join, Node, NodeKind, Out, Source, Target, WaitKind};
use crate::ids::{ChunkId, FieldId, NodeId};

impl Text<'_> {
    pub(super) fn flow(&self, flow: &Flow, out: &mut String) {
        let result = flow
            .result
            .map_or(String::new(), |chunk| format!(" return c{}", chunk.0));
        let _ = writeln!(
            out,
            "flow {}({}){result}",
            self.str(flow.name.index()),
            self.params(&flow.params)
        );
        if !flow.config.is_empty() {
            let _ = writeln!(out, "  config {}", self.params(&flow.config));
        }
        for (at, field) in flow.fields.iter().enumerate() {
            let start = field
                .start
                .map_or(String::new(), |id| format!(" = {}", self.constant(id)));
            let name = self.str(field.name.index());
            let _ = write!(
                out,
                "  field {at} {name}: {} by {:?}{start}",
                self.ty(field.ty),
                field.reducer
            );
            let _ = write!(out, "{}", if field.ephemeral { " ephemeral" } else { "" });
            let _ = writeln!(out, "{}", if field.external { " external" } else { "" });
        }
        for (at, (name, ty)) in flow.events.iter().enumerate() {
            let ty = ty.map_or(String::new(), |ty| format!(": {}", self.ty(ty)));
            let _ = writeln!(out, "  event {at} {}{ty}", self.str(name.index()));
        }
        let in_flow = InFlow { text: self, flow };
        let _ = writeln!(out, "  start{}", in_flow.outs(&flow.entry));
        if let Some(way) = &flow.on_error {
            let _ = writeln!(out, "  on error -> {}", in_flow.target(&way.target));
        }
        for (at, node) in flow.nodes.iter().enumerate() {
            in_flow.node(at, node, out);
        }
        for (at, join) in flow.joins.iter().enumerate() {
            let _ = writeln!(out, "  {}", in_flow.join(at, join));
        }
    }
}

struct InFlow<'a> {
    text: &'a Text<'a>,
    flow: &'a Flow,
}

impl InFlow<'_> {
    fn node(&self, at: usize, node: &Node, out: &mut String) {
        let schedule = match node.schedule {
            crate::flow::Schedule::Normal => String::new(),
            other => format!("{other:?} ").to_lowercase(),
        };
        let name = self.text.str(node.name.index());
        let params = self.text.params(&node.params);
        let kind = self.kind(&node.kind);
        let _ = writeln!(
            out,
            "  node {at} {name}({params}): {schedule}{kind}{}",
            self.outs(&node.outs)
        );
        let mut clause = |text: String| {
            let _ = writeln!(out, "    {text}");
        };
        if let NodeKind::Route(decision) = &node.kind {
            self.arms(decision).into_iter().for_each(&mut clause);
        }
        for (what, chunk) in [
            ("settle", node.settle),
            ("cache by", node.cache.as_ref().and_then(|cache| cache.by)),
        ] {
            if let Some(chunk) = chunk {
                clause(format!("{what} c{}", chunk.0));
            }
        }
        if let Some(goto) = &node.goto {
            clause(format!("goto c{}", goto.decide.0));
            self.arms(goto).into_iter().for_each(&mut clause);
        }
        if !node.may_goto.is_empty() {
            let targets: Vec<_> = node.may_goto.iter().map(|target| self.target(target)).collect();
            clause(format!("may goto {}", targets.join(", ")));
        }
        if let Some(retry) = &node.retry {
            let (min, max) = (retry.backoff_min, retry.backoff_max);
            clause(format!(
                "attempts {} backoff {min}ns..{max}ns factor {}",
                retry.attempts, retry.factor
            ));
        }
        if let Some(timeout) = node.timeout {
            let way = node
                .on_timeout
                .as_ref()
                .map_or(String::new(), |way| format!(" -> {}", self.target(&way.target)));
            clause(format!("timeout {timeout}ns{way}"));
        }
        if let Some(way) = &node.on_error {
            clause(format!("on error -> {}", self.target(&way.target)));
        }
        self.touched(node).into_iter().for_each(&mut clause);
    }

    /// What it undoes, reads, writes and ends.
    fn touched(&self, node: &Node) -> Vec<String> {
        let mut lines = Vec::new();
        let mut clause = |text: String| lines.push(text);
        if let Some(undo) = &node.undo {
            clause(format!("undo w{} c{}", undo.call.worker.0, undo.call.args.0));
        }
        for (what, ids) in [
            ("reads", &node.reads),
            ("writes", &node.writes),
            ("may update", &node.may_update),
        ] {
            if !ids.is_empty() {
                clause(format!("{what} {}", self.fields(ids)));
            }
        }
        for (what, ids) in [("cancel", &node.cancel), ("finish", &node.finish)] {
            if !ids.is_empty() {
                let names: Vec<_> = ids.iter().map(|id| self.node_name(*id)).collect();
                clause(format!("{what} {}", names.join(", ")));
            }
        }
        lines
    }

    fn kind(&self, kind: &NodeKind) -> String {
        let optional =
            |what: &str, chunk: Option<ChunkId>| chunk.map_or(String::new(), |c| format!(" {what} c{}", c.0));
        match kind {
            NodeKind::Task(call) => format!("task w{} c{}", call.worker.0, call.args.0),
            NodeKind::Agent(agent) => {
                let call = format!("agent w{} c{}", agent.call.worker.0, agent.call.args.0);
                call + &optional("continue", agent.next) + &optional("until", agent.until)
            }
            NodeKind::Transform => "transform".into(),
            NodeKind::Route(decision) => {
                format!(
                    "route{} c{}",
                    if decision.every { " every" } else { "" },
                    decision.decide.0
                )
            }
            NodeKind::Send(items) => {
                let one = |each: &crate::flow::Each| {
                    let args = optional("args", each.args) + &optional("where", each.filter);
                    format!("each c{} -> {}{args}", each.list.0, self.node_name(each.node))
                };
                format!("send {}", items.iter().map(one).collect::<Vec<_>>().join(", "))
            }
            NodeKind::Subgraph { flow, args } => format!("subgraph flow {} c{}", flow.0, args.0),
            NodeKind::Interrupt(interrupt) => {
                let gate = optional("when", interrupt.gate);
                format!(
                    "interrupt ask c{}{}{gate}",
                    interrupt.ask.0,
                    optional("show", interrupt.show)
                )
            }
            NodeKind::Wait(choices) => {
                let one = |choice: &crate::flow::WaitFor| {
                    let what = match &choice.what {
                        WaitKind::For(chunk) => format!("for c{}", chunk.0),
                        WaitKind::Until(chunk) => format!("until c{}", chunk.0),
                        WaitKind::Event { event, filter, .. } => {
                            format!("event {event}{}", optional("where", *filter))
                        }
                    };
                    let way = choice
                        .way
                        .as_ref()
                        .map_or(String::new(), |way| format!(" -> {}", self.target(&way.target)));
                    what + &way
                };
                format!("wait {}", choices.iter().map(one).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn arms(&self, decision: &Decision) -> Vec<String> {
        let one = |arm: &crate::flow::Arm| {
            format!(
                "| {} -> {}",
                self.text.str(arm.label.index()),
                self.target(&arm.target)
            )
        };
        decision.arms.iter().map(one).collect()
    }

    fn join(&self, at: usize, join: &Join) -> String {
        let one = |source: &Source| match source {
            Source::Node(node) => self.node_name(*node).to_owned(),
            Source::Join(inner) => format!("join {}", inner.0),
        };
        let sources: Vec<_> = join.sources.iter().map(one).collect();
        let otherwise = join
            .otherwise
            .as_ref()
            .map_or(String::new(), |target| format!(" else {}", self.target(target)));
        let (policy, rest) = (join.policy, join.rest);
        format!(
            "join {at} {policy:?} of [{}] {rest:?}{}{otherwise}",
            sources.join(", "),
            self.outs(&join.target)
        )
    }

    fn outs(&self, outs: &[Out]) -> String {
        let one = |out: &Out| match out {
            Out::To(target) => format!(" -> {}", self.target(target)),
            Out::Arrive { join, source } => format!(" -> join {} as {source}", join.0),
        };
        outs.iter().map(one).collect()
    }

    fn target(&self, target: &Target) -> String {
        match target {
            Target::Node { node, args: None } => self.node_name(*node).into(),
            Target::Node {
                node,
                args: Some(args),
            } => format!("{}(c{})", self.node_name(*node), args.0),
            Target::Many(targets) => {
                let targets: Vec<_> = targets.iter().map(|target| self.target(target)).collect();
                format!("[{}]", targets.join(", "))
            }
            Target::Fail(chunk) => format!("fail c{}", chunk.0),
            Target::Cancel(chunk) => format!("cancel c{}", chunk.0),
            Target::End => "end".into(),
            Target::Halt => "halt".into(),
            Target::Skip => "skip".into(),
        }
    }

    fn node_name(&self, id: NodeId) -> &str {
        self.flow
            .nodes
            .get(id.index())
            .map_or("?", |node| self.text.str(node.name.index()))
    }

    fn fields(&self, ids: &[FieldId]) -> String {
        let one = |id: &FieldId| {
            let field = self.flow.fields.get(id.index());
            field.map_or("?", |field| self.text.str(field.name.index()))
        };
        ids.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
