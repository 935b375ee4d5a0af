//! What the program says of itself.

use serde::{Deserialize, Serialize};

/// Answer of `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`, or `degraded` when the database does not answer.
    pub status: String,
    pub version: String,
    /// Changes with every build of the page: an open page that sees another one offers to reload.
    pub build: String,
    pub database: String,
}

/// Numbers for the shell: what the side navigation and empty states need at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Overview {
    pub adapters: u64,
    pub missing: u64,
    pub broken: u64,
    /// Whole models and parts of them, missing ones included.
    #[serde(default)]
    pub checkpoints: u64,
    pub roots: u64,
    /// Files without measured strengths yet.
    pub unmeasured: u64,
    /// A scan has finished at least once.
    pub scanned: bool,
}
