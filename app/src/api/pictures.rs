//! Pictures: ask, look, mark.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::generation::{PictureAdapters, PictureCard, PictureDetails, PictureEdit, PicturePage, PictureQuery, Trash};
use weft_domain::{AdapterId, PictureId};

/// A window of the pictures.
#[server(name = AskPictures, prefix = "/fn", endpoint = "pictures/query", input = Json)]
pub async fn picture_query(query: PictureQuery) -> Result<PicturePage, ApiError> {
    answer(services()?.pictures.query(&role().await?, &query).await)
}

/// All that is known of one picture.
#[server(name = AskPicture, prefix = "/fn", endpoint = "pictures/details", input = Json)]
pub async fn picture_details(id: PictureId) -> Result<PictureDetails, ApiError> {
    answer(services()?.pictures.details(&role().await?, id).await)
}

/// Marks, rates, throws away or takes back; the cards as they are now.
#[server(name = EditPictures, prefix = "/fn", endpoint = "pictures/edit", input = Json)]
pub async fn picture_edit(ids: Vec<PictureId>, edit: PictureEdit) -> Result<Vec<PictureCard>, ApiError> {
    answer(services()?.pictures.edit(&role().await?, &ids, &edit).await)
}

/// Adapters that kept pictures were made with, those of `with` first.
#[server(name = AskPictureAdapters, prefix = "/fn", endpoint = "pictures/adapters", input = Json)]
pub async fn picture_adapters(text: String, with: Vec<AdapterId>, trash: bool) -> Result<PictureAdapters, ApiError> {
    answer(services()?.pictures.adapters(&role().await?, &text, &with, trash).await)
}

/// What lies in the trash.
#[server(name = AskTrash, prefix = "/fn", endpoint = "pictures/trash", input = Json)]
pub async fn picture_trash() -> Result<Trash, ApiError> {
    answer(services()?.pictures.trash(&role().await?).await)
}

/// Removes for good what lies in the trash, in a moment: until then it can be taken back.
#[server(name = EmptyTrash, prefix = "/fn", endpoint = "pictures/trash/empty", input = Json)]
pub async fn picture_trash_empty() -> Result<Trash, ApiError> {
    answer(services()?.pictures.empty_trash(&role().await?).await)
}

/// Takes the emptying of the trash back; false where it is too late.
#[server(name = SpareTrash, prefix = "/fn", endpoint = "pictures/trash/spare", input = Json)]
pub async fn picture_trash_spare() -> Result<bool, ApiError> {
    answer(services()?.pictures.spare_trash(&role().await?).await)
}
