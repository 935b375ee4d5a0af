use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::adapter::PreviewKind;
use weft_storage::{NewFile, WorkKind};

on_both!(work_is_walked_once_and_counted, a_failure_is_noted_on_its_row_alone, a_picture_counts_for_its_source_alone);

async fn work_is_walked_once_and_counted(fixture: &Fixture) {
    let store = &fixture.store;
    let (root, other) = (root(store, "/r").await, root(store, "/other").await);
    let files: Vec<NewFile> = (0..5).map(|n| file(&format!("{n}.safetensors"), facts("sd1"))).collect();
    store.adapters().upsert(root.id, &files, 10).await.unwrap();
    store.adapters().upsert(other.id, &files, 10).await.unwrap();
    assert_eq!(store.adapters().pending_count(WorkKind::Hashes, root.id).await.unwrap(), 5);
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let items = store.adapters().pending(WorkKind::Hashes, root.id, after, 2).await.unwrap();
        let Some(last) = items.last() else { break };
        after = Some(last.id);
        seen.extend(items.iter().map(|item| item.rel_path.clone()));
    }
    assert_eq!(seen, files.iter().map(|file| file.rel_path.clone()).collect::<Vec<_>>());
    let first = store.adapters().pending(WorkKind::Hashes, root.id, None, 1).await.unwrap().remove(0);
    assert!(store.adapters().set_hashes_failed(&first, 20).await.unwrap());
    assert_eq!(store.adapters().pending_count(WorkKind::Hashes, root.id).await.unwrap(), 4);
    store.adapters().forget_measurements(&[first.id]).await.unwrap();
    assert_eq!(store.adapters().pending_count(WorkKind::Hashes, root.id).await.unwrap(), 5);
}

async fn a_failure_is_noted_on_its_row_alone(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    store.adapters().upsert(root.id, &[file("a.safetensors", facts("sd1")), file("b.safetensors", facts("sd1"))], 10).await.unwrap();
    let items = store.adapters().pending(WorkKind::Strengths, root.id, None, 10).await.unwrap();
    assert!(store.adapters().set_strengths_failed(&items[0], "A tensor is cut off.", 20).await.unwrap());
    let failed = store.adapters().details(items[0].id).await.unwrap().unwrap();
    assert!(failed.card.fallback && failed.warnings == ["A tensor is cut off."]);
    let other = store.adapters().details(items[1].id).await.unwrap().unwrap();
    assert!(!other.card.fallback && other.warnings.is_empty());
    assert_eq!(store.adapters().overview().await.unwrap().unmeasured, 1);
    // A later success takes the warning away.
    assert!(store.adapters().set_strengths(&items[0], &Default::default(), 30).await.unwrap());
    assert!(store.adapters().details(items[0].id).await.unwrap().unwrap().warnings.is_empty());
}

async fn a_picture_counts_for_its_source_alone(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let with = NewFile { preview_source: Some("a.png".into()), preview_stamp: Some("1".into()), ..file("a.safetensors", facts("sd1")) };
    store.adapters().upsert(root.id, &[with.clone(), file("b.safetensors", facts("sd1"))], 10).await.unwrap();
    let items = store.adapters().pending(WorkKind::Thumbnails, root.id, None, 10).await.unwrap();
    assert_eq!(items.len(), 1, "only files with a picture");
    let id = items[0].id;
    assert!(store.adapters().set_preview(&items[0], Some("abcdef0123456789"), 20).await.unwrap());
    let card = store.adapters().cards(&[id]).await.unwrap().remove(0);
    assert_eq!((card.preview, card.preview_version.as_str()), (PreviewKind::Image, "abcdef012345"));
    assert_eq!(store.adapters().preview_blobs().await.unwrap().len(), 1);

    let newer = NewFile { preview_stamp: Some("2".into()), sidecar_stamp: Some("s".into()), ..with };
    store.adapters().upsert(root.id, &[newer], 30).await.unwrap();
    assert_eq!(store.adapters().cards(&[id]).await.unwrap()[0].preview, PreviewKind::Portrait);
    assert!(!store.adapters().set_preview(&items[0], Some("old"), 40).await.unwrap());
    let items = store.adapters().pending(WorkKind::Thumbnails, root.id, None, 10).await.unwrap();
    assert!(store.adapters().set_preview(&items[0], None, 50).await.unwrap());
    assert!(store.adapters().pending(WorkKind::Thumbnails, root.id, None, 10).await.unwrap().is_empty());
}
