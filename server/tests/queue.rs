//! Two hundred generations, ten times `kill -9`, pauses, moves and cancels between: each ends exactly once, and every picture has its bytes
//! and its parameters.
//!
//! The real program is started and killed; it paints with the smallest model that has every part.

#![cfg(unix)]

#[expect(dead_code, reason = "this test needs a part of it")]
mod program;
#[expect(dead_code, reason = "this test needs a part of it")]
mod tiny;

use program::{Program, moments};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const GENERATIONS: u64 = 200;
const KILLS: u64 = 10;

/// Something between two kills: pause, go on, move, cancel. What is refused is refused.
fn meddle(program: &Program, round: u64) {
    let queue = program.get("/api/v1/generations/queue");
    let waiting: Vec<i64> = queue["items"]
        .as_array()
        .map(|items| items.iter().filter(|i| i["job"]["state"] == "queued").filter_map(|i| i["job"]["id"].as_i64()).collect())
        .unwrap_or_default();
    let ask = |path: &str, body: Option<Value>| drop(program.ask("POST", path, body.as_ref()));
    match round % 4 {
        0 => ask("/api/v1/generations/queue/pause", None),
        1 => ask("/api/v1/generations/queue/resume", None),
        _ => {}
    }
    if let (Some(first), Some(last)) = (waiting.first(), waiting.last())
        && first != last
    {
        ask("/api/v1/generations/queue/move", Some(json!({ "job": last, "before": first })));
        ask("/api/v1/generations/queue/move", Some(json!({ "job": first })));
    }
    if let Some(victim) = waiting.get(waiting.len() / 2) {
        ask(&format!("/api/v1/jobs/{victim}/cancel"), None);
    }
    if let Some(running) = queue["items"].as_array().and_then(|items| items.iter().find(|i| i["job"]["state"] == "running"))
        && round.is_multiple_of(3)
    {
        ask(&format!("/api/v1/jobs/{}/cancel", running["job"]["id"]), None);
    }
}

#[test]
fn two_hundred_generations_survive_ten_kills() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (data, folder) = (dir.path().join("data"), dir.path().join("models"));
    tiny::checkpoint(&folder);
    let program = Program::start(&data);
    program.ask("POST", "/api/v1/roots", Some(&json!({ "path": folder }))).expect("root added");
    program.settled();
    let mut asked: BTreeMap<i64, (u64, i64)> = BTreeMap::new();
    for n in 0..GENERATIONS {
        let request =
            json!({ "prompt": format!("a fox number {n}"), "width": 64, "height": 64, "steps": 3, "seed": n, "count": n % 3 + 1 });
        let view = program.ask("POST", "/api/v1/generations", Some(&request)).expect("asked");
        let id = view["id"].as_i64().unwrap_or_else(|| panic!("refused: {view:#}"));
        asked.insert(id, (n, view["job"]["id"].as_i64().expect("a job")));
    }
    let (mut moment, mut program) = (moments(), Some(program));
    for round in 0..KILLS {
        let running = program.take().unwrap_or_else(|| Program::start(&data));
        std::thread::sleep(moment(700));
        meddle(&running, round);
        std::thread::sleep(moment(700));
        running.kill();
    }
    let program = Program::start(&data);
    program.ask("POST", "/api/v1/generations/queue/resume", None).expect("goes on");
    let began = Instant::now();
    loop {
        let queue = program.get("/api/v1/generations/queue");
        let active =
            queue["items"].as_array().expect("items").iter().filter(|i| matches!(i["job"]["state"].as_str(), Some("queued" | "running")));
        if active.count() == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "the queue does not end: {queue:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
    check(&program, &asked);
}

/// Every generation has ended once, with all its pictures or as it was cancelled.
fn check(program: &Program, asked: &BTreeMap<i64, (u64, i64)>) {
    let (mut done, mut cancelled, mut hit, mut pictures) = (0, 0, false, BTreeSet::new());
    for (id, (n, job)) in asked {
        let view = program.get(&format!("/api/v1/generations/{id}"));
        let ended = program.get(&format!("/api/v1/jobs/{job}"));
        assert_eq!(view["job"]["id"], *job, "one job paints it: {view:#}");
        let (cards, total) = (view["pictures"].as_array().expect("pictures"), view["total"].as_u64().expect("total"));
        let shots: Vec<u64> = cards.iter().filter_map(|card| card["shot"].as_u64()).collect();
        assert_eq!(shots, (0..shots.len() as u64).collect::<Vec<_>>(), "each once, in order");
        match ended["state"].as_str() {
            Some("done") => {
                assert_eq!(shots.len() as u64, total, "{view:#}");
                done += 1;
            }
            Some("cancelled") => cancelled += 1,
            _ => panic!("neither done nor cancelled: {ended:#}"),
        }
        hit |= ended["attempt"].as_u64().is_some_and(|attempt| attempt > 1);
        for card in cards {
            let picture = card["id"].as_i64().expect("id");
            assert!(pictures.insert(picture), "a picture belongs to one generation");
            let details = program.get(&format!("/api/v1/pictures/{picture}"));
            assert_eq!(details["recipe"]["prompt"], format!("a fox number {n}"), "no picture without parameters");
            assert_eq!(details["recipe"]["seed"], *n + card["shot"].as_u64().expect("shot"));
            let bytes = program.bytes("GET", &format!("/api/v1/pictures/{picture}/file"), None).expect("bytes");
            let pixels = weft_pictures::decode(&bytes).expect("a whole picture");
            assert_eq!((pixels.width, pixels.height), (64, 64));
        }
    }
    assert_eq!(done + cancelled, GENERATIONS);
    assert!(done > GENERATIONS / 2 && cancelled > 0, "{done} done, {cancelled} cancelled");
    assert!(hit, "no kill has hit a running generation");
    let all = program.get("/api/v1/pictures?limit=1");
    assert_eq!(all["total"], pictures.len(), "and no picture beside them");
}
