//! Transformer names: diffusers' split modules onto the native (BFL, SAI, Wan) fused ones, which are the canonical ones.

use super::{Canonical, Rows, indexed};

fn at(path: String, rows: Rows) -> Canonical {
    Canonical { path, rows, swapped_halves: false }
}

/// Position of q, k and v in a fused qkv.
fn nth(letter: &str) -> Option<Rows> {
    Some(Rows::Nth(match letter {
        "q" => 0,
        "k" => 1,
        "v" => 2,
        _ => return None,
    }))
}

/// `to_q` → q, `add_q_proj` → (q, context).
fn qkv_leaf(rest: &str) -> Option<(Rows, bool)> {
    if let Some(letter) = rest.strip_prefix("to_") {
        return Some((nth(letter)?, false));
    }
    let letter = rest.strip_prefix("add_")?.strip_suffix("_proj")?;
    Some((nth(letter)?, true))
}

/// Flux.1: rows of single `linear1` are [q h, k h, v h, mlp 4h], rows of `qkv` are [q, k, v].
pub(super) fn flux(path: &str) -> Canonical {
    flux_double(path)
        .or_else(|| flux_single(path))
        .or_else(|| flux_xlabs(path))
        .or_else(|| flux_outside(path))
        .unwrap_or_else(|| Canonical::plain(path))
}

fn flux_double(path: &str) -> Option<Canonical> {
    let (i, rest) = indexed(path, "transformer_blocks_")?;
    let block = |name: &str| Canonical::plain(format!("double_blocks_{i}_{name}"));
    if let Some((rows, context)) = rest.strip_prefix("attn_").and_then(qkv_leaf) {
        return Some(at(format!("double_blocks_{i}_{}_attn_qkv", if context { "txt" } else { "img" }), rows));
    }
    Some(block(match rest {
        "norm1_linear" => "img_mod_lin",
        "norm1_context_linear" => "txt_mod_lin",
        "attn_to_out_0" => "img_attn_proj",
        "attn_to_add_out" => "txt_attn_proj",
        "ff_net_0_proj" => "img_mlp_0",
        "ff_net_2" => "img_mlp_2",
        "ff_context_net_0_proj" => "txt_mlp_0",
        "ff_context_net_2" => "txt_mlp_2",
        "attn_norm_q" => "img_attn_norm_query_norm",
        "attn_norm_k" => "img_attn_norm_key_norm",
        "attn_norm_added_q" => "txt_attn_norm_query_norm",
        "attn_norm_added_k" => "txt_attn_norm_key_norm",
        _ => return None,
    }))
}

fn flux_single(path: &str) -> Option<Canonical> {
    let (i, rest) = indexed(path, "single_transformer_blocks_")?;
    let linear1 = |rows| at(format!("single_blocks_{i}_linear1"), rows);
    if let Some((rows, false)) = rest.strip_prefix("attn_").and_then(qkv_leaf) {
        return Some(linear1(rows));
    }
    let name = match rest {
        "proj_mlp" => return Some(linear1(Rows::AfterQkv)),
        "norm_linear" => "modulation_lin",
        "proj_out" => "linear2",
        "attn_norm_q" => "norm_query_norm",
        "attn_norm_k" => "norm_key_norm",
        _ => return None,
    };
    Some(Canonical::plain(format!("single_blocks_{i}_{name}")))
}

/// XLabs: 1 is the image, 2 the text half; the single block's `qkv_lora` covers the first 3h rows of `linear1`.
fn flux_xlabs(path: &str) -> Option<Canonical> {
    if let Some((i, rest)) = indexed(path, "double_blocks_") {
        let name = match rest.strip_prefix("processor_")? {
            "qkv_lora1" => "img_attn_qkv",
            "qkv_lora2" => "txt_attn_qkv",
            "proj_lora1" => "img_attn_proj",
            "proj_lora2" => "txt_attn_proj",
            _ => return None,
        };
        return Some(Canonical::plain(format!("double_blocks_{i}_{name}")));
    }
    let (i, rest) = indexed(path, "single_blocks_")?;
    match rest.strip_prefix("processor_")? {
        "qkv_lora" => Some(at(format!("single_blocks_{i}_linear1"), Rows::Nth(0))),
        "proj_lora" => Some(Canonical::plain(format!("single_blocks_{i}_linear2"))),
        _ => None,
    }
}

fn flux_outside(path: &str) -> Option<Canonical> {
    let name = match path {
        "x_embedder" => "img_in",
        "context_embedder" => "txt_in",
        "time_text_embed_timestep_embedder_linear_1" => "time_in_in_layer",
        "time_text_embed_timestep_embedder_linear_2" => "time_in_out_layer",
        "time_text_embed_text_embedder_linear_1" => "vector_in_in_layer",
        "time_text_embed_text_embedder_linear_2" => "vector_in_out_layer",
        "time_text_embed_guidance_embedder_linear_1" => "guidance_in_in_layer",
        "time_text_embed_guidance_embedder_linear_2" => "guidance_in_out_layer",
        _ => return final_layer(path),
    };
    Some(Canonical::plain(name))
}

/// diffusers stores (scale, shift) where the native layer has (shift, scale).
fn final_layer(path: &str) -> Option<Canonical> {
    match path {
        "proj_out" => Some(Canonical::plain("final_layer_linear")),
        "norm_out_linear" => Some(Canonical { swapped_halves: true, ..Canonical::plain("final_layer_adaLN_modulation_1") }),
        _ => None,
    }
}

/// SD3, SD3.5.
pub(super) fn sd3(path: &str, last_block: Option<usize>) -> Canonical {
    sd3_block(path, last_block).or_else(|| sd3_outside(path)).unwrap_or_else(|| Canonical::plain(path))
}

fn sd3_block(path: &str, last_block: Option<usize>) -> Option<Canonical> {
    let (i, rest) = indexed(path, "transformer_blocks_")?;
    let half = |context| if context { "context_block" } else { "x_block" };
    if let Some((rows, context)) = rest.strip_prefix("attn_").and_then(qkv_leaf) {
        return Some(at(format!("joint_blocks_{i}_{}_attn_qkv", half(context)), rows));
    }
    if let Some((rows, false)) = rest.strip_prefix("attn2_").and_then(qkv_leaf) {
        return Some(at(format!("joint_blocks_{i}_x_block_attn2_qkv"), rows));
    }
    let (context, name) = match rest {
        "attn_to_out_0" => (false, "attn_proj"),
        "attn_to_add_out" => (true, "attn_proj"),
        "attn2_to_out_0" => (false, "attn2_proj"),
        "ff_net_0_proj" => (false, "mlp_fc1"),
        "ff_net_2" => (false, "mlp_fc2"),
        "ff_context_net_0_proj" => (true, "mlp_fc1"),
        "ff_context_net_2" => (true, "mlp_fc2"),
        "norm1_linear" => (false, "adaLN_modulation_1"),
        "norm1_context_linear" => (true, "adaLN_modulation_1"),
        _ => return None,
    };
    // The last block only reads the context: its modulation is (scale, shift) in diffusers, as in the final layer.
    let swapped_halves = rest == "norm1_context_linear" && last_block == Some(i);
    Some(Canonical { swapped_halves, ..Canonical::plain(format!("joint_blocks_{i}_{}_{name}", half(context))) })
}

fn sd3_outside(path: &str) -> Option<Canonical> {
    let name = match path {
        "pos_embed_proj" => "x_embedder_proj",
        "time_text_embed_timestep_embedder_linear_1" => "t_embedder_mlp_0",
        "time_text_embed_timestep_embedder_linear_2" => "t_embedder_mlp_2",
        "time_text_embed_text_embedder_linear_1" => "y_embedder_mlp_0",
        "time_text_embed_text_embedder_linear_2" => "y_embedder_mlp_2",
        _ => return final_layer(path),
    };
    Some(Canonical::plain(name))
}

/// Wan 2.1, 2.2.
pub(super) fn wan(path: &str) -> Canonical {
    wan_block(path).or_else(|| wan_outside(path)).unwrap_or_else(|| Canonical::plain(path))
}

fn wan_block(path: &str) -> Option<Canonical> {
    let (i, rest) = indexed(path, "blocks_")?;
    let name = match rest {
        "attn1_to_q" => "self_attn_q",
        "attn1_to_k" => "self_attn_k",
        "attn1_to_v" => "self_attn_v",
        "attn1_to_out_0" => "self_attn_o",
        "attn2_to_q" => "cross_attn_q",
        "attn2_to_k" => "cross_attn_k",
        "attn2_to_v" => "cross_attn_v",
        "attn2_to_out_0" => "cross_attn_o",
        "attn2_add_k_proj" => "cross_attn_k_img",
        "attn2_add_v_proj" => "cross_attn_v_img",
        "attn1_norm_q" => "self_attn_norm_q",
        "attn1_norm_k" => "self_attn_norm_k",
        "attn2_norm_q" => "cross_attn_norm_q",
        "attn2_norm_k" => "cross_attn_norm_k",
        "attn2_norm_added_k" => "cross_attn_norm_k_img",
        "ffn_net_0_proj" => "ffn_0",
        "ffn_net_2" => "ffn_2",
        "norm2" => "norm3",
        _ => return None,
    };
    Some(Canonical::plain(format!("blocks_{i}_{name}")))
}

fn wan_outside(path: &str) -> Option<Canonical> {
    Some(Canonical::plain(match path {
        "condition_embedder_time_embedder_linear_1" => "time_embedding_0",
        "condition_embedder_time_embedder_linear_2" => "time_embedding_2",
        "condition_embedder_text_embedder_linear_1" => "text_embedding_0",
        "condition_embedder_text_embedder_linear_2" => "text_embedding_2",
        "condition_embedder_time_proj" => "time_projection_1",
        "condition_embedder_image_embedder_ff_net_0_proj" => "img_emb_proj_1",
        "condition_embedder_image_embedder_ff_net_2" => "img_emb_proj_3",
        "proj_out" => "head_head",
        _ => return None,
    }))
}
