//! What the arms of a `match`, route or `goto` cover: missing cases, arms that are never taken, overlaps.
//! Patterns are flat (variants bind names, nothing nests), so sets of cases and ranges tell everything.

use std::collections::BTreeMap;

use flow_diagnostics::codes::routes as codes;
use flow_diagnostics::{Diagnostic, Span};

use super::Lower;
use crate::hir::ConstValue;
use crate::hir::expr::{Pattern, PatternKind};
use crate::types::{Ty, TyKind};

/// What has been covered so far of the values of a type.
pub(super) struct Cover {
    domain: Domain,
    nullable: bool,
    /// Points that are covered, by name, and the arm that covers them.
    points: BTreeMap<String, Span>,
    /// Ranges that are covered, in order of writing.
    ranges: Vec<(i128, i128, Span)>,
    /// The arm that takes everything.
    all: Option<Span>,
}

enum Domain {
    /// All points by name.
    Closed(Vec<String>),
    /// Whole numbers from and to.
    Range(i128, i128),
    /// More than can be listed.
    Open,
}

enum Atom {
    Point(String),
    Range(i128, i128),
    All,
}

/// What an arm adds.
enum Added {
    New,
    Overlaps(Span),
    Never(Option<Span>),
}

const NULL: &str = "null";

impl Lower<'_> {
    /// Checks the arms of a decision on a value of type `ty`. `overlaps`: arms that take the same are told.
    /// `whole` is where missing cases are told.
    pub(super) fn check_arms(&mut self, ty: Ty, arms: &[(&Pattern, Span)], whole: Span, what: &str) {
        if ty == self.prim.error || arms.iter().any(|(pattern, _)| broken(pattern)) {
            return;
        }
        let mut cover = Cover::new(self, ty);
        for (pattern, arm) in arms {
            match cover.add(pattern, *arm) {
                Added::New => {}
                Added::Never(by) => self.never_taken(*arm, by),
                Added::Overlaps(first) => self.report(
                    Diagnostic::new(codes::ARMS_OVERLAP, "two arms take the same value")
                        .primary(pattern.span, "also taken here")
                        .label(first, "taken here first")
                        .help("the first one that fits is taken; leave the value out of one of them"),
                ),
            }
        }
        let missing = cover.missing();
        if missing.is_empty() || self.broken(whole.to(arms.last().map_or(whole, |(_, arm)| *arm))) {
            return;
        }
        let list: Vec<String> = missing.iter().take(6).map(|name| format!("`{name}`")).collect();
        let more = if missing.len() > 6 {
            format!(" and {} more", missing.len() - 6)
        } else {
            String::new()
        };
        let (message, help) = if matches!(cover.domain, Domain::Closed(_)) {
            (
                format!("{what} does not handle {}{more}", list.join(", ")),
                "add an arm for each, or `_` for the rest".into(),
            )
        } else {
            let shown = self.show(ty);
            (
                format!("{what} does not handle every `{shown}`"),
                "add an arm `_` for the rest".to_string(),
            )
        };
        self.error(codes::NOT_EXHAUSTIVE, whole, message, "not every case is handled")
            .help = Some(help);
    }

    /// Says that an arm is never taken, and which one takes its values.
    pub(super) fn never_taken(&mut self, arm: Span, by: Option<Span>) {
        let mut diagnostic =
            Diagnostic::new(codes::ARM_NEVER_TAKEN, "this arm is never taken").primary(arm, "");
        diagnostic = match by {
            Some(by) => diagnostic
                .label(by, "takes all that it could")
                .help("remove it, or put it above"),
            None => diagnostic.help("the arms above it take everything; remove it"),
        };
        self.report(diagnostic);
    }
}

impl Cover {
    pub(super) fn new(lower: &Lower<'_>, ty: Ty) -> Self {
        let domain = match lower.kind(lower.core(ty)) {
            TyKind::Enum(decl) => {
                Domain::Closed(decl.variants.iter().map(|(name, _)| name.clone()).collect())
            }
            TyKind::Bool => Domain::Closed(vec!["true".into(), "false".into()]),
            TyKind::Null => Domain::Closed(Vec::new()),
            TyKind::Int | TyKind::Duration => Domain::Range(i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => Domain::Open,
        };
        let nullable = lower.is_nullable(ty);
        Self {
            domain,
            nullable,
            points: BTreeMap::new(),
            ranges: Vec::new(),
            all: None,
        }
    }

    fn add(&mut self, pattern: &Pattern, arm: Span) -> Added {
        if let Some(all) = self.all {
            return Added::Never(Some(all));
        }
        if self.missing().is_empty() {
            return Added::Never(None);
        }
        let mut atoms = Vec::new();
        collect(pattern, &mut atoms);
        let mut fresh = false;
        let mut met: Option<Span> = None;
        for atom in atoms {
            match atom {
                Atom::All => {
                    self.all = Some(arm);
                    return Added::New;
                }
                Atom::Point(name) => {
                    if let Some(first) = self.points.get(&name) {
                        met = met.or(Some(*first));
                    } else {
                        fresh = true;
                        self.points.insert(name, arm);
                    }
                }
                Atom::Range(from, to) => {
                    let hit = self
                        .ranges
                        .iter()
                        .find(|(a, b, _)| *a <= to && from <= *b)
                        .map(|(_, _, span)| *span);
                    met = met.or(hit);
                    fresh |= !self.covers(from, to);
                    self.ranges.push((from, to, arm));
                }
            }
        }
        match (fresh, met) {
            (false, by) => Added::Never(by),
            (true, Some(first)) if first != arm => Added::Overlaps(first),
            _ => Added::New,
        }
    }

    fn covers(&self, from: i128, to: i128) -> bool {
        let mut ranges: Vec<(i128, i128)> = self.ranges.iter().map(|(a, b, _)| (*a, *b)).collect();
        ranges.sort_unstable();
        let mut next = from;
        for (a, b) in ranges {
            if a <= next && b >= next {
                next = b + 1;
            }
        }
        next > to
    }

    /// What no arm takes, by name.
    fn missing(&self) -> Vec<String> {
        if self.all.is_some() {
            return Vec::new();
        }
        let mut missing: Vec<String> = match &self.domain {
            Domain::Closed(all) => all
                .iter()
                .filter(|name| !self.points.contains_key(*name))
                .cloned()
                .collect(),
            Domain::Range(from, to) if self.covers(*from, *to) => Vec::new(),
            Domain::Range(..) | Domain::Open => vec!["_".into()],
        };
        if self.nullable && !self.points.contains_key(NULL) {
            missing.push(NULL.into());
        }
        missing
    }
}

fn broken(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Error => true,
        PatternKind::Or(all) => all.iter().any(broken),
        _ => false,
    }
}

fn collect(pattern: &Pattern, atoms: &mut Vec<Atom>) {
    match &pattern.kind {
        PatternKind::Error => {}
        PatternKind::Any => atoms.push(Atom::All),
        PatternKind::Variant(name, _) => atoms.push(Atom::Point(name.clone())),
        PatternKind::Or(all) => all.iter().for_each(|one| collect(one, atoms)),
        PatternKind::Range(from, to) => {
            let from = from.as_ref().and_then(number).unwrap_or(i128::from(i64::MIN));
            let to = to.as_ref().and_then(number).unwrap_or(i128::from(i64::MAX));
            atoms.push(Atom::Range(from, to));
        }
        PatternKind::Value(value) => match (number(value), value) {
            (Some(n), _) => atoms.push(Atom::Range(n, n)),
            (_, ConstValue::Null) => atoms.push(Atom::Point(NULL.into())),
            (_, ConstValue::Bool(b)) => atoms.push(Atom::Point(b.to_string())),
            (_, ConstValue::Case(name)) => atoms.push(Atom::Point(name.clone())),
            (_, ConstValue::Str(text)) => atoms.push(Atom::Point(format!("\"{text}\""))),
            _ => {}
        },
    }
}

/// Numbers as points of one line; floats in the order of their bits.
fn number(value: &ConstValue) -> Option<i128> {
    match value {
        ConstValue::Int(n) | ConstValue::Duration(n) => Some(i128::from(*n)),
        ConstValue::Float(x) => {
            let bits = (x + 0.0).to_bits() as i64;
            Some(i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64))
        }
        _ => None,
    }
}
