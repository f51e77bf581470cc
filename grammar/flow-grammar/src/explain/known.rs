//! Mistakes that are known by how an entry begins.

use flow_diagnostics::Diagnostic;
use flow_diagnostics::codes::syntax;

use super::{Place, RESERVED, SHAPES, begins_name, first_word, near_word};

/// A mistake: its place in the text, and what to say.
type Found = Option<(usize, usize, Diagnostic)>;

/// How an entry begins.
struct Beginning<'t> {
    place: Place,
    text: &'t str,
    first: &'t str,
    /// What stands behind the first word, and where.
    rest: &'t str,
    at: usize,
}

/// The mistake that an entry begins with, if it is one of the known ones.
pub(super) fn known_mistake(place: Place, text: &str) -> Found {
    let first = first_word(text);
    if first.is_empty() {
        return None;
    }
    let rest = text[first.len()..].trim_start();
    let begin = Beginning {
        place,
        text,
        first,
        rest,
        at: text.len() - rest.len(),
    };
    begin
        .colon_behind_word()
        .or_else(|| begin.typed_name())
        .or_else(|| begin.reserved_word())
        .or_else(|| begin.elsewhere())
        .or_else(|| begin.foreign_word())
}

/// That a reserved word cannot be a name.
pub(super) fn reserved(word: &str) -> Diagnostic {
    Diagnostic::new(
        syntax::RESERVED_WORD,
        format!("`{word}` is a reserved word and cannot be a name"),
    )
    .help("choose another name; as a key of a record the word is quoted")
}

impl Beginning<'_> {
    fn knows(&self) -> bool {
        SHAPES.iter().any(|(known, _)| *known == self.first)
    }

    /// `timeout: 3s`
    fn colon_behind_word(&self) -> Found {
        let colon = self.rest.starts_with(':') && !self.rest.starts_with(":=");
        if !colon || !self.knows() || !matches!(self.place, Place::Clause | Place::Option) {
            return None;
        }
        let message = format!("`{}` is followed by its value, without `:`", self.first);
        let diagnostic = Diagnostic::new(syntax::EXPECTED, message).help(self.place.shape(self.text));
        Some((self.at, self.at + 1, diagnostic))
    }

    /// `name int`, `name = 3`: a name whose type is missing, or not set off.
    fn typed_name(&self) -> Found {
        if !matches!(self.place, Place::Param | Place::TypeField | Place::StateField) {
            return None;
        }
        if begins_name(self.rest) && !RESERVED.contains(&self.first) {
            let message = format!("the name `{}` and its type are separated by `:`", self.first);
            let diagnostic = Diagnostic::new(syntax::EXPECTED, message).help(self.place.shape(self.text));
            return Some((self.at, self.at, diagnostic));
        }
        if self.rest.starts_with('=') && !self.rest.starts_with("==") {
            let message = format!("`{}` has no type", self.first);
            let diagnostic =
                Diagnostic::new(syntax::EQUALS_FOR_COLON, message).help(self.place.shape(self.text));
            return Some((self.at, self.at + 1, diagnostic));
        }
        None
    }

    fn reserved_word(&self) -> Found {
        let stands =
            RESERVED.contains(&self.first) && !matches!(self.place, Place::Item | Place::Arm | Place::Hole);
        stands.then(|| (0, self.first.len(), reserved(self.first)))
    }

    /// What belongs to another place: a call among the clauses, a node outside of a flow.
    fn elsewhere(&self) -> Found {
        let first = self.first;
        if self.place == Place::Clause && self.rest.starts_with('(') && !self.knows() {
            let diagnostic = Diagnostic::new(syntax::EXPECTED, format!("a call of `{first}` is no clause"))
                .help("a worker is called with `call name(…) as reply`; a value is named with `let a = …`");
            return Some((0, first.len(), diagnostic));
        }
        let node = matches!(
            first,
            "task" | "agent" | "transform" | "route" | "send" | "subgraph" | "interrupt" | "wait"
        );
        if self.place == Place::Item && node {
            let diagnostic = Diagnostic::new(syntax::EXPECTED, format!("a `{first}` stands in a flow"))
                .help("move it between the braces of a `flow`; a `}` above may be one too many");
            return Some((0, first.len(), diagnostic));
        }
        None
    }

    /// A first word that no entry begins with.
    fn foreign_word(&self) -> Found {
        let worded = matches!(
            self.place,
            Place::Item | Place::FlowEntry | Place::Clause | Place::TestEntry
        );
        let value_like = begins_name(self.rest)
            || self
                .rest
                .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '"' | '{' | '['));
        if !worded || self.knows() || !value_like {
            return None;
        }
        let foreign = (self.place == Place::Item)
            .then(|| near_item(self.first))
            .flatten();
        let help = match foreign {
            Some(near) => format!("it is written `{near}` in Flow"),
            None => near_word(self.first).unwrap_or_else(|| self.place.shape(self.text)),
        };
        let message = format!("`{}` begins no {}", self.first, self.place.what());
        let diagnostic = Diagnostic::new(syntax::EXPECTED, message).help(help);
        Some((0, self.first.len(), diagnostic))
    }
}

/// The keyword that a word of another language stands for.
fn near_item(word: &str) -> Option<&'static str> {
    Some(match word {
        "func" | "function" | "def" | "fun" => "fn",
        "struct" | "interface" | "class" | "record" => "type",
        "use" | "from" | "require" | "include" => "import",
        "workflow" | "graph" | "pipeline" => "flow",
        "var" | "let" | "static" => "const",
        "union" => "enum",
        "tool" | "activity" | "extern" => "worker",
        _ => return None,
    })
}
