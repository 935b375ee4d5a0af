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
    assert_eq!(family(&[("lora_unet_single_blocks_3_linear1", 21504, 3072)]), (Family::Flux1, None));
    assert_eq!(family(&[("lora_unet_single_blocks_3_linear1", 27648, 3072)]), (Family::Unknown, Some("Flux.2")));
    assert_eq!(family(&[("lora_unet_double_blocks_3_img_attn_qkv", 18432, 6144)]), (Family::Unknown, Some("Flux.2")));
    assert_eq!(family(&[("lora_unet_double_blocks_3_img_mlp_fc1", 12288, 3072)]), (Family::Unknown, Some("HunyuanVideo")));
    assert_eq!(family(&[("transformer.single_transformer_blocks.37.attn.to_q", 3072, 3072)]), (Family::Flux1, None));
    assert_eq!(family(&[("transformer.single_transformer_blocks.38.attn.to_q", 3072, 3072)]), (Family::Unknown, Some("HunyuanVideo")));
    let chroma = found(&[("lora_unet_double_blocks_3_img_attn_qkv", 9216, 3072)], &[("modelspec.architecture", "chroma/lora")], "x");
    assert_eq!((chroma.family, chroma.looks_like), (Family::Unknown, Some("Chroma")));
}

#[test]
fn joint_blocks_by_width() {
    let d = found(&[("transformer.transformer_blocks.3.attn.add_k_proj", 2432, 2432)], &[], "x");
    assert_eq!((d.family, d.layout.map(|l| l.id)), (Family::Sd3, Some("sd35l_mmdit_38")));
    let d = found(&[("lora_unet_joint_blocks_3_x_block_attn_qkv", 4608, 1536)], &[], "x");
    assert_eq!((d.family, d.layout.map(|l| l.id)), (Family::Sd3, Some("sd3_mmdit_24")));
    assert_eq!(family(&[("transformer.transformer_blocks.59.attn.add_k_proj", 3072, 3072)]).1, Some("Qwen-Image"));
    assert_eq!(family(&[("transformer.transformer_blocks.9.img_mlp.net.2", 3072, 12288)]).1, Some("Qwen-Image"));
    assert_eq!(
        family(&[("transformer_blocks.9.attn1.to_q", 2048, 2048), ("transformer_blocks.9.attn2.to_q", 2048, 2048)]).1,
        Some("LTX-Video")
    );
}

#[test]
fn wan_sizes_and_experts() {
    let d = found(&[("diffusion_model.blocks.39.cross_attn.k_img", 5120, 5120)], &[], "thing_high_noise.safetensors");
    assert_eq!((d.family, d.variant.as_deref(), d.layout.map(|l| l.id)), (Family::Wan, Some("14B I2V, high noise"), Some("wan_unet_40")));
    let d = found(&[("transformer.blocks.3.attn1.to_q", 1536, 1536)], &[], "x_low.safetensors");
    assert_eq!((d.family, d.variant.as_deref(), d.layout.map(|l| l.id)), (Family::Wan, Some("1.3B"), Some("wan_unet_30")));
    assert_eq!(family(&[("lora_unet_blocks_3_self_attn_q_proj", 2048, 2048)]).1, Some("Cosmos-Predict2"));
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
fn other_families_are_named_but_never_claimed() {
    assert_eq!(family(&[("lora_unet_layers_3_attention_to_q", 3840, 3840)]), (Family::Unknown, Some("Z-Image")));
    assert_eq!(family(&[("diffusion_model.double_stream_blocks.0.block.attn1.to_q", 2560, 2560)]), (Family::Unknown, Some("HiDream")));
    assert_eq!(family(&[("transformer.transformer_blocks.0.attn1.to_q", 1920, 1920)]), (Family::Unknown, Some("CogVideoX")));
    assert_eq!(family(&[("model.layers.0.self_attn.q_proj", 4096, 4096)]), (Family::Unknown, None));
}
