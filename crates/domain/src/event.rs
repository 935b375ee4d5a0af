//! The one event stream. Every page listens to it; what it says is small, and a page that needs more asks.

use crate::generation::Painting;
use crate::ids::{AdapterId, PictureId};
use crate::job::JobView;
use serde::{Deserialize, Serialize};

/// One server-sent event. The SSE event name is always `weft`; `type` tells them apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A job was queued, moved on or ended.
    Job { job: JobView },
    /// These adapters changed (or came, or went): refresh them where they are shown. At most 200 ids; more come as `library_changed`.
    Adapters { ids: Vec<AdapterId> },
    /// So much changed in the library that a fresh query is cheaper.
    LibraryChanged,
    /// Checkpoints came, went or changed.
    CheckpointsChanged,
    /// A root was added, removed or went off or on line.
    RootsChanged,
    /// A step of a picture. Only those who listen at this moment hear it.
    Painting { painting: Painting },
    /// These pictures came or changed, at most 200; more come as `pictures_changed`.
    Pictures { ids: Vec<PictureId> },
    /// So many pictures changed that a fresh query is cheaper.
    PicturesChanged,
    /// The queue of generations was paused, resumed or put in another order.
    QueueChanged,
    /// Events were missed (the server restarted, or the gap is too old): ask for everything anew.
    Reset,
}
