//! Arrows: chains and brackets, taken apart into plain arrows and joins. Whether the drawing makes sense is
//! for the graph passes.

use std::rc::Rc;

use flow_bytecode::{Policy, Rest};
use flow_diagnostics::Span;
use flow_grammar::ast::{self, PolicyKind, RestKind, StopKind};

use super::flows::FlowEnv;
use super::{Cx, Lower};
use crate::hir::NodeRef;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Arrow, Flow, Join, Source, Target, TargetKind};

/// What stands before an arrow.
#[derive(Clone, Copy)]
enum From {
    Start,
    Node(NodeRef),
    Join(u32),
    /// Nothing that an arrow can leave; said already.
    Nothing,
}

/// A stop, seen from both sides.
struct End {
    entries: Vec<Target>,
    from: From,
    span: Span,
}

impl<'a> Lower<'a> {
    pub(super) fn edges(
        &mut self,
        module: usize,
        decl: &'a ast::FlowDecl,
        env: &Rc<FlowEnv>,
        flow: &mut Flow,
    ) {
        let mut cx = Cx::in_flow(module, env);
        for chain in decl.edges() {
            self.chain(&mut cx, chain, false, flow);
        }
    }

    /// Lowers a chain; gives its first and its last stop. `leaves`: an arrow leaves its last stop.
    fn chain(
        &mut self,
        cx: &mut Cx,
        chain: &ast::Chain,
        leaves: bool,
        flow: &mut Flow,
    ) -> Option<(End, End)> {
        let last = chain.stops.len().checked_sub(1)?;
        let mut first_end: Option<End> = None;
        let mut before: Option<End> = None;
        let mut latest: Option<u32> = None;
        for (place, stop) in chain.stops.iter().enumerate() {
            self.one_way(cx, stop, place > 0, place < last || leaves);
            let mut end = self.stop(cx, stop, place < last || leaves, flow);
            if let From::Join(join) = end.from {
                latest = Some(join);
            }
            if let Some(before) = &before {
                Self::connect(before, &mut end, flow);
            }
            if first_end.is_none() {
                first_end = Some(End {
                    entries: end.entries.clone(),
                    from: end.from,
                    span: end.span,
                });
            }
            before = Some(end);
        }
        if let Some(written) = &chain.otherwise {
            let target = self.target(cx, written, false);
            match latest {
                Some(join) => flow.joins[join as usize].otherwise = Some(target),
                None => {
                    self.error(
                        flow_diagnostics::codes::syntax::ARROW_MISUSE,
                        written.span,
                        "`else` belongs to a join, and there is none before it",
                        "",
                    )
                    .help = Some("write it behind `[a, b] -> c`".into());
                }
            }
        }
        Some((first_end?, before?))
    }

    /// Says so where an arrow leaves an end, or leads to the start.
    fn one_way(&mut self, cx: &Cx, stop: &ast::Stop, entered: bool, left: bool) {
        let word = self.project.sources.slice(stop.span);
        if cx.flow.as_ref().is_some_and(|flow| flow.nodes.contains_key(word)) {
            return; // a node has that name, which has been reported
        }
        let end = match &stop.kind {
            StopKind::Start if entered => {
                let code = flow_diagnostics::codes::syntax::ARROW_MISUSE;
                self.error(
                    code,
                    stop.span,
                    "no arrow leads to `start`",
                    "a flow begins here once",
                )
                .help = Some("name the node behind `start` instead".into());
                return;
            }
            StopKind::End if left => "end",
            StopKind::Halt if left => "halt",
            StopKind::Fail(_) if left => "fail",
            StopKind::Cancel(_) if left => "cancel",
            _ => return,
        };
        let code = flow_diagnostics::codes::syntax::ARROW_MISUSE;
        self.error(
            code,
            stop.span,
            format!("no arrow leaves `{end}`"),
            "nothing runs behind it",
        )
        .help = Some(format!("leave `{end}` out, or write it as a chain of its own"));
    }

    /// Draws the arrow from one stop to the next.
    fn connect(before: &End, after: &mut End, flow: &mut Flow) {
        let span = before.span.to(after.span);
        match before.from {
            From::Start | From::Node(_) => {
                let from = match before.from {
                    From::Node(node) => Some(node),
                    _ => None,
                };
                for to in &after.entries {
                    flow.arrows.push(Arrow {
                        from,
                        to: to.clone(),
                        span: before.span.to(to.span),
                    });
                }
            }
            From::Join(join) => {
                let join = &mut flow.joins[join as usize];
                join.target.clone_from(&after.entries);
                join.span = span;
            }
            From::Nothing => {}
        }
    }

    fn stop(&mut self, cx: &mut Cx, stop: &ast::Stop, leaves: bool, flow: &mut Flow) -> End {
        let span = stop.span;
        let one = |kind| vec![Target { kind, span }];
        let (entries, from) = match &stop.kind {
            StopKind::Start => (Vec::new(), From::Start),
            StopKind::Node(name) => match self.node_named(cx, name) {
                Some(node) => {
                    let args = self.left_out_args(cx, node, span);
                    (one(TargetKind::Node(node, args)), From::Node(node))
                }
                None => (one(TargetKind::Error), From::Nothing),
            },
            StopKind::End => (one(TargetKind::End), From::Nothing),
            StopKind::Halt => (one(TargetKind::Halt), From::Nothing),
            StopKind::Fail(why) => (
                one(TargetKind::Fail(self.check(cx, why, self.prim.string))),
                From::Nothing,
            ),
            StopKind::Cancel(why) => (
                one(TargetKind::Cancel(self.check(cx, why, self.prim.string))),
                From::Nothing,
            ),
            StopKind::Error => (Vec::new(), From::Nothing),
            StopKind::Bracket(bracket) => return self.bracket(cx, bracket, leaves, span, flow),
        };
        End { entries, from, span }
    }

    /// A bracket: its branches, and a join where an arrow leaves it.
    fn bracket(
        &mut self,
        cx: &mut Cx,
        bracket: &ast::Bracket,
        leaves: bool,
        span: Span,
        flow: &mut Flow,
    ) -> End {
        let join = leaves.then(|| {
            flow.joins.push(Join {
                policy: policy(bracket.policy),
                rest: bracket.rest.map_or(Rest::Cancel, |rest| match rest.kind {
                    RestKind::Cancel => Rest::Cancel,
                    RestKind::Keep => Rest::Keep,
                    RestKind::Block => Rest::Block,
                }),
                sources: Vec::new(),
                target: Vec::new(),
                otherwise: None,
                bracket: bracket.span,
                span,
            });
            flow.joins.len() as u32 - 1
        });
        let mut entries = Vec::new();
        for branch in &bracket.branches {
            let Some((first, last)) = self.chain(cx, branch, leaves, flow) else {
                continue;
            };
            entries.extend(first.entries);
            let source = match last.from {
                From::Node(node) => Source::Node(node),
                From::Join(inner) => Source::Join(inner),
                From::Start | From::Nothing => continue,
            };
            if let Some(join) = join {
                flow.joins[join as usize].sources.push((source, last.span));
            }
        }
        End {
            entries,
            from: join.map_or(From::Nothing, From::Join),
            span,
        }
    }

    /// The parameters of a node that is started by a plain arrow: those that may be left out. That others are
    /// missing is for the graph passes.
    fn left_out_args(&self, cx: &Cx, node: NodeRef, span: Span) -> Vec<(String, Expr)> {
        let Some(flow) = &cx.flow else { return Vec::new() };
        let params = flow.node_sigs[node.index()].params.iter();
        params
            .filter_map(|param| {
                let value = self.left_out(param)?;
                Some((
                    param.name.text.clone(),
                    Expr {
                        kind: ExprKind::Const(value),
                        ty: param.ty,
                        span,
                    },
                ))
            })
            .collect()
    }
}

fn policy(written: Option<ast::Policy>) -> Policy {
    match written.map(|policy| policy.kind) {
        None | Some(PolicyKind::All) => Policy::All,
        Some(PolicyKind::Any) => Policy::Any,
        Some(PolicyKind::Majority) => Policy::Majority,
        Some(PolicyKind::AtLeast(n)) => Policy::AtLeast(n),
        Some(PolicyKind::First(n)) => Policy::First(n),
        Some(PolicyKind::Each) => Policy::Each,
    }
}
