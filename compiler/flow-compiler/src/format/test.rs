//! `test` blocks.

use flow_grammar::ast::{
    Action, Answer, AnswerReply, Expectation, Mock, MockKind, MockReply, Numbered, Replies, TestDecl,
    TestEntry, TestKind,
};

use super::Formatter;
use super::align::{Cells, Tab};
use super::doc::{DocId, cat};
use super::sequence::{Row, Style};

impl Formatter<'_> {
    pub(super) fn test(&mut self, test: &TestDecl) -> DocId {
        let head = cat!(self; "test ", self.string(&test.name), " for ", self.source(test.flow.span), " ");
        let rows = test.entries.iter().map(|entry| self.test_entry(entry)).collect();
        cat!(self; head, self.bracketed(test.flow.span.end, Style::Body, rows))
    }

    fn test_entry(&mut self, entry: &TestEntry) -> Row {
        let doc = match &entry.kind {
            TestKind::Input(value) => cat!(self; "input ", self.expr(value)),
            TestKind::Config(value) => cat!(self; "config ", self.expr(value)),
            TestKind::Mock(mock) => return Row::cells(entry.span, self.mock(mock)),
            TestKind::At { time, action } => cat!(self; "at ", self.expr(time), " ", self.action(action)),
            TestKind::Answer(answer) => self.answer(answer),
            TestKind::Expect(expectation) => cat!(self; "expect ", self.expectation(expectation)),
            TestKind::Error => self.verbatim(entry.span),
        };
        Row::new(entry.span, doc)
    }

    fn mock(&mut self, mock: &Mock) -> Cells {
        let mut end = mock.worker.span.end;
        let params = (!mock.params.is_empty()).then(|| {
            let rows = mock
                .params
                .iter()
                .map(|name| Row::new(name.span, self.verbatim(name.span)))
                .collect();
            self.bracketed(end, Style::Arguments, rows)
        });
        let head = cat!(self; "mock ", self.source(mock.worker.span), params);
        if let Some(last) = mock.params.last() {
            end = last.span.end;
        }
        match &mock.replies {
            Replies::Always(reply) => self.reply(head, reply, Tab::Reply),
            Replies::ByNumber(cases) => {
                let mut rows = Vec::new();
                for Numbered { number, reply, span } in cases {
                    let number = self.pattern(number);
                    rows.push(Row::cells(*span, self.reply(number, reply, Tab::Arrow)));
                }
                vec![(
                    Tab::Start,
                    cat!(self; head, " ", self.bracketed(end, Style::Entries, rows)),
                )]
            }
        }
    }

    /// What stands before a reply, and the reply in a column of its own where it has an arrow.
    fn reply(&mut self, head: DocId, reply: &MockReply, tab: Tab) -> Cells {
        let after = self.behind(" after ", reply.after.as_ref());
        let head = cat!(self; head, after);
        match &reply.kind {
            MockKind::Reply(value) => vec![(Tab::Start, head), (tab, cat!(self; "-> ", self.expr(value)))],
            MockKind::Never => vec![(Tab::Start, cat!(self; head, " never"))],
            MockKind::Fails { class, then } => {
                let then = then.as_ref().map(|(times, then)| {
                    let head = cat!(self; " times ", self.expr(times), " then");
                    let cells = self.reply(head, then, tab);
                    let space = self.docs.text(" ");
                    let mut parts = Vec::new();
                    for (_, doc) in cells {
                        if !parts.is_empty() {
                            parts.push(space);
                        }
                        parts.push(doc);
                    }
                    self.docs.concat(&parts)
                });
                vec![(
                    Tab::Start,
                    cat!(self; head, " fails ", self.source(class.span), then),
                )]
            }
        }
    }

    fn action(&mut self, action: &Action) -> DocId {
        match action {
            Action::Event { name, value } => {
                let value = self.behind(" ", value.as_ref());
                cat!(self; "event ", self.source(name.span), value)
            }
            Action::Inject(value) => cat!(self; "inject ", self.expr(value)),
            Action::Cancel => self.docs.text("cancel"),
        }
    }

    fn answer(&mut self, answer: &Answer) -> DocId {
        let head = cat!(self; "answer ", self.source(answer.node.span));
        match &answer.replies {
            Replies::Always(reply) => {
                let after = self.behind(" after ", reply.after.as_ref());
                cat!(self; head, after, " -> ", self.expr(&reply.value))
            }
            Replies::ByNumber(cases) => {
                let rows = cases.iter().map(|case| self.numbered_answer(case)).collect();
                cat!(self; head, " ", self.bracketed(answer.node.span.end, Style::Entries, rows))
            }
        }
    }

    fn numbered_answer(&mut self, case: &Numbered<AnswerReply>) -> Row {
        let after = self.behind(" after ", case.reply.after.as_ref());
        let head = cat!(self; self.pattern(&case.number), after);
        let value = cat!(self; "-> ", self.expr(&case.reply.value));
        Row::cells(case.span, vec![(Tab::Start, head), (Tab::Arrow, value)])
    }

    fn expectation(&mut self, expectation: &Expectation) -> DocId {
        match expectation {
            Expectation::Cond(cond) => self.expr(cond),
            Expectation::Fails { code, at } => {
                let code = code.as_ref().map(|code| cat!(self; " ", self.string(code)));
                let at = at.as_ref().map(|at| cat!(self; " at ", self.source(at.span)));
                cat!(self; "fails", code, at)
            }
        }
    }
}
