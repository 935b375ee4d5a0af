//! `.br` and `.gz` beside a file, made once, so that the server never compresses the same bytes twice.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Mode;

/// Extensions whose contents shrink; pictures and fonts are compressed already.
const SHRINKING: [&str; 7] = ["js", "wasm", "css", "html", "svg", "webmanifest", "txt"];

/// Whether a file of this kind gets compressed neighbours (a very small one may still be smaller as it is).
pub(crate) fn would(file: &Path) -> bool {
    file.extension().and_then(|ext| ext.to_str()).is_some_and(|ext| SHRINKING.contains(&ext))
}

/// Writes the compressed neighbours of `file` where they save something.
pub(crate) fn beside(file: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    if mode == Mode::Watch || !would(file) {
        return Ok(());
    }
    keep(&file.with_added_extension("br"), &brotli(bytes)?, bytes.len())?;
    keep(&file.with_added_extension("gz"), &gzip(bytes)?, bytes.len())
}

fn keep(path: &Path, small: &[u8], full: usize) -> Result<()> {
    if small.len() < full {
        fs::write(path, small).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams { quality: 11, lgwin: 24, size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut small = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut small, &params).context("brotli")?;
    Ok(small)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).context("gzip")?;
    encoder.finish().context("gzip")
}
