//! Nodes: what they do and all their clauses. Targets and decisions are in `target`, what is read
//! and written in `effects`.

use flow_bytecode as image;
use flow_bytecode::{ChunkId, FieldId, FlowId, NodeId, Out, WorkerId};

use super::code::{Code, Frame};
use super::target::Around;
use super::{Generator, effects};
use crate::hir::flow::{
    Agent, Call, Each, ErrorWay, Flow, Node, NodeKind, VerifyCheck, WaitFor, WaitKind, Way,
};
use crate::hir::{ConstValue, FieldRef, NodeRef};

/// A node with what its chunks are given.
struct Site<'p> {
    flow: &'p Flow,
    node: &'p Node,
    /// Its parameters.
    start: Frame<'p>,
    /// Its parameters and what it settles with.
    settled: Frame<'p>,
}

impl<'p> Generator<'p> {
    pub(super) fn node(&mut self, flow: &'p Flow, node: &'p Node, outs: Vec<Out>) -> image::Node {
        let start = Frame::of_node(node);
        let settled = match node.kind {
            NodeKind::Transform => start.clone(),
            _ => start.and(settle_names(node)),
        };
        let site = Site {
            flow,
            node,
            start,
            settled,
        };
        let kind = self.node_kind(&site);
        let name = |what: &str| format!("{}.{what}", node.name.text);
        image::Node {
            name: self.text(&node.name.text),
            doc: self.doc(node.doc.as_ref()),
            params: self.params(&node.params),
            kind,
            schedule: node.schedule,
            settle: self.body_chunk(&name("settle"), &site.settled, &node.body, node.head),
            goto: node
                .goto
                .as_ref()
                .map(|goto| self.decision(goto, &name("goto"), &site.settled)),
            may_goto: self.may_goto(&site),
            may_update: fields(&node.may_update),
            may_overwrite: fields(&node.may_overwrite),
            retry: node.retry.as_ref().map(Self::retry),
            timeout: node.timeout,
            on_timeout: node
                .on_timeout
                .as_ref()
                .map(|way| self.way(way, &site, "timeout", &site.start)),
            on_error: node
                .on_error
                .as_ref()
                .map(|way| self.error_way(way, &node.name.text, &site.start)),
            cache: node.cache.as_ref().map(|(ttl, by)| image::Cache {
                ttl: *ttl,
                by: by
                    .as_ref()
                    .map(|key| self.value_chunk(&name("cache"), &site.start, key)),
            }),
            undo: node.undo.as_ref().map(|undo| image::Undo {
                call: self.call(undo, &name("undo"), &site.settled),
            }),
            locks: self.locks(&site),
            cancel: nodes(&node.cancel),
            finish: nodes(&node.finish),
            verify: self.verify(&site),
            outs,
            reads: effects::reads(site.flow, node),
            writes: effects::writes(node),
            span: self.place(node.head),
        }
    }

    /// Also of a flow; then `frame` is empty.
    pub(super) fn error_way(&mut self, way: &'p ErrorWay, name: &str, frame: &Frame<'p>) -> image::ErrorWay {
        let frame = frame.and(&way.error);
        let name = format!("{name}.error");
        let target = self.target(
            &way.target,
            &Around {
                name: &name,
                frame: &frame,
                arm: None,
            },
        );
        image::ErrorWay {
            target,
            updates: None,
        }
    }

    fn node_kind(&mut self, site: &Site<'p>) -> image::NodeKind {
        let name = |what: &str| format!("{}.{what}", site.node.name.text);
        match &site.node.kind {
            NodeKind::Error | NodeKind::Transform => image::NodeKind::Transform,
            NodeKind::Task(call) => image::NodeKind::Task(self.call(call, &name("args"), &site.start)),
            NodeKind::Agent(agent) => image::NodeKind::Agent(self.agent(agent, site)),
            NodeKind::Route(route) => {
                image::NodeKind::Route(self.decision(route, &site.node.name.text, &site.start))
            }
            NodeKind::Send(groups) => {
                image::NodeKind::Send(groups.iter().map(|each| self.each(each, site)).collect())
            }
            NodeKind::Subgraph { flow, args, span } => image::NodeKind::Subgraph {
                flow: FlowId(flow.0),
                args: self.record_chunk(&name("args"), &site.start, args, *span),
            },
            NodeKind::Interrupt {
                gate,
                ask,
                show,
                answer,
            } => {
                let ask = match ask {
                    Some(ask) => self.value_chunk(&name("ask"), &site.start, ask),
                    None => self.plain_ask(site),
                };
                image::NodeKind::Interrupt(image::Interrupt {
                    gate: gate
                        .as_ref()
                        .map(|gate| self.value_chunk(&name("when"), &site.start, gate)),
                    ask,
                    show: show
                        .as_ref()
                        .map(|show| self.value_chunk(&name("show"), &site.start, show)),
                    answer: answer.map(|ty| self.ty(ty)),
                })
            }
            NodeKind::Wait(choices) => {
                image::NodeKind::Wait(choices.iter().map(|choice| self.wait(choice, site)).collect())
            }
        }
    }

    fn call(&mut self, call: &'p Call, name: &str, frame: &Frame<'p>) -> image::Call {
        image::Call {
            worker: WorkerId(call.worker.0),
            args: self.record_chunk(name, frame, &call.args, call.span),
            reply: self.ty(call.reply),
            content: call.content.map(|ty| self.ty(ty)),
        }
    }

    fn agent(&mut self, agent: &'p Agent, site: &Site<'p>) -> image::Agent {
        let name = |what: &str| format!("{}.{what}", site.node.name.text);
        let call = self.call(&agent.call, &name("args"), &site.start);
        let next = agent.next.as_ref();
        let next = next.map(|args| self.record_chunk(&name("continue"), &site.settled, args, site.node.head));
        let until = agent
            .until
            .as_ref()
            .map(|cond| self.value_chunk(&name("until"), &site.settled, cond));
        let tools = agent
            .tools
            .iter()
            .map(|(worker, approval)| (WorkerId(worker.0), *approval));
        image::Agent {
            call,
            next,
            until,
            tools: tools.collect(),
            turns: agent.turns,
            turn_timeout: agent.turn_timeout,
        }
    }

    fn each(&mut self, each: &'p Each, site: &Site<'p>) -> image::Each {
        let name = |what: &str| format!("{}.{what}", site.node.name.text);
        let item = site.start.and([&each.item]);
        let args = &each.args;
        image::Each {
            list: self.value_chunk(&name("each"), &site.start, &each.list),
            single: each.single,
            follow: each.follow.map(|field| FieldId(field.0)),
            filter: each
                .filter
                .as_ref()
                .map(|cond| self.value_chunk(&name("where"), &item, cond)),
            node: NodeId(each.node.0),
            args: (!args.is_empty()).then(|| self.record_chunk(&name("item"), &item, args, each.span)),
            window: each.window,
            until: each
                .until
                .as_ref()
                .map(|cond| self.value_chunk(&name("until"), &site.start, cond)),
            cancel_rest: each.cancel_rest,
        }
    }

    fn wait(&mut self, choice: &'p WaitFor, site: &Site<'p>) -> image::WaitFor {
        let name = |what: &str| format!("{}.{what}", site.node.name.text);
        let (what, event) = match &choice.what {
            WaitKind::For(time) => (
                image::WaitKind::For(self.value_chunk(&name("for"), &site.start, time)),
                site.start.and([]),
            ),
            WaitKind::Until(time) => (
                image::WaitKind::Until(self.value_chunk(&name("until"), &site.start, time)),
                site.start.and([]),
            ),
            WaitKind::Event {
                event,
                bound,
                filter,
                transient,
            } => {
                let frame = site.start.and(bound.iter().chain(&site.node.reply));
                let filter = filter
                    .as_ref()
                    .map(|cond| self.value_chunk(&name("where"), &frame, cond));
                (
                    image::WaitKind::Event {
                        event: *event,
                        filter,
                        transient: *transient,
                    },
                    frame,
                )
            }
        };
        let way = choice
            .way
            .as_ref()
            .map(|way| self.way(way, site, "choice", &event));
        image::WaitFor { what, way }
    }

    fn way(&mut self, way: &'p Way, site: &Site<'p>, what: &str, frame: &Frame<'p>) -> image::TimeoutWay {
        let name = format!("{}.{what}", site.node.name.text);
        image::TimeoutWay {
            target: self.target(
                &way.target,
                &Around {
                    name: &name,
                    frame,
                    arm: None,
                },
            ),
            updates: self.body_chunk(&name, frame, &way.updates, way.target.span),
        }
    }

    fn may_goto(&mut self, site: &Site<'p>) -> Vec<image::Target> {
        let around = Around {
            name: &site.node.name.text,
            frame: &site.settled,
            arm: None,
        };
        site.node
            .may_goto
            .iter()
            .map(|target| self.target(target, &around))
            .collect()
    }

    fn locks(&mut self, site: &Site<'p>) -> Vec<image::Lock> {
        let name = format!("{}.lock", site.node.name.text);
        let one = |(key, shared): &'p (_, bool)| image::Lock {
            key: self.value_chunk(&name, &site.start, key),
            shared: *shared,
        };
        site.node.locks.iter().map(one).collect()
    }

    fn verify(&mut self, site: &Site<'p>) -> Option<image::Verify> {
        let (checks, within) = site.node.verify.as_ref()?;
        let name = format!("{}.verify", site.node.name.text);
        let one = |check: &'p VerifyCheck| match check {
            VerifyCheck::Command(e) => image::VerifyCheck::Command(self.value_chunk(&name, &site.settled, e)),
            VerifyCheck::File(e) => image::VerifyCheck::File(self.value_chunk(&name, &site.settled, e)),
            VerifyCheck::Url(e) => image::VerifyCheck::Url(self.value_chunk(&name, &site.settled, e)),
            VerifyCheck::Ensure { cond, message } => {
                let mut code = Code::new(self, &site.settled);
                let parts: Vec<_> = [Some(cond), message.as_ref()].into_iter().flatten().collect();
                code.need(&parts);
                code.ensure(cond, message.as_ref(), "the condition");
                code.return_constant(&ConstValue::Null, cond.span);
                let chunk = code.into_chunk(&name);
                image::VerifyCheck::Ensure(self.add_chunk(chunk))
            }
            VerifyCheck::Receipt => image::VerifyCheck::Receipt,
        };
        Some(image::Verify {
            checks: checks.iter().map(one).collect(),
            within: *within,
        })
    }

    /// An interrupt that asks nothing shows its name.
    fn plain_ask(&mut self, site: &Site<'p>) -> ChunkId {
        let mut code = Code::new(self, &site.start);
        code.return_constant(&ConstValue::Str(site.node.name.text.clone()), site.node.head);
        let chunk = code.into_chunk(&format!("{}.ask", site.node.name.text));
        self.add_chunk(chunk)
    }
}

/// The names of what a node settles with: its reply, its answer, or the event of its only wait.
fn settle_names(node: &Node) -> Vec<&crate::hir::expr::Local> {
    let mut names: Vec<_> = node.reply.iter().collect();
    if let NodeKind::Wait(choices) = &node.kind
        && let [
            WaitFor {
                what: WaitKind::Event {
                    bound: Some(bound), ..
                },
                ..
            },
        ] = choices.as_slice()
    {
        names.push(bound);
    }
    names
}

fn fields<T>(listed: &[(FieldRef, T)]) -> Vec<FieldId> {
    listed.iter().map(|(field, _)| FieldId(field.0)).collect()
}

fn nodes<T>(listed: &[(NodeRef, T)]) -> Vec<NodeId> {
    listed.iter().map(|(node, _)| NodeId(node.0)).collect()
}
