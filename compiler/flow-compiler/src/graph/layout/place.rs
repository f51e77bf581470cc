//! Where items stand across, after Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001): items
//! are aligned with the middle ones of their neighbours, in four ways (from above or below, from the left or right),
//! each alignment is packed, and an item stands between the two middle ones of its four places. Long edges are
//! straight, and boxes stand in the middle of what they lead to.

use std::collections::BTreeSet;

use super::Layered;

/// The centre of each item, from 0 to the right.
pub(super) fn place(graph: &Layered) -> Vec<f64> {
    let conflicts = conflicts(graph);
    let mut ways = Vec::new();
    for from_above in [true, false] {
        for from_left in [true, false] {
            ways.push(Alignment::new(graph, &conflicts, from_above, from_left).packed(graph));
        }
    }
    let extent = |way: &Vec<f64>| {
        let edges = way.iter().zip(&graph.items);
        edges.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (x, item)| {
            (least.min(x - item.width / 2.0), most.max(x + item.width / 2.0))
        })
    };
    let extents: Vec<_> = ways.iter().map(extent).collect();
    let narrowest = extents.iter().min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let Some((least, most)) = narrowest.copied() else {
        return Vec::new();
    };
    for (number, (way, extent)) in ways.iter_mut().zip(&extents).enumerate() {
        let shift = if number % 2 == 0 {
            least - extent.0
        } else {
            most - extent.1
        };
        for x in way.iter_mut() {
            *x += shift;
        }
    }
    let mut across: Vec<f64> = (0..graph.items.len())
        .map(|item| {
            let mut places = [ways[0][item], ways[1][item], ways[2][item], ways[3][item]];
            places.sort_by(f64::total_cmp);
            f64::midpoint(places[1], places[2])
        })
        .collect();
    let least = extent(&across).0;
    for x in &mut across {
        *x -= least;
    }
    across
}

/// The links that would bend a long edge if they were straight: those that cross a link between two bends.
fn conflicts(graph: &Layered) -> BTreeSet<(usize, usize)> {
    let positions = graph.positions();
    let mut found = BTreeSet::new();
    for (upper, lower) in graph.layers.iter().zip(graph.layers.iter().skip(1)) {
        let mut left = 0;
        let mut next = 0;
        for (position, item) in lower.iter().enumerate() {
            let inner = inner_above(graph, *item).map(|above| positions[above]);
            if inner.is_none() && position + 1 < lower.len() {
                continue;
            }
            let right = inner.unwrap_or(upper.len());
            while next <= position {
                let bottom = lower[next];
                for top in &graph.up[bottom] {
                    let crosses = positions[*top] < left || positions[*top] > right;
                    if crosses && !(graph.items[*top].bend && graph.items[bottom].bend) {
                        found.insert((*top, bottom));
                    }
                }
                next += 1;
            }
            left = right;
        }
    }
    found
}

/// The bend above a bend.
fn inner_above(graph: &Layered, item: usize) -> Option<usize> {
    let above = *graph.up[item].first()?;
    (graph.items[item].bend && graph.items[above].bend).then_some(above)
}

/// One of the four ways: blocks of items that stand straight below one another.
struct Alignment {
    /// The block of each item: its first item.
    root: Vec<usize>,
    /// The layers as this way sees them.
    layers: Vec<Vec<usize>>,
    from_left: bool,
}

impl Alignment {
    fn new(graph: &Layered, conflicts: &BTreeSet<(usize, usize)>, from_above: bool, from_left: bool) -> Self {
        let mut layers = graph.layers.clone();
        if !from_above {
            layers.reverse();
        }
        if !from_left {
            for layer in &mut layers {
                layer.reverse();
            }
        }
        let mut positions = vec![0; graph.items.len()];
        for layer in &layers {
            for (position, item) in layer.iter().enumerate() {
                positions[*item] = position;
            }
        }
        let mut root: Vec<usize> = (0..graph.items.len()).collect();
        let mut continued = vec![false; graph.items.len()];
        let links = if from_above { &graph.up } else { &graph.down };
        for layer in &layers {
            let mut reached = 0; // how far the layer before is taken
            for item in layer {
                let mut near = links[*item].clone();
                near.sort_unstable_by_key(|other| positions[*other]);
                let first = near.len().saturating_sub(1) / 2;
                for other in near.iter().take(near.len() / 2 + 1).skip(first) {
                    let link = if from_above {
                        (*other, *item)
                    } else {
                        (*item, *other)
                    };
                    let free = root[*item] == *item && !continued[*other] && positions[*other] >= reached;
                    if free && !conflicts.contains(&link) {
                        continued[*other] = true;
                        root[*item] = root[*other];
                        reached = positions[*other] + 1;
                    }
                }
            }
        }
        Self {
            root,
            layers,
            from_left,
        }
    }

    /// The place of each item, blocks packed to the side from which they were aligned.
    fn packed(&self, graph: &Layered) -> Vec<f64> {
        let count = graph.items.len();
        // Which block must be how far from which: of neighbours in a layer.
        let mut after = vec![Vec::new(); count];
        let mut before = vec![Vec::new(); count];
        for layer in &self.layers {
            for pair in layer.windows(2) {
                let (left, right) = (self.root[pair[0]], self.root[pair[1]]);
                let apart = graph.apart(pair[0], pair[1]);
                after[left].push((right, apart));
                before[right].push((left, apart));
            }
        }
        let mut missing: Vec<usize> = before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..count)
            .filter(|item| self.root[*item] == *item && missing[*item] == 0)
            .collect();
        let mut x = vec![0.0_f64; count];
        let mut next = 0;
        while let Some(block) = order.get(next).copied() {
            x[block] = before[block]
                .iter()
                .fold(0.0, |x_here: f64, (left, apart)| x_here.max(x[*left] + apart));
            for (right, _) in &after[block] {
                missing[*right] -= 1;
                if missing[*right] == 0 {
                    order.push(*right);
                }
            }
            next += 1;
        }
        // What has room moves towards what stands after it, so that nothing lags behind on its own.
        for block in order.iter().rev() {
            let most = after[*block]
                .iter()
                .fold(f64::INFINITY, |most, (right, apart)| most.min(x[*right] - apart));
            if most.is_finite() {
                x[*block] = x[*block].max(most);
            }
        }
        let sign = if self.from_left { 1.0 } else { -1.0 };
        self.root.iter().map(|root| sign * x[*root]).collect()
    }
}
