//! Colours and sizes of a picture, for light and dark. Colours stand in the rules themselves, not in variables: some
//! viewers know none, and show the light ones then.

use std::fmt::Write;

/// The sizes of texts, in pixels.
pub(super) const NAME_SIZE: f64 = 14.0;
pub(super) const DETAIL_SIZE: f64 = 11.5;
pub(super) const LABEL_SIZE: f64 = 11.5;

/// What does not change with the scheme.
const FIXED: &str = "\
.flow text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; text-anchor: middle }
.flow .name { font-size: 14px; font-weight: 600 }
.flow .detail, .flow .words { font-size: 11.5px }
.flow .shape { stroke-width: 1.5 }
.flow .inner { fill: none; stroke-width: 1 }
.flow .held > .shape { stroke-dasharray: 6 4 }
.flow .line { fill: none; stroke-width: 1.5 }
.flow .dotted .line { stroke-dasharray: 2 4; stroke-linecap: round }
.flow .thick .line { stroke-width: 3 }
";

/// Colours of one scheme.
struct Scheme {
    paper: &'static str,
    text: &'static str,
    faint: &'static str,
    line: &'static str,
    frame: &'static str,
    /// Kinds, and their filling and outline.
    kinds: &'static [(&'static str, &'static str, &'static str)],
}

const LIGHT: Scheme = Scheme {
    paper: "#ffffff",
    text: "#1c2128",
    faint: "#57606a",
    line: "#7d8590",
    frame: "#f6f8fa",
    kinds: &[
        ("start", "#dcf5e3", "#2c8a4b"),
        ("end", "#eceff2", "#6a737d"),
        ("halt", "#eceff2", "#6a737d"),
        ("fail", "#fde7e7", "#c53a3a"),
        ("cancel", "#fde7e7", "#c53a3a"),
        ("failure", "#fde7e7", "#c53a3a"),
        ("task", "#e3effd", "#2f6fc4"),
        ("agent", "#eee7fc", "#7446c6"),
        ("transform", "#eef1f4", "#5c6b7a"),
        ("route", "#fff4cf", "#b98a08"),
        ("send", "#fde9f3", "#b8457f"),
        ("join", "#e6e9fb", "#525fc0"),
        ("subgraph", "#ddf3f1", "#1b8378"),
        ("interrupt", "#ffe9d6", "#cc6a14"),
        ("wait", "#fdf0dd", "#b9782b"),
    ],
};

const DARK: Scheme = Scheme {
    paper: "#0d1117",
    text: "#e6edf3",
    faint: "#9aa4af",
    line: "#768390",
    frame: "#151b23",
    kinds: &[
        ("start", "#12311f", "#3fb868"),
        ("end", "#21262d", "#8b949e"),
        ("halt", "#21262d", "#8b949e"),
        ("fail", "#3a1618", "#f0686a"),
        ("cancel", "#3a1618", "#f0686a"),
        ("failure", "#3a1618", "#f0686a"),
        ("task", "#122a48", "#5a9cf0"),
        ("agent", "#271c45", "#a27df0"),
        ("transform", "#1f262e", "#8a99a8"),
        ("route", "#332908", "#dcab27"),
        ("send", "#38172a", "#e277ae"),
        ("join", "#1d2147", "#8893f0"),
        ("subgraph", "#0e302d", "#3fb5a8"),
        ("interrupt", "#3b2209", "#f0923e"),
        ("wait", "#332410", "#dba457"),
    ],
};

/// The style sheet.
pub(super) fn sheet() -> String {
    let mut out = String::from(FIXED);
    LIGHT.rules(&mut out);
    out.push_str("@media (prefers-color-scheme: dark) {\n");
    DARK.rules(&mut out);
    out.push_str("}\n");
    out
}

impl Scheme {
    fn rules(&self, out: &mut String) {
        let Self {
            paper,
            text,
            faint,
            line,
            frame,
            kinds,
        } = self;
        let _ = writeln!(out, ".flow .paper, .flow .label rect {{ fill: {paper} }}");
        let _ = writeln!(out, ".flow .name {{ fill: {text} }}");
        let _ = writeln!(out, ".flow .detail, .flow .words {{ fill: {faint} }}");
        let _ = writeln!(out, ".flow .line {{ stroke: {line} }}");
        let _ = writeln!(out, ".flow .tip {{ fill: {line} }}");
        for (kind, fill, stroke) in *kinds {
            let _ = writeln!(out, ".flow .{kind} > .shape {{ fill: {fill}; stroke: {stroke} }}");
            let _ = writeln!(out, ".flow .{kind} > .inner {{ stroke: {stroke} }}");
        }
        let _ = writeln!(out, ".flow .open > .shape {{ fill: {frame} }}");
    }
}
