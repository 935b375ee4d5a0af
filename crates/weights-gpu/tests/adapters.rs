//! Whole adapter files: what the GPU says of a pair is what the engine says.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Cursor;

use weft_weights::adapter::{Adapter, Kind, Target};
use weft_weights::delta::Loader;
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::merge::Member;
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::samples::{SampleSize, SampleSpec};
use weft_weights::source::MemorySource;
use weft_weights_gpu::{Backend, Cpu, Gpu, GpuError, Held, LowRank, Which, wait};

fn file(kind: Kind, seed: u64) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let spec = SampleSpec { size: SampleSize::Tiny, kind, ..SampleSpec::full(Family::Flux1, 4, seed) };
    spec.write(&mut bytes).unwrap();
    bytes.into_inner()
}

/// ⟨ΔW_i, ΔW_j⟩ of two files over all weights, packed: 00 01 11.
fn products<B: Backend>(backend: &B, files: [(&Adapter, MemorySource<'_>); 2]) -> [f64; 3] {
    let mut held: BTreeMap<&Target, Vec<(usize, Held)>> = BTreeMap::new();
    for (i, (adapter, source)) in files.iter().enumerate() {
        for module in &adapter.modules {
            let loader = Loader { adapter, source, base: None };
            let read = Held::read(adapter, source, module).unwrap();
            assert_eq!(read.is_some(), matches!(module.kind, Kind::Lora | Kind::Locon));
            let read = read.or_else(|| Held::of_delta(&loader.load(module).unwrap(), module, 256)).unwrap();
            held.entry(&module.target).or_default().push((i, read));
        }
    }
    let groups: Vec<Vec<LowRank<'_>>> = held.values().map(|members| members.iter().map(|(_, h)| h.at(1.0)).collect()).collect();
    let joints = wait(backend.gram(&groups, &Silent)).unwrap();
    let mut sums = [0.0; 3];
    for ((members, views), joint) in held.values().zip(&groups).zip(&joints) {
        for (x, (i, _)) in members.iter().enumerate() {
            for (y, (j, _)) in members.iter().enumerate().skip(x) {
                sums[i + j] += views[x].scale * views[y].scale * joint.inner(x, y);
            }
        }
    }
    sums
}

#[test]
fn inner_products_of_two_files_are_the_engine_s() {
    let gpu = match wait(Gpu::open(Which::Fastest)) {
        Ok(gpu) => Some(gpu),
        Err(error @ GpuError::NoDevice(_)) => {
            println!("SKIPPED: no Vulkan device: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    for kinds in [[Kind::Lora, Kind::Lora], [Kind::Lora, Kind::Loha]] {
        let bytes = [file(kinds[0], 1), file(kinds[1], 2)];
        let sources = [MemorySource(&bytes[0]), MemorySource(&bytes[1])];
        let adapters = sources.map(|source| Adapter::from_header(Header::read(&source).unwrap(), None, None).unwrap());
        let members: Vec<Member<'_>> = adapters.iter().zip(&sources).map(|(adapter, source)| Member { adapter, source }).collect();
        let set = gram_set(&members, &["one", "two"], &Silent).unwrap();
        let mut want = [0.0; 3];
        set.gram.iter().for_each(|slot| want.iter_mut().zip(slot).for_each(|(sum, g)| *sum += g));
        let size = (want[0] * want[2]).sqrt();
        assert!(size > 0.0, "the files change something");
        let check = |got: [f64; 3], limit: f64| {
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= limit * size.max(*want), "{kinds:?}: {got} is not {want}");
            }
        };
        let files = || [(&adapters[0], sources[0]), (&adapters[1], sources[1])];
        check(products(&Cpu, files()), 1e-12);
        if let Some(gpu) = &gpu {
            check(products(gpu, files()), 1e-5);
        }
    }
}
