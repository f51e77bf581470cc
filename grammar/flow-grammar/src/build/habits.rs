//! What users of other languages write, named, with what to write instead.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::{Diagnostic, Span};

use super::Builder;
use crate::ast::{Expr, ExprKind, LitKind};
use crate::number::BadNumber;
use crate::rules::{Children, Node, Rule};

impl Builder<'_> {
    pub(super) fn foreign_operator(&mut self, written: &str, meant: &str, span: Span) {
        let word = meant.trim_end();
        self.report(
            Diagnostic::new(
                syntax::FOREIGN_OPERATOR,
                format!("`{written}` is written `{word}`"),
            )
            .primary(span, "an operator of another language")
            .fix(format!("write `{word}`"), span, meant),
        );
    }

    pub(super) fn power_habit(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::FOREIGN_OPERATOR, "there is no operator for powers")
                .primary(span, "unknown operator")
                .help("multiply, or write a `fn` that does"),
        );
    }

    pub(super) fn not_in_habit(&mut self, span: Span) {
        self.report(
            Diagnostic::new(
                syntax::FOREIGN_OPERATOR,
                "`x not in xs` is written `not (x in xs)`",
            )
            .primary(span, "an operator of another language")
            .help("write `not` in front of the comparison"),
        );
    }

    pub(super) fn chained_comparison(&mut self, first: Span, second: Span) {
        self.report(
            Diagnostic::new(syntax::CHAINED_COMPARISON, "comparisons do not chain")
                .primary(second, "a second comparison of the same value")
                .label(first, "the first")
                .help("join two comparisons with `and`: `a < b and b < c`"),
        );
    }

    pub(super) fn range_habit(&mut self, span: Span, from: &Expr, to: Option<&Expr>) {
        let int = |expr: &Expr| match expr.kind {
            ExprKind::Literal(LitKind::Int(value)) => Some(value),
            _ => None,
        };
        let mut diagnostic = Diagnostic::new(syntax::RANGE_IN_EXPRESSION, "a range is no value")
            .primary(span, "ranges stand in patterns and behind `backoff`")
            .help("write `range(a, b)`, which leaves `b` out; for a part of a list write `.slice(a, b)`");
        if let (Some(from), Some(to)) = (int(from), to.and_then(int)) {
            let text = format!("range({from}, {})", to.saturating_add(1));
            diagnostic = diagnostic.fix(format!("write `{text}`"), span, text.clone());
        }
        self.report(diagnostic);
    }

    pub(super) fn slice_habit(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::RANGE_IN_EXPRESSION, "`[ ]` takes one index")
                .primary(span, "a range is no index")
                .help("write `.slice(a, b)`, `.take(n)` or `.drop(n)`"),
        );
    }

    pub(super) fn ternary_habit(&mut self, span: Span, _cond: &Expr, node: Node<'_>) {
        let mut children = Children::of(node);
        let then = self.expr(children.need(Rule::expr));
        let otherwise = self.expr(children.need(Rule::expr));
        self.report(
            Diagnostic::new(
                syntax::FOREIGN_OPERATOR,
                "`c ? a : b` is written `if c then a else b`",
            )
            .primary(span, "an operator of another language")
            .label(then.span, "the value behind `then`")
            .label(otherwise.span, "the value behind `else`")
            .help("write `if … then … else …`"),
        );
    }

    pub(super) fn spread_habit(&mut self, span: Span, what: &str) {
        self.report(
            Diagnostic::new(
                syntax::EXPECTED,
                format!("`...` does not stand in front of {what}"),
            )
            .primary(span, "only records and maps are spread")
            .help("join lists with `+`: `xs + [a]`"),
        );
    }

    pub(super) fn equals_for_colon(&mut self, span: Span) {
        self.report(
            Diagnostic::new(
                syntax::EQUALS_FOR_COLON,
                "a name and its value are separated by `:`",
            )
            .primary(span, "`:` belongs here")
            .fix("write `:`", span, ":"),
        );
    }

    pub(super) fn missing_value(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::MISSING_VALUE, "this key has no value")
                .primary(span.after(), "`: value` is missing")
                .help("only a bare name may stand alone: `{ b }` means `{ b: b }`"),
        );
    }

    pub(super) fn reserved_key(&mut self, word: &str, span: Span) {
        let quoted = format!("\"{word}\"");
        self.report(
            Diagnostic::new(syntax::RESERVED_WORD, format!("`{word}` is a reserved word"))
                .primary(span, "as a key it is quoted")
                .fix(format!("write `{quoted}`"), span, quoted),
        );
    }

    pub(super) fn quote_habit(&mut self, written: &str, span: Span) {
        let inner = &written[1..written.len() - 1];
        let escaped = inner.replace("\\'", "'").replace('"', "\\\"");
        self.report(
            Diagnostic::new(syntax::SINGLE_QUOTES, "strings stand in double quotes")
                .primary(span, "quotes of another language")
                .fix("write double quotes", span, format!("\"{escaped}\"")),
        );
    }

    pub(super) fn dot_number(&mut self, span: Span, text: &str) {
        self.report(
            Diagnostic::new(syntax::BAD_NUMBER, "a dot in a number has a digit on both sides")
                .primary(span, "no digit before the dot")
                .fix("add the digit", span, format!("0{text}")),
        );
    }

    pub(super) fn bad_number(&mut self, text: &str, span: Span, bad: BadNumber) {
        let diagnostic = match bad {
            BadNumber::TooLarge(what) => Diagnostic::new(
                syntax::NUMBER_TOO_LARGE,
                format!("`{text}` is too large for {what}"),
            )
            .primary(span, "does not fit into 64 bits")
            .help("an `int` goes up to 9223372036854775807; a larger number is a `float`: write `1e19`"),
            BadNumber::Malformed => Diagnostic::new(syntax::BAD_NUMBER, format!("`{text}` is no number"))
                .primary(span, "digits, dots or underscores out of place")
                .help("numbers are written `42`, `1_000`, `3.14`, `1e-3`"),
            BadNumber::UnitOrder => Diagnostic::new(
                syntax::BAD_NUMBER,
                format!("the units of `{text}` are out of order"),
            )
            .primary(span, "larger units come first, each once")
            .help("write durations like `1h30m`, `2m500ms`"),
            BadNumber::Unit { unit, meant } => {
                let diagnostic = Diagnostic::new(syntax::BAD_NUMBER, format!("`{unit}` is no unit"))
                    .primary(span, "letters directly behind a number are its unit");
                match meant {
                    Some(meant) => {
                        let written = text.replacen(&unit, &meant, 1);
                        diagnostic.help(format!("did you mean `{written}`?")).fix(format!("write `{written}`"), span, written)
                    }
                    None => diagnostic.help("durations end in `ms s m h d`, sizes in `kb mb gb tb`; names do not begin with a digit"),
                }
            }
        };
        self.report(diagnostic);
    }

    pub(super) fn tuple_habit(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::EXPECTED, "there are no tuples")
                .primary(span, "several types in `( )` without `-> result`")
                .help("use a record, `{ a: T, b: U }`; a function is written `(T, U) -> V`"),
        );
    }

    pub(super) fn computed_field_name(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::EXPECTED, "the name of a field cannot be computed")
                .primary(span, "nothing can be interpolated here")
                .help("write the name as it is; for computed keys use `map<T>`"),
        );
    }

    pub(super) fn computed_pattern(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::EXPECTED, "a pattern cannot be computed")
                .primary(span, "nothing can be interpolated here")
                .help("compare with `if` or `when` instead"),
        );
    }

    pub(super) fn assignment_habit(&mut self, field: &str, written: &str, span: Span) {
        let help = match written {
            "+=" => format!("send the increment to a field with `by add`: `{field} <- …`"),
            "-=" => format!("send the negative to a field with `by add`: `{field} <- -(…)`"),
            _ => format!(
                "send an update with `{field} <- …`, overwrite with `{field} := …`, name a value with `let`"
            ),
        };
        let diagnostic = Diagnostic::new(
            syntax::FOREIGN_OPERATOR,
            format!("a node does not assign with `{written}`"),
        )
        .primary(span, "an operator of another language")
        .help(help);
        let diagnostic = if written == "=" {
            diagnostic.fix("write `<-`", span, "<-")
        } else {
            diagnostic
        };
        self.report(diagnostic);
    }

    pub(super) fn arrow_arguments(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::ARROW_MISUSE, "an arrow carries no arguments")
                .primary(span, "arguments on an arrow")
                .help("arguments are given by a `send`, by `on error as e -> f(e)` and by `goto`; let the node read the state"),
        );
    }

    pub(super) fn target_chain(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::ARROW_MISUSE, "a target is no chain")
                .primary(span, "a second arrow")
                .help("write what follows as arrows of their own in the flow"),
        );
    }

    pub(super) fn else_in_route(&mut self, span: Span) {
        let word = Span {
            end: span.start + 4,
            ..span
        };
        self.report(
            Diagnostic::new(syntax::EXPECTED, "the last arm of a route is `otherwise`")
                .primary(word, "`else` belongs to joins and `if`")
                .help("write `otherwise -> …` on a line of its own")
                .fix("write `otherwise` on its own line", word, "\n    otherwise"),
        );
    }

    pub(super) fn two_on_a_line(&mut self, span: Span) {
        self.report(
            Diagnostic::new(syntax::MISSING_SEPARATOR, "a new entry begins on the same line")
                .primary(span.before(), "a line break or `,` belongs here")
                .help("entries stand on lines of their own, or are separated by `,`")
                .fix("begin a new line", span.before(), "\n"),
        );
    }
}
