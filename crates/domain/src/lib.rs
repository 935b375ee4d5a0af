//! Words shared by every room of Weft: ids, requests, answers, parameters with their ranges.
//!
//! Knows nothing of files, databases or HTTP. Compiles to WebAssembly: the page, the server functions, REST, the command line and
//! the services all speak in these types, so that a name means the same thing at every door.
//!
//! Times are milliseconds since 1970 (UTC) in an `i64`; sizes are bytes.

pub mod adapter;
pub mod compare;
pub mod event;
pub mod generation;
pub mod ids;
pub mod job;
pub mod merge;
pub mod operation;
pub mod parameter;
pub mod problem;
pub mod query;
pub mod root;
pub mod status;
mod urlencode;

pub use adapter::{AdapterCard, AdapterDetails, AdapterEdit, BlockStrength, FileState};
pub use event::Event;
pub use ids::{AdapterId, JobId, RootId};
pub use job::{JobKind, JobState, JobView, Lane};
pub use problem::{Problem, ProblemKind};
pub use query::{Facets, LibraryPage, LibraryQuery, Sort};
pub use root::{RootState, RootView};
