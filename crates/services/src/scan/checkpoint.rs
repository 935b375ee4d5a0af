//! What the headers of a checkpoint say, in the words of a row.

use super::facts::{SENTENCE, WARNINGS, entries, small, word};
use super::group::Unit;
use super::path;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use weft_domain::checkpoint::{CheckpointFile, CheckpointForm, CheckpointPurpose};
use weft_storage::{CheckpointFacts, NewCheckpoint};
use weft_weights::adapter::Component;
use weft_weights::checkpoint::{Checkpoint, Purpose};
use weft_weights::layout::Layout;

/// Longest header that is hashed for recognising a moved checkpoint, in bytes.
const HASHED_MAX: u64 = 8 << 20;
/// Most stored types that a row names.
const DTYPES: usize = 8;

/// Opens a checkpoint below a root. Blocks.
pub(crate) fn open(root: &Path, relative: &str) -> Result<Checkpoint, String> {
    let path = path::resolve(root, relative).map_err(|problem| problem.to_string())?;
    Checkpoint::open(&path).map_err(|error| error.to_string())
}

/// Reads a checkpoint of several files. Never fails: what cannot be read is broken, with its reason. Blocks.
pub(super) fn read(root: &Path, unit: &Unit) -> NewCheckpoint {
    match open(root, &unit.relative) {
        Ok(checkpoint) => row(unit, &checkpoint),
        Err(why) => broken(unit, why),
    }
}

/// Reads a single file that is no adapter; None where it is no checkpoint either. Blocks.
pub(super) fn read_single(root: &Path, unit: &Unit) -> Option<NewCheckpoint> {
    let checkpoint = open(root, &unit.relative).ok()?;
    is_model(&checkpoint).then(|| row(unit, &checkpoint))
}

/// A whole model or a part of one that Weft can tell.
fn is_model(checkpoint: &Checkpoint) -> bool {
    let model = checkpoint.model();
    model.label != "unknown" || model.vae || model.packing.is_some() && checkpoint.places().has(Component::Denoiser)
}

fn row(unit: &Unit, checkpoint: &Checkpoint) -> NewCheckpoint {
    let files = checkpoint
        .files()
        .iter()
        .map(|file| CheckpointFile { name: file.label.clone(), size: i64::try_from(file.header.file_len).unwrap_or(i64::MAX) });
    NewCheckpoint {
        size: i64::try_from(checkpoint.bytes()).unwrap_or(i64::MAX),
        header_hash: hash_headers(checkpoint),
        files: files.collect(),
        facts: Ok(facts(checkpoint)),
        ..broken(unit, String::new())
    }
}

fn broken(unit: &Unit, why: String) -> NewCheckpoint {
    let base = match unit.form {
        CheckpointForm::Folder => unit.relative.as_str(),
        CheckpointForm::Single | CheckpointForm::Sharded => unit.relative.rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    let inside = |relative: &str| relative.strip_prefix(base).unwrap_or(relative).trim_start_matches('/').to_owned();
    NewCheckpoint {
        rel_path: unit.relative.clone(),
        form: unit.form,
        size: unit.size(),
        modified_ms: unit.modified_ms(),
        stamp: unit.stamp(),
        file_key: unit.files.first().and_then(|file| file.file_key.clone()),
        header_hash: None,
        files: unit.files.iter().map(|file| CheckpointFile { name: path::shown(&inside(&file.relative)), size: file.size }).collect(),
        facts: Err(why),
    }
}

fn facts(checkpoint: &Checkpoint) -> CheckpointFacts {
    let model = checkpoint.model();
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in checkpoint.files().iter().flat_map(|file| &file.header.metadata) {
        metadata.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let title = metadata.get("modelspec.title").map(|title| weft_weights::text::clean(title, 200)).filter(|title| !title.is_empty());
    let label = if model.label == "unknown" && model.vae { "VAE" } else { &model.label };
    CheckpointFacts {
        title,
        family: model.family.id().to_owned(),
        family_confidence: f64::from(model.confidence),
        model: label.to_owned(),
        variant: model.variant.clone(),
        purpose: purpose(model.purpose),
        prediction: model.prediction.clone(),
        packing: model.packing.map(|packing| packing.label().to_owned()),
        layout_id: Layout::for_family(model.family).next().map(|layout| layout.id.to_owned()),
        in_channels: model.in_channels.map(small),
        dtypes: dtypes(checkpoint),
        tensors: small(checkpoint.tensors().len()),
        parameters: parameters(checkpoint),
        denoiser: checkpoint.places().has(Component::Denoiser),
        text_encoders: model.encoders.clone(),
        vae: model.vae,
        evidence: model.evidence.clone(),
        warnings: checkpoint.warnings().iter().take(WARNINGS).map(|w| w.chars().take(SENTENCE).collect()).collect(),
        metadata: entries(&metadata),
    }
}

fn purpose(purpose: Purpose) -> CheckpointPurpose {
    match purpose {
        Purpose::Base => CheckpointPurpose::Base,
        Purpose::Inpaint => CheckpointPurpose::Inpaint,
        Purpose::Edit => CheckpointPurpose::Edit,
        Purpose::Control => CheckpointPurpose::Control,
        Purpose::ImageToVideo => CheckpointPurpose::ImageToVideo,
    }
}

/// Values of all tensors but the scales beside 8-bit weights.
fn parameters(checkpoint: &Checkpoint) -> i64 {
    let counted = (0..checkpoint.tensors().len()).filter(|tensor| !checkpoint.is_scaling(*tensor));
    counted.fold(0i64, |sum, tensor| sum.saturating_add(i64::try_from(checkpoint.info(tensor).elements()).unwrap_or(i64::MAX)))
}

/// Stored types, most bytes first.
fn dtypes(checkpoint: &Checkpoint) -> Vec<String> {
    let mut bytes = HashMap::new();
    for info in checkpoint.files().iter().flat_map(|file| &file.header.tensors) {
        *bytes.entry(info.dtype).or_insert(0u64) += info.byte_len();
    }
    let mut list: Vec<_> = bytes.into_iter().collect();
    list.sort_by_key(|(dtype, n)| (std::cmp::Reverse(*n), *dtype));
    list.iter().take(DTYPES).map(|(dtype, _)| word(dtype)).collect()
}

/// SHA-256 of the headers' bytes, file after file.
fn hash_headers(checkpoint: &Checkpoint) -> Option<String> {
    let mut hash = Sha256::new();
    for file in checkpoint.files() {
        let mut bytes = vec![0; usize::try_from(file.header.data_start.min(HASHED_MAX)).ok()?];
        file.source.read_at(0, &mut bytes).ok()?;
        hash.update(&bytes);
    }
    Some(hex::encode(hash.finalize()))
}
