//! What can go wrong between Weft and its rows and bytes. Services log these once and answer with a `Problem`.

use sea_orm::{DbErr, RuntimeErr};
use std::error::Error as _;
use std::io::ErrorKind;

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

impl StoreError {
    /// The disk that holds the rows or the bytes has no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
                error.as_database_error().and_then(|error| error.code()).is_some_and(|code| FULL.contains(&&*code))
            }
            other => std::iter::successors(other.source(), |error| (*error).source())
                .filter_map(|error| error.downcast_ref::<std::io::Error>())
                .any(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)),
        }
    }
}

/// SQLite's `SQLITE_FULL` and PostgreSQL's `disk_full`.
const FULL: [&str; 2] = ["13", "53100"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use sea_orm::ConnectionTrait as _;

    #[tokio::test]
    async fn a_full_database_is_known_as_such() {
        let store = Store::in_memory().await.unwrap();
        let pages = store.write().query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA page_count")).await;
        let pages: i64 = pages.unwrap().unwrap().try_get_by_index(0).unwrap();
        store.write().execute_unprepared(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
        let large = serde_json::json!("x".repeat(1 << 20));
        let error = store.settings().set("large", &large).await.unwrap_err();
        assert!(error.is_full(), "{error:?}");
        assert!(!StoreError::NotFound { what: "adapter", id: 1 }.is_full());
    }

    #[test]
    fn a_full_disk_is_known_as_such() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        assert!(StoreError::Io { path: "a".into(), source: full }.is_full());
        let wrapped = object_store::Error::Generic { store: "files", source: Box::new(std::io::Error::from(ErrorKind::StorageFull)) };
        assert!(StoreError::Blob(wrapped).is_full());
        let other = object_store::Error::Generic { store: "files", source: Box::new(std::io::Error::from(ErrorKind::NotFound)) };
        assert!(!StoreError::Blob(other).is_full());
    }
}
