//! Figures that matter to users: headers per second, merges of real sizes against plain copies of the same bytes.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up has nothing to measure")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use weft_weights::adapter::Adapter;
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, estimate, merge};
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::samples::{SampleOptions, SampleSize, SampleSpec, write_samples};
use weft_weights::source::FileSource;
use weft_weights::strength::strengths;

/// A folder of files that are made once: two Flux r16 files of 304 modules (153 MB each) and a few hundred tiny ones.
struct Fixture {
    _dir: tempfile::TempDir,
    flux: [PathBuf; 2],
    tiny: Vec<PathBuf>,
    out: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let flux = [1, 2].map(|seed| {
            let path = dir.path().join(format!("flux{seed}.safetensors"));
            SampleSpec::full(Family::Flux1, 16, seed).write(File::create(&path).unwrap()).unwrap();
            path
        });
        let options = SampleOptions { size: Some(SampleSize::Tiny), ..SampleOptions::new(400) };
        let tiny = write_samples(&dir.path().join("tiny"), &options, &Silent).unwrap().into_iter().map(|f| f.path).collect();
        Self { out: dir.path().join("out.safetensors"), _dir: dir, flux, tiny }
    }
}

fn open(path: &Path) -> (Adapter, FileSource) {
    let source = FileSource::open(path).unwrap();
    let adapter = Adapter::from_header(Header::read(&source).unwrap(), None, None).unwrap();
    (adapter, source)
}

fn read_all(path: &Path) -> usize {
    let mut buffer = vec![0; 1 << 20];
    let (mut file, mut total) = (File::open(path).unwrap(), 0);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return total,
            n => total += black_box(n),
        }
    }
}

fn headers(c: &mut Criterion, fixture: &Fixture) {
    let mut group = c.benchmark_group("headers");
    group.throughput(Throughput::Elements(fixture.tiny.len() as u64));
    group.bench_function("open, parse and index tiny files", |b| {
        b.iter(|| fixture.tiny.iter().map(|p| open(p).0.modules.len()).sum::<usize>())
    });
    group.finish();
    c.bench_function("index one Flux r16 header", |b| b.iter(|| open(&fixture.flux[0]).0.modules.len()));
}

fn reading(c: &mut Criterion, fixture: &Fixture) {
    let mut group = c.benchmark_group("flux r16");
    group.sample_size(10).throughput(Throughput::Bytes(std::fs::metadata(&fixture.flux[0]).unwrap().len()));
    group.bench_function("read the file once", |b| b.iter(|| read_all(&fixture.flux[0])));
    let (adapter, source) = open(&fixture.flux[0]);
    group.bench_function("strengths", |b| b.iter(|| strengths(&adapter, &source, &Silent).unwrap()));
    group.finish();
}

fn merging(c: &mut Criterion, fixture: &Fixture) {
    let mut group = c.benchmark_group("two flux r16");
    group.sample_size(10);
    let opened: Vec<(Adapter, FileSource)> = fixture.flux.iter().map(|p| open(p)).collect();
    let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let plan = |method, rank| {
        let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
        MergePlan { rank, overwrite: true, ..MergePlan::new(inputs, method, OutDtype::Bf16) }
    };
    group.bench_function("copy both files and sync", |b| {
        b.iter(|| {
            let mut out = File::create(&fixture.out).unwrap();
            for path in &fixture.flux {
                std::io::copy(&mut File::open(path).unwrap(), &mut out).unwrap();
            }
            out.sync_all().unwrap();
        });
    });
    for (name, method, rank) in [("concat", Method::Concat, None), ("sum", Method::Sum, None), ("svd to rank 16", Method::Svd, Some(16))] {
        group.bench_function(name, |b| b.iter(|| merge(&plan(method, rank), &members, &fixture.out, &Silent).unwrap()));
    }
    group.bench_function("estimate", |b| b.iter(|| estimate(&plan(Method::Svd, Some(16)), &members, &Silent).unwrap()));
    group.bench_function("gram matrices", |b| b.iter(|| gram_set(&members, &["a", "b"], &Silent).unwrap()));
    group.finish();
}

fn all(c: &mut Criterion) {
    let fixture = Fixture::new();
    headers(c, &fixture);
    reading(c, &fixture);
    merging(c, &fixture);
}

criterion_group!(benches, all);
criterion_main!(benches);
