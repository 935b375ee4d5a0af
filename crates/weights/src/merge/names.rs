//! Keys of the result.
//!
//! Where every file uses one naming, the result keeps the keys as they are. Where namings mix, it takes kohya's flattened names, the one form that
//! ComfyUI, A1111 and diffusers all read for every family.

use super::plan::MergeError;
use super::targets::{Group, Named};
use crate::adapter::{Component, Factors, Module, Naming, Target};
use crate::family::Family;

/// Keys and shape form of one module of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Name for messages and reports.
    pub(crate) stem: String,
    pub(crate) down: String,
    pub(crate) up: String,
    /// None: no alpha is written, which every reader of that naming takes as scale 1.
    pub(crate) alpha: Option<String>,
    /// (in, kh, kw) where the factors are convolutions.
    pub(crate) conv: Option<(usize, usize, usize)>,
}

/// Decides the naming of the result: None keeps the files' own keys, `Some(Kohya)` makes new ones.
pub(crate) fn choose(files: &[Named<'_>], wanted: Option<Naming>) -> Result<Option<Naming>, MergeError> {
    let mut seen: Vec<(Naming, Style)> = files.iter().flat_map(|f| &f.adapter.modules).map(|m| (m.naming, style(m))).collect();
    seen.sort_unstable();
    seen.dedup();
    let one = seen.windows(2).all(|w| w[0] == w[1]);
    match wanted {
        Some(Naming::Kohya) if !(one && seen.first().is_some_and(|s| s.0 == Naming::Kohya)) => Ok(Some(Naming::Kohya)),
        Some(naming) if naming != Naming::Kohya && !(one && seen.first().is_some_and(|s| s.0 == naming)) => Err(not_all()),
        _ => Ok((!one).then_some(Naming::Kohya)),
    }
}

pub(crate) fn not_all() -> MergeError {
    MergeError::Plan("a result with these key names needs every input to have them, and alike; kohya names always work".into())
}

/// Variants of one naming that must not mix inside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    Flat,
    Diffusers,
    Peft,
    Native,
    Bare,
}

fn style(module: &Module) -> Style {
    if module.naming == Naming::Kohya {
        return Style::Flat;
    }
    match module.name.split('.').next().unwrap_or_default() {
        "transformer" | "unet" | "text_encoder" | "text_encoder_2" | "text_encoder_3" => Style::Diffusers,
        "base_model" => Style::Peft,
        "diffusion_model" | "text_encoders" => Style::Native,
        _ => Style::Bare,
    }
}

/// Keys of a group. `new` is what [`choose`] said. None when the files' own names have no key for this group (a window that no file has alone):
/// the caller starts again with new names.
pub(crate) fn keys(files: &[Named<'_>], group: &Group, new: Option<Naming>, family: Family) -> Option<Keys> {
    let conv = conv(files, group);
    if new.is_some() {
        let stem = kohya_stem(&group.target, family);
        let key = |suffix: &str| format!("{stem}.{suffix}");
        return Some(Keys { down: key("lora_down.weight"), up: key("lora_up.weight"), alpha: Some(key("alpha")), conv, stem });
    }
    let (file, module) =
        group.parts.iter().map(|p| (&files[p.member], files[p.member].module(p))).find(|(_, m)| m.target.rows == group.target.rows)?;
    let Factors::Pair(pair) = &module.factors else { return None };
    let name = |index: usize| file.adapter.header.tensors[index].name.clone();
    let alpha = module.alpha.map(name).or_else(|| (module.naming == Naming::Kohya).then(|| format!("{}.alpha", module.name)));
    Some(Keys { stem: module.name.clone(), down: name(pair.down), up: name(pair.up), alpha, conv })
}

/// The first part's form decides; 1×1 convolutions and linear layers hold the same numbers.
fn conv(files: &[Named<'_>], group: &Group) -> Option<(usize, usize, usize)> {
    let part = group.parts.first()?;
    let module = files[part.member].module(part);
    let (h, w) = module.kernel?;
    Some((group.n / (h * w).max(1), h, w))
}

/// kohya's flattened key stem of a target.
pub(crate) fn kohya_stem(target: &Target, family: Family) -> String {
    match target.component {
        Component::Denoiser => format!("lora_unet_{}", if family == Family::Sdxl { ldm(&target.path) } else { target.path.clone() }),
        Component::TextEncoder(n) => format!("{}{}", te_prefix(n, &target.path, family), target.path),
    }
}

/// SD 1 and 2 have one encoder without a number; T5 is always the third in kohya's files.
fn te_prefix(n: u8, path: &str, family: Family) -> String {
    match family {
        Family::Sd1 | Family::Sd2 => "lora_te_".into(),
        _ if path.starts_with("encoder_block") => "lora_te3_".into(),
        _ => format!("lora_te{n}_"),
    }
}

/// A diffusers UNet path in the names of the original SDXL code, which kohya's SDXL files use. Unknown paths stay as they are.
pub(crate) fn ldm(path: &str) -> String {
    convert(path).unwrap_or_else(|| path.to_owned())
}

fn convert(path: &str) -> Option<String> {
    let fixed = [
        ("conv_in", "input_blocks_0_0"),
        ("conv_out", "out_2"),
        ("time_embedding_linear_1", "time_embed_0"),
        ("time_embedding_linear_2", "time_embed_2"),
    ];
    if let Some((_, to)) = fixed.iter().find(|(from, _)| *from == path) {
        return Some((*to).into());
    }
    if let Some(rest) = path.strip_prefix("add_embedding_linear_") {
        return Some(format!("label_emb_0_{}", if rest == "1" { 0 } else { 2 }));
    }
    if let Some(rest) = path.strip_prefix("mid_block_") {
        let (part, j, rest) = member(rest)?;
        return Some(if part == "attentions" {
            format!("middle_block_1_{rest}")
        } else {
            format!("middle_block_{}_{}", 2 * j, resnet(rest)?)
        });
    }
    let (down, rest) = match path.strip_prefix("down_blocks_") {
        Some(rest) => (true, rest),
        None => (false, path.strip_prefix("up_blocks_")?),
    };
    let (i, rest) = number(rest)?;
    let (part, j, rest) = member(rest)?;
    let (stem, block) = if down { ("input_blocks", 1 + 3 * i + j) } else { ("output_blocks", 3 * i + j) };
    Some(match part {
        "attentions" => format!("{stem}_{block}_1_{rest}"),
        "resnets" => format!("{stem}_{block}_0_{}", resnet(rest)?),
        "downsamplers" => format!("input_blocks_{}_0_op", 3 * (i + 1)),
        // The first two up levels of SDXL have attention before the upsampler.
        _ => format!("output_blocks_{}_{}_conv", 3 * i + 2, if i < 2 { 2 } else { 1 }),
    })
}

/// `attentions_1_rest` → (attentions, 1, rest).
fn member(rest: &str) -> Option<(&str, usize, &str)> {
    let part = ["attentions", "resnets", "downsamplers", "upsamplers"].into_iter().find(|p| rest.starts_with(p))?;
    let (j, rest) = number(rest[part.len()..].strip_prefix('_')?)?;
    Some((part, j, rest))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.split_once('_')?;
    Some((digits.parse().ok()?, rest))
}

fn resnet(part: &str) -> Option<&'static str> {
    Some(match part {
        "norm1" => "in_layers_0",
        "conv1" => "in_layers_2",
        "time_emb_proj" => "emb_layers_1",
        "norm2" => "out_layers_0",
        "conv2" => "out_layers_3",
        "conv_shortcut" => "skip_connection",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdxl_paths_become_the_original_names() {
        for (from, to) in [
            ("down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", "input_blocks_4_1_transformer_blocks_0_attn1_to_q"),
            ("down_blocks_2_resnets_1_conv_shortcut", "input_blocks_8_0_skip_connection"),
            ("down_blocks_0_downsamplers_0_conv", "input_blocks_3_0_op"),
            ("mid_block_attentions_0_proj_in", "middle_block_1_proj_in"),
            ("mid_block_resnets_1_conv2", "middle_block_2_out_layers_3"),
            ("up_blocks_1_attentions_2_proj_out", "output_blocks_5_1_proj_out"),
            ("up_blocks_0_upsamplers_0_conv", "output_blocks_2_2_conv"),
            ("up_blocks_2_resnets_0_time_emb_proj", "output_blocks_6_0_emb_layers_1"),
            ("something_else", "something_else"),
        ] {
            assert_eq!(ldm(from), to);
        }
    }
}
