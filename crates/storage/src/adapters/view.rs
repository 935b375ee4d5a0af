//! Rows as the views of `weft_domain`.

use crate::entity::{adapter, detail};
use crate::error::{StoreError, StoreResult};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use weft_domain::adapter::{Hashes, PORTRAIT_VERSION, PreviewKind};
use weft_domain::{AdapterCard, AdapterDetails, AdapterId, FileState, RootId};

/// The columns of a card, and no more: what a window of the gallery reads.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct CardRow {
    pub id: i64,
    pub root_id: i64,
    pub folder: String,
    pub file_name: String,
    pub name: String,
    pub state: String,
    pub error: Option<String>,
    pub family: String,
    pub family_label: String,
    pub kind: String,
    pub rank_min: Option<i64>,
    pub rank_max: Option<i64>,
    pub size: i64,
    pub rating: Option<i64>,
    pub has_block_weights: bool,
    pub fallback: bool,
    pub measured_ms: Option<i64>,
    pub header_hash: Option<String>,
    pub preview_blob: Option<String>,
    pub modified_ms: i64,
    pub added_ms: i64,
}

/// Names of [`CardRow`]'s columns for a hand-written statement with `adapters` as `a`.
pub(super) const CARD_COLUMNS: &str = "a.id, a.root_id, a.folder, a.file_name, a.name, a.state, a.error, a.family, a.family_label, a.kind, \
    a.rank_min, a.rank_max, a.size, a.rating, a.has_block_weights, a.fallback, a.measured_ms, a.header_hash, a.preview_blob, \
    a.modified_ms, a.added_ms";

impl CardRow {
    /// The card with its tags, in the person's order.
    pub(super) fn card(self, tags: Vec<String>) -> AdapterCard {
        let preview_version = self.preview_version();
        AdapterCard {
            id: AdapterId(self.id),
            name: self.name,
            file_name: self.file_name,
            folder: self.folder,
            root: RootId(self.root_id),
            state: state(&self.state),
            error: self.error,
            family: self.family,
            family_label: self.family_label,
            kind: self.kind,
            rank_min: small(self.rank_min),
            rank_max: small(self.rank_max),
            size: self.size,
            tags,
            rating: self.rating.and_then(|rating| u8::try_from(rating).ok()),
            has_block_weights: self.has_block_weights,
            fallback: self.fallback,
            preview: if self.preview_blob.is_some() { PreviewKind::Image } else { PreviewKind::Portrait },
            preview_version,
            modified_ms: self.modified_ms,
            added_ms: self.added_ms,
        }
    }

    /// A stored picture is named by its content; a portrait changes when the file does, when it is measured, or when they are drawn differently.
    fn preview_version(&self) -> String {
        match (&self.preview_blob, &self.header_hash) {
            (Some(blob), _) => blob.chars().filter(char::is_ascii_alphanumeric).take(12).collect(),
            (None, header) => {
                let header: String = header.iter().flat_map(|hash| hash.chars()).filter(char::is_ascii_alphanumeric).take(8).collect();
                format!("p{PORTRAIT_VERSION}-{header}{:x}", self.measured_ms.unwrap_or(self.modified_ms))
            }
        }
    }
}

impl From<&adapter::Model> for CardRow {
    fn from(row: &adapter::Model) -> Self {
        Self {
            id: row.id,
            root_id: row.root_id,
            folder: row.folder.clone(),
            file_name: row.file_name.clone(),
            name: row.name.clone(),
            state: row.state.clone(),
            error: row.error.clone(),
            family: row.family.clone(),
            family_label: row.family_label.clone(),
            kind: row.kind.clone(),
            rank_min: row.rank_min,
            rank_max: row.rank_max,
            size: row.size,
            rating: row.rating,
            has_block_weights: row.has_block_weights,
            fallback: row.fallback,
            measured_ms: row.measured_ms,
            header_hash: row.header_hash.clone(),
            preview_blob: row.preview_blob.clone(),
            modified_ms: row.modified_ms,
            added_ms: row.added_ms,
        }
    }
}

/// The details page of one row.
pub(super) fn details(
    row: &adapter::Model,
    detail: &detail::Model,
    tags: Vec<String>,
    root_path: &str,
    root_name: String,
) -> StoreResult<AdapterDetails> {
    let id = row.id;
    let mut warnings: Vec<String> = json("warnings", id, &detail.warnings)?;
    warnings.extend(detail.measure_warning.clone());
    let path = row.rel_path.split('/').fold(std::path::PathBuf::from(root_path), |path, part| path.join(part));
    Ok(AdapterDetails {
        card: CardRow::from(row).card(tags),
        path: path.to_string_lossy().into_owned(),
        root_name,
        notes: detail.notes.clone(),
        version: row.user_version,
        family_confidence: row.family_confidence,
        evidence: json("evidence", id, &detail.evidence)?,
        variant: row.variant.clone(),
        naming: row.naming.clone(),
        layout_id: row.layout_id.clone(),
        layout_version: small(row.layout_version),
        modules: small(Some(row.modules)).unwrap_or(0),
        alpha: row.alpha,
        dtypes: json("dtypes", id, &detail.dtypes)?,
        frobenius: row.frobenius,
        te_frobenius: row.te_frobenius,
        mean: row.mean,
        variance: row.variance,
        blocks: json("blocks", id, &detail.blocks)?,
        outside: json("outside", id, &detail.outside)?,
        trigger_words: json("trigger words", id, &detail.trigger_words)?,
        training_tags: json("training tags", id, &detail.training_tags)?,
        description: detail.description.clone(),
        hashes: Hashes { sha256: row.sha256.clone(), autov2: row.autov2.clone(), autov3: row.autov3.clone() },
        warnings,
        metadata: json("metadata", id, &detail.metadata)?,
        synthetic: row.synthetic,
    })
}

/// A stored list.
pub(super) fn json<T: serde::de::DeserializeOwned>(what: &'static str, id: i64, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|source| StoreError::Corrupt { what, id, source })
}

/// The state that a stored word names.
pub(super) fn state(word: &str) -> FileState {
    match word {
        "ready" => FileState::Ready,
        "missing" => FileState::Missing,
        _ => FileState::Broken,
    }
}

fn small(value: Option<i64>) -> Option<u32> {
    value.and_then(|value| u32::try_from(value).ok())
}

/// Tags of several adapters, each list in its person's order.
pub(super) async fn tags_of<C: ConnectionTrait>(db: &C, ids: &[i64]) -> StoreResult<HashMap<i64, Vec<String>>> {
    let mut found: HashMap<i64, Vec<String>> = HashMap::new();
    for ids in ids.chunks(super::CHUNK) {
        let mut sql =
            crate::sql::Sql::new("SELECT l.adapter_id, t.name FROM adapter_tags l JOIN tags t ON t.id = l.tag_id WHERE l.adapter_id IN ");
        sql.bind_list(ids.iter().copied()).push(" ORDER BY l.adapter_id, l.position");
        for row in db.query_all_raw(sql.on(db.get_database_backend())).await? {
            found.entry(row.try_get_by_index(0)?).or_default().push(row.try_get_by_index(1)?);
        }
    }
    Ok(found)
}
