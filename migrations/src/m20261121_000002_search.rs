//! Words of every adapter, found as one types. `search_text` holds them already folded and split (see `weft_storage::text`).
//!
//! SQLite: an FTS5 table of its own, kept in step by triggers. PostgreSQL: a generated `tsvector` with a GIN index.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const SQLITE: &[&str] = &[
    "CREATE VIRTUAL TABLE adapter_search USING fts5(
        search_text, content='', contentless_delete=1, prefix='1 2 3',
        tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* Co'\"
    )",
    "CREATE TRIGGER adapters_search_insert AFTER INSERT ON adapters BEGIN
        INSERT INTO adapter_search (rowid, search_text) VALUES (new.id, new.search_text);
    END",
    "CREATE TRIGGER adapters_search_update AFTER UPDATE OF search_text ON adapters WHEN old.search_text IS NOT new.search_text BEGIN
        UPDATE adapter_search SET search_text = new.search_text WHERE rowid = new.id;
    END",
    "CREATE TRIGGER adapters_search_delete AFTER DELETE ON adapters BEGIN
        DELETE FROM adapter_search WHERE rowid = old.id;
    END",
];

const POSTGRES: &[&str] = &[
    "ALTER TABLE adapters ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED",
    "CREATE INDEX adapters_search ON adapters USING gin (search)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager)?;
        let statements = match dialect {
            Dialect::Sqlite => SQLITE,
            Dialect::Postgres => POSTGRES,
        };
        dialect.run(manager, statements).await
    }
}
