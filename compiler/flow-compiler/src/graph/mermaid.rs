//! A drawing as a Mermaid flowchart. Every id has a prefix, because words like `end` are not ids;
//! every label is quoted and escaped, because some characters are dropped in silence.

use std::fmt::Write;

use flow_bytecode::Schedule;

use super::{Edge, EdgeStyle, GraphModel, Vertex, VertexKind};

/// The classes, one per kind, and how they look.
const CLASSES: &[(&str, &str)] = &[
    ("entry", "fill:#e8f5e9,stroke:#2e7d32"),
    ("exit", "fill:#eceff1,stroke:#546e7a"),
    ("task", "fill:#e3f2fd,stroke:#1565c0"),
    ("llm", "fill:#ede7f6,stroke:#5e35b1"),
    ("human", "fill:#fff3e0,stroke:#ef6c00"),
    ("route", "fill:#fffde7,stroke:#f9a825"),
    ("failed", "fill:#ffebee,stroke:#c62828"),
    ("sub", "fill:#e0f2f1,stroke:#00695c"),
    ("defer", "stroke-dasharray:5 5"),
];

/// Writes the flowchart.
pub fn mermaid(model: &GraphModel) -> String {
    let mut out = Out {
        text: String::new(),
        classes: Vec::new(),
    };
    match &model.program {
        Some(hash) => out.line(0, &format!("%% flow {}, program {hash}", model.flow)),
        None => out.line(0, &format!("%% flow {}", model.flow)),
    }
    out.line(0, "flowchart TD");
    out.graph(model, &[], 1);
    for (class, style) in CLASSES {
        let members: Vec<_> = out
            .classes
            .iter()
            .filter(|(c, _)| c == class)
            .map(|(_, id)| id.clone())
            .collect();
        if !members.is_empty() {
            out.line(1, &format!("classDef {class} {style}"));
            out.line(1, &format!("class {} {class}", members.join(",")));
        }
    }
    out.text
}

/// A label as Mermaid shows it unchanged.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' | ';' | ':' | '`' | '\\' | '%' | '{' | '}' | '|' => push_code(&mut out, c),
            // At the beginning these would make a list of the label.
            '-' | '+' | '*' if at == 0 => push_code(&mut out, c),
            '.' | ')' if text[..at].chars().all(|c| c.is_ascii_digit()) => push_code(&mut out, c),
            '\n' => out.push_str("<br/>"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    if out.trim().is_empty() {
        " ".to_owned()
    } else {
        out
    }
}

fn push_code(out: &mut String, c: char) {
    let _ = write!(out, "#{};", u32::from(c));
}

struct Out {
    text: String,
    classes: Vec<(&'static str, String)>,
}

impl Out {
    fn line(&mut self, depth: usize, line: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn graph(&mut self, model: &GraphModel, path: &[&str], depth: usize) {
        for vertex in &model.vertices {
            self.vertex(vertex, path, depth);
        }
        for edge in &model.edges {
            self.edge(model, edge, path, depth);
        }
    }

    fn vertex(&mut self, vertex: &Vertex, path: &[&str], depth: usize) {
        let id = id(vertex, path);
        if let Some(inside) = &vertex.inside {
            self.line(depth, &format!("subgraph {id}[\"{}\"]", label(vertex)));
            let path: Vec<_> = path.iter().copied().chain([vertex.name.as_str()]).collect();
            self.graph(inside, &path, depth + 1);
            self.line(depth, "end");
            return;
        }
        let (open, close) = brackets(vertex.kind);
        self.line(depth, &format!("{id}{open}\"{}\"{close}", label(vertex)));
        if matches!(vertex.schedule, Schedule::Deferred | Schedule::Finally) {
            self.classes.push(("defer", id.clone()));
        }
        if let Some(class) = class(vertex.kind) {
            self.classes.push((class, id));
        }
    }

    fn edge(&mut self, model: &GraphModel, edge: &Edge, path: &[&str], depth: usize) {
        let from = id(&model.vertices[edge.from], path);
        let to = id(&model.vertices[edge.to], path);
        let arrow = match edge.style {
            EdgeStyle::Solid => "-->",
            EdgeStyle::Dotted => "-.->",
            EdgeStyle::Thick => "==>",
        };
        let line = match &edge.label {
            Some(text) => format!("{from} {arrow}|\"{}\"| {to}", escape(text)),
            None => format!("{from} {arrow} {to}"),
        };
        self.line(depth, &line);
    }
}

/// Opened subgraphs have ids of their own; what is inside carries the path to it, in hexadecimal
/// where it is not a letter or digit, so that no two are alike.
fn id(vertex: &Vertex, path: &[&str]) -> String {
    let own = match (&vertex.inside, vertex.kind) {
        (Some(_), _) => format!("s_{}", vertex.name),
        (None, VertexKind::Start) => "e_start".to_owned(),
        _ => vertex.id.clone(),
    };
    if path.is_empty() {
        return own;
    }
    let full: Vec<_> = path.iter().copied().chain([own.as_str()]).collect();
    let mut out = String::from("i_");
    for c in full.join(".").chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else {
            let _ = write!(out, "_{:x}_", u32::from(c));
        }
    }
    out
}

fn label(vertex: &Vertex) -> String {
    let name = escape(&vertex.name);
    match &vertex.detail {
        Some(detail) => format!("{name}<br/>{}", escape(detail)),
        None => name,
    }
}

fn brackets(kind: VertexKind) -> (&'static str, &'static str) {
    match kind {
        VertexKind::Start
        | VertexKind::End
        | VertexKind::Halt
        | VertexKind::Fail
        | VertexKind::Cancel
        | VertexKind::Failure => ("([", "])"),
        VertexKind::Task => ("[", "]"),
        VertexKind::Agent | VertexKind::Wait => ("(", ")"),
        VertexKind::Transform => ("[/", "/]"),
        VertexKind::Route => ("{", "}"),
        VertexKind::Send | VertexKind::Join => ("{{", "}}"),
        VertexKind::Subgraph => ("[[", "]]"),
        VertexKind::Interrupt => ("(((", ")))"),
    }
}

fn class(kind: VertexKind) -> Option<&'static str> {
    match kind {
        VertexKind::Start => Some("entry"),
        VertexKind::End | VertexKind::Halt | VertexKind::Fail | VertexKind::Cancel => Some("exit"),
        VertexKind::Failure => Some("failed"),
        VertexKind::Task => Some("task"),
        VertexKind::Agent => Some("llm"),
        VertexKind::Interrupt | VertexKind::Wait => Some("human"),
        VertexKind::Route | VertexKind::Send => Some("route"),
        VertexKind::Subgraph => Some("sub"),
        VertexKind::Transform | VertexKind::Join => None,
    }
}
