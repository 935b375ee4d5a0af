//! Adapters: headers, strengths, merges.

use super::clock::median;
use super::heavy;
use super::memory::peak;
use super::table::{Amount, Table};
use anyhow::Result;
use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weft_weights::adapter::Adapter;
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::inspect::{inspect, open};
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, estimate, merge};
use weft_weights::progress::Silent;
use weft_weights::relations::gram_set;
use weft_weights::samples::{SampleOptions, SampleSize, SampleSpec, write_samples};
use weft_weights::source::FileSource;
use weft_weights::strength::strengths;

/// Files of the many-files figures.
const MANY: usize = 1000;

/// Measures what is quick; the pair of files stays for the rest.
pub(super) fn measure(table: &mut Table, folder: &Path, rounds: u32) -> Result<Vec<PathBuf>> {
    many(table, &folder.join("many"), rounds)?;
    let flux = [1, 2].map(|seed| full(&folder.join(format!("flux{seed}.safetensors")), 16, seed));
    let flux = flux.into_iter().collect::<Result<Vec<PathBuf>>>()?;
    one(table, &flux[0], "rank 16, bf16", rounds)?;
    for (rank, dtype) in [(16, Dtype::F16), (64, Dtype::BF16), (64, Dtype::F16)] {
        let path = folder.join("one.safetensors");
        SampleSpec { dtype, ..SampleSpec::full(Family::Flux1, rank, 5) }.write(File::create(&path)?)?;
        one(table, &path, &format!("rank {rank}, {}", dtype.name().to_lowercase()), rounds)?;
        std::fs::remove_file(path)?;
    }
    pair(table, &flux, &folder.join("out.safetensors"), rounds)?;
    Ok(flux)
}

/// A whole Flux.1 adapter: 304 modules.
pub(super) fn full(path: &Path, rank: usize, seed: u64) -> Result<PathBuf> {
    SampleSpec::full(Family::Flux1, rank, seed).write(File::create(path)?)?;
    Ok(path.to_owned())
}

pub(super) fn opened(path: &Path) -> Result<(Adapter, FileSource)> {
    let source = FileSource::open(path)?;
    Ok((open(&source, &path.to_string_lossy(), None)?, source))
}

fn many(table: &mut Table, folder: &Path, rounds: u32) -> Result<()> {
    let options = SampleOptions { size: Some(SampleSize::Tiny), ..SampleOptions::new(MANY) };
    let files: Vec<PathBuf> = write_samples(folder, &options, &Silent)?.into_iter().map(|f| f.path).collect();
    table.section(&format!("{MANY} small adapters of all families and kinds"));
    let headers = median(rounds, || files.iter().try_for_each(|path| opened(path).map(|found| drop(black_box(found)))))?;
    table.add("headers read and recognised", headers, Amount::Items(MANY as u64), None);
    let whole = median(rounds, || {
        files.iter().try_for_each(|path| {
            black_box(inspect(path, &Silent)?);
            Ok(())
        })
    })?;
    table.add("inspected with strengths and hashes", whole, Amount::Items(MANY as u64), None);
    heavy::cold(table, folder, MANY as u64, rounds)
}

fn one(table: &mut Table, path: &Path, what: &str, rounds: u32) -> Result<()> {
    let bytes = path.metadata()?.len();
    table.section(&format!("One Flux.1 adapter of {what} ({} MB, 304 modules)", bytes / 1_000_000));
    let read = median(rounds, || read_all(path))?;
    table.add("read the file once", read, Amount::Bytes(bytes), None);
    let (adapter, source) = opened(path)?;
    let time = median(rounds, || Ok(strengths(&adapter, &source, &Silent)?))?;
    table.add("strengths", time, Amount::Bytes(bytes), Some(("reading", read)));
    Ok(())
}

fn pair(table: &mut Table, paths: &[PathBuf], out: &Path, rounds: u32) -> Result<()> {
    let opened = paths.iter().map(|path| opened(path)).collect::<Result<Vec<_>>>()?;
    let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let bytes: u64 = paths.iter().map(|path| path.metadata().map_or(0, |m| m.len())).sum();
    table.section(&format!("Two of them ({} MB)", bytes / 1_000_000));
    let copy = median(rounds, || copy_all(paths, out))?;
    table.add("copy both and sync", copy, Amount::Bytes(bytes), None);
    for (method, rank) in [(Method::Concat, None), (Method::Sum, None), (Method::Svd, Some(16))] {
        let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
        let plan = MergePlan { rank, overwrite: true, ..MergePlan::new(inputs, method, OutDtype::Bf16) };
        let (time, memory) = peak(|| median(rounds, || Ok(merge(&plan, &members, out, &Silent)?)))?;
        let name = rank.map_or(format!("merge, {}", method.as_str()), |r| format!("merge, {} to rank {r}", method.as_str()));
        table.add_with(&name, time, Amount::Bytes(bytes), Some(("the copy", copy)), memory);
    }
    let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
    let plan = MergePlan { rank: Some(16), ..MergePlan::new(inputs, Method::Svd, OutDtype::Bf16) };
    let curve = median(rounds, || Ok(estimate(&plan, &members, &Silent)?))?;
    table.add("energy by rank, nothing written", curve, Amount::None, None);
    let gram = median(rounds, || Ok(gram_set(&members, &["a", "b"], &Silent)?))?;
    table.add("inner products by block", gram, Amount::None, None);
    Ok(())
}

/// Reads with one buffer that is used again, as a program does that only wants to have seen the bytes.
pub(super) fn read_all(path: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(path)?;
    while black_box(file.read(&mut buffer)?) > 0 {}
    Ok(())
}

pub(super) fn copy_all(paths: &[PathBuf], out: &Path) -> Result<()> {
    let mut target = File::create(out)?;
    for path in paths {
        std::io::copy(&mut File::open(path)?, &mut target)?;
    }
    target.sync_all()?;
    Ok(())
}

/// Weft's own time for what a peer does: two adapters of rank 16 on one m×n weight.
pub(super) fn one_module(folder: &Path, rounds: u32) -> Result<Duration> {
    let spec = |seed| SampleSpec::full(Family::Flux1, 16, seed);
    let paths = [3, 4].map(|seed| folder.join(format!("one{seed}.safetensors")));
    for (path, seed) in paths.iter().zip([3, 4]) {
        spec(seed).write(File::create(path)?)?;
    }
    let opened = paths.iter().map(|path| opened(path)).collect::<Result<Vec<_>>>()?;
    let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let modules = opened[0].0.modules.len().max(1) as u32;
    let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
    let plan = MergePlan { rank: Some(16), overwrite: true, ..MergePlan::new(inputs, Method::Svd, OutDtype::Bf16) };
    let out = folder.join("one.safetensors");
    Ok(median(rounds, || Ok(merge(&plan, &members, &out, &Silent)?))? / modules)
}
