//! One adapter beside checkpoints, from headers.

use super::load;
use crate::scan::path;
use crate::weave::members;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use weft_domain::fit::{EncoderShare, Fit, FitLevel, FitMismatch, FitShare};
use weft_domain::{Problem, ProblemKind};
use weft_storage::{CheckpointPlace, FilePlace};
use weft_weights::ops::fits::{self, Level, Share};

/// Threads that read headers.
const READERS: usize = 4;

/// A checkpoint and what became of it.
type Answered = (CheckpointPlace, Result<Fit, String>);

/// Compares the adapter with every checkpoint; one that cannot be read does not stop the others. Blocks.
pub(super) fn all(place: &FilePlace, checkpoints: Vec<CheckpointPlace>, stop: &AtomicBool) -> Result<Vec<Answered>, Problem> {
    let loaded = members::load(place)?;
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..READERS.min(checkpoints.len()) {
            scope.spawn(|| {
                while let Some(checkpoint) = checkpoints.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let answer = load::checkpoint(checkpoint)
                        .map(|opened| fit(checkpoint, fits::fits(&loaded.adapter, &opened, None)))
                        .map_err(|problem| problem.detail.unwrap_or(problem.title));
                    answers.lock().unwrap_or_else(PoisonError::into_inner).push((checkpoint.clone(), answer));
                }
            });
        }
    });
    if stop.load(Ordering::Relaxed) {
        return Err(Problem::new(ProblemKind::Unavailable, "The work was stopped."));
    }
    Ok(answers.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn fit(checkpoint: &CheckpointPlace, found: fits::Fit) -> Fit {
    let pair = |(rows, columns): (usize, usize)| (small(rows), small(columns));
    let mismatch = |m: fits::Mismatch| FitMismatch {
        module: weft_weights::text::shown(&m.module),
        adapter: pair(m.adapter),
        checkpoint: pair(m.checkpoint),
    };
    Fit {
        checkpoint: checkpoint.id,
        name: path::shown(&checkpoint.name),
        family: checkpoint.family.clone(),
        model: checkpoint.model.clone(),
        level: level(found.level),
        reason: found.reason,
        denoiser: share(&found.denoiser),
        text_encoders: found.text_encoders.iter().map(|(n, s)| EncoderShare { encoder: *n, share: share(s) }).collect(),
        missing: found.missing.iter().take(Fit::LISTED).map(|m| weft_weights::text::shown(m)).collect(),
        mismatched: found.mismatched.into_iter().take(Fit::LISTED).map(mismatch).collect(),
        needs_base: small(found.needs_base),
        carried: small(found.carried),
        warnings: found.warnings.into_iter().take(Fit::LISTED).collect(),
    }
}

fn level(level: Level) -> FitLevel {
    match level {
        Level::Exact => FitLevel::Exact,
        Level::Ignored => FitLevel::Ignored,
        Level::Partial => FitLevel::Partial,
        Level::Wrong => FitLevel::Wrong,
        Level::NeedsBase => FitLevel::NeedsBase,
    }
}

fn share(share: &Share) -> FitShare {
    FitShare {
        modules: small(share.modules),
        matched: small(share.matched),
        missing: small(share.missing),
        mismatched: small(share.mismatched),
        packed: small(share.packed),
        present: share.present,
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
