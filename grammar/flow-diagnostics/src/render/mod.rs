//! Diagnostics as people and programs read them: one file per format.

mod github;
mod human;
mod json;
mod sarif;

pub use github::github;
pub use human::{Human, HumanOptions};
pub use json::{json, json_value};
pub use sarif::sarif;
