//! JSON-RPC 2.0, as `a2a` and `mcp` speak it: a request, and what its answer brings. How they travel is theirs.

use serde_json::{Value as Json, json};

use flow_bytecode::ErrorClass;

use super::{Failure, Reply, excerpt};

/// A request for a method.
pub(super) fn request(id: impl Into<Json>, method: &str, params: Json) -> Json {
    let mut request = json!({ "jsonrpc": "2.0", "id": id.into(), "method": method });
    request["params"] = params;
    request
}

/// The result in an answer; a failure if it is an error, or no answer at all. `who` answers: "the server".
pub(super) fn result(answer: Json, who: &str, method: &str) -> Reply {
    let Json::Object(mut answer) = answer else {
        let said = excerpt(answer.to_string().as_bytes());
        let message = format!("what {who} says to `{method}` is no answer: {said}");
        return Err(Failure::new(ErrorClass::InvalidReply, message));
    };
    match answer.remove("error").filter(|error| !error.is_null()) {
        Some(error) => {
            let said = error["message"].as_str().unwrap_or("no message");
            let message = format!("{who} refuses `{method}`: {said} ({})", error["code"]);
            Err(Failure::new(ErrorClass::Protocol, message))
        }
        None => Ok(answer.remove("result").unwrap_or_default()),
    }
}
