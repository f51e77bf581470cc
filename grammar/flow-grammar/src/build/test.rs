//! Tests.

use super::Builder;
use crate::ast::{
    Action, Answer, AnswerReply, Expectation, Mock, MockKind, MockReply, Numbered, Replies, TestDecl,
    TestEntry, TestKind,
};
use crate::explain::Place;
use crate::rules::{Children, Node, Rule};

impl Builder<'_> {
    pub(super) fn test(&mut self, node: Node<'_>) -> TestDecl {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let name = children.need_next();
        let name = self.string(name);
        let flow = self.ident(&children.need(Rule::ident));
        let mut entries = Vec::new();
        while let Some(entry) = children.next() {
            let span = self.span(&entry);
            entries.push(TestEntry {
                kind: self.test_entry(entry),
                span,
            });
        }
        TestDecl {
            name,
            flow,
            entries,
            span,
        }
    }

    fn test_entry(&mut self, node: Node<'_>) -> TestKind {
        let rule = node.as_rule();
        if rule == Rule::bad_test_entry {
            self.bad(Place::TestEntry, &node);
            return TestKind::Error;
        }
        let mut children = Children::of(node);
        match rule {
            Rule::t_input => TestKind::Input(self.expr(children.need(Rule::expr))),
            Rule::t_config => TestKind::Config(self.expr(children.need(Rule::expr))),
            Rule::t_mock => TestKind::Mock(self.mock(&mut children)),
            Rule::t_at => {
                let time = self.expr(children.need(Rule::expr));
                TestKind::At {
                    time,
                    action: self.action(&mut children),
                }
            }
            Rule::t_answer => TestKind::Answer(self.answers(&mut children)),
            _ => TestKind::Expect(self.expectation(&mut children)),
        }
    }

    fn mock(&mut self, children: &mut Children<'_>) -> Mock {
        let worker = self.ident(&children.need(Rule::ident));
        let params = children
            .take(Rule::mock_params)
            .map(|params| self.idents(params))
            .unwrap_or_default();
        let replies = if let Some(reply) = children.take(Rule::mock_reply) {
            Replies::Always(self.mock_reply(reply))
        } else {
            let mut cases = Children::of(children.need(Rule::mock_cases));
            let mut numbered = Vec::new();
            while let Some(case) = cases.take(Rule::mock_case) {
                let span = self.span(&case);
                let mut parts = Children::of(case);
                let number = self.pattern(parts.need(Rule::pattern));
                let reply = self.mock_reply(parts.need(Rule::mock_reply));
                numbered.push(Numbered { number, reply, span });
            }
            Replies::ByNumber(numbered)
        };
        Mock {
            worker,
            params,
            replies,
        }
    }

    fn mock_reply(&mut self, node: Node<'_>) -> MockReply {
        let span = self.span(&node);
        let mut children = Children::of(node);
        let after = children
            .take(Rule::after)
            .map(|after| self.expr(Children::of(after).need(Rule::expr)));
        let kind = if let Some(value) = children.take(Rule::expr) {
            MockKind::Reply(self.expr(value))
        } else if let Some(fails) = children.take(Rule::fails) {
            let mut parts = Children::of(fails);
            let class = self.ident(&parts.need(Rule::ident));
            let times = parts.take(Rule::expr).map(|times| self.expr(times));
            let then = parts
                .take(Rule::mock_reply)
                .map(|then| Box::new(self.mock_reply(then)));
            MockKind::Fails {
                class,
                then: times.zip(then),
            }
        } else {
            MockKind::Never
        };
        MockReply { after, kind, span }
    }

    fn action(&mut self, children: &mut Children<'_>) -> Action {
        if let Some(event) = children.take(Rule::at_event) {
            let mut parts = Children::of(event);
            let name = self.ident(&parts.need(Rule::ident));
            return Action::Event {
                name,
                value: parts.take(Rule::expr).map(|value| self.expr(value)),
            };
        }
        match children.take(Rule::expr) {
            Some(fields) => Action::Inject(self.expr(fields)),
            None => Action::Cancel,
        }
    }

    fn answers(&mut self, children: &mut Children<'_>) -> Answer {
        let node = self.ident(&children.need(Rule::ident));
        let replies = if let Some(reply) = children.take(Rule::answer_reply) {
            Replies::Always(self.answer_reply(reply))
        } else {
            let mut cases = Children::of(children.need(Rule::answer_cases));
            let mut numbered = Vec::new();
            while let Some(case) = cases.take(Rule::answer_case) {
                let span = self.span(&case);
                let mut parts = Children::of(case);
                let number = self.pattern(parts.need(Rule::pattern));
                let reply = self.answer_reply(parts.need(Rule::answer_reply));
                numbered.push(Numbered { number, reply, span });
            }
            Replies::ByNumber(numbered)
        };
        Answer { node, replies }
    }

    fn answer_reply(&mut self, node: Node<'_>) -> AnswerReply {
        let mut children = Children::of(node);
        let after = children
            .take(Rule::after)
            .map(|after| self.expr(Children::of(after).need(Rule::expr)));
        AnswerReply {
            after,
            value: self.expr(children.need(Rule::expr)),
        }
    }

    fn expectation(&mut self, children: &mut Children<'_>) -> Expectation {
        let Some(fails) = children.take(Rule::expect_fails) else {
            return Expectation::Cond(self.expr(children.need(Rule::expr)));
        };
        let mut parts = Children::of(fails);
        let code = parts.take(Rule::string).map(|code| self.string(code));
        let at = parts.take(Rule::ident).map(|node| self.ident(&node));
        Expectation::Fails { code, at }
    }
}
