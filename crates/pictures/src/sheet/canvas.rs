//! Paper to draw on.

use super::words;
use crate::pixels::Pixels;

/// Colour of labels.
pub(super) const INK: [u8; 3] = [0x1b, 0x1d, 0x22];
/// Colour of captions.
pub(super) const MUTED: [u8; 3] = [0x5c, 0x60, 0x6b];
const PAPER: u8 = 0xff;
const OPEN: [u8; 3] = [0xf3, 0xf3, 0xf5];
const EDGE: [u8; 3] = [0xd9, 0xda, 0xde];

#[derive(Debug)]
pub(super) struct Canvas {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, rgb: vec![PAPER; width as usize * height as usize * 3] }
    }

    /// A line of text with its upper left corner at x, y; what lies outside is cut off.
    pub(super) fn text(&mut self, line: &str, x: u32, y: u32, size: u32, colour: [u8; 3]) {
        words::drawn(line, size, |dx, dy, cover| {
            let (x, y) = (i64::from(x) + i64::from(dx), i64::from(y) + i64::from(dy));
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = self.pixel(x, y)
            {
                for (byte, ink) in pixel.iter_mut().zip(colour) {
                    *byte = (f32::from(*byte) + (f32::from(ink) - f32::from(*byte)) * cover.clamp(0.0, 1.0)).round() as u8;
                }
            }
        });
    }

    /// A cell without its picture.
    pub(super) fn open(&mut self, x: u32, y: u32, width: u32, height: u32) {
        for row in y..y + height {
            for column in x..x + width {
                let edge = row == y || row + 1 == y + height || column == x || column + 1 == x + width;
                if let Some(pixel) = self.pixel(column, row) {
                    pixel.copy_from_slice(if edge { &EDGE } else { &OPEN });
                }
            }
        }
    }

    /// A picture with its upper left corner at x, y.
    pub(super) fn picture(&mut self, picture: &Pixels, x: u32, y: u32) {
        let wide = picture.width.min(self.width.saturating_sub(x)) as usize * 3;
        let rows = picture.rgb.chunks_exact(picture.width as usize * 3);
        for (row, from) in (y..self.height).zip(rows) {
            let at = (row as usize * self.width as usize + x as usize) * 3;
            self.rgb[at..at + wide].copy_from_slice(&from[..wide]);
        }
    }

    pub(super) fn into_pixels(self) -> Pixels {
        Pixels { width: self.width, height: self.height, rgb: self.rgb }
    }

    fn pixel(&mut self, x: u32, y: u32) -> Option<&mut [u8]> {
        let at = (y as usize * self.width as usize + x as usize) * 3;
        (x < self.width && y < self.height).then(|| &mut self.rgb[at..at + 3])
    }
}
