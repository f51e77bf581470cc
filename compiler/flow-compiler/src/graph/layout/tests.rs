//! What every layout must hold, tried on random graphs: no boxes or labels lie over one another, edges end on the
//! outlines of their boxes and run through no other box.

use super::*;

/// How many graphs are tried.
const SEEDS: u64 = 120;

/// Numbers that look random, the same for the same seed (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

fn random(seed: u64, most: usize) -> (Vec<Size>, Vec<Wire>) {
    let mut numbers = Numbers(seed);
    let outlines = [
        Outline::Plain,
        Outline::Pill,
        Outline::Diamond,
        Outline::Hexagon,
        Outline::Leaning,
    ];
    let count = 1 + numbers.below(most);
    let boxes = (0..count).map(|_| Size {
        width: 60.0 + numbers.below(120) as f64,
        height: 36.0 + numbers.below(40) as f64,
        outline: outlines[numbers.below(outlines.len())],
    });
    let boxes: Vec<_> = boxes.collect();
    let wires = (0..numbers.below(2 * count + 1)).map(|_| Wire {
        from: numbers.below(count),
        to: numbers.below(count),
        label: match numbers.below(3) {
            0 => (40.0 + numbers.below(100) as f64, 18.0),
            _ => (0.0, 0.0),
        },
    });
    (boxes, wires.collect())
}

/// From left, top to right, bottom.
#[derive(Debug)]
struct Area(f64, f64, f64, f64);

impl Area {
    fn around(centre: Point, width: f64, height: f64) -> Self {
        let (across, down) = (width / 2.0, height / 2.0);
        Self(
            centre.x - across,
            centre.y - down,
            centre.x + across,
            centre.y + down,
        )
    }

    fn meets(&self, other: &Self) -> bool {
        let slack = 0.01;
        self.0 < other.2 - slack
            && other.0 < self.2 - slack
            && self.1 < other.3 - slack
            && other.1 < self.3 - slack
    }
}

fn areas(boxes: &[Size], wires: &[Wire], layout: &Layout) -> Vec<Area> {
    let of_boxes = boxes
        .iter()
        .zip(&layout.boxes)
        .map(|(size, centre)| Area::around(*centre, size.width, size.height));
    let of_labels = wires
        .iter()
        .zip(&layout.routes)
        .filter_map(|(wire, route)| Some(Area::around(route.label?, wire.label.0, wire.label.1)));
    of_boxes.chain(of_labels).collect()
}

#[test]
fn nothing_lies_over_anything() {
    for seed in 0..SEEDS {
        let (boxes, wires) = random(seed, 25);
        let layout = layout(&boxes, &wires);
        let areas = areas(&boxes, &wires, &layout);
        for (at, one) in areas.iter().enumerate() {
            for other in &areas[at + 1..] {
                assert!(!one.meets(other), "seed {seed}: {one:?} and {other:?}");
            }
            let inside =
                one.0 > -0.01 && one.1 > -0.01 && one.2 < layout.width + 0.01 && one.3 < layout.height + 0.01;
            assert!(
                inside,
                "seed {seed}: {one:?} of {} x {}",
                layout.width, layout.height
            );
        }
    }
}

/// Whether a point is on the outline of a box.
fn on_outline(point: Point, size: &Size, centre: Point) -> bool {
    let (across, down) = (point.x - centre.x, point.y - centre.y);
    let above = size.outline.half_height(size.width, size.height, across);
    let aside = size.outline.half_width(size.width, size.height, down);
    across.abs() <= size.width / 2.0 + 0.01
        && ((down.abs() - above).abs() < 0.01 || (across - aside).abs() < 0.01)
}

#[test]
fn edges_end_on_their_boxes_and_have_their_labels() {
    for seed in 0..SEEDS {
        let (boxes, wires) = random(seed, 25);
        let layout = layout(&boxes, &wires);
        assert_eq!(layout.routes.len(), wires.len());
        for (wire, route) in wires.iter().zip(&layout.routes) {
            let (Some(first), Some(last)) = (route.points.first(), route.points.last()) else {
                panic!("seed {seed}: {wire:?} is not drawn");
            };
            assert!(
                on_outline(*first, &boxes[wire.from], layout.boxes[wire.from]),
                "seed {seed}: {wire:?} {route:?}"
            );
            assert!(
                on_outline(*last, &boxes[wire.to], layout.boxes[wire.to]),
                "seed {seed}: {wire:?} {route:?}"
            );
            assert_eq!(route.label.is_some(), wire.label.0 > 0.0, "seed {seed}: {wire:?}");
        }
    }
}

/// An edge goes straight down wherever there are boxes, so that its points say which ones it passes.
#[test]
fn edges_run_through_no_other_box() {
    for seed in 0..SEEDS {
        let (boxes, wires) = random(seed, 25);
        let layout = layout(&boxes, &wires);
        for (wire, route) in wires
            .iter()
            .zip(&layout.routes)
            .filter(|(wire, _)| wire.from != wire.to)
        {
            for pair in route.points.windows(2) {
                let way = Area(
                    pair[0].x.min(pair[1].x) - 1.0,
                    pair[0].y.min(pair[1].y),
                    pair[0].x.max(pair[1].x) + 1.0,
                    pair[0].y.max(pair[1].y),
                );
                for (at, (size, centre)) in boxes.iter().zip(&layout.boxes).enumerate() {
                    let met = way.meets(&Area::around(*centre, size.width, size.height));
                    assert!(
                        !met || at == wire.from || at == wire.to,
                        "seed {seed}: {wire:?} runs through {at}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_and_one_box_and_loops_are_fine() {
    assert!(layout(&[], &[]).boxes.is_empty());
    let (boxes, _) = random(1, 1);
    let wire = Wire {
        from: 0,
        to: 0,
        label: (50.0, 18.0),
    };
    let layout = layout(&boxes[..1], &[wire, wire]);
    assert!(
        layout
            .routes
            .iter()
            .all(|route| route.looped && route.label.is_some())
    );
    assert!(layout.width >= boxes[0].width + 2.0 * 50.0);
}
