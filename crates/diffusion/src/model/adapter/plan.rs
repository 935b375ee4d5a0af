//! What is asked for, and what became of it.

use super::super::error::Result;
use std::path::Path;
use std::sync::Arc;
use weft_weights::adapter::{Adapter, AdapterError};
use weft_weights::header::{Header, HeaderError};
use weft_weights::merge::MergeInput;
use weft_weights::source::{FileSource, ReadError, TensorSource};

/// An opened adapter file.
pub struct AdapterFile {
    /// Name for messages.
    pub label: String,
    pub adapter: Adapter,
    pub source: Box<dyn TensorSource + Send + Sync>,
}

impl std::fmt::Debug for AdapterFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdapterFile").field("label", &self.label).field("modules", &self.adapter.modules.len()).finish_non_exhaustive()
    }
}

/// Why an adapter file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

impl AdapterFile {
    /// Opens a file; reads its header only. `config` is the text of PEFT's `adapter_config.json`, where there is one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, config: Option<&str>) -> Result<Arc<Self>, OpenError> {
        let source = FileSource::open(path)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let adapter = Adapter::from_header(Header::read(&source)?, Some(&name), config)?;
        Ok(Arc::new(Self { label: name, adapter, source: Box::new(source) }))
    }
}

/// When an adapter works, in shares of the steps: 0 is the first, 1 behind the last.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// From the first to the last step.
    Always,
    /// From `start` on until before `stop`.
    Range { start: f64, stop: f64 },
    /// A factor at each of these points, straight lines between them; outside of them the nearest one's.
    Points(Vec<(f64, f64)>),
}

impl Schedule {
    /// Factor at `position`, 0 to 1.
    #[must_use]
    pub fn factor(&self, position: f64) -> f64 {
        match self {
            Self::Always => 1.0,
            Self::Range { start, stop } => f64::from(u8::from(*start <= position && position < *stop)),
            Self::Points(points) => {
                let after = points.iter().position(|p| p.0 > position).unwrap_or(points.len());
                match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
                    (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (position - x0) / (x1 - x0),
                    (Some((_, y)), None) | (None, Some((_, y))) => *y,
                    (None, None) => 1.0,
                }
            }
        }
    }
}

/// One adapter of a picture.
#[derive(Debug, Clone)]
pub struct AdapterUse {
    pub file: Arc<AdapterFile>,
    /// Weight, weight of the text encoders, block profile.
    pub input: MergeInput,
    /// For the denoiser; text encoders work before the first step and take the weight as it is.
    pub schedule: Schedule,
}

/// A module that changes nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Its name in the file.
    pub module: String,
    pub reason: String,
}

/// What became of one adapter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AdapterReport {
    pub label: String,
    /// Modules applied beside their weight.
    pub beside: usize,
    /// Modules that went into a changed copy of their weight.
    pub folded: usize,
    /// Modules without a place.
    pub skipped: Vec<Skipped>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_lines_between_points() {
        let ramp = Schedule::Points(vec![(0.0, 0.0), (0.5, 1.0), (0.8, 1.0)]);
        for (at, want) in [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.9, 1.0)] {
            assert!((ramp.factor(at) - want).abs() < 1e-12, "{at}");
        }
        let range = Schedule::Range { start: 0.2, stop: 0.6 };
        assert_eq!([0.0, 0.2, 0.5, 0.6].map(|p| range.factor(p)), [0.0, 1.0, 1.0, 0.0]);
    }
}
