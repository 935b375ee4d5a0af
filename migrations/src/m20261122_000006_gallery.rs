//! The gallery's filters, answered from indexes alone.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

// A row of `pictures` carries its whole recipe: a count that looks into rows reads hundreds of megabytes of a large gallery. So each index
// carries what the other filters ask for. `deleted_ms` is among it, though it is NULL in all of them, as SQLite takes an index for
// covering only if it has every column that is asked for.
const STATEMENTS: &[&str] = &[
    "DROP INDEX pictures_by_time",
    "DROP INDEX pictures_by_rating",
    "DROP INDEX pictures_of_checkpoint",
    "CREATE INDEX pictures_by_time ON pictures
        (created_ms DESC, id DESC, source, checkpoint_id, favourite, rating, deleted_ms) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_by_rating ON pictures
        (rating DESC {NULLS_LAST}, created_ms DESC, id DESC, source, checkpoint_id, favourite, deleted_ms) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_of_checkpoint ON pictures
        (checkpoint_id, created_ms DESC, id DESC, source, favourite, rating, deleted_ms) WHERE deleted_ms IS NULL",
    "CREATE INDEX pictures_of_source ON pictures
        (source, created_ms DESC, id DESC, checkpoint_id, favourite, rating, deleted_ms) WHERE deleted_ms IS NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager)?.run(manager, STATEMENTS).await
    }
}
