//! The `.flow` modules behind `import std.…`, embedded. One file per module in `std/`; nothing else is here.

/// All modules: the name behind `import`, and the text.
pub const MODULES: &[(&str, &str)] = &[
    ("std.chat", include_str!("../std/chat.flow")),
    ("std.exec", include_str!("../std/exec.flow")),
    ("std.http", include_str!("../std/http.flow")),
    ("std.list", include_str!("../std/list.flow")),
    ("std.store", include_str!("../std/store.flow")),
    ("std.text", include_str!("../std/text.flow")),
    ("std.time", include_str!("../std/time.flow")),
];

/// The text of a module.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
