use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::adapter::BlockStrength;
use weft_domain::{AdapterEdit, FileState};
use weft_storage::{AdapterFacts, FileHashes, NewFile, Strengths, UpsertOutcome, WorkKind};

on_both!(
    what_a_header_says_comes_back_whole,
    a_second_scan_changes_nothing_that_a_person_wrote,
    changed_content_forgets_measurements_and_same_content_keeps_them,
    a_broken_file_is_listed_with_its_reason,
    hostile_text_is_kept_as_text,
    a_batch_is_all_or_nothing_and_large_ones_fit,
    a_drive_that_is_off_loses_nothing,
);

fn rich() -> AdapterFacts {
    AdapterFacts {
        title: Some("Nordic Ink".into()),
        variant: Some("Pony".into()),
        naming: Some("kohya".into()),
        alpha: Some(8.0),
        trigger_words: vec!["nrdink".into(), "ink wash".into()],
        training_tags: vec![("1girl".into(), 40), ("ink".into(), 12)],
        tags: vec!["Style".into(), "ink".into(), "INK".into()],
        description: Some("Lines.".into()),
        warnings: vec!["odd".into()],
        metadata: vec![("ss_network_dim".into(), "16".into())],
        synthetic: true,
        ..facts("sdxl")
    }
}

async fn what_a_header_says_comes_back_whole(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let done = store.adapters().upsert(root.id, &[file("sub/dir/nordic_ink.safetensors", rich())], 10).await.unwrap();
    assert_eq!(done[0].outcome, UpsertOutcome::Added);
    let d = store.adapters().details(done[0].id).await.unwrap().unwrap();
    assert_eq!(d.card.name, "Nordic Ink");
    assert_eq!((d.card.file_name.as_str(), d.card.folder.as_str()), ("nordic_ink.safetensors", "sub/dir"));
    assert_eq!(d.path, "/r/sub/dir/nordic_ink.safetensors");
    assert_eq!(d.card.tags, ["Style", "ink"]);
    assert_eq!((d.card.rank_min, d.card.rank_max, d.alpha), (Some(4), Some(16), Some(8.0)));
    assert_eq!((d.variant.as_deref(), d.naming.as_deref()), (Some("Pony"), Some("kohya")));
    assert_eq!(d.training_tags, [("1girl".to_owned(), 40), ("ink".to_owned(), 12)]);
    assert_eq!((d.evidence, d.warnings), (vec!["because".to_owned()], vec!["odd".to_owned()]));
    assert_eq!(d.metadata, [("ss_network_dim".to_owned(), "16".to_owned())]);
    assert!(d.synthetic && d.blocks.is_empty() && d.version == 0);
    let place = store.adapters().place(done[0].id).await.unwrap().unwrap();
    assert_eq!(place.path(), std::path::Path::new("/r/sub/dir/nordic_ink.safetensors"));
    assert_eq!(store.adapters().at_path(root.id, "sub/dir/nordic_ink.safetensors").await.unwrap(), Some(done[0].id));
}

async fn a_second_scan_changes_nothing_that_a_person_wrote(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let id = store.adapters().upsert(root.id, &[file("a.safetensors", rich())], 10).await.unwrap()[0].id;
    let edit = AdapterEdit {
        name: Some("Mine".into()),
        tags: Some(vec!["own".into()]),
        notes: Some("n".into()),
        rating: Some(5),
        version: Some(0),
    };
    store.adapters().edit(id, &edit, 11).await.unwrap();
    let again = NewFile { size: 2000, ..file("a.safetensors", AdapterFacts { title: Some("New title".into()), ..rich() }) };
    let done = store.adapters().upsert(root.id, &[again], 12).await.unwrap();
    assert_eq!((done[0].id, done[0].outcome), (id, UpsertOutcome::Updated));
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.name.as_str(), d.notes.as_str(), d.card.rating, d.card.size), ("Mine", "n", Some(5), 2000));
    assert_eq!((d.card.tags, d.card.added_ms, d.version), (vec!["own".to_owned()], 10, 1));
}

async fn changed_content_forgets_measurements_and_same_content_keeps_them(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let original = file("a.safetensors", facts("sd1"));
    let id = store.adapters().upsert(root.id, std::slice::from_ref(&original), 10).await.unwrap()[0].id;
    let item = store.adapters().pending(WorkKind::Strengths, root.id, None, 10).await.unwrap().remove(0);
    let block = BlockStrength { slot: "IN01".into(), label: "IN01".into(), group: "in".into(), present: true, frobenius: 2.0, rms: 0.1 };
    let found = Strengths { blocks: vec![block], frobenius: Some(2.0), has_block_weights: true, ..Default::default() };
    assert!(store.adapters().set_strengths(&item, &found, 20).await.unwrap());
    let hashes = FileHashes { sha256: "ab".repeat(32), autov2: None, autov3: None };
    assert_eq!(store.adapters().set_hashes(&item, &hashes, 20).await.unwrap(), Some(id));
    let before = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((before.blocks.len(), before.frobenius, before.card.has_block_weights), (1, Some(2.0), true));

    store.adapters().upsert(root.id, std::slice::from_ref(&original), 30).await.unwrap();
    let same = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((same.blocks.len(), same.hashes.clone()), (1, before.hashes));

    let changed = NewFile { modified_ms: 6000, header_hash: Some("other".into()), ..original };
    store.adapters().upsert(root.id, &[changed], 40).await.unwrap();
    let after = store.adapters().details(id).await.unwrap().unwrap();
    assert!(after.blocks.is_empty() && after.frobenius.is_none() && after.hashes.sha256.is_none() && !after.card.has_block_weights);
    assert_ne!(after.card.preview_version, before.card.preview_version);
    assert!(!store.adapters().set_strengths(&item, &found, 50).await.unwrap(), "measured from the file as it was");
    assert_eq!(store.adapters().set_hashes(&item, &hashes, 50).await.unwrap(), None);
}

async fn a_broken_file_is_listed_with_its_reason(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let broken = NewFile { facts: Err("The header ends too early.".into()), header_hash: None, ..file("b.safetensors", facts("sd1")) };
    let id = store.adapters().upsert(root.id, &[broken], 10).await.unwrap()[0].id;
    let card = store.adapters().cards(&[id]).await.unwrap().remove(0);
    assert_eq!(
        (card.state, card.error.as_deref(), card.family.as_str()),
        (FileState::Broken, Some("The header ends too early."), "unknown")
    );
    assert!(store.adapters().pending(WorkKind::Strengths, root.id, None, 10).await.unwrap().is_empty());
    store.adapters().upsert(root.id, &[file("b.safetensors", facts("sd1"))], 20).await.unwrap();
    let card = store.adapters().cards(&[id]).await.unwrap().remove(0);
    assert_eq!((card.state, card.error), (FileState::Ready, None));
}

async fn hostile_text_is_kept_as_text(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let hostile = "<script>'\";DROP TABLE adapters;--\u{202e}\n\0\u{1F525}";
    let facts = AdapterFacts {
        title: Some(hostile.into()),
        trigger_words: vec![hostile.into()],
        tags: vec![hostile.into()],
        metadata: vec![(hostile.into(), "x".repeat(2 << 20))],
        alpha: Some(f64::NAN),
        ..facts("sd1")
    };
    let path = "'; DROP TABLE roots;--/<b>\n.safetensors";
    let id = store.adapters().upsert(root.id, &[file(path, facts)], 10).await.unwrap()[0].id;
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!(d.card.name, hostile.replace('\0', "\u{FFFD}"));
    assert_eq!((d.trigger_words[0].as_str(), d.alpha), (hostile, None));
    assert_eq!(d.metadata[0].1.len(), 2 << 20);
    assert_eq!(store.adapters().at_path(root.id, path).await.unwrap(), Some(id));
}

async fn a_batch_is_all_or_nothing_and_large_ones_fit(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let files: Vec<NewFile> = (0..1200).map(|n| file(&format!("f{n}.safetensors"), facts("sd1"))).collect();
    let done = store.adapters().upsert(root.id, &files, 10).await.unwrap();
    assert_eq!(done.len(), 1200);
    assert_eq!(store.adapters().known(root.id).await.unwrap().len(), 1200);
    // A root that does not exist: the foreign key refuses the batch, and nothing of it stays.
    let nowhere = weft_domain::RootId(9999);
    assert!(store.adapters().upsert(nowhere, &files[..3], 11).await.is_err());
    assert_eq!(store.adapters().overview().await.unwrap().adapters, 1200);
    let counts = store.roots().counts().await.unwrap();
    assert_eq!(counts.get(&root.id), Some(&1200));
}

async fn a_drive_that_is_off_loses_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let broken = NewFile { facts: Err("bad".into()), ..file("b.safetensors", facts("sd1")) };
    let done = store.adapters().upsert(root.id, &[file("a.safetensors", facts("sd1")), broken], 10).await.unwrap();
    let ids: Vec<_> = done.iter().map(|done| done.id).collect();
    store.roots().set_online(root.id, false).await.unwrap();
    assert_eq!(store.adapters().mark_root_missing(root.id, 20).await.unwrap(), 2);
    assert_eq!(store.adapters().mark_root_missing(root.id, 21).await.unwrap(), 0);
    assert!(store.adapters().cards(&ids).await.unwrap().iter().all(|card| card.state == FileState::Missing));
    assert_eq!(store.adapters().overview().await.unwrap().missing, 2);
    store.adapters().mark_present(&ids, 30).await.unwrap();
    let states: Vec<_> = store.adapters().cards(&ids).await.unwrap().iter().map(|card| card.state).collect();
    assert_eq!(states, [FileState::Ready, FileState::Broken]);
}
