//! `cache`, `lock` and `verify` on the real binary: across runs and processes, with real commands and files, and with the
//! process killed at the worst moment.

use std::time::{Duration, Instant};

use crate::harness::Bench;

/// A flow of one task, with more clauses; its worker writes a line for each call.
fn one_task(script: &str, clauses: &str) -> Bench {
    let bench = Bench::with(&format!(
        "worker w(x: string) -> string via exec {{ command [\"sh\", \"w.sh\", x] }}\n\
         flow f(x: string = \"a\") -> string {{\n  state {{ got: string = \"\" }}\n  start -> a -> end\n  \
         task a {{\n    call w(x: x) as r\n    got <- r\n    {clauses}\n  }}\n  return got\n}}\n"
    ));
    bench.write("w.sh", script);
    bench
}

const COUNTED: &str = "echo call >> calls; echo \"\\\"$1\\\"\"";

fn calls(bench: &Bench) -> usize {
    bench.read("calls").lines().count()
}

#[track_caller]
fn done(bench: &Bench, more: &[&str]) {
    let out = bench.run_json(&[&["main.flow"], more].concat());
    assert_eq!(out["status"], "done", "{out}");
}

#[test]
fn a_kept_reply_serves_other_runs_of_the_store() {
    let bench = one_task(COUNTED, "cache 1h");
    done(&bench, &[]);
    done(&bench, &["--id", "second"]);
    assert_eq!(calls(&bench), 1);
    assert!(
        bench
            .flowvm(&["events", "second", "--json"])
            .stdout
            .contains("cache_hit")
    );
    done(&bench, &["--set", "x=b"]);
    assert_eq!(calls(&bench), 2);
    // L-75: what was made up is not served as real, nor to another worker of that name.
    done(&bench, &["--mode", "synthetic", "--set", "x=c"]);
    done(&bench, &["--set", "x=c"]);
    assert_eq!(calls(&bench), 3);
    let other = bench
        .read("main.flow")
        .replace("\"w.sh\", x", "\"w.sh\", x, \"-v\"");
    bench.write("main.flow", other);
    done(&bench, &[]);
    assert_eq!(calls(&bench), 4);
}

#[test]
fn an_entry_outlives_its_time_by_nothing() {
    let bench = one_task(COUNTED, "cache 1ms");
    done(&bench, &[]);
    done(&bench, &[]);
    assert_eq!(calls(&bench), 2);
}

/// Notes when it begins and ends, and whether somebody else was inside.
const ALONE: &str =
    "mkdir inside || echo overlap >> overlaps; echo in >> entries; sleep 0.4; rmdir inside; echo '\"ok\"'";

#[test]
fn a_shared_lock_holds_across_processes() {
    let bench = one_task(ALONE, "lock shared \"printer\"");
    let mut children: Vec<_> = (0..4)
        .map(|at| bench.start(&["run", "main.flow", "--id", &format!("r{at}")]))
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(bench.read("entries").lines().count(), 4);
    assert_eq!(bench.read("overlaps"), "");
    let free = one_task(ALONE, "lock \"printer\"");
    let mut children: Vec<_> = (0..3).map(|_| free.start(&["run", "main.flow"])).collect();
    for child in &mut children {
        child.wait().unwrap();
    }
    assert_ne!(
        free.read("overlaps"),
        "",
        "a lock of the run holds up no other run"
    );
}

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

/// Who died has no lock: the next run does not wait for ever, and the dead one gets it back when it goes on.
#[test]
fn a_dead_process_keeps_no_lock() {
    let bench = one_task(
        "echo in >> entries; touch began; sleep 0.3; echo '\"ok\"'",
        "lock shared \"printer\"",
    );
    kill_at(&bench, &["run", "main.flow", "--id", "first"], "began");
    done(&bench, &["--id", "second"]);
    bench.flowvm(&["resume", "first"]).expect(0);
    assert_eq!(bench.read("entries").lines().count(), 3);
}

/// L-61: `verify { command "false" }` ends in failed verification. L-40: nothing is retried unless asked.
#[test]
fn checks_are_really_made() {
    let cases = [
        ("command [\"false\"]", "failed"),
        ("command [\"true\"]", "done"),
        ("command [\"sh\", \"-c\", \"test -f made\"]", "done"),
        ("file \"made\"", "done"),
        ("file \"missing\"", "failed"),
        ("file \"made\", ensure r == \"a\"", "done"),
        ("ensure r == \"b\"", "failed"),
        ("url \"http://127.0.0.1:1/\"", "interrupted"),
        ("command [\"no-such-command\"]", "interrupted"),
        ("command [\"sleep\", \"20\"], within 300ms", "interrupted"),
    ];
    for (checks, status) in cases {
        let bench = one_task(
            "touch made; echo call >> calls; echo \"\\\"$1\\\"\"",
            &format!("verify {{ {checks} }}"),
        );
        let out = bench.run_json(&["main.flow"]);
        assert_eq!(out["status"], status, "{checks}: {out}");
        if status == "failed" {
            assert_eq!(out["error"]["class"], "verification", "{checks}: {out}");
        }
        assert_eq!(calls(&bench), 1, "{checks}");
    }
}

/// Rows 31 to 33 from the command line.
#[test]
fn an_attempt_that_needs_input_is_decided_by_a_person() {
    let cases: [(&[&str], i32, usize); 5] = [
        (&["answer", "r", "--accept", "I looked"], 0, 1),
        (&["answer", "r", "a", "--give-up", "no use"], 1, 1),
        (&["answer", "r", "--again"], 3, 2),
        (&["answer", "r", "null"], 3, 2),
        (&["answer", "r", "\"mine\""], 0, 1),
    ];
    for (arguments, code, made) in cases {
        let bench = one_task(COUNTED, "verify { command [\"no-such-command\"] }");
        bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(3);
        bench.flowvm(arguments).expect(code);
        assert_eq!(calls(&bench), made, "{arguments:?}");
    }
    let asks = Bench::with(
        "flow f() -> bool {\n  state { ok: bool = false }\n  start -> q -> end\n  interrupt q {\n    ask \"?\"\n    \
         answer as a: bool\n    ok <- a\n  }\n  return ok\n}\n",
    );
    asks.flowvm(&["run", "main.flow", "--id", "r"]).expect(3);
    asks.flowvm(&["answer", "r", "--accept"]).expect(1).says("F2414");
}

/// A crash while a reply is being checked: the checks are made again, the call is not.
#[test]
fn a_crash_while_checking_checks_again() {
    let check = "command [\"sh\", \"-c\", \"touch checking; sleep 0.5; test -f made\"]";
    let bench = one_task(
        "touch made; echo call >> calls; echo '\"ok\"'",
        &format!("verify {{ {check} }}"),
    );
    kill_at(&bench, &["run", "main.flow", "--id", "r"], "checking");
    bench.flowvm(&["resume", "r"]).expect(0);
    assert_eq!(calls(&bench), 1);
}
