//! Opening a database and handing out its repositories.
//!
//! SQLite has one writer at a time. So all writes of a process go through one connection (they queue here instead of failing with
//! "database is locked"), while reads have a pool of their own and, thanks to the write-ahead log, never wait for the writer.
//! PostgreSQL has one pool for both.

use crate::adapters::AdapterRepo;
use crate::checkpoints::CheckpointRepo;
use crate::error::{StoreError, StoreResult};
use crate::generations::GenerationRepo;
use crate::jobs::JobRepo;
use crate::pictures::PictureRepo;
use crate::roots::RootRepo;
use crate::settings::SettingRepo;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use std::sync::Arc;
use std::time::Duration;
use weft_migrations::{Migrator, MigratorTrait};

/// Connections that read at the same time.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a write waits for another process that writes to the same SQLite file.
const BUSY_MS: u32 = 10_000;
/// Key of the lock that keeps two processes from migrating one PostgreSQL database at once.
const MIGRATION_LOCK: i64 = 0x7765_6674;

/// Which database is behind a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Handle to the database; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    read: DatabaseConnection,
    write: DatabaseConnection,
}

impl Store {
    /// Opens `sqlite:…` or `postgres:…`, creates the SQLite file if need be, and brings the schema up to date.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let inner = if url.starts_with("sqlite:") {
            open_sqlite(url).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url).await?
        } else {
            return Err(StoreError::Address("A database address begins with sqlite: or postgres:.".into()));
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the SQLite file at `path`; the folder must exist.
    pub async fn open_file(path: &std::path::Path) -> StoreResult<Self> {
        // As an address, `?`, `#` and `%` in a folder's name would change its meaning: hand the path over as options instead.
        let path = path.to_owned();
        let inner = sqlite_pools("sqlite::memory:", Some(path), false).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A fresh database that lives as long as its handle.
    pub async fn in_memory() -> StoreResult<Self> {
        Self::open("sqlite::memory:").await
    }

    /// Folders that Weft watches.
    #[must_use]
    pub fn roots(&self) -> RootRepo {
        RootRepo { store: self.clone() }
    }

    /// Adapters and all that is known of them.
    #[must_use]
    pub fn adapters(&self) -> AdapterRepo {
        AdapterRepo { store: self.clone() }
    }

    /// Checkpoints and all that is known of them.
    #[must_use]
    pub fn checkpoints(&self) -> CheckpointRepo {
        CheckpointRepo { store: self.clone() }
    }

    /// Pictures that are kept.
    #[must_use]
    pub fn pictures(&self) -> PictureRepo {
        PictureRepo { store: self.clone() }
    }

    /// The job table.
    #[must_use]
    pub fn jobs(&self) -> JobRepo {
        JobRepo { store: self.clone() }
    }

    /// Requests for pictures.
    #[must_use]
    pub fn generations(&self) -> GenerationRepo {
        GenerationRepo { store: self.clone() }
    }

    /// Small facts that outlive a start.
    #[must_use]
    pub fn settings(&self) -> SettingRepo {
        SettingRepo { store: self.clone() }
    }

    /// Which database it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// "SQLite" or "PostgreSQL".
    #[must_use]
    pub fn database_name(&self) -> &'static str {
        match self.inner.engine {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        }
    }

    /// Errors when the database does not answer.
    pub async fn ping(&self) -> StoreResult<()> {
        Ok(self.inner.read.ping().await?)
    }

    /// Closes the connections after what runs has ended; SQLite folds its log into the file.
    pub async fn close(&self) -> StoreResult<()> {
        self.inner.read.clone().close().await?;
        Ok(self.inner.write.clone().close().await?)
    }

    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.inner.read
    }

    pub(crate) fn write(&self) -> &DatabaseConnection {
        &self.inner.write
    }

    /// Begins a transaction that will write: SQLite takes its write lock at once, for a lock taken halfway cannot be waited for.
    pub(crate) async fn begin(&self) -> StoreResult<DatabaseTransaction> {
        let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
        Ok(self.inner.write.begin_with_options(options).await?)
    }
}

async fn open_sqlite(url: &str) -> StoreResult<Inner> {
    let memory = url.contains(":memory:") || url.contains("mode=memory");
    let url = if memory || url.contains("mode=") {
        url.to_owned()
    } else {
        format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' })
    };
    sqlite_pools(&url, None, memory).await
}

async fn sqlite_pools(url: &str, path: Option<std::path::PathBuf>, memory: bool) -> StoreResult<Inner> {
    let options = |connections: u32, read_only: bool| {
        let mut options = quiet(url, connections);
        let path = path.clone();
        options.map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = match &path {
                Some(path) => sqlite.filename(path).in_memory(false).shared_cache(false).create_if_missing(true),
                None => sqlite,
            };
            sqlite
                .foreign_keys(true)
                .busy_timeout(Duration::from_millis(u64::from(BUSY_MS)))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                // Per connection; what it lacks is in the system's own cache of files. No mapped reads: they are a tenth faster at most, but an
                // error of the disk behind a mapping kills the process, and every connection's mapping counts as memory held.
                .pragma("cache_size", "-8000")
                .pragma("temp_store", "MEMORY")
                .pragma("query_only", if read_only { "ON" } else { "OFF" })
                .optimize_on_close(true, Some(400))
        });
        // A connection of an in-memory database that goes idle must not be dropped: the data would go with it.
        options.map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None));
        options
    };
    let write = Database::connect(options(1, false)).await?;
    Migrator::up(&write, None).await?;
    let read = if memory { write.clone() } else { Database::connect(options(SQLITE_READERS, true)).await? };
    Ok(Inner { engine: Engine::Sqlite, read, write })
}

async fn open_postgres(url: &str) -> StoreResult<Inner> {
    let migrator = Database::connect(quiet(url, 1)).await?;
    migrator.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).await?;
    let migrated = Migrator::up(&migrator, None).await;
    // Closing the one connection releases the lock, whatever the migration said.
    migrator.close().await?;
    migrated?;
    let pool = Database::connect(quiet(url, POSTGRES_CONNECTIONS)).await?;
    Ok(Inner { engine: Engine::Postgres, read: pool.clone(), write: pool })
}

fn quiet(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(connections).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    options
}
