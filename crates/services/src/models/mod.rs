//! Checkpoints: listing them, and how adapters stand to them.

mod fits;
pub(crate) mod load;
mod measures;

pub(crate) use measures::MeasureJob;
pub use measures::Measuring;

use crate::access::Reader;
use crate::cache::Cache;
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use crate::weave::{StopOnDrop, members};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use weft_domain::{
    AdapterFits, AdapterId, CheckpointCard, CheckpointDetails, CheckpointId, CheckpointPage, CheckpointQuery, FileState, Fit, Problem,
};
use weft_storage::{CheckpointPlace, Store};

/// Most answers of `fits` that are kept: some kilobytes each.
const KEPT: usize = 4096;

/// The checkpoints use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    /// Answers of `fits` by the content of both sides.
    known: Mutex<Cache<String, Fit, KEPT>>,
    /// Headers are read for one question at a time.
    gate: Semaphore,
}

impl Checkpoints {
    pub(crate) fn new(store: Store) -> Self {
        Self { inner: Arc::new(Inner { store, known: Mutex::default(), gate: Semaphore::new(1) }) }
    }

    /// A window of the checkpoints.
    pub async fn query(&self, _: &Reader, query: &CheckpointQuery) -> Result<CheckpointPage, Problem> {
        let mut page = self.inner.store.checkpoints().query(query).await.for_people("listing checkpoints")?;
        page.items.iter_mut().for_each(show);
        Ok(page)
    }

    /// All that is known of one checkpoint.
    pub async fn details(&self, _: &Reader, id: CheckpointId) -> Result<CheckpointDetails, Problem> {
        let found = self.inner.store.checkpoints().details(id).await.for_people("reading a checkpoint")?;
        let mut details = found.ok_or_else(no_such_checkpoint)?;
        show(&mut details.card);
        details.path = path::shown(&details.path);
        Ok(details)
    }

    /// How an adapter fits one checkpoint, or all that can be used, best first. Headers only; an answer is kept for as long as the files
    /// are the same.
    pub async fn fits(&self, _: &Reader, adapter: AdapterId, checkpoint: Option<CheckpointId>) -> Result<AdapterFits, Problem> {
        let place = self.inner.store.adapters().place(adapter).await.for_people("looking up an adapter")?;
        let place = place.ok_or_else(|| Problem::not_found(format!("There is no adapter {adapter} in the library.")))?;
        load::adapter_usable(&place)?;
        let checkpoints = match checkpoint {
            Some(id) => vec![usable(&self.inner.store, id).await?],
            None => self.inner.store.checkpoints().usable().await.for_people("listing checkpoints")?,
        };
        let content = members::content_key(&place);
        let key = |c: &CheckpointPlace| format!("{content}|{}:{}", c.id, c.stamp);
        let (mut fits, mut open) = (Vec::new(), Vec::new());
        for checkpoint in checkpoints {
            match self.known().get(&key(&checkpoint)) {
                Some(fit) => fits.push(fit.clone()),
                None => open.push(checkpoint),
            }
        }
        let mut notes = Vec::new();
        if !open.is_empty() {
            let stop = StopOnDrop::default();
            let flag = stop.flag();
            let _permit = self.inner.gate.acquire().await.map_err(|e| crate::problem::internal("the gate of fits is closed", &e))?;
            let found = blocking(move || fits::all(&place, open, &flag)).await??;
            for (checkpoint, answer) in found {
                match answer {
                    Ok(fit) => {
                        self.known().put(key(&checkpoint), fit.clone());
                        fits.push(fit);
                    }
                    Err(why) => notes.push(format!("{} could not be read: {why}", path::shown(&checkpoint.name))),
                }
            }
        }
        fits.sort_by(|a, b| {
            let worse = b.matched_share().total_cmp(&a.matched_share());
            a.level.cmp(&b.level).then(worse).then_with(|| a.name.cmp(&b.name)).then(a.checkpoint.cmp(&b.checkpoint))
        });
        Ok(AdapterFits { adapter, fits, notes })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Cache<String, Fit, KEPT>> {
        // Whole entries are put in and taken out: a panic elsewhere does not spoil them.
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A checkpoint that can be read now.
pub(crate) async fn usable(store: &Store, id: CheckpointId) -> Result<CheckpointPlace, Problem> {
    let place = store.checkpoints().place(id).await.for_people("looking up a checkpoint")?;
    let place = place.ok_or_else(|| Problem::not_found(format!("There is no checkpoint {id} in the library.")))?;
    let name = path::shown(&place.name);
    match place.state {
        FileState::Ready => Ok(place),
        FileState::Missing => Err(Problem::conflict(format!("{name} is missing: its files are not there, or their drive is off."))),
        FileState::Broken => {
            let why = place.error.unwrap_or_default();
            Err(Problem::conflict(format!("{name} cannot be used.")).detail(why))
        }
    }
}

/// Names with odd bytes in them become readable.
fn show(card: &mut CheckpointCard) {
    for text in [&mut card.name, &mut card.file_name, &mut card.folder] {
        *text = path::shown(text);
    }
}

fn no_such_checkpoint() -> Problem {
    Problem::not_found("There is no such checkpoint in the library.")
}
