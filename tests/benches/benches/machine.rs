//! Runs without workers and without a store: a million pure steps a second, 300,000 activations a second, and appending
//! that costs the same however long the list is. In one table with the memory of a run: `examples/figures.rs`.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flow_benches::machine::{APPEND, FAN_OUT, LOOP, finish, program, start};
use serde_json::json;

fn machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine");
    group.sample_size(10);
    for (name, text, count) in [
        ("step", LOOP, 10_000),
        ("fan-out", FAN_OUT, 10_000),
        ("append", APPEND, 1_000),
        ("append", APPEND, 10_000),
    ] {
        let program = program(text);
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::new(name, count), &count, |bench, count| {
            let input = json!({ "n": count });
            bench.iter_batched_ref(|| start(&program, &input), finish, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, machine);
criterion_main!(benches);
