//! Asking for checkpoints. There are some hundreds at most, so words are found by a look at every row.

use super::{CHUNK, CheckpointPlace, CheckpointRepo, view};
use crate::entity::{checkpoint, root};
use crate::error::StoreResult;
use crate::sql::Sql;
use crate::text::query_words;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use std::collections::{BTreeMap, HashMap};
use weft_domain::checkpoint::CheckpointSort;
use weft_domain::query::Facet;
use weft_domain::{CheckpointDetails, CheckpointId, CheckpointPage, CheckpointQuery, RootId};

#[derive(Debug, FromQueryResult)]
struct Counted {
    family: String,
    model: String,
    n: i64,
}

impl CheckpointRepo {
    /// A window of the checkpoints below watched roots, with the counts of every family under the rest of the query.
    pub async fn query(&self, query: &CheckpointQuery) -> StoreResult<CheckpointPage> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT c.family, MIN(c.model) AS model, COUNT(*) AS n FROM checkpoints c");
        push_where(&mut sql, query, false);
        sql.push(" GROUP BY c.family");
        let counted = Counted::find_by_statement(sql.on(read.get_database_backend())).all(read).await?;
        let wanted = |cell: &&Counted| query.family.is_empty() || query.family.contains(&cell.family);
        let total = counted.iter().filter(wanted).map(|cell| count(cell.n)).sum();
        let mut families: Vec<Facet> =
            counted.into_iter().map(|cell| Facet { value: cell.family, label: cell.model, count: count(cell.n) }).collect();
        families.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));

        let mut sql = Sql::new("SELECT c.* FROM checkpoints c");
        push_where(&mut sql, query, true);
        sql.push(order(query.sort, query.reverse)).push(" LIMIT ").bind(i64::try_from(query.window()).unwrap_or(i64::MAX));
        sql.push(" OFFSET ").bind(i64::try_from(query.offset).unwrap_or(i64::MAX));
        let rows = checkpoint::Model::find_by_statement(sql.on(read.get_database_backend())).all(read).await?;
        let items = rows.iter().map(view::card).collect::<StoreResult<_>>()?;
        Ok(CheckpointPage { items, total, offset: query.offset, families })
    }

    /// All that is known of one checkpoint.
    pub async fn details(&self, id: CheckpointId) -> StoreResult<Option<CheckpointDetails>> {
        let read = self.store.read();
        let Some(row) = checkpoint::Entity::find_by_id(id.0).one(read).await? else { return Ok(None) };
        let root = root::Entity::find_by_id(row.root_id).filter(root::Column::RemovedMs.is_null()).one(read).await?;
        root.map(|root| view::details(&row, &root)).transpose()
    }

    /// Where checkpoints lie, in the order asked for; unknown ids and those below removed roots are left out.
    pub async fn places(&self, ids: &[CheckpointId]) -> StoreResult<Vec<CheckpointPlace>> {
        let read = self.store.read();
        let mut found: HashMap<i64, CheckpointPlace> = HashMap::new();
        for ids in ids.chunks(CHUNK) {
            let rows = checkpoint::Entity::find().filter(checkpoint::Column::Id.is_in(ids.iter().map(|id| id.0))).all(read).await?;
            found.extend(self.placed(rows).await?.into_iter().map(|place| (place.id.0, place)));
        }
        Ok(ids.iter().filter_map(|id| found.get(&id.0).cloned()).collect())
    }

    /// Where one checkpoint lies.
    pub async fn place(&self, id: CheckpointId) -> StoreResult<Option<CheckpointPlace>> {
        Ok(self.places(&[id]).await?.pop())
    }

    /// Every checkpoint below a watched root that can be used, by name.
    pub async fn usable(&self) -> StoreResult<Vec<CheckpointPlace>> {
        let watched = Query::select().column(root::Column::Id).from(root::Entity).and_where(root::Column::RemovedMs.is_null()).to_owned();
        let rows = checkpoint::Entity::find()
            .filter(checkpoint::Column::State.eq("ready"))
            .filter(checkpoint::Column::RootId.in_subquery(watched))
            .all(self.store.read())
            .await?;
        let mut places = self.placed(rows).await?;
        places.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(places)
    }

    /// The checkpoint at a path below a root.
    pub async fn at_path(&self, root: RootId, rel_path: &str) -> StoreResult<Option<CheckpointId>> {
        let row = checkpoint::Entity::find()
            .filter(checkpoint::Column::RootId.eq(root.0))
            .filter(checkpoint::Column::RelPath.eq(rel_path))
            .one(self.store.read())
            .await?;
        Ok(row.map(|row| CheckpointId(row.id)))
    }

    /// Checkpoints below each root, missing and broken ones included.
    pub async fn counts(&self) -> StoreResult<HashMap<RootId, u64>> {
        let read = self.store.read();
        let sql = Sql::new("SELECT root_id, COUNT(*) AS n FROM checkpoints GROUP BY root_id");
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok((RootId(row.try_get_by_index(0)?), count(row.try_get_by_index(1)?)))).collect()
    }

    async fn placed(&self, rows: Vec<checkpoint::Model>) -> StoreResult<Vec<CheckpointPlace>> {
        let roots = root::Entity::find().filter(root::Column::RemovedMs.is_null()).all(self.store.read()).await?;
        let paths: BTreeMap<i64, String> = roots.into_iter().map(|root| (root.id, root.path)).collect();
        Ok(rows.into_iter().filter_map(|row| Some(view::place(row.clone(), paths.get(&row.root_id)?))).collect())
    }
}

/// ` WHERE …` for `checkpoints` as `c`, below the watched roots.
fn push_where(sql: &mut Sql, query: &CheckpointQuery, families: bool) {
    sql.push(" WHERE c.root_id IN (SELECT id FROM roots WHERE removed_ms IS NULL)");
    if families && !query.family.is_empty() {
        sql.push(" AND c.family IN ").bind_list(query.family.iter().cloned());
    }
    if !query.state.is_empty() {
        sql.push(" AND c.state IN ").bind_list(query.state.iter().cloned());
    }
    if !query.root.is_empty() {
        sql.push(" AND c.root_id IN ").bind_list(query.root.iter().filter_map(|id| id.parse::<i64>().ok()));
    }
    for word in query_words(&query.text) {
        // A word is letters and digits alone: nothing in it means anything to LIKE.
        let starts = |word: &str| format!("% {word}%");
        sql.push(" AND ((' ' || c.search_text) LIKE ").bind(starts(&word.whole));
        if !word.parts.is_empty() {
            sql.push(" OR (' ' || c.search_text) LIKE ").bind(starts(&word.parts.join(" ")));
        }
        sql.push(")");
    }
}

/// Each order is total: it ends in the id.
fn order(sort: CheckpointSort, reverse: bool) -> &'static str {
    match (sort, reverse) {
        (CheckpointSort::Name, false) => " ORDER BY c.name_key, c.id",
        (CheckpointSort::Name, true) => " ORDER BY c.name_key DESC, c.id DESC",
        (CheckpointSort::Added, false) => " ORDER BY c.added_ms DESC, c.name_key, c.id",
        (CheckpointSort::Added, true) => " ORDER BY c.added_ms, c.name_key DESC, c.id DESC",
        (CheckpointSort::Modified, false) => " ORDER BY c.modified_ms DESC, c.name_key, c.id",
        (CheckpointSort::Modified, true) => " ORDER BY c.modified_ms, c.name_key DESC, c.id DESC",
        (CheckpointSort::Size, false) => " ORDER BY c.size DESC, c.name_key, c.id",
        (CheckpointSort::Size, true) => " ORDER BY c.size, c.name_key DESC, c.id DESC",
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
