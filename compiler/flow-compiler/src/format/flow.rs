//! Flows: state, arrows, targets, events and limits.

use flow_grammar::ast::{
    Arg, Bracket, Chain, EventDecl, FlowDecl, FlowEntry, Ident, OnError, PolicyKind, RestKind, StateField,
    Stop, StopKind, Target, TargetKind, Way,
};

use super::Formatter;
use super::align::Tab;
use super::doc::{DocId, cat};
use super::sequence::{Row, Style};

impl Formatter<'_> {
    pub(super) fn flow(&mut self, flow: &FlowDecl) -> DocId {
        let params = self.some_params(&flow.name, &flow.params);
        let result = flow
            .result
            .as_ref()
            .map(|ty| cat!(self; " -> ", self.type_expr(ty)));
        let head = cat!(self; "flow ", self.source(flow.name.span), params, result, " ");
        let header = flow.result.as_ref().map(|ty| ty.span.end);
        let header = header
            .or(flow.params.last().map(|param| param.span.end))
            .unwrap_or(flow.name.span.end);
        let rows = flow.entries.iter().map(|entry| self.flow_entry(entry)).collect();
        cat!(self; head, self.bracketed(header, Style::Body, rows))
    }

    fn flow_entry(&mut self, entry: &FlowEntry) -> Row {
        let span = entry.span();
        let from = span.start;
        let (doc, spaced) = match entry {
            FlowEntry::State(state) => {
                let rows = state.fields.iter().map(|field| self.state_field(field)).collect();
                (
                    cat!(self; "state ", self.bracketed(from, Style::Entries, rows)),
                    true,
                )
            }
            FlowEntry::Config(config) => {
                let rows = config
                    .fields
                    .iter()
                    .map(|field| self.config_field(field))
                    .collect();
                (
                    cat!(self; "config ", self.bracketed(from, Style::Entries, rows)),
                    true,
                )
            }
            FlowEntry::Events(events) => {
                let rows = events.events.iter().map(|event| self.event(event)).collect();
                (
                    cat!(self; "events ", self.bracketed(from, Style::Entries, rows)),
                    true,
                )
            }
            FlowEntry::Node(node) => (self.node(node), true),
            FlowEntry::Edges(chain) => (self.edges(chain), false),
            FlowEntry::OnError(on_error) => (self.on_error(on_error), false),
            FlowEntry::Return(item) => (cat!(self; "return ", self.expr(&item.value)), false),
            FlowEntry::Error(span) => (self.verbatim(*span), false),
            FlowEntry::Limit(limit) => {
                let head = cat!(self; "limit ", self.source(limit.name.span));
                let value = self.expr(&limit.value);
                return Row::cells(span, vec![(Tab::Start, head), (Tab::Limit, value)]);
            }
        };
        Row {
            spaced: spaced.then_some(self.width - 2),
            ..Row::new(span, doc)
        }
    }

    fn state_field(&mut self, field: &StateField) -> Row {
        let mut cells = vec![
            (Tab::Start, cat!(self; self.source(field.name.span), ":")),
            (Tab::Type, self.type_expr(&field.ty)),
        ];
        if let Some(reducer) = &field.reducer {
            cells.push((Tab::Reducer, cat!(self; "by ", self.source(reducer.span))));
        }
        if let Some(start) = &field.start {
            cells.push((Tab::Default, cat!(self; "= ", self.expr(start))));
        }
        for (word, _) in [("ephemeral", field.ephemeral), ("external", field.external)]
            .iter()
            .filter(|(_, at)| at.is_some())
        {
            cells.push((Tab::Start, self.docs.text(word)));
        }
        Row::cells(field.span, cells)
    }

    fn event(&mut self, event: &EventDecl) -> Row {
        let Some(ty) = &event.ty else {
            return Row::new(event.span, self.verbatim(event.name.span));
        };
        let head = cat!(self; self.source(event.name.span), ":");
        Row::cells(
            event.span,
            vec![(Tab::Start, head), (Tab::Type, self.type_expr(ty))],
        )
    }

    pub(super) fn on_error(&mut self, on_error: &OnError) -> DocId {
        let bind = self.bind(on_error.bind.as_ref());
        cat!(self; "on error", bind, " -> ", self.target(&on_error.target))
    }

    /// ` as name`, or nothing.
    pub(super) fn bind(&mut self, name: Option<&Ident>) -> Option<DocId> {
        name.map(|name| cat!(self; " as ", self.source(name.span)))
    }

    /// A statement of edges, or a branch in a bracket.
    fn edges(&mut self, chain: &Chain) -> DocId {
        let mut stops = chain.stops.iter();
        let first = stops.next().map(|stop| self.stop(stop));
        let mut rest = Vec::new();
        for stop in stops {
            let stop = self.stop(stop);
            let fill = self.docs.fill(stop, 3, 2);
            rest.push(cat!(self; fill, "-> ", stop));
        }
        if let Some(otherwise) = &chain.otherwise {
            let target = cat!(self; "else -> ", self.target(otherwise));
            rest.push(self.docs.fill(target, 0, 2));
            rest.push(target);
        }
        let rest = self.docs.concat(&rest);
        let all = cat!(self; first, rest);
        self.docs.group(all)
    }

    fn stop(&mut self, stop: &Stop) -> DocId {
        match &stop.kind {
            StopKind::Start => self.docs.text("start"),
            StopKind::End => self.docs.text("end"),
            StopKind::Halt => self.docs.text("halt"),
            StopKind::Node(name) => self.verbatim(name.span),
            StopKind::Fail(why) => cat!(self; "fail ", self.expr(why)),
            StopKind::Cancel(why) => cat!(self; "cancel ", self.expr(why)),
            StopKind::Bracket(bracket) => self.bracket(bracket),
            StopKind::Error => self.verbatim(stop.span),
        }
    }

    fn bracket(&mut self, bracket: &Bracket) -> DocId {
        let policy = bracket.policy.map(|policy| match policy.kind {
            PolicyKind::All => self.docs.text("all of "),
            PolicyKind::Any => self.docs.text("any of "),
            PolicyKind::Majority => self.docs.text("majority of "),
            PolicyKind::Each => self.docs.text("each of "),
            PolicyKind::AtLeast(_) | PolicyKind::First(_) => self.words(policy.span),
        });
        let from = bracket
            .policy
            .map_or(bracket.span.start, |policy| policy.span.end);
        let rows = bracket
            .branches
            .iter()
            .map(|chain| Row::new(chain.span, self.edges(chain)))
            .collect();
        let branches = self.bracketed(from, Style::List, rows);
        let rest = bracket.rest.map(|rest| match rest.kind {
            RestKind::Cancel => " cancel rest",
            RestKind::Keep => " keep rest",
            RestKind::Block => " block",
        });
        cat!(self; policy, branches, rest.unwrap_or_default())
    }

    /// The words under a span, each with a blank behind it.
    fn words(&mut self, span: flow_diagnostics::Span) -> DocId {
        let mut parts = Vec::new();
        for word in self.source(span).split_whitespace() {
            parts.push(self.docs.text(word));
            parts.push(self.docs.text(" "));
        }
        self.docs.concat(&parts)
    }

    pub(super) fn target(&mut self, target: &Target) -> DocId {
        match &target.kind {
            TargetKind::Node { name, args } => {
                let args = self.some_args(name, args);
                cat!(self; self.source(name.span), args)
            }
            TargetKind::All(targets) => self.targets(target.span.start, targets),
            TargetKind::End => self.docs.text("end"),
            TargetKind::Halt => self.docs.text("halt"),
            TargetKind::Skip => self.docs.text("skip"),
            TargetKind::Fail(why) => cat!(self; "fail ", self.expr(why)),
            TargetKind::Cancel(why) => cat!(self; "cancel ", self.expr(why)),
            TargetKind::Error => self.verbatim(target.span),
        }
    }

    /// Targets in square brackets: the first `[` at or behind `from`.
    pub(super) fn targets(&mut self, from: u32, targets: &[Target]) -> DocId {
        let plain = |target: &Target| {
            !matches!(
                target.kind,
                TargetKind::Fail(_) | TargetKind::Cancel(_) | TargetKind::All(_)
            )
        };
        let style = if targets.iter().all(plain) {
            Style::Filled
        } else {
            Style::List
        };
        let rows = targets
            .iter()
            .map(|target| Row::new(target.span, self.target(target)))
            .collect();
        self.bracketed(from, style, rows)
    }

    fn some_args(&mut self, name: &Ident, args: &[Arg]) -> Option<DocId> {
        (!args.is_empty()).then(|| self.args(name.span.end, args))
    }

    /// `-> target { updates }`
    pub(super) fn way(&mut self, way: &Way) -> DocId {
        let target = self.target(&way.target);
        if way.updates.is_empty() {
            return cat!(self; "-> ", target);
        }
        let rows = way.updates.iter().map(|update| self.update(update)).collect();
        cat!(self; "-> ", target, " ", self.bracketed(way.target.span.end, Style::Entries, rows))
    }
}
