//! `agent`: turns, tools, approval.

use flow_bytecode::ErrorClass;
use flow_machine::{Dispatch, EventKind, Input, Status};
use serde_json::{Map, Value as Json, json};

use crate::host::{Host, SECOND, Script, fails, reply};
use crate::source::{program, run, start_of, worker};

const REACT: &str = r#"
worker think(goal: string) -> string via openai_chat { model "m" }
worker search(q: string, top: int = 3) -> [string] via exec { command ["search"] }
worker pay(amount: int) -> bool via exec { command ["pay"] }
flow main(goal: string) -> string {
  state { said: string = "" }
  start -> talk -> end
  agent talk { call think(goal: goal) as reply
    tools [search, pay needs approval]
    limit turns 4
    said <- reply }
  return said
}
"#;

fn asks(calls: Json) -> Json {
    json!({"flow": 1, "message": "let me see", "tool_calls": calls, "usage": {"total": 10}})
}

/// Turns by their number; tools by what they are given.
fn thinking(program: &std::sync::Arc<flow_machine::Program>, turn: impl Fn(u32) -> Json + 'static) -> Script {
    let program = program.clone();
    Box::new(move |call: &Dispatch| {
        let value = match worker(&program, call) {
            "search" => json!([format!("about {}", call.args["q"].as_str().unwrap_or_default())]),
            "pay" => json!(true),
            _ => turn(call.turn),
        };
        (SECOND, reply(value))
    })
}

fn sent(host: &Host) -> Vec<&str> {
    host.calls.iter().map(|(_, call)| call.attempt.as_str()).collect()
}

/// Tools of a turn run side by side, each an attempt of its own; what came of them is told in the next turn.
#[test]
fn tools_run_in_parallel_and_are_journaled_one_by_one() {
    let program = program(REACT);
    let script = thinking(&program, |turn| match turn {
        1 => asks(json!([
            {"id": "c1", "name": "search", "args": {"q": "a"}},
            {"id": "c2", "name": "search", "args": {"q": "b", "top": 1}},
            {"id": "c3", "name": "nothing", "args": {}},
            {"id": "c4", "name": "search", "args": {"q": 7}},
        ])),
        _ => json!({"flow": 1, "output": "done", "usage": {"total": 5}}),
    });
    let host = run(&program, json!({"goal": "g"}), script);
    assert_eq!(
        (host.status(), host.machine.result()),
        (Status::Done, Some(&json!("done")))
    );
    assert_eq!(
        sent(&host),
        ["1:talk@1/1", "1:talk@1.1/1", "1:talk@1.2/1", "1:talk@2/1"]
    );
    assert_eq!(host.calls[1].0, host.calls[2].0, "at the same time");
    assert_eq!((host.machine.tokens(), host.path()), (15, "talk".into()));
    let told = host.calls[3].1.conversation.as_ref().unwrap();
    assert_eq!(told.tools.len(), 2);
    let turn = &told.history[0];
    assert_eq!(
        (&turn["turn"], &turn["message"], &turn["input"]),
        (&json!(1), &json!("let me see"), &json!({"goal": "g"}))
    );
    assert_eq!(turn["tool_calls"][0]["result"], json!(["about a"]));
    assert_eq!(turn["tool_calls"][1]["args"], json!({"q": "b", "top": 1}));
    assert!(
        turn["tool_calls"][2]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not one of the tools")
    );
    assert!(
        turn["tool_calls"][3]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("$.q")
    );
    host.check_replay(&program);
}

#[test]
fn a_tool_that_needs_approval_asks_with_its_arguments() {
    let program = program(REACT);
    let make = || {
        thinking(&program, |turn| match turn {
            1 => asks(json!([
                {"id": "c1", "name": "pay", "args": {"amount": 9}},
                {"id": "c2", "name": "search", "args": {"q": "a"}},
            ])),
            _ => json!("done"),
        })
    };
    for (answer, calls, what) in [
        (json!(true), 4, "result"),
        (json!({"approve": false, "reason": "too much"}), 3, "error"),
    ] {
        let mut host = run(&program, json!({"goal": "g"}), make());
        assert_eq!(
            (host.status(), host.calls.len()),
            (Status::Interrupted, 2),
            "the other tool does not wait"
        );
        let open = &host.machine.interrupts()[0];
        assert_eq!(
            (open.name.as_str(), &open.show),
            ("talk", &json!({"tool": "pay", "args": {"amount": 9}}))
        );
        assert!(host.answer("talk", json!("maybe")).is_err());
        host.answer("talk", answer).unwrap();
        assert_eq!((host.status(), host.calls.len()), (Status::Done, calls));
        let last = host.calls.last().unwrap().1.conversation.clone().unwrap();
        assert!(!last.history[0]["tool_calls"][0][what].is_null(), "{last:?}");
        host.check_replay(&program);
    }
}

/// A turn that fails is made again by itself, and a tool by its own worker's rule; a tool that fails for good is
/// told to the agent.
#[test]
fn a_tool_that_fails_is_a_result() {
    let source = REACT
        .replace(
            "command [\"search\"] }",
            "command [\"search\"]\n  attempts 2 backoff 1s..1s }",
        )
        .replace("limit turns 4", "limit turns 4\n    attempts 2 backoff 1s..1s");
    let program = program(&source);
    let again = program.clone();
    let script: Script = Box::new(move |call: &Dispatch| {
        let outcome = match (worker(&again, call), call.turn, call.number) {
            ("search", ..) => fails(ErrorClass::Http5xx),
            (_, 2, 1) => fails(ErrorClass::Timeout),
            (_, 1, _) => reply(asks(json!([{"name": "search", "args": {"q": "a"}}]))),
            _ => reply(json!("done")),
        };
        (SECOND, outcome)
    });
    let host = run(&program, json!({"goal": "g"}), script);
    assert_eq!(host.status(), Status::Done);
    assert_eq!(
        sent(&host),
        [
            "1:talk@1/1",
            "1:talk@1.1/1",
            "1:talk@1.1/2",
            "1:talk@2/1",
            "1:talk@2/2"
        ]
    );
    let keys: Vec<&str> = host.calls.iter().map(|(_, call)| call.key.as_str()).collect();
    assert_eq!(
        (keys[1], keys[3]),
        (keys[2], keys[4]),
        "attempts of one call have one key"
    );
    let told = host.calls[4].1.conversation.as_ref().unwrap();
    assert_eq!(
        told.history[0]["tool_calls"][0]["error"]["class"],
        json!("http_5xx")
    );
    host.check_replay(&program);
}

#[test]
fn turns_are_limited() {
    let program = program(REACT);
    let script = thinking(&program, |_| {
        asks(json!([{"name": "search", "args": {"q": "a"}}]))
    });
    let host = run(&program, json!({"goal": "g"}), script);
    assert_eq!(host.status(), Status::Failed);
    assert_eq!(host.machine.error().unwrap().class, Some(ErrorClass::Limit));
    assert_eq!(
        host.calls
            .iter()
            .filter(|(_, call)| !call.attempt.contains('.'))
            .count(),
        4
    );
    host.check_replay(&program);
}

const DRAFTS: &str = r#"
worker write(prompt: string) -> { text: string, good: bool } via openai_chat { model "m" }
flow main() -> string {
  state { text: string = ""
    hint: string = "none" external }
  start -> draft -> end
  agent draft { call write(prompt: "begin") as reply
    continue (prompt: "better than ${reply.text}, turn ${run.turn}, hint ${hint}")
    until reply.good
    text <- reply.text }
  return text
}
"#;

fn drafting(program: &std::sync::Arc<flow_machine::Program>) -> Script {
    thinking(
        program,
        |turn| json!({"text": format!("draft {turn}"), "good": turn == 3}),
    )
}

/// L-07: what is injected between two turns is seen by the next, is applied once, and survives a crash there.
#[test]
fn state_injected_between_turns_is_kept() {
    let program = program(DRAFTS);
    let mut host = Host::new(
        &program,
        start_of(&program, "main", json!({})),
        drafting(&program),
    );
    host.take();
    let updates = Map::from_iter([("hint".to_owned(), json!("short"))]);
    host.machine.apply(Input::Inject { updates }, 1).unwrap();
    host.go();
    let prompts: Vec<&str> = host
        .calls
        .iter()
        .map(|(_, call)| call.args["prompt"].as_str().unwrap())
        .collect();
    assert_eq!(
        prompts,
        [
            "begin",
            "better than draft 1, turn 1, hint short",
            "better than draft 2, turn 2, hint short"
        ]
    );
    assert_eq!(
        (host.machine.result(), host.state("hint")),
        (Some(&json!("draft 3")), json!("short"))
    );
    let is_hint = |kind: &EventKind| matches!(kind, EventKind::Updated { updates, .. } if updates.iter().any(|(name, _)| **name == *"hint"));
    assert_eq!(host.events.iter().filter(|event| is_hint(&event.kind)).count(), 1);
    host.check_replay(&program);
    let last = &host.calls[2].1.conversation.as_ref().unwrap().history;
    assert_eq!(last[1]["output"], json!({"text": "draft 2", "good": false}));
}

/// A crash in turn 2 resumes at turn 2: its call is sent again with its key, no other is.
#[test]
fn a_crash_resumes_at_its_turn() {
    let program = program(DRAFTS);
    let host = run(&program, json!({}), drafting(&program));
    let at = host
        .events
        .iter()
        .position(
            |event| matches!(&event.kind, EventKind::Dispatched { attempt, .. } if attempt == "1:draft@2/1"),
        )
        .unwrap();
    let mut again =
        flow_machine::Machine::replay(program.clone(), host.events[..=at].iter().cloned()).unwrap();
    let calls: Vec<Dispatch> = again
        .take()
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            flow_machine::Effect::Dispatch(call) => Some(call),
            _ => None,
        })
        .collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].turn, calls[0].resent, &calls[0].key),
        (2, true, &host.calls[1].1.key)
    );
    assert_eq!(calls[0].conversation, host.calls[1].1.conversation);
}

/// `turn timeout` bounds a turn, `timeout` the whole.
#[test]
fn both_time_outs_hold() {
    for (clause, calls, seconds) in [
        ("turn timeout 1500ms", 2, 2),
        ("turn timeout 10s\n    timeout 4s", 3, 4),
    ] {
        let source = DRAFTS.replace(
            "until reply.good",
            &format!("until false\n    {clause}\n    timeout_way"),
        );
        let source = source.replace("\n    timeout_way", "");
        let program = program(&source);
        let again = program.clone();
        let script: Script = Box::new(move |call: &Dispatch| {
            let _ = &again;
            let slow = call.turn == 2 && call.deadline.is_some_and(|deadline| deadline < 3 * SECOND);
            let slow = slow || call.turn == 3;
            (
                if slow { 100 * SECOND } else { SECOND },
                reply(json!({"text": "x", "good": false})),
            )
        });
        let host = run(&program, json!({}), script);
        assert_eq!(host.status(), Status::Failed, "{clause}");
        assert_eq!(
            host.machine.error().unwrap().class,
            Some(ErrorClass::Timeout),
            "{clause}"
        );
        assert_eq!(
            (host.calls.len(), host.now / SECOND),
            (calls, seconds),
            "{clause}"
        );
        host.check_replay(&program);
    }
}
