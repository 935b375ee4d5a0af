//! The command line as a user types it.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn weft(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weft")).current_dir(dir).args(args).env("WEFT_DATA_DIR", dir.join("data")).output().expect("weft runs")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().expect("array").iter().map(|v| v.as_str().expect("path").to_owned()).collect()
}

#[test]
fn samples_inspect_merge_inspect() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let written = names(&json(&weft(dir.path(), &["samples", "loras", "--count", "4", "--family", "flux1", "--size", "tiny", "--json"])));
    assert_eq!(written.len(), 4);
    let mut args = vec!["inspect", "--json"];
    args.extend(written.iter().map(String::as_str));
    let seen = json(&weft(dir.path(), &args));
    let loras: Vec<&Value> = seen.as_array().expect("array").iter().filter(|o| o["kind"] == "lora").collect();
    for key in [
        "file",
        "kind",
        "family",
        "family_confidence",
        "layout",
        "rank",
        "alpha",
        "dtypes",
        "modules",
        "has_block_weights",
        "fallback",
        "frobenius",
        "te_frobenius",
        "blocks",
        "trigger_words",
        "tags",
        "hashes",
        "warnings",
    ] {
        assert!(loras[0].get(key).is_some(), "{key} is missing");
    }
    let strands: Vec<String> = loras.iter().take(2).map(|o| format!("{}:0.5", o["file"].as_str().expect("file"))).collect();
    let args = ["merge", &strands[0], &strands[1], "-o", "woven.safetensors", "--method", "concat", "--dtype", "f32", "--json"];
    let report = json(&weft(dir.path(), &args));
    assert_eq!(report["report"]["energy_kept"], 1.0);
    let woven = json(&weft(dir.path(), &["inspect", "woven.safetensors", "--json"]));
    assert_eq!(woven[0]["family"], "flux1");

    let again = weft(dir.path(), &args);
    assert!(!again.status.success(), "an existing file is not written over");
    assert!(String::from_utf8_lossy(&again.stderr).contains("woven.safetensors"));
}

fn strength(dir: &Path, file: &str) -> f64 {
    json(&weft(dir, &["inspect", file, "--json"]))[0]["frobenius"].as_f64().expect("a strength")
}

#[test]
fn one_adapter_resized_edited_converted_checked_compared() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let written = names(&json(&weft(dir, &["samples", "loras", "--count", "4", "--family", "flux1", "--size", "tiny", "--json"])));
    let seen = json(&weft(dir, &[&["inspect", "--json"], written.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat()));
    let loras = seen.as_array().expect("array").iter().filter(|o| o["kind"] == "lora");
    let loras: Vec<&str> = loras.map(|o| o["file"].as_str().expect("file")).collect();
    let whole = strength(dir, loras[0]);

    let report = json(&weft(dir, &["resize", loras[0], "-o", "thin.safetensors", "--rank", "1", "--json"]));
    assert_eq!(report["report"]["rank_max"], 1);
    json(&weft(dir, &["edit", loras[0], "-o", "half.safetensors", "--scale", "0.5", "--json"]));
    assert!((strength(dir, "half.safetensors") / whole - 0.5).abs() < 2e-3);
    for to in ["kohya", "comfyui", "diffusers"] {
        let out = format!("{to}.safetensors");
        json(&weft(dir, &["convert", loras[0], "--to", to, "-o", &out, "--json"]));
        assert!((strength(dir, &out) / whole - 1.0).abs() < 2e-3, "{to}");
    }
    json(&weft(dir, &["convert", loras[0], "--to", "peft", "-o", "peft", "--json"]));
    assert!(dir.join("peft/adapter_config.json").is_file() && dir.join("peft/adapter_model.safetensors").is_file());

    let reports = json(&weft(dir, &["verify", loras[0], "half.safetensors", "--json"]));
    assert!(reports.as_array().expect("array").iter().all(|r| r["sound"] == true), "{reports:#}");
    let wrong = weft(dir, &["verify", loras[0], "--sha256", "00000000", "--json"]);
    assert_eq!(wrong.status.code(), Some(1));

    let found = json(&weft(dir, &["compare", loras[0], "half.safetensors", "--json"]));
    assert!(found["pairs"][0]["denoiser"]["cosine"].as_f64().is_some_and(|c| c > 0.9999), "{:#}", found["pairs"][0]["denoiser"]);
    let measures = json(&weft(dir, &["measure", loras[0], "--json"]));
    assert!((measures["denoiser"]["frobenius"].as_f64().expect("norm") / whole - 1.0).abs() < 1e-4);

    let woven = ["merge", loras[0], loras[1], "-o", "ties.safetensors", "--method", "ties", "--density", "0.5", "--rank", "8", "--json"];
    assert_eq!(json(&weft(dir, &woven))["report"]["rank_max"], 8);
    let refused = weft(dir, &["merge", loras[0], loras[1], "-o", "no.safetensors", "--method", "ties", "--density", "7"]);
    assert!(!refused.status.success() && !dir.join("no.safetensors").exists());
}

#[test]
fn into_a_checkpoint_and_out_again() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/weights/golden/checkpoints");
    let file = |name: &str| golden.join(name).display().to_string();
    let (checkpoint, adapter) = (file("flux.original.safetensors"), file("flux.adapter.safetensors"));
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let fit = json(&weft(dir, &["fits", &adapter, &checkpoint, "--json"]));
    assert_eq!(fit["denoiser"]["missing"], 0, "{fit:#}");
    let other = weft(dir, &["fits", &adapter, &file("unet.original.safetensors"), "--json"]);
    assert_eq!(other.status.code(), Some(1), "made for another model");

    json(&weft(dir, &["bake", &checkpoint, &adapter, "-o", "baked.safetensors", "--dtype", "f32", "--json"]));
    let report = json(&weft(dir, &["extract", "baked.safetensors", &checkpoint, "-o", "out.safetensors", "--rank", "64", "--json"]));
    assert!(report["report"]["energy_kept"].as_f64().is_some_and(|e| e > 0.999_999), "{:#}", report["report"]);
    // The tiny model is no known family's size, so the files are held against each other by what they hold.
    let norm = |file: &str| {
        let found = json(&weft(dir, &["measure", file, "--json"]));
        found["denoiser"]["frobenius"].as_f64().expect("norm")
    };
    let (put_in, came_out) = (norm(&adapter), norm("out.safetensors"));
    assert!((came_out / put_in - 1.0).abs() < 1e-3, "{put_in} went in, {came_out} came out");
    json(&weft(dir, &["unbake", "baked.safetensors", &adapter, "-o", "back.safetensors", "--json"]));
    let rest = weft(
        dir,
        &["extract", "back.safetensors", &checkpoint, "-o", "rest.safetensors", "--rank", "4", "--threshold", "0.00001", "--json"],
    );
    assert!(!rest.status.success(), "nothing is left but rounding");
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let good = names(&json(&weft(dir.path(), &["samples", "loras", "--count", "1", "--family", "sd1", "--size", "tiny", "--json"])));
    std::fs::write(dir.path().join("bad.safetensors"), [0xff; 64]).expect("written");
    std::fs::create_dir(dir.path().join("folder.safetensors")).expect("made");
    let output = weft(dir.path(), &["inspect", "bad.safetensors", "folder.safetensors", "none.safetensors", &good[0], "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors = seen.as_array().expect("array").iter().filter(|o| o["error"].is_string()).count();
    assert_eq!((errors, seen.as_array().map(Vec::len)), (3, Some(4)), "{seen:#}");
    assert_eq!(seen[3]["family"], "sd1");
}

#[test]
fn scan_adds_a_folder_and_waits() {
    let dir = tempfile::tempdir().expect("temporary folder");
    weft(dir.path(), &["samples", "loras", "--count", "5", "--family", "sd1,wan", "--size", "tiny"]);
    let first = json(&weft(dir.path(), &["scan", "loras", "--json"]));
    assert_eq!((first["library"]["adapters"].clone(), first["library"]["unmeasured"].clone()), (5.into(), 0.into()), "{first:#}");
    let again = json(&weft(dir.path(), &["scan", "loras", "--json"]));
    assert_eq!(again["library"]["adapters"], 5);
    assert_eq!(again["library"]["roots"], 1);
}

#[test]
fn config_names_its_sources() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let rows = json(&weft(dir.path(), &["config", "--json"]));
    let data = rows.as_array().expect("rows").iter().find(|row| row["name"] == "data_dir").expect("data_dir").clone();
    assert_eq!(data["source"], "environment WEFT_DATA_DIR");
}

#[test]
fn listening_to_the_world_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let output = weft(dir.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("accounts"));
}

#[test]
fn a_scanned_checkpoint_is_listed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let models = dir.path().join("models");
    std::fs::create_dir(&models).expect("folder");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/weights/golden/checkpoints/flux.original.safetensors");
    std::fs::copy(golden, models.join("tiny flux.safetensors")).expect("copied");
    let empty = weft(dir.path(), &["models"]);
    assert!(empty.status.success() && String::from_utf8_lossy(&empty.stdout).contains("weft scan"));
    let scanned = json(&weft(dir.path(), &["scan", "models", "--json"]));
    assert_eq!(scanned["library"]["checkpoints"], 1, "{scanned:#}");
    let listed = json(&weft(dir.path(), &["models", "flux", "--json"]));
    assert_eq!((listed.as_array().map(Vec::len), listed[0]["family"].clone()), (Some(1), "flux1".into()), "{listed:#}");
    let words = String::from_utf8_lossy(&weft(dir.path(), &["models"]).stdout).into_owned();
    assert!(words.contains("tiny flux") && words.contains("denoiser"), "{words}");
    assert_eq!(json(&weft(dir.path(), &["models", "--family", "sdxl", "--json"])).as_array().map(Vec::len), Some(0));
}
