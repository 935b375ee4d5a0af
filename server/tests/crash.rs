//! `kill -9` at random moments: after a restart every job ends, no half file stays, no row stands twice.
//!
//! The real program is started and killed; nothing is simulated.

#![cfg(unix)]

#[expect(dead_code, reason = "this test needs a part of it")]
mod program;

use program::{Program, moments};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use weft_weights::progress::Silent;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

const KILLS: u64 = 20;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        if entry.path().is_dir() { found.extend(files_below(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

fn samples(folder: &Path, count: usize, family: &str, size: SampleSize) {
    let families = vec![weft_weights::family::Family::by_id(family).expect("family")];
    write_samples(folder, &SampleOptions { count, families, seed: 3, size: Some(size) }, &Silent).expect("samples");
}

fn no_temporary_files(folder: &Path) {
    let left: Vec<_> =
        files_below(folder).into_iter().filter(|path| path.extension().is_none_or(|ending| ending != "safetensors")).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_scan_that_is_killed_twenty_times_ends_complete() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (data, folder) = (dir.path().join("data"), dir.path().join("loras"));
    samples(&folder, 150, "sd1", SampleSize::Tiny);
    let files = files_below(&folder).len();
    let mut moment = moments();
    for round in 0..KILLS {
        let program = Program::start(&data);
        if round == 0 {
            program.ask("POST", "/api/v1/roots", Some(&json!({ "path": folder }))).expect("root added");
        } else if round % 4 == 0 {
            program.ask("POST", "/api/v1/roots/scan", None).expect("scan asked");
        }
        std::thread::sleep(moment(400));
        program.kill();
    }
    let program = Program::start(&data);
    // On a slow machine one job may be hit by five kills in a row: it is given up then, as designed, and says so. Asking again ends it.
    program.settled();
    program.ask("POST", "/api/v1/roots/scan", None).expect("scan asked");
    let jobs = program.settled();
    let given_up = |job: &Value| job["state"] == "failed" && job["attempt"] == 5;
    assert!(jobs.iter().all(|job| job["state"] == "done" || given_up(job)), "{jobs:#?}");
    assert!(jobs.iter().any(|job| job["kind"] == "scan" && job["state"] == "done"), "{jobs:#?}");
    let page = program.get("/api/v1/library?limit=500");
    let items = page["items"].as_array().expect("items");
    let names: BTreeSet<&str> = items.iter().filter_map(|card| card["file_name"].as_str()).collect();
    assert_eq!((items.len(), names.len()), (files, files), "each file stands once");
    assert!(items.iter().all(|card| card["state"] == "ready"));
    assert_eq!(program.get("/api/v1/overview")["unmeasured"], 0);
    no_temporary_files(&folder);
}

#[test]
fn merges_that_are_killed_twenty_times_leave_whole_files_only() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (data, folder) = (dir.path().join("data"), dir.path().join("loras"));
    samples(&folder, 3, "flux1", SampleSize::Small);
    let before = files_below(&folder).len();
    let program = Program::start(&data);
    program.ask("POST", "/api/v1/roots", Some(&json!({ "path": folder }))).expect("root added");
    program.settled();
    let page = program.get("/api/v1/library?kind=lora");
    let cards = page["items"].as_array().expect("items").clone();
    assert!(cards.len() >= 2, "{cards:#?}");
    program.kill();

    let mut moment = moments();
    let mut asked = Vec::new();
    for round in 0..KILLS {
        let program = Program::start(&data);
        let request = json!({ "name": format!("Woven {round}"), "root": cards[0]["root"], "method": "svd", "rank": 8,
            "strands": [{ "adapter": cards[0]["id"], "weight": 0.7 }, { "adapter": cards[1]["id"], "weight": 0.4 }] });
        let job = program.ask("POST", "/api/v1/merges", Some(&request)).expect("merge asked");
        assert!(job["id"].is_number(), "{job:#}");
        asked.push(job["id"].clone());
        std::thread::sleep(moment(700));
        program.kill();
    }
    let program = Program::start(&data);
    program.settled();
    // By id: the list shows only the last finished jobs, and every merge is followed by others.
    let merges: Vec<Value> = asked.iter().map(|id| program.get(&format!("/api/v1/jobs/{id}"))).collect();
    for job in &merges {
        assert_eq!(job["state"], "done", "{job:#}");
        let path = PathBuf::from(job["result"]["path"].as_str().expect("path"));
        weft_weights::inspect::inspect(&path, &Silent).expect("a whole file");
    }
    let paths: BTreeSet<&str> = merges.iter().filter_map(|job| job["result"]["path"].as_str()).collect();
    assert_eq!(paths.len() as u64, KILLS, "one file for each merge");
    assert_eq!(files_below(&folder).len() as u64, before as u64 + KILLS, "and no other");
    assert_eq!(program.get("/api/v1/library?limit=500")["total"], before as u64 + KILLS);
    no_temporary_files(&folder);
}

/// A safetensors file of bf16 zeros.
fn zeros(path: &Path, tensors: &[(&str, [u64; 2])]) {
    let (mut header, mut at) = (serde_json::Map::new(), 0u64);
    for (name, shape) in tensors {
        let end = at + 2 * shape[0] * shape[1];
        header.insert((*name).to_owned(), json!({ "dtype": "BF16", "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let json = serde_json::to_vec(&header).expect("header");
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    let mut file = std::fs::File::create(path).expect("file");
    file.write_all(&(json.len() as u64).to_le_bytes()).expect("length");
    file.write_all(&json).expect("header");
    file.set_len(8 + json.len() as u64 + at).expect("room");
}

#[test]
fn bakes_that_are_killed_leave_whole_checkpoints_only() {
    const ROUNDS: u64 = 8;
    let dir = tempfile::tempdir().expect("temporary folder");
    let (data, folder) = (dir.path().join("data"), dir.path().join("models"));
    samples(&folder, 2, "flux1", SampleSize::Small);
    // Some weights of the real size, so that a kill can hit the middle: one file, and a folder of diffusers.
    zeros(
        &folder.join("flux.safetensors"),
        &[("double_blocks.0.img_attn.qkv.weight", [9216, 3072]), ("double_blocks.0.img_attn.norm.key_norm.scale", [1, 128])],
    );
    let diffusers = folder.join("flux/transformer");
    let split = ["q", "k", "v"].map(|part| format!("transformer_blocks.0.attn.to_{part}.weight"));
    let split: Vec<(&str, [u64; 2])> = split.iter().map(|name| (name.as_str(), [3072, 3072])).collect();
    zeros(&diffusers.join("diffusion_pytorch_model.safetensors"), &split);
    std::fs::write(diffusers.join("config.json"), "{}").expect("config");
    std::fs::write(folder.join("flux/model_index.json"), "{}").expect("index");
    let before = files_below(&folder).len() as u64;
    let program = Program::start(&data);
    program.ask("POST", "/api/v1/roots", Some(&json!({ "path": folder }))).expect("root added");
    program.settled();
    let adapter = program.get("/api/v1/library?kind=lora")["items"][0].clone();
    let models = program.get("/api/v1/checkpoints?sort=size")["items"].as_array().expect("items").clone();
    assert_eq!(models.len(), 2, "{models:#?}");
    program.kill();

    let (mut moment, mut asked) = (moments(), Vec::new());
    for round in 0..ROUNDS {
        let program = Program::start(&data);
        let model = &models[usize::from(round % 3 == 2)];
        let request = json!({ "operation": "bake", "checkpoint": model["id"], "adapters": [{ "id": adapter["id"], "weight": 0.7 }],
            "misfits": true, "name": format!("Baked {round}"), "root": adapter["root"] });
        let job = program.ask("POST", "/api/v1/operations", Some(&request)).expect("bake asked");
        assert!(job["id"].is_number(), "{job:#}");
        asked.push((job["id"].clone(), model["form"] == "folder"));
        std::thread::sleep(moment(500));
        // A job that is killed at each of its five attempts fails, as it should: on a busy machine that would be all of them.
        if round % 3 == 2 {
            program.settled();
        }
        program.kill();
    }
    let program = Program::start(&data);
    program.settled();
    let (mut more, mut hit) = (0, false);
    for (id, is_folder) in &asked {
        let job = program.get(&format!("/api/v1/jobs/{id}"));
        assert_eq!(job["state"], "done", "{job:#}");
        hit |= job["attempt"].as_u64().is_some_and(|attempt| attempt > 1);
        let path = PathBuf::from(job["result"]["path"].as_str().expect("path"));
        weft_weights::checkpoint::Checkpoint::open(&path).expect("a whole checkpoint");
        assert_eq!(path.is_dir(), *is_folder);
        more += if *is_folder { 3 } else { 1 };
    }
    assert!(hit, "no kill has hit a running bake");
    assert_eq!(program.get("/api/v1/checkpoints")["total"], 2 + ROUNDS, "one row for each bake");
    let files = files_below(&folder);
    assert!(files.iter().all(|path| !path.to_string_lossy().contains("/.weft-")), "{files:?}");
    assert_eq!(files.len() as u64, before + more, "and no other file: {files:?}");
}
