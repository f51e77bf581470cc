//! Tests: ids, what their chunks take, and that they see a flow only where they may.

use super::code::Reach;
use super::{At, Checker, Verified, in_table, sized, wrong};
use crate::flow::Flow;
use crate::ids::ChunkId;
use crate::test::{Action, Answer, Condition, Expect, Mock, OBSERVED, Part, Test, Timed};

impl Checker<'_> {
    /// All tests. `reach` says what each chunk touches.
    pub(super) fn tests(&self, reach: &[Reach]) -> Verified {
        let tests = &self.image.tests;
        sized(tests.len(), "tests").at(|| "tests".into())?;
        for (at, test) in tests.iter().enumerate() {
            let looked_at = InTest { check: self, reach };
            looked_at.all(test).at(|| format!("tests[{at}]"))?;
        }
        Ok(())
    }
}

/// Looks at one test.
struct InTest<'a> {
    check: &'a Checker<'a>,
    reach: &'a [Reach],
}

impl InTest<'_> {
    fn all(&self, test: &Test) -> Verified {
        let check = self.check;
        check.str(test.name)?;
        check.span(test.span)?;
        check.flow_id(test.flow)?;
        let flow = &check.image.flows[test.flow.index()];
        self.outside(test.input, 0).at(|| "input".into())?;
        self.optional(test.config, 0).at(|| "config".into())?;
        for (at, mock) in test.mocks.iter().enumerate() {
            self.mock(mock).at(|| format!("mocks[{at}]"))?;
        }
        for (at, timed) in test.timed.iter().enumerate() {
            self.timed(timed, flow).at(|| format!("timed[{at}]"))?;
        }
        for (at, answer) in test.answers.iter().enumerate() {
            self.answer(answer).at(|| format!("answers[{at}]"))?;
        }
        for (at, expect) in test.expects.iter().enumerate() {
            self.expect(expect, flow).at(|| format!("expects[{at}]"))?;
        }
        Ok(())
    }

    fn mock(&self, mock: &Mock) -> Verified {
        self.check.worker(mock.worker)?;
        self.check.span(mock.span)?;
        let takes = self.check.image.workers[mock.worker.index()].params.len();
        let params = usize::from(mock.params);
        if params > takes {
            return wrong(format!("names {params} arguments of a worker that takes {takes}"));
        }
        for case in &mock.cases {
            self.optional(case.fits, 1)?;
            if case.stages.last().is_none_or(|last| last.times.is_some()) {
                return wrong("a case that does not say what comes in the end");
            }
            for stage in &case.stages {
                self.optional(stage.after, params)?;
                if let crate::test::MockReply::Value(chunk) = stage.reply {
                    self.outside(chunk, params)?;
                }
            }
        }
        Ok(())
    }

    fn timed(&self, timed: &Timed, flow: &Flow) -> Verified {
        self.check.span(timed.span)?;
        self.outside(timed.at, 0)?;
        match timed.action {
            Action::Event { event, data } => {
                in_table(event as usize, flow.events.len(), "event")?;
                self.optional(data, 0)
            }
            Action::Inject(chunk) => self.outside(chunk, 0),
            Action::Cancel => Ok(()),
        }
    }

    fn answer(&self, answer: &Answer) -> Verified {
        self.check.str(answer.node)?;
        self.check.span(answer.span)?;
        answer.cases.iter().try_for_each(|case| {
            self.optional(case.fits, 1)?;
            self.optional(case.after, 0)?;
            self.outside(case.value, 0)
        })
    }

    fn expect(&self, expect: &Expect, flow: &Flow) -> Verified {
        match expect {
            Expect::Fails { code, at, span } => {
                self.check.strs(code.iter().chain(at).copied())?;
                self.check.span(*span)
            }
            Expect::Condition(condition) => self.condition(condition, flow),
        }
    }

    fn condition(&self, condition: &Condition, flow: &Flow) -> Verified {
        self.check.str(condition.text)?;
        self.check.span(condition.span)?;
        self.inside(condition.holds, flow)?;
        let sides = condition.sides.iter().flat_map(|(left, right)| [left, right]);
        sides.chain(&condition.parts).try_for_each(|part: &Part| {
            self.check.str(part.text)?;
            self.check.span(part.span)?;
            self.inside(part.value, flow)
        })
    }

    /// A chunk that sees nothing of a flow.
    fn outside(&self, id: ChunkId, params: usize) -> Verified {
        self.check.chunk(id, &[params])?;
        self.reach[id.index()].outside_flows()
    }

    fn optional(&self, id: Option<ChunkId>, params: usize) -> Verified {
        id.map_or(Ok(()), |id| self.outside(id, params))
    }

    /// A chunk that sees a flow at its end, and changes nothing.
    fn inside(&self, id: ChunkId, flow: &Flow) -> Verified {
        self.check.chunk(id, &[OBSERVED])?;
        let reach = self.reach[id.index()];
        if reach.acts
            || reach.fields > flow.fields.len()
            || reach.inputs > flow.params.len()
            || reach.configs > flow.config.len()
        {
            return wrong(format!(
                "chunk {} touches what the flow does not have, or changes something",
                id.0
            ));
        }
        Ok(())
    }
}
