//! The engine alone, as the command line uses it: files in, pictures out.

use crate::paint::{golden, tiny_adapters, tiny_checkpoint, tiny_tokenizer, with_config};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use weft_domain::AdapterId;
use weft_domain::generation::{AdapterUse, GenerationRequest, Numbers};
use weft_pictures::Pixels;
use weft_services::generate::{Engine, EngineSettings, FileRequest, Generator as _, Unpainted, Unwatched, Watch};

struct Bench {
    folder: tempfile::TempDir,
    engine: Engine,
}

impl Bench {
    fn new(memory: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(EngineSettings { data_dir: folder.path().join("data"), memory });
        Self { folder, engine }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn asked(&self, checkpoint: &Path, prompt: &str) -> FileRequest {
        let numbers = Numbers { steps: Some(4), ..Numbers::default() };
        let request = GenerationRequest {
            prompt: prompt.to_owned(),
            width: Some(64),
            height: Some(64),
            seed: Some(3),
            numbers,
            ..GenerationRequest::default()
        };
        FileRequest { request, checkpoint: checkpoint.to_owned(), data_dir: self.path().join("data"), ..FileRequest::default() }
    }

    async fn paint(&self, asked: FileRequest, watch: Arc<dyn Watch>) -> Result<Vec<u8>, Unpainted> {
        let shot = self.engine.shots(asked).await?.remove(0);
        Ok(self.engine.paint(shot, watch).await?.image.rgb)
    }

    async fn painted(&self, asked: FileRequest) -> Vec<u8> {
        self.paint(asked, Arc::new(Unwatched)).await.unwrap()
    }

    async fn problem(&self, asked: FileRequest) -> String {
        match self.paint(asked, Arc::new(Unwatched)).await.unwrap_err() {
            Unpainted::Refused(problem) => problem.to_string(),
            Unpainted::Cancelled => panic!("cancelled"),
        }
    }
}

fn with_adapter(asked: FileRequest, path: PathBuf, weight: f64) -> FileRequest {
    let used = AdapterUse { adapter: AdapterId(0), weight, text_weight: None, profile: None, start: 0.0, stop: 1.0 };
    FileRequest { adapters: vec![path], request: GenerationRequest { adapters: vec![used], ..asked.request }, ..asked }
}

/// Remembers what it was told.
#[derive(Default)]
struct Notes {
    said: Mutex<Vec<String>>,
    steps: AtomicUsize,
    look: Mutex<Option<Pixels>>,
    stop_at: Option<usize>,
    panic_at: Option<usize>,
}

impl Watch for Notes {
    fn cancelled(&self) -> bool {
        self.stop_at.is_some_and(|at| self.steps.load(Ordering::Relaxed) >= at)
    }

    fn preparing(&self, _: u64, _: u64, what: &str) {
        self.said.lock().unwrap().push(what.to_owned());
    }

    fn step(&self, _: u32, _: u32, look: &mut dyn FnMut() -> Option<Pixels>) {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(self.panic_at != Some(steps), "on purpose");
        *self.look.lock().unwrap() = look();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_stays_loaded_and_adapters_change_without_reading_it_again() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    tiny_adapters(bench.path());
    let reads = |notes: &Notes| notes.said.lock().unwrap().iter().filter(|what| what.contains("Reading the model")).count();
    let (first, second) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let plain = bench.paint(bench.asked(&model, "a fox"), first.clone()).await.unwrap();
    let ink = bench.path().join("attention.safetensors");
    let inked = bench.paint(with_adapter(bench.asked(&model, "a fox"), ink, 1.0), second.clone()).await.unwrap();
    assert!(reads(&first) > 0 && reads(&second) == 0 && plain != inked);
    assert_eq!((first.steps.load(Ordering::Relaxed), second.steps.load(Ordering::Relaxed)), (4, 4));
    // A file that changed is read again: the same bytes, another time.
    std::fs::copy(golden("sd1/model.safetensors"), &model).unwrap();
    std::fs::File::options().write(true).open(&model).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let third = Arc::new(Notes::default());
    assert_eq!(bench.paint(bench.asked(&model, "a fox"), third.clone()).await.unwrap(), plain);
    assert!(reads(&third) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_one_picture_and_a_cancel_stops_between_two_steps() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    let plain = bench.painted(bench.asked(&model, "a fox")).await;
    let panics = Arc::new(Notes { panic_at: Some(2), ..Notes::default() });
    let error = bench.paint(bench.asked(&model, "a fox"), panics).await.unwrap_err();
    assert!(matches!(&error, Unpainted::Refused(problem) if problem.to_string().contains("broke down")), "{error:?}");
    let stops = Arc::new(Notes { stop_at: Some(2), ..Notes::default() });
    assert_eq!(bench.paint(bench.asked(&model, "a fox"), stops.clone()).await, Err(Unpainted::Cancelled));
    assert_eq!(stops.steps.load(Ordering::Relaxed), 2);
    assert_eq!(bench.painted(bench.asked(&model, "a fox")).await, plain, "and the next is as it should be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_change_on_the_way() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    let (fox, wolf) = (bench.painted(bench.asked(&model, "a fox")).await, bench.painted(bench.asked(&model, "a wolf")).await);
    assert_eq!(bench.painted(bench.asked(&model, "a [fox:fox:0.5]")).await, fox);
    assert_eq!(bench.painted(bench.asked(&model, "a [wolf:fox:0]")).await, fox);
    assert_eq!(bench.painted(bench.asked(&model, "a [fox:wolf:4]")).await, fox, "later than the last step");
    let halfway = bench.painted(bench.asked(&model, "a [fox:wolf:0.5]")).await;
    let turns = bench.painted(bench.asked(&model, "a [fox|wolf]")).await;
    assert!(halfway != fox && halfway != wolf && turns != fox && turns != halfway);
    let mut comfy = bench.asked(&model, "a [fox:wolf:0.5]");
    comfy.request.dialect = weft_domain::generation::Dialect::ComfyUi;
    assert_ne!(bench.painted(comfy).await, halfway, "letters there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn previews_come_from_the_small_decoder_where_it_lies() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    let side = |notes: &Notes| notes.look.lock().unwrap().as_ref().map(|p| (p.width, p.rgb.len()));
    let plain = Arc::new(Notes::default());
    bench.paint(bench.asked(&model, "a fox"), plain.clone()).await.unwrap();
    let (small, values) = side(&plain).expect("a rough picture");
    assert!(small < 64 && values as u32 == small * small * 3);
    let models = bench.path().join("data/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::copy(golden("taesd/decoder.safetensors"), models.join("taesd_decoder.safetensors")).unwrap();
    let other =
        Bench { folder: bench.folder, engine: Engine::new(EngineSettings { data_dir: models.parent().unwrap().to_owned(), memory: None }) };
    let sharp = Arc::new(Notes::default());
    other.paint(other.asked(&model, "a fox"), sharp.clone()).await.unwrap();
    assert!(side(&sharp).expect("a rough picture").0 > small);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_paints_and_missing_parts_are_found_beside_the_file() {
    let bench = Bench::new(None);
    let xl = bench.path().join("xl.safetensors");
    std::fs::copy(golden("sdxl/model.safetensors"), &xl).unwrap();
    with_config(bench.path(), "xl", "sdxl", &["unet", "vae", "text_encoder", "text_encoder_2"]);
    tiny_checkpoint(bench.path(), "tiny");
    assert_eq!(bench.painted(bench.asked(&xl, "a (red:1.2) fox")).await.len(), 64 * 64 * 3);

    let folder = bench.path().join("flux");
    std::fs::create_dir_all(&folder).unwrap();
    let dev = folder.join("dev.safetensors");
    std::fs::copy(golden("flux/dev.safetensors"), &dev).unwrap();
    with_config(&folder, "dev", "flux", &["transformer", "vae", "text_encoder", "text_encoder_2"]);
    let problem = bench.problem(bench.asked(&dev, "a fox")).await;
    assert!(problem.contains("not complete") && problem.contains("models"), "{problem}");
    for part in ["ae", "clip_l", "t5"] {
        std::fs::copy(golden(&format!("flux/{part}.safetensors")), folder.join(format!("{part}.safetensors"))).unwrap();
    }
    tiny_tokenizer(&folder.join("tokenizer"));
    let problem = bench.problem(bench.asked(&dev, "a fox")).await;
    assert!(problem.contains("T5") && problem.contains("tokenizers"), "{problem}");
    let t5 = bench.path().join("data/tokenizers/t5");
    std::fs::create_dir_all(&t5).unwrap();
    std::fs::copy(golden("tokenizers/t5_spiece.model"), t5.join("spiece.model")).unwrap();
    let painted = bench.paint(bench.asked(&dev, "a fox"), Arc::new(Unwatched)).await;
    assert_eq!(painted.map(|rgb| rgb.len()), Ok(64 * 64 * 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_told_in_plain_words_and_the_next_picture_is_painted() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    tiny_adapters(bench.path());
    let plain = bench.painted(bench.asked(&model, "a fox")).await;

    // Numbers beyond all bounds in an adapter.
    let wild = bench.path().join("wild.safetensors");
    overflowing(&bench.path().join("attention.safetensors"), &wild, false);
    let problem = bench.problem(with_adapter(bench.asked(&model, "a fox"), wild, 2.0)).await;
    assert!(problem.contains("no numbers") && problem.contains("step"), "{problem}");
    // No numbers at all in a model.
    let broken = tiny_checkpoint(bench.path(), "broken");
    overflowing(&model, &broken, true);
    let problem = bench.problem(bench.asked(&broken, "a fox")).await;
    assert!(problem.contains("no numbers"), "{problem}");
    // An adapter for another family, and a file that is none.
    let other = golden("flux/adapters/blocks.safetensors");
    let problem = bench.problem(with_adapter(bench.asked(&model, "a fox"), other, 1.0)).await;
    assert!(problem.contains("does not fit"), "{problem}");
    let nothing = bench.path().join("nothing.safetensors");
    std::fs::write(&nothing, b"nothing").unwrap();
    let problem = bench.problem(with_adapter(bench.asked(&model, "a fox"), nothing.clone(), 1.0)).await;
    assert!(problem.contains("nothing.safetensors"), "{problem}");
    assert!(bench.problem(bench.asked(&nothing, "a fox")).await.contains("cannot be read"));
    assert_eq!(bench.painted(bench.asked(&model, "a fox")).await, plain, "and the next is as it should be");

    // The file goes while its model is loaded.
    let shot = bench.engine.shots(bench.asked(&model, "a fox")).await.unwrap().remove(0);
    std::fs::remove_file(&model).unwrap();
    let Err(Unpainted::Refused(problem)) = bench.engine.paint(shot, Arc::new(Unwatched)).await else { panic!("painted") };
    assert!(problem.to_string().contains("tiny.safetensors is not there"), "{problem}");
    tiny_checkpoint(bench.path(), "tiny");
    assert_eq!(bench.painted(bench.asked(&model, "a fox")).await, plain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_with_the_numbers_and_two_models_share_the_room() {
    let small = Bench::new(Some(1 << 20));
    let model = tiny_checkpoint(small.path(), "tiny");
    let problem = small.problem(small.asked(&model, "a fox")).await;
    assert!(problem.contains("more memory") && problem.contains("MiB"), "{problem}");
    // Room for the work on small pictures, and for one of the two models.
    let bench = Bench::new(Some(40 << 20));
    let (one, two) = (tiny_checkpoint(bench.path(), "one"), tiny_checkpoint(bench.path(), "two"));
    let first = bench.painted(bench.asked(&one, "a fox")).await;
    assert_eq!(bench.painted(bench.asked(&two, "a fox")).await, first);
    assert_eq!(bench.painted(bench.asked(&one, "a fox")).await, first);
    let mut huge = bench.asked(&one, "a fox");
    (huge.request.width, huge.request.height) = (Some(8192), Some(8192));
    let problem = bench.problem(huge).await;
    assert!(problem.contains("8192×8192") && problem.contains("smaller picture"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_tokenizer_it_is_said_where_to_put_one() {
    let bench = Bench::new(None);
    let model = tiny_checkpoint(bench.path(), "tiny");
    std::fs::remove_dir_all(bench.path().join("tokenizer")).unwrap();
    let problem = bench.problem(bench.asked(&model, "a fox")).await;
    assert!(problem.contains("merges.txt") && problem.contains("tokenizers/clip"), "{problem}");
    let place = bench.path().join("data/tokenizers/clip");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::copy(golden("tokenizers/clip_tokenizer.json"), place.join("tokenizer.json")).unwrap();
    let problem = bench.problem(bench.asked(&model, "a fox")).await;
    assert!(problem.contains("another model") && problem.contains("574"), "{problem}");
    tiny_tokenizer(&place);
    bench.painted(bench.asked(&model, "a fox")).await;
}

/// A copy whose floating-point values are replaced in one tensor: by huge ones, or by NaN.
fn overflowing(from: &Path, to: &Path, nan: bool) {
    let mut bytes = std::fs::read(from).unwrap();
    let source = weft_weights::source::FileSource::open(from).unwrap();
    let header = weft_weights::header::Header::read(&source).unwrap();
    let wanted = |name: &str| if nan { name.contains("input_blocks.1.0.in_layers.2.weight") } else { name.contains("up") };
    let tensors = header.tensors.iter().filter(|t| wanted(&t.name));
    let mut changed = 0;
    for tensor in tensors {
        let range = usize::try_from(tensor.range.start).unwrap()..usize::try_from(tensor.range.end).unwrap();
        match tensor.dtype {
            weft_weights::dtype::Dtype::F32 => {
                let value = if nan { f32::NAN } else { 1e30 };
                bytes[range].chunks_exact_mut(4).for_each(|b| b.copy_from_slice(&value.to_le_bytes()));
            }
            _ => bytes[range].chunks_exact_mut(2).for_each(|b| b.copy_from_slice(&[0xff, if nan { 0x7f } else { 0x7b }])),
        }
        changed += 1;
    }
    assert!(changed > 0, "no tensor to change");
    std::fs::write(to, bytes).unwrap();
}
