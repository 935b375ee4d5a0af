//! Pictures over the whole application: in, looked at, marked, out again; and through `kill -9`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use support::{Answer, TestApp};
use weft_domain::generation::Recipe;
use weft_pictures::{Format, Pixels, decode, encode, inspect};

const PICTURES: &str = "/api/v1/pictures";

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/pictures/golden");
    std::fs::read(folder.join(name)).unwrap()
}

/// A picture that no other number makes.
fn picture(n: u32) -> Vec<u8> {
    let rgb = (0..64 * 48 * 3).map(|at: u32| (at.wrapping_mul(n.wrapping_add(3)) >> 3) as u8).collect();
    let recipe = Recipe { prompt: format!("picture {n}"), seed: Some(u64::from(n)), width: 64, height: 48, ..Recipe::default() };
    encode(&Pixels::new(64, 48, rgb).unwrap(), &recipe, Format::Png).unwrap()
}

async fn import(app: &TestApp, bytes: Vec<u8>, name: &str) -> Answer {
    let request = Request::post(PICTURES).header("host", "127.0.0.1:3210").header("x-file-name", name).body(Body::from(bytes));
    app.send(request.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_program_comes_in_with_its_parameters() {
    let app = TestApp::with_samples(2, &["sd1"]).await;
    let adapter = app.get("/api/v1/library").await.json()["items"][0].clone();
    let name = adapter["file_name"].as_str().unwrap().trim_end_matches(".safetensors").to_owned();
    let text = format!(
        "a fox <lora:{name}:0.8> <lora:nowhere:1>\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x48, Model: gone, Model hash: 0123456789, Lora hashes: \"nowhere: ba9876543210\""
    );
    let recipe = weft_pictures::parse_infotext(&text).unwrap();
    let pixels = Pixels::new(64, 48, vec![77; 64 * 48 * 3]).unwrap();
    let bytes = encode(&pixels, &recipe, Format::Webp).unwrap();

    let first = import(&app, bytes.clone(), "caf%C3%A9.png").await;
    assert_eq!(first.status, StatusCode::CREATED, "{:#}", first.json());
    let card = first.json();
    assert_eq!(
        (card["prompt"].as_str(), card["colour"].as_str(), card["checkpoint"].as_str()),
        (Some("a fox"), Some("#4d4d4d"), Some("gone"))
    );
    let again = import(&app, bytes.clone(), "other.png").await;
    assert_eq!((again.status, again.json()["id"].clone()), (StatusCode::OK, card["id"].clone()));

    let details = app.get(&format!("{PICTURES}/{}", card["id"])).await.json();
    assert_eq!((details["file_name"].as_str(), details["format"].as_str()), (Some("café.webp"), Some("webp")));
    let used = details["recipe"]["adapters"].as_array().unwrap();
    assert_eq!((&used[0]["id"], used[1].get("id")), (&adapter["id"], None));
    assert_eq!(used[1]["hash"], "ba9876543210");
    let found = app.get(&format!("{PICTURES}?adapter={}&text=fox", adapter["id"])).await.json();
    assert_eq!((found["total"].clone(), found["items"][0]["id"].clone()), (json!(1), card["id"].clone()));

    let file = app.get(&format!("{PICTURES}/{}/file?download=true", card["id"])).await;
    assert_eq!((file.bytes.to_vec(), file.header("content-type")), (bytes, "image/webp"));
    assert!(file.header("content-disposition").contains("caf%C3%A9.webp") && file.header("cache-control").contains("immutable"));
    let png = app.get(&format!("{PICTURES}/{}/file?format=png", card["id"])).await;
    assert_eq!((decode(&png.bytes).unwrap(), png.header("content-type")), (pixels, "image/png"));
    assert_eq!(inspect(&png.bytes).unwrap().recipe.adapters[1].hash.as_deref(), Some("ba9876543210"));
    assert_eq!(app.get(&format!("{PICTURES}/{}/file?format=bmp", card["id"])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_program_has_its_source() {
    let app = TestApp::new().await;
    for (name, source) in [
        ("a1111.jpg", "a1111"),
        ("comfyui.webp", "comfyui"),
        ("swarmui.png", "swarmui"),
        ("invokeai.png", "invokeai"),
        ("novelai-stealth.png", "novelai"),
        ("fooocus.png", "fooocus"),
        ("plain.png", "unknown"),
    ] {
        let card = import(&app, golden(name), name).await.json();
        assert_eq!(card["source"], source, "{name}: {card:#}");
        let found = app.get(&format!("{PICTURES}?source={source}")).await.json();
        assert_eq!((found["total"].clone(), found["items"][0]["id"].clone()), (json!(1), card["id"].clone()));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_are_small_and_stay() {
    let app = TestApp::new().await;
    let rgb = vec![90; 1000 * 400 * 3];
    let bytes = encode(&Pixels::new(1000, 400, rgb).unwrap(), &Recipe::default(), Format::Png).unwrap();
    let id = import(&app, bytes, "wide.png").await.json()["id"].clone();
    for (asked, got) in [("?width=160", 160), ("?width=161", 320), ("", 320), ("?width=9999", 1000)] {
        let answer = app.get(&format!("{PICTURES}/{id}/thumbnail{asked}")).await;
        assert_eq!((answer.status, decode(&answer.bytes).unwrap().width), (StatusCode::OK, got), "{asked}");
        let tag = answer.header("etag").to_owned();
        let again = app.ask(Method::GET, &format!("{PICTURES}/{id}/thumbnail{asked}"), None, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    assert_eq!(app.get(&format!("{PICTURES}/99/thumbnail")).await.status, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_trash_and_back() {
    let app = TestApp::new().await;
    let id = import(&app, picture(1), "a.png").await.json()["id"].clone();
    let path = format!("{PICTURES}/{id}");
    let edited = app.ask(Method::PATCH, &path, Some(json!({ "favourite": true, "rating": 4 })), &[]).await.json();
    assert_eq!((edited["favourite"].clone(), edited["rating"].clone()), (json!(true), json!(4)));
    let wrong = app.ask(Method::PATCH, &path, Some(json!({ "rating": 6 })), &[]).await;
    assert_eq!((wrong.status, wrong.json()["field"].clone()), (StatusCode::UNPROCESSABLE_ENTITY, json!("rating")));
    let gone = app.ask(Method::DELETE, &path, None, &[]).await;
    assert!(gone.status == StatusCode::OK && gone.json()["deleted_ms"].is_i64());
    assert_eq!(app.get(PICTURES).await.json()["total"], 0);
    assert_eq!(app.get(&format!("{PICTURES}?trash=true")).await.json()["total"], 1);
    let back = app.post(&format!("{path}/restore"), json!({})).await.json();
    assert_eq!(back["deleted_ms"], Value::Null);
    // The same file once more takes it out of the trash too.
    app.ask(Method::DELETE, &path, None, &[]).await;
    let again = import(&app, picture(1), "a.png").await;
    assert_eq!((again.status, again.json()["deleted_ms"].clone()), (StatusCode::OK, Value::Null));
    assert_eq!(app.ask(Method::DELETE, &format!("{PICTURES}/99"), None, &[]).await.status, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_uploads_are_refused_in_plain_words() {
    let app = TestApp::new().await;
    let mut cut = picture(3);
    cut.truncate(cut.len() / 2);
    for bytes in [Vec::new(), b"<svg onload=alert(1)>".to_vec(), cut] {
        let answer = import(&app, bytes, "x.png").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.json()["detail"].as_str().is_some_and(|why| why.contains("refused because")), "{:#}", answer.json());
    }
    let large = import(&app, vec![0x89; (64 << 20) + 1], "x.png").await;
    assert!(matches!(large.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY), "{}", large.status);
    // Two megabytes are more than other requests may bring, and fine for a picture.
    let noise: Vec<u8> = (0..1024 * 1024 * 3u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let bytes = encode(&Pixels::new(1024, 1024, noise).unwrap(), &Recipe::default(), Format::Png).unwrap();
    assert!(bytes.len() > 2 << 20);
    assert_eq!(import(&app, bytes, "noise.png").await.status, StatusCode::CREATED);
    let other = app.ask(Method::PATCH, &format!("{PICTURES}/1"), Some(json!({ "x": "y".repeat(2 << 20) })), &[]).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(other.json()["detail"].as_str().is_some_and(|why| why.contains("length limit")), "{:#}", other.json());
    assert_eq!(app.get(PICTURES).await.json()["total"], 1, "what was refused left nothing");
    app.stop().await;
}

/// The same bytes from many sides at once are one picture.
#[tokio::test(flavor = "multi_thread")]
async fn many_imports_of_one_file_are_one_picture() {
    let app = TestApp::new().await;
    let answers = futures::future::join_all((0..12).map(|_| import(&app, picture(9), "same.png"))).await;
    let new = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!((new, app.get(PICTURES).await.json()["total"].clone()), (1, json!(1)));
    app.stop().await;
}
