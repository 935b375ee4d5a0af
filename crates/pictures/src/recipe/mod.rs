//! What programs write about how a picture was made, as one [`Recipe`].

mod a1111;
mod comfy;
mod fooocus;
mod invoke;
mod json;
mod novel;
mod stealth;
mod swarm;
mod tidy;
pub(crate) mod weft;

pub use a1111::read::parse_infotext;
pub use a1111::write::infotext;

use crate::container::Texts;
use crate::error::PictureError;
use crate::format::Format;
use crate::pixels;
use weft_domain::generation::{PictureSource, Recipe};

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    pub format: Format,
    /// Pixels of the file.
    pub width: u32,
    pub height: u32,
    pub source: PictureSource,
    /// Width and height are those of the file where it does not say what was asked for.
    pub recipe: Recipe,
}

/// Reads the parameters that a program left in a file. Pixels are looked at only where a PNG or WebP with transparency says nothing:
/// some programs hide the text there.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, PictureError> {
    let (format, width, height) = pixels::size(bytes)?;
    let texts = Texts::read(bytes, format);
    let found = of_texts(&texts).or_else(|| hidden(bytes, format));
    let (source, mut recipe) = found.unwrap_or((PictureSource::Unknown, Recipe::default()));
    if recipe.width == 0 || recipe.height == 0 {
        (recipe.width, recipe.height) = (width, height);
    }
    tidy::tidy(&mut recipe);
    Ok(Inspected { format, width, height, source, recipe })
}

/// Where texts of several programs stand in one file, the most telling one wins: our own, then what was written for people to reuse, then
/// a graph.
fn of_texts(texts: &Texts) -> Option<(PictureSource, Recipe)> {
    if let Some(recipe) = texts.get("weft").and_then(weft::read) {
        return Some((PictureSource::Weft, recipe));
    }
    if let Some(recipe) = invoke::read(texts) {
        return Some((PictureSource::InvokeAi, recipe));
    }
    if let Some(recipe) = novel::read(texts) {
        return Some((PictureSource::NovelAi, recipe));
    }
    let graph = comfy::read(texts);
    for key in ["parameters", "UserComment", "Comment", "ImageDescription"] {
        let Some(text) = texts.get(key) else { continue };
        if let Some((source, recipe)) = of_text(text, key == "parameters") {
            // Nodes of ComfyUI write A1111's text too.
            let source = if graph.is_some() && source == PictureSource::A1111 { PictureSource::ComfyUi } else { source };
            return Some((source, recipe));
        }
    }
    graph.map(|recipe| (PictureSource::ComfyUi, recipe))
}

/// A text whose writer is told by what it says. `any`: it stands where nothing but parameters does, so one line of prompt is enough.
fn of_text(text: &str, any: bool) -> Option<(PictureSource, Recipe)> {
    if text.trim_start().starts_with('{')
        && let Some(json) = json::read(text)
    {
        return swarm::of_json(&json)
            .map(|recipe| (PictureSource::SwarmUi, recipe))
            .or_else(|| fooocus::of_json(&json).map(|recipe| (PictureSource::Fooocus, recipe)))
            .or_else(|| comfy::of_json(&json).map(|recipe| (PictureSource::ComfyUi, recipe)));
    }
    let recipe = a1111::read::parsed(text, any)?;
    let ours = recipe.engine.starts_with("Weft");
    Some((if ours { PictureSource::Weft } else { PictureSource::A1111 }, recipe))
}

/// The text in the last bits of the pixels.
fn hidden(bytes: &[u8], format: Format) -> Option<(PictureSource, Recipe)> {
    if format == Format::Jpeg {
        return None;
    }
    let text = stealth::read(bytes)?;
    let json = json::read(&text);
    json.as_ref().and_then(novel::of_json).map(|recipe| (PictureSource::NovelAi, recipe)).or_else(|| of_text(&text, true))
}
