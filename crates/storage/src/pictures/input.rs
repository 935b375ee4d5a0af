//! What the services hand in and get back, besides the views of `weft_domain`.

use weft_domain::generation::{PictureSource, Recipe};
use weft_domain::{GenerationId, PictureId};

/// A picture whose bytes are already a blob.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPicture {
    /// None: imported.
    pub generation: Option<GenerationId>,
    /// Place in its generation, from 0.
    pub shot: u32,
    /// Key of its bytes.
    pub blob: String,
    /// `png`, `jpeg`, `webp`.
    pub format: String,
    /// Bytes of the file.
    pub size: i64,
    pub width: u32,
    pub height: u32,
    /// `#rrggbb`.
    pub colour: String,
    /// Empty: made from id and seed when it is asked for.
    pub file_name: String,
    pub source: PictureSource,
    pub recipe: Recipe,
    pub parent: Option<PictureId>,
}

/// Where the bytes of a picture are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    pub id: PictureId,
    pub blob: String,
    /// `png`, `jpeg`, `webp`.
    pub format: String,
    /// Bytes of the file.
    pub size: i64,
    pub width: u32,
    pub height: u32,
    /// What it is called when it is downloaded.
    pub file_name: String,
    pub source: PictureSource,
}
