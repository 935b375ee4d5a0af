//! Rows as the views of `weft_domain`.

use super::CheckpointPlace;
use crate::entity::{checkpoint, root};
use crate::error::{StoreError, StoreResult};
use std::path::PathBuf;
use weft_domain::adapter::Hashes;
use weft_domain::checkpoint::{CheckpointForm, CheckpointPurpose};
use weft_domain::{CheckpointCard, CheckpointDetails, CheckpointId, FileState, RootId};

pub(super) fn card(row: &checkpoint::Model) -> StoreResult<CheckpointCard> {
    Ok(CheckpointCard {
        id: CheckpointId(row.id),
        name: row.name.clone(),
        file_name: row.file_name.clone(),
        folder: row.folder.clone(),
        root: RootId(row.root_id),
        state: state(&row.state),
        error: row.error.clone(),
        form: form(&row.form),
        family: row.family.clone(),
        model: row.model.clone(),
        variant: row.variant.clone(),
        purpose: purpose(&row.purpose),
        prediction: row.prediction.clone(),
        packing: row.packing.clone(),
        dtypes: json("dtypes", row.id, &row.dtypes)?,
        size: row.size,
        tensors: u32::try_from(row.tensors).unwrap_or(u32::MAX),
        parameters: row.parameters,
        denoiser: row.denoiser,
        text_encoders: json("text encoders", row.id, &row.text_encoders)?,
        vae: row.vae,
        autov2: row.autov2.clone(),
        modified_ms: row.modified_ms,
        added_ms: row.added_ms,
    })
}

pub(super) fn details(row: &checkpoint::Model, root: &root::Model) -> StoreResult<CheckpointDetails> {
    let path = row.rel_path.split('/').fold(PathBuf::from(&root.path), |path, part| path.join(part));
    Ok(CheckpointDetails {
        card: card(row)?,
        path: path.to_string_lossy().into_owned(),
        root_name: root.name.clone(),
        version: row.version,
        family_confidence: row.family_confidence,
        evidence: json("evidence", row.id, &row.evidence)?,
        layout_id: row.layout_id.clone(),
        in_channels: row.in_channels.and_then(|n| u32::try_from(n).ok()),
        files: json("files", row.id, &row.files)?,
        hashes: Hashes { sha256: row.sha256.clone(), autov2: row.autov2.clone(), autov3: row.autov3.clone() },
        warnings: json("warnings", row.id, &row.warnings)?,
        metadata: json("metadata", row.id, &row.metadata)?,
    })
}

pub(super) fn place(row: checkpoint::Model, root_path: &str) -> CheckpointPlace {
    CheckpointPlace {
        id: CheckpointId(row.id),
        root: RootId(row.root_id),
        root_path: PathBuf::from(root_path),
        form: form(&row.form),
        state: state(&row.state),
        rel_path: row.rel_path,
        file_name: row.file_name,
        name: row.name,
        family: row.family,
        model: row.model,
        size: row.size,
        stamp: row.stamp,
        error: row.error,
        sha256: row.sha256,
    }
}

/// The state that a stored word names.
pub(super) fn state(word: &str) -> FileState {
    match word {
        "ready" => FileState::Ready,
        "missing" => FileState::Missing,
        _ => FileState::Broken,
    }
}

fn form(word: &str) -> CheckpointForm {
    [CheckpointForm::Sharded, CheckpointForm::Folder].into_iter().find(|f| f.as_str() == word).unwrap_or_default()
}

fn purpose(word: &str) -> CheckpointPurpose {
    use CheckpointPurpose::{Control, Edit, ImageToVideo, Inpaint};
    [Inpaint, Edit, Control, ImageToVideo].into_iter().find(|p| p.as_str() == word).unwrap_or_default()
}

fn json<T: serde::de::DeserializeOwned>(what: &'static str, id: i64, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|source| StoreError::Corrupt { what, id, source })
}
