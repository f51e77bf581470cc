//! Which registers an instruction reads and writes. What is done with it is for `verify` and the
//! machine to say.

use crate::ids::ConstId;
use crate::image::Const;
use crate::op::{Op, Reg};

/// The registers of an instruction: one that it writes, ranges that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What it writes.
    pub written: Option<Reg>,
    /// First register and count of what it reads.
    pub read: [(Reg, usize); 2],
}

impl Used {
    /// What an instruction reads and writes. A shape that is none counts as empty.
    pub fn of(op: &Op, consts: &[Const]) -> Used {
        let wide = |shape: ConstId| match consts.get(shape.index()) {
            Some(Const::Record(fields) | Const::Variant(_, fields)) => fields.len(),
            _ => 0,
        };
        match *op {
            Op::Const { dst, .. }
            | Op::LoadField { dst, .. }
            | Op::LoadInput { dst, .. }
            | Op::LoadConfig { dst, .. }
            | Op::LoadRun { dst, .. }
            | Op::LoadSecret { dst, .. } => Used::new(Some(dst), &[]),
            Op::Move { dst, src } => Used::new(Some(dst), &[(src, 1)]),
            Op::Binary { dst, a, b, .. } => Used::new(Some(dst), &[(a, 1), (b, 1)]),
            Op::Unary { dst, a, .. }
            | Op::IntToFloat { dst, a }
            | Op::ToText { dst, a }
            | Op::IsVariant { dst, a, .. }
            | Op::Cast { dst, a, .. } => Used::new(Some(dst), &[(a, 1)]),
            Op::Concat { dst, first, count }
            | Op::List { dst, first, count }
            | Op::Call {
                dst, first, count, ..
            }
            | Op::Method {
                dst, first, count, ..
            }
            | Op::Closure {
                dst, first, count, ..
            } => Used::new(Some(dst), &[(first, usize::from(count))]),
            Op::Map { dst, first, count } => Used::new(Some(dst), &[(first, 2 * usize::from(count))]),
            Op::Record { dst, shape, first } | Op::Variant { dst, shape, first } => {
                Used::new(Some(dst), &[(first, wide(shape))])
            }
            Op::With { dst, base, value, .. } => Used::new(Some(dst), &[(base, 1), (value, 1)]),
            Op::Field { dst, base, .. } => Used::new(Some(dst), &[(base, 1)]),
            Op::Index { dst, base, index } => Used::new(Some(dst), &[(base, 1), (index, 1)]),
            Op::CallValue {
                dst,
                callee,
                first,
                count,
            } => Used::new(Some(dst), &[(callee, 1), (first, usize::from(count))]),
            Op::Jump { .. } => Used::new(None, &[]),
            Op::JumpIfNot { cond: a, .. }
            | Op::JumpIfNull { a, .. }
            | Op::CheckRefined { a, .. }
            | Op::Fail { message: a }
            | Op::Update { value: a, .. }
            | Op::Emit { value: a, .. }
            | Op::Return { src: a } => Used::new(None, &[(a, 1)]),
            Op::Ensure { cond, message } => Used::new(None, &[(cond, 1), (message, 1)]),
        }
    }

    fn new(written: Option<Reg>, read: &[(Reg, usize)]) -> Used {
        let at = |position: usize| read.get(position).copied().unwrap_or((0, 0));
        Used {
            written,
            read: [at(0), at(1)],
        }
    }
}
