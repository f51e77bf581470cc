//! The forms of a picture: boxes per kind of vertex, as in Mermaid; curves and tips of edges.

use std::fmt::Write;

use super::number;
use crate::graph::VertexKind;
use crate::graph::layout::{Outline, Point, Size};

/// The space between a text and the left and right of its box.
const PAD: f64 = 16.0;
/// The heights of boxes with one and two lines.
const HEIGHTS: (f64, f64) = (38.0, 50.0);
/// The same for diamonds, in which only the middle is wide.
const DIAMONDS: (f64, f64) = (58.0, 76.0);
/// The distance between the two lines of a double outline.
const DOUBLE: f64 = 4.0;
/// The length and half the width of the tip of an edge.
const TIP: (f64, f64) = (9.0, 4.2);

/// How large the box of a vertex is, with a name and perhaps a second line of these widths.
pub(super) fn size(kind: VertexKind, name: f64, detail: Option<f64>) -> Size {
    let text = name.max(detail.unwrap_or(0.0)).max(24.0);
    let pick = |heights: (f64, f64)| if detail.is_some() { heights.1 } else { heights.0 };
    let outline = outline(kind);
    let height = match outline {
        Outline::Diamond => pick(DIAMONDS),
        _ => {
            pick(HEIGHTS)
                + if kind == VertexKind::Interrupt {
                    2.0 * DOUBLE
                } else {
                    0.0
                }
        }
    };
    let width = match outline {
        Outline::Plain => {
            text + 2.0 * PAD
                + if kind == VertexKind::Subgraph {
                    4.0 * DOUBLE
                } else {
                    0.0
                }
        }
        Outline::Diamond => {
            // The text's corners touch the slopes: w·(1 - h_text/h) = text.
            let lines = if detail.is_some() { 34.0 } else { 17.0 };
            text / (1.0 - lines / height) + 14.0
        }
        Outline::Pill => text + height * 0.75,
        Outline::Hexagon | Outline::Leaning => text + PAD + 2.0 * outline.slope(0.0, height),
    };
    Size {
        width: width.round(),
        height,
        outline,
    }
}

fn outline(kind: VertexKind) -> Outline {
    match kind {
        VertexKind::Start
        | VertexKind::End
        | VertexKind::Halt
        | VertexKind::Fail
        | VertexKind::Cancel
        | VertexKind::Failure
        | VertexKind::Interrupt => Outline::Pill,
        VertexKind::Task | VertexKind::Agent | VertexKind::Wait | VertexKind::Subgraph => Outline::Plain,
        VertexKind::Transform => Outline::Leaning,
        VertexKind::Route => Outline::Diamond,
        VertexKind::Send | VertexKind::Join => Outline::Hexagon,
    }
}

/// Paints the box.
pub(super) fn shape(out: &mut String, kind: VertexKind, size: &Size, centre: Point, open: bool) {
    let (w, h) = (size.width, size.height);
    if open {
        return rect(out, "shape", centre, w, h, 8.0);
    }
    match (size.outline, kind) {
        (Outline::Plain, VertexKind::Agent | VertexKind::Wait) => rect(out, "shape", centre, w, h, 14.0),
        (Outline::Plain, VertexKind::Subgraph) => {
            rect(out, "shape", centre, w, h, 3.0);
            for side in [-1.0, 1.0] {
                let x = centre.x + side * (w / 2.0 - 2.0 * DOUBLE);
                let ends = [(x, centre.y - h / 2.0), (x, centre.y + h / 2.0)];
                path(out, "inner", &ends, false);
            }
        }
        (Outline::Plain, _) => rect(out, "shape", centre, w, h, 5.0),
        (Outline::Pill, VertexKind::Interrupt) => {
            rect(out, "shape", centre, w, h, h / 2.0);
            let (w, h) = (w - 2.0 * DOUBLE, h - 2.0 * DOUBLE);
            rect(out, "inner", centre, w, h, h / 2.0);
        }
        (Outline::Pill, _) => rect(out, "shape", centre, w, h, h / 2.0),
        (outline, _) => path(out, "shape", &corners(outline, size, centre), true),
    }
}

fn corners(outline: Outline, size: &Size, centre: Point) -> Vec<(f64, f64)> {
    let (half, tall) = (size.width / 2.0, size.height / 2.0);
    let slope = outline.slope(size.width, size.height);
    let corners: &[(f64, f64)] = &match outline {
        Outline::Leaning => vec![
            (slope - half, -tall),
            (half, -tall),
            (half - slope, tall),
            (-half, tall),
        ],
        _ => vec![
            (-half, 0.0),
            (slope - half, -tall),
            (half - slope, -tall),
            (half, 0.0),
            (half - slope, tall),
            (slope - half, tall),
        ],
    };
    corners
        .iter()
        .map(|(x, y)| (centre.x + x, centre.y + y))
        .collect()
}

fn rect(out: &mut String, class: &str, centre: Point, width: f64, height: f64, radius: f64) {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
        number(centre.x - width / 2.0),
        number(centre.y - height / 2.0),
        number(width),
        number(height),
        number(radius)
    );
}

fn path(out: &mut String, class: &str, points: &[(f64, f64)], closed: bool) {
    let mut d = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let _ = write!(
            d,
            "{}{} {}",
            if at == 0 { 'M' } else { 'L' },
            number(*x),
            number(*y)
        );
    }
    let _ = writeln!(
        out,
        "<path class=\"{class}\" d=\"{d}{}\"/>",
        if closed { "Z" } else { "" }
    );
}

/// The line of an edge. It ends where its tip begins.
pub(super) fn curve(points: &[Point], looped: bool) -> String {
    let mut d = String::new();
    let at = |point: Point| format!("{} {}", number(point.x), number(point.y));
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return d;
    };
    let _ = write!(d, "M{}", at(*first));
    if let ([_, one, two, _], true) = (points, looped) {
        let end = Point {
            x: last.x + TIP.0 * 0.7,
            y: last.y + 2.0,
        };
        let _ = write!(d, "C{} {} {}", at(*one), at(*two), at(end));
        return d;
    }
    for pair in points.windows(2) {
        let (from, mut to) = (pair[0], pair[1]);
        if to == *last {
            to.y -= direction(points) * TIP.0 * 0.8;
        }
        if (from.x - to.x).abs() < 0.05 {
            let _ = write!(d, "L{}", at(to));
            continue;
        }
        let middle = f64::midpoint(from.y, to.y);
        let bend = |x: f64| Point { x, y: middle };
        let _ = write!(d, "C{} {} {}", at(bend(from.x)), at(bend(to.x)), at(to));
    }
    d
}

/// The tip of an edge: it points down or up, or left for a loop.
pub(super) fn tip(points: &[Point], looped: bool) -> String {
    let Some(end) = points.last() else {
        return String::new();
    };
    let (length, half) = TIP;
    let corners = if looped {
        [(0.0, 0.0), (length, 4.5 - half), (length * 0.8, 4.5 + half)]
    } else {
        let back = -direction(points) * length;
        [(0.0, 0.0), (half, back), (-half, back)]
    };
    let mut d = String::new();
    for (at, (x, y)) in corners.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _ = write!(d, "{letter}{} {}", number(end.x + x), number(end.y + y));
    }
    d + "Z"
}

/// Whether an edge ends downwards (1) or upwards (-1).
fn direction(points: &[Point]) -> f64 {
    match points {
        [.., before, end] if before.y > end.y => -1.0,
        _ => 1.0,
    }
}
