//! The job table: a queue whose every transition is one conditional update.
//!
//! A worker that claims a job gets the job's next fencing number. Each later update names the id, that number and the state `running`:
//! a worker that slept through its lease is refused, whatever it wants to write. A finished job never changes.

mod lease;
mod order;
mod queue;
mod row;

pub use lease::{Claim, LeaseCheck, Settled};
pub use order::Moved;
pub use row::{JobRow, NewJob};

use crate::error::StoreResult;
use crate::sql::Sql;
use crate::store::Store;
use row::read_row;
use sea_orm::ConnectionTrait;

/// The `jobs` table.
#[derive(Debug, Clone)]
pub struct JobRepo {
    pub(crate) store: Store,
}

impl JobRepo {
    /// Runs a statement that answers job rows, on the connection that writes.
    async fn rows(&self, sql: Sql) -> StoreResult<Vec<JobRow>> {
        let write = self.store.write();
        let rows = write.query_all_raw(sql.on(write.get_database_backend())).await?;
        rows.iter().map(read_row).collect()
    }

    /// The same on a connection that only reads.
    async fn read(&self, sql: Sql) -> StoreResult<Vec<JobRow>> {
        let read = self.store.read();
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(read_row).collect()
    }
}
