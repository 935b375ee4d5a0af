//! How strongly a file changes each block: the Frobenius norm of ΔW = s·B·A, from the factors alone.
//!
//! ‖ΔW‖² = s²·Σ (BᵀB)∘(AAᵀ). The two Gram matrices are rank × rank, so no m×n matrix is ever formed. Factors are decoded
//! to f32, summed in f32 over short runs and carried on in f64; the relative error is near 1e-7, and at most 1e-5.
//! Per slot: frobenius = √Σ‖ΔW‖² over its modules, rms = frobenius/√Σ m·n. The squares of all slots and extra groups but the text
//! encoders add up to that of the whole.

mod gram;
mod norms;
mod read;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::adapter::{Adapter, Component, Kind, Module};
use crate::layout::{Extra, SlotRef};
use crate::linalg::par_map_init;
use crate::progress::{Cancelled, Progress};
use crate::source::{ReadError, TensorSource};
use crate::text::shown;

pub use read::read_scalar;

/// Why the strengths of a whole file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum StrengthError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Strength of one module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModuleStrength {
    /// The factor s before the product of the factors.
    pub scale: f64,
    /// ‖ΔW‖, scale included; None where it cannot be told.
    pub frobenius: Option<f64>,
    /// Why there is no strength, or what is odd about it.
    pub problem: Option<Problem>,
}

/// What keeps a module from having a strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// ΔW depends on the base model (DoRA, (IA)3, OFT, BOFT, GLoRA).
    NeedsBase,
    /// The tensor of this index holds NaN or infinity.
    NotFinite(usize),
    /// The stored alpha is 0: the module has no effect. Its strength is 0.
    AlphaZero,
}

/// Strength of one slot or extra group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotStrength {
    pub slot: SlotRef,
    /// √Σ‖ΔW‖² over its modules.
    pub frobenius: f64,
    /// frobenius / √(number of values of its ΔW).
    pub rms: f64,
    /// Modules counted.
    pub modules: usize,
}

/// Strengths of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Strengths {
    /// One entry per module of the adapter, in its order.
    pub modules: Vec<ModuleStrength>,
    /// Slots and extra groups that have a strength, blocks first, in layout order. Absent ones are not listed.
    pub slots: Vec<SlotStrength>,
    /// The whole denoiser, blocks and all outside of them.
    pub frobenius: f64,
    /// All text encoders together; 0 without any.
    pub te_frobenius: f64,
    /// Plain sentences, in addition to those of the adapter.
    pub warnings: Vec<String>,
}

impl Strengths {
    /// True when at least one block has a strength; otherwise only a neutral fallback can be shown.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        self.slots.iter().any(|s| matches!(s.slot, SlotRef::Block(_)))
    }

    /// The strength of `slot`; None when the file does not touch it.
    #[must_use]
    pub fn slot(&self, slot: SlotRef) -> Option<&SlotStrength> {
        self.slots.iter().find(|s| s.slot == slot)
    }
}

/// Measures every module of `adapter`, whose bytes are in `source`. Modules with NaN or of kinds that need the base are
/// left out and named in the warnings; the rest of the file is not affected.
///
/// # Errors
/// [`StrengthError`] when the file cannot be read or the caller cancels.
pub fn strengths(adapter: &Adapter, source: &dyn TensorSource, progress: &dyn Progress) -> Result<Strengths, StrengthError> {
    let total = adapter.modules.len() as u64;
    let done = AtomicU64::new(0);
    let measure = |scratch: &mut norms::Scratch, module: &Module| -> Result<ModuleStrength, StrengthError> {
        Cancelled::check(progress)?;
        let strength = norms::module(adapter, module, source, scratch)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, total, "Measuring strengths");
        Ok(strength)
    };
    let modules = par_map_init(&adapter.modules, norms::Scratch::default, measure).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(sum(adapter, modules))
}

fn sum(adapter: &Adapter, modules: Vec<ModuleStrength>) -> Strengths {
    #[derive(Default)]
    struct Sum {
        energy: f64,
        elements: f64,
        modules: usize,
    }
    let mut slots: BTreeMap<SlotRef, Sum> = BTreeMap::new();
    let (mut whole, mut text) = (0.0, 0.0);
    for (module, strength) in adapter.modules.iter().zip(&modules) {
        let Some(norm) = strength.frobenius else { continue };
        let energy = norm * norm;
        let slot = slots.entry(module.slot.unwrap_or(SlotRef::Extra(Extra::Other))).or_default();
        slot.energy += energy;
        slot.elements += module.elements();
        slot.modules += 1;
        if module.target.component == Component::Denoiser { whole += energy } else { text += energy }
    }
    let slots = slots
        .into_iter()
        .map(|(slot, s)| SlotStrength { slot, frobenius: s.energy.sqrt(), rms: rms(s.energy, s.elements), modules: s.modules })
        .collect();
    let warnings = warnings(adapter, &modules);
    Strengths { modules, slots, frobenius: f64::sqrt(whole), te_frobenius: f64::sqrt(text), warnings }
}

fn rms(energy: f64, elements: f64) -> f64 {
    if elements > 0.0 { (energy / elements).sqrt() } else { 0.0 }
}

fn warnings(adapter: &Adapter, modules: &[ModuleStrength]) -> Vec<String> {
    let mut out = Vec::new();
    let with = |test: &dyn Fn(&Module, Problem) -> bool| -> Vec<usize> {
        let pairs = adapter.modules.iter().zip(modules).enumerate();
        pairs.filter(|(_, (m, s))| s.problem.is_some_and(|p| test(m, p))).map(|(i, _)| i).collect()
    };
    for kind in [Kind::Dora, Kind::Ia3, Kind::Oft, Kind::Boft, Kind::Glora, Kind::Set, Kind::Unknown] {
        let list = with(&|m, p| p == Problem::NeedsBase && m.kind == kind);
        if !list.is_empty() {
            let n = list.len();
            out.push(format!(
                "{n} {} of the kind {}: what they do depends on the base model, so their strength cannot be told from the file alone.",
                plural(n),
                kind.label()
            ));
        }
    }
    let zero = with(&|_, p| p == Problem::AlphaZero);
    if let Some(&first) = zero.first() {
        let n = zero.len();
        let name = shown(&adapter.modules[first].name);
        out.push(format!(
            "The stored alpha of {n} {} is 0, so no effect is left of them (first: {name}). Training tools often mean \"alpha = rank\" by that.",
            plural(n)
        ));
    }
    let broken: Vec<usize> =
        modules.iter().filter_map(|m| if let Some(Problem::NotFinite(t)) = m.problem { Some(t) } else { None }).collect();
    for tensor in broken.iter().take(10) {
        out.push(format!(
            "{} holds NaN or infinity; its module is left out of the strengths.",
            shown(&adapter.header.tensors[*tensor].name)
        ));
    }
    if broken.len() > 10 {
        out.push(format!("{} more modules hold NaN or infinity and are left out of the strengths.", broken.len() - 10));
    }
    out
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "module" } else { "modules" }
}

#[cfg(test)]
mod tests;
