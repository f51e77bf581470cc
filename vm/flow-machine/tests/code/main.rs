//! Tests of what runs expressions: values, the border to JSON, chunks, methods and reducers. Cases
//! are in `cases`; the images are made by hand, without a compiler.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "hostile code must end quickly"
)]

mod assembler;
mod border;
mod expressions;
mod hostile;
mod reducers;
mod stretches;
