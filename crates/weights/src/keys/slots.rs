//! From a canonical path to its place in the layout.

use super::indexed;
use crate::adapter::Component;
use crate::adapter::Target;
use crate::family::model::{self, Place};
use crate::layout::{Extra, Group, Layout, SlotRef};

/// The slot of `target` in `layout`. What belongs to no block goes to one of the extra groups, so that nothing is lost.
#[must_use]
pub fn slot_of(layout: &Layout, target: &Target) -> SlotRef {
    let path = target.path.as_str();
    match target.component {
        Component::TextEncoder(n) => SlotRef::Extra(Extra::text_encoder(n)),
        Component::Denoiser if layout.family.is_unet() => unet(layout, path),
        Component::Denoiser => transformer(layout, path),
    }
}

fn block(layout: &Layout, group: Group, index: usize) -> SlotRef {
    let range = layout.group(group);
    match u16::try_from(index).ok().and_then(|i| range.start.checked_add(i)).filter(|i| range.contains(i)) {
        Some(i) => SlotRef::Block(i),
        None => SlotRef::Extra(Extra::Other),
    }
}

fn unet(layout: &Layout, path: &str) -> SlotRef {
    if path == "conv_in" || path.starts_with("conv_in_") {
        return block(layout, Group::In, 0);
    }
    if path.starts_with("mid_block_") || path.starts_with("middle_block_") {
        return block(layout, Group::Mid, 0);
    }
    if let Some((level, rest)) = indexed(path, "down_blocks_") {
        return match level_part(rest, "downsamplers_") {
            Some((2, _)) if level < 16 => block(layout, Group::In, 3 * (level + 1)),
            Some((_, j)) if level < 16 && j < 2 => block(layout, Group::In, 1 + 3 * level + j),
            _ => SlotRef::Extra(Extra::Other),
        };
    }
    if let Some((level, rest)) = indexed(path, "up_blocks_") {
        return match level_part(rest, "upsamplers_") {
            Some((2, _)) if level < 16 => block(layout, Group::Out, 3 * level + 2),
            Some((_, j)) if level < 16 && j < 3 => block(layout, Group::Out, 3 * level + j),
            _ => SlotRef::Extra(Extra::Other),
        };
    }
    // Original names that have no diffusers twin (unusual parts of a block) still say their block.
    if let Some((i, _)) = indexed(path, "input_blocks_") {
        return block(layout, Group::In, i);
    }
    if let Some((i, _)) = indexed(path, "output_blocks_") {
        return block(layout, Group::Out, i);
    }
    let extra = match path {
        p if p.starts_with("time_embed")
            || p.starts_with("add_embedding")
            || p.starts_with("label_emb")
            || p.starts_with("class_embedding") =>
        {
            Extra::In
        }
        p if p.starts_with("conv_norm_out") || p.starts_with("conv_out") || p.starts_with("out_") => Extra::Out,
        _ => Extra::Other,
    };
    SlotRef::Extra(extra)
}

/// (0 resnet, 1 attention, 2 sampler; index).
fn level_part(rest: &str, sampler: &str) -> Option<(u8, usize)> {
    ["resnets_", "attentions_", sampler].iter().zip(0..).find_map(|(prefix, kind)| indexed(rest, prefix).map(|(j, _)| (kind, j)))
}

fn transformer(layout: &Layout, path: &str) -> SlotRef {
    let Some(model) = model::of(layout.family) else { return SlotRef::Extra(outside(path)) };
    if let Some((section, i, _)) = model.block(path) {
        return match model.sections[section].place {
            Place::Outside(extra) => SlotRef::Extra(extra),
            Place::Slots { .. } => match model.position(section, i, layout) {
                Some((group, position)) => block(layout, group, position),
                None => SlotRef::Extra(Extra::Other),
            },
        };
    }
    SlotRef::Extra(model.extra(path).unwrap_or_else(|| outside(path)))
}

/// For what the tables do not name (norms, biases, other variants): by the beginning of the name.
fn outside(path: &str) -> Extra {
    const EMBEDDERS: [&str; 15] = [
        "img_in",
        "txt_in",
        "time_in",
        "vector_in",
        "guidance_in",
        "context_embedder",
        "x_embedder",
        "t_embedder",
        "y_embedder",
        "pos_embed",
        "patch_embed",
        "text_embedding",
        "time_",
        "img_emb",
        "proj_in",
    ];
    const FINAL: [&str; 5] = ["final_", "head", "proj_out", "norm_out", "last_"];
    const SHARED: [&str; 4] = ["distilled_guidance_layer", "double_stream_modulation", "single_stream_modulation", "adaln_"];
    let begins = |list: &[&str]| list.iter().any(|p| path.starts_with(p));
    if begins(&EMBEDDERS) {
        Extra::In
    } else if begins(&FINAL) {
        Extra::Out
    } else if begins(&SHARED) {
        Extra::Mod
    } else if path.contains("refiner") {
        Extra::Ref
    } else {
        Extra::Other
    }
}
