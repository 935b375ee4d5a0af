//! Samplers without a model: data that are normal have an exact denoiser and an exact end.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ops::ControlFlow;
use weft_diffusion::noise::{BatchNoise, NoNoise, Noise, Recipe, Variation};
use weft_diffusion::sampler::{Denoiser, Error, Plan, Settings, guide, run};
use weft_diffusion::schedule::{Levels, Path, Prediction, plan, sigmas};
use weft_domain::generation::{NoiseSource, Sampler, Schedule};

/// The best guess where the data are normal with variance 1: x0 = αx/(α² + σ²).
struct Normal(Path);

impl Denoiser for Normal {
    type Error = String;

    fn denoise(&mut self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<(), String> {
        let alpha = self.0.alpha(sigma);
        for (out, x) in out.iter_mut().zip(x) {
            *out = (f64::from(*x) * alpha / (alpha * alpha + sigma * sigma)) as f32;
        }
        Ok(())
    }
}

fn walk(sampler: Sampler, path: Path, sigmas: &[f64], x: &mut [f32], noise: &mut dyn Noise, settings: Settings) {
    let plan = Plan { sampler, sigmas, path, settings };
    run(&plan, x, &mut Normal(path), noise, &mut |_| ControlFlow::Continue(())).unwrap();
}

/// One number from x = σ of the first level, without noise.
fn end(sampler: Sampler, path: Path, sigmas: &[f64]) -> f64 {
    let mut x = [sigmas[0] as f32];
    walk(sampler, path, sigmas, &mut x, &mut NoNoise, Settings { eta: 0.0, ..Settings::of(sampler) });
    f64::from(x[0])
}

#[test]
fn the_table_of_eight_karras_steps() {
    let levels = sigmas(&Levels::stable_diffusion(), Schedule::Karras, 8);
    let known = [14.614643, 7.902939, 4.027739, 1.910358, 0.828869, 0.321120, 0.107199, 0.029167, 0.0];
    assert!(levels.iter().zip(known).all(|(a, b)| (a - b).abs() < 5e-6), "{levels:?}");
    for (sampler, want) in [
        (Sampler::Euler, 0.803002),
        (Sampler::EulerA, 0.803002),
        (Sampler::Ddim, 0.803002),
        (Sampler::Heun, 1.093797),
        (Sampler::Dpm2, 1.052097),
        (Sampler::Dpm2A, 1.052097),
        (Sampler::Dpmpp2m, 1.074725),
        (Sampler::Dpmpp2mSde, 1.074725),
        (Sampler::Lms, 0.910471),
        (Sampler::Ipndm, 1.026164),
    ] {
        let got = end(sampler, Path::Exploding, &known);
        assert!((got - want).abs() < 1e-5, "{sampler:?}: {got} for {want}");
    }
}

#[test]
fn schedules_of_five_steps() {
    let levels = Levels::stable_diffusion();
    for (schedule, want) in [
        (Schedule::Karras, [14.614641, 4.796535, 1.274100, 0.247950, 0.029167, 0.0]),
        (Schedule::Exponential, [14.614641, 3.088977, 0.652892, 0.137996, 0.029167, 0.0]),
        (Schedule::Normal, [14.614641, 4.086081, 1.615580, 0.695150, 0.029167, 0.0]),
        (Schedule::SgmUniform, [14.614641, 5.092408, 2.279730, 1.162865, 0.571189, 0.0]),
        (Schedule::Simple, [14.614641, 5.087763, 2.276463, 1.160578, 0.569285, 0.0]),
    ] {
        let got = sigmas(&levels, schedule, 5);
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 2e-6), "{schedule:?}: {got:?}");
    }
}

/// Error at the end of an even walk in log σ, from 10 (or 0.98) to 0.2.
fn error(sampler: Sampler, path: Path, n: usize) -> f64 {
    let from: f64 = if path == Path::Flow { 0.98 } else { 10.0 };
    let sigmas: Vec<f64> = (0..=n).map(|i| from * (0.2 / from).powf(i as f64 / n as f64)).collect();
    let size = |sigma: f64| path.alpha(sigma).hypot(sigma);
    (end(sampler, path, &sigmas) - from * size(0.2) / size(from)).abs()
}

/// Twice the steps: half the error at first order, a quarter at second.
#[test]
fn the_error_falls_at_the_order_of_the_method() {
    for path in [Path::Exploding, Path::Flow] {
        for sampler in Sampler::ALL {
            let (order, most) = match sampler {
                Sampler::Euler | Sampler::EulerA | Sampler::Ddim => (1.0, 0.01),
                // LCM walks nowhere: it makes each picture anew. iPNDM's weights are for even steps in σ.
                Sampler::Lcm | Sampler::Ipndm => continue,
                // The first and last steps of the third-order methods are of lower order, which is seen in the end.
                _ => (2.0, 5e-4),
            };
            let (coarse, fine) = (error(sampler, path, 48), error(sampler, path, 96));
            let measured = (coarse / fine).log2();
            // Under 2e-5 the rounding of f32 latents is seen.
            assert!(fine < 2e-5 || measured > order - 0.25, "{sampler:?} {path:?}: {coarse:e}, {fine:e}: order {measured:.2}");
            assert!(fine < most, "{sampler:?} {path:?}: {fine:e}");
        }
    }
}

/// Zeros, but for one draw.
struct Impulse {
    at: usize,
    drawn: usize,
}

impl Noise for Impulse {
    fn next(&mut self, out: &mut [f32]) {
        out.fill(if self.drawn == self.at { 1.0 } else { 0.0 });
        self.drawn += 1;
    }
}

fn levels_of(path: Path, steps: usize) -> Vec<f64> {
    match path {
        Path::Flow => sigmas(&Levels::flow(3.0, 1000), Schedule::Simple, steps),
        Path::Exploding => sigmas(&Levels::stable_diffusion(), Schedule::Karras, steps),
    }
}

/// The model is linear, so the variance at the end is the sum of the squared answers to each draw, the start among them: no chance in it.
fn variance(sampler: Sampler, path: Path, steps: usize, settings: Settings) -> f64 {
    let sigmas = levels_of(path, steps);
    let mut sum = 0.0;
    for at in 0.. {
        let start = if at == 0 { path.alpha(sigmas[0]).hypot(sigmas[0]) } else { 0.0 };
        let mut noise = Impulse { at: at.max(1), drawn: if at == 0 { 2 } else { 1 } };
        let mut x = [start as f32];
        walk(sampler, path, &sigmas, &mut x, &mut noise, settings);
        sum += f64::from(x[0]).powi(2);
        if at > 0 && noise.drawn <= at {
            return sum;
        }
    }
    sum
}

/// Samplers that add noise must end with the data's variance when steps are many, on either path, for any eta.
#[test]
fn added_noise_keeps_the_variance() {
    for path in [Path::Exploding, Path::Flow] {
        // DPM++ SDE uses noise of one interval twice: its draws are not independent.
        for sampler in Sampler::ALL.into_iter().filter(|s| s.has_eta() && *s != Sampler::DpmppSde) {
            for eta in [0.3, 1.0] {
                let got = [60, 120].map(|steps| variance(sampler, path, steps, Settings { eta, ..Settings::of(sampler) }) - 1.0);
                assert!(got[1].abs() < 0.08, "{sampler:?} {path:?} eta {eta}: {got:?}");
                assert!(got[1].abs() < 0.7 * got[0].abs() || got[1].abs() < 0.01, "{sampler:?} {path:?} eta {eta}: {got:?}");
            }
        }
    }
}

#[test]
fn churn_keeps_the_variance_on_both_paths() {
    for path in [Path::Exploding, Path::Flow] {
        for sampler in Sampler::ALL.into_iter().filter(|s| s.has_churn()) {
            let got = [60, 120].map(|steps| variance(sampler, path, steps, Settings { s_churn: 10.0, ..Settings::of(sampler) }) - 1.0);
            assert!(got[1].abs() < 0.12 && got[1].abs() < 0.7 * got[0].abs().max(0.01), "{sampler:?} {path:?}: {got:?}");
        }
    }
}

#[test]
fn one_path_of_noise_keeps_the_variance() {
    for path in [Path::Exploding, Path::Flow] {
        let sigmas = levels_of(path, 100);
        let (mut x, mut noise) = Recipe::new(NoiseSource::Cpu, 5).start(1, 64, 64);
        let before = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len() as f64;
        assert!((before - 1.0).abs() < 0.09);
        let start = std::mem::replace(&mut x, vec![0.0; 4096]);
        path.add_noise(sigmas[0], true, &mut x, &start);
        walk(Sampler::DpmppSde, path, &sigmas, &mut x, &mut noise, Settings::of(Sampler::DpmppSde));
        let after = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len() as f64;
        // Four standard errors of 4096 numbers.
        assert!((after - 1.0).abs() < 0.09, "{path:?}: {after}");
    }
}

#[test]
fn the_same_request_gives_the_same_bits() {
    let levels = plan(&Levels::stable_diffusion(), Schedule::Karras, Sampler::DpmppSde, 7, 1.0);
    for source in NoiseSource::ALL {
        let picture = |seed| {
            let recipe = Recipe { variation: Some(Variation { seed: 9, strength: 0.2 }), ..Recipe::new(source, seed) };
            let (mut x, mut noise) = recipe.start(4, 8, 8);
            x.iter_mut().for_each(|x| *x *= levels[0] as f32);
            walk(Sampler::DpmppSde, Path::Exploding, &levels, &mut x, &mut noise, Settings::of(Sampler::DpmppSde));
            x
        };
        assert_eq!(picture(3).map_bits(), picture(3).map_bits());
        assert_ne!(picture(3), picture(4));
    }
}

trait Bits {
    fn map_bits(self) -> Vec<u32>;
}

impl Bits for Vec<f32> {
    fn map_bits(self) -> Vec<u32> {
        self.into_iter().map(f32::to_bits).collect()
    }
}

#[test]
fn a_picture_does_not_change_with_its_neighbours() {
    let levels = plan(&Levels::stable_diffusion(), Schedule::Karras, Sampler::Dpmpp2mSde, 6, 1.0);
    for sampler in [Sampler::EulerA, Sampler::Dpmpp2mSde, Sampler::DpmppSde] {
        let alone = |seed| {
            let (mut x, mut noise) = Recipe::new(NoiseSource::Cpu, seed).start(4, 8, 8);
            walk(sampler, Path::Exploding, &levels, &mut x, &mut noise, Settings::of(sampler));
            x
        };
        let (mut x, noises): (Vec<_>, Vec<_>) =
            [1, 2, 3].map(|seed| Recipe::new(NoiseSource::Cpu, seed).start(4, 8, 8)).into_iter().unzip();
        let mut all = x.concat();
        walk(sampler, Path::Exploding, &levels, &mut all, &mut BatchNoise(noises), Settings::of(sampler));
        x = [1, 2, 3].map(alone).to_vec();
        assert_eq!(all, x.concat(), "{sampler:?}");
    }
}

#[test]
fn image_to_image_runs_the_steps_asked_for() {
    let levels = Levels::stable_diffusion();
    for sampler in Sampler::ALL {
        for denoise in [0.05, 0.3, 0.75, 0.99995, 1.0] {
            let got = plan(&levels, Schedule::Karras, sampler, 20, denoise);
            assert_eq!(got.len(), 21, "{sampler:?} {denoise}");
            assert_eq!(got[20], 0.0);
        }
        assert!(plan(&levels, Schedule::Karras, sampler, 20, 0.0).is_empty());
        assert!(plan(&levels, Schedule::Karras, sampler, 20, f64::NAN).is_empty());
        assert!(plan(&levels, Schedule::Karras, sampler, 0, 1.0).is_empty());
    }
    let part = plan(&levels, Schedule::Karras, Sampler::Euler, 10, 0.5);
    assert_eq!(part, sigmas(&levels, Schedule::Karras, 20)[10..]);
    let skipped = plan(&levels, Schedule::Karras, Sampler::Dpm2, 10, 1.0);
    assert_eq!(skipped[9], sigmas(&levels, Schedule::Karras, 11)[9]);
}

#[test]
fn every_sampler_takes_every_schedule_and_any_number_of_steps() {
    for levels in
        [Levels::stable_diffusion(), Levels::trained(weft_diffusion::schedule::Betas::STABLE_DIFFUSION, true), Levels::flow(3.0, 1000)]
    {
        for sampler in Sampler::ALL {
            for schedule in Schedule::ALL {
                for steps in [1, 2, 3, 7, 150, 1500] {
                    let sigmas = plan(&levels, schedule, sampler, steps, 1.0);
                    let (mut x, mut noise) = Recipe::new(NoiseSource::Gpu, 1).start(1, 2, 2);
                    x.iter_mut().for_each(|x| *x *= sigmas[0] as f32);
                    walk(sampler, levels.path(), &sigmas, &mut x, &mut noise, Settings::of(sampler));
                    assert!(x.iter().all(|x| x.is_finite()), "{sampler:?} {schedule:?} {steps}: {x:?}");
                }
            }
        }
    }
}

#[test]
fn a_walk_can_be_stopped_at_any_step() {
    let levels = sigmas(&Levels::stable_diffusion(), Schedule::Normal, 5);
    for sampler in Sampler::ALL {
        let plan = Plan { sampler, sigmas: &levels, path: Path::Exploding, settings: Settings::of(sampler) };
        let mut seen = Vec::new();
        let outcome = run(&plan, &mut [1.0; 4], &mut Normal(Path::Exploding), &mut NoNoise, &mut |step| {
            seen.push((step.index, step.of, step.sigma));
            if step.index == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(outcome, Err(Error::Cancelled { step: 2 }), "{sampler:?}");
        assert_eq!(seen, [(0, 5, levels[0]), (1, 5, levels[1]), (2, 5, levels[2])], "{sampler:?}");
    }
}

/// Fails in a way of choice at the third call.
struct Broken(usize, f32);

impl Denoiser for Broken {
    type Error = String;

    fn denoise(&mut self, _: &[f32], _: f64, out: &mut [f32]) -> Result<(), String> {
        self.0 += 1;
        out.fill(if self.0 > 2 { self.1 } else { 0.5 });
        if self.0 > 2 && self.1 == 0.0 { Err("out of memory".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn a_broken_model_is_told_and_ends_the_walk() {
    let levels = sigmas(&Levels::stable_diffusion(), Schedule::Normal, 9);
    for sampler in Sampler::ALL {
        let plan = Plan { sampler, sigmas: &levels, path: Path::Exploding, settings: Settings::of(sampler) };
        for bad in [f32::NAN, f32::INFINITY] {
            let outcome = run(&plan, &mut [1.0; 4], &mut Broken(0, bad), &mut NoNoise, &mut |_| ControlFlow::Continue(()));
            assert!(matches!(outcome, Err(Error::NotFinite { step: 1..=2, .. })), "{sampler:?}: {outcome:?}");
        }
        let outcome = run(&plan, &mut [1.0; 4], &mut Broken(0, 0.0), &mut NoNoise, &mut |_| ControlFlow::Continue(()));
        assert_eq!(outcome, Err(Error::Model("out of memory".to_owned())));
    }
}

#[test]
fn levels_that_do_not_fall_are_refused() {
    let bad: [&[f64]; 6] = [&[1.0, 1.0], &[1.0, 2.0], &[f64::NAN, 0.0], &[f64::INFINITY, 1.0], &[1.0, 0.0, 0.0], &[1.0, -0.1]];
    for sigmas in bad {
        let plan = Plan { sampler: Sampler::Euler, sigmas, path: Path::Exploding, settings: Settings::of(Sampler::Euler) };
        let outcome = run(&plan, &mut [1.0], &mut Normal(Path::Exploding), &mut NoNoise, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(outcome, Err(Error::Levels { .. })), "{sigmas:?}");
    }
    let plan = Plan { sampler: Sampler::Euler, sigmas: &[2.0, 0.0], path: Path::Flow, settings: Settings::of(Sampler::Euler) };
    assert!(run(&plan, &mut [1.0], &mut Normal(Path::Flow), &mut NoNoise, &mut |_| ControlFlow::Continue(())).is_err());
}

#[test]
fn every_kind_of_prediction_says_the_same_clean_latent() {
    let (clean, noise, sigma) = (0.3_f32, -1.2_f32, 2.5_f64);
    let exploding = f64::from(clean) + sigma * f64::from(noise);
    let alpha = 1.0 / sigma.hypot(1.0);
    for (prediction, output) in
        [(Prediction::Epsilon, f64::from(noise)), (Prediction::V, alpha * f64::from(noise) - sigma * alpha * f64::from(clean))]
    {
        let mut out = [output as f32];
        prediction.clean(sigma, &[exploding as f32], &mut out);
        assert!((out[0] - clean).abs() < 1e-6, "{prediction:?}: {out:?}");
        assert!((prediction.input_scale(sigma) - alpha).abs() < 1e-15);
    }
    let mut out = [noise - clean];
    Prediction::Flow.clean(0.4, &[0.6 * clean + 0.4 * noise], &mut out);
    assert!((out[0] - clean).abs() < 1e-6);
}

#[test]
fn guidance_is_a_line_through_both_answers() {
    let mut with = [1.0, -2.0];
    guide(&mut with, &[0.5, 1.0], 7.0);
    assert_eq!(with, [4.0, -20.0]);
    let mut with = [1.0, -2.0];
    guide(&mut with, &[0.5, 1.0], 1.0);
    assert_eq!(with, [1.0, -2.0]);
}
