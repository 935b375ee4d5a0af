//! The demonstration model that is part of the project, against what diffusers makes of the same files (`models/demo/export.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "this test needs a part of it")]
mod common;

use common::{distance, load};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::PathBuf;
use weft_diffusion::model::{
    AdapterFile, AdapterUse, ClipTokens, Compute, Conditioning, Model, ModelPaths, PictureRequest, PromptTokens, Schedule, Start, Words,
};
use weft_diffusion::noise::Recipe;
use weft_diffusion::sampler::Settings;
use weft_diffusion::tokenizer::{Clip, Slot};
use weft_domain::generation::{NoiseSource, Sampler};
use weft_weights::header::Header;
use weft_weights::merge::MergeInput;
use weft_weights::progress::Silent;
use weft_weights::source::{FileSource, TensorSource};

/// Of the latents after all steps, relative to the largest: f32 sums in another order, through 20 steps.
const LATENTS: f32 = 1e-3;

fn release(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/release").join(path)
}

fn tensor(header: &Header, source: &FileSource, name: &str) -> Vec<f32> {
    let (_, info) = header.find(name).unwrap();
    let (mut bytes, mut out) = (vec![0; info.byte_len() as usize], vec![0.0; info.elements()]);
    source.read_at(info.range.start, &mut bytes).unwrap();
    weft_weights::dtype::decode_f32(info.dtype, &bytes, &mut out).unwrap();
    out
}

/// The tokenizer that the checkpoint's header holds.
fn tokenizer() -> Clip {
    let header = Header::read(&FileSource::open(&release("weft-demo.safetensors")).unwrap()).unwrap();
    let held: Value = serde_json::from_str(&header.metadata["weft.tokenizer"]).unwrap();
    let merges: Vec<&str> = held["merges"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    Clip::from_merges(merges.join("\n").as_bytes()).unwrap()
}

/// Start, words, end, and the end again up to 77.
fn padded(clip: &Clip, prompt: &str) -> Vec<u32> {
    let tokens = clip.encode(prompt).into_iter().map(|token| if let Slot::Id(id) = token.slot { id } else { panic!("a learned word") });
    let mut ids: Vec<u32> = std::iter::once(clip.frame().start).chain(tokens).chain([clip.frame().end]).collect();
    ids.resize(77, clip.frame().end);
    ids
}

fn condition(model: &Model, ids: &[u32]) -> Conditioning {
    let chunk = Words { ids: ids.to_vec(), weights: Vec::new() };
    let clip = vec![ClipTokens { empty: ids.to_vec(), chunks: vec![chunk], learned: Vec::new() }];
    model.condition(&PromptTokens { clip, t5: Vec::new(), skip: 1 }, &|_, _, _| {}).unwrap()
}

#[test]
fn the_demonstration_model_and_its_adapters_paint_as_in_diffusers() {
    let source = FileSource::open(&release("expected.safetensors")).unwrap();
    let header = Header::read(&source).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(release("expected.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), 3, "plain, one adapter, two adapters");
    let clip = tokenizer();
    let mut model = load(&ModelPaths { main: release("weft-demo.safetensors"), ..ModelPaths::default() }, Compute::processor());
    for case in cases {
        let (name, prompt) = (case["name"].as_str().unwrap(), case["prompt"].as_str().unwrap());
        let ids = padded(&clip, prompt);
        let want: Vec<u32> = case["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        assert_eq!(ids, want, "{prompt}");
        let adapters = case["adapters"].as_object().unwrap().iter().map(|(adapter, weight)| {
            let file = AdapterFile::open(&release(&format!("adapters/{adapter}.safetensors")), None).unwrap();
            AdapterUse { input: MergeInput::new(adapter.as_str(), weight.as_f64().unwrap()), file, schedule: Schedule::Always }
        });
        model.set_adapters(&adapters.collect::<Vec<_>>(), &Silent).unwrap();

        let steps = case["steps"].as_f64().unwrap();
        let levels = model.levels((128, 128));
        let times = (0..steps as usize).map(|k| (1000.0 - k as f64 * 1000.0 / steps).round() - 1.0);
        let sigmas: Vec<f64> = times.map(|t| levels.sigma(t)).chain([0.0]).collect();
        let (positive, negative) = (condition(&model, &ids), condition(&model, &padded(&clip, "")));
        let request = PictureRequest {
            positive: &positive,
            negative: Some(&negative),
            size: (128, 128),
            noise: vec![Recipe::new(NoiseSource::Cpu, case["seed"].as_u64().unwrap())],
            start: Start::Noise,
            sampler: Sampler::Ddim,
            sigmas,
            settings: Settings::of(Sampler::Ddim),
            cfg: case["guidance"].as_f64().unwrap(),
            rescale: 0.0,
            guidance: 0.0,
            sizes: None,
            whole_start: true,
            whole_steps: false,
            tiling: None,
        };
        let got = model.paint(&request, &mut |_| ControlFlow::Continue(()), &Silent).unwrap();
        let off = distance(&got, &tensor(&header, &source, &format!("{name}.latents")));
        assert!(off < LATENTS, "{name}: {off}");

        let picture = model.pictures(&got, &request, &Silent).unwrap().remove(0);
        let want = tensor(&header, &source, &format!("{name}.picture"));
        let plane = 128 * 128;
        let byte = |v: f32| ((v / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round() as i32;
        let far = (0..3 * plane).filter(|i| (i32::from(picture.rgb[i % plane * 3 + i / plane]) - byte(want[*i])).abs() > 2).count();
        assert!(far * 1000 < 3 * plane, "{name}: {far} of {} values are more than 2 of 255 away", 3 * plane);
    }
}
