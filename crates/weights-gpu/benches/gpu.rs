//! CPU against GPU for what merging and comparing are made of, copies to and from the device included.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up has nothing to measure")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weft_weights::adapter::{Adapter, Target};
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::progress::Silent;
use weft_weights::samples::SampleSpec;
use weft_weights::source::MemorySource;
use weft_weights_gpu::{Backend, Cpu, Gpu, Held, LowRank, Stored, Task, Tile, Which, Workload, choose, wait};

/// Modules of two full Flux r16 files (304 modules, 146 MiB each), weight by weight.
struct Pair(Vec<Vec<Held>>);

impl Pair {
    fn new() -> Self {
        let mut groups: BTreeMap<Target, Vec<Held>> = BTreeMap::new();
        for seed in [1, 2] {
            let mut bytes = Cursor::new(Vec::new());
            SampleSpec::full(Family::Flux1, 16, seed).write(&mut bytes).unwrap();
            let bytes = bytes.into_inner();
            let source = MemorySource(&bytes);
            let adapter = Adapter::from_header(Header::read(&source).unwrap(), None, None).unwrap();
            for module in &adapter.modules {
                let held = Held::read(&adapter, &source, module).unwrap().unwrap();
                groups.entry(module.target.clone()).or_default().push(held);
            }
        }
        Self(groups.into_values().collect())
    }

    fn groups(&self) -> Vec<Vec<LowRank<'_>>> {
        self.0.iter().map(|group| group.iter().map(|held| held.at(1.0)).collect()).collect()
    }
}

fn grams<B: Backend>(c: &mut Criterion, pair: &Pair, name: &str, backend: &B) {
    let groups = pair.groups();
    let bytes: usize = groups.iter().flatten().map(|one| one.a.bytes.len() + one.b.bytes.len()).sum();
    let mut group = c.benchmark_group("gram matrices of two flux r16");
    group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |b| b.iter(|| wait(backend.gram(&groups, &Silent)).unwrap()));
    group.finish();
}

fn tiles<B: Backend>(c: &mut Criterion, name: &str, backend: &B) {
    let (m, n, rank) = (4096, 3072, 16);
    let values = |count: usize| vec![0x3c01u16; count].into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (b, a, weight) = (values(m * rank), values(rank * n), values(m * n));
    let stored = |bytes| Stored { dtype: Dtype::BF16, bytes };
    let change = LowRank { m, n, rank, row0: 0, b: stored(&b), a: stored(&a), scale: 0.5 };
    let mut group = c.benchmark_group("4096×3072, rank 16, bf16");
    group.sample_size(10).throughput(Throughput::Elements((m * n) as u64));
    let mut dense = vec![0f32; m * n];
    group.bench_function(format!("dense tile in f32, {name}"), |bench| {
        bench.iter(|| wait(backend.product_rows(&change, 0..m, &mut dense)).unwrap())
    });
    let tile = Tile { rows: 0..m, n, weight: stored(&weight) };
    let mut out = Vec::new();
    group.bench_function(format!("merge, {name}"), |bench| {
        bench.iter(|| {
            out.clear();
            wait(backend.merge_tile(&tile, &[change], Dtype::BF16, &mut out)).unwrap();
        })
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    let pair = Pair::new();
    grams(c, &pair, "CPU", &Cpu);
    tiles(c, "CPU", &Cpu);
    let begun = Instant::now();
    let gpu = match wait(Gpu::open(Which::Fastest)) {
        Ok(gpu) => gpu,
        Err(error) => return println!("SKIPPED: {error}"),
    };
    println!("{} through {}, opened in {:?}", gpu.about().name, gpu.about().api, begun.elapsed());
    grams(c, &pair, "GPU", &gpu);
    tiles(c, "GPU", &gpu);
    let clock = || -> Duration { begun.elapsed() };
    for task in [Task::Gram, Task::Product, Task::Merge] {
        let workload = Workload { task, m: 3072, n: 3072, rank: 16, dtype: Dtype::BF16 };
        println!("{task:?}: {}", wait(choose(&Cpu, Ok(&gpu), &workload, &clock)).reason);
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
