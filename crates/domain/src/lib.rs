//! Words shared by every room of Weft: ids, requests, answers, parameters with their ranges.
//!
//! Knows nothing of files, databases or HTTP. Compiles to WebAssembly: the page, the server functions, REST, the command line and
//! the services all speak in these types, so that a name means the same thing at every door.
//!
//! Times are milliseconds since 1970 (UTC) in an `i64`; sizes are bytes.

pub mod adapter;
pub mod checkpoint;
pub mod compare;
pub mod event;
pub mod fit;
pub mod generation;
pub mod ids;
pub mod job;
pub mod measure;
pub mod merge;
pub mod model;
pub mod operation;
pub mod parameter;
pub mod problem;
pub mod query;
pub mod root;
pub mod status;
mod urlencode;

pub use adapter::{AdapterCard, AdapterDetails, AdapterEdit, BlockStrength, FileState};
pub use checkpoint::{CheckpointCard, CheckpointDetails, CheckpointPage, CheckpointQuery};
pub use event::Event;
pub use fit::{AdapterFits, Fit, FitLevel};
pub use ids::{AdapterId, CheckpointId, GenerationId, JobId, PictureId, RootId};
pub use job::{JobKind, JobState, JobView, Lane};
pub use measure::{AdapterMeasures, MeasuresAnswer};
pub use model::{ModelOperation, ModelRequest};
pub use problem::{Problem, ProblemKind};
pub use query::{Facets, LibraryPage, LibraryQuery, Sort};
pub use root::{RootState, RootView};
