//! Commands and endings, sentence by sentence: `goto` in all its forms, `skip` and ways at joins,
//! `defer`, `finally`, `halt`, `fail`, `undo` of what is not known.

use flow_bytecode::ErrorClass;
use flow_machine::{Dispatch, Input, Program, Status};
use serde_json::{Value as Json, json};
use std::sync::Arc;

use crate::host::*;
use crate::source::*;

/// Replies by node; nodes that are not listed reply with their name.
fn replying(replies: &[(&str, Json)]) -> Script {
    let replies: Vec<(String, Json)> = replies
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    Box::new(move |d: &Dispatch| {
        let known = replies.iter().find(|(name, _)| *name == d.node);
        (
            0,
            reply(known.map_or_else(|| named(d), |(_, value)| value.clone())),
        )
    })
}

fn ran(program: &Arc<Program>, replies: &[(&str, Json)]) -> Host {
    let host = Host::new(program, start(json!({})), replying(replies)).run();
    host.check_replay(program);
    host
}

/// "Decided by its arms like a route, on the reply and the state the node sees": single, several,
/// with arguments, `end`, `halt`. "It replaces the node's arrows."
#[test]
fn goto_by_its_arms() {
    let body = "task a { call w() as r\n v <- r\n goto match r { \"one\" -> b\n \"two\" -> [b, c(5)]\n \"stop\" -> halt\n _ -> end } }\n\
        task c(x: int) { call w(x) as r\n v <- \"c${x}\" }\n task slow { call w() as r\n v <- r }\n\
        start -> a\n start -> slow -> late -> end\n b -> end\n c -> end";
    let program = flow(&["b", "late"], body);
    for (said, path, state) in [
        ("one", "slow a b late", json!(["slow", "one", "b", "late"])),
        (
            "two",
            "slow a b late c",
            json!(["slow", "two", "b", "late", "c5"]),
        ),
        ("none", "slow a late", json!(["slow", "none", "late"])),
    ] {
        let host = ran(&program, &[("a", json!(said))]);
        let sorted = |path: &str| {
            let mut names: Vec<String> = path.split(' ').map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(sorted(&host.path()), sorted(path), "{said}");
        assert_eq!(
            host.state("v").as_array().unwrap().len(),
            state.as_array().unwrap().len()
        );
    }
    let host = ran(&program, &[("a", json!("stop"))]);
    assert_eq!(
        (host.status(), host.path().contains("late")),
        (Status::Done, false)
    );
}

/// D07: "taken from the reply: node names, with arguments where the node has parameters, `end`,
/// `halt`, or a list of those, each once". Without a word from the worker the arrows are taken.
#[test]
fn goto_from_the_reply() {
    let body = "task a { call w() as r\n v <- r\n may goto [b, c, end, halt] }\n\
        task c(x: int) { call w(x) as r\n v <- \"c${x}\" }\n start -> a -> d -> end\n b -> end\n c -> end";
    let program = flow(&["b", "d"], body);
    let envelope = |goto: Json| json!({ "flow": 1, "output": "a", "command": { "goto": goto } });
    for (goto, path) in [
        (json!("b"), "a b"),
        (json!(["b", "b"]), "a b"),
        (json!([{ "node": "c", "args": { "x": 7 } }, "b"]), "b c"),
        (json!("end"), "a"),
        (json!("halt"), "a"),
        (Json::Null, "a d"),
    ] {
        let host = ran(&program, &[("a", envelope(goto.clone()))]);
        assert_eq!(host.status(), Status::Done, "{goto} {:?}", host.machine.error());
        assert!(host.path().contains(path), "{goto}: {}", host.path());
    }
    for goto in [
        json!("d"),
        json!([{ "node": "c" }]),
        json!({ "node": "c", "args": { "x": "no" } }),
        json!(5),
    ] {
        let host = ran(&program, &[("a", envelope(goto.clone()))]);
        assert_eq!((host.status(), host.count("a")), (Status::Failed, 1), "{goto}");
    }
}

/// "A worker's `command.update` may write only the fields that its node lists"; `__overwrite` goes
/// past the reducer where it may.
#[test]
fn updates_from_the_reply() {
    let body = |clause: &str| {
        format!(
            "task a {{ call w() as r\n v <- r\n {clause} }}\n start -> s -> a -> end\n transform s {{ n <- 4 }}"
        )
    };
    let envelope = |update: Json| json!({ "flow": 1, "output": "a", "command": { "update": update } });
    for (clause, update, n) in [
        ("may update [n]", json!({ "n": 3 }), Some(7)),
        (
            "may update [n]\n may overwrite [n]",
            json!({ "n": { "__overwrite": true, "value": 3 } }),
            Some(3),
        ),
        ("may update [n]", json!({ "v": "x" }), None),
        ("may update [n]", json!({ "n": "x" }), None),
        ("may update [n]", json!({ "n": { "value": 3 } }), None),
    ] {
        let host = ran(&flow(&[], &body(clause)), &[("a", envelope(update.clone()))]);
        match n {
            Some(n) => assert_eq!(
                (host.status(), host.state("n")),
                (Status::Done, json!(n)),
                "{update}"
            ),
            None => assert_eq!(host.status(), Status::Failed, "{update}"),
        }
    }
}

/// "A source arrives succeeded when its activation takes its arrows (after `skip` too)"; "one that
/// leaves by `on error -> node`, `timeout -> node`, `goto` or `cancel` does not arrive".
#[test]
fn what_arrives_at_a_join() {
    for (clauses, outcome, path) in [
        ("on error -> skip", -1, "b j"),
        ("on error -> h", -1, "b h j"),
        ("timeout 5s -> h", 60, "b h j"),
        ("goto { when n == 0 -> h\n otherwise -> end }", 1, "b a h j"),
    ] {
        let body = format!(
            "{}\nstart -> [b, a]\n [b, a] -> j -> end\n h -> end\n start -> g\n transform g {{ goto {{ when n > 5 -> h\n otherwise -> end }} }}",
            task("a", clauses)
        );
        let program = flow(&["b", "h", "j"], &body);
        let host = run(&program, &[("a", outcome), ("b", 1)]);
        let mut came: Vec<&str> = host
            .machine
            .path()
            .iter()
            .map(AsRef::as_ref)
            .filter(|name| *name != "g")
            .collect();
        let mut expected: Vec<&str> = path.split(' ').collect();
        came.sort_unstable();
        expected.sort_unstable();
        assert_eq!(came, expected, "{clauses}");
    }
}

/// E09, E11, E15: "triggers that come meanwhile are one; all held nodes start in one step; then they
/// are armed again; with no arrow into it, it is held from the start"; dropped when the run ends.
#[test]
fn deferred_nodes() {
    let body = "defer task d { call w() as r\n v <- r }\n defer task e { call w() as r\n v <- r }\n defer task f { call w() as r\n v <- r }\n\
        start -> [a, b]\n a -> d\n b -> c -> d -> x -> e\n e -> end\n f -> end";
    let program = flow(&["a", "b", "c", "x"], body);
    let host = run(&program, &[("b", 5)]);
    assert_eq!(host.path(), "a b c d f x e");
    let stop = "defer task d { call w() as r\n v <- r }\n start -> a -> d -> end\n start -> b -> halt";
    let host = run(&flow(&["a", "b"], stop), &[("b", 5)]);
    assert_eq!((host.status(), host.path()), (Status::Done, "a b".into()));
}

/// "`finally` nodes run last, in declaration order, may write, and see `run.outcome`; `return` is
/// evaluated after them, for `done` only."
#[test]
fn finally_and_return() {
    for (end, outcome) in [
        ("end", "done"),
        ("halt", "done"),
        ("fail \"no\"", "failed"),
        ("cancel \"no\"", "cancelled"),
    ] {
        let text = format!(
            "worker w(x: int = 0) -> string via webhook {{ tags [w] }}\nflow test() -> int {{\n state {{ v: [string] by append }}\n\
             start -> a -> r\n task a {{ call w() as r\n v <- r }}\n route r {{ when v.len() > 5 -> end\n otherwise -> {end} }}\n\
             finally transform f {{ v <- \"f ${{run.outcome}}\" }}\n finally task g {{ call w() as r\n v <- r }}\n return v.len() }}"
        );
        let host = run(&file(&text), &[]);
        assert_eq!(
            host.state("v"),
            json!(["a", format!("f {outcome}"), "g"]),
            "{end}"
        );
        assert_eq!(
            host.machine.result(),
            (outcome == "done").then_some(&json!(3)),
            "{end}"
        );
        assert_eq!(host.path(), "a", "`finally` is in no path");
    }
}

/// "`fail` and `cancel \"why\"`: withdraw, then `undo`s of completed nodes in reverse order and of
/// attempts whose outcome is not known". The same when the run is cancelled from outside.
#[test]
fn what_is_not_known_is_undone_too() {
    let body = format!(
        "{}\n{}\nstart -> a -> b -> end\n start -> k -> fail \"no\"\n task k {{ call w() as r }}",
        task("a", "undo z()"),
        task("b", "undo z()")
    );
    let program = flow(&[], &body);
    let host = run(&program, &[("a", 1), ("b", 60), ("k", 5)]);
    assert_eq!(host.status(), Status::Failed);
    assert_eq!(calls(&host), "a@0 k@0 b@1 undo b@5 undo a@65");
    let mut host = Host::new(
        &program,
        start(json!({})),
        after(&[("a", 1), ("b", 60), ("k", 90)]),
    );
    host.take();
    host.machine
        .apply(
            Input::Cancel {
                reason: "enough".into(),
            },
            SECOND,
        )
        .unwrap();
    host.go();
    assert_eq!(host.status(), Status::Cancelled);
    assert!(calls(&host).contains("undo a"), "{}", calls(&host));
}

/// "After a failed step, `retry` runs the failed activations again and then commits the whole step in
/// the usual order", also when `finally` has written meanwhile.
#[test]
fn retry_after_finally() {
    let body = "finally transform f { v <- \"f\" }\n start -> [a, b]\n [a, b] -> j -> end";
    let program = flow(&["a", "b", "j"], body);
    let script = Box::new(|d: &Dispatch| {
        let bad = d.node == "b" && d.number == 1;
        (
            0,
            if bad {
                fails(ErrorClass::Http4xx)
            } else {
                reply(named(d))
            },
        )
    });
    let mut host = Host::new(&program, start(json!({})), script).run();
    assert_eq!((host.status(), host.state("v")), (Status::Failed, json!(["f"])));
    host.apply(Input::Retry { node: None }).unwrap();
    assert_eq!((host.status(), host.path()), (Status::Done, "a b j".into()));
    assert_eq!(host.state("v"), json!(["f", "a", "b", "j", "f"]));
    host.check_replay(&program);
}

/// "`halt`, `fail`, a failure of the run decide when the outcome that decides is recorded", and of
/// one instant the first declared counts.
#[test]
fn the_first_declared_end_counts() {
    for (order, status) in [(["a", "b"], Status::Done), (["b", "a"], Status::Failed)] {
        let body = "start -> a -> halt\n start -> b -> fail \"b\"";
        let host = run(&flow(&order, body), &[("a", 2), ("b", 2)]);
        assert_eq!(host.status(), status);
    }
}
