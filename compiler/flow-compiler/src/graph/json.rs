//! A drawing as JSON, for programs: `{"version": 1, "flow": …, "vertices": […], "edges": […]}`.

use serde_json::{Value, json};

use flow_bytecode::Schedule;

use super::{EdgeStyle, GraphModel, Vertex};

/// The version of this form.
const VERSION: u32 = 1;

/// Makes the value.
pub fn json(model: &GraphModel) -> Value {
    let edges = model.edges.iter().map(|edge| {
        json!({
            "from": model.vertices[edge.from].id,
            "to": model.vertices[edge.to].id,
            "label": edge.label,
            "style": match edge.style {
                EdgeStyle::Solid => "solid",
                EdgeStyle::Dotted => "dotted",
                EdgeStyle::Thick => "thick",
            },
        })
    });
    json!({
        "version": VERSION,
        "flow": model.flow,
        "program": model.program,
        "vertices": model.vertices.iter().map(vertex).collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    })
}

fn vertex(vertex: &Vertex) -> Value {
    json!({
        "id": vertex.id,
        "name": vertex.name,
        "kind": vertex.kind.word(),
        "detail": vertex.detail,
        "schedule": match vertex.schedule {
            Schedule::Normal => "normal",
            Schedule::Deferred => "defer",
            Schedule::Finally => "finally",
            Schedule::Standing => "standing",
        },
        "doc": vertex.doc,
        "inside": vertex.inside.as_ref().map(json),
    })
}
