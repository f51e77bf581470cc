//! Tests of the entry file. Every expression becomes a chunk of its own; of a condition, what it compares or reads
//! too, so that a host can show what came instead.

use std::collections::BTreeSet;

use flow_bytecode as image;
use flow_bytecode::{BinaryOp, ChunkId, FlowId, MockReply, MockStage, Op, WorkerId};
use flow_diagnostics::Span;

use super::Generator;
use super::code::{Code, Frame};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, LocalId, Pattern, PatternKind};
use crate::hir::flow::Update;
use crate::hir::test::{Action, Answer, Expect, Mock, MockKind, Observed, Test, Timed};
use crate::types::Ty;

impl<'p> Generator<'p> {
    /// Tests belong to their file; those of other files are run with that file.
    pub(super) fn tests(&mut self) {
        for test in self.program.tests.iter().filter(|test| test.entry) {
            let made = self.test(test);
            self.image.tests.push(made);
        }
    }

    fn test(&mut self, test: &'p Test) -> image::Test {
        let mocks = test.mocks.iter().map(|mock| self.mock(mock)).collect();
        let timed = test.timed.iter().map(|timed| self.timed(test, timed)).collect();
        let answers = test.answers.iter().map(|answer| self.answer(answer)).collect();
        let frame = seen(&test.observed);
        let expects = test.expects.iter();
        let expects = expects
            .map(|expect| self.expect(expect, &frame, &test.observed))
            .collect();
        image::Test {
            name: self.text(&test.name),
            flow: FlowId(test.flow.0),
            input: self.alone("test.input", &test.input),
            config: test
                .config
                .as_ref()
                .map(|config| self.alone("test.config", config)),
            mocks,
            timed,
            answers,
            expects,
            says_end: test
                .expects
                .iter()
                .any(|expect| says_end(expect, test.observed.status.id)),
            span: self.place(test.span),
        }
    }

    /// A chunk that sees nothing.
    fn alone(&mut self, name: &str, expr: &'p Expr) -> ChunkId {
        self.value_chunk(name, &Frame::default(), expr)
    }

    fn mock(&mut self, mock: &'p Mock) -> image::Mock {
        let worker = &self.program.workers[mock.worker.index()];
        let name = format!("mock {}", worker.name.text);
        let frame = Frame::of(mock.params.iter().map(|param| param.id));
        let mut cases = Vec::new();
        for case in &mock.cases {
            let mut stages = Vec::new();
            let mut next = Some(&case.reply);
            while let Some(stage) = next.take() {
                let (reply, times) = match &stage.kind {
                    MockKind::Error => unreachable!("{name} was let through"),
                    MockKind::Never => (MockReply::Never, None),
                    MockKind::Reply(value) => {
                        (MockReply::Value(self.value_chunk(&name, &frame, value)), None)
                    }
                    MockKind::Fails { class, then } => {
                        next = then.as_ref().map(|(_, then)| &**then);
                        (MockReply::Fails(*class), then.as_ref().map(|(times, _)| *times))
                    }
                };
                let after = stage
                    .after
                    .as_ref()
                    .map(|after| self.value_chunk(&name, &frame, after));
                stages.push(MockStage { times, after, reply });
            }
            let fits = self.number_chunk(&name, case.numbers.as_ref());
            cases.push(image::MockCase { fits, stages });
        }
        image::Mock {
            worker: WorkerId(mock.worker.0),
            params: mock.params.len() as u16,
            cases,
            span: self.place(mock.span),
        }
    }

    fn timed(&mut self, test: &Test, timed: &'p Timed) -> image::Timed {
        let action = match &timed.action {
            Action::Cancel => image::Action::Cancel,
            Action::Event(event, value) => image::Action::Event {
                event: *event,
                data: value.as_ref().map(|value| self.alone("test.event", value)),
            },
            Action::Inject(updates) => {
                image::Action::Inject(self.injection(test.flow.index(), updates, timed.span))
            }
        };
        image::Timed {
            at: self.alone("test.at", &timed.at),
            action,
            span: self.place(timed.span),
        }
    }

    /// A chunk that returns the record of fields and what is sent to them.
    fn injection(&mut self, flow: usize, updates: &'p [Update], span: Span) -> ChunkId {
        let program = self.program;
        let names = updates.iter().map(|update| {
            program.flows[flow].fields[update.field.index()]
                .name
                .text
                .as_str()
        });
        let shape = self.record_shape(names);
        let mut code = Code::new(self, &Frame::default());
        let first = code.alloc_many(updates.len());
        for (offset, update) in updates.iter().enumerate() {
            code.expr(&update.value, first + offset as image::Reg);
        }
        let dst = code.alloc();
        code.emit(Op::Record { dst, shape, first }, span);
        code.emit(Op::Return { src: dst }, span);
        let chunk = code.into_chunk("test.inject");
        self.add_chunk(chunk)
    }

    fn answer(&mut self, answer: &'p Answer) -> image::Answer {
        let name = format!("answer {}", answer.node.text);
        let mut cases = Vec::new();
        for case in &answer.cases {
            cases.push(image::AnswerCase {
                fits: self.number_chunk(&name, case.numbers.as_ref()),
                after: case.reply.after.as_ref().map(|after| self.alone(&name, after)),
                value: self.alone(&name, &case.reply.value),
            });
        }
        image::Answer {
            node: self.text(&answer.node.text),
            cases,
            span: self.place(answer.span),
        }
    }

    /// A chunk that says whether a number fits a pattern; none where all do.
    fn number_chunk(&mut self, name: &str, pattern: Option<&'p Pattern>) -> Option<ChunkId> {
        let pattern = pattern.filter(|pattern| !matches!(pattern.kind, PatternKind::Any))?;
        let mut code = Code::new(self, &Frame::default().and([]));
        // Only cases of unions need the type, and a number is none.
        let misses = code.test(pattern, 0, Ty(0));
        code.return_constant(&ConstValue::Bool(true), pattern.span);
        code.land_all(misses);
        code.return_constant(&ConstValue::Bool(false), pattern.span);
        let chunk = code.into_chunk(name);
        Some(self.add_chunk(chunk))
    }

    fn expect(&mut self, expect: &'p Expect, frame: &Frame<'p>, observed: &Observed) -> image::Expect {
        match expect {
            Expect::Fails { code, at, span } => image::Expect::Fails {
                code: code.as_ref().map(|code| self.text(code)),
                at: at.as_ref().map(|at| self.text(&at.text)),
                span: self.place(*span),
            },
            Expect::Cond { cond, text } => {
                let sides = match &cond.kind {
                    ExprKind::Binary(op, left, right) if compares(*op) => {
                        Some((self.part(left, frame), self.part(right, frame)))
                    }
                    _ => None,
                };
                let mut parts = Vec::new();
                if sides.is_none() {
                    shown(cond, observed, &mut parts);
                }
                let mut said = BTreeSet::new();
                let parts = parts.into_iter().map(|part| self.part(part, frame));
                let parts = parts.filter(|part| said.insert(part.text)).collect();
                image::Expect::Condition(image::Condition {
                    holds: self.value_chunk("expect", frame, cond),
                    sides,
                    parts,
                    text: self.text(text),
                    span: self.place(cond.span),
                })
            }
        }
    }

    fn part(&mut self, expr: &'p Expr, frame: &Frame<'p>) -> image::Part {
        let place = self.place(expr.span);
        let file = &self.image.debug.files[place.file as usize];
        let text = file.text[place.start as usize..place.end as usize].to_owned();
        image::Part {
            value: self.value_chunk("expect.part", frame, expr),
            text: self.text(&text),
            literal: is_literal(expr),
            span: place,
        }
    }
}

/// What was observed, in the order in which the image wants it.
fn seen<'p>(observed: &Observed) -> Frame<'p> {
    let Observed {
        path,
        status,
        elapsed,
        result,
        visits,
        calls,
        peak,
        events,
    } = observed;
    let all: [_; image::OBSERVED] = [path, status, elapsed, result, visits, calls, peak, events];
    Frame::of(all.map(|local| local.id))
}

fn says_end(expect: &Expect, status: LocalId) -> bool {
    match expect {
        Expect::Fails { .. } => true,
        Expect::Cond { cond, .. } => mentions(cond, |id| id == status),
    }
}

fn mentions(expr: &Expr, wanted: impl Fn(LocalId) -> bool) -> bool {
    let mut found = false;
    expr.walk(&mut |e| found |= matches!(e.kind, ExprKind::Local(id) if wanted(id)));
    found
}

fn compares(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, In, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge | In)
}

/// Whether nothing of a run is in it.
fn is_literal(expr: &Expr) -> bool {
    let mut literal = true;
    expr.walk(&mut |e| {
        literal &= matches!(
            e.kind,
            ExprKind::Const(_)
                | ExprKind::List(_)
                | ExprKind::Record(_)
                | ExprKind::Map(_)
                | ExprKind::Variant(..)
                | ExprKind::Widen(_)
                | ExprKind::Refine(_)
        );
    });
    literal
}

/// The largest parts of a condition that name something of the run: fields, parameters, what was observed.
fn shown<'p>(expr: &'p Expr, observed: &Observed, out: &mut Vec<&'p Expr>) {
    let names_it = matches!(
        &expr.kind,
        ExprKind::Field(_)
            | ExprKind::Input(_)
            | ExprKind::Config(_)
            | ExprKind::Local(_)
            | ExprKind::Access(..)
            | ExprKind::Index(..)
            | ExprKind::Coalesce(..)
    );
    let last = observed.events.id;
    if names_it && !is_literal(expr) && !mentions(expr, |id| id > last) {
        out.push(expr);
        return;
    }
    expr.children(&mut |child| shown(child, observed, out));
}
