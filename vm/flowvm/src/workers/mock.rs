//! Replies from a file instead of workers: `{"WORKER": [reply, …] | {"$fail": CLASS} | {"$by": [[pattern, reply], …]}}`.
//! A list is used call by call and its last item repeats; which call it is, the log says, so that a run that
//! was interrupted goes on where it was.

use std::path::Path;

use serde_json::{Map, Value as Json};

use flow_bytecode::ErrorClass;

use super::{Failure, Reply};
use crate::config::nearest;
use crate::error::{Error, Result, code};

/// Reads the file and checks that it speaks of these workers.
pub fn read(path: &Path, workers: &[&str]) -> Result<Map<String, Json>> {
    let shown = path.display();
    let bad = |what: String| Error::new(code::MOCKS, format!("mocks `{shown}`: {what}"));
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| bad(format!("not JSON: {error}")))?;
    let Json::Object(mocks) = json else {
        return Err(bad("must be an object with the names of workers".to_owned()));
    };
    for (worker, replies) in &mocks {
        if !workers.contains(&worker.as_str()) {
            let error = bad(format!("the program has no worker `{worker}`"));
            return Err(match nearest(worker, workers.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("it has: {}", workers.join(", "))),
            });
        }
        check(replies).map_err(|what| bad(format!("`{worker}`: {what}")))?;
    }
    Ok(mocks)
}

/// The reply to the call with this number, counted per worker from 1.
pub fn reply(replies: &Json, number: u64, args: &Map<String, Json>) -> Reply {
    match replies {
        Json::Array(list) => match list.get(number as usize - 1).or(list.last()) {
            Some(one) => single(one, number, args),
            None => Err(Failure::new(ErrorClass::Refused, "its list of mocks is empty")),
        },
        one => single(one, number, args),
    }
}

fn single(one: &Json, number: u64, args: &Map<String, Json>) -> Reply {
    if let Some(class) = one.get("$fail") {
        let class = class_of(class).unwrap_or(ErrorClass::Reported);
        return Err(Failure::new(class, "as the mocks say"));
    }
    match one.get("$by").and_then(Json::as_array) {
        Some(cases) => {
            let fitting = cases.iter().filter_map(|case| Some((case.get(0)?, case.get(1)?)));
            match fitting.into_iter().find(|(pattern, _)| fits_args(pattern, args)) {
                Some((_, found)) => reply(found, number, args),
                None => Err(Failure::new(ErrorClass::Protocol, "no mock fits these arguments")),
            }
        }
        None => Ok(one.clone()),
    }
}

fn fits_args(pattern: &Json, args: &Map<String, Json>) -> bool {
    match pattern {
        Json::Object(wanted) => wanted
            .iter()
            .all(|(name, wanted)| args.get(name).is_some_and(|value| fits(wanted, value))),
        // In order of the signature, as calls write them.
        Json::Array(wanted) => wanted
            .iter()
            .zip(args.values())
            .all(|(wanted, value)| fits(wanted, value)),
        wanted => wanted == "_",
    }
}

/// `"_"` fits everything; of an object the named keys must fit.
fn fits(pattern: &Json, value: &Json) -> bool {
    match (pattern, value) {
        (Json::String(any), _) if any == "_" => true,
        (Json::Object(wanted), Json::Object(value)) => wanted
            .iter()
            .all(|(key, wanted)| value.get(key).is_some_and(|value| fits(wanted, value))),
        (Json::Array(wanted), Json::Array(value)) => {
            wanted.len() == value.len()
                && wanted
                    .iter()
                    .zip(value)
                    .all(|(wanted, value)| fits(wanted, value))
        }
        (wanted, value) => wanted == value,
    }
}

fn check(replies: &Json) -> std::result::Result<(), String> {
    match replies {
        Json::Array(list) if list.is_empty() => Err("an empty list has no reply to repeat".to_owned()),
        Json::Array(list) => list.iter().try_for_each(check_one),
        one => check_one(one),
    }
}

fn check_one(one: &Json) -> std::result::Result<(), String> {
    if let Some(class) = one.get("$fail") {
        return class_of(class)
            .map(|_| ())
            .ok_or_else(|| format!("{class} is no class of failures"));
    }
    let Some(cases) = one.get("$by") else {
        return Ok(());
    };
    let pairs = cases.as_array().is_some_and(|cases| {
        cases
            .iter()
            .all(|case| case.as_array().is_some_and(|pair| pair.len() == 2))
    });
    if pairs {
        Ok(())
    } else {
        Err("`$by` takes a list of [pattern, reply]".to_owned())
    }
}

fn class_of(class: &Json) -> Option<ErrorClass> {
    serde_json::from_value(class.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nth(replies: &Json, number: u64, args: &Json) -> Json {
        reply(replies, number, args.as_object().unwrap()).unwrap_or_else(|failure| json!(failure.class))
    }

    #[test]
    fn a_list_is_used_up_and_its_last_item_repeats() {
        let replies = json!(["a", {"$fail": "timeout"}, "c"]);
        let said: Vec<Json> = (1..=5).map(|number| nth(&replies, number, &json!({}))).collect();
        assert_eq!(
            said,
            [json!("a"), json!("timeout"), json!("c"), json!("c"), json!("c")]
        );
    }

    #[test]
    fn a_reply_may_depend_on_the_arguments() {
        let replies = json!({"$by": [[{"q": "x"}, 1], [{"q": {"deep": "_"}}, ["2a", "2b"]], ["_", 3]]});
        assert_eq!(nth(&replies, 1, &json!({"q": "x", "top": 5})), json!(1));
        assert_eq!(
            nth(&replies, 2, &json!({"q": {"deep": 0, "more": 1}})),
            json!("2b")
        );
        assert_eq!(nth(&replies, 1, &json!({"q": "y"})), json!(3));
        assert_eq!(
            nth(&json!({"$by": [[{"q": "x"}, 1]]}), 1, &json!({"q": "y"})),
            json!("protocol")
        );
    }

    #[test]
    fn mistakes_are_found_when_the_file_is_read() {
        assert!(check(&json!([])).is_err() && check(&json!({"$fail": "slow"})).is_err());
        assert!(check(&json!({"$by": [["_"]]})).is_err() && check(&json!([1, {"$fail": "lost"}])).is_ok());
    }
}
