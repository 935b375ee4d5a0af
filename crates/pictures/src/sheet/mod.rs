//! Sheets: pictures in rows and columns with their labels, drawn as one picture.

mod canvas;
mod layout;
mod words;

use crate::encode::png_file;
use crate::error::PictureError;
use crate::pixels::{Pixels, scaled};
use canvas::{Canvas, INK, MUTED};
use layout::Layout;

/// What stands on a sheet beside its pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SheetWords {
    /// Labels of the columns; empty: as many columns as make an even grid.
    pub columns: Vec<String>,
    /// Labels of the rows; empty without a second axis.
    pub rows: Vec<String>,
    /// What the axes are called, column first.
    pub axes: Vec<String>,
    /// Paragraphs below the pictures: prompt, settings.
    pub caption: Vec<String>,
}

/// A sheet that is being drawn.
#[derive(Debug)]
pub struct Sheet {
    layout: Layout,
    canvas: Canvas,
    caption: String,
}

impl Sheet {
    /// A sheet for `count` pictures of about `width` × `height` pixels, its cells still open. What would be longer than
    /// [`layout::SIDE`] pixels or larger than [`layout::AREA`] is made smaller as a whole.
    #[must_use]
    pub fn new(words: &SheetWords, count: usize, width: u32, height: u32) -> Self {
        let layout = Layout::new(words, count, width, height);
        let mut canvas = Canvas::new(layout.width, layout.height);
        for (at, lines) in layout.columns.iter().enumerate() {
            let (x, top) = (layout.left + at as u32 * (layout.cell.0 + layout.gap), layout.top);
            // Labels stand on the pictures' edge, whatever the number of their lines.
            let begin = top.saturating_sub(layout.gap / 2 + lines.len() as u32 * layout.line());
            for (n, line) in lines.iter().enumerate() {
                let inset = layout.cell.0.saturating_sub(words::width(line, layout.font)) / 2;
                canvas.text(line, x + inset, begin + n as u32 * layout.line(), layout.font, INK);
            }
        }
        for (at, lines) in layout.rows.iter().enumerate() {
            let middle = layout.top + at as u32 * (layout.cell.1 + layout.gap) + layout.cell.1 / 2;
            let begin = middle.saturating_sub(lines.len() as u32 * layout.line() / 2);
            for (n, line) in lines.iter().enumerate() {
                canvas.text(line, layout.margin, begin + n as u32 * layout.line(), layout.font, INK);
            }
        }
        for (n, line) in layout.names.iter().enumerate() {
            canvas.text(line, layout.margin, layout.margin + n as u32 * layout.small_line(), layout.small, MUTED);
        }
        for (n, line) in layout.caption.iter().enumerate() {
            canvas.text(line, layout.margin, layout.caption_top + n as u32 * layout.small_line(), layout.small, MUTED);
        }
        for at in 0..layout.cells {
            let (x, y) = layout.place(at);
            canvas.open(x, y, layout.cell.0, layout.cell.1);
        }
        Self { layout, canvas, caption: words.caption.join("\n") }
    }

    /// Size of a cell in pixels.
    #[must_use]
    pub fn cell(&self) -> (u32, u32) {
        self.layout.cell
    }

    /// Puts a picture into its cell, counted row by row; one of another shape keeps it. A cell that does not exist takes none.
    pub fn put(&mut self, cell: usize, picture: &Pixels) -> Result<(), PictureError> {
        if cell >= self.layout.cells {
            return Ok(());
        }
        let (wide, high) = self.layout.cell;
        let small = scaled(picture, wide, high)?;
        let (x, y) = self.layout.place(cell);
        let picture = small.as_ref().unwrap_or(picture);
        self.canvas.picture(picture, x + (wide - picture.width.min(wide)) / 2, y + (high - picture.height.min(high)) / 2);
        Ok(())
    }

    /// The pixels.
    #[must_use]
    pub fn finish(self) -> Pixels {
        self.canvas.into_pixels()
    }

    /// A PNG; the caption stands in it as its description.
    pub fn png(self) -> Result<Vec<u8>, PictureError> {
        let caption = self.caption.clone();
        png_file(&self.finish(), &[("Title", "Sheet"), ("Software", "Weft"), ("Description", &caption)])
    }
}
