//! Tests of the image format: bytes, verification, topology, text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "damage must be noticed quickly"
)]

mod bytes;
mod refusals;
mod sample;
mod topology;
