//! `cancel [..]`, `finish [..]`: what they withdraw, and what goes on.

use flow_machine::{EventKind, Settlement, Status};
use serde_json::json;

use crate::host::*;
use crate::source::*;

fn cancelled(host: &Host) -> Vec<String> {
    let withdrawn = |event: &flow_machine::Event| match &event.kind {
        EventKind::Settled {
            how: Settlement::Cancelled,
            ..
        } => event.node.clone(),
        _ => None,
    };
    host.events
        .iter()
        .filter_map(withdrawn)
        .map(|node| node.to_string())
        .collect()
}

/// A branch that must be cancelled is cancelled while it runs; its arrows do not fire.
#[test]
fn cancel_takes_effect_when_the_outcome_is_recorded() {
    let program = flow(
        &["a", "a2"],
        &format!("{}\nstart -> [a -> a2 -> end, k -> end]", task("k", "cancel [a]")),
    );
    let host = run(&program, &[("a", 60), ("k", 2)]);
    assert_eq!(
        (host.status(), host.path(), host.now),
        (Status::Done, "k".into(), 2 * SECOND)
    );
    assert_eq!(cancelled(&host), ["a"]);
    // What has settled with it or before it is out of reach.
    let host = run(&program, &[("a", 2), ("k", 2)]);
    assert_eq!(host.path(), "a k a2");
    let host = run(&program, &[("a", 1), ("k", 2)]);
    assert_eq!(host.path(), "a k a2");
}

/// A failing node cancels nothing.
#[test]
fn only_success_cancels() {
    let program = flow(
        &["a"],
        &format!(
            "{}\nstart -> [a -> end, k -> end]",
            task("k", "cancel [a]\n on error -> skip")
        ),
    );
    let host = run(&program, &[("a", 6), ("k", -2)]);
    assert_eq!((host.path(), host.now), ("a".into(), 6 * SECOND));
}

/// For joins the source of a withdrawn activation is dead.
#[test]
fn a_cancelled_source_is_dead() {
    let program = flow(
        &["a", "b", "j"],
        &format!(
            "{}\nstart -> [a, b] -> j -> end\n start -> k -> end",
            task("k", "cancel [a]")
        ),
    );
    let host = run(&program, &[("a", 60), ("b", 1), ("k", 3)]);
    assert_eq!((host.path(), host.now), ("b k j".into(), 3 * SECOND));
}

/// Open waits and interrupts, retries and deferred nodes are withdrawn as well.
#[test]
fn everything_unsettled_is_withdrawn() {
    let program = flow(
        &[],
        &format!(
            "{}\n{}\nwait p {{ for 1h\n v <- \"p\" }}\n interrupt q {{ ask \"?\"\n v <- \"q\" }}\n\
             defer transform e {{ v <- \"e\" }}\n\
             start -> [p -> end, q -> end, t -> end, k -> end, e -> end]",
            task("t", "attempts 2 backoff 9000s..9000s"),
            task("k", "cancel [p, q, t, e]"),
        ),
    );
    let script = Box::new(|d: &flow_machine::Dispatch| match d.node.as_str() {
        "t" => (0, fails(flow_bytecode::ErrorClass::Http5xx)),
        _ => (2 * SECOND, reply(named(d))),
    });
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(
        (host.status(), host.path(), host.now),
        (Status::Done, "k".into(), 2 * SECOND)
    );
    host.check_replay(&program);
}

const ITEM: &str = "task job(x: int) { call w(x) as r\n v <- r }";

/// A group from which something was withdrawn fires no arrow; with `finish` it fires once, with what
/// came back.
#[test]
fn cancel_and_finish_of_fan_outs() {
    for (clause, path, joined) in [("cancel", "k s job", false), ("finish", "k s job j", true)] {
        let program = flow(
            &["j"],
            &format!(
                "{ITEM}\n{}\nstart -> [s, k -> end]\n send s {{ each x in [1, 2, 3, 4] -> job(x) at most 2 }}\n job -> j -> end",
                task("k", &format!("{clause} [job]"))
            ),
        );
        let host = run(&program, &[("job0", 1), ("job1", 60), ("job2", 60), ("k", 5)]);
        assert_eq!((host.path(), host.now), (path.into(), 5 * SECOND), "{clause}");
        assert_eq!(cancelled(&host).len(), 3, "the one that was not started, too");
        assert_eq!(host.state("v").as_array().unwrap().contains(&json!("j")), joined);
        assert_eq!(host.count("job"), 3);
    }
}

/// `finish` with nothing back yet still fires the arrows, and a join behind it counts what came back.
#[test]
fn finish_with_nothing_back() {
    let program = flow(
        &["j"],
        &format!(
            "{ITEM}\n{}\nstart -> [s, k -> end]\n send s {{ each x in [1, 2] -> job(x) }}\n job -> j -> end",
            task("k", "finish [job]")
        ),
    );
    let host = run(&program, &[("job", 60), ("k", 5)]);
    assert_eq!((host.path(), host.now), ("k s j".into(), 5 * SECOND));
}

/// `cancel "why"` ends the run: what is under way is withdrawn, completed nodes are undone in
/// reverse order, `finally` sees the outcome.
#[test]
fn cancel_as_a_target_ends_the_run() {
    let program = flow(
        &["slow"],
        &format!(
            "{}\n{}\nstart -> [a -> b -> r, slow -> end]\n route r {{ when n == 0 -> cancel \"no\"\n otherwise -> end }}\n\
             finally transform f {{ v <- \"${{run.outcome}}\" }}",
            task("a", "undo z()"),
            task("b", "undo z()"),
        ),
    );
    let host = run(&program, &[("a", 1), ("b", 1), ("slow", 60)]);
    assert_eq!((host.status(), host.code()), (Status::Cancelled, "F2502".into()));
    assert_eq!(calls(&host), "slow@0 a@0 b@1 undo b@2 undo a@3");
    assert_eq!(host.machine.error().unwrap().message, "no");
    assert_eq!(host.state("v"), json!(["a", "b", "cancelled"]));
}
