use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::{AdapterEdit, AdapterId, LibraryQuery};
use weft_storage::{Store, StoreError};

on_both!(an_edit_changes_what_it_names, two_windows_cannot_overwrite_each_other, edits_are_found_at_once, a_tag_has_one_spelling);

async fn one(store: &Store) -> AdapterId {
    let root = root(store, "/r").await;
    store.adapters().upsert(root.id, &[file("paper_cut.safetensors", facts("sd1"))], 10).await.unwrap()[0].id
}

async fn an_edit_changes_what_it_names(fixture: &Fixture) {
    let (store, id) = (&fixture.store, one(&fixture.store).await);
    let all = AdapterEdit {
        name: Some("Cut".into()),
        tags: Some(vec!["b".into(), "a".into()]),
        notes: Some("long \0 notes".into()),
        rating: Some(3),
        version: None,
    };
    store.adapters().edit(id, &all, 20).await.unwrap();
    store.adapters().edit(id, &AdapterEdit { rating: Some(0), ..Default::default() }, 21).await.unwrap();
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((d.card.name.as_str(), d.card.rating, d.version), ("Cut", None, 2));
    assert_eq!((d.card.tags, d.notes.as_str()), (vec!["b".to_owned(), "a".to_owned()], "long \u{FFFD} notes"));
    store.adapters().edit(id, &AdapterEdit { name: Some(String::new()), tags: Some(vec![]), ..Default::default() }, 22).await.unwrap();
    let d = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!(d.card.name, "paper_cut");
    assert!(d.card.tags.is_empty());
    let missing = store.adapters().edit(AdapterId(999), &AdapterEdit::default(), 23).await;
    assert!(matches!(missing, Err(StoreError::NotFound { id: 999, .. })));
}

async fn two_windows_cannot_overwrite_each_other(fixture: &Fixture) {
    let (store, id) = (&fixture.store, one(&fixture.store).await);
    let edit = |rating| AdapterEdit { rating: Some(rating), version: Some(0), ..Default::default() };
    let repo = store.adapters();
    let (one, two) = (edit(1), edit(2));
    let (one, two) = tokio::join!(repo.edit(id, &one, 20), repo.edit(id, &two, 20));
    assert_eq!([&one, &two].iter().filter(|done| done.is_ok()).count(), 1);
    assert!([one, two].into_iter().any(|done| matches!(done, Err(StoreError::Stale { expected: 0, .. }))));
    assert_eq!(store.adapters().details(id).await.unwrap().unwrap().version, 1);
}

async fn edits_are_found_at_once(fixture: &Fixture) {
    let (store, id) = (&fixture.store, one(&fixture.store).await);
    let total = async |text: &str| store.adapters().query(&LibraryQuery { text: text.into(), ..Default::default() }).await.unwrap().total;
    assert_eq!((total("paper").await, total("scissors").await), (1, 0));
    let edit = AdapterEdit { name: Some("Scissors".into()), tags: Some(vec!["Ünique tag".into()]), ..Default::default() };
    store.adapters().edit(id, &edit, 20).await.unwrap();
    assert_eq!((total("sciss").await, total("unique TAG").await, total("paper").await), (1, 1, 1));
    store.adapters().edit(id, &AdapterEdit { name: Some("".into()), tags: Some(vec![]), ..Default::default() }, 21).await.unwrap();
    assert_eq!((total("sciss").await, total("unique").await), (0, 0));
}

async fn a_tag_has_one_spelling(fixture: &Fixture) {
    let store = &fixture.store;
    let first = one(store).await;
    let root = store.roots().list().await.unwrap().remove(0);
    let second = store.adapters().upsert(root.id, &[file("b.safetensors", facts("sd1"))], 10).await.unwrap()[0].id;
    for (id, tag) in [(first, "Ink Wash"), (second, "ink wash")] {
        store.adapters().edit(id, &AdapterEdit { tags: Some(vec![tag.into()]), ..Default::default() }, 20).await.unwrap();
    }
    let page = store.adapters().query(&LibraryQuery { tag: vec!["INK WASH".into()], ..Default::default() }).await.unwrap();
    assert_eq!(page.total, 2);
    let tags = page.facets.unwrap().tag;
    assert_eq!((tags.len(), tags[0].value.as_str(), tags[0].count), (1, "Ink Wash", 2));
}
