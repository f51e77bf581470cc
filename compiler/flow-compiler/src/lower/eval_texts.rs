//! What methods of texts do at compile time, regular expressions included; it follows the machine.

use flow_bytecode::Method;
use flow_diagnostics::Span;
use regex::{Regex, RegexBuilder};

use super::eval::{Stop, shown, unknown};
use super::eval_lists::bounds;
use crate::hir::ConstValue as Value;

/// How large a compiled pattern may be: as in the machine, so that one that is too large is found in time.
const REGEX_BYTES: usize = 1 << 20;

/// A pattern, compiled; or what is wrong with it.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(REGEX_BYTES).build();
    built.map_err(|error| {
        // The library draws the place over several lines; its last line says what is wrong.
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ");
        format!("`{text}` is not a usable regular expression: {reason}")
    })
}

pub(super) fn of_text(method: Method, text: &str, rest: &[Value], span: Span) -> Result<Value, Stop> {
    Ok(match (method, rest) {
        (Method::Len, []) => Value::Int(text.chars().count() as i64),
        (Method::Lower, []) => Value::Str(text.to_lowercase()),
        (Method::Upper, []) => Value::Str(text.to_uppercase()),
        (Method::Trim, []) => Value::Str(text.trim().to_string()),
        (Method::Replace, [Value::Str(from), Value::Str(to)]) if !from.is_empty() => {
            Value::Str(text.replace(from, to))
        }
        (Method::StartsWith, [Value::Str(part)]) => Value::Bool(text.starts_with(part.as_str())),
        (Method::EndsWith, [Value::Str(part)]) => Value::Bool(text.ends_with(part.as_str())),
        (Method::Contains, [Value::Str(part)]) => Value::Bool(text.contains(part.as_str())),
        (Method::Lines, []) => strings(text.lines()),
        (Method::ToInt, []) => text.trim().parse().map_or(Value::Null, Value::Int),
        (Method::ToFloat, []) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            Ok(_) => return Err(unknown("this number is read when it runs", span)),
            Err(_) => Value::Null,
        },
        (Method::Slice, [Value::Int(from)]) => slice(text, *from, None),
        (Method::Slice, [Value::Int(from), Value::Int(to)]) => slice(text, *from, Some(*to)),
        (Method::Join, [Value::List(items)]) => {
            let parts: Option<Vec<String>> = items.iter().map(shown).collect();
            let parts = parts.ok_or_else(|| unknown("how this is shown is not", span))?;
            Value::Str(parts.join(text))
        }
        (Method::Matches, [Value::Str(wanted)]) => {
            let regex = pattern(wanted).map_err(|why| Stop::Fault(why, span))?;
            Value::Bool(regex.is_match(text))
        }
        (Method::FindAll, [Value::Str(wanted)]) => {
            let regex = pattern(wanted).map_err(|why| Stop::Fault(why, span))?;
            strings(regex.find_iter(text).map(|found| found.as_str()))
        }
        (Method::Split, [Value::Str(by)]) if by.is_empty() => {
            strings(text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]))
        }
        (Method::Split, [Value::Str(by)]) => strings(text.split(by.as_str())),
        _ => return Err(unknown("this method is evaluated when it runs", span)),
    })
}

fn strings<'t>(parts: impl Iterator<Item = &'t str>) -> Value {
    Value::List(parts.map(|part| Value::Str(part.to_string())).collect())
}

fn slice(text: &str, from: i64, to: Option<i64>) -> Value {
    let range = bounds(text.chars().count(), from, to);
    let taken = text.chars().skip(range.start).take(range.len());
    Value::Str(taken.collect())
}
