//! Asking the library.

use super::filter::{Apply, Live, everything, push_where, unhinted};
use super::view::{self, CARD_COLUMNS, CardRow};
use super::{AdapterRepo, FilePlace, facets};
use crate::entity::{adapter, detail, root};
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use std::collections::HashMap;
use std::path::PathBuf;
use weft_domain::status::Overview;
use weft_domain::{AdapterCard, AdapterDetails, AdapterId, LibraryPage, LibraryQuery, RootId, Sort};

impl AdapterRepo {
    /// A window of the library; facets come with the first window only.
    pub async fn query(&self, query: &LibraryQuery) -> StoreResult<LibraryPage> {
        let live = self.live().await?;
        if query.offset > 0 {
            let total = self.count(query, &live).await?;
            let items = self.window(query, &live, total).await?;
            return Ok(LibraryPage { items, total, offset: query.offset, facets: None, samples_only: false });
        }
        let cells = self.cube(query, &live).await?;
        let total = facets::total(&cells, query);
        let mut found = facets::facets(&cells, query, &live.roots);
        found.tag = self.tag_facet(query, &live).await?;
        let items = self.window(query, &live, total).await?;
        Ok(LibraryPage { items, total, offset: 0, facets: Some(found), samples_only: false })
    }

    /// Cards of these adapters in this order; unknown ids are left out.
    pub async fn cards(&self, ids: &[AdapterId]) -> StoreResult<Vec<AdapterCard>> {
        let read = self.store.read();
        let mut found: HashMap<i64, CardRow> = HashMap::new();
        for ids in ids.chunks(super::CHUNK) {
            let mut sql = Sql::new("SELECT ");
            sql.push(CARD_COLUMNS).push(" FROM adapters a JOIN roots r ON r.id = a.root_id WHERE r.removed_ms IS NULL AND a.id IN ");
            sql.bind_list(ids.iter().map(|id| id.0));
            let rows = CardRow::find_by_statement(sql.on(read.get_database_backend())).all(read).await?;
            found.extend(rows.into_iter().map(|row| (row.id, row)));
        }
        let rows = ids.iter().filter_map(|id| found.get(&id.0).cloned()).collect();
        self.with_tags(rows).await
    }

    /// The newest adapters that can be used.
    pub async fn recent(&self, limit: u64) -> StoreResult<Vec<AdapterCard>> {
        let query = LibraryQuery { sort: Sort::Added, state: vec!["ready".into()], limit, ..Default::default() };
        let live = self.live().await?;
        self.window(&query, &live, u64::MAX).await
    }

    /// All that is known of one adapter.
    pub async fn details(&self, id: AdapterId) -> StoreResult<Option<AdapterDetails>> {
        let read = self.store.read();
        let Some(row) = adapter::Entity::find_by_id(id.0).one(read).await? else { return Ok(None) };
        let root = root::Entity::find_by_id(row.root_id).filter(root::Column::RemovedMs.is_null()).one(read).await?;
        let (Some(root), Some(detail)) = (root, detail::Entity::find_by_id(id.0).one(read).await?) else { return Ok(None) };
        let tags = view::tags_of(read, &[id.0]).await?.remove(&id.0).unwrap_or_default();
        view::details(&row, &detail, tags, &root.path, root.name).map(Some)
    }

    /// Where files lie, in the order asked for; unknown ids and those below removed roots are left out.
    pub async fn places(&self, ids: &[AdapterId]) -> StoreResult<Vec<FilePlace>> {
        let read = self.store.read();
        let rows = adapter::Entity::find().filter(adapter::Column::Id.is_in(ids.iter().map(|id| id.0))).all(read).await?;
        let roots: HashMap<i64, root::Model> = root::Entity::find()
            .filter(root::Column::RemovedMs.is_null())
            .all(read)
            .await?
            .into_iter()
            .map(|root| (root.id, root))
            .collect();
        let rows: HashMap<i64, adapter::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(ids.iter().filter_map(|id| rows.get(&id.0)).filter_map(|row| Some(place(row, roots.get(&row.root_id)?))).collect())
    }

    /// Where one file lies.
    pub async fn place(&self, id: AdapterId) -> StoreResult<Option<FilePlace>> {
        Ok(self.places(&[id]).await?.pop())
    }

    /// The adapter at a path below a root.
    pub async fn at_path(&self, root: RootId, rel_path: &str) -> StoreResult<Option<AdapterId>> {
        let row = adapter::Entity::find()
            .filter(adapter::Column::RootId.eq(root.0))
            .filter(adapter::Column::RelPath.eq(rel_path))
            .one(self.store.read())
            .await?;
        Ok(row.map(|row| AdapterId(row.id)))
    }

    /// Numbers for the shell.
    pub async fn overview(&self) -> StoreResult<Overview> {
        let read = self.store.read();
        let sql = Sql::new(
            "SELECT a.state, COUNT(*) AS n, SUM(CASE WHEN a.measured_ms IS NULL AND a.state = 'ready' THEN 1 ELSE 0 END) AS unmeasured \
             FROM adapters a JOIN roots r ON r.id = a.root_id WHERE r.removed_ms IS NULL GROUP BY a.state",
        );
        let mut overview = Overview::default();
        for row in read.query_all_raw(sql.on(read.get_database_backend())).await? {
            let state: String = row.try_get_by_index(0)?;
            let n = u64::try_from(row.try_get_by_index::<i64>(1)?).unwrap_or(0);
            overview.adapters += n;
            overview.unmeasured += u64::try_from(row.try_get_by_index::<i64>(2)?).unwrap_or(0);
            match state.as_str() {
                "missing" => overview.missing = n,
                "broken" => overview.broken = n,
                _ => {}
            }
        }
        let roots = self.store.roots().list().await?;
        let checkpoints = self.store.checkpoints().counts().await?;
        overview.checkpoints = roots.iter().filter_map(|root| checkpoints.get(&root.id)).sum();
        overview.roots = u64::try_from(roots.len()).unwrap_or(u64::MAX);
        overview.scanned = roots.iter().any(|root| root.scanned_ms.is_some());
        Ok(overview)
    }

    async fn live(&self) -> StoreResult<Live> {
        let all = root::Entity::find().all(self.store.read()).await?;
        let some_removed = all.iter().any(|root| root.removed_ms.is_some());
        let roots = all.into_iter().filter(|root| root.removed_ms.is_none()).map(|root| (root.id, root.name)).collect();
        Ok(Live { roots, some_removed })
    }

    /// One window of the `total` rows that match. The ids that match come from narrow indexes; then either the index of the wanted
    /// order is walked until the window is full (many match), or the few that match are fetched and sorted.
    async fn window(&self, query: &LibraryQuery, live: &Live, total: u64) -> StoreResult<Vec<AdapterCard>> {
        const MANY: u64 = 1000;
        if total <= query.offset {
            return Ok(Vec::new());
        }
        let read = self.store.read();
        let mut sql = Sql::new("SELECT ");
        sql.push(CARD_COLUMNS).push(" FROM adapters a");
        if !everything(query, live, Apply::All) {
            let many = if total > MANY { unhinted(self.store.engine()) } else { "" };
            sql.push(" WHERE ").push(many).push("a.id IN (SELECT a.id FROM adapters a");
            push_where(&mut sql, self.store.engine(), query, live, Apply::All);
            sql.push(")");
        }
        sql.push(order(query.sort, query.reverse));
        sql.push(" LIMIT ").bind(i64::try_from(query.window()).unwrap_or(i64::MAX));
        sql.push(" OFFSET ").bind(i64::try_from(query.offset).unwrap_or(i64::MAX));
        self.with_tags(CardRow::find_by_statement(sql.on(read.get_database_backend())).all(read).await?).await
    }

    async fn count(&self, query: &LibraryQuery, live: &Live) -> StoreResult<u64> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT COUNT(*) FROM adapters a");
        push_where(&mut sql, self.store.engine(), query, live, Apply::All);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        Ok(u64::try_from(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or(0)).unwrap_or(0))
    }

    async fn with_tags(&self, rows: Vec<CardRow>) -> StoreResult<Vec<AdapterCard>> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let tags = view::tags_of(self.store.read(), &ids).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let tags = tags.get(&row.id).cloned().unwrap_or_default();
                row.card(tags)
            })
            .collect())
    }
}

fn place(row: &adapter::Model, root: &root::Model) -> FilePlace {
    FilePlace {
        id: AdapterId(row.id),
        root: RootId(row.root_id),
        root_path: PathBuf::from(&root.path),
        rel_path: row.rel_path.clone(),
        file_name: row.file_name.clone(),
        name: row.name.clone(),
        size: row.size,
        modified_ms: row.modified_ms,
        state: view::state(&row.state),
        root_online: root.online,
        preview_source: row.preview_source.clone(),
        preview_blob: row.preview_blob.clone(),
        layout_id: row.layout_id.clone(),
        header_hash: row.header_hash.clone(),
        sha256: row.sha256.clone(),
    }
}

/// Each order is total (it ends in the id) and has its index. What is not known (no rank, no rating, no strength) comes last both ways.
fn order(sort: Sort, reverse: bool) -> &'static str {
    match (sort, reverse) {
        (Sort::Name, false) => " ORDER BY a.name_key, a.id",
        (Sort::Name, true) => " ORDER BY a.name_key DESC, a.id DESC",
        (Sort::Added, false) => " ORDER BY a.added_ms DESC, a.name_key, a.id",
        (Sort::Added, true) => " ORDER BY a.added_ms, a.name_key DESC, a.id DESC",
        (Sort::Modified, false) => " ORDER BY a.modified_ms DESC, a.name_key, a.id",
        (Sort::Modified, true) => " ORDER BY a.modified_ms, a.name_key DESC, a.id DESC",
        (Sort::Size, false) => " ORDER BY a.size DESC, a.name_key, a.id",
        (Sort::Size, true) => " ORDER BY a.size, a.name_key DESC, a.id DESC",
        (Sort::Rank, false) => " ORDER BY a.rank_max DESC NULLS LAST, a.name_key, a.id",
        (Sort::Rank, true) => " ORDER BY a.rank_max ASC NULLS LAST, a.name_key DESC, a.id DESC",
        (Sort::Rating, false) => " ORDER BY a.rating DESC NULLS LAST, a.name_key, a.id",
        (Sort::Rating, true) => " ORDER BY a.rating ASC NULLS LAST, a.name_key DESC, a.id DESC",
        (Sort::Strength, false) => " ORDER BY a.frobenius DESC NULLS LAST, a.name_key, a.id",
        (Sort::Strength, true) => " ORDER BY a.frobenius ASC NULLS LAST, a.name_key DESC, a.id DESC",
    }
}
