//! Figures that matter to users: headers per second, merges of real sizes against plain copies of the same bytes.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up has nothing to measure")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};
use weft_weights::adapter::Adapter;
use weft_weights::compare::{CompareOptions, compare};
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::header::{Header, TensorInfo};
use weft_weights::inspect::{Depth, inspect_many};
use weft_weights::measures::{MeasureOptions, measures};
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, estimate, merge};
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::samples::{SampleOptions, SampleSize, SampleSpec, write_samples};
use weft_weights::source::{FileSource, TensorSource};
use weft_weights::strength::strengths;

/// A folder of files that are made once: two Flux r16 files of 304 modules (153 MB each) and a few hundred tiny ones.
struct Fixture {
    dir: tempfile::TempDir,
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
        Self { out: dir.path().join("out.safetensors"), dir, flux, tiny }
    }
}

fn open(path: &Path) -> (Adapter, FileSource) {
    let source = FileSource::open(path).unwrap();
    let adapter = Adapter::from_header(Header::read(&source).unwrap(), None, None).unwrap();
    (adapter, source)
}

/// Reads a whole file once in the way strengths do: every tensor by position into a buffer that is used again, on all cores, each byte looked at.
fn read_all(adapter: &Adapter, source: &FileSource) -> u64 {
    let one = |buffer: &mut Vec<u8>, tensor: &TensorInfo| {
        buffer.resize(buffer.len().max(tensor.byte_len() as usize), 0);
        let bytes = &mut buffer[..tensor.byte_len() as usize];
        source.read_at(tensor.range.start, bytes).unwrap();
        bytes.as_chunks::<8>().0.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word))
    };
    adapter.header.tensors.par_iter().map_init(Vec::new, one).reduce(|| 0, |a, b| a ^ b)
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
    let mut group = c.benchmark_group("strengths");
    group.sample_size(10);
    for (name, rank, dtype) in [
        ("flux r16 bf16", 16, Dtype::BF16),
        ("flux r16 f16", 16, Dtype::F16),
        ("flux r32 bf16", 32, Dtype::BF16),
        ("flux r64 bf16", 64, Dtype::BF16),
        ("flux r64 f16", 64, Dtype::F16),
    ] {
        let path = fixture.dir.path().join("strengths.safetensors");
        SampleSpec { dtype, ..SampleSpec::full(Family::Flux1, rank, 7) }.write(File::create(&path).unwrap()).unwrap();
        let (adapter, source) = open(&path);
        group.throughput(Throughput::Bytes(source.len()));
        group.bench_function(format!("{name}: read and look at every byte, all cores"), |b| b.iter(|| read_all(&adapter, &source)));
        group.bench_function(format!("{name}: strengths"), |b| b.iter(|| strengths(&adapter, &source, &Silent).unwrap()));
        if rank == 16 && dtype == Dtype::BF16 {
            let options = MeasureOptions::default();
            group.bench_function(format!("{name}: spectra and ranks"), |b| {
                b.iter(|| measures(&adapter, &source, None, &options, &Silent).unwrap());
            });
        }
        std::fs::remove_file(path).unwrap();
    }
    group.finish();
}

/// A thousand files of all families, namings and kinds, 20 to 400 kB each, and a hundred of about two megabytes.
fn inspecting(c: &mut Criterion, fixture: &Fixture) {
    let mut group = c.benchmark_group("inspect");
    group.sample_size(10);
    for (count, size) in [(1000, SampleSize::Tiny), (100, SampleSize::Small)] {
        let options = SampleOptions { size: Some(size), ..SampleOptions::new(count) };
        let folder = fixture.dir.path().join(format!("{size:?}"));
        let files: Vec<PathBuf> = write_samples(&folder, &options, &Silent).unwrap().into_iter().map(|f| f.path).collect();
        group.throughput(Throughput::Bytes(files.iter().map(|f| std::fs::metadata(f).unwrap().len()).sum()));
        for depth in [Depth::Header, Depth::Strengths, Depth::Hashes] {
            group.bench_function(format!("{count} {size:?} files: {depth:?}"), |b| {
                b.iter(|| assert!(inspect_many(&files, depth, &Silent).iter().all(Result::is_ok)));
            });
        }
    }
    group.finish();
}

fn comparing(c: &mut Criterion, fixture: &Fixture) {
    let mut group = c.benchmark_group("two flux r16");
    group.sample_size(10);
    let opened: Vec<(Adapter, FileSource)> = fixture.flux.iter().map(|p| open(p)).collect();
    let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let signs = CompareOptions::default();
    let without = CompareOptions { sample_rows: 0, ..CompareOptions::default() };
    group.bench_function("gram matrices", |b| b.iter(|| gram_set(&members, &["a", "b"], &Silent).unwrap()));
    group.bench_function("compare, without signs", |b| b.iter(|| compare(&members, &without, &Silent).unwrap()));
    group.bench_function("compare", |b| b.iter(|| compare(&members, &signs, &Silent).unwrap()));
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
    group.finish();
}

fn all(c: &mut Criterion) {
    let fixture = Fixture::new();
    headers(c, &fixture);
    reading(c, &fixture);
    inspecting(c, &fixture);
    comparing(c, &fixture);
    merging(c, &fixture);
}

criterion_group!(benches, all);
criterion_main!(benches);
