//! The outlines that boxes can have, so that edges end on them.

/// The outline of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graph) enum Outline {
    /// A rectangle.
    Plain,
    /// Half circles at the left and right.
    Pill,
    /// A diamond.
    Diamond,
    /// Pointed at the left and right.
    Hexagon,
    /// A parallelogram that leans to the right.
    Leaning,
}

impl Outline {
    /// How far the sloping part of a side reaches in, for a box of this size.
    pub(in crate::graph) fn slope(self, width: f64, height: f64) -> f64 {
        match self {
            Self::Plain => 0.0,
            Self::Pill => height / 2.0,
            Self::Diamond => width / 2.0,
            Self::Hexagon => height * 0.32,
            Self::Leaning => height * 0.36,
        }
    }

    /// How much of the top and bottom edges may end at.
    pub(super) fn landing(self, width: f64, height: f64) -> f64 {
        match self {
            Self::Plain => (width - 20.0).max(width * 0.5),
            Self::Diamond => width * 0.55,
            Self::Pill | Self::Hexagon => (width - 2.0 * self.slope(width, height)).max(width * 0.3),
            Self::Leaning => (width - 2.5 * self.slope(width, height)).max(width * 0.3),
        }
    }

    /// How far the outline is above and below the middle, at this distance from the centre.
    pub(super) fn half_height(self, width: f64, height: f64, across: f64) -> f64 {
        let half = height / 2.0;
        let slope = self.slope(width, height);
        let beyond = across.abs() - (width / 2.0 - slope);
        match self {
            Self::Plain | Self::Leaning => half,
            _ if beyond <= 0.0 => half,
            Self::Pill => (half * half - beyond * beyond).max(0.0).sqrt(),
            Self::Diamond | Self::Hexagon => half * (1.0 - beyond / slope).max(0.0),
        }
    }

    /// How far the outline is to the right of the middle, at this height above or below the centre.
    pub(super) fn half_width(self, width: f64, height: f64, down: f64) -> f64 {
        let slope = self.slope(width, height);
        let share = (down.abs() / (height / 2.0)).min(1.0);
        match self {
            Self::Plain => width / 2.0,
            Self::Pill => width / 2.0 - slope * (1.0 - (1.0 - share * share).sqrt()),
            Self::Diamond | Self::Hexagon => width / 2.0 - slope * share,
            Self::Leaning => width / 2.0 - slope * (down / height + 0.5),
        }
    }
}
