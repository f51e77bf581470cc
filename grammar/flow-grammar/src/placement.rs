//! Which clause stands in which kind of node, and which stands once.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Span};

use crate::ast::{Clause, ClauseKind, Guard, NodeDecl, NodeHead, NodeKind};
use crate::build::Builder;

use NodeKind::{Agent, Interrupt, Route, Send, Subgraph, Task, Transform, Wait};

/// What the table says about a kind of clause.
struct Rule {
    name: &'static str,
    kinds: &'static [NodeKind],
    once: bool,
}

const ALL_BUT_ROUTE: &[NodeKind] = &[Task, Agent, Transform, Send, Subgraph, Interrupt, Wait];
const WORKING: &[NodeKind] = &[Task, Agent, Transform, Subgraph, Interrupt, Wait];
const CALLING: &[NodeKind] = &[Task, Agent, Subgraph];

/// Names that have a meaning of their own behind an arrow.
const NO_NODE: &[&str] = &["start", "end", "halt", "fail", "skip"];

impl Builder<'_> {
    /// Reports clauses that have no meaning in this kind of node, and those that stand twice.
    pub(crate) fn check_placement(&mut self, node: &NodeDecl) {
        self.check_node_name(node);
        self.check_head(node);
        self.check_choice(node);
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for clause in &node.clauses {
            let Some(rule) = rule_of(&clause.kind) else {
                continue;
            };
            let word = word_of(clause, rule.name);
            if !rule.kinds.contains(&node.kind) {
                self.misplaced(node, &rule, word);
                self.lose(clause.span);
                continue;
            }
            let key = key_of(&clause.kind, rule.name, node.kind);
            match seen.iter().find(|(name, _)| *name == key) {
                Some((_, first)) if rule.once => {
                    self.repeated(&format!("`{key}`"), word, *first);
                    self.lose(clause.span);
                }
                Some(_) => {}
                None => seen.push((key, word)),
            }
        }
    }

    /// Something that stands once stands twice.
    pub(crate) fn repeated(&mut self, what: &str, again: Span, first: Span) {
        self.push(
            Diagnostic::new(syntax::REPEATED_CLAUSE, format!("{what} stands twice"))
                .primary(again, "the second time")
                .label(first, "the first")
                .help("keep one of them"),
        );
    }

    /// A number that a policy cannot have.
    pub(crate) fn bad_count(&mut self, text: &str, span: Span) {
        self.push(
            Diagnostic::new(syntax::BAD_NUMBER, format!("`{text}` is no number of branches"))
                .primary(span, "a whole number from 1")
                .help("write how many branches must succeed: `2 of [a, b, c]`"),
        );
    }

    /// A wait waits for one thing, or it chooses.
    fn check_choice(&mut self, node: &NodeDecl) {
        let is_arm = |kind: &ClauseKind| matches!(kind, ClauseKind::EventArm(..) | ClauseKind::AfterArm(..));
        let arm = node.clauses.iter().find(|clause| is_arm(&clause.kind));
        let alone = node.clauses.iter().find(|clause| {
            let kind = &clause.kind;
            matches!(kind, ClauseKind::For(_) | ClauseKind::ForEvent(_))
                || matches!(kind, ClauseKind::Until(_)) && node.kind == Wait
        });
        let (Some(arm), Some(alone)) = (arm, alone) else {
            return;
        };
        self.push(
            Diagnostic::new(
                syntax::MISPLACED_CLAUSE,
                "a wait waits for one thing, or chooses between arms",
            )
            .primary(alone.span, "has no target of its own")
            .label(arm.span, "an arm")
            .help("make it an arm: `after 10m -> target`, `event name as e -> target`"),
        );
    }

    fn check_node_name(&mut self, node: &NodeDecl) {
        let name = node.name.name.as_str();
        if NO_NODE.contains(&name) {
            self.push(
                Diagnostic::new(syntax::RESERVED_WORD, format!("a node cannot be named `{name}`"))
                    .primary(node.name.span, "has a meaning of its own behind an arrow")
                    .help("choose another name"),
            );
        }
    }

    fn check_head(&mut self, node: &NodeDecl) {
        let (what, span, allowed, where_) = match &node.head {
            NodeHead::None => (None, node.name.span, true, ""),
            NodeHead::Match(subject) => (Some("match"), subject.span, node.kind == Route, "a `route`"),
            NodeHead::Every(span) => (Some("every"), *span, node.kind == Route, "a `route`"),
            NodeHead::When(cond) => (Some("when"), cond.span, node.kind == Interrupt, "an `interrupt`"),
        };
        if let (Some(what), false) = (what, allowed) {
            self.push(
                Diagnostic::new(
                    syntax::MISPLACED_CLAUSE,
                    format!("`{what}` does not belong to {}", with_article(node.kind)),
                )
                .primary(span, "not here")
                .help(format!("`{what}` stands behind the name of {where_}")),
            );
        }
        let modifiers = [
            (node.standing, "standing", &[Wait, Interrupt][..]),
            (node.defer, "defer", ALL_BUT_ROUTE),
            (node.finally, "finally", ALL_BUT_ROUTE),
        ];
        for (place, word, kinds) in modifiers {
            if let Some(place) = place.filter(|_| !kinds.contains(&node.kind)) {
                let rule = Rule {
                    name: word,
                    kinds,
                    once: true,
                };
                self.misplaced(node, &rule, place);
            }
        }
        if node.kind == Route && !node.params.is_empty() {
            let span = node.params.first().map_or(node.name.span, |first| first.span);
            let rule = Rule {
                name: "a parameter",
                kinds: WORKING,
                once: true,
            };
            self.misplaced(node, &rule, span);
        }
    }

    fn misplaced(&mut self, node: &NodeDecl, rule: &Rule, span: Span) {
        let kinds: Vec<String> = rule
            .kinds
            .iter()
            .map(|kind| format!("`{}`", kind.as_str()))
            .collect();
        let plain = matches!(rule.name, "an arm" | "an update" | "a parameter");
        let name = if plain {
            rule.name.to_owned()
        } else {
            format!("`{}`", rule.name)
        };
        self.push(
            Diagnostic::new(
                syntax::MISPLACED_CLAUSE,
                format!("{name} has no meaning in {}", with_article(node.kind)),
            )
            .primary(span, "not here")
            .label(
                node.name.span,
                format!("`{}` is {}", node.name, with_article(node.kind)),
            )
            .help(format!("it stands in {}", kinds.join(", "))),
        );
    }
}

/// A kind of node with its article: "a `task`", "an `agent`".
fn with_article(kind: NodeKind) -> String {
    let article = if matches!(kind, Agent | Interrupt) {
        "an"
    } else {
        "a"
    };
    format!("{article} `{}`", kind.as_str())
}

/// What of a clause may stand once; the two forms of a wait and the like share one name.
fn key_of(clause: &ClauseKind, name: &'static str, kind: NodeKind) -> &'static str {
    match clause {
        ClauseKind::For(_) | ClauseKind::ForEvent(_) => "for",
        ClauseKind::Until(_) if kind == Wait => "for",
        _ => name,
    }
}

/// Where the word stands that a clause is known by.
fn word_of(clause: &Clause, name: &str) -> Span {
    let word = |len: usize| Span {
        end: clause.span.start + len as u32,
        ..clause.span
    };
    match &clause.kind {
        ClauseKind::Update(update) => update.field.span,
        ClauseKind::Arm(arm) => match &arm.guard {
            Guard::When(_) => word("when".len()),
            Guard::Otherwise(span) => *span,
            Guard::Pattern(pattern) => pattern.span,
        },
        _ => word(name.split(' ').next().unwrap_or(name).len()),
    }
}

/// The table: how a clause is called, where it may stand, and whether once. `None` for what stands anywhere.
fn rule_of(clause: &ClauseKind) -> Option<Rule> {
    let rule = |name, kinds, once| Some(Rule { name, kinds, once });
    match clause {
        ClauseKind::Error => None,
        ClauseKind::Call(_) => rule("call", CALLING, true),
        ClauseKind::Tools(_) => rule("tools", &[Agent], true),
        ClauseKind::Continue(_) => rule("continue", &[Agent], true),
        ClauseKind::Until(_) => rule("until", &[Agent, Wait], true),
        ClauseKind::LimitTurns(_) => rule("limit turns", &[Agent], true),
        ClauseKind::TurnTimeout(_) => rule("turn timeout", &[Agent], true),
        ClauseKind::Let(_) => rule("let", WORKING, false),
        ClauseKind::Update(_) => rule("an update", WORKING, false),
        ClauseKind::Ensure(_) => rule("ensure", &[Task, Agent, Subgraph, Interrupt], false),
        ClauseKind::Attempts(_) => rule("attempts", CALLING, true),
        ClauseKind::RetryOn(_) => rule("retry on", CALLING, true),
        ClauseKind::Timeout(_) => rule("timeout", &[Task, Agent, Subgraph, Interrupt, Wait], true),
        ClauseKind::Cache { .. } => rule("cache", &[Task, Agent], true),
        ClauseKind::OnError(_) => rule("on error", &[Task, Agent, Transform, Send, Subgraph], true),
        ClauseKind::Undo(_) => rule("undo", CALLING, true),
        ClauseKind::Goto(_) => rule("goto", &[Task, Agent, Transform, Subgraph, Interrupt], true),
        ClauseKind::MayGoto(_) => rule("may goto", &[Task, Agent], true),
        ClauseKind::MayUpdate(_) => rule("may update", &[Task, Agent], true),
        ClauseKind::MayOverwrite(_) => rule("may overwrite", &[Task, Agent], true),
        ClauseKind::Verify(_) => rule("verify", &[Task, Agent], true),
        ClauseKind::Lock { .. } => rule("lock", &[Task, Agent, Transform, Send, Subgraph], false),
        ClauseKind::Cancel(_) => rule("cancel", ALL_BUT_ROUTE, true),
        ClauseKind::Finish(_) => rule("finish", ALL_BUT_ROUTE, true),
        ClauseKind::Emit { .. } => rule("emit", WORKING, false),
        ClauseKind::Ask(_) => rule("ask", &[Interrupt], true),
        ClauseKind::Show(_) => rule("show", &[Interrupt], true),
        ClauseKind::Answer { .. } => rule("answer", &[Interrupt], true),
        ClauseKind::For(_) => rule("for", &[Wait], true),
        ClauseKind::ForEvent(_) => rule("for event", &[Wait], true),
        ClauseKind::EventArm(..) => rule("event", &[Wait], false),
        ClauseKind::AfterArm(..) => rule("after", &[Wait], false),
        ClauseKind::Arm(_) => rule("an arm", &[Route], false),
        ClauseKind::Each(_) => rule("each", &[Send], false),
    }
}
