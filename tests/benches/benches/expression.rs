//! How long a host waits for `score > 0.8 and items.len() < 10`: to stay under 60 ns. What others take for it is in
//! `examples/rivals.rs`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flow_benches::expression::Condition;
use flow_machine::interp::Interp;

fn expression(criterion: &mut Criterion) {
    let condition = Condition::new();
    let mut interp = Interp::default();
    criterion.bench_function("score > 0.8 and items.len() < 10", |bench| {
        bench.iter(|| black_box(&condition).evaluate(&mut interp));
    });
}

criterion_group!(benches, expression);
criterion_main!(benches);
