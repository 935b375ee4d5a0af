//! Bytes by the hash of their content. Written once under a temporary name and then renamed, so that a key either has all of its
//! bytes or none; the same bytes are never stored twice.

use crate::error::{StoreError, StoreResult};
use bytes::Bytes;
use futures::StreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// The blob store; clones share it.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// Opens (and creates) a folder of blobs.
    pub fn open(folder: &std::path::Path) -> StoreResult<Self> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
        // Synced to disk before the rename: a row must never outlive the bytes that it names.
        let store = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store) })
    }

    /// Keeps blobs in any other object store.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Stores bytes; their key is what they hash to.
    pub async fn put(&self, bytes: Bytes) -> StoreResult<String> {
        let key = hex::encode(Sha256::digest(&bytes));
        self.put_as(&key, bytes).await?;
        Ok(key)
    }

    /// Stores bytes that are derived from a blob under its key and a suffix (`"w320"`): found again without a row of their own.
    pub async fn put_derived(&self, key: &str, suffix: &str, bytes: Bytes) -> StoreResult<()> {
        self.put_as(&format!("{key}.{suffix}"), bytes).await
    }

    async fn put_as(&self, key: &str, bytes: Bytes) -> StoreResult<()> {
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        match self.store.put_opts(&location(key), bytes.into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of a key.
    pub async fn get(&self, key: &str) -> StoreResult<Option<Bytes>> {
        match self.store.get(&location(key)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes derived from a key.
    pub async fn get_derived(&self, key: &str, suffix: &str) -> StoreResult<Option<Bytes>> {
        self.get(&format!("{key}.{suffix}")).await
    }

    /// Whether a key is there.
    pub async fn has(&self, key: &str) -> StoreResult<bool> {
        match self.store.head(&location(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what is derived from a key.
    pub async fn delete_derived(&self, key: &str, suffix: &str) -> StoreResult<()> {
        self.delete(&format!("{key}.{suffix}")).await
    }

    /// Every key with the time it was written at, in milliseconds since 1970; a derived one with its suffix (`key.w320`).
    pub async fn keys(&self) -> StoreResult<Vec<(String, i64)>> {
        let mut found = Vec::new();
        let mut list = self.store.list(None);
        while let Some(entry) = list.next().await {
            let entry = entry?;
            found.extend(entry.location.filename().map(|name| (name.to_owned(), entry.last_modified.timestamp_millis())));
        }
        Ok(found)
    }

    /// Removes a key; one that is not there is fine.
    pub async fn delete(&self, key: &str) -> StoreResult<()> {
        match self.store.delete(&location(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Two levels of folders, as a folder with a hundred thousand files is slow. Anything but letters, digits and `.` is left out of a key.
fn location(key: &str) -> Path {
    let key: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let shard = key.get(..2).unwrap_or("__").to_owned();
    Path::from_iter([shard, key])
}
