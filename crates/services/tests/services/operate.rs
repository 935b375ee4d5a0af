//! Operations on one adapter through the services: a new file beside the old one, which stays as it is.

use crate::common::Bench;
use std::fs;
use weft_domain::merge::MergeOutcome;
use weft_domain::operation::{CheckOutcome, Convention, Keep, Operation, OperationRequest, Severity};
use weft_domain::{AdapterCard, AdapterId, JobState, JobView, RootView};
use weft_weights::family::Family;
use weft_weights::samples::{SampleSize, SampleSpec};

async fn library(bench: &Bench) -> (RootView, AdapterCard) {
    bench.samples(4, Family::Flux1);
    let root = bench.add().await;
    let card = bench.cards().await.into_iter().find(|c| c.kind == "lora").unwrap();
    (root, card)
}

fn request(root: &RootView, card: &AdapterCard, operation: Operation, name: &str) -> OperationRequest {
    OperationRequest { adapter: card.id, operation, name: name.into(), root: root.id, folder: String::new() }
}

fn edit(scale: f64, drop: &[&str]) -> Operation {
    Operation::Edit { scale, te_scale: None, profile: None, drop: drop.iter().map(|s| (*s).to_owned()).collect() }
}

async fn done(bench: &Bench, job: JobView) -> JobView {
    bench.idle().await;
    let job = bench.job(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    job
}

async fn strength(bench: &Bench, id: AdapterId) -> f64 {
    let details = bench.services.library.details(&bench.reader(), id).await.unwrap();
    details.blocks.iter().map(|b| b.frobenius.powi(2)).sum::<f64>().sqrt()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_copy_is_in_the_library_and_the_original_untouched() {
    let bench = Bench::new().await;
    let (root, card) = library(&bench).await;
    let before = fs::read(bench.root().join(&card.file_name)).unwrap();
    let half = request(&root, &card, edit(0.5, &[]), "Half");
    let job = bench.services.operations.start(&bench.editor(), half.clone()).await.unwrap();
    let job = done(&bench, job).await;
    let outcome: MergeOutcome = serde_json::from_value(job.result.unwrap()).unwrap();
    let copy = bench.card("Half.safetensors").await;
    assert_eq!(outcome.adapter, Some(copy.id));
    assert!(outcome.path.ends_with("Half.safetensors"), "{}", outcome.path);
    let (whole, halved) = (strength(&bench, card.id).await, strength(&bench, copy.id).await);
    assert!((halved / whole - 0.5).abs() < 2e-3, "{whole} {halved}");
    assert_eq!(fs::read(bench.root().join(&card.file_name)).unwrap(), before);
    // The same again takes another name and gives the same tensors.
    let job = bench.services.operations.start(&bench.editor(), half).await.unwrap();
    done(&bench, job).await;
    assert_eq!(fs::read(&outcome.path).unwrap(), fs::read(bench.root().join("Half 2.safetensors")).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resized_copy_has_the_rank_and_says_what_it_kept() {
    let bench = Bench::new().await;
    let thick = SampleSpec { size: SampleSize::Tiny, ..SampleSpec::full(Family::Sd1, 4, 1) };
    thick.write(fs::File::create(bench.root().join("thick.safetensors")).unwrap()).unwrap();
    let root = bench.add().await;
    let card = bench.card("thick.safetensors").await;
    assert_eq!(card.rank_max, Some(4));
    let resize = Operation::Resize { keep: Keep::Rank(1), max_rank: None, dtype: None };
    let job = bench.services.operations.start(&bench.editor(), request(&root, &card, resize, "Thin")).await.unwrap();
    let outcome: MergeOutcome = serde_json::from_value(done(&bench, job).await.result.unwrap()).unwrap();
    assert_eq!((outcome.rank_min, outcome.rank_max), (1, 1));
    assert!(outcome.energy_kept > 0.0 && outcome.energy_kept < 1.0, "{outcome:?}");
    assert_eq!(bench.card("Thin.safetensors").await.rank_max, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_converted_copy_is_as_strong_as_the_original() {
    let bench = Bench::new().await;
    let (root, card) = library(&bench).await;
    for to in Convention::ALL.into_iter().filter(|to| *to != Convention::Peft) {
        let convert = Operation::Convert { to, leave_out: false, dtype: None };
        let job = bench.services.operations.start(&bench.editor(), request(&root, &card, convert, to.as_str())).await.unwrap();
        done(&bench, job).await;
        let copy = bench.card(&format!("{}.safetensors", to.as_str())).await;
        let (one, other) = (strength(&bench, card.id).await, strength(&bench, copy.id).await);
        assert!((one - other).abs() < 2e-3 * one, "{to:?}: {one} {other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_before_a_job_is_made() {
    let bench = Bench::new().await;
    let (root, card) = library(&bench).await;
    for operation in [
        edit(f64::NAN, &[]),
        edit(5.0, &[]),
        edit(1.0, &["IN04"]),
        Operation::Resize { keep: Keep::Rank(0), max_rank: None, dtype: None },
        Operation::Resize { keep: Keep::Energy(1.5), max_rank: None, dtype: None },
    ] {
        let refused = bench.services.operations.start(&bench.editor(), request(&root, &card, operation.clone(), "No")).await;
        assert!(refused.is_err(), "{operation:?}");
    }
    assert!(bench.services.jobs.list(&bench.reader()).await.unwrap().iter().all(|j| j.kind != weft_domain::JobKind::Operation));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_tells_a_sound_file_from_a_damaged_one() {
    let bench = Bench::new().await;
    let (_, card) = library(&bench).await;
    let check = || async {
        let job = bench.services.operations.check(&bench.reader(), card.id).await.unwrap();
        serde_json::from_value::<CheckOutcome>(done(&bench, job).await.result.unwrap()).unwrap()
    };
    let found = check().await;
    assert!(found.sound && found.modules > 0 && found.sha256.is_some(), "{found:?}");
    // NaN in the last factor.
    let path = bench.root().join(&card.file_name);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&[0xff, 0x7f]);
    fs::write(&path, bytes).unwrap();
    let found = check().await;
    assert!(!found.sound && found.findings[0].severity == Severity::Error, "{found:?}");
}
