//! Blocks scaled and dropped in a copy.

use crate::support::{Build, Random, norm, open};
use crate::{deltas, golden, sink};
use std::collections::BTreeMap;
use weft_weights::adapter::Adapter;
use weft_weights::dtype::Dtype;
use weft_weights::merge::Member;
use weft_weights::ops::edit::{Via, parse_drop};
use weft_weights::ops::{EditOptions, EditReport, OpError, Origin, edit, edit_into};
use weft_weights::profile::Profile;
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fn edited(file: &[u8], options: &EditOptions) -> Result<(Vec<u8>, EditReport), OpError> {
    let (adapter, source) = (open(file), MemorySource(file));
    let member = Member { adapter: &adapter, source: &source };
    edit_into(member, options, sink(), &Silent).map(|(out, report)| (out.into_inner(), report))
}

/// Module name → (m, n, ΔW).
fn by_name(adapter: &Adapter, file: &[u8]) -> BTreeMap<String, Vec<f64>> {
    deltas(adapter, file).into_iter().map(|(name, _, _, w)| (name, w)).collect()
}

/// Every module of `after` is `factor(name)` times that of `before`; 0 stands for absent. The largest relative difference.
fn compare(before: &[u8], after: &[u8], factor: impl Fn(&str) -> f64) -> f64 {
    let (one, two) = (open(before), open(after));
    let (one, two) = (by_name(&one, before), by_name(&two, after));
    let mut worst: f64 = 0.0;
    for (name, w) in &one {
        let f = factor(name);
        let Some(found) = two.get(name) else {
            assert_eq!(f, 0.0, "{name} is gone");
            continue;
        };
        assert_ne!(f, 0.0, "{name} is still there");
        let difference: Vec<f64> = w.iter().zip(found).map(|(a, b)| f * a - b).collect();
        worst = worst.max(norm(&difference) / (norm(w) * f.abs()));
    }
    assert!(two.keys().all(|name| one.contains_key(name)));
    worst
}

fn raw<'a>(file: &'a [u8], key: &str) -> &'a [u8] {
    let adapter = open(file);
    let range = adapter.header.find(key).unwrap().1.range.clone();
    &file[range.start as usize..range.end as usize]
}

#[test]
fn a_profile_and_drops_change_what_they_name_and_nothing_else() {
    let file = golden("kohya_sd1.safetensors");
    let adapter = open(&file);
    let layout = adapter.detection.layout.unwrap();
    let slot = |m: &weft_weights::adapter::Module| m.slot.unwrap().label(layout);
    let some = slot(&adapter.modules[0]).to_owned();
    let blocks: Vec<&str> = adapter.modules.iter().map(slot).collect();
    let gone = (*blocks.iter().find(|s| **s != some && !s.starts_with("TE")).unwrap()).to_owned();
    let mut profile = Profile::neutral(layout);
    profile.set_named(&some, -1.5).unwrap();
    let options = EditOptions { te_scale: Some(0.5), profile: Some(profile), drop: vec![gone.to_lowercase()], ..EditOptions::default() };
    let (out, report) = edited(&file, &options).unwrap();
    let slots: BTreeMap<String, String> = adapter.modules.iter().map(|m| (m.name.clone(), slot(m).to_owned())).collect();
    let factor = |name: &str| match slots[name].as_str() {
        s if s == some && s.starts_with("TE") => -0.75,
        s if s == some => -1.5,
        s if s == gone => 0.0,
        s if s.starts_with("TE") => 0.5,
        _ => 1.0,
    };
    assert!(compare(&file, &out, factor) < 3e-4);
    assert_eq!(report.dropped, slots.values().filter(|s| **s == gone).count());
    assert_eq!(report.modules, open(&out).modules.len());
    assert!(report.changed.iter().all(|c| c.factor == factor(&c.name) && c.slot.as_deref() == Some(&slots[&c.name])));
    // All that is not an up factor of a changed module is the same bytes.
    let after = open(&out);
    for tensor in &after.header.tensors {
        let stem = tensor.name.split('.').next().unwrap();
        if factor(stem) == 1.0 || !tensor.name.contains("lora_up") {
            assert_eq!(raw(&out, &tensor.name), raw(&file, &tensor.name), "{}", tensor.name);
        }
    }
    assert_eq!(out, edited(&file, &options).unwrap().0);
}

#[test]
fn every_linear_kind_takes_a_factor() {
    for name in [
        "lycoris_locon.safetensors",
        "lycoris_locon_tucker.safetensors",
        "lycoris_loha.safetensors",
        "lycoris_loha_tucker.safetensors",
        "lycoris_lokr.safetensors",
        "lycoris_lokr_full.safetensors",
        "lycoris_lokr_both.safetensors",
        "lycoris_full.safetensors",
        "kohya_sd1_f64.safetensors",
        "kohya_sd1_f8_e5m2.safetensors",
        "kohya_sd1_bf16.safetensors",
    ] {
        let file = golden(name);
        for via in [Via::Factors, Via::Alpha] {
            let options = EditOptions { scale: -0.25, via, ..EditOptions::default() };
            let (out, _) = edited(&file, &options).unwrap();
            let worst = compare(&file, &out, |_| -0.25);
            assert!(worst < 1e-6, "{name} {via:?}: {worst:e}");
        }
    }
}

#[test]
fn kinds_that_are_not_linear_are_kept_dropped_or_refused() {
    for name in ["lycoris_dora.safetensors", "lycoris_oft.safetensors", "lycoris_boft.safetensors"] {
        let file = golden(name);
        let why = edited(&file, &EditOptions { scale: 0.5, ..EditOptions::default() }).unwrap_err().to_string();
        assert!(why.contains("factor 0") && why.contains("base model"), "{name}: {why}");
        let (out, report) = edited(&file, &EditOptions::default()).unwrap();
        assert_eq!(report.modules, open(&file).modules.len());
        for tensor in &open(&file).header.tensors {
            assert_eq!(raw(&out, &tensor.name), raw(&file, &tensor.name), "{}", tensor.name);
        }
    }
    for name in ["lycoris_ia3.safetensors", "lycoris_glora.safetensors"] {
        assert!(!edited(&golden(name), &EditOptions { scale: 0.5, ..EditOptions::default() }).unwrap().1.changed.is_empty());
    }
}

#[test]
fn alpha_takes_the_factor_exactly_where_asked() {
    let mut rng = Random(3);
    let file = Build::default()
        .kohya("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", (320, 320, 4), Some(3.0), &mut rng)
        .kohya("lora_te_text_model_encoder_layers_0_mlp_fc1", (3072, 768, 2), None, &mut rng)
        .bytes();
    let options = EditOptions { scale: 0.7, via: Via::Alpha, ..EditOptions::default() };
    let (out, _) = edited(&file, &options).unwrap();
    assert!(compare(&file, &out, |_| 0.7) < 2e-7);
    let up = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight";
    assert_eq!(raw(&out, up), raw(&file, up));
}

#[test]
fn names_of_parts_resolve() {
    let layout = open(&golden("kohya_flux.safetensors")).detection.layout;
    let count = |name: &str| parse_drop(name, layout).map(|l| l.len());
    assert_eq!(count("d03-D07").unwrap(), 5);
    assert_eq!(count("S37").unwrap(), 1);
    assert_eq!(count("te").unwrap(), 3);
    assert_eq!(count("out").unwrap(), 1);
    for wrong in ["D99", "D07-D03", "", "S37-", "IN04"] {
        assert!(matches!(count(wrong), Err(OpError::Options(_))), "{wrong}");
    }
}

#[test]
fn nothing_left_and_values_out_of_range_are_errors() {
    let file = golden("kohya_sd1.safetensors");
    let zero = EditOptions { scale: 0.0, ..EditOptions::default() };
    assert!(edited(&file, &zero).unwrap_err().to_string().contains("nothing would be left"));
    let loud = EditOptions { scale: 9999.0, ..EditOptions::default() };
    let big = Build::default()
        .tensor("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", Dtype::F16, &[8, 1], vec![600.0; 8])
        .tensor("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", Dtype::F16, &[1, 8], vec![1.0; 8]);
    assert!(matches!(edited(&big.bytes(), &loud), Err(OpError::Range { .. })));
}

#[test]
fn the_file_on_disk_tells_its_history() {
    let file = golden("kohya_sd1.safetensors");
    let (adapter, source) = (open(&file), MemorySource(&file));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.safetensors");
    let options = EditOptions { scale: 0.5, origin: Origin::named("first.safetensors"), ..EditOptions::default() };
    let report = edit(Member { adapter: &adapter, source: &source }, &options, &out, &Silent).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(bytes.len() as u64, report.bytes);
    let once = open(&bytes);
    let (again, _) = edited(&bytes, &EditOptions { scale: 2.0, ..EditOptions::default() }).unwrap();
    let history: serde_json::Value = serde_json::from_str(&open(&again).header.metadata["weft.history"]).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!((&history[0]["operation"], &history[0]["source"]["label"]), (&"edit".into(), &"first.safetensors".into()));
    assert_eq!(history[0]["options"]["scale"], 0.5);
    assert!(adapter.header.metadata.iter().all(|(k, v)| once.header.metadata.get(k) == Some(v)));
    // Cancelling and an existing target leave nothing new.
    let stop = std::sync::atomic::AtomicBool::new(true);
    let member = Member { adapter: &adapter, source: &source };
    assert!(matches!(edit(member, &options, &dir.path().join("b"), &stop), Err(OpError::Cancelled(_))));
    assert!(matches!(edit(member, &options, &out, &Silent), Err(OpError::Write(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_bias_takes_its_pairs_factor_once() {
    let mut rng = Random(4);
    let stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    let file = Build::default()
        .kohya(stem, (320, 320, 4), Some(2.0), &mut rng)
        .tensor(&format!("{stem}.lora_up.bias"), Dtype::F32, &[320], rng.many(320))
        .bytes();
    for via in [Via::Factors, Via::Alpha] {
        let (out, _) = edited(&file, &EditOptions { scale: 0.7, via, ..EditOptions::default() }).unwrap();
        for (a, b) in deltas(&open(&file), &file).iter().zip(deltas(&open(&out), &out)) {
            let gap: Vec<f64> = a.3.iter().zip(&b.3).map(|(x, y)| 0.7 * x - y).collect();
            assert!(norm(&gap) < 1e-6 * norm(&a.3), "{via:?} {}", a.0);
        }
    }
}
