//! Keeping, taking in and sweeping, over a database in memory and real files.

use super::*;
use crate::access::Access;
use weft_domain::generation::{GenerationRequest, Recipe};
use weft_pictures::{Format, inspect};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    pictures: Pictures,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_memory().await.unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let pictures = Pictures::new(store.clone(), blobs, Events::new());
        Self { folder, store, pictures }
    }

    /// Files in the folder of blobs, by name.
    fn files(&self) -> Vec<String> {
        let shards = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).unwrap().flatten());
        let mut names: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    async fn throw(&self, id: PictureId) {
        let edit = PictureEdit { deleted: Some(true), ..PictureEdit::default() };
        self.pictures.edit(&Access::default().owner().into(), &[id], &edit).await.unwrap();
    }
}

fn reader() -> Reader {
    Access::default().owner().into()
}

fn painted(generation: Option<GenerationId>, shot: u32, shade: u8) -> NewPicture {
    let recipe = Recipe { prompt: "a fox".into(), seed: Some(9), width: 32, height: 16, ..Recipe::default() };
    NewPicture { rgb: vec![shade; 32 * 16 * 3], width: 32, height: 16, recipe, generation, shot, parent: None }
}

#[tokio::test]
async fn a_shot_is_kept_once_with_its_parameters_inside() {
    let bench = Bench::new().await;
    let generation = bench.store.generations().insert(&GenerationRequest::default(), 2, 1).await.unwrap();
    let first = bench.pictures.keep(painted(Some(generation), 0, 40)).await.unwrap();
    // After a crash the same shot is painted again, and may differ in a bit.
    let again = bench.pictures.keep(painted(Some(generation), 0, 41)).await.unwrap();
    assert_eq!((first.id, first.colour.as_str(), bench.files().len()), (again.id, "#282828", 1));
    let other = bench.pictures.keep(painted(Some(generation), 1, 40)).await.unwrap();
    assert_eq!(bench.files().len(), 1, "the same bytes are stored once");
    let shots: Vec<_> = bench.pictures.of_generation(generation).await.unwrap().iter().map(|card| card.id).collect();
    assert_eq!(shots, [first.id, other.id]);
    let file = bench.pictures.file(&reader(), first.id, None).await.unwrap();
    let found = inspect(&file.bytes).unwrap();
    assert_eq!((found.format, found.recipe.seed, found.recipe.prompt.as_str()), (Format::Png, Some(9), "a fox"));
    assert_eq!(bench.pictures.pixels(first.id).await.unwrap().rgb, vec![40; 32 * 16 * 3]);
}

#[tokio::test]
async fn the_trash_is_emptied_after_thirty_days_rows_first() {
    let bench = Bench::new().await;
    let one = bench.pictures.keep(painted(None, 0, 1)).await.unwrap().id;
    let two = bench.pictures.keep(painted(None, 0, 2)).await.unwrap().id;
    let twin = bench.pictures.keep(painted(None, 0, 2)).await.unwrap().id;
    bench.pictures.thumbnail(&reader(), one, 160).await.unwrap();
    assert_eq!(bench.files().len(), 3);
    bench.throw(one).await;
    bench.throw(two).await;
    assert_eq!(bench.pictures.sweep(now_ms() + 29 * DAY_MS).await.unwrap(), sweep::Swept::default());
    let swept = bench.pictures.sweep(now_ms() + 31 * DAY_MS).await.unwrap();
    assert_eq!((swept.pictures, swept.orphans), (2, 0));
    assert_eq!(bench.files().len(), 1, "what the twin has stays");
    assert!(bench.pictures.file(&reader(), twin, None).await.is_ok());
    assert!(bench.pictures.details(&reader(), one).await.is_err());
}

#[tokio::test]
async fn bytes_without_a_row_go_after_a_day_and_nobody_elses() {
    let bench = Bench::new().await;
    let kept = bench.pictures.keep(painted(None, 0, 1)).await.unwrap().id;
    bench.pictures.thumbnail(&reader(), kept, 160).await.unwrap();
    // A crash between bytes and row; thumbnails of an adapter, which have no bare key.
    let orphan = bench.pictures.inner.blobs.put("orphan".into()).await.unwrap();
    bench.pictures.inner.blobs.put_derived(&orphan, "t160", "small".into()).await.unwrap();
    bench.pictures.inner.blobs.put_derived(&"ab".repeat(32), "w320", "of an adapter".into()).await.unwrap();
    assert_eq!(bench.pictures.sweep(now_ms()).await.unwrap().orphans, 0);
    assert_eq!(bench.files().len(), 5);
    assert_eq!(bench.pictures.sweep(now_ms() + 2 * DAY_MS).await.unwrap().orphans, 1);
    assert_eq!(bench.files().len(), 3);
    assert!(bench.files().iter().all(|name| !name.starts_with(&orphan)));
}

#[tokio::test]
async fn a_file_that_is_taken_in_again_leaves_the_trash() {
    let bench = Bench::new().await;
    let editor = Access::default().owner().into();
    let kept = bench.pictures.keep(painted(None, 0, 7)).await.unwrap().id;
    let bytes = bench.pictures.file(&reader(), kept, None).await.unwrap().bytes;
    bench.throw(kept).await;
    let again = bench.pictures.import(&editor, bytes, "x.png").await.unwrap();
    assert_eq!((again.card.id, again.is_new, again.card.deleted_ms), (kept, false, None));
    let refused = bench.pictures.import(&editor, "no picture".into(), "x.png").await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("file"));
}

#[tokio::test]
async fn the_trash_is_emptied_after_a_while_unless_that_is_taken_back() {
    let bench = Bench::new().await;
    let (editor, soon): (Editor, _) = (Access::default().owner().into(), std::time::Duration::from_millis(40));
    let mut cards = Vec::new();
    for shade in 1..=4 {
        cards.push(bench.pictures.keep(painted(None, 0, shade)).await.unwrap());
    }
    // The same bytes are in the trash and outside of it.
    let twin = bench.pictures.keep(painted(None, 0, 1)).await.unwrap();
    for card in &cards[..3] {
        bench.throw(card.id).await;
    }
    let trash = bench.pictures.trash(&reader()).await.unwrap();
    let size = bench.pictures.details(&reader(), cards[1].id).await.unwrap().size;
    let (two, most) = (u64::try_from(size).unwrap(), u64::try_from(size).unwrap() * 3);
    assert_eq!(trash.pictures, 3);
    assert!(trash.bytes > two && trash.bytes < most, "what the twin needs stays: {trash:?}");
    assert_eq!(bench.pictures.empty_in(soon).await.unwrap(), trash);
    assert!(bench.pictures.spare_trash(&editor).await.unwrap());
    tokio::time::sleep(soon * 3).await;
    assert_eq!((bench.pictures.trash(&reader()).await.unwrap(), bench.files().len()), (trash, 4), "nothing went");
    assert!(!bench.pictures.spare_trash(&editor).await.unwrap(), "there is nothing to take back any more");
    bench.pictures.empty_in(soon).await.unwrap();
    tokio::time::sleep(soon / 8).await;
    bench.throw(cards[3].id).await;
    while bench.pictures.trash(&reader()).await.unwrap().pictures > 1 {
        tokio::time::sleep(soon).await;
    }
    // Rows go before their bytes.
    for _ in 0..500 {
        if bench.files().len() == 2 {
            break;
        }
        tokio::time::sleep(soon).await;
    }
    assert_eq!(bench.pictures.trash(&reader()).await.unwrap().pictures, 1, "what came later stays");
    assert!(bench.pictures.details(&reader(), twin.id).await.is_ok());
    assert_eq!(bench.files().len(), 2);
}
