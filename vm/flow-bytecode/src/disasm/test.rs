//! Tests as text.

use std::fmt::Write as _;

use super::Text;
use crate::ids::ChunkId;
use crate::test::{Action, Expect, MockCase, MockReply, Test};

impl Text<'_> {
    pub(super) fn test(&self, test: &Test, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "test {:?} for f{} input c{}{}",
            self.str(test.name.index()),
            test.flow.0,
            test.input.0,
            chunk(" config", test.config)
        );
        for mock in &test.mocks {
            let _ = writeln!(out, "  mock w{} ({} arguments)", mock.worker.0, mock.params);
            for case in &mock.cases {
                let _ = writeln!(out, "    {}", mock_case(case));
            }
        }
        for timed in &test.timed {
            let action = match timed.action {
                Action::Event { event, data } => format!("event {event}{}", chunk("", data)),
                Action::Inject(fields) => format!("inject c{}", fields.0),
                Action::Cancel => "cancel".to_owned(),
            };
            let _ = writeln!(out, "  at c{} {action}", timed.at.0);
        }
        for answer in &test.answers {
            let _ = writeln!(out, "  answer {}", self.str(answer.node.index()));
            for case in &answer.cases {
                let (fits, after) = (chunk("if", case.fits), chunk(" after", case.after));
                let _ = writeln!(out, "    {fits}{after} -> c{}", case.value.0);
            }
        }
        for expect in &test.expects {
            let _ = writeln!(out, "  expect {}", self.expectation(expect));
        }
    }

    fn expectation(&self, expect: &Expect) -> String {
        match expect {
            Expect::Fails { code, at, .. } => {
                let code = code.map_or(String::new(), |code| format!(" {:?}", self.str(code.index())));
                let at = at.map_or(String::new(), |at| format!(" at {}", self.str(at.index())));
                format!("fails{code}{at}")
            }
            Expect::Condition(condition) => {
                format!("c{}: {}", condition.holds.0, self.str(condition.text.index()))
            }
        }
    }
}

fn mock_case(case: &MockCase) -> String {
    let mut text = chunk("if", case.fits);
    for stage in &case.stages {
        let _ = match &stage.reply {
            MockReply::Value(value) => write!(text, "{} -> c{}", chunk(" after", stage.after), value.0),
            MockReply::Never => write!(text, " never"),
            MockReply::Fails(class) => write!(text, "{} fails {class:?}", chunk(" after", stage.after)),
        };
        if let Some(times) = stage.times {
            let _ = write!(text, " times {times} then");
        }
    }
    text.trim_start().to_owned()
}

fn chunk(word: &str, id: Option<ChunkId>) -> String {
    id.map_or(String::new(), |id| format!("{word} c{}", id.0))
}
