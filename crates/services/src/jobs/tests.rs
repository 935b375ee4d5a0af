//! Workers against a real table: who runs what, how often, and what survives.

use super::{JobContext, JobError, JobHandler, Jobs, Owner, Runner, Timing, Workers};
use crate::access::{Access, Editor, Reader};
use crate::events::Events;
use async_trait::async_trait;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use weft_domain::{Event, JobId, JobKind, JobState, JobView, Lane, ProblemKind};
use weft_storage::{NewJob, Store};

type Work = Arc<dyn Fn(JobContext, Value) -> BoxFuture<'static, Result<Value, JobError>> + Send + Sync>;

struct Fake(JobKind, Work);

#[async_trait]
impl JobHandler for Fake {
    fn kind(&self) -> JobKind {
        self.0
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        (self.1)(ctx.clone(), input).await
    }
}

fn work<F: Future<Output = Result<Value, JobError>> + Send + 'static>(
    run: impl Fn(JobContext, Value) -> F + Send + Sync + 'static,
) -> Work {
    Arc::new(move |ctx, input| Box::pin(run(ctx, input)))
}

/// Everything quick, so that a test that waits for a timer is done soon.
fn quick() -> Timing {
    Timing {
        lease: Duration::from_millis(600),
        pulse: Duration::from_millis(10),
        poll: Duration::from_millis(50),
        backoff: Duration::from_millis(20),
        backoff_max: Duration::from_millis(100),
        grace: Duration::from_millis(500),
    }
}

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    jobs: Jobs,
    events: Events,
}

impl Bench {
    async fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap()).await
    }

    async fn in_folder(folder: tempfile::TempDir) -> Self {
        let store = Store::open_file(&folder.path().join("weft.sqlite")).await.unwrap();
        let events = Events::new();
        Self { jobs: Jobs::new(&store, events.clone()), folder, store, events }
    }

    /// As after a new start of the program on the same folder.
    async fn reopened(self) -> Self {
        let Self { folder, store, .. } = self;
        store.close().await.unwrap();
        Self::in_folder(folder).await
    }

    fn start(&self, work: &Work) -> Workers {
        let owner = Owner::of(self.folder.path()).unwrap();
        Runner::new(self.jobs.clone(), owner).timing(quick()).handler(Fake(JobKind::Scan, work.clone())).start()
    }

    async fn enqueue(&self) -> JobId {
        self.jobs.enqueue(&NewJob::new(JobKind::Scan, "Scanning", json!({"root": 1}))).await.unwrap().id
    }

    async fn view(&self, id: JobId) -> JobView {
        self.jobs.get(&reader(), id).await.unwrap()
    }

    async fn until(&self, id: JobId, what: impl Fn(&JobView) -> bool) -> JobView {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let view = self.view(id).await;
            if what(&view) {
                return view;
            }
            assert!(std::time::Instant::now() < deadline, "the job never came so far: {view:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ended(&self, id: JobId) -> JobView {
        self.until(id, |view| view.state.finished()).await
    }
}

fn reader() -> Reader {
    Access::default().owner().into()
}

fn editor() -> Editor {
    Access::default().owner().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_and_every_page_hears_of_it() {
    let bench = Bench::new().await;
    let heard = bench.events.subscribe(None);
    let id = bench.enqueue().await;
    let workers = bench.start(&work(|ctx, input| async move {
        for done in 0..=5 {
            ctx.progress(done, 5, "files");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(json!({"saw": input}))
    }));
    let view = bench.ended(id).await;
    assert_eq!((view.state, view.result), (JobState::Done, Some(json!({"saw": {"root": 1}}))));
    assert_eq!((view.done, view.total, view.message.as_str(), view.attempt), (5, 5, "files", 1));
    workers.stop().await;

    let mut told = Vec::new();
    let mut heard = Box::pin(heard);
    while let Some((_, Event::Job { job })) = heard.next().await {
        let end = job.state.finished();
        told.push((job.state, job.done));
        if end {
            break;
        }
    }
    assert_eq!(told.first().map(|t| t.0), Some(JobState::Queued));
    assert_eq!(told.last(), Some(&(JobState::Done, 5)));
    assert!(told.iter().filter(|(state, _)| *state == JobState::Running).count() >= 3, "{told:?}");
    assert!(told.iter().map(|t| t.1).is_sorted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_on_one_table_run_each_job_once() {
    let bench = Bench::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    let counting = work(move |_, _| {
        let runs = counted.clone();
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(json!(null))
        }
    });
    let other_store = Store::open_file(&bench.folder.path().join("weft.sqlite")).await.unwrap();
    let other = Jobs::new(&other_store, Events::new());
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(bench.enqueue().await);
    }
    let here = bench.start(&counting);
    let there = Runner::new(other, Owner::stranger()).timing(quick()).handler(Fake(JobKind::Scan, counting)).start();
    for id in ids {
        assert_eq!(bench.ended(id).await.attempt, 1);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 30);
    here.stop().await;
    there.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_job_keeps_its_lease_and_a_worker_that_lost_it_does_not_count() {
    let bench = Bench::new().await;
    let workers = bench.start(&work(|ctx, _| async move {
        match ctx.attempt() {
            1 => {
                ctx.until_cancelled().await;
                Ok(json!("late"))
            }
            _ => Ok(json!("on time")),
        }
    }));
    let id = bench.enqueue().await;
    bench.until(id, |view| view.state == JobState::Running).await;
    // Twice its lease: heartbeats keep it.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(bench.view(id).await.attempt, 1);
    // As if this process had slept and another had cleaned up.
    let owner = bench.store.jobs().get(id).await.unwrap().unwrap().lease_owner.unwrap();
    let taken = bench.store.jobs().reclaim_owner(&owner, crate::clock::now_ms()).await.unwrap();
    assert_eq!(taken.len(), 1);
    let view = bench.ended(id).await;
    assert_eq!((view.state, view.result, view.attempt), (JobState::Done, Some(json!("on time")), 2));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.view(id).await.result, Some(json!("on time")));
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_can_be_cancelled_while_it_waits_and_while_it_runs_in_a_blocking_thread() {
    let bench = Bench::new().await;
    let waiting = bench.enqueue().await;
    assert_eq!(bench.jobs.cancel(&editor(), waiting).await.unwrap().state, JobState::Cancelled);

    let workers = bench.start(&work(|ctx, _| async move {
        tokio::task::spawn_blocking(move || {
            use weft_weights::progress::{Cancelled, Progress};
            for step in 0..10_000 {
                Progress::step(&ctx, step, 10_000, "blocks");
                Cancelled::check(&ctx)?;
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(json!("finished"))
        })
        .await?
    }));
    let id = bench.enqueue().await;
    let view = bench.until(id, |view| view.done > 3).await;
    assert_eq!((view.total, view.message.as_str()), (10_000, "blocks"));
    assert!(bench.jobs.cancel(&editor(), id).await.unwrap().cancelling);
    let view = bench.ended(id).await;
    assert_eq!((view.state, &view.result, &view.error), (JobState::Cancelled, &None, &None));
    // It ended before: cancelling again changes nothing.
    assert_eq!(bench.jobs.cancel(&editor(), id).await.unwrap(), view);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_failure_and_the_worker_lives_on() {
    let bench = Bench::new().await;
    let workers = bench.start(&work(|_, input| async move {
        assert!(input != json!("bad"), "a defect");
        Ok(json!(1))
    }));
    let bad = bench.jobs.enqueue(&NewJob::new(JobKind::Scan, "t", json!("bad"))).await.unwrap().id;
    let view = bench.ended(bad).await;
    assert_eq!(view.state, JobState::Failed);
    assert!(!view.error.unwrap().contains("defect"), "words for people, the cause is in the log");
    assert_eq!(bench.ended(bench.enqueue().await).await.state, JobState::Done);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let bench = Bench::new().await;
    let workers = bench.start(&work(|ctx, input| async move {
        match (input.as_str(), ctx.attempt()) {
            (Some("final"), _) => Err(JobError::Final("Never.".into())),
            (Some("always"), _) => Err(JobError::Retry("Not now.".into())),
            (_, 1 | 2) => Err(JobError::Retry("Not now.".into())),
            (_, attempt) => Ok(json!(attempt)),
        }
    }));
    let run = async |input: &str| {
        let id = bench.jobs.enqueue(&NewJob::new(JobKind::Scan, "t", json!(input))).await.unwrap().id;
        bench.ended(id).await
    };
    let view = run("third time").await;
    assert_eq!((view.state, view.result, view.error), (JobState::Done, Some(json!(3)), None));
    let view = run("always").await;
    assert_eq!((view.state, view.attempt, view.error.as_deref()), (JobState::Failed, 5, Some("Not now.")));
    let failed = run("final").await;
    assert_eq!((failed.state, failed.attempt, failed.error.as_deref()), (JobState::Failed, 1, Some("Never.")));

    let again = bench.jobs.retry(&editor(), failed.id).await.unwrap();
    assert_ne!(again.id, failed.id);
    assert_eq!(bench.ended(again.id).await.error.as_deref(), Some("Never."));
    assert_eq!(bench.view(failed.id).await, failed, "what has ended never changes");
    let done = run("third time").await;
    assert_eq!(bench.jobs.retry(&editor(), done.id).await.unwrap_err().kind, ProblemKind::Conflict);
    assert_eq!(bench.jobs.retry(&editor(), JobId(999)).await.unwrap_err().kind, ProblemKind::NotFound);
    bench.jobs.clear(&editor()).await.unwrap();
    assert!(bench.jobs.list(&reader()).await.unwrap().is_empty());
    workers.stop().await;
}

/// Counts to 50 in steps that it keeps; answers how many it did in this attempt.
fn counting() -> Work {
    work(|ctx, _| async move {
        let from: u64 = ctx.checkpoint().unwrap_or(0);
        for done in from..50 {
            ctx.check()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            ctx.save_checkpoint(&(done + 1)).await?;
            ctx.progress(done + 1, 50, "");
        }
        Ok(json!({"from": from}))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_puts_running_jobs_back_and_a_start_goes_on() {
    let mut bench = Bench::new().await;
    let id = bench.enqueue().await;
    let mut before = 0;
    for _ in 0..3 {
        let workers = bench.start(&counting());
        let goal = before + 5;
        before = bench.until(id, |view| view.done >= goal).await.done;
        workers.stop().await;
        let view = bench.view(id).await;
        assert_eq!((view.state, view.attempt), (JobState::Queued, 0), "stopping in order is no failed attempt");
        bench = bench.reopened().await;
    }
    let workers = bench.start(&counting());
    let view = bench.ended(id).await;
    assert_eq!(view.state, JobState::Done);
    assert!(view.result.unwrap()["from"].as_u64().unwrap() >= before);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_the_next_start_goes_on_at_once() {
    let mut bench = Bench::new().await;
    let id = bench.enqueue().await;
    for crash in 1..=3 {
        let workers = bench.start(&counting());
        bench.until(id, |view| view.attempt == crash && view.done >= u64::from(crash) * 5).await;
        workers.abort().await;
        assert_eq!(bench.store.jobs().get(id).await.unwrap().unwrap().state, JobState::Running, "nobody said goodbye");
        bench = bench.reopened().await;
    }
    let begun = std::time::Instant::now();
    let workers = bench.start(&counting());
    let view = bench.until(id, |view| view.attempt == 4).await;
    assert!(begun.elapsed() < quick().lease, "it did not wait for the lease to run out");
    assert!(view.done >= 5 || view.state == JobState::Running);
    let view = bench.ended(id).await;
    assert_eq!(view.state, JobState::Done);
    assert!(view.result.unwrap()["from"].as_u64().unwrap() >= 15);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_have_their_widths_and_a_wake_up_needs_no_poll() {
    let bench = Bench::new().await;
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (n, m) = (now.clone(), most.clone());
    let busy = work(move |_, _| {
        let (now, most) = (n.clone(), m.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(json!(null))
        }
    });
    let timing = Timing { poll: Duration::from_secs(60), ..quick() };
    let owner = Owner::stranger();
    let runner = Runner::new(bench.jobs.clone(), owner).timing(timing).width(Lane::Io, 3).handler(Fake(JobKind::Scan, busy));
    let workers = runner.start();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut ids = Vec::new();
    for _ in 0..9 {
        ids.push(bench.enqueue().await);
    }
    for id in ids {
        bench.ended(id).await;
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    // A kind that nobody here can do waits; it is not lost and not failed.
    let merge = bench.jobs.enqueue(&NewJob::new(JobKind::Merge, "t", json!(null)).once("m")).await.unwrap();
    assert_eq!(bench.jobs.enqueue(&NewJob::new(JobKind::Merge, "t", json!(null)).once("m")).await.unwrap().id, merge.id);
    assert_eq!(bench.jobs.active("m").await.unwrap().map(|job| job.id), Some(merge.id));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bench.view(merge.id).await.state, JobState::Queued);
    workers.stop().await;
}
