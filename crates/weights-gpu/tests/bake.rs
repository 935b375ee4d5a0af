//! A whole bake on the device against the same on the CPU.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::{Dtype, decode_f32, encode_f32};
use weft_weights::header::Header;
use weft_weights::inspect::open as open_adapter;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakePlan, Device, Piece, bake_on, typical};
use weft_weights::progress::Silent;
use weft_weights::source::{FileSource, TensorSource};
use weft_weights_gpu::{Choice, Chosen, Gpu, GpuError, Side, Which, wait};

/// (name, rows, columns) of the weights; the last one is not changed.
const WEIGHTS: [(&str, usize, usize); 3] =
    [("double_blocks.0.img_attn.qkv", 288, 96), ("double_blocks.0.img_attn.proj", 96, 96), ("double_blocks.0.txt_attn.proj", 96, 96)];
const RANK: usize = 5;

fn numbers(seed: u32, count: usize, size: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next() * size).collect()
}

/// Writes a safetensors file.
fn write(path: &Path, dtype: Dtype, tensors: &[(String, [usize; 2], Vec<f32>)]) {
    let (mut header, mut body) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let begin = body.len();
        encode_f32(dtype, values, &mut body).unwrap();
        header.insert(name.clone(), serde_json::json!({ "dtype": dtype.to_string(), "shape": shape, "data_offsets": [begin, body.len()] }));
    }
    let head = serde_json::to_vec(&header).unwrap();
    std::fs::write(path, [&(head.len() as u64).to_le_bytes()[..], &head, &body].concat()).unwrap();
}

fn files(dir: &Path, dtype: Dtype) -> (PathBuf, PathBuf) {
    let (model, lora) = (dir.join("model.safetensors"), dir.join("lora.safetensors"));
    let weights = WEIGHTS.iter().zip(1..).map(|((name, m, n), seed)| (format!("{name}.weight"), [*m, *n], numbers(seed, m * n, 0.1)));
    write(&model, dtype, &weights.collect::<Vec<_>>());
    let pairs = WEIGHTS[..2].iter().zip(10..).flat_map(|((name, m, n), seed)| {
        [
            (format!("diffusion_model.{name}.lora_A.weight"), [RANK, *n], numbers(seed, RANK * n, 0.3)),
            (format!("diffusion_model.{name}.lora_B.weight"), [*m, RANK], numbers(seed + 50, m * RANK, 0.3)),
        ]
    });
    write(&lora, dtype, &pairs.collect::<Vec<_>>());
    (model, lora)
}

/// Counts the pieces that really went to the device.
struct Counted<'a>(&'a Chosen, AtomicUsize);

impl Device for Counted<'_> {
    fn active(&self) -> bool {
        self.0.active()
    }
    fn merge(&self, piece: &Piece<'_>, out: &mut Vec<u8>) -> bool {
        let done = self.0.merge(piece, out);
        self.1.fetch_add(usize::from(done), Ordering::Relaxed);
        done
    }
    fn says(&self) -> String {
        Device::says(self.0)
    }
}

fn values(path: &Path) -> Vec<(String, Vec<f32>)> {
    let source = FileSource::open(path).unwrap();
    let header = Header::read(&source).unwrap();
    let one = |info: &weft_weights::header::TensorInfo| {
        let (mut bytes, mut values) = (vec![0; info.byte_len() as usize], vec![0.0; info.elements()]);
        source.read_at(info.range.start, &mut bytes).unwrap();
        decode_f32(info.dtype, &bytes, &mut values).unwrap();
        (info.name.clone(), values)
    };
    header.tensors.iter().map(one).collect()
}

#[test]
fn a_bake_on_the_device_is_the_bake_on_the_cpu() {
    let gpu = match wait(Gpu::open(Which::Fastest)) {
        Ok(gpu) => gpu,
        Err(error @ GpuError::NoDevice(_)) => return println!("SKIPPED: no Vulkan device: {error}"),
        Err(error) => panic!("{error}"),
    };
    let chosen = Chosen::new(Some(gpu), Choice { side: Side::Gpu, reason: "the test says so".into(), measured: None });
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let dir = tempfile::tempdir().unwrap();
        let (model, lora) = files(dir.path(), dtype);
        let source = FileSource::open(&lora).unwrap();
        let adapter = open_adapter(&source, "lora.safetensors", None).unwrap();
        let (members, checkpoint) = ([Member { adapter: &adapter, source: &source }], Checkpoint::open(&model).unwrap());
        let plan = BakePlan::new(vec![MergeInput::new("lora.safetensors", 0.7)]);
        let (here, there) = (dir.path().join("here.safetensors"), dir.path().join("there.safetensors"));
        let device = Counted(&chosen, AtomicUsize::new(0));
        let plain = bake_on(None, &checkpoint, &plan, &members, &here, &Silent).unwrap();
        let report = bake_on(Some(&device), &checkpoint, &plan, &members, &there, &Silent).unwrap();
        assert_eq!((plain.changed, report.changed, device.1.into_inner()), (2, 2, 2), "each weight is one piece");
        assert_eq!((plain.device.as_str(), report.device.as_str()), ("", "the test says so"));
        let largest = typical(&checkpoint, &plan, &members).unwrap().unwrap();
        assert_eq!((largest.rows, largest.columns, largest.rank, largest.bytes), (288, 96, RANK, (288 + 96) * 96 * dtype.size() as u64));

        let ulp = match dtype {
            Dtype::F16 => 2f32.powi(-10),
            Dtype::BF16 => 2f32.powi(-7),
            _ => 4.0 * f32::EPSILON,
        };
        let (mut off, mut all) = (0, 0);
        for ((name, want), (_, got)) in values(&here).into_iter().zip(values(&there)) {
            for (w, g) in want.into_iter().zip(got) {
                // In f32 what differs is the order of sums of numbers of about 0.1.
                let size = w.abs().max(if dtype == Dtype::F32 { 0.1 } else { 1e-3 });
                assert!((w - g).abs() <= ulp * size, "{dtype} {name}: {w} and {g}");
                (off, all) = (off + usize::from(w != g), all + 1);
            }
        }
        assert!(dtype == Dtype::F32 || off * 100 < all, "{dtype}: {off} of {all} values are a neighbour");
    }
}
