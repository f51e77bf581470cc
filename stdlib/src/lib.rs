//! The `.flow` modules behind `import std.…`, embedded. One file per module in `std/`; nothing else is here.

/// All modules: the name behind `import`, and the text.
pub const MODULES: &[(&str, &str)] = &[("std.chat", include_str!("../std/chat.flow"))];

/// The text of a module.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
