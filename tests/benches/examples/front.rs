//! What the front end reaches, on one core: `cargo run --release -p flow-benches --example front`. Time is that of
//! the processor and each figure the best of a few tries; see `docs/performance.md` for what is aimed at.
//!
//! With `check 10000` behind it, only one check of so many nodes is made, for profilers.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use flow_benches::big;
use flow_benches::clock::{resident_bytes, time};
use flow_compiler::format::format;
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::FileId;

const FILE: FileId = FileId(0);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [_, nodes] = args.as_slice() {
        let text = big::flow(nodes.parse().unwrap_or(1_000));
        let took = time(|| findings(&text));
        println!("check of {nodes} nodes: {:.3} s", took.as_secs_f64());
        return;
    }
    parse();
    edit();
    formatting();
    types();
    check();
}

/// The best of `tries`.
fn best(tries: u32, mut measure: impl FnMut()) -> Duration {
    (0..tries).map(|_| time(&mut measure)).min().unwrap_or_default()
}

fn findings(text: &str) {
    let checked = check_text(&NoFiles, "big.flow", text);
    assert!(
        !checked.has_errors(),
        "{:?}",
        checked.diagnostics.iter().find(|found| found.is_error())
    );
    black_box(checked);
}

fn parse() {
    let text = big::flow(10_000);
    let took = best(5, || drop(black_box(flow_grammar::parse(FILE, &text))));
    println!(
        "parse to AST            {:>10.2} MB/s",
        text.len() as f64 / 1e6 / took.as_secs_f64()
    );
}

fn formatting() {
    let text = lines(10_000);
    let took = best(5, || drop(black_box(format(FILE, &text))));
    println!("fmt of 10,000 lines     {:>10.1} ms", took.as_secs_f64() * 1e3);
}

/// The whole file is checked again: nothing is kept from before the edit.
fn edit() {
    let text = lines(2_000).replacen("ensure reply.text.len() > 0", "ensure reply.text.len() > 1", 1);
    let took = best(7, || findings(&text));
    println!("edit in 2,000 lines     {:>10.1} ms", took.as_secs_f64() * 1e3);
}

fn types() {
    let mut text = String::new();
    for at in 0..60_000 {
        let _ = writeln!(text, "type T{at} = {{ a: int, next: T{}? }}", (at + 1) % 60_000);
    }
    text.push_str("flow f(x: T0) -> int {\n  start -> end\n  return x.a\n}\n");
    let took = best(1, || drop(black_box(check_text(&NoFiles, "types.flow", &text))));
    println!("check of 60,000 types   {:>10.2} s", took.as_secs_f64());
}

fn check() {
    let mut last: Option<f64> = None;
    for nodes in [1_000, 10_000, 100_000] {
        let text = big::flow(nodes);
        let took = best(if nodes > 50_000 { 2 } else { 4 }, || findings(&text)).as_secs_f64();
        let growth = last.map_or(String::new(), |last| {
            std::format!(", {:.2} x linear", took / last / 10.0)
        });
        println!(
            "check of {nodes:>7} nodes  {took:>10.3} s, {} lines{growth}, {} MB resident at most",
            text.lines().count(),
            peak_megabytes()
        );
        last = Some(took);
    }
}

/// A flow of about so many lines.
fn lines(count: usize) -> String {
    let of = |nodes: usize| big::flow(nodes).lines().count();
    let ten = of(20) - of(10);
    big::flow(count / ten * 10)
}

/// The most memory that this process had at once, or has where the system does not tell.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        let kilobytes = line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?;
        kilobytes.trim().parse::<u64>().ok()
    });
    peak.map_or(resident_bytes() / 1_000_000, |kilobytes| kilobytes / 1_000)
}
