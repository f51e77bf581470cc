//! Flows: state, edges, targets.

use flow_diagnostics::Span;

use super::Builder;
use crate::ast::{
    Bracket, Chain, ConfigBlock, EventDecl, EventsBlock, FlowDecl, FlowEntry, Ident, Limit, OnError, Policy,
    PolicyKind, Rest, RestKind, Return, StateBlock, StateField, Stop, StopKind, Target, TargetKind,
};
use crate::explain::Place;
use crate::rules::{Children, Node, Rule};

impl Builder<'_> {
    /// `None` where not even the flow's name could be understood.
    pub(super) fn flow(&mut self, node: Node<'_>) -> Option<FlowDecl> {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let head = children.need_next();
        let (name, params, result) = if head.as_rule() == Rule::flow_head {
            let mut head = Children::of(head);
            let name = self.ident(&head.need(Rule::ident));
            let params = self.params(&mut head);
            let result = head.take(Rule::type_expr).map(|ty| self.type_expr(ty));
            (Some(name), params, result)
        } else {
            let name = self.first_word(&head);
            self.bad(Place::FlowHead, &head);
            (name, Vec::new(), None)
        };
        let entries = self.flow_entries(children.need(Rule::flow_body));
        Some(FlowDecl {
            doc,
            name: name?,
            params,
            result,
            entries,
            span,
        })
    }

    fn first_word(&self, node: &Node<'_>) -> Option<Ident> {
        let text = node.as_str();
        let len = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(text.len());
        let start = node.as_span().start();
        let name = text[..len].to_owned();
        (len > 0).then(|| Ident {
            name,
            span: self.at(start, start + len),
        })
    }

    fn flow_entries(&mut self, node: Node<'_>) -> Vec<FlowEntry> {
        let body = node.as_str();
        let base = node.as_span().start();
        let mut children = Children::of(node);
        let mut entries = Vec::new();
        let mut behind: Option<usize> = None;
        while let Some(entry) = children.next() {
            let start = entry.as_span().start();
            if behind.is_some_and(|end| !body[end - base..start - base].contains([',', '\n'])) {
                let span = self.span(&entry);
                self.two_on_a_line(span);
            }
            behind = Some(entry.as_span().start() + entry.as_str().trim_end_matches([' ', '\n']).len());
            entries.push(self.flow_entry(entry));
        }
        let mut returns = entries.iter().filter_map(|entry| match entry {
            FlowEntry::Return(written) => Some(written.span),
            _ => None,
        });
        if let (Some(first), Some(again)) = (returns.next(), returns.next()) {
            self.repeated("`return`", again, first);
        }
        entries
    }

    fn flow_entry(&mut self, node: Node<'_>) -> FlowEntry {
        let span = self.span(&node);
        match node.as_rule() {
            Rule::node => FlowEntry::Node(self.node(node)),
            Rule::edges => FlowEntry::Edges(self.chain(node)),
            Rule::state_block => FlowEntry::State(StateBlock {
                fields: self.state_fields(node),
                span,
            }),
            Rule::config_block => FlowEntry::Config(ConfigBlock {
                fields: self.param_list(Children::of(node)),
                span,
            }),
            Rule::events_block => FlowEntry::Events(EventsBlock {
                events: self.events(node),
                span,
            }),
            Rule::limit => {
                let mut children = Children::of(node);
                let name = self.ident(&children.need(Rule::ident));
                FlowEntry::Limit(Limit {
                    name,
                    value: self.expr(children.need(Rule::expr)),
                    span,
                })
            }
            Rule::on_error => FlowEntry::OnError(self.on_error(node)),
            Rule::return_stmt => FlowEntry::Return(Return {
                value: self.expr(Children::of(node).need(Rule::expr)),
                span,
            }),
            _ => FlowEntry::Error(self.bad(Place::FlowEntry, &node)),
        }
    }

    fn state_fields(&mut self, node: Node<'_>) -> Vec<StateField> {
        let mut children = Children::of(node);
        let mut fields = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::bad_state_field {
                self.bad(Place::StateField, &entry);
            } else {
                fields.push(self.state_field(entry));
            }
        }
        fields
    }

    fn state_field(&mut self, node: Node<'_>) -> StateField {
        let span = self.span(&node);
        let doc = self.doc(span);
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let ty = self.type_expr(children.need(Rule::type_expr));
        let mut field = StateField {
            doc,
            name,
            ty,
            reducer: None,
            start: None,
            ephemeral: None,
            external: None,
            span,
        };
        loop {
            let place = if let Some(word) = children.word(Rule::k_ephemeral) {
                let place = self.span(&word);
                field.ephemeral.replace(place).map(|_| place)
            } else if let Some(word) = children.word(Rule::k_external) {
                let place = self.span(&word);
                field.external.replace(place).map(|_| place)
            } else if let Some(by) = children.take(Rule::by_reducer) {
                let place = self.span(&by);
                let name = self.ident(&Children::of(by).need(Rule::ident));
                field.reducer.replace(name).map(|_| place)
            } else if let Some(start) = children.take(Rule::start_value) {
                let place = self.span(&start);
                let value = self.expr(Children::of(start).need(Rule::expr));
                field.start.replace(value).map(|_| place)
            } else {
                break;
            };
            if let Some(place) = place {
                self.repeated("this part of the field", place, field.name.span);
            }
        }
        field
    }

    fn events(&mut self, node: Node<'_>) -> Vec<EventDecl> {
        let mut children = Children::of(node);
        let mut events = Vec::new();
        while let Some(entry) = children.next() {
            if entry.as_rule() == Rule::bad_event {
                self.bad(Place::Event, &entry);
                continue;
            }
            let span = self.span(&entry);
            let doc = self.doc(span);
            let mut parts = Children::of(entry);
            let name = self.ident(&parts.need(Rule::ident));
            let ty = parts.take(Rule::type_expr).map(|ty| self.type_expr(ty));
            events.push(EventDecl { doc, name, ty, span });
        }
        events
    }

    fn chain(&mut self, node: Node<'_>) -> Chain {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let mut stops = Vec::new();
        let mut arrows = Vec::new();
        let mut otherwise = None;
        loop {
            if let Some(arrow) = children.word(Rule::arrow) {
                arrows.push(self.span(&arrow));
            } else if let Some(stop) = children.take(Rule::stop) {
                stops.push(self.stop(stop));
            } else if let Some(way) = children.take(Rule::else_way) {
                otherwise = Some(self.target(Children::of(way).need(Rule::target)));
            } else {
                break;
            }
        }
        Chain {
            stops,
            arrows,
            otherwise,
            span,
        }
    }

    fn stop(&mut self, node: Node<'_>) -> Stop {
        let span = self.span(&node);
        let node = Children::of(node).need_next();
        let kind = match node.as_rule() {
            Rule::bracket => StopKind::Bracket(self.bracket(node)),
            Rule::fail_target => StopKind::Fail(self.expr(Children::of(node).need(Rule::expr))),
            Rule::cancel_target => StopKind::Cancel(self.expr(Children::of(node).need(Rule::expr))),
            _ => self.node_stop(node, span),
        };
        Stop { kind, span }
    }

    fn node_stop(&mut self, node: Node<'_>, span: Span) -> StopKind {
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        if let Some(args) = children.take(Rule::call_args) {
            let place = self.span(&args);
            self.args(args);
            self.arrow_arguments(place);
        }
        if self.in_hole(span) {
            return StopKind::Error;
        }
        match name.name.as_str() {
            "start" => StopKind::Start,
            "end" => StopKind::End,
            "halt" => StopKind::Halt,
            _ => StopKind::Node(name),
        }
    }

    fn bracket(&mut self, node: Node<'_>) -> Bracket {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let policy = children.take(Rule::policy).map(|policy| self.policy(policy));
        let mut branches = Vec::new();
        while let Some(chain) = children.take(Rule::chain) {
            branches.push(self.chain(chain));
        }
        let rest = children.take(Rule::rest).map(|rest| {
            let span = self.span(&rest);
            let kind = match rest.as_str().as_bytes().first() {
                Some(b'c') => RestKind::Cancel,
                Some(b'k') => RestKind::Keep,
                _ => RestKind::Block,
            };
            drop(Children::of(rest));
            Rest { kind, span }
        });
        Bracket {
            policy,
            branches,
            rest,
            span,
        }
    }

    fn policy(&mut self, node: Node<'_>) -> Policy {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let mut word = |rule| children.word(rule).is_some();
        let (first, all, any) = (word(Rule::k_first), word(Rule::k_all), word(Rule::k_any));
        let (majority, each) = (word(Rule::k_majority), word(Rule::k_each));
        let number = children.take(Rule::number).map_or(1, |number| {
            let place = self.span(&number);
            self.count(number.as_str(), place)
        });
        let kind = match () {
            () if first => PolicyKind::First(number),
            () if all => PolicyKind::All,
            () if any => PolicyKind::Any,
            () if majority => PolicyKind::Majority,
            () if each => PolicyKind::Each,
            () => PolicyKind::AtLeast(number),
        };
        Policy { kind, span }
    }

    pub(super) fn target(&mut self, node: Node<'_>) -> Target {
        let span = self.span(&node);
        let node = Children::of(node).need_next();
        let kind = match node.as_rule() {
            Rule::target_list => TargetKind::All(self.target_list(node)),
            Rule::fail_target => TargetKind::Fail(self.expr(Children::of(node).need(Rule::expr))),
            Rule::cancel_target => TargetKind::Cancel(self.expr(Children::of(node).need(Rule::expr))),
            _ => self.node_target(node, span),
        };
        Target { kind, span }
    }

    pub(super) fn target_list(&mut self, node: Node<'_>) -> Vec<Target> {
        let mut children = Children::of(node);
        let mut targets = Vec::new();
        while let Some(target) = children.take(Rule::target) {
            targets.push(self.target(target));
        }
        targets
    }

    fn node_target(&mut self, node: Node<'_>, span: Span) -> TargetKind {
        let mut children = Children::of(node);
        let name = self.ident(&children.need(Rule::ident));
        let args = children.take(Rule::call_args);
        let bare = args.is_none();
        let args = args.map(|args| self.args(args)).unwrap_or_default();
        if self.in_hole(span) {
            return TargetKind::Error;
        }
        match name.name.as_str() {
            "end" if bare => TargetKind::End,
            "halt" if bare => TargetKind::Halt,
            "skip" if bare => TargetKind::Skip,
            _ => TargetKind::Node { name, args },
        }
    }

    /// The next target among the children. A chain behind it is reported.
    pub(super) fn next_target(&mut self, children: &mut Children<'_>) -> Target {
        let target = self.target(children.need(Rule::target));
        if let Some(chain) = children.take(Rule::chain_habit) {
            let span = self.span(&chain);
            let mut more = Children::of(chain);
            while let Some(target) = more.take(Rule::target) {
                self.target(target);
            }
            self.target_chain(span);
        }
        target
    }

    pub(super) fn on_error(&mut self, node: Node<'_>) -> OnError {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let bind = children.take(Rule::ident).map(|name| self.ident(&name));
        let target = self.next_target(&mut children);
        OnError { bind, target, span }
    }
}
