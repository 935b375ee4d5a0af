//! Checkpoints: found, asked for, gone, back, moved, hashed.

use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::checkpoint::{CheckpointFile, CheckpointForm, CheckpointPurpose, CheckpointSort};
use weft_domain::{AdapterEdit, CheckpointId, CheckpointQuery, FileState};
use weft_storage::{CheckpointFacts, FileHashes, NewCheckpoint, Store, UpsertOutcome};

on_both!(
    what_the_headers_say_comes_back_whole,
    words_families_and_windows_narrow_the_list,
    what_is_gone_is_marked_and_comes_back,
    a_moved_checkpoint_keeps_its_row_and_its_twin_is_not_mistaken_for_it,
    hashes_count_for_the_file_they_were_made_from,
    rows_of_adapters_that_are_none_go_unless_a_person_wrote_about_them,
    measures_are_kept_for_their_content_alone,
    hostile_text_is_kept_as_text,
);

fn model(rel_path: &str, family: &str) -> NewCheckpoint {
    let form = if rel_path.ends_with(".safetensors") { CheckpointForm::Single } else { CheckpointForm::Folder };
    NewCheckpoint {
        rel_path: rel_path.into(),
        form,
        size: 7000,
        modified_ms: 5000,
        stamp: format!("{rel_path} 5000"),
        file_key: None,
        header_hash: Some(format!("header of {family}")),
        files: vec![CheckpointFile { name: "x.safetensors".into(), size: 7000 }],
        facts: Ok(CheckpointFacts {
            family: family.into(),
            family_confidence: 0.98,
            model: family.to_uppercase(),
            dtypes: vec!["f16".into()],
            tensors: 12,
            parameters: 3_000_000_000,
            denoiser: true,
            evidence: vec!["because".into()],
            ..CheckpointFacts::default()
        }),
    }
}

async fn add(store: &Store, root: weft_domain::RootId, models: &[NewCheckpoint]) -> Vec<CheckpointId> {
    store.checkpoints().upsert(root, models, 10).await.unwrap().into_iter().map(|(id, _)| id).collect()
}

async fn names(store: &Store, query: &str) -> Vec<String> {
    let page = store.checkpoints().query(&CheckpointQuery::from_query(query)).await.unwrap();
    assert!(page.total >= page.items.len() as u64);
    page.items.into_iter().map(|card| card.name).collect()
}

async fn what_the_headers_say_comes_back_whole(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let mut rich = model("sd/Dream Shaper", "sd1");
    rich.files = vec![
        CheckpointFile { name: "unet/a.safetensors".into(), size: 6000 },
        CheckpointFile { name: "vae/b.safetensors".into(), size: 1000 },
    ];
    rich.facts = Ok(CheckpointFacts {
        title: Some("Dream".into()),
        variant: Some("v8".into()),
        purpose: CheckpointPurpose::Inpaint,
        prediction: Some("v".into()),
        packing: Some("nunchaku".into()),
        layout_id: Some("sd_unet_25".into()),
        in_channels: Some(9),
        text_encoders: vec![1, 2],
        vae: true,
        warnings: vec!["odd".into()],
        metadata: vec![("modelspec.title".into(), "Dream".into())],
        ..rich.facts.unwrap()
    });
    let id = add(store, root.id, &[rich]).await[0];
    let d = store.checkpoints().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.name.as_str(), d.card.file_name.as_str(), d.card.folder.as_str()), ("Dream", "Dream Shaper", "sd"));
    assert_eq!((d.card.form, d.card.purpose, d.card.state), (CheckpointForm::Folder, CheckpointPurpose::Inpaint, FileState::Ready));
    assert_eq!((d.card.family.as_str(), d.card.model.as_str(), d.family_confidence), ("sd1", "SD1", 0.98));
    assert_eq!(
        (d.card.prediction.as_deref(), d.card.packing.as_deref(), d.card.variant.as_deref()),
        (Some("v"), Some("nunchaku"), Some("v8"))
    );
    assert_eq!((d.card.dtypes.as_slice(), d.card.tensors, d.card.parameters), (&["f16".to_owned()][..], 12, 3_000_000_000));
    assert_eq!((d.card.denoiser, d.card.text_encoders.as_slice(), d.card.vae), (true, &[1, 2][..], true));
    assert_eq!((d.layout_id.as_deref(), d.in_channels, d.files.len()), (Some("sd_unet_25"), Some(9), 2));
    assert_eq!((d.path.as_str(), d.evidence.len(), d.warnings.len(), d.metadata.len()), ("/r/sd/Dream Shaper", 1, 1, 1));
    // Several files have no hash that others know: none is due.
    assert_eq!(store.checkpoints().unhashed_count(root.id).await.unwrap(), 0);
    assert_eq!(store.checkpoints().at_path(root.id, "sd/Dream Shaper").await.unwrap(), Some(id));
    assert_eq!(store.adapters().overview().await.unwrap().checkpoints, 1);
}

async fn words_families_and_windows_narrow_the_list(fixture: &Fixture) {
    let store = &fixture.store;
    let (one, other) = (root(store, "/one").await, root(store, "/other").await);
    add(store, one.id, &[model("model10.safetensors", "sd1"), model("model9.safetensors", "sd1"), model("flux/Dev.safetensors", "flux1")])
        .await;
    add(store, other.id, &[model("RealVisXL_v4.safetensors", "sdxl")]).await;
    assert_eq!(names(store, "").await, ["Dev", "model9", "model10", "RealVisXL_v4"]);
    assert_eq!(names(store, "reverse=true&limit=2").await, ["RealVisXL_v4", "model10"]);
    assert_eq!(names(store, "limit=2&offset=2").await, ["model10", "RealVisXL_v4"]);
    for (query, wanted) in
        [("q=real+xl", 1), ("q=flux", 1), ("q=mod", 2), ("q=od", 0), ("q=%25", 4), ("q=%27%22%29+OR+1", 0), ("q=sdxl", 1)]
    {
        assert_eq!(names(store, query).await.len(), wanted, "{query}");
    }
    let page = store.checkpoints().query(&CheckpointQuery::from_query("family=sd1&family=flux1&limit=1")).await.unwrap();
    assert_eq!((page.total, page.items.len()), (3, 1));
    assert_eq!(page.families.iter().map(|f| (f.value.as_str(), f.count)).collect::<Vec<_>>(), [("sd1", 2), ("flux1", 1), ("sdxl", 1)]);
    assert_eq!(names(store, &format!("root={}", other.id)).await, ["RealVisXL_v4"]);
    // Every order is total, both ways.
    for (sort, _) in CheckpointSort::ALL {
        let ask = |reverse| CheckpointQuery { sort, reverse, ..Default::default() };
        let forth = store.checkpoints().query(&ask(false)).await.unwrap().items;
        let mut back = store.checkpoints().query(&ask(true)).await.unwrap().items;
        back.reverse();
        assert_eq!(forth, back, "{sort:?}");
    }
    store.roots().remove(other.id, 20).await.unwrap();
    assert_eq!(names(store, "").await.len(), 3);
    assert_eq!(store.checkpoints().usable().await.unwrap().len(), 3);
}

async fn what_is_gone_is_marked_and_comes_back(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let broken = NewCheckpoint { facts: Err("a shard is missing".into()), header_hash: None, ..model("b", "sd1") };
    let ids = add(store, root.id, &[model("a.safetensors", "sd1"), broken]).await;
    store.checkpoints().mark_missing(&ids, 20).await.unwrap();
    let state = async |n: usize| store.checkpoints().details(ids[n]).await.unwrap().unwrap();
    assert_eq!((state(0).await.card.state, state(0).await.version), (FileState::Missing, 1));
    assert!(store.checkpoints().usable().await.unwrap().is_empty());
    store.checkpoints().mark_present(&ids, 30).await.unwrap();
    assert_eq!((state(0).await.card.state, state(1).await.card.state), (FileState::Ready, FileState::Broken));
    assert_eq!(state(1).await.card.error.as_deref(), Some("a shard is missing"));
    assert_eq!(store.checkpoints().mark_root_missing(root.id, 40).await.unwrap(), 2);
    assert_eq!(store.checkpoints().mark_root_missing(root.id, 41).await.unwrap(), 0);
}

async fn a_moved_checkpoint_keeps_its_row_and_its_twin_is_not_mistaken_for_it(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let old = add(store, root.id, &[model("a.safetensors", "sd1")]).await[0];
    store.checkpoints().mark_missing(&[old], 20).await.unwrap();
    // The same header and size, but neither time nor name: another finetune of the same model.
    let twin = NewCheckpoint { modified_ms: 6, ..model("twin.safetensors", "sd1") };
    let (id, outcome) = store.checkpoints().upsert(root.id, &[twin], 21).await.unwrap()[0];
    assert_eq!((id == old, outcome), (false, UpsertOutcome::Added));
    let (id, outcome) = store.checkpoints().upsert(root.id, &[model("deep/a.safetensors", "sd1")], 22).await.unwrap()[0];
    assert_eq!((id, outcome), (old, UpsertOutcome::Moved));
    let card = store.checkpoints().details(old).await.unwrap().unwrap().card;
    assert_eq!((card.folder.as_str(), card.state), ("deep", FileState::Ready));
}

async fn hashes_count_for_the_file_they_were_made_from(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let one = model("a.safetensors", "sd1");
    let id = add(store, root.id, &[one.clone(), model("b.safetensors", "sdxl")]).await[0];
    let work = store.checkpoints().unhashed(root.id, None, 1).await.unwrap().remove(0);
    assert_eq!((work.id, store.checkpoints().unhashed_count(root.id).await.unwrap()), (id, 2));
    let hashes = FileHashes { sha256: "ab".repeat(32), autov2: Some("ababababab".into()), autov3: None };
    assert!(store.checkpoints().set_hashes(&work, Some(&hashes), 20).await.unwrap());
    // The same file read anew keeps them; a changed one does not, and a late result is refused.
    store.checkpoints().upsert(root.id, std::slice::from_ref(&one), 30).await.unwrap();
    assert_eq!(store.checkpoints().details(id).await.unwrap().unwrap().card.autov2.as_deref(), Some("ababababab"));
    let changed = NewCheckpoint { modified_ms: 9, stamp: "other".into(), ..one };
    store.checkpoints().upsert(root.id, &[changed], 40).await.unwrap();
    assert_eq!(store.checkpoints().details(id).await.unwrap().unwrap().hashes.sha256, None);
    assert!(!store.checkpoints().set_hashes(&work, Some(&hashes), 50).await.unwrap());
    // What cannot be read is not tried for ever.
    let work = store.checkpoints().unhashed(root.id, None, 1).await.unwrap().remove(0);
    assert!(store.checkpoints().set_hashes(&work, None, 60).await.unwrap());
    assert_eq!(store.checkpoints().unhashed_count(root.id).await.unwrap(), 1);
}

async fn rows_of_adapters_that_are_none_go_unless_a_person_wrote_about_them(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let done =
        store.adapters().upsert(root.id, &[file("a.safetensors", facts("sd1")), file("b.safetensors", facts("sd1"))], 10).await.unwrap();
    let edit = AdapterEdit { rating: Some(5), ..Default::default() };
    store.adapters().edit(done[1].id, &edit, 11).await.unwrap();
    let paths = ["a.safetensors".to_owned(), "b.safetensors".to_owned(), "c.safetensors".to_owned()];
    assert_eq!(store.adapters().disown(root.id, &paths, 20).await.unwrap(), 2);
    assert!(store.adapters().details(done[0].id).await.unwrap().is_none());
    assert_eq!(store.adapters().cards(&[done[1].id]).await.unwrap()[0].state, FileState::Missing);
}

async fn measures_are_kept_for_their_content_alone(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let id = store.adapters().upsert(root.id, &[file("a.safetensors", facts("sd1"))], 10).await.unwrap()[0].id;
    let adapters = store.adapters();
    let model = Some(CheckpointId(7));
    adapters.keep_measures(id, None, "one", "plain", 20).await.unwrap();
    adapters.keep_measures(id, model, "one", "beside", 20).await.unwrap();
    assert_eq!(adapters.measures(id, None, "one").await.unwrap().as_deref(), Some("plain"));
    assert_eq!(adapters.measures(id, model, "one").await.unwrap().as_deref(), Some("beside"));
    assert_eq!(adapters.measures(id, None, "two").await.unwrap(), None);
    adapters.keep_measures(id, None, "two", "new", 30).await.unwrap();
    assert_eq!(
        (adapters.measures(id, None, "one").await.unwrap(), adapters.measures(id, None, "two").await.unwrap().as_deref()),
        (None, Some("new"))
    );
    // An adapter that is gone keeps nothing, and says nothing.
    adapters.keep_measures(weft_domain::AdapterId(999), None, "one", "x", 40).await.unwrap();
    assert_eq!(adapters.measures(weft_domain::AdapterId(999), None, "one").await.unwrap(), None);
}

async fn hostile_text_is_kept_as_text(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let hostile = "<script>'\";DROP TABLE checkpoints;--\u{202e}\n\0%_\u{1F525}";
    let path = "'; DROP TABLE roots;--/<b>%\n.safetensors";
    let mut new = model(path, "sd1");
    new.facts = Ok(CheckpointFacts {
        title: Some(hostile.into()),
        model: hostile.into(),
        metadata: vec![(hostile.into(), "x".repeat(1 << 20))],
        ..new.facts.unwrap()
    });
    let id = add(store, root.id, &[new]).await[0];
    let d = store.checkpoints().details(id).await.unwrap().unwrap();
    assert_eq!(d.card.name, hostile.replace('\0', "\u{FFFD}"));
    assert_eq!(d.metadata[0].1.len(), 1 << 20);
    assert_eq!(store.checkpoints().at_path(root.id, path).await.unwrap(), Some(id));
    assert_eq!(names(store, "q=drop+script").await.len(), 1);
}
