//! The store under damage, newer schemas, competing writers and attempts to rewrite history.

use std::fs;

use flow_machine::{EventKind, Status};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::limits::LEASE_NS;
use crate::store::{Head, Settings};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sub/flow.db")
    }

    fn open(&self) -> Result<SqliteStore> {
        SqliteStore::open_or_create(&self.path(), Durability::Full)
    }

    /// A store with one run of `events` events.
    fn with_run(&self, events: u64) -> SqliteStore {
        let mut store = self.open().unwrap();
        let (log, head) = (log(1, events), head());
        let run = NewRun {
            id: "r1",
            flow: "f",
            program: "p",
            image: b"image",
            parent: None,
            at: 1,
            settings: &Settings::default(),
        };
        store
            .create(&run, &commit(1, 0, &log, &head), &Owner::current())
            .unwrap();
        store
    }
}

fn log(first: u64, count: u64) -> Vec<Event> {
    let event = |seq| Event {
        seq,
        step: seq,
        node: Some("n".into()),
        at: 5,
        kind: EventKind::Emitted {
            name: "e".into(),
            data: json!({"text": "x".repeat(200), "seq": seq}),
        },
    };
    (first..first + count).map(event).collect()
}

fn head() -> Head {
    Head {
        status: Status::Running,
        steps: 1,
        due: None,
        result: None,
        error: None,
        at: 2,
    }
}

fn commit<'a>(epoch: u64, expected: u64, events: &'a [Event], head: &'a Head) -> Commit<'a> {
    let lease_until = i64::MAX;
    Commit {
        run: "r1",
        epoch,
        expected,
        events,
        checkpoints: &[],
        snapshot: None,
        head,
        interrupts: None,
        letters: &[],
        lease_until,
        program: None,
    }
}

#[test]
fn what_was_committed_is_read_back() {
    let place = Place::new();
    let mut store = place.with_run(3);
    store.commit(&commit(1, 3, &log(4, 2), &head())).unwrap();
    drop(store);
    let store = place.open().unwrap();
    assert_eq!(store.events("r1", 0).unwrap(), log(1, 5));
    assert_eq!(store.events("r1", 3).unwrap(), log(4, 2));
    assert_eq!(store.program("p").unwrap(), b"image");
    assert_eq!(store.run("r1").unwrap().unwrap().seq, 5);
    assert!(store.run("r2").unwrap().is_none());
}

#[test]
fn an_id_is_given_once() {
    let place = Place::new();
    let mut store = place.with_run(1);
    let run = NewRun {
        id: "r1",
        flow: "g",
        program: "q",
        image: b"",
        parent: None,
        at: 1,
        settings: &Settings::default(),
    };
    let error = store
        .create(&run, &commit(1, 0, &log(1, 1), &head()), &Owner::current())
        .unwrap_err();
    assert_eq!(error.code, code::RUN_EXISTS);
    assert_eq!(store.run("r1").unwrap().unwrap().flow, "f");
    assert_eq!(
        store.program("q").unwrap_err().code,
        code::STORE_DAMAGED,
        "nothing of a refused run stays"
    );
}

/// L-20, L-21: a stale epoch or sequence is refused, and changes nothing.
#[test]
fn a_stale_writer_is_refused() {
    let place = Place::new();
    let mut store = place.with_run(3);
    for (epoch, expected, first) in [(0, 3, 4), (2, 3, 4), (1, 2, 3), (1, 4, 5)] {
        let error = store
            .commit(&commit(epoch, expected, &log(first, 1), &head()))
            .unwrap_err();
        assert_eq!(error.code, code::RUN_LOST, "epoch {epoch}, sequence {expected}");
    }
    assert_eq!(store.events("r1", 0).unwrap().len(), 3);
}

#[test]
fn a_run_is_taken_over_only_when_its_owner_is_gone() {
    let place = Place::new();
    let mut store = place.with_run(1);
    let stranger = Owner {
        pid: 1,
        host: "elsewhere".into(),
        ..Owner::current()
    };
    let now = crate::clock::now();
    store.renew("r1", 1, now + LEASE_NS).unwrap();
    assert_eq!(
        store.acquire("r1", &stranger, now).unwrap_err().code,
        code::RUN_BUSY
    );

    // The lease runs out.
    assert_eq!(store.acquire("r1", &stranger, now + LEASE_NS + 1).unwrap(), 2);
    assert_eq!(store.renew("r1", 1, i64::MAX).unwrap_err().code, code::RUN_LOST);
    assert_eq!(
        store.commit(&commit(1, 1, &log(2, 1), &head())).unwrap_err().code,
        code::RUN_LOST
    );

    // The process is known to be dead: at once.
    let dead = Owner {
        start: 1,
        ..Owner::current()
    };
    store.release("r1", 2).unwrap();
    assert_eq!(store.acquire("r1", &dead, now).unwrap(), 3);
    assert_eq!(store.acquire("r1", &stranger, now).unwrap(), 4);
    assert_eq!(
        store.acquire("r9", &stranger, now).unwrap_err().code,
        code::NO_RUN
    );
}

#[test]
fn a_released_run_takes_no_commits() {
    let place = Place::new();
    let mut store = place.with_run(1);
    store.release("r1", 1).unwrap();
    assert_eq!(
        store.commit(&commit(1, 1, &log(2, 1), &head())).unwrap_err().code,
        code::RUN_LOST
    );
}

#[test]
fn history_is_append_only() {
    let place = Place::new();
    let store = place.with_run(2);
    for statement in [
        "UPDATE log SET step = 9",
        "DELETE FROM log",
        "UPDATE runs SET status = 'pending'",
    ] {
        let error = store.db.execute(statement, []).unwrap_err().to_string();
        assert!(
            error.contains("append-only") || error.contains("CHECK"),
            "{statement}: {error}"
        );
    }
}

/// L-20: of two processes that use one file, one wins.
#[test]
fn two_connections_do_not_both_take_a_run() {
    let place = Place::new();
    let mut first = place.with_run(1);
    first.release("r1", 1).unwrap();
    let mut second = place.open().unwrap();
    let now = crate::clock::now();
    let stranger = Owner {
        pid: 1,
        host: "elsewhere".into(),
        ..Owner::current()
    };
    assert_eq!(second.acquire("r1", &stranger, now).unwrap(), 2);
    let error = first.acquire("r1", &Owner::current(), now).unwrap_err();
    assert!(
        error.code == code::RUN_BUSY && error.message.contains("process 1"),
        "{error}"
    );
}

#[test]
fn letters_are_taken_with_the_commit_that_answers_them() {
    let place = Place::new();
    let mut store = place.with_run(1);
    let id = store
        .post("r1", &Input::Cancel { reason: "x".into() }, 3)
        .unwrap();
    assert_eq!(
        store.inbox("r1").unwrap(),
        [(id, Input::Cancel { reason: "x".into() })]
    );
    assert_eq!(store.letter(id).unwrap(), None);
    let letters = [(id, Some("no".to_owned()))];
    store
        .commit(&Commit {
            letters: &letters,
            ..commit(1, 1, &[], &head())
        })
        .unwrap();
    assert_eq!(
        (store.inbox("r1").unwrap(), store.letter(id).unwrap()),
        (Vec::new(), Some(Err("no".to_owned())))
    );
}

#[test]
fn memory_outlives_runs() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    assert!(!store.memory_put("a", "k", &json!([1]), 1).unwrap());
    assert!(store.memory_put("a", "k", &json!([2]), 1).unwrap());
    drop(store);
    let mut store = place.open().unwrap();
    assert_eq!(store.memory_get("a", "k").unwrap(), Some(json!([2])));
    assert_eq!(
        (
            store.memory_get("b", "k").unwrap(),
            store.memory_list("a").unwrap()
        ),
        (None, vec!["k".to_owned()])
    );
    assert!(store.memory_delete("a", "k").unwrap() && !store.memory_delete("a", "k").unwrap());
}

/// A file that was cut anywhere is refused by name, and not touched.
#[test]
fn a_truncated_file_is_refused() {
    let place = Place::new();
    drop(place.with_run(500));
    let whole = fs::read(place.path()).unwrap();
    assert!(whole.len() > 100_000);
    for at in [
        0,
        1,
        15,
        16,
        99,
        100,
        4095,
        4096,
        8192,
        50_000,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(place.path(), &whole[..at]).unwrap();
        let error = place.open().err().unwrap_or_else(|| panic!("cut at {at}"));
        assert_eq!(error.code, code::STORE_DAMAGED, "cut at {at}: {error}");
        assert!(error.message.contains("flow.db"), "{error}");
        assert_eq!(
            fs::read(place.path()).unwrap(),
            &whole[..at],
            "a damaged file is left as it is"
        );
    }
}

/// Overwritten pages are noticed when the file is opened or read; never a panic.
#[test]
fn overwritten_pages_are_noticed() {
    let place = Place::new();
    drop(place.with_run(500));
    let whole = fs::read(place.path()).unwrap();
    let mut noticed = 0;
    for at in (0..whole.len() - 4096).step_by(4096) {
        let mut bytes = whole.clone();
        bytes[at..at + 4096].fill(0xa5);
        fs::write(place.path(), &bytes).unwrap();
        let read = place.open().and_then(|store| {
            store.program("p")?;
            store.run("r1")?;
            store.events("r1", 0)
        });
        match read {
            Err(error) => {
                assert_eq!(error.code, code::STORE_DAMAGED, "page at {at}: {error}");
                noticed += 1;
            }
            Ok(events) => assert_eq!(events, log(1, 500), "page at {at}"),
        }
    }
    assert!(
        noticed * 10 >= whole.len() / 4096 * 9,
        "{noticed} of {} pages",
        whole.len() / 4096
    );
}

/// A store that was written by the first released version opens, with all that it has.
#[test]
fn a_store_of_schema_1_is_brought_up_to_date() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/schema-1.db");
    fs::copy(released, place.path()).unwrap();
    for _ in 0..2 {
        let store = place.open().unwrap();
        let runs: Vec<String> = store.runs().unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(runs, ["stays", "bad", "waits", "done"]);
        for run in store.runs().unwrap() {
            let events = store.events(&run.id, 0).unwrap();
            assert_eq!(events.len() as u64, run.seq, "{}", run.id);
            assert!(!store.checkpoints(&run.id).unwrap().is_empty());
            // Its programs are of an older format: that is said, and nothing of the run is lost.
            let bytes = store.program(&run.program).unwrap();
            match crate::program::from_bytes(&bytes, "it") {
                Err(error) => assert!(error.message.contains("format version"), "{error}"),
                Ok(program) => {
                    let program = std::sync::Arc::new(flow_machine::Program::new(program));
                    let again = flow_machine::Machine::replay(program, events).unwrap();
                    assert_eq!(again.status(), run.head.status, "{}", run.id);
                }
            }
        }
        assert_eq!(store.interrupts("waits").unwrap().len(), 1);
        assert_eq!(store.attempts("done").unwrap().len(), 1);
    }
}

/// A store of the version before this one opens, with what it knew of workers.
#[test]
fn a_store_of_schema_2_is_brought_up_to_date() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/schema-2.db");
    fs::copy(older, place.path()).unwrap();
    for _ in 0..2 {
        let mut store = place.open().unwrap();
        let version: i64 = store
            .db
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!((version, store.runs().unwrap().len()), (schema::VERSION, 2));
        let (health, flying) = store.health("http://127.0.0.1:9/", 0).unwrap();
        assert_eq!(
            (health.in_row, health.failures, health.open_until, flying),
            (2, 2, None, 0)
        );
        let worker = Registered {
            name: "w".to_owned(),
            protocol: None,
            tags: Vec::new(),
            binding: Map::from_iter([("url".to_owned(), Json::from("http://127.0.0.1:9/"))]),
        };
        store.register(&worker, 1).unwrap();
        assert_eq!(store.registered().unwrap(), [worker]);
    }
}

/// L-48, L-60: an outcome that comes from a process that has lost the run changes nothing, and is kept.
#[test]
fn what_comes_too_late_is_evidence() {
    let place = Place::new();
    let mut store = place.with_run(1);
    store.release("r1", 1).unwrap();
    store.acquire("r1", &Owner::current(), 9).unwrap();
    let mut late = log(2, 1);
    late[0].kind = EventKind::Received {
        received: Input::Tick,
    };
    let error = store.commit(&commit(1, 1, &late, &head())).unwrap_err();
    assert_eq!(error.code, code::RUN_LOST);
    assert_eq!(store.events("r1", 0).unwrap().len(), 1);
    let kept: String = store
        .db
        .query_row(
            "SELECT input FROM refused WHERE run = 'r1' AND epoch = 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kept, r#"{"input":"tick"}"#);
}

/// What many write at once is flushed together, and one that is refused takes nobody with it.
#[test]
fn one_thread_writes_for_many() {
    let place = Place::new();
    let store = place.with_run(1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut stores: Vec<SqliteStore> = (0..16).map(|_| store.another().unwrap()).collect();
    runtime.block_on(async {
        let (good, bad) = (log(2, 1), log(7, 1));
        let (head, mut waiting) = (head(), Vec::new());
        for (at, one) in stores.iter_mut().enumerate() {
            let commit = if at == 3 {
                commit(1, 1, &good, &head)
            } else {
                commit(1, 6, &bad, &head)
            };
            waiting.push(one.submit(&commit));
        }
        for (at, written) in waiting.into_iter().enumerate() {
            assert_eq!(written.await.is_ok(), at == 3, "{at}");
        }
    });
    drop(store);
    assert_eq!(stores[0].events("r1", 0).unwrap(), log(1, 2));
}

/// The page about the store names every table, and every column of the views.
#[test]
fn the_schema_is_documented() {
    let place = Place::new();
    let store = place.open().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/store.md");
    let page = fs::read_to_string(page).unwrap();
    let mut select = store
        .db
        .prepare("SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let all: Vec<(String, String)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(std::result::Result::unwrap)
        .collect();
    assert!(all.len() > 10);
    for (kind, name) in all {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let line = line.unwrap_or_else(|| panic!("docs/store.md says nothing about {kind} `{name}`"));
        if kind == "table" {
            continue;
        }
        let mut columns = store.db.prepare(&format!("PRAGMA table_info({name})")).unwrap();
        let columns: Vec<String> = columns
            .query_map([], |row| row.get::<_, String>(1))
            .unwrap()
            .map(|name| format!("`{}`", name.unwrap()))
            .collect();
        assert!(line.contains(&columns.join(" ")), "`{name}` has {columns:?}");
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let place = Place::new();
    let store = place.with_run(1);
    store.db.pragma_update(None, "user_version", 7).unwrap();
    drop(store);
    let error = place.open().unwrap_err();
    assert_eq!(error.code, code::STORE_NEWER);
    assert!(error.message.contains("schema 7"), "{error}");
}

#[test]
fn what_is_no_store_is_refused() {
    let place = Place::new();
    let folder = place.folder.path();
    let open = |name: &str| SqliteStore::open_or_create(&folder.join(name), Durability::Full).unwrap_err();

    assert_eq!(open("").code, code::STORE_UNUSABLE);
    fs::write(folder.join("text"), "not a store ".repeat(100)).unwrap();
    assert_eq!(open("text").code, code::STORE_DAMAGED);
    assert_eq!(open("text/below").code, code::STORE_UNUSABLE);
    let db = Connection::open(folder.join("other.db")).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    let error = open("other.db");
    assert!(
        error.code == code::STORE_UNUSABLE && error.message.contains("no store of runs"),
        "{error}"
    );
}

/// L-12: between any two moments of its creation, a store is whole or absent.
#[test]
fn many_may_create_one_store_at_once() {
    let place = Place::new();
    let open = || place.open().map(|_| ());
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        for one in opened {
            one.join().unwrap().unwrap();
        }
    });
    let left: Vec<_> = fs::read_dir(place.path().parent().unwrap())
        .unwrap()
        .flatten()
        .collect();
    assert!(
        left.iter()
            .all(|entry| !entry.file_name().to_string_lossy().contains("new")),
        "{left:?}"
    );
}
