//! Nodes by kind: what each does, and in which order its clauses see each other's names. The clauses that
//! many kinds share are in `clauses`, those of `wait` in `waits`.

use std::rc::Rc;

use flow_bytecode::Schedule;
use flow_diagnostics::Span;
use flow_diagnostics::codes::{names as name_codes, types as codes, workers as worker_codes};
use flow_grammar::ast::{self, ClauseKind, FlowEntry, NodeDecl, NodeHead};

use super::flows::FlowEnv;
use super::{Cx, Lower, doc, name};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::flow::{Agent, Call, Each, Flow, Node, NodeKind, Reducer};
use crate::hir::{FlowRef, NodeRef};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind};

/// The node that an `each` starts, its arguments, and where it is named.
type ItemNode = (NodeRef, Vec<(String, Expr)>, Span);

impl<'a> Lower<'a> {
    pub(super) fn nodes(
        &mut self,
        module: usize,
        decl: &'a ast::FlowDecl,
        env: &Rc<FlowEnv>,
        flow: &mut Flow,
    ) {
        for (index, node) in decl.nodes().enumerate() {
            let lowered = self.node(module, node, env, NodeRef(index as u32));
            flow.nodes.push(lowered);
        }
        for entry in &decl.entries {
            if let (FlowEntry::OnError(written), None) = (entry, &flow.on_error) {
                let mut cx = Cx::in_flow(module, env);
                flow.on_error = Some(self.error_way(&mut cx, written));
            }
        }
    }

    fn node(&mut self, module: usize, decl: &'a NodeDecl, env: &Rc<FlowEnv>, index: NodeRef) -> Node {
        let mut cx = Cx::in_flow(module, env);
        let sig = &env.node_sigs[index.index()];
        let locals = self.bind_params(&mut cx, &decl.params, &sig.params);
        let params = sig.params.clone();
        let head = Span::new(decl.span.file, decl.span.start, decl.name.span.end);
        let mut node = Node {
            name: name(&decl.name),
            doc: doc(decl.doc.as_ref()),
            span: decl.span,
            head,
            params,
            locals,
            schedule: schedule(decl),
            kind: NodeKind::Error,
            reply: None,
            body: Vec::new(),
            goto: None,
            may_goto: Vec::new(),
            may_update: Vec::new(),
            may_overwrite: Vec::new(),
            retry: None,
            timeout: None,
            on_timeout: None,
            on_error: None,
            cache: None,
            undo: None,
            locks: Vec::new(),
            cancel: Vec::new(),
            finish: Vec::new(),
            verify: None,
        };
        let mark = cx.mark();
        match decl.kind {
            ast::NodeKind::Task => self.task(&mut cx, decl, &mut node),
            ast::NodeKind::Agent => self.agent(&mut cx, decl, &mut node),
            ast::NodeKind::Subgraph => self.subgraph(&mut cx, decl, &mut node),
            ast::NodeKind::Transform => {
                node.kind = NodeKind::Transform;
                self.body(&mut cx, decl, &mut node);
            }
            ast::NodeKind::Route => self.route(&mut cx, decl, &mut node),
            ast::NodeKind::Send => self.send(&mut cx, decl, &mut node),
            ast::NodeKind::Interrupt => self.interrupt(&mut cx, decl, &mut node),
            ast::NodeKind::Wait => self.wait(&mut cx, decl, &mut node),
        }
        self.clauses(&mut cx, decl, &mut node, mark);
        self.close(&mut cx, (0, 0));
        node
    }

    /// The statements of a body in order of writing; whatever else stands there is for others.
    pub(super) fn body(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        for clause in &decl.clauses {
            self.statement(cx, clause, node);
        }
        self.updated_twice(cx, &node.body);
    }

    fn call_clause(decl: &NodeDecl) -> Option<&ast::Call> {
        decl.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Call(call) => Some(call),
            _ => None,
        })
    }

    fn no_call(&mut self, decl: &NodeDecl) {
        if self.broken(decl.span) {
            return;
        }
        let kind = decl.kind.as_str();
        let help = match decl.kind {
            ast::NodeKind::Task => "write call worker(…) as reply; what only computes is a `transform`",
            ast::NodeKind::Subgraph => "write call flow(…) as result",
            _ => "write call worker(…) as reply",
        };
        let span = Span::new(decl.span.file, decl.span.start, decl.name.span.end);
        self.error(
            worker_codes::MISSING_CALL,
            span,
            format!("the {kind} `{}` calls nothing", decl.name),
            "",
        )
        .help = Some(help.into());
    }

    /// Statements up to the call, the call, and what follows it.
    fn task(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let mut called = false;
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::Call(call) if !called => {
                    called = true;
                    if let Some(call) = self.bound_call(cx, call, decl, node) {
                        node.kind = NodeKind::Task(call);
                    }
                }
                _ => self.statement(cx, clause, node),
            }
        }
        if !called {
            self.no_call(decl);
        }
        self.updated_twice(cx, &node.body);
    }

    /// A call and the name of its reply.
    fn bound_call(
        &mut self,
        cx: &mut Cx,
        written: &'a ast::Call,
        decl: &'a NodeDecl,
        node: &mut Node,
    ) -> Option<Call> {
        let call = self.worker_call(cx, written, Some(decl));
        let ty = call.as_ref().map_or(self.prim.error, |call| call.reply);
        self.bind_reply(cx, written, ty, node);
        call
    }

    fn bind_reply(&mut self, cx: &mut Cx, written: &ast::Call, ty: crate::types::Ty, node: &mut Node) {
        let mut ty = ty;
        if let Some(annotation) = &written.bind_ty {
            let wanted = self.ty(cx, annotation);
            if self.fits(ty, wanted) {
                ty = if ty == self.prim.error { wanted } else { ty };
            } else {
                let (has, wants) = (self.show(ty), self.show(wanted));
                self.error(
                    codes::MISMATCH,
                    annotation.span,
                    format!("the reply is `{has}`, not `{wants}`"),
                    "",
                )
                .help =
                    Some("the type behind `as` only names what the worker declares; change it there".into());
                ty = wanted;
            }
        }
        if let Some(bind) = &written.bind {
            node.reply = Some(self.bind(cx, bind, ty, true));
        }
    }

    fn agent(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let mut agent: Option<Agent> = None;
        for clause in &decl.clauses {
            if let (ClauseKind::Call(call), None) = (&clause.kind, &agent) {
                if let Some(call) = self.bound_call(cx, call, decl, node) {
                    agent = Some(Agent {
                        call,
                        tools: Vec::new(),
                        next: None,
                        until: None,
                        turns: None,
                        turn_timeout: None,
                    });
                }
                continue;
            }
            self.statement(cx, clause, node);
        }
        self.updated_twice(cx, &node.body);
        let Some(mut agent) = agent else {
            if Self::call_clause(decl).is_none() {
                self.no_call(decl);
            }
            return;
        };
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::Tools(tools) => agent.tools = self.tools(cx, tools),
                ClauseKind::Continue(args) => {
                    let params = self.worker_sig(agent.call.worker.0).params.clone();
                    let worker = self.names.workers[agent.call.worker.index()].decl;
                    let callee = super::args::Callee {
                        kind: "worker",
                        name: &worker.name.name,
                        declared: Some(worker.name.span),
                        span: clause.span,
                    };
                    agent.next = Some(self.args(cx, &params, args, &callee));
                }
                ClauseKind::Until(cond) => agent.until = Some(self.condition(cx, cond)),
                ClauseKind::LimitTurns(turns) => {
                    agent.turns = self.known_count(cx, turns).map(|turns| turns as u64);
                }
                ClauseKind::TurnTimeout(value) => agent.turn_timeout = self.known_duration(cx, value),
                _ => {}
            }
        }
        node.kind = NodeKind::Agent(agent);
    }

    fn tools(&mut self, cx: &Cx, tools: &[ast::Tool]) -> Vec<(crate::hir::WorkerRef, bool)> {
        let mut all = Vec::new();
        for tool in tools {
            if let Some(worker) = self.worker_named(cx, &tool.name) {
                all.push((worker, tool.needs_approval.is_some()));
            }
        }
        all
    }

    fn subgraph(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let mut called = false;
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::Call(call) if !called => {
                    called = true;
                    self.flow_call(cx, call, node);
                }
                _ => self.statement(cx, clause, node),
            }
        }
        if !called {
            self.no_call(decl);
        }
        self.updated_twice(cx, &node.body);
    }

    fn flow_call(&mut self, cx: &mut Cx, written: &ast::Call, node: &mut Node) {
        let found = self.find(cx.module, Space::Callables, &written.callee.name);
        let Some(Symbol::Flow(index)) = found else {
            match found {
                Some(Symbol::Unknown) => {}
                Some(_) => {
                    let message = format!("`{}` is no flow", written.callee);
                    self.error(name_codes::WRONG_KIND, written.callee.span, message, "")
                        .help = Some("a `task` calls a worker, a `subgraph` a flow".into());
                }
                None => self.unknown_callable(cx, &written.callee, "flow"),
            }
            self.bind_reply(cx, written, self.prim.error, node);
            return;
        };
        let env = Rc::clone(&self.flow_sigs[index as usize]);
        let callee = super::args::Callee {
            kind: "flow",
            name: &env.name,
            declared: env.span,
            span: written.span,
        };
        let args = self.args(cx, &env.params, &written.args, &callee);
        let result = self.flow_result(index);
        node.kind = NodeKind::Subgraph {
            flow: FlowRef(index),
            args,
            span: written.span,
        };
        self.bind_reply(cx, written, result, node);
    }

    /// Says that there is no worker or flow of this name.
    pub(super) fn unknown_callable(&mut self, cx: &Cx, name: &ast::Ident, what: &str) {
        let known: Vec<String> = self.names.scopes[cx.module].callables.keys().cloned().collect();
        let mut diagnostic = flow_diagnostics::Diagnostic::new(
            name_codes::UNKNOWN_CALLABLE,
            format!("there is no {what} `{name}`"),
        )
        .primary(name.span, "unknown");
        diagnostic = match nearest(&name.name, known.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None => diagnostic.help(format!(
                "declare it, or import it: import \"file.flow\" {{ {name} }}"
            )),
        };
        self.report(diagnostic);
    }

    fn route(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let subject = match &decl.head {
            NodeHead::Match(subject) => Some(subject),
            _ => None,
        };
        let every = matches!(decl.head, NodeHead::Every(_));
        let arms: Vec<&ast::Arm> = decl
            .clauses
            .iter()
            .filter_map(|clause| match &clause.kind {
                ClauseKind::Arm(arm) => Some(arm),
                _ => None,
            })
            .collect();
        let whole = (node.head, &*format!("the route `{}`", decl.name));
        let decision = self.decision(cx, subject, every, &arms, whole);
        node.kind = NodeKind::Route(decision);
    }

    fn send(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let mut all = Vec::new();
        for clause in &decl.clauses {
            if let ClauseKind::Each(each) = &clause.kind
                && let Some(each) = self.each(cx, each, clause.span)
            {
                all.push(each);
            }
        }
        let tried = decl
            .clauses
            .iter()
            .any(|clause| matches!(clause.kind, ClauseKind::Each(_)));
        if all.is_empty() && !tried && !self.broken(decl.span) {
            self.error(
                worker_codes::MISSING_CALL,
                node.head,
                format!("the send `{}` starts nothing", decl.name),
                "",
            )
            .help = Some("write each item in list -> node(item)".into());
        }
        node.kind = NodeKind::Send(all);
    }

    fn each(&mut self, cx: &mut Cx, written: &ast::Each, span: Span) -> Option<Each> {
        let list = self.expr(cx, &written.list, None);
        let (item_ty, single) = self.walked(&list);
        let follow = written.follow.and_then(|at| self.follow(cx, &list, at));
        let mark = cx.mark();
        let item = self.bind(cx, &written.var, item_ty, false);
        let filter = written.cond.as_ref().map(|cond| self.condition(cx, cond));
        if let Some(filter) = &filter {
            self.learn(cx, filter, true);
        }
        let target = self.item_node(cx, &written.target);
        self.close(cx, mark);
        let window = written
            .at_most
            .as_ref()
            .and_then(|count| self.known_count(cx, count));
        let until = written.until.as_ref().map(|cond| self.condition(cx, cond));
        let (node, args, target_span) = target?;
        Some(Each {
            item,
            list,
            single,
            follow,
            filter,
            node,
            args,
            window: window.map(|window| window as u32),
            until,
            cancel_rest: written.cancel_rest.is_some(),
            span,
            target_span,
        })
    }

    /// What the items of a list are, and whether it is one value that may be null.
    fn walked(&mut self, list: &Expr) -> (Ty, bool) {
        match *self.kind(self.bare(list.ty)) {
            TyKind::List(item) => (item, false),
            TyKind::Nullable(inner) => match *self.kind(self.bare(inner)) {
                TyKind::List(_) => {
                    self.error(codes::NULLABLE, list.span, "this list may be null", "")
                        .help = Some("say what stands for null: `… ?? []`".into());
                    (self.prim.error, false)
                }
                _ => (inner, true),
            },
            TyKind::Error => (self.prim.error, false),
            _ => {
                let shown = self.show(list.ty);
                self.error(
                    codes::MISMATCH,
                    list.span,
                    format!("`each` walks a list, and this is `{shown}`"),
                    "",
                );
                (self.prim.error, false)
            }
        }
    }

    /// The node that an `each` starts, its arguments, and where it is named.
    fn item_node(&mut self, cx: &mut Cx, target: &ast::Target) -> Option<ItemNode> {
        match &target.kind {
            ast::TargetKind::Node { name, args } => {
                let found = self.node_named(cx, name);
                found.map(|node| (node, self.node_args(cx, node, name, args, target.span), name.span))
            }
            ast::TargetKind::Error => None,
            _ => {
                self.error(codes::MISMATCH, target.span, "an `each` starts a node", "")
                    .help = Some("write the name of one: -> node(item)".into());
                None
            }
        }
    }

    fn follow(&mut self, cx: &Cx, list: &Expr, at: Span) -> Option<crate::hir::FieldRef> {
        let flow = cx.flow.as_ref()?;
        if let ExprKind::Field(field) = list.kind
            && flow.reducers[field.index()] == Reducer::Append
        {
            return Some(field);
        }
        if list.ty != self.prim.error {
            self.error(
                codes::MISMATCH,
                at,
                "`follow` watches a field with the reducer `append`",
                "",
            )
            .help = Some("name such a field behind `in`, or leave `follow` away".into());
        }
        None
    }

    fn interrupt(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node) {
        let gate = match &decl.head {
            NodeHead::When(cond) => Some(self.condition(cx, cond)),
            _ => None,
        };
        if let Some(gate) = &gate {
            self.learn(cx, gate, true);
        }
        let (mut ask, mut show, mut answer) = (None, None, None);
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::Ask(text) => ask = Some(self.check(cx, text, self.prim.string)),
                ClauseKind::Show(value) => {
                    let value = self.expr(cx, value, None);
                    if self.has_secret(value.ty) {
                        self.mismatch(value.ty, value.span, self.prim.json);
                    }
                    show = Some(value);
                }
                ClauseKind::Answer { bind, ty } => {
                    let wanted = self.ty(cx, ty);
                    self.stored(wanted, ty.span, "an answer");
                    answer = Some(wanted);
                    node.reply = Some(self.bind(cx, bind, wanted, true));
                }
                _ => self.statement(cx, clause, node),
            }
        }
        self.updated_twice(cx, &node.body);
        node.kind = NodeKind::Interrupt {
            gate,
            ask,
            show,
            answer,
        };
    }
}

fn schedule(decl: &NodeDecl) -> Schedule {
    if decl.finally.is_some() {
        Schedule::Finally
    } else if decl.defer.is_some() {
        Schedule::Deferred
    } else if decl.standing.is_some() {
        Schedule::Standing
    } else {
        Schedule::Normal
    }
}
