use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::{AdapterEdit, LibraryQuery};
use weft_storage::Store;

on_both!(a_removed_root_hides_its_adapters_and_brings_them_back, adding_twice_is_adding_once, the_schema_is_made_once);

async fn a_removed_root_hides_its_adapters_and_brings_them_back(fixture: &Fixture) {
    let store = &fixture.store;
    let kept = root(store, "/kept").await;
    let gone = root(store, "/gone").await;
    store.adapters().upsert(kept.id, &[file("a.safetensors", facts("sd1"))], 10).await.unwrap();
    let id = store.adapters().upsert(gone.id, &[file("b.safetensors", facts("sdxl"))], 10).await.unwrap()[0].id;
    let edit = AdapterEdit { notes: Some("mine".into()), rating: Some(4), ..Default::default() };
    store.adapters().edit(id, &edit, 11).await.unwrap();

    assert!(store.roots().remove(gone.id, 20).await.unwrap());
    assert!(!store.roots().remove(gone.id, 21).await.unwrap(), "gone already");
    let page = store.adapters().query(&LibraryQuery::default()).await.unwrap();
    assert_eq!((page.total, page.items.len()), (1, 1));
    let facets = page.facets.unwrap();
    assert_eq!(facets.family.iter().map(|f| f.value.as_str()).collect::<Vec<_>>(), ["sd1"]);
    assert!(store.adapters().details(id).await.unwrap().is_none());
    assert!(store.adapters().cards(&[id]).await.unwrap().is_empty());
    assert!(store.adapters().place(id).await.unwrap().is_none());
    assert_eq!(store.adapters().overview().await.unwrap().adapters, 1);
    assert!(store.roots().get(gone.id).await.unwrap().is_none());

    let back = root(store, "/gone").await;
    assert_eq!(back.id, gone.id);
    let details = store.adapters().details(id).await.unwrap().unwrap();
    assert_eq!((details.notes.as_str(), details.card.rating), ("mine", Some(4)));
}

async fn adding_twice_is_adding_once(fixture: &Fixture) {
    let first = root(&fixture.store, "/twice").await;
    assert_eq!(root(&fixture.store, "/twice").await, first);
    assert_eq!(fixture.store.roots().list().await.unwrap().len(), 1);
    fixture.store.roots().set_online(first.id, false).await.unwrap();
    assert!(!fixture.store.roots().get(first.id).await.unwrap().unwrap().online);
    fixture.store.roots().set_scanned(first.id, 77).await.unwrap();
    let row = fixture.store.roots().get(first.id).await.unwrap().unwrap();
    assert_eq!((row.online, row.scanned_ms), (true, Some(77)));
}

async fn the_schema_is_made_once(fixture: &Fixture) {
    let (one, two, three) = tokio::join!(Store::open(&fixture.url), Store::open(&fixture.url), Store::open(&fixture.url));
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    root(&one, "/shared").await;
    assert_eq!(two.roots().list().await.unwrap().len(), 1);
    three.ping().await.unwrap();
    for store in [one, two, three] {
        store.close().await.unwrap();
    }
}
