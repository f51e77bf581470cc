//! Disks that fail: every write of a scenario goes wrong in turn, files are cut off or gone. Either the run goes on
//! from its last commit, or it is said what is lost; never a wrong state, never a panic (L-12, L-39).

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Bench, Dice, Ran, binary, shim};

const FLOW: &str = r#"
worker note(text: string) -> string via exec {
  command ["sh", "-c", "cat > /dev/null; echo \"$FLOW_IDEMPOTENCY_KEY\" >> calls; echo '\"noted\"'"]
}

flow notes(laps: int = 3) -> [string] {
  limit steps 50
  state {
    said: [string] by append
    n: int = 0
  }
  start -> write -> more
  task write {
    call note(text: "line ${n}") as line
    said <- ["${line} ${n}"]
    n <- n + 1
  }
  route more {
    when n < laps -> write
    otherwise     -> end
  }
  return said
}
"#;

fn with_fault(bench: &Bench, arguments: &[&str], at: u64, kind: &str, shim: &Path) -> Ran {
    let mut command = bench.command(arguments);
    command
        .env("LD_PRELOAD", shim)
        .env("FAULT_AT", at.to_string())
        .env("FAULT_KIND", kind);
    Ran::new(&command.output().unwrap())
}

fn sound(ran: &Ran, hint: &str) {
    assert!(!ran.stderr.contains("panicked at"), "{hint}: {ran}");
    assert!(matches!(ran.code, Some(0 | 1)), "{hint}: {ran}");
    if ran.code == Some(1) {
        assert!(ran.stderr.contains("F30"), "{hint}: it says nothing: {ran}");
    }
}

/// Goes on without faults, and comes to the end that an undisturbed run has.
fn ends_well(bench: &Bench, undisturbed: &Value, hint: &str) {
    let again = bench.flowvm(&["run", "main.flow", "--id", "r", "--resume-if-exists", "--json"]);
    assert!(matches!(again.code, Some(0)), "{hint}: {again}");
    let shown = bench.flowvm(&["show", "r", "--json"]).json();
    for part in ["status", "result", "state", "path", "steps"] {
        assert_eq!(shown[part], undisturbed[part], "{hint}: {part}");
    }
    bench.flowvm(&["doctor", "--offline"]).expect(0);
}

#[test]
fn every_write_may_fail() {
    let Some(shim) = shim("disk") else {
        println!("skipped: no C compiler for the shim");
        return;
    };
    let undisturbed = Bench::with(FLOW).run_json(&["main.flow", "--id", "r"]);
    assert_eq!(undisturbed["status"], "done", "{undisturbed}");
    // All of them with FLOW_FAULTS=1; every seventh, at another one for each kind, in the ordinary run.
    let stride = std::env::var("FLOW_FAULTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(7);
    let mut failed = 0;
    for (first, kind) in [(1, "eio"), (3, "full"), (5, "short"), (2, "stay")] {
        let mut at = first;
        loop {
            let hint = format!("{kind} at write {at}");
            let bench = Bench::with(FLOW);
            let ran = with_fault(
                &bench,
                &["run", "main.flow", "--id", "r", "--json"],
                at,
                kind,
                &shim,
            );
            sound(&ran, &hint);
            failed += u32::from(ran.code == Some(1));
            let was_reached = ran.code == Some(1) || at < 30;
            ends_well(&bench, &undisturbed, &hint);
            if !was_reached || at > 400 {
                break;
            }
            at += stride;
        }
    }
    assert!(failed > 8, "the faults hit: {failed}");
}

/// A file may not grow beyond a limit: writes are cut short where it ends.
#[test]
fn a_disk_that_is_full_anywhere_loses_nothing() {
    let undisturbed = Bench::with(FLOW).run_json(&["main.flow", "--id", "r"]);
    for blocks in (0..120).step_by(9) {
        let hint = format!("files of {blocks} blocks");
        let bench = Bench::with(FLOW);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run main.flow --id r --json");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .arg(binary())
            .current_dir(bench.folder.path())
            .env_remove("FLOW_STORE");
        sound(&Ran::new(&command.output().unwrap()), &hint);
        ends_well(&bench, &undisturbed, &hint);
    }
}

/// A store as `kill -9` leaves it: with a log of writes beside it.
fn torn(moment: u64) -> Bench {
    let slow = FLOW.replace("cat > /dev/null;", "cat > /dev/null; sleep 0.05;");
    let bench = Bench::with(&slow);
    let mut child = bench.start(&["run", "main.flow", "--id", "r"]);
    while bench.read("calls").lines().count() < moment as usize {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench
}

#[test]
fn a_torn_log_of_writes_goes_back_to_a_commit() {
    let undisturbed = Bench::with(FLOW).run_json(&["main.flow", "--id", "r"]);
    let mut dice = Dice::new(7);
    for moment in [1, 2, 3, 3, 2, 1] {
        let bench = torn(moment);
        let wal = bench.path(".flow/flow.db-wal");
        let Ok(bytes) = fs::read(&wal) else { continue };
        let cut = dice.below(bytes.len() as u64 + 1) as usize;
        match moment % 3 {
            0 => fs::write(&wal, &bytes[..cut]).unwrap(),
            1 => fs::remove_file(&wal).unwrap(),
            _ => {
                let mut bytes = bytes;
                let from = cut.saturating_sub(512);
                bytes[from..cut].fill(0x5a);
                fs::write(&wal, bytes).unwrap();
            }
        }
        let _ = fs::remove_file(bench.path(".flow/flow.db-shm"));
        ends_well(
            &bench,
            &undisturbed,
            &format!("torn after {moment} calls at {cut}"),
        );
    }
}

#[test]
fn a_store_that_was_cut_says_so() {
    let mut dice = Dice::new(9);
    let whole = Bench::with(FLOW);
    whole.flowvm(&["run", "main.flow", "--id", "r"]).expect(0);
    let bytes = fs::read(whole.path(".flow/flow.db")).unwrap();
    let state = whole.flowvm(&["state", "r", "--json"]).stdout;
    for round in 0..24 {
        let at = dice.below(bytes.len() as u64) as usize;
        let broken = if round % 2 == 0 {
            bytes[..at].to_vec()
        } else {
            let mut broken = bytes.clone();
            let end = (at + 700).min(broken.len());
            broken[at..end].fill(0xa5);
            broken
        };
        fs::write(whole.path("broken.db"), &broken).unwrap();
        for side in ["broken.db-wal", "broken.db-shm"] {
            let _ = fs::remove_file(whole.path(side));
        }
        let ran = whole.flowvm(&["state", "r", "--json", "--store", "broken.db"]);
        sound(&ran, &format!("round {round} at {at}"));
        if ran.code == Some(0) {
            assert_eq!(ran.stdout, state, "a wrong state, round {round} at {at}");
        }
    }
}

/// Everybody but the superuser is refused by the permissions of a file.
#[test]
fn a_store_that_is_read_only_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with(FLOW);
    bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(0);
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout == b"0\n");
    let nobody = is_root && Command::new("setpriv").arg("--version").output().is_ok();
    if is_root && !nobody {
        println!("skipped: the superuser may write anywhere, and there is no setpriv");
        return;
    }
    for (path, mode) in [(".flow/flow.db", 0o444), (".flow", 0o555), (".", 0o755)] {
        fs::set_permissions(bench.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let words = ["run", "main.flow", "--id", "s"];
    let mut command = if nobody {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(binary());
        command
    } else {
        Command::new(binary())
    };
    command
        .args(words)
        .current_dir(bench.folder.path())
        .env_remove("FLOW_STORE");
    let ran = Ran::new(&command.output().unwrap());
    fs::set_permissions(bench.path(".flow"), fs::Permissions::from_mode(0o755)).unwrap();
    if ran.stderr.contains("Permission denied") && ran.stderr.contains("setpriv") {
        println!("skipped: another user cannot reach the binary");
        return;
    }
    ran.expect(1).says("flow.db");
}
