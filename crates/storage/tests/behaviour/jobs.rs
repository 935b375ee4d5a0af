use crate::support::{Fixture, on_both};
use serde_json::json;
use std::collections::HashSet;
use weft_domain::{JobId, JobKind, JobState, Lane};
use weft_storage::{Claim, JobRepo, JobRow, LeaseCheck, NewJob, Settled};

on_both!(
    workers_never_get_the_same_job,
    urgent_before_old_and_only_ones_own_lane_and_kind,
    one_active_job_per_key,
    a_stale_worker_is_refused,
    a_finished_job_never_changes,
    cancel_while_queued_and_while_running,
    retries_wait_and_end,
    a_crash_is_retried_at_once_but_not_for_ever,
    a_released_job_keeps_its_checkpoint_and_its_attempts,
    lists_show_active_first_and_clear_takes_finished_ones,
);

const FAR: i64 = 1_000_000;

async fn enqueue(jobs: &JobRepo, kind: JobKind) -> JobRow {
    jobs.enqueue(&NewJob::new(kind, "t", json!({"a": 1})), 1).await.unwrap().0
}

async fn claim_as(jobs: &JobRepo, lane: Lane, owner: &str, until: i64, now: i64) -> Option<JobRow> {
    jobs.claim(lane, &JobKind::ALL, owner, until, now).await.unwrap()
}

async fn claim(jobs: &JobRepo, lane: Lane) -> Option<JobRow> {
    claim_as(jobs, lane, "me", FAR, 10).await
}

fn held(row: &JobRow) -> Claim {
    Claim { id: row.id, token: row.lease_token }
}

async fn workers_never_get_the_same_job(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    for _ in 0..40 {
        enqueue(&jobs, JobKind::Scan).await;
    }
    // Eight workers, four of them through connections of their own, as another process would have.
    let other = weft_storage::Store::open(&fixture.url).await.unwrap();
    let workers = (0..8).map(|n| {
        let jobs = if n % 2 == 0 { fixture.store.jobs() } else { other.jobs() };
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Some(row) = claim_as(&jobs, Lane::Io, &format!("w{n}"), FAR, 10).await {
                mine.push(row.id);
                assert!(jobs.settle(held(&row), &Settled::Done(json!(n)), 11).await.unwrap().is_some());
            }
            mine
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (40, 40));
    other.close().await.unwrap();
}

async fn urgent_before_old_and_only_ones_own_lane_and_kind(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let hash = enqueue(&jobs, JobKind::Hash).await;
    let scan = enqueue(&jobs, JobKind::Scan).await;
    let later = enqueue(&jobs, JobKind::Scan).await;
    let merge = enqueue(&jobs, JobKind::Merge).await;
    let mut order = Vec::new();
    while let Some(row) = claim(&jobs, Lane::Io).await {
        order.push(row.id);
    }
    assert_eq!(order, [scan.id, later.id, hash.id]);
    assert!(jobs.claim(Lane::Cpu, &[JobKind::Strengths], "me", FAR, 10).await.unwrap().is_none());
    assert_eq!(claim(&jobs, Lane::Cpu).await.unwrap().id, merge.id);
}

async fn one_active_job_per_key(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let new = NewJob::new(JobKind::Scan, "t", json!(null)).once("scan:1");
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let (jobs, new) = (jobs.clone(), new.clone());
            tokio::spawn(async move { jobs.enqueue(&new, 1).await.unwrap() })
        })
        .collect();
    let mut ids = HashSet::new();
    let mut fresh = 0;
    for racer in racers {
        let (row, is_new) = racer.await.unwrap();
        ids.insert(row.id);
        fresh += usize::from(is_new);
    }
    assert_eq!((ids.len(), fresh), (1, 1));
    let row = claim(&jobs, Lane::Io).await.unwrap();
    assert!(!jobs.enqueue(&new, 2).await.unwrap().1, "running counts as active");
    assert_eq!(jobs.active("scan:1").await.unwrap().unwrap().id, row.id);
    jobs.settle(held(&row), &Settled::Done(json!(1)), 3).await.unwrap().unwrap();
    let (again, is_new) = jobs.enqueue(&new, 4).await.unwrap();
    assert!(is_new && again.id != row.id);
}

async fn a_stale_worker_is_refused(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    enqueue(&jobs, JobKind::Scan).await;
    let first = claim_as(&jobs, Lane::Io, "slow", 100, 10).await.unwrap();
    assert!(jobs.reclaim_expired(100).await.unwrap().is_empty(), "its lease holds to the last moment");
    assert_eq!(jobs.reclaim_expired(101).await.unwrap().len(), 1);
    // Between the two leases, and after the second one has begun, the slow worker's words do not count.
    assert_eq!(jobs.heartbeat(held(&first), FAR, Some((9, 9, "late")), 102).await.unwrap(), LeaseCheck::Lost);
    let second = claim_as(&jobs, Lane::Io, "quick", FAR, 103).await.unwrap();
    assert_eq!(second.id, first.id);
    assert!(second.lease_token > first.lease_token && second.attempt == 2);
    assert_eq!(jobs.heartbeat(held(&first), FAR, Some((9, 9, "late")), 104).await.unwrap(), LeaseCheck::Lost);
    assert!(!jobs.checkpoint(held(&first), &json!("late")).await.unwrap());
    for settled in [Settled::Done(json!("late")), Settled::Failed("late".into()), Settled::Released, Settled::Cancelled] {
        assert!(jobs.settle(held(&first), &settled, 105).await.unwrap().is_none());
    }
    assert_eq!(jobs.heartbeat(held(&second), FAR, Some((3, 9, "on time")), 106).await.unwrap(), LeaseCheck::Held);
    let done = jobs.settle(held(&second), &Settled::Done(json!("mine")), 107).await.unwrap().unwrap();
    assert_eq!((done.state, done.result, done.done, done.message.as_str()), (JobState::Done, Some(json!("mine")), 3, "on time"));
}

async fn a_finished_job_never_changes(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    for settled in [Settled::Done(json!(1)), Settled::Failed("no".into()), Settled::Cancelled] {
        enqueue(&jobs, JobKind::Scan).await;
        let row = claim(&jobs, Lane::Io).await.unwrap();
        let ended = jobs.settle(held(&row), &settled, 20).await.unwrap().unwrap();
        assert!(ended.state.finished() && ended.finished_ms == Some(20));
        assert!(jobs.settle(held(&row), &Settled::Done(json!("other")), 21).await.unwrap().is_none());
        assert_eq!(jobs.heartbeat(held(&row), FAR, Some((1, 1, "x")), 22).await.unwrap(), LeaseCheck::Lost);
        assert_eq!(jobs.cancel(row.id, 23).await.unwrap(), ended);
        assert!(jobs.reclaim_expired(FAR * 2).await.unwrap().is_empty());
        assert!(jobs.reclaim_owner("me", 24).await.unwrap().is_empty());
        assert_eq!(jobs.get(row.id).await.unwrap(), Some(ended));
    }
    assert!(claim(&jobs, Lane::Io).await.is_none());
}

async fn cancel_while_queued_and_while_running(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let queued = enqueue(&jobs, JobKind::Scan).await;
    let ended = jobs.cancel(queued.id, 20).await.unwrap();
    assert_eq!((ended.state, ended.finished_ms), (JobState::Cancelled, Some(20)));
    assert!(claim(&jobs, Lane::Io).await.is_none());

    enqueue(&jobs, JobKind::Scan).await;
    let row = claim(&jobs, Lane::Io).await.unwrap();
    let asked = jobs.cancel(row.id, 21).await.unwrap();
    assert_eq!((asked.state, asked.cancel_requested, asked.finished_ms), (JobState::Running, true, None));
    assert_eq!(jobs.heartbeat(held(&row), FAR, None, 22).await.unwrap(), LeaseCheck::Cancelling);
    // A worker that dies before it could stop leaves a job that nobody wants any more.
    let back = jobs.reclaim_owner("me", 23).await.unwrap();
    assert_eq!(back[0].state, JobState::Cancelled);
    assert!(jobs.cancel(JobId(999), 24).await.is_err());
}

async fn retries_wait_and_end(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let new = NewJob { max_attempts: 2, ..NewJob::new(JobKind::Scan, "t", json!(null)) };
    jobs.enqueue(&new, 1).await.unwrap();
    let first = claim_as(&jobs, Lane::Io, "me", FAR, 10).await.unwrap();
    let retry = Settled::Retry { error: "busy".into(), run_after_ms: 500 };
    let waiting = jobs.settle(held(&first), &retry, 11).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.error.as_deref(), waiting.finished_ms), (JobState::Queued, Some("busy"), None));
    assert!(claim_as(&jobs, Lane::Io, "me", FAR, 499).await.is_none());
    assert_eq!(jobs.next_due(Lane::Io).await.unwrap(), Some(500));
    let second = claim_as(&jobs, Lane::Io, "me", FAR, 500).await.unwrap();
    let ended = jobs.settle(held(&second), &retry, 501).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.error.as_deref(), ended.finished_ms), (JobState::Failed, Some("busy"), Some(501)));
}

async fn a_crash_is_retried_at_once_but_not_for_ever(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let id = enqueue(&jobs, JobKind::Scan).await.id;
    for attempt in 1..=5 {
        let row = claim_as(&jobs, Lane::Io, "me", FAR, 11).await.unwrap();
        assert_eq!((row.id, row.attempt), (id, attempt));
        assert!(jobs.reclaim_owner("somebody else", 11).await.unwrap().is_empty());
        assert_eq!(jobs.reclaim_owner("me", 11).await.unwrap().len(), 1);
    }
    let row = jobs.get(id).await.unwrap().unwrap();
    assert_eq!(row.state, JobState::Failed);
    assert!(row.error.unwrap().contains("every time"));
    assert!(claim(&jobs, Lane::Io).await.is_none());
}

async fn a_released_job_keeps_its_checkpoint_and_its_attempts(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    enqueue(&jobs, JobKind::Scan).await;
    for _ in 0..10 {
        let row = claim(&jobs, Lane::Io).await.unwrap();
        assert_eq!(row.attempt, 1);
        assert!(jobs.checkpoint(held(&row), &json!({"after": 7})).await.unwrap());
        let back = jobs.settle(held(&row), &Settled::Released, 12).await.unwrap().unwrap();
        assert_eq!((back.state, back.finished_ms), (JobState::Queued, None));
    }
    assert_eq!(claim(&jobs, Lane::Io).await.unwrap().checkpoint, Some(json!({"after": 7})));
}

async fn lists_show_active_first_and_clear_takes_finished_ones(fixture: &Fixture) {
    let jobs = fixture.store.jobs();
    let mut ended = Vec::new();
    for at in 0..5 {
        let row = enqueue(&jobs, JobKind::Scan).await;
        jobs.cancel(row.id, 100 + at).await.unwrap();
        ended.push(row.id);
    }
    let waiting = enqueue(&jobs, JobKind::Hash).await;
    let urgent = enqueue(&jobs, JobKind::Scan).await;
    enqueue(&jobs, JobKind::Merge).await;
    let running = claim(&jobs, Lane::Cpu).await.unwrap();
    let ids: Vec<_> = jobs.list(3).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [running.id, urgent.id, waiting.id, ended[4], ended[3], ended[2]]);
    assert_eq!(jobs.clear(102).await.unwrap(), 2);
    assert_eq!(jobs.clear(i64::MAX).await.unwrap(), 3);
    assert_eq!(jobs.list(50).await.unwrap().len(), 3);
}
