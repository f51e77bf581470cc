//! Standing waits and interrupts: listeners.

use flow_machine::{EventKind, Input, Settlement, Status};
use serde_json::json;

use crate::host::*;
use crate::source::*;

const LISTENER: &str = "worker w(x: int = 0) -> string via webhook { tags [w] }\n\
    flow test() {\n events { note: { text: string } }\n state { v: [string] by append }\n\
    start -> [hear -> heard -> end, a -> b -> end]\n\
    standing wait hear { for event note as e\n v <- e.text }\n\
    transform heard { v <- \"!\" }\n\
    task a { call w() as r\n v <- r }\n task b { call w() as r\n v <- r }\n";

fn note(host: &mut Host, text: &str) {
    let data = json!({ "text": text });
    host.machine
        .apply(
            Input::Event {
                name: "note".into(),
                data,
            },
            host.now,
        )
        .unwrap();
    host.take();
}

/// A listener does not keep the run waiting, opens again after each event, and is withdrawn when
/// nothing else is active.
#[test]
fn listeners_hear_every_event_and_keep_nobody_waiting() {
    let program = file(&format!("{LISTENER}}}"));
    let host = run(&program, &[("a", 1)]);
    assert_eq!(
        (host.status(), host.path(), host.now),
        (Status::Done, "a b".into(), SECOND)
    );
    let mut host = Host::new(&program, start(json!({})), after(&[("a", 5), ("b", 5)]));
    host.take();
    note(&mut host, "one");
    note(&mut host, "two");
    host.go();
    assert_eq!(host.status(), Status::Done);
    let heard: Vec<_> = host.state("v").as_array().unwrap().clone();
    let texts: Vec<_> = heard
        .iter()
        .filter(|text| **text == "one" || **text == "two")
        .collect();
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(heard.iter().filter(|text| **text == "!").count(), 2, "{heard:?}");
    let withdrawn = host.events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::Settled {
                how: Settlement::Cancelled,
                ..
            }
        )
    });
    assert_eq!(withdrawn.count(), 1);
    host.check_replay(&program);
}

/// Many kept events are heard one after the other.
#[test]
fn kept_events_are_all_heard() {
    let program = file(&format!("{LISTENER}}}"));
    let mut host = Host::new(&program, start(json!({})), after(&[("a", 5)]));
    for number in 0..300 {
        let data = json!({ "text": number.to_string() });
        let input = Input::Event {
            name: "note".into(),
            data,
        };
        host.machine.apply(input, 0).unwrap();
    }
    host.go();
    let heard = host
        .state("v")
        .as_array()
        .unwrap()
        .iter()
        .filter(|text| **text != "!")
        .count();
    assert_eq!((heard, host.status()), (302, Status::Done));
}

/// A deferred node does not wait for a listener, and a join that does is judged when it is withdrawn.
#[test]
fn nobody_waits_for_a_listener() {
    let program = file(&format!(
        "{LISTENER} defer transform last {{ v <- \"last\" }}\n b -> last -> end\n [heard, b] -> j -> end\n transform j {{ v <- \"j\" }}\n}}"
    ));
    let host = run(&program, &[("a", 1)]);
    assert_eq!((host.status(), host.path()), (Status::Done, "a b last j".into()));
}

/// A standing interrupt can be answered again and again.
#[test]
fn standing_interrupts() {
    let program = flow(
        &["a"],
        "standing interrupt say { ask \"?\"\n answer as x: string\n v <- x }\n start -> [say -> end, a -> end]",
    );
    let mut host = Host::new(&program, start(json!({})), after(&[("a", 9)]));
    host.take();
    for text in ["x", "y"] {
        let input = Input::Answer {
            interrupt: "say".into(),
            value: json!(text),
        };
        host.machine.apply(input, SECOND).unwrap();
        host.take();
    }
    host.go();
    assert_eq!((host.status(), host.now), (Status::Done, 9 * SECOND));
    assert_eq!(host.state("v"), json!(["a", "x", "y"]));
    host.check_replay(&program);
}
