//! Extraction: what was baked comes out again.

use crate::files::{Random, adapter, baked, distance, golden, held, names, plan, write};
use proptest::prelude::*;
use std::path::Path;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::Dtype;
use weft_weights::merge::OutDtype;
use weft_weights::ops::Convention;
use weft_weights::ops::extract::{ExtractError, ExtractPlan, ExtractReport, extract, extract_to};
use weft_weights::progress::Silent;

const NAME: &str = "model.diffusion_model.input_blocks.1.1.proj_in";

fn extracted(tuned: &Path, base: &Path, plan: &ExtractPlan, out: &Path) -> Result<ExtractReport, ExtractError> {
    extract(&Checkpoint::open(tuned).unwrap(), &Checkpoint::open(base).unwrap(), plan, out, &Silent)
}

/// ‖(A − base) − (B − base)‖ / ‖B − base‖ over all tensors of three files.
fn apart(a: &Path, b: &Path, base: &Path) -> f64 {
    let (a, b, base) = (held(a), held(b), held(base));
    let (mut error, mut size) = (0.0, 0.0);
    for (name, w) in &base {
        let change = |x: &std::collections::BTreeMap<String, crate::files::Held>| {
            x[name].values.iter().zip(&w.values).map(|(x, w)| f64::from(*x) - f64::from(*w)).collect::<Vec<_>>()
        };
        let (d, n) = distance(change(&a).into_iter(), change(&b).into_iter());
        (error, size) = (error + d * d, size + n * n);
    }
    (error / size).sqrt()
}

#[test]
fn what_was_baked_comes_out_of_every_golden_model() {
    for model in ["flux", "wan", "sd3", "unet", "clip"] {
        let dir = tempfile::tempdir().unwrap();
        let base = golden(&format!("{model}.original.safetensors"));
        let [tuned, lora, again] = ["tuned", "lora", "again"].map(|n| dir.path().join(format!("{n}.safetensors")));
        let weight = names()["weight"].as_f64().unwrap();
        baked(&base, &plan(&[weight]), &[&golden(&format!("{model}.adapter.safetensors"))], &tuned).unwrap();
        // Four leaves of rank 3 make at most rank 12 of a fused weight.
        let report = extracted(&tuned, &base, &ExtractPlan::new(Some(12), None, OutDtype::F32), &lora).unwrap();
        assert!(report.energy_kept > 1.0 - 1e-9, "{model} {}", report.energy_kept);
        let back = baked(&base, &plan(&[1.0]), &[&lora], &again).unwrap();
        assert!(back.adapters[0].unplaced.is_empty(), "{model} {:?}", back.adapters[0].unplaced);
        let error = apart(&again, &tuned, &base);
        println!("{model}: {} modules, {} unchanged, {error:.1e}", report.modules.len(), report.unchanged);
        assert!(error < 1e-6, "{model} {error:e}");
    }
}

#[test]
fn an_extraction_bears_the_names_that_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
    let base = golden("flux.original.safetensors");
    baked(&base, &plan(&[1.0]), &[&golden("flux.adapter.safetensors")], &at("tuned")).unwrap();
    let (tuned, plain) = (Checkpoint::open(&at("tuned")).unwrap(), Checkpoint::open(&base).unwrap());
    for (to, prefix) in Convention::ALL.into_iter().zip(["lora_unet_", "transformer.", "base_model.model.", "diffusion_model."]) {
        let (lora, again) = (at(to.name()), at(&format!("{}-again", to.name())));
        let size = ExtractPlan::new(Some(12), None, OutDtype::F32);
        let (report, config) = extract_to(&tuned, &plain, &size, to, &lora, &Silent).unwrap();
        assert_eq!((config.is_some(), report.bytes), (to == Convention::Peft, std::fs::metadata(&lora).unwrap().len()), "{to:?}");
        let (file, _) = adapter(&lora);
        assert!(file.modules.iter().all(|m| m.name.starts_with(prefix)), "{to:?}: {}", file.modules[0].name);
        baked(&base, &plan(&[1.0]), &[&lora], &again).unwrap();
        assert!(apart(&again, &at("tuned"), &base) < 1e-6, "{to:?}");
    }
    let left: Vec<String> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|n| n.ends_with(".safetensors")), "nothing stays of the file between: {left:?}");
    // Stored differences have no names in diffusers: said, and nothing is written.
    let vectors = ExtractPlan { vectors: true, ..ExtractPlan::new(Some(4), None, OutDtype::F32) };
    let with_bias = extract_to(&tuned, &plain, &vectors, Convention::Diffusers, &at("vectors"), &Silent);
    assert!(with_bias.is_ok() || !at("vectors").exists());
}

/// A base of one weight, and the same with B·A added.
fn pair(dir: &Path, (m, n, r): (usize, usize, usize), dtype: Dtype, seed: u64) {
    let mut rng = Random(seed);
    let base = rng.many(m * n);
    let (b, a) = (rng.many(m * r), rng.many(r * n));
    let tuned: Vec<f32> = (0..m * n).map(|e| base[e] + (0..r).map(|k| b[e / n * r + k] * a[k * n + e % n]).sum::<f32>()).collect();
    let others = |w: Vec<f32>| {
        [
            (format!("{NAME}.weight"), dtype, vec![m, n], w),
            ("model.diffusion_model.input_blocks.0.0.weight".to_owned(), dtype, vec![4, 4, 3, 3], vec![0.5; 144]),
        ]
    };
    for (name, w) in [("base", base), ("tuned", tuned)] {
        let all = others(w);
        let all: Vec<(&str, Dtype, &[usize], Vec<f32>)> =
            all.iter().map(|(n, d, s, v)| (n.as_str(), *d, s.as_slice(), v.clone())).collect();
        write(&dir.join(format!("{name}.safetensors")), &all);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// At a rank of r or more the extraction brings W + B·A back within the rounding of the checkpoint's type and of the factors'; both ways of
    /// decomposing (exact up to 192, randomised above) are met.
    #[test]
    fn bake_then_extract_returns_the_adapter(m in 8usize..420, n in 8usize..420, r in 1usize..6, more in 0usize..3, seed in 1u64..1000) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
        pair(dir.path(), (m, n, r), Dtype::F32, seed);
        let report = extracted(&at("tuned"), &at("base"), &ExtractPlan::new(Some(r + more), None, OutDtype::F32), &at("lora")).unwrap();
        prop_assert_eq!((report.modules.len(), report.unchanged), (1, 1));
        prop_assert!(report.energy_kept > 1.0 - 1e-6, "{}", report.energy_kept);
        baked(&at("base"), &plan(&[1.0]), &[&at("lora")], &at("again")).unwrap();
        let error = apart(&at("again"), &at("tuned"), &at("base"));
        prop_assert!(error < 1e-6, "{:e}", error);
    }
}

#[test]
fn sixteen_bits_come_back_within_their_rounding() {
    // W is of size 0.58 and ΔW of 0.8 (r = 6, values of −1 to 1): the rounding of W + ΔW, 2.2e-4 (f16) or 1.8e-3 (bf16) of it, is noise on ΔW
    // of which the factors keep the part in their directions.
    for (dtype, limit) in [(Dtype::F16, 1e-3), (Dtype::BF16, 8e-3)] {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
        pair(dir.path(), (300, 260, 6), dtype, 4);
        let report = extracted(&at("tuned"), &at("base"), &ExtractPlan::new(Some(6), None, OutDtype::F16), &at("lora")).unwrap();
        assert!(report.energy_kept > 0.9999, "{}", report.energy_kept);
        baked(&at("base"), &plan(&[1.0]), &[&at("lora")], &at("again")).unwrap();
        let error = apart(&at("again"), &at("tuned"), &at("base"));
        println!("{dtype} {error:.1e}");
        assert!(error < limit, "{dtype} {error:e}");
    }
}

#[test]
fn the_kept_energy_is_that_of_the_singular_values() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
    // ΔW is diagonal with 8, 4, 2, 1: energies 64, 16, 4, 1 of 85.
    for size in [16usize, 256] {
        let mut tuned = vec![0f32; size * size];
        [8.0, 4.0, 2.0, 1.0].iter().enumerate().for_each(|(i, v)| tuned[i * size + i] = *v);
        for (name, values) in [("base", vec![0.0; size * size]), ("tuned", tuned)] {
            write(
                &at(name),
                &[
                    (&format!("{NAME}.weight"), Dtype::F32, &[size, size], values),
                    ("model.diffusion_model.input_blocks.0.0.weight", Dtype::F32, &[1, 1], vec![1.0]),
                ],
            );
        }
        let kept = |rank, energy| {
            let plan = ExtractPlan { overwrite: true, ..ExtractPlan::new(rank, energy, OutDtype::F32) };
            let module = extracted(&at("tuned"), &at("base"), &plan, &at("lora")).unwrap().modules[0].clone();
            (module.rank, (module.energy * 85.0 * 1e4).round() / 1e4, module.frobenius)
        };
        assert_eq!(kept(Some(2), None), (2, 80.0, 85f64.sqrt()));
        assert_eq!(kept(None, Some(0.9)).0, 2);
        assert_eq!(kept(None, Some(0.95)).0, 3);
        assert_eq!(kept(Some(1), Some(0.95)).0, 1);
        assert_eq!(kept(None, Some(1.0)).0, 4);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_biases_come_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
    pair(dir.path(), (256, 300, 3), Dtype::F32, 2);
    let size = ExtractPlan::new(Some(4), None, OutDtype::Bf16);
    for name in ["a", "b"] {
        extracted(&at("tuned"), &at("base"), &size, &at(name)).unwrap();
    }
    assert_eq!(std::fs::read(at("a")).unwrap(), std::fs::read(at("b")).unwrap());
    let bias = format!("{NAME}.bias");
    let file = |v: f32| [(bias.clone(), vec![v; 4]), (format!("{NAME}.weight"), vec![1.0; 16])];
    for (name, v) in [("base", 0.0), ("tuned", 2.0)] {
        let [b, w] = file(v);
        write(&at(name), &[(&b.0, Dtype::F32, &[4], b.1), (&w.0, Dtype::F32, &[4, 4], w.1)]);
    }
    assert!(matches!(extracted(&at("tuned"), &at("base"), &size, &at("c")), Err(ExtractError::Nothing(_))));
    assert!(!at("c").exists());
    let report = extracted(&at("tuned"), &at("base"), &ExtractPlan { vectors: true, ..size }, &at("c")).unwrap();
    assert_eq!((report.modules.len(), report.modules[0].rank), (1, 0));
    let (file, _) = adapter(&at("c"));
    assert!(file.header.tensors[0].name.ends_with(".diff_b"), "{}", file.header.tensors[0].name);
    baked(&at("base"), &plan(&[0.5]), &[&at("c")], &at("d")).unwrap();
    assert_eq!(held(&at("d"))[&bias].values, [1.0; 4]);
}

#[test]
fn a_rounded_copy_of_the_base_has_nothing_to_extract() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(format!("{name}.safetensors"));
    let values = Random(3).many(64);
    for (name, dtype) in [("base", Dtype::F32), ("tuned", Dtype::F16)] {
        write(&at(name), &[(&format!("{NAME}.weight"), dtype, &[8, 8], values.clone())]);
    }
    let plan = ExtractPlan::new(Some(2), None, OutDtype::F16);
    assert!(matches!(extracted(&at("tuned"), &at("base"), &plan, &at("x")), Err(ExtractError::Nothing(_))));
}
