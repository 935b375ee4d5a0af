//! A file that was moved or renamed keeps its row, and with it all that a person wrote.
//!
//! Only a row whose file is known to be gone is taken over: missing below a root that is there, or below a root that was removed.
//! A drive that is merely off keeps its rows.

use super::NewFile;
use crate::entity::{adapter, adapter_tag, detail, root};
use crate::error::StoreResult;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

/// Rows that may give themselves up.
fn vacant() -> Select<adapter::Entity> {
    let removed = Query::select().column(root::Column::Id).from(root::Entity).and_where(root::Column::RemovedMs.is_not_null()).to_owned();
    let online = Query::select().column(root::Column::Id).from(root::Entity).and_where(root::Column::Online.eq(true)).to_owned();
    let gone = Condition::all().add(adapter::Column::State.eq("missing")).add(adapter::Column::RootId.in_subquery(online));
    adapter::Entity::find().filter(Condition::any().add(gone).add(adapter::Column::RootId.in_subquery(removed)))
}

/// The vacant row that a new path continues: same size and header, and one more sign, for files trained alike share both.
pub(super) async fn by_header<C: ConnectionTrait>(db: &C, file: &NewFile) -> StoreResult<Option<adapter::Model>> {
    let Some(header_hash) = &file.header_hash else { return Ok(None) };
    let file_name = file.rel_path.rsplit('/').next().unwrap_or(&file.rel_path);
    let candidates = vacant()
        .filter(adapter::Column::Size.eq(file.size))
        .filter(adapter::Column::HeaderHash.eq(header_hash))
        .order_by_desc(adapter::Column::UserVersion)
        .order_by_asc(adapter::Column::Id)
        .limit(50)
        .all(db)
        .await?;
    let sign = |row: &adapter::Model| match () {
        () if row.file_key.is_some() && row.file_key == file.file_key => 3,
        () if row.modified_ms == file.modified_ms && row.file_name == file_name => 3,
        () if row.modified_ms == file.modified_ms => 2,
        () if row.file_name == file_name => 1,
        () => 0,
    };
    // `max_by_key` answers the last of equals; the first holds more of what a person wrote.
    Ok(candidates.into_iter().rev().max_by_key(sign).filter(|row| sign(row) > 0))
}

/// The vacant row with the same content as `row`, which has nothing of a person's yet.
pub(super) async fn by_content<C: ConnectionTrait>(db: &C, row: &adapter::Model, sha256: &str) -> StoreResult<Option<adapter::Model>> {
    if row.user_version > 0 {
        return Ok(None);
    }
    let old = vacant()
        .filter(adapter::Column::Sha256.eq(sha256))
        .filter(adapter::Column::Id.ne(row.id))
        .filter(adapter::Column::UserVersion.gt(0))
        .order_by_desc(adapter::Column::UserVersion)
        .one(db)
        .await?;
    Ok(old)
}

/// The living, untouched copy of a file that has just vanished.
pub(super) async fn living_copy<C: ConnectionTrait>(db: &C, gone: &adapter::Model) -> StoreResult<Option<adapter::Model>> {
    if gone.user_version == 0 {
        return Ok(None);
    }
    let Some(header_hash) = &gone.header_hash else { return Ok(None) };
    let live = Query::select()
        .column(root::Column::Id)
        .from(root::Entity)
        .and_where(root::Column::RemovedMs.is_null())
        .and_where(root::Column::Online.eq(true))
        .to_owned();
    let copies = adapter::Entity::find()
        .filter(adapter::Column::Size.eq(gone.size))
        .filter(adapter::Column::HeaderHash.eq(header_hash))
        .filter(adapter::Column::State.eq("ready"))
        .filter(adapter::Column::UserVersion.eq(0))
        .filter(adapter::Column::RootId.in_subquery(live))
        .limit(50)
        .all(db)
        .await?;
    let same = |copy: &adapter::Model| match (&copy.sha256, &gone.sha256) {
        (Some(a), Some(b)) => a == b,
        _ => copy.modified_ms == gone.modified_ms || copy.file_key.is_some() && copy.file_key == gone.file_key,
    };
    Ok(copies.into_iter().find(same))
}

/// Gives `new`'s file to `old`'s row: `old` keeps its id and all that a person wrote, and gets everything else of `new`, whose row goes.
pub(super) async fn merge<C: ConnectionTrait>(db: &C, old: adapter::Model, new: adapter::Model, now_ms: i64) -> StoreResult<()> {
    let old_detail = detail::Entity::find_by_id(old.id).one(db).await?;
    let new_detail = detail::Entity::find_by_id(new.id).one(db).await?;
    let tags = super::view::tags_of(db, &[old.id, new.id]).await?;
    adapter::Entity::delete_by_id(new.id).exec(db).await?;
    if let Some(new_detail) = new_detail {
        let notes = old_detail.as_ref().map(|old| old.notes.clone()).unwrap_or_default();
        detail::Entity::delete_by_id(old.id).exec(db).await?;
        let row = detail::Model { adapter_id: old.id, notes, ..new_detail };
        detail::Entity::insert(all_set_detail(row)).exec_without_returning(db).await?;
    }
    let (old_id, tags_edited) = (old.id, old.tags_edited);
    let row = adapter::Model {
        id: old.id,
        added_ms: old.added_ms,
        user_name: old.user_name,
        rating: old.rating,
        tags_edited: old.tags_edited,
        user_version: old.user_version,
        updated_ms: now_ms,
        ..new.clone()
    };
    adapter::Entity::update(all_set(row)).exec(db).await?;
    if !tags_edited {
        adapter_tag::Entity::delete_many().filter(adapter_tag::Column::AdapterId.eq(old_id)).exec(db).await?;
        super::edit::write_tags(db, old_id, tags.get(&new.id).map_or(&[], Vec::as_slice)).await?;
    }
    super::edit::rename(db, old_id).await
}

fn all_set(row: adapter::Model) -> adapter::ActiveModel {
    use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
    let id = row.id;
    let mut row = row.into_active_model().reset_all();
    row.id = sea_orm::ActiveValue::Unchanged(id);
    row
}

fn all_set_detail(row: detail::Model) -> detail::ActiveModel {
    use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
    let id = row.adapter_id;
    let mut row = row.into_active_model().reset_all();
    row.adapter_id = Set(id);
    row
}
