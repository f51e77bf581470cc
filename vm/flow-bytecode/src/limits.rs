//! Bounds of an image. What they bound in a running program is in the machine's own limits.

/// Size of a whole image file.
pub const IMAGE_BYTES: usize = 256 << 20;

/// Entries of any table: strings, constants, types, chunks, workers, flows, nodes, fields.
pub const TABLE_ENTRIES: usize = 1 << 20;

/// Registers of one chunk.
pub const CHUNK_REGISTERS: u16 = 4096;

/// Instructions of one chunk.
pub const CHUNK_INSTRUCTIONS: usize = 1 << 16;

/// Constants within constants.
pub const CONST_DEPTH: u32 = 64;

/// Values in one constant, parts that it shares with others counted each time.
pub const CONST_VALUES: u64 = 1 << 20;

/// `T?` and `where` around one type, before it comes to something with values.
pub const TYPE_WRAPPERS: u32 = 16;

/// Lists of targets within each other.
pub const TARGET_DEPTH: u32 = 32;
