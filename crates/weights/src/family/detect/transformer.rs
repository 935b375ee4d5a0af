//! Families whose denoiser is a transformer.

use super::{Claim, Family, Keys, Verdict};
use crate::layout::Layout;

/// The first family whose block names occur.
pub(super) fn detect(keys: &Keys<'_>) -> Option<Verdict> {
    let tests = [named_outright, native_double, split_double, joint, plain_blocks, wan_or_kin, layers];
    tests.iter().find_map(|test| test(keys))
}

/// Block names that only one family has.
fn named_outright(keys: &Keys<'_>) -> Option<Verdict> {
    const NAMES: [(&str, &str); 9] = [
        ("double_stream_blocks_", "HiDream"),
        ("single_stream_blocks_", "HiDream"),
        ("double_layers_", "AuraFlow"),
        ("single_layers_", "AuraFlow"),
        ("joint_transformer_blocks_", "AuraFlow"),
        ("double_stream_modulation", "Flux.2"),
        ("single_stream_modulation", "Flux.2"),
        ("llm_adapter", "Anima"),
        ("txtfusion", "Krea 2"),
    ];
    let (name, label) = NAMES.iter().find(|(name, _)| keys.begins(name))?;
    Some(Verdict::foreign(label, format!("There are keys named {name}….")))
}

/// `double_blocks`, `single_blocks`: Flux.1 and its kin, in their own names.
fn native_double(keys: &Keys<'_>) -> Option<Verdict> {
    if !keys.begins("double_blocks_") && !keys.begins("single_blocks_") {
        return None;
    }
    let hidden = |p: &str| {
        [
            "attn_qkv",
            "_mlp_0",
            "_mod_lin",
            "attn_proj",
            "mlp_fc1",
            "mod_linear",
            "qkv_lora1",
            "qkv_lora2",
            "qkv_lora",
            "proj_lora1",
            "proj_lora2",
            "linear1",
            "modulation_lin",
        ]
        .iter()
        .any(|end| p.ends_with(end))
    };
    let width = keys.width(hidden);
    if keys.any(|p| p.contains("mlp_fc") || p.ends_with("_mod_linear") || p.ends_with("modulation_linear"))
        || keys.has("individual_token_refiner")
        || keys.begins("byt5_in")
    {
        return Some(Verdict::foreign(hunyuan(width), "The blocks have the names of the Hunyuan models (mlp_fc1, mod_linear)."));
    }
    let single = keys.ratio(|p| p.ends_with("_linear1"));
    let mlp = keys.ratio(|p| p.ends_with("img_mlp_0") || p.ends_with("txt_mlp_0"));
    if single == Some(9) || mlp == Some(6) || matches!(width, Some(6144 | 4096)) {
        let width = width.map_or(String::new(), |w| format!(", the width is {w}"));
        return Some(Verdict::foreign("Flux.2", format!("There are double and single blocks with the proportions of Flux.2{width}.")));
    }
    if keys.begins("distilled_guidance_layer") {
        return Some(Verdict::foreign("Chroma", "There are double and single blocks and a distilled guidance layer."));
    }
    let (doubles, singles) = (keys.max_index("double_blocks_"), keys.max_index("single_blocks_"));
    if doubles.is_some_and(|i| i > 18) || singles.is_some_and(|i| i > 37) {
        return Some(Verdict::nothing("There are more double or single blocks than Flux.1 has (19 and 38)."));
    }
    let modulated = keys.any(|p| p.ends_with("_mod_lin") || p.ends_with("modulation_lin")) || keys.begins("vector_in");
    let exact = single == Some(7) || mlp == Some(4);
    let mut rivals = Vec::new();
    if !modulated {
        rivals.push(Claim::Foreign("Chroma"));
    }
    if !exact {
        rivals.push(Claim::Foreign("Flux.2"));
        rivals.push(Claim::Foreign("HunyuanVideo"));
    }
    Some(flux(width, if exact { 0.97 } else { 0.9 }, "There are double and single blocks as in Flux.1").rivals(&rivals))
}

fn flux(width: Option<usize>, confidence: f32, why: &str) -> Verdict {
    match width {
        Some(3072) => Verdict::known(Family::Flux1, confidence, format!("{why}, 3072 wide.")),
        Some(other) => Verdict::known(Family::Flux1, 0.5, format!("{why}, but {other} wide instead of 3072.")),
        None => Verdict::known(Family::Flux1, 0.6, format!("{why}; the width is not told.")),
    }
}

fn hunyuan(width: Option<usize>) -> &'static str {
    match width {
        Some(3584) => "HunyuanImage",
        Some(2048) => "HunyuanVideo 1.5",
        _ => "HunyuanVideo",
    }
}

/// `single_transformer_blocks`: Flux.1 or HunyuanVideo in diffusers' names.
fn split_double(keys: &Keys<'_>) -> Option<Verdict> {
    if !keys.begins("single_transformer_blocks_") {
        return None;
    }
    if keys.has("to_qkv_mlp_proj") || keys.has("ff_linear_in") || keys.has("ff_context_linear_in") {
        return Some(Verdict::foreign("Flux.2", "The blocks have the names of Flux.2 in diffusers (to_qkv_mlp_proj, ff.linear_in)."));
    }
    let width = keys.width(|p| p.ends_with("_to_q") || p.ends_with("_to_k") || p.ends_with("_to_v") || p.ends_with("_proj_mlp"));
    let (doubles, singles) = (keys.max_index("transformer_blocks_"), keys.max_index("single_transformer_blocks_"));
    let over = doubles.is_some_and(|i| i > 18) || singles.is_some_and(|i| i > 37);
    if over || keys.has("token_refiner") || matches!(width, Some(3584 | 2048)) {
        return Some(Verdict::foreign(hunyuan(width), "There are more blocks than Flux.1 has, a token refiner, or another width."));
    }
    let verdict = flux(width, 0.85, "There are transformer_blocks and single_transformer_blocks as in Flux.1");
    Some(verdict.rivals(&[Claim::Foreign("HunyuanVideo"), Claim::Foreign("Chroma"), Claim::Foreign("Flux.2")]))
}

/// `joint_blocks`, or `transformer_blocks` that attend to a context: SD3, Qwen-Image, or the double half of Flux.1.
fn joint(keys: &Keys<'_>) -> Option<Verdict> {
    if keys.any(|p| p.contains("_img_mlp_net") || p.contains("_txt_mlp_net") || p.ends_with("_img_mod_1") || p.ends_with("_txt_mod_1")) {
        return Some(Verdict::foreign("Qwen-Image", "The blocks have an image and a text half named as in Qwen-Image (img_mlp, txt_mod)."));
    }
    let native = keys.begins("joint_blocks_");
    let context = keys.any(|p| {
        p.starts_with("transformer_blocks_")
            && ["attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj", "attn_to_add_out", "norm1_context_linear"]
                .iter()
                .any(|e| p.ends_with(e))
            || p.contains("_ff_context_net_")
    });
    let image_only = keys.begins("transformer_blocks_") && keys.any(|p| p.ends_with("_attn_to_q") || p.ends_with("_attn_to_out_0"));
    if !(native || context || image_only) {
        return None;
    }
    if keys.any(|p| p.starts_with("transformer_blocks_") && p.contains("_attn1_")) {
        return None;
    }
    let hidden = |p: &str| {
        [
            "_to_q",
            "_to_k",
            "_to_v",
            "add_q_proj",
            "add_k_proj",
            "add_v_proj",
            "attn_qkv",
            "attn2_qkv",
            "mlp_fc1",
            "attn_proj",
            "ff_net_0_proj",
        ]
        .iter()
        .any(|e| p.ends_with(e))
    };
    let width = keys.width(hidden);
    let last = keys.max_index(if native { "joint_blocks_" } else { "transformer_blocks_" }).unwrap_or(0);
    let second = keys.has("_attn2_");
    let what = if native { "There are joint blocks as in SD 3" } else { "There are transformer blocks with a context half as in SD 3" };
    let medium = |v: Verdict| Verdict { variant: second.then(|| "3.5 Medium".to_owned()), ..v };
    Some(match (width, native || second) {
        (Some(1536), _) => medium(Verdict::known(Family::Sd3, 0.97, format!("{what}, 1536 wide."))),
        (Some(2432), _) => large(Verdict::known(Family::Sd3, 0.97, format!("{what}, 2432 wide."))),
        (Some(3072), false) if last > 19 => {
            Verdict::foreign("Qwen-Image", "The transformer blocks are 3072 wide and more than Flux.1 has.")
        }
        (Some(3072), false) if last == 19 => {
            Verdict::nothing("The transformer blocks are 3072 wide; they could be those of HunyuanVideo or of Qwen-Image.")
                .rivals(&[Claim::Foreign("HunyuanVideo"), Claim::Foreign("Qwen-Image")])
        }
        (Some(3072), false) => {
            let sure = keys.has("_ff_context_net_") || keys.has("_norm1_context_linear");
            let text = "There are transformer blocks with a context half, 3072 wide, as the double blocks of Flux.1";
            let rivals = [Claim::Foreign("Qwen-Image"), Claim::Foreign("HunyuanVideo"), Claim::Foreign("Chroma"), Claim::Foreign("Flux.2")];
            Verdict::known(Family::Flux1, if sure { 0.8 } else { 0.6 }, format!("{text}.")).rivals(&rivals)
        }
        (_, true) if last >= 24 => large(Verdict::known(Family::Sd3, 0.5, format!("{what}, of an unusual width."))),
        (_, true) => medium(Verdict::known(Family::Sd3, 0.5, format!("{what}, of an unusual width."))),
        (_, false) => {
            let known = [Claim::Known(Family::Sd3), Claim::Known(Family::Flux1), Claim::Foreign("Qwen-Image")];
            Verdict::nothing("The transformer blocks are of a width that no known model has; SD 3 and Flux.1 name them alike.")
                .rivals(&known)
        }
    })
}

fn large(verdict: Verdict) -> Verdict {
    Verdict { layout: Layout::by_id("sd35l_mmdit_38"), variant: Some("3.5 Large".to_owned()), ..verdict }
}

/// `transformer_blocks` with attn1: video and class-conditional models of diffusers.
fn plain_blocks(keys: &Keys<'_>) -> Option<Verdict> {
    if !keys.begins("transformer_blocks_") {
        return None;
    }
    let width = keys.width(|p| p.ends_with("attn1_to_q") || p.ends_with("attn1_to_k"));
    let label = if keys.has("audio_attn") {
        "LTX-2"
    } else if keys.has("attn1_add_q_proj") {
        "Mochi"
    } else {
        match (keys.has("_attn2_"), width) {
            (true, Some(1152)) => "PixArt",
            (true, Some(2048 | 4096)) => "LTX-Video",
            (false, Some(1920 | 3072)) => "CogVideoX",
            _ => return Some(Verdict::nothing("There are transformer blocks, but none of a known model.")),
        }
    };
    Some(Verdict::foreign(label, format!("The transformer blocks have the names and the width of {label}.")))
}

/// `blocks`: Wan, and models that name them the same way.
fn wan_or_kin(keys: &Keys<'_>) -> Option<Verdict> {
    if !keys.begins("blocks_") && !keys.begins("vace_blocks_") {
        return None;
    }
    if keys.any(|p| {
        p.ends_with("self_attn_q_proj")
            || p.contains("mlp_layer1")
            || p.contains("mlp_layer2")
            || p.ends_with("cross_attn_q_proj")
            || p.contains("self_attn_output_proj")
    }) {
        return Some(Verdict::foreign("Cosmos-Predict2", "The blocks have the names of Cosmos-Predict2 (q_proj, mlp.layer1)."));
    }
    if keys.begins("blocks_block") {
        return Some(Verdict::foreign("Cosmos", "The blocks have the names of Cosmos (blocks.block0)."));
    }
    if keys.any(|p| p.ends_with("_attn_gate")) {
        return Some(Verdict::foreign("Krea 2", "The blocks have gated attention as in Krea 2."));
    }
    if keys.has("cross_attn_kv_linear") || keys.has("cross_attn_q_linear") {
        return Some(Verdict::foreign("PixArt", "The blocks have the names of PixArt (kv_linear)."));
    }
    let own = |p: &str| {
        [
            "self_attn_q",
            "self_attn_k",
            "self_attn_v",
            "self_attn_o",
            "cross_attn_q",
            "cross_attn_k",
            "cross_attn_v",
            "cross_attn_o",
            "cross_attn_k_img",
            "cross_attn_v_img",
            "ffn_0",
        ]
        .iter()
        .any(|e| p.ends_with(e))
    };
    let split = |p: &str| {
        (p.contains("_attn1_to_") || p.contains("_attn2_to_") || p.ends_with("attn2_add_k_proj") || p.ends_with("ffn_net_0_proj"))
            && p.contains("blocks_")
    };
    if !keys.any(|p| own(p) || split(p) || p.ends_with("ffn_2") || p.ends_with("ffn_net_2")) {
        return Some(Verdict::nothing("There are numbered blocks, but none of a known model."));
    }
    let image = keys.any(|p| p.ends_with("k_img") || p.ends_with("add_k_proj") || p.starts_with("img_emb"));
    let width = keys.width(|p| own(p) || split(p));
    let last = keys.max_index("blocks_").unwrap_or(0);
    Some(wan(width, last, image))
}

fn wan(width: Option<usize>, last: usize, image: bool) -> Verdict {
    let names = "The blocks have the names of Wan (self_attn, cross_attn, ffn)";
    let size = match width {
        Some(1536) => Some("1.3B"),
        Some(3072) => Some("5B"),
        Some(5120) => Some("14B"),
        _ => None,
    };
    let deep = size == Some("14B") || (size.is_none() && last >= 30);
    let (confidence, text) = match (size, width) {
        (Some(size), Some(width)) => (0.97, format!("{names}, {width} wide, as the {size} model.")),
        (_, Some(width)) => (0.5, format!("{names}, but {width} wide, which no known model is.")),
        _ => (0.6, format!("{names}; the width is not told.")),
    };
    let variant = size.map(|s| if image { format!("{s} I2V") } else { s.to_owned() });
    let layout = Layout::by_id(if deep { "wan_unet_40" } else { "wan_unet_30" });
    Verdict { layout, variant, ..Verdict::known(Family::Wan, confidence, text) }
}

/// `layers`: Z-Image, Lumina 2.
fn layers(keys: &Keys<'_>) -> Option<Verdict> {
    if !keys.begins("layers_") && !keys.begins("noise_refiner_") && !keys.begins("context_refiner_") {
        return None;
    }
    let width = keys.width(|p| p.contains("attention_to_") || p.contains("attention_qkv") || p.contains("feed_forward_w1"));
    Some(match width {
        Some(3840) => Verdict::foreign("Z-Image", "There are numbered layers, 3840 wide."),
        Some(2304) => Verdict::foreign("Lumina 2", "There are numbered layers, 2304 wide."),
        _ => Verdict::nothing("There are numbered layers, but of no known model."),
    })
}
