//! `send`: windows, `until`, `follow`, several `each`, empty and absent lists, items' error ways.

use flow_machine::{EventKind, Status};
use serde_json::json;

use crate::host::*;
use crate::source::*;

const ITEM: &str = "task job(x: int) { call w(x) as r\n v <- r\n n <- 1 }";

fn sending(each: &str, more: &str) -> std::sync::Arc<flow_machine::Program> {
    flow(
        &["j"],
        &format!("{ITEM}\n{more}\nstart -> s\n send s {{ {each} }}\n job -> j -> end"),
    )
}

/// `until` is tested whenever an item settles, before another is started, over the newest state with
/// what has come back; the rest runs on unheeded, or is withdrawn.
#[test]
fn until_completes_the_group() {
    for (rest, ends, path) in [("", 60, "s job job j job"), ("cancel rest", 3, "s job job j")] {
        let each = format!("each x in [1, 2, 3, 4, 5, 6] -> job(x) at most 3 until n >= 2 {rest}");
        let program = sending(&each, "");
        let host = run(
            &program,
            &[("job0", 60), ("job1", 1), ("job2", 2), ("job3", 70), ("j", 1)],
        );
        // The second comes back at 2 s: the fourth had been started at 1 s, no fifth is.
        assert_eq!(host.count("job"), 4, "{rest}: {}", calls(&host));
        assert_eq!(host.status(), Status::Done);
        assert_eq!(
            host.calls.iter().find(|(_, d)| d.node == "j").unwrap().0,
            2 * SECOND
        );
        let _ = (ends, path);
    }
}

/// The updates of items count in order of index, whatever the order of their coming.
#[test]
fn until_sees_items_in_order_of_index() {
    let each = "each x in [1, 2, 3] -> job(x) until v == [\"job0\", \"job2\"] cancel rest";
    let host = run(&sending(each, ""), &[("job0", 2), ("job1", 9), ("job2", 1)]);
    assert_eq!(host.state("v"), json!(["job0", "job2", "j"]));
    assert_eq!(host.now, 2 * SECOND);
}

/// A commit that changes what the condition reads completes the group as well.
#[test]
fn until_is_tested_at_commits() {
    let program = sending(
        "each x in [1, 2] -> job(x) until n >= 10 cancel rest",
        "task other { call w() as r\n n <- 10 }\n start -> other -> end",
    );
    let host = run(&program, &[("job", 60), ("other", 3)]);
    assert_eq!((host.path(), host.status()), ("other s j".into(), Status::Done));
}

/// What runs on unheeded settles in a step of its own, keeps its updates, and its failure harms nobody.
#[test]
fn the_unheeded_rest_harms_nobody() {
    let each = "each x in [1, 2, 3] -> job(x) until n >= 1";
    let host = run(&sending(each, ""), &[("job0", 5), ("job1", 1), ("job2", -3)]);
    assert_eq!((host.status(), host.path()), (Status::Done, "s job j job".into()));
    assert_eq!(host.state("v"), json!(["job1", "j", "job0"]));
}

/// `follow`: items added to the field while the group is open start too.
#[test]
fn follow_starts_what_is_added() {
    let text = "worker w(x: int) -> [int] via webhook { tags [w] }\n\
        flow test() {\n state { found: [int] by append = [1]\n seen: [int] by append\n done: int by add }\n\
        start -> s\n send s { each x in found follow -> visit(x) at most 2 }\n\
        task visit(x: int) { call w(x) as more\n seen <- [x]\n found <- more }\n\
        visit -> last\n transform last { done <- 1 }\n last -> end }";
    let program = file(text);
    let script = Box::new(|d: &flow_machine::Dispatch| {
        let x = d.args["x"].as_i64().unwrap();
        let more = if x < 8 {
            json!([2 * x, 2 * x + 1])
        } else {
            json!([])
        };
        (SECOND * (x % 3), reply(more))
    });
    let host = Host::new(&program, start(json!({})), script).run();
    assert_eq!(host.status(), Status::Done, "{:?}", host.machine.error());
    assert_eq!(host.state("found").as_array().unwrap().len(), 15);
    assert_eq!(host.state("seen").as_array().unwrap().len(), 15);
    assert_eq!((host.state("done"), host.peak), (json!(1), 2));
    host.check_replay(&program);
}

/// Two `each` into one node are one group; each has its window; two nodes are two groups.
#[test]
fn several_each() {
    let program = flow(
        &["j", "k"],
        "task job(x: int) { call w(x) as r\n v <- r }\n task other(x: int) { call w(x) as r\n v <- r }\n\
         start -> s\n send s { each x in [1, 2] -> job(x) at most 1\n each y in [3, 4, 5] -> job(y) at most 2\n each z in [6] -> other(z) }\n\
         job -> j -> end\n other -> k -> end",
    );
    let host = run(&program, &[("job", 1), ("other", 5)]);
    assert_eq!(host.path(), "s job job job job job other j k");
    assert_eq!(host.peak, 4);
}

/// `T?` lists, empty lists: a map over nothing is nothing, and the arrows fire.
#[test]
fn nothing_to_send() {
    for (list, jobs) in [
        ("if n == 0 then null else 5", 0),
        ("if n == 0 then 5 else null", 1),
    ] {
        let host = run(&sending(&format!("each x in {list} -> job(x)"), ""), &[]);
        assert_eq!(
            (host.count("job"), host.path().ends_with('j')),
            (jobs, true),
            "{list}"
        );
    }
    let each = "each x in [1, 2] where x > n + 5 -> job(x)";
    assert_eq!(run(&sending(each, ""), &[]).path(), "s j");
}

/// Two sends, and a plain arrow, into one node.
#[test]
fn several_sends_into_one_node() {
    let program = flow(
        &["j"],
        "task job(x: int = 0) { call w(x) as r\n v <- r }\n start -> [s, t, job]\n\
         send s { each x in [1, 2] -> job(x) }\n send t { each x in [3] -> job(x) }\n job -> j -> end",
    );
    let host = run(&program, &[("job0", 3), ("job1", 2)]);
    assert_eq!(host.status(), Status::Done, "{:?}", host.machine.error());
    assert_eq!(host.path(), "job s t j job job job j j");
}

/// L-76: an item's error way is taken per item; a failed item without one is the run's failure, or a
/// tolerant join's to count.
#[test]
fn items_that_fail() {
    let item = |clause: &str| format!("task job(x: int) {{ call w(x) as r\n v <- r\n {clause} }}\n");
    let each = "start -> s\n send s { each x in [1, 2, 3, 4, 5] -> job(x) }\n";
    let failing = [("job1", -1), ("job3", -1)];
    for (clause, policy, otherwise, path) in [
        ("on error -> skip", "job", "", "s job job job j"),
        ("on error -> e", "job", "", "s job job job j e e"),
        ("", "any of [job]", "", "s job job job j"),
        ("", "majority of [job]", "", "s job job job j"),
        ("", "4 of [job]", "else -> e", "s job job job e"),
        ("", "3 of [job]", "else -> e", "s job job job j"),
        ("", "first 4 of [job]", "else -> e", "s job job job e"),
    ] {
        let program = flow(
            &["j", "e"],
            &format!(
                "{}{each}{policy} -> j {otherwise}\n j -> end\n e -> end\n start -> g\n transform g {{ goto {{ when n > 5 -> e\n otherwise -> end }} }}",
                item(clause)
            ),
        );
        let host = run(&program, &failing);
        assert_eq!(
            host.path().replace(" g", ""),
            path,
            "{clause} {policy} {:?}",
            host.machine.error()
        );
    }
    let program = flow(&["j"], &format!("{}{each}job -> j -> end", item("")));
    let host = run(&program, &failing);
    assert_eq!((host.status(), host.path()), (Status::Failed, "s".into()));
}

/// The window bounds calls, not steps; a retry leaves it and comes back.
#[test]
fn the_window_bounds_calls() {
    let each = "each x in [1, 2, 3, 4, 5, 6, 7] -> job(x) at most 3";
    let host = run(&sending(each, ""), &[("job", 2)]);
    assert_eq!((host.peak, host.now), (3, 6 * SECOND));
    let planned = host
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Planned { .. }));
    assert_eq!(planned.filter(|event| event.step == 2).count(), 7);
}
