//! Bake, unbake, extract and PEFT folders through the services: new files beside the old ones, in the library when the job is done.

use crate::checkpoints::{folder, golden, model, page, take};
use crate::common::Bench;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weft_domain::checkpoint::CheckpointForm;
use weft_domain::merge::{MergeOutcome, OutDtype, ProfileValues, Strand};
use weft_domain::model::{AnyRequest, Bake, BakeOutcome, Extract, ModelOperation, ModelRequest, StoreAs};
use weft_domain::operation::{Convention, Operation, OperationRequest};
use weft_domain::{AdapterId, CheckpointId, FileState, FitLevel, JobKind, JobState, JobView, ProblemKind, RootId, RootView};
use weft_weights::checkpoint::Checkpoint;

fn strand(adapter: AdapterId, weight: f64) -> Strand {
    Strand { adapter, weight, profile: None }
}

fn bake(checkpoint: CheckpointId, strands: &[Strand]) -> Bake {
    Bake { checkpoint, adapters: strands.to_vec(), ..Bake::default() }
}

fn request(root: &RootView, operation: ModelOperation, name: &str) -> ModelRequest {
    ModelRequest { operation, name: name.into(), root: root.id, folder: String::new() }
}

async fn done(bench: &Bench, request: ModelRequest) -> JobView {
    let job = bench.services.operations.start_any(&bench.editor(), AnyRequest::Model(request)).await.unwrap();
    bench.idle().await;
    let job = bench.job(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    job
}

async fn baked(bench: &Bench, request: ModelRequest) -> BakeOutcome {
    serde_json::from_value(done(bench, request).await.result.unwrap()).unwrap()
}

/// Every value of the networks, by tensor.
fn values(path: &Path) -> Vec<f32> {
    let opened = Checkpoint::open(path).unwrap();
    let mut all = Vec::new();
    for file in opened.files() {
        for info in &file.header.tensors {
            let mut bytes = vec![0; info.byte_len() as usize];
            file.source.read_at(info.range.start, &mut bytes).unwrap();
            let mut values = vec![0.0; info.elements()];
            weft_weights::dtype::decode_f32(info.dtype, &bytes, &mut values).unwrap();
            all.extend(values);
        }
    }
    all
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

async fn strength(bench: &Bench, id: AdapterId) -> f64 {
    bench.services.library.details(&bench.reader(), id).await.unwrap().frobenius.unwrap()
}

/// A library with Flux, its adapter, and one for Wan.
async fn flux(bench: &Bench) -> (RootView, CheckpointId, AdapterId) {
    take(bench, "flux.original.safetensors", "flux.safetensors");
    take(bench, "flux.adapter.safetensors", "ink.safetensors");
    take(bench, "wan.adapter.safetensors", "wan.safetensors");
    let root = bench.add().await;
    (root, model(bench, "flux.safetensors").await.id, bench.card("ink.safetensors").await.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bake_is_a_new_checkpoint_and_unbaking_brings_the_old_values_back() {
    let bench = Bench::new().await;
    let (root, checkpoint, ink) = flux(&bench).await;
    let original = bench.root().join("flux.safetensors");
    let before = fs::read(&original).unwrap();
    let one = Bake { dtype: StoreAs::F32, ..bake(checkpoint, &[strand(ink, 0.8)]) };
    let outcome = baked(&bench, request(&root, ModelOperation::Bake(one.clone()), "Mine: <b>")).await;
    assert!(outcome.path.ends_with("Mine- -b-.safetensors"), "{}", outcome.path);
    assert!(outcome.changed > 0 && outcome.adapters[0].applied > 0 && outcome.adapters[0].unplaced == 0, "{outcome:?}");
    assert_eq!((outcome.adapters[0].name.as_str(), outcome.bytes), ("ink", fs::metadata(&outcome.path).unwrap().len()));
    let card = model(&bench, "Mine- -b-.safetensors").await;
    assert_eq!((outcome.checkpoint, card.name.as_str(), card.family.as_str()), (Some(card.id), "Mine: <b>", "flux1"));
    assert!(card.autov2.is_some(), "hashed after the bake");
    let details = bench.services.checkpoints.details(&bench.reader(), card.id).await.unwrap();
    let history = &details.metadata.iter().find(|(key, _)| key == "weft.history").unwrap().1;
    assert!(history.contains("ink.safetensors") && history.contains("flux.safetensors") && history.contains("\"bake\""), "{history}");
    assert_eq!(fs::read(&original).unwrap(), before, "the checkpoint is as it was");
    // As large a step as the adapter's strength says.
    let (old, new) = (values(&original), values(Path::new(&outcome.path)));
    let (step, own) = (distance(&old, &new), strength(&bench, ink).await);
    assert!((step / own - 0.8).abs() < 1e-3, "{step} {own}");
    // The same again: another name, the same bytes.
    let again = baked(&bench, request(&root, ModelOperation::Bake(one.clone()), "Mine: <b>")).await;
    assert!(again.path.ends_with("Mine- -b- 2.safetensors"), "{}", again.path);
    assert_eq!(fs::read(&again.path).unwrap(), fs::read(&outcome.path).unwrap());
    // Out again, up to rounding.
    let out = Bake { checkpoint: card.id, ..one };
    let clean = baked(&bench, request(&root, ModelOperation::Unbake(out), "clean")).await;
    assert!(distance(&old, &values(Path::new(&clean.path))) < 1e-5 * step);
    assert_eq!(bench.scan(&root).await["added"].as_u64(), Some(0), "all were indexed already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_become_one_file_and_a_folder_stays_a_folder() {
    let bench = Bench::new().await;
    folder(&bench, "unet.library.safetensors", "unet", "sd");
    fs::write(bench.root().join("sd/unet/config.json"), "{\"a\":1}").unwrap();
    take(&bench, "unet.adapter.safetensors", "ink.safetensors");
    let root = bench.add().await;
    let (sd, ink) = (model(&bench, "sd").await.id, bench.card("ink.safetensors").await.id);
    let one = Bake { stochastic: true, seed: 3, dtype: StoreAs::F16, ..bake(sd, &[strand(ink, 1.0)]) };
    let outcome =
        baked(&bench, ModelRequest { folder: "models".into(), ..request(&root, ModelOperation::Bake(one.clone()), "mine") }).await;
    let made = PathBuf::from(&outcome.path);
    assert_eq!(made, bench.root().join("models/mine"));
    assert_eq!(fs::read(made.join("unet/config.json")).unwrap(), b"{\"a\":1}");
    let card = model(&bench, "mine").await;
    assert_eq!((card.form, card.state, outcome.checkpoint), (CheckpointForm::Folder, FileState::Ready, Some(card.id)));
    assert_eq!(card.dtypes, ["F16"]);
    let again = baked(&bench, ModelRequest { folder: "models".into(), ..request(&root, ModelOperation::Bake(one), "mine") }).await;
    let weights = "unet/diffusion_pytorch_model.safetensors";
    assert!(again.path.ends_with("models/mine 2"));
    assert_eq!(fs::read(Path::new(&again.path).join(weights)).unwrap(), fs::read(made.join(weights)).unwrap(), "one seed, the same bytes");
    assert_eq!(page(&bench).await.total, 3);
    let left: Vec<_> = fs::read_dir(bench.root().join("models")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extracting_a_bake_returns_the_adapter() {
    let bench = Bench::new().await;
    let (root, checkpoint, ink) = flux(&bench).await;
    let into = Bake { dtype: StoreAs::F32, ..bake(checkpoint, &[strand(ink, 0.5)]) };
    let tuned = baked(&bench, request(&root, ModelOperation::Bake(into), "tuned")).await.checkpoint.unwrap();
    let whole = Extract { energy: Some(1.0), dtype: OutDtype::F32, ..Extract::of_rank(tuned, checkpoint, 64) };
    let job = done(&bench, request(&root, ModelOperation::Extract(whole), "back")).await;
    let outcome: MergeOutcome = serde_json::from_value(job.result.unwrap()).unwrap();
    let card = bench.card("back.safetensors").await;
    assert_eq!((outcome.adapter, card.family.as_str(), card.state), (Some(card.id), "flux1", FileState::Ready));
    let (back, own) = (strength(&bench, card.id).await, strength(&bench, ink).await);
    assert!((back / own - 0.5).abs() < 1e-4, "{back} {own}");
    let fits = bench.services.checkpoints.fits(&bench.reader(), card.id, Some(checkpoint)).await.unwrap();
    assert_eq!(fits.fits[0].level, FitLevel::Exact);
    // The two relate as an adapter and half of it.
    let found = bench.services.weave.compare(&bench.reader(), &[ink, card.id]).await.unwrap();
    assert!(found.pairs[0].whole.cosine.unwrap() > 0.999_9, "{:?}", found.pairs[0].whole);
    // Nothing to extract is a failed job with its reason, and no file.
    let same = done_or_not(&bench, request(&root, ModelOperation::Extract(Extract::of_rank(tuned, tuned, 4)), "no")).await;
    assert!(same.is_err());
}

async fn done_or_not(bench: &Bench, request: ModelRequest) -> Result<JobView, weft_domain::Problem> {
    bench.services.operations.start_model(&bench.editor(), request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_before_a_job_is_made() {
    let bench = Bench::new().await;
    let (root, checkpoint, ink) = flux(&bench).await;
    let wan = bench.card("wan.safetensors").await.id;
    let with = |strands: &[Strand]| ModelOperation::Bake(bake(checkpoint, strands));
    let extract = |change: fn(&mut Extract)| {
        let mut extract = Extract::of_rank(checkpoint, CheckpointId(999), 4);
        change(&mut extract);
        ModelOperation::Extract(extract)
    };
    let profile = ProfileValues { layout: "sdxl_unet_19".into(), ..ProfileValues::default() };
    let refusals = [
        ("adapters", with(&[])),
        ("adapters", with(&vec![strand(ink, 1.0); 40])),
        ("weight", with(&[strand(ink, 2.5)])),
        ("weight", with(&[strand(ink, f64::NAN)])),
        ("adapters", with(&[strand(wan, 1.0)])),
        ("profile", with(&[Strand { profile: Some(profile), ..strand(ink, 1.0) }])),
        ("base", extract(|e| e.base = e.tuned)),
        ("rank", extract(|e| e.rank = None)),
        ("rank", extract(|e| e.rank = Some(0))),
        ("energy", extract(|e| e.energy = Some(1.5))),
        ("threshold", extract(|e| e.threshold = f64::NAN)),
        ("clamp", extract(|e| e.clamp = Some(0.0))),
    ];
    for (field, operation) in refusals {
        let problem = done_or_not(&bench, request(&root, operation.clone(), "x")).await.unwrap_err();
        assert_eq!(problem.field.as_deref(), Some(field), "{problem} {operation:?}");
    }
    let fine = with(&[strand(ink, 1.0)]);
    let plain = request(&root, fine.clone(), "x");
    for (field, asked) in [
        ("name", ModelRequest { name: " /.. ".into(), ..plain.clone() }),
        ("folder", ModelRequest { folder: "../outside".into(), ..plain.clone() }),
        ("root", ModelRequest { root: RootId(99), ..plain.clone() }),
    ] {
        assert_eq!(done_or_not(&bench, asked).await.unwrap_err().field.as_deref(), Some(field));
    }
    for (operation, kind) in [
        (ModelOperation::Bake(bake(CheckpointId(-5), &[strand(ink, 1.0)])), ProblemKind::NotFound),
        (with(&[strand(AdapterId(i64::MAX), 1.0)]), ProblemKind::NotFound),
        (extract(|_| ()), ProblemKind::NotFound),
    ] {
        assert_eq!(done_or_not(&bench, request(&root, operation, "x")).await.unwrap_err().kind, kind);
    }
    let jobs = bench.services.jobs.list(&bench.reader()).await.unwrap();
    assert!(jobs.iter().all(|j| !matches!(j.kind, JobKind::Bake | JobKind::Extract)));
    // Asked for, the misfit is baked as far as it has places, or the reason is told.
    let misfit = Bake { misfits: true, ..bake(checkpoint, &[strand(ink, 1.0), strand(wan, 1.0)]) };
    let outcome = baked(&bench, request(&root, ModelOperation::Bake(misfit), "both")).await;
    assert!(outcome.adapters[1].unplaced > 0 && !outcome.adapters[1].left_out.is_empty(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peft_folder_is_one_adapter_of_its_name() {
    let bench = Bench::new().await;
    let (root, _, ink) = flux(&bench).await;
    let convert = Operation::Convert { to: Convention::Peft, leave_out: true, dtype: None };
    let asked = OperationRequest { adapter: ink, operation: convert, name: "For PEFT".into(), root: root.id, folder: String::new() };
    let job = bench.services.operations.start(&bench.editor(), asked).await.unwrap();
    bench.idle().await;
    let job = bench.job(job.id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let outcome: MergeOutcome = serde_json::from_value(job.result.unwrap()).unwrap();
    let folder = bench.root().join("For PEFT");
    assert_eq!(Path::new(&outcome.path), folder.join("adapter_model.safetensors"));
    let config: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!(config["peft_type"], "LORA");
    let card = bench.card("adapter_model.safetensors").await;
    assert_eq!((outcome.adapter, card.folder.as_str(), card.name.as_str()), (Some(card.id), "For PEFT", "For PEFT"));
    let (one, other) = (strength(&bench, ink).await, strength(&bench, card.id).await);
    assert!((one - other).abs() < 2e-3 * one, "{one} {other}");
}

/// Begin, kill in the middle, start again: in the end every bake is done once, and nothing else is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_no_half_checkpoint_and_no_double_row() {
    let mut bench = Bench::new().await;
    folder(&bench, "unet.library.safetensors", "unet", "sd");
    take(&bench, "unet.adapter.safetensors", "unet_ink.safetensors");
    let (root, checkpoint, ink) = flux(&bench).await;
    let (sd, unet) = (model(&bench, "sd").await.id, bench.card("unet_ink.safetensors").await.id);
    for round in 0..12u64 {
        let one = if round % 2 == 0 { bake(checkpoint, &[strand(ink, 0.5)]) } else { bake(sd, &[strand(unet, 0.5)]) };
        done_or_not(&bench, request(&root, ModelOperation::Bake(one), &format!("Baked {round}"))).await.unwrap();
        tokio::time::sleep(Duration::from_millis((round * 13) % 60)).await;
        bench.crash().await;
        // A job that is killed at each of its five attempts fails, as it should: on a busy machine that would be all of them.
        if round % 3 == 2 {
            bench.idle().await;
        }
    }
    bench.idle().await;
    let jobs = bench.services.jobs.list(&bench.reader()).await.unwrap();
    let bakes: Vec<&JobView> = jobs.iter().filter(|j| j.kind == JobKind::Bake).collect();
    assert!(bakes.len() == 12 && bakes.iter().all(|j| j.state == JobState::Done), "{bakes:#?}");
    bench.scan(&root).await;
    let all = page(&bench).await;
    assert_eq!(all.total, 14, "{:#?}", all.items.iter().map(|c| &c.file_name).collect::<Vec<_>>());
    assert!(all.items.iter().all(|c| c.state == FileState::Ready), "{all:#?}");
    let left: Vec<_> = fs::read_dir(bench.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    assert!(golden("flux.original.safetensors").exists());
}

/// What a bake that was cut off at its last attempt has left is removed at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_are_swept_at_the_start() {
    let mut bench = Bench::new().await;
    let (root, checkpoint, ink) = flux(&bench).await;
    baked(&bench, request(&root, ModelOperation::Bake(bake(checkpoint, &[strand(ink, 0.5)])), "mine")).await;
    // No process has an id beyond the largest.
    let (file, folder) = (bench.root().join(".weft-4194999-0.tmp"), bench.root().join(".weft-4194999-1.tmp"));
    fs::create_dir_all(folder.join("result/unet")).unwrap();
    fs::write(folder.join("result/unet/half.safetensors"), b"half").unwrap();
    fs::write(&file, b"half").unwrap();
    bench.crash().await;
    for _ in 0..200 {
        if !file.exists() && !folder.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("still there");
}
