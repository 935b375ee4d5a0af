//! Adapters on a loaded model against `load_lora_weights`, against baked checkpoints, and taken off again.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{Golden, distance, golden, load, single};
use std::path::Path;
use std::sync::Arc;
use weft_diffusion::model::{AdapterFile, AdapterUse, Compute, Condition, Denoiser, Model, ModelPaths, Schedule};
use weft_weights::checkpoint::Checkpoint;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::Origin;
use weft_weights::ops::bake::{BakePlan, OutForm, StoreAs, bake};
use weft_weights::progress::Silent;

fn put(path: &Path, weight: f64) -> AdapterUse {
    let file = AdapterFile::open(path, None).unwrap();
    AdapterUse { input: MergeInput::new(file.label.clone(), weight), file, schedule: Schedule::Always }
}

fn tensor(data: &Golden, case: &serde_json::Value, key: &str) -> Tensor {
    let (v, s) = data.of(case, key);
    Tensor::from_vec(v, s, &Device::Cpu).unwrap()
}

fn unet(model: &Model, data: &Golden, case: &serde_json::Value) -> Vec<f32> {
    let Denoiser::Unet(unet) = model.denoiser() else { panic!("no UNet") };
    let (x, s) = data.of(case, "sample");
    let added = case.get("pooled").map(|_| {
        let sizes: [f32; 6] = data.of(case, "time_ids").0.try_into().unwrap();
        unet.added(&data.of(case, "pooled").0, &[sizes]).unwrap()
    });
    let condition = Condition { context: tensor(data, case, "context"), added };
    let x = model.enter(&x, (s[0], s[1], s[2], s[3])).unwrap();
    model.leave(&unet.forward(&x, case["timestep"].as_f64().unwrap(), &condition).unwrap()).unwrap()
}

/// The adapters of a golden case.
fn uses(data: &Golden, family: &str, tag: &str) -> Vec<AdapterUse> {
    let case = data.case("adapters", tag);
    let weights = case["weights"].as_object().unwrap();
    weights.iter().map(|(name, w)| put(&golden(&format!("{family}/adapters/{name}.safetensors")), w.as_f64().unwrap())).collect()
}

fn check(model: &mut Model, data: &Golden, family: &str, tag: &str) {
    let reports = model.set_adapters(&uses(data, family, tag), &Silent).unwrap();
    assert!(reports.iter().all(|r| r.skipped.is_empty() && r.beside > 0), "{reports:?}");
    let end = format!("+{tag}");
    for case in data.cases("unet").iter().filter(|c| c["name"].as_str().unwrap().ends_with(&end)) {
        let off = distance(&unet(model, data, case), &data.of(case, "out").0);
        assert!(off < 1e-4, "{}: {off}", case["name"]);
    }
}

#[test]
fn sd1_adapters_agree_with_diffusers_and_leave_no_trace() {
    let data = Golden::open("sd1");
    for compute in [Compute::processor(), Compute::candle(Device::Cpu, DType::F32)] {
        let mut model = load(&single("sd1"), compute);
        let plain = data.case("unet", "t999.0");
        let before = unet(&model, &data, &plain);
        for tag in ["attention", "both"] {
            check(&mut model, &data, "sd1", tag);
            let case = data.case("text", &format!("prompt+{tag}"));
            let got = model.encode_clip(0, &[&Golden::ids(&case, "ids")], &[], 1).unwrap();
            assert!(distance(&got.hidden, &data.of(&case, "last").0) < 1e-4, "{tag}");
            assert!(distance(&got.pooled, &data.of(&case, "pooled").0) < 1e-4, "{tag}");
        }
        model.set_adapters(&[], &Silent).unwrap();
        assert_eq!(unet(&model, &data, &plain), before, "taken off, to the bit");
    }
}

#[test]
fn sdxl_adapters_agree_with_diffusers() {
    let data = Golden::open("sdxl");
    let mut model = load(&single("sdxl"), Compute::processor());
    check(&mut model, &data, "sdxl", "attention");
    let case = data.case("text", "prompt+attention");
    let two = model.encode_clip(1, &[&Golden::ids(&case, "ids_2")], &[], 1).unwrap();
    assert!(distance(&two.pooled, &data.of(&case, "pooled").0) < 1e-4);
}

#[test]
fn strengths_change_without_reading_again_and_schedules_follow_the_steps() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("unet", "t999.0");
    let before = unet(&model, &data, &case);
    let mut list = uses(&data, "sd1", "both");
    model.set_adapters(&list, &Silent).unwrap();
    let full = unet(&model, &data, &case);
    list.iter_mut().for_each(|u| u.input.weight = 0.0);
    model.set_adapters(&list, &Silent).unwrap();
    assert_eq!(unet(&model, &data, &case), before, "weight 0 is no adapter");
    list = uses(&data, "sd1", "both").into_iter().zip(list).map(|(new, old)| AdapterUse { file: old.file, ..new }).collect();
    list.iter_mut().for_each(|u| u.schedule = Schedule::Range { start: 0.5, stop: 1.0 });
    model.set_adapters(&list, &Silent).unwrap();
    assert_eq!(unet(&model, &data, &case), before, "not yet");
    model.adapters_at(0.5).unwrap();
    assert_eq!(unet(&model, &data, &case), full, "now");
    model.adapters_at(1.0).unwrap();
    assert_eq!(unet(&model, &data, &case), before, "no more");
}

/// A safetensors file of f32 tensors.
fn write(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let (mut header, mut body) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = body.len();
        body.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        header.insert(name.clone(), serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, body.len()]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(body);
    std::fs::write(path, file).unwrap();
}

/// One file with every kind on a layer of its own.
fn every_kind(path: &Path) {
    let mut at = 0;
    let mut list = Vec::new();
    let mut add = |module: &str, leaf: &str, shape: &[usize], size: f32, around: f32| {
        at += 1;
        let n: usize = shape.iter().product();
        let values = (0..n).map(|i| around + size * ((i * 37 + at * 101) as f32).sin()).collect();
        list.push((format!("lora_unet_{module}.{leaf}"), shape.to_vec(), values));
    };
    let block = |i: usize| format!("down_blocks_{i}_attentions_0_transformer_blocks_0");
    let (low, high) = (block(1), block(2));
    // LoKr on 8×8; LoHa (rank 4, beside its weight), DoRA and a stored difference on 16×16; a convolution of high rank; bias and norm differences.
    for (leaf, shape) in [("hada_w1_a", [16, 2]), ("hada_w1_b", [2, 16]), ("hada_w2_a", [16, 2]), ("hada_w2_b", [2, 16])] {
        add(&format!("{high}_attn1_to_v"), leaf, &shape, 0.5, 0.0);
    }
    add(&format!("{low}_attn1_to_k"), "lokr_w1", &[2, 2], 0.7, 0.0);
    add(&format!("{low}_attn1_to_k"), "lokr_w2", &[4, 4], 0.3, 0.0);
    add(&format!("{high}_attn1_to_q"), "lora_down.weight", &[3, 16], 0.4, 0.0);
    add(&format!("{high}_attn1_to_q"), "lora_up.weight", &[16, 3], 0.4, 0.0);
    add(&format!("{high}_attn1_to_q"), "dora_scale", &[1, 16], 0.2, 1.0);
    add(&format!("{high}_attn1_to_out_0"), "diff", &[16, 16], 0.1, 0.0);
    add("down_blocks_2_resnets_0_conv1", "lora_down.weight", &[16, 8, 3, 3], 0.1, 0.0);
    add("down_blocks_2_resnets_0_conv1", "lora_up.weight", &[16, 16, 1, 1], 0.1, 0.0);
    add("down_blocks_2_resnets_0_conv2", "diff_b", &[16], 0.3, 0.0);
    add("down_blocks_2_resnets_0_norm2", "w_norm", &[16], 0.3, 0.0);
    add("down_blocks_2_resnets_0_norm2", "b_norm", &[16], 0.3, 0.0);
    write(path, &list);
}

#[test]
fn every_kind_gives_what_a_baked_checkpoint_gives() {
    let data = Golden::open("sd1");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kinds.safetensors");
    every_kind(&file);
    let list = [put(&file, 0.8), put(&golden("sd1/adapters/convolutions.safetensors"), -0.5)];
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("unet", "t500.5");
    let before = unet(&model, &data, &case);
    let reports = model.set_adapters(&list, &Silent).unwrap();
    assert!(reports[0].skipped.is_empty() && reports[0].beside == 1 && reports[0].folded == 7 && reports[1].beside > 50, "{reports:?}");
    let got = unet(&model, &data, &case);

    let checkpoint = Checkpoint::open(&golden("sd1/model.safetensors")).unwrap();
    let members: Vec<Member<'_>> = list.iter().map(|u| Member { adapter: &u.file.adapter, source: u.file.source.as_ref() }).collect();
    let plan = BakePlan {
        inputs: list.iter().map(|u| u.input.clone()).collect(),
        dtype: StoreAs::F32,
        form: OutForm::ByName,
        stochastic: None,
        inverse: false,
        misfits: true,
        checkpoint: Origin::default(),
        title: None,
        overwrite: false,
    };
    let out = dir.path().join("baked.safetensors");
    bake(&checkpoint, &plan, &members, &out, &Silent).unwrap();
    let baked = load(&ModelPaths { main: out, ..single("sd1") }, Compute::processor());
    let want = unet(&baked, &data, &case);
    assert!(distance(&got, &want) < 1e-4, "{}", distance(&got, &want));
    assert!(distance(&got, &before) > 0.05, "the adapters do something");

    model.set_adapters(&[], &Silent).unwrap();
    assert_eq!(unet(&model, &data, &case), before, "taken off, to the bit");
    // A model whose files are gone works on.
    let used = Arc::clone(&list[0].file);
    std::fs::remove_file(&file).unwrap();
    model.set_adapters(&[AdapterUse { file: used, ..list[0].clone() }], &Silent).unwrap();
    assert!(distance(&unet(&model, &data, &case), &before) > 0.01);
}

#[test]
fn an_adapter_for_another_model_is_refused_and_changes_nothing() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("unet", "t1.0");
    let before = unet(&model, &data, &case);
    let error = model.set_adapters(&[put(&golden("flux/adapters/blocks.safetensors"), 1.0)], &Silent).unwrap_err();
    assert!(error.to_string().contains("does not fit this model"), "{error}");
    assert_eq!(unet(&model, &data, &case), before);
}
