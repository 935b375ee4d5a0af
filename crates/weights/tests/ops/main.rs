//! Operations on one adapter, on golden files and made ones.
#![expect(clippy::unwrap_used, reason = "a panic is a test's message")]

mod convert;
mod edit;
mod families;
mod resize;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod support;
mod verify;

use std::io::Cursor;
use std::path::PathBuf;
use weft_weights::adapter::Adapter;
use weft_weights::delta::Loader;
use weft_weights::header::Header;
use weft_weights::source::MemorySource;

/// A file of the golden data.
fn golden(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/data").join(name)).unwrap()
}

/// The index of a golden file with its name and the configuration beside it.
fn open_named(name: &str, bytes: &[u8]) -> Adapter {
    let config = name.replace(".safetensors", ".adapter_config.json");
    let config = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/data").join(config)).ok();
    Adapter::from_header(Header::read(&MemorySource(bytes)).unwrap(), Some(name), config.as_deref()).unwrap()
}

/// Larger weights are not multiplied out.
const LARGEST: usize = 400_000;

/// ΔW of every module by its name, dense, of any kind that needs no base; in f64 and row-major. Only the modules of moderate size.
fn deltas(adapter: &Adapter, bytes: &[u8]) -> Vec<(String, usize, usize, Vec<f64>)> {
    let source = MemorySource(bytes);
    let loader = Loader { adapter, source: &source, base: None };
    let dense = |m: &weft_weights::adapter::Module| {
        let delta = loader.load(m).unwrap();
        let (rows, columns) = delta.shape();
        let mut out = vec![0f32; rows * columns];
        delta.rows(0..rows, &mut out);
        (m.name.clone(), rows, columns, out.into_iter().map(f64::from).collect())
    };
    adapter.modules.iter().filter(|m| m.out_dim * m.in_dim <= LARGEST).map(dense).collect()
}

fn sink() -> Cursor<Vec<u8>> {
    Cursor::new(Vec::new())
}
