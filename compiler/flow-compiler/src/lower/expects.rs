//! What a test expects: conditions over the final state and over what was observed (`path`, `status`,
//! `visits(n)` …), and failures by their codes.

use std::rc::Rc;

use flow_bytecode::{BinaryOp, Schedule};
use flow_diagnostics::codes::{names as codes, types as type_codes};
use flow_diagnostics::{Code, Span};
use flow_grammar::ast::{self, Expectation, ExprKind as Ast};

use super::tests::Scene;
use super::{Bound, Cx, Lower, name};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::hir::flow::{NodeKind, Stmt};
use crate::hir::test::{Expect, Observed};
use crate::names::nearest;
use crate::types::Ty;

/// The ways in which a run can be at its end.
const STATUS: &[&str] = &["done", "failed", "interrupted", "limit", "cancelled"];

/// What a condition of a test sees of a run.
pub(crate) struct Seen {
    scene: Scene,
    observed: Observed,
}

impl Lower<'_> {
    /// The names that conditions have for what was observed.
    pub(super) fn observed(&mut self, scene: &Scene, span: Span) -> Observed {
        let mut cx = Cx::new(scene.module);
        let (string, int, json) = (self.prim.string, self.prim.int, self.prim.json);
        let result = self.flow_result(scene.flow.0);
        let status = self.builtin_enum("Status", STATUS);
        let (names, counts) = (self.list_of(string), self.map_of(int));
        let emitted = self.list_of(json);
        let emitted = self.map_of(emitted);
        let mut local = |text: &str, ty: Ty| Local {
            name: text.to_string(),
            ..cx.fresh(ty, span)
        };
        Observed {
            path: local("path", names),
            status: local("status", status),
            elapsed: local("elapsed", self.prim.duration),
            result: local("result", result),
            visits: local("visits", counts),
            calls: local("calls", counts),
            peak: local("peak", counts),
            events: local("events", emitted),
        }
    }

    pub(super) fn expectation(
        &mut self,
        scene: &Scene,
        observed: &Observed,
        written: &Expectation,
        span: Span,
    ) -> Expect {
        match written {
            Expectation::Fails { code, at } => {
                if let Some(code) = code {
                    self.known_code(code);
                }
                if let Some(at) = at {
                    self.node_named(&scene.inside(), at);
                }
                Expect::Fails {
                    code: code.as_ref().and_then(|code| code.plain()).map(str::to_string),
                    at: at.as_ref().map(name),
                    span,
                }
            }
            Expectation::Cond(cond) => {
                let text = self.project.sources.slice(cond.span).to_string();
                let said = self.out.len();
                let cond = self.condition(&mut watching(scene, observed), cond);
                // A field without a value is null here, whatever its type.
                let mut place = 0;
                self.out.retain(|found| {
                    place += 1;
                    place <= said || found.code != type_codes::NEVER_NULL
                });
                Expect::Cond { cond, text }
            }
        }
    }

    fn known_code(&mut self, code: &ast::StrLit) {
        let text = code.plain().unwrap_or_default();
        if Code::lookup(text).is_some_and(|info| info.code.as_str() == text) {
            return;
        }
        let near = nearest(text, Code::all().map(|info| info.code.as_str()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`flowc explain` lists all of them".to_string(),
        };
        let message = format!("no failure has the code `{text}`");
        self.error(codes::UNKNOWN_NAME, code.span, message, "unknown")
            .help = Some(help);
    }

    /// `visits(n)`, `calls(w)`, `peak(w)`, `events(name)`; nothing outside of a test.
    pub(super) fn observed_call(
        &mut self,
        cx: &mut Cx,
        callee: &ast::Ident,
        args: &[ast::Arg],
        span: Span,
    ) -> Option<Expr> {
        let seen = Rc::clone(cx.seen.as_ref()?);
        let local = match callee.name.as_str() {
            "visits" => &seen.observed.visits,
            "calls" => &seen.observed.calls,
            "peak" => &seen.observed.peak,
            "events" => &seen.observed.events,
            _ => return None,
        };
        let [
            ast::Arg {
                name: None, value, ..
            },
        ] = args
        else {
            return Some(self.one_name(callee, span));
        };
        let Ast::Name(what) = &value.unparen().kind else {
            return Some(self.one_name(callee, span));
        };
        let key = match callee.name.as_str() {
            "visits" => self.node_named(cx, what).map(|_| what.name.clone()),
            "events" => self.emitted(what).then(|| what.name.clone()),
            _ => {
                let worker = self.worker_of(&seen.scene, what);
                worker.map(|worker| self.names.workers[worker.index()].decl.name.name.clone())
            }
        };
        let Some(key) = key else {
            return Some(self.wrong(span));
        };
        Some(self.looked_up(local, key, what.span, span))
    }

    fn one_name(&mut self, callee: &ast::Ident, span: Span) -> Expr {
        let of = match callee.name.as_str() {
            "visits" => "a node",
            "events" => "an event",
            _ => "a worker",
        };
        let message = format!("`{callee}` takes the name of {of}");
        self.error(type_codes::ARGUMENTS, span, message, "");
        self.wrong(span)
    }

    /// Whether any node emits an event of this name; says so when none does.
    fn emitted(&mut self, event: &ast::Ident) -> bool {
        let nodes = self.program.flows.iter().flat_map(|flow| &flow.nodes);
        let emits = nodes.flat_map(|node| &node.body).filter_map(|stmt| match stmt {
            Stmt::Emit(name, _) => Some(name.text.as_str()),
            _ => None,
        });
        let known: Vec<&str> = emits.collect();
        if known.contains(&event.name.as_str()) {
            return true;
        }
        let help = match nearest(&event.name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`events` sees what nodes send with `emit {event} …`"),
        };
        let message = format!("no node emits `{event}`");
        self.error(codes::UNKNOWN_EVENT, event.span, message, "unknown")
            .help = Some(help);
        false
    }

    /// `map[key]`, or what stands for nothing: 0 or `[]`.
    fn looked_up(&mut self, map: &Local, key: String, at: Span, span: Span) -> Expr {
        let (value, nothing) = if map.name == "events" {
            let list = self.list_of(self.prim.json);
            (list, ExprKind::List(Vec::new()))
        } else {
            (self.prim.int, ExprKind::Const(ConstValue::Int(0)))
        };
        let expr = |kind, ty, span| Expr { kind, ty, span };
        let whole = Box::new(expr(ExprKind::Local(map.id), map.ty, span));
        let key = ExprKind::Const(ConstValue::Str(key));
        let key = Box::new(expr(key, self.prim.string, at));
        let found = expr(ExprKind::Index(whole, key), self.nullable(value), span);
        let nothing = expr(nothing, value, span);
        expr(
            ExprKind::Coalesce(Box::new(found), Box::new(nothing)),
            value,
            span,
        )
    }

    /// `path == [a, b]`: names of nodes on the other side; nothing outside of a test, or for other comparisons.
    pub(super) fn path_compared(
        &mut self,
        cx: &Cx,
        equal: bool,
        (left, right): (&ast::Expr, &ast::Expr),
        span: Span,
    ) -> Option<Expr> {
        let seen = Rc::clone(cx.seen.as_ref()?);
        let is_path = |e: &ast::Expr| matches!(&e.unparen().kind, Ast::Name(name) if name.name == "path");
        let (path, list) = if is_path(left) {
            (left, right)
        } else if is_path(right) {
            (right, left)
        } else {
            return None;
        };
        let Ast::List(items) = &list.unparen().kind else {
            return None;
        };
        let mut nodes = Vec::new();
        for item in items {
            let Ast::Name(node) = &item.unparen().kind else {
                return None;
            };
            nodes.push(node);
        }
        let local = &seen.observed.path;
        let string = self.prim.string;
        let names = nodes.into_iter().map(|node| {
            self.on_path(cx, &seen.scene, node);
            Expr {
                kind: ExprKind::Const(ConstValue::Str(node.name.clone())),
                ty: string,
                span: node.span,
            }
        });
        let names = names.collect();
        let side = |kind, span| {
            Box::new(Expr {
                kind,
                ty: local.ty,
                span,
            })
        };
        let op = if equal { BinaryOp::Eq } else { BinaryOp::Ne };
        let path = side(ExprKind::Local(local.id), path.span);
        let kind = ExprKind::Binary(op, path, side(ExprKind::List(names), list.span));
        Some(Expr {
            kind,
            ty: self.prim.bool,
            span,
        })
    }

    /// A node that can stand in `path`: it is there, and it is neither a route nor `finally`.
    fn on_path(&mut self, cx: &Cx, scene: &Scene, written: &ast::Ident) {
        let Some(found) = self.node_named(cx, written) else {
            return;
        };
        let node = &self.program.flows[scene.flow.index()].nodes[found.index()];
        let what = match (&node.kind, node.schedule) {
            (NodeKind::Route(_), _) => "a route",
            (_, Schedule::Finally) => "a `finally` node",
            _ => return,
        };
        let message = format!("`{written}` is {what}, which never stands in `path`");
        self.error(codes::WRONG_KIND, written.span, message, "").help =
            Some("`path` is every activation that settled as done; leave this one away".into());
    }
}

/// What the conditions of a test see.
fn watching(scene: &Scene, observed: &Observed) -> Cx {
    let mut cx = scene.inside();
    let named = [
        &observed.path,
        &observed.status,
        &observed.elapsed,
        &observed.result,
    ];
    cx.locals.extend(named.map(|local| Bound {
        local: local.clone(),
        used: true,
        lint: false,
    }));
    cx.next = observed.events.id.0 + 1;
    cx.seen = Some(Rc::new(Seen {
        scene: scene.clone(),
        observed: observed.clone(),
    }));
    cx
}
