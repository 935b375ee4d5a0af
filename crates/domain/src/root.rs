//! Folders that Weft watches.

use crate::ids::RootId;
use serde::{Deserialize, Serialize};

/// Whether a root can be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RootState {
    /// There and readable.
    Online,
    /// Not there: a drive that is off. Its adapters are shown as missing.
    Offline,
}

/// A watched folder as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RootView {
    pub id: RootId,
    /// Absolute path.
    pub path: String,
    /// Last part of the path, or the user's name for it.
    pub name: String,
    pub state: RootState,
    /// Adapters found below it, missing ones included.
    pub adapters: u64,
    /// When the last complete scan ended.
    pub scanned_ms: Option<i64>,
    /// A scan is queued or running.
    pub scanning: bool,
    /// Files that `weft samples` wrote live here.
    pub samples: bool,
}

/// Adds a folder to the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddRoot {
    /// Absolute path; `~` stands for the home folder.
    pub path: String,
    /// Display name; empty takes the folder's.
    #[serde(default)]
    pub name: Option<String>,
}
