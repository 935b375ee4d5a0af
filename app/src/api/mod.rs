//! The page's door to the services: server functions, one per service method, thin.
//!
//! Every one names the role it needs by the type of its token (`let editor: Editor = role().await?`); the server puts the token into the
//! request, so a function that forgets to ask cannot call a service. JSON in and out; fixed addresses under `/fn`.

#[cfg(feature = "ssr")]
mod access;
mod checkpoints;
mod error;
mod generate;
mod jobs;
mod library;
mod operations;
mod pictures;
mod roots;
mod weave;

pub use checkpoints::{adapter_fits, adapter_measures, checkpoint_details, checkpoints_list};
pub use error::ApiError;
pub use generate::{
    generation_defaults, generation_get, generation_move, generation_pause, generation_queue, generation_start, prompt_view, style_keep,
    style_list, style_remove,
};
pub use jobs::{job_cancel, job_clear, job_get, job_list, job_retry};
pub use library::{library_cards, library_details, library_edit, library_overview, library_query, library_recent, library_reindex};
pub use operations::{adapter_check, model_operation_start, operation_start};
pub use pictures::{
    picture_adapters, picture_details, picture_edit, picture_query, picture_trash, picture_trash_empty, picture_trash_spare,
};
pub use roots::{root_add, root_list, root_remove, root_scan, root_scan_all, samples_create};
pub use weave::{Together, weave_compare, weave_compare_or_job, weave_estimate, weave_merge, weave_together};

/// Answer of a server function.
pub type Answer<T> = Result<T, ApiError>;
