//! The pictures as a long list, and what can be done to them.

use crate::api::{self, ApiError};
use crate::kit::Toasts;
use crate::windowed::{self, Listed, Window, Windowed};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use weft_domain::PictureId;
use weft_domain::generation::{PictureCard, PictureEdit, PicturePage, PictureQuery};

/// Pause before the list is asked for again.
const SOON: Duration = Duration::from_millis(250);

/// The pictures that fit the question.
pub type Gallery = Windowed<PictureQuery>;
/// A picture's card that changes under its readers.
pub(super) type Cell = windowed::Cell<PictureQuery>;

impl Listed for PictureQuery {
    type Card = PictureCard;
    type Id = PictureId;
    type Beside = ();
    const WINDOW: u64 = 60;

    fn id(card: &PictureCard) -> PictureId {
        card.id
    }

    fn at(self, offset: u64) -> Self {
        Self { offset, limit: <Self as Listed>::WINDOW, ..self }
    }

    async fn fetch(self) -> Result<Window<Self>, ApiError> {
        api::picture_query(self).await.map(Window::from)
    }
}

impl From<PicturePage> for Window<PictureQuery> {
    fn from(page: PicturePage) -> Self {
        let PicturePage { items, total, offset } = page;
        Self { items, total, offset, beside: None }
    }
}

impl Windowed<PictureQuery> {
    /// Another question. Nothing stays chosen: what is deleted shall be in sight.
    pub fn look_for(self, query: PictureQuery) {
        self.selected.set(Vec::new());
        self.ask(query);
    }

    /// Asks again once the dust has settled.
    pub fn refresh_soon(self) {
        self.refresh_in(SOON);
    }

    /// Changes pictures; a change that can be taken back says so.
    pub fn edit(self, ids: Vec<PictureId>, edit: PictureEdit, toasts: Toasts) {
        spawn_local(async move {
            match api::picture_edit(ids.clone(), edit.clone()).await {
                Ok(cards) => {
                    self.put(&cards);
                    if let Some(deleted) = edit.deleted {
                        self.refresh_soon();
                        say_deleted(self, ids, deleted, toasts);
                    }
                }
                Err(error) => toasts.problem(&error),
            }
        });
    }
}

fn say_deleted(gallery: Gallery, ids: Vec<PictureId>, deleted: bool, toasts: Toasts) {
    if !deleted {
        toasts.say(if ids.len() == 1 { "The picture is back." } else { "The pictures are back." });
        return;
    }
    let text = if ids.len() == 1 { "Picture deleted.".to_owned() } else { format!("{} pictures deleted.", ids.len()) };
    toasts.undo(text, move || gallery.edit(ids.clone(), PictureEdit { deleted: Some(false), ..PictureEdit::default() }, toasts));
}
