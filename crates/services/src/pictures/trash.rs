//! The trash at once: what it would free, and emptying it, with a while in which that can be taken back.

use super::Pictures;
use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::problem::ForPeople as _;
use std::time::Duration;
use tokio::task::AbortHandle;
use weft_domain::Problem;
use weft_domain::generation::Trash;

/// How long nothing is removed yet: a little longer than a page offers to take it back.
const GRACE: Duration = Duration::from_secs(12);
/// Pictures that are removed in one go.
const BATCH: u64 = 200;

impl Pictures {
    /// What lies in the trash.
    pub async fn trash(&self, _: &Reader) -> Result<Trash, Problem> {
        self.repo().trash().await.for_people("looking into the trash")
    }

    /// Removes for good what lies in the trash now, in twelve seconds; answers what that is. [`spare_trash`](Self::spare_trash) stops it.
    pub async fn empty_trash(&self, _: &Editor) -> Result<Trash, Problem> {
        self.empty_in(GRACE).await
    }

    /// Takes it back: what lies in the trash stays there. False where it is too late.
    pub async fn spare_trash(&self, _: &Editor) -> Result<bool, Problem> {
        let mut emptying = self.inner.emptying.lock().await;
        // Beyond the pause the task holds the lock for each batch: what it has begun is over by now.
        Ok(emptying.take().is_some_and(|task| {
            let early = !task.is_finished();
            task.abort();
            early
        }))
    }

    pub(super) async fn empty_in(&self, grace: Duration) -> Result<Trash, Problem> {
        let mut emptying = self.inner.emptying.lock().await;
        let trash = self.repo().trash().await.for_people("looking into the trash")?;
        // What comes into the trash after this moment stays.
        let before = now_ms() + 1;
        let this = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            match this.remove_before(before).await {
                Ok(pictures) => tracing::info!(pictures, "the trash was emptied"),
                Err(problem) => tracing::warn!(%problem, "the trash cannot be emptied"),
            }
        });
        let former: Option<AbortHandle> = emptying.replace(task.abort_handle());
        if let Some(former) = former {
            former.abort();
        }
        Ok(trash)
    }

    async fn remove_before(&self, before: i64) -> Result<u64, Problem> {
        let mut gone = 0;
        loop {
            // Held while a batch goes: to stop between its rows and its bytes would leave bytes behind for a day.
            let _stays = self.inner.emptying.lock().await;
            let due = self.repo().expired(before, BATCH).await.for_people("looking into the trash")?;
            if due.is_empty() {
                return Ok(gone);
            }
            gone += due.len() as u64;
            self.remove(&due).await?;
        }
    }
}
