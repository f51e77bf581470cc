//! Images as bytes: a header, a table of sections, the sections. What the tables mean is checked by
//! `verify`; here, that the bytes are an image at all.
//!
//! ```text
//! 0   "FLOWB"          magic
//! 5   0                reserved
//! 6   u16              format version
//! 8   [u8; 32]         BLAKE3 of everything behind it
//! 40  u32              number of sections
//! 44  {u32, u32, u32}  of each: kind, offset from the start of the file, length
//!     …                the sections, in order, without gaps; postcard
//! ```
//!
//! Numbers are little-endian.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::image::Image;
use crate::limits::IMAGE_BYTES;

/// The version of the format that this crate writes and reads.
pub const FORMAT_VERSION: u16 = 2;

const MAGIC: &[u8; 6] = b"FLOWB\0";
const HASH_AT: usize = 8;
const TABLE_AT: usize = 40;
const ENTRY_BYTES: usize = 12;

/// The sections, in the order in which they are written. Their position is their kind.
const SECTIONS: [&str; 9] = [
    "strings", "consts", "types", "chunks", "workers", "flows", "secrets", "tests", "debug",
];

/// Why bytes are not an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub message: String,
    /// The section it is in.
    pub section: Option<&'static str>,
    /// The byte at which the header field, table entry or section begins.
    pub offset: usize,
}

/// An image as bytes. Equal images give equal bytes.
pub fn encode(image: &Image) -> Vec<u8> {
    let sections = [
        section(&image.strings),
        section(&image.consts),
        section(&image.types),
        section(&image.chunks),
        section(&image.workers),
        section(&image.flows),
        section(&image.secrets),
        section(&image.tests),
        section(&image.debug),
    ];
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 32]);
    bytes.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    let mut offset = bytes.len() + sections.len() * ENTRY_BYTES;
    for (kind, section) in (0_u32..).zip(&sections) {
        for number in [kind, offset as u32, section.len() as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        offset += section.len();
    }
    bytes.extend(sections.iter().flatten());
    seal(&mut bytes);
    bytes
}

/// Writes the hash of what follows the header into the header, for files that were made otherwise than by [`encode`].
/// A file that ends within its header is left as it is.
pub fn seal(bytes: &mut [u8]) {
    if let Some((header, content)) = bytes.split_at_mut_checked(TABLE_AT) {
        header[HASH_AT..].copy_from_slice(blake3::hash(content).as_bytes());
    }
}

/// The image in some bytes. Any damage is an error; so is anything that `encode` would not write.
pub fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    let table = read_header(bytes)?;
    Ok(Image {
        strings: table.section(0)?,
        consts: table.section(1)?,
        types: table.section(2)?,
        chunks: table.section(3)?,
        workers: table.section(4)?,
        flows: table.section(5)?,
        secrets: table.section(6)?,
        tests: table.section(7)?,
        debug: table.section(8)?,
    })
}

#[expect(
    clippy::expect_used,
    reason = "writing plain data to memory fails for no image"
)]
fn section<T: Serialize>(table: &T) -> Vec<u8> {
    postcard::to_stdvec(table).expect("plain data can be written")
}

/// The sections of a file, found and measured.
struct Table<'a> {
    bytes: &'a [u8],
    /// Start and end of each section.
    sections: Vec<(usize, usize)>,
}

impl Table<'_> {
    fn section<T: DeserializeOwned>(&self, kind: usize) -> Result<T, DecodeError> {
        let (start, end) = self.sections[kind];
        let error = |message: String| DecodeError {
            message,
            section: Some(SECTIONS[kind]),
            offset: start,
        };
        match postcard::take_from_bytes(&self.bytes[start..end]) {
            Ok((table, [])) => Ok(table),
            Ok((_, rest)) => Err(error(format!("{} bytes are left over", rest.len()))),
            Err(problem) => Err(error(format!("cannot be read: {problem}"))),
        }
    }
}

fn read_header(bytes: &[u8]) -> Result<Table<'_>, DecodeError> {
    let error = |offset: usize, message: String| {
        Err(DecodeError {
            message,
            section: None,
            offset,
        })
    };
    if bytes.len() > IMAGE_BYTES {
        return error(0, format!("larger than {IMAGE_BYTES} bytes"));
    }
    if !bytes.starts_with(MAGIC) {
        return error(0, "not an image of Flow: it does not begin with FLOWB".into());
    }
    let version = bytes
        .get(6..8)
        .map(|field| u16::from_le_bytes([field[0], field[1]]));
    if let Some(version) = version.filter(|version| *version != FORMAT_VERSION) {
        return error(
            6,
            format!("format version {version}; this build reads version {FORMAT_VERSION}"),
        );
    }
    let (Some(hash), Some(count)) = (bytes.get(HASH_AT..TABLE_AT), number(bytes, TABLE_AT)) else {
        return error(bytes.len(), "cut off within the header".into());
    };
    if blake3::hash(&bytes[TABLE_AT..]).as_bytes() != hash {
        return error(HASH_AT, "damaged: the content does not match its hash".into());
    }
    if count != SECTIONS.len() {
        return error(
            TABLE_AT,
            format!("{count} sections; there must be {}", SECTIONS.len()),
        );
    }
    let mut expected = TABLE_AT + 4 + SECTIONS.len() * ENTRY_BYTES;
    let mut sections = Vec::with_capacity(SECTIONS.len());
    for (kind, name) in SECTIONS.iter().enumerate() {
        let at = TABLE_AT + 4 + kind * ENTRY_BYTES;
        let entry = (number(bytes, at), number(bytes, at + 4), number(bytes, at + 8));
        let (Some(found), Some(offset), Some(length)) = entry else {
            return error(bytes.len(), "cut off within the table of sections".into());
        };
        let end = offset.saturating_add(length);
        if found != kind || offset != expected || end > bytes.len() {
            return error(at, format!("the entry of section `{name}` does not fit the file"));
        }
        sections.push((offset, end));
        expected = end;
    }
    if expected != bytes.len() {
        return error(
            expected,
            format!("{} bytes behind the last section", bytes.len() - expected),
        );
    }
    Ok(Table { bytes, sections })
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([field[0], field[1], field[2], field[3]]) as usize)
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.section {
            Some(section) => write!(f, "section `{section}` at byte {}: {}", self.offset, self.message),
            None => write!(f, "at byte {}: {}", self.offset, self.message),
        }
    }
}

impl std::error::Error for DecodeError {}
