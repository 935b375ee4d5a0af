//! Every network against diffusers and transformers, on tiny random models with the real topologies and names.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use candle_core::{DType, Device};
use common::{Golden, distance, golden, load, single};
use weft_diffusion::model::{Compute, Condition, Denoiser, Model, ModelPaths, Take, Unet};
use weft_weights::progress::Silent;

fn ways() -> [Compute; 2] {
    [Compute::processor(), Compute::candle(Device::Cpu, DType::F32)]
}

fn unet(model: &Model) -> &Unet {
    match model.denoiser() {
        Denoiser::Unet(unet) => unet,
        other => panic!("{other:?}"),
    }
}

fn four(shape: &[usize]) -> (usize, usize, usize, usize) {
    (shape[0], shape[1], shape[2], shape[3])
}

/// The UNet's answer to a case.
fn answer(model: &Model, data: &Golden, case: &serde_json::Value) -> Vec<f32> {
    let unet = unet(model);
    let ((x, shape), (context, cs)) = (data.of(case, "sample"), data.of(case, "context"));
    let compute = unet.compute();
    let tensor = |v: &[f32], s: &[usize]| candle_core::Tensor::from_slice(v, s, &Device::Cpu).unwrap().to_device(&compute.device).unwrap();
    let added = case.get("pooled").map(|_| {
        let sizes: [f32; 6] = data.of(case, "time_ids").0.try_into().unwrap();
        unet.added(&data.of(case, "pooled").0, &[sizes]).unwrap()
    });
    let condition = Condition { context: tensor(&context, &cs), added };
    let x = model.enter(&x, four(&shape)).unwrap();
    model.leave(&unet.forward(&x, case["timestep"].as_f64().unwrap(), &condition).unwrap()).unwrap()
}

fn plain(name: &str) -> bool {
    !name.contains('+')
}

#[test]
fn text_encoder_of_sd1_agrees_at_every_layer() {
    let data = Golden::open("sd1");
    for compute in ways() {
        let model = load(&single("sd1"), compute);
        for case in data.cases("text").iter().filter(|c| plain(c["name"].as_str().unwrap())) {
            let ids = Golden::ids(case, "ids");
            let got = model.encode_clip(0, &[&ids], &[], 1).unwrap();
            assert!(distance(&got.hidden, &data.of(case, "last").0) < 1e-5);
            assert!(distance(&got.pooled, &data.of(case, "pooled").0) < 1e-5);
            let hidden = case["hidden"].as_array().unwrap();
            for (i, name) in hidden.iter().enumerate().skip(1) {
                let take = Take { layer: hidden.len() - i, norm: false };
                let got = model.clip()[0].encode(&[&ids, &ids], &[], take).unwrap().hidden;
                let (want, _) = data.tensor(name.as_str().unwrap());
                assert!(distance(&got[got.len() / 2..], &want) < 1e-5, "layer {i}");
            }
        }
    }
}

#[test]
fn unets_agree_in_both_ways_and_from_both_kinds_of_files() {
    for family in ["sd1", "sd2", "sdxl"] {
        let data = Golden::open(family);
        let mut models: Vec<Model> = ways().into_iter().map(|w| load(&single(family), w)).collect();
        if family == "sd1" {
            models.push(load(&ModelPaths { main: golden("sd1/diffusers"), ..ModelPaths::default() }, Compute::processor()));
        }
        for model in &models {
            for case in data.cases("unet").iter().filter(|c| plain(c["name"].as_str().unwrap())) {
                let off = distance(&answer(model, &data, case), &data.of(case, "out").0);
                assert!(off < 1e-4, "{family} {}: {off}", case["name"]);
            }
        }
    }
}

#[test]
fn sdxl_reads_both_encoders_and_pools_the_second() {
    let data = Golden::open("sdxl");
    let model = load(&single("sdxl"), Compute::processor());
    let case = data.case("text", "prompt");
    let one = model.encode_clip(0, &[&Golden::ids(&case, "ids")], &[], 1).unwrap();
    let two = model.encode_clip(1, &[&Golden::ids(&case, "ids_2")], &[], 1).unwrap();
    let rows = one.hidden.chunks_exact(one.width).zip(two.hidden.chunks_exact(two.width));
    let both: Vec<f32> = rows.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
    assert!(distance(&both, &data.of(&case, "embeds").0) < 1e-5);
    assert!(distance(&two.pooled, &data.of(&case, "pooled").0) < 1e-5);
}

#[test]
fn image_decoder_and_encoder_agree() {
    for (family, paths) in [("sd1", single("sd1")), ("flux", flux("dev"))] {
        let data = Golden::open(family);
        for compute in ways() {
            let model = load(&paths, compute);
            let vae = model.vae();
            let case = data.case("vae", "decode");
            let ((latents, shape), (want, _)) = (data.of(&case, "latents"), data.of(&case, "picture"));
            // The golden latents are the decoder's own; ours are the denoiser's.
            let scaled: Vec<f32> = latents.iter().map(|v| ((f64::from(*v) - vae.shift) * vae.scale) as f32).collect();
            let got = vae.decode(&scaled, (shape[0], shape[2], shape[3]), None, &Silent).unwrap();
            assert!(distance(&got, &want) < 1e-4, "{family}");
            let case = data.case("vae", "encode");
            let ((picture, shape), (mean, _)) = (data.of(&case, "picture"), data.of(&case, "mean"));
            let got = vae.encode(&picture, (shape[0], shape[2], shape[3]), None, None, &Silent).unwrap();
            let want: Vec<f32> = mean.iter().map(|v| ((f64::from(*v) - vae.shift) * vae.scale) as f32).collect();
            assert!(distance(&got, &want) < 1e-4, "{family}");
        }
    }
}

/// Flux's parts in files of their own.
fn flux(variant: &str) -> ModelPaths {
    ModelPaths {
        main: golden(&format!("flux/{variant}.safetensors")),
        vae: Some(golden("flux/ae.safetensors")),
        encoders: vec![golden("flux/clip_l.safetensors"), golden("flux/t5.safetensors")],
        configs: Some(golden("flux/diffusers")),
    }
}

#[test]
fn flux_agrees_with_and_without_guidance() {
    let data = Golden::open("flux");
    for compute in ways() {
        for variant in ["dev", "schnell"] {
            let model = load(&flux(variant), compute.clone());
            let Denoiser::Flux(net) = model.denoiser() else { panic!("no Flux") };
            assert_eq!(net.is_guided(), variant == "dev");
            let cases = data.cases("transformer");
            for case in cases.iter().filter(|c| c["model"] == variant && plain(c["name"].as_str().unwrap())) {
                let tensor = |key: &str| {
                    let (v, s) = data.of(case, key);
                    candle_core::Tensor::from_vec(v, s, &Device::Cpu).unwrap()
                };
                let (at, _) = data.of(case, "img_ids");
                let size = (at[at.len() - 2] as usize + 1, at[at.len() - 1] as usize + 1);
                let guidance = case["guidance"].as_f64().unwrap_or(0.0);
                let condition = weft_diffusion::model::FluxCondition { text: tensor("text"), pooled: tensor("pooled"), guidance };
                let got = net.forward(&tensor("tokens"), size, case["timestep"].as_f64().unwrap(), &condition).unwrap();
                let off = distance(&got.flatten_all().unwrap().to_vec1().unwrap(), &data.of(case, "out").0);
                assert!(off < 1e-4, "{}: {off}", case["name"]);
            }
        }
    }
}

#[test]
fn t5_agrees() {
    let data = Golden::open("flux");
    let model = load(&flux("dev"), Compute::processor());
    let case = data.case("text", "prompt");
    let got = model.t5().unwrap().encode(&Golden::ids(&case, "ids_2")).unwrap();
    assert!(distance(&got, &data.of(&case, "t5").0) < 1e-4);
    let pooled = model.encode_clip(0, &[&Golden::ids(&case, "ids")], &[], 1).unwrap().pooled;
    assert!(distance(&pooled, &data.of(&case, "pooled").0) < 1e-4);
}
