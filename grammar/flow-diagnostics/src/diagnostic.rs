//! One finding and its builder. How it is printed lives in `render/`.

use crate::code::{Code, Severity};
use crate::span::Span;

/// One finding: what is wrong in the user's terms, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of finding.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Every place involved. At most one is primary, and it stands first.
    pub labels: Vec<Label>,
    /// Changes that would cure it; each on its own.
    pub fixes: Vec<Fix>,
}

/// A place and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there; may be empty.
    pub message: String,
    /// Whether this is the place that the finding is reported at.
    pub primary: bool,
}

/// A change that would cure the finding: all edits together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the change does, as an order: "write `and`".
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
}

/// Replaces the text under a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Diagnostic {
    /// A finding with the severity that the code's table gives it.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::with(code, code.info().severity, message)
    }

    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::with(code, Severity::Error, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::with(code, Severity::Warning, message)
    }

    /// A piece of advice.
    pub fn advice(code: Code, message: impl Into<String>) -> Self {
        Self::with(code, Severity::Advice, message)
    }

    /// Adds the place at which the finding is reported, in front of the others.
    #[must_use]
    pub fn primary(mut self, span: Span, message: impl Into<String>) -> Self {
        for label in &mut self.labels {
            label.primary = false;
        }
        self.labels.insert(
            0,
            Label {
                span,
                message: shortened(message.into()),
                primary: true,
            },
        );
        self
    }

    /// Adds another place that is involved.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: shortened(message.into()),
            primary: false,
        });
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Adds a fix of one edit: replaces the text under `span`.
    #[must_use]
    pub fn fix(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix_all(
            title,
            vec![Edit {
                span,
                text: text.into(),
            }],
        )
    }

    /// Adds a fix of several edits.
    #[must_use]
    pub fn fix_all(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fixes.push(Fix {
            title: title.into(),
            edits,
        });
        self
    }

    /// The place at which the finding is reported: its primary label, else its first.
    pub fn span(&self) -> Option<Span> {
        let primary = self.labels.iter().find(|label| label.primary);
        primary.or_else(|| self.labels.first()).map(|label| label.span)
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Sorts findings as people read: by file, place and code.
    pub fn sort(diagnostics: &mut [Self]) {
        diagnostics.sort_by_key(|d| (d.span(), d.code));
    }

    fn with(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: shortened(message.into()),
            help: None,
            labels: Vec::new(),
            fixes: Vec::new(),
        }
    }
}

/// The most characters of a quoted name, type or text that a sentence shows.
const MOST_QUOTED: usize = 80;

/// The sentence with everything between back-ticks cut to a readable length: a name may have megabytes.
fn shortened(sentence: String) -> String {
    if sentence.len() <= MOST_QUOTED {
        return sentence;
    }
    let cut = |part: &str| match part.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{}…", &part[..end]),
        None => part.to_owned(),
    };
    // Every second part stands between back-ticks.
    let parts = sentence.split('`').enumerate();
    let parts: Vec<String> = parts
        .map(|(at, part)| if at % 2 == 1 { cut(part) } else { part.to_owned() })
        .collect();
    parts.join("`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::syntax;

    #[test]
    fn long_names_are_cut_in_every_sentence_and_nothing_else_is() {
        let name = "ä".repeat(1_000_000);
        let span = Span::new(crate::FileId(0), 0, 1);
        let found = Diagnostic::error(
            syntax::INVALID_UTF8,
            format!("there is no `{name}` among `a` and `b`"),
        )
        .primary(span, format!("`{name}`"))
        .help(format!("write `a`, not `{name}`"));
        let short = format!("{}…", "ä".repeat(80));
        assert_eq!(found.message, format!("there is no `{short}` among `a` and `b`"));
        assert_eq!(found.labels[0].message, format!("`{short}`"));
        assert_eq!(
            found.help.as_deref(),
            Some(format!("write `a`, not `{short}`").as_str())
        );
        let plain = "word ".repeat(50);
        assert_eq!(
            Diagnostic::error(syntax::INVALID_UTF8, plain.clone()).message,
            plain
        );
    }
}
