//! Roots, adapters, tags. The row that lists and sorts touch is narrow; what only the details page reads lies in `adapter_details`.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &[&str] = &[
    "CREATE TABLE roots (
        id {ID},
        path TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        samples BOOLEAN NOT NULL DEFAULT FALSE,
        online BOOLEAN NOT NULL DEFAULT TRUE,
        scanned_ms BIGINT,
        added_ms BIGINT NOT NULL,
        removed_ms BIGINT
    )",
    "CREATE TABLE adapters (
        id {ID},
        root_id BIGINT NOT NULL REFERENCES roots(id) ON DELETE CASCADE,
        rel_path TEXT NOT NULL,
        folder TEXT NOT NULL,
        file_name TEXT NOT NULL,
        size BIGINT NOT NULL,
        modified_ms BIGINT NOT NULL,
        file_key TEXT,
        header_hash TEXT,
        state TEXT NOT NULL,
        error TEXT,
        title TEXT,
        family TEXT NOT NULL,
        family_label TEXT NOT NULL,
        family_confidence DOUBLE PRECISION NOT NULL,
        variant TEXT,
        kind TEXT NOT NULL,
        naming TEXT,
        layout_id TEXT,
        layout_version BIGINT,
        modules BIGINT NOT NULL,
        rank_min BIGINT,
        rank_max BIGINT,
        alpha DOUBLE PRECISION,
        synthetic BOOLEAN NOT NULL DEFAULT FALSE,
        has_block_weights BOOLEAN NOT NULL DEFAULT FALSE,
        fallback BOOLEAN NOT NULL DEFAULT FALSE,
        frobenius DOUBLE PRECISION,
        te_frobenius DOUBLE PRECISION,
        mean DOUBLE PRECISION,
        variance DOUBLE PRECISION,
        measured_ms BIGINT,
        sha256 TEXT,
        autov2 TEXT,
        autov3 TEXT,
        hashed_ms BIGINT,
        sidecar_stamp TEXT,
        preview_source TEXT,
        preview_stamp TEXT,
        preview_blob TEXT,
        thumbed_ms BIGINT,
        added_ms BIGINT NOT NULL,
        updated_ms BIGINT NOT NULL,
        user_name TEXT,
        rating BIGINT,
        tags_edited BOOLEAN NOT NULL DEFAULT FALSE,
        user_version BIGINT NOT NULL DEFAULT 0,
        name TEXT NOT NULL,
        name_key {KEY_TEXT} NOT NULL,
        search_text TEXT NOT NULL,
        UNIQUE (root_id, rel_path)
    )",
    "CREATE TABLE adapter_details (
        adapter_id BIGINT PRIMARY KEY REFERENCES adapters(id) ON DELETE CASCADE,
        notes TEXT NOT NULL,
        evidence TEXT NOT NULL,
        dtypes TEXT NOT NULL,
        trigger_words TEXT NOT NULL,
        training_tags TEXT NOT NULL,
        description TEXT,
        warnings TEXT NOT NULL,
        measure_warning TEXT,
        metadata TEXT NOT NULL,
        blocks TEXT NOT NULL,
        outside TEXT NOT NULL
    )",
    "CREATE TABLE tags (
        id {ID},
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE
    )",
    "CREATE TABLE adapter_tags (
        adapter_id BIGINT NOT NULL REFERENCES adapters(id) ON DELETE CASCADE,
        tag_id BIGINT NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
        position BIGINT NOT NULL,
        PRIMARY KEY (adapter_id, tag_id)
    )",
];

const INDEXES: &[&str] = &[
    // Every order of the gallery, each ending in what makes it total.
    "CREATE INDEX adapters_by_name ON adapters (name_key, id)",
    "CREATE INDEX adapters_by_added ON adapters (added_ms DESC, name_key, id)",
    "CREATE INDEX adapters_by_modified ON adapters (modified_ms DESC, name_key, id)",
    "CREATE INDEX adapters_by_size ON adapters (size DESC, name_key, id)",
    "CREATE INDEX adapters_by_rank ON adapters (rank_max DESC {NULLS_LAST}, name_key, id)",
    "CREATE INDEX adapters_by_rating ON adapters (rating DESC {NULLS_LAST}, name_key, id)",
    "CREATE INDEX adapters_by_strength ON adapters (frobenius DESC {NULLS_LAST}, name_key, id)",
    // All columns that filters name: counts of every filter come from this index alone.
    "CREATE INDEX adapters_facets ON adapters (root_id, state, family, family_label, kind, layout_id, has_block_weights, fallback)",
    // The same file seen again elsewhere.
    "CREATE INDEX adapters_same_header ON adapters (size, header_hash)",
    "CREATE INDEX adapters_same_content ON adapters (sha256)",
    // Work that is left.
    "CREATE INDEX adapters_unmeasured ON adapters (root_id, id) WHERE measured_ms IS NULL AND state = 'ready'",
    "CREATE INDEX adapters_unhashed ON adapters (root_id, id) WHERE hashed_ms IS NULL AND state = 'ready'",
    "CREATE INDEX adapters_unthumbed ON adapters (root_id, id) WHERE thumbed_ms IS NULL AND state = 'ready' AND preview_source IS NOT NULL",
    "CREATE INDEX adapter_tags_by_tag ON adapter_tags (tag_id, adapter_id)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager)?;
        dialect.run(manager, TABLES).await?;
        dialect.run(manager, INDEXES).await
    }
}
