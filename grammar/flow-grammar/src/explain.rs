//! Why an entry could not be understood: what was expected, in words that users know.
//!
//! The entry is parsed once more, alone, by the rule of its place; where that cannot go on is where the mistake
//! is. Some mistakes are so common that they are known by their first words (`known`), or by what stands where
//! parsing stopped (`misread`).

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, FileId, Span};

use crate::rules::{self, Failure, Rule};

mod known;
mod misread;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Item,
    FlowHead,
    FlowEntry,
    StateField,
    Event,
    Clause,
    Arm,
    Check,
    Variant,
    Param,
    Option,
    TypeField,
    TestEntry,
    /// `${…}` in a template.
    Hole,
}

const RESERVED: &[&str] = &[
    "and", "as", "else", "false", "if", "in", "match", "not", "null", "or", "then", "true", "where",
];

/// Texts that begin a value. Where all of them could stand, a value is expected.
const VALUE_STARTS: &[&str] = &[
    "-", "not", "!", "[", "{", "(", "if", "match", "\"", "\"\"\"", "r\"", "r\"\"\"", "true", "false", "null",
    "'", "`", ".", "...", "..",
];

/// Texts that can go on with a value; they say nothing about what is missing behind one.
const VALUE_GOES_ON: &[&str] = &[
    "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "??", "<", ">", "+", "-", "**", "*", "/", "%", "or",
    "and", "in", "not", "?.", ".", "(", "[", "as", "..", "?", "|",
];

/// A diagnostic for a text that no rule of its place matches. It begins at `start` in the file.
pub(crate) fn explain(place: Place, file: FileId, start: u32, end: u32, text: &str) -> Diagnostic {
    let at = |from: usize, to: usize| {
        Span::new(file, (start + from as u32).min(end), (start + to as u32).min(end))
    };
    if let Some((from, to, diagnostic)) = known::known_mistake(place, text) {
        return diagnostic.primary(at(from, to), "");
    }
    let failure = rules::explain(place.rule(), text);
    let failure = failure.unwrap_or(Failure {
        at: text.len(),
        tokens: Vec::new(),
        class: false,
    });
    let (from, to) = token_at(text, failure.at);
    let halt = Halt {
        place,
        text,
        failure,
        from,
        to,
    };
    halt.nothing_there(&at)
        .or_else(|| halt.something_new(&at))
        .or_else(|| halt.misread(&at))
        .or_else(|| halt.reserved(&at))
        .unwrap_or_else(|| halt.unexpected(&at))
}

/// Where parsing stopped, and the token that stands there.
struct Halt<'t> {
    place: Place,
    text: &'t str,
    failure: Failure,
    from: usize,
    to: usize,
}

impl Halt<'_> {
    fn found(&self) -> &str {
        &self.text[self.from..self.to]
    }

    /// Whether a value ends here that could go on.
    fn behind_value(&self) -> bool {
        self.failure.tokens.iter().any(|token| token == "??")
    }

    fn nothing_there(&self, at: &dyn Fn(usize, usize) -> Span) -> Option<Diagnostic> {
        let ends = self.from == self.to || matches!(self.found(), ")" | "]" | "}" | "," | "\n");
        if !in_value(&self.failure) || !ends {
            return None;
        }
        let here = self.failure.at;
        Some(
            Diagnostic::new(syntax::MISSING_VALUE, "nothing stands where a value belongs")
                .primary(at(here, here), "expected a value")
                .help(self.place.shape(self.text)),
        )
    }

    fn something_new(&self, at: &dyn Fn(usize, usize) -> Span) -> Option<Diagnostic> {
        let (place, text, from, found) = (self.place, self.text, self.from, self.found());
        let could_end = self.failure.tokens.iter().any(|token| token == "\n");
        if from != self.failure.at || !could_end || !begins_name(found) {
            return None;
        }
        if let Some(diagnostic) = misread::lone_unit(text, from, self.to) {
            return Some(diagnostic.primary(at(from, self.to), ""));
        }
        let diagnostic = Diagnostic::new(
            syntax::MISSING_SEPARATOR,
            format!("{} ends before `{found}`", place.this()),
        );
        if !misread::begins_entry(place, &text[from..]) {
            return Some(
                diagnostic
                    .primary(at(from, self.to), "not expected here")
                    .help(place.shape(text)),
            );
        }
        let behind = text[..from].trim_end().len();
        Some(
            diagnostic
                .primary(at(from, self.to), "something new begins here")
                .help(format!(
                    "put `{found} …` on a line of its own, or write a `,` before it"
                ))
                .fix("separate them with `,`", at(behind, behind), ","),
        )
    }

    fn misread(&self, at: &dyn Fn(usize, usize) -> Span) -> Option<Diagnostic> {
        let (from, to) = (self.from, self.to);
        let found = misread::misread(self.place, self.text, from, to, self.behind_value());
        let found = found.or_else(|| misread::lone_unit(self.text, from, to));
        if let Some(diagnostic) = found {
            return Some(diagnostic.primary(at(from, to), ""));
        }
        if from != to {
            return None;
        }
        let end = self.text.len();
        let expected = expected(self.place, &self.failure, self.text, true);
        Some(
            Diagnostic::new(syntax::EXPECTED, format!("{} ends too early", self.place.this()))
                .primary(at(end, end), format!("expected {expected}"))
                .help(self.place.shape(self.text)),
        )
    }

    /// A reserved word that stands for a name, here or just before.
    fn reserved(&self, at: &dyn Fn(usize, usize) -> Span) -> Option<Diagnostic> {
        let here =
            RESERVED.contains(&self.found()) && !self.behind_value() && wants_name(&self.text[..self.from]);
        let (from, to) = if here {
            (self.from, self.to)
        } else {
            reserved_before(self.text, self.from)?
        };
        let word = &self.text[from..to];
        Some(known::reserved(word).primary(at(from, to), "a name is expected here"))
    }

    fn unexpected(&self, at: &dyn Fn(usize, usize) -> Span) -> Diagnostic {
        let (place, text, found) = (self.place, self.text, self.found());
        let here = at(self.from, self.to);
        if self.from == 0 {
            let message = format!("{} begins no {}", shown(found), place.what());
            return Diagnostic::new(syntax::EXPECTED, message)
                .primary(here, "")
                .help(near_word(found).unwrap_or_else(|| place.shape(text)));
        }
        let expected = expected(place, &self.failure, text, self.from == self.failure.at);
        let label = if expected.is_empty() {
            "not expected here".to_owned()
        } else {
            format!("expected {expected}")
        };
        let message = format!("{} does not go on with {}", place.this(), shown(found));
        Diagnostic::new(syntax::EXPECTED, message)
            .primary(here, label)
            .help(place.shape(text))
    }
}

impl Place {
    fn rule(self) -> Rule {
        match self {
            Self::Item => Rule::only_item,
            Self::FlowHead => Rule::only_flow_head,
            Self::FlowEntry => Rule::only_flow_entry,
            Self::StateField => Rule::only_state_field,
            Self::Event => Rule::only_event,
            Self::Clause => Rule::only_clause,
            Self::Arm => Rule::only_arm,
            Self::Check => Rule::only_check,
            Self::Variant => Rule::only_variant,
            Self::Param => Rule::only_param,
            Self::Option => Rule::only_option,
            Self::TypeField => Rule::only_type_field,
            Self::TestEntry => Rule::only_test_entry,
            Self::Hole => Rule::only_hole,
        }
    }

    /// What stands there, as the subject of a sentence.
    fn this(self) -> &'static str {
        match self {
            Self::Item => "this item",
            Self::FlowHead => "the head of this flow",
            Self::FlowEntry => "this entry of a flow",
            Self::StateField => "this field of the state",
            Self::Event => "this event",
            Self::Clause => "this clause",
            Self::Arm => "this arm",
            Self::Check => "this check",
            Self::Variant => "this variant",
            Self::Param => "this parameter",
            Self::Option => "this option",
            Self::TypeField => "this field",
            Self::TestEntry => "this entry of a test",
            Self::Hole => "this `${…}`",
        }
    }

    /// What stands there, without an article.
    fn what(self) -> &'static str {
        self.this()
            .strip_prefix("this ")
            .or_else(|| self.this().strip_prefix("the "))
            .unwrap_or(self.this())
    }

    /// How entries of this place, and of this first word, are written.
    fn shape(self, text: &str) -> String {
        let first = first_word(text);
        if let Some((_, shape)) = SHAPES.iter().find(|(word, _)| *word == first)
            && matches!(
                self,
                Self::Item | Self::FlowEntry | Self::Clause | Self::Arm | Self::TestEntry
            )
        {
            return format!("it is written `{shape}`");
        }
        let shape = match self {
            Self::Item => {
                "an item begins with `import`, `type`, `enum`, `const`, `fn`, `worker`, `flow` or `test`"
            }
            Self::FlowHead => "a flow is written `flow name(a: T) -> U { … }`",
            Self::FlowEntry => {
                "a flow holds `state`, `config`, `events`, limits, arrows (`a -> b`), nodes and `return`"
            }
            Self::StateField => {
                "a field is written `name: type by reducer = start`; reducer and start may be left out"
            }
            Self::Event => "an event is written `name` or `name: type`",
            Self::Clause => {
                "a node holds clauses such as `call w(a: 1) as x`, `let a = e`, `field <- e`, `attempts 3`"
            }
            Self::Arm => "an arm is written `pattern -> target` or `otherwise -> target`",
            Self::Check => {
                "a check is `command […]`, `file \"…\"`, `url \"…\"`, `ensure cond`, `receipt` or `within 2m`"
            }
            Self::Variant => "a variant is written `name` or `name(field: type)`",
            Self::Param => "a parameter is written `name: type` or `name: type = value`",
            Self::Option => "an option is written `name value`, without `:` or `=`",
            Self::TypeField => "a field is written `name: type` or `name: type = value`",
            Self::TestEntry => "a test holds `input`, `config`, `mock`, `at`, `answer` and `expect`",
            Self::Hole => "between `${` and `}` stands one value",
        };
        shape.to_owned()
    }
}

/// How entries that begin with a word are written.
const SHAPES: &[(&str, &str)] = &[
    ("import", "import \"file.flow\" { name, name }"),
    ("type", "type Name = T"),
    ("enum", "enum Name { a, b(x: T) }"),
    ("const", "const NAME: T = value"),
    ("fn", "fn name(a: T) -> U = value"),
    ("worker", "worker name(a: T) -> U via protocol { options }"),
    ("flow", "flow name(a: T) -> U { … }"),
    ("test", "test \"what it shows\" for flow { … }"),
    ("task", "task name { … }"),
    ("agent", "agent name { … }"),
    ("transform", "transform name { … }"),
    (
        "route",
        "route name { when cond -> target … } or route name match value { pattern -> target … }",
    ),
    ("send", "send name { each x in list -> node(x) }"),
    ("subgraph", "subgraph name { call flow(a: 1) as x }"),
    ("interrupt", "interrupt name { ask \"…\" answer as x: T }"),
    ("wait", "wait name { for 10m }"),
    ("state", "state { name: type by reducer = start }"),
    ("limit", "limit steps 60"),
    ("return", "return value"),
    ("call", "call worker(a: 1) as reply"),
    ("let", "let name = value"),
    ("ensure", "ensure cond else \"why\""),
    ("attempts", "attempts 3 backoff 500ms..10s"),
    ("retry", "retry on [timeout, connect]"),
    ("timeout", "timeout 20s"),
    ("cache", "cache 1h by key"),
    ("on", "on error as e -> target"),
    ("undo", "undo worker(a: 1)"),
    ("goto", "goto match value { pattern -> target … }"),
    ("may", "may goto [a, b]"),
    ("verify", "verify { command [\"…\"] … }"),
    ("lock", "lock \"name\""),
    ("cancel", "cancel [node]"),
    ("finish", "finish [node]"),
    ("tools", "tools [worker, other needs approval]"),
    ("continue", "continue (a: 1)"),
    ("until", "until cond"),
    ("turn", "turn timeout 5m"),
    ("emit", "emit name { … }"),
    ("ask", "ask \"…\""),
    ("show", "show { … }"),
    ("for", "for 10m, or for event name as e where cond"),
    ("event", "event name as e where cond -> target"),
    ("after", "after 30m -> target"),
    ("when", "when cond -> target"),
    ("otherwise", "otherwise -> target"),
    ("each", "each x in list -> node(x) at most 4"),
    ("input", "input { name: value }"),
    ("mock", "mock worker -> value"),
    ("at", "at 5m event name { … }"),
    ("answer", "answer as x: T; in a test: answer node -> value"),
    ("expect", "expect cond"),
];

/// What could have stood there, joined for a sentence.
fn expected(place: Place, failure: &Failure, text: &str, at_token: bool) -> String {
    if !at_token {
        return String::new();
    }
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    let value = in_value(failure);
    if value {
        add("a value".to_owned());
    } else if failure.class && wants_class(failure, text) {
        add("a name".to_owned());
    }
    let goes_on = failure.tokens.iter().any(|token| token == "??");
    let mut tokens: Vec<&str> = failure.tokens.iter().map(String::as_str).collect();
    tokens.sort_unstable();
    for token in tokens {
        let noise = token.trim().is_empty() && token != "\n"
            || (value && VALUE_STARTS.contains(&token))
            || (goes_on && VALUE_GOES_ON.contains(&token))
            || matches!(
                token,
                "+=" | "-="
                    | "'"
                    | "`"
                    | "==="
                    | "!=="
                    | "standing"
                    | "..."
                    | "_"
                    | "e"
                    | "E"
                    | "\"\"\""
                    | "r\""
                    | "r\"\"\""
            );
        if noise {
            continue;
        }
        add(match token {
            "\n" => "the end of the line".to_owned(),
            "\"" => "a string".to_owned(),
            token => format!("`{token}`"),
        });
    }
    if words.len() > 6 {
        let what = match place {
            Place::Clause | Place::Arm => "a clause",
            Place::FlowEntry => "an entry of a flow",
            Place::Item => "an item",
            Place::TestEntry => "an entry of a test",
            _ => "something else",
        };
        return if value {
            "a value".to_owned()
        } else {
            what.to_owned()
        };
    }
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

fn in_value(failure: &Failure) -> bool {
    let has = |token: &str| failure.tokens.iter().any(|t| t == token);
    has("not") && has("[") && has("if")
}

/// Whether a name is among what was expected, and not only one more letter of the word before.
fn wants_class(failure: &Failure, text: &str) -> bool {
    let before = failure.at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    !in_word && !failure.tokens.iter().any(|token| token == "??" || token == "?.")
}

/// A reserved word directly before an offset, where a name belongs.
fn reserved_before(text: &str, from: usize) -> Option<(usize, usize)> {
    let before = text[..from].trim_end();
    let start = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map_or(0, |at| at + 1);
    let reserved = RESERVED.contains(&&before[start..]) && wants_name(&text[..start]);
    reserved.then_some((start, before.len()))
}

/// A known first word that is spelt almost like this one.
fn near_word(word: &str) -> Option<String> {
    let near = SHAPES
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| known.len() > 2);
    let near = near.map(|known| (distance(word, known), known)).min()?;
    (near.0 <= 2 && near.0 * 3 <= word.len()).then(|| format!("did you mean `{}`?", near.1))
}

/// How many letters must be added, dropped or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

/// The token at an offset: a whole word where the offset is in one.
fn token_at(text: &str, at: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut from = at.min(text.len());
    if from < bytes.len() && word(bytes[from]) {
        while from > 0 && word(bytes[from - 1]) {
            from -= 1;
        }
    } else {
        from += bytes[from..].iter().take_while(|b| **b == b' ').count();
    }
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let rest = &bytes[from..];
    let len = match rest.first() {
        None => 0,
        Some(b) if word(*b) => rest.iter().position(|b| !word(*b)).unwrap_or(rest.len()),
        Some(_) => {
            let two = [
                "->", "=>", "<-", ":=", "==", "!=", "<=", ">=", "??", "?.", "..", "&&", "||",
            ];
            let pair = two.iter().find(|token| text[from..].starts_with(**token));
            pair.map_or_else(
                || text[from..].chars().next().map_or(0, char::len_utf8),
                |token| token.len(),
            )
        }
    };
    (from, from + len)
}

fn shown(found: &str) -> String {
    match found {
        "\n" => "a line break".to_owned(),
        "\"" => "a string".to_owned(),
        found => format!("`{found}`"),
    }
}

/// Whether a name is what comes behind a text: a keyword, or a symbol that no value follows.
fn wants_name(before: &str) -> bool {
    let before = before.trim_end();
    let word = before
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .next()
        .unwrap_or("");
    SHAPES
        .iter()
        .any(|(known, _)| *known == word && !matches!(word, "return" | "when" | "until" | "for" | "at"))
        || matches!(word, "as" | "by" | "via")
        || before.ends_with("->")
}

fn first_word(text: &str) -> &str {
    let len = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..len]
}

fn begins_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
