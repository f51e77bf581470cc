//! A drawing in the language of Graphviz.

use std::fmt::Write;

use flow_bytecode::Schedule;

use super::{Edge, EdgeStyle, GraphModel, Vertex, VertexKind};

/// Writes the digraph.
pub fn dot(model: &GraphModel) -> String {
    let mut out = String::new();
    if let Some(hash) = &model.program {
        let _ = writeln!(out, "// program {hash}");
    }
    let _ = writeln!(out, "digraph {} {{", quoted(&model.flow));
    let _ = writeln!(out, "  compound=true;");
    let _ = writeln!(out, "  node [fontname=\"sans-serif\"];");
    graph(&mut out, model, "", 1);
    out.push_str("}\n");
    out
}

fn graph(out: &mut String, model: &GraphModel, path: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    for vertex in &model.vertices {
        if let Some(inside) = &vertex.inside {
            let inner = format!("{path}{}.", vertex.name);
            let _ = writeln!(
                out,
                "{indent}subgraph {} {{",
                quoted(&format!("cluster_{path}{}", vertex.name))
            );
            let _ = writeln!(out, "{indent}  label={};", quoted(&label(vertex)));
            graph(out, inside, &inner, depth + 1);
            let _ = writeln!(out, "{indent}}}");
            continue;
        }
        let dashed = matches!(vertex.schedule, Schedule::Deferred | Schedule::Finally);
        let style = if dashed { " style=dashed" } else { "" };
        let id = quoted(&format!("{path}{}", vertex.id));
        let _ = writeln!(
            out,
            "{indent}{id} [label={} shape={}{style}];",
            quoted(&label(vertex)),
            shape(vertex.kind)
        );
    }
    for edge in &model.edges {
        self::edge(out, model, edge, path, &indent);
    }
}

fn edge(out: &mut String, model: &GraphModel, edge: &Edge, path: &str, indent: &str) {
    let (from, tail) = endpoint(&model.vertices[edge.from], path, "e_end");
    let (to, head) = endpoint(&model.vertices[edge.to], path, "start");
    let mut options = Vec::new();
    if let Some(label) = &edge.label {
        options.push(format!("label={}", quoted(label)));
    }
    match edge.style {
        EdgeStyle::Solid => {}
        EdgeStyle::Dotted => options.push("style=dotted".to_owned()),
        EdgeStyle::Thick => options.push("style=bold".to_owned()),
    }
    options.extend(tail.map(|cluster| format!("ltail={}", quoted(&cluster))));
    options.extend(head.map(|cluster| format!("lhead={}", quoted(&cluster))));
    let options = if options.is_empty() {
        String::new()
    } else {
        format!(" [{}]", options.join(" "))
    };
    let _ = writeln!(out, "{indent}{} -> {}{options};", quoted(&from), quoted(&to));
}

/// The vertex an edge is drawn at, and the cluster that it is clipped to. An opened subgraph has no
/// vertex of its own: edges go to its `start`, and leave from its `end` where it has one.
fn endpoint(vertex: &Vertex, path: &str, inner: &str) -> (String, Option<String>) {
    let Some(inside) = &vertex.inside else {
        return (format!("{path}{}", vertex.id), None);
    };
    let known = inside.vertices.iter().any(|v| v.id == inner);
    let anchor = if known { inner } else { "start" };
    (
        format!("{path}{}.{anchor}", vertex.name),
        Some(format!("cluster_{path}{}", vertex.name)),
    )
}

fn label(vertex: &Vertex) -> String {
    match &vertex.detail {
        Some(detail) => format!("{}\n{detail}", vertex.name),
        None => vertex.name.clone(),
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn shape(kind: VertexKind) -> &'static str {
    match kind {
        VertexKind::Start
        | VertexKind::End
        | VertexKind::Halt
        | VertexKind::Fail
        | VertexKind::Cancel
        | VertexKind::Failure => "oval",
        VertexKind::Task => "box",
        VertexKind::Agent => "box3d",
        VertexKind::Transform => "parallelogram",
        VertexKind::Route => "diamond",
        VertexKind::Send => "trapezium",
        VertexKind::Subgraph => "component",
        VertexKind::Interrupt => "doublecircle",
        VertexKind::Wait => "cds",
        VertexKind::Join => "hexagon",
    }
}
