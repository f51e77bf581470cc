//! Broken files and wrong usage: a message that names what is wrong and the right exit code, never a panic.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Bench, Dice};

const HELLO: &str = "examples/01-hello";

#[test]
fn a_missing_program_is_named() {
    Bench::empty()
        .flowvm(&["run", "nowhere.flow"])
        .expect(1)
        .says("nowhere.flow");
    Bench::empty()
        .flowvm(&["run", "nowhere.flowb"])
        .expect(1)
        .says("nowhere.flowb");
}

#[test]
fn a_program_that_does_not_compile_is_explained() {
    let bench = Bench::with("flow f() -> int {\n  state { n: int = 0 }\n  start -> nowhere\n  return n\n}\n");
    bench.flowvm(&["run", "main.flow"]).expect(1).says("nowhere");
    assert!(
        !bench.path(".flow/flow.db").exists() || bench.flowvm(&["list", "--json"]).stdout.trim().len() <= 2
    );
}

#[test]
fn wrong_input_names_the_path() {
    let bench = Bench::copy_of(HELLO);
    bench
        .flowvm(&["run", "main.flow", "--input", r#"{"name": 7}"#])
        .expect(1)
        .says("name");
    bench
        .flowvm(&["run", "main.flow", "--input", "{\"name\":"])
        .expect(2);
    bench
        .flowvm(&["run", "main.flow", "--input", "@nowhere.json"])
        .expect(1)
        .says("nowhere.json");
}

#[test]
fn wrong_usage_is_2() {
    let bench = Bench::copy_of(HELLO);
    bench.flowvm(&[]).expect(2);
    bench.flowvm(&["fly"]).expect(2);
    bench.flowvm(&["run"]).expect(2);
    bench.flowvm(&["run", "main.flow", "--no-such-flag"]).expect(2);
    bench.flowvm(&["--version"]).expect(0);
    bench.flowvm(&["run", "--help"]).expect(0);
}

#[test]
fn an_unknown_run_is_named() {
    let bench = Bench::copy_of(HELLO);
    bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(0);
    for verb in ["show", "resume", "events", "state", "history"] {
        bench.flowvm(&[verb, "nobody"]).expect(1).says("nobody");
    }
}

/// One id is one run, however often it is started.
#[test]
fn an_id_is_started_once() {
    let bench = Bench::copy_of(HELLO);
    bench.flowvm(&["run", "main.flow", "--id", "r"]).expect(0);
    bench
        .flowvm(&["run", "main.flow", "--id", "r"])
        .expect(1)
        .says("r");
    bench
        .flowvm(&["run", "main.flow", "--id", "r", "--resume-if-exists"])
        .expect(0);
}

/// Cut off, flipped, extended, replaced: an image gives an error or the run that it always gave.
#[test]
fn a_damaged_image_is_refused() {
    let bench = Bench::copy_of(HELLO);
    let image = image(&bench);
    let mut dice = Dice::new(5);
    let mut broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"#!/bin/sh\n".to_vec(),
        [image.as_slice(), b"x"].concat(),
    ];
    broken.extend((0..8).map(|_| image[..dice.below(image.len() as u64) as usize].to_vec()));
    for _ in 0..32 {
        let mut bytes = image.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.below(8);
        broken.push(bytes);
    }
    for bytes in broken {
        bench.write("broken.flowb", &bytes);
        let ran = bench.flowvm(&["run", "broken.flowb"]);
        ran.expect(1).says("broken.flowb");
    }
}

#[test]
fn a_damaged_store_is_named() {
    let bench = Bench::copy_of(HELLO);
    bench.write(
        "bad.db",
        "this is no database, however long one looks at it. ".repeat(200),
    );
    bench
        .flowvm(&["run", "main.flow", "--store", "bad.db"])
        .expect(1)
        .says("bad.db");
    bench
        .flowvm(&["list", "--store", "bad.db"])
        .expect(1)
        .says("bad.db");

    bench
        .flowvm(&["run", "main.flow", "--id", "r", "--store", "cut.db"])
        .expect(0);
    let whole = fs::read(bench.path("cut.db")).unwrap();
    bench.write("cut.db", &whole[..whole.len() / 2]);
    for side in ["cut.db-wal", "cut.db-shm"] {
        let _ = fs::remove_file(bench.path(side));
    }
    let ran = bench.flowvm(&["show", "r", "--store", "cut.db"]);
    assert!(!ran.stderr.contains("panicked at"), "{ran}");
    assert_ne!(ran.code, Some(101), "{ran}");
}

/// Root may write anywhere, so this uses a place where no file can be.
#[test]
fn a_store_that_cannot_be_is_named() {
    let bench = Bench::copy_of(HELLO);
    bench.write("file", "");
    bench
        .flowvm(&["run", "main.flow", "--store", "file/flow.db"])
        .expect(1)
        .says("file/flow.db");
    fs::create_dir(bench.path("closed")).unwrap();
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    let ran = bench.flowvm(&["run", "main.flow", "--store", "closed/flow.db"]);
    assert!(
        matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked at"),
        "{ran}"
    );
}

/// A file with a mistake in its configuration refuses to start and names the key (L-82).
#[test]
fn a_bad_configuration_names_the_key() {
    let bench = Bench::copy_of(HELLO);
    bench.write("flow.toml", "[project]\nname = \"x\"\nentri = \"main.flow\"\n");
    bench.flowvm(&["run", "main.flow"]).expect(1).says("entri");
}

/// The image that `flowc build` would write: compiled here, so that this test needs no other binary.
fn image(bench: &Bench) -> Vec<u8> {
    let checked = flow_compiler::check_text(&flow_compiler::NoFiles, "main.flow", &bench.read("main.flow"));
    let bytes = flow_bytecode::encode(&checked.build().expect("the example compiles"));
    bench.write("good.flowb", &bytes);
    bench.flowvm(&["run", "good.flowb"]).expect(0);
    bytes
}
