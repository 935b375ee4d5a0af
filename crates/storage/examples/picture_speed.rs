//! How fast the gallery answers: `cargo run --release -p weft-storage --example picture_speed -- [ROWS] [DATABASE URL]`.
//!
//! Fills a fresh database with believable pictures, then asks what people ask and prints best, median and worst of twenty.

use std::time::Instant;
use weft_domain::generation::{PictureEdit, PictureQuery, PictureSort, PictureSource, Recipe, UsedAdapter};
use weft_domain::{AdapterId, CheckpointId, PictureId};
use weft_storage::{AdapterFacts, KeptPicture, NewFile, NewRoot, Store, StoreError, StoreResult};

const WORDS: [&str; 32] = [
    "fox",
    "castle",
    "snow",
    "night",
    "portrait",
    "dragon",
    "robot",
    "forest",
    "sea",
    "city",
    "lantern",
    "mountain",
    "cat",
    "bird",
    "river",
    "ship",
    "masterpiece",
    "detailed",
    "soft",
    "light",
    "ink",
    "watercolour",
    "oil",
    "film",
    "grain",
    "macro",
    "wide",
    "storm",
    "autumn",
    "spring",
    "moon",
    "dawn",
];

#[tokio::main]
async fn main() -> StoreResult<()> {
    let mut args = std::env::args().skip(1);
    let rows: usize = args.next().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let folder = std::env::temp_dir().join(format!("weft-picture-speed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|source| StoreError::Io { path: folder.clone(), source })?;
    let url = args.next().unwrap_or_else(|| format!("sqlite:{}", folder.join("weft.sqlite").display()));
    let store = Store::open(&url).await?;
    let began = Instant::now();
    fill(&store, rows).await?;
    println!("{rows} pictures in {:.1} s", began.elapsed().as_secs_f64());
    measure(&store, rows as u64).await?;
    store.close().await?;
    std::fs::remove_dir_all(&folder).map_err(|source| StoreError::Io { path: folder, source })
}

async fn fill(store: &Store, rows: usize) -> StoreResult<()> {
    let root = store.roots().add(&NewRoot { path: "/pictures".into(), name: "x".into(), samples: false }, 1).await?;
    let files: Vec<NewFile> = (0..40).map(file).collect();
    let adapters: Vec<AdapterId> = store.adapters().upsert(root.id, &files, 1).await?.into_iter().map(|one| one.id).collect();
    let mut random = 1u64;
    let mut next = move |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    for at in 0..rows {
        let mut prompt: Vec<&str> = (0..18).map(|_| WORDS[next(WORDS.len())]).collect();
        let rare = format!("rare{}", next(rows / 10 + 1));
        prompt.push(&rare);
        let adapter = |id: AdapterId| UsedAdapter { id: Some(id), name: format!("Adapter {id}"), weight: 0.8, ..UsedAdapter::default() };
        let mut recipe =
            Recipe { prompt: prompt.join(", "), negative: "blurry, low quality".into(), seed: Some(at as u64), ..Recipe::default() };
        recipe.adapters = vec![adapter(adapters[next(40)])];
        recipe.checkpoint.id = Some(CheckpointId(1 + next(6) as i64));
        recipe.checkpoint.name = "Dream".into();
        let source = if next(5) == 0 { PictureSource::A1111 } else { PictureSource::Weft };
        let picture = KeptPicture {
            generation: None,
            shot: 0,
            blob: format!("{at:064x}"),
            format: "png".into(),
            size: 400_000,
            width: 512,
            height: 768,
            colour: "#405060".into(),
            file_name: String::new(),
            source,
            recipe,
            parent: None,
        };
        let (id, _) = store.pictures().insert(&picture, at as i64).await?;
        if next(20) == 0 {
            let edit = PictureEdit { favourite: Some(true), rating: Some(1 + next(5) as u8), deleted: (next(10) == 0).then_some(true) };
            store.pictures().edit(&[id], &edit, at as i64).await?;
        }
    }
    Ok(())
}

fn file(n: usize) -> NewFile {
    NewFile {
        rel_path: format!("{n}.safetensors"),
        size: 1,
        modified_ms: 1,
        file_key: None,
        header_hash: None,
        sidecar_stamp: None,
        preview_source: None,
        preview_stamp: None,
        facts: Ok(AdapterFacts::default()),
    }
}

async fn measure(store: &Store, rows: u64) -> StoreResult<()> {
    let text = |text: &str| PictureQuery { text: text.into(), ..PictureQuery::default() };
    let cases: Vec<(&str, PictureQuery)> = vec![
        ("first window", PictureQuery::default()),
        ("window in the middle", PictureQuery { offset: rows / 2, ..PictureQuery::default() }),
        ("last window", PictureQuery { offset: rows.saturating_sub(6000), ..PictureQuery::default() }),
        ("best first", PictureQuery { sort: PictureSort::Rating, ..PictureQuery::default() }),
        ("oldest first", PictureQuery { sort: PictureSort::Oldest, ..PictureQuery::default() }),
        ("favourites", PictureQuery { favourite: true, ..PictureQuery::default() }),
        ("four stars", PictureQuery { rating: Some(4), ..PictureQuery::default() }),
        ("one checkpoint", PictureQuery { checkpoint: vec![CheckpointId(2)], ..PictureQuery::default() }),
        ("one adapter", PictureQuery { adapter: vec![AdapterId(3)], ..PictureQuery::default() }),
        ("three adapters", PictureQuery { adapter: vec![AdapterId(3), AdapterId(4), AdapterId(5)], ..PictureQuery::default() }),
        ("one program", PictureQuery { source: vec![PictureSource::A1111], ..PictureQuery::default() }),
        (
            "one program, best first",
            PictureQuery { source: vec![PictureSource::Weft], sort: PictureSort::Rating, ..PictureQuery::default() },
        ),
        ("two programs", PictureQuery { source: vec![PictureSource::A1111, PictureSource::Weft], ..PictureQuery::default() }),
        ("one program, favourites", PictureQuery { source: vec![PictureSource::A1111], favourite: true, ..PictureQuery::default() }),
        (
            "one program, one checkpoint",
            PictureQuery { source: vec![PictureSource::A1111], checkpoint: vec![CheckpointId(2)], ..PictureQuery::default() },
        ),
        ("fox, one program", PictureQuery { source: vec![PictureSource::Weft], ..text("fox") }),
        ("trash", PictureQuery { trash: true, ..PictureQuery::default() }),
        ("f", text("f")),
        ("fox", text("fox")),
        ("fox castle", text("fox castle")),
        ("rare1", text("rare1")),
        ("rare1234", text("rare1234")),
        ("no such word", text("zebra")),
        (
            "fox, one adapter, one checkpoint",
            PictureQuery { checkpoint: vec![CheckpointId(1)], adapter: vec![AdapterId(5)], ..text("fox") },
        ),
    ];
    println!("{:<36} {:>8} {:>8} {:>8} {:>8}", "", "found", "best", "median", "worst");
    for (name, query) in cases {
        let (mut times, mut total) = (Vec::new(), 0);
        for _ in 0..20 {
            let began = Instant::now();
            total = store.pictures().query(&query).await?.total;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{name:<36} {total:>8} {:>8.2} {:>8.2} {:>8.2}", times[0], times[10], times[19]);
    }
    let began = Instant::now();
    for id in 1..=100 {
        store.pictures().details(PictureId(id)).await?;
    }
    println!("details of a picture: {:.2} ms", began.elapsed().as_secs_f64() * 10.0);
    Ok(())
}
