use super::*;
use std::collections::BTreeMap;

/// Keys as (flattened path, out, width).
fn found(keys: &[(&str, usize, usize)], metadata: &[(&str, &str)], file: &str) -> Detection {
    let evidence: Vec<Evidence<'_>> = keys
        .iter()
        .map(|&(stem, out_dim, width)| {
            let located = crate::keys::locate(stem);
            let path: &'static str = Box::leak(located.path.into_boxed_str());
            Evidence { component: located.component, path, stem, out_dim, width }
        })
        .collect();
    let metadata: BTreeMap<String, String> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    detect(&evidence, &Hints::gather(&metadata, Some(file)))
}

fn family(keys: &[(&str, usize, usize)]) -> (Family, Option<&'static str>) {
    let d = found(keys, &[], "x");
    (d.family, d.looks_like)
}

/// The family, alone or with others that fit as well.
fn among(keys: &[(&str, usize, usize)]) -> (Family, Vec<Family>) {
    let d = found(keys, &[], "x");
    assert!(d.rivals.is_empty() || d.confidence <= 0.6, "{d:?}");
    (d.family, d.rivals)
}

#[test]
fn unets_are_told_by_the_width_of_their_text() {
    let key = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
    assert_eq!(family(&[(key, 640, 768)]), (Family::Sd1, None));
    assert_eq!(family(&[(key, 640, 1024)]), (Family::Sd2, None));
    assert_eq!(family(&[(key, 640, 2048)]), (Family::Sdxl, None));
    assert_eq!(family(&[(key, 640, 1280)]), (Family::Unknown, Some("the SDXL refiner")));
    assert_eq!(family(&[("lora_unet_input_blocks_7_1_transformer_blocks_3_attn1_to_q", 1280, 1280)]).0, Family::Sdxl);
    assert_eq!(family(&[("unet.down_blocks.1.attentions.0.proj_in", 640, 640)]).0, Family::Unknown);
}

#[test]
fn flux_and_its_kin_are_kept_apart() {
    assert_eq!(among(&[("lora_unet_single_blocks_3_linear1", 21504, 3072)]), (Family::Flux1, vec![Family::HunyuanVideo, Family::Chroma]));
    assert_eq!(among(&[("lora_unet_single_blocks_3_modulation_lin", 9216, 3072)]).0, Family::Flux1);
    assert_eq!(among(&[("lora_unet_single_blocks_3_linear1", 27648, 3072)]), (Family::Flux2, vec![]));
    assert_eq!(among(&[("lora_unet_double_blocks_3_img_attn_qkv", 18432, 6144)]), (Family::Flux2, vec![]));
    assert_eq!(among(&[("lora_unet_double_blocks_3_img_mlp_fc1", 12288, 3072)]), (Family::HunyuanVideo, vec![]));
    assert_eq!(among(&[("lora_unet_double_blocks_3_img_mlp_fc1", 14336, 3584)]), (Family::HunyuanImage, vec![]));
    assert_eq!(among(&[("lora_unet_double_blocks_3_img_mlp_fc1", 8192, 2048)]), (Family::HunyuanVideo15, vec![]));
    let single = |i: usize| format!("transformer.single_transformer_blocks.{i}.attn.to_q");
    assert_eq!(among(&[(&single(37), 3072, 3072)]).0, Family::Flux1);
    assert_eq!(among(&[(&single(38), 3072, 3072)]), (Family::HunyuanVideo, vec![]));
    let all: Vec<String> = (0..38).map(single).collect();
    let all: Vec<_> = all.iter().map(|k| (k.as_str(), 3072, 3072)).collect();
    let d = found(&all, &[], "x");
    assert!(d.family == Family::Flux1 && d.confidence < 0.7 && d.rivals == [Family::Chroma], "{:?} {:?}", d.rivals, d.evidence);
    let chroma = found(&[("lora_unet_double_blocks_3_img_attn_qkv", 9216, 3072)], &[("modelspec.architecture", "chroma/lora")], "x");
    assert_eq!((chroma.family, chroma.layout.map(|l| l.id), chroma.rivals), (Family::Chroma, Some("flux_unet_57"), vec![]));
    let chroma = found(&[("lora_unet_double_blocks_3_img_attn_qkv", 9216, 3072)], &[], "my_chroma_style.safetensors");
    assert_eq!(chroma.family, Family::Chroma);
    assert_eq!(among(&[("diffusion_model.distilled_guidance_layer.layers.0.in_layer", 5120, 5120)]), (Family::Chroma, vec![]));
}

#[test]
fn joint_blocks_by_width() {
    let d = found(&[("transformer.transformer_blocks.3.attn.add_k_proj", 2432, 2432)], &[], "x");
    assert_eq!((d.family, d.layout.map(|l| l.id)), (Family::Sd3, Some("sd35l_mmdit_38")));
    let d = found(&[("lora_unet_joint_blocks_3_x_block_attn_qkv", 4608, 1536)], &[], "x");
    assert_eq!((d.family, d.layout.map(|l| l.id)), (Family::Sd3, Some("sd3_mmdit_24")));
    assert_eq!(among(&[("transformer.transformer_blocks.59.attn.add_k_proj", 3072, 3072)]), (Family::QwenImage, vec![]));
    assert_eq!(among(&[("transformer.transformer_blocks.9.img_mlp.net.2", 3072, 12288)]), (Family::QwenImage, vec![]));
    let ltx = [("transformer_blocks.9.attn1.to_q", 2048, 2048), ("transformer_blocks.9.attn2.to_k", 2048, 2048)];
    assert_eq!(among(&ltx), (Family::Ltx, vec![]));
    // Its text is 1024 wide.
    let predict = [("transformer_blocks.9.attn1.to_q", 2048, 2048), ("transformer_blocks.9.attn2.to_k", 2048, 1024)];
    assert_eq!(among(&predict), (Family::Anima, vec![Family::CosmosPredict2]));
}

#[test]
fn wan_sizes_and_experts() {
    let d = found(&[("diffusion_model.blocks.39.cross_attn.k_img", 5120, 5120)], &[], "thing_high_noise.safetensors");
    assert_eq!((d.family, d.variant.as_deref(), d.layout.map(|l| l.id)), (Family::Wan, Some("14B I2V, high noise"), Some("wan_unet_40")));
    let d = found(&[("transformer.blocks.3.attn1.to_q", 1536, 1536)], &[], "x_low.safetensors");
    assert_eq!((d.family, d.variant.as_deref(), d.layout.map(|l| l.id)), (Family::Wan, Some("1.3B"), Some("wan_unet_30")));
    assert_eq!(d.expert(), None);
    let d = found(&[("lora_unet_blocks_3_ffn_0", 13824, 5120)], &[("ss_output_name", "cat_wan22_low_noise")], "x");
    assert_eq!((d.variant.as_deref(), d.expert()), (Some("14B, low noise"), Some(super::super::Expert::Low)));
    assert_eq!(among(&[("lora_unet_blocks_3_self_attn_q_proj", 2048, 2048)]), (Family::Anima, vec![Family::CosmosPredict2]));
    assert_eq!(among(&[("lora_unet_blocks_3_self_attn_q_proj", 5120, 5120)]), (Family::CosmosPredict2, vec![]));
}

#[test]
fn shapes_win_over_metadata_and_metadata_decides_where_shapes_cannot() {
    let key = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
    let d = found(&[(key, 640, 2048)], &[("ss_base_model_version", "sd_v1")], "x");
    assert_eq!(d.family, Family::Sdxl);
    assert!(d.evidence.iter().any(|e| e.contains("count more")), "{:?}", d.evidence);
    let d = found(&[("unet.down_blocks.1.attentions.0.proj_in", 640, 640)], &[("ss_base_model_version", "sd_v2")], "x");
    assert_eq!(d.family, Family::Sd2);
}

#[test]
fn files_with_text_encoders_only() {
    let te = |stem| (stem, 768, 768);
    assert_eq!(family(&[te("lora_te_text_model_encoder_layers_0_self_attn_q_proj")]).0, Family::Sd1);
    assert_eq!(family(&[te("lora_te1_text_model_encoder_layers_0_self_attn_q_proj")]).0, Family::Unknown);
    let both = [
        te("lora_te1_text_model_encoder_layers_0_self_attn_q_proj"),
        ("lora_te2_text_model_encoder_layers_0_self_attn_q_proj", 1280, 1280),
    ];
    assert_eq!(family(&both).0, Family::Sdxl);
}

#[test]
fn other_families() {
    for (key, out, width, expected) in [
        ("lora_unet_layers_3_attention_to_q", 3840, 3840, Family::ZImage),
        ("diffusion_model.layers.3.attention.qkv", 3840, 2304, Family::Lumina2),
        ("diffusion_model.layers.3.attention.qkv", 13824, 4608, Family::Ideogram4),
        ("diffusion_model.double_stream_blocks.0.block.attn1.to_q", 2560, 2560, Family::HiDream),
        ("transformer.transformer_blocks.0.attn1.to_q", 1920, 1920, Family::CogVideoX),
        ("transformer.transformer_blocks.0.attn1.add_q_proj", 3072, 1536, Family::Mochi),
        ("transformer.transformer_blocks.0.attn1.to_q", 1152, 1152, Family::PixArt),
        ("base_model.model.blocks.3.attn.wq", 6144, 6144, Family::Krea2),
        ("lora_prior_unet_down_blocks_0_2_attention_to_q", 2048, 2048, Family::Cascade),
        ("transformer.transformer_blocks.0.audio_attn1.to_q", 2048, 2048, Family::Ltx),
        ("blocks.block3.blocks.0.block.attn.to_q.0", 4096, 4096, Family::Cosmos),
        ("blocks.3.attn1.Wqkv", 4224, 1408, Family::HunyuanDit),
    ] {
        let d = found(&[(key, out, width)], &[], "x");
        assert!(d.family == expected && d.rivals.is_empty() && d.confidence > 0.9 && d.layout.is_some(), "{key}: {d:?}");
    }
    assert_eq!(family(&[("model.layers.0.self_attn.q_proj", 4096, 4096)]), (Family::Unknown, None));
    assert_eq!(family(&[("lora_unet_something", 4096, 4096)]), (Family::Unknown, None));
}

#[test]
fn widths_that_no_model_has_leave_the_choice_open_or_the_confidence_low() {
    let d = found(&[("transformer.blocks.0.attn1.to_q", 64, 64), ("transformer.blocks.0.ffn.net.0.proj", 99, 64)], &[], "x");
    assert!(d.family == Family::Wan && d.confidence <= 0.5, "{d:?}");
    let d = found(&[("transformer.transformer_blocks.0.attn.to_q", 64, 64)], &[], "x");
    assert!(d.family == Family::Unknown && d.rivals.len() > 2, "{d:?}");
    // 9 times as high as wide: only Flux.2.
    let d = found(&[("single_blocks.0.linear1", 576, 64)], &[], "x");
    assert_eq!(d.family, Family::Flux2);
}
