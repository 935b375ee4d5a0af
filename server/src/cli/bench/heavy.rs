//! Operations that take seconds: resize, verify, the methods that work element by element, baking, and a process that starts cold.

use super::adapters::{copy_all, full, opened, read_all};
use super::clock::{median, once};
use super::memory::peak;
use super::table::{Amount, Table};
use anyhow::{Result, bail};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, merge};
use weft_weights::ops::bake::{BakePlan, bake};
use weft_weights::ops::verify::verify_file;
use weft_weights::ops::{Keep, ResizeOptions, resize};
use weft_weights::progress::Silent;
use weft_weights::samples::SampleCheckpoint;

/// Work for one dense decomposition, in multiplications of a 3072² one: what a resize without factors has to do for a whole file.
pub(super) struct Resized {
    pub(super) time: Duration,
    pub(super) dense: f64,
}

/// Hashes and all checks of one file, against reading it.
pub(super) fn verified(table: &mut Table, path: &Path, rounds: u32) -> Result<()> {
    let bytes = path.metadata()?.len();
    let read = median(rounds, || read_all(path))?;
    let (time, memory) = peak(|| median(rounds, || Ok(verify_file(path, &[], &Silent)?)))?;
    table.section("Whether a file is whole");
    table.add_with("both hashes and every value checked", time, Amount::Bytes(bytes), Some(("reading", read)), memory);
    Ok(())
}

/// A full Flux.1 adapter from rank 64 to rank 16.
pub(super) fn resized(table: &mut Table, folder: &Path, rounds: u32) -> Result<Resized> {
    let (path, out) = (full(&folder.join("flux64.safetensors"), 64, 5)?, folder.join("resized.safetensors"));
    let bytes = path.metadata()?.len();
    table.section(&format!("One Flux.1 adapter of rank 64 ({} MB) cut to rank 16", bytes / 1_000_000));
    let copy = median(rounds, || copy_all(std::slice::from_ref(&path), &out))?;
    table.add("copy and sync", copy, Amount::Bytes(bytes), None);
    let (adapter, source) = opened(&path)?;
    let member = Member { adapter: &adapter, source: &source };
    let options = ResizeOptions { overwrite: true, ..ResizeOptions::new(Keep::Rank(16)) };
    let (time, memory) = peak(|| median(rounds, || Ok(resize(member, &options, &out, &Silent)?)))?;
    table.add_with("resize", time, Amount::Bytes(bytes), Some(("the copy", copy)), memory);
    let work = |(m, n): (usize, usize)| m as f64 * n as f64 * m.min(n) as f64;
    let dense = adapter.modules.iter().map(|m| work((m.out_dim, m.in_dim))).sum::<f64>() / work((3072, 3072));
    std::fs::remove_file(&path)?;
    Ok(Resized { time, dense })
}

/// The methods that work element by element on a whole pair, once each.
pub(super) fn elementwise(table: &mut Table, paths: &[PathBuf], out: &Path) -> Result<()> {
    let opened = paths.iter().map(|path| opened(path)).collect::<Result<Vec<_>>>()?;
    let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let values: u64 = opened[0].0.modules.iter().map(|m| (m.out_dim * m.in_dim) as u64).sum();
    table.section(&format!("Two Flux.1 adapters of rank 16, element by element ({} million values), to rank 16; once", values / 1_000_000));
    for method in Method::ALL.into_iter().filter(|method| method.is_dense()) {
        let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
        let plan = MergePlan { rank: Some(16), overwrite: true, ..MergePlan::new(inputs, method, OutDtype::Bf16) };
        let (time, memory) = peak(|| once(|| Ok(merge(&plan, &members, out, &Silent)?)))?;
        table.add_with(&format!("merge, {}", method.as_str()), time, Amount::Items(values), None, memory);
    }
    Ok(())
}

/// An adapter baked into a checkpoint of about `gigabytes`, against a copy of the checkpoint.
pub(super) fn baked(table: &mut Table, folder: &Path, gigabytes: f64) -> Result<()> {
    let (model, lora, out) = (folder.join("model.safetensors"), folder.join("lora.safetensors"), folder.join("baked.safetensors"));
    let sample = SampleCheckpoint::of_size((gigabytes * 1e9) as u64);
    sample.write(&model)?;
    sample.write_adapter(&lora, 16)?;
    let bytes = model.metadata()?.len();
    table.section(&format!(
        "A checkpoint of {:.1} GB in bf16, an adapter of rank 16 on every weight; the faster of two",
        bytes as f64 / 1e9
    ));
    let copy = once(|| copy_all(std::slice::from_ref(&model), &out))?.min(once(|| copy_all(std::slice::from_ref(&model), &out))?);
    table.add("copy and sync", copy, Amount::Bytes(bytes), None);
    let checkpoint = Checkpoint::open(&model)?;
    let (adapter, source) = opened(&lora)?;
    let plan = BakePlan { overwrite: true, ..BakePlan::new(vec![MergeInput::new("lora", 0.8)]) };
    let members = [Member { adapter: &adapter, source: &source }];
    let work = || once(|| Ok(bake(&checkpoint, &plan, &members, &out, &Silent)?));
    let (time, memory) = peak(|| Ok(work()?.min(work()?)))?;
    table.add_with("bake", time, Amount::Bytes(bytes), Some(("the copy", copy)), memory);
    [model, lora, out].iter().try_for_each(std::fs::remove_file)?;
    Ok(())
}

/// The same files from a process that has just been started, its start included.
pub(super) fn cold(table: &mut Table, folder: &Path, count: u64, rounds: u32) -> Result<()> {
    for (name, depth) in [("headers alone, from a cold process", "headers"), ("with strengths, from a cold process", "strengths")] {
        let time = median(rounds, || {
            let mut command = Command::new(std::env::current_exe()?);
            let status = command.args(["bench", "inspect", "--depth", depth]).arg(folder).stdout(Stdio::null()).status()?;
            if !status.success() {
                bail!("the process that inspects {} failed", folder.display());
            }
            Ok(black_box(status))
        })?;
        table.add(name, time, Amount::Items(count), None);
    }
    Ok(())
}
