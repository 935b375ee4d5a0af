//! From a header to an adapter: every key ends in a module, among the carried tensors, or in a warning.

use std::collections::{HashMap, HashSet};

use super::metadata::PeftConfig;
use super::module::{Draft, Parts, full};
use super::{Adapter, AdapterError, Component, Factors, Kind, Module, Naming, Side, Target};
use crate::dtype::Dtype;
use crate::family::{Detection, Evidence, Hints, detect};
use crate::header::Header;
use crate::keys::{self, Located, Role};
use crate::layout::{Extra, SlotRef};
use crate::text::shown;

/// Most single warnings of one file; the rest is counted.
const MAX_WARNINGS: usize = 40;

/// The tensors that share a stem.
struct Bundle<'a> {
    stem: &'a str,
    naming: Naming,
    parts: Parts,
}

/// A module whose place is not yet known.
struct Raw<'a> {
    stem: &'a str,
    naming: Naming,
    located: Located,
    draft: Draft,
    alpha: Option<usize>,
    /// Changes the bias of the layer, not its weight.
    bias: bool,
}

#[derive(Default)]
struct Notes {
    list: Vec<String>,
    more: usize,
}

impl Notes {
    fn add(&mut self, text: String) {
        if self.list.len() < MAX_WARNINGS { self.list.push(text) } else { self.more += 1 }
    }

    /// One sentence for all `keys`: how many and the first few.
    fn group(&mut self, header: &Header, keys: &[usize], one: &str, many: &str) {
        let example = |n: usize| keys.iter().take(n).map(|i| shown(&header.tensors[*i].name)).collect::<Vec<_>>().join(", ");
        match keys.len() {
            0 => {}
            1 => self.add(format!("{} {one}", example(1))),
            n => self.add(format!("{n} keys {many}, among them {}", example(3))),
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("{} more warnings of this sort.", self.more));
        }
        self.list
    }
}

impl Adapter {
    /// Builds the index of a file from its header. `file_name` and the text of a neighbouring `adapter_config.json` help with what the tensors
    /// do not tell (variant; PEFT's scales).
    ///
    /// # Errors
    /// [`AdapterError`] when no key is that of an adapter.
    pub fn from_header(header: Header, file_name: Option<&str>, adapter_config: Option<&str>) -> Result<Self, AdapterError> {
        let mut notes = Notes { list: header.warnings.clone(), more: 0 };
        let mut carried = Vec::new();
        let (modules, detection) = {
            let bundles = collect(&header, &mut carried, &mut notes);
            if bundles.is_empty() {
                return Err(refuse(&header));
            }
            let raws = drafts(&header, bundles, &mut carried, &mut notes);
            let hints = Hints::gather(&header.metadata, file_name);
            let evidence: Vec<Evidence<'_>> = raws.iter().map(Raw::evidence).collect();
            let detection = detect(&evidence, &hints);
            let config =
                PeftConfig::gather(header.metadata.get("lora_adapter_metadata").map(String::as_str), adapter_config, &mut notes.list);
            (place(raws, &detection, &config), detection)
        };
        check_targets(&modules, &mut notes);
        let kind = kind_of(&modules);
        let dtypes = dtypes(&header, &modules);
        carried.sort_unstable();
        Ok(Self { kind, detection, modules, carried, warnings: notes.finish(), dtypes, header })
    }
}

/// Sorts the keys into bundles by stem, in the order of the file.
fn collect<'a>(header: &'a Header, carried: &mut Vec<usize>, notes: &mut Notes) -> Vec<Bundle<'a>> {
    let on_input: HashSet<&str> = header.tensors.iter().filter_map(|t| t.name.strip_suffix(".on_input")).collect();
    let mut bundles: Vec<Bundle<'a>> = Vec::new();
    let mut by_stem: HashMap<&str, usize> = HashMap::new();
    let (mut unknown, mut twice) = (Vec::new(), Vec::new());
    for (i, tensor) in header.tensors.iter().enumerate() {
        let name = tensor.name.as_str();
        let ia3 = || {
            let stem = name.strip_suffix(".weight").filter(|s| on_input.contains(s))?;
            Some(keys::ParsedKey { stem, role: Role::Ia3, naming: Naming::Kohya })
        };
        let Some(parsed) = keys::parse(name).or_else(ia3) else {
            if name.starts_with("bundle_emb.") {
                carried.push(i)
            } else {
                unknown.push(i)
            }
            continue;
        };
        let at = *by_stem.entry(parsed.stem).or_insert_with(|| {
            bundles.push(Bundle { stem: parsed.stem, naming: parsed.naming, parts: Parts::default() });
            bundles.len() - 1
        });
        if bundles[at].parts.get(parsed.role).is_some() {
            twice.push(i);
        } else {
            if parsed.role != Role::Alpha {
                bundles[at].naming = parsed.naming;
            }
            bundles[at].parts.0.push((parsed.role, i));
        }
    }
    if !bundles.is_empty() {
        notes.group(
            header,
            &unknown,
            "is no key of a known adapter kind and was left out.",
            "are not those of a known adapter kind and were left out",
        );
    }
    notes.group(
        header,
        &twice,
        "says what another key of its module says already and was left out.",
        "repeat what others say already and were left out",
    );
    bundles
}

fn drafts<'a>(header: &Header, bundles: Vec<Bundle<'a>>, carried: &mut Vec<usize>, notes: &mut Notes) -> Vec<Raw<'a>> {
    let mut raws = Vec::with_capacity(bundles.len());
    let mut biases = Vec::new();
    for mut bundle in bundles {
        let located = keys::locate(bundle.stem);
        let raw = |draft, alpha, bias| Raw { stem: bundle.stem, naming: bundle.naming, located: located.clone(), draft, alpha, bias };
        biases.extend(bundle.parts.get(Role::Bias));
        // What is added to the layer's bias, and a difference stored beside a pair, are modules of their own.
        for role in [Role::DiffBias, Role::BNorm] {
            if let Some(i) = bundle.parts.get(role) {
                raws.push(raw(full(header, i), None, true));
            }
        }
        if let (Some(_), Some(i)) = (bundle.parts.get(Role::Up), bundle.parts.get(Role::Diff)) {
            raws.push(raw(full(header, i), None, false));
            bundle.parts.0.retain(|(r, _)| *r != Role::Diff);
        }
        bundle.parts.0.retain(|(r, _)| !matches!(r, Role::DiffBias | Role::BNorm | Role::Bias));
        if bundle.parts.0.is_empty() {
            continue;
        }
        let raw = |draft, alpha, bias| Raw { stem: bundle.stem, naming: bundle.naming, located: located.clone(), draft, alpha, bias };
        let alpha = bundle.parts.get(Role::Alpha).filter(|i| header.tensors[*i].elements() == 1);
        if alpha.is_none() && bundle.parts.get(Role::Alpha).is_some() {
            notes.add(format!("The alpha of {} is no single number and was ignored.", shown(bundle.stem)));
        }
        match bundle.parts.draft(header) {
            Ok(draft) => raws.push(raw(draft, alpha, false)),
            Err(why) => notes.add(format!("{} was left out: {why}.", shown(bundle.stem))),
        }
    }
    notes.group(
        header,
        &biases,
        "is a bias beside a pair; it is carried along but not counted.",
        "are biases beside pairs; they are carried along but not counted",
    );
    carried.extend(biases);
    raws
}

impl Raw<'_> {
    fn evidence(&self) -> Evidence<'_> {
        let (out_dim, width) = if self.bias { (0, 0) } else { (self.draft.out_dim, self.draft.width) };
        Evidence { component: self.located.component, path: &self.located.path, stem: self.stem, out_dim, width }
    }
}

/// Gives each module its canonical target, its slot and its scale.
fn place(raws: Vec<Raw<'_>>, detection: &Detection, config: &PeftConfig) -> Vec<Module> {
    let last_block = detection.layout.and_then(|l| l.slots.len().checked_sub(1));
    let module = |raw: Raw<'_>| {
        let canonical = keys::canonical(detection.family, &raw.located, last_block);
        let Draft { kind, factors, out_dim, in_dim, kernel, rank, .. } = raw.draft;
        let path = if raw.bias { format!("{}_bias", canonical.path) } else { canonical.path };
        let target = Target { component: raw.located.component, path, rows: canonical.rows.window(out_dim, in_dim) };
        let slot = match (detection.layout, target.component) {
            (Some(layout), _) => Some(keys::slot_of(layout, &target)),
            (None, Component::TextEncoder(n)) => Some(SlotRef::Extra(Extra::text_encoder(n))),
            (None, Component::Denoiser) => None,
        };
        let has_factors = matches!(kind, Kind::Lora | Kind::Locon | Kind::Loha | Kind::Lokr | Kind::Dora) && rank > 0;
        let scale_from_metadata =
            if has_factors && raw.alpha.is_none() && raw.naming != Naming::Kohya { config.scale(raw.stem, rank) } else { None };
        Module {
            name: raw.stem.to_owned(),
            target,
            kind,
            naming: raw.naming,
            factors,
            out_dim,
            in_dim,
            kernel,
            rank,
            alpha: raw.alpha,
            scale_from_metadata,
            swapped_halves: canonical.swapped_halves,
            slot,
        }
    };
    raws.into_iter().map(module).collect()
}

/// The same weight twice, whole or in overlapping rows: both count, and the user is told.
fn check_targets(modules: &[Module], notes: &mut Notes) {
    let mut order: Vec<&Module> = modules.iter().collect();
    let key = |m: &Module| (m.target.component, m.target.rows.map_or(0, |r| r.0));
    order.sort_by(|a, b| a.target.path.cmp(&b.target.path).then(key(a).cmp(&key(b))));
    let mut reach: Option<(&Module, usize)> = None;
    for module in order {
        let (start, end) = module.target.rows.map_or((0, usize::MAX), |(s, n)| (s, s.saturating_add(n)));
        if let Some((other, until)) = reach
            && other.target.component == module.target.component
            && other.target.path == module.target.path
        {
            if start < until {
                notes.add(format!(
                    "{} and {} change the same weight; their strengths are counted as if unrelated.",
                    shown(&other.name),
                    shown(&module.name)
                ));
            }
            reach = Some(if end > until { (module, end) } else { (other, until) });
            continue;
        }
        reach = Some((module, end));
    }
}

/// The kind that most modules have; pairs with and without convolutions count as one.
fn kind_of(modules: &[Module]) -> Kind {
    let mut counts: HashMap<Kind, usize> = HashMap::new();
    for module in modules {
        *counts.entry(if module.kind == Kind::Locon { Kind::Lora } else { module.kind }).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(kind, n)| (*n, std::cmp::Reverse(*kind))).map_or(Kind::Unknown, |(kind, _)| kind);
    if most == Kind::Lora && modules.iter().any(|m| m.kind == Kind::Locon) { Kind::Locon } else { most }
}

impl Module {
    /// Indices of the tensors that hold its values, alpha left out.
    #[must_use]
    pub fn tensors(&self) -> Vec<usize> {
        match &self.factors {
            Factors::Pair(p) => [Some(p.down), Some(p.up), p.mid].into_iter().flatten().collect(),
            Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 } => {
                [Some(*w1a), Some(*w1b), Some(*w2a), Some(*w2b), *t1, *t2].into_iter().flatten().collect()
            }
            Factors::Lokr { w1, w2, t2 } => {
                let side = |s: &Side| match *s {
                    Side::Whole(w) => vec![w],
                    Side::Product(a, b) => vec![a, b],
                };
                [side(w1), side(w2), t2.iter().copied().collect()].concat()
            }
            Factors::Other(list) => list.clone(),
        }
    }
}

fn dtypes(header: &Header, modules: &[Module]) -> Vec<Dtype> {
    let mut bytes: HashMap<Dtype, u64> = HashMap::new();
    for tensor in modules.iter().flat_map(Module::tensors) {
        let tensor = &header.tensors[tensor];
        *bytes.entry(tensor.dtype).or_default() += tensor.byte_len();
    }
    let mut list: Vec<_> = bytes.into_iter().collect();
    list.sort_by_key(|(dtype, n)| (std::cmp::Reverse(*n), *dtype));
    list.into_iter().map(|(dtype, _)| dtype).collect()
}

/// Says what a file without adapter keys is instead.
fn refuse(header: &Header) -> AdapterError {
    let Some(first) = header.tensors.first() else { return AdapterError::Empty };
    let any = |test: &dyn Fn(&str) -> bool| header.tensors.iter().any(|t| test(&t.name));
    let looks_like = if any(&|k| {
        k.starts_with("model.diffusion_model.") || k.starts_with("conditioner.embedders.") || k.starts_with("cond_stage_model.")
    }) {
        "a full checkpoint"
    } else if header.tensors.len() <= 4 && any(&|k| matches!(k, "emb_params" | "clip_l" | "clip_g" | "<placeholder>")) {
        "a textual inversion embedding"
    } else if any(&|k| k.starts_with("control_model.") || k.starts_with("controlnet_")) {
        "a ControlNet"
    } else if any(&|k| k.starts_with("decoder.up.") || k.starts_with("decoder.up_blocks.") || k.starts_with("first_stage_model.")) {
        "a VAE"
    } else if any(&|k| {
        k.contains("double_blocks.")
            || k.contains("transformer_blocks.")
            || k.contains("input_blocks.")
            || k.contains("down_blocks.")
            || k.contains("blocks.0.")
    }) {
        "a model or a part of one"
    } else {
        "some other safetensors file"
    };
    AdapterError::NotAnAdapter { looks_like, keys: header.tensors.len(), example: shown(&first.name) }
}
