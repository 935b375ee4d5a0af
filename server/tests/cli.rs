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
