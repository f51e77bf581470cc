//! Code: operands in range, jumps forward, registers written before they are read.

use super::cycles::{callee, in_order};
use super::{At, Checker, Verified, in_table, wrong};
use crate::image::{Chunk, Const};
use crate::limits::{CHUNK_INSTRUCTIONS, CHUNK_REGISTERS};
use crate::op::{Op, Reg};
use crate::registers::Used;

/// What of a flow a chunk touches, with all that it calls: for each table, the first index that it
/// does not need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    pub(super) fields: usize,
    pub(super) inputs: usize,
    pub(super) configs: usize,
    /// Updates or emits.
    pub(super) acts: bool,
}

impl Reach {
    /// Code that runs without a flow may not touch one.
    pub(super) fn outside_flows(self) -> Verified {
        if self.fields + self.inputs + self.configs > 0 || self.acts {
            return wrong("uses the state or input of a flow where there is none");
        }
        Ok(())
    }

    fn join(&mut self, other: Reach) {
        self.fields = self.fields.max(other.fields);
        self.inputs = self.inputs.max(other.inputs);
        self.configs = self.configs.max(other.configs);
        self.acts |= other.acts;
    }
}

impl Checker<'_> {
    /// All chunks; gives what each of them reaches. Calls are known not to be circular.
    pub(super) fn chunks(&self) -> Verified<Vec<Reach>> {
        let chunks = &self.image.chunks;
        for (at, chunk) in chunks.iter().enumerate() {
            self.one_chunk(chunk).at(|| format!("chunks[{at}]"))?;
        }
        let callees = |at: usize| chunks[at].code.iter().filter_map(callee).collect();
        let order = in_order(chunks.len(), callees).or_else(|_| wrong("calls in a circle"))?;
        let mut reach = vec![Reach::default(); chunks.len()];
        for at in order {
            let mut sum = Reach::default();
            for op in &chunks[at].code {
                sum.join(own_reach(op));
                if let Some(inner) = callee(op) {
                    sum.join(reach[inner]);
                }
            }
            reach[at] = sum;
        }
        Ok(reach)
    }

    fn one_chunk(&self, chunk: &Chunk) -> Verified {
        self.str(chunk.name)?;
        if chunk.registers > CHUNK_REGISTERS || chunk.params > chunk.registers {
            return wrong(format!(
                "{} registers for {} parameters",
                chunk.registers, chunk.params
            ));
        }
        if chunk.code.len() > CHUNK_INSTRUCTIONS {
            return wrong(format!(
                "{} instructions; there may be {CHUNK_INSTRUCTIONS}",
                chunk.code.len()
            ));
        }
        if !chunk.spans.is_empty() && chunk.spans.len() != chunk.code.len() {
            return wrong(format!(
                "{} places for {} instructions",
                chunk.spans.len(),
                chunk.code.len()
            ));
        }
        chunk.spans.iter().try_for_each(|span| self.span(*span))?;
        if !matches!(chunk.code.last(), Some(Op::Return { .. } | Op::Fail { .. })) {
            return wrong("the code does not end with a return");
        }
        for (at, op) in chunk.code.iter().enumerate() {
            self.operands(chunk, at, op).at(|| format!("code[{at}]"))?;
        }
        initialised(self, chunk)
    }

    /// Ids, registers and jumps of one instruction.
    fn operands(&self, chunk: &Chunk, at: usize, op: &Op) -> Verified {
        let registers = usize::from(chunk.registers);
        let used = Used::of(op, &self.image.consts);
        used.read
            .iter()
            .try_for_each(|(first, count)| in_registers(*first, *count, registers))?;
        if let Some(dst) = used.written {
            in_registers(dst, 1, registers)?;
        }
        match *op {
            Op::Const { value, .. } => self.constant(value),
            Op::LoadSecret { name, .. } | Op::IsVariant { name, .. } | Op::Emit { name, .. } => {
                self.str(name)
            }
            Op::With { name, .. } | Op::Field { name, .. } => self.str(name),
            Op::Record { shape, .. } => match self.image.consts.get(shape.index()) {
                Some(Const::Record(_)) => Ok(()),
                _ => wrong(format!("constant {} is not the shape of a record", shape.0)),
            },
            Op::Variant { shape, .. } => match self.image.consts.get(shape.index()) {
                Some(Const::Variant(..)) => Ok(()),
                _ => wrong(format!("constant {} is not the shape of a case", shape.0)),
            },
            Op::Call { chunk, count, .. } => self.chunk(chunk, &[usize::from(count)]),
            Op::Closure { chunk: id, count, .. } => {
                in_table(id.index(), self.image.chunks.len(), "chunk")?;
                let params = self.image.chunks[id.index()].params;
                if count <= params {
                    Ok(())
                } else {
                    wrong(format!("captures {count} for {params} parameters"))
                }
            }
            Op::Method { count: 0, .. } => wrong("a method without a receiver"),
            Op::Cast { ty, .. } | Op::CheckRefined { ty, .. } => self.ty(ty),
            Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } => {
                let to = to as usize;
                if at < to && to < chunk.code.len() {
                    Ok(())
                } else {
                    wrong(format!("jumps to {to}"))
                }
            }
            _ => Ok(()),
        }
    }
}

/// A range of registers; an empty one may begin behind the last.
fn in_registers(first: Reg, count: usize, registers: usize) -> Verified {
    let end = usize::from(first) + count;
    if end <= registers {
        return Ok(());
    }
    wrong(format!("register {} of {registers}", end.saturating_sub(1)))
}

fn own_reach(op: &Op) -> Reach {
    let mut reach = Reach::default();
    match *op {
        Op::LoadField { field, .. } => reach.fields = field.index() + 1,
        Op::LoadInput { index, .. } => reach.inputs = usize::from(index) + 1,
        Op::LoadConfig { index, .. } => reach.configs = usize::from(index) + 1,
        Op::Update { field, .. } => {
            reach.fields = field.index() + 1;
            reach.acts = true;
        }
        Op::Emit { .. } => reach.acts = true,
        _ => {}
    }
    reach
}

/// Every register that is read has been written on all ways there. Jumps go forward, so one pass
/// over the code sees all of them.
fn initialised(check: &Checker<'_>, chunk: &Chunk) -> Verified {
    let mut known: Vec<Option<Vec<bool>>> = vec![None; chunk.code.len() + 1];
    let params = usize::from(chunk.params);
    let mut here: Option<Vec<bool>> = Some(
        (0..usize::from(chunk.registers))
            .map(|reg| reg < params)
            .collect(),
    );
    for (at, op) in chunk.code.iter().enumerate() {
        merge(&mut here, known[at].take());
        let Some(state) = &mut here else { continue };
        let used = Used::of(op, &check.image.consts);
        for (first, count) in used.read {
            let range = usize::from(first)..usize::from(first) + count;
            if count > 0 && !state[range].iter().all(|written| *written) {
                return wrong("reads a register that may not have been written").at(|| format!("code[{at}]"));
            }
        }
        if let Some(dst) = used.written {
            state[usize::from(dst)] = true;
        }
        if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = op {
            merge(&mut known[*to as usize], Some(state.clone()));
        }
        if matches!(op, Op::Jump { .. } | Op::Return { .. } | Op::Fail { .. }) {
            here = None;
        }
    }
    Ok(())
}

/// What is written on both of two ways. A way that does not exist has written everything.
fn merge(into: &mut Option<Vec<bool>>, other: Option<Vec<bool>>) {
    match (into.as_mut(), other) {
        (Some(state), Some(other)) => state.iter_mut().zip(other).for_each(|(a, b)| *a &= b),
        (None, other) => *into = other,
        (Some(_), None) => {}
    }
}
