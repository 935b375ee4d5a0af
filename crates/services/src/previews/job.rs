//! Makes the small pictures of files that have a picture beside or inside them.

use super::{cover, thumbnail};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::measure::{Task, drain, root_of};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use weft_domain::{AdapterId, JobKind};
use weft_storage::{Blobs, Store, WorkItem, WorkKind};
use weft_weights::header::Header;
use weft_weights::source::FileSource;

/// Part of every key: raised when thumbnails are made differently.
const VERSION: &str = "thumbnails 1";

/// `preview_source` of a picture inside the metadata; any other is the name of a file in the adapter's folder.
pub(crate) const INSIDE: &str = "metadata:";
/// Begins the `preview_source` of a picture beside the file.
pub(crate) const BESIDE: &str = "file:";

/// Runs thumbnail jobs.
#[derive(Debug)]
pub(crate) struct ThumbnailJob {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) events: Events,
}

/// Small pictures and the key that they are kept under.
struct Made {
    key: String,
    thumbnails: Vec<thumbnail::Thumbnail>,
}

#[async_trait]
impl JobHandler for ThumbnailJob {
    fn kind(&self) -> JobKind {
        JobKind::Thumbnails
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let root = root_of(&input)?;
        let done = drain(ctx, &self.store, &self.events, root, self).await?;
        Ok(json!({ "files": done }))
    }
}

#[async_trait]
impl Task for ThumbnailJob {
    const WORK: WorkKind = WorkKind::Thumbnails;

    async fn one(&self, _: &JobContext, item: &WorkItem) -> Result<Option<AdapterId>, JobError> {
        let file = item.clone();
        let key = match blocking(move || make(&file)).await? {
            // Bytes first, the row after: a crash between leaves an orphan, never a row without its bytes.
            Ok(made) => {
                for small in made.thumbnails {
                    let stored = self.blobs.put_derived(&made.key, &format!("w{}", small.width), small.bytes.into()).await;
                    stored.for_people("storing a picture")?;
                }
                Some(made.key)
            }
            Err(why) => {
                tracing::warn!(file = %item.path().display(), %why, "a preview cannot be used");
                None
            }
        };
        let changed = self.store.adapters().set_preview(item, key.as_deref(), now_ms()).await.for_people("storing a preview")?;
        Ok((changed && key.is_some()).then_some(item.id))
    }
}

fn make(item: &WorkItem) -> Result<Made, String> {
    let bytes = source(item)?;
    let thumbnails = thumbnail::make(&bytes).map_err(|e| e.to_string())?;
    let mut hash = Sha256::new_with_prefix(VERSION);
    hash.update(&bytes);
    Ok(Made { key: hex::encode(hash.finalize()), thumbnails })
}

/// The bytes of the picture, from a checked place.
fn source(item: &WorkItem) -> Result<Vec<u8>, String> {
    let from = item.preview_source.as_deref().unwrap_or("");
    if let Some(name) = from.strip_prefix(BESIDE) {
        let folder = item.rel_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let relative = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let path = path::resolve(&item.root_path, &relative).map_err(|p| p.to_string())?;
        let data = path.symlink_metadata().map_err(|e| e.to_string())?;
        if !data.is_file() || data.len() > thumbnail::FILE_MAX {
            return Err(thumbnail::PictureError::TooLarge.to_string());
        }
        return std::fs::read(&path).map_err(|e| e.to_string());
    }
    let path = path::resolve(&item.root_path, &item.rel_path).map_err(|p| p.to_string())?;
    let source = FileSource::open(&path).map_err(|e| e.to_string())?;
    let header = Header::read(&source).map_err(|e| e.to_string())?;
    cover::extract(&header.metadata).ok_or_else(|| "its metadata holds no picture".to_owned())
}
