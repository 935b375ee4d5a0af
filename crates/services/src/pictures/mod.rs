//! Pictures that are kept: what was painted here and what was imported, with all that made them.
//!
//! Bytes come before their row, and rows go before their bytes. The bytes of a picture never change; thumbnails are made when they are
//! first asked for and kept beside them.

mod file;
mod import;
mod keep;
pub(crate) mod sheet;
mod sweep;
#[cfg(test)]
mod tests;
mod trash;

pub use file::PictureFile;
pub use import::Imported;
pub use keep::NewPicture;
pub use weft_pictures::Pixels;

use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::events::Events;
use crate::problem::ForPeople as _;
use crate::scan::path;
use std::sync::Arc;
use tokio::sync::{Mutex, RwLock};
use tokio::task::AbortHandle;
use weft_domain::generation::{PictureAdapters, PictureCard, PictureDetails, PictureEdit, PicturePage, PictureQuery};
use weft_domain::{AdapterId, Event, GenerationId, PictureId, Problem};
use weft_storage::{Blobs, PictureRepo, Store};

/// Most pictures that one edit names.
const EDIT_MOST: usize = 1000;
/// Most ids that one event names.
const EVENT_MOST: usize = 200;

/// The pictures use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Pictures {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    blobs: Blobs,
    events: Events,
    /// Read by whoever stores bytes and then their row, written by the sweep: bytes that are just being named are not swept away.
    sweeping: RwLock<()>,
    /// Two imports of the same bytes are one picture, and each holds a whole picture in memory.
    importing: Mutex<()>,
    /// One thumbnail of a picture is made once, however many ask for it; and few at a time, for each holds a whole picture in memory.
    making: Mutex<()>,
    /// What empties the trash in a moment, or is at it.
    emptying: Mutex<Option<AbortHandle>>,
}

impl Pictures {
    pub(crate) fn new(store: Store, blobs: Blobs, events: Events) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                blobs,
                events,
                sweeping: RwLock::default(),
                importing: Mutex::default(),
                making: Mutex::default(),
                emptying: Mutex::default(),
            }),
        }
    }

    /// A window of the pictures.
    pub async fn query(&self, _: &Reader, query: &PictureQuery) -> Result<PicturePage, Problem> {
        self.repo().query(query).await.for_people("asking for pictures")
    }

    /// Adapters that pictures were made with (those in the trash, or the others): first those of `with`, then by their pictures, at most 60.
    /// `text`: words that must all appear in what the library knows of the adapter.
    pub async fn adapters(&self, _: &Reader, text: &str, with: &[AdapterId], trash: bool) -> Result<PictureAdapters, Problem> {
        let with = &with[..with.len().min(EVENT_MOST)];
        let mut answer = self.repo().adapters(text, with, trash).await.for_people("asking for the adapters of pictures")?;
        for adapter in &mut answer.items {
            adapter.name = path::shown(&adapter.name);
        }
        Ok(answer)
    }

    /// All that is known of one picture.
    pub async fn details(&self, _: &Reader, id: PictureId) -> Result<PictureDetails, Problem> {
        self.repo().details(id).await.for_people("reading a picture")?.ok_or_else(no_such_picture)
    }

    /// Marks, rates, throws away or takes back; answers the cards as they are now, those that do not exist left out.
    pub async fn edit(&self, _: &Editor, ids: &[PictureId], edit: &PictureEdit) -> Result<Vec<PictureCard>, Problem> {
        if ids.len() > EDIT_MOST {
            return Err(Problem::invalid("ids", format!("At most {EDIT_MOST} pictures can be changed at once.")));
        }
        if edit.rating.is_some_and(|rating| rating > 5) {
            return Err(Problem::invalid("rating", "A rating goes from 1 to 5; 0 takes it away."));
        }
        self.repo().edit(ids, edit, now_ms()).await.for_people("changing pictures")?;
        let cards = self.repo().cards(ids).await.for_people("reading pictures")?;
        self.tell(cards.iter().map(|card| card.id).collect());
        Ok(cards)
    }

    /// The pictures of a generation by their shots, those in the trash left out.
    pub(crate) async fn of_generation(&self, generation: GenerationId) -> Result<Vec<PictureCard>, Problem> {
        self.repo().of_generation(generation).await.for_people("reading the pictures of a generation")
    }

    fn repo(&self) -> PictureRepo {
        self.inner.store.pictures()
    }

    /// Tells every page that these pictures came or changed.
    fn tell(&self, ids: Vec<PictureId>) {
        match ids.len() {
            0 => {}
            1..=EVENT_MOST => self.inner.events.publish(Event::Pictures { ids }),
            _ => self.inner.events.publish(Event::PicturesChanged),
        }
    }
}

pub(crate) fn no_such_picture() -> Problem {
    Problem::not_found("There is no such picture.").hint("It may have been removed from the trash.")
}
