//! The image format of Flow: what a compiled program is, byte for byte.
//!
//! - **Image**: the tables of a program ([`Image`]); **flow**, **node**, **join**: its graph ([`Flow`]).
//! - **Chunk**: register code of one expression ([`Chunk`], [`Op`]).
//! - **Test**: what a program must do, with replies in place of workers ([`Test`]).
//! - **Topology**: who leads to whom, for joins and for early starts (`topology`).
//! - **Container**: header, sections, content hash (`encode`, `decode`).
//! - **Verified image**: the only thing that the machine accepts (`verify`).
//! - **Disassembly**: an image as text with source lines (`disasm`).

mod container;
mod disasm;
mod flow;
mod ids;
mod image;
pub mod limits;
mod method;
mod op;
mod registers;
mod test;
pub mod topology;
mod verify;

pub use container::{DecodeError, FORMAT_VERSION, decode, encode, seal};
pub use disasm::disasm;
pub use flow::*;
pub use ids::{ChunkId, ConstId, FieldId, FlowId, JoinId, NodeId, StrId, TypeId, WorkerId};
pub use image::{Chunk, Const, Debug, Image, Protocol, RecordField, SourceSpan, SourceText, Type, Worker};
pub use method::Method;
pub use op::{BinaryOp, Op, Reg, RunField, UnaryOp};
pub use registers::Used;
pub use test::{
    Action, Answer, AnswerCase, Condition, Expect, Mock, MockCase, MockReply, MockStage, OBSERVED, Part,
    Test, Timed,
};
pub use topology::Topology;
pub use verify::{VerifiedImage, VerifyError, verify};
