//! Tiny models of diffusers and transformers, in their own names and in those of the original programs. The reference is W(fused) − W of
//! diffusers' `load_lora_adapter` and `fuse_lora` (text encoders, DoRA: PEFT's `merge_and_unload`), computed in float64.

use crate::files::{Held, adapter, baked, distance, golden, held, names, plan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::ops::bake::{BakePlan, StoreAs};
use weft_weights::ops::fits::{Level, fits};

/// ΔW at 32 bits: half a unit in the last place of W, which is about as large as ΔW here.
const EXACT: f64 = 7e-7;

const MODELS: [&str; 5] = ["flux", "wan", "sd3", "unet", "clip"];

/// The checkpoint of a model in one of its two forms. The text encoder of the library lies in a folder, which alone tells its number.
fn checkpoint(model: &str, original: bool, dir: &Path) -> PathBuf {
    if original {
        return golden(&format!("{model}.original.safetensors"));
    }
    let from = golden(&format!("{model}.library.safetensors"));
    if model != "clip" {
        return from;
    }
    let root = dir.join("pipeline");
    std::fs::create_dir_all(root.join("text_encoder_2")).unwrap();
    std::fs::copy(from, root.join("text_encoder_2/model.safetensors")).unwrap();
    root
}

fn file_of(checkpoint: &Path) -> PathBuf {
    if checkpoint.is_dir() { checkpoint.join("text_encoder_2/model.safetensors") } else { checkpoint.to_owned() }
}

/// What the library adds, by the names of the checkpoint at hand: name → values, zero where nothing is added.
fn expected(model: &str, delta: &str, original: bool, before: &BTreeMap<String, Held>) -> BTreeMap<String, Vec<f64>> {
    let delta = held(&golden(delta));
    let mut out: BTreeMap<String, Vec<f64>> = before.iter().map(|(k, h)| (k.clone(), vec![0.0; h.values.len()])).collect();
    let names = names();
    let model = &names["models"][model];
    for (key, change) in &delta {
        let change = change.values.iter().map(|v| f64::from(*v));
        if !original {
            out.get_mut(key).unwrap().iter_mut().zip(change).for_each(|(o, v)| *o = v);
            continue;
        }
        let place = &model["places"][key];
        let name = format!("{}{}", model["wrapper"].as_str().unwrap(), place[0].as_str().unwrap());
        let rows = before[&name].shape[0];
        let columns = before[&name].values.len() / rows;
        let (first, swapped) = (place[1].as_u64().unwrap() as usize, place[3].as_bool().unwrap());
        let target = out.get_mut(&name).unwrap();
        for (i, v) in change.enumerate() {
            let row = first + i / columns;
            let row = if swapped { (row + rows / 2) % rows } else { row };
            target[row * columns + i % columns] = v;
        }
    }
    out
}

fn bake_and_compare(model: &str, adapter: &str, delta: &str, original: bool, plan: &BakePlan) -> (f64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let from = checkpoint(model, original, dir.path());
    let out = dir.path().join(if from.is_dir() { "out" } else { "out.safetensors" });
    let report = baked(&from, plan, &[&golden(adapter)], &out).unwrap();
    assert!(report.adapters.iter().all(|a| a.unplaced.is_empty()), "{model}: {report:?}");
    let (before, after) = (held(&file_of(&from)), held(&file_of(&out)));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let expected = expected(model, delta, original, &before);
    let (mut error, mut size, mut weight) = (0.0, 0.0, 0.0);
    for (name, change) in &expected {
        let (old, new) = (&before[name], &after[name]);
        assert_eq!(old.shape, new.shape);
        if change.iter().all(|v| *v == 0.0) && old.dtype == new.dtype {
            assert_eq!(old.bytes, new.bytes, "{model} {name} must not change");
        }
        let got = old.values.iter().zip(&new.values).map(|(a, b)| f64::from(*b) - f64::from(*a));
        let (d, n) = distance(got, change.iter().copied());
        let w: f64 = old.values.iter().zip(change).map(|(w, c)| (f64::from(*w) + c).powi(2)).sum();
        (error, size, weight) = (error + d * d, size + n * n, weight + w);
    }
    ((error / size).sqrt(), (error / weight).sqrt())
}

fn at_golden_weight() -> BakePlan {
    plan(&[names()["weight"].as_f64().unwrap()])
}

#[test]
fn baking_equals_load_and_fuse_in_both_namings() {
    for model in MODELS {
        for original in [false, true] {
            let (of_change, _) = bake_and_compare(
                model,
                &format!("{model}.adapter.safetensors"),
                &format!("{model}.delta.safetensors"),
                original,
                &at_golden_weight(),
            );
            println!("{model} original={original}: {of_change:.1e}");
            assert!(of_change < EXACT, "{model} original={original}: {of_change:e}");
        }
    }
}

#[test]
fn sixteen_bits_are_within_their_rounding() {
    // Relative to W + ΔW: half a unit in the last place is 4.9e-4 (f16) and 3.9e-3 (bf16) at most, 2.2e-4 and 1.8e-3 in the mean square.
    for (store, limit) in [(StoreAs::F16, 2.2e-4), (StoreAs::BF16, 1.8e-3)] {
        for model in MODELS {
            let plan = BakePlan { dtype: store, ..at_golden_weight() };
            let names = (format!("{model}.adapter.safetensors"), format!("{model}.delta.safetensors"));
            let (_, of_weight) = bake_and_compare(model, &names.0, &names.1, true, &plan);
            assert!(of_weight < limit, "{model} {store:?}: {of_weight:e}");
        }
    }
}

#[test]
fn dora_is_exact_on_its_checkpoint_split_or_fused() {
    for original in [false, true] {
        let (of_change, _) = bake_and_compare("flux", "dora.adapter.safetensors", "dora.delta.safetensors", original, &plan(&[1.0]));
        println!("dora original={original}: {of_change:.1e}");
        assert!(of_change < 2e-6, "original={original}: {of_change:e}");
    }
}

#[test]
fn every_golden_model_is_told_and_its_adapter_fits() {
    let dir = tempfile::tempdir().unwrap();
    for (model, family) in [("flux", Family::Flux1), ("wan", Family::Wan), ("sd3", Family::Sd3), ("unet", Family::Sd1)] {
        for original in [false, true] {
            let checkpoint = Checkpoint::open(&checkpoint(model, original, dir.path())).unwrap();
            assert_eq!(checkpoint.model().family, family, "{model} original={original}");
            let fit = fits(&adapter(&golden(&format!("{model}.adapter.safetensors"))).0, &checkpoint, None);
            assert_eq!(fit.level, Level::Exact, "{model} original={original}: {}", fit.reason);
        }
    }
    let flux = Checkpoint::open(&golden("flux.original.safetensors")).unwrap();
    assert_eq!(flux.model().variant.as_deref(), Some("dev"));
    let dora = fits(&adapter(&golden("dora.adapter.safetensors")).0, &flux, None);
    assert_eq!(dora.level, Level::NeedsBase, "{}", dora.reason);
}

#[test]
fn an_adapter_of_another_model_is_called_wrong() {
    for model in MODELS {
        for other in MODELS {
            if model == other {
                continue;
            }
            let checkpoint = Checkpoint::open(&golden(&format!("{other}.original.safetensors"))).unwrap();
            let fit = fits(&adapter(&golden(&format!("{model}.adapter.safetensors"))).0, &checkpoint, None);
            assert_eq!(fit.level, Level::Wrong, "{model} on {other}: {}", fit.reason);
        }
    }
}

#[test]
fn both_forms_of_a_model_hold_the_same_weights() {
    for model in ["flux", "sd3", "wan", "unet"] {
        let open = |form: &str| Checkpoint::open(&golden(&format!("{model}.{form}.safetensors"))).unwrap();
        let (library, original) = (open("library"), open("original"));
        let mut compared = 0;
        for (component, path, _) in original.places().all() {
            let Some(b) = library.weight_at(component, path, None).unwrap() else { continue };
            let a = original.weight_at(component, path, None).unwrap().unwrap();
            assert_eq!(a, b, "{model} {path}");
            compared += 1;
        }
        let all = original.tensors().len();
        println!("{model}: {compared} of {all}");
        assert!(compared * 100 >= all * 95, "{model}: {compared} of {all}");
        assert!(original.tensors().iter().enumerate().all(|(t, _)| original.info(t).dtype == Dtype::F32));
    }
}
