//! Checkpoints through the services: found, told apart from adapters, compared, measured.

use crate::common::Bench;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weft_domain::checkpoint::CheckpointForm;
use weft_domain::{
    AdapterId, AdapterMeasures, CheckpointCard, CheckpointId, CheckpointPage, CheckpointQuery, FileState, FitLevel, ProblemKind,
};
use weft_weights::family::Family;

/// Tiny models and adapters that diffusers made.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../weights/golden/checkpoints").join(name)
}

pub(crate) fn take(bench: &Bench, name: &str, to: &str) -> PathBuf {
    let path = bench.root().join(to);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(golden(name), &path).unwrap();
    path
}

pub(crate) async fn page(bench: &Bench) -> CheckpointPage {
    bench.services.checkpoints.query(&bench.reader(), &CheckpointQuery::default()).await.unwrap()
}

pub(crate) async fn model(bench: &Bench, file_name: &str) -> CheckpointCard {
    let all = page(bench).await.items;
    all.iter().find(|c| c.file_name == file_name).unwrap_or_else(|| panic!("no {file_name} among {all:#?}")).clone()
}

/// The file of a model as two shards with their index, in a folder.
fn shards(bench: &Bench, name: &str, to: &str) {
    use weft_weights::header::Header;
    let bytes = fs::read(golden(name)).unwrap();
    let header = Header::parse(&bytes, bytes.len() as u64).unwrap();
    let folder = bench.root().join(to);
    fs::create_dir_all(&folder).unwrap();
    let (half, mut map) = (header.tensors.len() / 2, serde_json::Map::new());
    for (n, tensors) in [&header.tensors[..half], &header.tensors[half..]].into_iter().enumerate() {
        let shard = format!("model-0000{}-of-00002.safetensors", n + 1);
        let (mut entries, mut data) = (serde_json::Map::new(), Vec::new());
        for t in tensors {
            let start = data.len();
            data.extend_from_slice(&bytes[t.range.start as usize..t.range.end as usize]);
            let entry = serde_json::json!({ "dtype": t.dtype.name(), "shape": t.shape, "data_offsets": [start, data.len()] });
            entries.insert(t.name.clone(), entry);
            map.insert(t.name.clone(), shard.clone().into());
        }
        let json = serde_json::to_vec(&entries).unwrap();
        let mut file = (json.len() as u64).to_le_bytes().to_vec();
        file.extend(json);
        file.extend(data);
        fs::write(folder.join(shard), file).unwrap();
    }
    fs::write(folder.join("model.safetensors.index.json"), serde_json::json!({ "weight_map": map }).to_string()).unwrap();
}

/// A folder of diffusers with one component and what belongs beside it.
pub(crate) fn folder(bench: &Bench, name: &str, component: &str, to: &str) {
    take(bench, name, &format!("{to}/{component}/diffusion_pytorch_model.safetensors"));
    fs::write(bench.root().join(to).join(component).join("config.json"), "{}").unwrap();
    fs::write(bench.root().join(to).join("model_index.json"), "{}").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_a_checkpoint_is_one_row_and_no_adapter() {
    let bench = Bench::new().await;
    bench.samples(2, Family::Sd1);
    take(&bench, "flux.original.safetensors", "flux.safetensors");
    take(&bench, "flux.adapter.safetensors", "loras/ink.safetensors");
    shards(&bench, "wan.original.safetensors", "big");
    folder(&bench, "unet.library.safetensors", "unet", "sd");
    fs::write(bench.root().join("rubbish.safetensors"), b"x").unwrap();
    let root = bench.add().await;
    let all = page(&bench).await;
    assert_eq!(all.total, 3, "{all:#?}");
    let flux = model(&bench, "flux.safetensors").await;
    assert_eq!((flux.form, flux.family.as_str(), flux.state, flux.denoiser), (CheckpointForm::Single, "flux1", FileState::Ready, true));
    assert!(flux.autov2.is_some() && flux.parameters > 0 && flux.tensors > 0 && !flux.dtypes.is_empty(), "{flux:?}");
    let details = bench.services.checkpoints.details(&bench.reader(), flux.id).await.unwrap();
    assert_eq!((details.hashes.sha256.unwrap().len(), details.layout_id.as_deref()), (64, Some("flux_unet_57")));
    assert!(details.family_confidence > 0.9 && !details.evidence.is_empty());
    let wan = model(&bench, "model.safetensors.index.json").await;
    assert_eq!((wan.form, wan.family.as_str(), wan.folder.as_str(), wan.autov2), (CheckpointForm::Sharded, "wan", "big", None));
    let sd = model(&bench, "sd").await;
    assert_eq!((sd.form, sd.denoiser, sd.state), (CheckpointForm::Folder, true, FileState::Ready));
    let details = bench.services.checkpoints.details(&bench.reader(), sd.id).await.unwrap();
    assert_eq!(details.files[0].name, "unet/diffusion_pytorch_model.safetensors");
    // The adapters: two samples, the golden one, and the rubbish with its reason.
    let cards = bench.cards().await;
    assert_eq!(cards.len(), 4, "{cards:#?}");
    assert_eq!(bench.count(FileState::Broken).await, 1);
    // A second scan opens nothing.
    let again = bench.scan(&root).await;
    assert_eq!((again["unchanged"].as_u64(), again["added"].as_u64(), again["updated"].as_u64()), (Some(7), Some(0), Some(0)), "{again}");
    assert_eq!(page(&bench).await.items, all.items);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_on_the_disk_changes_in_the_list() {
    let bench = Bench::new().await;
    let flux = take(&bench, "flux.original.safetensors", "model.safetensors");
    folder(&bench, "unet.library.safetensors", "unet", "sd");
    let root = bench.add().await;
    let (one, sd) = (model(&bench, "model.safetensors").await, model(&bench, "sd").await);
    // Gone and back.
    fs::rename(bench.root().join("sd"), bench.folder.path().join("away")).unwrap();
    assert_eq!(bench.scan(&root).await["missing"].as_u64(), Some(1));
    assert_eq!(model(&bench, "sd").await.state, FileState::Missing);
    let refused = bench.services.checkpoints.fits(&bench.reader(), AdapterId(1), Some(sd.id)).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NotFound, "no such adapter");
    fs::rename(bench.folder.path().join("away"), bench.root().join("sd")).unwrap();
    assert_eq!(bench.scan(&root).await["back"].as_u64(), Some(1));
    // Moved: the same row.
    fs::create_dir(bench.root().join("deep")).unwrap();
    fs::rename(&flux, bench.root().join("deep/model.safetensors")).unwrap();
    assert_eq!(bench.scan(&root).await["moved"].as_u64(), Some(1));
    let moved = model(&bench, "model.safetensors").await;
    assert_eq!((moved.id, moved.folder.as_str(), moved.autov2), (one.id, "deep", one.autov2));
    // A shard of the folder is damaged: broken, with the reason, and the adapters do not get it.
    fs::write(bench.root().join("sd/unet/diffusion_pytorch_model.safetensors"), b"half").unwrap();
    bench.scan(&root).await;
    let broken = model(&bench, "sd").await;
    assert_eq!((broken.id, broken.state), (sd.id, FileState::Broken));
    assert!(broken.error.unwrap().contains("diffusion_pytorch_model"));
    assert!(bench.cards().await.is_empty());
    // An adapter takes a checkpoint's name: the one appears, the other is missing.
    fs::copy(golden("flux.adapter.safetensors"), bench.root().join("deep/model.safetensors")).unwrap();
    bench.scan(&root).await;
    assert_eq!((bench.cards().await.len(), model(&bench, "model.safetensors").await.state), (1, FileState::Missing));
    // And back again.
    fs::copy(golden("flux.original.safetensors"), bench.root().join("deep/model.safetensors")).unwrap();
    bench.scan(&root).await;
    assert_eq!((bench.cards().await.len(), model(&bench, "model.safetensors").await.state), (0, FileState::Ready));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_is_told_which_checkpoints_it_fits_best_first() {
    let bench = Bench::new().await;
    for (name, to) in [("flux.original.safetensors", "flux.safetensors"), ("wan.original.safetensors", "wan.safetensors")] {
        take(&bench, name, to);
    }
    take(&bench, "flux.adapter.safetensors", "ink.safetensors");
    take(&bench, "dora.adapter.safetensors", "dora.safetensors");
    bench.add().await;
    let (flux, wan) = (model(&bench, "flux.safetensors").await, model(&bench, "wan.safetensors").await);
    let ink = bench.card("ink.safetensors").await.id;
    let fits = bench.services.checkpoints.fits(&bench.reader(), ink, None).await.unwrap();
    let levels: Vec<(CheckpointId, FitLevel)> = fits.fits.iter().map(|f| (f.checkpoint, f.level)).collect();
    assert_eq!(levels, [(flux.id, FitLevel::Exact), (wan.id, FitLevel::Wrong)], "{fits:#?}");
    let best = &fits.fits[0];
    assert_eq!(best.denoiser.modules, best.denoiser.matched);
    assert!(best.denoiser.modules > 0 && best.reason.ends_with('.') && fits.notes.is_empty());
    assert_eq!(bench.services.checkpoints.fits(&bench.reader(), ink, None).await.unwrap(), fits, "kept");
    let one = bench.services.checkpoints.fits(&bench.reader(), ink, Some(wan.id)).await.unwrap();
    assert_eq!(one.fits, fits.fits[1..]);
    let dora = bench.card("dora.safetensors").await.id;
    let fits = bench.services.checkpoints.fits(&bench.reader(), dora, Some(flux.id)).await.unwrap();
    assert_eq!(fits.fits[0].level, FitLevel::NeedsBase);
    let problem = bench.services.checkpoints.fits(&bench.reader(), ink, Some(CheckpointId(-1))).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::NotFound);
    // A file that has vanished since the scan is told, and does not stop the others.
    fs::remove_file(bench.root().join("wan.safetensors")).unwrap();
    let fits = bench.services.checkpoints.fits(&bench.reader(), dora, None).await.unwrap();
    assert_eq!((fits.fits.len(), fits.notes.len()), (1, 1), "{fits:?}");
}

async fn measured(bench: &Bench, id: AdapterId, checkpoint: Option<CheckpointId>) -> AdapterMeasures {
    let began = Instant::now();
    loop {
        let answer = bench.services.measuring.measures(&bench.reader(), id, checkpoint).await.unwrap();
        assert_eq!(answer.measures.is_some(), answer.job.is_none());
        if let Some(measures) = answer.measures {
            return measures;
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measures_agree_with_the_strengths_and_are_kept() {
    let bench = Bench::new().await;
    take(&bench, "flux.original.safetensors", "flux.safetensors");
    take(&bench, "flux.adapter.safetensors", "ink.safetensors");
    take(&bench, "dora.adapter.safetensors", "dora.safetensors");
    bench.add().await;
    let (flux, ink) = (model(&bench, "flux.safetensors").await.id, bench.card("ink.safetensors").await.id);
    let found = measured(&bench, ink, None).await;
    let details = bench.services.library.details(&bench.reader(), ink).await.unwrap();
    let whole = details.frobenius.unwrap();
    let own = found.denoiser.frobenius.hypot(found.text_encoders.as_ref().map_or(0.0, |t| t.frobenius));
    assert!((own - whole).abs() <= 1e-6 * whole, "{own} {whole}");
    for block in details.blocks.iter().filter(|b| b.present) {
        let part = found.slots.iter().find(|s| s.label == block.label).unwrap();
        assert!((part.measures.frobenius - block.frobenius).abs() <= 1e-6 * block.frobenius);
    }
    let spread = found.denoiser.spectrum.unwrap();
    assert!(spread.rank_90 <= spread.rank_95 && spread.rank_95 <= spread.rank_99 && spread.rank_99 <= spread.rank);
    assert!(found.denoiser.relative.is_none() && found.modules.len() == details.modules as usize);
    // Beside a checkpoint: relative sizes; what depends on it is measured there alone.
    let beside = measured(&bench, ink, Some(flux)).await;
    assert!(beside.denoiser.relative.unwrap() > 0.0);
    let dora = bench.card("dora.safetensors").await.id;
    assert!(!measured(&bench, dora, None).await.notes.is_empty());
    assert!(measured(&bench, dora, Some(flux)).await.modules.iter().all(|m| m.measures.is_some()));
    // Kept: no further job for the same bytes.
    let jobs = async || bench.services.jobs.list(&bench.reader()).await.unwrap().len();
    let before = jobs().await;
    assert_eq!(measured(&bench, ink, None).await, found);
    assert_eq!(jobs().await, before);
    let gone = bench.services.measuring.measures(&bench.reader(), AdapterId(0), None).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound);
}
