//! The one job table. `lease_token` is the fencing counter: it grows with every lease and never falls.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const STATEMENTS: &[&str] = &[
    "CREATE TABLE jobs (
        id {ID},
        kind TEXT NOT NULL,
        lane TEXT NOT NULL,
        priority BIGINT NOT NULL,
        state TEXT NOT NULL,
        title TEXT NOT NULL,
        input TEXT NOT NULL,
        dedup_key TEXT,
        done BIGINT NOT NULL DEFAULT 0,
        total BIGINT NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '',
        checkpoint TEXT,
        attempt BIGINT NOT NULL DEFAULT 0,
        max_attempts BIGINT NOT NULL,
        run_after_ms BIGINT NOT NULL,
        lease_token BIGINT NOT NULL DEFAULT 0,
        lease_owner TEXT,
        lease_until_ms BIGINT,
        heartbeat_ms BIGINT,
        cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
        error TEXT,
        result TEXT,
        created_ms BIGINT NOT NULL,
        started_ms BIGINT,
        finished_ms BIGINT
    )",
    // One active job per key: a second one is refused by the database itself.
    "CREATE UNIQUE INDEX jobs_one_active ON jobs (dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('queued', 'running')",
    "CREATE INDEX jobs_waiting ON jobs (lane, priority DESC, id) WHERE state = 'queued'",
    "CREATE INDEX jobs_leased ON jobs (lease_until_ms) WHERE state = 'running'",
    "CREATE INDEX jobs_finished ON jobs (finished_ms)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager)?.run(manager, STATEMENTS).await
    }
}
