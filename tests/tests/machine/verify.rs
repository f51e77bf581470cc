//! `verify`: what has to be proven before a reply counts, and what becomes of attempts that need input.

use flow_bytecode::ErrorClass;
use flow_machine::{CheckResult, Decision, EventKind, Input, Status};
use serde_json::{Value as Json, json};

use crate::host::{Host, SECOND};
use crate::source::{program, replies, run, start_of};

fn flow(checks: &str, more: &str) -> String {
    format!(
        r#"
worker build() -> string via exec {{ command ["build"] }}
flow main() -> string {{
  state {{ got: string = "" }}
  start -> a -> end
  task a {{ call build() as x
    got <- x
    verify {{ {checks} }}
    {more} }}
  return got
}}
"#
    )
}

fn verdict(passed: Option<bool>) -> CheckResult {
    CheckResult {
        check: "command false".into(),
        passed,
        message: "as the test says".into(),
    }
}

fn host(
    source: &str,
    verdict: Option<CheckResult>,
    reply: Json,
) -> (std::sync::Arc<flow_machine::Program>, Host) {
    let program = program(source);
    let script = replies(&program, SECOND, move |_, _| reply.clone());
    let mut host = Host::new(&program, start_of(&program, "main", json!({})), script);
    host.verdict = verdict;
    host.go();
    (program, host)
}

/// Rows 28 and 29: all checks pass, or the attempt has failed, with class `verification`, and is retried only
/// where that is asked for (L-40, L-61).
#[test]
fn a_reply_counts_when_its_checks_pass() {
    let source = flow("command [\"false\"]", "");
    let (program, good) = host(&source, Some(verdict(Some(true))), json!("ok"));
    assert_eq!(
        (good.status(), good.machine.result()),
        (Status::Done, Some(&json!("ok")))
    );
    let is_check = |kind: &EventKind| matches!(kind, EventKind::Checked { .. });
    assert_eq!(
        good.events.iter().filter(|event| is_check(&event.kind)).count(),
        1
    );
    good.check_replay(&program);
    for (more, calls) in [
        ("", 1),
        ("attempts 3", 1),
        ("attempts 3\n    retry on [verification]", 3),
    ] {
        let (program, bad) = host(
            &flow("command [\"false\"]", more),
            Some(verdict(Some(false))),
            json!("ok"),
        );
        assert_eq!((bad.status(), bad.calls.len()), (Status::Failed, calls), "{more}");
        assert_eq!(bad.machine.error().unwrap().class, Some(ErrorClass::Verification));
        assert_eq!(bad.state("got"), json!(""), "it never counted");
        bad.check_replay(&program);
    }
}

#[test]
fn a_condition_is_checked_at_once() {
    for (check, status) in [
        ("ensure x.len() > 1", Status::Done),
        ("ensure x.len() > 9 else \"too short\"", Status::Failed),
    ] {
        let (program, host) = host(&flow(check, ""), None, json!("ok"));
        assert_eq!(host.status(), status);
        host.check_replay(&program);
    }
}

/// Row 30, L-61: time alone never gives done; somebody is asked.
#[test]
fn what_cannot_be_checked_needs_input() {
    let never = |verdict| host(&flow("file \"x\"\n      within 30s", ""), verdict, json!("ok"));
    for verdict in [None, Some(verdict(None))] {
        let late = verdict.is_none();
        let (program, host) = never(verdict);
        assert_eq!((host.status(), host.calls.len()), (Status::Interrupted, 1));
        assert_eq!(host.now / SECOND, if late { 31 } else { 1 });
        assert_eq!(host.machine.interrupts()[0].show["reply"], json!("ok"));
        host.check_replay(&program);
    }
}

/// Rows 31 to 33: made again, answered for, accepted as it is, given up; each recorded.
#[test]
fn an_attempt_that_needs_input_gets_it() {
    let decide = |decision: Decision| Input::Decide {
        interrupt: "a".into(),
        decision,
    };
    let accept = decide(Decision::Accept {
        reason: "I looked".into(),
    });
    let give_up = decide(Decision::GiveUp {
        reason: "no use".into(),
    });
    let answer = Input::Answer {
        interrupt: "a".into(),
        value: json!("mine"),
    };
    let cases = [
        (accept, Status::Done, "ok", 1),
        (answer, Status::Done, "mine", 1),
        (give_up, Status::Failed, "", 1),
        (decide(Decision::Again), Status::Interrupted, "", 2),
    ];
    for (input, status, got, calls) in cases {
        let (program, mut host) = host(&flow("file \"x\"", ""), Some(verdict(None)), json!("ok"));
        host.apply(input.clone()).unwrap();
        assert_eq!(
            (host.status(), host.state("got"), host.calls.len()),
            (status, json!(got), calls),
            "{input:?}"
        );
        let kept = host
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Received { received } if *received == input));
        assert!(kept, "who decided what stands in the log");
        host.check_replay(&program);
    }
}

/// A receipt has to say that it completed, and its own proofs are checked.
#[test]
fn a_receipt_is_not_taken_on_trust() {
    let with = |receipt: Json| json!({"flow": 1, "output": "ok", "receipt": receipt});
    let proof =
        json!([{"kind": "file", "value": "out.txt"}, {"kind": "command", "value": "test -f out.txt"}]);
    let cases = [
        (
            with(json!({"status": "completed", "verification": proof})),
            Some(true),
            Status::Done,
        ),
        (
            with(json!({"status": "completed", "verification": proof})),
            Some(false),
            Status::Failed,
        ),
        (with(json!({"status": "completed"})), Some(true), Status::Done),
        (with(json!({"status": "started"})), Some(true), Status::Failed),
        (
            with(json!({"status": "completed", "verification": [{"kind": "expr", "value": "1"}]})),
            Some(true),
            Status::Interrupted,
        ),
        (json!("ok"), Some(true), Status::Interrupted),
    ];
    for (reply, passed, status) in cases {
        let (program, host) = host(&flow("receipt", ""), Some(verdict(passed)), reply.clone());
        assert_eq!(host.status(), status, "{reply}");
        host.check_replay(&program);
    }
}

/// Row 18: a blocked receipt needs input, and can be given up but not accepted.
#[test]
fn a_blocked_call_needs_input() {
    let blocked = json!({"flow": 1, "receipt": {"status": "blocked", "summary": "no key"}});
    let source = flow("ensure true", "");
    let program = program(&source);
    let script = replies(&program, 0, move |_, _| blocked.clone());
    let mut host = run(&program, json!({}), script);
    assert_eq!(host.status(), Status::Interrupted);
    let decide = |decision| Input::Decide {
        interrupt: "a".into(),
        decision,
    };
    assert!(
        host.apply(decide(Decision::Accept {
            reason: String::new()
        }))
        .is_err()
    );
    host.apply(decide(Decision::GiveUp {
        reason: "no key".into(),
    }))
    .unwrap();
    assert_eq!(host.status(), Status::Failed);
    host.check_replay(&program);
}
