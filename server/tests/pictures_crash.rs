//! `kill -9` while pictures come in: each is whole or not there, and none stands twice.

#![cfg(unix)]

#[expect(dead_code, reason = "this test needs a part of it")]
mod program;

use program::{Program, moments};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// A picture that no other number makes.
fn picture(n: u64) -> Vec<u8> {
    use weft_pictures::{Format, Pixels, encode};
    let rgb = (0..256 * 256 * 3u64).map(|at| (at.wrapping_mul(n * 2 + 3) >> 5) as u8).collect();
    let recipe = weft_domain::generation::Recipe { prompt: format!("picture {n}"), seed: Some(n), ..Default::default() };
    encode(&Pixels::new(256, 256, rgb).expect("pixels"), &recipe, Format::Png).expect("a picture")
}

#[test]
fn pictures_that_were_being_kept_are_whole_or_not_there() {
    const PICTURES: u64 = 60;
    let dir = tempfile::tempdir().expect("temporary folder");
    let data = dir.path().join("data");
    let files: Vec<Vec<u8>> = (0..PICTURES).map(picture).collect();
    let mut moment = moments();
    for _ in 0..10 {
        let program = Program::start(&data);
        let until = Instant::now() + Duration::from_millis(30) + moment(500);
        std::thread::scope(|scope| {
            for half in files.chunks(files.len().div_ceil(2)) {
                let program = &program;
                scope.spawn(move || {
                    for file in half {
                        // The program may die in the middle of any of these.
                        if program.send("POST", "/api/v1/pictures", "application/octet-stream", file).is_err() {
                            break;
                        }
                    }
                });
            }
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            let _ = Command::new("kill").args(["-9", &program.id().to_string()]).status();
        });
        program.kill();
    }
    let program = Program::start(&data);
    let kept = program.get("/api/v1/pictures?limit=500");
    let items = kept["items"].as_array().expect("a list").clone();
    assert_eq!(kept["total"], items.len());
    let mut seen = BTreeSet::new();
    for item in &items {
        let seed = item["seed"].as_u64().expect("a picture keeps its parameters");
        assert!(seen.insert(seed), "picture {seed} stands twice");
        let file = program.bytes("GET", &format!("/api/v1/pictures/{}/file", item["id"]), None).expect("an answer");
        assert!(file == files[usize::try_from(seed).expect("a place")], "picture {seed} lost its bytes");
    }
    // What was lost can be brought again, what is there is known.
    for file in &files {
        program.send("POST", "/api/v1/pictures", "application/octet-stream", file).expect("an answer");
    }
    assert_eq!(program.get("/api/v1/pictures")["total"], PICTURES);
}
