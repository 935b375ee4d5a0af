//! What people wrote or tools noted in `__metadata__`: modelspec.* and kohya's ss_*. Nothing in here can make a file fail.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tags::{Frequency, TagCount};
use crate::text::clean;

/// Longest description that is kept, in characters.
const LONG: usize = 20_000;
/// Longest other text.
const SHORT: usize = 300;
/// Longest JSON text that is parsed into a tree, in bytes.
const MAX_TREE: usize = 2 << 20;

/// Settings of the training that are worth showing.
const TRAINING: [&str; 28] = [
    "network_module",
    "network_dim",
    "network_alpha",
    "network_args",
    "resolution",
    "clip_skip",
    "num_train_images",
    "num_epochs",
    "epoch",
    "steps",
    "max_train_steps",
    "learning_rate",
    "unet_lr",
    "text_encoder_lr",
    "optimizer",
    "lr_scheduler",
    "seed",
    "session_id",
    "training_started_at",
    "training_finished_at",
    "training_comment",
    "mixed_precision",
    "noise_offset",
    "min_snr_gamma",
    "batch_size_per_device",
    "caption_dropout_rate",
    "vae_name",
    "output_name",
];

/// The words of one file's metadata.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) author: Option<String>,
    pub(super) license: Option<String>,
    pub(super) date: Option<String>,
    pub(super) usage_hint: Option<String>,
    pub(super) base_hints: Vec<String>,
    pub(super) trigger_words: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) tag_frequency: Vec<TagCount>,
    pub(super) training: BTreeMap<String, String>,
    pub(super) covers: usize,
    pub(super) synthetic: bool,
    pub(super) alpha: Option<f64>,
    output_name: Option<String>,
}

type Metadata = BTreeMap<String, String>;

impl Words {
    pub(super) fn gather(metadata: &Metadata) -> Self {
        let get = |key: &str, limit| {
            let value = clean(metadata.get(key)?, limit);
            (!value.is_empty() && value != "None").then_some(value)
        };
        let spec = |key: &str, limit| get(&format!("modelspec.{key}"), limit);
        let frequency = frequency(metadata);
        let tag_frequency = frequency.sorted();
        let training = TRAINING.iter().filter_map(|key| Some(((*key).to_owned(), get(&format!("ss_{key}"), SHORT)?))).collect();
        Self {
            title: spec("title", SHORT),
            description: spec("description", LONG),
            author: spec("author", SHORT),
            license: spec("license", SHORT),
            date: spec("date", SHORT),
            usage_hint: spec("usage_hint", LONG),
            base_hints: ["ss_sd_model_name", "modelspec.architecture", "ss_base_model_version"]
                .iter()
                .filter_map(|k| get(k, SHORT))
                .collect(),
            trigger_words: trigger_words(metadata, &frequency),
            tags: tags(spec("tags", LONG).as_deref(), &tag_frequency),
            tag_frequency,
            training,
            covers: covers(metadata),
            synthetic: metadata.get("weft.synthetic").is_some_and(|v| v == "true"),
            alpha: get("ss_network_alpha", SHORT).and_then(|a| a.parse().ok()).filter(|a: &f64| a.is_finite()),
            output_name: get("ss_output_name", SHORT),
        }
    }

    /// Title, output name, or the file's name without folder and ending.
    pub(super) fn name(&self, file: &str) -> String {
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let stem = file.strip_suffix(".safetensors").unwrap_or(file);
        self.title.clone().or_else(|| self.output_name.clone()).unwrap_or_else(|| clean(stem, SHORT))
    }
}

fn frequency(metadata: &Metadata) -> Frequency {
    let mut frequency = Frequency::default();
    if metadata.get("ss_tag_frequency").is_some_and(|json| frequency.add_json(json)) && !frequency.counts.is_empty() {
        return frequency;
    }
    for set in datasets(metadata) {
        if let Some(tags) = set.get("tag_frequency") {
            frequency.add_json(&tags.to_string());
        }
    }
    frequency
}

/// Entries of `ss_datasets`.
fn datasets(metadata: &Metadata) -> Vec<Value> {
    let Some(json) = metadata.get("ss_datasets").filter(|j| j.len() <= MAX_TREE) else { return Vec::new() };
    match serde_json::from_str(json) {
        Ok(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// Words that call the adapter: the trigger phrase; the class tokens of the data sets; the names of the image folders
/// (`10_ohwx woman`), unless they only say "images".
fn trigger_words(metadata: &Metadata, frequency: &Frequency) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        for word in text.split([',', '\n']) {
            let word = clean(word, 120);
            if !word.is_empty() && word != "None" && out.len() < 64 && !out.iter().any(|w| w.eq_ignore_ascii_case(&word)) {
                out.push(word);
            }
        }
    };
    for key in ["modelspec.trigger_phrase", "trigger_words", "ss_trigger_words", "activation text"] {
        if let Some(text) = metadata.get(key) {
            add(text);
        }
    }
    for set in datasets(metadata) {
        for subset in set.get("subsets").and_then(Value::as_array).into_iter().flatten() {
            if let Some(token) = subset.get("class_tokens").and_then(Value::as_str) {
                add(token);
            }
        }
    }
    let dirs = metadata.get("ss_dataset_dirs").filter(|j| j.len() <= MAX_TREE);
    let dirs: BTreeMap<String, Value> = dirs.and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default();
    for folder in frequency.folders.iter().chain(dirs.keys()) {
        if let Some(name) = instance(folder) {
            add(name);
        }
    }
    out
}

/// `10_ohwx woman` → `ohwx woman`; None for folders whose name says nothing.
fn instance(folder: &str) -> Option<&str> {
    const EMPTY: [&str; 14] = [
        "img", "imgs", "image", "images", "train", "training", "dataset", "datasets", "data", "subset", "input", "concept", "pics",
        "default",
    ];
    let (repeats, name) = folder.split_once('_')?;
    let name = name.trim();
    let says_nothing = EMPTY.contains(&name.to_lowercase().as_str()) || name.contains(['/', '\\']);
    (repeats.parse::<u32>().is_ok() && !name.is_empty() && !says_nothing).then_some(name)
}

/// The file's own tags first, then those of the training.
fn tags(own: Option<&str>, frequency: &[TagCount]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let own = own.unwrap_or_default().split(',').map(|t| clean(t, 120)).filter(|t| !t.is_empty());
    for tag in own.chain(frequency.iter().map(|t| t.tag.clone())) {
        if out.len() < 200 && seen.insert(tag.to_lowercase()) {
            out.push(tag);
        }
    }
    out
}

/// Pictures inside the metadata; a list of texts, counted without decoding any.
fn covers(metadata: &Metadata) -> usize {
    let thumbnail = metadata.get("modelspec.thumbnail").is_some_and(|t| t.starts_with("data:image/"));
    let list =
        metadata.get("ssmd_cover_images").and_then(|j| serde_json::from_str::<Vec<serde::de::IgnoredAny>>(j).ok()).map_or(0, |l| l.len());
    list + usize::from(thumbnail)
}
