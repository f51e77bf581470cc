//! Which layer each box stands in: as high as what leads to it allows, then nearer to what it has most edges with.
//! Between two layers of boxes there is one for labels.

use super::Wire;

/// How often boxes are drawn to where their edges are shorter.
const ROUNDS: usize = 8;

/// The layer of each box. Loops at one box count for nothing.
pub(super) fn layers(boxes: usize, wires: &[Wire], turned: &[bool]) -> Vec<usize> {
    let mut above = vec![Vec::new(); boxes];
    let mut below = vec![Vec::new(); boxes];
    for (wire, turned) in wires.iter().zip(turned) {
        if wire.from == wire.to {
            continue;
        }
        let (top, bottom) = if *turned {
            (wire.to, wire.from)
        } else {
            (wire.from, wire.to)
        };
        above[bottom].push(top);
        below[top].push(bottom);
    }
    let order = downwards(&above, &below);
    let mut rank = vec![0; boxes];
    for at in &order {
        rank[*at] = above[*at].iter().map(|top| rank[*top] + 1).max().unwrap_or(0);
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for at in order.iter().rev() {
            moved |= draw_near(*at, &above, &below, &mut rank);
        }
        if !moved {
            break;
        }
    }
    rank.into_iter().map(|rank| rank * 2).collect()
}

/// Moves a box down if more of its edges lead down than come from above: that makes more of them shorter.
fn draw_near(at: usize, above: &[Vec<usize>], below: &[Vec<usize>], rank: &mut [usize]) -> bool {
    if below[at].len() <= above[at].len() {
        return false;
    }
    let lowest = below[at].iter().map(|bottom| rank[*bottom] - 1).min();
    let lowest = lowest.unwrap_or(rank[at]);
    let moved = lowest > rank[at];
    rank[at] = lowest.max(rank[at]);
    moved
}

/// The boxes in an order in which every edge leads on.
fn downwards(above: &[Vec<usize>], below: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = above.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..above.len()).filter(|at| missing[*at] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for bottom in &below[order[next]] {
            missing[*bottom] -= 1;
            if missing[*bottom] == 0 {
                order.push(*bottom);
            }
        }
        next += 1;
    }
    order
}
