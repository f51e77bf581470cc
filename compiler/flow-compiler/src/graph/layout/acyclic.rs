//! Which edges are drawn against their direction, so that what is left has no cycle: those that lead back to where a
//! walk in depth came from.

use super::Wire;

/// Whether each edge is turned round.
pub(super) fn turned(boxes: usize, wires: &[Wire]) -> Vec<bool> {
    let mut leaving = vec![Vec::new(); boxes];
    for (at, wire) in wires.iter().enumerate() {
        leaving[wire.from].push(at);
    }
    let mut turned = vec![false; wires.len()];
    let mut seen = vec![false; boxes];
    let mut open = vec![false; boxes];
    for root in 0..boxes {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        open[root] = true;
        let mut path = vec![(root, 0)];
        while let Some((at, next)) = path.last_mut() {
            let Some(wire) = leaving[*at].get(*next) else {
                open[*at] = false;
                path.pop();
                continue;
            };
            *next += 1;
            let to = wires[*wire].to;
            turned[*wire] = open[to];
            if !seen[to] {
                seen[to] = true;
                open[to] = true;
                path.push((to, 0));
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wires(pairs: &[(usize, usize)]) -> Vec<Wire> {
        let wire = |(from, to): &(usize, usize)| Wire {
            from: *from,
            to: *to,
            label: (0.0, 0.0),
        };
        pairs.iter().map(wire).collect()
    }

    #[test]
    fn what_leads_back_is_turned() {
        let wires = wires(&[(0, 1), (1, 2), (2, 1), (2, 3), (0, 3)]);
        assert_eq!(turned(4, &wires), [false, false, true, false, false]);
    }

    #[test]
    fn without_turned_edges_there_is_no_cycle() {
        let wires = wires(&[(3, 1), (1, 0), (0, 3), (2, 0), (1, 2), (2, 3)]);
        let turned = turned(4, &wires);
        let layers = super::super::layers::layers(4, &wires, &turned);
        for (wire, turned) in wires.iter().zip(turned) {
            let (top, bottom) = if turned {
                (wire.to, wire.from)
            } else {
                (wire.from, wire.to)
            };
            assert!(layers[top] < layers[bottom], "{wire:?}");
        }
    }
}
