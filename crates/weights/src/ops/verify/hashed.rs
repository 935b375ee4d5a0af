//! Hashes held against what others state.

use super::finding::{Findings, Severity};
use super::pass::Read;
use super::{VerifyError, VerifyOptions};
use crate::header::Header;
use crate::source::TensorSource;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a stated hash is the hash of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashKind {
    /// Of the whole file; 64 digits or the first 8 or more of them.
    Sha256,
    /// The same, first 10 digits.
    AutoV2,
    /// Of everything after the header, first 12 digits.
    AutoV3,
}

/// A hash that someone states about the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Who states it, in words that fit "… says": `the command line`, `NAME.civitai.info`.
    pub source: String,
    /// What it is the hash of.
    pub kind: HashKind,
    /// Hexadecimal digits.
    pub value: String,
}

/// Everything about hashes.
pub(super) fn check(
    source: &dyn TensorSource,
    header: &Header,
    read: &Read,
    options: &VerifyOptions,
    findings: &mut Findings,
) -> Result<(), VerifyError> {
    expected(read, options, findings);
    let state = |key: &str| header.metadata.get(key).map(|v| v.trim().to_lowercase()).filter(|v| is_hex(v));
    if let (Some(stated), Some(body)) = (state("sshs_model_hash"), &read.body) {
        let advice = "the tensors were changed after the trainer wrote it (merged, resized, edited); harmless if you know that, else get the file again";
        if stated.len() < 8 || !body.starts_with(&stated) {
            let text = format!("The metadata states the tensors' hash {}…, it is {}….", cut(&stated), cut(body));
            findings.warning("hash_stale", Some("sshs_model_hash"), text, advice);
        }
    }
    if let Some(stated) = state("sshs_legacy_hash") {
        let found = legacy(source, header)?;
        if stated != found {
            let text = format!("The metadata states the legacy hash {}, it is {found}.", cut(&stated));
            findings.note(
                "hash_stale",
                Some("sshs_legacy_hash"),
                text,
                "only old add-ons use it; it changes with the training metadata too",
            );
        }
    }
    Ok(())
}

/// Hashes that the caller, a neighbour or the file's name states.
pub(super) fn expected(read: &Read, options: &VerifyOptions, findings: &mut Findings) {
    for Expected { source, kind, value } in &options.expected {
        let value = value.trim().to_lowercase();
        let (hash, what) = match kind {
            HashKind::Sha256 => (Some(&read.whole), "SHA-256"),
            HashKind::AutoV2 => (Some(&read.whole), "AutoV2"),
            HashKind::AutoV3 => (read.body.as_ref(), "AutoV3"),
        };
        let fits = is_hex(&value) && value.len() >= 8 && hash.is_some_and(|h| h.starts_with(&value));
        if !fits {
            let found = hash.map_or("unknown", |h| cut(h));
            let text = format!("{source} says the {what} is {}…, it is {found}….", cut(&value));
            findings.error("hash_mismatch", None, text, "this is another file, or its download was damaged: get it again and compare");
        } else {
            findings.note("hash_match", None, format!("The {what} is the one that {source} states."), "nothing to do");
        }
    }
    in_name(read, options, findings);
}

/// `name_0123abcdef.safetensors`: many tools put the first digits of a hash into the name.
fn in_name(read: &Read, options: &VerifyOptions, findings: &mut Findings) {
    let name = options.file_name.as_deref().unwrap_or_default();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_lowercase) {
        let hash = is_hex(&word) && word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if !hash || !matches!(word.len(), 8 | 10 | 12 | 64) {
            continue;
        }
        let fits = [Some(&read.whole), read.body.as_ref()].into_iter().flatten().any(|h| h.starts_with(&word));
        let (severity, text, advice) = if fits {
            (Severity::Note, format!("The name carries the file's hash {}.", cut(&word)), "nothing to do")
        } else {
            (
                Severity::Note,
                format!("The name carries {}, which is not the file's hash.", cut(&word)),
                "it may mean something else; if it was a hash, the file was changed",
            )
        };
        findings.add(severity, "hash_in_name", None, text, advice);
    }
}

pub(super) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn cut(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// The hash that sd-webui-additional-networks used: 64 KiB from the first megabyte on, of the file as the trainer would have saved it with its own
/// (`ss_`) metadata only. Only the length of that header matters here, for it ends before the megabyte.
fn legacy(source: &dyn TensorSource, header: &Header) -> Result<String, VerifyError> {
    const START: u64 = 0x10_0000;
    const LEN: u64 = 0x1_0000;
    let header_end = 8 + trainer_header(header);
    let body = header.body_len();
    let from = START.saturating_sub(header_end).min(body);
    let len = (START + LEN).saturating_sub(header_end).min(body) - from;
    let mut bytes = vec![0; len as usize];
    source.read_at(header.data_start + from, &mut bytes)?;
    let mut digest = hex::encode(Sha256::digest(&bytes));
    digest.truncate(8);
    Ok(digest)
}

/// Length of the JSON that the safetensors library writes for these tensors and the `ss_` metadata.
fn trainer_header(header: &Header) -> u64 {
    let text = |s: &str| serde_json::to_string(s).map_or(0, |t| t.len());
    let mut len = 2;
    let training: Vec<_> = header.metadata.iter().filter(|(k, _)| k.starts_with("ss_")).collect();
    let mut entries = header.tensors.len();
    if !training.is_empty() {
        // "__metadata__":{"k":"v",…}
        len += "\"__metadata__\":{}".len() + training.iter().map(|(k, v)| text(k) + text(v) + 1).sum::<usize>() + training.len() - 1;
        entries += 1;
    }
    for t in &header.tensors {
        let shape = t.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (start, end) = (t.range.start - header.data_start, t.range.end - header.data_start);
        len += text(&t.name) + format!(":{{\"dtype\":\"{}\",\"shape\":[{shape}],\"data_offsets\":[{start},{end}]}}", t.dtype).len();
    }
    (len + entries.saturating_sub(1)).next_multiple_of(8) as u64
}
