//! The database schema, step by step, for SQLite and PostgreSQL.
//!
//! A step is plain SQL in the words both engines share; where they differ, a `{MARK}` stands for the engine's own words
//! ([`Dialect`]). A step that has been released never changes: the next one mends it.

#![expect(elided_lifetimes_in_paths, reason = "async_trait accepts MigrationTrait::up only as the trait spells it")]

mod dialect;
mod m20261121_000001_library;
mod m20261121_000002_search;
mod m20261121_000003_jobs;
mod m20261121_000004_checkpoints;
mod m20261121_000005_pictures;
mod m20261122_000006_gallery;

pub use dialect::Dialect;
pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// Runs every step that a database has not had yet.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_library::Migration),
            Box::new(m20261121_000002_search::Migration),
            Box::new(m20261121_000003_jobs::Migration),
            Box::new(m20261121_000004_checkpoints::Migration),
            Box::new(m20261121_000005_pictures::Migration),
            Box::new(m20261122_000006_gallery::Migration),
        ]
    }
}
