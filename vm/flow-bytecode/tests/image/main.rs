//! Tests of the image format: bytes, verification, topology, text.

mod bytes;
mod refusals;
mod sample;
mod topology;
