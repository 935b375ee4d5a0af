//! What a scan found, written in batches of one transaction each; and what is gone.

use super::{CHUNK, CheckpointFacts, CheckpointRepo, KnownCheckpoint, NewCheckpoint, view};
use crate::adapters::UpsertOutcome;
use crate::entity::{checkpoint, root};
use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::text::{name_key, search_text, storable};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;
use weft_domain::checkpoint::CheckpointForm;
use weft_domain::{CheckpointId, FileState, RootId};

impl CheckpointRepo {
    /// Everything known below a root, by path: what a scan compares the folder with.
    pub async fn known(&self, root: RootId) -> StoreResult<Vec<KnownCheckpoint>> {
        use checkpoint::Column as C;
        let rows: Vec<(i64, String, String, String)> = checkpoint::Entity::find()
            .select_only()
            .columns([C::Id, C::RelPath, C::Stamp, C::State])
            .filter(C::RootId.eq(root.0))
            .order_by_asc(C::RelPath)
            .into_tuple()
            .all(self.store.read())
            .await?;
        let known = |(id, rel_path, stamp, state): (i64, String, String, String)| KnownCheckpoint {
            id: CheckpointId(id),
            rel_path,
            stamp,
            state: view::state(&state),
        };
        Ok(rows.into_iter().map(known).collect())
    }

    /// Writes scanned checkpoints. Hashes are kept while the files are the same. A new path first looks for the row of the same
    /// checkpoint that has vanished elsewhere: so mark what is gone as missing before handing in what is new.
    pub async fn upsert(&self, root: RootId, found: &[NewCheckpoint], now_ms: i64) -> StoreResult<Vec<(CheckpointId, UpsertOutcome)>> {
        let mut done = Vec::with_capacity(found.len());
        for found in found.chunks(CHUNK) {
            let tx = self.store.begin().await?;
            let paths = found.iter().map(|new| new.rel_path.as_str());
            let rows = checkpoint::Entity::find()
                .filter(checkpoint::Column::RootId.eq(root.0))
                .filter(checkpoint::Column::RelPath.is_in(paths))
                .all(&tx)
                .await?;
            let mut known: HashMap<String, checkpoint::Model> = rows.into_iter().map(|row| (row.rel_path.clone(), row)).collect();
            for new in found {
                done.push(upsert_one(&tx, root, new, known.remove(&new.rel_path), now_ms).await?);
            }
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Marks checkpoints as vanished from a root that is there.
    pub async fn mark_missing(&self, ids: &[CheckpointId], now_ms: i64) -> StoreResult<()> {
        self.set_state("state = 'missing'", "state <> 'missing'", ids, now_ms).await
    }

    /// Marks checkpoints that are back where they were, unchanged.
    pub async fn mark_present(&self, ids: &[CheckpointId], now_ms: i64) -> StoreResult<()> {
        self.set_state("state = CASE WHEN error IS NULL THEN 'ready' ELSE 'broken' END", "state = 'missing'", ids, now_ms).await
    }

    /// Marks everything below a root that cannot be read as missing. Answers how many changed.
    pub async fn mark_root_missing(&self, root: RootId, now_ms: i64) -> StoreResult<u64> {
        let write = self.store.write();
        let mut sql = Sql::new("UPDATE checkpoints SET state = 'missing', version = version + 1, updated_ms = ");
        sql.bind(now_ms).push(" WHERE state <> 'missing' AND root_id = ").bind(root.0);
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected())
    }

    async fn set_state(&self, set: &str, only: &str, ids: &[CheckpointId], now_ms: i64) -> StoreResult<()> {
        let write = self.store.write();
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new("UPDATE checkpoints SET ");
            sql.push(set).push(", version = version + 1, updated_ms = ").bind(now_ms).push(" WHERE ").push(only).push(" AND id IN ");
            sql.bind_list(ids.iter().map(|id| id.0));
            write.execute_raw(sql.on(write.get_database_backend())).await?;
        }
        Ok(())
    }
}

async fn upsert_one<C: ConnectionTrait>(
    db: &C,
    root: RootId,
    new: &NewCheckpoint,
    known: Option<checkpoint::Model>,
    now_ms: i64,
) -> StoreResult<(CheckpointId, UpsertOutcome)> {
    let (old, outcome) = match known {
        Some(row) => (Some(row), UpsertOutcome::Updated),
        None => match vacant(db, new).await? {
            Some(row) => (Some(row), UpsertOutcome::Moved),
            None => (None, UpsertOutcome::Added),
        },
    };
    let mut row = place(root, new, now_ms);
    describe(&mut row, new)?;
    if !old.as_ref().is_some_and(|old| same_content(old, new)) {
        row.sha256 = Set(None);
        row.autov2 = Set(None);
        row.autov3 = Set(None);
        // Several files have no hash that other programs would know.
        row.hashed_ms = Set((new.form != CheckpointForm::Single).then_some(now_ms));
    }
    let id = match old {
        Some(old) => {
            row.id = Set(old.id);
            row.version = Set(old.version + 1);
            checkpoint::Entity::update(row).exec(db).await?.id
        }
        None => {
            row.added_ms = Set(now_ms);
            row.insert(db).await?.id
        }
    };
    Ok((CheckpointId(id), outcome))
}

/// The row of the same checkpoint under a path that is gone: below a root that is there, or that was removed. Checkpoints of one model share
/// size and header, so one more sign is asked for.
async fn vacant<C: ConnectionTrait>(db: &C, new: &NewCheckpoint) -> StoreResult<Option<checkpoint::Model>> {
    use checkpoint::Column as C;
    let Some(header_hash) = &new.header_hash else { return Ok(None) };
    let roots = |condition| Query::select().column(root::Column::Id).from(root::Entity).and_where(condition).to_owned();
    let gone = Condition::all().add(C::State.eq("missing")).add(C::RootId.in_subquery(roots(root::Column::Online.eq(true))));
    let candidates = checkpoint::Entity::find()
        .filter(Condition::any().add(gone).add(C::RootId.in_subquery(roots(root::Column::RemovedMs.is_not_null()))))
        .filter(C::Size.eq(new.size))
        .filter(C::HeaderHash.eq(header_hash))
        .filter(C::Form.eq(new.form.as_str()))
        .order_by_asc(C::Id)
        .limit(50)
        .all(db)
        .await?;
    let file_name = new.rel_path.rsplit('/').next().unwrap_or(&new.rel_path);
    let sign = |row: &checkpoint::Model| match () {
        () if row.file_key.is_some() && row.file_key == new.file_key => 3,
        () if row.modified_ms == new.modified_ms => 2,
        () if row.file_name == file_name => 1,
        () => 0,
    };
    // `max_by_key` answers the last of equals.
    Ok(candidates.into_iter().rev().max_by_key(sign).filter(|row| sign(row) > 0))
}

fn same_content(row: &checkpoint::Model, new: &NewCheckpoint) -> bool {
    let same_time = row.modified_ms == new.modified_ms || row.file_key.is_some() && row.file_key == new.file_key;
    row.header_hash.is_some() && row.header_hash == new.header_hash && row.size == new.size && same_time
}

fn place(root: RootId, new: &NewCheckpoint, now_ms: i64) -> checkpoint::ActiveModel {
    let (folder, file_name) = new.rel_path.rsplit_once('/').unwrap_or(("", &new.rel_path));
    checkpoint::ActiveModel {
        id: NotSet,
        root_id: Set(root.0),
        rel_path: Set(new.rel_path.clone()),
        folder: Set(folder.to_owned()),
        file_name: Set(file_name.to_owned()),
        form: Set(new.form.as_str().to_owned()),
        size: Set(new.size),
        modified_ms: Set(new.modified_ms),
        stamp: Set(new.stamp.clone()),
        file_key: Set(new.file_key.clone()),
        header_hash: Set(new.header_hash.clone()),
        updated_ms: Set(now_ms),
        ..Default::default()
    }
}

fn describe(row: &mut checkpoint::ActiveModel, new: &NewCheckpoint) -> StoreResult<()> {
    let unknown = CheckpointFacts { family: "unknown".into(), model: "Unknown".into(), ..Default::default() };
    let (facts, error) = match &new.facts {
        Ok(facts) => (facts, None),
        Err(error) => (&unknown, Some(storable(error))),
    };
    let text = |text: &Option<String>| Set(text.as_deref().map(storable));
    row.state = Set(if error.is_some() { FileState::Broken } else { FileState::Ready }.as_str().to_owned());
    row.error = Set(error);
    row.title = text(&facts.title);
    row.family = Set(facts.family.clone());
    row.family_confidence = Set(facts.family_confidence);
    row.model = Set(storable(&facts.model));
    row.variant = text(&facts.variant);
    row.purpose = Set(facts.purpose.as_str().to_owned());
    row.prediction = text(&facts.prediction);
    row.packing = text(&facts.packing);
    row.layout_id = Set(facts.layout_id.clone());
    row.in_channels = Set(facts.in_channels.map(i64::from));
    row.dtypes = json("dtypes", &facts.dtypes)?;
    row.tensors = Set(i64::from(facts.tensors));
    row.parameters = Set(facts.parameters);
    row.denoiser = Set(facts.denoiser);
    row.text_encoders = json("text encoders", &facts.text_encoders)?;
    row.vae = Set(facts.vae);
    row.files = json("files", &new.files)?;
    row.evidence = json("evidence", &facts.evidence)?;
    row.warnings = json("warnings", &facts.warnings)?;
    row.metadata = json("metadata", &facts.metadata)?;
    let (folder, file_name) = new.rel_path.rsplit_once('/').unwrap_or(("", &new.rel_path));
    let name = shown(facts.title.as_deref(), file_name);
    row.name_key = Set(name_key(&name));
    row.search_text = Set(search_text([name.as_str(), file_name, folder, facts.model.as_str(), facts.family.as_str()]));
    row.name = Set(name);
    Ok(())
}

/// The title, else the file name without its ending.
fn shown(title: Option<&str>, file_name: &str) -> String {
    let stem = [".safetensors.index.json", ".safetensors"].iter().find_map(|ending| file_name.strip_suffix(ending)).unwrap_or(file_name);
    storable(title.map(str::trim).filter(|title| !title.is_empty()).unwrap_or(stem))
}

fn json<T: serde::Serialize>(what: &'static str, value: &T) -> StoreResult<sea_orm::ActiveValue<String>> {
    serde_json::to_string(value).map(Set).map_err(|source| StoreError::Corrupt { what, id: 0, source })
}
