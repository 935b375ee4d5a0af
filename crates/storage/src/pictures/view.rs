//! Rows as the views of `weft_domain`.

use crate::error::{StoreError, StoreResult};
use sea_orm::FromQueryResult;
use weft_domain::generation::{PictureCard, PictureSource, Recipe};
use weft_domain::{GenerationId, PictureId};

/// Characters of a prompt that a card shows.
pub(super) const PROMPT_CHARS: usize = 300;

/// Columns of [`CardRow`], for `pictures` as `p`.
pub(super) const CARD_COLUMNS: &str = "p.id, p.generation_id, p.shot, p.width, p.height, p.colour, p.prompt, p.seed, p.checkpoint, \
                                       p.source, p.favourite, p.rating, p.created_ms, p.deleted_ms";

#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct CardRow {
    pub(super) id: i64,
    generation_id: Option<i64>,
    shot: i64,
    width: i64,
    height: i64,
    colour: String,
    prompt: String,
    seed: Option<String>,
    checkpoint: String,
    source: String,
    favourite: bool,
    rating: Option<i64>,
    created_ms: i64,
    deleted_ms: Option<i64>,
}

impl From<CardRow> for PictureCard {
    fn from(row: CardRow) -> Self {
        Self {
            id: PictureId(row.id),
            generation: row.generation_id.map(GenerationId),
            shot: unsigned(row.shot),
            width: unsigned(row.width),
            height: unsigned(row.height),
            colour: row.colour,
            prompt: row.prompt,
            seed: row.seed.and_then(|seed| seed.parse().ok()),
            checkpoint: row.checkpoint,
            source: source(&row.source),
            favourite: row.favourite,
            rating: row.rating.and_then(|rating| u8::try_from(rating).ok()),
            created_ms: row.created_ms,
            deleted_ms: row.deleted_ms,
        }
    }
}

pub(super) fn unsigned(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// The source that a stored word names.
pub(super) fn source(word: &str) -> PictureSource {
    PictureSource::ALL.into_iter().find(|source| source.as_str() == word).unwrap_or(PictureSource::Unknown)
}

pub(super) fn recipe(id: i64, text: &str) -> StoreResult<Recipe> {
    serde_json::from_str(text).map_err(|source| StoreError::Corrupt { what: "recipe", id, source })
}

/// The name a picture is downloaded under: its own, or one made of id and seed.
pub(super) fn file_name(own: &str, id: i64, seed: Option<&str>, format: &str) -> String {
    if !own.is_empty() {
        return own.to_owned();
    }
    let ending = if format == "jpeg" { "jpg" } else { format };
    match seed {
        Some(seed) => format!("weft-{id:05}-{seed}.{ending}"),
        None => format!("weft-{id:05}.{ending}"),
    }
}
