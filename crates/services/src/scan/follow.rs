//! What comes after a scan: measuring, hashing, previews, one job each per root.

use crate::events::Events;
use crate::jobs::Jobs;
use crate::problem::ForPeople as _;
use crate::roots::enqueue_fresh;
use serde_json::json;
use weft_domain::{JobKind, Problem};
use weft_storage::{NewJob, RootRow, Store, WorkKind};

/// Starts the work that a scan leaves. Clones share what they need.
#[derive(Debug, Clone)]
pub(crate) struct Follow {
    pub(crate) store: Store,
    pub(crate) jobs: Jobs,
    pub(crate) events: Events,
}

/// Kind of work, its job, and what the job is called.
const WORK: [(WorkKind, JobKind, &str); 3] = [
    (WorkKind::Thumbnails, JobKind::Thumbnails, "Making previews of"),
    (WorkKind::Strengths, JobKind::Strengths, "Measuring strengths of"),
    (WorkKind::Hashes, JobKind::Hash, "Hashing"),
];

impl Follow {
    /// Queues what is left to do for a root's files.
    pub(crate) async fn after_scan(&self, root: &RootRow) -> Result<(), Problem> {
        for (work, kind, verb) in WORK {
            let mut left = self.store.adapters().pending_count(work, root.id).await.for_people("counting work")?;
            if work == WorkKind::Hashes {
                left += self.store.checkpoints().unhashed_count(root.id).await.for_people("counting work")?;
            }
            if left > 0 {
                let job = NewJob::new(kind, format!("{verb} {}", root.name), json!({ "root": root.id }));
                enqueue_fresh(&self.jobs, job, &format!("{}:{}", kind.as_str(), root.id)).await?;
            }
        }
        Ok(())
    }
}
