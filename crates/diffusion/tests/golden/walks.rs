//! Walks, step by step, against k-diffusion and diffusers: 2e-6 of the first level's size (latents are f32 here, f64 there).

use super::read::{apart, file, floats, list, numbers, wide};
use serde_json::Value;
use std::convert::Infallible;
use std::ops::ControlFlow;
use weft_diffusion::noise::{Noise, TorchNormal};
use weft_diffusion::sampler::{Denoiser, Plan, Settings, run};
use weft_diffusion::schedule::Path;
use weft_domain::generation::Sampler;

/// The script's model.
struct Model;

impl Denoiser for Model {
    type Error = Infallible;

    fn denoise(&mut self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<(), Infallible> {
        let s = sigma * sigma;
        for (out, x) in out.iter_mut().zip(wide(x)) {
            *out = (0.7 * x / (1.0 + s) + 0.3 * (x / (s + 0.5)).tanh() + 0.05 * (x + sigma).cos()) as f32;
        }
        Ok(())
    }
}

/// Noise that was written down.
struct Tape(std::vec::IntoIter<Vec<f32>>);

impl Noise for Tape {
    fn next(&mut self, out: &mut [f32]) {
        out.copy_from_slice(&self.0.next().unwrap());
    }
}

fn check(case: &Value) {
    let name = case["sampler"].as_str().unwrap();
    let sampler = Sampler::parse(name).unwrap().0;
    let sigmas = numbers(&case["sigmas"]);
    let mut settings = Settings::of(sampler);
    for (key, slot) in [("eta", &mut settings.eta), ("s_noise", &mut settings.s_noise), ("s_churn", &mut settings.s_churn)] {
        if let Some(value) = case["settings"][key].as_f64() {
            *slot = value;
        }
    }
    let path = if case["path"] == "flow" { Path::Flow } else { Path::Exploding };
    let plan = Plan { sampler, sigmas: &sigmas, path, settings };
    let mut x: Vec<f32> = (0..8).map(|i| ((-2.0 + f64::from(i) * 4.0 / 7.0) * sigmas[0] + 0.1) as f32).collect();
    let mut tape = Tape(list(&case["noise"]).iter().map(floats).collect::<Vec<_>>().into_iter());
    let seen: Vec<Vec<f64>> = list(&case["seen"]).iter().map(numbers).collect();
    let tolerance = 2e-6 * sigmas[0].max(1.0);
    let mut steps = 0;
    let what = format!("{name}, {path:?}, {} steps, {}", sigmas.len() - 1, case["settings"]);
    // k-diffusion shows Euler and Heun before they churn, so there the latents to compare are those of walks that do not.
    let compare = settings.s_churn == 0.0 && !seen.is_empty();
    run(&plan, &mut x, &mut Model, &mut tape, &mut |step| {
        let off = if compare { apart(&wide(step.x), &seen[step.index]) } else { 0.0 };
        assert!(off < tolerance, "{what}: off by {off:e} before step {}", step.index);
        steps += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(steps, sigmas.len() - 1, "{what}");
    let off = apart(&wide(&x), &numbers(&case["end"]));
    assert!(off < tolerance, "{what}: off by {off:e} at the end");
}

#[test]
fn every_walk_goes_where_the_reference_goes() {
    let golden = file("samplers.json");
    let walks = list(&golden["walks"]);
    assert!(walks.len() > 60);
    walks.iter().for_each(check);
}

/// diffusers' own scheduler tests: a start of 768 rising numbers, the model x·t/(t + 1) on the scaled latent, which takes the latent's place.
#[test]
fn totals_of_diffusers_scheduler_tests() {
    struct Dummy(f64);
    impl Denoiser for Dummy {
        type Error = Infallible;
        fn denoise(&mut self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<(), Infallible> {
            for (out, x) in out.iter_mut().zip(wide(x)) {
                *out = (x - sigma * x * self.0 / (self.0 + 1.0)) as f32;
            }
            Ok(())
        }
    }
    for (name, known) in [("euler", 10.0807), ("euler_a", 152.3192)] {
        let case = &file("samplers.json")["totals"][name];
        let (sigmas, timesteps) = (numbers(&case["sigmas"]), numbers(&case["timesteps"]));
        let sampler = Sampler::parse(name).unwrap().0;
        let count = 768_usize;
        // permute(3, 0, 1, 2) of a block of 3, 8, 8, 4
        let order = (0..4).flat_map(|b| (0..192).map(move |rest| rest * 4 + b));
        let mut x: Vec<f32> = order.map(|i| (i as f64 / count as f64 * sigmas[0]) as f32).collect();
        let mut noise = TorchNormal::new(0);
        for (step, t) in sigmas.windows(2).zip(timesteps) {
            x.iter_mut().for_each(|x| *x = (f64::from(*x) / step[0].hypot(1.0)) as f32);
            let plan = Plan { sampler, sigmas: step, path: Path::Exploding, settings: Settings::of(sampler) };
            run(&plan, &mut x, &mut Dummy(t), &mut noise, &mut |_| ControlFlow::Continue(())).unwrap();
        }
        let sum: f64 = x.iter().map(|x| f64::from(x.abs())).sum();
        assert!((sum - known).abs() < 1e-2, "{name}: {sum}");
        assert!((sum - case["sum"].as_f64().unwrap()).abs() < 1e-3, "{name}: {sum}");
    }
}
