//! Names of the SD UNets: dots put back into diffusers' names, and the original (LDM) names.

use crate::family::Family;
use crate::keys::indexed;

const RESNET: [(&str, &str); 6] = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
];

const ATTENTION: [&str; 3] = ["norm", "proj_in", "proj_out"];

const LAYER: [&str; 13] = [
    "attn1.to_q",
    "attn1.to_k",
    "attn1.to_v",
    "attn1.to_out.0",
    "attn2.to_q",
    "attn2.to_k",
    "attn2.to_v",
    "attn2.to_out.0",
    "ff.net.0.proj",
    "ff.net.2",
    "norm1",
    "norm2",
    "norm3",
];

/// (diffusers, LDM).
const OUTSIDE: [(&str, &str); 7] = [
    ("conv_in", "input_blocks.0.0"),
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("add_embedding.linear_1", "label_emb.0.0"),
    ("add_embedding.linear_2", "label_emb.0.2"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
];

/// A weight of a level of the UNet.
struct Part<'a> {
    /// `down_blocks`, `mid_block`, `up_blocks`.
    side: &'static str,
    level: usize,
    /// `resnets`, `attentions`, `downsamplers`, `upsamplers`.
    kind: &'static str,
    index: usize,
    rest: &'a str,
}

fn part(path: &str) -> Option<Part<'_>> {
    let (side, level, rest) = if let Some((level, rest)) = indexed(path, "down_blocks_") {
        ("down_blocks", level, rest)
    } else if let Some((level, rest)) = indexed(path, "up_blocks_") {
        ("up_blocks", level, rest)
    } else {
        ("mid_block", 0, path.strip_prefix("mid_block_")?)
    };
    ["resnets", "attentions", "downsamplers", "upsamplers"].into_iter().find_map(|kind| {
        let (index, rest) = indexed(rest.strip_prefix(kind)?.strip_prefix('_')?, "")?;
        Some(Part { side, level, kind, index, rest })
    })
}

/// The dotted leaf of an attention block.
fn attention(rest: &str) -> Option<String> {
    if let Some((i, leaf)) = indexed(rest, "transformer_blocks_") {
        let leaf = LAYER.iter().find(|l| l.replace('.', "_") == leaf)?;
        return Some(format!("transformer_blocks.{i}.{leaf}"));
    }
    ATTENTION.iter().find(|l| **l == rest).map(|l| (*l).to_owned())
}

/// diffusers' dotted path of a canonical one.
pub(super) fn dotted(path: &str) -> Option<String> {
    if let Some((name, _)) = OUTSIDE.iter().find(|(name, _)| name.replace('.', "_") == path) {
        return Some((*name).to_owned());
    }
    let p = part(path)?;
    let leaf = match p.kind {
        "resnets" => RESNET.iter().find(|(d, _)| *d == p.rest).map(|(d, _)| (*d).to_owned()),
        "attentions" => attention(p.rest),
        _ => (p.rest == "conv").then(|| "conv".to_owned()),
    }?;
    Some(match p.side {
        "mid_block" => format!("mid_block.{}.{}.{leaf}", p.kind, p.index),
        side => format!("{side}.{}.{}.{}.{leaf}", p.level, p.kind, p.index),
    })
}

/// The original dotted path of a canonical one. The rule is that of `keys::unet`, the other way round.
pub(super) fn ldm(family: Family, path: &str) -> Option<String> {
    if let Some((_, name)) = OUTSIDE.iter().find(|(name, _)| name.replace('.', "_") == path) {
        return Some((*name).to_owned());
    }
    let p = part(path)?;
    let leaf = match p.kind {
        "resnets" => RESNET.iter().find(|(d, _)| *d == p.rest).map(|(_, l)| (*l).to_owned()),
        "attentions" => attention(p.rest),
        _ => Some(String::new()),
    }?;
    Some(match (p.side, p.kind) {
        ("mid_block", "attentions") => format!("middle_block.1.{leaf}"),
        ("mid_block", _) => format!("middle_block.{}.{leaf}", 2 * p.index),
        ("down_blocks", "downsamplers") => format!("input_blocks.{}.0.op", 3 * (p.level + 1)),
        ("down_blocks", kind) => format!("input_blocks.{}.{}.{leaf}", 1 + 3 * p.level + p.index, u8::from(kind == "attentions")),
        // The upsampler stands behind the attention, where the level has one: SDXL's first two do, SD's first does not.
        (_, "upsamplers") => {
            let attends = if family == Family::Sdxl { p.level < 2 } else { p.level > 0 };
            format!("output_blocks.{}.{}.conv", 3 * p.level + 2, 1 + u8::from(attends))
        }
        (_, kind) => format!("output_blocks.{}.{}.{leaf}", 3 * p.level + p.index, u8::from(kind == "attentions")),
    })
}
