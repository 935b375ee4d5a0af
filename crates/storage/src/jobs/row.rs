//! A job as stored.

use crate::error::{StoreError, StoreResult};
use sea_orm::QueryResult;
use serde_json::Value;
use weft_domain::{JobId, JobKind, JobState, Lane};

/// A job to enqueue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub kind: JobKind,
    pub title: String,
    pub input: Value,
    /// While a job with this key is queued or running, enqueuing answers that one.
    pub dedup_key: Option<String>,
    /// Larger runs first; [`JobKind::priority`] unless something else is meant.
    pub priority: i32,
    /// How often it may be started before a crash or a retryable failure becomes final.
    pub max_attempts: u32,
}

impl NewJob {
    /// Attempts of a job of which nothing else was said.
    pub const MAX_ATTEMPTS: u32 = 5;

    /// A job with its kind's priority, no key and five attempts.
    pub fn new(kind: JobKind, title: impl Into<String>, input: Value) -> Self {
        Self { kind, title: title.into(), input, dedup_key: None, priority: kind.priority(), max_attempts: Self::MAX_ATTEMPTS }
    }

    /// Answers the active job with this key instead of a second one.
    #[must_use]
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }
}

/// A row of the job table.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    pub id: JobId,
    pub kind: JobKind,
    pub lane: Lane,
    pub priority: i64,
    pub state: JobState,
    pub title: String,
    pub input: Value,
    pub dedup_key: Option<String>,
    pub done: u64,
    pub total: u64,
    pub message: String,
    pub checkpoint: Option<Value>,
    /// How often it was started.
    pub attempt: u32,
    pub max_attempts: u32,
    pub run_after_ms: i64,
    /// Fencing counter: grows with every lease.
    pub lease_token: i64,
    pub lease_owner: Option<String>,
    pub lease_until_ms: Option<i64>,
    pub heartbeat_ms: Option<i64>,
    pub cancel_requested: bool,
    pub error: Option<String>,
    pub result: Option<Value>,
    pub created_ms: i64,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
}

/// All columns in the order of [`read_row`].
pub(super) const COLUMNS: &str = "id, kind, lane, priority, state, title, input, dedup_key, done, total, message, checkpoint, attempt, \
    max_attempts, run_after_ms, lease_token, lease_owner, lease_until_ms, heartbeat_ms, cancel_requested, error, result, created_ms, \
    started_ms, finished_ms";

pub(super) fn read_row(row: &QueryResult) -> StoreResult<JobRow> {
    let id: i64 = row.try_get_by_index(0)?;
    let word = |what: &'static str, at: usize| -> StoreResult<(String, &'static str)> { Ok((row.try_get_by_index(at)?, what)) };
    Ok(JobRow {
        id: JobId(id),
        kind: parse(id, word("kind", 1)?)?,
        lane: parse(id, word("lane", 2)?)?,
        priority: row.try_get_by_index(3)?,
        state: parse(id, word("state", 4)?)?,
        title: row.try_get_by_index(5)?,
        input: json(id, "input", Some(row.try_get_by_index(6)?))?.unwrap_or(Value::Null),
        dedup_key: row.try_get_by_index(7)?,
        done: count(row.try_get_by_index(8)?),
        total: count(row.try_get_by_index(9)?),
        message: row.try_get_by_index(10)?,
        checkpoint: json(id, "checkpoint", row.try_get_by_index(11)?)?,
        attempt: small(row.try_get_by_index(12)?),
        max_attempts: small(row.try_get_by_index(13)?),
        run_after_ms: row.try_get_by_index(14)?,
        lease_token: row.try_get_by_index(15)?,
        lease_owner: row.try_get_by_index(16)?,
        lease_until_ms: row.try_get_by_index(17)?,
        heartbeat_ms: row.try_get_by_index(18)?,
        cancel_requested: row.try_get_by_index(19)?,
        error: row.try_get_by_index(20)?,
        result: json(id, "result", row.try_get_by_index(21)?)?,
        created_ms: row.try_get_by_index(22)?,
        started_ms: row.try_get_by_index(23)?,
        finished_ms: row.try_get_by_index(24)?,
    })
}

/// Kinds, lanes and states are stored as the words that serde knows them by.
fn parse<T: serde::de::DeserializeOwned>(id: i64, (word, what): (String, &'static str)) -> StoreResult<T> {
    serde_json::from_value(Value::String(word)).map_err(|source| StoreError::Corrupt { what, id, source })
}

fn json(id: i64, what: &'static str, text: Option<String>) -> StoreResult<Option<Value>> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|source| StoreError::Corrupt { what, id, source })
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}
