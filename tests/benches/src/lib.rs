//! What benches measure on. What is measured stands in `benches/`.

pub mod big;
pub mod clock;
pub mod expression;
pub mod machine;
