//! Nothing that a person wrote is lost when files move.

use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::{AdapterEdit, AdapterId, FileState, RootId};
use weft_storage::{FileHashes, NewFile, Store, UpsertOutcome, WorkKind};

on_both!(
    a_renamed_file_keeps_its_row,
    a_file_moved_to_another_root_keeps_its_row_whichever_root_is_scanned_first,
    files_trained_alike_are_not_mistaken_for_each_other,
    a_copy_beside_a_drive_that_is_off_takes_nothing,
    a_removed_roots_file_found_under_its_parent_keeps_its_row,
    the_hash_finds_what_the_header_could_not,
);

async fn add(store: &Store, root: RootId, file: NewFile) -> AdapterId {
    store.adapters().upsert(root, &[file], 10).await.unwrap()[0].id
}

async fn write_about(store: &Store, id: AdapterId) {
    let edit = AdapterEdit { name: Some("Mine".into()), tags: Some(vec!["own".into()]), rating: Some(5), ..Default::default() };
    store.adapters().edit(id, &edit, 11).await.unwrap();
}

async fn a_renamed_file_keeps_its_row(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let old = file("old.safetensors", facts("sd1"));
    let id = add(store, root.id, old.clone()).await;
    write_about(store, id).await;
    store.adapters().mark_missing(&[id], 20).await.unwrap();
    let new = NewFile { rel_path: "sub/new.safetensors".into(), ..old };
    let done = store.adapters().upsert(root.id, &[new], 21).await.unwrap();
    assert_eq!((done[0].id, done[0].outcome), (id, UpsertOutcome::Moved));
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.state, d.card.folder.as_str(), d.card.rating), (FileState::Ready, "sub", Some(5)));
    assert_eq!((d.card.name.as_str(), d.card.tags), ("Mine", vec!["own".to_owned()]));
    assert_eq!(store.adapters().overview().await.unwrap().adapters, 1);
}

async fn a_file_moved_to_another_root_keeps_its_row_whichever_root_is_scanned_first(fixture: &Fixture) {
    let store = &fixture.store;
    let (from, to) = (root(store, "/from").await, root(store, "/to").await);
    let moved = file("x.safetensors", facts("sd1"));
    let id = add(store, from.id, moved.clone()).await;
    write_about(store, id).await;
    // The new place is seen before the old one is known to be empty.
    let copy = add(store, to.id, moved).await;
    assert_ne!(copy, id);
    let replaced = store.adapters().mark_missing(&[id], 20).await.unwrap();
    assert_eq!(replaced, [copy]);
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.root, d.card.state, d.card.name.as_str()), (to.id, FileState::Ready, "Mine"));
    assert!(store.adapters().details(copy).await.unwrap().is_none());
    let found = store.adapters().query(&weft_domain::LibraryQuery { text: "mine own".into(), ..Default::default() }).await.unwrap();
    assert_eq!(found.total, 1);
}

async fn files_trained_alike_are_not_mistaken_for_each_other(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let alike = |name: &str, modified_ms| NewFile { header_hash: Some("same".into()), modified_ms, ..file(name, facts("flux1")) };
    let id = add(store, root.id, alike("epoch1.safetensors", 1)).await;
    write_about(store, id).await;
    store.adapters().mark_missing(&[id], 20).await.unwrap();
    let done = store.adapters().upsert(root.id, &[alike("other.safetensors", 2)], 21).await.unwrap();
    assert_eq!(done[0].outcome, UpsertOutcome::Added);
    assert_eq!(store.adapters().cards(&[id]).await.unwrap()[0].state, FileState::Missing);
}

async fn a_copy_beside_a_drive_that_is_off_takes_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    let (drive, here) = (root(store, "/drive").await, root(store, "/here").await);
    let same = file("x.safetensors", facts("sd1"));
    let id = add(store, drive.id, same.clone()).await;
    write_about(store, id).await;
    store.roots().set_online(drive.id, false).await.unwrap();
    store.adapters().mark_root_missing(drive.id, 20).await.unwrap();
    let done = store.adapters().upsert(here.id, &[same], 21).await.unwrap();
    assert_eq!(done[0].outcome, UpsertOutcome::Added);
    let card = store.adapters().cards(&[id]).await.unwrap().remove(0);
    assert_eq!((card.root, card.rating), (drive.id, Some(5)));
}

async fn a_removed_roots_file_found_under_its_parent_keeps_its_row(fixture: &Fixture) {
    let store = &fixture.store;
    let below = root(store, "/all/some").await;
    let known = file("x.safetensors", facts("sd1"));
    let id = add(store, below.id, known.clone()).await;
    write_about(store, id).await;
    store.roots().remove(below.id, 20).await.unwrap();
    let above = root(store, "/all").await;
    let done = store.adapters().upsert(above.id, &[NewFile { rel_path: "some/x.safetensors".into(), ..known }], 21).await.unwrap();
    assert_eq!((done[0].id, done[0].outcome), (id, UpsertOutcome::Moved));
    assert_eq!(store.adapters().details(id).await.unwrap().unwrap().card.name, "Mine");
}

async fn the_hash_finds_what_the_header_could_not(fixture: &Fixture) {
    let store = &fixture.store;
    let root = root(store, "/r").await;
    let hashes = FileHashes { sha256: "cd".repeat(32), autov2: None, autov3: None };
    let id = add(store, root.id, file("a.safetensors", facts("sd1"))).await;
    let item = store.adapters().pending(WorkKind::Hashes, root.id, None, 1).await.unwrap().remove(0);
    store.adapters().set_hashes(&item, &hashes, 12).await.unwrap();
    write_about(store, id).await;
    store.adapters().mark_missing(&[id], 20).await.unwrap();
    // Renamed and touched: neither name nor time is the old one.
    let touched = NewFile { modified_ms: 9, header_hash: Some("header of a.safetensors".into()), ..file("b.safetensors", facts("sd1")) };
    let new = add(store, root.id, touched).await;
    assert_ne!(new, id);
    let item = store.adapters().pending(WorkKind::Hashes, root.id, None, 5).await.unwrap().remove(0);
    assert_eq!(item.id, new);
    assert_eq!(store.adapters().set_hashes(&item, &hashes, 30).await.unwrap(), Some(id));
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.file_name.as_str(), d.card.name.as_str(), d.card.state), ("b.safetensors", "Mine", FileState::Ready));
    assert_eq!(store.adapters().overview().await.unwrap().adapters, 1);
}
