//! Pictures: kept once for each shot, asked for, marked, thrown away, removed with their bytes.

use crate::support::{Fixture, facts, file, on_both, root};
use weft_domain::generation::{PictureEdit, PictureQuery, PictureSort, PictureSource, Recipe, UsedAdapter, UsedCheckpoint};
use weft_domain::{AdapterId, CheckpointId, GenerationId, PictureId};
use weft_storage::{KeptPicture, KnownHash, Store, WorkKind};

on_both!(
    a_picture_comes_back_with_all_that_made_it,
    a_shot_has_one_row_whoever_comes_first,
    words_filters_orders_and_windows,
    marks_and_the_trash,
    rows_go_before_the_bytes_that_no_other_row_names,
    adapters_and_parents_that_are_gone_leave_the_picture,
    what_other_programs_name_is_found_by_hash_and_by_name,
    adapters_are_counted_by_their_pictures,
);

fn picture(prompt: &str) -> KeptPicture {
    KeptPicture {
        generation: None,
        shot: 0,
        blob: format!("blob of {}", prompt.replace('\0', "")),
        format: "png".into(),
        size: 1234,
        width: 512,
        height: 768,
        colour: "#102030".into(),
        file_name: String::new(),
        source: PictureSource::Weft,
        recipe: Recipe { prompt: prompt.into(), width: 512, height: 768, seed: Some(u64::MAX), ..Recipe::default() },
        parent: None,
    }
}

async fn keep(store: &Store, picture: &KeptPicture, now_ms: i64) -> PictureId {
    store.pictures().insert(picture, now_ms).await.unwrap().0
}

async fn prompts(store: &Store, query: PictureQuery) -> Vec<String> {
    let page = store.pictures().query(&query).await.unwrap();
    assert!(page.total >= page.items.len() as u64);
    page.items.into_iter().map(|card| card.prompt).collect()
}

/// A generation to hang pictures on.
async fn generation(store: &Store) -> GenerationId {
    store.generations().insert(&Default::default(), 4, 1).await.unwrap()
}

async fn adapter(store: &Store, path: &str) -> AdapterId {
    let root = root(store, "/loras").await;
    store.adapters().upsert(root.id, &[file(path, facts("sd1"))], 1).await.unwrap()[0].id
}

async fn a_picture_comes_back_with_all_that_made_it(fixture: &Fixture) {
    let store = &fixture.store;
    let mut new = picture(&"a fox \0 ".repeat(100));
    new.recipe.negative = "dark".into();
    new.recipe.checkpoint = UsedCheckpoint { id: Some(CheckpointId(7)), name: "Dream\0".into(), family: "sd1".into(), hash: None };
    let id = keep(store, &new, 5).await;
    let details = store.pictures().details(id).await.unwrap().unwrap();
    assert_eq!(details.recipe, new.recipe);
    assert_eq!((details.card.width, details.card.height, details.card.colour.as_str()), (512, 768, "#102030"));
    assert_eq!((details.card.prompt.chars().count(), details.card.seed), (300, Some(u64::MAX)));
    assert_eq!((details.card.created_ms, details.card.deleted_ms, details.size), (5, None, 1234));
    assert_eq!(details.file_name, format!("weft-{:05}-{}.png", id.0, u64::MAX));
    let file = store.pictures().file(id).await.unwrap().unwrap();
    assert_eq!((file.blob, file.format.as_str()), (new.blob, "png"));
    assert!(store.pictures().details(PictureId(id.0 + 1)).await.unwrap().is_none());
}

async fn a_shot_has_one_row_whoever_comes_first(fixture: &Fixture) {
    let store = &fixture.store;
    let generation = generation(store).await;
    let shot = |shot, prompt: &str| KeptPicture { generation: Some(generation), shot, ..picture(prompt) };
    let repo = store.pictures();
    let (a, b) = (shot(1, "first"), shot(1, "second"));
    let (left, right) = tokio::join!(repo.insert(&a, 1), repo.insert(&b, 2));
    let (left, right) = (left.unwrap(), right.unwrap());
    assert_eq!(left.0, right.0);
    assert_ne!(left.1, right.1, "one of the two is new");
    keep(store, &shot(0, "before"), 3).await;
    let shots: Vec<u32> = repo.of_generation(generation).await.unwrap().iter().map(|card| card.shot).collect();
    assert_eq!(shots, [0, 1]);
    assert_eq!(repo.of_shot(generation, 1).await.unwrap().unwrap().id, left.0);
    assert!(repo.of_shot(generation, 2).await.unwrap().is_none());
    // Imported ones have no shot and never stand in each other's way.
    assert_ne!(keep(store, &picture("same"), 4).await, keep(store, &picture("same"), 4).await);
}

async fn words_filters_orders_and_windows(fixture: &Fixture) {
    let store = &fixture.store;
    let ink = adapter(store, "NordicInk.safetensors").await;
    let mut fox = picture("a red fox in the snow");
    fox.recipe.adapters = vec![UsedAdapter { id: Some(ink), name: "NordicInk".into(), weight: 0.8, ..UsedAdapter::default() }];
    let mut castle = KeptPicture { source: PictureSource::ComfyUi, file_name: "kéep_01.png".into(), ..picture("a castle") };
    castle.recipe.checkpoint = UsedCheckpoint { id: Some(CheckpointId(3)), name: "DreamShaper".into(), ..UsedCheckpoint::default() };
    castle.recipe.negative = "foxes".into();
    let (fox, castle) = (keep(store, &fox, 10).await, keep(store, &castle, 20).await);
    keep(store, &picture("100% plain_text"), 30).await;
    let ask = |text: &str| PictureQuery { text: text.into(), ..PictureQuery::default() };
    assert_eq!(prompts(store, ask("")).await, ["100% plain_text", "a castle", "a red fox in the snow"]);
    assert_eq!(prompts(store, ask("FOX")).await, ["a castle", "a red fox in the snow"]);
    assert_eq!(prompts(store, ask("snow red")).await, ["a red fox in the snow"]);
    assert_eq!(prompts(store, ask("ink")).await, ["a red fox in the snow"], "names of adapters, from an inner border");
    assert_eq!(prompts(store, ask("shaper keep")).await, ["a castle"]);
    assert_eq!(prompts(store, ask("' OR 1=1 --")).await, [""; 0]);
    let by_adapter = PictureQuery { adapter: vec![ink, AdapterId(999)], ..PictureQuery::default() };
    assert_eq!(prompts(store, by_adapter).await, ["a red fox in the snow"]);
    let by_checkpoint = PictureQuery { checkpoint: vec![CheckpointId(3)], source: vec![PictureSource::ComfyUi], ..PictureQuery::default() };
    assert_eq!(prompts(store, by_checkpoint).await, ["a castle"]);
    let rate = |rating, favourite| PictureEdit { rating: Some(rating), favourite: Some(favourite), ..PictureEdit::default() };
    store.pictures().edit(&[fox], &rate(3, true), 40).await.unwrap();
    store.pictures().edit(&[castle], &rate(5, false), 40).await.unwrap();
    let best = PictureQuery { sort: PictureSort::Rating, ..PictureQuery::default() };
    assert_eq!(prompts(store, best).await, ["a castle", "a red fox in the snow", "100% plain_text"]);
    assert_eq!(prompts(store, PictureQuery { rating: Some(4), ..PictureQuery::default() }).await, ["a castle"]);
    assert_eq!(prompts(store, PictureQuery { favourite: true, ..PictureQuery::default() }).await, ["a red fox in the snow"]);
    let window = PictureQuery { sort: PictureSort::Oldest, offset: 1, limit: 1, ..PictureQuery::default() };
    let page = store.pictures().query(&window).await.unwrap();
    assert_eq!((page.total, page.offset, page.items[0].id), (3, 1, castle));
    assert!(store.pictures().query(&PictureQuery { offset: 9, ..PictureQuery::default() }).await.unwrap().items.is_empty());
}

async fn marks_and_the_trash(fixture: &Fixture) {
    let (store, repo) = (&fixture.store, fixture.store.pictures());
    let ids = [keep(store, &picture("one"), 1).await, keep(store, &picture("two"), 2).await];
    let throw = PictureEdit { deleted: Some(true), ..PictureEdit::default() };
    repo.edit(&[ids[0], PictureId(99)], &throw, 100).await.unwrap();
    repo.edit(&[ids[0]], &throw, 200).await.unwrap();
    assert_eq!(repo.cards(&ids).await.unwrap()[0].deleted_ms, Some(100), "the time of the first throw counts");
    assert_eq!(prompts(store, PictureQuery::default()).await, ["two"]);
    assert_eq!(prompts(store, PictureQuery { trash: true, ..PictureQuery::default() }).await, ["one"]);
    repo.edit(&ids, &PictureEdit { deleted: Some(false), rating: Some(4), ..PictureEdit::default() }, 300).await.unwrap();
    repo.edit(&ids, &PictureEdit::default(), 400).await.unwrap();
    let cards = repo.cards(&ids).await.unwrap();
    assert!(cards.iter().all(|card| card.deleted_ms.is_none() && card.rating == Some(4)));
    repo.edit(&ids, &PictureEdit { rating: Some(0), favourite: Some(true), ..PictureEdit::default() }, 500).await.unwrap();
    assert!(repo.cards(&ids).await.unwrap().iter().all(|card| card.rating.is_none() && card.favourite));
}

async fn rows_go_before_the_bytes_that_no_other_row_names(fixture: &Fixture) {
    let (store, repo) = (&fixture.store, fixture.store.pictures());
    let (alone, shared) = (keep(store, &picture("alone"), 1).await, keep(store, &picture("shared"), 2).await);
    let twin = keep(store, &picture("shared"), 3).await;
    let throw = PictureEdit { deleted: Some(true), ..PictureEdit::default() };
    repo.edit(&[alone, shared], &throw, 100).await.unwrap();
    assert!(repo.expired(100, 10).await.unwrap().is_empty());
    assert_eq!(repo.expired(101, 10).await.unwrap(), [alone, shared]);
    // One that was taken back in between stays.
    assert_eq!(repo.remove(&[alone, shared, twin]).await.unwrap(), ["blob of alone"]);
    assert_eq!(repo.cards(&[alone, shared, twin]).await.unwrap().len(), 1);
    let used = repo.blobs_in_use(&["blob of alone".into(), "blob of shared".into()]).await.unwrap();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["blob of shared"]);
    assert_eq!(repo.of_blob("blob of shared").await.unwrap().unwrap().id, twin);
    assert_eq!(prompts(store, PictureQuery { text: "alone".into(), trash: true, ..PictureQuery::default() }).await, [""; 0]);
}

async fn adapters_and_parents_that_are_gone_leave_the_picture(fixture: &Fixture) {
    let (store, repo) = (&fixture.store, fixture.store.pictures());
    let parent = keep(store, &picture("parent"), 1).await;
    let mut child = KeptPicture { parent: Some(parent), ..picture("child") };
    child.recipe.adapters = vec![UsedAdapter { id: Some(AdapterId(4711)), name: "gone".into(), ..UsedAdapter::default() }];
    let child = keep(store, &child, 2).await;
    let orphan = keep(store, &KeptPicture { parent: Some(PictureId(4711)), ..picture("orphan") }, 3).await;
    assert!(repo.details(orphan).await.unwrap().unwrap().parent.is_none());
    assert_eq!(repo.details(child).await.unwrap().unwrap().parent.unwrap().id, parent);
    let children: Vec<_> = repo.details(parent).await.unwrap().unwrap().children.iter().map(|card| card.id).collect();
    assert_eq!(children, [child]);
    repo.edit(&[parent], &PictureEdit { deleted: Some(true), ..PictureEdit::default() }, 4).await.unwrap();
    assert!(repo.details(child).await.unwrap().unwrap().parent.is_none(), "what lies in the trash is not shown");
    repo.remove(&[parent]).await.unwrap();
    assert_eq!(repo.details(child).await.unwrap().unwrap().recipe.adapters[0].name, "gone");
}

async fn what_other_programs_name_is_found_by_hash_and_by_name(fixture: &Fixture) {
    let (store, repo) = (&fixture.store, fixture.store.pictures());
    let ink = adapter(store, "styles/NordicInk.safetensors").await;
    let root = root(store, "/loras").await;
    let work = store.adapters().pending(WorkKind::Hashes, root.id, None, 9).await.unwrap().remove(0);
    let hashes = weft_storage::FileHashes { sha256: "ab".repeat(32), autov2: Some("ab".repeat(5)), autov3: Some("0123456789ab".into()) };
    store.adapters().set_hashes(&work, &hashes, 5).await.unwrap();
    let by = |hash: &str| KnownHash::parse(hash).unwrap();
    for hash in ["ABABABABAB", "0123456789ab", "0x0123456789abcdef0123456789abcdef", &"ab".repeat(32), "abababababab"] {
        let found = repo.find_adapter(Some(&by(hash)), "another name").await.unwrap();
        assert_eq!(found.map(|(id, _)| id), Some(ink), "{hash}");
    }
    for name in ["NordicInk", "nordicink", "styles/NordicInk.safetensors", "D:\\loras\\NordicInk"] {
        let found = repo.find_adapter(Some(&by("ffffffffff")), name).await.unwrap();
        assert_eq!(found, Some((ink, "sd1".to_owned())), "{name}");
    }
    for name in ["", "Nordic", "%", "NordicInk' OR '1'='1"] {
        assert_eq!(repo.find_adapter(None, name).await.unwrap(), None, "{name}");
    }
    assert_eq!(repo.find_checkpoint(Some(&by("abababababab")), "NordicInk").await.unwrap(), None);
    assert!(KnownHash::parse("abc").is_none() && KnownHash::parse("blake3:00").is_none() && KnownHash::parse(&"a".repeat(65)).is_none());
}

async fn adapters_are_counted_by_their_pictures(fixture: &Fixture) {
    let store = &fixture.store;
    let (ink, wash) = (adapter(store, "NordicInk.safetensors").await, adapter(store, "Wash.safetensors").await);
    let unused = adapter(store, "Unused.safetensors").await;
    let made = |ids: &[AdapterId]| {
        let mut new = picture("a fox");
        new.recipe.adapters = ids.iter().map(|id| UsedAdapter { id: Some(*id), name: id.to_string(), ..UsedAdapter::default() }).collect();
        new
    };
    keep(store, &made(&[wash]), 1).await;
    keep(store, &made(&[wash, ink]), 2).await;
    let gone = keep(store, &made(&[wash, ink]), 3).await;
    store.pictures().edit(&[gone], &PictureEdit { deleted: Some(true), ..PictureEdit::default() }, 4).await.unwrap();
    let ask = async |text: &str, with: &[AdapterId], trash: bool| {
        let answer = store.pictures().adapters(text, with, trash).await.unwrap();
        assert_eq!(answer.total, answer.items.len() as u64);
        answer.items.into_iter().map(|a| (a.id, a.count)).collect::<Vec<_>>()
    };
    assert_eq!(ask("", &[], false).await, [(wash, 2), (ink, 1)]);
    assert_eq!(ask("", &[ink], false).await, [(ink, 1), (wash, 2)], "what is asked for comes first");
    assert_eq!(ask("", &[], true).await, [(ink, 1), (wash, 1)]);
    assert_eq!(ask("ink", &[], false).await, [(ink, 1)], "from an inner border of the name");
    assert_eq!(ask("ink", &[wash, unused], false).await, [(wash, 2), (ink, 1)]);
    assert_eq!(ask("' OR 1=1 --", &[], false).await, []);
    let trash = store.pictures().trash().await.unwrap();
    assert_eq!((trash.pictures, trash.bytes), (1, 0), "its bytes are those of the others");
}
