//! What a file holds, module by module: the index every operation starts from. Built from the header alone.

use crate::dtype::Dtype;
use crate::family::Detection;
use crate::header::Header;
use crate::keys::Role;
use crate::layout::SlotRef;

mod account;
mod based;
mod build;
mod dims;
mod error;
mod metadata;
mod module;
mod rules;

pub(crate) use based::{Glora, triangle};
pub use error::AdapterError;
pub use metadata::Rotation;
pub use module::MAX_RANK;

/// Kind of the file, or of one module. One file may mix them; the file's kind is the one most modules have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Linear or 1×1 low-rank pairs only.
    Lora,
    /// Low-rank pairs with k×k convolutions, with or without a Tucker core.
    Locon,
    Loha,
    Lokr,
    Dora,
    Ia3,
    Oft,
    Boft,
    Glora,
    /// Stored differences (`diff`, `diff_b`, norm diffs), and the biases beside pairs.
    Full,
    /// Weights that are replaced (`set_weight`, norms of control LoRAs).
    Set,
    /// No key of a known adapter kind.
    Unknown,
}

/// Which network a module belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    Denoiser,
    /// Text encoder: 1 = CLIP-L (or the only one), 2 = OpenCLIP bigG, 3 = T5. T5 is 3 in every family, also where a file
    /// counts it as its second (`text_encoder_2.` of Flux in diffusers, `lora_te2_` of OneTrainer).
    TextEncoder(u8),
}

/// Naming convention of the keys. Decides how a merge writes its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// `lora_unet_…​.lora_down.weight`, flattened with underscores.
    Kohya,
    /// `transformer.` / `unet.` / `text_encoder.` / `base_model.model.` + dotted path + `.lora_A.weight`.
    Peft,
    /// `….processor.to_q_lora.down.weight`, `….lora_linear_layer.up.weight`.
    DiffusersLegacy,
    /// `diffusion_model.` or bare native path + `.lora_A.weight` / `.lora_down.weight`.
    ComfyUi,
    /// `double_blocks.0.processor.qkv_lora1.down.weight`.
    Xlabs,
}

/// Identity of the weight that a module changes: equal for the same weight under every naming.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    pub component: Component,
    /// Canonical flattened path (underscores): diffusers names for the UNets, native (BFL, SAI, Wan) names for the transformers, fused
    /// modules under the fused name. Example: `down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q`, `double_blocks_3_img_attn_qkv`.
    pub path: String,
    /// Rows of the fused weight that this module covers, when it is one leaf of it (to_q of qkv): (first row, rows). None: all rows.
    pub rows: Option<(usize, usize)>,
}

/// Tensors of one low-rank pair, as indices into [`Header::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub down: usize,
    pub up: usize,
    pub mid: Option<usize>,
}

/// The tensors behind a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Factors {
    Pair(Pair),
    /// (w1_a, w1_b, w2_a, w2_b), optional Tucker cores (t1, t2).
    Loha {
        w1a: usize,
        w1b: usize,
        w2a: usize,
        w2b: usize,
        t1: Option<usize>,
        t2: Option<usize>,
    },
    /// Each side whole or factored; `t2` is the Tucker core of the second.
    Lokr {
        w1: Side,
        w2: Side,
        t2: Option<usize>,
    },
    /// Any other kind: the tensors that belong to the module, for accounting.
    Other(Vec<usize>),
}

/// One side of a Kronecker product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Whole(usize),
    Product(usize, usize),
}

/// One changed weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Key stem as it stands in the file, without the role suffix.
    pub name: String,
    pub target: Target,
    pub kind: Kind,
    pub naming: Naming,
    pub factors: Factors,
    /// Every tensor that belongs to it, by role: factors, alpha, magnitude, shape. A tensor belongs to one module; the bias beside a pair shares
    /// the pair's alpha, which is listed with the pair.
    pub parts: Vec<(Role, usize)>,
    /// Rows of ΔW; 0 where only the base tells.
    pub out_dim: usize,
    /// Columns of ΔW: in·kh·kw; 0 where only the base tells.
    pub in_dim: usize,
    /// (kh, kw) of a convolution's down factor; None for linear layers.
    pub kernel: Option<(usize, usize)>,
    /// Rank of the pair, also of the one that a bias stands beside; 0 for kinds without one.
    pub rank: usize,
    /// Index of the alpha tensor. Its value is in the body, not in the header. [`Module::scale`] says what it means.
    pub alpha: Option<usize>,
    /// The alpha tensor holds the scale itself (`.scale`).
    pub alpha_is_scale: bool,
    /// alpha fixed by metadata (PEFT's `lora_adapter_metadata`), where no tensor says it. Already divided as the rule of the file asks.
    pub scale_from_metadata: Option<f64>,
    /// How PEFT's OFT turns the stored generators into rotations; None for all other modules.
    pub rotation: Option<Rotation>,
    /// (IA)³ of PEFT: true where its configuration lists the layer among `feedforward_modules`, so that the vector stands on the inputs. None
    /// without a configuration and for all other modules.
    pub feedforward: Option<bool>,
    /// The two halves of the rows stand in the other order than in the target (diffusers' `norm_out.linear` is (scale, shift), the native
    /// `final_layer.adaLN_modulation.1` is (shift, scale)). Strengths do not change; a merge across namings must swap them.
    pub swapped_halves: bool,
    /// Where the module stands in the layout; text encoders have their slot always, the denoiser's modules only when the layout is known.
    pub slot: Option<SlotRef>,
}

/// The index of one adapter file.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub header: Header,
    pub kind: Kind,
    pub detection: Detection,
    pub modules: Vec<Module>,
    /// Tensors that belong to no module and are carried through (`bundle_emb.*`, …).
    pub carried: Vec<usize>,
    /// Tensors that nothing is done with: unknown keys, broken modules, repetitions. All are counted in the warnings, the first by name.
    pub left_out: Vec<usize>,
    /// Plain sentences, one per thing a user should know.
    pub warnings: Vec<String>,
    /// Distinct stored types of the factors, most bytes first.
    pub dtypes: Vec<Dtype>,
}

impl Kind {
    /// Name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Lora => "LoRA",
            Self::Locon => "LoCon",
            Self::Loha => "LoHa",
            Self::Lokr => "LoKr",
            Self::Dora => "DoRA",
            Self::Ia3 => "(IA)³",
            Self::Oft => "OFT",
            Self::Boft => "BOFT",
            Self::Glora => "GLoRA",
            Self::Full => "stored difference",
            Self::Set => "replaced weight",
            Self::Unknown => "unknown",
        }
    }
}
