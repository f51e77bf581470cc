//! The border between values and JSON: checks by type with paths on the way in, text on the way out.

mod check;
mod json;
mod source;
mod text;
mod types;
mod update;

pub use check::{check_json, check_value};
pub(crate) use json::canonical_json;
pub use json::{canonical_bytes, plain_value, to_json};
pub use text::{duration_text, iso_duration, rfc3339, text};
pub use types::type_name;
pub use update::check_update;
