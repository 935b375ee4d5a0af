//! What leaves for good: pictures that lay in the trash for thirty days, and bytes that no row names.

use super::Pictures;
use crate::clock::now_ms;
use crate::problem::ForPeople as _;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use weft_domain::{PictureId, Problem};
use weft_pictures::THUMBNAIL_WIDTHS;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a picture stays in the trash.
const TRASH_MS: i64 = 30 * DAY_MS;
/// Bytes without a row are left alone for so long: another process may be about to name them.
const ORPHAN_MS: i64 = DAY_MS;
/// Pictures that are removed in one go.
const BATCH: u64 = 200;
/// Time from one sweep to the next.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pictures whose time in the trash was over.
    pub pictures: u64,
    /// Files that no picture named.
    pub orphans: u64,
}

impl Pictures {
    /// Sweeps now and every six hours, as long as the program runs.
    pub(crate) async fn keep_sweeping(self) {
        loop {
            match self.sweep(now_ms()).await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(pictures = swept.pictures, orphans = swept.orphans, "swept pictures"),
                Err(problem) => tracing::warn!(%problem, "pictures cannot be swept"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Removes what has lain in the trash for thirty days, rows first, and bytes that have lain without a row for a day.
    pub(crate) async fn sweep(&self, now_ms: i64) -> Result<Swept, Problem> {
        let mut swept = Swept::default();
        loop {
            let due = self.repo().expired(now_ms - TRASH_MS, BATCH).await.for_people("looking into the trash")?;
            if due.is_empty() {
                break;
            }
            swept.pictures += due.len() as u64;
            self.remove(&due).await?;
        }
        swept.orphans = self.sweep_orphans(now_ms).await?;
        Ok(swept)
    }

    /// Removes pictures that are in the trash, and their bytes where no other picture has the same.
    pub(super) async fn remove(&self, ids: &[PictureId]) -> Result<(), Problem> {
        let _nobody_stores = self.inner.sweeping.write().await;
        for key in self.repo().remove(ids).await.for_people("emptying the trash")? {
            self.forget(&key).await?;
        }
        self.tell(ids.to_vec());
        Ok(())
    }

    async fn sweep_orphans(&self, now_ms: i64) -> Result<u64, Problem> {
        let keys = self.inner.blobs.keys().await.for_people("listing stored files")?;
        // Other services keep derived files under keys of their own (`w320`); those of pictures are bare or begin with `t`.
        let mut newest: BTreeMap<String, i64> = BTreeMap::new();
        for (key, written) in keys {
            let (blob, suffix) = key.split_once('.').map_or((key.as_str(), ""), |(blob, suffix)| (blob, suffix));
            if suffix.is_empty() || suffix.starts_with('t') {
                let last = newest.entry(blob.to_owned()).or_insert(written);
                *last = (*last).max(written);
            }
        }
        let due: Vec<String> = newest.into_iter().filter(|(_, written)| *written < now_ms - ORPHAN_MS).map(|(key, _)| key).collect();
        let mut gone = 0;
        for some in due.chunks(usize::try_from(BATCH).unwrap_or(200)) {
            let _nobody_stores = self.inner.sweeping.write().await;
            let used: HashSet<String> = self.repo().blobs_in_use(some).await.for_people("looking for stored files")?;
            for key in some.iter().filter(|key| !used.contains(*key)) {
                self.forget(key).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn forget(&self, key: &str) -> Result<(), Problem> {
        for width in THUMBNAIL_WIDTHS {
            self.inner.blobs.delete_derived(key, &format!("t{width}")).await.for_people("removing a thumbnail")?;
        }
        self.inner.blobs.delete(key).await.for_people("removing a file")
    }
}
