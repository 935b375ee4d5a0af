//! Ranks cut by the singular values.

use crate::support::{Build, Random, norm, open};
use crate::{deltas, golden, open_named, sink};
use faer::Mat;
use weft_weights::adapter::{Adapter, Kind};
use weft_weights::dtype::{Dtype, decode_f64};
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::{Keep, OpError, ResizeOptions, ResizeReport, resize, resize_into};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fn resized_of(adapter: &Adapter, file: &[u8], options: &ResizeOptions) -> Result<(Vec<u8>, ResizeReport), OpError> {
    let source = MemorySource(file);
    resize_into(Member { adapter, source: &source }, options, sink(), &Silent).map(|(out, report)| (out.into_inner(), report))
}

fn resized(file: &[u8], options: &ResizeOptions) -> (Vec<u8>, ResizeReport) {
    resized_of(&open(file), file, options).unwrap()
}

fn f32s(keep: Keep) -> ResizeOptions {
    ResizeOptions { dtype: Some(OutDtype::F32), ..ResizeOptions::new(keep) }
}

/// Singular values of a dense row-major matrix.
fn sigma(w: &[f64], n: usize) -> Vec<f64> {
    let m = Mat::from_fn(w.len() / n, n, |i, j| w[i * n + j]);
    m.singular_values().unwrap()
}

/// Every module of moderate size is the dense optimum of the rank that it has: its error is the tail of the spectrum. Returns the worst excess.
fn excess(before: &Adapter, one: &[u8], two: &[u8], report: &ResizeReport) -> f64 {
    let after = open(two);
    let (one, two) = (deltas(before, one), deltas(&after, two));
    let (mut worst, mut looked): (f64, usize) = (0.0, 0);
    for (name, _, n, w) in &one {
        let Some(told) = report.modules.iter().find(|m| m.name == *name) else {
            assert_eq!(&two.iter().find(|m| m.0 == *name).unwrap().3, w, "{name} is carried");
            continue;
        };
        if w.len() > 150_000 {
            continue;
        }
        let s = sigma(w, *n);
        let all: f64 = s.iter().map(|x| x * x).sum();
        let tail: f64 = s[told.rank.min(s.len())..].iter().map(|x| x * x).sum();
        assert!((told.energy - (1.0 - tail / all)).abs() < 1e-6, "{name}: {} told, {} is", told.energy, 1.0 - tail / all);
        let zero = vec![0.0; w.len()];
        let found = two.iter().find(|m| m.0 == *name).map_or(&zero, |m| &m.3);
        let difference: Vec<f64> = w.iter().zip(found).map(|(a, b)| a - b).collect();
        worst = worst.max((norm(&difference) - tail.sqrt()) / all.sqrt());
        looked += 1;
    }
    assert!(looked > 0, "no module is small enough to be looked at");
    worst
}

#[test]
fn every_kind_is_cut_to_its_best_approximation() {
    for name in [
        "kohya_sd1.safetensors",
        "kohya_sd1_locon.safetensors",
        "kohya_sd1_f8_e4m3.safetensors",
        "kohya_sd1_without_alpha.safetensors",
        "lycoris_locon_tucker.safetensors",
        "lycoris_loha.safetensors",
        "lycoris_loha_tucker.safetensors",
        "lycoris_lokr.safetensors",
        "lycoris_lokr_both.safetensors",
        "lycoris_lokr_full.safetensors",
        "lycoris_rslora.safetensors",
        "peft_rslora_patterns.safetensors",
    ] {
        let file = golden(name);
        let adapter = open_named(name, &file);
        for keep in [Keep::Rank(1), Keep::Rank(3), Keep::Energy(0.7), Keep::Cumulative(1.0), Keep::Ratio(2.0)] {
            let (out, report) = resized_of(&adapter, &file, &f32s(keep)).unwrap();
            // Factors as small as these tests have lose a little in the f32 reference.
            let excess = excess(&adapter, &file, &out, &report);
            assert!(excess < 1e-6, "{name} {keep:?}: {excess:e}");
            assert!(open(&out).modules.iter().all(|m| m.kind != Kind::Loha && m.kind != Kind::Lokr));
        }
    }
}

#[test]
fn stored_types_and_names_stay_and_the_rounding_is_theirs() {
    for (name, limit) in [
        ("kohya_sd1.safetensors", 1e-3),
        ("kohya_sd1_bf16.safetensors", 8e-3),
        ("peft_plain.safetensors", 1e-6),
        ("diffusers_flux.safetensors", 1.0),
    ] {
        let file = golden(name);
        let (out, report) = resized(&file, &ResizeOptions::new(Keep::Rank(2)));
        let (before, after) = (open(&file), open(&out));
        assert_eq!(before.dtypes, after.dtypes);
        let keys = |a: &Adapter| {
            let mut keys: Vec<String> = a.header.tensors.iter().map(|t| t.name.clone()).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&before), keys(&after), "{name}");
        assert!(after.modules.iter().all(|m| m.rank <= 2));
        // Flux is too large to be multiplied out here.
        assert!(limit == 1.0 || excess(&before, &file, &out, &report) < limit, "{name}");
        assert!(report.rank_max <= 2);
    }
}

#[test]
fn what_would_not_get_smaller_keeps_its_bytes() {
    let file = golden("kohya_flux.safetensors");
    let (out, report) = resized(&file, &ResizeOptions::new(Keep::Rank(500)));
    assert_eq!(report.cut, 0);
    assert!((report.energy - 1.0).abs() < 1e-12);
    let (before, after) = (open(&file), open(&out));
    for t in &before.header.tensors {
        let (_, found) = after.header.find(&t.name).unwrap();
        let bytes = |f: &[u8], r: &std::ops::Range<u64>| f[r.start as usize..r.end as usize].to_vec();
        assert_eq!(bytes(&file, &t.range), bytes(&out, &found.range), "{}", t.name);
    }
}

fn alphas(file: &[u8]) -> Vec<(String, usize, f64)> {
    let adapter = open(file);
    let value = |i: usize| {
        let t = &adapter.header.tensors[i];
        let mut out = [0.0];
        decode_f64(t.dtype, &file[t.range.start as usize..t.range.end as usize], &mut out).unwrap();
        out[0]
    };
    adapter.modules.iter().map(|m| (m.name.clone(), m.rank, m.alpha.map_or(f64::NAN, value))).collect()
}

const UNET: [&str; 2] = [
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q",
];

#[test]
fn alpha_keeps_the_ratio_and_is_one_for_a_whole_unet() {
    let mut rng = Random(5);
    let file = Build::default()
        .kohya(UNET[0], (320, 768, 16), Some(4.0), &mut rng)
        .kohya(UNET[1], (320, 320, 16), Some(4.0), &mut rng)
        .kohya("lora_te_text_model_encoder_layers_3_self_attn_q_proj", (768, 768, 2), Some(4.0), &mut rng)
        .meta("ss_network_dim", "16")
        .meta("ss_network_alpha", "4")
        .meta("sshs_model_hash", "00")
        .bytes();
    let adapter = open(&file);
    let (out, report) = resized(&file, &f32s(Keep::Rank(8)));
    assert_eq!(alphas(&out).iter().map(|m| (m.1, m.2)).collect::<Vec<_>>(), [(8, 2.0), (8, 2.0), (2, 2.0)]);
    assert!(excess(&adapter, &file, &out, &report) < 1e-6);
    let meta = open(&out).header.metadata;
    assert_eq!((meta["ss_network_dim"].as_str(), meta["ss_network_alpha"].as_str()), ("8", "2"));
    assert!(!meta.contains_key("sshs_model_hash") && meta["weft.history"].contains("\"rank\":8"));
    // Uneven ranks: still one alpha, the factors take the difference.
    let (out, report) = resized(&file, &f32s(Keep::Energy(0.6)));
    assert!(report.rank_min < report.rank_max);
    assert!(alphas(&out).iter().all(|m| m.2 == 4.0));
    assert!(excess(&adapter, &file, &out, &report) < 1e-6);
}

#[test]
fn scales_of_the_metadata_go_into_the_factors() {
    let mut rng = Random(6);
    let stem = "transformer.transformer_blocks.0.attn.to_q";
    let file = Build::default()
        .peft(stem, (3072, 3072, 4), &mut rng)
        .peft("transformer.single_transformer_blocks.0.attn.to_q", (3072, 3072, 2), &mut rng)
        .meta("lora_adapter_metadata", r#"{"transformer.r":4,"transformer.lora_alpha":12}"#)
        .bytes();
    let (out, report) = resized(&file, &f32s(Keep::Rank(2)));
    let (before, after) = (crate::support::probe(&file), crate::support::probe(&out));
    assert!(!open(&out).header.metadata.contains_key("lora_adapter_metadata"));
    // The module that was not cut has to say the same as before; the other one keeps the told energy.
    let one = |p: &std::collections::BTreeMap<_, Vec<f64>>, what: &str| {
        p.iter().find(|((_, path), _): &(&(weft_weights::adapter::Component, String), _)| path.contains(what)).unwrap().1.clone()
    };
    let (a, b) = (one(&before, "single"), one(&after, "single"));
    assert!(norm(&a.iter().zip(&b).map(|(x, y)| x - y).collect::<Vec<_>>()) < 1e-6 * norm(&a));
    assert_eq!(report.modules.iter().map(|m| m.rank).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn zero_modules_go_and_other_tensors_stay() {
    let mut rng = Random(7);
    let down = rng.many(768 * 2);
    let file = Build::default()
        .kohya_of(UNET[0], (320, 768, 2), Some(1.0), vec![0.0; 640], down)
        .kohya(UNET[1], (320, 320, 4), Some(0.0), &mut rng)
        .kohya("lora_te_text_model_encoder_layers_3_self_attn_q_proj", (768, 768, 2), Some(1.0), &mut rng)
        .tensor("bundle_emb.x.clip_l", Dtype::F32, &[2], vec![1.0, 2.0])
        .tensor("lora_unet_conv_norm_out.diff", Dtype::F32, &[320], rng.many(320))
        .bytes();
    let (out, report) = resized(&file, &ResizeOptions::new(Keep::Rank(1)));
    assert_eq!(report.modules.iter().map(|m| m.rank).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!((report.carried, open(&out).modules.len()), (2, 2));
    assert!(open(&out).header.find("bundle_emb.x.clip_l").is_some());
    assert!(report.warnings.iter().any(|w| w.contains("2 modules change nothing")));
}

/// Found by fuzzing: keys that belong to no module hid that no module was left, and the result was no adapter.
#[test]
fn a_file_of_nothing_but_zeros_and_strays_is_refused() {
    let zero = || Build::default().kohya_of("lora_unet_x", (6, 4, 2), Some(0.0), vec![0.0; 12], vec![0.0; 8]);
    let refused =
        |build: Build| resized_of(&open(&build.bytes()), &build.bytes(), &ResizeOptions::new(Keep::Energy(0.5))).unwrap_err().to_string();
    for key in [".lora_down.weight", "stray", "bundle_emb.word.clip_l", "base_model.model.y.weight"] {
        assert!(refused(zero().tensor(key, Dtype::F32, &[1, 1], vec![1.0])).contains("nothing is left"), "{key}");
    }
    let beside = zero().tensor("lora_unet_y.diff", Dtype::F32, &[2, 2], vec![1.0; 4]).bytes();
    assert_eq!(open(&resized(&beside, &ResizeOptions::new(Keep::Energy(0.5))).0).modules.len(), 1);
}

/// Found by fuzzing: an alpha beside the scale that rules was carried through under the name of the new alpha.
#[test]
fn an_alpha_that_a_stored_scale_overrules_is_not_written_twice() {
    let mut rng = Random(3);
    let file = Build::default().kohya("lora_unet_x", (6, 4, 3), Some(5.0), &mut rng);
    let file = file.tensor("lora_unet_x.scale", Dtype::F32, &[], vec![0.5]).bytes();
    let (out, report) = resized(&file, &f32s(Keep::Rank(2)));
    let adapter = open(&out);
    assert_eq!(adapter.header.tensors.iter().filter(|t| t.name == "lora_unet_x.alpha").count(), 1);
    assert!(report.warnings.iter().any(|w| w.contains("the result needs their names: \"lora_unet_x.alpha\".")), "{:?}", report.warnings);
    assert!(excess(&open(&file), &file, &out, &report) < 1e-6);
}

#[test]
fn peft_gets_its_configuration_and_the_disk_a_whole_file_or_none() {
    let name = "peft_rslora_patterns.safetensors";
    let file = golden(name);
    let adapter = open_named(name, &file);
    let (out, report) = resized_of(&adapter, &file, &f32s(Keep::Energy(0.8))).unwrap();
    let config: serde_json::Value = serde_json::from_str(report.adapter_config.as_deref().unwrap()).unwrap();
    assert_eq!(config["peft_type"], "LORA");
    let again = Adapter::from_header(open(&out).header, Some(name), report.adapter_config.as_deref()).unwrap();
    assert!(again.modules.iter().all(|m| m.scale(None) == 1.0), "rank and alpha of the configuration are those of the tensors");
    assert!(excess(&adapter, &file, &out, &report) < 1e-6);
    let dir = tempfile::tempdir().unwrap();
    let source = MemorySource(&file);
    let member = Member { adapter: &adapter, source: &source };
    let target = dir.path().join("out.safetensors");
    let stop = std::sync::atomic::AtomicBool::new(true);
    assert!(matches!(resize(member, &f32s(Keep::Rank(1)), &target, &stop), Err(OpError::Cancelled(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    resize(member, &f32s(Keep::Rank(1)), &target, &Silent).unwrap();
    let first = std::fs::read(&target).unwrap();
    assert_eq!(first, resized_of(&adapter, &file, &f32s(Keep::Rank(1))).unwrap().0, "the same bytes each time");
}

#[test]
fn files_without_ranks_and_damaged_ones_are_refused() {
    let why = |file: &[u8]| resized_of(&open(file), file, &f32s(Keep::Rank(1))).unwrap_err().to_string();
    assert!(why(&golden("lycoris_oft.safetensors")).contains("no module"));
    let mut rng = Random(8);
    let mut b = rng.many(320);
    b[5] = f32::NAN;
    let a = rng.many(768);
    let file = Build::default().kohya_of(UNET[0], (320, 768, 1), Some(1.0), b, a).bytes();
    assert!(why(&file).contains("NaN"), "{}", why(&file));
}

#[test]
fn the_bias_beside_a_pair_keeps_its_size() {
    let mut rng = Random(9);
    let stem = "transformer.transformer_blocks.0.attn.to_q";
    let file = Build::default()
        .peft(stem, (3072, 3072, 4), &mut rng)
        .tensor(&format!("{stem}.lora_B.bias"), Dtype::F32, &[3072], rng.many(3072))
        .meta("lora_adapter_metadata", r#"{"transformer.r":4,"transformer.lora_alpha":12}"#)
        .bytes();
    let (out, _) = resized(&file, &f32s(Keep::Rank(1)));
    let bias = |f: &[u8]| {
        let adapter = open(f);
        deltas(&adapter, f).into_iter().find(|d| d.2 == 1).unwrap().3
    };
    let (want, found) = (bias(&file), bias(&out));
    assert!(norm(&want.iter().zip(&found).map(|(a, b)| a - b).collect::<Vec<_>>()) < 1e-6 * norm(&want));
}
