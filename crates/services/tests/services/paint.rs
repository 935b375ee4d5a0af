//! From a request to pictures: with the smallest checkpoint that has every part, on the processor.

use crate::common::Bench;
use futures::StreamExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weft_domain::generation::{AdapterUse, Axis, GenerationRequest, GenerationView, Sampler, Schedule};
use weft_domain::{CheckpointId, CheckpointQuery, Event, GenerationId, JobState, LibraryQuery, ProblemKind};

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../diffusion/golden").join(path)
}

/// Writes the tiny SD 1 model as somebody would have it: one file, its configuration and tokenizer beside it.
pub(crate) fn tiny_checkpoint(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.safetensors"));
    std::fs::copy(golden("sd1/model.safetensors"), &path).unwrap();
    with_config(folder, name, "sd1", &["unet", "vae", "text_encoder", "scheduler"]);
    tiny_tokenizer(&folder.join("tokenizer"));
    path
}

/// Writes a tokenizer of as many tokens as the tiny models know: bytes, the same at the end of a word, sixty merges, start and end.
pub(crate) fn tiny_tokenizer(folder: &Path) {
    let text = std::fs::read_to_string(golden("tokenizers/clip_merges.txt")).unwrap();
    let merges: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).take(60).collect();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("merges.txt"), merges.join("\n")).unwrap();
}

/// Writes the configurations of a tiny model's parts beside its file.
pub(crate) fn with_config(folder: &Path, name: &str, family: &str, names: &[&str]) {
    let mut parts = serde_json::Map::new();
    for part in names {
        let file = if *part == "scheduler" { "scheduler_config.json" } else { "config.json" };
        let text = std::fs::read_to_string(golden(&format!("{family}/diffusers/{part}/{file}"))).unwrap();
        parts.insert((*part).to_owned(), serde_json::from_str(&text).unwrap());
    }
    std::fs::write(folder.join(format!("{name}.config.json")), serde_json::to_string(&parts).unwrap()).unwrap();
}

/// The tiny adapters, under names of their own.
pub(crate) fn tiny_adapters(folder: &Path) {
    for name in ["attention", "convolutions"] {
        std::fs::copy(golden(&format!("sd1/adapters/{name}.safetensors")), folder.join(format!("{name}.safetensors"))).unwrap();
    }
}

pub(crate) struct Studio {
    pub(crate) bench: Bench,
    pub(crate) checkpoint: CheckpointId,
}

impl Studio {
    pub(crate) async fn new() -> Self {
        let bench = Bench::new().await;
        tiny_checkpoint(&bench.root(), "tiny");
        tiny_adapters(&bench.root());
        bench.add().await;
        let page = bench.services.checkpoints.query(&bench.reader(), &CheckpointQuery::default()).await.unwrap();
        assert_eq!(page.total, 1, "{page:#?}");
        let checkpoint = page.items[0].id;
        Self { bench, checkpoint }
    }

    pub(crate) fn request(&self, prompt: &str) -> GenerationRequest {
        GenerationRequest {
            prompt: prompt.to_owned(),
            width: Some(64),
            height: Some(64),
            seed: Some(7),
            numbers: weft_domain::generation::Numbers { steps: Some(3), ..Default::default() },
            ..GenerationRequest::default()
        }
    }

    pub(crate) async fn start(&self, request: GenerationRequest) -> GenerationView {
        self.bench.services.generating.start(&self.bench.editor(), request).await.unwrap()
    }

    async fn refused(&self, request: GenerationRequest) -> weft_domain::Problem {
        self.bench.services.generating.start(&self.bench.editor(), request).await.unwrap_err()
    }

    pub(crate) async fn get(&self, id: GenerationId) -> GenerationView {
        self.bench.services.generating.get(&self.bench.reader(), id).await.unwrap()
    }

    /// The generation once its job has ended.
    pub(crate) async fn ended(&self, id: GenerationId) -> GenerationView {
        let began = Instant::now();
        loop {
            let view = self.get(id).await;
            if view.job.as_ref().is_some_and(|job| job.state.finished()) {
                return view;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{view:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Paints and answers the pixels of every picture.
    pub(crate) async fn painted(&self, request: GenerationRequest) -> Vec<Vec<u8>> {
        let view = self.start(request).await;
        let view = self.ended(view.id).await;
        assert_eq!(view.job.as_ref().unwrap().state, JobState::Done, "{view:#?}");
        assert_eq!(view.pictures.len(), view.total as usize);
        self.pixels(&view).await
    }

    async fn pixels(&self, view: &GenerationView) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for card in &view.pictures {
            let file = self.bench.services.pictures.file(&self.bench.reader(), card.id, None).await.unwrap();
            out.push(weft_pictures::decode(&file.bytes).unwrap().rgb);
        }
        out
    }

    async fn adapter(&self, name: &str) -> AdapterUse {
        let page = self.bench.services.library.query(&self.bench.reader(), &LibraryQuery::default()).await.unwrap();
        let card = page.items.iter().find(|card| card.file_name.starts_with(name)).unwrap();
        AdapterUse { adapter: card.id, weight: 1.0, text_weight: None, profile: None, start: 0.0, stop: 1.0 }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_becomes_a_picture_with_all_that_made_it() {
    let studio = Studio::new().await;
    let mut events = Box::pin(studio.bench.services.events.subscribe(None));
    let asked = studio.start(studio.request("a (red:1.2) fox")).await;
    assert_eq!((asked.total, asked.request.checkpoint, asked.pictures.len()), (1, Some(studio.checkpoint), 0));
    assert_eq!((asked.request.sampler, asked.request.schedule), (Some(Sampler::Dpmpp2m), Some(Schedule::Karras)));
    let view = studio.ended(asked.id).await;
    assert_eq!(view.job.as_ref().unwrap().state, JobState::Done, "{view:#?}");
    let card = &view.pictures[0];
    assert_eq!((card.width, card.height, card.seed, card.shot, card.generation), (64, 64, Some(7), 0, Some(view.id)));
    let details = studio.bench.services.pictures.details(&studio.bench.reader(), card.id).await.unwrap();
    let recipe = details.recipe;
    assert_eq!((recipe.prompt.as_str(), recipe.checkpoint.name.as_str(), recipe.numbers.steps), ("a (red:1.2) fox", "tiny", Some(3)));
    assert!(recipe.engine.starts_with("Weft ") && recipe.engine.ends_with("CPU, f32"), "{}", recipe.engine);
    // Pages saw it form, with a small picture.
    let mut rough = None;
    while let Some((_, event)) = events.next().await {
        match event {
            Event::Painting { painting } => rough = Some(painting),
            Event::Pictures { .. } => break,
            _ => {}
        }
    }
    let rough = rough.expect("a painting event");
    assert_eq!((rough.generation, rough.width, rough.steps), (view.id, 64, 3));
    assert!(rough.preview.is_some_and(|p| p.starts_with("data:image/") && p.len() < 8192));
    let queue = studio.bench.services.generating.queue(&studio.bench.reader()).await.unwrap();
    assert!(queue.items.is_empty() && !queue.paused, "{queue:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_gives_the_same_bytes_and_a_batch_is_its_single_pictures() {
    let studio = Studio::new().await;
    let ancestral = GenerationRequest { sampler: Some(Sampler::EulerA), ..studio.request("a fox") };
    let batch = studio.painted(GenerationRequest { count: 3, ..ancestral.clone() }).await;
    let mut single = Vec::new();
    for seed in 7..10 {
        single.extend(studio.painted(GenerationRequest { seed: Some(seed), ..ancestral.clone() }).await);
    }
    assert_eq!(batch, single);
    assert_ne!(batch[0], batch[1]);
    assert_ne!(studio.painted(studio.request("a wolf")).await, studio.painted(studio.request("a fox")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adapters_change_pictures_and_their_removal_restores_them_to_the_bit() {
    let studio = Studio::new().await;
    let plain = studio.painted(studio.request("a fox")).await;
    let (one, two) = (studio.adapter("attention").await, studio.adapter("convolutions").await);
    let with = |adapters: Vec<AdapterUse>| GenerationRequest { adapters, ..studio.request("a fox") };
    let both = studio.painted(with(vec![one.clone(), AdapterUse { weight: 0.5, ..two.clone() }])).await;
    assert_ne!(both, plain);
    let weaker = studio.painted(with(vec![AdapterUse { weight: 0.5, ..one.clone() }, two.clone()])).await;
    assert_ne!(weaker, both);
    let late = studio.painted(with(vec![AdapterUse { start: 0.5, ..one.clone() }])).await;
    let whole = studio.painted(with(vec![one.clone()])).await;
    assert!(late != whole && late != plain);
    assert_eq!(studio.painted(studio.request("a fox")).await, plain, "taken off, to the bit");
    // The same by name in the prompt, in A1111's order.
    assert_eq!(studio.painted(studio.request("a fox <lora:Attention:1>")).await, whole);
    let problem = studio.refused(studio.request("a fox <lora:nothing:1>")).await;
    assert!(problem.to_string().contains("nothing") && problem.field.as_deref() == Some("prompt"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sheet_is_painted_cell_by_cell_with_its_labels() {
    let studio = Studio::new().await;
    let one = studio.adapter("attention").await;
    let axes = vec![Axis::Weight { strand: 0, values: vec![0.0, 1.0] }, Axis::Number { name: "cfg".to_owned(), values: vec![1.0, 7.0] }];
    let request = GenerationRequest { adapters: vec![one], axes, ..studio.request("a fox") };
    let view = studio.start(request).await;
    assert_eq!((view.columns.join(" "), view.rows.join(" "), view.total), ("0 1".to_owned(), "1 7".to_owned(), 4));
    assert_eq!(view.axes, ["Weight of attention", "CFG scale"]);
    let view = studio.ended(view.id).await;
    let pixels = studio.pixels(&view).await;
    assert_eq!(pixels.len(), 4, "{view:#?}");
    assert_eq!(pixels[2], studio.painted(studio.request("a fox")).await[0], "weight 0, cfg 7: the plain picture");
    assert!(pixels.iter().enumerate().all(|(i, a)| pixels[..i].iter().all(|b| a != b)), "every cell is another picture");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_begins_with_another_and_knows_its_parent() {
    let studio = Studio::new().await;
    let first = studio.ended(studio.start(studio.request("a fox")).await.id).await;
    let picture = first.pictures[0].id;
    let start = weft_domain::generation::StartPicture { picture, denoise: 0.5, mask: None };
    let view = studio.start(GenerationRequest { start: Some(start.clone()), ..studio.request("a wolf") }).await;
    let view = studio.ended(view.id).await;
    assert_eq!(view.job.as_ref().unwrap().state, JobState::Done, "{view:#?}");
    let details = studio.bench.services.pictures.details(&studio.bench.reader(), view.pictures[0].id).await.unwrap();
    assert_eq!((details.parent.map(|p| p.id), details.recipe.denoise), (Some(picture), Some(0.5)));
    let bad = weft_domain::generation::StartPicture { mask: Some("data:nothing".to_owned()), ..start };
    assert_eq!(studio.refused(GenerationRequest { start: Some(bad), ..studio.request("a wolf") }).await.field.as_deref(), Some("mask"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_painted_is_refused_with_what_to_do() {
    let studio = Studio::new().await;
    let size = |w, h| GenerationRequest { width: Some(w), height: Some(h), ..studio.request("a fox") };
    assert!(studio.refused(size(1, 1)).await.to_string().contains("8×8"));
    assert!(studio.refused(size(100_000, 100_000)).await.to_string().contains("8192"));
    let long = studio.refused(studio.request(&"x".repeat(1 << 20))).await;
    assert_eq!((long.field.as_deref(), long.kind), (Some("prompt"), ProblemKind::Invalid));
    let nowhere = GenerationRequest { checkpoint: Some(CheckpointId(999)), ..studio.request("a fox") };
    assert_eq!(studio.refused(nowhere).await.kind, ProblemKind::NotFound);
}
