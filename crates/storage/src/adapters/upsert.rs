//! Rows from a scan, in batches of one transaction each.

use super::{AdapterFacts, AdapterRepo, CHUNK, KnownFile, NewFile, UpsertOutcome, Upserted, edit, takeover, view};
use crate::entity::{adapter, detail};
use crate::error::{StoreError, StoreResult};
use crate::text::{name_key, search_text, storable};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;
use weft_domain::{AdapterId, FileState, RootId};

impl AdapterRepo {
    /// Everything known below a root, by path: what a scan compares the folder with.
    pub async fn known(&self, root: RootId) -> StoreResult<Vec<KnownFile>> {
        use adapter::Column as C;
        let rows: Vec<(i64, String, i64, i64, String, Option<String>)> = adapter::Entity::find()
            .select_only()
            .columns([C::Id, C::RelPath, C::Size, C::ModifiedMs, C::State, C::SidecarStamp])
            .filter(C::RootId.eq(root.0))
            .order_by_asc(C::RelPath)
            .into_tuple()
            .all(self.store.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, rel_path, size, modified_ms, state, sidecar_stamp)| KnownFile {
                id: AdapterId(id),
                rel_path,
                size,
                modified_ms,
                state: view::state(&state),
                sidecar_stamp,
            })
            .collect())
    }

    /// Writes scanned files in one transaction (about 200 at a time is a good batch). Strengths, hashes and picture are kept while the
    /// content is the same, and forgotten when it is not; what a person wrote is never touched.
    ///
    /// A new path first looks for the row of the same file that has vanished elsewhere ([`UpsertOutcome::Moved`]): so mark what is
    /// gone as missing before handing in what is new.
    pub async fn upsert(&self, root: RootId, files: &[NewFile], now_ms: i64) -> StoreResult<Vec<Upserted>> {
        let mut done = Vec::with_capacity(files.len());
        for files in files.chunks(CHUNK) {
            let tx = self.store.begin().await?;
            let mut known = by_path(&tx, root, files).await?;
            for file in files {
                done.push(upsert_one(&tx, root, file, known.remove(&file.rel_path), now_ms).await?);
            }
            tx.commit().await?;
        }
        Ok(done)
    }
}

async fn by_path<C: ConnectionTrait>(db: &C, root: RootId, files: &[NewFile]) -> StoreResult<HashMap<String, adapter::Model>> {
    let rows = adapter::Entity::find()
        .filter(adapter::Column::RootId.eq(root.0))
        .filter(adapter::Column::RelPath.is_in(files.iter().map(|file| file.rel_path.as_str())))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.rel_path.clone(), row)).collect())
}

async fn upsert_one<C: ConnectionTrait>(
    db: &C,
    root: RootId,
    file: &NewFile,
    known: Option<adapter::Model>,
    now_ms: i64,
) -> StoreResult<Upserted> {
    let (old, outcome) = match known {
        Some(row) => (Some(row), UpsertOutcome::Updated),
        None => match takeover::by_header(db, file).await? {
            Some(row) => (Some(row), UpsertOutcome::Moved),
            None => (None, UpsertOutcome::Added),
        },
    };
    let same_content = old.as_ref().is_some_and(|row| same_content(row, file));
    let old_detail = match &old {
        Some(row) => detail::Entity::find_by_id(row.id).one(db).await?,
        None => None,
    };
    let broken = AdapterFacts { family: "unknown".into(), family_label: "Unknown".into(), kind: "unknown".into(), ..Default::default() };
    let facts = file.facts.as_ref().unwrap_or(&broken);
    let mut row = place(root, file, now_ms);
    describe(&mut row, facts, file.facts.as_ref().err());
    if !same_content {
        forget_measurements(&mut row);
    }
    if !old.as_ref().is_some_and(|old| old.preview_source == file.preview_source && old.preview_stamp == file.preview_stamp) {
        row.preview_blob = Set(None);
        row.thumbed_ms = Set(None);
    }
    let tags_edited = old.as_ref().is_some_and(|row| row.tags_edited);
    let user_name = old.as_ref().and_then(|row| row.user_name.clone());
    let tags = match (&old, tags_edited) {
        (Some(old), true) => view::tags_of(db, &[old.id]).await?.remove(&old.id).unwrap_or_default(),
        _ => facts.tags.iter().map(|tag| storable(tag)).collect(),
    };
    set_names(&mut row, user_name.as_deref(), facts.title.as_deref(), file, &facts.trigger_words, &tags);
    let id = match old {
        Some(old) => {
            row.id = Set(old.id);
            adapter::Entity::update(row).exec(db).await?.id
        }
        None => {
            row.added_ms = Set(now_ms);
            row.insert(db).await?.id
        }
    };
    write_detail(db, id, facts, old_detail, same_content).await?;
    if !tags_edited {
        edit::write_tags(db, id, &tags).await?;
    }
    Ok(Upserted { id: AdapterId(id), outcome })
}

/// Size and time alone can lie after a copy; the header's hash, where both are known, decides.
fn same_content(row: &adapter::Model, file: &NewFile) -> bool {
    let header = match (&row.header_hash, &file.header_hash) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    };
    header && row.size == file.size && (row.modified_ms == file.modified_ms || row.file_key.is_some() && row.file_key == file.file_key)
}

fn place(root: RootId, file: &NewFile, now_ms: i64) -> adapter::ActiveModel {
    let (folder, file_name) = file.rel_path.rsplit_once('/').unwrap_or(("", &file.rel_path));
    adapter::ActiveModel {
        id: NotSet,
        root_id: Set(root.0),
        rel_path: Set(file.rel_path.clone()),
        folder: Set(folder.to_owned()),
        file_name: Set(file_name.to_owned()),
        size: Set(file.size),
        modified_ms: Set(file.modified_ms),
        file_key: Set(file.file_key.clone()),
        header_hash: Set(file.header_hash.clone()),
        sidecar_stamp: Set(file.sidecar_stamp.clone()),
        preview_source: Set(file.preview_source.clone()),
        preview_stamp: Set(file.preview_stamp.clone()),
        updated_ms: Set(now_ms),
        ..Default::default()
    }
}

fn describe(row: &mut adapter::ActiveModel, facts: &AdapterFacts, error: Option<&String>) {
    let state = if error.is_some() { FileState::Broken } else { FileState::Ready };
    row.state = Set(state.as_str().to_owned());
    row.error = Set(error.map(|error| storable(error)));
    row.title = Set(facts.title.as_deref().map(storable));
    row.family = Set(facts.family.clone());
    row.family_label = Set(facts.family_label.clone());
    row.family_confidence = Set(facts.family_confidence);
    row.variant = Set(facts.variant.as_deref().map(storable));
    row.kind = Set(facts.kind.clone());
    row.naming = Set(facts.naming.clone());
    row.layout_id = Set(facts.layout_id.clone());
    row.layout_version = Set(facts.layout_version.map(i64::from));
    row.modules = Set(i64::from(facts.modules));
    row.rank_min = Set(facts.rank_min.map(i64::from));
    row.rank_max = Set(facts.rank_max.map(i64::from));
    row.alpha = Set(facts.alpha.filter(|alpha| alpha.is_finite()));
    row.synthetic = Set(facts.synthetic);
}

fn forget_measurements(row: &mut adapter::ActiveModel) {
    row.has_block_weights = Set(false);
    row.fallback = Set(false);
    row.frobenius = Set(None);
    row.te_frobenius = Set(None);
    row.mean = Set(None);
    row.variance = Set(None);
    row.measured_ms = Set(None);
    row.sha256 = Set(None);
    row.autov2 = Set(None);
    row.autov3 = Set(None);
    row.hashed_ms = Set(None);
}

/// Sets what is shown, what sorts and what search finds.
fn set_names(
    row: &mut adapter::ActiveModel,
    user_name: Option<&str>,
    title: Option<&str>,
    file: &NewFile,
    trigger_words: &[String],
    tags: &[String],
) {
    let (folder, file_name) = file.rel_path.rsplit_once('/').unwrap_or(("", &file.rel_path));
    let names = Names { user_name, title, file_name, folder, trigger_words, tags };
    row.name = Set(names.shown());
    row.name_key = Set(name_key(&names.shown()));
    row.search_text = Set(names.search_text());
}

/// File names of PEFT and of diffusers.
const LIBRARY_NAMES: [&str; 2] = ["adapter_model", "pytorch_lora_weights"];

/// All that an adapter may be called or found by.
pub(super) struct Names<'a> {
    pub user_name: Option<&'a str>,
    pub title: Option<&'a str>,
    pub file_name: &'a str,
    pub folder: &'a str,
    pub trigger_words: &'a [String],
    pub tags: &'a [String],
}

impl Names<'_> {
    /// The user's name, else the title, else the file name without its ending, or the folder's where the file name says nothing.
    pub(super) fn shown(&self) -> String {
        let stem = self.file_name.rsplit_once('.').map_or(self.file_name, |(stem, _)| stem);
        // Libraries give every adapter this file name: the folder is what tells them apart.
        let folder = self.folder.rsplit('/').next().filter(|folder| !folder.is_empty() && LIBRARY_NAMES.contains(&stem));
        let stem = folder.unwrap_or(stem);
        let title = self.title.map(str::trim).filter(|title| !title.is_empty());
        storable(self.user_name.or(title).unwrap_or(stem))
    }

    pub(super) fn search_text(&self) -> String {
        let own = [self.user_name.unwrap_or(""), self.title.unwrap_or(""), self.file_name, self.folder];
        search_text(own.into_iter().chain(self.tags.iter().map(String::as_str)).chain(self.trigger_words.iter().map(String::as_str)))
    }
}

async fn write_detail<C: ConnectionTrait>(
    db: &C,
    id: i64,
    facts: &AdapterFacts,
    old: Option<detail::Model>,
    same_content: bool,
) -> StoreResult<()> {
    let json = |what: &'static str, value: serde_json::Result<String>| value.map_err(|source| StoreError::Corrupt { what, id, source });
    let kept = old.as_ref().filter(|_| same_content);
    let row = detail::ActiveModel {
        adapter_id: Set(id),
        notes: Set(old.as_ref().map(|old| old.notes.clone()).unwrap_or_default()),
        evidence: Set(json("evidence", serde_json::to_string(&facts.evidence))?),
        dtypes: Set(json("dtypes", serde_json::to_string(&facts.dtypes))?),
        trigger_words: Set(json("trigger words", serde_json::to_string(&facts.trigger_words))?),
        training_tags: Set(json("training tags", serde_json::to_string(&facts.training_tags))?),
        description: Set(facts.description.as_deref().map(storable)),
        warnings: Set(json("warnings", serde_json::to_string(&facts.warnings))?),
        measure_warning: Set(kept.and_then(|old| old.measure_warning.clone())),
        metadata: Set(json("metadata", serde_json::to_string(&facts.metadata))?),
        blocks: Set(kept.map_or_else(|| "[]".into(), |old| old.blocks.clone())),
        outside: Set(kept.map_or_else(|| "[]".into(), |old| old.outside.clone())),
    };
    match old {
        Some(_) => drop(detail::Entity::update(row).exec(db).await?),
        None => drop(detail::Entity::insert(row).exec_without_returning(db).await?),
    }
    Ok(())
}
