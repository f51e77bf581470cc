//! How high the layers are, and how edges run: straight down through the layers, across only in the gaps between
//! them, where no box is. Edges of one side of a box stand side by side.

use super::{Item, Layered, Layout, Size, Wire};

/// The least and the most space between two layers. The farther edges run across, the more there is.
const LAYER_GAP: (f64, f64) = (20.0, 46.0);
/// How much of the way across is given as height.
const STEEPNESS: f64 = 9.0;
/// The space between edges that end at one side of a box.
const PORT_GAP: f64 = 18.0;
/// How far a loop reaches out, and how much farther each further one does.
const LOOP: f64 = 26.0;

/// A place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::graph) struct Point {
    pub(in crate::graph) x: f64,
    pub(in crate::graph) y: f64,
}

/// How an edge runs.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Route {
    /// From its source to its target. Between two points it is a curve that begins and ends upright.
    pub(in crate::graph) points: Vec<Point>,
    /// Whether it is a loop at one box: then the four points are a curve and its handles.
    pub(in crate::graph) looped: bool,
    /// The centre of its label.
    pub(in crate::graph) label: Option<Point>,
}

/// How much room the loops of each box need beside it.
pub(super) fn loop_rooms(boxes: usize, wires: &[Wire]) -> Vec<f64> {
    let mut rooms = vec![0.0_f64; boxes];
    for wire in wires.iter().filter(|wire| wire.from == wire.to) {
        rooms[wire.from] += LOOP + wire.label.0;
    }
    rooms
}

/// Puts everything in its place.
pub(super) fn routes(
    graph: &Layered,
    boxes: &[Size],
    wires: &[Wire],
    turned: &[bool],
    across: &[f64],
) -> Layout {
    let bands = bands(graph, across);
    let centres: Vec<Point> = (0..boxes.len())
        .map(|at| Point {
            x: across[at],
            y: bands[graph.items[at].layer].middle(),
        })
        .collect();
    let plan = Plan {
        graph,
        boxes,
        across,
        bands: &bands,
        ports: ports(graph, boxes, across),
        centres: &centres,
    };
    let mut loops = vec![0.0_f64; boxes.len()];
    let routes = wires
        .iter()
        .enumerate()
        .map(|(at, wire)| {
            if wire.from == wire.to {
                return plan.looped(wire, &mut loops[wire.from]);
            }
            plan.route(at, turned[at], wire.label.0 > 0.0)
        })
        .collect();
    let right = |(item, x): (&Item, &f64)| x + item.width / 2.0;
    Layout {
        width: graph.items.iter().zip(across).map(right).fold(0.0, f64::max),
        height: bands.last().map_or(0.0, |band| band.bottom),
        boxes: centres,
        routes,
    }
}

/// From where to where a layer reaches.
#[derive(Clone, Copy, Debug)]
struct Band {
    top: f64,
    bottom: f64,
}

impl Band {
    fn middle(self) -> f64 {
        f64::midpoint(self.top, self.bottom)
    }
}

fn bands(graph: &Layered, across: &[f64]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for layer in &graph.layers {
        let height = layer
            .iter()
            .map(|item| graph.items[*item].height)
            .fold(0.0, f64::max);
        let farthest = layer
            .iter()
            .flat_map(|item| {
                graph.up[*item]
                    .iter()
                    .map(|above| (across[*above] - across[*item]).abs())
            })
            .fold(0.0, f64::max);
        let gap = (farthest / STEEPNESS).clamp(LAYER_GAP.0, LAYER_GAP.1);
        let top = bands.last().map_or(0.0, |band| band.bottom + gap);
        bands.push(Band {
            top,
            bottom: top + height,
        });
    }
    bands
}

/// Where each edge leaves the box above and enters the box below, across.
fn ports(graph: &Layered, boxes: &[Size], across: &[f64]) -> Vec<(f64, f64)> {
    let mut ports = vec![(0.0, 0.0); graph.chains.len()];
    let mut leaving = vec![Vec::new(); boxes.len()];
    let mut entering = vec![Vec::new(); boxes.len()];
    for (edge, chain) in graph.chains.iter().enumerate() {
        if let ([top, next, ..], [.., previous, bottom]) = (chain.as_slice(), chain.as_slice()) {
            leaving[*top].push((across[*next], edge));
            entering[*bottom].push((across[*previous], edge));
        }
    }
    for (at, size) in boxes.iter().enumerate() {
        for (edge, x) in spread(&mut leaving[at], size, across[at]) {
            ports[edge].0 = x;
        }
        for (edge, x) in spread(&mut entering[at], size, across[at]) {
            ports[edge].1 = x;
        }
    }
    ports
}

/// Sets edges side by side, in the order in which they come.
fn spread(edges: &mut [(f64, usize)], size: &Size, centre: f64) -> Vec<(usize, f64)> {
    edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = edges.len() as f64;
    let landing = size.outline.landing(size.width, size.height);
    let gap = PORT_GAP.min(landing / count.max(1.0));
    // One that comes straight to the middle stays there, if the others have room beside it.
    let straight = edges.iter().position(|(x, _)| (x - centre).abs() < 1.0);
    let middle = match straight.map(|number| number as f64) {
        Some(number) if number.max(count - 1.0 - number) * gap <= landing / 2.0 => number,
        _ => (count - 1.0) / 2.0,
    };
    let places = edges
        .iter()
        .enumerate()
        .map(|(number, (_, edge))| (*edge, centre + (number as f64 - middle) * gap));
    places.collect()
}

struct Plan<'a> {
    graph: &'a Layered,
    boxes: &'a [Size],
    across: &'a [f64],
    bands: &'a [Band],
    ports: Vec<(f64, f64)>,
    centres: &'a [Point],
}

impl Plan<'_> {
    fn route(&self, edge: usize, turned: bool, labelled: bool) -> Route {
        let chain = &self.graph.chains[edge];
        let (Some(top), Some(bottom)) = (chain.first(), chain.last()) else {
            return Route {
                points: Vec::new(),
                looped: false,
                label: None,
            };
        };
        let (leaves, enters) = self.ports[edge];
        let mut points = Vec::new();
        let mut to = |x: f64, y: f64| {
            let point = Point { x, y };
            if points.last() != Some(&point) {
                points.push(point);
            }
        };
        to(leaves, self.centres[*top].y + self.reach(*top, leaves));
        to(leaves, self.band(*top).bottom);
        for bend in &chain[1..chain.len() - 1] {
            to(self.across[*bend], self.band(*bend).top);
            to(self.across[*bend], self.band(*bend).bottom);
        }
        to(enters, self.band(*bottom).top);
        to(enters, self.centres[*bottom].y - self.reach(*bottom, enters));
        let carrier = if turned { chain.len() - 2 } else { 1 };
        let label = (labelled && chain.len() > 2).then(|| Point {
            x: self.across[chain[carrier]],
            y: self.band(chain[carrier]).middle(),
        });
        if turned {
            points.reverse();
        }
        Route {
            points,
            looped: false,
            label,
        }
    }

    fn looped(&self, wire: &Wire, used: &mut f64) -> Route {
        let size = self.boxes[wire.from];
        let centre = self.centres[wire.from];
        let down = size.height * 0.22;
        let side = |down: f64| Point {
            x: centre.x + size.outline.half_width(size.width, size.height, down),
            y: centre.y + down,
        };
        let (from, to) = (side(-down), side(down));
        let reach = centre.x + size.width / 2.0 + *used + LOOP;
        let label = (wire.label.0 > 0.0).then(|| Point {
            x: reach + wire.label.0 / 2.0 - 4.0,
            y: centre.y,
        });
        *used += LOOP + wire.label.0;
        let points = vec![
            from,
            Point {
                x: reach,
                y: from.y - 10.0,
            },
            Point {
                x: reach,
                y: to.y + 10.0,
            },
            to,
        ];
        Route {
            points,
            looped: true,
            label,
        }
    }

    fn band(&self, item: usize) -> Band {
        self.bands[self.graph.items[item].layer]
    }

    /// How far the outline of a box is from its middle, where an edge ends.
    fn reach(&self, item: usize, x: f64) -> f64 {
        let size = self.boxes[item];
        size.outline
            .half_height(size.width, size.height, x - self.centres[item].x)
    }
}
