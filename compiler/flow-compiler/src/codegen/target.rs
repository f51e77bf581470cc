//! Targets, decisions, and the ways out of nodes and joins.

use flow_bytecode as image;
use flow_bytecode::{BinaryOp, ChunkId, JoinId, NodeId, Op, Out, Reg};
use flow_diagnostics::Span;

use super::Generator;
use super::code::{Code, Frame, Jump};
use crate::hir::ConstValue;
use crate::hir::expr::Pattern;
use crate::hir::flow::{Arm, ArmTest, Decision, Flow, Source, Target, TargetKind};
use crate::hir::{NodeRef, expr::Expr};
use crate::types::Ty;

/// The ways out of everything in a flow, in order of writing.
pub(super) struct Outs {
    pub(super) entry: Vec<Out>,
    pub(super) nodes: Vec<Vec<Out>>,
    /// Of joins: only arrivals at outer joins.
    pub(super) joins: Vec<Vec<Out>>,
}

/// What surrounds the arguments of a target: their chunk's name, what it is given, and for an arm of
/// a `match` what has to be taken apart again.
pub(super) struct Around<'f, 'p> {
    pub(super) name: &'f str,
    pub(super) frame: &'f Frame<'p>,
    pub(super) arm: Option<(&'p Expr, &'p Pattern)>,
}

impl<'p> Generator<'p> {
    pub(super) fn target(&mut self, target: &'p Target, around: &Around<'_, 'p>) -> image::Target {
        match &target.kind {
            TargetKind::Node(node, args) => image::Target::Node {
                node: NodeId(node.0),
                args: self.arguments(*node, args, around, target.span),
            },
            TargetKind::Many(all) => {
                image::Target::Many(all.iter().map(|one| self.target(one, around)).collect())
            }
            TargetKind::Error | TargetKind::End => image::Target::End,
            TargetKind::Halt => image::Target::Halt,
            TargetKind::Skip => image::Target::Skip,
            TargetKind::Fail(why) => image::Target::Fail(self.text_chunk(why, around)),
            TargetKind::Cancel(why) => image::Target::Cancel(self.text_chunk(why, around)),
        }
    }

    /// The code that chooses arms, and the arms.
    pub(super) fn decision(
        &mut self,
        decision: &'p Decision,
        name: &str,
        frame: &Frame<'p>,
    ) -> image::Decision {
        let decide = self.decide_chunk(decision, name, frame);
        let arms = decision.arms.iter().map(|arm| {
            let taken_apart = match (&decision.scrutinee, &arm.test) {
                (Some(scrutinee), ArmTest::Pattern(pattern)) => Some((scrutinee, pattern)),
                _ => None,
            };
            image::Arm {
                label: self.text(&arm.label),
                target: self.target(
                    &arm.target,
                    &Around {
                        name,
                        frame,
                        arm: taken_apart,
                    },
                ),
                span: self.place(arm.span),
            }
        });
        let arms = arms.collect();
        image::Decision {
            decide,
            every: decision.every,
            arms,
        }
    }

    /// Sorts arrows and arrivals by what they leave.
    pub(super) fn outs(&mut self, flow: &'p Flow) -> Outs {
        let mut all: Vec<(Span, Option<Leaves>, Out)> = Vec::new();
        for arrow in &flow.arrows {
            let out = self.arrow_target(flow, arrow.from, &arrow.to);
            all.push((arrow.span, arrow.from.map(Leaves::Node), Out::To(out)));
        }
        for (index, join) in flow.joins.iter().enumerate() {
            for (position, (source, span)) in join.sources.iter().enumerate() {
                let out = Out::Arrive {
                    join: JoinId(index as u32),
                    source: position as u32,
                };
                let leaves = match source {
                    Source::Node(node) => Leaves::Node(*node),
                    Source::Join(inner) => Leaves::Join(*inner),
                };
                all.push((*span, Some(leaves), out));
            }
        }
        all.sort_by_key(|(span, ..)| *span);
        let mut outs = Outs {
            entry: Vec::new(),
            nodes: vec![Vec::new(); flow.nodes.len()],
            joins: vec![Vec::new(); flow.joins.len()],
        };
        for (_, leaves, out) in all {
            match leaves {
                None => outs.entry.push(out),
                Some(Leaves::Node(node)) => outs.nodes[node.index()].push(out),
                Some(Leaves::Join(join)) => outs.joins[join as usize].push(out),
            }
        }
        outs
    }

    fn arrow_target(&mut self, flow: &'p Flow, from: Option<NodeRef>, to: &'p Target) -> image::Target {
        let (frame, name) = match from {
            Some(node) => (
                Frame::of_node(&flow.nodes[node.index()]),
                flow.nodes[node.index()].name.text.as_str(),
            ),
            None => (Frame::default(), "start"),
        };
        self.target(
            to,
            &Around {
                name,
                frame: &frame,
                arm: None,
            },
        )
    }

    /// The arguments of a node that is started; its defaults where none are written.
    fn arguments(
        &mut self,
        node: NodeRef,
        args: &'p [(String, Expr)],
        around: &Around<'_, 'p>,
        span: Span,
    ) -> Option<ChunkId> {
        let params = &self.nodes[node.index()].params;
        if params.is_empty() {
            return None;
        }
        if !args.is_empty() {
            return Some(self.argument_chunk(args, around, span));
        }
        let mut code = Code::new(self, around.frame);
        let values = params.iter().map(|param| {
            let value = param.default.clone().unwrap_or(ConstValue::Null);
            (param.name.text.clone(), value)
        });
        code.return_constant(&ConstValue::Record(values.collect()), span);
        let chunk = code.into_chunk(&format!("{}.target", around.name));
        Some(self.add_chunk(chunk))
    }

    fn argument_chunk(&mut self, args: &'p [(String, Expr)], around: &Around<'_, 'p>, span: Span) -> ChunkId {
        let mut code = Code::new(self, around.frame);
        code.take_apart(around);
        code.return_record(args, span);
        let chunk = code.into_chunk(&format!("{}.target", around.name));
        self.add_chunk(chunk)
    }

    fn text_chunk(&mut self, why: &'p Expr, around: &Around<'_, 'p>) -> ChunkId {
        let mut code = Code::new(self, around.frame);
        code.take_apart(around);
        code.return_value(why);
        let chunk = code.into_chunk(&format!("{}.why", around.name));
        self.add_chunk(chunk)
    }

    fn decide_chunk(&mut self, decision: &'p Decision, name: &str, frame: &Frame<'p>) -> ChunkId {
        let mut code = Code::new(self, frame);
        let conds = decision.arms.iter().filter_map(|arm| match &arm.test {
            ArmTest::When(cond) => Some(cond),
            _ => None,
        });
        let read: Vec<_> = decision.scrutinee.iter().chain(conds).collect();
        code.need(&read);
        if decision.every {
            code.decide_every(decision);
        } else {
            code.decide_one(decision);
        }
        let chunk = code.into_chunk(&format!("{name}.decide"));
        self.add_chunk(chunk)
    }
}

enum Leaves {
    Node(NodeRef),
    Join(u32),
}

impl<'p> Code<'_, 'p> {
    /// Binds the names of an arm's pattern again: the chunk of its target is another than the one that chose it.
    fn take_apart(&mut self, around: &Around<'_, 'p>) {
        if let Some((scrutinee, pattern)) = around.arm {
            self.need(&[scrutinee]);
            let value = self.operand(scrutinee);
            let misses = self.test(pattern, value, scrutinee.ty);
            if !misses.is_empty() {
                // It was tried before, and holds; on the way on which it does not, its names have no values.
                let holds = self.jump(pattern.span);
                self.land_all(misses);
                self.fail("the arm of this route does not hold", pattern.span);
                self.return_constant(&ConstValue::Null, pattern.span);
                self.land(holds);
            }
        }
    }

    /// Returns the index of the first arm that holds.
    fn decide_one(&mut self, decision: &'p Decision) {
        let value = decision
            .scrutinee
            .as_ref()
            .map(|scrutinee| (self.operand(scrutinee), scrutinee.ty));
        for (index, arm) in decision.arms.iter().enumerate() {
            let misses = self.arm_test(arm, value);
            let open = misses.is_empty();
            self.return_constant(&ConstValue::Int(index as i64), arm.span);
            self.land_all(misses);
            if open {
                return;
            }
        }
        self.fail("no arm of this route holds", decision.span);
        self.return_constant(&ConstValue::Null, decision.span);
    }

    /// Returns the list of the indices of all arms that hold; of `otherwise` if none does.
    fn decide_every(&mut self, decision: &'p Decision) {
        let value = decision
            .scrutinee
            .as_ref()
            .map(|scrutinee| (self.operand(scrutinee), scrutinee.ty));
        let taken = self.alloc();
        self.load(&ConstValue::List(Vec::new()), taken, decision.span);
        for (index, arm) in decision.arms.iter().enumerate() {
            let mark = self.mark();
            let misses = match arm.test {
                ArmTest::Otherwise => vec![self.unless_empty(taken, arm.span)],
                _ => self.arm_test(arm, value),
            };
            let one = self.alloc();
            self.load(
                &ConstValue::List(vec![ConstValue::Int(index as i64)]),
                one,
                arm.span,
            );
            self.emit(
                Op::Binary {
                    op: BinaryOp::Add,
                    dst: taken,
                    a: taken,
                    b: one,
                },
                arm.span,
            );
            self.land_all(misses);
            self.release(mark);
        }
        self.emit(Op::Return { src: taken }, decision.span);
    }

    fn unless_empty(&mut self, list: Reg, span: Span) -> Jump {
        let empty = self.alloc();
        self.load(&ConstValue::List(Vec::new()), empty, span);
        self.emit(
            Op::Binary {
                op: BinaryOp::Eq,
                dst: empty,
                a: list,
                b: empty,
            },
            span,
        );
        self.jump_if_not(empty, span)
    }

    fn arm_test(&mut self, arm: &'p Arm, value: Option<(Reg, Ty)>) -> Vec<Jump> {
        match (&arm.test, value) {
            (ArmTest::When(cond), _) => {
                let reg = self.operand(cond);
                vec![self.jump_if_not(reg, cond.span)]
            }
            (ArmTest::Pattern(pattern), Some((reg, ty))) => self.test(pattern, reg, ty),
            (ArmTest::Pattern(_), None) => unreachable!("a pattern without anything to match"),
            (ArmTest::Otherwise, _) => Vec::new(),
        }
    }
}
