//! Subgraphs and agents on the real binary: answers and events that go in, and crashes inside.

use std::time::{Duration, Instant};

use crate::harness::Bench;

/// Starts a run, and kills it as soon as a file is there.
fn kill_at(bench: &Bench, arguments: &[&str], file: &str) {
    let mut child = bench.start(arguments);
    let begun = Instant::now();
    while !bench.path(file).exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "`{file}` never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

const NESTED: &str = r#"
worker w(x: string) -> string via exec { command ["sh", "w.sh", x] }
flow inner(x: string) -> string {
  state { got: string = "" }
  start -> one -> ask_first -> two -> end
  task one { call w(x: "one-${x}") as r
    got <- r }
  interrupt ask_first { ask "go on with ${got}?"
    answer as yes: bool
    ensure yes else "say yes" }
  task two { call w(x: "two-${x}") as r
    got <- got + r }
  return got
}
flow main() -> string {
  state { got: string = "" }
  start -> sub -> end
  subgraph sub { call inner(x: "x") as r
    got <- r }
  return got
}
"#;

/// L-77, L-43: a question inside suspends the whole; answering it on the command line goes on inside; nothing is
/// called twice, whatever process died in between.
#[test]
fn a_question_inside_is_answered_from_the_command_line() {
    for name in ["sub/ask_first", "ask_first"] {
        let bench = Bench::with(NESTED);
        bench.write(
            "w.sh",
            "echo $1 >> calls; touch began-$1; sleep 0.2; echo \"\\\"$1 \\\"\"",
        );
        kill_at(
            &bench,
            &["run", "main.flow", "--flow", "main", "--id", "r"],
            "began-one-x",
        );
        let asked = bench.flowvm(&["resume", "r", "--json"]);
        asked.expect(3);
        assert_eq!(asked.json()["interrupts"][0]["name"], "sub/ask_first", "{asked}");
        bench.flowvm(&["show", "r"]).expect(0);
        bench.flowvm(&["answer", "r", name, "false"]).expect(1);
        kill_at(&bench, &["answer", "r", name, "true"], "began-two-x");
        let ended = bench.flowvm(&["resume", "r", "--json"]);
        ended.expect(0);
        assert_eq!(ended.json()["result"], "one-x two-x ", "{ended}");
        let calls = bench.read("calls");
        let one = calls.lines().filter(|call| *call == "one-x").count();
        assert!(
            (1..=2).contains(&one) && calls.lines().count() <= 4,
            "only what was under way is sent again: {calls}"
        );
        bench.flowvm(&["answer", "r", name, "true"]).expect(1);
    }
}

const AGENT: &str = r#"
worker think(goal: string) -> string via exec { command ["sh", "think.sh"] }
worker search(q: string) -> string via exec { command ["sh", "search.sh"] }
worker pay(amount: int) -> bool via exec { command ["sh", "pay.sh"] }
flow main(goal: string = "g") -> string {
  state { said: string = "" }
  start -> talk -> end
  agent talk {
    call think(goal: goal) as reply
    tools [search, pay needs approval]
    limit turns 5
    said <- reply
  }
  return said
}
"#;

const THINK: &str = r#"read -r line
case "$line" in
*'"$agent":{"turn":1,'*) turn=1; reply='{"flow":1,"tool_calls":[{"id":"a","name":"search","args":{"q":"x"}},{"id":"b","name":"search","args":{"q":"y"}}]}';;
*'"$agent":{"turn":2,'*) turn=2; reply='{"flow":1,"tool_calls":[{"id":"c","name":"pay","args":{"amount":5}}]}';;
*) turn=3; reply='"done"';;
esac
echo "$turn $FLOW_IDEMPOTENCY_KEY" >> turns
echo "$line" > "line-$turn"
touch "at-$turn"
sleep 0.3
echo "$reply"
"#;

/// A crash in turn 2 resumes at turn 2 with its key; the tools of turn 1 are not used again; approval, and the last turn
/// knows of everything.
#[test]
fn an_agent_goes_on_in_the_turn_in_which_it_died() {
    let bench = Bench::with(AGENT);
    bench.write("think.sh", THINK);
    bench.write("search.sh", "echo call >> searches; echo '\"found\"'");
    bench.write("pay.sh", "echo call >> payments; echo true");
    kill_at(&bench, &["run", "main.flow", "--id", "r"], "at-2");
    let asked = bench.flowvm(&["resume", "r", "--json"]);
    asked.expect(3);
    let question = &asked.json()["interrupts"][0];
    assert_eq!(
        (&question["name"], &question["show"]["args"]["amount"]),
        (&"talk".into(), &5.into())
    );
    assert_eq!(bench.read("payments"), "");
    bench.flowvm(&["answer", "r", "true"]).expect(0);
    let turns = bench.read("turns");
    let turns: Vec<(&str, &str)> = turns.lines().filter_map(|line| line.split_once(' ')).collect();
    let numbers: Vec<&str> = turns.iter().map(|(turn, _)| *turn).collect();
    assert_eq!(numbers, ["1", "2", "2", "3"]);
    assert_eq!(turns[1].1, turns[2].1, "one key for one turn");
    assert_eq!(bench.read("searches").lines().count(), 2);
    assert_eq!(bench.read("payments").lines().count(), 1);
    let last: serde_json::Value = serde_json::from_str(&bench.read("line-3")).unwrap();
    let history = &last["$agent"]["history"];
    assert_eq!(history[0]["tool_calls"][1]["result"], "found", "{last}");
    assert_eq!(history[1]["tool_calls"][0]["result"], true, "{last}");
    assert_eq!(last["$agent"]["tools"][0]["parameters"]["required"][0], "q");
}
