//! How adapters relate: inner products, cosines, shared directions, conflicting signs, and what follows in plain sentences.
//!
//! For two changes A and B of one weight, m×n, with ⟨A, B⟩ = Σ AᵢⱼBᵢⱼ:
//!
//! | Measure | Formula | Unrelated files |
//! |---|---|---|
//! | cosine | ⟨A, B⟩/(‖A‖‖B‖) | 0 ± 1/√(mn): exact for directions drawn at random, whatever the ranks |
//! | distance | ‖A − B‖, computed from the difference itself where the two are nearly equal | √(‖A‖² + ‖B‖²) |
//! | input overlap | mean of cos² over the principal angles between the row spaces (Björck and Golub 1973) | max(r)/n |
//! | output overlap | the same of the column spaces | max(r)/m |
//! | sign conflict | Σ min(\|a\|, \|b\|) over elements of opposite sign / the same over all, on a seeded sample of rows | 0.5 |
//! | joint growth | ‖A + B‖/max(‖A‖, ‖B‖) = √(wᵀGw)/max | √2 at equal size |
//!
//! Everything but the sign conflict is exact and comes from the factors, also across fused and split forms of one projection; sums run in f64.
//! A block or a file counts as the block-diagonal matrix of its weights: inner products add up, and the cosine's chance level is
//! √Σ(‖Aₖ‖²‖Bₖ‖²/mₖnₖ)/(‖A‖‖B‖). Overlaps of a block are means over its weights, weighted by ‖Aₖ‖‖Bₖ‖.

mod products;
mod report;
mod signs;
mod subspace;
mod verdict;
mod weights;

use serde::{Deserialize, Serialize};

use crate::delta::Base;
use crate::gram::GramSet;
use crate::merge::Member;
use crate::progress::{Cancelled, Progress};
use crate::relations::Verdict;
use crate::source::ReadError;

pub(crate) use products::{Detail, Failure, Products, products};
pub use verdict::Kinship;
pub(crate) use weights::{Weight, weights};

/// Why adapters could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Fewer than two.
    #[error("a comparison needs at least two files")]
    TooFew,
    /// The bytes of a file could not be read.
    #[error("{file}: {source}")]
    Read { file: String, source: ReadError },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How to compare.
#[derive(Clone)]
pub struct CompareOptions<'a> {
    /// What to call the files, in their order; missing ones are called `file 1`, `file 2`, ….
    pub names: Vec<String>,
    /// Chooses the sampled rows: the same seed gives the same answer.
    pub seed: u64,
    /// Rows of each weight on which signs are compared; 0 leaves the sign conflict out.
    pub sample_rows: usize,
    /// The base model, for the kinds that depend on it. Without it their modules are left out and named.
    pub base: Option<&'a dyn Base>,
}

impl Default for CompareOptions<'_> {
    fn default() -> Self {
        Self { names: Vec::new(), seed: 0, sample_rows: 16, base: None }
    }
}

impl std::fmt::Debug for CompareOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompareOptions")
            .field("names", &self.names)
            .field("seed", &self.seed)
            .field("sample_rows", &self.sample_rows)
            .field("base", &self.base.is_some())
            .finish()
    }
}

/// What is known of two or more adapters together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The files, as they are called in the sentences.
    pub names: Vec<String>,
    /// Whether they can be combined at all.
    pub verdict: Verdict,
    /// Inner products by block, for any weighted sum of them.
    pub gram: GramSet,
    /// Every pair, first file first.
    pub pairs: Vec<PairRelation>,
    /// What all of them together become at weight 1, by block; only where at least two are at work.
    pub growth: Vec<Growth>,
    /// The same of the whole, text encoders included.
    pub total_growth: Growth,
    /// What the numbers say, most important first.
    pub sentences: Vec<String>,
    /// What was left out, as plain sentences.
    pub notes: Vec<String>,
    pub seed: u64,
    pub sample_rows: usize,
}

/// Two files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairRelation {
    /// Index of the first file.
    pub a: usize,
    /// Index of the second file.
    pub b: usize,
    pub kinship: Kinship,
    /// In plain words, with the numbers.
    pub sentences: Vec<String>,
    /// The denoiser, blocks and all outside of them.
    pub denoiser: Relation,
    /// All text encoders; None where neither file changes one.
    pub text_encoders: Option<Relation>,
    /// Blocks in layout order, then the other parts; those that at least one of the two changes.
    pub slots: Vec<SlotRelation>,
    /// Every weight that both change.
    pub modules: Vec<ModuleRelation>,
}

/// A block or part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotRelation {
    pub slot: String,
    /// True for a block of the layout, false for a part outside.
    pub block: bool,
    pub relation: Relation,
}

/// A weight that both files change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleRelation {
    /// Canonical path of the weight.
    pub target: String,
    /// (first row, rows) of it that are compared, where that is a part.
    pub rows: Option<(usize, usize)>,
    pub slot: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    pub relation: Relation,
}

/// Two changes A and B of one weight, or of a set of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Weights that both change.
    pub shared: usize,
    /// Weights that only A changes.
    pub only_a: usize,
    /// Weights that only B changes.
    pub only_b: usize,
    /// ‖A‖.
    pub norm_a: f64,
    /// ‖B‖.
    pub norm_b: f64,
    /// ⟨A, B⟩.
    pub inner: f64,
    /// None where either is zero.
    pub cosine: Option<f64>,
    /// Standard deviation of the cosine of unrelated changes of these sizes.
    pub chance: Option<f64>,
    /// ‖A − B‖.
    pub distance: f64,
    /// ‖A − B‖/max(‖A‖, ‖B‖); 0 where both are zero.
    pub relative_distance: f64,
    /// Shared input directions (row spaces); None where no weight has factors on both sides.
    pub input: Option<Overlap>,
    /// Shared output directions (column spaces).
    pub output: Option<Overlap>,
    /// 0: all signs agree; 0.5: unrelated; 1: all opposed. None without a sample.
    pub sign_conflict: Option<f64>,
}

/// How much of the smaller of two subspaces lies in the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Mean cos² of the principal angles, 0 to 1.
    pub mean: f64,
    /// What unrelated subspaces of these dimensions have on average.
    pub chance: f64,
    /// Cosines of the principal angles, largest first; only for a single weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cosines: Vec<f64>,
}

/// The sum of all files at weight 1 in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    pub slot: String,
    /// ‖Σ ΔWᵢ‖.
    pub norm: f64,
    /// Norm of the strongest single one.
    pub strongest: f64,
    /// norm / strongest: above 1 they add up, below 1 they cancel.
    pub growth: f64,
}

/// Compares two or more adapters. Reads every file once; memory stays near one weight of the network per core.
///
/// # Errors
/// [`CompareError`] when there are fewer than two files, one cannot be read, or the caller cancels.
pub fn compare(members: &[Member<'_>], options: &CompareOptions<'_>, progress: &dyn Progress) -> Result<Comparison, CompareError> {
    if members.len() < 2 {
        return Err(CompareError::TooFew);
    }
    let names: Vec<String> =
        (0..members.len()).map(|i| options.names.get(i).cloned().unwrap_or_else(|| format!("file {}", i + 1))).collect();
    let detail = Detail { base: options.base, seed: options.seed, sample_rows: options.sample_rows, pairs: true };
    let weights = weights(members, options.base).map_err(|(file, source)| CompareError::Read { file: names[file].clone(), source })?;
    let found = products(&weights, members, &detail, progress).map_err(|e| e.named(&names))?;
    Ok(report::report(members, names, &weights, &found, options))
}
