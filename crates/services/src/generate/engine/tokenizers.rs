//! Where a checkpoint's tokenizers are, and those that were read already.
//!
//! A checkpoint of one file often has none: the vocabularies of CLIP and T5 are the same for all of them, and the program has them.

use crate::cache::Cache;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use weft_diffusion::model::ModelFiles;
use weft_diffusion::tokenizer::{Bad, Clip, T5};
use weft_domain::Problem;
use weft_weights::checkpoint::Checkpoint;

/// Entries of CLIP's usual vocabulary.
const STANDARD: usize = 49_408;
/// Rows of the embeddings of T5 v1.1: 32,100 pieces and a filling to a round number.
const STANDARD_T5: usize = 32_128;
/// Name of the line in a safetensors header that holds CLIP's merges: `{"merges": ["a b", …]}`.
const METADATA: &str = "weft.tokenizer";
/// Largest file of a tokenizer, in bytes.
const LARGEST: u64 = 64 << 20;

/// Tokenizers by where they were read; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Tokenizers {
    data: Arc<Path>,
    clip: Arc<Mutex<Cache<String, Arc<Clip>, 8>>>,
    t5: Arc<Mutex<Cache<String, Arc<T5>, 2>>>,
}

/// Where a vocabulary is.
#[derive(Debug)]
enum Source {
    Header(String),
    /// The usual one, which the program has.
    Standard,
    Json(PathBuf),
    Pairs(PathBuf, PathBuf),
    Merges(PathBuf),
    Model(PathBuf),
}

impl Tokenizers {
    pub(super) fn new(data: &Path) -> Self {
        Self { data: data.join("tokenizers").into(), clip: Arc::default(), t5: Arc::default() }
    }

    /// CLIP's tokenizer for a checkpoint. Blocks.
    pub(crate) fn clip(&self, checkpoint: &Checkpoint) -> Result<Arc<Clip>, Problem> {
        let header = checkpoint.files().iter().find_map(|f| f.header.metadata.get(METADATA));
        let source = header.map(|text| Source::Header(text.clone())).or_else(|| self.look(checkpoint, "tokenizer", "clip", clip_in));
        let usual = || has_usual([checkpoint], &["token_embedding.weight"], STANDARD);
        let source = source.or_else(|| usual().then_some(Source::Standard));
        let source = source.ok_or_else(|| self.missing("CLIP", "clip", "vocab.json and merges.txt, or tokenizer.json", "tokenizer"))?;
        get(&self.clip, &source, || match &source {
            Source::Header(text) => from_header(text),
            Source::Standard => Clip::standard().map_err(|error| crate::problem::internal("CLIP's own vocabulary cannot be read", &error)),
            Source::Json(path) => Clip::from_json(&bytes(path)?).map_err(|e| unread(path, &e)),
            Source::Pairs(vocab, merges) => Clip::from_vocab(&bytes(vocab)?, &bytes(merges)?).map_err(|e| unread(vocab, &e)),
            Source::Merges(path) | Source::Model(path) => Clip::from_merges(&bytes(path)?).map_err(|e| unread(path, &e)),
        })
    }

    /// T5's tokenizer for a checkpoint and the files of its parts. Blocks.
    pub(crate) fn t5(&self, files: &ModelFiles) -> Result<Arc<T5>, Problem> {
        let checkpoint = files.checkpoint();
        let usual = || has_usual(files.checkpoints(), &["shared.weight", "encoder.embed_tokens.weight"], STANDARD_T5);
        let source = self.look(checkpoint, "tokenizer_2", "t5", t5_in).or_else(|| usual().then_some(Source::Standard));
        let source = source.ok_or_else(|| self.missing("T5", "t5", "tokenizer.json or spiece.model", "tokenizer_2"))?;
        get(&self.t5, &source, || match &source {
            Source::Json(path) => T5::from_json(&bytes(path)?).map_err(|e| unread(path, &e)),
            Source::Model(path) | Source::Merges(path) => T5::from_model(&bytes(path)?).map_err(|e| unread(path, &e)),
            Source::Standard => T5::standard().map_err(|error| crate::problem::internal("T5's own vocabulary cannot be read", &error)),
            Source::Pairs(..) | Source::Header(_) => Err(Problem::internal()),
        })
    }

    /// The checkpoint's own folder, what lies beside its file, then Weft's folder.
    fn look(&self, checkpoint: &Checkpoint, folder: &str, own: &str, found: fn(&Path) -> Option<Source>) -> Option<Source> {
        let mut places = Vec::new();
        if let Some(root) = checkpoint.root() {
            places.extend([root.join(folder), root.with_extension("").join(folder)]);
            if let (Some(parent), Some(stem)) = (root.parent(), root.file_stem()) {
                let file = parent.join(format!("{}.{folder}.json", stem.to_string_lossy()));
                if file.is_file() {
                    return Some(Source::Json(file));
                }
                places.extend([parent.join(folder), parent.join("..").join(folder)]);
            }
        }
        places.push(self.data.join(own));
        places.iter().find_map(|place| found(place))
    }

    fn missing(&self, name: &str, own: &str, files: &str, folder: &str) -> Problem {
        Problem::conflict(format!("The tokenizer of {name} is missing: without it a prompt cannot be read."))
            .detail("Checkpoints of one file mostly come without one; it is the same for all models of the family.")
            .hint(format!(
                "Put {files} into {}. The folder {folder} of any such model in diffusers' form has them.",
                self.data.join(own).display()
            ))
    }
}

/// Whether all word embeddings among these files, the tensors with these ends, have so many rows. Those of files that are not here have.
fn has_usual<'a>(files: impl IntoIterator<Item = &'a Checkpoint>, ends: &[&str], rows: usize) -> bool {
    let tensors = files.into_iter().flat_map(Checkpoint::files).flat_map(|file| &file.header.tensors);
    let mut words = tensors.filter(|t| ends.iter().any(|end| t.name.ends_with(end)));
    words.all(|t| t.shape.first() == Some(&rows))
}

fn clip_in(folder: &Path) -> Option<Source> {
    let (json, vocab, merges) = (folder.join("tokenizer.json"), folder.join("vocab.json"), folder.join("merges.txt"));
    match (vocab.is_file(), merges.is_file()) {
        (true, true) => Some(Source::Pairs(vocab, merges)),
        (false, true) => Some(Source::Merges(merges)),
        _ => json.is_file().then_some(Source::Json(json)),
    }
}

fn t5_in(folder: &Path) -> Option<Source> {
    let (json, model) = (folder.join("tokenizer.json"), folder.join("spiece.model"));
    if json.is_file() { Some(Source::Json(json)) } else { model.is_file().then_some(Source::Model(model)) }
}

/// The tokenizer of a source, read once for as long as its files stay the same.
fn get<T, const N: usize>(
    kept: &Mutex<Cache<String, Arc<T>, N>>,
    source: &Source,
    read: impl FnOnce() -> Result<T, Problem>,
) -> Result<Arc<T>, Problem> {
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    let key = match source {
        Source::Header(text) => text.clone(),
        Source::Standard => "standard".to_owned(),
        Source::Json(path) | Source::Merges(path) | Source::Model(path) | Source::Pairs(path, _) => {
            let stamp = std::fs::metadata(path).and_then(|m| Ok((m.len(), m.modified()?))).ok();
            format!("{} {stamp:?}", path.display())
        }
    };
    if let Some(found) = lock().get(&key) {
        return Ok(Arc::clone(found));
    }
    let read = Arc::new(read()?);
    lock().put(key, Arc::clone(&read));
    Ok(read)
}

fn from_header(text: &str) -> Result<Clip, Problem> {
    let damaged = || Problem::conflict("The tokenizer in the checkpoint's header is damaged.");
    let value: Value = serde_json::from_str(text).map_err(|_| damaged())?;
    let merges = value.get("merges").and_then(Value::as_array).ok_or_else(damaged)?;
    let lines: Option<Vec<&str>> = merges.iter().map(Value::as_str).collect();
    Clip::from_merges(lines.ok_or_else(damaged)?.join("\n").as_bytes()).map_err(|error| damaged().detail(error.to_string()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    use std::io::Read as _;
    let failed = |why: String| Problem::conflict(format!("{} cannot be read.", path.display())).detail(why);
    let (file, len) = weft_weights::source::open_regular(path).map_err(|e| failed(e.to_string()))?;
    if len > LARGEST {
        return Err(failed(format!("It has {len} bytes; no tokenizer is that large.")));
    }
    let mut out = Vec::new();
    file.take(LARGEST).read_to_end(&mut out).map_err(|e| failed(e.to_string()))?;
    Ok(out)
}

fn unread(path: &Path, error: &Bad) -> Problem {
    Problem::conflict(format!("{} cannot be used.", path.display())).detail(crate::weave::plan::sentence(&error.to_string()))
}
