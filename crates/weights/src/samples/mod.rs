//! Synthetic adapters: real key names and real shapes, random numbers, marked as such in their metadata.
//!
//! For trying Weft out without a collection, for tests, and for measuring with ten thousand files. The strengths follow smooth random curves, so
//! that no two files look alike. They were not trained and change pictures into noise.

mod checkpoint;
mod curve;
mod rng;
mod shapes;
mod words;
mod write;

pub use checkpoint::SampleCheckpoint;
pub use write::{SampleError, write_samples};

use crate::adapter::{Kind, Naming};
use crate::dtype::Dtype;
use crate::family::Family;
use rng::Rng;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How much of a network a sample changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleSize {
    /// One weight per block at rank 1, for ten thousand files: 20 to 400 kB.
    Tiny,
    /// Attention in every block at a low rank: about two megabytes.
    Small,
    /// Every weight at rank 16, as trainers write them: up to 200 MB.
    Full,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleOptions {
    /// Number of files.
    pub count: usize,
    /// Families to take turns; empty: all.
    pub families: Vec<Family>,
    /// The same seed gives the same files.
    pub seed: u64,
    /// None: small for up to 100 files, tiny beyond.
    pub size: Option<SampleSize>,
}

impl SampleOptions {
    /// `count` files of all families.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { count, families: Vec::new(), seed: 1, size: None }
    }

    fn size(&self) -> SampleSize {
        self.size.unwrap_or(if self.count <= 100 { SampleSize::Small } else { SampleSize::Tiny })
    }
}

/// One written file.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is for.
    pub family: Family,
    /// Its kind.
    pub kind: Kind,
    /// Its key names.
    pub naming: Naming,
    /// Size in bytes.
    pub bytes: u64,
    /// False when a file of that name was there already and was left alone.
    pub written: bool,
}

/// Everything that is decided about one sample before its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleSpec {
    /// Model family.
    pub family: Family,
    /// The larger of the family's models, where there are two (SD3.5 Large, Wan 14B).
    pub large: bool,
    /// `Lora`, `Loha` or `Lokr`.
    pub kind: Kind,
    /// Key names.
    pub naming: Naming,
    /// Stored type of the factors.
    pub dtype: Dtype,
    /// Rank of every module.
    pub rank: usize,
    /// alpha / rank, where the naming has an alpha.
    pub scale: f64,
    /// How much of the network.
    pub size: SampleSize,
    /// Text encoders too.
    pub text_encoders: bool,
    /// Number of the sample: decides names and numbers.
    pub index: usize,
    /// Seed of the set.
    pub seed: u64,
}

/// How often each family comes up when all are wanted.
const MIX: [Family; 36] = {
    use Family::{Anima, Chroma, Flux1, Flux2, HiDream, HunyuanVideo, Ltx, Lumina2, QwenImage, Sd1, Sd2, Sd3, Sdxl, Wan, ZImage};
    [
        Sdxl,
        Flux1,
        Sd1,
        Wan,
        Sdxl,
        Sd3,
        Sd1,
        Flux1,
        Sd2,
        Sdxl,
        Sd1,
        Wan,
        Flux1,
        Sdxl,
        Sd3,
        Sd1,
        Sdxl,
        Wan,
        Sd1,
        Sdxl,
        QwenImage,
        ZImage,
        Flux2,
        HunyuanVideo,
        Sdxl,
        Flux1,
        Sd1,
        Wan,
        Ltx,
        Chroma,
        Sdxl,
        Flux1,
        Lumina2,
        HiDream,
        Anima,
        Sdxl,
    ]
};

impl SampleSpec {
    /// A Flux, SDXL … file as trainers write it: every weight, bf16, kohya's names.
    #[must_use]
    pub fn full(family: Family, rank: usize, seed: u64) -> Self {
        Self {
            family,
            large: false,
            kind: Kind::Lora,
            naming: Naming::Kohya,
            dtype: Dtype::BF16,
            rank,
            scale: 0.5,
            size: SampleSize::Full,
            text_encoders: false,
            index: 0,
            seed,
        }
    }

    /// Sample `index` of a set.
    #[must_use]
    pub fn nth(options: &SampleOptions, index: usize) -> Self {
        let mut rng = Rng::new(options.seed, index as u64 * 2 + 1);
        let size = options.size();
        let family = if options.families.is_empty() { MIX[index % MIX.len()] } else { options.families[index % options.families.len()] };
        // In every dozen one LoHa and one LoKr: the kinds whose keys differ most.
        let kind = match index % 12 {
            7 => Kind::Loha,
            10 => Kind::Lokr,
            _ => Kind::Lora,
        };
        let naming = if kind == Kind::Lora { *rng.pick(namings(family)) } else { Naming::Kohya };
        let dtype = *rng.pick(if size == SampleSize::Tiny { &[Dtype::F16, Dtype::F8E4M3] } else { &[Dtype::F16, Dtype::BF16] });
        let rank = match size {
            SampleSize::Tiny => 1,
            SampleSize::Small => {
                if family.is_unet() {
                    1 + rng.below(3)
                } else {
                    1
                }
            }
            SampleSize::Full => 16,
        };
        Self {
            family,
            large: !family.is_unet() && family != Family::Flux1 && rng.below(4) == 0,
            kind,
            naming,
            // LoHa's product of four f8 numbers would be mostly zero.
            dtype: if kind == Kind::Lora && naming == Naming::Kohya { dtype } else { Dtype::F16 },
            rank,
            scale: *rng.pick(&[1.0, 0.5, 1.0]),
            size,
            text_encoders: size != SampleSize::Tiny && rng.below(2) == 0,
            index,
            seed: options.seed,
        }
    }
}

/// Namings in which files of a family are found.
fn namings(family: Family) -> &'static [Naming] {
    match family {
        Family::Sd1 | Family::Sd2 | Family::Sdxl => &[Naming::Kohya, Naming::Kohya, Naming::Peft, Naming::DiffusersLegacy],
        Family::Sd3 => &[Naming::Kohya, Naming::Peft],
        Family::Flux1 => &[Naming::Kohya, Naming::Peft, Naming::ComfyUi, Naming::Xlabs],
        Family::Wan => &[Naming::Kohya, Naming::ComfyUi, Naming::Peft],
        Family::Unknown => &[Naming::Kohya],
        _ => &[Naming::Kohya, Naming::ComfyUi, Naming::Peft],
    }
}
