//! Blocks of an adapter made stronger, weaker or left out, in a copy.
//!
//! ΔW of a module is multiplied by weight × block factor. A factor of 0 leaves the module out, 1 leaves its bytes as they are. All other tensors
//! are copied byte for byte. The rank does not change, and nothing is decomposed.
//!
//! Which tensor takes the factor: the up factor of a pair, one factor of LoHa, LoKr and both products of GLoRA, the stored difference, the vector of (IA)³ —
//! ΔW is linear in each. DoRA, OFT and BOFT are not linear in any stored tensor, and a stored weight (`set_weight`) replaces instead of adding: these can be kept or
//! dropped, any other factor is refused.
//!
//! With [`Via::Alpha`] the alpha takes the factor where there is one. That rounds nothing, but programs that use one alpha for all modules of a file
//! (diffusers does, for UNets) would get the blocks wrong, so it is not the default.

mod plan;
mod write;

pub use plan::parse_drop;

use super::{OpError, Origin, meta};
use crate::merge::Member;
use crate::profile::Profile;
use crate::progress::Progress;
use crate::write::AtomicFile;
use plan::Plan;
use serde::{Deserialize, Serialize};
use std::io::{Seek, Write};
use std::path::Path;

/// Which tensor takes the factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// A factor of the product: every program reads the result alike. Rounds to the stored type.
    #[default]
    Factors,
    /// alpha, where the module has one; exact to f32.
    Alpha,
}

/// What to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditOptions {
    /// Multiplies every module.
    #[serde(default = "one")]
    pub scale: f64,
    /// Multiplies the text encoders instead of `scale`; None: the same as `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub te_scale: Option<f64>,
    /// A factor per block on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Parts to leave out: labels of slots (`IN04`, `D00-D05`), `TE1`, `OUT`, …, or `te` for all text encoders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Which tensor takes the factor.
    #[serde(default)]
    pub via: Via,
    /// What the history calls the input.
    #[serde(skip)]
    pub origin: Origin,
    /// Replace an existing file at the target.
    #[serde(skip)]
    pub overwrite: bool,
}

fn one() -> f64 {
    1.0
}

impl Default for EditOptions {
    fn default() -> Self {
        Self { scale: 1.0, te_scale: None, profile: None, drop: Vec::new(), via: Via::Factors, origin: Origin::default(), overwrite: false }
    }
}

/// A module whose strength changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditedModule {
    /// Its name in the file.
    pub name: String,
    /// Label of its slot, where the layout is known.
    pub slot: Option<String>,
    /// What ΔW was multiplied by; 0: the module is gone.
    pub factor: f64,
}

/// What an edit wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditReport {
    /// Modules in the result.
    pub modules: usize,
    /// Modules whose strength changed, in the order of the file.
    pub changed: Vec<EditedModule>,
    /// Modules that are gone.
    pub dropped: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Writes an edited copy of `input` to `out`.
///
/// # Errors
/// [`OpError`] when the options do not fit the file, a module cannot take its factor, or a file cannot be read or written.
pub fn edit(input: Member<'_>, options: &EditOptions, out: &Path, progress: &dyn Progress) -> Result<EditReport, OpError> {
    let plan = Plan::of(input, options)?;
    let file = AtomicFile::create(out, options.overwrite)?;
    let (_, report) = write::write(input, options, plan, file.sink()?, progress)?;
    file.commit(options.overwrite)?;
    Ok(report)
}

/// [`edit`] into any sink, for example a buffer in memory. On an error the sink holds rubbish.
///
/// # Errors
/// As [`edit`].
pub fn edit_into<W: Write + Seek>(
    input: Member<'_>,
    options: &EditOptions,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, EditReport), OpError> {
    write::write(input, options, Plan::of(input, options)?, out, progress)
}
