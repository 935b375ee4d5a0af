//! Painting through REST, OpenAI's interface and the command line.

mod support;
mod tiny;

use base64::Engine as _;
use http::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use support::TestApp;

async fn studio() -> TestApp {
    let app = TestApp::new().await;
    let folder = app.data.path().join("models");
    tiny::checkpoint(&folder);
    let added = app.post("/api/v1/roots", json!({ "path": folder })).await;
    assert!(added.status.is_success(), "{:#}", added.json());
    app.settled().await;
    app
}

fn fox() -> Value {
    json!({ "prompt": "a fox", "width": 64, "height": 64, "steps": 3, "seed": 7 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_becomes_pictures() {
    let app = studio().await;
    let asked =
        app.post("/api/v1/generations", json!({ "prompt": "a fox", "width": 64, "height": 64, "steps": 3, "seed": 7, "count": 2 })).await;
    assert_eq!(asked.status, 202, "{:#}", asked.json());
    let asked = asked.json();
    assert_eq!((&asked["total"], &asked["request"]["sampler"], &asked["request"]["cfg"]), (&json!(2), &json!("dpmpp_2m"), &json!(7.0)));
    app.settled().await;
    let view = app.get(&format!("/api/v1/generations/{}", asked["id"])).await.json();
    assert_eq!((view["pictures"].as_array().map(Vec::len), &view["job"]["state"]), (Some(2), &json!("done")), "{view:#}");
    let file = app.get(&format!("/api/v1/pictures/{}/file", view["pictures"][1]["id"])).await;
    let text = String::from_utf8_lossy(&file.bytes);
    assert!(text.contains("Seed: 8") && text.contains("Steps: 3"), "parameters are in the file");
    assert_eq!(app.get("/api/v1/generations?limit=5").await.json().as_array().map(Vec::len), Some(1));
    assert_eq!(app.get("/api/v1/generations/queue").await.json(), json!({ "paused": false, "items": [] }));
    assert_eq!(app.post("/api/v1/generations/queue/pause", json!({})).await.json()["paused"], true);
    assert_eq!(app.post("/api/v1/generations/queue/resume", json!({})).await.json()["paused"], false);
    let defaults = app.get("/api/v1/generations/defaults").await.json();
    assert_eq!(
        (&defaults["family"], &defaults["steps"], &defaults["refused"]),
        (&json!("sd1"), &Value::Null, &Value::Null),
        "{defaults:#}"
    );
    assert_eq!((&defaults["numbers"]["steps"], &defaults["no_negative"]), (&json!(20), &json!(false)));
    let prompt = json!({ "prompt": "a (red:1.2) fox, <lora:none:1>" });
    let prompt = app.post("/api/v1/generations/prompt", prompt).await.json();
    assert_eq!(
        (&prompt["chunks"], &prompt["named"], &prompt["weighted"][0][2]),
        (&json!(1), &json!([["none", false]]), &json!(1.2)),
        "{prompt:#}"
    );
    let tokens = |view: &Value| view["tokens"].as_u64().unwrap_or_default();
    assert!(tokens(&prompt) > 3);
    // The words of a style count, each in its own prompt; one that is not there is said.
    let style = json!({ "name": "Ink", "prompt": "{prompt}, drawn in ink on paper", "negative": "colour" });
    app.post("/api/v1/styles", style).await;
    let styled = |negative: bool, name: &str| json!({ "prompt": "a fox", "negative": negative, "styles": [name] });
    let positive = app.post("/api/v1/generations/prompt", styled(false, "Ink")).await.json();
    let negative = app.post("/api/v1/generations/prompt", styled(true, "Ink")).await.json();
    assert!(tokens(&negative) >= 3 && tokens(&positive) > tokens(&negative) + 2, "{positive:#} {negative:#}");
    let lost = app.post("/api/v1/generations/prompt", styled(false, "Oil")).await.json();
    assert!(lost["notices"].to_string().contains("no style called Oil"), "{lost:#}");
    assert_eq!(app.get("/api/v1/generations/999").await.status, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_with_its_field() {
    let app = studio().await;
    let ask = async |change: Value| {
        let mut request = fox();
        request.as_object_mut().expect("object").extend(change.as_object().expect("object").clone());
        let answer = app.post("/api/v1/generations", request).await;
        (answer.status.as_u16(), answer.json())
    };
    for (change, field) in [
        (json!({ "prompt": "x".repeat(70_000) }), "prompt"),
        (json!({ "width": 1, "height": 1 }), "width"),
        (json!({ "width": 100_000, "height": 100_000 }), "width"),
        (json!({ "count": 1000 }), "count"),
        (json!({ "steps": 0 }), "steps"),
        (json!({ "axes": [{ "axis": "weight", "strand": 3, "values": [1.0] }] }), "axes"),
    ] {
        let (status, problem) = ask(change).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem:#}");
    }
    let (status, problem) = ask(json!({ "sampler": "magic" })).await;
    assert!(status == 422 && problem["detail"].as_str().is_some_and(|d| d.contains("magic") && d.contains("euler_a")), "{problem:#}");
    let (status, problem) = ask(json!({ "checkpoint": 77 })).await;
    assert_eq!(status, 404, "{problem:#}");
    // A megabyte of prompt is more than a request may have at all.
    let long = app.post("/api/v1/generations", json!({ "prompt": "x".repeat(1 << 20) })).await;
    assert!(matches!(long.status.as_u16(), 413 | 422), "{}", long.status);
    assert_eq!(app.get("/api/v1/generations").await.json(), json!([]), "nothing was queued");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_know_openai_are_answered_in_its_words() {
    let app = studio().await;
    let models = app.get("/v1/models").await.json();
    assert_eq!(
        (&models["object"], &models["data"][0]["object"], &models["data"][0]["id"]),
        (&json!("list"), &json!("model"), &json!("tiny"))
    );
    let wish = json!({ "model": "tiny", "prompt": "a fox", "n": 2, "size": "64x64", "steps": 3, "seed": 7, "user": "somebody" });
    let answer = app.post("/v1/images/generations", wish.clone()).await;
    assert_eq!(answer.status, 200, "{:#}", answer.json());
    let answer = answer.json();
    let pictures: Vec<Vec<u8>> = answer["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|image| base64::engine::general_purpose::STANDARD.decode(image["b64_json"].as_str().expect("text")).expect("base64"))
        .collect();
    assert!(pictures.len() == 2 && pictures.iter().all(|bytes| bytes.starts_with(b"\x89PNG")) && pictures[0] != pictures[1]);
    assert!(answer["created"].as_i64().is_some_and(|s| s > 1_600_000_000));
    let mut url = wish.clone();
    url["response_format"] = json!("url");
    let url = app.post("/v1/images/generations", url).await.json();
    let address = url["data"][0]["url"].as_str().expect("an address").to_owned();
    let file = app.get(address.trim_start_matches("http://127.0.0.1:3210")).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, "image/png"));

    for (change, status, param) in [
        (json!({ "n": 11 }), 400, Some("n")),
        (json!({ "size": "large" }), 400, Some("size")),
        (json!({ "size": "100x100" }), 400, Some("width")),
        (json!({ "model": "dall-e-3" }), 404, Some("model")),
        (json!({ "response_format": "tape" }), 400, Some("response_format")),
        (json!({ "stream": true, "response_format": "url" }), 400, Some("response_format")),
        (json!({ "stream": true, "partial_images": 4 }), 400, Some("partial_images")),
        (json!({ "prompt": 7 }), 400, None),
    ] {
        let mut wish = wish.clone();
        wish.as_object_mut().expect("object").extend(change.as_object().expect("object").clone());
        let answer = app.post("/v1/images/generations", wish).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status.as_u16(), error["param"].as_str()), (status, param), "{error:#}");
        assert!(error["message"].as_str().is_some_and(|m| m.len() > 10) && error["type"] == "invalid_request_error", "{error:#}");
    }
    streams(&app, &wish).await;
    app.post("/api/v1/generations/queue/pause", json!({})).await;
    let answer = app.post("/v1/images/generations", wish).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["type"]), (503, &json!("server_error")));
    app.stop().await;
}

/// The same as a stream: rough pictures, then the finished ones.
async fn streams(app: &TestApp, wish: &Value) {
    let mut wish = wish.clone();
    wish["stream"] = json!(true);
    // The first step is always looked at, later ones a few times a second: these pictures are done before that.
    wish["partial_images"] = json!(3);
    let answer = app.post("/v1/images/generations", wish).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/event-stream"));
    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
    let events: Vec<Value> =
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["image_generation.completed"; 2], "{kinds:?}");
    assert!(kinds.len() > 2 && kinds[..kinds.len() - 2].iter().all(|kind| *kind == "image_generation.partial_image"), "{kinds:?}");
    let bytes =
        |event: &Value| base64::engine::general_purpose::STANDARD.decode(event["b64_json"].as_str().expect("text")).expect("base64");
    let last = events.last().expect("pictures");
    assert!(bytes(last).starts_with(b"\x89PNG") && last["size"] == "64x64" && !bytes(&events[0]).is_empty());
    assert!(text.contains("event: image_generation.completed\n"), "the kind is the event's name too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn styles_and_the_trash_have_doors() {
    let app = studio().await;
    let ink = json!({ "name": "Ink", "prompt": "ink drawing of {prompt}", "negative": "colour" });
    assert_eq!(app.get("/api/v1/styles").await.json()["items"], json!([]));
    assert_eq!(app.post("/api/v1/styles", ink.clone()).await.json()["items"], json!([ink]));
    let painted = json!({ "prompt": "a fox", "styles": ["Ink"], "width": 64, "height": 64, "steps": 2, "seed": 1 });
    let asked = app.post("/api/v1/generations", painted).await;
    assert_eq!(asked.status, 202, "{:#}", asked.json());
    app.settled().await;
    let card = app.get("/api/v1/pictures").await.json()["items"][0].clone();
    assert_eq!(card["prompt"], "ink drawing of a fox", "{card:#}");
    assert_eq!(app.ask(Method::DELETE, "/api/v1/styles", Some(ink), &[]).await.json()["items"], json!([]));
    assert_eq!(app.get("/api/v1/pictures/adapters?text=x").await.json(), json!({ "items": [], "total": 0 }));

    let id = &card["id"];
    assert!(app.ask(Method::DELETE, &format!("/api/v1/pictures/{id}"), None, &[]).await.status.is_success());
    let trash = app.get("/api/v1/pictures/trash").await.json();
    assert_eq!(trash["pictures"], 1, "{trash:#}");
    assert_eq!(app.ask(Method::DELETE, "/api/v1/pictures/trash", None, &[]).await.status, 202);
    assert_eq!(app.post("/api/v1/pictures/trash/spare", json!({})).await.json(), json!(true));
    assert_eq!(app.get("/api/v1/pictures/trash").await.json(), trash, "taken back in time");
    app.stop().await;
}

fn weft(data: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weft")).args(args).arg("--data-dir").arg(data).output().expect("weft runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_command_line_paints_with_files_and_with_names() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (data, folder) = (dir.path().join("data"), dir.path().join("models"));
    tiny::checkpoint(&folder);
    let text = |path: &Path| path.display().to_string();
    let (model, ink, out) =
        (text(&folder.join("tiny.safetensors")), text(&folder.join("attention.safetensors")), text(&dir.path().join("out.png")));
    let weighted = format!("{ink}:0.8");
    let common = ["--size", "64x64", "--steps", "3", "--seed", "7"];
    // Files alone: no library comes into being.
    let args = [&["generate", "a fox", "--checkpoint", &model, "--adapter", &weighted, "-o", &out, "--json"][..], &common].concat();
    let told: Value = serde_json::from_str(&stdout(&weft(&data, &args))).expect("JSON");
    assert_eq!((&told[0]["recipe"]["adapters"][0]["weight"], &told[0]["recipe"]["seed"]), (&json!(0.8), &json!(7)), "{told:#}");
    assert!(!data.join("weft.sqlite").exists());
    let first = std::fs::read(&out).expect("a picture");
    let refused = weft(&data, &args);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--force"));
    // The same by name, out of the library.
    stdout(&weft(&data, &["scan", &text(&folder)]));
    assert!(stdout(&weft(&data, &["models"])).contains("paints here"));
    let args = [&["generate", "a fox <lora:attention:0.8>", "--checkpoint", "Tiny", "-o", &out, "--force"][..], &common].concat();
    assert!(stdout(&weft(&data, &args)).contains("seed 7"));
    let again = weft_pictures::decode(&std::fs::read(&out).expect("a picture")).expect("pixels");
    assert_eq!(again, weft_pictures::decode(&first).expect("pixels"), "to the bit");
    // A sheet, a profile, a picture to begin with.
    let args =
        [
            &[
                "generate",
                "a fox",
                "--adapter",
                "attention:1",
                "--axis",
                "cfg=1,7",
                "--axis",
                "block:0:in04=0,1",
                "-o",
                &out,
                "--init",
                &out,
            ][..],
            &["--denoise", "0.5"],
            &common,
        ]
        .concat();
    let names = stdout(&weft(&data, &args));
    assert!(names.contains("out-r1c1.png") && names.contains("out-r2c2.png"), "{names}");
    // Another adapter in the place of the first, by file and by name; the same checkpoint twice; a weight and a part of the steps of its own.
    let other = dir.path().join("other.safetensors");
    tiny::adapter("convolutions", &other);
    let (adapters, whole) = (format!("adapter:0=attention,{}", other.display()), text(&dir.path().join("whole.png")));
    let axes = [
        "--sheet",
        &whole,
        "--adapter",
        "attention:0.8",
        "--text-weight",
        "0=0.3",
        "--adapter-steps",
        "0=0-0.5",
        "--axis",
        &adapters,
        "--axis",
        "checkpoint=Tiny,Tiny",
    ];
    let sheet = text(&dir.path().join("sheet.png"));
    let names = stdout(&weft(&data, &[&["generate", "a fox", "-o", &sheet, "--json"], &axes[..], &common].concat()));
    let made: Value = serde_json::from_str(&names).expect("JSON");
    let used = |at: usize| &made[at]["recipe"]["adapters"][0];
    assert_eq!(made.as_array().map(Vec::len), Some(4), "{made:#}");
    assert_ne!(used(0)["name"], used(1)["name"], "{made:#}");
    assert_eq!((&used(0)["text_weight"], &used(0)["range"]), (&json!(0.3), &json!([0.0, 0.5])), "{made:#}");
    let pixels =
        |at: usize| std::fs::read(made[at]["path"].as_str().expect("a path")).map(|bytes| weft_pictures::decode(&bytes).expect("pixels"));
    assert_ne!(pixels(0).ok(), pixels(1).ok());
    assert_eq!(pixels(0).ok(), pixels(2).ok(), "the same checkpoint");
    let whole = weft_pictures::decode(&std::fs::read(&whole).expect("a sheet")).expect("pixels");
    assert!(whole.width > 128 && whole.height > 128, "two columns, two rows and their labels");
    for (args, word) in [
        (vec!["generate", "x", "--text-weight", "0=0.5", "-o", "x.png"], "no adapter at place 0"),
        (vec!["generate", "x", "--checkpoint", "nothing", "-o", "x.png"], "no checkpoint called"),
        (vec!["generate", "x", "--sampler", "magic", "-o", "x.png"], "euler_a"),
        (vec!["generate", "x", "-o", "x.gif"], ".png"),
        (vec!["generate", "x", "--size", "1x1", "-o", "x.png"], "8×8"),
    ] {
        let output = weft(&data, &args);
        assert!(
            !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(word),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
