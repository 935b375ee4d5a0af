//! Asking for pictures.

use super::view::{self, CARD_COLUMNS, CardRow};
use super::{CHUNK, PictureFile, PictureRepo};
use crate::error::StoreResult;
use crate::sql::Sql;
use crate::store::Engine;
use crate::text::{fts5_match, tsquery_match};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use weft_domain::generation::{PictureCard, PictureDetails, PicturePage, PictureQuery, PictureSort};
use weft_domain::{GenerationId, PictureId};

/// Most pictures that details name as made from one.
const CHILDREN: i64 = 24;
/// More matches than this are many.
const MANY: i64 = 1000;
const WINDOW: u64 = 60;
const MOST: u64 = 500;

#[derive(Debug, FromQueryResult)]
struct FileRow {
    id: i64,
    blob: String,
    format: String,
    size: i64,
    width: i64,
    height: i64,
    file_name: String,
    seed: Option<String>,
    source: String,
}

#[derive(Debug, FromQueryResult)]
struct Rest {
    recipe: String,
    parent_id: Option<i64>,
}

impl PictureRepo {
    /// A window of the pictures and how many match in all.
    pub async fn query(&self, query: &PictureQuery) -> StoreResult<PicturePage> {
        let read = self.store.read();
        let hint = self.hint(query).await?;
        let count = count(self.store.engine(), query, hint);
        let total = read.query_one_raw(count.on(read.get_database_backend())).await?;
        let total = total.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        if total <= query.offset {
            return Ok(PicturePage { items: Vec::new(), total, offset: query.offset });
        }
        let limit = if query.limit == 0 { WINDOW } else { query.limit.min(MOST) };
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM pictures p");
        push_where(&mut sql, self.store.engine(), query, hint);
        sql.push(order(query.sort)).push(" LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        sql.push(" OFFSET ").bind(i64::try_from(query.offset).unwrap_or(i64::MAX));
        Ok(PicturePage { items: self.many(sql).await?, total, offset: query.offset })
    }

    /// Cards of these pictures in this order; unknown ids are left out.
    pub async fn cards(&self, ids: &[PictureId]) -> StoreResult<Vec<PictureCard>> {
        let mut found: HashMap<PictureId, PictureCard> = HashMap::new();
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new("SELECT ");
            sql.push(CARD_COLUMNS).push(" FROM pictures p WHERE p.id IN ").bind_list(ids.iter().map(|id| id.0));
            found.extend(self.many(sql).await?.into_iter().map(|card| (card.id, card)));
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// The pictures of a generation by their shots, those in the trash left out.
    pub async fn of_generation(&self, generation: GenerationId) -> StoreResult<Vec<PictureCard>> {
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM pictures p WHERE p.deleted_ms IS NULL AND p.generation_id = ").bind(generation.0);
        sql.push(" ORDER BY p.shot");
        self.many(sql).await
    }

    /// The picture of one shot, in the trash or not.
    pub async fn of_shot(&self, generation: GenerationId, shot: u32) -> StoreResult<Option<PictureCard>> {
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM pictures p WHERE p.generation_id = ").bind(generation.0);
        sql.push(" AND p.shot = ").bind(i64::from(shot));
        Ok(self.many(sql).await?.pop())
    }

    /// The picture whose file has these bytes, in the trash or not; of several the first.
    pub async fn of_blob(&self, blob: &str) -> StoreResult<Option<PictureCard>> {
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM pictures p WHERE p.blob = ").bind(blob).push(" ORDER BY p.id LIMIT 1");
        Ok(self.many(sql).await?.pop())
    }

    /// All that is known of one picture, in the trash or not.
    pub async fn details(&self, id: PictureId) -> StoreResult<Option<PictureDetails>> {
        let (Some(card), Some(file)) = (self.cards(&[id]).await?.pop(), self.file(id).await?) else { return Ok(None) };
        let read = self.store.read();
        let mut sql = Sql::new("SELECT recipe, parent_id FROM pictures WHERE id = ");
        sql.bind(id.0);
        let Some(rest) = Rest::find_by_statement(sql.on(read.get_database_backend())).one(read).await? else { return Ok(None) };
        let parent = match rest.parent_id {
            Some(parent) => self.cards(&[PictureId(parent)]).await?.pop().filter(|card| card.deleted_ms.is_none()),
            None => None,
        };
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM pictures p WHERE p.deleted_ms IS NULL AND p.parent_id = ").bind(id.0);
        sql.push(order(PictureSort::Newest)).push(" LIMIT ").bind(CHILDREN);
        let children = self.many(sql).await?;
        let recipe = view::recipe(id.0, &rest.recipe)?;
        Ok(Some(PictureDetails { card, recipe, format: file.format, size: file.size, file_name: file.file_name, parent, children }))
    }

    /// Where the bytes of a picture are.
    pub async fn file(&self, id: PictureId) -> StoreResult<Option<PictureFile>> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT id, blob, format, size, width, height, file_name, seed, source FROM pictures WHERE id = ");
        sql.bind(id.0);
        let row = FileRow::find_by_statement(sql.on(read.get_database_backend())).one(read).await?;
        Ok(row.map(|row| PictureFile {
            id,
            file_name: view::file_name(&row.file_name, row.id, row.seed.as_deref(), &row.format),
            blob: row.blob,
            format: row.format,
            size: row.size,
            width: view::unsigned(row.width),
            height: view::unsigned(row.height),
            source: view::source(&row.source),
        }))
    }

    /// SQLite's "do not begin at this column", for words that many pictures have: a walk along the index of the wanted order with a look
    /// into the list of ids beats a visit to every row of the list.
    async fn hint(&self, query: &PictureQuery) -> StoreResult<&'static str> {
        let Some(words) = fts5_match(&query.text).filter(|_| self.store.engine() == Engine::Sqlite) else { return Ok("") };
        let read = self.store.read();
        let mut sql = Sql::new("SELECT COUNT(*) FROM picture_search WHERE picture_search MATCH ");
        sql.bind(words);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        let found = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or(0);
        Ok(if found > MANY { "+" } else { "" })
    }

    async fn many(&self, sql: Sql) -> StoreResult<Vec<PictureCard>> {
        let read = self.store.read();
        let rows = CardRow::find_by_statement(sql.on(read.get_database_backend())).all(read).await?;
        Ok(rows.into_iter().map(PictureCard::from).collect())
    }
}

fn count(engine: Engine, query: &PictureQuery, hint: &str) -> Sql {
    let mut sql = Sql::new("SELECT COUNT(*) FROM pictures p");
    push_where(&mut sql, engine, query, hint);
    sql
}

/// ` WHERE …` for `pictures` as `p`.
fn push_where(sql: &mut Sql, engine: Engine, query: &PictureQuery, hint: &str) {
    sql.push(if query.trash { " WHERE p.deleted_ms IS NOT NULL" } else { " WHERE p.deleted_ms IS NULL" });
    match engine {
        Engine::Sqlite => {
            if let Some(words) = fts5_match(&query.text) {
                sql.push(" AND ")
                    .push(hint)
                    .push("p.id IN (SELECT rowid FROM picture_search WHERE picture_search MATCH ")
                    .bind(words)
                    .push(")");
            }
        }
        Engine::Postgres => {
            if let Some(words) = tsquery_match(&query.text) {
                sql.push(" AND p.search @@ to_tsquery('simple', ").bind(words).push(")");
            }
        }
    }
    if !query.checkpoint.is_empty() {
        sql.push(" AND p.checkpoint_id IN ").bind_list(query.checkpoint.iter().map(|id| id.0));
    }
    if !query.adapter.is_empty() {
        sql.push(" AND p.id IN (SELECT picture_id FROM picture_adapters WHERE adapter_id IN ");
        sql.bind_list(query.adapter.iter().map(|id| id.0)).push(")");
    }
    if let Some(generation) = query.generation {
        sql.push(" AND p.generation_id = ").bind(generation.0);
    }
    if !query.source.is_empty() {
        sql.push(" AND p.source IN ").bind_list(query.source.iter().map(|source| source.as_str()));
    }
    if query.favourite {
        sql.push(" AND p.favourite");
    }
    if let Some(least) = query.rating.filter(|least| *least > 0) {
        sql.push(" AND p.rating >= ").bind(i64::from(least));
    }
}

/// Each order is total: it ends in the id.
fn order(sort: PictureSort) -> &'static str {
    match sort {
        PictureSort::Newest => " ORDER BY p.created_ms DESC, p.id DESC",
        PictureSort::Oldest => " ORDER BY p.created_ms, p.id",
        PictureSort::Rating => " ORDER BY p.rating DESC NULLS LAST, p.created_ms DESC, p.id DESC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use weft_domain::CheckpointId;
    use weft_domain::generation::PictureSource;

    /// Rows are wide: no count looks into one, whatever the filters.
    #[tokio::test]
    async fn counts_come_from_indexes_alone() {
        let store = Store::in_memory().await.expect("a database");
        let read = store.read();
        let every = |n: u8| {
            let mut query = PictureQuery::default();
            let on = |bit: u8| n & (1 << bit) != 0;
            query.checkpoint.extend(on(0).then_some(CheckpointId(1)));
            query.source.extend(on(1).then_some(PictureSource::Weft));
            query.source.extend(on(2).then_some(PictureSource::A1111));
            query.rating = on(3).then_some(4);
            query.favourite = on(4);
            query
        };
        for query in (0..32).map(every) {
            let mut plan = count(Engine::Sqlite, &query, "").on(read.get_database_backend());
            plan.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
            let rows = read.query_all_raw(plan).await.expect("a plan");
            let steps: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("text")).collect();
            assert!(steps.iter().all(|step| step.contains("COVERING INDEX")), "{query:?}: {steps:#?}");
        }
    }
}
