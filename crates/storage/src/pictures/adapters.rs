//! Adapters by the pictures that were made with them.

use super::PictureRepo;
use crate::error::StoreResult;
use crate::sql::Sql;
use crate::store::Engine;
use crate::text::{fts5_match, tsquery_match};
use sea_orm::ConnectionTrait;
use weft_domain::AdapterId;
use weft_domain::generation::{PictureAdapter, PictureAdapters};

/// Most that one answer names.
const MOST: i64 = 60;

/// Counts come from the index `pictures_of_adapter` alone; only what is in the trash is looked up, as it is little
/// (`CROSS JOIN` makes SQLite begin with it).
const COUNTS: &str = "WITH gone AS (
        SELECT x.adapter_id, COUNT(*) AS n FROM pictures p CROSS JOIN picture_adapters x
        WHERE p.deleted_ms IS NOT NULL AND x.picture_id = p.id GROUP BY x.adapter_id
    ), made AS (SELECT adapter_id, COUNT(*) AS n FROM picture_adapters GROUP BY adapter_id)";

impl PictureRepo {
    /// Adapters that pictures were made with (those in the trash, or the others): first those of `with`, then by their pictures, at most 60.
    /// `text`: words that must all appear in what the library knows of the adapter, each from the start of a word.
    pub async fn adapters(&self, text: &str, with: &[AdapterId], trash: bool) -> StoreResult<PictureAdapters> {
        let read = self.store.read();
        let rows = read.query_all_raw(statement(self.store.engine(), text, with, trash).on(read.get_database_backend())).await?;
        let mut answer = PictureAdapters::default();
        for row in rows {
            let (id, name): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (count, total): (i64, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            answer.items.push(PictureAdapter { id: AdapterId(id), name, count: u64::try_from(count).unwrap_or(0) });
            answer.total = u64::try_from(total).unwrap_or(0);
        }
        Ok(answer)
    }
}

fn statement(engine: Engine, text: &str, with: &[AdapterId], trash: bool) -> Sql {
    let ids = || with.iter().map(|id| id.0);
    let mut sql = Sql::new(COUNTS);
    sql.push(" SELECT t.id, t.name, t.n, COUNT(*) OVER () FROM (SELECT a.id, a.name, ");
    sql.push(if trash { "COALESCE(gone.n, 0)" } else { "made.n - COALESCE(gone.n, 0)" });
    sql.push(" AS n FROM made JOIN adapters a ON a.id = made.adapter_id LEFT JOIN gone ON gone.adapter_id = made.adapter_id");
    let words = match engine {
        Engine::Sqlite => fts5_match(text).map(|words| ("a.id IN (SELECT rowid FROM adapter_search WHERE adapter_search MATCH ", words)),
        Engine::Postgres => tsquery_match(text).map(|words| ("a.search @@ to_tsquery('simple', ", words)),
    };
    if let Some((test, words)) = words {
        sql.push(" WHERE ").push(test).bind(words).push(") OR a.id IN ").bind_list(ids());
    }
    sql.push(") t WHERE t.n > 0 OR t.id IN ").bind_list(ids());
    sql.push(" ORDER BY CASE WHEN t.id IN ").bind_list(ids()).push(" THEN 0 ELSE 1 END, t.n DESC, t.name, t.id LIMIT ").bind(MOST);
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    /// Neither every picture nor every adapter is read for the counts.
    #[tokio::test]
    async fn the_indexes_answer() {
        let store = Store::in_memory().await.expect("a database");
        let read = store.read();
        let mut plan = statement(Engine::Sqlite, "ink", &[AdapterId(1)], false).on(read.get_database_backend());
        plan.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let rows = read.query_all_raw(plan).await.expect("a plan");
        let steps: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("text")).collect();
        for index in ["COVERING INDEX pictures_of_adapter", "INDEX pictures_in_trash"] {
            assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
        }
        let table = |step: &&String| step.starts_with("SCAN p") || step.starts_with("SCAN x") || step.starts_with("SCAN a ");
        let scanned: Vec<&String> = steps.iter().filter(table).filter(|step| !step.contains("INDEX")).collect();
        assert!(scanned.is_empty(), "{scanned:#?}");
    }
}
