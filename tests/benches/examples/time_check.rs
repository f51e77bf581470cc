//! How long a check of a large flow takes, by stages: `cargo run --release -p flow-benches --example time_check 1000`. With `text`
//! behind the number, the flow itself is printed.

use std::time::Instant;

use flow_benches::big;
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::SourceMap;

fn main() {
    let mut args = std::env::args().skip(1);
    let nodes: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1000);
    let text = big::flow(nodes);
    if args.next().is_some() {
        print!("{text}");
        return;
    }
    let began = Instant::now();
    let file = SourceMap::new().add("big.flow", text.as_str());
    let parsed = flow_grammar::parse(file, &text);
    let parse = began.elapsed();
    drop(parsed);
    let began = Instant::now();
    let checked = check_text(&NoFiles, "big.flow", &text);
    let check = began.elapsed();
    for found in checked.diagnostics.iter().take(3) {
        println!("{} {}", found.code, found.message);
    }
    println!(
        "{nodes} nodes, {} bytes, {} findings: parsed in {parse:.1?}, checked in {check:.1?}",
        text.len(),
        checked.diagnostics.len()
    );
}
