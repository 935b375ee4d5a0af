//! Several adapters into one.
//!
//! Each input i brings a change ΔWᵢ of a weight of the network and a weight wᵢ, its own times its profile's factor for the block; a weight of 0
//! leaves a module out. Factors of different files are never added to each other (that would bring in cross terms).
//!
//! Most methods compute a sum Σ cᵢ·ΔWᵢ. It is the stack B = [c₁s₁B₁ …], A = [A₁; …], exactly. They differ in the cᵢ and in what they store:
//!
//! - **concat** stores the stack as it is. The rank is the sum of the ranks; A keeps its bits, B takes weight and scale. Exact to the rounding of the
//!   stored type, relative to the inputs (where they nearly cancel each other, sum is more precise). Fast: nothing is decomposed.
//! - **sum** stores the same ΔW at its numerical rank: where factors depend on each other (the same file twice, a split file whose leaves share
//!   one A) the stack is replaced by its singular vectors, as many as hold all but 1e-16 of the energy (an error of 1e-8); where they do not,
//!   the stack stays as it is. With a rank or an energy it is compressed like svd.
//! - **average** is the sum divided by Σ|wᵢ|, over all inputs (text encoders by theirs) or over those that have the module. Profiles do not enter
//!   the divisor.
//! - **svd** keeps the best approximation of a given rank, or the smallest that keeps a given part of every module's energy. Never forms an m×n matrix.
//! - **slerp**, **karcher**, **norm_equal** and the budget per block take their coefficients from the inner products ⟨ΔWᵢ, ΔWⱼ⟩ ([`coefficients`]).
//!
//! **knots**, **core** and **null_space** work in the space of the factors ([`factor`]); **ties**, **dare**, **dare_ties**, **della**,
//! **magnitude_prune**, **breadcrumbs** and **sce** work element by element ([`dense`]). docs/merging.md tells what each is for.
//!
//! Inputs of every kind are taken: what has exact factors (LoRA, LoCon, LoHa, LoKr) by them, the rest by tiles of the dense ΔW; kinds that depend
//! on the base model only with a [`Base`](crate::delta::Base). Biases and weights of norms are added, whatever the method.
//!
//! Kohya's names come with an alpha, the largest rank, the same for every module (Flux: each module's own); the up factors are scaled so that
//! alpha / rank · B·A is ΔW. Other names have none: the scale is 1. Which names a family gets is told in `names`.
//! The same plan and the same inputs give the same bytes, with any number of threads.

mod coefficients;
mod compute;
mod dense;
mod estimate;
mod factor;
mod load;
mod meta;
mod names;
mod options;
mod plan;
mod spread;
mod stream;
mod targets;
mod whole;

pub use estimate::{CurvePoint, EnergyCurve, RANKS, estimate, estimate_on};
pub use plan::{MergeError, MergeInput, MergePlan, MergeReport, Method, OutDtype, SlotStrength, WEIGHT_RANGE};
pub use weft_domain::merge::{Divisor, Elect, Form, Inner, Options, Scope, Share, Vote};

pub(crate) use plan::Stored;

use load::Reader;
use targets::{Group, Named, Taking, grouped};

use crate::adapter::{Adapter, Module};
use crate::delta::Base;
use crate::family::Family;
use crate::layout::Layout;
use crate::progress::Progress;
use crate::relations::compatible_with;
use crate::source::TensorSource;
use crate::write::{AtomicFile, Planned, TensorWriter, WriteError, header_bound};
use compute::{Context, Way};
use names::Keys;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, Write};
use std::path::Path;

/// The part of the energy that `sum` keeps: an error of 1e-8, far below the rounding of any stored type.
pub(crate) const EXACT_ENERGY: f64 = 1.0 - 1e-16;

/// Warnings of each input that the report repeats.
const SHOWN: usize = 5;

/// An adapter and the bytes behind its header.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// Index of the file.
    pub adapter: &'a Adapter,
    /// Its bytes.
    pub source: &'a dyn TensorSource,
}

impl std::fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("modules", &self.adapter.modules.len()).finish_non_exhaustive()
    }
}

/// Merges into a new file at `out`. Until the last byte is on the disk the file has a temporary name in the same folder; on an error or a
/// cancellation nothing stays.
pub fn merge(plan: &MergePlan, members: &[Member<'_>], out: &Path, progress: &dyn Progress) -> Result<MergeReport, MergeError> {
    merge_on(plan, members, None, out, progress)
}

/// As [`merge`], with the base model at hand: DoRA, (IA)³, OFT, BOFT and GLoRA enter with the change they make to it.
pub fn merge_on(
    plan: &MergePlan,
    members: &[Member<'_>],
    base: Option<&dyn Base>,
    out: &Path,
    progress: &dyn Progress,
) -> Result<MergeReport, MergeError> {
    let prepared = Prepared::of(plan, members, base)?;
    let file = AtomicFile::create(out, plan.overwrite)?;
    let (_, report) = prepared.write(file.sink()?, progress)?;
    file.commit(plan.overwrite)?;
    Ok(report)
}

/// Merges into any sink, for example a buffer in memory. On an error the sink holds rubbish.
pub fn merge_into<W: Write + Seek + Send>(
    plan: &MergePlan,
    members: &[Member<'_>],
    out: W,
    progress: &dyn Progress,
) -> Result<(W, MergeReport), MergeError> {
    merge_into_on(plan, members, None, out, progress)
}

/// As [`merge_into`], with the base model at hand.
pub fn merge_into_on<W: Write + Seek + Send>(
    plan: &MergePlan,
    members: &[Member<'_>],
    base: Option<&dyn Base>,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, MergeReport), MergeError> {
    Prepared::of(plan, members, base)?.write(out, progress)
}

/// A merge with everything decided but the numbers.
pub(crate) struct Prepared<'a> {
    plan: &'a MergePlan,
    files: Vec<Named<'a>>,
    context: Context<'a>,
    family: Family,
    groups: Vec<Group>,
    keys: Vec<Keys>,
    ways: Vec<Way>,
    /// (member, tensor) of embeddings that go through unchanged.
    carried: Vec<(usize, usize)>,
    warnings: Vec<String>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn of(plan: &'a MergePlan, members: &[Member<'a>], base: Option<&'a dyn Base>) -> Result<Self, MergeError> {
        plan.validate()?;
        if plan.inputs.len() != members.len() {
            return Err(MergeError::Plan(format!("{} inputs are planned, {} files are given", plan.inputs.len(), members.len())));
        }
        let adapters: Vec<&Adapter> = members.iter().map(|m| m.adapter).collect();
        let labelled: Vec<(&str, &Adapter)> = plan.inputs.iter().map(|i| i.label.as_str()).zip(adapters.iter().copied()).collect();
        let verdict = compatible_with(&labelled, base.is_some());
        if !verdict.fits {
            return Err(MergeError::Incompatible(verdict.reasons));
        }
        check_profiles(plan, &adapters)?;
        let files: Vec<Named<'a>> = members.iter().zip(&plan.inputs).map(|(m, i)| Named { adapter: m.adapter, label: &i.label }).collect();
        let family = adapters.iter().map(|a| a.detection.family).find(|f| *f != Family::Unknown).unwrap_or_default();
        let mut warnings = verdict.warnings;
        let (groups, keys) = named_groups(plan, &files, family, base, &mut warnings)?;
        for file in &files {
            warnings.extend(file.adapter.warnings.iter().take(SHOWN).map(|w| format!("{}: {w}", file.label)));
        }
        let ways = whole::ways(plan, &files, &groups, &mut warnings)?;
        let carried = carried(plan, &files, &mut warnings)?;
        let context = Context {
            plan,
            readers: members.iter().zip(&files).map(|(m, file)| Reader { file: *file, source: m.source }).collect(),
            base,
            truncation: plan.truncation(),
            dtype: plan.dtype,
            divisor: divisor(plan),
            alpha: None,
        };
        let mut prepared = Self { plan, files, context, family, groups, keys, ways, carried, warnings };
        prepared.context.alpha = prepared.file_alpha();
        Ok(prepared)
    }

    /// Finds the coefficients that depend on what is in the files.
    pub(crate) fn settle(&mut self, progress: &dyn Progress) -> Result<(), MergeError> {
        if coefficients::wanted(self.plan) {
            coefficients::settle(&self.context, &self.files, &mut self.groups, progress)?;
        }
        Ok(())
    }

    fn write<W: Write + Seek + Send>(mut self, out: W, progress: &dyn Progress) -> Result<(W, MergeReport), MergeError> {
        self.settle(progress)?;
        if self.plan.options.spread {
            self.share_out(progress)?;
            self.context.alpha = self.file_alpha();
        }
        let io = |source| WriteError::Io { path: "the output".into(), source };
        let bound = header_bound(&self.planned(), &self.metadata(self.largest()));
        let mut writer = TensorWriter::new(out, bound).map_err(io)?;
        let outcomes = self.stream(&mut writer, progress)?;
        self.write_carried(&mut writer)?;
        if outcomes.iter().all(|o| o.rank == 0) {
            return Err(MergeError::Plan("nothing is left of the inputs: every module is zero".into()));
        }
        let rank = outcomes.iter().filter(|o| !o.whole).map(|o| o.rank).max().unwrap_or(0);
        let metadata = self.metadata(rank);
        let bytes = 8 + bound as u64 + writer.data_len();
        let out = writer.finish(&metadata)?;
        Ok((out, self.report(&outcomes, bytes)))
    }

    fn metadata(&self, rank: usize) -> BTreeMap<String, String> {
        meta::metadata(self.plan, &self.files, self.family, rank, self.context.alpha)
    }

    /// The one alpha of a result with kohya's names, known before any module is computed: the largest rank a module can get.
    ///
    /// An alpha of its own rank for each module would say the same, but diffusers (0.42) takes the most common alpha of a UNet file for all of its
    /// attention modules, which gives every module of another rank a wrong strength. One alpha throughout is read right by every program. Flux is
    /// the exception: there diffusers heeds each alpha except those of the final layer, which it leaves out (scale 1), so that alpha = rank
    /// is what every program reads right.
    fn file_alpha(&self) -> Option<usize> {
        let wanted = self.family != Family::Flux1 && self.keys.iter().any(|k| k.alpha.is_some());
        wanted.then(|| self.largest()).filter(|rank| *rank > 0)
    }

    /// The largest rank that a module of the result can get.
    fn largest(&self) -> usize {
        (0..self.groups.len()).map(|i| self.largest_rank(i)).max().unwrap_or(0)
    }

    /// Sum of the ranks of a group's parts, cut by the plan. 0 for what is stored whole.
    fn largest_rank(&self, index: usize) -> usize {
        let (group, way) = (&self.groups[index], self.ways[index]);
        if way.diff {
            return 0;
        }
        let stacked = if way.dense { group.bulk().min(group.m).min(group.n) } else { group.bulk() };
        match self.context.truncation {
            None => stacked,
            // A dense difference has every rank that is asked for.
            Some(t) if way.dense => {
                way.rank.or(t.rank).map_or(if t.energy.is_some() { group.m.min(group.n) } else { stacked }, |r| r.min(group.m).min(group.n))
            }
            Some(t) => way.rank.or(t.rank).map_or(stacked, |r| r.min(stacked)),
        }
    }

    /// All tensors of the result at their largest.
    fn planned(&self) -> Vec<Planned> {
        let dtype = self.plan.dtype.dtype();
        let mut out = Vec::with_capacity(self.groups.len() * 3 + self.carried.len());
        for (i, keys) in self.keys.iter().enumerate() {
            if self.ways[i].diff {
                out.push(Planned { name: whole::key(keys), dtype, shape: whole::shape(&self.groups[i], keys) });
                continue;
            }
            let rank = self.largest_rank(i);
            let (down, up) = shapes(&self.groups[i], keys, rank);
            out.push(Planned { name: keys.down.clone(), dtype, shape: down });
            out.push(Planned { name: keys.up.clone(), dtype, shape: up });
            if let Some(alpha) = &keys.alpha {
                out.push(Planned { name: alpha.clone(), dtype: crate::dtype::Dtype::BF16, shape: vec![] });
            }
        }
        for (member, tensor) in &self.carried {
            let info = &self.files[*member].adapter.header.tensors[*tensor];
            out.push(Planned { name: info.name.clone(), dtype: info.dtype, shape: info.shape.clone() });
        }
        out
    }

    fn write_carried<W: Write + Seek>(&self, writer: &mut TensorWriter<W>) -> Result<(), MergeError> {
        for (member, tensor) in &self.carried {
            let info = &self.files[*member].adapter.header.tensors[*tensor];
            self.context.readers[*member]
                .with_bytes(*tensor, |bytes| writer.tensor(&info.name, info.dtype, &info.shape, bytes))?
                .map_err(|source| WriteError::Io { path: "the output".into(), source })?;
        }
        Ok(())
    }
}

/// (down, up) shapes of a module of the result.
fn shapes(group: &Group, keys: &Keys, rank: usize) -> (Vec<usize>, Vec<usize>) {
    match &keys.conv {
        Some(kernel) => ([&[rank, inputs(group, kernel)], &kernel[..]].concat(), [&[group.m, rank], &vec![1; kernel.len()][..]].concat()),
        None => (vec![rank, group.n], vec![group.m, rank]),
    }
}

/// Input channels of a convolution.
fn inputs(group: &Group, kernel: &[usize]) -> usize {
    group.n / kernel.iter().product::<usize>().max(1)
}

/// Groups with their keys. Where the chosen names have no key for some group, all get kohya's.
fn named_groups(
    plan: &MergePlan,
    files: &[Named<'_>],
    family: Family,
    base: Option<&dyn Base>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Group>, Vec<Keys>), MergeError> {
    use names::Form;
    let weight = |member: usize, module: &Module| plan.inputs[member].weight_of(module);
    let mut form = names::choose(files, plan.naming, family)?;
    loop {
        let groups = grouped(files, weight, Taking { fuse: form != Form::Kept, base })?;
        if groups.is_empty() {
            return Err(MergeError::Plan("nothing is left to merge: every weight is 0 or the files hold no modules".into()));
        }
        let keys: Vec<Option<Keys>> = groups.iter().map(|g| whole::named(files, g, form, family)).collect();
        let Some(nameless) = keys.iter().position(Option::is_none) else {
            let keys: Vec<Keys> = keys.into_iter().flatten().collect();
            return unique(&keys).map(|()| (groups, keys));
        };
        let path = &groups[nameless].target.path;
        match form {
            Form::Kohya => return Err(MergeError::Plan(format!("{path} has no name in the result"))),
            Form::Native if plan.naming.is_some() => {
                return Err(MergeError::Plan(format!("{path} has no known name in the native Wan model; kohya names always work")));
            }
            Form::Kept if plan.naming.is_some_and(|n| n != crate::adapter::Naming::Kohya) => return Err(names::not_all()),
            Form::Native => warnings.push(format!(
                "{path} has no known name in the native Wan model, so the result has kohya names; diffusers may not load them."
            )),
            Form::Kept => {}
        }
        form = Form::Kohya;
    }
}

fn unique(keys: &[Keys]) -> Result<(), MergeError> {
    let mut seen = BTreeSet::new();
    match keys.iter().find(|k| !seen.insert(&k.down)) {
        Some(twice) => Err(MergeError::Plan(format!("two modules of the result would get the name {}", twice.stem))),
        None => Ok(()),
    }
}

fn divisor(plan: &MergePlan) -> (f64, f64) {
    if plan.method != Method::Average || plan.divides_by_present() {
        return (1.0, 1.0);
    }
    let sum = |w: &dyn Fn(&MergeInput) -> f64| plan.inputs.iter().map(|i| w(i).abs()).sum::<f64>();
    (sum(&|i| i.weight), sum(&|i| i.te_weight.unwrap_or(i.weight)))
}

fn check_profiles(plan: &MergePlan, adapters: &[&Adapter]) -> Result<(), MergeError> {
    for (input, adapter) in plan.inputs.iter().zip(adapters) {
        let Some(profile) = &input.profile else { continue };
        let wanted = profile.layout().id;
        match layout_of(adapter) {
            Some(layout) if layout.id == wanted => {}
            Some(layout) => {
                return Err(MergeError::Plan(format!(
                    "the profile of {} is for {wanted}, the file has the layout {}",
                    input.label, layout.id
                )));
            }
            None => return Err(MergeError::Plan(format!("{} has no known block layout, so a profile cannot be applied", input.label))),
        }
    }
    Ok(())
}

/// Layout of a file, where it is known.
pub(crate) fn layout_of(adapter: &Adapter) -> Option<&'static Layout> {
    adapter.detection.layout
}

/// Trained embeddings bundled in the files go through as they are; anything else outside of modules is left out and named.
fn carried(plan: &MergePlan, files: &[Named<'_>], warnings: &mut Vec<String>) -> Result<Vec<(usize, usize)>, MergeError> {
    let (mut out, mut seen) = (Vec::new(), BTreeSet::new());
    for (member, file) in files.iter().enumerate() {
        let mut left = 0;
        for &tensor in &file.adapter.carried {
            let name = &file.adapter.header.tensors[tensor].name;
            if !name.starts_with("bundle_emb.") {
                left += 1;
            } else if plan.inputs[member].weight == 0.0 {
            } else if seen.insert(name) {
                out.push((member, tensor));
            } else {
                return Err(MergeError::Plan(format!("two files bring an embedding named {name}; remove it from one of them")));
            }
        }
        if left > 0 {
            warnings.push(format!("{left} tensors of {} belong to no module and were left out.", file.label));
        }
    }
    Ok(out)
}
