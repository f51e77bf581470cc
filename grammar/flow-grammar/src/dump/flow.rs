//! Flows and tests.

use super::Printer;
use crate::ast::{
    Action, AnswerReply, Bracket, Chain, Expectation, FlowDecl, FlowEntry, MockKind, MockReply, Numbered,
    OnError, PolicyKind, Replies, RestKind, StateField, StopKind, Target, TargetKind, TestDecl, TestKind,
};

impl Printer {
    pub(super) fn flow(&mut self, decl: &FlowDecl) {
        self.node(decl.span, &format!("flow {}", decl.name), |p| {
            p.doc(decl.doc.as_ref());
            p.params(&decl.params);
            if let Some(result) = &decl.result {
                p.ty(result);
            }
            for entry in &decl.entries {
                p.flow_entry(entry);
            }
        });
    }

    fn flow_entry(&mut self, entry: &FlowEntry) {
        let span = entry.span();
        match entry {
            FlowEntry::State(state) => self.node(span, "state", |p| {
                state.fields.iter().for_each(|f| p.state_field(f));
            }),
            FlowEntry::Edges(chain) => self.chain("edges", chain),
            FlowEntry::Node(node) => self.node_decl(node),
            FlowEntry::Limit(limit) => {
                self.node(span, &format!("limit {}", limit.name), |p| p.expr(&limit.value));
            }
            FlowEntry::Config(config) => self.node(span, "config", |p| p.params(&config.fields)),
            FlowEntry::Events(events) => self.node(span, "events", |p| {
                for event in &events.events {
                    p.node(event.span, &format!("event {}", event.name), |p| {
                        p.doc(event.doc.as_ref());
                        if let Some(ty) = &event.ty {
                            p.ty(ty);
                        }
                    });
                }
            }),
            FlowEntry::OnError(on_error) => self.on_error(on_error),
            FlowEntry::Return(stmt) => self.node(span, "return", |p| p.expr(&stmt.value)),
            FlowEntry::Error(_) => self.line(span, "error"),
        }
    }

    fn state_field(&mut self, field: &StateField) {
        let reducer = field
            .reducer
            .as_ref()
            .map(|reducer| format!(" by {reducer}"))
            .unwrap_or_default();
        let ephemeral = if field.ephemeral.is_some() {
            " ephemeral"
        } else {
            ""
        };
        let external = if field.external.is_some() { " external" } else { "" };
        self.node(
            field.span,
            &format!("field {}{reducer}{ephemeral}{external}", field.name),
            |p| {
                p.doc(field.doc.as_ref());
                p.ty(&field.ty);
                p.part("start", field.start.as_ref());
            },
        );
    }

    fn chain(&mut self, head: &str, chain: &Chain) {
        self.node(chain.span, head, |p| {
            for stop in &chain.stops {
                match &stop.kind {
                    StopKind::Start => p.line(stop.span, "start"),
                    StopKind::Node(name) => p.line(stop.span, &format!("node {name}")),
                    StopKind::Bracket(bracket) => p.bracket(bracket),
                    StopKind::End => p.line(stop.span, "end"),
                    StopKind::Halt => p.line(stop.span, "halt"),
                    StopKind::Fail(why) => p.part("fail", Some(why)),
                    StopKind::Cancel(why) => p.part("cancel", Some(why)),
                    StopKind::Error => p.line(stop.span, "error"),
                }
            }
            if let Some(otherwise) = &chain.otherwise {
                p.node(otherwise.span, "else", |p| p.target(otherwise));
            }
        });
    }

    fn bracket(&mut self, bracket: &Bracket) {
        let policy = match bracket.policy.map(|policy| policy.kind) {
            None => String::new(),
            Some(PolicyKind::All) => " all of".to_owned(),
            Some(PolicyKind::Any) => " any of".to_owned(),
            Some(PolicyKind::Majority) => " majority of".to_owned(),
            Some(PolicyKind::AtLeast(n)) => format!(" {n} of"),
            Some(PolicyKind::First(n)) => format!(" first {n} of"),
            Some(PolicyKind::Each) => " each of".to_owned(),
        };
        let rest = match bracket.rest.map(|rest| rest.kind) {
            None => "",
            Some(RestKind::Cancel) => ", cancel rest",
            Some(RestKind::Keep) => ", keep rest",
            Some(RestKind::Block) => ", block",
        };
        self.node(bracket.span, &format!("bracket{policy}{rest}"), |p| {
            bracket
                .branches
                .iter()
                .for_each(|branch| p.chain("branch", branch));
        });
    }

    pub(super) fn target(&mut self, target: &Target) {
        let span = target.span;
        match &target.kind {
            TargetKind::Node { name, args } => self.node(span, &format!("-> {name}"), |p| p.args(args)),
            TargetKind::All(targets) => {
                self.node(span, "-> []", |p| targets.iter().for_each(|t| p.target(t)));
            }
            TargetKind::End => self.line(span, "-> end"),
            TargetKind::Halt => self.line(span, "-> halt"),
            TargetKind::Fail(why) => self.node(span, "-> fail", |p| p.expr(why)),
            TargetKind::Cancel(why) => self.node(span, "-> cancel", |p| p.expr(why)),
            TargetKind::Skip => self.line(span, "-> skip"),
            TargetKind::Error => self.line(span, "-> error"),
        }
    }

    pub(super) fn on_error(&mut self, on_error: &OnError) {
        let bind = on_error
            .bind
            .as_ref()
            .map(|bind| format!(" as {bind}"))
            .unwrap_or_default();
        self.node(on_error.span, &format!("on error{bind}"), |p| {
            p.target(&on_error.target);
        });
    }

    pub(super) fn test(&mut self, decl: &TestDecl) {
        self.node(
            decl.span,
            &format!("test {:?} for {}", decl.name.plain().unwrap_or("…"), decl.flow),
            |p| {
                for entry in &decl.entries {
                    p.test_entry(entry.span, &entry.kind);
                }
            },
        );
    }

    fn test_entry(&mut self, span: flow_diagnostics::Span, kind: &TestKind) {
        match kind {
            TestKind::Input(value) => self.node(span, "input", |p| p.expr(value)),
            TestKind::Config(value) => self.node(span, "config", |p| p.expr(value)),
            TestKind::Mock(mock) => self.node(span, &format!("mock {}", mock.worker), |p| {
                if !mock.params.is_empty() {
                    p.node(span, "params", |p| p.names(&mock.params));
                }
                p.replies(&mock.replies, Self::mock_reply);
            }),
            TestKind::At { time, action } => self.node(span, "at", |p| {
                p.expr(time);
                match action {
                    Action::Event { name, value } => p.node(name.span, &format!("event {name}"), |p| {
                        if let Some(value) = value {
                            p.expr(value);
                        }
                    }),
                    Action::Inject(value) => p.part("inject", Some(value)),
                    Action::Cancel => p.line(span, "cancel"),
                }
            }),
            TestKind::Answer(answer) => self.node(span, &format!("answer {}", answer.node), |p| {
                p.replies(&answer.replies, Self::answer_reply);
            }),
            TestKind::Expect(Expectation::Cond(cond)) => self.node(span, "expect", |p| p.expr(cond)),
            TestKind::Expect(Expectation::Fails { code, at }) => self.node(span, "expect fails", |p| {
                if let Some(code) = code {
                    p.string(code);
                }
                if let Some(at) = at {
                    p.line(at.span, &format!("at {at}"));
                }
            }),
            TestKind::Error => self.line(span, "error"),
        }
    }

    fn replies<R>(&mut self, replies: &Replies<R>, print: fn(&mut Self, &R)) {
        match replies {
            Replies::Always(reply) => print(self, reply),
            Replies::ByNumber(cases) => {
                for Numbered { number, reply, span } in cases {
                    self.node(*span, "case", |p| {
                        p.pattern(number);
                        print(p, reply);
                    });
                }
            }
        }
    }

    fn mock_reply(&mut self, reply: &MockReply) {
        self.part("after", reply.after.as_ref());
        match &reply.kind {
            MockKind::Reply(value) => self.part("reply", Some(value)),
            MockKind::Never => self.line(reply.span, "never"),
            MockKind::Fails { class, then } => self.node(reply.span, &format!("fails {class}"), |p| {
                if let Some((times, reply)) = then {
                    p.part("times", Some(times));
                    p.mock_reply(reply);
                }
            }),
        }
    }

    fn answer_reply(&mut self, reply: &AnswerReply) {
        self.part("after", reply.after.as_ref());
        self.part("reply", Some(&reply.value));
    }
}
