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
    // The gallery's orders. A window walks one of them; a count reads one without a look at the table.
    "CREATE INDEX pictures_by_time ON pictures (created_ms DESC, id DESC) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_by_rating ON pictures (rating DESC {NULLS_LAST}, created_ms DESC, id DESC) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_of_checkpoint ON pictures (checkpoint_id, created_ms DESC, id DESC) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_favourite ON pictures (created_ms DESC, id DESC) WHERE favourite AND deleted_ms IS NULL",
    "CREATE INDEX pictures_in_trash ON pictures (deleted_ms) WHERE deleted_ms IS NOT NULL",
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

// Words of pictures, as those of adapters: see the step that made `adapter_search`.
const SQLITE_SEARCH: &[&str] = &[
    "CREATE VIRTUAL TABLE picture_search USING fts5(
        search_text, content='', contentless_delete=1, prefix='1 2 3',
        tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\"
    )",
    "CREATE TRIGGER pictures_search_insert AFTER INSERT ON pictures BEGIN
        INSERT INTO picture_search (rowid, search_text) VALUES (new.id, new.search_text);
    END",
    "CREATE TRIGGER pictures_search_update AFTER UPDATE OF search_text ON pictures WHEN old.search_text IS NOT new.search_text BEGIN
        UPDATE picture_search SET search_text = new.search_text WHERE rowid = new.id;
    END",
    "CREATE TRIGGER pictures_search_delete AFTER DELETE ON pictures BEGIN
        DELETE FROM picture_search WHERE rowid = old.id;
    END",
];

const POSTGRES_SEARCH: &[&str] = &[
    "ALTER TABLE pictures ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED",
    "CREATE INDEX pictures_search ON pictures USING gin (search)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager)?;
        dialect.run(manager, STATEMENTS).await?;
        let search = match dialect {
            Dialect::Sqlite => SQLITE_SEARCH,
            Dialect::Postgres => POSTGRES_SEARCH,
        };
        dialect.run(manager, search).await
    }
}
