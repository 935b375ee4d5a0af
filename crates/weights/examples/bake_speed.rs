//! Speed and memory of a bake beside a plain copy, on a synthetic Flux.1 of bf16 and a full r16 adapter for it:
//! `cargo run --release --example bake_speed -p weft-weights -- FOLDER GIGABYTES`. Removes what it wrote.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;
use std::time::Instant;
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::Dtype;
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakePlan, StoreAs, bake};
use weft_weights::progress::Silent;
use weft_weights::source::FileSource;
use weft_weights::write::{Planned, TensorWriter, header_bound};

type Outcome<T> = Result<T, Box<dyn Error>>;

const H: usize = 3072;
const RANK: usize = 16;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("give a folder")?;
    let gigabytes: f64 = args.next().ok_or("give a size in gigabytes")?.parse()?;
    let dir = tempfile::tempdir_in(folder)?;
    let (model, lora) = (dir.path().join("model.safetensors"), dir.path().join("lora.safetensors"));
    let weights = weights(gigabytes);
    write_model(&model, &weights)?;
    write_lora(&lora, &weights)?;
    let size = std::fs::metadata(&model)?.len() as f64 / 1e9;
    println!("checkpoint {size:.2} GB, adapter {:.0} MB", std::fs::metadata(&lora)?.len() as f64 / 1e6);
    for round in 0..2 {
        let copy = dir.path().join("copy.safetensors");
        let start = Instant::now();
        let mut to = std::fs::File::create(&copy)?;
        // Read and written through a buffer, as `cp` does where it cannot share extents.
        std::io::copy(&mut std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(&model)?), &mut to)?;
        to.sync_all()?;
        println!("round {round}: copy {}", rate(size, start));
        drop(to);
        std::fs::remove_file(&copy)?;
        for (name, store, stochastic) in
            [("keep", StoreAs::Keep, None), ("f8_e4m3", StoreAs::F8E4M3, None), ("keep, stochastic", StoreAs::Keep, Some(1))]
        {
            let out = dir.path().join("out.safetensors");
            let start = Instant::now();
            let checkpoint = Checkpoint::open(&model)?;
            let source = FileSource::open(&lora)?;
            let adapter = Adapter::from_header(Header::read(&source)?, None, None)?;
            let plan = BakePlan { dtype: store, stochastic, ..BakePlan::new(vec![MergeInput::new("lora", 0.8)]) };
            let report = bake(&checkpoint, &plan, &[Member { adapter: &adapter, source: &source }], &out, &Silent)?;
            println!("round {round}: bake {name} {}, {} tensors changed, {} copied", rate(size, start), report.changed, report.copied);
            std::fs::remove_file(&out)?;
        }
    }
    println!("peak memory {:.0} MB", peak());
    Ok(())
}

fn rate(gigabytes: f64, start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    format!("{seconds:.2} s, {:.2} GB/s", gigabytes / seconds)
}

/// Highest resident size of this process, in megabytes.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

/// Weights of single and double blocks until the size is reached: (name, rows, columns).
fn weights(gigabytes: f64) -> Vec<(String, usize, usize)> {
    let (mut out, mut values) = (Vec::new(), 0usize);
    let mut push = |name: String, rows, columns| {
        out.push((name, rows, columns));
        values += rows * columns;
        values as f64 * 2.0 < gigabytes * 1e9
    };
    for i in 0.. {
        let mut more = true;
        for half in ["img", "txt"] {
            for (name, rows, columns) in
                [("attn.qkv", 3 * H, H), ("attn.proj", H, H), ("mlp.0", 4 * H, H), ("mlp.2", H, 4 * H), ("mod.lin", 6 * H, H)]
            {
                more = push(format!("double_blocks.{i}.{half}_{name}"), rows, columns);
            }
        }
        for j in 0..2 {
            for (name, rows, columns) in [("linear1", 7 * H, H), ("linear2", H, 5 * H), ("modulation.lin", 3 * H, H)] {
                more = push(format!("single_blocks.{}.{name}", 2 * i + j), rows, columns);
            }
        }
        if !more {
            break;
        }
    }
    out
}

fn write_model(path: &Path, weights: &[(String, usize, usize)]) -> Outcome<()> {
    let mut header = BTreeMap::new();
    let mut at = 0u64;
    for (name, rows, columns) in weights {
        let len = (rows * columns * 2) as u64;
        header.insert(
            format!("{name}.weight"),
            serde_json::json!({"dtype": "BF16", "shape": [rows, columns], "data_offsets": [at, at + len]}),
        );
        at += len;
    }
    let json = serde_json::to_vec(&header)?;
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    out.write_all(&(json.len() as u64).to_le_bytes())?;
    out.write_all(&json)?;
    // One megabyte of numbers around 0.02, again and again: their values do not change the speed.
    let mut seed = 1u32;
    let block: Vec<u8> = (0..1 << 19)
        .flat_map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (f64::from(seed) / f64::from(u32::MAX) - 0.5) * 0.08;
            (((value as f32).to_bits() >> 16) as u16).to_le_bytes()
        })
        .collect();
    let mut left = at as usize;
    while left > 0 {
        let n = left.min(block.len());
        out.write_all(&block[..n])?;
        left -= n;
    }
    let mut file = out.into_inner()?;
    file.rewind()?;
    file.sync_all()?;
    Ok(())
}

fn write_lora(path: &Path, weights: &[(String, usize, usize)]) -> Outcome<()> {
    let mut planned = Vec::new();
    for (name, rows, columns) in weights {
        planned.push(Planned { name: format!("diffusion_model.{name}.lora_A.weight"), dtype: Dtype::BF16, shape: vec![RANK, *columns] });
        planned.push(Planned { name: format!("diffusion_model.{name}.lora_B.weight"), dtype: Dtype::BF16, shape: vec![*rows, RANK] });
    }
    let metadata = BTreeMap::new();
    let mut writer = TensorWriter::new(std::fs::File::create(path)?, header_bound(&planned, &metadata))?;
    for p in &planned {
        let bytes = [0x12, 0x3c].repeat(p.shape.iter().product());
        writer.tensor(&p.name, p.dtype, &p.shape, &bytes)?;
    }
    writer.finish(&metadata)?;
    Ok(())
}
