//! A layered layout: where boxes lie and how edges run, after Sugiyama, Tagawa and Toda (1981), in four steps, one
//! file each: cycles are cut (`acyclic`), boxes are put into layers (`layers`), layers are ordered so that few edges
//! cross (`order`), and everything gets a place across (`place`). How edges then run is in `route`. Knows geometry
//! and nothing of flows; how a box looks is the painter's business.
//!
//! - **Box**: what has a size and is to be placed.
//! - **Item**: a box, or a bend of an edge that passes a layer; a bend may carry the edge's label.
//! - **Layer**: items side by side. Boxes stand in even layers, labels in odd ones.

mod acyclic;
mod layers;
mod order;
mod outline;
mod place;
mod route;

pub(super) use outline::Outline;
pub(super) use route::{Point, Route};

/// The space between two boxes of a layer.
const BOX_GAP: f64 = 34.0;
/// The space between an edge and what stands beside it.
const EDGE_GAP: f64 = 18.0;

/// A box to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) outline: Outline,
}

/// An edge to be drawn, and the room that its label needs: nothing where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: (f64, f64),
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The centres of the boxes.
    pub(super) boxes: Vec<Point>,
    /// How the edges run.
    pub(super) routes: Vec<Route>,
}

/// Lays boxes and edges out. The same input gives the same output, to the last bit.
pub(super) fn layout(boxes: &[Size], wires: &[Wire]) -> Layout {
    let turned = acyclic::turned(boxes.len(), wires);
    let layer = layers::layers(boxes.len(), wires, &turned);
    let mut graph = Layered::new(boxes, wires, &turned, &layer);
    order::order(&mut graph);
    let across = place::place(&graph);
    route::routes(&graph, boxes, wires, &turned, &across)
}

/// What stands in a layer.
#[derive(Clone, Copy, Debug)]
struct Item {
    width: f64,
    height: f64,
    layer: usize,
    /// Whether it is a bend, not a box.
    bend: bool,
}

/// The graph with a bend wherever an edge passes a layer. All edges lead one layer down.
#[derive(Debug)]
struct Layered {
    /// Boxes first, in order.
    items: Vec<Item>,
    /// The layers from top to bottom, from left to right.
    layers: Vec<Vec<usize>>,
    /// What each item is linked to in the layer above.
    up: Vec<Vec<usize>>,
    /// What each item is linked to in the layer below.
    down: Vec<Vec<usize>>,
    /// The items along each edge, from top to bottom, its boxes included; nothing for loops at one box.
    chains: Vec<Vec<usize>>,
}

impl Layered {
    fn new(boxes: &[Size], wires: &[Wire], turned: &[bool], layer: &[usize]) -> Self {
        let loops = route::loop_rooms(boxes.len(), wires);
        let mut graph = Self {
            items: Vec::new(),
            layers: vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)],
            up: Vec::new(),
            down: Vec::new(),
            chains: Vec::new(),
        };
        for (at, size) in boxes.iter().enumerate() {
            // A loop stands on the right; the same room on the left keeps the box in the middle.
            graph.item(size.width + 2.0 * loops[at], size.height, layer[at], false);
        }
        for (wire, turned) in wires.iter().zip(turned) {
            let chain = graph.chain(wire, *turned);
            graph.chains.push(chain);
        }
        graph
    }

    fn chain(&mut self, wire: &Wire, turned: bool) -> Vec<usize> {
        if wire.from == wire.to {
            return Vec::new();
        }
        let (top, bottom) = if turned {
            (wire.to, wire.from)
        } else {
            (wire.from, wire.to)
        };
        let (first, last) = (self.items[top].layer + 1, self.items[bottom].layer);
        // The label stands where the edge leaves its source.
        let labelled = if turned { last - 1 } else { first };
        let mut chain = vec![top];
        for layer in first..last {
            let (width, height) = if layer == labelled { wire.label } else { (0.0, 0.0) };
            chain.push(self.item(width, height, layer, true));
        }
        chain.push(bottom);
        for pair in chain.windows(2) {
            self.down[pair[0]].push(pair[1]);
            self.up[pair[1]].push(pair[0]);
        }
        chain
    }

    fn item(&mut self, width: f64, height: f64, layer: usize, bend: bool) -> usize {
        let at = self.items.len();
        self.items.push(Item {
            width,
            height,
            layer,
            bend,
        });
        self.up.push(Vec::new());
        self.down.push(Vec::new());
        self.layers[layer].push(at);
        at
    }

    /// Where each item stands in its layer.
    fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.items.len()];
        for layer in &self.layers {
            for (position, item) in layer.iter().enumerate() {
                positions[*item] = position;
            }
        }
        positions
    }

    /// How far the centres of two neighbours must be from each other.
    fn apart(&self, left: usize, right: usize) -> f64 {
        let (left, right) = (self.items[left], self.items[right]);
        let gap = if left.bend || right.bend {
            EDGE_GAP
        } else {
            BOX_GAP
        };
        f64::midpoint(left.width, right.width) + gap
    }
}

#[cfg(test)]
mod tests;
