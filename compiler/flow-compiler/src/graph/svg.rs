//! A drawing as SVG that stands alone: laid out by `layout`, painted here. It follows the reader's colour scheme, and
//! the same drawing is the same bytes. How boxes look is in `shape`, colours are in `style`, how texts are cut is in
//! `text`. Opened subgraphs are drawn inside a box of their own.

mod shape;
mod style;
mod text;

use std::fmt::Write;

use flow_bytecode::Schedule;

use super::layout::{Layout, Outline, Point, Route, Size, Wire, layout};
use super::{Edge, EdgeStyle, GraphModel, Vertex};
use text::{escape, lines, wide};

/// The space around the whole drawing.
const MARGIN: f64 = 20.0;
/// The space around what is inside an opened subgraph, and for its title.
const FRAME: f64 = 18.0;
const TITLE: f64 = 28.0;
/// The height of a line of a label, and the space around the label.
const LABEL_LINE: f64 = 15.0;
const LABEL_PAD: f64 = 6.0;
/// How many characters of a label stand on a line, and how many lines there are at most. All of it is in the tooltip.
const LABEL_CHARS: usize = 30;
const LABEL_LINES: usize = 2;

/// Writes the picture.
pub fn svg(model: &GraphModel) -> String {
    let scene = Scene::new(model, "");
    let (width, height) = (
        scene.layout.width + 2.0 * MARGIN,
        scene.layout.height + 2.0 * MARGIN,
    );
    let mut out = String::new();
    let name = escape(&model.flow);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flow\" role=\"img\" aria-label=\"flow {name}\" \
         width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">",
        number(width),
        number(height)
    );
    let _ = writeln!(out, "<title>flow {name}</title>");
    if let Some(program) = &model.program {
        let _ = writeln!(out, "<desc>program {}</desc>", escape(program));
    }
    let _ = writeln!(out, "<style>\n{}</style>", style::sheet());
    out.push_str("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
    scene.paint(&mut out, Point { x: MARGIN, y: MARGIN });
    out.push_str("</svg>\n");
    out
}

/// A model and where everything of it is.
struct Scene<'m> {
    model: &'m GraphModel,
    /// Before the ids of what is inside a subgraph.
    path: String,
    faces: Vec<Face<'m>>,
    labels: Vec<Vec<String>>,
    layout: Layout,
}

/// A vertex as it is shown.
struct Face<'m> {
    vertex: &'m Vertex,
    size: Size,
    name: String,
    detail: Option<String>,
    inside: Option<Box<Scene<'m>>>,
}

impl<'m> Scene<'m> {
    fn new(model: &'m GraphModel, path: &str) -> Self {
        let faces: Vec<_> = model
            .vertices
            .iter()
            .map(|vertex| Face::new(vertex, path))
            .collect();
        let labels: Vec<_> = model
            .edges
            .iter()
            .map(|edge| {
                lines(
                    edge.label.as_deref().unwrap_or_default(),
                    LABEL_CHARS,
                    LABEL_LINES,
                )
            })
            .collect();
        let sizes: Vec<_> = faces.iter().map(|face| face.size).collect();
        let wire = |(edge, lines): (&Edge, &Vec<String>)| Wire {
            from: edge.from,
            to: edge.to,
            label: label_size(lines),
        };
        let wires: Vec<_> = model.edges.iter().zip(&labels).map(wire).collect();
        let layout = layout(&sizes, &wires);
        Self {
            model,
            path: path.to_owned(),
            faces,
            labels,
            layout,
        }
    }

    /// Edges first, so that boxes lie over their ends, and labels last, over everything.
    fn paint(&self, out: &mut String, at: Point) {
        for (edge, route) in self.model.edges.iter().zip(&self.layout.routes) {
            self.edge(out, edge, route, at);
        }
        for (face, centre) in self.faces.iter().zip(&self.layout.boxes) {
            self.face(out, face, moved(*centre, at));
        }
        for ((edge, lines), route) in self.model.edges.iter().zip(&self.labels).zip(&self.layout.routes) {
            if let Some(centre) = route.label {
                label(out, edge, lines, moved(centre, at));
            }
        }
    }

    fn edge(&self, out: &mut String, edge: &Edge, route: &Route, at: Point) {
        let points: Vec<Point> = route.points.iter().map(|point| moved(*point, at)).collect();
        let style = match edge.style {
            EdgeStyle::Solid => "",
            EdgeStyle::Dotted => " dotted",
            EdgeStyle::Thick => " thick",
        };
        let end = |vertex: usize| escape(&format!("{}{}", self.path, self.model.vertices[vertex].id));
        let _ = writeln!(
            out,
            "<g class=\"edge{style}\" data-from=\"{}\" data-to=\"{}\"><path class=\"line\" d=\"{}\"/>\
             <path class=\"tip\" d=\"{}\"/></g>",
            end(edge.from),
            end(edge.to),
            shape::curve(&points, route.looped),
            shape::tip(&points, route.looped)
        );
    }

    fn face(&self, out: &mut String, face: &Face<'_>, centre: Point) {
        let vertex = face.vertex;
        let dashed = matches!(vertex.schedule, Schedule::Deferred | Schedule::Finally);
        let _ = writeln!(
            out,
            "<g class=\"node {}{}{}\" data-id=\"{}\">",
            vertex.kind.word(),
            if dashed { " held" } else { "" },
            if face.inside.is_some() { " open" } else { "" },
            escape(&format!("{}{}", self.path, vertex.id))
        );
        let mut told = format!("{} {}", vertex.kind.word(), vertex.name);
        for more in vertex.detail.iter().chain(&vertex.doc) {
            told.push('\n');
            told.push_str(more);
        }
        let _ = writeln!(out, "<title>{}</title>", escape(&told));
        shape::shape(out, vertex.kind, &face.size, centre, face.inside.is_some());
        let top = centre.y - face.size.height / 2.0;
        let name_y = match (&face.inside, &face.detail) {
            (Some(_), _) => top + 19.0,
            (None, Some(_)) => centre.y - 3.0,
            (None, None) => centre.y + 5.0,
        };
        text_at(out, "name", centre.x, name_y, &face.name);
        if let (Some(detail), None) = (&face.detail, &face.inside) {
            text_at(out, "detail", centre.x, name_y + 16.0, detail);
        }
        if let Some(inside) = &face.inside {
            let at = Point {
                x: centre.x - inside.layout.width / 2.0,
                y: top + TITLE + FRAME / 2.0,
            };
            inside.paint(out, at);
        }
        out.push_str("</g>\n");
    }
}

impl<'m> Face<'m> {
    fn new(vertex: &'m Vertex, path: &str) -> Self {
        let held = match vertex.schedule {
            Schedule::Normal => None,
            Schedule::Deferred => Some("defer"),
            Schedule::Finally => Some("finally"),
            Schedule::Standing => Some("standing"),
        };
        let lines = vertex.detail.iter().flat_map(|detail| detail.lines());
        let more: Vec<&str> = held.into_iter().chain(lines).collect();
        let detail = (!more.is_empty()).then(|| text::clipped(&more.join(" · "), 34));
        let mut name = text::clipped(&vertex.name, 34);
        let inside = vertex.inside.as_ref().map(|inside| {
            let path = format!("{path}{}.", vertex.name);
            Box::new(Scene::new(inside, &path))
        });
        if let (Some(_), Some(detail)) = (&inside, &detail) {
            name = format!("{name} · {detail}");
        }
        let size = match &inside {
            None => {
                let detail = detail.as_deref().map(|detail| wide(detail, style::DETAIL_SIZE));
                shape::size(vertex.kind, wide(&name, style::NAME_SIZE), detail)
            }
            Some(inside) => Size {
                width: inside.layout.width.max(wide(&name, style::NAME_SIZE)) + 2.0 * FRAME,
                height: inside.layout.height + TITLE + 1.5 * FRAME,
                outline: Outline::Plain,
            },
        };
        Self {
            vertex,
            size,
            name,
            detail,
            inside,
        }
    }
}

fn label_size(lines: &[String]) -> (f64, f64) {
    let widest = lines
        .iter()
        .map(|line| wide(line, style::LABEL_SIZE))
        .fold(0.0, f64::max);
    if lines.is_empty() {
        return (0.0, 0.0);
    }
    (
        widest + 2.0 * LABEL_PAD,
        lines.len() as f64 * LABEL_LINE + LABEL_PAD,
    )
}

fn label(out: &mut String, edge: &Edge, lines: &[String], centre: Point) {
    let (width, height) = label_size(lines);
    let _ = writeln!(
        out,
        "<g class=\"label\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>",
        escape(edge.label.as_deref().unwrap_or_default()),
        number(centre.x - width / 2.0),
        number(centre.y - height / 2.0),
        number(width),
        number(height)
    );
    for (line, text) in lines.iter().enumerate() {
        let from_middle = line as f64 - (lines.len() as f64 - 1.0) / 2.0;
        text_at(
            out,
            "words",
            centre.x,
            centre.y + 4.0 + from_middle * LABEL_LINE,
            text,
        );
    }
    out.push_str("</g>\n");
}

fn text_at(out: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
        number(x),
        number(y),
        escape(text)
    );
}

fn moved(point: Point, by: Point) -> Point {
    Point {
        x: point.x + by.x,
        y: point.y + by.y,
    }
}

/// A number with at most one digit behind the point: more cannot be seen.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}
