//! Where a kept picture is, and what it is called.

use weft_domain::PictureId;
use weft_domain::generation::PictureCard;

/// Address of a picture's file.
#[must_use]
pub(crate) fn file(id: PictureId) -> String {
    format!("/api/v1/pictures/{id}/file")
}

/// Address of a picture's thumbnail; `width` is one of those that are kept (160, 320, 640, 1280).
#[must_use]
pub(crate) fn thumbnail(id: PictureId, width: u32) -> String {
    format!("/api/v1/pictures/{id}/thumbnail?width={width}")
}

/// What a picture shows, in words: its prompt's beginning.
#[must_use]
pub(crate) fn alt(card: &PictureCard) -> String {
    let text: String = card.prompt.trim().chars().take(120).collect();
    if text.is_empty() { format!("Picture {}", card.id) } else { text }
}
