//! Nodes and their clauses.

use flow_diagnostics::Span;

use super::Builder;
use crate::ast::{
    Arm, Attempts, Backoff, Call, Check, CheckKind, Clause, ClauseKind, Each, Ensure, EventMatch, Expr, Goto,
    Guard, NodeDecl, NodeHead, NodeKind, Timeout, Tool, Update, Way,
};
use crate::explain::Place;
use crate::rules::{Children, Node, Rule};

/// Makes a check of the value behind its word.
type MakeCheck = fn(Expr) -> CheckKind;

impl Builder<'_> {
    pub(super) fn node(&mut self, node: Node<'_>) -> NodeDecl {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let mut modifiers = [None; 3];
        while let Some(word) = children.take(Rule::modifier) {
            let place = self.span(&word);
            let slot = match word.as_str() {
                "standing" => &mut modifiers[0],
                "defer" => &mut modifiers[1],
                _ => &mut modifiers[2],
            };
            if let Some(first) = slot.replace(place) {
                self.repeated(&format!("`{}`", word.as_str()), place, first);
            }
        }
        let [standing, defer, finally] = modifiers;
        let kind = node_kind(children.need(Rule::node_kind).as_str());
        let name = self.ident(&children.need(Rule::ident));
        let params = self.params(&mut children);
        let head = self.node_head(&mut children);
        let body = children.need_next();
        let place = if body.as_rule() == Rule::match_body {
            Place::Arm
        } else {
            Place::Clause
        };
        let mut clauses = Vec::new();
        let mut body = Children::of(body);
        while let Some(entry) = body.next() {
            clauses.push(self.clause(entry, place));
        }
        let node = NodeDecl {
            doc,
            standing,
            defer,
            finally,
            kind,
            name,
            params,
            head,
            clauses,
            span,
        };
        self.check_placement(&node);
        node
    }

    fn node_head(&mut self, children: &mut Children<'_>) -> NodeHead {
        if let Some(head) = children.take(Rule::match_head) {
            return NodeHead::Match(self.expr(Children::of(head).need(Rule::expr)));
        }
        if let Some(head) = children.take(Rule::every_head) {
            let span = self.span(&head);
            drop(Children::of(head));
            return NodeHead::Every(span);
        }
        match children.take(Rule::when_head) {
            Some(head) => NodeHead::When(self.expr(Children::of(head).need(Rule::expr))),
            None => NodeHead::None,
        }
    }

    fn clause(&mut self, node: Node<'_>, place: Place) -> Clause {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::bad_clause => {
                self.bad(place, &node);
                ClauseKind::Error
            }
            Rule::update => ClauseKind::Update(self.update(node)),
            Rule::update_habit => self.update_habit(node),
            Rule::let_stmt => ClauseKind::Let(self.let_stmt(node)),
            Rule::ensure => ClauseKind::Ensure(self.ensure(node)),
            Rule::attempts => ClauseKind::Attempts(self.attempts(node)),
            Rule::on_error => ClauseKind::OnError(self.on_error(node)),
            Rule::when_arm | Rule::otherwise_arm | Rule::pattern_arm => ClauseKind::Arm(self.arm(node)),
            Rule::goto => ClauseKind::Goto(self.goto(node)),
            Rule::verify => ClauseKind::Verify(self.verify(node)),
            Rule::timeout => {
                let mut children = Children::of(node);
                let after = self.expr(children.need(Rule::expr));
                let way = children.take(Rule::way).map(|way| self.way(way));
                ClauseKind::Timeout(Timeout { after, way })
            }
            Rule::each => ClauseKind::Each(self.each(node)),
            _ => self.plain_clause(node),
        };
        Clause { kind, span }
    }

    /// Clauses of one or two parts.
    fn plain_clause(&mut self, node: Node<'_>) -> ClauseKind {
        let rule = node.as_rule();
        let mut children = Children::of(node);
        match rule {
            Rule::call => ClauseKind::Call(self.call(&mut children)),
            Rule::undo => ClauseKind::Undo(self.call(&mut children)),
            Rule::tools => ClauseKind::Tools(self.tools(&mut children)),
            Rule::continue_args => ClauseKind::Continue(self.args(children.need(Rule::call_args))),
            Rule::retry_on => ClauseKind::RetryOn(self.idents(children.need(Rule::names))),
            Rule::cancel => ClauseKind::Cancel(self.idents(children.need(Rule::names))),
            Rule::finish => ClauseKind::Finish(self.idents(children.need(Rule::names))),
            Rule::may => self.may(&mut children),
            Rule::for_event => ClauseKind::ForEvent(self.event_match(children.need(Rule::event_match))),
            Rule::event_arm => {
                let event = self.event_match(children.need(Rule::event_match));
                ClauseKind::EventArm(event, self.way(children.need(Rule::way)))
            }
            Rule::after_arm => {
                let after = self.expr(children.need(Rule::expr));
                ClauseKind::AfterArm(after, self.way(children.need(Rule::way)))
            }
            Rule::cache => {
                let ttl = self.expr(children.need(Rule::expr));
                let by = children
                    .take(Rule::cache_key)
                    .map(|key| self.expr(Children::of(key).need(Rule::expr)));
                ClauseKind::Cache { ttl, by }
            }
            Rule::lock => {
                let shared = children.take(Rule::lock_shared).map(|word| self.span(&word));
                ClauseKind::Lock {
                    shared,
                    name: self.expr(children.need(Rule::expr)),
                }
            }
            Rule::emit => {
                let name = self.ident(&children.need(Rule::ident));
                ClauseKind::Emit {
                    name,
                    value: children.take(Rule::expr).map(|value| self.expr(value)),
                }
            }
            Rule::answer => {
                let bind = self.ident(&children.need(Rule::ident));
                ClauseKind::Answer {
                    bind,
                    ty: self.type_expr(children.need(Rule::type_expr)),
                }
            }
            _ => single(rule, self.expr(children.need(Rule::expr))),
        }
    }

    pub(super) fn update(&mut self, node: Node<'_>) -> Update {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let field = self.ident(&children.need(Rule::ident));
        let overwrite = children.need(Rule::update_op).as_str() == ":=";
        let value = self.expr(children.need(Rule::expr));
        Update {
            field,
            overwrite,
            value,
            span,
        }
    }

    fn update_habit(&mut self, node: Node<'_>) -> ClauseKind {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let field = self.ident(&children.need(Rule::ident));
        let sign = children.need(Rule::assign_habit);
        let place = self.span(&sign);
        let value = self.expr(children.need(Rule::expr));
        self.assignment_habit(&field.name, sign.as_str(), place);
        ClauseKind::Update(Update {
            field,
            overwrite: false,
            value,
            span,
        })
    }

    fn call(&mut self, children: &mut Children<'_>) -> Call {
        let node = children.need(Rule::callee);
        let mut span = self.span(&node);
        let mut parts = Children::of(node);
        let callee = self.ident(&parts.need(Rule::ident));
        let type_args = parts
            .take(Rule::type_args)
            .map(|args| self.type_args(args))
            .unwrap_or_default();
        let args = self.args(parts.need(Rule::call_args));
        let bind = children.take(Rule::ident).map(|name| self.ident(&name));
        let bind_ty = children.take(Rule::type_expr).map(|ty| self.type_expr(ty));
        for end in [bind.as_ref().map(|b| b.span), bind_ty.as_ref().map(|t| t.span)]
            .into_iter()
            .flatten()
        {
            span = span.to(end);
        }
        Call {
            callee,
            type_args,
            args,
            bind,
            bind_ty,
            span,
        }
    }

    fn tools(&mut self, children: &mut Children<'_>) -> Vec<Tool> {
        let mut tools = Vec::new();
        while let Some(tool) = children.take(Rule::tool) {
            let mut parts = Children::of(tool);
            let name = self.ident(&parts.need(Rule::ident));
            let needs_approval = parts.take(Rule::needs).map(|needs| self.span(&needs));
            tools.push(Tool { name, needs_approval });
        }
        tools
    }

    fn ensure(&mut self, node: Node<'_>) -> Ensure {
        let mut children = Children::of(node);
        let cond = self.expr(children.need(Rule::expr));
        let message = children.take(Rule::expr).map(|message| self.expr(message));
        Ensure { cond, message }
    }

    pub(super) fn attempts(&mut self, node: Node<'_>) -> Attempts {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let count = self.expr(children.need(Rule::expr));
        let backoff = children.take(Rule::backoff).map(|backoff| {
            let mut parts = Children::of(backoff);
            let from = self.operation(parts.need(Rule::operation));
            let to = parts
                .take(Rule::backoff_to)
                .map(|to| self.operation(Children::of(to).need(Rule::operation)));
            let factor = parts
                .take(Rule::factor)
                .map(|factor| self.expr(Children::of(factor).need(Rule::expr)));
            Backoff { from, to, factor }
        });
        Attempts { count, backoff, span }
    }

    fn way(&mut self, node: Node<'_>) -> Way {
        let mut children = Children::of(node);
        let target = self.next_target(&mut children);
        let mut updates = Vec::new();
        if let Some(block) = children.take(Rule::updates) {
            let mut block = Children::of(block);
            while let Some(update) = block.take(Rule::update) {
                updates.push(self.update(update));
            }
        }
        Way { target, updates }
    }

    fn may(&mut self, children: &mut Children<'_>) -> ClauseKind {
        let node = children.need_next();
        let names = |this: &Self, node| this.idents(Children::of(node).need(Rule::names));
        match node.as_rule() {
            Rule::target_list => ClauseKind::MayGoto(self.target_list(node)),
            Rule::may_update => ClauseKind::MayUpdate(names(self, node)),
            _ => ClauseKind::MayOverwrite(names(self, node)),
        }
    }

    fn goto(&mut self, node: Node<'_>) -> Goto {
        let mut children = Children::of(node);
        let subject = children
            .take(Rule::match_head)
            .map(|head| self.expr(Children::of(head).need(Rule::expr)));
        let mut body = Children::of(children.need_next());
        let mut arms = Vec::new();
        while let Some(arm) = body.next() {
            arms.push(self.arm(arm));
        }
        Goto { subject, arms }
    }

    fn arm(&mut self, node: Node<'_>) -> Arm {
        let span = self.span(&node);
        let rule = node.as_rule();
        let mut children = Children::of(node);
        if rule == Rule::pattern_arm
            && let Some(otherwise) = children.take(Rule::otherwise_arm)
        {
            return self.arm(otherwise);
        }
        let doc = self.doc(span);
        let guard = match rule {
            Rule::when_arm => Guard::When(self.expr(children.need(Rule::expr))),
            Rule::pattern_arm => Guard::Pattern(self.pattern(children.need(Rule::pattern))),
            _ => {
                let word = children.word(Rule::k_otherwise);
                Guard::Otherwise(word.map_or(span, |word| self.span(&word)))
            }
        };
        let target = self.next_target(&mut children);
        if let Some(way) = children.take(Rule::else_way) {
            let place = self.span(&way);
            self.target(Children::of(way).need(Rule::target));
            self.else_in_route(place);
        }
        Arm {
            doc,
            guard,
            target,
            span,
        }
    }

    fn event_match(&mut self, node: Node<'_>) -> EventMatch {
        let mut children = Children::of(node);
        let event = self.ident(&children.need(Rule::ident));
        let bind = children.take(Rule::ident).map(|name| self.ident(&name));
        let cond = children.take(Rule::expr).map(|cond| self.expr(cond));
        let transient = children.word(Rule::k_transient).map(|word| self.span(&word));
        EventMatch {
            event,
            bind,
            cond,
            transient,
        }
    }

    fn each(&mut self, node: Node<'_>) -> Each {
        let mut children = Children::of(node);
        let var = self.ident(&children.need(Rule::ident));
        let list = self.expr(children.need(Rule::expr));
        let follow = children.word(Rule::k_follow).map(|word| self.span(&word));
        let inner = |node| Children::of(node).need(Rule::expr);
        let cond = children.take(Rule::each_where).map(|node| self.expr(inner(node)));
        let target = self.target(children.need(Rule::target));
        let at_most = children.take(Rule::at_most).map(|node| self.expr(inner(node)));
        let (mut until, mut cancel_rest) = (None, None);
        if let Some(node) = children.take(Rule::each_until) {
            let mut parts = Children::of(node);
            until = Some(self.expr(parts.need(Rule::expr)));
            cancel_rest = parts.take(Rule::cancel_rest).map(|rest| self.span(&rest));
        }
        Each {
            var,
            list,
            follow,
            cond,
            target,
            at_most,
            until,
            cancel_rest,
        }
    }

    fn verify(&mut self, node: Node<'_>) -> Vec<Check> {
        let mut children = Children::of(node);
        let mut checks = Vec::new();
        while let Some(entry) = children.next() {
            let span = self.span(&entry);
            let kind = if entry.as_rule() == Rule::bad_check {
                self.bad(Place::Check, &entry);
                CheckKind::Error
            } else {
                self.check(entry)
            };
            checks.push(Check { kind, span });
        }
        checks
    }

    fn check(&mut self, node: Node<'_>) -> CheckKind {
        let mut children = Children::of(node);
        let words: [(Rule, MakeCheck); 4] = [
            (Rule::k_command, CheckKind::Command),
            (Rule::k_file, CheckKind::File),
            (Rule::k_url, CheckKind::Url),
            (Rule::k_within, CheckKind::Within),
        ];
        for (word, make) in words {
            if children.word(word).is_some() {
                return make(self.expr(children.need(Rule::expr)));
            }
        }
        match children.take(Rule::ensure) {
            Some(ensure) => CheckKind::Ensure(self.ensure(ensure)),
            None => CheckKind::Receipt,
        }
    }

    /// A small positive number, as policies have it.
    pub(super) fn count(&mut self, text: &str, span: Span) -> u32 {
        use crate::ast::LitKind;
        match self.number(text, span) {
            Some(LitKind::Int(value)) if (1..=i64::from(u32::MAX)).contains(&value) => value as u32,
            Some(_) => {
                self.bad_count(text, span);
                1
            }
            None => 1,
        }
    }
}

/// Clauses of one word and one expression.
fn single(rule: Rule, value: Expr) -> ClauseKind {
    match rule {
        Rule::until => ClauseKind::Until(value),
        Rule::limit_turns => ClauseKind::LimitTurns(value),
        Rule::turn_timeout => ClauseKind::TurnTimeout(value),
        Rule::ask => ClauseKind::Ask(value),
        Rule::show => ClauseKind::Show(value),
        Rule::for_time => ClauseKind::For(value),
        other => unreachable!("{other:?} is no clause"),
    }
}

fn node_kind(word: &str) -> NodeKind {
    match word {
        "task" => NodeKind::Task,
        "agent" => NodeKind::Agent,
        "transform" => NodeKind::Transform,
        "route" => NodeKind::Route,
        "send" => NodeKind::Send,
        "subgraph" => NodeKind::Subgraph,
        "interrupt" => NodeKind::Interrupt,
        _ => NodeKind::Wait,
    }
}
