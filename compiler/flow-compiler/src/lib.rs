//! The Flow compiler: from syntax trees to proven programs and bytecode. Pure: files come through a
//! loader that the caller provides.
//!
//! - **HIR**: a program with names resolved and expressions typed (`hir`, `types`).

pub mod hir;
pub mod types;
