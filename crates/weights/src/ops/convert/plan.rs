//! What is made of which modules.

use super::names::{Names, Unit};
use super::weight::{Weight, dora_axis, ending, exact_rank, same_rows, weights};
use super::{Convention, ConvertOptions, ConvertReport, ConvertedModule, OpError};
use crate::adapter::{Factors, Kind, Module, Naming};
use crate::dtype::Dtype;
use crate::keys::Role;
use crate::merge::{Member, Stored as _};
use crate::ops::stream::Tensor;
use crate::ops::tensors::{self, info, writable};
use crate::ops::{meta, peft};
use crate::write::{Planned, header_bound};
use std::collections::{BTreeMap, HashMap};

/// A stored difference or bias, and where its rows belong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) tensor: usize,
    pub(super) row0: usize,
    pub(super) swapped: bool,
    pub(super) scale: f64,
}

/// One step of the writing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Job {
    /// Pairs of these modules become the pair of a unit.
    Pair {
        unit: Unit,
        modules: Vec<usize>,
        path: String,
    },
    /// The tensors of a module get another stem and keep their endings and bytes.
    Rename {
        stem: String,
        module: usize,
    },
    /// A DoRA pair in PEFT's names.
    Dora {
        stem: String,
        module: usize,
    },
    /// Rows of stored differences.
    Stored {
        key: String,
        unit: Unit,
        from: Vec<Stored>,
        module: String,
    },
    Copy {
        tensor: usize,
    },
}

/// Everything decided but the numbers.
pub(super) struct Plan<'a> {
    pub(super) input: Member<'a>,
    pub(super) options: &'a ConvertOptions,
    pub(super) names: Names<'a>,
    pub(super) jobs: Vec<Job>,
    /// One alpha for all pairs of the result.
    pub(super) alpha: Option<f64>,
    left_out: Vec<(String, String)>,
    warnings: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(input: Member<'a>, options: &'a ConvertOptions) -> Result<Self, OpError> {
        let adapter = input.adapter;
        let names = Names::of(adapter, options.to);
        let warnings = adapter.warnings.clone();
        let mut plan = Self { input, options, names, jobs: Vec::new(), alpha: None, left_out: Vec::new(), warnings };
        let mut elsewhere = 0;
        for weight in weights(adapter) {
            if options.to == Convention::Peft && weight.component != options.component {
                elsewhere += weight.modules.len();
                continue;
            }
            plan.weight(&weight)?;
        }
        if elsewhere > 0 {
            let text = "modules of other networks are not in this file: a PEFT adapter is for one network, convert once for each";
            plan.warnings.push(format!("{elsewhere} {text}."));
        }
        plan.carried();
        plan.dora_must_be_all();
        plan.unique()?;
        if !plan.left_out.is_empty() && !options.leave_out {
            return Err(plan.refusal());
        }
        if plan.jobs.is_empty() {
            return Err(OpError::Options(format!("nothing of this file can be written in {} names", options.to.name())));
        }
        plan.alpha = plan.one_alpha()?;
        Ok(plan)
    }

    fn refusal(&self) -> OpError {
        let shown: Vec<String> = self.left_out.iter().take(3).map(|(m, why)| format!("{}: {why}", crate::text::shown(m))).collect();
        let n = self.left_out.len();
        OpError::Options(format!(
            "{n} modules cannot be written in {} names; ask to leave them out if that is meant. {}{}",
            self.options.to.name(),
            shown.join("; "),
            if n > 3 { "; …" } else { "" }
        ))
    }

    fn leave(&mut self, module: usize, why: impl Into<String>) {
        self.left_out.push((self.input.adapter.modules[module].name.clone(), why.into()));
    }

    /// All jobs of one weight.
    fn weight(&mut self, weight: &Weight<'_>) -> Result<(), OpError> {
        let adapter = self.input.adapter;
        let of = |list: &[usize]| list.iter().map(|i| &adapter.modules[*i]).collect::<Vec<&Module>>();
        let (full, rest): (Vec<usize>, Vec<usize>) = weight.modules.iter().partition(|i| adapter.modules[**i].kind == Kind::Full);
        let mut units = None;
        if !rest.is_empty() {
            let found = self.units(weight, &of(&rest));
            match found {
                Ok(found) => {
                    let (pairs, others): (Vec<usize>, Vec<usize>) = rest.into_iter().partition(|i| self.becomes_pair(*i, &found));
                    others.into_iter().for_each(|i| self.other(i, &found));
                    self.pairs(weight.path, &pairs, &found);
                    units = Some(found);
                }
                Err(why) => rest.into_iter().for_each(|i| self.leave(i, why.clone())),
            }
        }
        self.full(weight, &full, units)
    }

    /// The units of a weight, or why there are none.
    fn units(&self, weight: &Weight<'_>, modules: &[&Module]) -> Result<Vec<Unit>, String> {
        let n = modules[0].in_dim;
        let whole = modules.iter().find(|m| m.target.rows.is_none()).map(|m| m.out_dim);
        let m = whole.or_else(|| self.names.height(weight.path, n, modules));
        let Some(m) = m else { return Err(format!("the file has parts of {} only, and its height is not known", weight.path)) };
        let fits = |x: &&Module| x.in_dim == n && x.target.rows.map_or(x.out_dim == m, |(start, rows)| start + rows <= m);
        if !modules.iter().all(|x| fits(x) || x.out_dim == 0 || x.in_dim == 0) {
            return Err(format!("modules of {} have sizes that do not fit each other", weight.path));
        }
        self.names
            .units(weight.component, weight.path, (m, n), modules)
            .ok_or_else(|| format!("{} has no known name there (family {})", weight.path, self.names.family_label()))
    }

    /// True for what is written as a pair: pairs, and what has an exact one where it must.
    fn becomes_pair(&self, index: usize, units: &[Unit]) -> bool {
        let module = &self.input.adapter.modules[index];
        let same = same_rows(module, units);
        if module.part(Role::Reshape).is_some() {
            return false;
        }
        match (module.kind, &module.factors) {
            (Kind::Lora | Kind::Locon, Factors::Pair(p)) => p.mid.is_none() || !same || self.options.to != Convention::Kohya,
            (Kind::Loha | Kind::Lokr, _) => {
                (self.options.to.pairs_only() || !same) && exact_rank(self.input.adapter, module) <= self.options.max_rank
            }
            _ => false,
        }
    }

    /// Everything that is no pair: keeps its tensors where it can.
    fn other(&mut self, index: usize, units: &[Unit]) {
        let module = &self.input.adapter.modules[index];
        let same = same_rows(module, units);
        let stem = || units[0].stem.clone();
        let rank = exact_rank(self.input.adapter, module);
        let why = match module.kind {
            Kind::Dora if self.options.to.pairs_only() && same => match dora_axis(self.input.adapter, module) {
                Ok(()) => return self.jobs.push(Job::Dora { stem: stem(), module: index }),
                Err(why) => why.to_owned(),
            },
            Kind::Loha | Kind::Lokr if self.options.to.pairs_only() || !same => {
                format!("as a pair it needs rank {rank}, more than {}: resize it first", self.options.max_rank)
            }
            _ if module.part(Role::Reshape).is_some() && (self.options.to.pairs_only() || !same) => {
                "it changes the shape of its weight, which has no name there".to_owned()
            }
            kind if self.options.to.pairs_only() => format!("there are no names for {} modules", kind.label()),
            kind if !same => format!("a {} module cannot be cut or joined without the base model", kind.label()),
            Kind::Set if module.naming == Naming::Peft => "there is no name for a replaced weight there".to_owned(),
            _ if module.naming == Naming::Peft && !matches!(module.kind, Kind::Dora | Kind::Loha | Kind::Lokr) => {
                format!("PEFT's {} tensors mean something else there", module.kind.label())
            }
            _ if module.scale_from_metadata.is_some_and(|s| s != 1.0) && module.rank == 0 => {
                "its scale stands in the metadata, which these names do not read".to_owned()
            }
            _ => return self.jobs.push(Job::Rename { stem: stem(), module: index }),
        };
        self.leave(index, why);
    }

    fn pairs(&mut self, path: &str, pairs: &[usize], units: &[Unit]) {
        for unit in units {
            let touches = |i: &&usize| {
                let module = &self.input.adapter.modules[**i];
                let (start, rows) = module.target.rows.unwrap_or((0, module.out_dim));
                start < unit.rows.0 + unit.rows.1 && unit.rows.0 < start + rows
            };
            let modules: Vec<usize> = pairs.iter().filter(touches).copied().collect();
            if !modules.is_empty() {
                self.jobs.push(Job::Pair { unit: unit.clone(), modules, path: path.to_owned() });
            }
        }
    }

    /// Stored differences of a weight, and of its bias.
    fn full(&mut self, weight: &Weight<'_>, full: &[usize], units: Option<Vec<Unit>>) -> Result<(), OpError> {
        let adapter = self.input.adapter;
        let mut by_ending: BTreeMap<&'static str, Vec<(usize, Stored)>> = BTreeMap::new();
        for &index in full {
            let module = &adapter.modules[index];
            let Some(&tensor) = module.tensors().first() else { continue };
            let role = module.parts.iter().find(|(_, i)| *i == tensor).map_or(Role::Diff, |(r, _)| *r);
            let Some(ending) = ending(role, self.options.to) else {
                self.leave(index, "there are no names for stored differences of weights");
                continue;
            };
            // A bias covers the rows of the weight it stands beside.
            let beside = adapter.modules.iter().find(|m| m.name == module.name && m.kind != Kind::Full);
            let rows = beside.map_or(module.target.rows, |m| m.target.rows);
            let stored = Stored {
                tensor,
                row0: rows.map_or(0, |r| r.0),
                swapped: module.swapped_halves,
                scale: tensors::scale(self.input, module)?,
            };
            by_ending.entry(ending).or_default().push((index, stored));
        }
        for (ending, list) in by_ending {
            self.stored(weight, ending, &list, units.as_deref());
        }
        Ok(())
    }

    fn stored(&mut self, weight: &Weight<'_>, ending: &str, list: &[(usize, Stored)], units: Option<&[Unit]>) {
        let modules: Vec<&Module> = list.iter().map(|(i, _)| &self.input.adapter.modules[*i]).collect();
        let paired = |u: &Unit| self.jobs.iter().any(|j| matches!(j, Job::Pair { unit, .. } if unit.stem == u.stem));
        let found = match units {
            Some(units) => units.to_vec(),
            None => {
                let rows = modules.iter().map(|m| m.out_dim).max().unwrap_or(0);
                let columns = if ending.contains("diff_b") || ending.contains("bias") { None } else { Some(modules[0].in_dim) };
                let known = columns.and_then(|n| self.names.units(weight.component, weight.path, (rows, n), &modules));
                let whole = || {
                    let alone = modules.iter().all(|m| m.target.rows.is_none());
                    let stem =
                        self.names.whole(weight.component, weight.path, &modules).filter(|_| alone && !self.options.to.pairs_only())?;
                    Some(vec![Unit { stem, rows: (0, rows), swapped: false }])
                };
                known.or_else(whole).unwrap_or_default()
            }
        };
        if found.is_empty() && !self.options.to.pairs_only() {
            let why = format!("{} has no known name there (family {})", weight.path, self.names.family_label());
            return list.iter().for_each(|(i, _)| self.leave(*i, why.clone()));
        }
        if !found.iter().any(|u| !self.options.to.pairs_only() || paired(u)) {
            return list.iter().for_each(|(i, _)| self.leave(*i, "a stored difference has no name there without a pair beside it"));
        }
        for unit in found.into_iter().filter(|u| !self.options.to.pairs_only() || paired(u)).collect::<Vec<_>>() {
            let key = format!("{}{ending}", unit.stem);
            let from = list.iter().map(|(_, s)| s.clone()).collect();
            self.jobs.push(Job::Stored { key, unit, from, module: modules[0].name.clone() });
        }
    }

    /// Embeddings go through where programs look for them.
    fn carried(&mut self) {
        let mut left = 0;
        for &tensor in &self.input.adapter.carried {
            let bundled = info(self.input, tensor).name.starts_with("bundle_emb.");
            if bundled && !self.options.to.pairs_only() { self.jobs.push(Job::Copy { tensor }) } else { left += 1 }
        }
        if left > 0 {
            self.warnings.push(format!(
                "{left} tensors that belong to no module have no place in {} names and were left out.",
                self.options.to.name()
            ));
        }
    }

    /// PEFT's configuration says for the whole adapter whether it is DoRA.
    fn dora_must_be_all(&mut self) {
        let (dora, rest): (Vec<Job>, Vec<Job>) = std::mem::take(&mut self.jobs).into_iter().partition(|j| matches!(j, Job::Dora { .. }));
        let mixed = !dora.is_empty() && rest.iter().any(|j| matches!(j, Job::Pair { .. }));
        self.jobs = rest;
        for job in dora {
            match job {
                Job::Dora { module, .. } if mixed => self.leave(module, "DoRA and plain modules cannot stand in one file there"),
                job => self.jobs.push(job),
            }
        }
    }

    fn unique(&self) -> Result<(), OpError> {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for job in &self.jobs {
            let name = match job {
                Job::Pair { unit, .. } => &unit.stem,
                Job::Rename { stem, .. } | Job::Dora { stem, .. } => stem,
                Job::Stored { key, .. } => key,
                Job::Copy { tensor } => &info(self.input, *tensor).name,
            };
            if seen.insert(name, ()).is_some() {
                return Err(OpError::Options(format!("two modules of the result would get the name {}", crate::text::shown(name))));
            }
        }
        Ok(())
    }

    /// kohya's UNet files get one alpha: the one that most of their modules have, else the largest rank.
    fn one_alpha(&self) -> Result<Option<f64>, OpError> {
        if self.options.to != Convention::Kohya || !self.names.family.is_unet() {
            return Ok(None);
        }
        let (mut counts, mut highest): (BTreeMap<u64, usize>, usize) = (BTreeMap::new(), 0);
        for job in &self.jobs {
            let Job::Pair { modules, .. } = job else { continue };
            highest = highest.max(modules.iter().map(|i| self.rank(*i)).sum());
            for module in modules.iter().map(|i| &self.input.adapter.modules[*i]) {
                let pair = matches!(module.factors, Factors::Pair(_)) && !module.alpha_is_scale;
                let alpha = if pair { tensors::alpha(self.input, module)? } else { None };
                if let Some(alpha) = alpha.filter(|a| *a > 0.0) {
                    *counts.entry(alpha.to_bits()).or_default() += 1;
                }
            }
        }
        // The most common one changes the fewest modules; of equally common ones the largest.
        let common = counts.iter().max_by_key(|(bits, n)| (**n, **bits)).map(|(bits, _)| f64::from_bits(*bits));
        Ok(Some(common.unwrap_or(highest as f64)))
    }

    /// Rank of a module as a pair.
    pub(super) fn rank(&self, index: usize) -> usize {
        exact_rank(self.input.adapter, &self.input.adapter.modules[index])
    }

    /// Memory of each job, in bytes.
    pub(super) fn costs(&self) -> Vec<usize> {
        let module = |i: &usize| {
            let m = &self.input.adapter.modules[*i];
            (m.out_dim + m.in_dim).saturating_mul(self.rank(*i)).saturating_mul(16)
        };
        let bytes = |i: &usize| info(self.input, *i).byte_len() as usize;
        let cost = |job: &Job| match job {
            Job::Pair { modules, .. } => modules.iter().map(module).sum(),
            Job::Rename { module, .. } | Job::Dora { module, .. } => {
                self.input.adapter.modules[*module].parts.iter().map(|(_, i)| bytes(i)).sum()
            }
            Job::Stored { from, .. } => from.iter().map(|s| 4 * bytes(&s.tensor)).sum(),
            Job::Copy { tensor } => bytes(tensor),
        };
        self.jobs.iter().map(cost).collect()
    }

    pub(super) fn header_bound(&self, metadata: &BTreeMap<String, String>) -> usize {
        let mut planned = Vec::new();
        let mut plan = |name: String, shape: Vec<usize>| planned.push(Planned { name, dtype: Dtype::F8E4M3, shape });
        for job in &self.jobs {
            match job {
                Job::Pair { unit, modules, .. } => {
                    let rank = modules.iter().map(|i| self.rank(*i)).sum();
                    let n = self.input.adapter.modules[modules[0]].in_dim;
                    for ending in ["lora_down.weight", "lora_up.weight", "alpha"] {
                        plan(format!("{}.{ending}", unit.stem), vec![rank, unit.rows.1.max(n), usize::MAX, usize::MAX, usize::MAX]);
                    }
                }
                Job::Rename { stem, module } | Job::Dora { stem, module } => {
                    let module = &self.input.adapter.modules[*module];
                    plan(format!("{stem}.alpha"), vec![]);
                    for (_, i) in &module.parts {
                        let t = info(self.input, *i);
                        let shape = t.shape.iter().copied().chain([1, 1, 1]).collect();
                        plan(format!("{stem}.lora_magnitude_vector{}", &t.name[module.name.len().min(t.name.len())..]), shape);
                    }
                }
                Job::Stored { key, unit, from, .. } => {
                    let tail = from.first().map_or(&[][..], |s| info(self.input, s.tensor).shape.get(1..).unwrap_or_default());
                    plan(key.clone(), std::iter::once(unit.rows.1).chain(tail.iter().copied()).collect());
                }
                Job::Copy { tensor } => plan(info(self.input, *tensor).name.clone(), info(self.input, *tensor).shape.clone()),
            }
        }
        header_bound(&planned, metadata)
    }

    /// The input's, without what was said about scales elsewhere.
    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let mut out = meta::continued(self.input, &self.options.origin, "convert", self.options);
        out.remove("lora_adapter_metadata");
        out.entry("format".into()).or_insert_with(|| "pt".into());
        if self.options.to == Convention::Kohya {
            out.entry("ss_network_module".into()).or_insert_with(|| "networks.lora".into());
        }
        out
    }

    /// The tensors of a job and the module they make; None for tensors outside of modules, and for what turned out to be zero.
    pub(super) fn make(&self, index: usize) -> Result<(Vec<Tensor>, Option<ConvertedModule>), OpError> {
        let name = |i: usize| self.input.adapter.modules[i].name.clone();
        let told = |stem: &str, from: Vec<String>, rank| Some(ConvertedModule { name: stem.to_owned(), from, rank });
        match &self.jobs[index] {
            Job::Pair { unit, modules, path } => {
                let (tensors, rank) = self.pair(unit, modules, path)?;
                let from = modules.iter().map(|i| name(*i)).collect();
                Ok((tensors, if rank > 0 { told(&unit.stem, from, rank) } else { None }))
            }
            Job::Rename { stem, module } => Ok((self.renamed(stem, *module)?, told(stem, vec![name(*module)], 0))),
            Job::Dora { stem, module } => {
                let rank = self.input.adapter.modules[*module].rank;
                Ok((self.dora(stem, *module)?, told(stem, vec![name(*module)], rank)))
            }
            Job::Stored { key, unit, from, module } => Ok((vec![self.difference(key, unit, from)?], told(key, vec![module.clone()], 0))),
            Job::Copy { tensor } => {
                let t = info(self.input, *tensor);
                let bytes = tensors::bytes(self.input, *tensor)?.into_owned();
                Ok((vec![Tensor { name: t.name.clone(), dtype: t.dtype, shape: t.shape.clone(), bytes }], None))
            }
        }
    }

    /// The type of new values of a module.
    pub(super) fn dtype(&self, module: usize) -> Dtype {
        let stored = self.input.adapter.modules[module].tensors().first().map_or(Dtype::F32, |i| info(self.input, *i).dtype);
        self.options.dtype.map_or(writable(stored), |d| d.dtype())
    }

    pub(super) fn report(self, modules: Vec<ConvertedModule>, bytes: u64) -> ConvertReport {
        let ranks: BTreeMap<String, usize> = modules
            .iter()
            .filter_map(|m| Some((m.name.strip_prefix("base_model.model.")?.to_owned(), m.rank)))
            .filter(|(_, rank)| *rank > 0)
            .collect();
        let has = |test: fn(&Job) -> bool| self.jobs.iter().any(test);
        let config = || peft::adapter_config(&ranks, has(|j| matches!(j, Job::Dora { .. })), has(|j| matches!(j, Job::Stored { .. })));
        let adapter_config = (self.options.to == Convention::Peft).then(config);
        let pairs = self.jobs.iter().filter(|j| matches!(j, Job::Pair { .. })).count();
        let written = modules.iter().filter(|m| m.rank > 0).count();
        let mut warnings = self.warnings;
        if written < pairs {
            warnings.push(format!("{} modules are zero and were left out.", pairs - written));
        }
        ConvertReport { family: self.names.family, modules, left_out: self.left_out, bytes, adapter_config, warnings }
    }
}
