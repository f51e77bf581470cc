//! Where arrows, arms and error ways lead, and the decisions of routes and `goto`.

use flow_diagnostics::codes::{names as name_codes, routes as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Guard};

use super::args::Callee;
use super::{Cx, Lower};
use crate::hir::ConstValue;
use crate::hir::NodeRef;
use crate::hir::expr::{Expr, ExprKind, Pattern};
use crate::hir::flow::{Arm, ArmTest, Decision, ErrorWay, Target, TargetKind, Way};
use crate::names::nearest;

impl Lower<'_> {
    pub(super) fn target(&mut self, cx: &mut Cx, written: &ast::Target, skip: bool) -> Target {
        let span = written.span;
        let kind = match &written.kind {
            ast::TargetKind::Error => TargetKind::Error,
            ast::TargetKind::End => TargetKind::End,
            ast::TargetKind::Halt => TargetKind::Halt,
            ast::TargetKind::Skip => {
                if !skip {
                    self.misplaced_skip(span);
                }
                TargetKind::Skip
            }
            ast::TargetKind::Fail(why) => TargetKind::Fail(self.check(cx, why, self.prim.string)),
            ast::TargetKind::Cancel(why) => TargetKind::Cancel(self.check(cx, why, self.prim.string)),
            ast::TargetKind::All(all) => {
                TargetKind::Many(all.iter().map(|one| self.target(cx, one, false)).collect())
            }
            ast::TargetKind::Node { name, args } => match self.node_named(cx, name) {
                Some(node) => {
                    let args = self.node_args(cx, node, name, args, span);
                    TargetKind::Node(node, args)
                }
                None => TargetKind::Error,
            },
        };
        Target { kind, span }
    }

    /// The arguments of a node that is started.
    pub(super) fn node_args(
        &mut self,
        cx: &mut Cx,
        node: NodeRef,
        name: &ast::Ident,
        args: &[ast::Arg],
        span: Span,
    ) -> Vec<(String, Expr)> {
        let Some(flow) = cx.flow.clone() else {
            return Vec::new();
        };
        let sig = &flow.node_sigs[node.index()];
        let callee = Callee {
            kind: "node",
            name: &name.name,
            declared: Some(sig.span),
            span,
        };
        self.args(cx, &sig.params, args, &callee)
    }

    /// A target that the worker chooses: its arguments come with the reply.
    pub(super) fn closed_target(&mut self, cx: &mut Cx, written: &ast::Target) -> Target {
        match &written.kind {
            ast::TargetKind::Node { name, args } if args.is_empty() => {
                let kind = self
                    .node_named(cx, name)
                    .map_or(TargetKind::Error, |node| TargetKind::Node(node, Vec::new()));
                Target {
                    kind,
                    span: written.span,
                }
            }
            _ => self.target(cx, written, false),
        }
    }

    /// The node of this name; says so when there is none, once per name and flow.
    pub(super) fn node_named(&mut self, cx: &Cx, name: &ast::Ident) -> Option<NodeRef> {
        let flow = cx.flow.as_ref()?;
        if let Some(node) = flow.nodes.get(&name.name) {
            return Some(*node);
        }
        if name.name == "skip" {
            self.misplaced_skip(name.span);
            return None;
        }
        let message = format!("the flow `{}` has no node `{name}`", flow.name);
        if self
            .out
            .iter()
            .any(|known| known.code == name_codes::UNKNOWN_NODE && known.message == message)
        {
            return None;
        }
        let mut diagnostic = Diagnostic::new(name_codes::UNKNOWN_NODE, message).primary(name.span, "unknown");
        diagnostic = match nearest(
            &name.name,
            flow.nodes
                .keys()
                .map(String::as_str)
                .chain(["start", "end", "halt"]),
        ) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None => diagnostic.help(format!("declare it: task {name} {{ … }}")),
        };
        self.report(diagnostic);
        None
    }

    fn misplaced_skip(&mut self, span: Span) {
        let code = flow_diagnostics::codes::syntax::MISPLACED_CLAUSE;
        self.error(code, span, "`skip` stands only behind `on error`", "")
            .help = Some("it counts a failed node as done; elsewhere name a node, or `end`".into());
    }

    /// The arms of a route or of a `goto`. `whole` is where missing cases are told.
    pub(super) fn decision(
        &mut self,
        cx: &mut Cx,
        subject: Option<&ast::Expr>,
        every: bool,
        arms: &[&ast::Arm],
        (whole, what): (Span, &str),
    ) -> Decision {
        let mark = cx.mark();
        let scrutinee = subject.map(|subject| self.expr(cx, subject, None));
        let mut lowered = Vec::new();
        let mut above: Vec<Pattern> = Vec::new();
        for arm in arms {
            let inner = cx.mark();
            let (test, label) = self.guard(cx, &arm.guard, scrutinee.as_ref(), &above);
            let target = self.target(cx, &arm.target, false);
            self.close(cx, inner);
            match &test {
                ArmTest::When(cond) if !every => self.learn(cx, cond, false),
                ArmTest::Pattern(pattern) => above.push(pattern.clone()),
                _ => {}
            }
            lowered.push(Arm {
                test,
                label,
                target,
                span: arm.span,
            });
        }
        self.close(cx, mark);
        match &scrutinee {
            Some(scrutinee) => {
                let any = Pattern {
                    kind: crate::hir::expr::PatternKind::Any,
                    span: whole,
                };
                let pairs: Vec<(&Pattern, Span)> = lowered
                    .iter()
                    .map(|arm| match &arm.test {
                        ArmTest::Pattern(pattern) => (pattern, arm.span),
                        _ => (&any, arm.span),
                    })
                    .collect();
                self.check_arms(scrutinee.ty, &pairs, whole, what);
            }
            None => self.check_chain(&lowered, every, whole, what),
        }
        let span = arms
            .first()
            .map_or(whole, |first| first.span)
            .to(arms.last().map_or(whole, |last| last.span));
        Decision {
            scrutinee,
            every,
            arms: lowered,
            span,
        }
    }

    fn guard(
        &mut self,
        cx: &mut Cx,
        guard: &Guard,
        subject: Option<&Expr>,
        above: &[Pattern],
    ) -> (ArmTest, String) {
        match (guard, subject) {
            (Guard::Otherwise(_), _) => (ArmTest::Otherwise, "otherwise".into()),
            (Guard::When(cond), None) => {
                let label = self.project.sources.slice(cond.span).to_string();
                let cond = self.condition(cx, cond);
                self.learn(cx, &cond, true);
                (ArmTest::When(cond), label)
            }
            (Guard::When(cond), Some(_)) => {
                self.error(
                    flow_diagnostics::codes::syntax::MISPLACED_CLAUSE,
                    cond.span,
                    "`when` does not stand between patterns",
                    "",
                )
                .help =
                    Some("write all arms as patterns, or leave `match` away and write all as `when`".into());
                (ArmTest::Otherwise, "otherwise".into())
            }
            (Guard::Pattern(pattern), None) => {
                self.error(
                    flow_diagnostics::codes::syntax::MISPLACED_CLAUSE,
                    pattern.span,
                    "a pattern needs something to match",
                    "",
                )
                .help = Some("write `match …` behind the name, or `when` before a condition".into());
                (ArmTest::Otherwise, "otherwise".into())
            }
            (Guard::Pattern(pattern), Some(subject)) => {
                let label = self.project.sources.slice(pattern.span).to_string();
                let pattern = self.pattern(cx, pattern, subject.ty, true);
                self.learn_pattern(cx, subject, above, &pattern);
                (ArmTest::Pattern(pattern), label)
            }
        }
    }

    /// A `when` chain: ends in `otherwise`, and nothing stands behind what takes everything.
    fn check_chain(&mut self, arms: &[Arm], every: bool, whole: Span, what: &str) {
        let mut all: Option<Span> = None;
        for arm in arms {
            if let (Some(by), false) = (all, every) {
                self.never_taken(arm.span, Some(by));
                continue;
            }
            match &arm.test {
                ArmTest::Otherwise => all = Some(arm.span),
                ArmTest::When(cond) => match &cond.kind {
                    ExprKind::Const(ConstValue::Bool(true)) => all = Some(arm.span),
                    ExprKind::Const(ConstValue::Bool(false)) => {
                        let diagnostic = Diagnostic::new(codes::ARM_NEVER_TAKEN, "this arm is never taken")
                            .primary(arm.span, "")
                            .help("its condition is always false; remove it");
                        self.report(diagnostic);
                    }
                    _ => {}
                },
                ArmTest::Pattern(_) => all = Some(arm.span),
            }
        }
        if all.is_none() && !arms_broken(self, arms, whole) {
            self.error(
                codes::NOT_EXHAUSTIVE,
                whole,
                format!("{what} does not say where to go when no condition holds"),
                "",
            )
            .help = Some("add `otherwise -> …` as the last arm".into());
        }
    }

    /// `on error as e -> target`.
    pub(super) fn error_way(&mut self, cx: &mut Cx, written: &ast::OnError) -> ErrorWay {
        let mark = cx.mark();
        let error = written.bind.as_ref().map(|bind| {
            let ty = self.error_record();
            self.bind(cx, bind, ty, true)
        });
        let target = self.target(cx, &written.target, true);
        self.close(cx, mark);
        ErrorWay {
            error,
            target,
            span: written.span,
        }
    }

    /// A target with updates of its own.
    pub(super) fn way(&mut self, cx: &mut Cx, written: &ast::Way) -> Way {
        let target = self.target(cx, &written.target, false);
        let updates: Vec<&ast::Update> = written.updates.iter().collect();
        Way {
            target,
            updates: self.updates(cx, &updates),
        }
    }
}

/// Whether an arm may be missing only because it could not be read.
fn arms_broken(lower: &Lower<'_>, arms: &[Arm], whole: Span) -> bool {
    let end = arms.last().map_or(whole.end, |arm| arm.span.end);
    let next = lower.project.sources.text(whole.file)[end as usize..]
        .find('}')
        .map_or(end, |at| end + at as u32);
    lower.broken(Span::new(whole.file, whole.start, next))
}
