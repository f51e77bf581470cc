//! What a test expects against what came: each difference is a finding with its place in the source.

use flow_bytecode::{Condition, Expect, Part, SourceSpan, Test};
use flow_diagnostics::codes::testing as codes;
use flow_diagnostics::{Diagnostic, SourceMap, Span};
use flow_machine::value::Value;
use flow_machine::{Event, Program, Status};

use super::observed::Observed;
use super::player::Trouble;
use super::script::{Script, Seen};
use super::show::{brief, differences, literal, names};
use super::span;
use super::world::Silence;
use crate::clock::short;
use crate::view::{status_word, steps_text};

/// Judges one test.
pub(super) struct Judge<'a> {
    pub(super) program: &'a Program,
    pub(super) sources: &'a SourceMap,
    pub(super) test: &'a Test,
}

impl Judge<'_> {
    /// What is wrong with how a run ended.
    pub(super) fn findings(&self, observed: &Observed) -> Vec<Diagnostic> {
        let mut script = Script::new(self.program);
        let seen = observed.seen(self.program, self.test, &mut script);
        let mut found = Vec::new();
        if observed.status != Status::Done && !self.test.says_end {
            found.push(self.other_end(observed));
        }
        for expect in &self.test.expects {
            match expect {
                Expect::Fails { code, at, span } => {
                    found.extend(self.fails(observed, [*code, *at], *span));
                }
                Expect::Condition(condition) => {
                    found.extend(self.condition(condition, observed, &seen, &mut script));
                }
            }
        }
        found
    }

    /// What stopped a test before its end.
    pub(super) fn trouble(&self, trouble: Trouble, observed: Option<&Observed>) -> Option<Diagnostic> {
        Some(match trouble {
            Trouble::Refused {
                what: "the start",
                code,
                ..
            } if self.expects_refusal(&code) => return None,
            Trouble::Refused {
                what,
                span: place,
                code,
                message,
            } => {
                let place = if what == "the start" {
                    self.header()
                } else {
                    span(place)
                };
                let message = if message.starts_with(what) {
                    message
                } else {
                    format!("{what} is refused: {message}")
                };
                Diagnostic::new(codes::TEST_REFUSED, message).primary(place, format!("refused with {code}"))
            }
            Trouble::Fault(fault, place) => {
                let at = fault.span.unwrap_or(place);
                Diagnostic::new(codes::TEST_REFUSED, format!("the test cannot be played: {fault}"))
                    .primary(span(at), fault.kind.code())
            }
            Trouble::Silence(dispatch, step, silence) => self.silence(&dispatch, step, silence),
            Trouble::TooLate(place, at) => {
                let ended = observed.map_or(String::new(), |observed| {
                    let word = status_word(observed.status);
                    format!("; the run ended ({word}) at {}", short(observed.elapsed))
                });
                Diagnostic::new(
                    codes::AFTER_THE_END,
                    "this happens after the run has ended".to_owned(),
                )
                .primary(span(place), format!("due at {}{ended}", short(at)))
            }
            Trouble::NeverEnds(workers) => {
                let waits = match workers.as_slice() {
                    [] => "it moves on and on".to_owned(),
                    all => format!(
                        "it waits for `{}`, which never replies, and nothing times out",
                        all.join("`, `")
                    ),
                };
                let help = if workers.is_empty() {
                    "a `limit time` ends what goes on for ever"
                } else {
                    "give the node a `timeout`, or let the mock reply"
                };
                Diagnostic::new(codes::NEVER_ENDS, format!("the run never ends: {waits}"))
                    .primary(self.header(), "this test")
                    .help(help)
            }
            Trouble::NotReplayed(why) => Diagnostic::new(
                codes::CRASH_DIFFERS,
                format!("the log does not give the run again: {why}"),
            )
            .primary(self.header(), "this test"),
        })
    }

    /// The first line of the test: its name and flow.
    pub(super) fn header(&self) -> Span {
        let whole = span(self.test.span);
        let text = self.sources.slice(whole);
        let end = text.find(['\n', '{']).unwrap_or(text.len());
        let end = text[..end].trim_end().len();
        Span::new(whole.file, whole.start, whole.start + end as u32)
    }

    fn expects_refusal(&self, came: &str) -> bool {
        self.test.expects.iter().any(|expect| match expect {
            Expect::Fails { code, at: None, .. } => {
                code.is_none_or(|code| self.program.image().str(code) == came)
            }
            _ => false,
        })
    }

    fn other_end(&self, observed: &Observed) -> Diagnostic {
        let word = status_word(observed.status);
        let message = format!("the run ends as `{word}`, and the test does not say that it should");
        let mut found = Diagnostic::new(codes::OTHER_END, message).primary(
            self.header(),
            format!(
                "{word} after {}, {}",
                steps_text(observed.steps),
                short(observed.elapsed)
            ),
        );
        if let Some(error) = &observed.error {
            let node = error.node.as_ref();
            let node = node.map_or(String::new(), |node| format!("`{node}`: "));
            let why = format!("{node}{} [{}]", error.message, error.code);
            found = match error.span {
                Some(place) => found.label(span(place), why),
                None => found.help(why),
            };
        }
        if found.help.is_some() {
            return found;
        }
        found.help(match observed.status {
            Status::Interrupted => {
                "answer what is asked (`answer NODE -> …`), or say `expect status == interrupted`".into()
            }
            Status::Failed => "if it is meant to fail, say `expect fails`".into(),
            _ => format!("if that is meant, say `expect status == {word}`"),
        })
    }

    fn silence(&self, dispatch: &flow_machine::Dispatch, step: u64, silence: Silence) -> Diagnostic {
        let image = self.program.image();
        let worker = image.str(image.workers[dispatch.worker.index()].name);
        let (message, place) = match silence {
            Silence::Unmocked => (
                format!("`{worker}` is called, and the test does not say what it replies"),
                self.header(),
            ),
            Silence::NoCase(number, place) => (
                format!("no case of the mock is for call {number} of `{worker}`"),
                span(place),
            ),
            Silence::Fault(fault, place) => {
                let at = fault.span.unwrap_or(place);
                (
                    format!("the reply of `{worker}` cannot be computed: {fault}"),
                    span(at),
                )
            }
            Silence::NotMade => (
                format!("no value of the reply's type was found for `{worker}`"),
                self.header(),
            ),
        };
        let mut found = Diagnostic::new(codes::UNMOCKED, message).primary(place, "");
        let nodes = image.flows.iter().flat_map(|flow| &flow.nodes);
        let called = dispatch.node.rsplit('/').next().unwrap_or(&dispatch.node);
        if let Some(node) = nodes.into_iter().find(|node| image.str(node.name) == called) {
            found = found.label(span(node.span), format!("called here, in step {step}"));
        }
        let args = serde_json::Value::Object(dispatch.args.clone()).to_string();
        let args: String = args.chars().take(160).collect();
        found.help(format!("write `mock {worker} -> …`; it was called with {args}"))
    }

    fn fails(
        &self,
        observed: &Observed,
        [code, at]: [Option<flow_bytecode::StrId>; 2],
        place: SourceSpan,
    ) -> Option<Diagnostic> {
        let image = self.program.image();
        let (code, at) = (code.map(|code| image.str(code)), at.map(|at| image.str(at)));
        let came = match (&observed.error, observed.status) {
            (Some(error), Status::Failed) => {
                let as_wanted = code.is_none_or(|code| code == error.code)
                    && at.is_none_or(|at| error.node.as_deref() == Some(at));
                if as_wanted {
                    return None;
                }
                let node = error.node.as_deref().unwrap_or("no node");
                format!("it failed with {} at `{node}`: {}", error.code, error.message)
            }
            (_, status) => format!(
                "it is {} after {}, {}",
                status_word(status),
                steps_text(observed.steps),
                short(observed.elapsed)
            ),
        };
        let error = observed.error.as_ref().and_then(|error| error.span);
        let mut found = Diagnostic::new(codes::NOT_AS_EXPECTED, "the run does not fail as expected")
            .primary(span(place), came);
        if let Some(at) = error.filter(|_| observed.status == Status::Failed) {
            found = found.label(span(at), "failed here");
        }
        Some(found)
    }

    fn condition(
        &self,
        condition: &Condition,
        observed: &Observed,
        seen: &Seen,
        script: &mut Script<'_>,
    ) -> Option<Diagnostic> {
        let text = self.program.image().str(condition.text);
        match script.condition(condition.holds, seen) {
            Ok(Value::Bool(true)) => return None,
            Ok(_) => {}
            Err(fault) => {
                let at = fault.span.unwrap_or(condition.span);
                let message = format!("`{text}` cannot be decided: {fault}");
                return Some(
                    Diagnostic::new(codes::NOT_AS_EXPECTED, message).primary(span(at), fault.kind.code()),
                );
            }
        }
        let mut found = Diagnostic::new(codes::NOT_AS_EXPECTED, format!("`{text}` does not hold"));
        let mut notes = Vec::new();
        if let Some((left, right)) = &condition.sides {
            let values = [left, right].map(|side| script.condition(side.value, seen).unwrap_or(Value::Null));
            found = self.compared(found, [left, right], &values, &mut notes, observed);
        } else {
            found = found.primary(span(condition.span), "false");
            for part in &condition.parts {
                let value = script.condition(part.value, seen).unwrap_or(Value::Null);
                found = found.label(span(part.span), format!("is {}", self.said(part, &value)));
                notes.extend(self.written(part, observed));
            }
        }
        let stood = steps_text(observed.steps);
        notes.push(format!(
            "the run was {} after {stood}, {}",
            status_word(observed.status),
            short(observed.elapsed)
        ));
        Some(found.help(notes.join("\n")))
    }

    /// Shows both sides of a comparison, as far as they are not written there already.
    fn compared(
        &self,
        mut found: Diagnostic,
        [left, right]: [&Part; 2],
        values: &[Value; 2],
        notes: &mut Vec<String>,
        observed: &Observed,
    ) -> Diagnostic {
        let (came, wanted) = if left.literal && !right.literal {
            (1, 0)
        } else {
            (0, 1)
        };
        let parts = [left, right];
        found = found.primary(
            span(parts[came].span),
            format!("is {}", self.said(parts[came], &values[came])),
        );
        if !parts[wanted].literal {
            found = found.label(
                span(parts[wanted].span),
                format!("is {}", self.said(parts[wanted], &values[wanted])),
            );
        }
        if self.is_path(parts[came]) {
            notes.extend(parted(&values[wanted], observed));
        } else {
            notes.extend(differences(&values[wanted], &values[came]));
        }
        notes.extend(parts.iter().filter_map(|part| self.written(part, observed)));
        found
    }

    fn is_path(&self, part: &Part) -> bool {
        self.program.image().str(part.text) == "path"
    }

    /// A value as the test would write it.
    fn said(&self, part: &Part, value: &Value) -> String {
        match (self.program.image().str(part.text), value) {
            ("path", value) => {
                names(value).map_or_else(|| brief(value), |names| format!("[{}]", names.join(", ")))
            }
            ("status", Value::Str(status)) => status.to_string(),
            (_, value) => brief(value),
        }
    }

    /// Who updated the field of `state.x` last.
    fn written(&self, part: &Part, observed: &Observed) -> Option<String> {
        let text = self.program.image().str(part.text).strip_prefix("state.")?;
        let end = text
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .unwrap_or(text.len());
        let field = &text[..end];
        Some(match observed.written.get(field) {
            Some((step, node)) => format!("`{field}` was last updated in step {step}, by `{node}`"),
            None => format!("`{field}` was never updated"),
        })
    }
}

/// Where a path leaves the one that was wanted.
fn parted(wanted: &Value, observed: &Observed) -> Option<String> {
    let wanted = names(wanted)?;
    let came = &observed.path;
    let at = (0..wanted.len().max(came.len()))
        .find(|at| wanted.get(*at).copied() != came.get(*at).map(|name| &**name))?;
    let said = |node: Option<&str>| node.map_or("nothing more".to_owned(), |node| format!("`{node}`"));
    let step = observed
        .steps_of_path
        .get(at)
        .map_or(String::new(), |step| format!(" (step {step})"));
    let (a, b) = (wanted.get(at).copied(), came.get(at).map(|name| &**name));
    Some(format!(
        "at place {}: wanted {}, came {}{step}",
        at + 1,
        said(a),
        said(b)
    ))
}

/// A crash made a difference: in what, first of all.
pub(super) fn crash_differs(
    judge: &Judge<'_>,
    (point, place): (u64, &str),
    undisturbed: (&Observed, &[Event]),
    crashed: (&Observed, &[Event]),
) -> Diagnostic {
    let ((undisturbed, log), (crashed, other)) = (undisturbed, crashed);
    let pairs = [
        (
            "status",
            status_word(undisturbed.status).to_owned(),
            status_word(crashed.status).to_owned(),
        ),
        ("path", undisturbed.path.join(" "), crashed.path.join(" ")),
        ("state", shown(&undisturbed.state), shown(&crashed.state)),
        (
            "result",
            undisturbed.result.to_string(),
            crashed.result.to_string(),
        ),
        ("elapsed", short(undisturbed.elapsed), short(crashed.elapsed)),
        (
            "calls",
            format!("{:?}", undisturbed.calls),
            format!("{:?}", crashed.calls),
        ),
        (
            "events",
            format!("{:?}", undisturbed.emitted),
            format!("{:?}", crashed.emitted),
        ),
    ];
    let different = pairs.into_iter().find(|(_, a, b)| a != b);
    let at = (0..log.len().max(other.len())).find(|at| log.get(*at) != other.get(*at));
    let event = |log: &[Event]| {
        let event = at.and_then(|at| log.get(at));
        event.map_or("nothing".to_owned(), |event| {
            serde_json::to_string(event).unwrap_or_default()
        })
    };
    let what = different.map_or_else(
        || {
            format!(
                "the log differs: {} without, {} with the crash",
                event(log),
                event(other)
            )
        },
        |(what, a, b)| format!("{what}: {a} without, {b} with the crash"),
    );
    Diagnostic::new(
        codes::CRASH_DIFFERS,
        format!("a crash {place} (point {point}) makes a difference"),
    )
    .primary(judge.header(), what)
}

fn shown(state: &serde_json::Map<String, serde_json::Value>) -> String {
    let entries = state
        .iter()
        .map(|(name, value)| format!("{name}: {}", border_text(value)));
    entries.collect::<Vec<_>>().join(", ")
}

fn border_text(json: &serde_json::Value) -> String {
    flow_machine::border::plain_value(json).map_or_else(|| json.to_string(), |value| literal(&value))
}
