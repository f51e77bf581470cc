//! Values from the command line: JSON, `@FILE`, `-`, `name=value`, limits. Text that is no JSON is taken as it
//! is where text is wanted.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value as Json};

use flow_bytecode::{Image, Param, Type, TypeId};
use flow_machine::LimitChange;

use crate::config::{duration, nearest};
use crate::error::{Error, Result, code};
use crate::program::unreadable;

/// JSON as it was given, from a file (`@FILE`) or from standard input (`-`).
pub(super) fn json(text: &str, what: &str) -> Result<Json> {
    parse(&source(text)?, what)
}

/// The same; text that is no JSON counts as text if the schema takes text.
pub(super) fn json_or_text(text: &str, what: &str, schema: &Json) -> Result<Json> {
    let source = source(text)?;
    match serde_json::from_str(&source) {
        Ok(value) => Ok(value),
        Err(_) if takes_text(schema) => Ok(Json::String(source.trim_end_matches('\n').to_owned())),
        Err(_) => parse(&source, what),
    }
}

/// `name=value` pairs. A name with dots reaches into records.
pub(super) fn assignments(
    pairs: &[String],
    image: &Image,
    params: &[Param],
    into: &mut Map<String, Json>,
) -> Result<()> {
    for pair in pairs {
        let named: Vec<(&str, TypeId)> = params
            .iter()
            .map(|param| (image.str(param.name), param.ty))
            .collect();
        assign(pair, image, &named, "the flow takes no", into)?;
    }
    Ok(())
}

/// `field=value` for one of these fields.
pub(super) fn field(
    pair: &str,
    image: &Image,
    fields: &[(&str, TypeId)],
    into: &mut Map<String, Json>,
) -> Result<()> {
    assign(pair, image, fields, "the flow's state has no", into)
}

fn assign(
    pair: &str,
    image: &Image,
    named: &[(&str, TypeId)],
    none: &str,
    into: &mut Map<String, Json>,
) -> Result<()> {
    let (name, text) = split(pair)?;
    let (first, rest) = name
        .split_once('.')
        .map_or((name, None), |(first, rest)| (first, Some(rest)));
    let names = || named.iter().map(|(name, _)| *name);
    let Some((_, ty)) = named.iter().find(|(name, _)| *name == first) else {
        let error = Error::usage(format!("`{pair}`: {none} `{first}`"));
        return Err(match nearest(first, names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if named.is_empty() => error,
            None => error.help(format!("there is: {}", names().collect::<Vec<_>>().join(", "))),
        });
    };
    let is_text = rest.is_none() && wants_text(image, *ty);
    put(into, name, value(text, is_text));
    Ok(())
}

/// The names of the input that are none of the flow's parameters.
pub(super) fn unknown(input: &Map<String, Json>, image: &Image, params: &[Param]) -> Vec<String> {
    let is_known = |name: &str| params.iter().any(|param| image.str(param.name) == name);
    input.keys().filter(|name| !is_known(name)).cloned().collect()
}

/// `name=value` pairs for fields whose types are not looked at.
pub(super) fn updates(pairs: &[String]) -> Result<Map<String, Json>> {
    let mut map = Map::new();
    for pair in pairs {
        let (name, text) = split(pair)?;
        map.insert(name.to_owned(), value(text, false));
    }
    Ok(map)
}

/// `steps=N`, `time=2h`, `age=7d`, `parallel=N`, `tokens=N`.
pub(super) fn limits(pairs: &[String]) -> Result<LimitChange> {
    let mut limits = LimitChange::default();
    for pair in pairs {
        let (name, text) = split(pair)?;
        let bad = |wanted: &str| Error::usage(format!("--limit {pair}: {name} must be {wanted}"));
        let count = || {
            text.replace('_', "")
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| bad("a whole number from 1"))
        };
        let time = || {
            duration(text)
                .map(crate::clock::nanos)
                .ok_or_else(|| bad("a duration, such as 90s or 2h"))
        };
        match name {
            "steps" => limits.steps = Some(count()?),
            "parallel" => limits.parallel = Some(count()?),
            "tokens" => limits.tokens = Some(count()?),
            "time" => limits.time = Some(time()?),
            "age" => limits.age = Some(time()?),
            other => {
                let known = ["steps", "time", "age", "parallel", "tokens"];
                let near = nearest(other, known.into_iter())
                    .map_or(known.join(", "), |near| format!("did you mean {near}?"));
                return Err(Error::usage(format!("--limit {pair}: there is no limit `{other}`")).help(near));
            }
        }
    }
    Ok(limits)
}

fn source(text: &str) -> Result<String> {
    if text == "-" {
        let mut all = String::new();
        std::io::stdin()
            .read_to_string(&mut all)
            .map_err(|error| Error::new(code::INPUT, format!("cannot read standard input: {error}")))?;
        return Ok(all);
    }
    match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(Path::new(path), &error)),
        None => Ok(text.to_owned()),
    }
}

fn parse(text: &str, what: &str) -> Result<Json> {
    serde_json::from_str(text).map_err(|error| {
        let start: String = text.trim().chars().take(60).collect();
        Error {
            usage: true,
            ..Error::new(code::INPUT, format!("{what} is not JSON: {error}: {start}"))
        }
        .help("quote it for the shell: '{\"name\": \"value\"}', or use @FILE")
    })
}

fn split(pair: &str) -> Result<(&str, &str)> {
    match pair.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        _ => Err(Error::usage(format!("`{pair}` must be NAME=VALUE"))),
    }
}

fn value(text: &str, is_text: bool) -> Json {
    match serde_json::from_str(text) {
        Ok(Json::String(quoted)) => Json::String(quoted),
        Ok(json) if !is_text => json,
        _ => Json::String(text.to_owned()),
    }
}

fn put(map: &mut Map<String, Json>, name: &str, value: Json) {
    match name.split_once('.') {
        None => {
            map.insert(name.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = map
                .entry(first.to_owned())
                .or_insert_with(|| Json::Object(Map::new()));
            match below {
                Json::Object(below) => put(below, rest, value),
                other => {
                    let mut below = Map::new();
                    put(&mut below, rest, value);
                    *other = Json::Object(below);
                }
            }
        }
    }
}

fn wants_text(image: &Image, ty: TypeId) -> bool {
    match &image.types[ty.index()] {
        Type::String | Type::Enum { .. } | Type::Duration | Type::Time => true,
        Type::Refined { base, .. } | Type::Nullable(base) => wants_text(image, *base),
        _ => false,
    }
}

fn takes_text(schema: &Json) -> bool {
    let kind = schema.get("type").and_then(Json::as_str);
    let any = schema.get("anyOf").and_then(Json::as_array);
    kind == Some("string")
        || schema.get("enum").is_some()
        || any.is_some_and(|all| all.iter().any(takes_text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dots_reach_into_records() {
        let mut map = Map::new();
        put(&mut map, "a.b.c", json!(1));
        put(&mut map, "a.d", json!(2));
        put(&mut map, "e", json!(3));
        assert_eq!(Json::Object(map), json!({"a": {"b": {"c": 1}, "d": 2}, "e": 3}));
    }

    #[test]
    fn text_stays_text_where_text_is_wanted() {
        assert_eq!([value("42", true), value("42", false)], [json!("42"), json!(42)]);
        assert_eq!(
            [value("\"42\"", true), value("two words", false)],
            [json!("42"), json!("two words")]
        );
    }

    #[test]
    fn limits_have_names_and_units() {
        let pairs = ["steps=1_000".to_owned(), "time=90s".to_owned()];
        let limits = limits(&pairs).unwrap();
        assert_eq!((limits.steps, limits.time), (Some(1000), Some(90_000_000_000)));
        for bad in ["steps=0", "step=3", "time=5", "steps"] {
            assert!(super::limits(&[bad.to_owned()]).unwrap_err().usage, "{bad}");
        }
    }
}
