//! Clauses that several kinds of nodes share: statements, updates against their reducers, calls to workers,
//! retries, errors, locks. Which kind may have which has been checked by the parser.

use flow_bytecode::ErrorClass;
use flow_diagnostics::codes::{names as name_codes, state as codes, workers as worker_codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Clause, ClauseKind, NodeDecl};

use super::args::Callee;
use super::{Cx, Lower, name};
use crate::hir::expr::Expr;
use crate::hir::flow::{Call, Node, Reducer, Retry, Stmt, VerifyCheck};
use crate::hir::{ConstValue, FieldRef, WorkerRef};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind};

/// The classes of errors, by name.
const CLASSES: &[(&str, ErrorClass)] = &[
    ("connect", ErrorClass::Connect),
    ("timeout", ErrorClass::Timeout),
    ("rate_limited", ErrorClass::RateLimited),
    ("overloaded", ErrorClass::Overloaded),
    ("refused", ErrorClass::Refused),
    ("http_4xx", ErrorClass::Http4xx),
    ("http_5xx", ErrorClass::Http5xx),
    ("protocol", ErrorClass::Protocol),
    ("invalid_reply", ErrorClass::InvalidReply),
    ("exec_failed", ErrorClass::ExecFailed),
    ("cancelled", ErrorClass::Cancelled),
    ("lost", ErrorClass::Lost),
    ("fault", ErrorClass::Fault),
    ("deadlock", ErrorClass::Deadlock),
    ("limit", ErrorClass::Limit),
    ("subgraph", ErrorClass::Subgraph),
    ("reported", ErrorClass::Reported),
    ("verification", ErrorClass::Verification),
];

impl<'a> Lower<'a> {
    /// `let`, `ensure`, updates and `emit`.
    pub(super) fn statement(&mut self, cx: &mut Cx, clause: &Clause, node: &mut Node) {
        match &clause.kind {
            ClauseKind::Let(written) => {
                let value = self.let_value(cx, written);
                let local = self.bind(cx, &written.name, value.ty, true);
                node.body.push(Stmt::Let(local, value));
            }
            ClauseKind::Ensure(written) => {
                let (cond, message) = self.ensure(cx, written);
                let text = self.project.sources.slice(written.cond.span).to_string();
                node.body.push(Stmt::Ensure { cond, message, text });
            }
            ClauseKind::Update(written) => {
                if let Some(update) = self.update(cx, written) {
                    node.body.push(Stmt::Update(update));
                }
            }
            ClauseKind::Emit { name: event, value } => {
                let value = value.as_ref().map(|value| self.expr(cx, value, None));
                if let Some(value) = &value
                    && self.has_secret(value.ty)
                {
                    self.mismatch(value.ty, value.span, self.prim.json);
                }
                node.body.push(Stmt::Emit(name(event), value));
            }
            _ => {}
        }
    }

    fn ensure(&mut self, cx: &mut Cx, written: &ast::Ensure) -> (Expr, Option<Expr>) {
        let cond = self.condition(cx, &written.cond);
        let message = written
            .message
            .as_ref()
            .map(|message| self.check(cx, message, self.prim.string));
        self.learn(cx, &cond, true);
        (cond, message)
    }

    /// Clauses that do not depend on their place. `mark`: what is bound up to there is the node's parameters.
    pub(super) fn clauses(&mut self, cx: &mut Cx, decl: &'a NodeDecl, node: &mut Node, mark: (usize, usize)) {
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::Goto(goto) => {
                    let arms: Vec<&ast::Arm> = goto.arms.iter().collect();
                    let what = format!("the `goto` of `{}`", decl.name);
                    node.goto =
                        Some(self.decision(cx, goto.subject.as_ref(), false, &arms, (node.head, &what)));
                }
                ClauseKind::Undo(call) => node.undo = self.worker_call(cx, call, None),
                ClauseKind::Verify(checks) => node.verify = Some(self.verify(cx, checks)),
                _ => {}
            }
        }
        let hidden = cx.locals.split_off(mark.0);
        cx.hidden = hidden.iter().map(|bound| bound.local.name.clone()).collect();
        let facts = cx.facts.split_off(mark.1.min(cx.facts.len()));
        let mut retry_on = None;
        for clause in &decl.clauses {
            match &clause.kind {
                ClauseKind::RetryOn(classes) => retry_on = Some((self.error_classes(classes), clause.span)),
                _ => self.outer_clause(cx, clause, node),
            }
        }
        if let Some((on, span)) = retry_on {
            let retry = node
                .retry
                .take()
                .or_else(|| self.workers_retry(node))
                .unwrap_or_else(|| one_attempt(span));
            node.retry = Some(Retry {
                on: Some(on),
                ..retry
            });
        }
        cx.hidden.clear();
        cx.locals.extend(hidden);
        cx.facts.extend(facts);
    }

    fn workers_retry(&self, node: &Node) -> Option<Retry> {
        let worker = match &node.kind {
            crate::hir::flow::NodeKind::Task(call) => call.worker,
            crate::hir::flow::NodeKind::Agent(agent) => agent.call.worker,
            _ => return None,
        };
        self.program
            .workers
            .get(worker.index())
            .and_then(|worker| worker.retry.clone())
    }

    /// Clauses that see the parameters of the node and nothing that it binds.
    fn outer_clause(&mut self, cx: &mut Cx, clause: &Clause, node: &mut Node) {
        match &clause.kind {
            ClauseKind::Attempts(attempts) => node.retry = self.attempts(cx, attempts),
            ClauseKind::Timeout(timeout) => {
                node.timeout = self.known_duration(cx, &timeout.after);
                node.on_timeout = timeout.way.as_ref().map(|way| self.way(cx, way));
            }
            ClauseKind::OnError(written) => node.on_error = Some(self.error_way(cx, written)),
            ClauseKind::Cache { ttl, by } => {
                let by = by.as_ref().map(|by| self.expr(cx, by, None));
                node.cache = self.known_duration(cx, ttl).map(|ttl| (ttl, by));
            }
            ClauseKind::MayGoto(targets) => {
                node.may_goto = targets
                    .iter()
                    .map(|target| self.closed_target(cx, target))
                    .collect();
            }
            ClauseKind::MayUpdate(fields) => node.may_update = self.fields_named(cx, fields),
            ClauseKind::MayOverwrite(fields) => node.may_overwrite = self.fields_named(cx, fields),
            ClauseKind::Lock { shared, name } => {
                let key = self.check(cx, name, self.prim.string);
                node.locks.push((key, shared.is_some()));
            }
            ClauseKind::Cancel(names) => node.cancel = self.nodes_named(cx, names),
            ClauseKind::Finish(names) => node.finish = self.nodes_named(cx, names),
            _ => {}
        }
    }

    fn nodes_named(&mut self, cx: &Cx, names: &[ast::Ident]) -> Vec<(crate::hir::NodeRef, Span)> {
        names
            .iter()
            .filter_map(|name| Some((self.node_named(cx, name)?, name.span)))
            .collect()
    }

    fn fields_named(&mut self, cx: &Cx, names: &[ast::Ident]) -> Vec<(FieldRef, Span)> {
        names
            .iter()
            .filter_map(|name| Some((self.field_named(cx, name)?.0, name.span)))
            .collect()
    }

    /// The field of this name; says so when there is none.
    pub(super) fn field_named(&mut self, cx: &Cx, name: &ast::Ident) -> Option<(FieldRef, Ty)> {
        let flow = cx.flow.as_ref()?;
        if let Some(found) = flow.fields.get(&name.name) {
            return Some(*found);
        }
        let parameter = if flow.inputs.contains_key(&name.name) {
            Some("the flow")
        } else {
            cx.locals
                .iter()
                .any(|bound| bound.local.name == name.name)
                .then_some("the node")
        };
        if let Some(whose) = parameter {
            let mut diagnostic =
                Diagnostic::new(codes::PARAMETER_WRITTEN, format!("`{name}` cannot be written"))
                    .primary(name.span, "not a field of the state")
                    .help("what changes is a field of `state`");
            if let Some(declared) = flow.declared.get(&name.name) {
                diagnostic = diagnostic.label(*declared, format!("a parameter of {whose}"));
            }
            self.report(diagnostic);
            return None;
        }
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_STATE_FIELD,
            format!("the state has no field `{name}`"),
        )
        .primary(name.span, "unknown");
        diagnostic = match nearest(&name.name, flow.fields.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None => diagnostic.help(format!("declare it: state {{ {name}: … }}")),
        };
        self.report(diagnostic);
        None
    }

    /// The worker of this name; says so when there is none.
    pub(super) fn worker_named(&mut self, cx: &Cx, name: &ast::Ident) -> Option<WorkerRef> {
        match self.find(cx.module, Space::Callables, &name.name) {
            Some(Symbol::Worker(index)) => return Some(WorkerRef(index)),
            Some(Symbol::Unknown) => {}
            Some(symbol) => {
                let (what, help) = match symbol {
                    Symbol::Fn(_) => (
                        "a function",
                        "functions are called in expressions: a `transform` computes",
                    ),
                    _ => ("a flow", "a `subgraph` calls a flow"),
                };
                self.error(
                    name_codes::WRONG_KIND,
                    name.span,
                    format!("`{name}` is {what}, not a worker"),
                    "",
                )
                .help = Some(help.into());
            }
            None => self.unknown_callable(cx, name, "worker"),
        }
        None
    }

    /// A call to a worker. `decl`: the node around it, whose updates may say what a type argument is.
    pub(super) fn worker_call(
        &mut self,
        cx: &mut Cx,
        written: &ast::Call,
        decl: Option<&NodeDecl>,
    ) -> Option<Call> {
        let Some(worker) = self.worker_named(cx, &written.callee) else {
            for arg in &written.args {
                if !matches!(arg.value.unparen().kind, ast::ExprKind::Lambda { .. }) {
                    self.expr(cx, &arg.value, Some(self.prim.error));
                }
            }
            return None;
        };
        let generic = self.worker_sig(worker.0);
        let mut given: Vec<Ty> = written.type_args.iter().map(|arg| self.ty(cx, arg)).collect();
        if given.is_empty() && generic.generic > 0 {
            given = self.fixed_by_updates(cx, worker, written, decl);
        }
        if given.len() != generic.generic {
            let takes = super::methods::count(generic.generic, "type argument");
            let message = format!("`{}` takes {takes}, not {}", written.callee, given.len());
            self.error(
                flow_diagnostics::codes::types::TYPE_ARGUMENTS,
                written.callee.span,
                message,
                "",
            );
            given = vec![self.prim.error; generic.generic];
        }
        for (ty, arg) in given.iter().zip(&written.type_args) {
            self.stored(*ty, arg.span, "a reply");
        }
        let sig = self.worker_instance(worker.0, &given);
        let callee = Callee {
            kind: "worker",
            name: &written.callee.name,
            declared: Some(sig.span),
            span: written.span,
        };
        let args = self.args(cx, &sig.params, &written.args, &callee);
        Some(Call {
            worker,
            args,
            reply: sig.reply,
            content: sig.content,
            span: written.span,
        })
    }

    /// What a type argument that was left out must be: the field that `field <- reply.value` updates, or the
    /// arguments of the call.
    fn fixed_by_updates(
        &mut self,
        cx: &Cx,
        worker: WorkerRef,
        written: &ast::Call,
        decl: Option<&NodeDecl>,
    ) -> Vec<Ty> {
        let generic = self.worker_sig(worker.0);
        let params: Vec<String> = self.names.workers[worker.index()]
            .decl
            .type_params
            .iter()
            .map(|param| param.name.clone())
            .collect();
        let mut fixed = Vec::new();
        let by_args = self.fixed_by_args(cx, worker, written);
        for (param, by_args) in params.iter().zip(by_args) {
            let found = decl
                .zip(written.bind.as_ref())
                .and_then(|(decl, bind)| self.fixed_by(cx, decl, bind, generic.reply, param))
                .or(by_args);
            if found.is_none() {
                self.error(
                    worker_codes::UNFIXED_TYPE,
                    written.callee.span,
                    format!(
                        "nothing says what `{param}` is in this call of `{}`",
                        written.callee
                    ),
                    "",
                )
                .help = Some(format!(
                    "write `{}<T>(…)` with the type that you want back",
                    written.callee
                ));
            }
            fixed.push(found.unwrap_or(self.prim.error));
        }
        fixed
    }

    fn fixed_by(&self, cx: &Cx, decl: &NodeDecl, bind: &ast::Ident, reply: Ty, param: &str) -> Option<Ty> {
        let is_param = |ty: Ty| matches!(self.kind(ty), TyKind::Param(name) if name == param);
        let flow = cx.flow.as_ref()?;
        decl.clauses.iter().find_map(|clause| {
            let ClauseKind::Update(update) = &clause.kind else {
                return None;
            };
            let whole = match &update.value.unparen().kind {
                ast::ExprKind::Name(name) => name.name == bind.name && is_param(reply),
                ast::ExprKind::Field { base, name, .. } => match (&base.kind, self.kind(reply)) {
                    (ast::ExprKind::Name(base), TyKind::Record(record)) if base.name == bind.name => record
                        .fields
                        .iter()
                        .any(|field| field.name == name.name && is_param(field.ty)),
                    _ => false,
                },
                _ => false,
            };
            let (field, ty) = flow.fields.get(&update.field.name).filter(|_| whole)?;
            let core = self.core(*ty);
            match (flow.reducers[field.index()], self.kind(core)) {
                (Reducer::Append | Reducer::AddMessages, TyKind::List(item)) => Some(*item),
                _ => Some(core),
            }
        })
    }

    pub(super) fn attempts(&mut self, cx: &Cx, written: &ast::Attempts) -> Option<Retry> {
        let attempts = self.known_count(cx, &written.count)?;
        let mut retry = Retry {
            attempts: attempts as u32,
            ..one_attempt(written.span)
        };
        if let Some(backoff) = &written.backoff {
            let from = self.known_duration(cx, &backoff.from)?;
            let to = match &backoff.to {
                Some(to) => self.known_duration(cx, to)?,
                None => from,
            };
            if to < from {
                let span = backoff.to.as_ref().map_or(written.span, |to| to.span);
                self.error(
                    flow_diagnostics::codes::types::REFINEMENT,
                    span,
                    "the longest pause is shorter than the first",
                    "",
                );
            }
            retry.backoff = Some((from, to.max(from)));
            if let Some(factor) = &backoff.factor
                && let Some(ConstValue::Float(factor)) = self.constant(cx, factor, self.prim.float)
            {
                retry.factor = Some(factor);
            }
        }
        Some(retry)
    }

    pub(super) fn error_classes(&mut self, names: &[ast::Ident]) -> Vec<ErrorClass> {
        let mut classes = Vec::new();
        for name in names {
            if let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == name.name) {
                classes.push(*class);
            } else {
                let known: Vec<&str> = CLASSES.iter().map(|(known, _)| *known).collect();
                self.unknown_variant("ErrorClass", &known, name);
            }
        }
        classes
    }

    fn verify(&mut self, cx: &mut Cx, checks: &[ast::Check]) -> (Vec<VerifyCheck>, Option<i64>) {
        let mut all = Vec::new();
        let mut within = None;
        for check in checks {
            match &check.kind {
                ast::CheckKind::Command(words) => {
                    let want = self.list_of(self.prim.string);
                    all.push(VerifyCheck::Command(self.check(cx, words, want)));
                }
                ast::CheckKind::File(path) => {
                    all.push(VerifyCheck::File(self.check(cx, path, self.prim.string)));
                }
                ast::CheckKind::Url(url) => all.push(VerifyCheck::Url(self.check(cx, url, self.prim.string))),
                ast::CheckKind::Ensure(ensure) => {
                    let (cond, message) = self.ensure(cx, ensure);
                    all.push(VerifyCheck::Ensure { cond, message });
                }
                ast::CheckKind::Receipt => all.push(VerifyCheck::Receipt),
                ast::CheckKind::Within(value) => within = self.known_duration(cx, value),
                ast::CheckKind::Error => {}
            }
        }
        (all, within)
    }

    pub(super) fn error_class(&mut self) -> Ty {
        let names: Vec<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
        self.builtin_enum("ErrorClass", &names)
    }

    /// What `on error as e` binds.
    pub(super) fn error_record(&mut self) -> Ty {
        let class = self.error_class();
        let json = self.nullable(self.prim.json);
        let (string, int) = (self.prim.string, self.prim.int);
        self.record_of(vec![
            ("class".into(), class),
            ("message".into(), string),
            ("node".into(), string),
            ("attempts".into(), int),
            ("reply".into(), json),
        ])
    }
}

/// A retry that does not retry.
pub(super) fn one_attempt(span: Span) -> Retry {
    Retry {
        attempts: 1,
        backoff: None,
        factor: None,
        on: None,
        span,
    }
}
