//! Time travel on the real binary: forks, replays, differences, histories. Nothing that a run has recorded is ever
//! lost or changed by them (L-08, L-09, L-79).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Bench, until};

/// Writes down each call with its key, asks, and finishes.
const FLOW: &str = r#"
worker note(text: string) -> string via exec {
  command ["sh", "-c", "cat > /dev/null; echo \"$FLOW_IDEMPOTENCY_KEY\" >> calls; echo '\"noted\"'"]
}

flow approve(topic: string = "tea") -> json {
  state {
    said: [string] by append
    ok: bool = false
    n: int = 0
  }
  start -> write -> ask -> fine
  task write {
    call note(text: topic) as line
    said <- [line]
    n <- 1
  }
  interrupt ask {
    ask "May it go?"
    answer as go: bool
    ok <- go
  }
  route fine {
    when ok   -> last
    otherwise -> end
  }
  transform last { n <- n + 40 }
  last -> end
  return { said: said, ok: ok, n: n }
}
"#;

fn answered(answer: &str) -> Bench {
    let bench = Bench::with(FLOW);
    bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(3);
    bench.flowvm(&["answer", "r", answer]).expect(0);
    bench
}

fn events(bench: &Bench, run: &str) -> Vec<Value> {
    bench.flowvm(&["events", run, "--json"]).expect(0).json_lines()
}

fn points(bench: &Bench, run: &str) -> Vec<Value> {
    let history = bench.flowvm(&["history", run, "--json"]);
    history.expect(0).json().as_array().unwrap().clone()
}

/// Numbers without gaps in the log; every checkpoint leads to the first.
fn check(bench: &Bench, run: &str) {
    let numbers: Vec<u64> = events(bench, run)
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let parents: BTreeMap<u64, Option<u64>> = points(bench, run)
        .iter()
        .map(|point| (point["checkpoint"].as_u64().unwrap(), point["parent"].as_u64()))
        .collect();
    for id in parents.keys() {
        let mut at = *id;
        while let Some(parent) = parents[&at] {
            assert!(parent < at);
            at = parent;
        }
        assert_eq!(at, 0);
    }
    bench.flowvm(&["doctor", "--offline"]).expect(0);
}

#[test]
fn a_fork_goes_its_own_way_and_leaves_the_run_alone() {
    let bench = answered("true");
    let (log, history) = (events(&bench, "r"), points(&bench, "r"));
    let state = bench.flowvm(&["state", "r", "--json"]).json();
    bench
        .flowvm(&["fork", "r", "--at", "1", "--id", "f", "--set", "n=5"])
        .expect(3);
    bench.flowvm(&["answer", "f", "true"]).expect(0);
    assert_eq!(bench.flowvm(&["state", "f", "--json"]).json()["n"], 45);
    assert_eq!((events(&bench, "r"), points(&bench, "r")), (log, history));
    assert_eq!(bench.flowvm(&["state", "r", "--json"]).json(), state);
    bench.flowvm(&["history", "f"]).expect(0);
    assert!(
        bench
            .flowvm(&["history", "f"])
            .stdout
            .contains("forked from r at checkpoint 1")
    );
    // What was recorded before the fork is not asked for again; what comes after has keys of its own.
    assert_eq!(bench.read("calls").lines().count(), 1);
    bench.flowvm(&["fork", "r", "--at", "0", "--id", "g"]).expect(3);
    assert_eq!(bench.read("calls").lines().count(), 2);
    assert!(
        bench.read("calls").lines().last().unwrap().starts_with("g/"),
        "{}",
        bench.read("calls")
    );
    for run in ["r", "f", "g"] {
        check(&bench, run);
    }
    // A fork of a fork.
    bench.flowvm(&["fork", "f", "--at", "2", "--id", "h"]).expect(3);
    check(&bench, "h");
}

#[test]
fn a_replay_keeps_the_branch_that_it_leaves() {
    let bench = answered("true");
    let (log, history) = (events(&bench, "r"), points(&bench, "r"));
    bench.flowvm(&["replay", "r", "--at", "1"]).expect(3);
    bench.flowvm(&["answer", "r", "false"]).expect(0);
    let after = events(&bench, "r");
    assert_eq!(after[..log.len()], log[..], "what was recorded stays");
    let now = points(&bench, "r");
    for (before, after) in history.iter().zip(&now) {
        assert_eq!(before["changed"], after["changed"]);
        assert_eq!(before["parent"], after["parent"]);
    }
    assert_eq!(bench.flowvm(&["state", "r", "--json"]).json()["ok"], false);
    // The old branch is still there to look at, and to go on from.
    let left = history.last().unwrap()["checkpoint"].to_string();
    assert_eq!(
        bench.flowvm(&["state", "r", "--at", &left, "--json"]).json()["n"],
        41
    );
    bench.flowvm(&["replay", "r", "--at", &left]).expect(0);
    assert_eq!(bench.flowvm(&["state", "r", "--json"]).json()["n"], 41);
    check(&bench, "r");
    let on_course: Vec<bool> = points(&bench, "r")
        .iter()
        .map(|point| point["current"].as_bool().unwrap())
        .collect();
    assert!(on_course.contains(&false) && on_course[0]);
}

/// L-08: a second replay from the same checkpoint, with the same answer, gives the same events.
#[test]
fn a_second_replay_gives_the_same_events() {
    let bench = answered("true");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let before = events(&bench, "r").len();
        bench.flowvm(&["replay", "r", "--at", "0"]).expect(3);
        bench.flowvm(&["answer", "r", "true"]).expect(0);
        let mut made = events(&bench, "r").split_off(before + 1);
        for event in &mut made {
            let fields = event.as_object_mut().unwrap();
            fields.retain(|name, _| !["seq", "at", "key", "checkpoint"].contains(&name.as_str()));
        }
        seen.push(made);
    }
    assert_eq!(seen[0], seen[1]);
    let keys: Vec<String> = bench.read("calls").lines().map(str::to_owned).collect();
    assert_eq!(keys.len(), 3);
    assert!(
        keys.iter()
            .all(|key| keys.iter().filter(|other| *other == key).count() == 1),
        "{keys:?}"
    );
}

/// L-79: a run that is being driven is not replayed.
#[test]
fn a_run_that_is_driven_is_not_replayed() {
    let bench = Bench::with(&FLOW.replace("cat > /dev/null;", "cat > /dev/null; sleep 3;"));
    let mut child = bench.start(&["run", "main.flow", "--id", "r"]);
    until("the run is there", || {
        bench.flowvm(&["events", "r"]).code == Some(0)
    });
    bench
        .flowvm(&["replay", "r", "--at", "0"])
        .expect(1)
        .says("F3006");
    child.wait().unwrap();
    check(&bench, "r");
}

#[test]
fn differences_are_found_where_they_begin() {
    let bench = answered("true");
    bench.flowvm(&["fork", "r", "--at", "1", "--id", "f"]).expect(3);
    bench.flowvm(&["answer", "f", "false"]).expect(0);
    let found = bench.flowvm(&["diff", "r", "f", "--json"]).json();
    assert_eq!(found["first"]["step"], 2, "{found}");
    assert_eq!(found["first"]["fields"], json!([["ok", true, false]]));
    let states = bench.flowvm(&["diff", "r", "0", "1", "--json"]).json();
    assert_eq!(states["n"], json!({"from": 0, "to": 1}));
    assert!(bench.flowvm(&["diff", "r", "r"]).stdout.contains("the same way"));
    bench.flowvm(&["diff", "r", "x", "1"]).expect(2);
}

#[test]
fn another_version_gets_the_recorded_replies() {
    let bench = answered("true");
    bench.flowvm(&["replay", "r", "--against", "main.flow"]).expect(0);
    bench.write("later.flow", FLOW.replace("n + 40", "n + 50"));
    let found = bench.flowvm(&["replay", "r", "--against", "later.flow", "--json"]);
    assert_eq!(
        found.expect(1).json()["found"]["first"]["fields"],
        json!([["n", 41, 51]])
    );
    bench.write(
        "other.flow",
        FLOW.replace("call note(text: topic)", "call note(text: topic + \"!\")"),
    );
    let found = bench.flowvm(&["replay", "r", "--against", "other.flow", "--json"]);
    assert_eq!(found.expect(1).json()["found"]["arguments"], json!(["1:write/1"]));
    assert_eq!(bench.read("calls").lines().count(), 1, "nothing is called");
}

#[test]
fn a_run_is_moved_only_where_it_stands_at_the_same_place() {
    let bench = Bench::with(FLOW);
    bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(3);
    bench.write("later.flow", FLOW.replace("n + 40", "n + 50"));
    bench.write("before.flow", FLOW.replace("n <- 1", "n <- 2"));
    bench.write(
        "gone.flow",
        FLOW.replace("ask -> fine", "question -> fine")
            .replace("interrupt ask", "interrupt question"),
    );
    let verdict = |file: &str| {
        bench
            .flowvm(&["migrate", "r", "--to", file, "--check", "--json"])
            .json()
    };
    assert_eq!(verdict("later.flow")["verdict"], "safe");
    assert_eq!(verdict("before.flow")["verdict"], "needs_migration");
    let stuck = verdict("gone.flow");
    assert_eq!(stuck["verdict"], "stuck");
    assert!(stuck["reasons"].to_string().contains("`ask`"), "{stuck}");
    bench
        .flowvm(&["migrate", "r", "--to", "before.flow"])
        .expect(1)
        .says("F3008");
    bench.flowvm(&["migrate", "r", "--to", "later.flow"]).expect(0);
    bench.flowvm(&["answer", "r", "true"]).expect(0);
    assert_eq!(bench.flowvm(&["state", "r", "--json"]).json()["n"], 51);
    check(&bench, "r");
}

/// What is judged: values against new types, channels that come and go, parameters, joins, nodes inside a subgraph.
#[test]
fn a_migration_is_judged_by_what_the_run_has() {
    const WIDE: &str = r#"
flow inner(hint: string) -> bool {
  state { ok: bool = false }
  start -> question -> end
  interrupt question {
    ask hint
    answer as go: bool
    ok <- go
  }
  return ok
}
flow outer(topic: string = "tea") -> int {
  state {
    n: int = 0
    m: int = 0
    p: int = 0
    ok: bool = false
  }
  start -> [fast, pre]
  transform fast { n <- 7 }
  transform pre { p <- 1 }
  pre -> sub
  subgraph sub {
    call inner(hint: topic) as yes
    ok <- yes
  }
  [fast, sub] -> last
  transform last { m <- n }
  last -> end
  return m
}
"#;
    const FAST: &str = "    n: int = 0\n    m: int = 0\n    p: int = 0\n    ok: bool = false\n  }\n  start -> [fast, pre]\n  transform fast { n <- 7 }";
    let narrow = FAST
        .replace("n: int = 0", "n: int where it < 5 = 0")
        .replace("n <- 7", "n <- 4");
    let bench = Bench::with(WIDE);
    let run = bench.flowvm(&["run", "main.flow", "--flow", "outer", "--id", "r"]);
    run.expect(3);
    let verdict = |from: &str, to: &str| {
        assert!(WIDE.contains(from), "{from}");
        bench.write("new.flow", WIDE.replace(from, to));
        let said = bench.flowvm(&["migrate", "r", "--to", "new.flow", "--check", "--json"]);
        let said = said.json();
        (
            said["verdict"].as_str().unwrap().to_owned(),
            said["reasons"].to_string(),
        )
    };
    for (from, to, wanted, reason) in [
        ("m <- n", "m <- n + 1", "safe", "[]"),
        (
            "    ok: bool = false\n  }\n  start -> [",
            "    ok: json = false\n  }\n  start -> [",
            "safe",
            "[]",
        ),
        (FAST, narrow.as_str(), "stuck", "`n` holds"),
        (
            "    m: int = 0",
            "    m: int = 3",
            "needs_migration",
            "`m` would have another value",
        ),
        (
            "    m: int = 0",
            "    m: int = 0\n    k: int = 0",
            "needs_migration",
            "`k` is new and begins",
        ),
        (
            "start -> question -> end\n  interrupt question",
            "start -> query -> end\n  interrupt query",
            "stuck",
            "`sub/question`",
        ),
        (
            "topic: string = \"tea\"",
            "topic: string = \"tea\", more: int",
            "stuck",
            "input `more`",
        ),
        (
            "  [fast, sub] -> last",
            "  [sub] -> last\n  fast -> end",
            "stuck",
            "[fast, sub]",
        ),
    ] {
        let (said, reasons) = verdict(from, to);
        assert!(
            said == wanted && reasons.contains(reason),
            "{to}: {said} {reasons}"
        );
    }
    bench.flowvm(&["answer", "r", "true"]).expect(0);
    bench.flowvm(&["doctor", "--offline"]).expect(0);
}

/// What has settled in a step that is not whole is in no checkpoint yet, and its log does not say what it is worth.
#[test]
fn a_value_that_is_not_committed_is_judged_too() {
    const HALF: &str = r#"
worker slow(x: int = 0) -> int via exec { command ["sleep", "20"] }
flow half() -> int {
  state {
    n: int = 0
    m: int = 0
  }
  start -> [fast, rest]
  transform fast { n <- 7 }
  task rest {
    call slow() as one
    m <- one
  }
  [fast, rest] -> end
  return n + m
}
"#;
    let bench = Bench::with(HALF);
    let mut child = bench.start(&["run", "main.flow", "--id", "r"]);
    bench.wait_for_event("r", "settled");
    child.kill().unwrap();
    child.wait().unwrap();
    bench.write("same.flow", HALF.replace("n + m", "m + n"));
    bench.write("other.flow", HALF.replace("n <- 7", "n <- 8"));
    let check = |file: &str| {
        bench
            .flowvm(&["migrate", "r", "--to", file, "--check", "--json"])
            .json()
    };
    assert_eq!(check("same.flow")["verdict"], "safe", "{}", check("same.flow"));
    let other = check("other.flow");
    assert_eq!(other["verdict"], "needs_migration", "{other}");
    assert!(other["reasons"].to_string().contains("fast"), "{other}");
}

/// What is forked off before a migration goes on with the program that the run has by then.
#[test]
fn a_fork_of_a_run_that_was_migrated_opens_again() {
    let bench = answered("false");
    let source = std::fs::read_to_string(bench.path("main.flow")).unwrap();
    bench.write(
        "later.flow",
        format!("{source}\nworker unused() -> int via exec {{ command [\"true\"] }}\n"),
    );
    bench.flowvm(&["migrate", "r", "--to", "later.flow"]).expect(0);
    bench.flowvm(&["fork", "r", "--at", "0", "--id", "f"]);
    let before = bench.flowvm(&["state", "f"]).expect(0).stdout.clone();
    bench.flowvm(&["resume", "f"]);
    assert_eq!(bench.flowvm(&["state", "f"]).expect(0).stdout, before);
    bench.flowvm(&["doctor"]).expect(0);
}

#[test]
fn it_is_said_why() {
    let bench = answered("false");
    let why = |node: &str| bench.flowvm(&["why", "r", node]).expect(0).stdout.clone();
    assert!(
        why("write").contains("the run began: start -> write"),
        "{}",
        why("write")
    );
    assert!(
        why("ask").contains("`write` was done in step 1"),
        "{}",
        why("ask")
    );
    let last = why("last");
    assert!(
        last.contains("did not run") && last.contains("`fine` decided"),
        "{last}"
    );
    bench
        .flowvm(&["why", "r", "lst"])
        .expect(1)
        .says("did you mean `last`");
    bench.flowvm(&["replay", "r", "--at", "1"]).expect(3);
    assert!(why("ask").contains("waits for an answer"), "{}", why("ask"));
    let json = bench.flowvm(&["why", "r", "last", "--json"]).json();
    assert_eq!(json["times"], json!([]));
    assert!(
        json["ways"][0]["from"].as_str().unwrap().starts_with("fine when"),
        "{json}"
    );
}

#[test]
fn an_exported_run_comes_back_as_it_was() {
    let bench = answered("true");
    bench.flowvm(&["replay", "r", "--at", "1"]).expect(3);
    bench.flowvm(&["export", "r", "-o", "r.jsonl"]).expect(0);
    bench.flowvm(&["import", "r.jsonl"]).expect(1).says("F3005");
    bench
        .flowvm(&["import", "r.jsonl", "--store", "other.db"])
        .expect(0);
    for verb in ["events", "history", "state"] {
        let one = bench.flowvm(&[verb, "r", "--json"]);
        let other = bench.flowvm(&[verb, "r", "--json", "--store", "other.db"]);
        assert_eq!(one.stdout, other.stdout, "{verb}");
    }
    bench
        .flowvm(&["answer", "r", "false", "--store", "other.db"])
        .expect(0);
    bench
        .flowvm(&["doctor", "--offline", "--store", "other.db"])
        .expect(0);
    let whole = bench.read("r.jsonl");
    let lines: Vec<&str> = whole.lines().collect();
    let broken = [
        lines[..lines.len() - 1].join("\n"),
        [&lines[..3], &lines[4..]].concat().join("\n"),
        whole.replacen("\"noted\"", "\"forged\"", 1),
        "{\"run\": 1}\n".to_owned(),
        "hello\n".to_owned(),
    ];
    for text in broken {
        bench.write("broken.jsonl", text);
        bench
            .flowvm(&["import", "broken.jsonl", "--store", "third.db"])
            .expect(1)
            .says("broken.jsonl");
    }
}

/// The block passes where it stands.
#[test]
fn a_recorded_run_becomes_a_test_that_passes() {
    for answer in ["true", "false"] {
        let bench = answered(answer);
        let made = bench.flowvm(&["test-from", "r", "--name", "tea \"is\" ${fine}"]);
        made.expect(0);
        bench.write("main.flow", format!("{FLOW}\n{}", made.stdout));
        let ran = bench.flowvm(&["test", "main.flow"]);
        assert_eq!(ran.code, Some(0), "{ran}\n{made}");
        assert!(ran.to_string().contains("1 passed, 0 failed"), "{ran}");
    }
}

#[test]
fn what_is_old_and_over_goes_and_what_is_open_stays() {
    let bench = answered("true");
    bench.flowvm(&["run", "main.flow", "--id", "open"]).expect(3);
    bench.flowvm(&["gc", "--older-than", "30d"]).expect(0);
    assert_eq!(
        bench.flowvm(&["list", "--json"]).json().as_array().unwrap().len(),
        2
    );
    bench.flowvm(&["gc", "--older-than", "0s", "--dry-run"]).expect(0);
    assert_eq!(
        bench.flowvm(&["list", "--json"]).json().as_array().unwrap().len(),
        2
    );
    let gone = bench.flowvm(&["gc", "--older-than", "0s", "--json"]);
    assert_eq!(gone.expect(0).json()["runs"], json!(["r"]));
    bench.flowvm(&["events", "r"]).expect(1).says("F3004");
    bench.flowvm(&["gc", "--older-than", "long"]).expect(2);
    bench.flowvm(&["answer", "open", "true"]).expect(0);
    bench.flowvm(&["doctor", "--offline"]).expect(0);
    bench.flowvm(&["backup", "copy.db"]).expect(0);
    bench.flowvm(&["backup", "copy.db"]).expect(1).says("copy.db");
    bench
        .flowvm(&["doctor", "--offline", "--store", "copy.db"])
        .expect(0);
}
