//! What a person writes about an adapter.

use super::upsert::Names;
use super::{AdapterRepo, view};
use crate::entity::{adapter, adapter_tag, detail, tag};
use crate::error::{StoreError, StoreResult};
use crate::text::{fold, name_key, storable};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use std::collections::{HashMap, HashSet};
use weft_domain::{AdapterEdit, AdapterId};

impl AdapterRepo {
    /// Applies an edit that was checked ([`AdapterEdit::checked`]). With a version, only if nobody else has edited since.
    pub async fn edit(&self, id: AdapterId, edit: &AdapterEdit, now_ms: i64) -> StoreResult<()> {
        let tx = self.store.begin().await?;
        let row = adapter::Entity::find_by_id(id.0).one(&tx).await?.ok_or(StoreError::NotFound { what: "adapter", id: id.0 })?;
        if let Some(expected) = edit.version
            && expected != row.user_version
        {
            return Err(StoreError::Stale { id: id.0, expected, found: row.user_version });
        }
        let mut change = adapter::ActiveModel {
            id: Unchanged(id.0),
            user_version: Set(row.user_version + 1),
            updated_ms: Set(now_ms),
            ..Default::default()
        };
        if let Some(name) = &edit.name {
            change.user_name = Set((!name.is_empty()).then(|| storable(name)));
        }
        if let Some(rating) = edit.rating {
            change.rating = Set((rating > 0).then_some(i64::from(rating)));
        }
        if let Some(tags) = &edit.tags {
            change.tags_edited = Set(true);
            let tags: Vec<String> = tags.iter().map(|tag| storable(tag)).collect();
            write_tags(&tx, id.0, &tags).await?;
        }
        // The guard of SQLite's single writer does not hold between PostgreSQL connections: the version is checked by the write too.
        let changed = adapter::Entity::update_many()
            .set(change)
            .filter(adapter::Column::Id.eq(id.0))
            .filter(adapter::Column::UserVersion.eq(row.user_version))
            .exec(&tx)
            .await?;
        if changed.rows_affected == 0 {
            return Err(StoreError::Stale { id: id.0, expected: row.user_version, found: row.user_version + 1 });
        }
        if let Some(notes) = &edit.notes {
            let change = detail::ActiveModel { adapter_id: Unchanged(id.0), notes: Set(storable(notes)), ..Default::default() };
            detail::Entity::update(change).exec(&tx).await?;
        }
        rename(&tx, id.0).await?;
        Ok(tx.commit().await?)
    }
}

/// Brings shown name, sort key and search words in step with what they are made of.
pub(super) async fn rename<C: ConnectionTrait>(db: &C, id: i64) -> StoreResult<()> {
    let Some(row) = adapter::Entity::find_by_id(id).one(db).await? else { return Ok(()) };
    let triggers = match detail::Entity::find_by_id(id).one(db).await? {
        Some(detail) => view::json("trigger words", id, &detail.trigger_words)?,
        None => Vec::new(),
    };
    let tags = view::tags_of(db, &[id]).await?.remove(&id).unwrap_or_default();
    let names = Names {
        user_name: row.user_name.as_deref(),
        title: row.title.as_deref(),
        file_name: &row.file_name,
        folder: &row.folder,
        trigger_words: &triggers,
        tags: &tags,
    };
    let name = names.shown();
    let change = adapter::ActiveModel {
        id: Unchanged(id),
        name_key: Set(name_key(&name)),
        name: Set(name),
        search_text: Set(names.search_text()),
        ..Default::default()
    };
    adapter::Entity::update(change).exec(db).await?;
    Ok(())
}

/// Replaces an adapter's tags. A tag that exists under another spelling ("Ink", "ink") is used as it stands.
pub(super) async fn write_tags<C: ConnectionTrait>(db: &C, id: i64, tags: &[String]) -> StoreResult<()> {
    let mut seen = HashSet::new();
    let tags: Vec<(String, &String)> =
        tags.iter().map(|tag| (fold(tag), tag)).filter(|(folded, _)| !folded.is_empty() && seen.insert(folded.clone())).collect();
    adapter_tag::Entity::delete_many().filter(adapter_tag::Column::AdapterId.eq(id)).exec(db).await?;
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().map(|(folded, tag)| tag::ActiveModel { id: NotSet, name: Set((*tag).clone()), folded: Set(folded.clone()) });
    tag::Entity::insert_many(rows)
        .on_conflict(OnConflict::column(tag::Column::Folded).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    let known: HashMap<String, i64> = tag::Entity::find()
        .filter(tag::Column::Folded.is_in(tags.iter().map(|(folded, _)| folded.as_str())))
        .all(db)
        .await?
        .into_iter()
        .map(|row| (row.folded, row.id))
        .collect();
    let rows = tags.iter().zip(0_i64..).filter_map(|((folded, _), position)| {
        Some(adapter_tag::ActiveModel { adapter_id: Set(id), tag_id: Set(*known.get(folded)?), position: Set(position) })
    });
    adapter_tag::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}
