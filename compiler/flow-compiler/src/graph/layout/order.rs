//! In which order items stand in their layers, so that few edges cross: sweeps by barycentres, and swaps of
//! neighbours after each. The best order that was seen is kept.

use super::Layered;

/// How many sweeps there are for graphs of at most so many items: larger ones must not take for ever.
const SWEEPS: &[(usize, usize)] = &[(600, 24), (4_000, 8), (usize::MAX, 3)];
/// Up to how many items neighbours are tried the other way round.
const SWAPS: usize = 3_000;

/// Orders the layers.
pub(super) fn order(graph: &mut Layered) {
    from_above(graph);
    let sweeps = SWEEPS.iter().find(|(most, _)| graph.items.len() <= *most);
    let mut best = (crossings(graph), graph.layers.clone());
    for sweep in 0..sweeps.map_or(1, |(_, count)| *count) {
        if best.0 == 0 {
            break;
        }
        let last = graph.layers.len();
        let mut positions = graph.positions();
        if sweep % 2 == 0 {
            (1..last).for_each(|layer| by_barycentre(graph, &mut positions, layer, true));
        } else {
            (0..last.saturating_sub(1))
                .rev()
                .for_each(|layer| by_barycentre(graph, &mut positions, layer, false));
        }
        if graph.items.len() <= SWAPS {
            swap_neighbours(graph, &mut positions);
        }
        let found = crossings(graph);
        if found < best.0 {
            best = (found, graph.layers.clone());
        }
    }
    graph.layers = best.1;
}

/// The first order: that in which a walk in depth comes by.
fn from_above(graph: &mut Layered) {
    let mut seen = vec![false; graph.items.len()];
    let mut layers = vec![Vec::new(); graph.layers.len()];
    let roots: Vec<usize> = graph.layers.iter().flatten().copied().collect();
    for root in roots {
        let mut path = vec![root];
        while let Some(at) = path.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            layers[graph.items[at].layer].push(at);
            path.extend(graph.down[at].iter().rev());
        }
    }
    graph.layers = layers;
}

/// Orders a layer by where the neighbours of its items stand, on average. What has none keeps its place.
fn by_barycentre(graph: &mut Layered, positions: &mut [usize], layer: usize, from_above: bool) {
    let links = if from_above { &graph.up } else { &graph.down };
    let mut linked = Vec::new();
    for item in &graph.layers[layer] {
        let near = &links[*item];
        if !near.is_empty() {
            let sum: usize = near.iter().map(|other| positions[*other]).sum();
            linked.push((sum as f64 / near.len() as f64, *item));
        }
    }
    linked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = linked.into_iter();
    for item in &mut graph.layers[layer] {
        if !links[*item].is_empty()
            && let Some((_, other)) = next.next()
        {
            *item = other;
        }
    }
    for (position, item) in graph.layers[layer].iter().enumerate() {
        positions[*item] = position;
    }
}

/// Swaps neighbours wherever fewer edges cross then.
fn swap_neighbours(graph: &mut Layered, positions: &mut [usize]) {
    for _ in 0..4 {
        let mut better = false;
        for layer in 0..graph.layers.len() {
            for left in 1..graph.layers[layer].len() {
                let (a, b) = (graph.layers[layer][left - 1], graph.layers[layer][left]);
                let cost = |one: &[Vec<usize>]| {
                    let (near, far) = (&one[a], &one[b]);
                    let pairs = |wrong: fn(&usize, &usize) -> bool| {
                        let of = |x: &usize| {
                            far.iter()
                                .filter(|y| wrong(&positions[*x], &positions[**y]))
                                .count()
                        };
                        near.iter().map(of).sum::<usize>()
                    };
                    (pairs(|x, y| x > y), pairs(|x, y| x < y))
                };
                let (above, below) = (cost(&graph.up), cost(&graph.down));
                if above.1 + below.1 < above.0 + below.0 {
                    graph.layers[layer].swap(left - 1, left);
                    positions.swap(a, b);
                    better = true;
                }
            }
        }
        if !better {
            return;
        }
    }
}

/// How many edges cross.
fn crossings(graph: &Layered) -> usize {
    let positions = graph.positions();
    let mut count = 0;
    for layer in graph.layers.iter().skip(1) {
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for item in layer {
            ends.extend(
                graph.up[*item]
                    .iter()
                    .map(|top| (positions[*top], positions[*item])),
            );
        }
        ends.sort_unstable();
        count += inversions(ends.iter().map(|(_, bottom)| *bottom), layer.len());
    }
    count
}

/// How many pairs stand in the wrong order, counted with a tree of sums (Fenwick 1994).
fn inversions(values: impl Iterator<Item = usize>, below: usize) -> usize {
    let mut sums = vec![0_usize; below + 1];
    let mut count = 0;
    for (seen, value) in values.enumerate() {
        let mut at = value + 1;
        let mut not_greater = 0;
        while at > 0 {
            not_greater += sums[at];
            at &= at - 1;
        }
        count += seen - not_greater;
        let mut at = value + 1;
        while at <= below {
            sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::inversions;

    #[test]
    fn pairs_in_the_wrong_order_are_counted() {
        assert_eq!(inversions([0, 1, 2].into_iter(), 3), 0);
        assert_eq!(inversions([2, 1, 0].into_iter(), 3), 3);
        assert_eq!(inversions([1, 1, 0, 2].into_iter(), 3), 2);
    }
}
