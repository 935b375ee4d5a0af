//! Pictures: ask, look, mark.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::PictureId;
use weft_domain::generation::{PictureCard, PictureDetails, PictureEdit, PicturePage, PictureQuery};

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
