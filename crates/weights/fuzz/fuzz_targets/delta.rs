//! ΔW of every module of a hostile file, with a base and without: an answer or an error, and the norm that the rows have.
#![no_main]

mod made;

use libfuzzer_sys::fuzz_target;
use made::{Any, Bytes};
use weft_weights::delta::Loader;
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;
use weft_weights::strength::strengths;

/// Values of a weight that is written out.
const LARGEST: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let base = Any(usize::from(bytes.next() % 32), usize::from(bytes.next() % 32));
    // Every second input is the file itself.
    if bytes.next() % 2 == 0 { work(bytes.0, &base) } else { work(&made::file(&mut bytes), &base) }
});

fn work(file: &[u8], base: &Any) {
    let Some(adapter) = made::adapter(file) else { return };
    let source = MemorySource(file);
    let places = adapter.modules.iter().map(|m| m.parts.len()).sum::<usize>() + adapter.carried.len() + adapter.left_out.len();
    assert_eq!(places, adapter.header.tensors.len(), "every tensor has one place");
    let _ = strengths(&adapter, &source, &Silent);
    for module in &adapter.modules {
        for base in [None, Some(base as &dyn weft_weights::delta::Base)] {
            let Ok(delta) = (Loader { adapter: &adapter, source: &source, base }).load(module) else { continue };
            let (m, n) = delta.shape();
            let Some(len) = m.checked_mul(n).filter(|len| *len <= LARGEST) else { continue };
            let mut out = vec![0f32; len];
            delta.rows(0..m, &mut out);
            let _ = delta.factors(64);
            let (norm, told) = (out.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt(), delta.frobenius());
            assert!(!told.is_nan() || !norm.is_finite(), "{told} {norm}");
        }
    }
}
