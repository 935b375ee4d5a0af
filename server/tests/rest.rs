//! The REST doors over the whole application: from a folder to a woven file.

mod support;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use support::TestApp;

const LIBRARY: &str = "/api/v1/library";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_becomes_a_searchable_library() {
    let app = TestApp::with_samples(12, &["sdxl", "flux1"]).await;
    let page = app.get(LIBRARY).await.json();
    assert_eq!(page["total"], 12);
    let families = page["facets"]["family"].as_array().expect("facets");
    assert_eq!(families.iter().map(|f| f["count"].as_u64().unwrap_or(0)).sum::<u64>(), 12);

    let flux = app.get("/api/v1/library?family=flux1").await.json();
    assert!(flux["items"].as_array().expect("items").iter().all(|card| card["family"] == "flux1"));
    let name = page["items"][0]["name"].as_str().expect("name");
    let word: String = name.split_whitespace().next().expect("a word").chars().take(4).collect();
    let found = app.get(&format!("/api/v1/library?text={word}")).await.json();
    assert!(found["items"].as_array().expect("items").iter().any(|card| card["name"] == name), "{word} finds {name}");
    let nothing = app.get("/api/v1/library?text=zzqq%22%29%20OR%201%3D1%20--%20NEAR%28%2A").await;
    assert_eq!((nothing.status, nothing.json()["total"].clone()), (StatusCode::OK, json!(0)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn details_have_strengths_hashes_and_a_picture() {
    let app = TestApp::with_samples(2, &["sd1"]).await;
    let id = app.get(LIBRARY).await.json()["items"][0]["id"].clone();
    let details = app.get(&format!("/api/v1/adapters/{id}")).await;
    let body = details.json();
    assert_eq!(body["layout_id"], "sd_unet_25");
    assert!(body["frobenius"].as_f64().expect("measured") > 0.0);
    assert_eq!(body["hashes"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(body["blocks"].as_array().map(Vec::len), Some(25));

    let etag = details.header("etag").to_owned();
    let again = app.ask(Method::GET, &format!("/api/v1/adapters/{id}"), None, &[("if-none-match", &etag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    let picture = app.get(&format!("/api/v1/adapters/{id}/preview?w=320")).await;
    assert_eq!((picture.status, picture.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    let file = app.get(&format!("/api/v1/adapters/{id}/file")).await;
    let path = body["path"].as_str().expect("path");
    assert_eq!(file.bytes, std::fs::read(path).expect("file"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_counts_and_a_stale_one_is_refused() {
    let app = TestApp::with_samples(1, &["sd1"]).await;
    let id = app.get(LIBRARY).await.json()["items"][0]["id"].clone();
    let path = format!("/api/v1/adapters/{id}");
    let etag = app.get(&path).await.header("etag").to_owned();
    let edit = json!({ "name": "Ink <b>", "tags": ["a", "A", "b"], "rating": 4, "notes": "" });
    let edited = app.ask(Method::PATCH, &path, Some(edit), &[("if-match", &etag)]).await;
    assert_eq!(edited.status, StatusCode::OK, "{:#}", edited.json());
    assert_eq!(edited.json()["card"]["name"], "Ink <b>");
    assert_eq!(edited.json()["card"]["tags"], json!(["a", "b"]));

    let stale = app.ask(Method::PATCH, &path, Some(json!({ "rating": 1 })), &[("if-match", &etag)]).await;
    assert_eq!((stale.status, stale.header("content-type")), (StatusCode::PRECONDITION_FAILED, "application/problem+json"));
    let wrong = app.ask(Method::PATCH, &path, Some(json!({ "rating": 9 })), &[]).await;
    assert_eq!((wrong.status, wrong.json()["field"].clone()), (StatusCode::UNPROCESSABLE_ENTITY, json!("rating")));
    assert_eq!(app.get("/api/v1/adapters/999999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/api/v1/adapters/none").await.status, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_adapters_are_woven_into_a_third() {
    let app = TestApp::with_samples(4, &["flux1"]).await;
    let page = app.get("/api/v1/library?kind=lora").await.json();
    let items = page["items"].as_array().expect("items");
    assert!(items.len() >= 2, "two adapters that can be merged");
    let (a, b, root) = (&items[0]["id"], &items[1]["id"], &items[0]["root"]);

    let together = app.post("/api/v1/weave/together", json!({ "ids": [a, b] })).await.json();
    assert_eq!(together["verdict"]["fits"], true, "{together:#}");
    assert_eq!(together["gram"]["members"], 2);

    let weave = json!({ "strands": [{ "adapter": a, "weight": 0.8 }, { "adapter": b, "weight": -0.5 }], "method": "svd", "rank": 4, "dtype": "f32" });
    let estimate = app.post("/api/v1/weave/estimate", weave.clone()).await.json();
    let energy = estimate["chosen"]["energy"].as_f64().expect("an estimate for rank 4");
    assert!(energy > 0.0 && energy <= 1.0 + 1e-9, "{estimate:#}");

    let mut request = weave;
    request["name"] = json!("Nordic/Aurora: \u{202e}test");
    request["root"] = root.clone();
    for _ in 0..2 {
        let job = app.post("/api/v1/merges", request.clone()).await;
        assert_eq!(job.status, StatusCode::ACCEPTED, "{:#}", job.json());
    }
    let jobs = app.settled().await;
    let made: Vec<&Value> = jobs.as_array().expect("jobs").iter().filter(|job| job["kind"] == "merge").collect();
    assert_eq!(made.len(), 2);
    for job in &made {
        assert_eq!(job["state"], "done", "{job:#}");
        let path = job["result"]["path"].as_str().expect("path");
        assert!(std::path::Path::new(path).is_file(), "{path}");
        let details = app.get(&format!("/api/v1/adapters/{}", job["result"]["adapter"])).await.json();
        assert_eq!(details["path"], path);
        assert!((job["result"]["energy_kept"].as_f64().expect("energy") - energy).abs() < 1e-4, "the estimate was exact");
    }
    assert_ne!(made[0]["result"]["path"], made[1]["result"]["path"], "nothing is written over");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_with_the_reason() {
    let app = TestApp::with_samples(6, &["sd1", "flux1"]).await;
    let first = |family: &str| format!("/api/v1/library?family={family}&kind=lora");
    let a = app.get(&first("sd1")).await.json()["items"][0].clone();
    let b = app.get(&first("flux1")).await.json()["items"][0].clone();
    let together = app.post("/api/v1/weave/together", json!({ "ids": [a["id"], b["id"]] })).await.json();
    assert_eq!(together["verdict"]["fits"], false);
    assert!(!together["verdict"]["reasons"].as_array().expect("reasons").is_empty());
    let request = json!({ "name": "x", "root": a["root"], "method": "concat",
        "strands": [{ "adapter": a["id"], "weight": 1.0 }, { "adapter": b["id"], "weight": 1.0 }] });
    let refused = app.post("/api/v1/merges", request.clone()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{:#}", refused.json());
    let mut heavy = request;
    heavy["strands"][0]["weight"] = json!(2.5);
    assert_eq!(app.post("/api/v1/merges", heavy).await.json()["field"], "weight");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_turned_away() {
    let app = TestApp::new().await;
    let rebound = app.ask(Method::GET, LIBRARY, None, &[("host", "evil.example")]).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN);
    let cross = app.ask(Method::POST, "/api/v1/samples", None, &[("origin", "https://evil.example")]).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    let page = app.get("/").await;
    assert!(page.header("content-security-policy").contains("default-src 'none'"), "{}", page.header("content-security-policy"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for path in ["/pkg/../Cargo.toml", "/pkg/..%2f..%2fCargo.toml", "/pkg//etc/passwd"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/", "relative", "", "/no/such/folder"] {
        let refused = app.post("/api/v1/roots", json!({ "path": path })).await;
        assert!(refused.status.is_client_error(), "{path:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_and_unknown_addresses_are_problems() {
    let app = TestApp::new().await;
    let bad = app.post("/api/v1/merges", json!({ "name": 3 })).await;
    assert_eq!((bad.status, bad.header("content-type")), (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json"));
    let missing = app.get("/api/v1/nothing").await;
    assert_eq!((missing.status, missing.header("content-type")), (StatusCode::NOT_FOUND, "application/problem+json"));
    let health = app.get("/health").await;
    assert_eq!((health.status, health.json()["status"].clone()), (StatusCode::OK, json!("ok")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route() {
    let app = TestApp::new().await;
    let document = app.get("/api/v1/openapi.json").await.json();
    let paths: Vec<String> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| item.as_object().expect("item").keys().map(move |verb| format!("{} {path}", verb.to_uppercase())))
        .collect();
    insta::assert_snapshot!(paths.join("\n"));
    app.stop().await;
}
