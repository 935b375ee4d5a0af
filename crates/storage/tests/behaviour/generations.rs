use crate::support::{Fixture, facts, file, on_both, root};
use serde_json::json;
use weft_domain::generation::GenerationRequest;
use weft_domain::{GenerationId, JobId, JobKind, Lane};
use weft_storage::{Claim, JobRepo, Moved, NewJob, Settled};

on_both!(
    requests_come_back_as_they_were,
    settings_are_kept_and_replaced,
    a_paused_lane_gives_nothing_and_others_go_on,
    waiting_jobs_change_their_places,
    places_never_run_out,
    two_movers_at_once_lose_nobody,
    adapters_are_found_by_what_a_prompt_calls_them,
);

const FAR: i64 = 1_000_000;

async fn requests_come_back_as_they_were(fixture: &Fixture) {
    let generations = fixture.store.generations();
    let request =
        GenerationRequest { prompt: "a “fox” \u{1f98a}\n\0".to_owned(), seed: Some(u64::MAX), ..GenerationRequest::default() };
    let id = generations.insert(&request, 12, 77).await.unwrap();
    let row = generations.get(id).await.unwrap().unwrap();
    assert_eq!((row.request, row.total, row.created_ms, row.job), (request.clone(), 12, 77, None));
    generations.set_job(id, JobId(5)).await.unwrap();
    assert_eq!(generations.get(id).await.unwrap().unwrap().job, Some(JobId(5)));
    let next = generations.insert(&request, 1, 78).await.unwrap();
    let recent: Vec<GenerationId> = generations.recent(None, 10).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(recent, [next, id]);
    assert_eq!(generations.recent(Some(next), 10).await.unwrap().len(), 1);
    assert!(generations.get(GenerationId(999)).await.unwrap().is_none());
    assert!(generations.painted(&[id, next]).await.unwrap().is_empty() && generations.shots(id).await.unwrap().is_empty());
    assert!(generations.many(&[]).await.unwrap().is_empty());
}

async fn settings_are_kept_and_replaced(fixture: &Fixture) {
    let settings = fixture.store.settings();
    assert_eq!(settings.get::<String>("colour").await.unwrap(), None);
    settings.set("colour", &"red").await.unwrap();
    settings.set("colour", &"blue").await.unwrap();
    assert_eq!(settings.get::<String>("colour").await.unwrap().as_deref(), Some("blue"));
    assert_eq!(settings.get::<u64>("colour").await.unwrap(), None, "of another form");
    // Another connection, as after a start, sees it too.
    let again = weft_storage::Store::open(&fixture.url).await.unwrap();
    assert_eq!(again.settings().get::<String>("colour").await.unwrap().as_deref(), Some("blue"));
    again.close().await.unwrap();
}

async fn enqueue(jobs: &JobRepo, at: i64) -> JobId {
    jobs.enqueue(&NewJob::new(JobKind::Generate, "t", json!({ "generation": at })), at).await.unwrap().0.id
}

async fn claim(jobs: &JobRepo, lane: Lane) -> Option<Claim> {
    jobs.claim(lane, &JobKind::ALL, "me", FAR, FAR).await.unwrap().map(|row| Claim { id: row.id, token: row.lease_token })
}

async fn a_paused_lane_gives_nothing_and_others_go_on(fixture: &Fixture) {
    let (jobs, settings) = (fixture.store.jobs(), fixture.store.settings());
    let waiting = enqueue(&jobs, 1).await;
    jobs.enqueue(&NewJob::new(JobKind::Scan, "t", json!({})), 1).await.unwrap();
    settings.pause(Lane::Gpu, true).await.unwrap();
    assert!(settings.paused(Lane::Gpu).await.unwrap() && !settings.paused(Lane::Io).await.unwrap());
    assert!(claim(&jobs, Lane::Gpu).await.is_none());
    assert!(claim(&jobs, Lane::Io).await.is_some());
    settings.pause(Lane::Gpu, false).await.unwrap();
    assert_eq!(claim(&jobs, Lane::Gpu).await.unwrap().id, waiting);
}

/// Ids in the order that they will run in.
async fn order(jobs: &JobRepo) -> Vec<JobId> {
    jobs.of_lane(Lane::Gpu, 0).await.unwrap().into_iter().map(|row| row.id).collect()
}

async fn waiting_jobs_change_their_places(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let mut ids = Vec::new();
    for at in 1..=5 {
        ids.push(enqueue(&jobs, at).await);
    }
    let [a, b, c, d, e] = ids[..] else { panic!() };
    assert_eq!(jobs.reorder(e, Some(b), 10).await.unwrap(), Moved::Done);
    assert_eq!(order(&jobs).await, [a, e, b, c, d]);
    assert_eq!(jobs.reorder(a, None, 10).await.unwrap(), Moved::Done);
    assert_eq!(jobs.reorder(d, Some(e), 10).await.unwrap(), Moved::Done);
    assert_eq!(order(&jobs).await, [d, e, b, c, a]);
    assert_eq!(jobs.reorder(d, Some(d), 10).await.unwrap(), Moved::Done, "where it is");
    let listed: Vec<JobId> = jobs.list(0).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(listed, [d, e, b, c, a], "the list shows the same order");
    let first = claim(&jobs, Lane::Gpu).await.unwrap();
    assert_eq!(first.id, d);
    assert_eq!(jobs.reorder(d, None, 10).await.unwrap(), Moved::Gone, "it runs");
    assert_eq!(jobs.reorder(e, Some(d), 10).await.unwrap(), Moved::Gone);
    assert_eq!(jobs.reorder(JobId(999), None, 10).await.unwrap(), Moved::Gone);
    // What goes back into the queue keeps its place, and a new one goes behind.
    jobs.settle(first, &Settled::Released, 11).await.unwrap();
    let new = enqueue(&jobs, 1_000).await;
    assert_eq!(order(&jobs).await, [d, e, b, c, a, new]);
}

async fn places_never_run_out(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let mut expected = Vec::new();
    for _ in 0..4 {
        // All of one millisecond: no room between any two of them.
        expected.push(enqueue(&jobs, 5).await);
    }
    for round in 0..120 {
        let last = expected.pop().unwrap();
        expected.insert(1, last);
        assert_eq!(jobs.reorder(last, Some(expected[2]), 6 + round).await.unwrap(), Moved::Done);
        assert_eq!(order(&jobs).await, expected, "{round}");
    }
    let new = enqueue(&jobs, 200_000).await;
    assert_eq!(order(&jobs).await.last(), Some(&new), "numbering anew leaves the end to those who come");
}

async fn two_movers_at_once_lose_nobody(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let mut ids = Vec::new();
    for at in 1..=6 {
        ids.push(enqueue(&jobs, at).await);
    }
    let movers = (0..4).map(|n: usize| {
        let (jobs, ids) = (fixture.store.jobs(), ids.clone());
        tokio::spawn(async move {
            for round in 0..15 {
                let (from, to) = (ids[(n + round) % 6], ids[(n * 2 + round * 3) % 6]);
                // One of them may lose a race on PostgreSQL; it is told, and nothing is half moved.
                let _ = jobs.reorder(from, Some(to), 100).await;
            }
        })
    });
    for mover in movers.collect::<Vec<_>>() {
        mover.await.unwrap();
    }
    let mut after = order(&jobs).await;
    after.sort();
    assert_eq!(after, ids);
}

async fn adapters_are_found_by_what_a_prompt_calls_them(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/loras").await;
    let files = [file("Ink Wash.safetensors", facts("sd1")), file("a/aurora.v2.pt", facts("sd1")), file("plain.safetensors", facts("sd1"))];
    let ids: Vec<_> = store.adapters().upsert(root.id, &files, 5).await.unwrap().into_iter().map(|u| u.id).collect();
    let names = ["ink wash", "Aurora.v2", "PLAIN.safetensors", "nothing", "x' OR 1=1 --"].map(str::to_owned);
    let found = store.adapters().named(&names).await.unwrap();
    assert_eq!(found.get("ink wash"), Some(&ids[0]));
    assert_eq!((found.get("Aurora.v2"), found.get("PLAIN.safetensors"), found.len()), (Some(&ids[1]), Some(&ids[2]), 3));
    store.adapters().mark_missing(&[ids[0]], 6).await.unwrap();
    assert!(store.adapters().named(&names[..1]).await.unwrap().is_empty());
}
