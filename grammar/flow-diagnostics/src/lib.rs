//! What Flow says to people about their source, and where in the source it says it.
//!
//! Glossary, in the order in which one meets them:
//!
//! - [`FileId`], [`Span`]: a place, as two byte offsets and a file; never a line or a column.
//! - [`SourceMap`]: the files of a compilation; turns a place into path, line and column ([`Position`]).
//! - [`Code`]: the name of a kind of finding (`F0501`), with a title, a severity and a page that explains it.
//! - [`Diagnostic`]: one finding, with labels on every place involved, help and fixes.
//!
//! Nothing here reads a file, and nothing here knows the grammar or the types of the language.

mod code;
pub mod codes;
mod diagnostic;
pub mod render;
mod source;
mod span;

pub use code::{Code, CodeInfo, Severity};
pub use diagnostic::{Diagnostic, Edit, Fix, Label};
pub use source::{LineIndex, Position, SourceFile, SourceMap};
pub use span::{FileId, Span};
