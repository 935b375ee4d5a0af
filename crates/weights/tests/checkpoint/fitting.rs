//! Levels and reasons of `fits`, and detection, on headers of real sizes that hold no values.

use std::collections::BTreeMap;
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::{Checkpoint, File, Form, Purpose};
use weft_weights::header::Header;
use weft_weights::ops::fits::{Fit, Level, fits};
use weft_weights::source::{ReadError, TensorSource};

/// A file whose header is real and whose bytes are not there: what reads them fails.
struct HeaderOnly(Vec<u8>, u64);

impl TensorSource for HeaderOnly {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let (start, end) = (offset as usize, offset as usize + buf.len());
        let bytes =
            self.0.get(start..end.min(self.0.len())).ok_or(ReadError::OutOfRange { offset, len: buf.len() as u64, file_len: self.1 })?;
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn header(tensors: &[(String, Vec<usize>)]) -> HeaderOnly {
    let mut map = BTreeMap::new();
    let mut at = 0u64;
    for (name, shape) in tensors {
        let len = shape.iter().product::<usize>() as u64 * 2;
        map.insert(name, serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, at + len]}));
        at += len;
    }
    let json = serde_json::to_vec(&map).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    let len = bytes.len() as u64 + at;
    HeaderOnly(bytes, len)
}

pub(crate) fn checkpoint(tensors: &[(String, Vec<usize>)]) -> Checkpoint {
    let source = header(tensors);
    let header = Header::read(&source).unwrap();
    let file = File { label: "model.safetensors".into(), header, source: Box::new(source), path: None, prefix: String::new() };
    Checkpoint::of(vec![file], Form::Single, None).unwrap()
}

/// A LoRA with `down` and `up` for each (stem, rows, columns).
fn lora(modules: &[(String, usize, usize)], (down, up): (&str, &str)) -> Adapter {
    let tensors: Vec<(String, Vec<usize>)> =
        modules.iter().flat_map(|(stem, m, n)| [(format!("{stem}.{down}"), vec![4, *n]), (format!("{stem}.{up}"), vec![*m, 4])]).collect();
    Adapter::from_header(Header::read(&header(&tensors)).unwrap(), None, None).unwrap()
}

const KOHYA: (&str, &str) = ("lora_down.weight", "lora_up.weight");
const PEFT: (&str, &str) = ("lora_A.weight", "lora_B.weight");

fn weights(list: &[(&str, &[usize])]) -> Vec<(String, Vec<usize>)> {
    list.iter().map(|(n, s)| ((*n).to_owned(), s.to_vec())).collect()
}

fn flux(img_in: usize) -> Vec<(String, Vec<usize>)> {
    let mut out = weights(&[("img_in.weight", &[3072, img_in]), ("guidance_in.in_layer.weight", &[3072, 256])]);
    for i in 0..19 {
        out.push((format!("double_blocks.{i}.img_attn.qkv.weight"), vec![9216, 3072]));
        out.push((format!("double_blocks.{i}.img_attn.proj.weight"), vec![3072, 3072]));
        out.push((format!("double_blocks.{i}.img_attn.norm.key_norm.scale"), vec![128]));
    }
    for i in 0..38 {
        out.push((format!("single_blocks.{i}.linear1.weight"), vec![21504, 3072]));
    }
    out
}

fn sdxl(prefix: &str) -> Vec<(String, Vec<usize>)> {
    let mut out = weights(&[("input_blocks.0.0.weight", &[320, 4, 3, 3]), ("label_emb.0.0.weight", &[1280, 2816])]);
    for (block, width) in [(4, 640), (5, 640), (7, 1280), (8, 1280)] {
        for (leaf, columns) in [("attn1.to_q", width), ("attn2.to_k", 2048)] {
            out.push((format!("input_blocks.{block}.1.transformer_blocks.0.{leaf}.weight"), vec![width, columns]));
        }
    }
    out.into_iter().map(|(n, s)| (format!("{prefix}{n}"), s)).collect()
}

fn sd1() -> Vec<(String, Vec<usize>)> {
    let mut out = weights(&[("model.diffusion_model.input_blocks.0.0.weight", &[320, 4, 3, 3])]);
    for (block, width) in [(1, 320), (2, 320), (4, 640), (5, 640), (7, 1280), (8, 1280)] {
        for (leaf, columns) in [("attn1.to_q", width), ("attn2.to_k", 768)] {
            out.push((format!("model.diffusion_model.input_blocks.{block}.1.transformer_blocks.0.{leaf}.weight"), vec![width, columns]));
        }
    }
    for i in 0..12 {
        let layer = format!("cond_stage_model.transformer.text_model.encoder.layers.{i}.self_attn.q_proj.weight");
        out.push((layer, vec![768, 768]));
    }
    out
}

fn sdxl_lora() -> Adapter {
    let mut modules = Vec::new();
    for (block, width) in [(4, 640), (5, 640), (7, 1280), (8, 1280)] {
        for (leaf, columns) in [("attn1_to_q", width), ("attn2_to_k", 2048)] {
            modules.push((format!("lora_unet_input_blocks_{block}_1_transformer_blocks_0_{leaf}"), width, columns));
        }
    }
    lora(&modules, KOHYA)
}

fn flux_lora(img_in: Option<usize>) -> Adapter {
    let mut modules: Vec<(String, usize, usize)> = Vec::new();
    for i in 0..19 {
        for leaf in ["to_q", "to_k", "to_v", "to_out.0"] {
            modules.push((format!("transformer.transformer_blocks.{i}.attn.{leaf}"), 3072, 3072));
        }
    }
    for i in 0..38 {
        modules.push((format!("transformer.single_transformer_blocks.{i}.proj_mlp"), 12288, 3072));
    }
    modules.extend(img_in.map(|n| ("transformer.x_embedder".to_owned(), 3072, n)));
    lora(&modules, PEFT)
}

#[track_caller]
fn expect(fit: &Fit, level: Level, words: &[&str]) {
    assert_eq!(fit.level, level, "{}", fit.reason);
    assert!(words.iter().all(|w| fit.reason.contains(w)), "{}", fit.reason);
}

#[test]
fn an_sdxl_lora_on_flux_is_the_wrong_model() {
    let fit = fits(&sdxl_lora(), &checkpoint(&flux(64)), None);
    expect(&fit, Level::Wrong, &["None of its 8 modules", "SDXL", "Flux.1 dev"]);
}

#[test]
fn an_sdxl_lora_on_sd1_is_the_wrong_model_though_names_agree() {
    let fit = fits(&sdxl_lora(), &checkpoint(&sd1()), None);
    assert!(fit.denoiser.matched > 0 && fit.denoiser.mismatched > 0, "{fit:?}");
    expect(&fit, Level::Wrong, &["SDXL", "SD 1.5"]);
}

#[test]
fn split_modules_fit_fused_weights() {
    let fit = fits(&flux_lora(None), &checkpoint(&flux(64)), None);
    expect(&fit, Level::Exact, &["114"]);
}

#[test]
fn a_control_lora_asks_for_a_wider_input() {
    let fit = fits(&flux_lora(Some(128)), &checkpoint(&flux(64)), None);
    expect(&fit, Level::Partial, &["128 input channels", "a base model with 64"]);
    let control = checkpoint(&flux(128));
    assert_eq!(control.model().purpose, Purpose::Control);
    expect(&fits(&flux_lora(Some(128)), &control, None), Level::Exact, &[]);
    assert_eq!(checkpoint(&flux(384)).model().purpose, Purpose::Inpaint);
}

#[test]
fn a_text_encoder_that_is_not_there_is_ignored_and_said() {
    let te = |i: usize| (format!("lora_te1_text_model_encoder_layers_{i}_self_attn_q_proj"), 768, 768);
    let mut modules: Vec<_> = (0..12).map(te).collect();
    modules.push(("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k".to_owned(), 640, 2048));
    let adapter = lora(&modules, KOHYA);
    let fit = fits(&adapter, &checkpoint(&sdxl("model.diffusion_model.")), None);
    expect(&fit, Level::Ignored, &["12 of its modules"]);
    assert!(!fit.text_encoders[&1].present);
    // A file with nothing but the text encoder has nothing to do here.
    let only = lora(&(0..12).map(te).collect::<Vec<_>>(), KOHYA);
    expect(&fits(&only, &checkpoint(&sdxl("")), None), Level::Wrong, &["changes nothing"]);
    expect(&fits(&only, &checkpoint(&sd1()), None), Level::Exact, &["12"]);
}

#[test]
fn a_model_of_fewer_blocks_fits_in_part() {
    let mut small = flux(64);
    small.retain(|(n, _)| !n.starts_with("double_blocks.18."));
    let fit = fits(&flux_lora(None), &checkpoint(&small), None);
    expect(&fit, Level::Partial, &["4 of its 114"]);
    assert_eq!(fit.missing.len(), 4);
}

#[test]
fn checkpoints_are_told_by_what_only_they_have() {
    let label = |list: &[(&str, &[usize])]| checkpoint(&weights(list)).model().label.clone();
    for (list, expected) in [
        (&[("double_layers.0.attn.w1q.weight", &[8usize, 8][..])][..], "AuraFlow"),
        (&[("double_stream_modulation_img.lin.weight", &[36864, 6144])], "Flux.2 dev"),
        (&[("double_blocks.0.img_attn.norm.key_norm.scale", &[128]), ("img_in.weight", &[3072, 64])], "Flux.1 schnell"),
        (&[("distilled_guidance_layer.in_proj.weight", &[8, 8]), ("double_blocks.0.img_attn.norm.key_norm.scale", &[128])], "Chroma"),
        (&[("head.modulation", &[1, 2, 5120]), ("patch_embedding.weight", &[5120, 36, 1, 2, 2])], "Wan 14B"),
        (&[("head.modulation", &[1, 2, 1536]), ("vace_blocks.0.before_proj.weight", &[8, 8])], "Wan 1.3B VACE"),
        (&[("txt_norm.weight", &[3584])], "Qwen-Image"),
        (&[("cap_embedder.1.weight", &[3840, 2560])], "Z-Image"),
        (&[("cap_embedder.1.weight", &[2304, 2304])], "Lumina 2"),
        (&[("adaln_single.emb.timestep_embedder.linear_1.weight", &[8, 8])], "LTX-Video"),
        (&[("net.llm_adapter.blocks.0.self_attn.q_proj.weight", &[8, 8]), ("net.blocks.0.mlp.layer1.weight", &[8, 8])], "Anima"),
        (&[("net.blocks.0.mlp.layer1.weight", &[8, 8])], "Cosmos-Predict2"),
        (&[("text_model.encoder.layers.0.mlp.fc1.weight", &[8, 8])], "text encoder"),
        (&[("whatever.weight", &[8, 8])], "unknown"),
    ] {
        assert_eq!(label(list), expected);
    }
    let inpaint = weights(&[
        ("model.diffusion_model.input_blocks.0.0.weight", &[320, 9, 3, 3]),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 768]),
    ]);
    let model = checkpoint(&inpaint).model().clone();
    assert_eq!((model.label.as_str(), model.purpose, model.in_channels), ("SD 1.5", Purpose::Inpaint, Some(9)));
    let v = weights(&[("v_pred", &[1]), ("model.diffusion_model.input_blocks.0.0.weight", &[320, 4, 3, 3])]);
    assert_eq!(checkpoint(&v).model().prediction.as_deref(), Some("v"));
}
