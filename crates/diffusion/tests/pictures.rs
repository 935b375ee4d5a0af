//! Whole runs against diffusers' pipelines: text, noise, guidance, sampler, latents, picture.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Golden, distance, golden, load, single};
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use weft_diffusion::model::{
    AdapterFile, AdapterUse, ClipTokens, Compute, Conditioning, LatentColours, Model, ModelError, ModelPaths, PictureRequest, PromptTokens,
    Schedule, Start, Tiling, Words,
};
use weft_diffusion::noise::Recipe;
use weft_diffusion::sampler::Settings;
use weft_domain::generation::{NoiseSource, Sampler};
use weft_weights::merge::MergeInput;
use weft_weights::progress::Silent;

/// Ids of a prompt, as the golden `text` cases have them. SDXL's second encoder is padded with 0 as its configuration says.
fn tokens(model: &Model, data: &Golden, prompt: &str, skip: usize) -> PromptTokens {
    let known =
        |data: &Golden| data.cases("text").into_iter().find(|c| c["prompt"] == prompt && !c["name"].as_str().unwrap().contains('+'));
    // All families share one tokenizer; SD 1 has the most prompts.
    let case = known(data).or_else(|| known(&Golden::open("sd1"))).unwrap();
    let flux = model.t5().is_some();
    let clip = |second: bool| {
        let mut ids = Golden::ids(&case, "ids");
        let end = ids.iter().position(|id| *id == 573).unwrap();
        if second {
            ids[end + 1..].fill(0);
        }
        ClipTokens { empty: ids.clone(), chunks: vec![Words { ids, weights: Vec::new() }], learned: Vec::new() }
    };
    let clip = (0..model.clip().len()).map(|n| clip(n > 0)).collect();
    PromptTokens { clip, t5: if flux { Golden::ids(&case, "ids_2") } else { Vec::new() }, skip }
}

fn condition(model: &Model, data: &Golden, prompt: &str, skip: usize) -> Conditioning {
    model.condition(&tokens(model, data, prompt, skip), &|_, _, _| {}).unwrap()
}

fn number(case: &Value, key: &str, otherwise: f64) -> f64 {
    case[key].as_f64().unwrap_or(otherwise)
}

/// The scheduler's levels, each once; DDIM's tables have time steps only.
fn sigmas(model: &Model, case: &Value) -> Vec<f64> {
    let mut out: Vec<f64> = match case["sigmas"].as_array() {
        Some(list) => list.iter().map(|v| v.as_f64().unwrap()).collect(),
        None => {
            let levels = model.levels((64, 64));
            let mut steps: Vec<f64> = case["timesteps"].as_array().unwrap().iter().map(|t| levels.sigma(t.as_f64().unwrap())).collect();
            steps.push(if case["settings"]["set_alpha_to_one"] == true { 0.0 } else { levels.sigma(0.0) });
            steps
        }
    };
    out.dedup();
    out
}

/// A request for the latents of a case, start noise of `seed`.
fn request<'a>(
    model: &Model,
    data: &Golden,
    case: &Value,
    seed: u64,
    prompts: &'a (Conditioning, Conditioning),
    sampler: Sampler,
) -> PictureRequest<'a> {
    let shape = data.of(case, "latents").1;
    let factor = model.vae().factor;
    let mut recipe = Recipe::new(NoiseSource::Cpu, seed);
    recipe.step_seed_delta = case["step_noise_seed"].as_u64().map_or(0, |s| s - seed);
    let cfg = number(case, "guidance", 1.0);
    let flux = model.t5().is_some();
    let pair = |key: &str| case.get(key).and_then(Value::as_array).map(|l| [l[0].as_f64().unwrap() as f32, l[1].as_f64().unwrap() as f32]);
    let sizes = pair("original_size").zip(pair("crops_coords_top_left")).zip(pair("target_size"));
    PictureRequest {
        positive: &prompts.0,
        negative: if flux { None } else { Some(&prompts.1) },
        size: (shape[2] * factor, shape[3] * factor),
        noise: vec![recipe; shape[0]],
        start: Start::Noise,
        sampler,
        sigmas: sigmas(model, case),
        settings: Settings::of(sampler),
        cfg: if flux { 1.0 } else { cfg },
        rescale: number(case, "guidance_rescale", 0.0),
        guidance: cfg,
        sizes: sizes.map(|((o, c), t)| [o[0], o[1], c[0], c[1], t[0], t[1]]),
        whole_start: {
            // Schedulers of the mixture of variance 1 say 1, or √(1 + σ²).
            let size = number(case, "init_noise_sigma", 1.0);
            (size - 1.0).abs() < 1e-9 || size > sigmas(model, case)[0] * 1.000_1
        },
        whole_steps: false,
        tiling: None,
    }
}

fn paint(model: &mut Model, request: &PictureRequest<'_>) -> Vec<f32> {
    model.paint(request, &mut |_| ControlFlow::Continue(()), &Silent).unwrap()
}

fn prompts(model: &Model, data: &Golden, case: &Value) -> (Conditioning, Conditioning) {
    let skip = case["skip"].as_u64().unwrap_or(0) as usize + 1;
    let positive = case["prompt"].as_str().unwrap();
    let negative = case["negative"].as_str().unwrap_or(positive);
    (condition(model, data, positive, skip), condition(model, data, negative, skip))
}

#[test]
fn sd1_pictures_agree_with_diffusers() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    for (name, sampler, whole_steps) in [
        ("euler", Sampler::Euler, false),
        ("euler_karras", Sampler::Euler, false),
        ("euler_exponential", Sampler::Euler, false),
        ("euler_trailing", Sampler::Euler, false),
        ("euler_leading", Sampler::Euler, false),
        ("euler_clip_skip_1", Sampler::Euler, false),
        ("euler_rescaled", Sampler::Euler, false),
        ("euler_no_guidance", Sampler::Euler, false),
        ("euler_a", Sampler::EulerA, false),
        ("heun", Sampler::Heun, false),
        ("dpmpp_2m", Sampler::Dpmpp2m, true),
        ("dpmpp_2m_karras", Sampler::Dpmpp2m, true),
        ("ddim_trailing", Sampler::Euler, false),
    ] {
        let case = data.case("picture", name);
        let prompts = prompts(&model, &data, &case);
        let mut request = request(&model, &data, &case, 21, &prompts, sampler);
        request.whole_steps = whole_steps;
        let mut got = paint(&mut model, &request);
        if case["sigmas"].is_null() {
            // DDIM ends above level 0, in the mixture of variance 1.
            let scale = 1.0 / request.sigmas.last().unwrap().hypot(1.0);
            got.iter_mut().for_each(|v| *v *= scale as f32);
        }
        let off = distance(&got, &data.of(&case, "latents").0);
        assert!(off < 1e-3, "{name}: {off}");
    }
}

#[test]
fn sizes_that_halve_with_a_remainder_agree() {
    for family in ["sd1", "sd2"] {
        let data = Golden::open(family);
        for compute in [Compute::processor(), Compute::candle(candle_core::Device::Cpu, candle_core::DType::F32)] {
            let mut model = load(&single(family), compute);
            let case = data.case("picture", "euler_odd");
            let prompts = prompts(&model, &data, &case);
            let request = request(&model, &data, &case, 23, &prompts, Sampler::Euler);
            assert_eq!(request.size, (88, 56));
            let off = distance(&paint(&mut model, &request), &data.of(&case, "latents").0);
            assert!(off < 1e-3, "{family}: {off}");
        }
    }
}

#[test]
fn two_pictures_at_once_are_the_two_alone() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("picture", "euler");
    let prompts = prompts(&model, &data, &case);
    let mut request = request(&model, &data, &case, 21, &prompts, Sampler::EulerA);
    let alone = paint(&mut model, &request);
    request.noise.insert(0, Recipe::new(NoiseSource::Cpu, 5));
    let both = paint(&mut model, &request);
    assert_eq!(both[alone.len()..], alone[..], "to the bit");
    let again = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(|| paint(&mut model, &request));
    assert_eq!(again, both, "whatever the number of threads");
}

#[test]
fn a_picture_is_decoded_to_bytes_whole_and_by_tiles() {
    let data = Golden::open("sd1");
    let model = load(&single("sd1"), Compute::processor());
    let case = data.case("decoded", "euler");
    let prompts = prompts(&model, &data, &data.case("picture", "euler"));
    let mut request = request(&model, &data, &data.case("picture", "euler"), 21, &prompts, Sampler::Euler);
    let (latents, _) = data.of(&case, "latents");
    let (want, _) = data.of(&case, "picture");
    let whole = model.pictures(&latents, &request, &Silent).unwrap().remove(0);
    let plane = whole.height * whole.width;
    let byte = |v: f32| ((v / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round() as i32;
    let worst = (0..3 * plane).map(|i| (i32::from(whole.rgb[i % plane * 3 + i / plane]) - byte(want[i])).abs()).max();
    assert!(worst <= Some(1), "{worst:?}");
    request.tiling = Some(Tiling { tile: 8, overlap: 2 });
    let tiled = model.pictures(&latents, &request, &Silent).unwrap().remove(0);
    assert_eq!((tiled.height, tiled.width), (whole.height, whole.width));
    let colours = LatentColours::measure(&model).unwrap();
    assert_eq!(colours.picture(&latents, 8, 16).rgb.len(), 8 * 16 * 3);
}

#[test]
fn picture_to_picture_and_inpainting_agree() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("image_to_image", "euler");
    let prompts = prompts(&model, &data, &case);
    let mut request = request(&model, &data, &case, 43, &prompts, Sampler::Euler);
    let (start, _) = data.of(&case, "start");
    request.start = Start::Latents(&start);
    let run = (number(&case, "strength", 1.0) * number(&case, "steps", 0.0)) as usize;
    request.sigmas = request.sigmas.split_off(request.sigmas.len() - run - 1);
    request.whole_start = false;
    let got = paint(&mut model, &request);
    assert!(distance(&got, &data.of(&case, "latents").0) < 1e-3);

    let case = data.case("inpaint", "ddim");
    let mut request = self::request(&model, &data, &case, 45, &prompts, Sampler::Euler);
    let ((image, _), (mask, _)) = (data.of(&case, "picture"), data.of(&case, "mask"));
    let (mean, deviation) = (data.of(&case, "mean").0, data.of(&case, "logvar").0);
    let (draw, _) = Recipe::new(NoiseSource::Cpu, case["encode_noise_seed"].as_u64().unwrap()).start(4, 8, 8);
    let latents: Vec<f32> = (0..mean.len()).map(|i| (mean[i] + (0.5 * deviation[i]).exp() * draw[i]) * model.vae().scale as f32).collect();
    request.start = Start::Inpaint { image: &image, latents: Some(&latents), mask: &mask, blank: true };
    // diffusers lets the model see noise instead of the noisy picture around the mask at the first step; ComfyUI and this engine do not.
    let got = paint(&mut model, &request);
    let scale = 1.0 / request.sigmas.last().unwrap().hypot(1.0) as f32;
    let want = data.of(&case, "latents").0;
    let painted = |i: &usize| (2..5).contains(&(i / 8 % 8)) && (3..8).contains(&(i % 8));
    let pick = |values: &[f32], scale: f32| (0..values.len()).filter(painted).map(|i| values[i] * scale).collect::<Vec<_>>();
    let off = distance(&pick(&got, scale), &pick(&want, 1.0));
    assert!(off < 6e-2, "{off}");
}

#[test]
fn a_mask_over_everything_is_text_to_image_and_an_empty_one_changes_nothing() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("picture", "euler");
    let prompts = prompts(&model, &data, &case);
    let mut request = request(&model, &data, &case, 21, &prompts, Sampler::EulerA);
    let plain = paint(&mut model, &request);
    let (h, w) = request.size;
    let image: Vec<f32> = (0..3 * h * w).map(|i| (i as f32 * 0.01).sin()).collect();
    let (all, none) = (vec![1.0; h * w], vec![0.0; h * w]);
    request.start = Start::Inpaint { image: &image, latents: None, mask: &all, blank: true };
    assert_eq!(paint(&mut model, &request), plain);
    request.start = Start::Inpaint { image: &image, latents: None, mask: &none, blank: false };
    let kept = model.vae().encode(&image, (1, h, w), None, None, &Silent).unwrap();
    assert!(distance(&paint(&mut model, &request), &kept) < 1e-5);
}

#[test]
fn sdxl_pictures_agree() {
    let data = Golden::open("sdxl");
    let mut model = load(&single("sdxl"), Compute::processor());
    for name in ["euler", "euler_trailing"] {
        let case = data.case("picture", name);
        let prompts = prompts(&model, &data, &case);
        let request = request(&model, &data, &case, 321, &prompts, Sampler::Euler);
        let off = distance(&paint(&mut model, &request), &data.of(&case, "latents").0);
        assert!(off < 1e-3, "{name}: {off}");
    }
}

fn flux(variant: &str) -> ModelPaths {
    ModelPaths {
        main: golden(&format!("flux/{variant}.safetensors")),
        vae: Some(golden("flux/ae.safetensors")),
        encoders: vec![golden("flux/clip_l.safetensors"), golden("flux/t5.safetensors")],
        configs: Some(golden("flux/diffusers")),
    }
}

#[test]
fn flux_pictures_agree_with_and_without_an_adapter() {
    let data = Golden::open("flux");
    for name in ["dev", "schnell", "dev+blocks"] {
        let case = data.case("picture", name);
        let mut model = load(&flux(name.split('+').next().unwrap()), Compute::processor());
        if name.contains('+') {
            let weights = data.case("adapters", "blocks")["weights"].clone();
            let file = AdapterFile::open(&golden("flux/adapters/blocks.safetensors"), None).unwrap();
            let input = MergeInput::new("blocks", weights["blocks"].as_f64().unwrap());
            model.set_adapters(&[AdapterUse { file, input, schedule: Schedule::Always }], &Silent).unwrap();
        }
        let prompts = prompts(&model, &data, &case);
        let request = request(&model, &data, &case, 421, &prompts, Sampler::Euler);
        let off = distance(&paint(&mut model, &request), &data.of(&case, "latents").0);
        assert!(off < 1e-3, "{name}: {off}");
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_and_cancelling_stops() {
    let data = Golden::open("sd1");
    let mut model = load(&single("sd1"), Compute::processor());
    let case = data.case("picture", "euler");
    let prompts = prompts(&model, &data, &case);
    let good = request(&model, &data, &case, 21, &prompts, Sampler::Euler);
    for size in [(1, 1), (0, 64), (100_000, 100_000), (64, 65)] {
        let error = model.paint(&PictureRequest { size, ..good.clone() }, &mut |_| ControlFlow::Continue(()), &Silent).unwrap_err();
        assert!(matches!(error, ModelError::Request(_)) && error.to_string().contains("multiples of 8"), "{error}");
    }
    let cancel = AtomicBool::new(false);
    let mut steps = 0;
    let error = model.paint(
        &good,
        &mut |_| {
            steps += 1;
            cancel.store(steps == 2, Ordering::Relaxed);
            ControlFlow::Continue(())
        },
        &cancel,
    );
    assert!(matches!(error, Err(ModelError::Cancelled(_))) && steps <= 3, "{error:?} {steps}");
    let error = model.paint(&good, &mut |_| ControlFlow::Break(()), &Silent);
    assert!(matches!(error, Err(ModelError::Cancelled(_))));
}
