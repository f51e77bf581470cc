//! Nodes and their clauses.

use flow_diagnostics::Span;

use super::Printer;
use crate::ast::{
    Arm, Call, Check, CheckKind, Clause, ClauseKind, Each, Ensure, EventMatch, Guard, NodeDecl, NodeHead,
    Update, Way,
};

impl Printer {
    pub(super) fn node_decl(&mut self, decl: &NodeDecl) {
        let mut head = String::new();
        let modifiers = [
            (decl.standing, "standing "),
            (decl.defer, "defer "),
            (decl.finally, "finally "),
        ];
        for (_, word) in modifiers.into_iter().filter(|(place, _)| place.is_some()) {
            head.push_str(word);
        }
        head.push_str(decl.kind.as_str());
        head.push(' ');
        head.push_str(&decl.name.name);
        self.node(decl.span, &head, |p| {
            p.doc(decl.doc.as_ref());
            p.params(&decl.params);
            match &decl.head {
                NodeHead::None => {}
                NodeHead::Match(subject) => p.part("match", Some(subject)),
                NodeHead::Every(span) => p.line(*span, "every"),
                NodeHead::When(cond) => p.part("when", Some(cond)),
            }
            for clause in &decl.clauses {
                p.clause(clause);
            }
        });
    }

    fn clause(&mut self, clause: &Clause) {
        let span = clause.span;
        match &clause.kind {
            ClauseKind::Call(call) => self.call("call", call),
            ClauseKind::Undo(call) => self.call("undo", call),
            ClauseKind::Tools(tools) => self.node(span, "tools", |p| {
                for tool in tools {
                    let needs = if tool.needs_approval.is_some() {
                        " needs approval"
                    } else {
                        ""
                    };
                    p.line(tool.name.span, &format!("{}{needs}", tool.name));
                }
            }),
            ClauseKind::Continue(args) => self.node(span, "continue", |p| p.args(args)),
            ClauseKind::Until(value) => self.part("until", Some(value)),
            ClauseKind::LimitTurns(value) => self.part("limit turns", Some(value)),
            ClauseKind::TurnTimeout(value) => self.part("turn timeout", Some(value)),
            ClauseKind::Let(stmt) => self.let_stmt(stmt),
            ClauseKind::Update(update) => self.update(update),
            ClauseKind::Ensure(ensure) => self.ensure(span, ensure),
            ClauseKind::Attempts(attempts) => self.node(span, "attempts", |p| p.attempts(attempts)),
            ClauseKind::RetryOn(names) => self.node(span, "retry on", |p| p.names(names)),
            ClauseKind::Timeout(timeout) => self.node(span, "timeout", |p| {
                p.expr(&timeout.after);
                if let Some(way) = &timeout.way {
                    p.way(way);
                }
            }),
            ClauseKind::Cache { ttl, by } => self.node(span, "cache", |p| {
                p.expr(ttl);
                p.part("by", by.as_ref());
            }),
            _ => self.leading_clause(clause),
        }
    }

    /// Clauses about where a node leads, and what it holds and withdraws.
    fn leading_clause(&mut self, clause: &Clause) {
        let span = clause.span;
        match &clause.kind {
            ClauseKind::OnError(on_error) => self.on_error(on_error),
            ClauseKind::Goto(goto) => self.node(span, "goto", |p| {
                p.part("match", goto.subject.as_ref());
                for arm in &goto.arms {
                    p.arm(arm);
                }
            }),
            ClauseKind::MayGoto(targets) => {
                self.node(span, "may goto", |p| targets.iter().for_each(|t| p.target(t)));
            }
            ClauseKind::MayUpdate(names) => self.node(span, "may update", |p| p.names(names)),
            ClauseKind::MayOverwrite(names) => self.node(span, "may overwrite", |p| p.names(names)),
            ClauseKind::Verify(checks) => {
                self.node(span, "verify", |p| checks.iter().for_each(|c| p.check(c)));
            }
            ClauseKind::Lock { shared, name } => {
                self.node(span, if shared.is_some() { "lock shared" } else { "lock" }, |p| {
                    p.expr(name);
                });
            }
            ClauseKind::Cancel(names) => self.node(span, "cancel", |p| p.names(names)),
            ClauseKind::Finish(names) => self.node(span, "finish", |p| p.names(names)),
            ClauseKind::Emit { name, value } => self.node(span, &format!("emit {name}"), |p| {
                if let Some(value) = value {
                    p.expr(value);
                }
            }),
            _ => self.waiting_clause(clause),
        }
    }

    /// Clauses of the nodes that ask, wait, decide and send.
    fn waiting_clause(&mut self, clause: &Clause) {
        let span = clause.span;
        match &clause.kind {
            ClauseKind::Ask(value) => self.node(span, "ask", |p| p.expr(value)),
            ClauseKind::Show(value) => self.node(span, "show", |p| p.expr(value)),
            ClauseKind::Answer { bind, ty } => self.node(span, &format!("answer as {bind}"), |p| p.ty(ty)),
            ClauseKind::For(value) => self.node(span, "for", |p| p.expr(value)),
            ClauseKind::ForEvent(event) => self.event(span, "for event", event, None),
            ClauseKind::EventArm(event, way) => self.event(span, "event", event, Some(way)),
            ClauseKind::AfterArm(after, way) => self.node(span, "after", |p| {
                p.expr(after);
                p.way(way);
            }),
            ClauseKind::Arm(arm) => self.arm(arm),
            ClauseKind::Each(each) => self.each(span, each),
            _ => self.line(span, "error"),
        }
    }

    fn call(&mut self, word: &str, call: &Call) {
        let bind = call
            .bind
            .as_ref()
            .map(|bind| format!(" as {bind}"))
            .unwrap_or_default();
        self.node(call.span, &format!("{word} {}{bind}", call.callee), |p| {
            for ty in &call.type_args {
                p.ty(ty);
            }
            p.args(&call.args);
            if let Some(ty) = &call.bind_ty {
                p.node(ty.span, "reply", |p| p.ty(ty));
            }
        });
    }

    fn update(&mut self, update: &Update) {
        let op = if update.overwrite { ":=" } else { "<-" };
        self.node(update.span, &format!("{} {op}", update.field), |p| {
            p.expr(&update.value);
        });
    }

    fn ensure(&mut self, span: Span, ensure: &Ensure) {
        self.node(span, "ensure", |p| {
            p.expr(&ensure.cond);
            p.part("else", ensure.message.as_ref());
        });
    }

    fn way(&mut self, way: &Way) {
        self.target(&way.target);
        way.updates.iter().for_each(|update| self.update(update));
    }

    fn arm(&mut self, arm: &Arm) {
        self.node(arm.span, "arm", |p| {
            p.doc(arm.doc.as_ref());
            match &arm.guard {
                Guard::When(cond) => p.part("when", Some(cond)),
                Guard::Otherwise(span) => p.line(*span, "otherwise"),
                Guard::Pattern(pattern) => p.pattern(pattern),
            }
            p.target(&arm.target);
        });
    }

    fn event(&mut self, span: Span, word: &str, event: &EventMatch, way: Option<&Way>) {
        let bind = event
            .bind
            .as_ref()
            .map(|bind| format!(" as {bind}"))
            .unwrap_or_default();
        let transient = if event.transient.is_some() {
            " transient"
        } else {
            ""
        };
        self.node(span, &format!("{word} {}{bind}{transient}", event.event), |p| {
            p.part("where", event.cond.as_ref());
            if let Some(way) = way {
                p.way(way);
            }
        });
    }

    fn each(&mut self, span: Span, each: &Each) {
        let follow = if each.follow.is_some() { " follow" } else { "" };
        let rest = if each.cancel_rest.is_some() {
            ", cancel rest"
        } else {
            ""
        };
        self.node(span, &format!("each {}{follow}{rest}", each.var), |p| {
            p.expr(&each.list);
            p.part("where", each.cond.as_ref());
            p.target(&each.target);
            p.part("at most", each.at_most.as_ref());
            p.part("until", each.until.as_ref());
        });
    }

    fn check(&mut self, check: &Check) {
        let span = check.span;
        match &check.kind {
            CheckKind::Command(value) => self.node(span, "command", |p| p.expr(value)),
            CheckKind::File(value) => self.node(span, "file", |p| p.expr(value)),
            CheckKind::Url(value) => self.node(span, "url", |p| p.expr(value)),
            CheckKind::Ensure(ensure) => self.ensure(span, ensure),
            CheckKind::Receipt => self.line(span, "receipt"),
            CheckKind::Within(value) => self.node(span, "within", |p| p.expr(value)),
            CheckKind::Error => self.line(span, "error"),
        }
    }
}
