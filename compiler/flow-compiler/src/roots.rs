//! Only the root of a mistake is reported: findings of the passes that may follow from something that could not
//! be lowered are left out. Which findings those are is here; how they are made is in `passes`.

use flow_diagnostics::codes::{graph, lints, names, secrets, state, syntax, types};
use flow_diagnostics::{Code, Diagnostic, Span};
use flow_grammar::ast::{FlowEntry, Item};

use crate::project::Project;

/// Findings that need every expression of a flow to be known.
const NEED_EXPRESSIONS: &[Code] = &[
    state::NEVER_READ,
    state::NEVER_WRITTEN,
    state::EPHEMERAL_MISREAD,
    state::READ_BEFORE_WRITTEN,
    graph::EVENT_UNHEARD,
    graph::STUCK_CYCLE,
];

/// The first words of clauses that lead somewhere: where one is misplaced, the drawing is not what is meant.
const LEADING: &[&str] = &["goto", "may", "on", "timeout"];

/// What the passes found, without what may follow from `before`: of a flow whose drawing could not be read
/// nothing, of one with another mistake nothing that needs every expression.
pub(crate) fn of(project: &Project, before: &[Diagnostic], found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let flows = flows_with_mistakes(project, before);
    found
        .into_iter()
        .filter(|finding| {
            let Some(at) = finding.span() else { return true };
            let inside = flows.iter().find(|(flow, _)| flow.contains(at));
            inside.is_none_or(|(_, drawing)| !drawing && !NEED_EXPRESSIONS.contains(&finding.code))
        })
        .collect()
}

/// Takes out findings that only say again what another says: of names that stand in an entry that could not be
/// understood, that are defined twice, or that were offered for a misspelt one.
pub(crate) fn prune(project: &Project, found: &mut Vec<Diagnostic>) {
    let errors: Vec<Diagnostic> = found.iter().filter(|found| found.is_error()).cloned().collect();
    if errors.is_empty() {
        return;
    }
    let follows = Follows { project, errors };
    found.retain(|finding| !follows.led_from_another(finding));
}

struct Follows<'p> {
    project: &'p Project,
    errors: Vec<Diagnostic>,
}

impl Follows<'_> {
    fn led_from_another(&self, finding: &Diagnostic) -> bool {
        let Some(at) = finding.span() else { return false };
        let name = self.text(at);
        match finding.code {
            names::UNKNOWN_NAME
            | names::UNKNOWN_TYPE
            | names::UNKNOWN_CALLABLE
            | names::UNKNOWN_NODE
            | names::UNKNOWN_EVENT
            | state::UNKNOWN_STATE_FIELD
            | types::UNKNOWN_FIELD => self.lost(at, name) || self.misspelt_in_import(name),
            lints::UNUSED => self.lost(at, name) || self.offered(name),
            state::PARAMETER_WRITTEN => self.twice(at, name),
            graph::UNREACHABLE | graph::NO_WAY_OUT => self.misnamed(at) || self.behind_misuse(finding, at),
            secrets::SECRET_LEAK => self.writes_secret_field(at),
            _ => false,
        }
    }

    fn text(&self, at: Span) -> &str {
        let text = self.project.sources.text(at.file);
        text.get(at.start as usize..at.end as usize).unwrap_or_default()
    }

    /// Whether a name stands in an entry of its file that could not be understood.
    fn lost(&self, at: Span, name: &str) -> bool {
        let modules = self
            .project
            .modules
            .iter()
            .filter(|module| module.ast.file == at.file);
        let mut lost = modules.flat_map(|module| &module.ast.lost);
        lost.any(|span| !span.contains(at) && has_word(self.text(*span), name))
    }

    /// Whether a name was offered for one that nobody knows.
    fn offered(&self, name: &str) -> bool {
        let help = format!("did you mean `{name}`?");
        self.errors.iter().any(|error| error.help.as_ref() == Some(&help))
    }

    /// Whether a name would be known if an import had spelt it right.
    fn misspelt_in_import(&self, name: &str) -> bool {
        let help = format!("did you mean `{name}`?");
        let mut imports = self
            .errors
            .iter()
            .filter(|error| error.code == names::NOT_IN_MODULE);
        imports.any(|error| error.help.as_ref() == Some(&help))
    }

    fn twice(&self, at: Span, name: &str) -> bool {
        let twice = self
            .errors
            .iter()
            .filter(|error| error.code == names::DEFINED_TWICE);
        let mut places = twice.filter_map(Diagnostic::span);
        places.any(|place| place.file == at.file && self.text(place) == name)
    }

    /// Whether a node is out of reach because its name is another's, or no name at all.
    fn misnamed(&self, at: Span) -> bool {
        let codes = [names::DEFINED_TWICE, syntax::RESERVED_WORD];
        let names = self.errors.iter().filter(|error| codes.contains(&error.code));
        names.filter_map(Diagnostic::span).any(|place| at.contains(place))
    }

    /// Whether a way out may only have been written behind a route or send, where it cannot stand.
    fn behind_misuse(&self, finding: &Diagnostic, at: Span) -> bool {
        finding.code == graph::NO_WAY_OUT && self.same_flow(at, graph::ARROW_FROM_ROUTE)
    }

    /// Whether a secret is sent to a field that was refused for being one.
    fn writes_secret_field(&self, at: Span) -> bool {
        let text = self.project.sources.text(at.file);
        let before = text[..at.start as usize].trim_end();
        let Some(update) = before.strip_suffix("<-").or_else(|| before.strip_suffix(":=")) else {
            return false;
        };
        let field = last_word(update);
        let stored = self
            .errors
            .iter()
            .filter(|error| error.code == secrets::SECRET_STORED);
        let mut places = stored
            .filter_map(Diagnostic::span)
            .filter(|place| place.file == at.file);
        places.any(|place| {
            let declared = text[..place.start as usize].trim_end();
            declared
                .strip_suffix(':')
                .is_some_and(|name| last_word(name) == field)
        })
    }

    /// Whether another finding of a code is in the same flow.
    fn same_flow(&self, at: Span, code: Code) -> bool {
        let items = self.project.modules.iter().flat_map(|module| &module.ast.items);
        let flow = items.into_iter().find_map(|item| match item {
            Item::Flow(flow) if flow.span.contains(at) => Some(flow.span),
            _ => None,
        });
        let mut places = self
            .errors
            .iter()
            .filter(|error| error.code == code)
            .filter_map(Diagnostic::span);
        flow.is_some_and(|flow| places.any(|place| flow.contains(place)))
    }
}

fn last_word(text: &str) -> &str {
    let text = text.trim_end();
    text.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .next()
        .unwrap_or_default()
}

/// Whether a text has a word.
fn has_word(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|other| other == word)
}

/// The flows with errors in them, and whether their drawing is among what could not be read.
fn flows_with_mistakes(project: &Project, before: &[Diagnostic]) -> Vec<(Span, bool)> {
    let mut flows = Vec::new();
    let errors: Vec<(Span, Code)> = before
        .iter()
        .filter(|found| found.is_error())
        .filter_map(|found| Some((found.span()?, found.code)))
        .collect();
    for item in project.modules.iter().flat_map(|module| &module.ast.items) {
        let Item::Flow(flow) = item else { continue };
        let inside: Vec<&(Span, Code)> = errors
            .iter()
            .filter(|(span, _)| flow.span.contains(*span))
            .collect();
        if inside.is_empty() {
            continue;
        }
        let lost = flow
            .entries
            .iter()
            .any(|entry| matches!(entry, FlowEntry::Error(_)));
        let edges: Vec<Span> = flow.edges().map(|chain| chain.span).collect();
        let drawing = inside.iter().any(|(span, code)| {
            let edge = edges
                .iter()
                .any(|edge| edge.contains(*span) || span.contains(*edge));
            let text = project.sources.slice(*span);
            let way = *code == syntax::MISPLACED_CLAUSE && LEADING.contains(&text);
            *code == names::UNKNOWN_NODE || *code == syntax::ARROW_MISUSE || edge || way
        });
        flows.push((flow.span, lost || drawing));
    }
    flows
}
