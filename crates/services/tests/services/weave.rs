//! Weaving through the services: from ids to a file that is in the library.

use crate::common::{Bench, name, write};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use weft_domain::merge::{MergeOutcome, MergeRequest, Method, OutDtype, ProfileValues, Strand, Weave};
use weft_domain::{AdapterId, FileState, JobState, Problem, ProblemKind, RootView};
use weft_weights::family::Family;

fn strands(ids: &[AdapterId]) -> Vec<Strand> {
    ids.iter().zip([0.8, 0.5, -0.3]).map(|(id, weight)| Strand { adapter: *id, weight, profile: None }).collect()
}

fn request(root: &RootView, ids: &[AdapterId], name: &str) -> MergeRequest {
    let weave = Weave { strands: strands(ids), method: Method::Concat, dtype: OutDtype::F32, ..Weave::default() };
    MergeRequest { weave, name: name.into(), root: root.id, folder: String::new() }
}

/// A library of `count` Flux samples; the ids that are plain LoRA.
async fn flux(bench: &Bench, count: usize) -> (RootView, Vec<AdapterId>) {
    bench.samples(count, Family::Flux1);
    let root = bench.add().await;
    let ids = bench.cards().await.into_iter().filter(|c| c.kind == "lora").map(|c| c.id).collect();
    (root, ids)
}

async fn woven(bench: &Bench, request: MergeRequest) -> MergeOutcome {
    let job = bench.services.weave.merge(&bench.editor(), request).await.unwrap();
    bench.idle().await;
    let job = bench.job(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    serde_json::from_value(job.result.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weave_becomes_a_file_in_the_library_and_never_overwrites() {
    let bench = Bench::new().await;
    let (root, ids) = flux(&bench, 3).await;
    let first = woven(&bench, request(&root, &ids[..2], "Nordic / Aurora")).await;
    let card = bench.card("Nordic - Aurora.safetensors").await;
    assert_eq!((first.adapter, card.name.as_str(), card.family.as_str()), (Some(card.id), "Nordic / Aurora", "flux1"));
    assert!(card.has_block_weights && first.modules > 0 && first.rank_max >= 2, "{first:?}");

    // The measured strength of the file is what the Gram matrices foretold.
    let together = bench.services.weave.together(&bench.reader(), &ids[..2]).await.unwrap();
    assert!(together.verdict.fits && together.layout.as_deref() == Some("flux_unet_57"));
    let gram = together.gram.unwrap();
    let slots = gram.combined(&[vec![0.8; gram.slots.len()], vec![0.5; gram.slots.len()]]);
    let details = bench.services.library.details(&bench.reader(), card.id).await.unwrap();
    for block in details.blocks.iter().filter(|b| b.present) {
        let at = gram.slots.iter().position(|s| s.label == block.label).unwrap();
        assert!(
            (slots[at].norm - block.frobenius).abs() <= 1e-4 * block.frobenius,
            "{}: {} {}",
            block.label,
            slots[at].norm,
            block.frobenius
        );
    }

    let second = woven(&bench, request(&root, &ids[..2], "Nordic / Aurora")).await;
    assert!(second.path.ends_with("Nordic - Aurora 2.safetensors"), "{}", second.path);
    assert_eq!(fs::read(&first.path).unwrap(), fs::read(&second.path).unwrap(), "the same plan gives the same bytes");
    let deep = woven(&bench, MergeRequest { folder: "woven/2026".into(), ..request(&root, &ids[..2], "Deep") }).await;
    assert!(deep.path.ends_with("woven/2026/Deep.safetensors"));
    assert!(!fs::read_dir(bench.root()).unwrap().any(|e| e.unwrap().file_name().to_string_lossy().starts_with(".weft")));
    assert_eq!(bench.scan(&root).await["added"].as_u64(), Some(0), "all were indexed already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_go_together_is_refused_with_the_plain_reason() {
    let bench = Bench::new().await;
    bench.samples(2, Family::Flux1);
    write(&bench.root(), 2, Family::Sdxl, 9);
    let root = bench.add().await;
    let of =
        |cards: &[weft_domain::AdapterCard], family: &str| cards.iter().filter(|c| c.family == family).map(|c| c.id).collect::<Vec<_>>();
    let cards = bench.cards().await;
    let mixed = [of(&cards, "flux1")[0], of(&cards, "sdxl")[0]];
    let together = bench.services.weave.together(&bench.reader(), &mixed).await.unwrap();
    assert!(!together.verdict.fits && together.gram.is_none());
    assert!(together.verdict.reasons[0].contains("Flux.1") && together.verdict.reasons[0].contains("SDXL"), "{:?}", together.verdict);
    let refused = bench.services.weave.merge(&bench.editor(), request(&root, &mixed, "x")).await.unwrap_err();
    assert!(refused.detail.unwrap().contains("SDXL"));

    let ids = of(&cards, "flux1");
    let with = |change: fn(&mut MergeRequest)| {
        let mut request = request(&root, &ids, "x");
        change(&mut request);
        request
    };
    let layout = |name: &str, slot: &str, value: f64| {
        Some(ProfileValues { layout: name.into(), slots: BTreeMap::from([(slot.to_owned(), value)]), name: None })
    };
    let profiled = |profile: Option<ProfileValues>| {
        let mut request = request(&root, &ids, "x");
        request.weave.strands[0].profile = profile;
        request
    };
    let refusals: Vec<(&str, MergeRequest)> = vec![
        ("weight", with(|r| r.weave.strands[0].weight = 2.5)),
        ("weight", with(|r| r.weave.strands[0].weight = f64::NAN)),
        ("strands", with(|r| r.weave.strands.clear())),
        ("rank", with(|r| r.weave.method = Method::Svd)),
        ("rank", with(|r| (r.weave.method, r.weave.rank) = (Method::Svd, Some(0)))),
        ("energy", with(|r| (r.weave.method, r.weave.energy) = (Method::Svd, Some(1.5)))),
        ("name", with(|r| r.name = " /.. ".into())),
        ("folder", with(|r| r.folder = "../outside".into())),
        ("root", with(|r| r.root = weft_domain::RootId(99))),
        ("block", profiled(layout("flux_unet_57", "D00", 9.0))),
        ("profile", profiled(layout("sdxl_unet_19", "IN04", 0.5))),
        ("profile", profiled(layout("flux_unet_57", "IN04", 0.5))),
    ];
    for (field, request) in refusals {
        let problem: Problem = bench.services.weave.merge(&bench.editor(), request.clone()).await.unwrap_err();
        assert_eq!(problem.field.as_deref(), Some(field), "{problem} {request:?}");
    }
    let gone = bench.services.weave.together(&bench.reader(), &[AdapterId(9999)]).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound);
    assert!(bench.services.jobs.list(&bench.reader()).await.unwrap().iter().all(|j| j.kind != weft_domain::JobKind::Merge));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_estimate_tells_what_the_file_will_be() {
    let bench = Bench::new().await;
    let (root, ids) = flux(&bench, 3).await;
    let weave = Weave { strands: strands(&ids[..2]), method: Method::Svd, rank: Some(1), dtype: OutDtype::F32, ..Weave::default() };
    let estimate = bench.services.weave.estimate(&bench.reader(), &weave).await.unwrap();
    let chosen = estimate.chosen.unwrap();
    assert!(
        estimate.curve.windows(2).all(|w| w[0].rank < w[1].rank && w[0].energy <= w[1].energy && w[0].bytes <= w[1].bytes),
        "{estimate:?}"
    );
    assert!(estimate.exact_rank >= 1 && estimate.modules > 0 && chosen.rank == 1);
    let request = MergeRequest { weave, ..request(&root, &ids[..2], "Small") };
    let outcome = woven(&bench, request).await;
    assert!((outcome.energy_kept - chosen.energy).abs() < 1e-6, "{} {}", outcome.energy_kept, chosen.energy);
    assert!(outcome.bytes.abs_diff(chosen.bytes) <= 4096, "{} {}", outcome.bytes, chosen.bytes);
    assert_eq!(outcome.rank_max, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_strand_and_a_taken_name_are_told_apart() {
    let bench = Bench::new().await;
    let (root, ids) = flux(&bench, 3).await;
    let file = bench.services.library.file(&bench.reader(), ids[0]).await.unwrap();
    fs::rename(&file.path, bench.folder.path().join("away")).unwrap();
    bench.scan(&root).await;
    let together = bench.services.weave.together(&bench.reader(), &ids[..2]).await.unwrap();
    assert!(!together.verdict.fits && together.verdict.reasons[0].contains("missing"));
    let refused = bench.services.weave.merge(&bench.editor(), request(&root, &ids[..2], "x")).await.unwrap_err();
    assert!(refused.to_string().contains("missing"), "{refused}");
    fs::rename(bench.folder.path().join("away"), &file.path).unwrap();
    bench.scan(&root).await;
    assert_eq!(bench.count(FileState::Ready).await, 3);

    // A file of that name that appears while the job waits keeps its place.
    let job = bench.services.weave.merge(&bench.editor(), request(&root, &ids[..2], "Taken")).await.unwrap();
    let _lost_race = fs::copy(&file.path, bench.root().join("Taken.safetensors"));
    bench.idle().await;
    assert_eq!(bench.job(job.id).await.state, JobState::Done);
    bench.scan(&root).await;
    let names: Vec<String> = bench.cards().await.into_iter().map(|c| c.file_name).filter(|n| n.starts_with("Taken")).collect();
    assert!(names.contains(&"Taken.safetensors".to_owned()) && names.len() <= 2, "{names:?}");
}

/// Twenty times: begin, kill in the middle, start again. In the end every job is done once: no half file, no double row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_leave_no_half_file_and_no_double_row() {
    let mut bench = Bench::new().await;
    let (root, ids) = flux(&bench, 3).await;
    write(&bench.root(), 30, Family::Sd1, 3);
    bench.services.roots.scan(&bench.editor(), root.id).await.unwrap();
    for round in 0..20u64 {
        let mut one = request(&root, &ids[..2], &format!("Woven {round}"));
        (one.weave.method, one.weave.rank, one.weave.dtype) = (Method::Svd, Some(2), OutDtype::F16);
        bench.services.weave.merge(&bench.editor(), one).await.unwrap();
        tokio::time::sleep(Duration::from_millis(7 + (round * 37) % 160)).await;
        bench.crash().await;
        // A job that is killed at each of its five attempts fails, as it should: on a busy machine that would be all of them.
        if round % 4 == 3 {
            bench.idle().await;
        }
    }
    bench.idle().await;
    let jobs = bench.services.jobs.list(&bench.reader()).await.unwrap();
    assert!(jobs.iter().all(|j| j.state == JobState::Done), "{jobs:#?}");
    assert!(jobs.iter().any(|j| j.attempt > 1), "no kill has hit a running job");
    bench.scan(&root).await;
    let cards = bench.cards().await;
    assert_eq!(cards.len(), 3 + 30 + 20, "{:#?}", cards.iter().map(|c| &c.file_name).collect::<Vec<_>>());
    assert!(cards.iter().all(|c| c.state == FileState::Ready && c.has_block_weights));
    for round in 0..20 {
        let mine: Vec<_> = cards.iter().filter(|c| c.name == format!("Woven {round}")).collect();
        assert_eq!(mine.len(), 1, "{mine:#?}");
    }
    let left: Vec<String> = fs::read_dir(bench.root()).unwrap().map(|e| name(&e.unwrap().path())).filter(|n| n.starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_is_kept_and_a_long_one_is_a_job() {
    let bench = Bench::new().await;
    let (_, ids) = flux(&bench, 9).await;
    let ids = &ids[..ids.len().min(8)];
    let began = std::time::Instant::now();
    let found = loop {
        let answer = bench.services.weave.compare_or_job(&bench.reader(), ids).await.unwrap();
        assert_eq!(answer.comparison.is_some(), answer.job.is_none());
        if let Some(found) = answer.comparison {
            break found;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    };
    assert_eq!((found.adapters.as_slice(), found.pairs.len()), (ids, ids.len() * (ids.len() - 1) / 2));
    let jobs = async || bench.services.jobs.list(&bench.reader()).await.unwrap().len();
    let before = jobs().await;
    assert_eq!(bench.services.weave.compare_or_job(&bench.reader(), ids).await.unwrap().comparison, Some(found.clone()));
    assert_eq!(bench.services.weave.compare(&bench.reader(), ids).await.unwrap(), found);
    assert_eq!(jobs().await, before, "kept: no further job");
    for few in [&ids[..1], &[AdapterId(0), AdapterId(1)]] {
        assert!(bench.services.weave.compare_or_job(&bench.reader(), few).await.is_err());
    }
}
