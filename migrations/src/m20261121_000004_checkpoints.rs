//! Checkpoints, one row for each model whatever the number of its files; and measures of adapters, kept because they take seconds.

use crate::Dialect;
use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const STATEMENTS: &[&str] = &[
    // `stamp` changes when any file of the checkpoint does, or when the reader learns more. Lists are JSON text, read and written whole.
    "CREATE TABLE checkpoints (
        id {ID},
        root_id BIGINT NOT NULL REFERENCES roots(id) ON DELETE CASCADE,
        rel_path TEXT NOT NULL,
        folder TEXT NOT NULL,
        file_name TEXT NOT NULL,
        form TEXT NOT NULL,
        size BIGINT NOT NULL,
        modified_ms BIGINT NOT NULL,
        stamp TEXT NOT NULL,
        file_key TEXT,
        header_hash TEXT,
        state TEXT NOT NULL,
        error TEXT,
        title TEXT,
        family TEXT NOT NULL,
        family_confidence DOUBLE PRECISION NOT NULL,
        model TEXT NOT NULL,
        variant TEXT,
        purpose TEXT NOT NULL,
        prediction TEXT,
        packing TEXT,
        layout_id TEXT,
        in_channels BIGINT,
        dtypes TEXT NOT NULL,
        tensors BIGINT NOT NULL,
        parameters BIGINT NOT NULL,
        denoiser BOOLEAN NOT NULL,
        text_encoders TEXT NOT NULL,
        vae BOOLEAN NOT NULL,
        sha256 TEXT,
        autov2 TEXT,
        autov3 TEXT,
        hashed_ms BIGINT,
        files TEXT NOT NULL,
        evidence TEXT NOT NULL,
        warnings TEXT NOT NULL,
        metadata TEXT NOT NULL,
        version BIGINT NOT NULL DEFAULT 0,
        added_ms BIGINT NOT NULL,
        updated_ms BIGINT NOT NULL,
        name TEXT NOT NULL,
        name_key {KEY_TEXT} NOT NULL,
        search_text TEXT NOT NULL,
        UNIQUE (root_id, rel_path)
    )",
    "CREATE INDEX checkpoints_by_name ON checkpoints (name_key, id)",
    "CREATE INDEX checkpoints_same_header ON checkpoints (size, header_hash)",
    "CREATE INDEX checkpoints_unhashed ON checkpoints (root_id, id) WHERE hashed_ms IS NULL AND state = 'ready'",
    // `checkpoint_id` is 0 for measures without one; `content` names the bytes that were measured.
    "CREATE TABLE adapter_measures (
        adapter_id BIGINT NOT NULL REFERENCES adapters(id) ON DELETE CASCADE,
        checkpoint_id BIGINT NOT NULL,
        content TEXT NOT NULL,
        measures TEXT NOT NULL,
        measured_ms BIGINT NOT NULL,
        PRIMARY KEY (adapter_id, checkpoint_id)
    )",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager)?.run(manager, STATEMENTS).await
    }
}
