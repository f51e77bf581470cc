//! How long `check` takes, from text to proven program, and its parser alone: 1,000 nodes to stay under 100 ms,
//! ten times the nodes under twelve times that.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flow_benches::big;
use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::SourceMap;

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10);
    for nodes in [1_000, 10_000] {
        let text = big::flow(nodes);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("parse", nodes), &text, |bench, text| {
            let file = SourceMap::new().add("big.flow", text.as_str());
            bench.iter(|| flow_grammar::parse(file, black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("check", nodes), &text, |bench, text| {
            bench.iter(|| check_text(&NoFiles, "big.flow", black_box(text)));
        });
    }
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
