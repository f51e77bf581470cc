//! `wait`: for a time, until an instant, for an event, or a choice of them.

use flow_diagnostics::Span;
use flow_diagnostics::codes::{names as codes, workers as worker_codes};
use flow_grammar::ast::{self, ClauseKind, NodeDecl};

use super::{Cx, Lower};
use crate::hir::flow::{Node, NodeKind, WaitFor, WaitKind};
use crate::names::nearest;
use crate::types::Ty;

impl<'a> Lower<'a> {
    pub(super) fn wait(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let mut all = Vec::new();
        for clause in &decl.clauses {
            let span = clause.span;
            match &clause.kind {
                ClauseKind::For(value) => {
                    let what = WaitKind::For(self.check(cx, value, self.prim.duration));
                    all.push(WaitFor {
                        what,
                        way: None,
                        span,
                    });
                }
                ClauseKind::Until(value) => {
                    let what = WaitKind::Until(self.check(cx, value, self.prim.time));
                    all.push(WaitFor {
                        what,
                        way: None,
                        span,
                    });
                }
                ClauseKind::ForEvent(event) => {
                    if let Some(what) = self.event(cx, event) {
                        if let WaitKind::Event { bound, .. } = &what {
                            node.reply.clone_from(bound);
                        }
                        all.push(WaitFor {
                            what,
                            way: None,
                            span,
                        });
                    }
                }
                ClauseKind::EventArm(event, way) => {
                    let mark = cx.mark();
                    if let Some(what) = self.event(cx, event) {
                        let way = Some(self.way(cx, way));
                        all.push(WaitFor { what, way, span });
                    }
                    self.close(cx, mark);
                }
                ClauseKind::AfterArm(value, way) => {
                    let what = WaitKind::For(self.check(cx, value, self.prim.duration));
                    let way = Some(self.way(cx, way));
                    all.push(WaitFor { what, way, span });
                }
                _ => self.statement(cx, clause, node),
            }
        }
        self.updated_twice(cx, &node.body);
        if all.is_empty() && !decl.clauses.iter().any(names_something) {
            let message = format!("the wait `{}` waits for nothing", decl.name);
            self.error(worker_codes::MISSING_CALL, node.head, message, "")
                .help = Some("write `for 10m`, `until time`, or `for event name as e`".into());
        }
        node.kind = NodeKind::Wait(all);
    }

    fn event(&mut self, cx: &mut Cx, written: &ast::EventMatch) -> Option<WaitKind> {
        let Some((event, ty)) = self.event_named(cx, &written.event) else {
            if let Some(bind) = &written.bind {
                self.bind(cx, bind, self.prim.error, false);
            }
            return None;
        };
        let ty = ty.unwrap_or(self.prim.null);
        let bound = written.bind.as_ref().map(|bind| self.bind(cx, bind, ty, true));
        let filter = written.cond.as_ref().map(|cond| self.condition(cx, cond));
        if let Some(filter) = &filter {
            self.learn(cx, filter, true);
        }
        Some(WaitKind::Event {
            event,
            bound,
            filter,
            transient: written.transient.is_some(),
        })
    }

    /// The event of this name; says so when there is none.
    pub(super) fn event_named(&mut self, cx: &Cx, name: &ast::Ident) -> Option<(u32, Option<Ty>)> {
        let flow = cx.flow.as_ref()?;
        if let Some(found) = flow.events.get(&name.name) {
            return Some(*found);
        }
        let help = match nearest(&name.name, flow.events.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: events {{ {name} }}"),
        };
        let message = format!("the flow `{}` has no event `{name}`", flow.name);
        let span: Span = name.span;
        self.error(codes::UNKNOWN_EVENT, span, message, "unknown").help = Some(help);
        None
    }
}

fn names_something(clause: &ast::Clause) -> bool {
    matches!(
        clause.kind,
        ClauseKind::Error | ClauseKind::ForEvent(_) | ClauseKind::EventArm(..)
    )
}
