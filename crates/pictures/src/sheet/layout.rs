//! Where everything on a sheet stands. All lengths in pixels.

use super::{SheetWords, words};

/// Longest side.
pub const SIDE: u32 = 16_384;
/// Most pixels: 150 MB in memory.
pub const AREA: u64 = 50_000_000;
/// Most lines of a label, and of the caption.
const LABEL_LINES: usize = 3;
const CAPTION_LINES: usize = 14;

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) cell: (u32, u32),
    pub(super) cells: usize,
    pub(super) gap: u32,
    pub(super) margin: u32,
    /// Upper left corner of the first picture.
    pub(super) left: u32,
    pub(super) top: u32,
    /// Height of labels, and of captions.
    pub(super) font: u32,
    pub(super) small: u32,
    pub(super) columns: Vec<Vec<String>>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) names: Vec<String>,
    pub(super) caption: Vec<String>,
    pub(super) caption_top: u32,
    across: usize,
}

impl Layout {
    pub(super) fn new(words: &SheetWords, count: usize, width: u32, height: u32) -> Self {
        let across = match words.columns.len() {
            0 => (1..=count.max(1)).find(|n| n * n >= count).unwrap_or(1),
            n => n,
        };
        let down = if words.rows.is_empty() { count.div_ceil(across).max(1) } else { words.rows.len() };
        let (mut scale, wide, high) = (1.0f64, f64::from(width.max(1)), f64::from(height.max(1)));
        // Labels do not shrink quite as pictures do, so a sheet that is still too large is tried again, a little smaller.
        loop {
            let cell = (((wide * scale) as u32).max(1), ((high * scale) as u32).max(1));
            let layout = Self::at(words, across, down, cell);
            let fits = layout.width <= SIDE && layout.height <= SIDE && u64::from(layout.width) * u64::from(layout.height) <= AREA;
            if fits || cell == (1, 1) {
                return layout;
            }
            let over = f64::from(layout.width.max(layout.height)) / f64::from(SIDE);
            let area = (f64::from(layout.width) * f64::from(layout.height) / AREA as f64).sqrt();
            scale *= (1.0 / over.max(area)).min(0.97);
        }
    }

    fn at(words: &SheetWords, across: usize, down: usize, cell: (u32, u32)) -> Self {
        let font = (cell.0 / 18).clamp(13, 44);
        let small = (font * 4 / 5).max(12);
        let gap = (cell.0 / 40).clamp(2, 24);
        let margin = (font * 3 / 2).min(60);
        let line = |size: u32| size + size / 4;
        let fit = |text: &String, most: u32| words::wrapped(text, font, most.max(font * 3), LABEL_LINES);
        let columns: Vec<Vec<String>> = words.columns.iter().map(|label| fit(label, cell.0)).collect();
        let rows: Vec<Vec<String>> = words.rows.iter().map(|label| fit(label, (cell.0 * 3 / 4).max(120))).collect();
        let names: Vec<String> = words.axes.iter().zip(["→", "↓"]).map(|(name, arrow)| format!("{name} {arrow}")).collect();
        let lines_wide = |lines: &[String], size: u32| lines.iter().map(|line| words::width(line, size)).max().unwrap_or(0);
        let label = rows.iter().map(|lines| lines_wide(lines, font)).max().unwrap_or(0);
        let left = margin + if rows.is_empty() { 0 } else { label.max(lines_wide(&names, small).min(cell.0)) + gap * 2 };
        let tallest = columns.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let above = (tallest * line(font) + if tallest > 0 { gap } else { 0 }).max(names.len() as u32 * line(small));
        // Without row labels the axis' name would stand in the way of the first column's label.
        let above = if rows.is_empty() && !names.is_empty() { above + line(small) } else { above };
        let top = margin + above;
        let span = |n: usize, side: u32| (n as u32).saturating_mul(side.saturating_add(gap)).saturating_sub(gap);
        let width = left.saturating_add(span(across, cell.0)).saturating_add(margin).max(margin * 2 + 320);
        let caption_top = top.saturating_add(span(down, cell.1)).saturating_add(margin);
        let mut caption = Vec::new();
        for paragraph in &words.caption {
            let room = CAPTION_LINES.saturating_sub(caption.len());
            caption.extend(words::wrapped(paragraph, small, width - margin * 2, room.min(6)).into_iter().take(room));
        }
        let below = if caption.is_empty() { 0 } else { caption.len() as u32 * line(small) + margin };
        let height = caption_top.saturating_add(below);
        let cells = across * down;
        Self { width, height, cell, cells, gap, margin, left, top, font, small, columns, rows, names, caption, caption_top, across }
    }

    pub(super) fn line(&self) -> u32 {
        self.font + self.font / 4
    }

    pub(super) fn small_line(&self) -> u32 {
        self.small + self.small / 4
    }

    /// Upper left corner of a cell.
    pub(super) fn place(&self, cell: usize) -> (u32, u32) {
        let (column, row) = ((cell % self.across) as u32, (cell / self.across) as u32);
        (self.left + column * (self.cell.0 + self.gap), self.top + row * (self.cell.1 + self.gap))
    }
}
