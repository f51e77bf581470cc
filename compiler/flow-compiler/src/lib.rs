//! The Flow compiler: from syntax trees to proven programs and bytecode. Pure: files come through a
//! loader that the caller provides.
//!
//! - **HIR**: a program with names resolved and expressions typed (`hir`, `types`).
//! - **Drawing**: a flow as vertices and edges with labels, for Mermaid, Graphviz and JSON (`graph`).
//! - **Start value**: what a field holds before its first update (`start`).
//! - **Passes**: what is proven about flows, and the graph that it is proven on (`passes`).
//! - **Layout**: how a file is written (`format`); needs a syntax tree and nothing else.
//! - **Image**: what the machine runs, made from a program without errors (`codegen`).

pub mod codegen;
pub mod format;
pub mod graph;
pub mod hir;
pub mod passes;
pub mod start;
pub mod types;
