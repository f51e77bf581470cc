//! Arms of routes and gotos: those that can never be taken, and patterns that overlap. Whether a
//! decision covers everything is proven with its types.

use flow_diagnostics::{Diagnostic, Span, codes};

use super::Facts;
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, Pattern, PatternKind};
use crate::hir::flow::{ArmTest, Decision, NodeKind};
use crate::start::unrefined;
use crate::types::{TyKind, Types};

/// Looks at every decision of the flow.
pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for node in &facts.flow.nodes {
        let route = match &node.kind {
            NodeKind::Route(route) => Some(route),
            _ => None,
        };
        for decision in route.into_iter().chain(&node.goto) {
            arms(&facts.program.types, decision, found);
        }
    }
}

fn arms(types: &Types, decision: &Decision, found: &mut Vec<Diagnostic>) {
    let mut above = Above {
        types,
        scrutinee: decision.scrutinee.as_ref(),
        taken: Vec::new(),
        all: None,
    };
    for arm in &decision.arms {
        let never = match &arm.test {
            ArmTest::When(cond) => match constant(cond) {
                Some(false) => Some((cond.span, "is never true")),
                holds => {
                    let after = above.all.filter(|_| !decision.every);
                    if holds == Some(true) && above.all.is_none() {
                        above.all = Some(arm.span);
                    }
                    after.map(|_| (arm.span, "an arm above always holds"))
                }
            },
            ArmTest::Otherwise => {
                let covered = above.covers_all();
                covered
                    .then_some((arm.span, "the arms above take everything"))
                    .filter(|_| !decision.every)
            }
            ArmTest::Pattern(pattern) => {
                let verdict = above.takes(pattern);
                if let Some(other) = verdict.overlap.filter(|_| !verdict.covered) {
                    found.push(overlap(pattern.span, other));
                }
                verdict
                    .covered
                    .then_some((pattern.span, "the arms above take all of it"))
            }
        };
        if let Some((span, why)) = never {
            let report = Diagnostic::warning(codes::routes::ARM_NEVER_TAKEN, "this arm can never be taken")
                .primary(span, why);
            found.push(report.help("remove it, or move it further up"));
        }
    }
}

fn overlap(later: Span, first: Span) -> Diagnostic {
    Diagnostic::warning(
        codes::routes::ARMS_OVERLAP,
        "this pattern overlaps with one above",
    )
    .primary(later, "what both take goes to the arm above")
    .label(first, "this one")
    .help("narrow one of the two, so that the order of the arms does not matter")
}

fn constant(cond: &Expr) -> Option<bool> {
    match cond.kind {
        ExprKind::Const(ConstValue::Bool(value)) => Some(value),
        _ => None,
    }
}

/// What the arms above take.
struct Above<'p> {
    types: &'p Types,
    scrutinee: Option<&'p Expr>,
    taken: Vec<(Piece, Span)>,
    all: Option<Span>,
}

/// What one choice of a pattern takes.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Value(ConstValue),
    Case(String),
    /// Both ends included; integers and durations alike.
    Range(i64, i64),
    /// A range that is not of whole numbers, or anything else that is not compared.
    Other,
}

struct Verdict {
    covered: bool,
    overlap: Option<Span>,
}

impl Above<'_> {
    fn takes(&mut self, pattern: &Pattern) -> Verdict {
        if matches!(pattern.kind, PatternKind::Error) {
            return Verdict {
                covered: false,
                overlap: None,
            };
        }
        if matches!(pattern.kind, PatternKind::Any) {
            let covered = self.covers_all();
            self.all.get_or_insert(pattern.span);
            return Verdict {
                covered,
                overlap: None,
            };
        }
        let mut choices = Vec::new();
        pieces(pattern, &mut choices);
        let covered = self.covers_all() || choices.iter().all(|piece| self.covers(piece));
        let meets = |(other, _): &&(Piece, Span)| choices.iter().any(|piece| meet(piece, other));
        let overlap = self.taken.iter().find(meets).map(|(_, span)| *span);
        self.taken
            .extend(choices.into_iter().map(|piece| (piece, pattern.span)));
        Verdict { covered, overlap }
    }

    fn covers(&self, piece: &Piece) -> bool {
        let Some((low, high)) = ends(piece) else {
            return *piece != Piece::Other && self.taken.iter().any(|(other, _)| other == piece);
        };
        let mut ranges: Vec<_> = self.taken.iter().filter_map(|(other, _)| ends(other)).collect();
        ranges.sort_unstable();
        let mut next = low;
        for (from, to) in ranges {
            if from <= next && to >= next {
                if to >= high {
                    return true;
                }
                next = to + 1;
            }
        }
        false
    }

    /// Whether nothing is left: after `_`, or when every case of the type has been taken.
    fn covers_all(&self) -> bool {
        if self.all.is_some() {
            return true;
        }
        let Some(scrutinee) = self.scrutinee else {
            return false;
        };
        let mut ty = unrefined(self.types, scrutinee.ty);
        if let TyKind::Nullable(inner) = self.types.kind(ty) {
            if !self.covers(&Piece::Value(ConstValue::Null)) {
                return false;
            }
            ty = unrefined(self.types, *inner);
        }
        match self.types.kind(ty) {
            TyKind::Bool => [true, false]
                .iter()
                .all(|b| self.covers(&Piece::Value(ConstValue::Bool(*b)))),
            TyKind::Enum(declared) => declared
                .variants
                .iter()
                .all(|(case, _)| self.covers(&Piece::Case(case.clone()))),
            _ => false,
        }
    }
}

fn pieces(pattern: &Pattern, into: &mut Vec<Piece>) {
    match &pattern.kind {
        PatternKind::Or(choices) => choices.iter().for_each(|choice| pieces(choice, into)),
        PatternKind::Value(ConstValue::Case(case) | ConstValue::Variant(case, _)) => {
            into.push(Piece::Case(case.clone()));
        }
        PatternKind::Variant(case, _) => into.push(Piece::Case(case.clone())),
        PatternKind::Value(value) => into.push(Piece::Value(value.clone())),
        PatternKind::Range(low, high) => {
            let low = low.as_ref().map_or(Some(i64::MIN), whole);
            let high = high.as_ref().map_or(Some(i64::MAX), whole);
            into.push(
                low.zip(high)
                    .map_or(Piece::Other, |(low, high)| Piece::Range(low, high)),
            );
        }
        PatternKind::Any | PatternKind::Error => into.push(Piece::Other),
    }
}

fn whole(value: &ConstValue) -> Option<i64> {
    match value {
        ConstValue::Int(i) | ConstValue::Duration(i) => Some(*i),
        _ => None,
    }
}

fn ends(piece: &Piece) -> Option<(i64, i64)> {
    match piece {
        Piece::Range(low, high) => Some((*low, *high)),
        Piece::Value(value) => whole(value).map(|i| (i, i)),
        Piece::Case(_) | Piece::Other => None,
    }
}

fn meet(a: &Piece, b: &Piece) -> bool {
    match (ends(a), ends(b)) {
        (Some((low, high)), Some((from, to))) => low <= to && from <= high,
        _ => a == b && *a != Piece::Other,
    }
}
