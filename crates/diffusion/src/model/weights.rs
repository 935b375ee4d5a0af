//! Weights of a model, by one set of names whatever the files call them.
//!
//! Denoisers and text encoders are read through the places of [`weft_weights::checkpoint`], under the canonical names that adapters use too;
//! image decoders under diffusers' names ([`vae`]). Files are read by position, tensor by tensor, never mapped: a mapped file that
//! someone truncates ends the program with a signal, a short read ends in an error. Once a model is loaded its files may go away.

mod loader;
mod vae;

pub(crate) use loader::{Key, Loader, Meter, Part, Registry};

use super::config::Configs;
use super::error::{ModelError, Result};
use std::path::{Path, PathBuf};
use weft_weights::adapter::{Component, Module};
use weft_weights::checkpoint::{Checkpoint, Place, Purpose};
use weft_weights::family::Family;

/// Paths of a model's files.
#[derive(Debug, Clone, Default)]
pub struct ModelPaths {
    /// One file, an index of shards, or a folder of diffusers.
    pub main: PathBuf,
    /// An image decoder instead of the one in `main`.
    pub vae: Option<PathBuf>,
    /// Text encoders that are not in `main`.
    pub encoders: Vec<PathBuf>,
    /// Configurations that stand elsewhere: a folder as diffusers has them, or one JSON file. They win over those beside `main`.
    pub configs: Option<PathBuf>,
}

/// Opened files of a model: headers and configurations, no weights yet.
#[derive(Debug)]
pub struct ModelFiles {
    main: Checkpoint,
    vae: Option<Checkpoint>,
    encoders: Vec<Checkpoint>,
    configs: Configs,
}

/// A path that only the first layer of a T5 has.
const T5: &str = "encoder_block_0_layer_0_SelfAttention_q";
/// A path that every CLIP text encoder has.
const CLIP: &str = "text_model_embeddings_token_embedding";

impl ModelFiles {
    /// Opens a model's files. Reads headers only.
    ///
    /// # Errors
    /// [`ModelError::Checkpoint`], [`ModelError::Config`]; [`ModelError::Unsupported`] for packed weights.
    pub fn open(paths: &ModelPaths) -> Result<Self> {
        let main = Checkpoint::open(&paths.main)?;
        let vae = paths.vae.as_deref().map(Checkpoint::open).transpose()?;
        let encoders: Vec<Checkpoint> = paths.encoders.iter().map(|p| Checkpoint::open(p)).collect::<Result<_, _>>()?;
        if let Some(packing) = main.model().packing {
            return Err(ModelError::Unsupported(format!(
                "the weights of {} are packed by {}; take the same model in f16, bf16, f32 or fp8",
                name(&paths.main),
                packing.label()
            )));
        }
        let mut configs = paths.configs.as_deref().map(Configs::read).transpose()?.unwrap_or_default();
        configs.fill_from(Configs::of(&main)?);
        if let Some(vae) = &vae {
            configs.fill_from(Configs::of(vae)?);
        }
        Ok(Self { main, vae, encoders, configs })
    }

    /// The main file or folder.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.main
    }

    /// The configurations beside the weights.
    #[must_use]
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// Family of the denoiser, when this engine runs it.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`].
    pub fn family(&self) -> Result<Family> {
        let model = self.main.model();
        match (model.family, model.purpose) {
            (Family::Sd1 | Family::Sd2 | Family::Sdxl, Purpose::Base | Purpose::Inpaint) | (Family::Flux1, Purpose::Base) => {
                Ok(model.family)
            }
            (_, Purpose::Base) => Err(ModelError::Unsupported(format!(
                "this is {}; pictures are made here with SD 1.x, SD 2.x, SDXL and Flux.1",
                if model.label.is_empty() { "no model that is known" } else { &model.label }
            ))),
            (_, purpose) => {
                Err(ModelError::Unsupported(format!("this {} model is of a variant ({purpose:?}) that is not run here", model.label)))
            }
        }
    }

    /// The denoiser.
    pub(crate) fn denoiser(&self) -> Part<'_> {
        Part::network("denoiser", Component::Denoiser, vec![(&self.main, Component::Denoiser)])
    }

    /// The `n`-th CLIP text encoder, counted from 1.
    pub(crate) fn clip(&self, n: u8) -> Result<Part<'_>> {
        let part = if n == 1 { "first text encoder (CLIP)" } else { "second text encoder (OpenCLIP)" };
        let mut sources = vec![(&self.main, Component::TextEncoder(n))];
        if self.main.places().shape(Component::TextEncoder(n), CLIP).is_none() {
            // The extra files in their order are the encoders that the checkpoint lacks.
            let before = (1..n).filter(|m| self.main.places().shape(Component::TextEncoder(*m), CLIP).is_none()).count();
            let extra = self.encoders.iter().filter_map(|c| Some((c, of_clip(c)?)));
            sources = extra.skip(before).take(1).collect();
        }
        if sources.is_empty() { Err(ModelError::NoPart { part }) } else { Ok(Part::network(part, Component::TextEncoder(n), sources)) }
    }

    /// The T5 text encoder. Its first tensors are under another number in diffusers' folders than its blocks.
    pub(crate) fn t5(&self) -> Result<Part<'_>> {
        const ALL: [Component; 5] = [
            Component::TextEncoder(3),
            Component::TextEncoder(2),
            Component::TextEncoder(1),
            Component::TextEncoder(4),
            Component::Denoiser,
        ];
        let has = |c: &Checkpoint| ALL.iter().any(|component| c.places().shape(*component, T5).is_some());
        let holder =
            std::iter::once(&self.main).chain(&self.encoders).find(|c| has(c)).ok_or(ModelError::NoPart { part: "T5 text encoder" })?;
        Ok(Part::network("T5 text encoder", Component::TextEncoder(3), ALL.iter().map(|c| (holder, *c)).collect()))
    }

    /// The image encoder and decoder.
    pub(crate) fn vae(&self) -> Result<Part<'_>> {
        let part = match &self.vae {
            Some(vae) => Part::vae(vae, true),
            None => Part::vae(&self.main, false),
        };
        part.ok_or(ModelError::NoPart { part: "image decoder (VAE)" })
    }
}

fn of_clip(checkpoint: &Checkpoint) -> Option<Component> {
    (1..=4).map(Component::TextEncoder).find(|c| checkpoint.places().shape(*c, CLIP).is_some())
}

fn name(path: &Path) -> String {
    weft_weights::text::clean(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), 120)
}

impl ModelFiles {
    /// The checkpoint itself, then the text encoders that lie in files of their own.
    pub fn checkpoints(&self) -> impl Iterator<Item = &Checkpoint> {
        std::iter::once(&self.main).chain(&self.encoders)
    }

    /// The place of a text encoder's module in a file that holds that encoder alone, under whatever number.
    pub(crate) fn renumbered(&self, module: &Module) -> Option<(&Checkpoint, Place)> {
        let Component::TextEncoder(n) = module.target.component else { return None };
        let part = if n == 3 { self.t5() } else { self.clip(n) }.ok()?;
        part.sources().iter().find_map(|(checkpoint, component)| {
            let path = module.target.path.clone();
            let (rows, columns) = checkpoint.places().shape(*component, &path)?;
            let fits = module.target.rows.is_none() && (module.out_dim, module.in_dim) == (rows, columns);
            fits.then_some((*checkpoint, Place { component: *component, path, rows: 0..rows, columns, swapped: false }))
        })
    }
}
