//! Speed and memory of a bake beside a plain copy, on a synthetic Flux.1 of bf16 and a full r16 adapter for it:
//! `cargo run --release --example bake_speed -p weft-weights -- FOLDER GIGABYTES`. Removes what it wrote.

use std::error::Error;
use std::time::Instant;
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakePlan, StoreAs, bake};
use weft_weights::progress::Silent;
use weft_weights::samples::SampleCheckpoint;
use weft_weights::source::FileSource;

type Outcome<T> = Result<T, Box<dyn Error>>;

const RANK: usize = 16;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("give a folder")?;
    let gigabytes: f64 = args.next().ok_or("give a size in gigabytes")?.parse()?;
    let dir = tempfile::tempdir_in(folder)?;
    let (model, lora) = (dir.path().join("model.safetensors"), dir.path().join("lora.safetensors"));
    let sample = SampleCheckpoint::of_size((gigabytes * 1e9) as u64);
    sample.write(&model)?;
    sample.write_adapter(&lora, RANK)?;
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
