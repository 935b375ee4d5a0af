//! What becomes of each tensor of the input: cut with its module, or carried through.

use super::module::{Decomposed, refused};
use super::{OpError, ResizeOptions, ResizedModule, meta};
use crate::adapter::{Factors, Kind, Module, Naming};
use crate::delta::Loader;
use crate::dtype::Dtype;
use crate::keys::Role;
use crate::merge::Member;
use crate::merge::Stored as _;
use crate::ops::peft;
use crate::ops::stream::Tensor;
use crate::ops::tensors::{self, encode, info, writable};
use crate::write::{Planned, header_bound};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a module, and Σσ² of its ΔW.
pub(super) type Told = (ResizedModule, f64);

/// A step of the writing, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// Index into the adapter's modules.
    Module(usize),
    /// Index into the header's tensors.
    Tensor(usize),
}

/// Everything decided but the numbers.
pub(super) struct Plan<'a> {
    pub(super) input: Member<'a>,
    options: &'a ResizeOptions,
    items: Vec<Item>,
    /// The one alpha of the result; None: each module keeps its alpha / rank.
    alpha: Option<f64>,
    /// The tensor of the bias beside a pair, by the module's name: it shares the pair's scale.
    biases: BTreeMap<&'a str, usize>,
    /// Modules without an alpha tensor get the scale multiplied in, and what the metadata says of scales is left out.
    folded: bool,
    pub(super) warnings: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(input: Member<'a>, options: &'a ResizeOptions) -> Result<Self, OpError> {
        options.keep.check()?;
        if options.max_rank == Some(0) {
            return Err(OpError::Options("the largest rank must be at least 1".into()));
        }
        let adapter = input.adapter;
        let sized: Vec<usize> = (0..adapter.modules.len()).filter(|i| has_rank(&adapter.modules[*i])).collect();
        if sized.is_empty() {
            let text = format!("no module of this file has a rank that could be lowered (it holds {} modules)", adapter.kind.label());
            return Err(OpError::Options(text));
        }
        let mut owned: BTreeSet<usize> = sized.iter().flat_map(|i| adapter.modules[*i].parts.iter().map(|(_, i)| *i)).collect();
        let beside = adapter.modules.iter().filter(|m| m.rank > 0).filter_map(|m| Some((m.name.as_str(), m.part(Role::Bias)?)));
        let names: BTreeSet<&str> = sized.iter().map(|i| adapter.modules[*i].name.as_str()).collect();
        let biases: BTreeMap<&str, usize> = beside.filter(|(name, _)| names.contains(name)).collect();
        owned.extend(biases.values());
        let mut items: Vec<(usize, Item)> =
            sized.iter().map(|i| (adapter.modules[*i].tensors().into_iter().min().unwrap_or(0), Item::Module(*i))).collect();
        let rest = (0..adapter.header.tensors.len()).filter(|i| !owned.contains(i));
        let written: BTreeSet<String> = sized.iter().flat_map(|i| Keys::of(input, &adapter.modules[*i]).names()).collect();
        let (in_the_way, rest): (Vec<usize>, Vec<usize>) = rest.partition(|i| written.contains(&info(input, *i).name));
        items.extend(rest.into_iter().map(|i| (i, Item::Tensor(i))));
        items.sort_by_key(|(at, _)| *at);
        let folded = sized.iter().any(|i| adapter.modules[*i].scale_from_metadata.is_some());
        let mut plan = Self {
            input,
            options,
            items: items.into_iter().map(|(_, item)| item).collect(),
            alpha: None,
            biases,
            folded,
            warnings: adapter.warnings.clone(),
        };
        plan.say_what_stays();
        if !in_the_way.is_empty() {
            // An alpha beside a scale, which is stronger; half a pair beside the factors of a LoHa.
            let names: Vec<String> = in_the_way.iter().take(3).map(|i| crate::text::shown(&info(input, *i).name)).collect();
            let more = if in_the_way.len() > names.len() { ", …" } else { "" };
            plan.warnings.push(format!("Left out, as they had no effect and the result needs their names: {}{more}.", names.join(", ")));
        }
        plan.alpha = plan.one_alpha(&sized)?;
        Ok(plan)
    }

    fn say_what_stays(&mut self) {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        self.input
            .adapter
            .modules
            .iter()
            .filter(|m| !has_rank(m) && m.part(Role::Bias).is_none())
            .for_each(|m| *kinds.entry(m.kind).or_default() += 1);
        for (kind, n) in kinds {
            self.warnings.push(format!("{n} modules of the kind {} were carried through as they are.", kind.label()));
        }
    }

    /// See the module's documentation: the most common alpha / rank times the largest rank there can be.
    fn one_alpha(&self, sized: &[usize]) -> Result<Option<f64>, OpError> {
        let adapter = self.input.adapter;
        let modules = || sized.iter().map(|i| &adapter.modules[*i]);
        if !adapter.detection.family.is_unet() || !modules().any(|m| m.alpha.is_some()) {
            return Ok(None);
        }
        let mut scales: BTreeMap<u64, usize> = BTreeMap::new();
        for module in modules() {
            let scale = tensors::scale(self.input, module)?;
            if scale > 0.0 {
                *scales.entry(scale.to_bits()).or_default() += 1;
            }
        }
        let common = scales.iter().max_by_key(|(bits, n)| (**n, **bits)).map_or(1.0, |(bits, _)| f64::from_bits(*bits));
        let highest = modules().map(|m| self.bound(m)).max().unwrap_or(1);
        Ok(Some(f64::from((common * highest as f64) as f32)))
    }

    /// The highest rank that a module can get.
    fn bound(&self, module: &Module) -> usize {
        let limit = match self.options.keep {
            super::Keep::Rank(k) => k,
            _ => usize::MAX,
        };
        rank_of(module).min(limit).min(self.options.max_rank.unwrap_or(usize::MAX)).min(module.out_dim.min(module.in_dim)).max(1)
    }

    /// Tensors that are carried through.
    pub(super) fn carried(&self) -> usize {
        self.items.iter().filter(|i| matches!(i, Item::Tensor(_))).count()
    }

    /// Modules that are carried through and make an adapter by themselves: not whole weights, and not what belongs to no module.
    pub(super) fn others(&self) -> usize {
        let tells = |role: &Role| !matches!(role, Role::Whole | Role::WholeBias | Role::Scale | Role::Alpha);
        let other = |m: &&Module| !has_rank(m) && m.parts.iter().any(|(role, _)| tells(role));
        self.input.adapter.modules.iter().filter(other).count()
    }

    /// Memory of each item, in bytes.
    pub(super) fn costs(&self) -> Vec<usize> {
        let cost = |item: &Item| match item {
            Item::Tensor(i) => info(self.input, *i).byte_len() as usize,
            Item::Module(i) => {
                let m = &self.input.adapter.modules[*i];
                (m.out_dim + m.in_dim).saturating_mul(rank_of(m)).saturating_mul(size_of::<f64>())
            }
        };
        self.items.iter().map(cost).collect()
    }

    pub(super) fn header_bound(&self) -> usize {
        let mut planned = Vec::new();
        let as_is = |i: usize| {
            let t = info(self.input, i);
            Planned { name: t.name.clone(), dtype: t.dtype, shape: t.shape.clone() }
        };
        for item in &self.items {
            match item {
                Item::Tensor(i) => planned.push(as_is(*i)),
                Item::Module(i) => {
                    let module = &self.input.adapter.modules[*i];
                    planned.extend(module.parts.iter().map(|(_, i)| *i).chain(self.biases.get(module.name.as_str()).copied()).map(as_is));
                    let keys = Keys::of(self.input, module);
                    let rank = rank_of(module);
                    let shapes = keys.shapes(self.input, module, rank);
                    planned.push(Planned { name: keys.down, dtype: Dtype::BF16, shape: shapes.0 });
                    planned.push(Planned { name: keys.up, dtype: Dtype::BF16, shape: shapes.1 });
                    planned.push(Planned { name: keys.alpha, dtype: Dtype::F32, shape: vec![1] });
                }
            }
        }
        header_bound(&planned, &self.metadata(usize::MAX))
    }

    /// The input's, with the new rank.
    pub(super) fn metadata(&self, rank: usize) -> BTreeMap<String, String> {
        let mut out = meta::continued(self.input, &self.options.origin, "resize", self.options);
        if self.folded {
            out.remove("lora_adapter_metadata");
        }
        if out.contains_key("ss_network_dim") || out.contains_key("ss_network_alpha") {
            out.insert("ss_network_dim".into(), rank.to_string());
            let modules = || self.input.adapter.modules.iter().filter(|m| has_rank(m));
            let ratio = modules().find_map(|m| tensors::scale(self.input, m).ok()).unwrap_or(1.0);
            out.insert("ss_network_alpha".into(), self.alpha.unwrap_or(ratio * rank as f64).to_string());
        }
        out
    }

    pub(super) fn adapter_config(&self, modules: &[ResizedModule]) -> Option<String> {
        const PREFIX: &str = "base_model.model.";
        let ranks: BTreeMap<String, usize> =
            modules.iter().filter(|m| m.rank > 0).filter_map(|m| Some((m.name.strip_prefix(PREFIX)?.to_owned(), m.rank))).collect();
        (ranks.len() == modules.iter().filter(|m| m.rank > 0).count() && !ranks.is_empty())
            .then(|| peft::adapter_config(&ranks, false, false))
    }

    /// The tensors of one item; of modules also what became of them, with Σσ².
    pub(super) fn make(&self, index: usize) -> Result<(Vec<Tensor>, Option<Told>), OpError> {
        match self.items[index] {
            Item::Tensor(i) => Ok((vec![self.copied(i)?], None)),
            Item::Module(i) => self.resized(&self.input.adapter.modules[i]).map(|(t, told)| (t, Some(told))),
        }
    }

    fn copied(&self, index: usize) -> Result<Tensor, OpError> {
        let t = info(self.input, index);
        let bytes = tensors::bytes(self.input, index)?.into_owned();
        Ok(Tensor { name: t.name.clone(), dtype: t.dtype, shape: t.shape.clone(), bytes })
    }

    fn resized(&self, module: &Module) -> Result<(Vec<Tensor>, Told), OpError> {
        let loader = Loader { adapter: self.input.adapter, source: self.input.source, base: None };
        let delta = loader.load(module).map_err(|e| refused(&module.name, e))?;
        let found = Decomposed::of(&delta, &module.name)?;
        let sigma = found.sigma();
        let limit = self.options.max_rank.unwrap_or(usize::MAX);
        let keep = if delta.scale == 0.0 { 0 } else { self.options.keep.count(sigma).min(limit) };
        let sum = |s: &[f64]| s.iter().rev().map(|v| v * v).sum::<f64>();
        let (kept, all) = (sum(&sigma[..keep]), sum(sigma));
        let told = ResizedModule {
            name: module.name.clone(),
            rank_before: delta.factor_rank().unwrap_or(module.rank).min(rank_of(module)),
            rank: keep,
            energy: if all > 0.0 { kept / all } else { 1.0 },
        };
        let told = (told, all * delta.scale * delta.scale);
        let bias = |factor| self.biases.get(module.name.as_str()).map(|i| self.scaled(*i, factor)).transpose();
        if keep == 0 {
            // A bias without a pair is read at scale 1.
            return Ok((bias(delta.scale)?.into_iter().collect(), told));
        }
        let alpha = self.alpha_for(module, delta.scale, keep);
        if keep == module.rank && self.stays(module, alpha, delta.scale) {
            let mut tensors = module.parts.iter().map(|(_, i)| self.copied(*i)).collect::<Result<Vec<_>, _>>()?;
            tensors.extend(bias(1.0)?);
            return Ok((tensors, told));
        }
        // alpha / keep is what a reader multiplies by; the factors take the rest, evenly.
        let quotient = delta.scale / alpha.map_or(1.0, |a| a / keep as f64);
        let (b, a) = found.truncate(keep);
        let mut tensors = self.encoded(module, keep, (&b, &a), quotient, alpha)?;
        tensors.extend(bias(quotient)?);
        Ok((tensors, told))
    }

    /// A tensor times `factor`.
    fn scaled(&self, index: usize, factor: f64) -> Result<Tensor, OpError> {
        // The rounding of an alpha to f32 is no reason to round every value.
        if (factor - 1.0).abs() < 1e-7 {
            return self.copied(index);
        }
        let t = info(self.input, index);
        let values: Vec<f32> = tensors::floats(self.input, index)?.into_iter().map(|v| (f64::from(v) * factor) as f32).collect();
        let dtype = writable(t.dtype);
        let bytes = encode(dtype, &values).ok_or_else(|| OpError::Range { module: t.name.clone(), dtype })?;
        Ok(Tensor { name: t.name.clone(), dtype, shape: t.shape.clone(), bytes })
    }

    /// The alpha to write; None where the names have none.
    fn alpha_for(&self, module: &Module, scale: f64, rank: usize) -> Option<f64> {
        let wanted = module.alpha.is_some() || (self.alpha.is_some() && module.naming == Naming::Kohya);
        wanted.then(|| self.alpha.unwrap_or(f64::from((scale * rank as f64) as f32)))
    }

    /// True when the stored tensors say the right thing already.
    fn stays(&self, module: &Module, alpha: Option<f64>, scale: f64) -> bool {
        let same_type = self.options.dtype.is_none_or(|d| module.tensors().into_iter().all(|i| info(self.input, i).dtype == d.dtype()));
        let same_scale = match alpha {
            Some(alpha) => (alpha / module.rank as f64 - scale).abs() <= 1e-9 * scale.abs() && module.alpha.is_some(),
            None => scale == 1.0,
        };
        same_type && same_scale && matches!(module.factors, Factors::Pair(_))
    }

    fn encoded(
        &self,
        module: &Module,
        rank: usize,
        (b, a): (&[f64], &[f64]),
        quotient: f64,
        alpha: Option<f64>,
    ) -> Result<Vec<Tensor>, OpError> {
        let dtype = self.options.dtype.map_or_else(|| self.stored(module), |d| d.dtype());
        let even = quotient.abs().sqrt();
        let down: Vec<f32> = a.iter().map(|v| (v * even) as f32).collect();
        let up = row_major(b, module.out_dim, rank, even.copysign(quotient));
        let keys = Keys::of(self.input, module);
        let shapes = keys.shapes(self.input, module, rank);
        let range = || OpError::Range { module: module.name.clone(), dtype };
        let mut out = Vec::with_capacity(3);
        if let Some(alpha) = alpha {
            let value = alpha as f32;
            out.push(Tensor { name: keys.alpha, dtype: Dtype::F32, shape: vec![], bytes: value.to_le_bytes().to_vec() });
        }
        out.push(Tensor { name: keys.down, dtype, shape: shapes.0, bytes: encode(dtype, &down).ok_or_else(range)? });
        out.push(Tensor { name: keys.up, dtype, shape: shapes.1, bytes: encode(dtype, &up).ok_or_else(range)? });
        Ok(out)
    }

    fn stored(&self, module: &Module) -> Dtype {
        writable(module.tensors().first().map_or(Dtype::F32, |i| info(self.input, *i).dtype))
    }
}

/// True for the kinds that this operation cuts.
fn has_rank(module: &Module) -> bool {
    let known = matches!(module.kind, Kind::Lora | Kind::Locon | Kind::Loha | Kind::Lokr) && !matches!(module.factors, Factors::Other(_));
    known && module.part(Role::Reshape).is_none()
}

/// The rank of the module as an exact pair, at most the smaller side.
fn rank_of(module: &Module) -> usize {
    let side = module.out_dim.min(module.in_dim);
    match &module.factors {
        Factors::Pair(_) => module.rank,
        Factors::Loha { .. } => module.rank.saturating_mul(module.rank).min(side),
        _ => side,
    }
}

/// Names of a module's tensors in the result.
struct Keys {
    down: String,
    up: String,
    alpha: String,
}

impl Keys {
    /// Those of the file for a pair, kohya's for what becomes one.
    fn of(input: Member<'_>, module: &Module) -> Self {
        let (down, up) = match &module.factors {
            Factors::Pair(p) => (info(input, p.down).name.clone(), info(input, p.up).name.clone()),
            _ => (format!("{}.lora_down.weight", module.name), format!("{}.lora_up.weight", module.name)),
        };
        let named = module.alpha.filter(|_| !module.alpha_is_scale);
        let alpha = named.map_or_else(|| format!("{}.alpha", module.name), |i| info(input, i).name.clone());
        Self { down, up, alpha }
    }

    fn names(self) -> [String; 3] {
        [self.down, self.up, self.alpha]
    }

    /// (down, up): the dimensions that the stored factors have; a Tucker core's kernel goes into the down factor.
    fn shapes(&self, input: Member<'_>, module: &Module, rank: usize) -> (Vec<usize>, Vec<usize>) {
        if let Factors::Pair(p) = &module.factors {
            let (down, up) = (&info(input, p.down).shape, &info(input, p.up).shape);
            let kernel = p.mid.map_or(&down[2..], |mid| &info(input, mid).shape[2..]);
            let left = std::iter::once(rank).chain(down.get(1).copied()).chain(kernel.iter().copied()).collect();
            let right = [module.out_dim, rank].into_iter().chain(up[2..].iter().copied()).collect();
            return (left, right);
        }
        let kernel = module.kernel_shape(&input.adapter.header).unwrap_or_default();
        let inputs = module.in_dim / kernel.iter().product::<usize>().max(1);
        ([&[rank, inputs], &kernel[..]].concat(), [&[module.out_dim, rank], &vec![1; kernel.len()][..]].concat())
    }
}

/// Columns of m values, one after another, times `factor`, as a row-major m×k matrix; tile by tile, so that both sides stay in the cache.
fn row_major(columns: &[f64], m: usize, k: usize, factor: f64) -> Vec<f32> {
    const TILE: usize = 64;
    let mut out = vec![0f32; m * k];
    for start in (0..m).step_by(TILE) {
        let rows = start..(start + TILE).min(m);
        for (j, column) in columns.chunks_exact(m).enumerate() {
            for i in rows.clone() {
                out[i * k + j] = (column[i] * factor) as f32;
            }
        }
    }
    out
}
