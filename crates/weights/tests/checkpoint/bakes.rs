//! Forms, types and the accounting of a bake, on files made here.

use crate::files::{Random, adapter, baked, held, plan, write, write_meta};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::{Checkpoint, Form};
use weft_weights::dtype::Dtype;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakeError, BakePlan, StoreAs, bake};
use weft_weights::progress::Progress;

const QKV: &str = "double_blocks.0.img_attn.qkv";
const NORM: &str = "double_blocks.0.img_attn.norm.key_norm.scale";

/// A Flux-like checkpoint of width 8 in one file or in shards; the values are those of a seed.
fn tensors(dtype: Dtype) -> Vec<(&'static str, Dtype, &'static [usize], Vec<f32>)> {
    let mut rng = Random(5);
    vec![
        ("double_blocks.0.img_attn.qkv.weight", dtype, &[24, 8], rng.many(192)),
        ("double_blocks.0.img_attn.qkv.bias", dtype, &[24], rng.many(24)),
        (NORM, dtype, &[8], rng.many(8)),
        ("img_in.weight", dtype, &[8, 4], rng.many(32)),
        ("vae.decoder.conv_in.weight", dtype, &[4, 2, 3, 3], rng.many(72)),
        ("text_encoders.clip_l.logit_scale", Dtype::F32, &[], vec![4.6]),
    ]
}

fn single(dir: &Path, dtype: Dtype) -> PathBuf {
    let path = dir.join("model.safetensors");
    write_meta(
        &path,
        &tensors(dtype),
        &BTreeMap::from([("modelspec.title".to_owned(), "tiny".to_owned()), ("sshs_model_hash".to_owned(), "1".to_owned())]),
    );
    path
}

fn sharded(dir: &Path) -> PathBuf {
    let root = dir.join("shards");
    std::fs::create_dir(&root).unwrap();
    let all = tensors(Dtype::F32);
    write(&root.join("model-00001-of-00002.safetensors"), &all[..2]);
    write(&root.join("model-00002-of-00002.safetensors"), &all[2..]);
    let map: BTreeMap<&str, &str> = all
        .iter()
        .enumerate()
        .map(|(i, t)| (t.0, if i < 2 { "model-00001-of-00002.safetensors" } else { "model-00002-of-00002.safetensors" }))
        .collect();
    std::fs::write(root.join("model.safetensors.index.json"), serde_json::json!({"metadata": {}, "weight_map": map}).to_string()).unwrap();
    std::fs::write(root.join("config.json"), "{}").unwrap();
    root
}

/// A pair on the fused weight, a stored difference on its bias, and a module without a place.
fn lora(dir: &Path) -> PathBuf {
    let path = dir.join("lora.safetensors");
    let mut rng = Random(9);
    write(
        &path,
        &[
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", Dtype::F32, &[2, 8], rng.many(16)),
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight", Dtype::F32, &[24, 2], rng.many(48)),
            ("diffusion_model.double_blocks.0.img_attn.qkv.diff_b", Dtype::F32, &[24], rng.many(24)),
            ("diffusion_model.double_blocks.7.img_attn.qkv.lora_A.weight", Dtype::F32, &[2, 8], rng.many(16)),
            ("diffusion_model.double_blocks.7.img_attn.qkv.lora_B.weight", Dtype::F32, &[24, 2], rng.many(48)),
        ],
    );
    path
}

/// W + w·ΔW in float64 for the two tensors that the adapter reaches.
fn expected(weight: f64) -> BTreeMap<String, Vec<f64>> {
    let all = tensors(Dtype::F32);
    let mut rng = Random(9);
    let (a, b, bias) = (rng.many(16), rng.many(48), rng.many(24));
    let w = &all[0].3;
    let delta = |i: usize, j: usize| (0..2).map(|k| f64::from(b[i * 2 + k]) * f64::from(a[k * 8 + j])).sum::<f64>();
    let qkv = (0..192).map(|e| f64::from(w[e]) + weight * delta(e / 8, e % 8)).collect();
    let bias = all[1].3.iter().zip(&bias).map(|(w, d)| f64::from(*w) + weight * f64::from(*d)).collect();
    BTreeMap::from([(format!("{QKV}.weight"), qkv), (format!("{QKV}.bias"), bias)])
}

fn check(path: &Path, weight: f64, tolerance: f64) {
    let after = held(path);
    for (name, values) in expected(weight) {
        for (a, b) in after[&name].values.iter().zip(values) {
            assert!((f64::from(*a) - b).abs() <= tolerance * b.abs().max(1.0), "{name} {a} {b}");
        }
    }
}

#[test]
fn nothing_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.safetensors");
    let report = baked(&single(dir.path(), Dtype::F32), &plan(&[0.5]), &[&lora(dir.path())], &out).unwrap();
    assert_eq!((report.changed, report.converted, report.copied), (2, 0, 4));
    assert_eq!(report.adapters[0].applied, 2);
    assert_eq!(report.adapters[0].unplaced.len(), 1);
    assert!(report.warnings.iter().any(|w| w.contains("double_blocks.7")), "{:?}", report.warnings);
    assert_eq!(report.bytes, std::fs::metadata(&out).unwrap().len());
    check(&out, 0.5, 2e-7);
    let header = weft_weights::header::Header::read(&weft_weights::source::FileSource::open(&out).unwrap()).unwrap();
    assert!(header.warnings.is_empty(), "{:?}", header.warnings);
    assert_eq!(header.data_start % 8, 0);
    assert!(header.metadata["weft.history"].contains("\"operation\":\"bake\""));
    assert_eq!(header.metadata["modelspec.title"], "tiny");
    assert!(!header.metadata.contains_key("sshs_model_hash"));
}

#[test]
fn shards_stay_shards_or_become_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let (from, lora) = (sharded(dir.path()), lora(dir.path()));
    assert_eq!(Checkpoint::open(&from).unwrap().form(), Form::Sharded);
    let one = dir.path().join("one.safetensors");
    baked(&from, &plan(&[1.0]), &[&lora], &one).unwrap();
    check(&one, 1.0, 2e-7);
    let folder = dir.path().join("out");
    let report = baked(&from.join("model.safetensors.index.json"), &plan(&[1.0]), &[&lora], &folder).unwrap();
    assert_eq!(report.files.len(), 2);
    check(&folder.join("model-00001-of-00002.safetensors"), 1.0, 2e-7);
    assert!(folder.join("config.json").exists());
    let again = Checkpoint::open(&folder).unwrap();
    assert_eq!(again.tensors().len(), 6);
    let before = held(&from.join("model-00002-of-00002.safetensors"));
    assert_eq!(held(&folder.join("model-00002-of-00002.safetensors")), before);
    assert!(matches!(baked(&from, &plan(&[1.0]), &[&lora], &folder), Err(BakeError::Write(_))));
    baked(&from, &BakePlan { overwrite: true, ..plan(&[0.5]) }, &[&lora], &folder).unwrap();
    check(&folder.join("model-00001-of-00002.safetensors"), 0.5, 2e-7);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "nothing unfinished stays");
}

#[test]
fn taking_out_brings_back_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (from, lora) = (single(dir.path(), Dtype::F32), lora(dir.path()));
    let (with, without) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    baked(&from, &plan(&[0.7]), &[&lora], &with).unwrap();
    let report = baked(&with, &BakePlan { inverse: true, ..plan(&[0.7]) }, &[&lora], &without).unwrap();
    assert!(report.warnings.iter().any(|w| w.contains("not bit for bit")));
    let (before, after) = (held(&from), held(&without));
    for (name, held) in &before {
        for (a, b) in held.values.iter().zip(&after[name].values) {
            assert!((a - b).abs() < 3e-7, "{name} {a} {b}");
        }
    }
}

#[test]
fn a_conversion_leaves_the_image_decoder_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (from, lora) = (single(dir.path(), Dtype::F32), lora(dir.path()));
    for (store, dtype, tolerance) in [
        (StoreAs::F16, Dtype::F16, 5e-4),
        (StoreAs::BF16, Dtype::BF16, 4e-3),
        (StoreAs::F8E4M3, Dtype::F8E4M3, 0.07),
        (StoreAs::F8E5M2, Dtype::F8E5M2, 0.13),
    ] {
        let out = dir.path().join(format!("{dtype}.safetensors"));
        let report = baked(&from, &BakePlan { dtype: store, ..plan(&[1.0]) }, &[&lora], &out).unwrap();
        let after = held(&out);
        assert_eq!(after[&format!("{QKV}.weight")].dtype, dtype);
        assert_eq!(after["vae.decoder.conv_in.weight"].dtype, Dtype::F32);
        let eight = matches!(dtype, Dtype::F8E4M3 | Dtype::F8E5M2);
        assert_eq!(after[NORM].dtype, if eight { Dtype::F32 } else { dtype });
        assert_eq!(report.converted, if eight { 1 } else { 3 });
        for (a, b) in after[&format!("{QKV}.weight")].values.iter().zip(&expected(1.0)[&format!("{QKV}.weight")]) {
            assert!((f64::from(*a) - b).abs() <= tolerance * b.abs().max(0.02), "{dtype} {a} {b}");
        }
    }
}

#[test]
fn stochastic_rounding_keeps_what_nearest_loses() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, columns) = (256, 64);
    let name = "double_blocks.0.img_attn.qkv";
    let from = dir.path().join("f8.safetensors");
    write(
        &from,
        &[
            (&format!("{name}.weight"), Dtype::F8E4M3, &[rows, columns], vec![1.0; rows * columns]),
            (NORM, Dtype::F32, &[8], vec![1.0; 8]),
            ("img_in.weight", Dtype::F32, &[8, 4], vec![0.0; 32]),
        ],
    );
    let small = dir.path().join("small.safetensors");
    write(
        &small,
        &[
            (&format!("diffusion_model.{name}.lora_A.weight"), Dtype::F32, &[1, columns], vec![0.1; columns]),
            (&format!("diffusion_model.{name}.lora_B.weight"), Dtype::F32, &[rows, 1], vec![0.2; rows]),
        ],
    );
    let mean = |plan: &BakePlan, out: &str| {
        let out = dir.path().join(out);
        baked(&from, plan, &[&small], &out).unwrap();
        let values = &held(&out)[&format!("{name}.weight")].values;
        values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64
    };
    // ΔW is 0.02, the spacing of E4M3 at 1 is 0.125: nearest gives nothing.
    assert_eq!(mean(&plan(&[1.0]), "a.safetensors"), 1.0);
    let random = BakePlan { stochastic: Some(3), ..plan(&[1.0]) };
    assert!((mean(&random, "b.safetensors") - 1.02).abs() < 0.002);
    mean(&random, "c.safetensors");
    assert_eq!(std::fs::read(dir.path().join("b.safetensors")).unwrap(), std::fs::read(dir.path().join("c.safetensors")).unwrap());
}

#[test]
fn scaled_eight_bit_weights_are_read_with_their_scale() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("scaled.safetensors");
    let mut rng = Random(3);
    let stored: Vec<f32> = rng.many(192).iter().map(|v| (v * 8.0).round() / 8.0).collect();
    write(
        &from,
        &[
            ("double_blocks.0.img_attn.qkv.weight", Dtype::F8E4M3, &[24, 8], stored.clone()),
            ("double_blocks.0.img_attn.qkv.scale_weight", Dtype::F32, &[], vec![0.5]),
            ("scaled_fp8", Dtype::F8E4M3, &[2], vec![0.0; 2]),
            (NORM, Dtype::F32, &[8], vec![1.0; 8]),
            ("img_in.weight", Dtype::F32, &[8, 4], vec![0.0; 32]),
        ],
    );
    let lora = lora(dir.path());
    let out = dir.path().join("wide.safetensors");
    baked(&from, &BakePlan { dtype: StoreAs::F32, misfits: true, ..plan(&[1.0]) }, &[&lora], &out).unwrap();
    let after = held(&out);
    assert!(!after.contains_key("scaled_fp8") && !after.contains_key(&format!("{QKV}.scale_weight")));
    let zero = expected(0.0)[&format!("{QKV}.weight")].clone();
    let delta: Vec<f64> = expected(1.0)[&format!("{QKV}.weight")].iter().zip(zero).map(|(a, b)| a - b).collect();
    for ((a, s), d) in after[&format!("{QKV}.weight")].values.iter().zip(&stored).zip(&delta) {
        assert!((f64::from(*a) - (0.5 * f64::from(*s) + d)).abs() < 1e-6);
    }
    let kept = dir.path().join("kept.safetensors");
    baked(&from, &BakePlan { misfits: true, ..plan(&[1.0]) }, &[&lora], &kept).unwrap();
    let after = held(&kept);
    assert_eq!(after[&format!("{QKV}.scale_weight")].values, [0.5]);
    for ((a, s), d) in after[&format!("{QKV}.weight")].values.iter().zip(&stored).zip(&delta) {
        let wanted = 0.5 * f64::from(*s) + d;
        assert!((0.5 * f64::from(*a) - wanted).abs() <= 0.07 * wanted.abs() + 0.001, "{a} {wanted}");
    }
}

/// Cancels after some steps.
struct After(AtomicBool);

impl Progress for After {
    fn step(&self, _done: u64, _total: u64, _what: &str) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_cancelled_or_failed_bake_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (from, lora) = (sharded(dir.path()), lora(dir.path()));
    let before = std::fs::read_dir(dir.path()).unwrap().count();
    let checkpoint = Checkpoint::open(&from).unwrap();
    let (index, source): (Adapter, _) = adapter(&lora);
    let members = [Member { adapter: &index, source: &source }];
    for out in ["out", "out.safetensors"] {
        let result = bake(&checkpoint, &plan(&[1.0]), &members, &dir.path().join(out), &After(AtomicBool::new(false)));
        assert!(matches!(result, Err(BakeError::Cancelled(_))), "{result:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before);
    }
    // f16 cannot hold the result: nothing stays either.
    let big = dir.path().join("big.safetensors");
    write(&big, &[("diffusion_model.double_blocks.0.img_attn.qkv.diff", Dtype::F32, &[24, 8], vec![1e6; 192])]);
    let plan = BakePlan { dtype: StoreAs::F16, ..plan(&[1.0]) };
    let result = baked(&from, &plan, &[&big], &dir.path().join("out.safetensors"));
    assert!(matches!(result, Err(BakeError::Range { .. })), "{result:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before + 1);
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (from, lora) = (single(dir.path(), Dtype::F32), lora(dir.path()));
    let refused = |plan: &BakePlan, out: &str| baked(&from, plan, &[&lora], &dir.path().join(out)).unwrap_err().to_string();
    assert!(refused(&plan(&[]), "o.safetensors").contains("at least one"));
    assert!(refused(&plan(&[3.0]), "o.safetensors").contains("between -2 and 2"));
    assert!(refused(&plan(&[0.0]), "o.safetensors").contains("every weight is 0"));
    assert!(refused(&plan(&[1.0]), "folder").contains("ends in .safetensors"));
    assert!(refused(&BakePlan { overwrite: true, ..plan(&[1.0]) }, "model.safetensors").contains("itself"));
    let te = BakePlan::new(vec![MergeInput { te_weight: Some(9.0), ..MergeInput::new("x", 1.0) }]);
    assert!(refused(&te, "o.safetensors").contains("between -2 and 2"));
}

#[test]
fn an_adapter_of_another_model_is_refused_unless_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (from, other) = (single(dir.path(), Dtype::F32), dir.path().join("other.safetensors"));
    let mut tensors = Vec::new();
    let names: Vec<String> =
        (0..4).flat_map(|i| ["A", "B"].map(|f| format!("diffusion_model.double_blocks.{i}.img_attn.qkv.lora_{f}.weight"))).collect();
    for name in &names {
        let shape: &[usize] = if name.contains("lora_A") { &[1, 8] } else { &[24, 1] };
        tensors.push((name.as_str(), Dtype::F32, shape, vec![0.1; shape.iter().product()]));
    }
    write(&other, &tensors);
    let out = dir.path().join("out.safetensors");
    let refused = baked(&from, &plan(&[1.0]), &[&other], &out).unwrap_err();
    assert!(matches!(&refused, BakeError::Misfit { .. }), "{refused}");
    let report = baked(&from, &BakePlan { misfits: true, ..plan(&[1.0]) }, &[&other], &out).unwrap();
    assert_eq!((report.adapters[0].applied, report.adapters[0].unplaced.len()), (1, 3));
}
