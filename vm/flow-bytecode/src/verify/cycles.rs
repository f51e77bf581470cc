//! What may not be circular or endlessly deep: constants, types that never come to a value, calls.

use super::{At, Verified, wrong};
use crate::ids::ConstId;
use crate::image::{Image, Type};
use crate::limits::{CONST_DEPTH, CONST_VALUES, TYPE_WRAPPERS};
use crate::op::Op;

/// Checks all three. Ids of constants and types are in range; those in code may not be.
pub(super) fn check(image: &Image) -> Verified {
    consts(image)?;
    types(image)?;
    calls(image)
}

/// Depth and size of every constant, parts before wholes.
fn consts(image: &Image) -> Verified {
    let parts = |at: usize| image.consts[at].parts().map(ConstId::index).collect();
    let order = in_order(image.consts.len(), parts).map_err(|at| circle("consts", at))?;
    let mut measures = vec![(0_u32, 0_u64); image.consts.len()];
    for at in order {
        let (mut depth, mut size) = (0, 1_u64);
        for part in image.consts[at].parts() {
            let (inner, values) = measures[part.index()];
            depth = depth.max(inner + 1);
            size = size.saturating_add(values);
        }
        if depth > CONST_DEPTH || size > CONST_VALUES {
            return wrong(format!(
                "deeper than {CONST_DEPTH} or larger than {CONST_VALUES} values"
            ))
            .at(|| format!("consts[{at}]"));
        }
        measures[at] = (depth, size);
    }
    Ok(())
}

/// From every type a few `?` and `where` lead to something that has values.
fn types(image: &Image) -> Verified {
    for at in 0..image.types.len() {
        let mut inner = at;
        let mut wrappers = 0;
        while let Type::Nullable(base) | Type::Refined { base, .. } = &image.types[inner] {
            inner = base.index();
            wrappers += 1;
            if wrappers > TYPE_WRAPPERS {
                return wrong("leads to no type with values").at(|| format!("types[{at}]"));
            }
        }
    }
    Ok(())
}

/// No chunk calls itself, directly or round a corner.
fn calls(image: &Image) -> Verified {
    let count = image.chunks.len();
    let callees = |at: usize| {
        image.chunks[at]
            .code
            .iter()
            .filter_map(callee)
            .filter(|c| *c < count)
            .collect()
    };
    in_order(count, callees)
        .map(drop)
        .map_err(|at| circle("chunks", at))
}

/// The chunk that an instruction may lead into.
pub(super) fn callee(op: &Op) -> Option<usize> {
    match op {
        Op::Call { chunk, .. } | Op::Closure { chunk, .. } => Some(chunk.index()),
        _ => None,
    }
}

/// All positions, those that a position depends on before it; or one that depends on itself.
pub(super) fn in_order(count: usize, parts: impl Fn(usize) -> Vec<usize>) -> Result<Vec<usize>, usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; count];
    let mut order = Vec::with_capacity(count);
    for root in 0..count {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::Open;
        let mut open = vec![(root, parts(root))];
        while let Some((at, rest)) = open.last_mut() {
            let Some(part) = rest.pop() else {
                marks[*at] = Mark::Done;
                order.push(*at);
                open.pop();
                continue;
            };
            match marks[part] {
                Mark::Open => return Err(part),
                Mark::Done => {}
                Mark::New => {
                    marks[part] = Mark::Open;
                    open.push((part, parts(part)));
                }
            }
        }
    }
    Ok(order)
}

fn circle(table: &str, at: usize) -> super::VerifyError {
    super::VerifyError {
        place: format!("{table}[{at}]"),
        message: "depends on itself".into(),
    }
}
