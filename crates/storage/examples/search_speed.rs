//! How fast the library answers as one types: `cargo run --release -p weft-storage --example search_speed -- [ROWS] [DATABASE URL]`.
//!
//! Fills a fresh database with believable adapters, then asks what people ask (growing words, filters, orders, deep windows) and prints
//! the distribution. Every question is a first window with all facets unless it says otherwise.

use std::time::{Duration, Instant};
use weft_domain::{AdapterEdit, LibraryQuery, Sort};
use weft_storage::{AdapterFacts, NewFile, NewRoot, Store, StoreResult, Strengths, WorkKind};

const FAMILIES: [&str; 6] = ["sd1", "sd2", "sdxl", "sd3", "flux1", "wan"];
const KINDS: [&str; 4] = ["lora", "locon", "loha", "lokr"];
const WORDS: [&str; 24] = [
    "Nordic",
    "Ink",
    "Aurora",
    "Paper",
    "Velvet",
    "Neon",
    "Harbor",
    "Café",
    "Linen",
    "Moss",
    "Glass",
    "Copper",
    "Rain",
    "Studio",
    "Anime",
    "Retro",
    "Film",
    "Grain",
    "Portrait",
    "Dragon",
    "Castle",
    "Robot",
    "Watercolor",
    "Sketch",
];

#[tokio::main]
async fn main() -> StoreResult<()> {
    let mut args = std::env::args().skip(1);
    let rows: usize = args.next().and_then(|rows| rows.parse().ok()).unwrap_or(10_000);
    let folder = std::env::temp_dir().join(format!("weft-search-speed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|source| weft_storage::StoreError::Io { path: folder.clone(), source })?;
    let url = args.next().unwrap_or_else(|| format!("sqlite:{}", folder.join("weft.sqlite").display()));
    let store = Store::open(&url).await?;
    fill(&store, rows).await?;
    measure(&store).await?;
    store.close().await?;
    // What is left is the system's temporary folder's to clean.
    drop(std::fs::remove_dir_all(&folder));
    Ok(())
}

async fn fill(store: &Store, rows: usize) -> StoreResult<()> {
    let root = store.roots().add(&NewRoot { path: "/models/lora".into(), name: "lora".into(), samples: false }, 1).await?;
    let began = Instant::now();
    let mut done = 0;
    while done < rows {
        let batch: Vec<NewFile> = (done..(done + 200).min(rows)).map(file).collect();
        done += batch.len();
        store.adapters().upsert(root.id, &batch, 1_700_000_000_000 + i64::try_from(done).unwrap_or(0)).await?;
    }
    println!(
        "{}: {rows} rows written in {:.2?} ({:.0} rows/s)",
        store.database_name(),
        began.elapsed(),
        rows as f64 / began.elapsed().as_secs_f64()
    );
    let mut after = None;
    loop {
        let items = store.adapters().pending(WorkKind::Strengths, root.id, after, 500).await?;
        let Some(last) = items.last() else { return Ok(()) };
        after = Some(last.id);
        for (n, item) in items.iter().enumerate() {
            let found = Strengths { frobenius: Some(n as f64), has_block_weights: n % 9 > 0, fallback: n % 9 == 0, ..Default::default() };
            store.adapters().set_strengths(item, &found, 2).await?;
            if n % 10 == 0 {
                let rating = u8::try_from(n % 5 + 1).ok();
                store.adapters().edit(item.id, &AdapterEdit { rating, ..Default::default() }, 3).await?;
            }
        }
    }
}

fn file(n: usize) -> NewFile {
    let word = |k: usize| WORDS[(n * (2 * k + 3) + n / 7 + k * k) % WORDS.len()];
    let family = FAMILIES[n % FAMILIES.len()];
    let facts = AdapterFacts {
        title: Some(format!("{} {} {}", word(0), word(1), n % 100)),
        family: family.into(),
        family_label: family.to_uppercase(),
        kind: KINDS[n / 3 % KINDS.len()].into(),
        layout_id: Some(format!("{family}_blocks")),
        rank_max: u32::try_from(4 << (n % 6)).ok(),
        trigger_words: vec![format!("{}_style", word(2).to_lowercase()), format!("trg{n}")],
        tags: vec![word(3).to_lowercase(), word(4).to_lowercase(), format!("set {}", n % 60)],
        training_tags: (0..100).map(|k| (format!("tag {k}"), 100 - k)).collect(),
        metadata: (0..40).map(|k| (format!("ss_key_{k}"), format!("value {n} {k}").repeat(4))).collect(),
        ..Default::default()
    };
    NewFile {
        rel_path: format!("{family}/{}/{}{}_v{n}.safetensors", word(5), word(0), word(1)),
        size: 1_000_000 + i64::try_from(n * 7919 % 1_000_003).unwrap_or(0),
        modified_ms: 1_600_000_000_000 + i64::try_from(n * 104_729 % 1_000_000_007).unwrap_or(0),
        file_key: None,
        header_hash: Some(format!("{n:064x}")),
        sidecar_stamp: None,
        preview_source: None,
        preview_stamp: None,
        facts: Ok(facts),
    }
}

fn questions() -> Vec<(&'static str, LibraryQuery)> {
    let text = |text: &str| LibraryQuery { text: text.into(), ..Default::default() };
    let mut all = vec![("everything", LibraryQuery::default())];
    for typed in ["n", "no", "nor", "nordic", "nordic i", "nordic ink", "cafe", "v2", "trg123", "style", "s", "safetensors", "zzz"] {
        all.push(("typing", text(typed)));
    }
    let flux = LibraryQuery { family: vec!["flux1".into()], ..Default::default() };
    all.push(("one filter", flux.clone()));
    all.push(("two filters", LibraryQuery { kind: vec!["loha".into(), "lora".into()], ..flux.clone() }));
    all.push(("tag", LibraryQuery { tag: vec!["ink".into()], ..Default::default() }));
    all.push(("tag, words and filter", LibraryQuery { tag: vec!["ink".into(), "moss".into()], text: "st".into(), ..flux.clone() }));
    all.push(("real blocks", LibraryQuery { blocks: vec!["real".into()], ..Default::default() }));
    for (sort, _) in Sort::ALL {
        for reverse in [false, true] {
            all.push(("order", LibraryQuery { sort, reverse, ..Default::default() }));
        }
        all.push(("order and filter", LibraryQuery { sort, text: "a".into(), ..flux.clone() }));
    }
    all.push(("deep window", LibraryQuery { offset: 9_000, ..Default::default() }));
    all
}

async fn measure(store: &Store) -> StoreResult<()> {
    let questions = questions();
    let mut times: Vec<(Duration, String)> = Vec::new();
    for round in 0..30 {
        for (name, query) in &questions {
            let began = Instant::now();
            let page = store.adapters().query(query).await?;
            if round > 0 {
                times.push((began.elapsed(), format!("{name} ({}): {} found", query.to_query(), page.total)));
            }
        }
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].0;
    println!("{} questions: p50 {:.2?}, p95 {:.2?}, p99 {:.2?}, worst {:.2?}", times.len(), at(0.5), at(0.95), at(0.99), at(1.0));
    let mut seen = std::collections::HashSet::new();
    for (time, what) in times.iter().rev().filter(|(_, what)| seen.insert(what.clone())).take(12) {
        println!("  {time:>10.2?}  {what}");
    }
    Ok(())
}
