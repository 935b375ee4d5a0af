//! Generations and the pictures that are kept, the order of waiting jobs, and settings that outlive a start.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const STATEMENTS: &[&str] = &[
    // What was asked outlives its job, which leaves the table after a month. `job_id` is no foreign key for that reason.
    "CREATE TABLE generations (
        id {ID},
        job_id BIGINT,
        request TEXT NOT NULL,
        total BIGINT NOT NULL,
        created_ms BIGINT NOT NULL
    )",
    // `blob` names the bytes of the file. One row per shot of a generation: a picture that is painted again after a crash is refused.
    // What the gallery filters by is in columns, all the rest in `recipe`.
    "CREATE TABLE pictures (
        id {ID},
        generation_id BIGINT REFERENCES generations(id) ON DELETE SET NULL,
        shot BIGINT NOT NULL DEFAULT 0,
        blob TEXT NOT NULL,
        format TEXT NOT NULL,
        size BIGINT NOT NULL,
        width BIGINT NOT NULL,
        height BIGINT NOT NULL,
        colour TEXT NOT NULL,
        file_name TEXT NOT NULL,
        source TEXT NOT NULL,
        prompt TEXT NOT NULL,
        seed TEXT,
        checkpoint_id BIGINT,
        checkpoint TEXT NOT NULL,
        recipe TEXT NOT NULL,
        search_text TEXT NOT NULL,
        parent_id BIGINT REFERENCES pictures(id) ON DELETE SET NULL,
        favourite BOOLEAN NOT NULL DEFAULT FALSE,
        rating BIGINT,
        created_ms BIGINT NOT NULL,
        deleted_ms BIGINT,
        UNIQUE (generation_id, shot)
    )",
    "CREATE INDEX pictures_by_time ON pictures (created_ms DESC, id DESC)",
    "CREATE INDEX pictures_of_parent ON pictures (parent_id)",
    "CREATE INDEX pictures_of_blob ON pictures (blob)",
    // `adapter_id` is None where the library does not have it (any more); the name stays in the recipe.
    "CREATE TABLE picture_adapters (
        picture_id BIGINT NOT NULL REFERENCES pictures(id) ON DELETE CASCADE,
        adapter_id BIGINT NOT NULL REFERENCES adapters(id) ON DELETE CASCADE,
        weight DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (picture_id, adapter_id)
    )",
    "CREATE INDEX pictures_of_adapter ON picture_adapters (adapter_id, picture_id)",
    // Among waiting jobs of one priority the smallest place goes first: the time of enqueuing until somebody moves one.
    "ALTER TABLE jobs ADD COLUMN place DOUBLE PRECISION NOT NULL DEFAULT 0",
    "DROP INDEX jobs_waiting",
    "CREATE INDEX jobs_waiting ON jobs (lane, priority DESC, place, id) WHERE state = 'queued'",
    // Small facts about Weft itself, by name; values are JSON.
    "CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager)?.run(manager, STATEMENTS).await
    }
}
