//! Layers out of files.

use super::super::compute::Compute;
use super::super::error::{ModelError, Result};
use super::super::layer::{Cell, Conv2d, Linear};
use super::super::norm::{GroupNorm, LayerNorm, NormCell};
use super::vae;
use crate::kernel::Conv;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weft_weights::adapter::Component;
use weft_weights::checkpoint::{Checkpoint, Rows, matrix};
use weft_weights::progress::{Cancelled, Progress};

/// Where an adapter finds a layer: network and canonical path.
pub(crate) type Key = (Component, String);

/// Every layer that adapters may change.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) cells: HashMap<Key, Arc<Cell>>,
    pub(crate) norms: HashMap<Key, Arc<NormCell>>,
}

/// One network of a model in its files.
pub(crate) struct Part<'a> {
    /// Name for people.
    pub(crate) name: &'static str,
    /// What adapters call it; None for what they do not reach.
    component: Option<Component>,
    /// Where its weights may be; the first that has a path counts.
    sources: Vec<(&'a Checkpoint, Component)>,
    /// Flattened name with its end → tensor, for the VAE.
    tensors: HashMap<String, usize>,
}

/// Bytes read so far.
pub(crate) struct Meter<'a> {
    progress: &'a dyn Progress,
    done: AtomicU64,
    total: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(progress: &'a dyn Progress, total: u64) -> Self {
        Self { progress, done: AtomicU64::new(0), total }
    }

    fn add(&self, bytes: u64) -> Result<()> {
        Cancelled::check(self.progress)?;
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.progress.step(done.min(self.total), self.total, "Reading the model");
        Ok(())
    }
}

impl<'a> Part<'a> {
    pub(super) fn network(name: &'static str, component: Component, sources: Vec<(&'a Checkpoint, Component)>) -> Self {
        Self { name, component: Some(component), sources, tensors: HashMap::new() }
    }

    /// None when the checkpoint holds none.
    pub(super) fn vae(checkpoint: &'a Checkpoint, bare: bool) -> Option<Self> {
        let inside = |t: usize| vae::inside(&checkpoint.file_of(t).prefix, &checkpoint.info(t).name, bare).map(|name| (name, t));
        let names: Vec<(&str, usize)> = (0..checkpoint.tensors().len()).filter_map(inside).collect();
        let levels = vae::levels(names.iter().map(|n| n.0));
        let tensors: HashMap<String, usize> = names.into_iter().map(|(name, t)| (vae::canonical(name, levels), t)).collect();
        let name = "image decoder (VAE)";
        tensors.contains_key("decoder_conv_in_weight").then_some(Self {
            name,
            component: None,
            sources: vec![(checkpoint, Component::Denoiser)],
            tensors,
        })
    }

    /// A TAESD decoder under diffusers' numbers; the original ones count a function before the first convolution.
    pub(crate) fn tiny_decoder(checkpoint: &'a Checkpoint) -> Option<Self> {
        const PREFIXES: [&str; 4] = ["decoder.layers.", "taesd_decoder.", "decoder.", ""];
        let names = (0..checkpoint.tensors().len()).map(|t| (checkpoint.info(t).name.as_str(), t));
        let inside: Vec<(&str, usize)> = names.filter(|(n, _)| !n.contains("encoder.")).collect();
        let numbered = inside.iter().filter_map(|(name, t)| {
            let rest = PREFIXES.iter().find_map(|p| name.strip_prefix(p))?;
            let (digits, rest) = rest.split_once('.')?;
            Some((digits.parse::<usize>().ok()?, rest, *t))
        });
        let numbered: Vec<(usize, &str, usize)> = numbered.collect();
        let first = numbered.iter().map(|n| n.0).min().filter(|f| *f < 2)?;
        let tensors = numbered.iter().map(|(i, rest, t)| (format!("layers_{}_{}", i - first, rest.replace('.', "_")), *t)).collect();
        Some(Self { name: "tiny image decoder (TAESD)", component: None, sources: vec![(checkpoint, Component::Denoiser)], tensors })
    }

    /// Where its weights may be.
    pub(super) fn sources(&self) -> &[(&'a Checkpoint, Component)] {
        &self.sources
    }

    fn tensor(&self, path: &str) -> Option<usize> {
        let weight = if let Some(stem) = path.strip_suffix("_bias") { format!("{stem}_bias") } else { format!("{path}_weight") };
        self.tensors.get(&weight).copied()
    }

    /// Shape of a weight (or of a bias, by a path that ends in `_bias`).
    pub(crate) fn shape(&self, path: &str) -> Option<Vec<usize>> {
        if self.component.is_none() {
            return Some(self.sources[0].0.info(self.tensor(path)?).shape.clone());
        }
        self.sources.iter().find_map(|(checkpoint, component)| {
            let (rows, columns) = checkpoint.places().shape(*component, path)?;
            let first = checkpoint.places().pieces(*component, path).first()?;
            let stored = &checkpoint.info(first.tensor).shape;
            Some(match (stored.as_slice(), first.transposed) {
                ([_], _) => vec![rows],
                ([_, channels, kernel @ ..], false) => [&[rows, *channels], kernel].concat(),
                _ => vec![rows, columns],
            })
        })
    }

    /// True when there is such a weight.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.shape(path).is_some()
    }

    /// Number of members of a list: the paths that begin with `stem`, an index and an underscore.
    pub(crate) fn count(&self, stem: &str) -> usize {
        let index = |path: &str| {
            let rest = path.strip_prefix(stem)?;
            let (digits, _) = rest.split_once('_')?;
            digits.parse::<usize>().ok().map(|i| i + 1)
        };
        let places = self.sources.iter().flat_map(|(c, component)| c.places().all().filter(|p| p.0 == *component).map(|p| p.1));
        if self.component.is_none() { self.tensors.keys().filter_map(|p| index(p)).max() } else { places.filter_map(index).max() }
            .unwrap_or(0)
    }

    /// Numbers in all its weights, and the bytes they take in the files.
    pub(crate) fn size(&self) -> (u64, u64) {
        let of = |checkpoint: &Checkpoint, tensor: usize| {
            let info = checkpoint.info(tensor);
            (info.elements() as u64, info.byte_len())
        };
        let add = |a: (u64, u64), b: (u64, u64)| (a.0 + b.0, a.1 + b.1);
        if self.component.is_none() {
            return self.tensors.values().map(|t| of(self.sources[0].0, *t)).fold((0, 0), add);
        }
        let mut seen = std::collections::HashSet::new();
        let mut total = (0, 0);
        for (checkpoint, component) in &self.sources {
            for (_, _, pieces) in checkpoint.places().all().filter(|p| p.0 == *component) {
                for piece in pieces {
                    if seen.insert((std::ptr::from_ref::<Checkpoint>(checkpoint), piece.tensor)) {
                        total = add(total, of(checkpoint, piece.tensor));
                    }
                }
            }
        }
        total
    }

    fn read(&self, path: &str) -> Result<Option<Vec<f32>>> {
        if self.component.is_none() {
            let (Some(tensor), (checkpoint, _)) = (self.tensor(path), self.sources[0]) else { return Ok(None) };
            let rows = matrix(checkpoint.info(tensor)).map_or(0, |m| m.0);
            let mut out = Vec::new();
            Rows::default().read(checkpoint, tensor, 0..rows, &checkpoint.scales(tensor)?, &mut out)?;
            return Ok(Some(out));
        }
        for (checkpoint, component) in &self.sources {
            if let Some(found) = checkpoint.weight_at(*component, path, None)? {
                return Ok(Some(found.values));
            }
        }
        Ok(None)
    }
}

/// An f32 without its sign, as an integer, and what is no finite number: compared like this, a whole vector of them is one instruction.
const MAGNITUDE: u32 = 0x7fff_ffff;
const INFINITE: u32 = 0x7f80_0000;

/// Reads layers below one path of a part.
pub(crate) struct Loader<'a> {
    pub(crate) part: &'a Part<'a>,
    pub(crate) compute: &'a Compute,
    registry: &'a RefCell<Registry>,
    meter: &'a Meter<'a>,
    prefix: String,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(part: &'a Part<'a>, compute: &'a Compute, registry: &'a RefCell<Registry>, meter: &'a Meter<'a>) -> Self {
        Self { part, compute, registry, meter, prefix: String::new() }
    }

    /// The same for the paths below `name`.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: format!("{}{name}_", self.prefix), ..*self }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.part.has(&self.path(name))
    }

    pub(crate) fn count(&self, stem: &str) -> usize {
        self.part.count(&self.path(stem))
    }

    /// Shape of a weight that must be there.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let path = self.path(name);
        self.part.shape(&path).ok_or(ModelError::Missing { part: self.part.name, path })
    }

    /// Values of a weight that must be there, in f32.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>> {
        let path = self.path(name);
        let values = self.part.read(&path)?.ok_or_else(|| ModelError::Missing { part: self.part.name, path: path.clone() })?;
        self.meter.add(values.len() as u64)?;
        if values.chunks(4096).any(|c| c.iter().fold(0, |most, v| most.max(v.to_bits() & MAGNITUDE)) >= INFINITE) {
            return Err(ModelError::NotFinite {
                what: "the model file",
                when: format!(" in {path} of the {}", self.part.name),
                advice: "the file is damaged; get it again",
            });
        }
        Ok(values)
    }

    fn bias(&self, name: &str, n: usize) -> Result<Option<Vec<f32>>> {
        let name = format!("{name}_bias");
        if !self.has(&name) {
            return Ok(None);
        }
        let values = self.values(&name)?;
        if values.len() == n { Ok(Some(values)) } else { Err(self.misshapen(&name, format!("{n} values"))) }
    }

    pub(crate) fn misshapen(&self, name: &str, wanted: String) -> ModelError {
        let path = self.path(name);
        ModelError::Shape { part: self.part.name, found: self.part.shape(&path).unwrap_or_default(), path, wanted }
    }

    fn cell(&self, name: &str, inputs: usize, kernel: Option<(usize, usize)>) -> Result<Arc<Cell>> {
        let shape = self.shape(name)?;
        let (n, channels, found) = match *shape.as_slice() {
            [n, c] => (n, c, (1, 1)),
            [n, c, kh, kw] => (n, c, (kh, kw)),
            _ => return Err(self.misshapen(name, format!("a matrix with {inputs} inputs"))),
        };
        if channels != inputs || kernel.is_some_and(|k| k != found) || (kernel.is_none() && found.0 * found.1 != 1) {
            let (kh, kw) = kernel.unwrap_or((1, 1));
            return Err(self.misshapen(name, format!("{inputs} inputs and a kernel of {kh}×{kw}")));
        }
        let cell = Cell::new(&self.values(name)?, self.bias(name, n)?, (n, channels, found), self.compute)?;
        if let Some(component) = self.part.component {
            self.registry.borrow_mut().cells.insert((component, self.path(name)), Arc::clone(&cell));
        }
        Ok(cell)
    }

    /// A linear layer of `inputs`; stored as a matrix or as a 1×1 convolution.
    pub(crate) fn linear(&self, name: &str, inputs: usize) -> Result<Linear> {
        Ok(Linear(self.cell(name, inputs, None)?))
    }

    /// A convolution of `inputs` channels.
    pub(crate) fn conv(&self, name: &str, inputs: usize, how: Conv) -> Result<Conv2d> {
        Ok(Conv2d { cell: self.cell(name, inputs, Some(how.kernel))?, how })
    }

    fn norm_cell(&self, name: &str, width: usize) -> Result<Arc<NormCell>> {
        let scale = self.values(name)?;
        if scale.len() != width {
            return Err(self.misshapen(name, format!("{width} values")));
        }
        let cell = NormCell::new(scale, self.bias(name, width)?, self.compute)?;
        if let Some(component) = self.part.component {
            self.registry.borrow_mut().norms.insert((component, self.path(name)), Arc::clone(&cell));
        }
        Ok(cell)
    }

    pub(crate) fn group_norm(&self, name: &str, width: usize, groups: usize, epsilon: f64) -> Result<GroupNorm> {
        if groups == 0 || !width.is_multiple_of(groups) {
            return Err(self.misshapen(name, format!("a width that {groups} groups share evenly (norm_num_groups of the configuration)")));
        }
        Ok(GroupNorm { cell: self.norm_cell(name, width)?, groups, epsilon })
    }

    pub(crate) fn layer_norm(&self, name: &str, width: usize, epsilon: f32) -> Result<LayerNorm> {
        Ok(LayerNorm { cell: self.norm_cell(name, width)?, epsilon, rms: false })
    }

    pub(crate) fn rms_norm(&self, name: &str, width: usize, epsilon: f32) -> Result<LayerNorm> {
        Ok(LayerNorm { cell: self.norm_cell(name, width)?, epsilon, rms: true })
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("name", &self.name).finish_non_exhaustive()
    }
}
