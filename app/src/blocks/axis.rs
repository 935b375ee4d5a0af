//! Where the blocks stand along a chart: one cell each in layout order, a gap where the group changes.
//!
//! All charts that show the same blocks share one [`Axis`], so that a block stands at the same place in each of them. Plots are drawn in a
//! coordinate system [`WIDTH`] units wide that stretches with the page; texts are placed in percent, so that they never stretch.

/// Width of every plot in its own units.
pub const WIDTH: f64 = 1000.0;
/// Part of a cell that its bar fills.
const FILL: f64 = 0.78;
/// Gap between two groups, in cells.
const GAP: f64 = 1.0;

/// One block's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// `IN04`, `D07`, `TE1`.
    pub label: String,
    /// Display group: `in`, `mid`, `out`, `double`, `single`, `blocks`, or `extra`.
    pub group: String,
    /// Left edge of the cell.
    pub x: f64,
}

/// A run of cells of the same group.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub group: String,
    /// First cell.
    pub start: usize,
    /// One past the last cell.
    pub end: usize,
}

/// The cells of a chart from left to right.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    pub cells: Vec<Cell>,
    pub runs: Vec<Run>,
    /// Width of one cell.
    pub pitch: f64,
}

impl Axis {
    /// Lays out `(label, group)` pairs.
    #[must_use]
    pub fn new(slots: impl IntoIterator<Item = (String, String)>) -> Self {
        let slots: Vec<_> = slots.into_iter().collect();
        let runs = runs(&slots);
        let gaps = runs.len().saturating_sub(1) as f64;
        let pitch = WIDTH / (slots.len() as f64 + gaps * GAP).max(1.0);
        let mut cells = Vec::with_capacity(slots.len());
        for (number, run) in runs.iter().enumerate() {
            for (at, (label, group)) in slots.iter().enumerate().take(run.end).skip(run.start) {
                cells.push(Cell { label: label.clone(), group: group.clone(), x: (at as f64 + number as f64 * GAP) * pitch });
            }
        }
        Self { cells, runs, pitch }
    }

    /// Number of blocks.
    #[must_use]
    pub fn count(&self) -> usize {
        self.cells.len()
    }

    /// Left edge and width of a cell's bar.
    #[must_use]
    pub fn bar(&self, at: usize) -> (f64, f64) {
        let x = self.cells.get(at).map_or(0.0, |cell| cell.x);
        (x + self.pitch * (1.0 - FILL) / 2.0, self.pitch * FILL)
    }

    /// Middle of a cell as a share of the width, 0 to 1.
    #[must_use]
    pub fn middle(&self, at: usize) -> f64 {
        self.cells.get(at).map_or(0.0, |cell| (cell.x + self.pitch / 2.0) / WIDTH)
    }

    /// The cell nearest to a place given as a share of the width.
    #[must_use]
    pub fn nearest(&self, share: f64) -> Option<usize> {
        let distance = |at: &usize| (self.middle(*at) - share).abs();
        (0..self.count()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// Left and right edge of a run as shares of the width.
    #[must_use]
    pub fn span(&self, run: &Run) -> (f64, f64) {
        let (first, _) = self.bar(run.start);
        let (last, width) = self.bar(run.end.saturating_sub(1));
        (first / WIDTH, (last + width) / WIDTH)
    }

    /// How much room a cell's label asks for: 0 is always shown, 3 only where every label fits.
    #[must_use]
    pub fn label_level(&self, at: usize) -> u8 {
        let Some(run) = self.runs.iter().find(|run| (run.start..run.end).contains(&at)) else { return 3 };
        let place = at - run.start;
        let left = run.end - at;
        match place {
            // A run of one has its group's name right below.
            0 if run.end - run.start == 1 => 1,
            0 => 0,
            _ if left < 3 && !place.is_multiple_of(5) => 3,
            p if p % 10 == 0 && left >= 3 => 1,
            p if p % 5 == 0 && left >= 2 => 2,
            _ => 3,
        }
    }

    /// `few`, `some` or `many` blocks: the style sheet shows labels by it.
    #[must_use]
    pub fn density(&self) -> &'static str {
        match self.count() {
            0..=20 => "few",
            21..=32 => "some",
            _ => "many",
        }
    }
}

fn runs(slots: &[(String, String)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, (_, group)) in slots.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.group == *group => run.end = at + 1,
            _ => runs.push(Run { group: group.clone(), start: at, end: at + 1 }),
        }
    }
    runs
}

/// Words of a display group.
#[must_use]
pub fn group_label(group: &str) -> &str {
    match group {
        "in" => "Input",
        "mid" => "Mid",
        "out" => "Output",
        "double" => "Double stream",
        "single" => "Single stream",
        "blocks" => "Blocks",
        "extra" => "Outside",
        other => other,
    }
}

/// Short words of a display group, for narrow runs.
#[must_use]
pub fn group_short(group: &str) -> &str {
    match group {
        "in" => "IN",
        "mid" => "M",
        "out" => "OUT",
        "double" => "Double",
        "single" => "Single",
        "blocks" => "B",
        "extra" => "+",
        other => other,
    }
}

/// The smallest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that is not below `value`: the top of an axis.
#[must_use]
pub fn nice_top(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let lead = value / power;
    let step = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].into_iter().find(|s| lead <= s * 1.000_001).unwrap_or(10.0);
    step * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(runs: &[(&str, usize)]) -> Axis {
        Axis::new(runs.iter().flat_map(|(group, n)| (0..*n).map(move |i| (format!("{group}{i:02}"), (*group).to_owned()))))
    }

    #[test]
    fn cells_fill_the_width_with_a_gap_between_groups() {
        let axis = axis(&[("in", 12), ("mid", 1), ("out", 12)]);
        assert_eq!((axis.count(), axis.runs.len()), (25, 3));
        let last = axis.cells.last().map_or(0.0, |c| c.x + axis.pitch);
        assert!((last - WIDTH).abs() < 1e-9);
        assert!((axis.cells[12].x - axis.cells[11].x - 2.0 * axis.pitch).abs() < 1e-9);
    }

    #[test]
    fn the_nearest_cell_is_the_one_under_the_pointer() {
        let axis = axis(&[("double", 19), ("single", 38)]);
        for at in 0..57 {
            assert_eq!(axis.nearest(axis.middle(at)), Some(at));
        }
        assert_eq!((axis.nearest(-1.0), axis.nearest(2.0)), (Some(0), Some(56)));
        assert_eq!(Axis::default().nearest(0.5), None);
    }

    #[test]
    fn axis_tops_are_round_and_never_below() {
        for value in [0.001, 0.41, 0.99, 1.0, 1.2, 7.3, 81.0, 4.1e-7] {
            assert!(nice_top(value) >= value * 0.999_999 && nice_top(value) <= value * 2.0, "{value}");
        }
        assert_eq!((nice_top(0.0), nice_top(f64::NAN)), (1.0, 1.0));
    }
}
