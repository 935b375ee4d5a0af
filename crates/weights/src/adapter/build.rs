//! From a header to an adapter: every key ends in a module, among the carried tensors, or in a warning.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::account::{Account, Notes};
use super::metadata::PeftConfig;
use super::module::{Draft, Parts, full};
use super::{Adapter, AdapterError, Component, Kind, Module, Naming, Target};
use crate::dtype::Dtype;
use crate::family::{Detection, Evidence, Hints, detect};
use crate::header::Header;
use crate::keys::{self, Foreign, Located, Role};
use crate::layout::{Extra, SlotRef};
use crate::text::shown;

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
    /// The tensor of the alpha, or of the scale, by its role.
    alpha: Option<(Role, usize)>,
    /// Changes the bias of the layer, not its weight.
    bias: bool,
    /// Columns of the weight that the rows belong to; 0 where they are not known.
    columns: usize,
}

impl Adapter {
    /// Builds the index of a file from its header. `file_name` and the text of a neighbouring `adapter_config.json` help with what the tensors
    /// do not tell (variant; PEFT's scales).
    ///
    /// # Errors
    /// [`AdapterError`] when no key is that of an adapter.
    pub fn from_header(header: Header, file_name: Option<&str>, adapter_config: Option<&str>) -> Result<Self, AdapterError> {
        let mut account = Account::new(&header);
        let Keys { bundles, foreign } = collect(&mut account);
        if !bundles.iter().any(Bundle::tells) {
            return Err(refuse(&header, foreign.iter().next()));
        }
        let raws = drafts(&mut account, bundles);
        let hints = Hints::gather(&header.metadata, file_name);
        let evidence: Vec<Evidence<'_>> = raws.iter().map(Raw::evidence).collect();
        let detection = detect(&evidence, &hints);
        let stored = header.metadata.get("lora_adapter_metadata").map(String::as_str);
        let config = PeftConfig::gather(stored, adapter_config, &mut account.notes.list);
        let modules = place(raws, &detection, &config);
        check_targets(&modules, &mut account.notes);
        let kind = kind_of(&modules);
        let dtypes = dtypes(&header, &modules);
        let Account { notes, mut carried, mut left_out, .. } = account;
        carried.sort_unstable();
        left_out.sort_unstable();
        Ok(Self { kind, detection, modules, carried, left_out, warnings: notes.finish(), dtypes, header })
    }
}

/// The keys of a file, sorted.
struct Keys<'a> {
    bundles: Vec<Bundle<'a>>,
    /// Those of methods that are known by name only.
    foreign: BTreeMap<Foreign, Vec<usize>>,
}

/// Sorts the keys into bundles by stem, in the order of the file.
fn collect<'a>(account: &mut Account<'a>) -> Keys<'a> {
    let header = account.header;
    let on_input: HashSet<&str> = header.tensors.iter().filter_map(|t| t.name.strip_suffix(".on_input")).collect();
    let mut bundles: Vec<Bundle<'a>> = Vec::new();
    let mut by_stem: HashMap<&str, usize> = HashMap::new();
    let (mut unknown, mut twice) = (Vec::new(), Vec::new());
    let mut foreign: BTreeMap<Foreign, Vec<usize>> = BTreeMap::new();
    for (i, tensor) in header.tensors.iter().enumerate() {
        let name = tensor.name.as_str();
        let ia3 = || {
            let stem = name.strip_suffix(".weight").filter(|s| on_input.contains(s))?;
            Some(keys::ParsedKey { stem, role: Role::Ia3, naming: Naming::Kohya })
        };
        // Embeddings are carried whatever their placeholders look like.
        if name.starts_with("bundle_emb.") {
            account.carried.push(i);
            continue;
        }
        let parsed = keys::parse(name).or_else(ia3);
        // Some of these methods end their keys in `.weight`, as whole weights do.
        let plain = parsed.is_none_or(|p| matches!(p.role, Role::Whole | Role::WholeBias));
        if let Some(method) = plain.then(|| keys::foreign(name)).flatten() {
            foreign.entry(method).or_default().push(i);
            continue;
        }
        let Some(parsed) = parsed else {
            unknown.push(i);
            continue;
        };
        let at = *by_stem.entry(parsed.stem).or_insert_with(|| {
            bundles.push(Bundle { stem: parsed.stem, naming: parsed.naming, parts: Parts::default() });
            bundles.len() - 1
        });
        if bundles[at].parts.get(parsed.role).is_some() {
            twice.push(i);
        } else {
            if !matches!(parsed.role, Role::Alpha | Role::Scale) {
                bundles[at].naming = parsed.naming;
            }
            bundles[at].parts.0.push((parsed.role, i));
        }
    }
    let (one, many) = ("is no key of a known adapter kind and was left out.", "are not those of a known adapter kind and were left out");
    account.leave_out(&unknown, one, many);
    let (one, many) =
        ("says what another key of its module says already and was left out.", "repeat what others say already and were left out");
    account.leave_out(&twice, one, many);
    for (Foreign { name, why }, keys) in &foreign {
        let one = format!("is of the kind {name} and was left out: {why}.");
        account.leave_out(keys, &one, &format!("are of the kind {name} and were left out, because {why}"));
    }
    Keys { bundles, foreign }
}

impl Bundle<'_> {
    /// False for keys that also stand in checkpoints (`query_norm.scale`, whole weights) and for an alpha without factors: they make no adapter by
    /// themselves.
    fn tells(&self) -> bool {
        self.parts.0.iter().any(|(role, _)| !matches!(role, Role::Alpha | Role::Scale | Role::Whole | Role::WholeBias))
    }
}

fn drafts<'a>(account: &mut Account<'a>, bundles: Vec<Bundle<'a>>) -> Vec<Raw<'a>> {
    let mut raws = Vec::with_capacity(bundles.len());
    let mut spare = Vec::new();
    for bundle in bundles {
        draft(account, bundle, &mut spare, &mut raws);
    }
    let (one, many) = ("has no part in what its module does and was left out.", "have no part in what their modules do and were left out");
    account.leave_out(&spare, one, many);
    raws
}

/// The modules of one stem: that of its factors, and those that change the same layer's bias or add a stored difference. `spare` takes
/// the tensors that no module needs.
fn draft<'a>(account: &mut Account<'a>, bundle: Bundle<'a>, spare: &mut Vec<usize>, raws: &mut Vec<Raw<'a>>) {
    let Bundle { stem, naming, mut parts } = bundle;
    let header = account.header;
    let located = keys::locate(stem);
    let mut alpha = take_alpha(account, stem, &mut parts);
    let raw = |draft: Draft, alpha, bias| {
        let columns = if bias { 0 } else { draft.in_dim };
        Raw { stem, naming, located: located.clone(), draft, alpha, bias, columns }
    };
    let begin = raws.len();
    for role in [Role::DiffBias, Role::BNorm] {
        raws.extend(parts.take(role).map(|tensor| raw(full(header, tensor, Kind::Full, role), None, true)));
    }
    if parts.get(Role::Up).is_some() {
        raws.extend(parts.take(Role::Diff).map(|tensor| raw(full(header, tensor, Kind::Full, Role::Diff), None, false)));
    }
    raws.extend(parts.take(Role::WholeBias).map(|tensor| raw(full(header, tensor, Kind::Set, Role::WholeBias), None, true)));
    let bias = parts.take(Role::Bias);
    let only_biases = parts.0.is_empty() && (bias.is_some() || raws.len() > begin);
    let own = if only_biases { None } else { Some(parts.draft(header)) };
    match own {
        None => raws.extend(bias.map(|tensor| raw(full(header, tensor, Kind::Full, Role::Bias), None, true))),
        Some(Ok(draft)) => {
            spare.extend(parts.indices().into_iter().filter(|i| !draft.parts.indices().contains(i)));
            // A bias trained beside a pair is scaled like the pair.
            let (rank, columns) = (draft.rank, draft.in_dim);
            let bias = bias.map(|tensor| Draft { rank, ..full(header, tensor, Kind::Full, Role::Bias) });
            raws.push(raw(draft, alpha, false));
            raws.extend(bias.map(|draft| raw(draft, alpha, true)));
            raws[begin..].iter_mut().for_each(|r| r.columns = columns);
        }
        Some(Err(why)) => {
            let alpha = alpha.take().map(|(_, tensor)| tensor);
            account.leave_out_module(stem, parts.indices().into_iter().chain(bias).chain(alpha), &why);
        }
    }
    // The alpha is listed once: with the factors, where there are any.
    if let Some(alpha) = alpha {
        let home = raws[begin..].iter().position(|r| r.alpha.is_some()).map_or(begin, |at| begin + at);
        match raws.get_mut(home) {
            Some(raw) => raw.draft.parts.0.push(alpha),
            None => spare.push(alpha.1),
        }
    }
}

/// The tensor that holds the alpha or, stronger, the scale.
fn take_alpha(account: &mut Account<'_>, stem: &str, parts: &mut Parts) -> Option<(Role, usize)> {
    let single = |i: usize| account.header.tensors[i].elements() == 1;
    if parts.get(Role::Scale).is_some_and(|i| single(i) && parts.0.len() > 1) {
        return parts.take(Role::Scale).map(|i| (Role::Scale, i));
    }
    let alpha = parts.take(Role::Alpha)?;
    if single(alpha) {
        return Some((Role::Alpha, alpha));
    }
    account.notes.add(format!("The alpha of {} is no single number and was ignored.", shown(stem)));
    account.left_out.push(alpha);
    None
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
        let Draft { kind, factors, parts, out_dim, in_dim, kernel, rank, .. } = raw.draft;
        let path = if raw.bias { format!("{}_bias", canonical.path) } else { canonical.path };
        let target = Target { component: raw.located.component, path, rows: canonical.rows.window(out_dim, raw.columns) };
        let slot = match (detection.layout, target.component) {
            (Some(layout), _) => Some(keys::slot_of(layout, &target)),
            (None, Component::TextEncoder(n)) => Some(SlotRef::Extra(Extra::text_encoder(n))),
            (None, Component::Denoiser) => None,
        };
        let low_rank = matches!(kind, Kind::Lora | Kind::Locon | Kind::Loha | Kind::Dora | Kind::Full) && rank > 0;
        let configured = (low_rank || kind == Kind::Lokr) && raw.alpha.is_none() && raw.naming != Naming::Kohya;
        let has = |role| parts.get(role).is_some();
        let (rotation, feedforward) =
            (has(Role::OftR).then(|| config.rotation(raw.stem)), if has(Role::Ia3L) { config.feedforward(raw.stem) } else { None });
        Module {
            name: raw.stem.to_owned(),
            target,
            kind,
            naming: raw.naming,
            factors,
            parts: parts.0,
            out_dim,
            in_dim,
            kernel,
            rank,
            alpha: raw.alpha.map(|(_, tensor)| tensor),
            alpha_is_scale: raw.alpha.is_some_and(|(role, _)| role == Role::Scale),
            scale_from_metadata: if configured { config.scale(raw.stem, rank) } else { None },
            rotation,
            feedforward,
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
fn refuse(header: &Header, foreign: Option<(&Foreign, &Vec<usize>)>) -> AdapterError {
    let Some(first) = header.tensors.first() else { return AdapterError::Empty };
    if let Some((Foreign { name, why }, keys)) = foreign {
        let example = keys.first().map_or(first, |i| &header.tensors[*i]);
        return AdapterError::Unsupported { method: name, why, example: shown(&example.name) };
    }
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
