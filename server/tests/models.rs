//! The REST doors to checkpoints: listing, fits, measures, bake and extract.

mod support;

use http::StatusCode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use support::TestApp;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/weights/golden/checkpoints").join(name)
}

/// A library with Flux and Wan in miniature, and an adapter of each, all made by diffusers.
async fn library() -> (TestApp, PathBuf) {
    let app = TestApp::new().await;
    let folder = app.data.path().join("models");
    std::fs::create_dir(&folder).expect("folder");
    for (from, to) in [
        ("flux.original.safetensors", "flux.safetensors"),
        ("wan.original.safetensors", "wan.safetensors"),
        ("flux.adapter.safetensors", "ink.safetensors"),
        ("wan.adapter.safetensors", "film.safetensors"),
    ] {
        std::fs::copy(golden(from), folder.join(to)).expect("copied");
    }
    let added = app.post("/api/v1/roots", json!({ "path": folder })).await;
    assert_eq!(added.status, StatusCode::CREATED, "{:#}", added.json());
    app.settled().await;
    (app, folder)
}

async fn by_file(app: &TestApp, list: &str, file: &str) -> Value {
    let page = app.get(list).await.json();
    let items = page["items"].as_array().expect("items");
    items.iter().find(|card| card["file_name"] == file).unwrap_or_else(|| panic!("no {file} in {page:#}")).clone()
}

async fn ended(app: &TestApp, job: &Value) -> Value {
    app.settled().await;
    app.get(&format!("/api/v1/jobs/{}", job["id"])).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_listed_searched_and_told() {
    let (app, folder) = library().await;
    let page = app.get("/api/v1/checkpoints").await.json();
    assert_eq!((page["total"].clone(), page["families"].as_array().map(Vec::len)), (json!(2), Some(2)), "{page:#}");
    assert_eq!(app.get("/api/v1/library").await.json()["total"], 2, "and are no adapters");
    assert_eq!(app.get("/api/v1/overview").await.json()["checkpoints"], 2);
    let flux = app.get("/api/v1/checkpoints?q=flu&family=flux1").await.json();
    assert_eq!((flux["total"].clone(), flux["items"][0]["file_name"].clone()), (json!(1), json!("flux.safetensors")));
    let details = app.get(&format!("/api/v1/checkpoints/{}", flux["items"][0]["id"])).await.json();
    assert_eq!(details["path"], json!(folder.canonicalize().expect("path").join("flux.safetensors")));
    assert_eq!(details["hashes"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(details["card"]["form"], "single");
    for path in ["/api/v1/checkpoints/0", "/api/v1/checkpoints/-1", "/api/v1/checkpoints/9223372036854775808", "/api/v1/checkpoints/x"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for query in ["q=%27%29%3B%20DROP%20TABLE%20checkpoints", "offset=-1&limit=abc", "sort=nothing", "q=%25%5F%00"] {
        assert_eq!(app.get(&format!("/api/v1/checkpoints?{query}")).await.status, StatusCode::OK, "{query}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fits_and_measures_answer() {
    let (app, _) = library().await;
    let ink = by_file(&app, "/api/v1/library", "ink.safetensors").await["id"].clone();
    let flux = by_file(&app, "/api/v1/checkpoints", "flux.safetensors").await["id"].clone();
    let fits = app.get(&format!("/api/v1/adapters/{ink}/fits")).await.json();
    let levels: Vec<&Value> = fits["fits"].as_array().expect("fits").iter().map(|fit| &fit["level"]).collect();
    assert_eq!(levels, ["exact", "wrong"], "{fits:#}");
    let one = app.get(&format!("/api/v1/adapters/{ink}/fits?checkpoint={flux}")).await.json();
    assert_eq!((one["fits"].as_array().map(Vec::len), one["fits"][0]["checkpoint"].clone()), (Some(1), flux.clone()));
    let beside = format!("/api/v1/adapters/{ink}/measures?checkpoint={flux}");
    let measures = loop {
        let answer = app.get(&beside).await;
        if answer.status == StatusCode::OK {
            break answer.json();
        }
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert!(answer.json()["job"]["id"].is_number());
    };
    let measures = &measures["measures"];
    assert!(measures["denoiser"]["relative"].as_f64().expect("relative") > 0.0, "{measures:#}");
    assert!(measures["slots"].as_array().is_some_and(|slots| !slots.is_empty()));
    for path in [
        "/api/v1/adapters/999/fits".to_owned(),
        "/api/v1/adapters/999/measures".to_owned(),
        format!("/api/v1/adapters/{ink}/fits?checkpoint=999"),
        format!("/api/v1/adapters/{ink}/fits?checkpoint=../../etc"),
        format!("/api/v1/adapters/{ink}/measures?checkpoint=x"),
    ] {
        assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bake_and_an_extraction_from_words_to_files() {
    let (app, folder) = library().await;
    let ink = by_file(&app, "/api/v1/library", "ink.safetensors").await;
    let flux = by_file(&app, "/api/v1/checkpoints", "flux.safetensors").await["id"].clone();
    let (id, root) = (&ink["id"], &ink["root"]);
    let bake = json!({ "operation": "bake", "checkpoint": flux, "adapters": [{ "id": id, "weight": 0.5 }], "dtype": "f32",
        "name": "mine", "root": root });
    let started = app.post("/api/v1/operations", bake.clone()).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{:#}", started.json());
    let job = ended(&app, &started.json()).await;
    assert_eq!((job["state"].clone(), job["kind"].clone()), (json!("done"), json!("bake")), "{job:#}");
    let tuned = job["result"]["checkpoint"].clone();
    assert!(Path::new(job["result"]["path"].as_str().expect("path")).is_file());
    assert_eq!(app.get(&format!("/api/v1/checkpoints/{tuned}")).await.json()["card"]["name"], "mine");
    let extract = json!({ "operation": "extract", "tuned": tuned, "base": flux, "rank": 8, "name": "back", "root": root });
    let job = ended(&app, &app.post("/api/v1/operations", extract).await.json()).await;
    assert_eq!(job["state"], "done", "{job:#}");
    let back = job["result"]["adapter"].clone();
    assert_eq!(app.get(&format!("/api/v1/adapters/{back}/fits?checkpoint={flux}")).await.json()["fits"][0]["level"], "exact");
    let unbake =
        json!({ "operation": "unbake", "checkpoint": tuned, "adapters": [{ "adapter": id, "weight": 0.5 }], "name": "mine", "root": root });
    let job = ended(&app, &app.post("/api/v1/operations", unbake).await.json()).await;
    assert!(job["result"]["path"].as_str().is_some_and(|path| path.ends_with("mine 2.safetensors")), "{job:#}");

    let mut refused = Vec::new();
    for (key, value) in [
        ("checkpoint", json!(0)),
        ("adapters", json!([])),
        ("adapters", json!("all")),
        ("dtype", json!("f12")),
        ("folder", json!("../../etc")),
        ("name", json!("..")),
        ("seed", json!(-1)),
        ("operation", json!("explode")),
        ("adapters", json!([{ "id": by_file(&app, "/api/v1/library", "film.safetensors").await["id"], "weight": 1 }])),
    ] {
        let mut odd = bake.clone();
        odd[key] = value;
        let answer = app.post("/api/v1/operations", odd).await;
        assert!(answer.status.is_client_error(), "{key}: {:#}", answer.json());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        refused.push(answer.json()["title"].clone());
    }
    assert!(refused.iter().all(|title| title.as_str().is_some_and(|t| !t.is_empty())), "{refused:?}");
    let files = std::fs::read_dir(&folder).expect("folder").count();
    assert_eq!(files, 4 + 3, "nothing else was written");
    app.stop().await;
}
