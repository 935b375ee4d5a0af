//! A painted picture is kept.

use super::Pictures;
use crate::clock::now_ms;
use crate::problem::{ForPeople as _, blocking, internal};
use bytes::Bytes;
use weft_domain::generation::{PictureCard, PictureSource, Recipe};
use weft_domain::{GenerationId, PictureId, Problem, ProblemKind};
use weft_pictures::{Format, Pixels, encode};
use weft_storage::{KeptPicture, StoreError};

/// A picture as it was painted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPicture {
    /// `width · height · 3` bytes (sRGB), row by row from the top.
    pub rgb: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub recipe: Recipe,
    pub generation: Option<GenerationId>,
    /// Place in its generation, from 0.
    pub shot: u32,
    /// The picture it was made from.
    pub parent: Option<PictureId>,
}

impl Pictures {
    /// Writes the picture as PNG with its parameters, then its row. A shot that is kept already is answered as it is.
    pub(crate) async fn keep(&self, new: NewPicture) -> Result<PictureCard, Problem> {
        if let Some(generation) = new.generation
            && let Some(card) = self.repo().of_shot(generation, new.shot).await.for_people("looking for a picture")?
        {
            return Ok(card);
        }
        let (generation, shot, parent) = (new.generation, new.shot, new.parent);
        let made = blocking(move || {
            let pixels = Pixels::new(new.width, new.height, new.rgb)?;
            let bytes = encode(&pixels, &new.recipe, Format::Png)?;
            Ok::<_, weft_pictures::PictureError>((bytes, pixels.colour(), pixels.width, pixels.height, new.recipe))
        });
        let (bytes, colour, width, height, recipe) = made.await?.map_err(|error| internal("a picture cannot be written", &error))?;
        let row = KeptPicture {
            generation,
            shot,
            blob: String::new(),
            format: Format::Png.as_str().to_owned(),
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            width,
            height,
            colour,
            file_name: String::new(),
            source: PictureSource::Weft,
            recipe,
            parent,
        };
        self.store(row, bytes.into()).await
    }

    /// Bytes first, then the row that names them.
    pub(super) async fn store(&self, mut row: KeptPicture, bytes: Bytes) -> Result<PictureCard, Problem> {
        let _bytes_are_not_swept = self.inner.sweeping.read().await;
        row.blob = self.inner.blobs.put(bytes).await.map_err(no_room)?;
        let (id, is_new) = self.repo().insert(&row, now_ms()).await.for_people("storing a picture")?;
        let card = self.repo().cards(&[id]).await.for_people("reading a picture")?.pop().ok_or_else(super::no_such_picture)?;
        if is_new {
            self.tell(vec![id]);
        }
        Ok(card)
    }
}

/// A disk that cannot be written to is no defect of Weft.
fn no_room(error: StoreError) -> Problem {
    const WHAT: &str = "the bytes of a picture cannot be stored";
    if error.is_full() {
        return crate::problem::full(WHAT, &error);
    }
    tracing::error!(%error, "{WHAT}");
    Problem::new(ProblemKind::Unavailable, "The picture could not be stored.")
        .detail(error.to_string())
        .hint("See whether the disk with Weft's data folder is full or cannot be written to, then try again.")
}
