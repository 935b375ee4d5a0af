//! Keys of the result: names that the programs people use do load.
//!
//! What ComfyUI, A1111 and diffusers (0.42) read differs by family, so the default does too:
//!
//! - UNets: kohya's names, always. ComfyUI skips PEFT's names for UNets without a word.
//! - Flux.1: the files' own names where all have kohya's, or all have diffusers' (`transformer.`, PEFT); else kohya's.
//! - SD 3: the same; kohya's are not read by diffusers, but nothing else has names for fused weights.
//! - Wan: native names (`diffusion_model.blocks.0.self_attn.q.lora_A.weight`). ComfyUI does not know diffusers' Wan names, and diffusers fails on
//!   kohya's where a block lacks modules.
//! - All other families: the files' own names where they agree, else kohya's.

use super::plan::MergeError;
use super::targets::{Group, Named};
use crate::adapter::{Factors, Module, Naming};
use crate::family::Family;
use crate::keys::names::{kohya_stem, native};

/// Keys and shape form of one module of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Name for messages and reports.
    pub(crate) stem: String,
    pub(crate) down: String,
    pub(crate) up: String,
    /// None: no alpha is written, which every reader takes as scale 1.
    pub(crate) alpha: Option<String>,
    /// Dimensions of the kernel where the factors are convolutions, as many as the first file has.
    pub(crate) conv: Option<Vec<usize>>,
}

/// Where the names of the result come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The files' own.
    Kept,
    /// kohya's flattened names.
    Kohya,
    /// Wan's native path, dotted, behind `diffusion_model.`.
    Native,
}

/// Decides the names of the result; `wanted` wins over the family's default.
pub(crate) fn choose(files: &[Named<'_>], wanted: Option<Naming>, family: Family) -> Result<Form, MergeError> {
    let mut seen: Vec<(Naming, Style)> = files.iter().flat_map(|f| &f.adapter.modules).map(|m| (m.naming, style(m))).collect();
    seen.sort_unstable();
    seen.dedup();
    let one = if let [one] = seen.as_slice() { Some(*one) } else { None };
    let unet = matches!(family, Family::Sd1 | Family::Sd2 | Family::Sdxl);
    // What is known of the programs below is known of these families; others keep the names they have.
    let settled = unet || matches!(family, Family::Sd3 | Family::Flux1 | Family::Wan);
    let kohya = match one {
        Some((Naming::Kohya, style)) if !unet && (style == Style::Kohya || !settled) => Form::Kept,
        _ => Form::Kohya,
    };
    match wanted {
        Some(Naming::Kohya) => Ok(kohya),
        Some(Naming::ComfyUi) if family == Family::Wan => Ok(Form::Native),
        Some(naming) if one.is_some_and(|o| o.0 == naming) => Ok(Form::Kept),
        Some(_) => Err(not_all()),
        None => Ok(match (family, one) {
            (Family::Wan, _) => Form::Native,
            (Family::Flux1 | Family::Sd3, Some((Naming::Peft, Style::Diffusers))) => Form::Kept,
            (_, Some(_)) if !settled => Form::Kept,
            _ => kohya,
        }),
    }
}

pub(crate) fn not_all() -> MergeError {
    MergeError::Plan("a result with these key names needs every input to have them, and alike; kohya names always work".into())
}

/// Variants of one naming that must not mix inside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    /// `lora_unet_`, `lora_te`.
    Kohya,
    /// Flattened names with other beginnings (`lycoris_`, `lora_transformer_`).
    Flat,
    Diffusers,
    Peft,
    Native,
    Bare,
}

fn style(module: &Module) -> Style {
    if module.naming == Naming::Kohya {
        let plain = module.name.starts_with("lora_unet_") || module.name.starts_with("lora_te");
        return if plain { Style::Kohya } else { Style::Flat };
    }
    match module.name.split('.').next().unwrap_or_default() {
        "transformer" | "unet" | "text_encoder" | "text_encoder_2" | "text_encoder_3" => Style::Diffusers,
        "base_model" => Style::Peft,
        "diffusion_model" | "text_encoders" => Style::Native,
        _ => Style::Bare,
    }
}

/// Keys of a group. None when the form has no key for it: a window that no file has alone, or a Wan module without a known native path.
pub(crate) fn keys(files: &[Named<'_>], group: &Group, form: Form, family: Family) -> Option<Keys> {
    let conv = conv(files, group);
    match form {
        Form::Kept => kept(files, group, conv),
        Form::Kohya => {
            let stem = kohya_stem(family, &group.target);
            let key = |suffix: &str| format!("{stem}.{suffix}");
            Some(Keys { down: key("lora_down.weight"), up: key("lora_up.weight"), alpha: Some(key("alpha")), conv, stem })
        }
        Form::Native => native(family, &group.target).map(|path| peft(format!("diffusion_model.{path}"), conv)),
    }
}

fn kept(files: &[Named<'_>], group: &Group, conv: Option<Vec<usize>>) -> Option<Keys> {
    let (file, module) =
        group.parts.iter().map(|p| (&files[p.member], files[p.member].module(p))).find(|(_, m)| m.target.rows == group.target.rows)?;
    if module.naming == Naming::Peft {
        return Some(peft(module.name.clone(), conv));
    }
    let name = |index: usize| file.adapter.header.tensors[index].name.clone();
    let (down, up) = match &module.factors {
        Factors::Pair(pair) => (name(pair.down), name(pair.up)),
        _ if module.naming == Naming::Kohya => (format!("{}.lora_down.weight", module.name), format!("{}.lora_up.weight", module.name)),
        _ => return Some(peft(module.name.clone(), conv)),
    };
    let alpha = (module.naming == Naming::Kohya).then(|| format!("{}.alpha", module.name));
    Some(Keys { stem: module.name.clone(), down, up, alpha, conv })
}

fn peft(stem: String, conv: Option<Vec<usize>>) -> Keys {
    Keys { down: format!("{stem}.lora_A.weight"), up: format!("{stem}.lora_B.weight"), alpha: None, conv, stem }
}

/// The first part's form decides; 1×1 convolutions and linear layers hold the same numbers.
fn conv(files: &[Named<'_>], group: &Group) -> Option<Vec<usize>> {
    let part = group.parts.first()?;
    let file = &files[part.member];
    file.module(part).kernel_shape(&file.adapter.header)
}
