//! Times the networks of a model: `cargo run --release -p weft-diffusion --example model_speed -- FILE [SIDE] [RUNS]`.
//! `benches/torch_models.py` writes a model of SD 1.5's size with random weights and times PyTorch on it.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::time::Instant;
use weft_diffusion::model::{Condition, Denoiser, LoadOptions, Model, ModelError, ModelFiles, ModelPaths};
use weft_weights::progress::Silent;

/// Time that processors have worked for this program so far, in seconds (Linux; 0 elsewhere). Fair on a machine that is busy with other things.
fn processors() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.get(11..13).map_or(0.0, |f| f.iter().filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

fn best<R>(name: &str, runs: usize, mut f: impl FnMut() -> Result<R, ModelError>) -> Result<(), ModelError> {
    let (mut wall, mut cpu) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..runs {
        let (start, worked) = (Instant::now(), processors());
        f()?;
        wall = wall.min(start.elapsed().as_secs_f64());
        cpu = cpu.min(processors() - worked);
    }
    println!("{name:28} best {:9.1} ms, of processors {:9.1} ms", wall * 1e3, cpu * 1e3);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let main = PathBuf::from(arguments.next().ok_or("the path of a model is missing")?);
    let side: usize = arguments.next().map_or(Ok(512), |s| s.parse())?;
    let runs: usize = arguments.next().map_or(Ok(3), |s| s.parse())?;
    let (start, worked) = (Instant::now(), processors());
    let model = Model::load(ModelFiles::open(&ModelPaths { main, ..ModelPaths::default() })?, &LoadOptions::default(), &Silent)?;
    let (seconds, worked) = (start.elapsed().as_secs_f64(), processors() - worked);
    println!(
        "loaded in {seconds:.1} s ({worked:.1} s of processors), {} threads: {:?}",
        weft_diffusion::kernel::threads(),
        model.footprint()
    );
    let ids: Vec<u32> = (0..77).collect();
    let encoded = model.encode_clip(0, &[&ids], &[], 1)?;
    best("text encoder, 77 tokens", runs, || model.encode_clip(0, &[&ids], &[], 1))?;
    let (c, s) = (model.vae().channels, side / model.vae().factor);
    let latents: Vec<f32> = (0..c * s * s).map(|i| (i as f32 * 0.7).sin()).collect();
    if let Denoiser::Unet(unet) = model.denoiser() {
        for batch in [1, 2] {
            let context =
                candle_core::Tensor::from_vec(encoded.hidden.repeat(batch), (batch, 77, encoded.width), &candle_core::Device::Cpu)?;
            let condition = Condition { context, added: None };
            let x = model.enter(&latents.repeat(batch), (batch, c, s, s))?;
            best(&format!("UNet step, batch {batch}"), runs, || unet.forward(&x, 500.0, &condition))?;
        }
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|l| l.starts_with("VmHWM")).for_each(|l| println!("peak before the decoder: {l}"));
    }
    best("image decoder", runs, || model.vae().decode(&latents, (1, s, s), None, &Silent))?;
    Ok(())
}
