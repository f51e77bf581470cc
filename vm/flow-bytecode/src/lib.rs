//! The image format of Flow: what a compiled program is, byte for byte.
//!
//! - **Image**: the tables of a program ([`Image`]); **flow**, **node**, **join**: its graph ([`Flow`]).
//! - **Chunk**: register code of one expression ([`Chunk`], [`Op`]).
//! - **Topology**: who leads to whom, for joins and for early starts (`topology`).
//! - **Container**: header, sections, content hash (`encode`, `decode`).
//! - **Verified image**: the only thing that the machine accepts (`verify`).
//! - **Disassembly**: an image as text with source lines (`disasm`).

mod flow;
mod ids;
mod image;
mod method;
mod op;
mod verify;

pub use flow::*;
pub use ids::{ChunkId, ConstId, FieldId, FlowId, JoinId, NodeId, StrId, TypeId, WorkerId};
pub use image::{Chunk, Const, Debug, Image, Protocol, RecordField, SourceSpan, SourceText, Type, Worker};
pub use method::Method;
pub use op::{BinaryOp, Op, Reg, RunField, UnaryOp};
pub use verify::{VerifiedImage, VerifyError, verify};
