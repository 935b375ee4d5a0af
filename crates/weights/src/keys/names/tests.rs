use super::*;
use crate::family::Family;
use crate::keys::{Canonical, canonical, locate};

fn back(family: Family, key: &str, last: Option<usize>) -> (Component, Canonical) {
    let located = locate(key);
    let component = located.component;
    (component, canonical(family, &located, last))
}

/// Every canonical path of a family's models, at the first and the last block.
fn paths(model: &model::Model) -> Vec<String> {
    let mut out: Vec<String> = model.outside.iter().map(|o| o.leaf.native.to_owned()).collect();
    for (s, section) in model.sections.iter().enumerate() {
        let count = model.sizes.iter().map(|size| size.counts[s]).max().unwrap_or(0);
        for i in [0, 1, 2, count.saturating_sub(1)] {
            out.extend(section.leaves_of(i.into()).map(|l| format!("{}{i}.{}", section.native, l.native)));
        }
    }
    out.into_iter().map(|p| p.replace('.', "_")).collect()
}

#[test]
fn every_name_of_every_family_leads_back_to_its_target() {
    let mut count = 0;
    for model in model::all() {
        let family = model.family;
        let last = Some(23);
        for path in paths(model) {
            let target = Target { component: Component::Denoiser, path: path.clone(), rows: None };
            let name = native(family, &target).unwrap_or_else(|| panic!("{family:?} {path}: no native name"));
            let (component, found) = back(family, &format!("diffusion_model.{name}"), last);
            assert_eq!((component, found.path.as_str(), found.rows), (Component::Denoiser, path.as_str(), Rows::All), "{family:?} {name}");
            let name = kohya(family, &target, 0).unwrap();
            assert_eq!(back(family, &name, last).1.path, path, "{family:?} {name}");
            for twin in twins(family, Component::Denoiser, &path, last) {
                let (_, found) = back(family, &format!("transformer.{}", twin.name), last);
                let expected = Canonical { path: path.clone(), rows: twin.rows, swapped_halves: twin.swapped_halves };
                assert_eq!(found, expected, "{family:?} {}", twin.name);
                let (_, flat) = back(family, &format!("lora_transformer_{}", twin.name.replace('.', "_")), last);
                assert_eq!(flat, expected, "{family:?} {}", twin.name);
                count += 1;
            }
        }
    }
    assert!(count > 1000, "{count}");
}

#[test]
fn parts_of_fused_weights_have_names_of_their_own() {
    let at = |path: &str, rows| Target { component: Component::Denoiser, path: path.into(), rows };
    let qkv = at("double_blocks_3_img_attn_qkv", Some((3072, 3072)));
    assert_eq!(diffusers(Family::Flux1, &qkv, 3072).as_deref(), Some("transformer_blocks.3.attn.to_k"));
    assert_eq!(native(Family::Flux1, &qkv), None);
    assert_eq!(kohya(Family::Flux1, &qkv, 3072), None);
    let mlp = at("single_blocks_3_linear1", Some((9216, 12288)));
    assert_eq!(diffusers(Family::Flux1, &mlp, 3072).as_deref(), Some("single_transformer_blocks.3.proj_mlp"));
    let whole = at("single_blocks_3_linear1", None);
    assert_eq!(diffusers(Family::Flux1, &whole, 3072), None);
    assert_eq!(twins(Family::Flux1, Component::Denoiser, "single_blocks_3_linear1", None).len(), 4);
    // Lumina 2: 2304 rows of q, 768 of k, 768 of v.
    let v = at("layers_3_attention_qkv", Some((3072, 768)));
    assert_eq!(diffusers(Family::Lumina2, &v, 2304).as_deref(), Some("layers.3.attn.to_v"));
    let k = at("layers_3_attention_qkv", Some((3840, 3840)));
    assert_eq!(kohya(Family::ZImage, &k, 3840).as_deref(), Some("lora_unet_layers_3_attention_to_k"));
}

#[test]
fn unets_and_text_encoders() {
    let unet = |path: &str| Target { component: Component::Denoiser, path: path.into(), rows: None };
    let t = unet("down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0");
    assert_eq!(diffusers(Family::Sdxl, &t, 640).as_deref(), Some("down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0"));
    assert_eq!(native(Family::Sdxl, &t).as_deref(), Some("input_blocks.4.1.transformer_blocks.0.attn1.to_out.0"));
    assert_eq!(kohya(Family::Sdxl, &t, 640).as_deref(), Some("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_out_0"));
    assert_eq!(kohya(Family::Sd1, &t, 640).as_deref(), Some("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0"));
    for (family, path) in [
        (Family::Sdxl, "conv_in"),
        (Family::Sdxl, "up_blocks_0_upsamplers_0_conv"),
        (Family::Sd1, "up_blocks_0_upsamplers_0_conv"),
        (Family::Sd1, "up_blocks_1_upsamplers_0_conv"),
        (Family::Sdxl, "mid_block_resnets_1_conv2"),
        (Family::Sd1, "down_blocks_2_downsamplers_0_conv"),
        (Family::Sdxl, "up_blocks_2_resnets_1_time_emb_proj"),
        (Family::Sdxl, "add_embedding_linear_2"),
        (Family::Sd1, "up_blocks_3_attentions_2_proj_out"),
    ] {
        let name = native(family, &unet(path)).unwrap();
        assert_eq!(back(family, &format!("diffusion_model.{name}"), None).1.path, path, "{name}");
        let name = diffusers(family, &unet(path), 1).unwrap();
        assert_eq!(back(family, &format!("unet.{name}"), None).1.path, path, "{name}");
    }
    assert_eq!(native(Family::Sd1, &unet("up_blocks_0_upsamplers_0_conv")).as_deref(), Some("output_blocks.2.1.conv"));
    assert_eq!(native(Family::Sdxl, &unet("up_blocks_0_upsamplers_0_conv")).as_deref(), Some("output_blocks.2.2.conv"));
    let te = |n, path: &str| Target { component: Component::TextEncoder(n), path: path.into(), rows: None };
    let clip = te(2, "text_model_encoder_layers_3_self_attn_q_proj");
    assert_eq!(diffusers(Family::Sdxl, &clip, 1280).as_deref(), Some("text_model.encoder.layers.3.self_attn.q_proj"));
    assert_eq!(kohya(Family::Sdxl, &clip, 1280).as_deref(), Some("lora_te2_text_model_encoder_layers_3_self_attn_q_proj"));
    assert_eq!(kohya(Family::Sd1, &te(1, "x"), 768).as_deref(), Some("lora_te_x"));
    let t5 = te(3, "encoder_block_0_layer_0_SelfAttention_q");
    assert_eq!(diffusers(Family::Flux1, &t5, 4096).as_deref(), Some("encoder.block.0.layer.0.SelfAttention.q"));
}

#[test]
fn heights_of_fused_weights() {
    assert_eq!(rows(Family::Flux1, "single_blocks_3_linear1", 3072), Some(21504));
    assert_eq!(rows(Family::Flux1, "single_blocks_3_linear1", 8), Some(56));
    assert_eq!(rows(Family::Ovis, "single_blocks_3_linear1", 3072), Some(33792));
    assert_eq!(rows(Family::Lumina2, "layers_3_attention_qkv", 2304), Some(3840));
    assert_eq!(rows(Family::Lumina2, "layers_3_attention_qkv", 64), None);
    assert_eq!(rows(Family::Mochi, "blocks_3_attn_qkv_y", 1536), Some(9216));
    assert_eq!(rows(Family::Wan, "blocks_3_ffn_0", 5120), Some(13824));
    assert_eq!(rows(Family::Sdxl, "conv_in", 4), None);
}
