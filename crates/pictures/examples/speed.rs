//! How fast pictures are written, read and made small: `cargo run --release -p weft-pictures --example speed -- [FILE.png]…`.
//!
//! Without files a picture is made up: smooth shades with grain, about as hard to pack as a painted one. The best of five runs counts.

use std::time::Instant;
use weft_domain::generation::Recipe;
use weft_pictures::{Format, PictureError, Pixels, decode, encode, inspect, thumbnail};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    println!("{:<34} {:>9} {:>9} {:>8}", "", "ms", "MB/s", "KB");
    if files.is_empty() {
        for side in [512, 1024, 2048] {
            measure(&format!("{side} × {side}"), &shades(side)?)?;
        }
    }
    for file in &files {
        measure(file.rsplit('/').next().unwrap_or(file), &decode(&std::fs::read(file)?)?)?;
    }
    Ok(())
}

fn measure(name: &str, pixels: &Pixels) -> Result<(), PictureError> {
    let recipe =
        Recipe { prompt: "a fox in the snow".into(), width: pixels.width, height: pixels.height, seed: Some(1), ..Recipe::default() };
    for compression in [png::Compression::Fastest, png::Compression::Fast, png::Compression::Balanced] {
        let written = timed(&format!("{name}: PNG {compression:?}"), pixels, || plain(pixels, compression));
        if written.is_none() {
            println!("{name}: PNG {compression:?} failed");
        }
    }
    for format in Format::ALL {
        let Some(bytes) = timed(&format!("{name}: write {}", format.as_str()), pixels, || encode(pixels, &recipe, format).ok()) else {
            continue;
        };
        timed(&format!("{name}: parameters of {}", format.as_str()), pixels, || inspect(&bytes).ok().map(|_| Vec::new()));
        timed(&format!("{name}: pixels of {}", format.as_str()), pixels, || decode(&bytes).ok().map(|p| p.rgb));
        if format == Format::Png {
            timed(&format!("{name}: thumbnail 320"), pixels, || thumbnail(&bytes, 320).ok().map(|small| small.bytes));
        }
    }
    Ok(())
}

fn timed(what: &str, pixels: &Pixels, mut work: impl FnMut() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let (mut best, mut made) = (f64::INFINITY, None);
    for _ in 0..5 {
        let began = Instant::now();
        made = work();
        best = best.min(began.elapsed().as_secs_f64());
    }
    let bytes = made.as_ref().map_or(0, Vec::len);
    println!("{what:<34} {:>9.2} {:>9.0} {:>8}", best * 1e3, pixels.rgb.len() as f64 / best / 1e6, bytes / 1000);
    made
}

fn plain(pixels: &Pixels, compression: png::Compression) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(compression);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels.rgb).ok()?;
    writer.finish().ok()?;
    Some(out)
}

fn shades(side: u32) -> Result<Pixels, PictureError> {
    let mut state = 1u32;
    let mut grain = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as f32 - 7.5
    };
    let mut rgb = Vec::with_capacity((side * side * 3) as usize);
    for y in 0..side {
        for x in 0..side {
            let (u, v) = (x as f32 / side as f32, y as f32 / side as f32);
            for channel in 0..3 {
                let wave = (u * 9.0 + channel as f32).sin() * (v * 7.0).cos() * 90.0 + (u * v * 40.0).sin() * 25.0;
                rgb.push((128.0 + wave + grain() * 0.6).clamp(0.0, 255.0) as u8);
            }
        }
    }
    Pixels::new(side, side, rgb)
}
