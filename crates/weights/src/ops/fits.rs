//! Does this adapter fit this checkpoint? From headers alone; with strengths the answer is weighted by what the modules do.
//!
//! Loading an adapter into a model that it was not made for mostly raises no error: programs skip what they do not find. This says what they
//! would skip.

use crate::adapter::{Adapter, Component};
use crate::checkpoint::{Checkpoint, Miss, Purpose};
use crate::delta::needs_base;
use crate::family::Family;
use crate::strength::Strengths;
use crate::text::shown;
use serde::Serialize;
use std::collections::BTreeMap;

/// Below this part of matched modules an adapter belongs to another model.
const HALF: f64 = 0.5;
/// Above this part of modules with another shape, too.
const MISFITS: f64 = 0.05;

/// How well an adapter fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Every module has its weight, with the right shape.
    Exact,
    /// What it changes of the model is all there, but some of its keys have no use with this checkpoint (its text encoders, for one).
    Ignored,
    /// Some of its modules have no weight, or one of another shape.
    Partial,
    /// It was made for another model.
    Wrong,
    /// It fits, and its effect depends on the values of the weights (DoRA, OFT, …): programs differ, and only this checkpoint makes it exact.
    NeedsBase,
}

/// A module whose weight has another shape in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Name of the module in the adapter.
    pub module: String,
    /// Rows × columns of its ΔW.
    pub adapter: (usize, usize),
    /// Rows × columns of the weight.
    pub checkpoint: (usize, usize),
}

/// Modules of one network.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Share {
    pub modules: usize,
    pub matched: usize,
    pub missing: usize,
    pub mismatched: usize,
    /// Packed weights: there, but not to be changed.
    pub packed: usize,
    /// Part of Σ‖ΔW‖² whose modules matched, 0 to 1; None without strengths.
    pub energy: Option<f64>,
    /// False where the checkpoint has no such network at all.
    pub present: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    pub level: Level,
    /// One plain sentence.
    pub reason: String,
    pub adapter_family: Family,
    pub checkpoint_family: Family,
    /// Name of the checkpoint's model for people.
    pub checkpoint: String,
    pub denoiser: Share,
    /// By number of the encoder.
    pub text_encoders: BTreeMap<u8, Share>,
    /// Names of modules without a weight, in the order of the adapter.
    pub missing: Vec<String>,
    pub mismatched: Vec<Mismatch>,
    /// Modules whose effect depends on the checkpoint's values.
    pub needs_base: usize,
    /// Tensors of the adapter that belong to no module.
    pub carried: usize,
    /// Plain sentences, in addition.
    pub warnings: Vec<String>,
}

impl Share {
    fn ratio(&self) -> f64 {
        if self.modules == 0 { 1.0 } else { self.matched as f64 / self.modules as f64 }
    }
}

/// Compares headers; `strengths` (of the same adapter) weigh the modules.
#[must_use]
pub fn fits(adapter: &Adapter, checkpoint: &Checkpoint, strengths: Option<&Strengths>) -> Fit {
    let mut shares: BTreeMap<Component, Tally> = BTreeMap::new();
    let (mut missing, mut mismatched) = (Vec::new(), Vec::new());
    for (i, module) in adapter.modules.iter().enumerate() {
        let found = checkpoint.places().find(module);
        let energy = strengths.and_then(|s| s.modules.get(i)?.frobenius).map_or(0.0, |f| f * f);
        // The network as this checkpoint counts it.
        let component = found.as_ref().map_or(module.target.component, |p| p.component);
        let tally = shares.entry(component).or_default();
        tally.add(&found.as_ref().map(|_| ()).map_err(|m| *m), energy);
        match found {
            Ok(_) | Err(Miss::Packed) => {}
            Err(Miss::Missing) => missing.push(module.name.clone()),
            Err(Miss::Shape { rows, columns }) => mismatched.push(Mismatch {
                module: module.name.clone(),
                adapter: (module.out_dim, module.in_dim),
                checkpoint: (rows, columns),
            }),
        }
    }
    let share = |c: Component, t: &Tally| t.share(checkpoint.places().has(c), strengths.is_some());
    let denoiser = shares.get(&Component::Denoiser).map(|t| share(Component::Denoiser, t)).unwrap_or_default();
    let text_encoders = shares
        .iter()
        .filter_map(|(c, t)| match c {
            Component::TextEncoder(n) => Some((*n, share(*c, t))),
            Component::Denoiser => None,
        })
        .collect();
    let mut fit = Fit {
        level: Level::Exact,
        reason: String::new(),
        adapter_family: adapter.detection.family,
        checkpoint_family: checkpoint.model().family,
        checkpoint: checkpoint.model().label.clone(),
        denoiser,
        text_encoders,
        missing,
        mismatched,
        needs_base: adapter.modules.iter().filter(|m| needs_base(m)).count(),
        carried: adapter.carried.len(),
        warnings: adapter.warnings.clone(),
    };
    (fit.level, fit.reason) = judge(&fit, checkpoint);
    fit
}

#[derive(Default)]
struct Tally {
    share: Share,
    energy: f64,
    matched: f64,
}

impl Tally {
    fn add(&mut self, found: &Result<(), Miss>, energy: f64) {
        self.share.modules += 1;
        self.energy += energy;
        match found {
            Ok(()) => {
                self.share.matched += 1;
                self.matched += energy;
            }
            Err(Miss::Missing) => self.share.missing += 1,
            Err(Miss::Shape { .. }) => self.share.mismatched += 1,
            Err(Miss::Packed) => self.share.packed += 1,
        }
    }

    fn share(&self, present: bool, weighed: bool) -> Share {
        let energy = (weighed && self.energy > 0.0).then(|| self.matched / self.energy);
        Share { present, energy, ..self.share.clone() }
    }
}

/// Level and reason, the worst finding first.
fn judge(fit: &Fit, checkpoint: &Checkpoint) -> (Level, String) {
    let d = &fit.denoiser;
    let name = &fit.checkpoint;
    let packed = d.packed + fit.text_encoders.values().map(|s| s.packed).sum::<usize>();
    if let Some(packing) = checkpoint.model().packing.filter(|_| packed > 0) {
        let text = format!("{packed} of its weights are packed by {}; choose a checkpoint in f16, bf16, f32 or fp8.", packing.label());
        return (Level::Partial, text);
    }
    if let Some(wrong) = Some(fit).filter(|_| d.modules > 0 && d.present).and_then(wrong) {
        return (Level::Wrong, wrong);
    }
    let present: Vec<&Share> = std::iter::once(d).chain(fit.text_encoders.values()).filter(|s| s.present && s.modules > 0).collect();
    if present.is_empty() {
        return (Level::Wrong, format!("It changes nothing that this checkpoint ({name}) holds."));
    }
    if d.modules == 0 && present.iter().all(|s| s.matched == 0) {
        return (Level::Wrong, format!("None of its text encoder modules has a weight in this checkpoint ({name})."));
    }
    if let Some(control) = control(fit, checkpoint) {
        return (Level::Partial, control);
    }
    let lost: usize = present.iter().map(|s| s.missing + s.mismatched).sum();
    let all: usize = present.iter().map(|s| s.modules).sum();
    if lost > 0 {
        let example = fit.mismatched.first().map(|m| &m.module).or(fit.missing.first()).map_or(String::new(), |m| shown(m));
        return (Level::Partial, format!("{lost} of its {all} modules have no weight of their shape in this checkpoint, first {example}."));
    }
    let absent: usize = std::iter::once(d).chain(fit.text_encoders.values()).filter(|s| !s.present).map(|s| s.modules).sum();
    if fit.needs_base > 0 {
        let text = "modules depend on the values of the weights; they are exact with this very checkpoint only.";
        return (Level::NeedsBase, format!("It fits; {} of its {all} {text}", fit.needs_base));
    }
    if absent > 0 {
        return (Level::Ignored, format!("It fits; {absent} of its modules change a network that this checkpoint does not hold."));
    }
    if fit.carried > 0 {
        return (Level::Ignored, format!("It fits; {} of its tensors belong to no module and have no use here.", fit.carried));
    }
    (Level::Exact, format!("All of its {all} modules have their weight."))
}

/// The sentence for an adapter of another model.
fn wrong(fit: &Fit) -> Option<String> {
    let d = &fit.denoiser;
    let families = || match (fit.adapter_family, fit.checkpoint_family) {
        (Family::Unknown, _) => format!("the checkpoint is {}", fit.checkpoint),
        (a, b) if a == b => format!("both are {}, but the checkpoint holds another part or version of it", a.label()),
        (a, _) => format!("it was made for {}, the checkpoint is {}", a.label(), fit.checkpoint),
    };
    if d.ratio() < HALF {
        let text = if d.matched == 0 { "None".to_owned() } else { format!("Only {}", d.matched) };
        return Some(format!("{text} of its {} modules has a weight of its shape here: {}.", d.modules, families()));
    }
    let shapes = fit.mismatched.iter().filter(|m| !is_input(&m.module)).count();
    let other =
        fit.adapter_family != fit.checkpoint_family && fit.adapter_family != Family::Unknown && fit.checkpoint_family != Family::Unknown;
    if shapes > 0 && (other || shapes as f64 > MISFITS * d.modules as f64) {
        let m = fit.mismatched.iter().find(|m| !is_input(&m.module))?;
        let ((a, b), (c, e)) = (m.adapter, m.checkpoint);
        return Some(format!(
            "{shapes} of its modules have other shapes ({} is {a}×{b}, the weight {c}×{e}): {}.",
            shown(&m.module),
            families()
        ));
    }
    None
}

/// The layer that reads the noise: wider in control, fill and inpainting models.
fn is_input(module: &str) -> bool {
    let flat = module.replace('.', "_");
    ["img_in", "x_embedder", "conv_in", "input_blocks_0_0", "patch_embedding"].iter().any(|e| flat.ends_with(e))
}

fn control(fit: &Fit, checkpoint: &Checkpoint) -> Option<String> {
    let m = fit.mismatched.iter().find(|m| is_input(&m.module))?;
    let here = match checkpoint.model().purpose {
        Purpose::Base => "a base model",
        Purpose::Inpaint => "an inpainting model",
        Purpose::Edit => "an editing model",
        Purpose::Control => "a control model",
        Purpose::ImageToVideo => "an image-to-video model",
    };
    let (a, c) = (m.adapter.1, m.checkpoint.1);
    Some(format!(
        "It was trained with {a} input channels (its {} reads a control picture or a mask), this checkpoint is {here} with {c}. \
         Only programs that widen that layer can use it.",
        shown(&m.module)
    ))
}
