//! Verification: what makes an image acceptable to the machine. Everything that the machine indexes
//! with, calls or recurses over is checked here once, so that a damaged or hostile image is an error
//! and never a crash. Code is in `verify/code`, flows in `verify/flows`, the other tables in
//! `verify/tables`, what may not be circular in `verify/cycles`,
//! tests in `verify/tests`.

mod code;
mod cycles;
mod flows;
mod tables;
mod tests;

use std::fmt;

use crate::container::encode;
use crate::ids::{ChunkId, ConstId, FieldId, FlowId, NodeId, StrId, TypeId, WorkerId};
use crate::image::{Image, SourceSpan};
use crate::limits::TABLE_ENTRIES;

/// An image that has been verified. Made by [`verify`] and nothing else.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    image: Image,
    hash: [u8; 32],
}

/// Why an image is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Where in the image (`chunks[3].code[7]`).
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

/// Checks everything that the machine relies on.
pub fn verify(image: Image) -> Result<VerifiedImage, VerifyError> {
    let check = Checker { image: &image };
    check.tables()?;
    cycles::check(&image)?;
    let reach = check.chunks()?;
    check.uses_outside_flows(&reach)?;
    check.flows(&reach)?;
    check.tests(&reach)?;
    let hash = *blake3::hash(&encode(&image)).as_bytes();
    Ok(VerifiedImage { image, hash })
}

impl VerifiedImage {
    /// The tables.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The hash that names the program: BLAKE3 of its bytes.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

type Verified<T = ()> = Result<T, VerifyError>;

/// Looks at one image.
struct Checker<'a> {
    image: &'a Image,
}

/// What `verify` says is wrong, at a place that is still to be named.
fn wrong<T>(message: impl Into<String>) -> Verified<T> {
    Err(VerifyError {
        place: String::new(),
        message: message.into(),
    })
}

/// Names the place of a failure, from the inside out.
trait At<T> {
    fn at(self, place: impl FnOnce() -> String) -> Verified<T>;
}

impl<T> At<T> for Verified<T> {
    fn at(self, place: impl FnOnce() -> String) -> Verified<T> {
        self.map_err(|mut error| {
            let inner = std::mem::take(&mut error.place);
            let between = if inner.is_empty() || inner.starts_with('[') {
                ""
            } else {
                "."
            };
            error.place = format!("{}{between}{inner}", place());
            error
        })
    }
}

impl Checker<'_> {
    fn str(&self, id: StrId) -> Verified {
        in_table(id.index(), self.image.strings.len(), "string")
    }

    fn strs(&self, ids: impl IntoIterator<Item = StrId>) -> Verified {
        ids.into_iter().try_for_each(|id| self.str(id))
    }

    fn constant(&self, id: ConstId) -> Verified {
        in_table(id.index(), self.image.consts.len(), "constant")
    }

    fn ty(&self, id: TypeId) -> Verified {
        in_table(id.index(), self.image.types.len(), "type")
    }

    /// A chunk that takes one of these numbers of parameters.
    fn chunk(&self, id: ChunkId, params: &[usize]) -> Verified {
        in_table(id.index(), self.image.chunks.len(), "chunk")?;
        let found = usize::from(self.image.chunks[id.index()].params);
        if params.contains(&found) {
            return Ok(());
        }
        let wanted: Vec<String> = params.iter().map(ToString::to_string).collect();
        wrong(format!(
            "chunk {} takes {found} parameters; here it must take {}",
            id.0,
            wanted.join(" or ")
        ))
    }

    fn worker(&self, id: WorkerId) -> Verified {
        in_table(id.index(), self.image.workers.len(), "worker")
    }

    fn flow_id(&self, id: FlowId) -> Verified {
        in_table(id.index(), self.image.flows.len(), "flow")
    }

    /// A range of a source file. A stripped image has no files, and then no ranges that count.
    fn span(&self, span: SourceSpan) -> Verified {
        let files = &self.image.debug.files;
        if files.is_empty() {
            return Ok(());
        }
        in_table(span.file as usize, files.len(), "source file")?;
        let text = &files[span.file as usize].text;
        let (start, end) = (span.start as usize, span.end as usize);
        if start <= end && text.is_char_boundary(start) && text.is_char_boundary(end) {
            return Ok(());
        }
        wrong(format!(
            "bytes {start}..{end} are not a part of the text of file {}",
            span.file
        ))
    }
}

fn in_table(index: usize, len: usize, what: &str) -> Verified {
    if index < len {
        return Ok(());
    }
    wrong(format!("there is no {what} {index}; there are {len}"))
}

fn node_id(id: NodeId, nodes: usize) -> Verified {
    in_table(id.index(), nodes, "node")
}

fn field_id(id: FieldId, fields: usize) -> Verified {
    in_table(id.index(), fields, "field")
}

fn sized(len: usize, what: &str) -> Verified {
    if len <= TABLE_ENTRIES {
        return Ok(());
    }
    wrong(format!("{len} {what}; there may be {TABLE_ENTRIES}"))
}

/// Names of one scope are distinct.
fn distinct(image: &Image, names: impl Iterator<Item = StrId>) -> Verified {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(image.str(name)) {
            return wrong(format!("`{}` is there twice", image.str(name)));
        }
    }
    Ok(())
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for VerifyError {}
