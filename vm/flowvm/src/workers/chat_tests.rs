//! `openai_chat`, `api_chat` and `a2a` against a small server on this machine: what is sent, and what is made
//! of every answer, of messy ones too.

use serde_json::json;

use flow_bytecode::verify;
use flow_compiler::{LoadError, check_text};
use flow_machine::Program;

use super::network_tests::{Server, answer, call_of, class, send};
use super::*;

const SOURCE: &str = r#"
enum Category { bug, billing, feature_request }
type Draft = { text: string, confidence: float where it >= 0.0 and it <= 1.0, tags: [Category] = [] }
type Usage = { input_tokens: int = 0, output_tokens: int = 0, total: int = 0 }
type Reply<T> = { value: T, usage: Usage = { } }
worker text(prompt: string) -> string via openai_chat
worker category(prompt: string) -> Category via openai_chat
worker draft(prompt: string) -> Draft via openai_chat
worker count(prompt: string) -> int via openai_chat
worker complete<T>(prompt: string) -> Reply<T> via openai_chat
flow f() -> string? {
  state { a: string? b: Category? c: Draft? d: int? e: Draft? }
  start -> t1 -> t2 -> t3 -> t4 -> t5 -> end
  task t1 { call text(prompt: "p") as r  a <- r }
  task t2 { call category(prompt: "p") as r  b <- r }
  task t3 { call draft(prompt: "p") as r  c <- r }
  task t4 { call count(prompt: "p") as r  d <- r }
  task t5 { call complete<Draft>(prompt: "p") as r  e <- r.value }
  return "${a} ${b} ${c} ${d} ${e}"
}
"#;

/// What the call of a node wants.
fn wanted(node: &str) -> Wanted {
    let nothing = |_: &str| Err(LoadError::NotFound);
    let source = SOURCE.replace(" as r  ", " as r\n");
    let source = source
        .replace(" b: Category?", "\n b: Category?\n")
        .replace(" d: int?", "\n d: int?\n");
    let source = source
        .replace(" c: Draft?", "\n c: Draft?\n")
        .replace(" e: Draft?", "\n e: Draft?\n");
    let checked = check_text(&nothing, "t.flow", &source);
    let image = checked.build().expect("the source of this test is right");
    let program = Arc::new(Program::new(
        verify(image).expect("what the compiler makes is sound"),
    ));
    let image = program.image();
    let node = image.flows[0]
        .nodes
        .iter()
        .find(|one| image.str(one.name) == node);
    let reply = match &node.expect("there is such a node").kind {
        flow_bytecode::NodeKind::Task(call) => call.reply,
        other => panic!("{other:?} makes no call"),
    };
    Wanted::new(program.clone(), reply)
}

/// A node, a text, what it is understood as, and what was mended.
type Fit = (&'static str, &'static str, Json, &'static [&'static str]);

fn fits() -> Vec<Fit> {
    let draft = json!({"text": "Hi", "confidence": 0.5});
    vec![
        ("t2", "{\"value\": \"bug\"}", json!("bug"), &[]),
        ("t2", "\"bug\"", json!("bug"), &[]),
        ("t2", "bug", json!("bug"), &["bare word"]),
        ("t2", "**Bug.**", json!("bug"), &["bare word", "spelling"]),
        (
            "t2",
            "{\"value\": \"Feature request\"}",
            json!("feature_request"),
            &["spelling"],
        ),
        (
            "t3",
            "{\"text\": \"Hi\", \"confidence\": 0.5}",
            draft.clone(),
            &[],
        ),
        (
            "t3",
            "```json\n{\"text\": \"Hi\", \"confidence\": 0.5}\n```",
            draft.clone(),
            &["fence"],
        ),
        (
            "t3",
            "{\"text\": \"Hi\", \"confidence\": 0.5,}",
            draft.clone(),
            &["trailing comma"],
        ),
        (
            "t3",
            "Sure! {\"text\": \"Hi\", \"confidence\": 0.5} Anything else?",
            draft.clone(),
            &["prose"],
        ),
        (
            "t3",
            "Not {this}, but {\"text\": \"a } b, ]\", \"confidence\": 1,}.",
            json!({"text": "a } b, ]", "confidence": 1}),
            &["prose", "trailing comma"],
        ),
        (
            "t3",
            "{\"text\": \"\", \"confidence\": 0, \"tags\": [\"BUG\", \"feature-request\"]}",
            json!({"text": "", "confidence": 0, "tags": ["bug", "feature_request"]}),
            &["spelling"],
        ),
        ("t4", "{\"value\": 7}", json!(7), &[]),
        ("t4", "7", json!(7), &[]),
    ]
}

#[test]
fn messy_replies_are_understood_where_one_reading_fits() {
    for (node, text, value, repairs) in fits() {
        let content = wanted(node).read(text);
        let content = content.unwrap_or_else(|why| panic!("{node} {text}: {why}"));
        assert_eq!(
            (&content.value, content.repairs.as_slice()),
            (&value, repairs),
            "{node} {text}"
        );
    }
}

/// What does not fit, or fits in more than one way, and a part of the complaint.
#[test]
fn replies_that_do_not_fit_are_refused() {
    let misfits = [
        ("t2", "a bug, I think", "no JSON"),
        ("t2", "\"crash\"", "crash"),
        ("t3", "{\"text\": \"Hi\", \"confidence\": 2}", "$.confidence"),
        (
            "t3",
            "{\"text\": \"Hi\", \"confidence\": 0.5} or {\"text\": \"Ho\", \"confidence\": 0.5}",
            "2 different",
        ),
        ("t3", "{\"text\": \"Hi\"", "no JSON"),
        ("t4", "7 or 8", "no JSON"),
    ];
    for (node, text, part) in misfits {
        let why = wanted(node).read(text).expect_err(text);
        assert!(why.contains(part), "{node} {text}: {why}");
    }
}

fn chat(server: &Server, node: &str, options: Json) -> Call {
    let mut call = call_of(&format!("http://{}/v1", server.address), options);
    call.args = Map::from_iter([("prompt".to_owned(), json!("Say something."))]);
    call.wanted = Some(wanted(node));
    let bound = Binding {
        model: Some("small".into()),
        ..(*call.binding).clone()
    };
    call.binding = Arc::new(bound);
    call
}

fn completion(message: &Json) -> String {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let body = json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage});
    answer("200 OK", "", &body.to_string())
}

fn sent(server: &Server) -> Json {
    serde_json::from_str(&server.seen.recv().unwrap().body).unwrap()
}

#[test]
fn a_completion_is_asked_for_by_the_schema_of_the_type() {
    let content = "{\"text\": \"Hi\", \"confidence\": 0.5,}";
    let server = Server::one(&completion(&json!({"role": "assistant", "content": content})));
    let reply = send(
        Protocol::OpenaiChat,
        chat(&server, "t5", json!({"system": "Be brief.", "temperature": 0.2})),
    );
    let usage = json!({"input_tokens": 3, "output_tokens": 4, "total": 7});
    let output = json!({"value": {"text": "Hi", "confidence": 0.5}, "usage": usage});
    let events = json!([{"name": "repaired", "data": {"worker": "w", "repairs": ["trailing comma"]}}]);
    assert_eq!(
        reply,
        Ok(json!({"flow": 1, "output": output, "usage": usage, "events": events}))
    );
    let body = sent(&server);
    assert_eq!(body["model"], "small");
    assert_eq!(body["temperature"], 0.2);
    let messages =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say something."}]);
    assert_eq!(body["messages"], messages);
    let schema = &body["response_format"]["json_schema"]["schema"];
    assert_eq!(schema["required"], json!(["text", "confidence"]));
}

#[test]
fn a_text_is_taken_as_it_is_and_asked_for_without_a_schema() {
    let server = Server::one(&completion(&json!({"content": "```\nHi\n```"})));
    let reply = send(Protocol::OpenaiChat, chat(&server, "t1", json!({}))).unwrap();
    assert_eq!(reply["output"], "```\nHi\n```");
    let body = sent(&server);
    assert!(body.get("response_format").is_none() && body.get("tools").is_none());
}

#[test]
fn tools_are_offered_and_what_came_of_them_is_told() {
    let call =
        json!({"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{\"q\": \"b\"}"}});
    let server = Server::one(&completion(&json!({"content": null, "tool_calls": [call]})));
    let mut call = chat(&server, "t1", json!({}));
    let prompt = json!({"prompt": "Say something."});
    call.conversation = Some(json!({
        "turn": 2,
        "tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object"}, "result": {}}],
        "history": [{"turn": 1, "input": prompt, "message": "Let me see.", "tool_calls": [
            {"id": "c1", "name": "look", "args": {"q": "a"}, "result": ["x"]},
            {"id": null, "name": "look", "args": {}, "error": {"class": "timeout", "message": "late"}},
        ]}],
    }));
    let reply = send(Protocol::OpenaiChat, call).unwrap();
    assert_eq!(
        reply["tool_calls"],
        json!([{"id": "c2", "name": "look", "args": {"q": "b"}}])
    );
    let body = sent(&server);
    let function = json!({"name": "look", "description": "Looks.", "parameters": {"type": "object"}});
    assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
    let asked = |id: &str, args: &str| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": args}});
    let expected = json!([
        {"role": "user", "content": "Say something."},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [asked("c1", "{\"q\":\"a\"}"), asked("call_1", "{}")]},
        {"role": "tool", "tool_call_id": "c1", "content": "[\"x\"]"},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"error\":{\"class\":\"timeout\",\"message\":\"late\"}}"},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn a_stream_is_put_together() {
    let pieces = [
        json!({"choices": [{"delta": {"role": "assistant", "content": "{\"value\""}}]}),
        json!({"choices": [{"delta": {"content": ": 7}"}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
    ];
    let body: String = pieces
        .iter()
        .flat_map(|piece| ["data: ".to_owned(), piece.to_string(), "\n\n".to_owned()])
        .collect();
    let server = Server::one(&answer(
        "200 OK",
        "content-type: text/event-stream\r\n",
        &format!("{body}data: [DONE]\n\n"),
    ));
    let reply = send(Protocol::OpenaiChat, chat(&server, "t4", json!({"stream": true}))).unwrap();
    assert_eq!(
        (&reply["output"], &reply["usage"]["total"]),
        (&json!(7), &json!(3))
    );
    assert_eq!(sent(&server)["stream_options"], json!({"include_usage": true}));

    let cut = format!("data: {}\n\n", pieces[0]);
    let server = Server::one(&answer("200 OK", "", &cut));
    let reply = send(Protocol::OpenaiChat, chat(&server, "t4", json!({"stream": true})));
    assert_eq!(class(reply), ErrorClass::Connect);
}

#[test]
fn every_bad_completion_has_its_class() {
    let cases = [
        (
            answer("429 Too Many Requests", "retry-after: 2\r\n", "{}"),
            ErrorClass::RateLimited,
        ),
        (answer("401 Unauthorized", "", "{}"), ErrorClass::Http4xx),
        (answer("503 Service Unavailable", "", ""), ErrorClass::Http5xx),
        (answer("200 OK", "", "{}"), ErrorClass::InvalidReply),
        (answer("200 OK", "", "<html>"), ErrorClass::InvalidReply),
        (
            answer("200 OK", "", "{\"error\": {\"message\": \"overloaded\"}}"),
            ErrorClass::Protocol,
        ),
        (completion(&json!({"content": null})), ErrorClass::InvalidReply),
        (
            completion(&json!({"content": null, "refusal": "I won't."})),
            ErrorClass::InvalidReply,
        ),
        (
            completion(&json!({"content": "no number"})),
            ErrorClass::InvalidReply,
        ),
        (
            completion(&json!({"tool_calls": [{"function": {"name": "x", "arguments": "{"}}]})),
            ErrorClass::InvalidReply,
        ),
    ];
    for (answer, expected) in cases {
        let server = Server::one(&answer);
        assert_eq!(
            class(send(Protocol::OpenaiChat, chat(&server, "t4", json!({})))),
            expected,
            "{answer}"
        );
    }
    let mut without_model = chat(&Server::one(""), "t4", json!({}));
    without_model.binding = Arc::new(Binding {
        model: None,
        ..(*without_model.binding).clone()
    });
    assert_eq!(
        class(send(Protocol::OpenaiChat, without_model)),
        ErrorClass::Refused
    );
}

#[test]
fn limits_in_headers_hold_further_calls() {
    let body = json!({"choices": [{"message": {"content": "7"}}]}).to_string();
    let headers = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1.5s\r\n";
    let server = Server::one(&answer("200 OK", headers, &body));
    let reply = send(Protocol::OpenaiChat, chat(&server, "t4", json!({}))).unwrap();
    assert_eq!(reply["rate_limit"], json!({"remaining": 0, "reset_ms": 1500}));
}

#[test]
fn a_chat_service_keeps_the_session() {
    let server = Server::one(&answer(
        "200 OK",
        "",
        "{\"response\": \"Hi\", \"usage\": {\"total\": 3}}",
    ));
    let mut call = chat(&server, "t1", json!({}));
    call.shape = Shape::Text;
    let reply = send(Protocol::ApiChat, call).unwrap();
    assert_eq!(
        (&reply["output"], &reply["usage"]["total"]),
        (&json!("Hi"), &json!(3))
    );
    assert_eq!(
        sent(&server),
        json!({"message": "Say something.", "session_id": "r1/n"})
    );

    let server = Server::one(&answer(
        "200 OK",
        "",
        "{\"choices\": [{\"message\": {\"content\": \"Hi\"}}]}",
    ));
    let reply = send(Protocol::ApiChat, chat(&server, "t3", json!({}))).unwrap();
    assert_eq!(reply["output"], json!({"text": "Hi"}));

    let server = Server::one(&answer("200 OK", "", "{\"error\": \"no such session\"}"));
    let reply = send(Protocol::ApiChat, chat(&server, "t1", json!({}))).unwrap();
    assert_eq!(reply["error"]["message"], "no such session");
}

fn result(result: &Json) -> String {
    answer(
        "200 OK",
        "",
        &json!({"jsonrpc": "2.0", "id": "k1", "result": result}).to_string(),
    )
}

#[test]
fn a_task_of_another_agent_is_followed_to_its_end() {
    let task = |state: &str| json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": state}});
    let mut done = task("completed");
    done["artifacts"] = json!([{"parts": [{"kind": "text", "text": "7"}]}]);
    let server = Server::new(vec![
        result(&task("submitted")),
        result(&task("working")),
        result(&done),
    ]);
    assert_eq!(
        send(Protocol::A2a, chat(&server, "t4", json!({}))).unwrap()["output"],
        7
    );
    let first = sent(&server);
    assert_eq!(first["method"], "message/send");
    assert_eq!(first["params"]["message"]["contextId"], "r1/n");
    assert_eq!(first["params"]["message"]["parts"][0]["text"], "Say something.");
    let second = sent(&server);
    assert_eq!(
        (&second["method"], &second["params"]["id"]),
        (&json!("tasks/get"), &json!("t"))
    );
}

#[test]
fn every_end_of_a_task_has_its_meaning() {
    let with = |state: &str, text: &str| {
        let message = json!({"parts": [{"kind": "text", "text": text}]});
        json!({"id": "t", "status": {"state": state, "message": message}})
    };
    let ask = |came: &Json, options: Json| {
        let server = Server::one(&result(came));
        send(Protocol::A2a, chat(&server, "t1", options))
    };
    let blocked = ask(&with("input-required", "Which one?"), json!({})).unwrap();
    assert_eq!(blocked["receipt"]["status"], "blocked");
    assert_eq!(blocked["receipt"]["blockers"][0]["message"], "Which one?");
    let failed = ask(&with("failed", "no"), json!({})).unwrap();
    assert_eq!(failed["error"]["message"], "the agent's task is failed: no");
    let message = json!({"kind": "message", "parts": [{"kind": "data", "data": {"a": 1}}]});
    assert_eq!(ask(&message, json!({})).unwrap()["output"], json!({"a": 1}));
    assert_eq!(class(ask(&with("dreaming", ""), json!({}))), ErrorClass::Protocol);
    let refused = answer(
        "200 OK",
        "",
        "{\"jsonrpc\": \"2.0\", \"error\": {\"code\": -32601, \"message\": \"no\"}}",
    );
    assert_eq!(
        class(send(Protocol::A2a, chat(&Server::one(&refused), "t1", json!({})))),
        ErrorClass::Protocol
    );
    for nothing in ["[]", "7", "\"completed\""] {
        let server = Server::one(&answer("200 OK", "", nothing));
        let reply = send(Protocol::A2a, chat(&server, "t1", json!({})));
        assert_eq!(class(reply), ErrorClass::InvalidReply, "{nothing}");
    }
    let server = Server::one(&result(&with("completed", "Hi")));
    let old = send(Protocol::A2a, chat(&server, "t1", json!({"version": "0.2"}))).unwrap();
    assert_eq!(
        (&old["output"], &sent(&server)["method"]),
        (&json!("Hi"), &json!("tasks/send"))
    );
}
