//! Nodes and their clauses.

use flow_grammar::ast::{
    Arm, Call, Check, CheckKind, Clause, ClauseKind, Each, Ensure, EventMatch, Goto, Guard, NodeDecl,
    NodeHead, Timeout, Tool, Update,
};

use super::Formatter;
use super::align::Tab;
use super::doc::{Doc, DocId, cat};
use super::sequence::{Row, Style};

impl<'a> Formatter<'a> {
    pub(super) fn node(&mut self, node: &NodeDecl) -> DocId {
        let mut words = Vec::new();
        for (at, word) in [
            (node.standing, "standing "),
            (node.defer, "defer "),
            (node.finally, "finally "),
        ] {
            words.extend(at.map(|_| self.docs.text(word)));
        }
        let words = self.docs.concat(&words);
        let params = self.some_params(&node.name, &node.params);
        let mut end = node
            .params
            .last()
            .map_or(node.name.span.end, |param| param.span.end);
        let head = match &node.head {
            NodeHead::None => None,
            NodeHead::Match(subject) => {
                end = subject.span.end;
                Some(cat!(self; " match ", self.expr(subject)))
            }
            NodeHead::When(cond) => {
                end = cond.span.end;
                Some(cat!(self; " when ", self.expr(cond)))
            }
            NodeHead::Every(span) => {
                end = span.end;
                Some(self.docs.text(" every"))
            }
        };
        let head = cat!(self; words, node.kind.as_str(), " ", self.source(node.name.span), params, head, " ");
        let rows = node.clauses.iter().map(|clause| self.clause(clause)).collect();
        cat!(self; head, self.bracketed(end, Style::Entries, rows))
    }

    fn clause(&mut self, clause: &Clause) -> Row {
        let from = clause.span.start;
        let doc = match &clause.kind {
            ClauseKind::Update(update) => return self.update(update),
            ClauseKind::Arm(arm) => return self.arm(arm),
            ClauseKind::EventArm(event, way) => {
                let event = self.event_match("event ", event);
                return Row::cells(
                    clause.span,
                    vec![(Tab::Start, event), (Tab::Arrow, self.way(way))],
                );
            }
            ClauseKind::AfterArm(after, way) => {
                let after = cat!(self; "after ", self.expr(after));
                return Row::cells(
                    clause.span,
                    vec![(Tab::Start, after), (Tab::Arrow, self.way(way))],
                );
            }
            ClauseKind::Call(call) => cat!(self; "call ", self.call(call)),
            ClauseKind::Undo(call) => cat!(self; "undo ", self.call(call)),
            ClauseKind::Continue(args) => cat!(self; "continue ", self.args(from, args)),
            ClauseKind::Let(item) => self.let_stmt(item),
            ClauseKind::Ensure(ensure) => self.ensure(ensure),
            ClauseKind::Attempts(attempts) => self.attempts(attempts),
            ClauseKind::RetryOn(classes) => self.retry_on(from, classes),
            ClauseKind::Timeout(timeout) => self.timeout(timeout),
            ClauseKind::OnError(on_error) => self.on_error(on_error),
            ClauseKind::Goto(goto) => self.goto(from, goto),
            ClauseKind::Each(each) => self.each(each),
            ClauseKind::ForEvent(event) => self.event_match("for event ", event),
            ClauseKind::Verify(checks) => {
                let rows = checks
                    .iter()
                    .map(|check| Row::new(check.span, self.check(check)))
                    .collect();
                cat!(self; "verify ", self.bracketed(from, Style::Entries, rows))
            }
            ClauseKind::Error => self.verbatim(clause.span),
            _ => self.short_clause(clause),
        };
        Row::new(clause.span, doc)
    }

    /// Clauses that are words with an expression or names.
    fn short_clause(&mut self, clause: &Clause) -> DocId {
        let from = clause.span.start;
        match &clause.kind {
            ClauseKind::Tools(tools) => cat!(self; "tools ", self.tools(from, tools)),
            ClauseKind::Until(cond) => cat!(self; "until ", self.expr(cond)),
            ClauseKind::LimitTurns(count) => cat!(self; "limit turns ", self.expr(count)),
            ClauseKind::TurnTimeout(time) => cat!(self; "turn timeout ", self.expr(time)),
            ClauseKind::Cache { ttl, by } => {
                let by = self.behind(" by ", by.as_ref());
                cat!(self; "cache ", self.expr(ttl), by)
            }
            ClauseKind::MayGoto(targets) => cat!(self; "may goto ", self.targets(from, targets)),
            ClauseKind::MayUpdate(fields) => cat!(self; "may update ", self.names(from, fields)),
            ClauseKind::MayOverwrite(fields) => cat!(self; "may overwrite ", self.names(from, fields)),
            ClauseKind::Lock { shared, name } => {
                let word = if shared.is_some() { "lock shared " } else { "lock " };
                cat!(self; word, self.expr(name))
            }
            ClauseKind::Cancel(nodes) => cat!(self; "cancel ", self.names(from, nodes)),
            ClauseKind::Finish(nodes) => cat!(self; "finish ", self.names(from, nodes)),
            ClauseKind::Emit { name, value } => {
                let value = self.behind(" ", value.as_ref());
                cat!(self; "emit ", self.source(name.span), value)
            }
            ClauseKind::Ask(text) => cat!(self; "ask ", self.expr(text)),
            ClauseKind::Show(value) => cat!(self; "show ", self.expr(value)),
            ClauseKind::Answer { bind, ty } => {
                cat!(self; "answer as ", self.source(bind.span), ": ", self.type_expr(ty))
            }
            ClauseKind::For(time) => cat!(self; "for ", self.expr(time)),
            _ => self.verbatim(clause.span),
        }
    }

    fn call(&mut self, call: &Call) -> DocId {
        let type_args = self.type_args(&call.type_args);
        let from = call
            .type_args
            .last()
            .map_or(call.callee.span.end, |ty| ty.span.end);
        let args = self.args(from, &call.args);
        let bind = self.bind(call.bind.as_ref());
        let ty = call
            .bind_ty
            .as_ref()
            .map(|ty| cat!(self; ": ", self.type_expr(ty)));
        cat!(self; self.source(call.callee.span), type_args, args, bind, ty)
    }

    fn tools(&mut self, from: u32, tools: &[Tool]) -> DocId {
        let mut rows = Vec::new();
        for tool in tools {
            let span = tool
                .needs_approval
                .map_or(tool.name.span, |needs| tool.name.span.to(needs));
            let needs = if tool.needs_approval.is_some() {
                " needs approval"
            } else {
                ""
            };
            rows.push(Row::new(span, cat!(self; self.source(tool.name.span), needs)));
        }
        self.bracketed(from, Style::Filled, rows)
    }

    pub(super) fn update(&mut self, update: &Update) -> Row {
        let field = self.verbatim(update.field.span);
        let operator = self.docs.text(if update.overwrite { ":=" } else { "<-" });
        let value = self.value(operator, &update.value);
        Row::cells(update.span, vec![(Tab::Start, field), (Tab::Update, value)])
    }

    fn ensure(&mut self, ensure: &Ensure) -> DocId {
        let cond = cat!(self; "ensure ", self.expr(&ensure.cond));
        let Some(message) = &ensure.message else {
            return cond;
        };
        let message = cat!(self; Doc::Line, "else ", self.expr(message));
        let message = self.docs.indent(message);
        let all = self.docs.concat(&[cond, message]);
        self.docs.group(all)
    }

    fn timeout(&mut self, timeout: &Timeout) -> DocId {
        let way = timeout.way.as_ref().map(|way| cat!(self; " ", self.way(way)));
        cat!(self; "timeout ", self.expr(&timeout.after), way)
    }

    fn goto(&mut self, from: u32, goto: &Goto) -> DocId {
        let rows = goto.arms.iter().map(|arm| self.arm(arm)).collect();
        let subject = self.behind("match ", goto.subject.as_ref());
        let space = subject.map(|_| self.docs.text(" "));
        let from = goto.subject.as_ref().map_or(from, |subject| subject.span.end);
        cat!(self; "goto ", subject, space, self.bracketed(from, Style::Entries, rows))
    }

    fn arm(&mut self, arm: &Arm) -> Row {
        let guard = match &arm.guard {
            Guard::When(cond) => cat!(self; "when ", self.expr(cond)),
            Guard::Otherwise(_) => self.docs.text("otherwise"),
            Guard::Pattern(pattern) => self.pattern(pattern),
        };
        let target = cat!(self; "-> ", self.target(&arm.target));
        Row::cells(arm.span, vec![(Tab::Start, guard), (Tab::Arrow, target)])
    }

    fn event_match(&mut self, words: &'a str, event: &EventMatch) -> DocId {
        let bind = self.bind(event.bind.as_ref());
        let cond = self.behind(" where ", event.cond.as_ref());
        let transient = if event.transient.is_some() {
            " transient"
        } else {
            ""
        };
        cat!(self; words, self.source(event.event.span), bind, cond, transient)
    }

    fn each(&mut self, each: &Each) -> DocId {
        let mut head = cat!(self; "each ", self.source(each.var.span), " in ", self.expr(&each.list));
        if each.follow.is_some() {
            head = cat!(self; head, " follow");
        }
        let cond = self.optional_line("where ", each.cond.as_ref());
        let target = cat!(self; Doc::Line, "-> ", self.target(&each.target));
        let at_most = self.behind(" at most ", each.at_most.as_ref());
        let until = self.behind(" until ", each.until.as_ref());
        let cancel = if each.cancel_rest.is_some() {
            " cancel rest"
        } else {
            ""
        };
        let rest = cat!(self; cond, target, at_most, until, cancel);
        let rest = self.docs.indent(rest);
        let all = self.docs.concat(&[head, rest]);
        self.docs.group(all)
    }

    fn optional_line(&mut self, word: &'a str, expr: Option<&flow_grammar::ast::Expr>) -> Option<DocId> {
        expr.map(|expr| cat!(self; Doc::Line, word, self.expr(expr)))
    }

    fn check(&mut self, check: &Check) -> DocId {
        match &check.kind {
            CheckKind::Command(command) => cat!(self; "command ", self.expr(command)),
            CheckKind::File(path) => cat!(self; "file ", self.expr(path)),
            CheckKind::Url(url) => cat!(self; "url ", self.expr(url)),
            CheckKind::Within(time) => cat!(self; "within ", self.expr(time)),
            CheckKind::Ensure(ensure) => self.ensure(ensure),
            CheckKind::Receipt => self.docs.text("receipt"),
            CheckKind::Error => self.verbatim(check.span),
        }
    }
}
