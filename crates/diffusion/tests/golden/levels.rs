//! Levels to 1e-6 of their size: k-diffusion rounds time steps to f32 before it looks a level up.

use super::read::{apart, file, floats, list, numbers, wide};
use serde_json::Value;
use weft_diffusion::sampler::rescale;
use weft_diffusion::schedule::{Betas, Levels, flux_shift, sigmas};
use weft_domain::generation::Schedule;

fn close(got: &[f64], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: {got:?} for {want:?}");
    for (a, b) in got.iter().zip(want) {
        assert!((a - b).abs() <= 1e-6 * b.abs().max(1e-3), "{what}: {a} for {b}");
    }
}

fn rules(levels: &Levels, entry: &Value, name: &str) {
    let mut seen = 0;
    for steps in [1, 2, 4, 5, 13, 20, 30] {
        let Some(rules) = entry[steps.to_string()].as_object() else { continue };
        for (rule, want) in rules {
            let schedule = Schedule::parse(rule).unwrap();
            close(&sigmas(levels, schedule, steps), &numbers(want), &format!("{name} {rule} {steps}"));
            seen += 1;
        }
    }
    assert!(seen >= 20, "{name}: {seen}");
}

#[test]
fn levels_of_trained_steps() {
    let golden = file("schedules.json");
    for (name, zero) in [("sd", false), ("zero", true)] {
        let entry = &golden[name];
        let levels = Levels::trained(Betas::STABLE_DIFFUSION, zero);
        let table: Vec<f64> = levels.table().iter().copied().step_by(111).collect();
        close(&table, &numbers(&entry["table"]), name);
        for ((sigma, between), nearest) in
            numbers(&entry["sigmas"]).into_iter().zip(numbers(&entry["between"])).zip(numbers(&entry["nearest"]))
        {
            assert_eq!(levels.timestep(sigma), nearest, "{name} {sigma}");
            assert!((levels.timestep_between(sigma) - between).abs() < 1e-5, "{name} {sigma}: {}", levels.timestep_between(sigma));
        }
        rules(&levels, entry, name);
    }
}

#[test]
fn levels_of_flows() {
    let golden = file("schedules.json");
    for name in ["sd3", "flux", "schnell"] {
        let entry = &golden[name];
        let levels = Levels::flow(entry["shift"].as_f64().unwrap(), entry["entries"].as_u64().unwrap() as usize);
        let table: Vec<f64> = levels.table().iter().copied().step_by(levels.table().len() / 9).collect();
        close(&table, &numbers(&entry["table"]), name);
        rules(&levels, entry, name);
    }
}

#[test]
fn simple_is_diffusers_schedule_of_flux() {
    for case in list(&file("schedules.json")["diffusers_flow"]) {
        let levels = Levels::flow(flux_shift(case["tokens"].as_u64().unwrap() as usize), 10_000);
        let got = sigmas(&levels, Schedule::Simple, case["steps"].as_u64().unwrap() as usize);
        assert!(apart(&got, &numbers(&case["sigmas"])) < 1e-6, "{got:?}");
    }
}

#[test]
fn rescaled_guidance_is_that_of_diffusers() {
    let case = &file("schedules.json")["rescale"];
    let mut guided = floats(&case["guided"]);
    rescale(&mut guided, &floats(&case["with"]), case["share"].as_f64().unwrap());
    assert!(apart(&wide(&guided), &numbers(&case["want"])) < 1e-6);
}
