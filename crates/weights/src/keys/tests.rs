use super::*;
use crate::adapter::Naming;

/// (canonical path, first row, swapped) of a module of 12 × 4.
fn target(family: Family, stem: &str) -> (Component, String, Option<(usize, usize)>) {
    let located = locate(stem);
    let c = canonical(family, &located, Some(23));
    (located.component, c.path, c.rows.window(12, 4))
}

fn same(family: Family, stems: &[&str]) {
    let first = target(family, stems[0]);
    for stem in stems {
        assert_eq!(target(family, stem), first, "{stem}");
    }
}

#[test]
fn ends_of_keys() {
    let p = |key| parse(key).map(|k| (k.stem, k.role, k.naming));
    assert_eq!(p("lora_unet_x.lora_down.weight"), Some(("lora_unet_x", Role::Down, Naming::Kohya)));
    assert_eq!(p("transformer.x.lora_A.weight"), Some(("transformer.x", Role::Down, Naming::Peft)));
    assert_eq!(p("base_model.model.x.lora_B.default.weight"), Some(("base_model.model.x", Role::Up, Naming::Peft)));
    assert_eq!(p("base_model.model.x.lora_B.default.bias"), Some(("base_model.model.x", Role::Bias, Naming::Peft)));
    assert_eq!(p("unet.a.attn1.processor.to_q_lora.up.weight"), Some(("unet.a.attn1.processor.to_q", Role::Up, Naming::DiffusersLegacy)));
    assert_eq!(
        p("text_encoder.a.q_proj.lora_linear_layer.down.weight"),
        Some(("text_encoder.a.q_proj", Role::Down, Naming::DiffusersLegacy))
    );
    assert_eq!(p("diffusion_model.blocks.0.ffn.0.lora_up.weight"), Some(("diffusion_model.blocks.0.ffn.0", Role::Up, Naming::ComfyUi)));
    assert_eq!(p("blocks.0.ffn.2.lora_A.weight"), Some(("blocks.0.ffn.2", Role::Down, Naming::ComfyUi)));
    assert_eq!(p("blocks.0.ffn.net.2.lora_A.weight"), Some(("blocks.0.ffn.net.2", Role::Down, Naming::Peft)));
    assert_eq!(p("blocks.0.ffn.net.0.proj.lora_B.weight"), Some(("blocks.0.ffn.net.0.proj", Role::Up, Naming::Peft)));
    assert_eq!(p("double_blocks.0.img_attn.qkv.lora_A.weight"), Some(("double_blocks.0.img_attn.qkv", Role::Down, Naming::ComfyUi)));
    assert_eq!(
        p("double_blocks.0.processor.qkv_lora1.down.weight"),
        Some(("double_blocks.0.processor.qkv_lora1", Role::Down, Naming::Xlabs))
    );
    assert_eq!(p("single_blocks.0.processor.qkv_lora.up.weight"), Some(("single_blocks.0.processor.qkv_lora", Role::Up, Naming::Xlabs)));
    assert_eq!(p("lycoris_x.lokr_w1_a"), Some(("lycoris_x", Role::LokrW1A, Naming::Kohya)));
    assert_eq!(p("x.lora_magnitude_vector.default.weight"), Some(("x", Role::Magnitude, Naming::Peft)));
    assert_eq!(p("first_stage_model.encoder.conv_in.weight"), None);
    assert_eq!(p(".alpha"), None);
}

#[test]
fn sdxl_names_agree() {
    let f = Family::Sdxl;
    same(
        f,
        &[
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q",
            "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
            "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q",
        ],
    );
    same(
        f,
        &[
            "lora_unet_output_blocks_2_1_transformer_blocks_9_attn2_to_out_0",
            "unet.up_blocks.0.attentions.2.transformer_blocks.9.attn2.processor.to_out",
        ],
    );
    same(f, &["lora_unet_middle_block_1_proj_in", "unet.mid_block.attentions.0.proj_in"]);
    same(f, &["lora_unet_input_blocks_1_0_in_layers_2", "unet.down_blocks.0.resnets.0.conv1"]);
    same(f, &["lora_unet_output_blocks_8_0_skip_connection", "unet.up_blocks.2.resnets.2.conv_shortcut"]);
    same(f, &["lora_unet_input_blocks_3_0_op", "unet.down_blocks.0.downsamplers.0.conv"]);
    same(f, &["lora_unet_output_blocks_2_2_conv", "unet.up_blocks.0.upsamplers.0.conv"]);
    same(f, &["lora_unet_label_emb_0_0", "unet.add_embedding.linear_1"]);
    same(
        f,
        &[
            "lora_te2_text_model_encoder_layers_3_mlp_fc1",
            "text_encoder_2.text_model.encoder.layers.3.mlp.fc1",
            "text_encoders.clip_g.transformer.text_model.encoder.layers.3.mlp.fc1",
        ],
    );
    assert_eq!(target(f, "lora_te2_text_model_encoder_layers_3_mlp_fc1").0, Component::TextEncoder(2));
}

#[test]
fn flux_split_names_are_windows_of_the_fused_ones() {
    let f = Family::Flux1;
    same(
        f,
        &[
            "lora_unet_double_blocks_3_img_attn_proj",
            "transformer.transformer_blocks.3.attn.to_out.0",
            "lora_transformer_transformer_blocks_3_attn_to_out_0",
            "double_blocks.3.processor.proj_lora1",
        ],
    );
    same(
        f,
        &[
            "lora_unet_single_blocks_3_modulation_lin",
            "transformer.single_transformer_blocks.3.norm.linear",
            "base_model.model.single_blocks.3.modulation.lin",
        ],
    );
    same(f, &["lora_unet_double_blocks_3_txt_mlp_2", "transformer.transformer_blocks.3.ff_context.net.2"]);
    same(f, &["lora_unet_time_in_in_layer", "transformer.time_text_embed.timestep_embedder.linear_1"]);
    assert_eq!(
        target(f, "transformer.transformer_blocks.3.attn.add_v_proj"),
        (Component::Denoiser, "double_blocks_3_txt_attn_qkv".into(), Some((24, 12)))
    );
    assert_eq!(target(f, "transformer.single_transformer_blocks.3.attn.to_k").2, Some((12, 12)));
    assert_eq!(
        target(f, "transformer.single_transformer_blocks.3.proj_mlp"),
        (Component::Denoiser, "single_blocks_3_linear1".into(), Some((12, 12)))
    );
    assert_eq!(target(f, "single_blocks.3.processor.qkv_lora"), (Component::Denoiser, "single_blocks_3_linear1".into(), Some((0, 12))));
    assert!(canonical(f, &locate("transformer.norm_out.linear"), None).swapped_halves);
    assert!(!canonical(f, &locate("lora_unet_final_layer_adaLN_modulation_1"), None).swapped_halves);
    assert_eq!(
        target(f, "lora_te2_encoder_block_0_layer_0_SelfAttention_q"),
        target(f, "lora_te3_encoder_block_0_layer_0_SelfAttention_q")
    );
}

#[test]
fn sd3_and_wan_names_agree() {
    let f = Family::Sd3;
    same(
        f,
        &[
            "lora_unet_joint_blocks_3_x_block_mlp_fc1",
            "transformer.transformer_blocks.3.ff.net.0.proj",
            "diffusion_model.joint_blocks.3.x_block.mlp.fc1",
        ],
    );
    same(f, &["lora_unet_joint_blocks_3_context_block_attn_proj", "transformer.transformer_blocks.3.attn.to_add_out"]);
    same(f, &["lora_unet_joint_blocks_3_x_block_attn2_proj", "transformer.transformer_blocks.3.attn2.to_out.0"]);
    assert_eq!(
        target(f, "transformer.transformer_blocks.3.attn.add_k_proj"),
        (Component::Denoiser, "joint_blocks_3_context_block_attn_qkv".into(), Some((12, 12)))
    );
    assert!(canonical(f, &locate("transformer.transformer_blocks.23.norm1_context.linear"), Some(23)).swapped_halves);
    assert!(!canonical(f, &locate("transformer.transformer_blocks.22.norm1_context.linear"), Some(23)).swapped_halves);
    let f = Family::Wan;
    same(
        f,
        &[
            "lora_unet_blocks_3_self_attn_q",
            "lora_unet__blocks_3_self_attn_q",
            "transformer.blocks.3.attn1.to_q",
            "diffusion_model.blocks.3.self_attn.q",
        ],
    );
    same(f, &["lora_unet_blocks_3_cross_attn_k_img", "transformer.blocks.3.attn2.add_k_proj"]);
    same(f, &["lora_unet_blocks_3_ffn_2", "transformer.blocks.3.ffn.net.2"]);
}

#[test]
fn slots_of_both_unet_namings() {
    use crate::layout::{Extra, SlotRef};
    let slot = |layout: &str, stem: &str| {
        let layout = Layout::by_id(layout).unwrap();
        let located = locate(stem);
        let path = canonical(layout.family, &located, None).path;
        slot_of(layout, &crate::adapter::Target { component: located.component, path, rows: None }).label(layout)
    };
    for (label, stem) in [
        ("IN00", "lora_unet_conv_in"),
        ("IN01", "lora_unet_down_blocks_0_attentions_0_proj_in"),
        ("IN02", "lora_unet_down_blocks_0_resnets_1_conv1"),
        ("IN03", "lora_unet_down_blocks_0_downsamplers_0_conv"),
        ("IN08", "lora_unet_down_blocks_2_attentions_1_proj_in"),
        ("IN11", "lora_unet_down_blocks_3_resnets_1_conv1"),
        ("M00", "lora_unet_mid_block_attentions_0_proj_in"),
        ("OUT02", "lora_unet_up_blocks_0_upsamplers_0_conv"),
        ("OUT03", "lora_unet_up_blocks_1_attentions_0_proj_in"),
        ("OUT11", "lora_unet_up_blocks_3_attentions_2_proj_in"),
        ("IN", "unet.time_embedding.linear_1"),
        ("OUT", "lora_unet_conv_out"),
        ("TE1", "lora_te_text_model_encoder_layers_0_mlp_fc1"),
        ("OTHER", "lora_unet_something_else"),
    ] {
        assert_eq!(slot("sd_unet_25", stem), label, "{stem}");
    }
    for (label, stem) in [
        ("IN04", "lora_unet_input_blocks_4_1_proj_in"),
        ("OUT00", "lora_unet_output_blocks_0_1_proj_in"),
        ("OUT05", "unet.up_blocks.1.attentions.2.proj_in"),
        ("IN06", "lora_unet_input_blocks_6_0_op"),
    ] {
        assert_eq!(slot("sdxl_unet_19", stem), label, "{stem}");
    }
    assert_eq!(slot("flux_unet_57", "transformer.single_transformer_blocks.37.proj_out"), "S37");
    assert_eq!(
        slot("flux_unet_57", "lora_unet_double_blocks_19_img_attn_qkv"),
        SlotRef::Extra(Extra::Other).label(Layout::by_id("flux_unet_57").unwrap())
    );
    assert_eq!(slot("wan_unet_40", "transformer.condition_embedder.time_proj"), "IN");
}

use crate::layout::Layout;
