//! The same adapter under the names of another program.
//!
//! | To | Names | Scale |
//! |---|---|---|
//! | `kohya` | `lora_unet_…`, `lora_te1_…`, flattened: original names, for SD 1 and 2 diffusers' | alpha, as stored where the rank stays |
//! | `comfyui` | `diffusion_model.…`, `text_encoders.clip_l.transformer.…`: original names, dotted | in B, no alpha |
//! | `diffusers` | `transformer.…` or `unet.…`, `text_encoder.…`: diffusers' names | in B, no alpha |
//! | `peft` | `base_model.model.…`: diffusers' names, one network per file, `adapter_config.json` beside it | in B; alpha = rank in the configuration |
//!
//! Why no alpha outside of kohya's names: diffusers reads scales of such files from `lora_adapter_metadata` in newer versions only, some of its converters stop at an
//! alpha tensor or pass over it, and ComfyUI takes a missing one as 1. With the scale multiplied into B everybody loads the same ΔW. In kohya's names the alpha
//! stays; UNet files whose modules do not all have one alpha get one (diffusers uses one for all attention modules), and B takes the rest.
//!
//! What the original code has fused and diffusers splits (`qkv`; `linear1` = q, k, v, mlp) is cut or joined exactly:
//!
//! - **Fused → split**: A is shared by the leaves, B is cut by rows. Columns of B that are zero in a leaf's rows go, with their rows of A: so files whose B is
//!   block-diagonal (kohya's `split_qkv`, or what was joined before) are cut back to the ranks they were made of.
//! - **Split → fused**: leaves that share one A are stacked by rows and keep their rank; others get stacked A and block-diagonal B, and the ranks add up.
//!   Rows of leaves that the file lacks are zero.
//! - `final_layer.adaLN_modulation.1` is (shift, scale), diffusers' `norm_out.linear` is (scale, shift): the halves are swapped.
//!
//! Kinds: pairs go everywhere, Tucker cores multiplied out where the target has no place for them. LoHa, LoKr, (IA)³, OFT, BOFT, GLoRA and DoRA keep their tensors under
//! kohya's and ComfyUI's names. For diffusers and PEFT, LoHa and LoKr become exact pairs while their rank allows it (`max_rank`), DoRA keeps its magnitude when all modules are
//! DoRA; stored bias differences become `lora_B.bias` of the pair beside them. What a target cannot hold is an error that names all of it, or is left out where
//! that was asked for.

mod names;
mod other;
mod pair;
mod plan;
mod weight;

use super::{OpError, Origin, stream};
use crate::adapter::Component;
use crate::family::Family;
use crate::merge::{Member, OutDtype};
use crate::progress::Progress;
use crate::write::{AtomicFile, TensorWriter};
use plan::Plan;
use serde::{Deserialize, Serialize};
use std::io::{Seek, Write};
use std::path::Path;

/// Whose names the result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// kohya's sd-scripts, musubi-tuner, A1111.
    Kohya,
    /// diffusers pipelines (`load_lora_weights`).
    Diffusers,
    /// A PEFT adapter folder.
    Peft,
    /// ComfyUI.
    ComfyUi,
}

impl Convention {
    /// All, as a form shows them.
    pub const ALL: [Self; 4] = [Self::Kohya, Self::Diffusers, Self::Peft, Self::ComfyUi];

    /// Name as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kohya => "kohya",
            Self::Diffusers => "diffusers",
            Self::Peft => "peft",
            Self::ComfyUi => "comfyui",
        }
    }

    /// True for the names that know pairs (and DoRA) only.
    fn pairs_only(self) -> bool {
        matches!(self, Self::Diffusers | Self::Peft)
    }
}

/// How to convert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvertOptions {
    /// Whose names.
    pub to: Convention,
    /// Which network a PEFT adapter is for; the other names hold all networks.
    #[serde(default = "denoiser")]
    pub component: Component,
    /// Largest rank of a pair that a LoHa or LoKr becomes.
    #[serde(default = "max_rank")]
    pub max_rank: usize,
    /// Leave out what the names cannot hold, instead of stopping.
    #[serde(default)]
    pub leave_out: bool,
    /// Stored type of the pairs; None: the one they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<OutDtype>,
    /// What the history calls the input.
    #[serde(skip)]
    pub origin: Origin,
    /// Replace an existing file at the target.
    #[serde(skip)]
    pub overwrite: bool,
}

fn denoiser() -> Component {
    Component::Denoiser
}

fn max_rank() -> usize {
    256
}

impl ConvertOptions {
    /// Converts everything, or stops.
    #[must_use]
    pub fn new(to: Convention) -> Self {
        Self { to, component: denoiser(), max_rank: max_rank(), leave_out: false, dtype: None, origin: Origin::default(), overwrite: false }
    }
}

/// One module of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvertedModule {
    /// Its name in the result.
    pub name: String,
    /// The modules of the input that it is made of.
    pub from: Vec<String>,
    /// Rank of the pair; 0 for tensors that were renamed only.
    pub rank: usize,
}

/// What a conversion wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvertReport {
    /// Family by which the names were found.
    pub family: Family,
    /// Modules of the result, in the order of the file.
    pub modules: Vec<ConvertedModule>,
    /// Modules of the input that the names cannot hold, with the reason: (module, reason).
    pub left_out: Vec<(String, String)>,
    /// Size in bytes.
    pub bytes: u64,
    /// Text of the `adapter_config.json` that belongs beside the file (`peft` only).
    pub adapter_config: Option<String>,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Writes `input` under other names to `out`. For [`Convention::Peft`] the file belongs into a folder of its own as `adapter_model.safetensors`, with
/// [`ConvertReport::adapter_config`] beside it.
///
/// # Errors
/// [`OpError`] when the names cannot hold the file, or a file cannot be read or written.
pub fn convert(input: Member<'_>, options: &ConvertOptions, out: &Path, progress: &dyn Progress) -> Result<ConvertReport, OpError> {
    let plan = Plan::of(input, options)?;
    let file = AtomicFile::create(out, options.overwrite)?;
    let (_, report) = write(plan, file.sink()?, progress)?;
    file.commit(options.overwrite)?;
    Ok(report)
}

/// [`convert`] into any sink, for example a buffer in memory. On an error the sink holds rubbish.
///
/// # Errors
/// As [`convert`].
pub fn convert_into<W: Write + Seek + Send>(
    input: Member<'_>,
    options: &ConvertOptions,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, ConvertReport), OpError> {
    write(Plan::of(input, options)?, out, progress)
}

fn write<W: Write + Seek + Send>(plan: Plan<'_>, out: W, progress: &dyn Progress) -> Result<(W, ConvertReport), OpError> {
    let metadata = plan.metadata();
    let bound = plan.header_bound(&metadata);
    let mut writer = TensorWriter::new(out, bound).map_err(OpError::io)?;
    let told = stream::stream(&mut writer, &plan.costs(), |i| plan.make(i), "converting", progress)?;
    let modules: Vec<ConvertedModule> = told.into_iter().flatten().collect();
    if modules.is_empty() {
        return Err(OpError::Options("nothing is left: every module that these names could hold is zero".into()));
    }
    let bytes = 8 + bound as u64 + writer.data_len();
    let out = writer.finish(&metadata)?;
    Ok((out, plan.report(modules, bytes)))
}
