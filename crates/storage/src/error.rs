//! What can go wrong between Weft and its rows and bytes. Services log these once and answer with a `Problem`.

/// Shorthand of this crate.
pub type StoreResult<T> = Result<T, StoreError>;

/// A failure of the storage floor.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, timed out or is gone.
    #[error("the database failed: {0}")]
    Database(#[from] sea_orm::DbErr),
    /// The address names no database that Weft can use.
    #[error("{0}")]
    Address(String),
    /// The row that should change is not there.
    #[error("no {what} has the id {id}")]
    NotFound { what: &'static str, id: i64 },
    /// Somebody changed the row since it was read.
    #[error("adapter {id} is at version {found}, not {expected}")]
    Stale { id: i64, expected: i64, found: i64 },
    /// A stored value cannot be read back.
    #[error("{what} of row {id} cannot be read: {source}")]
    Corrupt { what: &'static str, id: i64, source: serde_json::Error },
    /// The blob store refused.
    #[error("the blob store failed: {0}")]
    Blob(#[from] object_store::Error),
    /// The data folder refused.
    #[error("{path}: {source}")]
    Io { path: std::path::PathBuf, source: std::io::Error },
}
