//! Text in Inter: how wide it is, where its lines break, and its letters as shades.

use ab_glyph::{Font as _, FontRef, ScaleFont as _};
use std::sync::LazyLock;

static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../../font/inter-medium.otf")).ok());

/// Width of a line in pixels, `size` being its height.
pub(super) fn width(text: &str, size: u32) -> u32 {
    let Some(font) = FONT.as_ref() else { return 0 };
    let font = font.as_scaled(size as f32);
    text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum::<f32>().ceil() as u32
}

/// Lines of at most `most` pixels, broken at blanks, inside a word where it alone is longer. What does not fit into `lines` lines ends in
/// an ellipsis.
pub(super) fn wrapped(text: &str, size: u32, most: u32, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if width(&longer, size) <= most {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                out.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if width(&line, size) > most && line.chars().count() > 1 {
                    line.pop();
                    out.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
            if out.len() > lines {
                break;
            }
        }
        out.push(line);
        if out.len() > lines {
            break;
        }
    }
    if out.len() > lines {
        out.truncate(lines);
        if let Some(last) = out.last_mut() {
            while !last.is_empty() && width(&format!("{last}…"), size) > most {
                last.pop();
            }
            last.push('…');
        }
    }
    out
}

/// Calls with place and cover (0 to 1) of every pixel that the line darkens; the line's top is 0.
pub(super) fn drawn(text: &str, size: u32, mut dot: impl FnMut(i32, i32, f32)) {
    let Some(font) = FONT.as_ref() else { return };
    let font = font.as_scaled(size as f32);
    let mut x = 0.0;
    for c in text.chars().filter(|c| !c.is_control()) {
        let id = font.glyph_id(c);
        let glyph = id.with_scale_and_position(size as f32, ab_glyph::point(x, font.ascent()));
        x += font.h_advance(id);
        if let Some(outline) = font.outline_glyph(glyph) {
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, cover| dot(bounds.min.x as i32 + dx as i32, bounds.min.y as i32 + dy as i32, cover));
        }
    }
}
