//! How much a source may contain. What these bound is the stack: everything that walks a tree recurses.

/// Levels of brackets, and of what nests without brackets (`if`, `match`, lambdas, types of functions).
pub(crate) const MAX_NESTING: usize = 64;

/// Operators, calls and fields on the way from an expression to its deepest part.
pub(crate) const MAX_CHAIN: u32 = 512;

/// Bytes of one file: spans are 32 bits wide.
pub(crate) const MAX_FILE_BYTES: usize = u32::MAX as usize - 1;
