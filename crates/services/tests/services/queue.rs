//! The queue of generations: order, pause, cancel, trying again, crashes, a disk that does not take anything.

use crate::paint::{Studio, tiny_checkpoint};
use std::time::{Duration, Instant};
use weft_domain::generation::{GenerationRequest, GenerationView, QueueView};
use weft_domain::{GenerationId, JobState, ProblemKind};

impl Studio {
    async fn queue(&self) -> QueueView {
        self.bench.services.generating.queue(&self.bench.reader()).await.unwrap()
    }

    async fn pause(&self, paused: bool) -> QueueView {
        self.bench.services.generating.pause(&self.bench.editor(), paused).await.unwrap()
    }

    /// Waits until something is so.
    async fn until(&self, id: GenerationId, what: &str, is: impl Fn(&GenerationView) -> bool) -> GenerationView {
        let began = Instant::now();
        loop {
            let view = self.get(id).await;
            if is(&view) {
                return view;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "never {what}: {view:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn state(view: &GenerationView) -> JobState {
    view.job.as_ref().unwrap().state
}

fn many(studio: &Studio, count: u32) -> GenerationRequest {
    GenerationRequest { count, ..studio.request("a fox") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_queue_waits_over_a_crash_and_then_goes_in_the_order_it_was_given() {
    let mut studio = Studio::new().await;
    assert!(studio.pause(true).await.paused);
    let mut asked = Vec::new();
    for prompt in ["one", "two", "three", "four"] {
        asked.push(studio.start(studio.request(prompt)).await);
    }
    let jobs: Vec<_> = asked.iter().map(|view| view.job.as_ref().unwrap().id).collect();
    let editor = studio.bench.editor();
    let generating = studio.bench.services.generating.clone();
    generating.reorder(&editor, jobs[3], Some(jobs[0])).await.unwrap();
    let queue = generating.reorder(&editor, jobs[1], None).await.unwrap();
    let prompts = |queue: &QueueView| queue.items.iter().map(|item| item.prompt.clone()).collect::<Vec<_>>();
    assert_eq!(prompts(&queue), ["four", "one", "three", "two"]);
    assert!(queue.items.iter().all(|item| item.total == 1 && item.painted == 0 && item.checkpoint == "tiny"), "{queue:#?}");
    drop(generating);
    studio.bench.crash().await;
    let queue = studio.queue().await;
    assert_eq!((queue.paused, prompts(&queue)), (true, vec!["four".into(), "one".into(), "three".into(), "two".into()]));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(studio.queue().await.items.iter().all(|item| item.job.state == JobState::Queued));
    let waiting = studio.bench.services.generating.finished(&studio.bench.reader(), asked[0].id).await.unwrap_err();
    assert_eq!(waiting.kind, ProblemKind::Unavailable, "{waiting}");
    studio.pause(false).await;
    let mut ended = Vec::new();
    for view in &asked {
        let view = studio.ended(view.id).await;
        ended.push((view.job.unwrap().finished_ms.unwrap(), view.pictures[0].id, view.request.prompt));
    }
    ended.sort_by_key(|(_, picture, _)| *picture);
    assert_eq!(ended.into_iter().map(|(.., prompt)| prompt).collect::<Vec<_>>(), ["four", "one", "three", "two"]);
    let gone = studio.bench.services.generating.reorder(&studio.bench.editor(), jobs[0], None).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_generation_keeps_what_it_has_and_goes_on_when_tried_again() {
    let studio = Studio::new().await;
    let asked = studio.start(many(&studio, 40)).await;
    studio.until(asked.id, "painted", |view| view.pictures.len() >= 2).await;
    studio.bench.services.jobs.cancel(&studio.bench.editor(), asked.job.as_ref().unwrap().id).await.unwrap();
    let view = studio.ended(asked.id).await;
    assert_eq!(state(&view), JobState::Cancelled);
    let before: Vec<_> = view.pictures.iter().map(|card| card.id).collect();
    assert!((2..40).contains(&before.len()), "{}", before.len());
    let queue = studio.queue().await;
    assert_eq!((queue.items.len(), queue.items[0].painted as usize), (1, before.len()), "it can be tried again");
    studio.bench.services.jobs.retry(&studio.bench.editor(), asked.job.as_ref().unwrap().id).await.unwrap();
    let view = studio.ended(asked.id).await;
    assert_eq!((state(&view), view.pictures.len()), (JobState::Done, 40), "{:#?}", view.job);
    assert_eq!(view.pictures[..before.len()].iter().map(|card| card.id).collect::<Vec<_>>(), before, "and painted nothing twice");
    assert!(studio.queue().await.items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_in_the_middle_holds_after_the_picture_at_hand() {
    let studio = Studio::new().await;
    let asked = studio.start(many(&studio, 30)).await;
    studio.until(asked.id, "painted", |view| !view.pictures.is_empty()).await;
    studio.pause(true).await;
    let held = studio.until(asked.id, "held", |view| view.job.as_ref().unwrap().message == "Paused").await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(studio.get(asked.id).await.pictures.len(), held.pictures.len());
    assert!(held.pictures.len() < 30);
    studio.pause(false).await;
    assert_eq!(studio.ended(asked.id).await.pictures.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_loses_no_picture_and_paints_none_twice() {
    let mut studio = Studio::new().await;
    let asked = studio.start(many(&studio, 25)).await;
    for at_least in [2, 8] {
        studio.until(asked.id, "painted", |view| view.pictures.len() >= at_least).await;
        studio.bench.crash().await;
    }
    let view = studio.ended(asked.id).await;
    let shots: Vec<u32> = view.pictures.iter().map(|card| card.shot).collect();
    assert_eq!((state(&view), shots), (JobState::Done, (0..25).collect::<Vec<_>>()), "{:#?}", view.job);
    assert!(view.job.unwrap().attempt > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_is_told_and_the_picture_comes_when_it_does() {
    let studio = Studio::new().await;
    let blobs = studio.bench.folder.path().join("data/blobs");
    let aside = studio.bench.folder.path().join("aside");
    std::fs::rename(&blobs, &aside).unwrap();
    std::fs::write(&blobs, b"no folder").unwrap();
    let asked = studio.start(studio.request("a fox")).await;
    let told = studio.until(asked.id, "told", |view| view.job.as_ref().unwrap().error.is_some()).await;
    let error = told.job.unwrap().error.unwrap();
    assert!(error.contains("could not be stored") && error.contains("full"), "{error}");
    assert!(told.pictures.is_empty(), "no row without its bytes");
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&aside, &blobs).unwrap();
    let view = studio.ended(asked.id).await;
    assert_eq!((state(&view), view.pictures.len()), (JobState::Done, 1), "{:#?}", view.job);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_goes_while_it_is_waited_for_fails_one_job_and_the_next_runs() {
    let studio = Studio::new().await;
    let file = studio.bench.root().join("tiny.safetensors");
    studio.ended(studio.start(studio.request("loaded")).await.id).await;
    studio.pause(true).await;
    let asked = studio.start(studio.request("a fox")).await;
    std::fs::remove_file(&file).unwrap();
    studio.pause(false).await;
    let view = studio.ended(asked.id).await;
    let job = view.job.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.as_deref().is_some_and(|error| error.contains("tiny") && error.contains("gone")), "{job:#?}");
    tiny_checkpoint(&studio.bench.root(), "tiny");
    let next = studio.ended(studio.start(studio.request("a fox")).await.id).await;
    assert_eq!(state(&next), JobState::Done, "{:#?}", next.job);
    let queue = studio.queue().await;
    assert_eq!(queue.items.iter().map(|item| item.generation).collect::<Vec<_>>(), [asked.id], "the failed one can be tried again");
}
