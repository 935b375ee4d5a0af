//! The same ΔW under other names, there and back.

use crate::support::{Build, Random, norm, open, probe};
use crate::{deltas, golden, open_named, sink};
use std::collections::BTreeMap;
use weft_weights::adapter::{Adapter, Component, Kind};
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::{Convention, ConvertOptions, ConvertReport, OpError, convert, convert_into};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fn converted_of(adapter: &Adapter, file: &[u8], options: &ConvertOptions) -> Result<(Vec<u8>, ConvertReport), OpError> {
    let source = MemorySource(file);
    convert_into(Member { adapter, source: &source }, options, sink(), &Silent).map(|(out, report)| (out.into_inner(), report))
}

fn f32s(to: Convention) -> ConvertOptions {
    ConvertOptions { dtype: Some(OutDtype::F32), ..ConvertOptions::new(to) }
}

fn converted(file: &[u8], to: Convention) -> (Vec<u8>, ConvertReport) {
    converted_of(&open(file), file, &f32s(to)).unwrap()
}

/// Largest difference of ΔW·x over the weights of `before`, relative to its size. Text encoders only where `encoders`.
fn difference(before: &[u8], after: &[u8], encoders: bool) -> f64 {
    let (one, two) = (probe(before), probe(after));
    let mut worst: f64 = 0.0;
    for ((component, path), y) in one.iter().filter(|((c, _), _)| encoders || *c == Component::Denoiser) {
        let zero = Vec::new();
        let found = two.get(&(*component, path.clone())).unwrap_or(&zero);
        // Rows behind the last leaf of a fused weight need not be stored.
        let len = y.len().max(found.len());
        let at = |v: &[f64], i: usize| v.get(i).copied().unwrap_or(0.0);
        let gap: Vec<f64> = (0..len).map(|i| at(y, i) - at(found, i)).collect();
        worst = worst.max(norm(&gap) / norm(y).max(1e-30));
    }
    assert!(two.keys().all(|k| one.contains_key(k)), "targets appeared: {:?}", two.keys().find(|k| !one.contains_key(k)));
    worst
}

/// Golden files of pairs, one of each naming and family.
const FILES: [&str; 24] = [
    "kohya_sd1.safetensors",
    "kohya_sd1_locon.safetensors",
    "kohya_sd2.safetensors",
    "kohya_sdxl.safetensors",
    "kohya_sdxl_locon.safetensors",
    "lcm_sdxl_diffusers_names.safetensors",
    "diffusers_legacy_sd1.safetensors",
    "diffusers_sdxl_pipeline.safetensors",
    "kohya_flux.safetensors",
    "diffusers_flux.safetensors",
    "bfl_flux_bare.safetensors",
    "xlabs_flux.safetensors",
    "comfy_flux_alpha.safetensors",
    "kohya_sd3.safetensors",
    "kohya_sd35_large.safetensors",
    "diffusers_sd3.safetensors",
    "musubi_wan_14b_i2v.safetensors",
    "diffusers_wan.safetensors",
    "comfy_wan.safetensors",
    "stranger_qwen_image.safetensors",
    "stranger_z_image.safetensors",
    "stranger_hunyuan_video.safetensors",
    "stranger_ltx.safetensors",
    "stranger_flux2_klein.safetensors",
];

#[test]
fn every_pair_of_namings_keeps_the_change() {
    for name in FILES {
        let file = golden(name);
        for to in Convention::ALL {
            let (there, report) = converted_of(&open_named(name, &file), &file, &f32s(to)).unwrap_or_else(|e| panic!("{name} {to:?}: {e}"));
            let encoders = to != Convention::Peft;
            let gap = difference(&file, &there, encoders);
            assert!(gap < 1e-6, "{name} to {to:?}: {gap:e}");
            assert_eq!(report.modules.len(), open(&there).modules.len());
            for back in Convention::ALL {
                let (again, _) = converted(&there, back);
                let gap = difference(&file, &again, encoders && back != Convention::Peft);
                assert!(gap < 1e-6, "{name} to {to:?} and {back:?}: {gap:e}");
            }
        }
    }
}

#[test]
fn half_precision_loses_only_its_rounding_and_where_nothing_is_to_do_no_bit() {
    for name in ["kohya_flux.safetensors", "kohya_sdxl.safetensors", "musubi_wan_1_3b.safetensors"] {
        let file = golden(name);
        let adapter = open(&file);
        for to in Convention::ALL {
            let (out, _) = converted_of(&adapter, &file, &ConvertOptions::new(to)).unwrap();
            // One rounding of B: 3e-4 of ‖ΔW‖ in f16, 2.5e-3 in bf16.
            let gap = difference(&file, &out, to != Convention::Peft);
            let limit = if adapter.dtypes[0] == Dtype::BF16 { 2.5e-3 } else { 3e-4 };
            assert!(gap < limit, "{name} {to:?} {}: {gap:e}", adapter.dtypes[0]);
        }
        let (same, _) = converted_of(&adapter, &file, &ConvertOptions::new(Convention::Kohya)).unwrap();
        let again = open(&same);
        // The UNet file has several alphas and gets one: its modules of another alpha change.
        let factors = |name: &str| !name.ends_with(".alpha") && (adapter.detection.family != Family::Sdxl || name.ends_with("down.weight"));
        for t in adapter.header.tensors.iter().filter(|t| factors(&t.name)) {
            let (_, found) = again.header.find(&t.name).unwrap_or_else(|| panic!("{name} lost {}", t.name));
            let bytes = |f: &[u8], r: &std::ops::Range<u64>| f[r.start as usize..r.end as usize].to_vec();
            assert!(bytes(&file, &t.range) == bytes(&same, &found.range), "{}", t.name);
        }
    }
}

fn stems(file: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = open(file).modules.iter().map(|m| m.name.clone()).collect();
    names.sort();
    names
}

#[test]
fn fused_weights_are_cut_and_joined_back_to_their_ranks() {
    let mut rng = Random(11);
    let file = Build::default()
        .kohya("lora_unet_double_blocks_0_img_attn_qkv", (9216, 3072, 3), Some(1.5), &mut rng)
        .kohya("lora_unet_single_blocks_5_linear1", (21504, 3072, 2), Some(2.0), &mut rng)
        .kohya("lora_unet_final_layer_adaLN_modulation_1", (6144, 3072, 2), Some(1.0), &mut rng)
        .bytes();
    let (split, report) = converted(&file, Convention::Diffusers);
    assert_eq!(
        stems(&split),
        [
            "transformer.norm_out.linear",
            "transformer.single_transformer_blocks.5.attn.to_k",
            "transformer.single_transformer_blocks.5.attn.to_q",
            "transformer.single_transformer_blocks.5.attn.to_v",
            "transformer.single_transformer_blocks.5.proj_mlp",
            "transformer.transformer_blocks.0.attn.to_k",
            "transformer.transformer_blocks.0.attn.to_q",
            "transformer.transformer_blocks.0.attn.to_v",
        ]
    );
    assert!(report.modules.iter().all(|m| m.rank <= 3 && m.from.len() == 1));
    let (back, _) = converted(&split, Convention::Kohya);
    assert_eq!(stems(&back), stems(&file));
    assert_eq!(open(&back).modules.iter().map(|m| m.rank).max(), Some(3), "leaves that share A keep its rank");
    assert!(difference(&file, &back, true) < 1e-6);
    // Leaves of their own: the ranks add up, and come apart again.
    let q = "transformer.transformer_blocks.0.attn.";
    let own = Build::default()
        .peft(&format!("{q}to_q"), (3072, 3072, 2), &mut rng)
        .peft(&format!("{q}to_v"), (3072, 3072, 4), &mut rng)
        .peft("transformer.single_transformer_blocks.1.attn.to_k", (3072, 3072, 1), &mut rng)
        .bytes();
    let (fused, _) = converted(&own, Convention::ComfyUi);
    assert_eq!(stems(&fused), ["diffusion_model.double_blocks.0.img_attn.qkv", "diffusion_model.single_blocks.1.linear1"]);
    assert_eq!(open(&fused).modules.iter().map(|m| (m.out_dim, m.rank)).collect::<Vec<_>>(), [(9216, 6), (21504, 1)]);
    let (apart, _) = converted(&fused, Convention::Diffusers);
    assert_eq!(stems(&apart), stems(&own));
    let ranks = |f: &[u8]| open(f).modules.iter().map(|m| (m.name.clone(), m.rank)).collect::<BTreeMap<_, _>>();
    assert_eq!(ranks(&apart), ranks(&own));
}

#[test]
fn text_encoders_get_each_programs_names() {
    let mut rng = Random(12);
    let clip = "text_model_encoder_layers_3_self_attn_q_proj";
    let sdxl = Build::default()
        .kohya(&format!("lora_te1_{clip}"), (768, 768, 2), Some(2.0), &mut rng)
        .kohya(&format!("lora_te2_{clip}"), (1280, 1280, 2), Some(2.0), &mut rng)
        .kohya("lora_unet_output_blocks_3_1_transformer_blocks_0_attn2_to_k", (640, 2048, 2), Some(2.0), &mut rng)
        .bytes();
    let path = "text_model.encoder.layers.3.self_attn.q_proj";
    assert_eq!(
        stems(&converted(&sdxl, Convention::Diffusers).0),
        [
            format!("text_encoder.{path}"),
            format!("text_encoder_2.{path}"),
            "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k".into()
        ]
    );
    assert_eq!(
        stems(&converted(&sdxl, Convention::ComfyUi).0),
        [
            "diffusion_model.output_blocks.3.1.transformer_blocks.0.attn2.to_k".to_owned(),
            format!("text_encoders.clip_g.transformer.{path}"),
            format!("text_encoders.clip_l.transformer.{path}"),
        ]
    );
    let (peft, report) = converted(&sdxl, Convention::Peft);
    assert_eq!(stems(&peft), ["base_model.model.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"]);
    assert!(report.warnings.iter().any(|w| w.contains("2 modules of other networks")));
    let options = ConvertOptions { component: Component::TextEncoder(2), ..f32s(Convention::Peft) };
    let (second, report) = converted_of(&open(&sdxl), &sdxl, &options).unwrap();
    assert_eq!(open(&second).modules.len(), 1);
    assert!(report.adapter_config.unwrap().contains("text_model.encoder.layers.3.self_attn.q_proj"));
    // T5 is te3 in kohya's Flux files and the second encoder of the diffusers pipeline.
    let flux = Build::default()
        .kohya("lora_te3_encoder_block_7_layer_0_SelfAttention_q", (4096, 4096, 1), Some(1.0), &mut rng)
        .kohya("lora_unet_double_blocks_0_img_attn_proj", (3072, 3072, 1), Some(1.0), &mut rng)
        .bytes();
    let (out, _) = converted(&flux, Convention::Diffusers);
    assert!(stems(&out).contains(&"text_encoder_2.encoder.block.7.layer.0.SelfAttention.q".to_owned()));
    assert!(difference(&flux, &converted(&out, Convention::Kohya).0, true) < 1e-6);
}

#[test]
fn unets_get_one_alpha_and_convolutions_their_dimensions() {
    let mut rng = Random(13);
    let stem = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.";
    let file = Build::default()
        .peft(&format!("{stem}to_k"), (640, 2048, 4), &mut rng)
        .peft(&format!("{stem}to_q"), (640, 640, 2), &mut rng)
        .bytes();
    let (out, _) = converted(&file, Convention::Kohya);
    let adapter = open(&out);
    for m in &adapter.modules {
        let t = &adapter.header.tensors[m.alpha.unwrap()];
        assert_eq!(out[t.range.start as usize..t.range.end as usize], 4f32.to_le_bytes(), "{}", m.name);
    }
    assert!(difference(&file, &out, true) < 1e-6);
    let locon = golden("kohya_sd1_locon.safetensors");
    let (out, _) = converted(&locon, Convention::Diffusers);
    let adapter = open(&out);
    for t in &adapter.header.tensors {
        let conv = ["conv1", "conv2", "conv_shortcut", "samplers.0.conv", "proj_in", "proj_out", "conv_in", "conv_out"];
        let four = conv.iter().any(|c| t.name.contains(&format!("{c}.lora")));
        assert_eq!(t.shape.len(), if four { 4 } else { 2 }, "{}", t.name);
        assert!(!t.name.contains("lora_mid"));
    }
    // Kohya's own names keep a Tucker core.
    let (kept, _) = converted(&locon, Convention::Kohya);
    let cores = |f: &[u8]| open(f).header.tensors.iter().filter(|t| t.name.contains("lora_mid")).count();
    assert!(cores(&kept) > 0 && cores(&kept) == cores(&locon));
}

/// ΔW of every module by its target, dense.
fn by_target(file: &[u8]) -> BTreeMap<(Component, String), Vec<f64>> {
    let adapter = open(file);
    let dense = deltas(&adapter, file);
    adapter.modules.iter().zip(dense).map(|(m, d)| ((m.target.component, m.target.path.clone()), d.3)).collect()
}

/// LoHa and LoKr of the shapes of SDXL, whose family is certain.
fn sdxl_lycoris() -> Vec<u8> {
    let mut rng = Random(14);
    let (a, b) =
        ("lora_unet_output_blocks_3_1_transformer_blocks_0_attn2_to_k", "lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q");
    let mut build = Build::default();
    for (end, shape) in [("hada_w1_a", [640, 2]), ("hada_w1_b", [2, 2048]), ("hada_w2_a", [640, 2]), ("hada_w2_b", [2, 2048])] {
        build = build.tensor(&format!("{a}.{end}"), Dtype::F32, &shape, rng.many(shape[0] * shape[1]));
    }
    build = build.tensor(&format!("{a}.alpha"), Dtype::F32, &[], vec![1.0]);
    for (end, shape) in [("lokr_w1", [8, 8]), ("lokr_w2_a", [80, 3]), ("lokr_w2_b", [3, 80])] {
        build = build.tensor(&format!("{b}.{end}"), Dtype::F32, &shape, rng.many(shape[0] * shape[1]));
    }
    build.tensor(&format!("{b}.alpha"), Dtype::F32, &[], vec![2.0]).bytes()
}

#[test]
fn loha_and_lokr_keep_their_tensors_or_become_exact_pairs() {
    let file = sdxl_lycoris();
    assert_eq!(open(&file).detection.family, Family::Sdxl);
    let (comfy, _) = converted(&file, Convention::ComfyUi);
    assert_eq!(open(&comfy).modules.iter().map(|m| m.kind).collect::<Vec<_>>(), [Kind::Loha, Kind::Lokr]);
    let (pairs, report) = converted(&file, Convention::Diffusers);
    assert_eq!(report.modules.iter().map(|m| m.rank).collect::<Vec<_>>(), [4, 24]);
    let want = by_target(&file);
    for out in [&comfy, &converted(&comfy, Convention::Kohya).0] {
        assert_eq!(by_target(out), want);
    }
    // The pairs are too large for `deltas`' limit only if the modules are; compare through a vector.
    let small = ConvertOptions { max_rank: 8, ..f32s(Convention::Diffusers) };
    let why = converted_of(&open(&file), &file, &small).unwrap_err().to_string();
    assert!(why.contains("rank 24") && why.contains("resize"), "{why}");
    let left = ConvertOptions { leave_out: true, ..small };
    assert_eq!(converted_of(&open(&file), &file, &left).unwrap().1.left_out.len(), 1);
    let adapter = open(&pairs);
    assert!(adapter.modules.iter().all(|m| m.kind == Kind::Lora));
}

#[test]
fn pairs_of_loha_and_lokr_have_the_same_change() {
    let file = sdxl_lycoris();
    let (pairs, _) = converted(&file, Convention::Diffusers);
    let dense = |bytes: &[u8]| {
        let adapter = open(bytes);
        let source = MemorySource(bytes);
        let loader = weft_weights::delta::Loader { adapter: &adapter, source: &source, base: None };
        let one = |m: &weft_weights::adapter::Module| {
            let mut rows = vec![0f32; 3 * m.in_dim];
            loader.load(m).unwrap().rows(17..20, &mut rows);
            (m.target.path.clone(), rows.into_iter().map(f64::from).collect::<Vec<_>>())
        };
        adapter.modules.iter().map(one).collect::<BTreeMap<_, _>>()
    };
    let (want, found) = (dense(&file), dense(&pairs));
    for (path, w) in &want {
        let gap: Vec<f64> = w.iter().zip(&found[path]).map(|(a, b)| a - b).collect();
        assert!(norm(&gap) < 1e-6 * norm(w), "{path}: {:e}", norm(&gap) / norm(w));
    }
}

#[test]
fn biases_differences_and_embeddings_go_where_they_have_a_place() {
    let mut rng = Random(15);
    let stem = "lora_unet_double_blocks_0_img_attn_proj";
    let build = Build::default()
        .kohya(stem, (3072, 3072, 1), Some(1.0), &mut rng)
        .tensor(&format!("{stem}.diff_b"), Dtype::F32, &[3072], rng.many(3072))
        .tensor("bundle_emb.x.clip_l", Dtype::F32, &[2], vec![1.0, 2.0]);
    let file = build.bytes();
    let (comfy, _) = converted(&file, Convention::ComfyUi);
    let keys = |f: &[u8]| open(f).header.tensors.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert!(keys(&comfy).contains(&"diffusion_model.double_blocks.0.img_attn.proj.diff_b".to_owned()));
    assert!(keys(&comfy).contains(&"bundle_emb.x.clip_l".to_owned()));
    let (diffusers, report) = converted(&file, Convention::Diffusers);
    assert!(keys(&diffusers).contains(&"transformer.transformer_blocks.0.attn.to_out.0.lora_B.bias".to_owned()), "{:?}", keys(&diffusers));
    assert!(report.warnings.iter().any(|w| w.contains("belong to no module")));
    let (back, _) = converted(&diffusers, Convention::Kohya);
    let value = |f: &[u8], key: &str| {
        let range = open(f).header.find(key).unwrap_or_else(|| panic!("{key} in {:?}", keys(f))).1.range.clone();
        f[range.start as usize..range.end as usize].to_vec()
    };
    assert_eq!(value(&back, &format!("{stem}.diff_b")), value(&file, &format!("{stem}.diff_b")));
    // A difference alone has no name in diffusers.
    let alone = Build::default()
        .kohya(stem, (3072, 3072, 1), Some(1.0), &mut rng)
        .tensor("lora_unet_final_layer_linear.diff", Dtype::F32, &[64, 3072], rng.many(64 * 3072))
        .bytes();
    let why = converted_of(&open(&alone), &alone, &f32s(Convention::Diffusers)).unwrap_err().to_string();
    assert!(why.contains("1 modules cannot be written in diffusers names"), "{why}");
    assert!(keys(&converted(&alone, Convention::ComfyUi).0).contains(&"diffusion_model.final_layer.linear.diff".to_owned()));
}

#[test]
fn peft_files_come_with_a_configuration_that_says_the_same() {
    let file = golden("kohya_sdxl.safetensors");
    let (out, report) = converted(&file, Convention::Peft);
    let config = report.adapter_config.unwrap();
    let adapter = Adapter::from_header(open(&out).header, Some("adapter_model.safetensors"), Some(&config)).unwrap();
    assert!(adapter.modules.iter().all(|m| m.scale(None) == 1.0 && m.name.starts_with("base_model.model.")));
    let told: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(told["target_modules"].as_array().unwrap().len(), adapter.modules.len());
}

#[test]
fn the_same_bytes_each_time_and_a_whole_file_or_none() {
    let file = golden("kohya_flux.safetensors");
    let adapter = open(&file);
    let source = MemorySource(&file);
    let member = Member { adapter: &adapter, source: &source };
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.safetensors");
    let stop = std::sync::atomic::AtomicBool::new(true);
    let options = ConvertOptions::new(Convention::Diffusers);
    assert!(matches!(convert(member, &options, &target, &stop), Err(OpError::Cancelled(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let report = convert(member, &options, &target, &Silent).unwrap();
    let bytes = std::fs::read(&target).unwrap();
    assert_eq!(bytes.len() as u64, report.bytes);
    assert_eq!(bytes, converted_of(&adapter, &file, &options).unwrap().0);
    assert!(open(&bytes).header.metadata["weft.history"].contains("\"to\":\"diffusers\""));
}

#[test]
fn dora_keeps_its_magnitude() {
    let mut rng = Random(16);
    let stem = "lora_unet_output_blocks_3_1_transformer_blocks_0_attn2_to_k";
    let file = Build::default()
        .kohya(stem, (640, 2048, 2), Some(1.0), &mut rng)
        .tensor(&format!("{stem}.dora_scale"), Dtype::F32, &[640, 1], rng.many(640))
        .bytes();
    let values = |f: &[u8], key: &str| {
        let adapter = open(f);
        let t = adapter.header.find(key).unwrap_or_else(|| panic!("{key}")).1.clone();
        let mut out = vec![0f32; t.elements()];
        weft_weights::dtype::decode_f32(t.dtype, &f[t.range.start as usize..t.range.end as usize], &mut out).unwrap();
        (t.shape, out)
    };
    let (peft, report) = converted(&file, Convention::Peft);
    let path = "base_model.model.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k";
    assert_eq!(values(&peft, &format!("{path}.lora_magnitude_vector")), (vec![640], values(&file, &format!("{stem}.dora_scale")).1));
    let halved: Vec<f32> = values(&file, &format!("{stem}.lora_up.weight")).1.iter().map(|v| v * 0.5).collect();
    assert_eq!(values(&peft, &format!("{path}.lora_B.weight")).1, halved);
    assert!(report.adapter_config.unwrap().contains("\"use_dora\": true"));
    let (back, _) = converted(&peft, Convention::Kohya);
    assert_eq!(values(&back, &format!("{stem}.dora_scale")), values(&file, &format!("{stem}.dora_scale")));
    assert_eq!(open(&back).modules[0].kind, Kind::Dora);
    // Beside plain pairs PEFT has no place for it, and a magnitude per input neither.
    let mixed = Build::default()
        .kohya(stem, (640, 2048, 2), Some(1.0), &mut rng)
        .tensor(&format!("{stem}.dora_scale"), Dtype::F32, &[640, 1], rng.many(640))
        .kohya("lora_unet_output_blocks_3_1_transformer_blocks_0_attn2_to_v", (640, 2048, 2), Some(1.0), &mut rng)
        .bytes();
    assert!(converted_of(&open(&mixed), &mixed, &f32s(Convention::Diffusers)).is_err());
    let inputs = Build::default()
        .kohya(stem, (640, 2048, 2), Some(1.0), &mut rng)
        .tensor(&format!("{stem}.dora_scale"), Dtype::F32, &[1, 2048], rng.many(2048))
        .bytes();
    let why = converted_of(&open(&inputs), &inputs, &f32s(Convention::Peft)).unwrap_err().to_string();
    assert!(why.contains("per input"), "{why}");
    assert_eq!(
        values(&converted(&inputs, Convention::ComfyUi).0, "diffusion_model.output_blocks.3.1.transformer_blocks.0.attn2.to_k.dora_scale")
            .0,
        [1, 2048]
    );
}
