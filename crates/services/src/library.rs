//! The library as people use it: asking, reading, editing.

use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::events::Events;
use crate::problem::{ForPeople as _, blocking};
use crate::roots::Roots;
use crate::scan::path;
use std::path::PathBuf;
use weft_domain::status::Overview;
use weft_domain::{AdapterCard, AdapterDetails, AdapterEdit, AdapterId, Event, JobView, LibraryPage, LibraryQuery, Problem};
use weft_storage::Store;

/// Most cards of one request by id.
const CARDS_MAX: usize = 500;
/// Most recent adapters of one request.
const RECENT_MAX: u64 = 100;

/// A file that was checked to lie inside its root, with no link on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHandle {
    pub path: PathBuf,
    /// For the download.
    pub name: String,
    pub size: u64,
}

/// The library use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Library {
    store: Store,
    events: Events,
    roots: Roots,
}

impl Library {
    pub(crate) fn new(store: Store, events: Events, roots: Roots) -> Self {
        Self { store, events, roots }
    }

    /// A window of the library, with live filter counts when it is the first.
    pub async fn query(&self, _: &Reader, query: &LibraryQuery) -> Result<LibraryPage, Problem> {
        let mut page = self.store.adapters().query(query).await.for_people("asking the library")?;
        page.items.iter_mut().for_each(show);
        if page.facets.is_some() {
            let roots = self.store.roots().list().await.for_people("listing roots")?;
            page.samples_only = !roots.is_empty() && roots.iter().all(|root| root.samples);
        }
        Ok(page)
    }

    /// Cards by id, in this order; unknown ids are left out.
    pub async fn cards(&self, _: &Reader, ids: &[AdapterId]) -> Result<Vec<AdapterCard>, Problem> {
        if ids.len() > CARDS_MAX {
            return Err(Problem::invalid("ids", format!("At most {CARDS_MAX} adapters can be asked for at once.")));
        }
        let mut cards = self.store.adapters().cards(ids).await.for_people("reading cards")?;
        cards.iter_mut().for_each(show);
        Ok(cards)
    }

    /// The newest adapters that can be used.
    pub async fn recent(&self, _: &Reader, limit: u64) -> Result<Vec<AdapterCard>, Problem> {
        let mut cards = self.store.adapters().recent(limit.clamp(1, RECENT_MAX)).await.for_people("reading recent adapters")?;
        cards.iter_mut().for_each(show);
        Ok(cards)
    }

    /// All that is known of one adapter.
    pub async fn details(&self, _: &Reader, id: AdapterId) -> Result<AdapterDetails, Problem> {
        let found = self.store.adapters().details(id).await.for_people("reading an adapter")?;
        let mut details = found.ok_or_else(no_such_adapter)?;
        show(&mut details.card);
        details.path = path::shown(&details.path);
        Ok(details)
    }

    /// Changes what a person may change; answers the adapter as it is then.
    pub async fn edit(&self, editor: &Editor, id: AdapterId, edit: AdapterEdit) -> Result<AdapterDetails, Problem> {
        let edit = edit.checked()?;
        self.store.adapters().edit(id, &edit, now_ms()).await.for_people("editing an adapter")?;
        tracing::info!(adapter = id.0, by = %editor.actor().name, "edited");
        self.events.publish(Event::Adapters { ids: vec![id] });
        self.details(&editor.clone().into(), id).await
    }

    /// Reads one file anew: header, strengths, hashes, picture. What a person wrote stays.
    pub async fn reindex(&self, _: &Editor, id: AdapterId) -> Result<JobView, Problem> {
        let place = self.store.adapters().place(id).await.for_people("looking up a file")?.ok_or_else(no_such_adapter)?;
        self.store.adapters().forget_measurements(&[id]).await.for_people("forgetting measurements")?;
        self.roots.enqueue_fresh_scan(place.root).await
    }

    /// Numbers for the shell.
    pub async fn overview(&self, _: &Reader) -> Result<Overview, Problem> {
        self.store.adapters().overview().await.for_people("counting the library")
    }

    /// The adapter's file, for a download.
    pub async fn file(&self, _: &Reader, id: AdapterId) -> Result<FileHandle, Problem> {
        let place = self.store.adapters().place(id).await.for_people("looking up a file")?.ok_or_else(no_such_adapter)?;
        blocking(move || {
            let path = path::resolve(&place.root_path, &place.rel_path)?;
            let data = path.symlink_metadata().map_err(|_| Problem::not_found("The file is not there."))?;
            if !data.is_file() {
                return Err(Problem::not_found("This is not a plain file."));
            }
            Ok(FileHandle { path, name: path::shown(&place.file_name), size: data.len() })
        })
        .await?
    }
}

/// Names with odd bytes in them become readable; everything else of a card is shown as stored.
fn show(card: &mut AdapterCard) {
    for text in [&mut card.name, &mut card.file_name, &mut card.folder] {
        *text = path::shown(text);
    }
}

pub(crate) fn no_such_adapter() -> Problem {
    Problem::not_found("There is no such adapter in the library.")
}
